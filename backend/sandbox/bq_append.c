/*
 * Writing whole sets of rows: loads slice by slice into a storage of their own, and the one step
 * that makes a finished storage a table's content.
 */
#include <stdlib.h>

#include "backend/sandbox/bq_store.h"
#include "backend/sandbox/bq_view.h"
#include "backend/sandbox/bq_tuple.h"

#define SLICE_BYTES (4u << 20)

/* ---- The table that is written to -------------------------------------------------------------- */

static bw_status schema_for(bq_table_ref ref, bool partition, const bq_append_options *options,
                            bq_target *t, bq_error *err)
{
    const bq_table *given = options->table;
    bool has_schema = given && given->schema.count > 0;
    char name[512];

    bool whole = options->write == BQ_WRITE_TRUNCATE && !partition;

    if (!t->exists || (whole && has_schema)) {
        if (!has_schema)
            return bq_error_set(err, "invalid", NULL, "No schema specified on job or table.");
        bq_schema_copy(&t->table.arena, &given->schema, &t->schema);
        return BW_OK;
    }
    if (!has_schema) {
        t->schema = t->table.schema;
        return BW_OK;
    }
    bq_evolution how = options->evolve;
    how.allow_missing = true;
    return bq_schema_evolve(&t->table.arena, bq_table_name(ref, name, sizeof(name)),
                            &t->table.schema, &given->schema, how, &t->schema, err);
}

bw_status bq_target_find(bq_catalog *catalog, bq_table_ref ref, const bq_append_options *options,
                         bq_target *out, bq_error *err)
{
    bw_arena names = BW_ARENA_INIT; /* bq_store_find makes the target's own */
    const char *partition;

    *out = (bq_target){.table = {.arena = BW_ARENA_INIT, .expires_us = BW_TIME_NONE}};
    ref = bq_partition_split(&names, ref, &partition);
    bw_status status = bq_store_find(catalog, ref, &out->table, &out->storage, err);
    out->exists = status == BW_OK;
    if (status == BW_NOT_FOUND && options->create)
        status = bq_store_dataset(catalog, ref.project, ref.dataset, NULL, err);
    if (status == BW_OK && out->exists)
        status = bq_refuse_view(&out->table, err);
    if (status == BW_OK && out->exists && options->write == BQ_WRITE_EMPTY && out->table.rows > 0)
        status = bq_error_set(err, "duplicate", NULL, "Already Exists: Table %s:%s.%s", ref.project,
                              ref.dataset, ref.table);
    if (status == BW_OK)
        status = schema_for(ref, partition != NULL, options, out, err);
    if (status == BW_OK && partition) {
        bq_table described = {.schema = out->schema};
        described.metadata = out->exists      ? out->table.metadata
                             : options->table ? options->table->metadata
                                              : NULL;
        status = bq_partition_find(&out->table.arena, &described, partition, &out->partition, err);
    }
    bw_arena_fini(&names);
    if (status != BW_OK)
        bq_target_fini(out);
    else if (err)
        err->reason = NULL;
    return status;
}

void bq_target_fini(bq_target *target)
{
    bq_table_fini(&target->table);
}

static void add_column_list(bw_buf *sql, const bq_schema *schema)
{
    for (size_t i = 0; i < schema->count; i++) {
        bw_buf_addc(sql, ',');
        bq_store_quote(sql, schema->fields[i].name);
    }
}

/* Rows of one storage behind those of another, in their order. */
static bw_status append_storage(bq_catalog *catalog, int64_t to, int64_t from,
                                const bq_schema *columns, bq_error *err)
{
    bw_buf sql = BW_BUF_INIT;

    bw_buf_addf(&sql, "INSERT INTO \"t%lld\"(\"!\"", (long long)to);
    add_column_list(&sql, columns);
    bw_buf_adds(&sql, ") SELECT NULL");
    add_column_list(&sql, columns);
    bw_buf_addf(&sql, " FROM \"t%lld\" ORDER BY \"!\"", (long long)from);
    bw_status status = bq_store_exec(catalog, err, bw_buf_cstr(&sql), "");
    bw_buf_fini(&sql);
    return status == BW_OK ? bq_storage_drop(catalog, from, err) : status;
}

static bw_status apply_new(bq_catalog *catalog, bq_table_ref ref, const bq_append_options *options,
                           const bq_target *target, int64_t storage, int64_t rows, int64_t bytes,
                           bq_error *err)
{
    bq_table table = {.project = ref.project,
                      .dataset = ref.dataset,
                      .id = ref.table,
                      .schema = target->schema,
                      .metadata = options->table ? options->table->metadata : NULL,
                      .expires_us = options->table ? options->table->expires_us : BW_TIME_NONE};
    return bq_store_add(catalog, &table, storage, rows, bytes, err);
}

