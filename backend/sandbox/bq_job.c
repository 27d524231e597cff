#include <stdlib.h>

#include "backend/sandbox/bq_store.h"

static bw_status read_job(bq_catalog *catalog, const char *project, const char *location,
                          const char *id, char **json, bq_error *err)
{
    sqlite3_stmt *stmt;
    bw_status status = bq_store_query(catalog, err, &stmt,
                                      "SELECT json FROM bq_job INDEXED BY bq_job_id"
                                      " WHERE project = ?1 AND id = ?3"
                                      " AND (?2 IS NULL OR location = ?2 COLLATE NOCASE)",
                                      "ttt", project, location, id);

    if (status != BW_OK)
        return status;
    if (sqlite3_step(stmt) != SQLITE_ROW)
        status = bq_error_set(err, "notFound", NULL, "Not found: Job %s:%s%s%s", project,
                              location ? location : "", location ? "." : "", id);
    else if (json)
        *json = bw_xstrdup((const char *)sqlite3_column_text(stmt, 0));
    bw_sb_db_done(catalog->db, stmt);
    return status;
}

bw_status bq_job_get(bq_catalog *catalog, const char *project, const char *location, const char *id,
                     char **json, bq_error *err)
{
    bq_store_lock(catalog);
    bw_status status = read_job(catalog, project, location, id, json, err);
    bq_store_unlock(catalog);
    return status;
}

/* A job that has been deleted since leaves its requestId free. */
static bw_status read_request(bq_catalog *catalog, bw_arena *arena, const char *project,
                              const char *request_id, int64_t now_us, const char **location,
                              const char **id, bq_error *err)
{
    sqlite3_stmt *stmt;
    bw_status status = bq_store_query(
        catalog, err, &stmt,
        "SELECT j.location, j.id FROM bq_request r JOIN bq_job j ON j.project = r.project"
        " AND j.location = r.location AND j.id = r.job"
        " WHERE r.project = ?1 AND r.id = ?2 AND r.created > ?3",
        "tti", project, request_id, now_us - BQ_REQUEST_LIFE);

    if (status != BW_OK)
        return status;
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        *location = bw_arena_strdup(arena, (const char *)sqlite3_column_text(stmt, 0));
        *id = bw_arena_strdup(arena, (const char *)sqlite3_column_text(stmt, 1));
    } else {
        status = bq_error_set(err, "notFound", NULL, "Not found: a job of request %s", request_id);
    }
    bw_sb_db_done(catalog->db, stmt);
    return status;
}

bw_status bq_job_of_request(bq_catalog *catalog, bw_arena *arena, const char *project,
                            const char *request_id, int64_t now_us, const char **location,
                            const char **id, bq_error *err)
{
    bq_store_lock(catalog);
    bw_status status = read_request(catalog, arena, project, request_id, now_us, location, id, err);
    bq_store_unlock(catalog);
    return status;
}

static bw_status check_is_new(bq_catalog *catalog, const bq_job_record *job, bq_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    bq_error ignored = BQ_ERROR_INIT;
    const char *location = job->location, *id = job->id;
    bool there =
        read_job(catalog, job->project, job->location, id, NULL, &ignored) == BW_OK ||
        (job->request_id && read_request(catalog, &arena, job->project, job->request_id,
                                         job->created_us, &location, &id, &ignored) == BW_OK);
    bw_status status = BW_OK;
    if (there)
        status = bq_error_set(err, "duplicate", NULL, "Already Exists: Job %s:%s.%s", job->project,
                              location, id);
    bw_arena_fini(&arena);
    return status;
}

static bw_status insert_request(bq_catalog *catalog, const bq_job_record *job, bq_error *err)
{
    bw_status status = bq_store_exec(catalog, err, "DELETE FROM bq_request WHERE created <= ?", "i",
                                     job->created_us - BQ_REQUEST_LIFE);
    if (status == BW_OK)
        status = bq_store_exec(catalog, err,
                               "INSERT OR REPLACE INTO bq_request(project, id, location, job,"
                               " created) VALUES (?, ?, ?, ?, ?)",
                               "tttti", job->project, job->request_id, job->location, job->id,
                               job->created_us);
    return status;
}

bw_status bq_job_insert(bq_catalog *catalog, const bq_job_record *job, bq_error *err)
{
    bq_store_lock(catalog);
    bw_status status = check_is_new(catalog, job, err);
    if (status == BW_OK)
        status = bq_store_begin(catalog, err);
    if (status == BW_OK) {
        status = bq_store_exec(catalog, err,
                               "INSERT INTO bq_job(project, location, id, created, json)"
                               " VALUES (?, ?, ?, ?, ?)",
                               "tttit", job->project, job->location, job->id, job->created_us,
                               job->json);
        if (status == BW_OK && job->request_id)
            status = insert_request(catalog, job, err);
        status = bq_store_end(catalog, status, err);
    }
    bq_store_unlock(catalog);
    return status;
}

bw_status bq_job_put_locked(bq_catalog *catalog, const bq_job_record *job, bq_error *err)
{
    return bq_store_exec(catalog, err,
                         "INSERT OR REPLACE INTO bq_job(project, location, id, created, json)"
                         " VALUES (?, ?, ?, ?, ?)",
                         "tttit", job->project, job->location, job->id, job->created_us, job->json);
}

bw_status bq_job_put(bq_catalog *catalog, const bq_job_record *job, bq_error *err)
{
    bq_store_lock(catalog);
    bw_status status = bq_job_put_locked(catalog, job, err);
    bq_store_unlock(catalog);
    return status;
}

bw_status bq_job_list(bq_catalog *catalog, const char *project, bq_job_visit *visit, void *user,
                      bq_error *err)
{
    sqlite3_stmt *stmt;

    bq_store_lock(catalog);
    bw_status status = bq_store_query(catalog, err, &stmt,
                                      "SELECT project, location, id, created, json FROM bq_job"
                                      " WHERE ?1 IS NULL OR project = ?1"
                                      " ORDER BY created DESC, id",
                                      "t", project);
    if (status == BW_OK) {
        bool more = true;
        while (more && sqlite3_step(stmt) == SQLITE_ROW) {
            bq_job_record job = {
                .project = (const char *)sqlite3_column_text(stmt, 0),
                .location = (const char *)sqlite3_column_text(stmt, 1),
                .id = (const char *)sqlite3_column_text(stmt, 2),
                .created_us = sqlite3_column_int64(stmt, 3),
                .json = (const char *)sqlite3_column_text(stmt, 4),
            };
            more = visit(user, &job);
        }
        bw_sb_db_done(catalog->db, stmt);
    }
    bq_store_unlock(catalog);
    return status;
}

bw_status bq_job_delete(bq_catalog *catalog, const char *project, const char *location,
                        const char *id, bq_error *err)
{
    bq_store_lock(catalog);
    bw_status status = read_job(catalog, project, location, id, NULL, err);
    if (status == BW_OK)
        status = bq_store_exec(catalog, err,
                               "DELETE FROM bq_job WHERE project = ?1 AND id = ?3"
                               " AND (?2 IS NULL OR location = ?2 COLLATE NOCASE)",
                               "ttt", project, location, id);
    bq_store_unlock(catalog);
    return status;
}
