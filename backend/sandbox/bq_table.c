#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "backend/sandbox/bq_store.h"

#define COLUMNS                                                                            \
    "t.project, t.dataset, t.id, d.location, t.schema, t.metadata, t.created, t.modified," \
    " t.expires, t.rows, t.bytes, t.version, t.storage"
#define FROM " FROM bq_table t JOIN bq_dataset d ON d.project = t.project AND d.id = t.dataset"

const char *bq_table_name(bq_table_ref ref, char *out, size_t size)
{
    snprintf(out, size, "%s:%s.%s", ref.project, ref.dataset, ref.table);
    return out;
}

static bw_status not_found(bq_table_ref ref, bq_error *err)
{
    return bq_error_set(err, "notFound", NULL, "Not found: Table %s:%s.%s", ref.project,
                        ref.dataset, ref.table);
}

static bw_status read_table(sqlite3_stmt *stmt, bq_table *out, int64_t *storage, bq_error *err)
{
    bw_arena *arena = &out->arena;

    out->project = bq_store_text(arena, stmt, 0);
    out->dataset = bq_store_text(arena, stmt, 1);
    out->id = bq_store_text(arena, stmt, 2);
    out->location = bq_store_text(arena, stmt, 3);
    const char *schema = bq_store_text(arena, stmt, 4);
    out->metadata = bq_store_text(arena, stmt, 5);
    out->created_us = sqlite3_column_int64(stmt, 6);
    out->modified_us = sqlite3_column_int64(stmt, 7);
    bool expires = sqlite3_column_type(stmt, 8) != SQLITE_NULL;
    out->expires_us = expires ? sqlite3_column_int64(stmt, 8) : BW_TIME_NONE;
    out->rows = sqlite3_column_int64(stmt, 9);
    out->bytes = sqlite3_column_int64(stmt, 10);
    snprintf(out->etag, sizeof(out->etag), "t%llx.%llx", (unsigned long long)out->created_us,
             (unsigned long long)sqlite3_column_int64(stmt, 11));
    if (storage)
        *storage = sqlite3_column_int64(stmt, 12);
    return bq_schema_parse(arena, bw_slice_cstr(schema), &out->schema, err);
}

void bq_table_fini(bq_table *table)
{
    bw_arena_fini(&table->arena);
}

bw_status bq_store_peek(bq_catalog *catalog, bq_table_ref ref, bq_table *out, int64_t *storage,
                        bq_error *err)
{
    sqlite3_stmt *stmt;
    bw_status status =
        bq_store_query(catalog, err, &stmt,
                       "SELECT " COLUMNS FROM " WHERE t.project = ? AND t.dataset = ? AND t.id = ?",
                       "ttt", ref.project, ref.dataset, ref.table);

    if (status != BW_OK)
        return status;
    *out = (bq_table){.arena = BW_ARENA_INIT};
    if (sqlite3_step(stmt) == SQLITE_ROW)
        status = read_table(stmt, out, storage, err);
    else
        status = BW_NOT_FOUND;
    bw_sb_db_done(catalog->db, stmt);
    if (status == BW_NOT_FOUND) {
        status = bq_store_dataset(catalog, ref.project, ref.dataset, NULL, err);
        if (status == BW_OK)
            status = not_found(ref, err);
    }
    if (status != BW_OK)
        bq_table_fini(out);
    return status;
}

bw_status bq_store_find(bq_catalog *catalog, bq_table_ref ref, bq_table *out, int64_t *storage,
                        bq_error *err)
{
    bw_status status = bq_store_peek(catalog, ref, out, storage, err);

    if (status != BW_OK || !storage || !bq_is_result(*storage))
        return status;
    status = bq_result_promote(catalog, out, storage, err);
    if (status != BW_OK)
        bq_table_fini(out);
    return status;
}

/* The table's own expiry, else the dataset's default from now on. */
static int64_t expiry_of(bq_catalog *catalog, const bq_table *in, const bq_dataset *dataset)
{
    if (in->expires_us != BW_TIME_NONE)
        return in->expires_us;
    if (dataset->default_expiration_ms <= 0)
        return BW_TIME_NONE;
    return bw_wall_us(catalog->clock) + dataset->default_expiration_ms * 1000;
}

