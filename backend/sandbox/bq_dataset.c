#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "backend/sandbox/bq_store.h"

#define COLUMNS "project, id, location, metadata, created, modified, version"

static void read_dataset(sqlite3_stmt *stmt, bq_dataset *out)
{
    bw_arena *arena = &out->arena;

    out->project = bq_store_text(arena, stmt, 0);
    out->id = bq_store_text(arena, stmt, 1);
    out->location = bq_store_text(arena, stmt, 2);
    out->metadata = bq_store_text(arena, stmt, 3);
    out->created_us = sqlite3_column_int64(stmt, 4);
    out->modified_us = sqlite3_column_int64(stmt, 5);
    out->default_expiration_ms = 0;
    bw_json_member_int(bw_slice_cstr(out->metadata), "defaultTableExpirationMs",
                       &out->default_expiration_ms);
    snprintf(out->etag, sizeof(out->etag), "d%llx.%llx", (unsigned long long)out->created_us,
             (unsigned long long)sqlite3_column_int64(stmt, 6));
}

void bq_dataset_fini(bq_dataset *dataset)
{
    bw_arena_fini(&dataset->arena);
}

bw_status bq_store_dataset(bq_catalog *catalog, const char *project, const char *id,
                           bq_dataset *out, bq_error *err)
{
    sqlite3_stmt *stmt;
    bw_status status = bq_store_query(
        catalog, err, &stmt, "SELECT " COLUMNS " FROM bq_dataset WHERE project = ? AND id = ?",
        "tt", project, id);

    if (status != BW_OK)
        return status;
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        if (out) {
            *out = (bq_dataset){.arena = BW_ARENA_INIT};
            read_dataset(stmt, out);
        }
    } else {
        status = bq_error_set(err, "notFound", NULL, "Not found: Dataset %s:%s", project, id);
    }
    bw_sb_db_done(catalog->db, stmt);
    return status;
}

static bw_status insert_dataset(bq_catalog *catalog, const char *project, const char *id,
                                const char *location, const char *metadata, bq_error *err)
{
    int64_t now = bw_wall_us(catalog->clock);
    bq_error ignored = BQ_ERROR_INIT;

    if (bq_store_dataset(catalog, project, id, NULL, &ignored) == BW_OK)
        return bq_error_set(err, "duplicate", NULL, "Already Exists: Dataset %s:%s", project, id);
    return bq_store_exec(
        catalog, err, "INSERT INTO bq_dataset(" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, 1)", "ttttii",
        project, id, location && *location ? location : "US", metadata ? metadata : "{}", now, now);
}

bw_status bq_store_anonymous(bq_catalog *catalog, const char *project, const char *location,
                             bq_error *err)
{
    bq_error ignored = BQ_ERROR_INIT;

    if (bq_store_dataset(catalog, project, BQ_ANONYMOUS_DATASET, NULL, &ignored) == BW_OK)
        return BW_OK;
    return insert_dataset(catalog, project, BQ_ANONYMOUS_DATASET, location, NULL, err);
}

bw_status bq_store_dataset_add(bq_catalog *catalog, const bq_dataset *in, bq_error *err)
{
    return insert_dataset(catalog, in->project, in->id, in->location, in->metadata, err);
}

bw_status bq_dataset_create(bq_catalog *catalog, const bq_dataset *in, bq_dataset *out,
                            bq_error *err)
{
    bw_status status = bq_check_dataset_id(in->id, err);

    if (status != BW_OK)
        return status;
    bq_store_lock(catalog);
    status = insert_dataset(catalog, in->project, in->id, in->location, in->metadata, err);
    if (status == BW_OK && out)
        status = bq_store_dataset(catalog, in->project, in->id, out, err);
    bq_store_unlock(catalog);
    return status;
}

bw_status bq_dataset_get(bq_catalog *catalog, const char *project, const char *id, bq_dataset *out,
                         bq_error *err)
{
    bq_store_lock(catalog);
    bw_status status = bq_store_dataset(catalog, project, id, out, err);
    bq_store_unlock(catalog);
    return status;
}

