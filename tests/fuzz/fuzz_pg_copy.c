/* Rows of COPY, arrays, composites and checkpoints of the PostgreSQL driver against arbitrary bytes:
   no crash, and a row is either taken, rejected with a whole account of itself, or an error. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/sources/postgres_copy.h"
#include "backend/sources/postgres_position.h"

#define COLUMNS 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A type of each converter, as the catalog would describe them. */
static const uint32_t oids[] = {25,   16,   17,   18,   23,   114,  700,  1082, 1083, 1114, 1184,
                                1700, 3802, 5069, 9001, 9002, 9003, 9004, 9005, 9006, 9007, 9008};

static const bw_pgmember members[] = {{"a", NULL}, {"b \"q\"", NULL}, {"c", NULL}, {"d", NULL}};
static const uint32_t member_oids[] = {23, 9001, 9004, 3802};
static const int member_typmods[] = {-1, -1, -1, -1};

static const bw_pgtype_row rows[] = {
    {.oid = 9001, .element = 25, .kind = 'b', .delimiter = ',', .name = "_text"},
    {.oid = 9002, .element = 1700, .kind = 'b', .delimiter = ',', .name = "_numeric"},
    {.oid = 9003, .element = 17, .kind = 'b', .delimiter = ';', .name = "_bytea"},
    {.oid = 20004, .kind = 'b', .name = "hstore"},
    {.oid = 9004, .base = 20004, .typmod = -1, .kind = 'd', .name = "hs"},
    {.oid = 20005, .kind = 'b', .name = "vector"},
    {.oid = 9005, .base = 20005, .typmod = -1, .kind = 'd', .name = "vec"},
    {.oid = 9006,
     .kind = 'c',
     .name = "pair",
     .fields = members,
     .field_oids = member_oids,
     .field_typmods = member_typmods,
     .n_fields = 4},
    {.oid = 9007, .element = 9006, .kind = 'b', .delimiter = ',', .name = "_pair"},
    {.oid = 9008, .element = 9005, .kind = 'b', .delimiter = ',', .name = "_vec"},
};

/* The types whose canonical form the driver itself answers for. */
static int strict(const bw_field *f)
{
    return f->type == BW_TYPE_JSON || f->type == BW_TYPE_BYTES || f->type == BW_TYPE_BOOL ||
           f->type == BW_TYPE_NUMERIC || f->type == BW_TYPE_BIGNUMERIC || f->type == BW_TYPE_STRING;
}

static void check_row(const bw_schema *schema, const bw_value *row)
{
    for (size_t i = 0; i < schema->count; i++) {
        const bw_field *f = &schema->fields[i];
        size_t n = row[i].state == BW_VALUE_ARRAY ? row[i].size : row[i].state == BW_VALUE_TEXT;
        for (size_t k = 0; k < n; k++) {
            const bw_value *v = row[i].state == BW_VALUE_ARRAY ? &row[i].items[k] : &row[i];
            if (v->state != BW_VALUE_TEXT)
                abort();
            if (strict(f) && bw_value_check(bw_value_slice(v), f->type, f->precision, f->scale))
                abort();
        }
    }
}

static void check_chunk(const bw_schema *schema, const bw_chunk *chunk, bw_status status)
{
    if ((status == BW_OK) != (chunk->rows + chunk->n_rejected == 1))
        abort();
    if (chunk->rows)
        check_row(schema, bw_chunk_at(chunk, 0));
    for (size_t i = 0; i < chunk->n_rejected; i++) {
        const bw_rejected_row *r = &chunk->rejected[i];
        const char *why;
        size_t at;
        if (r->reason == BW_REASON_NONE || !bw_json_valid(r->content, &why, &at) ||
            !bw_utf8_valid(r->detail))
            abort();
    }
}

static void read_row(const char *text, size_t size, size_t first)
{
    static const size_t key[] = {0};
    bw_arena arena = BW_ARENA_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_field fields[COLUMNS];
    const bw_pgtype *types[COLUMNS];
    bw_pgtype_rows catalog = {rows, BW_COUNT(rows)};
    size_t columns = 1;
    for (size_t i = 0; i < size; i++)
        columns += text[i] == '\t';
    if (columns > COLUMNS)
        columns = COLUMNS;
    memset(fields, 0, sizeof fields);
    for (size_t i = 0; i < columns; i++) {
        types[i] = bw_pgtype_build(&catalog, oids[(first + i) % BW_COUNT(oids)], -1, &arena);
        fields[i] = (bw_field){.name = "c",
                               .source_name = "c",
                               .type = types[i]->type,
                               .repeated = types[i]->repeated,
                               .precision = types[i]->precision};
    }
    bw_schema schema = {fields, columns};
    bw_pgcopy copy = bw_pgcopy_init(&schema, types, key, 1);
    bw_chunk chunk;
    bw_chunk_init(&chunk);
    bw_chunk_reset(&chunk, columns);
    bw_status status = bw_pgcopy_row(&copy, text, size, &chunk, &err);
    check_chunk(&schema, &chunk, status);
    bw_chunk_fini(&chunk);
    bw_pgcopy_fini(&copy);
    bw_arena_fini(&arena);
}

static void read_position(const char *text)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_pgposition p, q;
    if (bw_pgposition_read(text, "t", NULL, &arena, &p, &err) == BW_OK) {
        const char *again = bw_pgposition_write(&p, &arena);
        if (bw_pgposition_read(again, "t", NULL, &arena, &q, &err) != BW_OK)
            abort();
    }
    bw_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *text = bw_xstrndup((const char *)data + 1, size - 1);
    /* NUL is not in texts of PostgreSQL, and a row has no line end of its own. */
    size_t n = strcspn(text, "\n");
    read_row(text, n, data[0]);
    read_position(text);
    free(text);
    return 0;
}