static bw_status set_expiry(bq_catalog *catalog, bq_table_ref ref, int64_t expires_us,
                            bq_error *err)
{
    if (expires_us == BW_TIME_NONE)
        return bq_store_exec(catalog, err,
                             "UPDATE bq_table SET expires = NULL"
                             " WHERE project = ? AND dataset = ? AND id = ?",
                             "ttt", ref.project, ref.dataset, ref.table);
    if (expires_us < catalog->next_expiry_us)
        catalog->next_expiry_us = expires_us;
    return bq_store_exec(catalog, err,
                         "UPDATE bq_table SET expires = ?"
                         " WHERE project = ? AND dataset = ? AND id = ?",
                         "ittt", expires_us, ref.project, ref.dataset, ref.table);
}

bw_status bq_store_add(bq_catalog *catalog, const bq_table *in, int64_t storage, int64_t rows,
                       int64_t bytes, bq_error *err)
{
    bq_table_ref ref = {in->project, in->dataset, in->id};
    bq_error ignored = BQ_ERROR_INIT;
    bq_dataset dataset;
    bq_table existing;

    bw_status status = bq_store_dataset(catalog, ref.project, ref.dataset, &dataset, err);
    if (status != BW_OK)
        return status;
    if (bq_store_find(catalog, ref, &existing, NULL, &ignored) == BW_OK) {
        bq_table_fini(&existing);
        status = bq_error_set(err, "duplicate", NULL, "Already Exists: Table %s:%s.%s", ref.project,
                              ref.dataset, ref.table);
    }
    if (status == BW_OK)
        status = bq_check_table(in, err);
    if (status == BW_OK) {
        int64_t now = bw_wall_us(catalog->clock);
        bw_buf schema = BW_BUF_INIT;
        bq_schema_print(&in->schema, &schema);
        status =
            bq_store_exec(catalog, err,
                          "INSERT INTO bq_table(project, dataset, id, schema, metadata,"
                          " created, modified, rows, bytes, version, storage)"
                          " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)",
                          "tttttiiiii", ref.project, ref.dataset, ref.table, bw_buf_cstr(&schema),
                          in->metadata ? in->metadata : "{}", now, now, rows, bytes, storage);
        bw_buf_fini(&schema);
    }
    if (status == BW_OK)
        status = set_expiry(catalog, ref, expiry_of(catalog, in, &dataset), err);
    bq_dataset_fini(&dataset);
    return status;
}

bw_status bq_store_put(bq_catalog *catalog, const bq_table *table, int64_t storage, bq_error *err)
{
    bq_table_ref ref = {table->project, table->dataset, table->id};
    bw_buf schema = BW_BUF_INIT;

    bq_schema_print(&table->schema, &schema);
    bw_status status = bq_store_exec(catalog, err,
                                     "UPDATE bq_table SET schema = ?, metadata = ?, modified = ?,"
                                     " rows = ?, bytes = ?, storage = ?, version = version + 1"
                                     " WHERE project = ? AND dataset = ? AND id = ?",
                                     "ttiiiittt", bw_buf_cstr(&schema), table->metadata,
                                     bw_wall_us(catalog->clock), table->rows, table->bytes, storage,
                                     ref.project, ref.dataset, ref.table);
    bw_buf_fini(&schema);
    return status == BW_OK ? set_expiry(catalog, ref, table->expires_us, err) : status;
}

bw_status bq_store_remove(bq_catalog *catalog, bq_table_ref ref, bq_error *err)
{
    bq_table table;
    int64_t storage;
    bw_status status = bq_store_peek(catalog, ref, &table, &storage, err);

    if (status != BW_OK)
        return status;
    bq_table_fini(&table);
    status = bq_storage_drop(catalog, storage, err);
    if (status == BW_OK)
        status = bq_store_exec(catalog, err,
                               "DELETE FROM bq_table WHERE project = ? AND dataset = ? AND id = ?",
                               "ttt", ref.project, ref.dataset, ref.table);
    return status;
}

bw_status bq_store_rename(bq_catalog *catalog, bq_table_ref ref, const char *id, bq_error *err)
{
    bq_table table = {.id = id};
    bw_status status = bq_check_table(&table, err);

    if (status == BW_OK)
        status = bq_store_exec(catalog, err,
                               "UPDATE bq_table SET id = ?, version = version + 1"
                               " WHERE project = ? AND dataset = ? AND id = ?",
                               "tttt", id, ref.project, ref.dataset, ref.table);
    return status;
}

static bw_status create_table(bq_catalog *catalog, const bq_table *in, bq_error *err)
{
    int64_t storage;
    bw_status status = bq_storage_create(catalog, &in->schema, &storage, err);

    return status == BW_OK ? bq_store_add(catalog, in, storage, 0, 0, err) : status;
}