bw_status bq_target_apply(bq_catalog *catalog, bq_table_ref ref, const bq_append_options *options,
                          bq_target *target, const bq_schema *stored, int64_t storage, int64_t rows,
                          int64_t bytes, bq_error *err)
{
    bq_table *table = &target->table;
    bool replace = options->write == BQ_WRITE_TRUNCATE || options->write == BQ_WRITE_TRUNCATE_DATA;
    bw_status status = BW_OK;
    const char *partition;

    ref = bq_partition_split(&table->arena, ref, &partition);
    if (partition)
        status = bq_partition_check(catalog, &target->partition, storage, err);
    if (status == BW_OK && partition && target->exists && replace) {
        status = bq_partition_clear(catalog, &target->partition, table, target->storage, err);
        replace = false;
    }
    if (status != BW_OK)
        return status;
    if (!target->exists)
        return apply_new(catalog, ref, options, target, storage, rows, bytes, err);
    if (replace && options->write == BQ_WRITE_TRUNCATE && options->table &&
        options->table->metadata)
        table->metadata = options->table->metadata;
    if (replace || table->rows == 0) {
        status = bq_storage_drop(catalog, target->storage, err);
        if (status == BW_OK)
            status = bq_storage_widen(catalog, storage, stored, &target->schema, err);
        target->storage = storage;
        table->rows = rows;
        table->bytes = bytes;
    } else {
        status = bq_storage_widen(catalog, target->storage, &table->schema, &target->schema, err);
        if (status == BW_OK)
            status = append_storage(catalog, target->storage, storage, stored, err);
        table->rows += rows;
        table->bytes += bytes;
    }
    table->schema = target->schema;
    if (status == BW_OK)
        status = bq_check_table(table, err);
    return status == BW_OK ? bq_store_put(catalog, table, target->storage, err) : status;
}

/* ---- Loads ------------------------------------------------------------------------------------ */

struct bq_append {
    bq_catalog *catalog;
    bw_arena arena; /* ref, options and schema */
    bq_table_ref ref;
    bq_append_options options;
    bq_table given; /* what options.table points at */
    bq_schema schema;
    int64_t storage; /* 0 while everything is still in the slice */
    int64_t rows, bytes;
    bw_buf slice; /* rows as tuples, one after another */
};

static void copy_options(bq_append *a, bq_table_ref ref, const bq_append_options *options)
{
    bw_arena *arena = &a->arena;

    a->ref = (bq_table_ref){bw_arena_strdup(arena, ref.project),
                            bw_arena_strdup(arena, ref.dataset), bw_arena_strdup(arena, ref.table)};
    a->options = *options;
    if (!options->table)
        return;
    const char *metadata = options->table->metadata;
    a->given = (bq_table){.expires_us = options->table->expires_us};
    a->given.metadata = metadata ? bw_arena_strdup(arena, metadata) : NULL;
    bq_schema_copy(arena, &options->table->schema, &a->given.schema);
    a->options.table = &a->given;
}

bw_status bq_append_begin(bq_catalog *catalog, bq_table_ref ref, const bq_append_options *options,
                          bq_append **out, bq_error *err)
{
    bq_append *a = bw_xcalloc(1, sizeof(*a));
    bq_target target;

    a->catalog = catalog;
    copy_options(a, ref, options);
    bq_store_lock(catalog);
    bw_status status = bq_target_find(catalog, a->ref, &a->options, &target, err);
    if (status == BW_OK) {
        bq_schema_copy(&a->arena, &target.schema, &a->schema);
        bq_target_fini(&target);
    }
    bq_store_unlock(catalog);
    if (status != BW_OK) {
        bq_append_abort(a);
        return status;
    }
    *out = a;
    return BW_OK;
}

const bq_schema *bq_append_schema(const bq_append *append)
{
    return &append->schema;
}

int64_t bq_append_rows(const bq_append *append)
{
    return append->rows;
}

int64_t bq_append_bytes(const bq_append *append)
{
    return append->bytes;
}

static bw_status insert_rows(bq_append *a, sqlite3_stmt *stmt, bq_error *err)
{
    bw_slice rest = bw_buf_slice(&a->slice);
    bq_tuple t;
    bq_value v;

    while (rest.len > 0 && bq_tuple_open(rest, &t)) {
        for (int i = 1; bq_tuple_next(&t, &v); i++)
            bq_store_bind(stmt, i, &v);
        if (sqlite3_step(stmt) != SQLITE_DONE)
            return bq_store_error(a->catalog, err);
        sqlite3_reset(stmt);
        size_t used = (size_t)((const char *)t.at - rest.ptr);
        rest = (bw_slice){rest.ptr + used, rest.len - used};
    }
    return BW_OK;
}

