#include "backend/sandbox/bq_store.h"
#include "backend/sandbox/bq_view.h"

/* Adds one source's rows to the storage that becomes the destination's. */
static bw_status add_source(bq_catalog *catalog, bq_table_ref ref, const bq_schema *columns,
                            int64_t storage, int64_t *rows, int64_t *bytes, bq_error *err)
{
    bq_table source;
    int64_t from;
    char name[512];
    bq_schema merged;
    bw_status status = bq_store_find(catalog, ref, &source, &from, err);

    if (status != BW_OK)
        return status;
    bq_evolution how = {.allow_missing = true};
    status = bq_refuse_view(&source, err);
    if (status == BW_OK)
        status = bq_schema_evolve(&source.arena, bq_table_name(ref, name, sizeof(name)), columns,
                                  &source.schema, how, &merged, err);
    if (status == BW_OK) {
        bw_buf list = BW_BUF_INIT;
        for (size_t i = 0; i < source.schema.count; i++) {
            bw_buf_addc(&list, ',');
            bq_store_quote(&list, source.schema.fields[i].name);
        }
        status = bq_store_execf(catalog, err,
                                "INSERT INTO \"t%lld\"(\"!\"%s) SELECT NULL%s FROM \"t%lld\""
                                " ORDER BY \"!\"",
                                (long long)storage, bw_buf_cstr(&list), bw_buf_cstr(&list),
                                (long long)from);
        bw_buf_fini(&list);
    }
    *rows += source.rows;
    *bytes += source.bytes;
    bq_table_fini(&source);
    return status;
}

static bw_status copy_rows(bq_catalog *catalog, const bq_table_ref *sources, size_t count,
                           bq_table_ref destination, const bq_append_options *options,
                           int64_t *rows, bq_error *err)
{
    bq_target target;
    int64_t storage, bytes = 0;
    bw_status status = bq_target_find(catalog, destination, options, &target, err);

    if (status != BW_OK)
        return status;
    *rows = 0;
    status = bq_storage_create(catalog, &target.schema, &storage, err);
    for (size_t i = 0; status == BW_OK && i < count; i++)
        status = add_source(catalog, sources[i], &target.schema, storage, rows, &bytes, err);
    if (status == BW_OK)
        status = bq_target_apply(catalog, destination, options, &target, &target.schema, storage,
                                 *rows, bytes, err);
    bq_target_fini(&target);
    return status;
}

bw_status bq_table_copy(bq_catalog *catalog, const bq_table_ref *sources, size_t count,
                        bq_table_ref destination, bq_disposition write, bool create,
                        bq_before_commit *hook, void *user, int64_t *rows, bq_error *err)
{
    bq_table first;
    int64_t ignored_rows;

    if (count == 0)
        return bq_error_set(err, "invalid", NULL, "A copy job needs a source table");
    bq_store_lock(catalog);
    bw_status status = bq_store_find(catalog, sources[0], &first, NULL, err);
    if (status == BW_OK) {
        /* The copy does not inherit when the source expires. */
        first.expires_us = BW_TIME_NONE;
        bq_append_options options = {.write = write, .create = create, .table = &first};
        status = bq_store_begin(catalog, err);
        if (status == BW_OK) {
            status = copy_rows(catalog, sources, count, destination, &options,
                               rows ? rows : &ignored_rows, err);
            if (status == BW_OK && hook)
                status = hook(user, catalog, err);
            status = bq_store_end(catalog, status, err);
        }
        bq_table_fini(&first);
    }
    bq_store_unlock(catalog);
    return status;
}