static bw_status update_dataset(bq_catalog *catalog, const char *project, const char *id,
                                const char *metadata, const char *if_match, bq_error *err)
{
    bq_dataset current;
    bw_status status = bq_store_dataset(catalog, project, id, &current, err);

    if (status != BW_OK)
        return status;
    bool match = !if_match || strcmp(if_match, current.etag) == 0;
    bq_dataset_fini(&current);
    if (!match)
        return bq_error_set(err, "conditionNotMet", "If-Match", "Precondition check failed.");
    return bq_store_exec(catalog, err,
                         "UPDATE bq_dataset SET metadata = ?, modified = ?, version = version + 1"
                         " WHERE project = ? AND id = ?",
                         "titt", metadata, bw_wall_us(catalog->clock), project, id);
}

bw_status bq_dataset_update(bq_catalog *catalog, const char *project, const char *id,
                            const char *metadata, const char *if_match, bq_dataset *out,
                            bq_error *err)
{
    bq_store_lock(catalog);
    bw_status status = update_dataset(catalog, project, id, metadata, if_match, err);
    if (status == BW_OK && out)
        status = bq_store_dataset(catalog, project, id, out, err);
    bq_store_unlock(catalog);
    return status;
}

/* One table of the dataset; BW_NOT_FOUND when there is none left. */
static bw_status drop_one(bq_catalog *catalog, const char *project, const char *id, bq_error *err)
{
    sqlite3_stmt *stmt;
    bw_status status = bq_store_query(catalog, err, &stmt,
                                      "DELETE FROM bq_table WHERE project = ?1 AND dataset = ?2"
                                      " AND id = (SELECT min(id) FROM bq_table WHERE project = ?1"
                                      "  AND dataset = ?2) RETURNING storage",
                                      "tt", project, id);

    if (status != BW_OK)
        return status;
    int64_t storage = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    bw_sb_db_done(catalog->db, stmt);
    return storage == 0 ? BW_NOT_FOUND : bq_storage_drop(catalog, storage, err);
}

bw_status bq_store_dataset_remove(bq_catalog *catalog, const char *project, const char *id,
                                  bool delete_contents, bq_error *err)
{
    sqlite3_stmt *stmt;
    bw_status status = bq_store_dataset(catalog, project, id, NULL, err);

    if (status == BW_OK)
        status = bq_store_query(catalog, err, &stmt,
                                "SELECT 1 FROM bq_table WHERE project = ? AND dataset = ? LIMIT 1",
                                "tt", project, id);
    if (status != BW_OK)
        return status;
    bool used = sqlite3_step(stmt) == SQLITE_ROW;
    bw_sb_db_done(catalog->db, stmt);
    if (used && !delete_contents)
        return bq_error_set(err, "resourceInUse", NULL, "Dataset %s:%s is still in use", project,
                            id);
    while (status == BW_OK)
        status = drop_one(catalog, project, id, err);
    if (status != BW_NOT_FOUND)
        return status;
    return bq_store_exec(catalog, err, "DELETE FROM bq_dataset WHERE project = ? AND id = ?", "tt",
                         project, id);
}

bw_status bq_dataset_delete(bq_catalog *catalog, const char *project, const char *id,
                            bool delete_contents, bq_error *err)
{
    bq_store_lock(catalog);
    bw_status status = bq_store_begin(catalog, err);
    if (status == BW_OK)
        status = bq_store_end(
            catalog, bq_store_dataset_remove(catalog, project, id, delete_contents, err), err);
    bq_store_unlock(catalog);
    return status;
}

bw_status bq_dataset_list(bq_catalog *catalog, const char *project, const char *after,
                          bq_dataset_visit *visit, void *user, bq_error *err)
{
    sqlite3_stmt *stmt;

    bq_store_lock(catalog);
    bw_status status =
        bq_store_query(catalog, err, &stmt,
                       "SELECT " COLUMNS " FROM bq_dataset WHERE project = ? AND id > ?"
                       " AND id NOT LIKE '\\_%' ESCAPE '\\' ORDER BY id",
                       "tt", project, after ? after : "");
    if (status == BW_OK) {
        bq_dataset dataset = {.arena = BW_ARENA_INIT};
        bool more = true;
        while (more && sqlite3_step(stmt) == SQLITE_ROW) {
            bw_arena_reset(&dataset.arena, SIZE_MAX);
            read_dataset(stmt, &dataset);
            more = visit(user, &dataset);
        }
        bq_dataset_fini(&dataset);
        bw_sb_db_done(catalog->db, stmt);
    }
    bq_store_unlock(catalog);
    return status;
}