bw_status bq_table_create(bq_catalog *catalog, const bq_table *in, bq_table *out, bq_error *err)
{
    bq_table_ref ref = {in->project, in->dataset, in->id};

    bq_store_lock(catalog);
    bw_status status = bq_store_begin(catalog, err);
    if (status == BW_OK)
        status = bq_store_end(catalog, create_table(catalog, in, err), err);
    if (status == BW_OK && out)
        status = bq_store_find(catalog, ref, out, NULL, err);
    bq_store_unlock(catalog);
    return status;
}

bw_status bq_table_get(bq_catalog *catalog, bq_table_ref ref, bq_table *out, bq_error *err)
{
    bq_store_lock(catalog);
    int64_t storage = 0;
    bw_status status = bq_store_peek(catalog, ref, out, &storage, err);
    if (status == BW_OK) {
        status = bq_buffer_fill(catalog, storage, out, err);
        if (status != BW_OK)
            bq_table_fini(out);
    }
    bq_store_unlock(catalog);
    return status;
}

/* ---- Patch ------------------------------------------------------------------------------------ */

static bool same_text(bw_slice object, bw_slice other, const char *name)
{
    char *a = object.ptr ? bw_json_member_string(object, name) : NULL;
    char *b = other.ptr ? bw_json_member_string(other, name) : NULL;
    bool same = (!a && !b) || (a && b && strcasecmp(a, b) == 0);

    free(a);
    free(b);
    return same;
}

/* Rows stay in the partitions they are in: the column and the unit cannot change. */
static bw_status keeps_partitioning(const char *from, const char *to, bq_error *err)
{
    static const char *const specs[] = {"timePartitioning", "rangePartitioning"};

    for (size_t i = 0; i < BW_COUNT(specs); i++) {
        bw_slice a = bw_json_member(bw_slice_cstr(from), specs[i]);
        bw_slice b = bw_json_member(bw_slice_cstr(to), specs[i]);
        if (!a.ptr != !b.ptr || !same_text(a, b, "field") || !same_text(a, b, "type"))
            return bq_error_set(err, "invalid", NULL,
                                "Cannot change partitioning/clustering spec for a table.");
    }
    return BW_OK;
}

static bw_status patch_table(bq_catalog *catalog, bq_table_ref ref, const bq_table_patch *patch,
                             bq_error *err)
{
    bq_table table;
    int64_t storage;
    char name[512];
    bw_status status = bq_store_find(catalog, ref, &table, &storage, err);

    if (status != BW_OK)
        return status;
    if (patch->if_match && strcmp(patch->if_match, table.etag) != 0)
        status = bq_error_set(err, "conditionNotMet", "If-Match", "Precondition check failed.");
    if (status == BW_OK && patch->schema && patch->any_schema) {
        table.schema = *patch->schema;
    } else if (status == BW_OK && patch->schema) {
        bq_schema merged;
        bq_evolution how = {.allow_addition = true, .allow_relaxation = true};
        status = bq_schema_evolve(&table.arena, bq_table_name(ref, name, sizeof(name)),
                                  &table.schema, patch->schema, how, &merged, err);
        if (status == BW_OK)
            status = bq_storage_widen(catalog, storage, &table.schema, &merged, err);
        if (status == BW_OK)
            table.schema = merged;
    }
    if (status == BW_OK && patch->metadata) {
        status = keeps_partitioning(table.metadata, patch->metadata, err);
        table.metadata = patch->metadata;
    }
    if (patch->expires_us)
        table.expires_us = *patch->expires_us;
    if (status == BW_OK)
        status = bq_check_table(&table, err);
    if (status == BW_OK)
        status = bq_store_put(catalog, &table, storage, err);
    bq_table_fini(&table);
    return status;
}

bw_status bq_table_update(bq_catalog *catalog, bq_table_ref ref, const bq_table_patch *patch,
                          bq_table *out, bq_error *err)
{
    bq_store_lock(catalog);
    bw_status status = bq_store_begin(catalog, err);
    if (status == BW_OK)
        status = bq_store_end(catalog, patch_table(catalog, ref, patch, err), err);
    if (status == BW_OK && out)
        status = bq_store_find(catalog, ref, out, NULL, err);
    bq_store_unlock(catalog);
    return status;
}

