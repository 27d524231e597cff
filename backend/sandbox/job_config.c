#include "backend/sandbox/job_config.h"

#include "backend/sandbox/json_edit.h"

bw_status bw_sb_job_locate(bw_sb_bigquery *bq, bw_sb_job *job, const char *project,
                           const char *dataset, bq_error *err)
{
    bq_dataset d = {0};
    bw_status status = bq_dataset_get(bq->catalog, project, dataset, &d, err);
    if (status != BW_OK)
        return status;
    if (!job->location)
        job->location = bw_arena_strdup(&job->arena, d.location);
    else if (strcmp(job->location, d.location) != 0)
        status = bq_error_set(err, "notFound", NULL,
                              "Not found: Dataset %s:%s was not found in location %s", project,
                              dataset, job->location);
    bq_dataset_fini(&d);
    return status;
}

static bw_status read_write(const char *word, bq_disposition *write, bq_error *err)
{
    static const struct {
        const char *word;
        bq_disposition write;
    } words[] = {{"WRITE_APPEND", BQ_WRITE_APPEND},
                 {"WRITE_TRUNCATE", BQ_WRITE_TRUNCATE},
                 {"WRITE_TRUNCATE_DATA", BQ_WRITE_TRUNCATE_DATA},
                 {"WRITE_EMPTY", BQ_WRITE_EMPTY}};
    for (size_t i = 0; i < BW_COUNT(words); i++) {
        if (strcmp(words[i].word, word) == 0) {
            *write = words[i].write;
            return BW_OK;
        }
    }
    return bq_error_set(err, "invalid", NULL, "Invalid value for writeDisposition: %s", word);
}

static bw_status read_evolution(bw_arena *arena, bw_slice list, bq_disposition write,
                                bq_evolution *evolve, bq_error *err)
{
    bw_slice value;
    for (size_t at = 0; list.len && bw_sb_json_each_element(list, &at, &value);) {
        if (bw_slice_is(value, "\"ALLOW_FIELD_ADDITION\""))
            evolve->allow_addition = true;
        else if (bw_slice_is(value, "\"ALLOW_FIELD_RELAXATION\""))
            evolve->allow_relaxation = true;
        else
            return bq_error_set(err, "invalid", NULL, "Invalid value for schemaUpdateOptions: %s",
                                bw_arena_strndup(arena, value.ptr, value.len));
    }
    bool wanted = evolve->allow_addition || evolve->allow_relaxation;
    if (wanted && write != BQ_WRITE_APPEND && write != BQ_WRITE_TRUNCATE_DATA)
        return bq_error_set(
            err, "invalid", NULL,
            "Schema update options should only be specified with WRITE_APPEND "
            "disposition, or with WRITE_TRUNCATE disposition on a table partition.");
    return BW_OK;
}

bw_status bw_sb_job_dispositions(bw_arena *arena, bw_slice config, bq_disposition default_write,
                                 bq_disposition *write, bool *create, bq_evolution *evolve,
                                 bq_error *err)
{
    const char *write_word = bw_sb_json_text(arena, config, "writeDisposition");
    const char *create_word = bw_sb_json_text(arena, config, "createDisposition");
    *write = default_write;
    *create = !create_word || strcmp(create_word, "CREATE_IF_NEEDED") == 0;
    if (create_word && !*create && strcmp(create_word, "CREATE_NEVER") != 0)
        return bq_error_set(err, "invalid", NULL, "Invalid value for createDisposition: %s",
                            create_word);
    if (write_word && *write_word) {
        bw_status status = read_write(write_word, write, err);
        if (status != BW_OK)
            return status;
    }
    if (!evolve)
        return BW_OK;
    evolve->allow_missing = true;
    return read_evolution(arena, bw_json_member(config, "schemaUpdateOptions"), *write, evolve,
                          err);
}

bw_status bw_sb_job_table(bw_arena *arena, bw_slice config, bq_table_ref ref, bq_table *storage,
                          const bq_table **table, bq_error *err)
{
    static const char *const carried[] = {"timePartitioning", "rangePartitioning", "clustering"};
    bw_buf metadata = BW_BUF_INIT;
    bw_slice schema = bw_sb_json_object(config, "schema");
    bw_status status = BW_OK;
    *table = NULL;
    bw_buf_addc(&metadata, '{');
    for (size_t i = 0; i < BW_COUNT(carried); i++)
        bw_sb_json_add_raw(&metadata, carried[i], bw_sb_json_object(config, carried[i]));
    bw_slice properties = bw_sb_json_object(config, "destinationTableProperties");
    if (properties.len)
        bw_sb_json_add_members(&metadata, properties);
    bool described = schema.len || metadata.len > 1;
    bw_buf_addc(&metadata, '}');
    *storage = (bq_table){.project = ref.project,
                          .dataset = ref.dataset,
                          .id = ref.table,
                          .expires_us = BW_TIME_NONE,
                          .metadata = bw_arena_strndup(arena, metadata.ptr, metadata.len)};
    bw_buf_fini(&metadata);
    if (schema.len)
        status = bq_schema_parse(arena, schema, &storage->schema, err);
    if (status == BW_OK && described)
        *table = storage;
    return status;
}