static bw_status write_slice(bq_append *a, int64_t storage, bq_error *err)
{
    sqlite3_stmt *stmt;
    bw_buf sql = BW_BUF_INIT;

    bw_buf_addf(&sql, "INSERT INTO \"t%lld\"(\"!\"", (long long)storage);
    add_column_list(&sql, &a->schema);
    bw_buf_adds(&sql, ") VALUES (NULL");
    for (size_t i = 0; i < a->schema.count; i++)
        bw_buf_adds(&sql, ",?");
    bw_buf_addc(&sql, ')');
    bw_status status = bq_store_query(a->catalog, err, &stmt, bw_buf_cstr(&sql), "");
    bw_buf_fini(&sql);
    if (status != BW_OK)
        return status;
    status = insert_rows(a, stmt, err);
    bw_sb_db_done(a->catalog->db, stmt);
    return status;
}

/* The slice into the storage of its own, which is made for the first one. */
static bw_status put_slice(bq_append *a, bq_error *err)
{
    bw_status status = BW_OK;

    if (a->storage == 0)
        status = bq_storage_create(a->catalog, &a->schema, &a->storage, err);
    if (status == BW_OK && a->slice.len > 0)
        status = write_slice(a, a->storage, err);
    bw_buf_clear(&a->slice);
    return status;
}

/* One slice is one transaction: the mutex is free in between, and the storage is nobody's yet. */
static bw_status flush(bq_append *a, bq_error *err)
{
    bq_store_lock(a->catalog);
    bw_status status = bq_store_begin(a->catalog, err);
    if (status == BW_OK)
        status = bq_store_end(a->catalog, put_slice(a, err), err);
    bq_store_unlock(a->catalog);
    return status;
}

/* A few rows go straight to those that are there. */
static bw_status append_slice(bq_append *a, bq_target *target, bq_error *err)
{
    bq_table *table = &target->table;
    bw_status status =
        bq_storage_widen(a->catalog, target->storage, &table->schema, &target->schema, err);

    if (status == BW_OK)
        status = write_slice(a, target->storage, err);
    table->schema = target->schema;
    table->rows += a->rows;
    table->bytes += a->bytes;
    if (status == BW_OK)
        status = bq_check_table(table, err);
    return status == BW_OK ? bq_store_put(a->catalog, table, target->storage, err) : status;
}

static bool replaces(const bq_append *a)
{
    return a->options.write == BQ_WRITE_TRUNCATE || a->options.write == BQ_WRITE_TRUNCATE_DATA;
}

bw_status bq_append_row(bq_append *append, const bq_value *row, bq_error *err)
{
    append->rows++;
    for (size_t i = 0; i < append->schema.count; i++)
        append->bytes += bq_value_bytes(&append->schema.fields[i], &row[i]);
    if (append->options.discard)
        return BW_OK;
    bq_tuple_begin(&append->slice, append->schema.count);
    for (size_t i = 0; i < append->schema.count; i++)
        bq_tuple_add(&append->slice, &row[i]);
    return append->slice.len < SLICE_BYTES ? BW_OK : flush(append, err);
}

static bw_status make_visible(bq_append *a, bq_before_commit *hook, void *user, bq_error *err)
{
    bq_target target;
    bw_status status = bq_target_find(a->catalog, a->ref, &a->options, &target, err);

    if (status != BW_OK)
        return status;
    if (a->storage == 0 && target.exists && !a->options.discard && !replaces(a) &&
        !target.partition.id) {
        status = append_slice(a, &target, err);
    } else if (!a->options.discard) {
        status = put_slice(a, err);
    } else if (!target.exists) {
        status = bq_storage_create(a->catalog, &target.schema, &a->storage, err);
    }
    if (status == BW_OK && a->storage != 0)
        status = bq_target_apply(a->catalog, a->ref, &a->options, &target, &a->schema, a->storage,
                                 a->options.discard ? 0 : a->rows,
                                 a->options.discard ? 0 : a->bytes, err);
    if (status == BW_OK && a->options.streamed)
        status = bq_buffer_add(a->catalog, target.storage, a->rows, a->bytes, err);
    if (status == BW_OK && hook)
        status = hook(user, a->catalog, err);
    bq_target_fini(&target);
    return status;
}

bw_status bq_append_commit(bq_append *append, bq_before_commit *hook, void *user, bq_error *err)
{
    bq_store_lock(append->catalog);
    bool shared = append->storage != 0; /* made before this transaction */
    bw_status status = bq_store_begin(append->catalog, err);
    if (status == BW_OK)
        status = bq_store_end(append->catalog, make_visible(append, hook, user, err), err);
    bq_store_unlock(append->catalog);
    if (status == BW_OK || !shared)
        append->storage = 0; /* the table's now, or never made */
    bq_append_abort(append);
    return status;
}

void bq_append_abort(bq_append *append)
{
    if (!append)
        return;
    if (append->storage != 0) {
        bq_error ignored = BQ_ERROR_INIT;
        bq_store_lock(append->catalog);
        bw_status status = bq_storage_drop(append->catalog, append->storage, &ignored);
        (void)status; /* what is left is removed at the next open */
        bq_store_unlock(append->catalog);
    }
    bw_buf_fini(&append->slice);
    bw_arena_fini(&append->arena);
    free(append);
}