bw_status bq_table_delete(bq_catalog *catalog, bq_table_ref ref, bq_error *err)
{
    bq_store_lock(catalog);
    bw_status status = bq_store_begin(catalog, err);
    if (status == BW_OK)
        status = bq_store_end(catalog, bq_store_remove(catalog, ref, err), err);
    bq_store_unlock(catalog);
    return status;
}

/* ---- Lists and rows --------------------------------------------------------------------------- */

bw_status bq_store_list(bq_catalog *catalog, const char *project, const char *dataset,
                        const char *after, bq_table_visit *visit, void *user, bq_error *err)
{
    sqlite3_stmt *stmt;
    bw_status status = bq_store_dataset(catalog, project, dataset, NULL, err);

    if (status == BW_OK)
        status = bq_store_query(catalog, err, &stmt,
                                "SELECT " COLUMNS FROM " WHERE t.project = ? AND t.dataset = ?"
                                " AND t.id > ? ORDER BY t.id",
                                "ttt", project, dataset, after ? after : "");
    if (status != BW_OK)
        return status;
    bq_table table = {.arena = BW_ARENA_INIT};
    bool more = true;
    while (status == BW_OK && more && sqlite3_step(stmt) == SQLITE_ROW) {
        bw_arena_reset(&table.arena, SIZE_MAX);
        status = read_table(stmt, &table, NULL, err);
        more = status == BW_OK && visit(user, &table);
    }
    bq_table_fini(&table);
    bw_sb_db_done(catalog->db, stmt);
    return status;
}

bw_status bq_table_list(bq_catalog *catalog, const char *project, const char *dataset,
                        const char *after, bq_table_visit *visit, void *user, bq_error *err)
{
    bq_store_lock(catalog);
    bw_status status = bq_store_list(catalog, project, dataset, after, visit, user, err);
    bq_store_unlock(catalog);
    return status;
}

static bw_status scan_rows(bq_catalog *catalog, bq_table_ref ref, const int *columns,
                           size_t column_count, int64_t offset, int64_t limit, bq_row_visit *visit,
                           void *user, bq_error *err)
{
    bq_table table;
    int64_t storage;
    sqlite3_stmt *stmt = NULL;
    bw_status status = bq_store_peek(catalog, ref, &table, &storage, err);

    if (status != BW_OK)
        return status;
    size_t count = columns ? column_count : table.schema.count;
    bw_buf sql = BW_BUF_INIT;
    char shared[BQ_RESULT_TABLE];
    bw_buf_adds(&sql, "SELECT 0");
    for (size_t i = 0; i < count; i++) {
        int at = columns ? columns[i] : (int)i;
        bw_buf_addc(&sql, ',');
        if (bq_is_result(storage))
            bw_buf_addf(&sql, "c%d", at + 1);
        else
            bq_store_quote(&sql, table.schema.fields[at].name);
    }
    /* The same text for all results of as many columns: it is kept prepared. */
    if (bq_is_result(storage))
        bw_buf_addf(&sql, " FROM %s WHERE storage = ?3", bq_result_table(storage, shared));
    else
        bw_buf_addf(&sql, " FROM \"t%lld\"", (long long)storage);
    bw_buf_adds(&sql, " ORDER BY \"!\" LIMIT ?1 OFFSET ?2");
    bq_value *row = bw_arena_alloc(&table.arena, sizeof(*row) * (count + 1));
    status = bq_store_query(catalog, err, &stmt, bw_buf_cstr(&sql),
                            bq_is_result(storage) ? "iii" : "ii", limit, offset, storage);
    bool more = true;
    int code = SQLITE_ROW;
    while (status == BW_OK && more && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (size_t i = 0; i < count; i++)
            row[i] = bq_store_column(stmt, (int)i + 1);
        more = visit(user, row, count);
    }
    if (status == BW_OK && code != SQLITE_ROW && code != SQLITE_DONE)
        status = bq_store_error(catalog, err);
    bw_sb_db_done(catalog->db, stmt);
    bw_buf_fini(&sql);
    bq_table_fini(&table);
    return status;
}

bw_status bq_table_scan(bq_catalog *catalog, bq_table_ref ref, const int *columns,
                        size_t column_count, int64_t offset, int64_t limit, bq_row_visit *visit,
                        void *user, bq_error *err)
{
    bq_store_lock(catalog);
    bw_status status =
        scan_rows(catalog, ref, columns, column_count, offset, limit, visit, user, err);
    bq_store_unlock(catalog);
    return status;
}
