/*
 * Final jobs make a batch visible. Their ids are stored before they are sent, so a job is sent only
 * when the service says that it does not know the id, and an answer that never came is resolved by
 * asking for the id again: at most one of it ever runs.
 */
#include <stdio.h>

#include "backend/core/crash_point.h"
#include "backend/core/log.h"
#include "backend/destination/internal.h"
#include "backend/destination/sql.h"
#include "backend/google/retry.h"
#include "backend/model/chunk.h"

static bool is_copy(const char *text)
{
    return strncmp(text, "copy ", 5) == 0;
}

/* ---- what it costs ----------------------------------------------------------------------- */

static bw_status book_bytes(bw_destination *d, const bw_target *target, const char *sql,
                            bw_error *err)
{
    bw_question q = {.project = target->project, .location = target->location, .sql = sql};
    int64_t bytes = -1;
    if (!d->budget.book_bytes)
        return BW_OK;
    bw_status s = bw_bigquery_dry_run(d->bq, &q, &bytes, err);
    if (s != BW_OK || bytes < 0)
        return s;
    return d->budget.book_bytes(d->budget.user, bytes, err);
}

/* ---- the job ----------------------------------------------------------------------------- */

static json_t *query_job(const bw_target *target, const char *sql, const bw_job_id *id,
                         int64_t max_bytes_billed)
{
    json_t *query = json_pack("{s:s, s:b}", "query", sql, "useLegacySql", 0);
    if (max_bytes_billed > 0) {
        char text[32];
        snprintf(text, sizeof text, "%lld", (long long)max_bytes_billed);
        json_object_set_new(query, "maximumBytesBilled", json_string(text));
    }
    return bw_job_resource(target, id, "query", query);
}

static json_t *copy_job(const bw_target *target, const char *staging, const bw_job_id *id)
{
    json_t *copy =
        json_pack("{s:o, s:o, s:s, s:s}", "sourceTable", bw_job_table(target, staging),
                  "destinationTable", bw_job_table(target, target->table), "createDisposition",
                  "CREATE_NEVER", "writeDisposition", "WRITE_TRUNCATE");
    return bw_job_resource(target, id, "copy", copy);
}

/* Inserts the job and waits for it; what is unknown is asked for by the id before it is sent again. */
static bw_status insert_and_wait(bw_destination *d, const bw_job_expectation *expected,
                                 const json_t *job, bw_job_result *result, bw_error *err)
{
    bw_retry retry = bw_retry_begin(d->clock, d->cancel, bw_destination_deadline(d),
                                    expected->target->table, "insert the job");
    for (;;) {
        bw_crash_point("final_send_before");
        bw_status s = bw_bigquery_insert_job(d->bq, expected->target->project, job, NULL, err);
        bw_crash_point("final_send_after");
        if (s == BW_OK)
            return bw_job_wait(d, expected, result, err);
        if (s != BW_EXISTS && !err->maybe_acted)
            return s;

        bw_error why = *err;
        bool known;
        s = bw_job_adopt(d, expected, &known, result, err);
        if (s != BW_OK || known)
            return s;
        *err = why;
        err->retryable = true;
        if (!bw_retry_again(&retry, err))
            return err->status;
    }
}

static bw_status send_final(bw_destination *d, const bw_job_expectation *expected, const char *text,
                            const char *staging, int64_t max_bytes_billed, bw_job_result *result,
                            bw_error *err)
{
    const bw_target *target = expected->target;
    bool copy = is_copy(text);
    bw_status s = copy ? bw_destination_book(d, target, target->table, err)
                       : book_bytes(d, target, text, err);
    if (s != BW_OK)
        return s;
    json_t *job = copy ? copy_job(target, staging, expected->id)
                       : query_job(target, text, expected->id, max_bytes_billed);
    s = insert_and_wait(d, expected, job, result, err);
    json_decref(job);
    return s;
}

