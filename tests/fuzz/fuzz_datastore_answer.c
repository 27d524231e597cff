/* Answers of Datastore against arbitrary bytes: look-ups, batches, entities as rows and as plain JSON,
   keys, checkpoints. No crash; what is taken is whole, what is written is JSON and means the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/google/datastore_internal.h"
#include "backend/sources/datastore_position.h"
#include "backend/sources/datastore_row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const bw_partition home = {.project = "p", .namespace = "n"};

static const bw_field fields[] = {
    {.name = "key", .source_name = BW_DS_KEY, .type = BW_TYPE_STRING},
    {.name = "a", .source_name = "a", .type = BW_TYPE_BOOL},
    {.name = "b", .source_name = "b", .type = BW_TYPE_INT64},
    {.name = "c", .source_name = "c", .type = BW_TYPE_FLOAT64},
    {.name = "d", .source_name = "d", .type = BW_TYPE_STRING},
    {.name = "e", .source_name = "e", .type = BW_TYPE_BYTES},
    {.name = "f", .source_name = "f", .type = BW_TYPE_TIMESTAMP},
    {.name = "g", .source_name = "g", .type = BW_TYPE_JSON},
    {.name = "h", .source_name = "h", .type = BW_TYPE_STRING, .repeated = true},
    {.name = "i", .source_name = "i", .type = BW_TYPE_STRING}, /* as: string */
    {.name = "j", .source_name = BW_DS_KEY_JSON, .type = BW_TYPE_JSON},
    {.name = "k", .source_name = BW_DS_EXTRA, .type = BW_TYPE_JSON},
};

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_value(const bw_value *v, const bw_field *f)
{
    require(v->state == BW_VALUE_TEXT);
    require(bw_value_check(bw_value_slice(v), f->type, 0, 0) == BW_REASON_NONE);
}

static void check_chunk(const bw_schema *schema, const bw_chunk *chunk)
{
    require(chunk->rows + chunk->n_rejected <= 1);
    for (size_t i = 0; chunk->rows && i < schema->count; i++) {
        const bw_value *v = &bw_chunk_at(chunk, 0)[i];
        for (uint32_t k = 0; v->state == BW_VALUE_ARRAY && k < v->size; k++)
            check_value(&v->items[k], &schema->fields[i]);
        if (v->state == BW_VALUE_TEXT)
            check_value(v, &schema->fields[i]);
    }
    for (size_t i = 0; i < chunk->n_rejected; i++) {
        const bw_rejected_row *r = &chunk->rejected[i];
        require(r->reason != BW_REASON_NONE && bw_json_valid(r->content, NULL, NULL) &&
                bw_json_valid(r->key, NULL, NULL) && bw_utf8_valid(r->detail));
    }
}

static void try_row(bw_slice entity)
{
    static const struct bw_column_as as[] = {{"i", BW_TYPE_STRING}};
    static const bw_table_spec spec = {.as = as, .n_as = 1};
    static const bw_schema schema = {fields, BW_COUNT(fields)};
    bw_dsrow *row = bw_dsrow_new(&spec, &schema, &home);
    bw_chunk chunk;
    bw_chunk_init(&chunk);
    bw_chunk_reset(&chunk, schema.count);
    bool added = bw_dsrow_add(row, entity, &chunk);
    require(added == (chunk.rows + chunk.n_rejected == 1));
    check_chunk(&schema, &chunk);
    bw_chunk_fini(&chunk);
    bw_dsrow_free(row);
}

/* A path that is written is read back as the same key. */
static void try_key(bw_slice key)
{
    bw_buf path = BW_BUF_INIT, again = BW_BUF_INIT, json = BW_BUF_INIT;
    if (bw_key_path(key, &path)) {
        bw_buf namespace = BW_BUF_INIT;
        bw_key_namespace(key, &namespace);
        /* A namespace with a NUL in it is no C string. */
        if (!namespace.len || !memchr(namespace.ptr, '\0', namespace.len)) {
            bw_partition where = {.namespace = bw_buf_cstr(&namespace)};
            require(bw_key_from_path(bw_buf_slice(&path), &where, &again));
            require(bw_key_equal(key, bw_buf_slice(&again)));
        }
        bw_buf_fini(&namespace);
        require(bw_key_to_json(key, &home, &json) != BW_REASON_NONE ||
                bw_json_valid(bw_buf_slice(&json), NULL, NULL));
    }
    bw_buf_fini(&path);
    bw_buf_fini(&again);
    bw_buf_fini(&json);
}

static void try_entity(bw_slice entity)
{
    bw_buf json = BW_BUF_INIT;
    bw_entity_problem problem;
    try_key(bw_entity_key(entity));
    if (bw_entity_to_json(bw_entity_properties(entity), &home, &json, &problem) == 0)
        require(bw_value_check_json(bw_buf_slice(&json)) == BW_REASON_NONE);
    (void)bw_entity_size(entity);
    bw_buf_fini(&json);
    try_row(entity);
}

static void try_answers(bw_slice text)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_error err;
    bw_datastore_batch batch;
    bw_datastore_answer answer;
    bw_dslookup lookup;
    const bw_slice keys[] = {BW_SLICE_LIT("{\"path\":[{\"kind\":\"K\",\"id\":\"1\"}]}"),
                             BW_SLICE_LIT("{\"path\":[{\"kind\":\"K\",\"name\":\"x\"}]}"),
                             BW_SLICE_LIT("{\"path\":[{\"kind\":\"K\",\"id\":1}]}")};
    require(bw_dslookup_init(&lookup, keys, 3, &arena, &answer, &err) == BW_OK);
    if (bw_dslookup_take(&lookup, text)) {
        for (size_t i = 0; i < 3; i++) {
            bw_slice key = bw_entity_key(answer.results[i].entity);
            require(!answer.results[i].entity.len || bw_key_equal(key, keys[i]));
        }
    }
    if (!bw_datastore_read_batch(text, &arena, &batch)) {
        for (size_t i = 0; i < batch.count; i++)
            try_entity(batch.results[i].entity);
    }
    bw_arena_fini(&arena);
}

/* Plain JSON that becomes values becomes the same plain JSON again, once it is canonical. */
static void try_plain(bw_slice text)
{
    bw_buf values = BW_BUF_INIT, json = BW_BUF_INIT, again = BW_BUF_INIT;
    if (bw_entity_from_json(text, &values, NULL) == BW_REASON_NONE) {
        require(bw_json_valid(bw_buf_slice(&values), NULL, NULL));
        require(bw_entity_to_json(bw_buf_slice(&values), &home, &json, NULL) == BW_REASON_NONE);
        bw_buf_clear(&values);
        require(bw_entity_from_json(bw_buf_slice(&json), &values, NULL) == BW_REASON_NONE);
        require(bw_entity_to_json(bw_buf_slice(&values), &home, &again, NULL) == BW_REASON_NONE);
        require(bw_slice_eq(bw_buf_slice(&json), bw_buf_slice(&again)));
    }
    bw_buf_fini(&values);
    bw_buf_fini(&json);
    bw_buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bw_slice text = {(const char *)data, size};
    try_plain(text);
    /* The client has validated its answers before anything else sees them. */
    if (size && data[0] == '{' && bw_json_valid(text, NULL, NULL)) {
        try_answers(text);
        try_entity(text);
        try_key(text);
    }
    bw_buf path = BW_BUF_INIT;
    if (bw_utf8_valid(text) && bw_key_from_path(text, &home, &path))
        try_key(bw_buf_slice(&path));
    bw_buf_fini(&path);
    return 0;
}