bw_status bw_destination_run_final(bw_destination *d, const bw_target *target, bw_final_kind kind,
                                   const char *text, const char *staging, const bw_job_id *id,
                                   int64_t max_bytes_billed, bw_job_result *result, bw_error *err)
{
    static const char *const names[] = {
        [BW_FINAL_MERGE] = "merge",
        [BW_FINAL_INSERT] = "insert",
        [BW_FINAL_RAW_INSERT] = "insert of raw rows",
        [BW_FINAL_COPY] = "replacement",
    };
    bw_job_expectation expected = {.target = target, .id = id};
    if (is_copy(text))
        expected.table = target->table;
    else
        expected.query = text;

    bool known = false;
    *result = (bw_job_result){.rows = -1, .bytes = -1};
    bw_status s = bw_job_adopt(d, &expected, &known, result, err);
    if (s == BW_OK && known)
        bw_log(BW_LOG_INFO, target->table, "the %s was sent before: job %s", names[kind], id->id);
    if (s == BW_OK && !known)
        s = send_final(d, &expected, text, staging, max_bytes_billed, result, err);
    if (s == BW_OK && result->failed) {
        *err = result->error;
        s = err->status;
    }
    return s == BW_OK ? s : bw_error_wrap(err, "%s into %s", names[kind], target->table);
}

/* ---- duplicates -------------------------------------------------------------------------- */

/* The key as text: BYTES come as base64 by themselves, everything else has one text form. */
static void add_key_question(bw_buf *sql, const bw_target *target, const bw_schema *schema,
                             const size_t *key, size_t n_key, const char *staging)
{
    bw_buf_adds(sql, "SELECT ");
    for (size_t i = 0; i < n_key; i++) {
        const bw_field *f = &schema->fields[key[i]];
        bool bytes = f->type == BW_TYPE_BYTES;
        bw_buf_adds(sql, i ? ", " : "");
        bw_buf_adds(sql, bytes ? "" : "CAST(");
        bw_sql_add_name(sql, f->name);
        if (!bytes)
            bw_buf_addf(sql, " AS STRING) AS `k%zu`", i);
    }
    bw_buf_adds(sql, "\nFROM ");
    bw_sql_add_table(sql, target, staging);
    bw_buf_adds(sql, "\nGROUP BY ");
    for (size_t i = 0; i < n_key; i++) {
        bw_buf_adds(sql, i ? ", " : "");
        bw_sql_add_name(sql, schema->fields[key[i]].name);
    }
    bw_buf_adds(sql, "\nHAVING COUNT(*) > 1\nLIMIT 1");
}

/* The row of the answer as the key's JSON, by the same function that names keys everywhere. */
static const char *key_of_answer(const json_t *answer, const bw_schema *schema, const size_t *key,
                                 size_t n_key, bw_arena *arena)
{
    const json_t *row = json_array_get(json_object_get(answer, "rows"), 0);
    if (!row)
        return NULL;
    bw_value *values = BW_ARENA_ARRAY(arena, bw_value, schema->count + 1);
    for (size_t i = 0; i < n_key; i++) {
        const json_t *cell = json_array_get(json_object_get(row, "f"), i);
        const char *text = json_string_value(json_object_get(cell, "v"));
        if (text)
            values[key[i]] = bw_value_text(bw_arena_strdup(arena, text), strlen(text));
    }
    return bw_row_key_json(arena, schema, key, n_key, values).ptr;
}

bw_status bw_destination_find_duplicate(bw_destination *d, const bw_target *target,
                                        const bw_schema *schema, const size_t *key, size_t n_key,
                                        const char *staging, bw_arena *arena,
                                        const char **duplicate, bw_error *err)
{
    *duplicate = NULL;
    if (n_key == 0)
        return BW_OK;
    bw_buf sql = BW_BUF_INIT;
    add_key_question(&sql, target, schema, key, n_key, staging);
    bw_question q = {
        .project = target->project, .location = target->location, .sql = bw_buf_cstr(&sql)};
    json_t *answer = NULL;
    bw_status s = bw_bigquery_ask(d->bq, &q, &answer, err);
    if (s == BW_OK)
        *duplicate = key_of_answer(answer, schema, key, n_key, arena);
    else
        bw_error_wrap(err, "look for keys that occur twice in %s", staging);
    json_decref(answer);
    bw_buf_fini(&sql);
    return s;
}
