/*
 * Jobs under ids of our own: what they were sent to do is compared before their outcome is taken for
 * ours, because an id that someone else used is the one thing that would make a lost batch look
 * committed.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/destination/internal.h"

/* BigQuery ends load and query jobs after six hours by itself; a little later we stop asking. */
#define JOB_LIFETIME (7 * BW_HOUR)

json_t *bw_job_table(const bw_target *target, const char *table)
{
    return json_pack("{s:s, s:s, s:s}", "projectId", target->project, "datasetId", target->dataset,
                     "tableId", table);
}

json_t *bw_job_resource(const bw_target *target, const bw_job_id *id, const char *kind,
                        json_t *configuration)
{
    json_t *labels = json_object();
    for (size_t i = 0; i < id->n_labels; i++)
        json_object_set_new(labels, id->labels[i].key, json_string(id->labels[i].value));
    return json_pack("{s:{s:s, s:s, s:s}, s:{s:o, s:o}}", "jobReference", "projectId",
                     target->project, "jobId", id->id, "location", target->location,
                     "configuration", "labels", labels, kind, configuration);
}

/* ---- ours or not ------------------------------------------------------------------------- */

static const json_t *destination_table(const json_t *configuration)
{
    static const char *const kinds[] = {"load", "copy"};
    for (size_t i = 0; i < BW_COUNT(kinds); i++) {
        const json_t *c = json_object_get(configuration, kinds[i]);
        if (c)
            return json_object_get(c, "destinationTable");
    }
    return NULL; /* a query names its table in its text */
}

/* OK when the member is what we sent, else CONFLICT naming both. */
static bw_status check(const bw_job_id *id, const json_t *object, const char *member,
                       const char *ours, bw_error *err)
{
    const char *theirs = json_string_value(json_object_get(object, member));
    if (theirs && strcmp(theirs, ours) == 0)
        return BW_OK;
    bw_error_set(err, BW_CONFLICT,
                 "job %s exists, but it is not ours: its %s is %.200s, not %.200s", id->id, member,
                 theirs ? theirs : "missing", ours);
    return bw_error_hint(err, "Another engine uses the same identity: was the state directory "
                              "copied? Run only one of them.");
}

static bw_status check_labels(const bw_job_id *id, const json_t *configuration, bw_error *err)
{
    const json_t *labels = json_object_get(configuration, "labels");
    bw_status s = BW_OK;
    for (size_t i = 0; s == BW_OK && i < id->n_labels; i++)
        s = check(id, labels, id->labels[i].key, id->labels[i].value, err);
    return s;
}

static bw_status check_destination(const bw_job_expectation *expected, const json_t *to,
                                   bw_error *err)
{
    const bw_job_id *id = expected->id;
    bw_status s = check(id, to, "projectId", expected->target->project, err);
    if (s == BW_OK)
        s = check(id, to, "datasetId", expected->target->dataset, err);
    if (s == BW_OK && expected->table)
        s = check(id, to, "tableId", expected->table, err);
    return s;
}

bw_status bw_job_check_ours(const bw_job_expectation *expected, const json_t *job, bw_error *err)
{
    const json_t *configuration = json_object_get(job, "configuration");
    bw_status s = check_labels(expected->id, configuration, err);
    const json_t *to = destination_table(configuration);
    if (s == BW_OK && to)
        s = check_destination(expected, to, err);
    if (s == BW_OK && expected->query)
        s = check(expected->id, json_object_get(configuration, "query"), "query", expected->query,
                  err);
    return s;
}

/* ---- results ----------------------------------------------------------------------------- */

static int64_t number(const json_t *object, const char *member)
{
    const json_t *v = json_object_get(object, member);
    if (json_is_string(v))
        return strtoll(json_string_value(v), NULL, 10);
    return json_is_integer(v) ? json_integer_value(v) : -1;
}

static void read_statistics(const json_t *job, bw_job_result *result)
{
    const json_t *statistics = json_object_get(job, "statistics");
    const json_t *load = json_object_get(statistics, "load");
    const json_t *query = json_object_get(statistics, "query");
    const json_t *copy = json_object_get(statistics, "copy");
    if (load) {
        result->rows = number(load, "outputRows");
        result->bytes = number(load, "outputBytes");
    } else if (query) {
        result->rows = number(query, "numDmlAffectedRows");
        result->bytes = number(query, "totalBytesBilled");
    } else if (copy) {
        result->rows = number(copy, "copiedRows");
        result->bytes = number(copy, "copiedLogicalBytes");
    }
}

/* "... in row starting at position 4711: ..." */
static bool bad_offset(const char *message, int64_t *offset)
{
    static const char marker[] = "starting at position ";
    const char *at = strstr(message, marker);
    if (!at || !isdigit((unsigned char)at[sizeof marker - 1]))
        return false;
    *offset = strtoll(at + sizeof marker - 1, NULL, 10);
    return true;
}

static void add_bad_offset(bw_job_result *result, int64_t offset)
{
    for (size_t i = 0; i < result->n_bad_offsets; i++)
        if (result->bad_offsets[i] == offset)
            return;
    if (result->n_bad_offsets < BW_COUNT(result->bad_offsets))
        result->bad_offsets[result->n_bad_offsets++] = offset;
}

/* The rows that a load job was refused for. The first error that names one says why. */
static void read_bad_rows(const json_t *job, bw_job_result *result)
{
    const json_t *status = json_object_get(job, "status");
    size_t i;
    json_t *error;
    json_array_foreach(json_object_get(status, "errors"), i, error)
    {
        const char *message = json_string_value(json_object_get(error, "message"));
        int64_t offset;
        if (!message || !bad_offset(message, &offset))
            continue;
        if (result->n_bad_offsets == 0)
            snprintf(result->bad_message, sizeof result->bad_message, "%s", message);
        add_bad_offset(result, offset);
    }
}

static bool contains(const char *text, const char *part)
{
    return text && strstr(text, part);
}

/* What another statement on the same table did at the same time goes away by trying again. */
static void read_failure(const json_t *job, bw_job_result *result)
{
    const json_t *error = json_object_get(json_object_get(job, "status"), "errorResult");
    const char *message = json_string_value(json_object_get(error, "message"));
    const char *reason = json_string_value(json_object_get(error, "reason"));

    if (contains(message, "Could not serialize access") ||
        contains(message, "due to concurrent update"))
        result->error.retryable = true;
    if (!json_object_get(json_object_get(job, "configuration"), "load"))
        return;
    read_bad_rows(job, result);
    bool rows = reason && strcmp(reason, "invalid") == 0 &&
                (result->n_bad_offsets > 0 || contains(message, "Error while reading data") ||
                 contains(message, "too many errors"));
    if (!rows)
        return;
    if (!result->bad_message[0])
        snprintf(result->bad_message, sizeof result->bad_message, "%s", message ? message : "");
    result->error.status = BW_REJECTED;
    result->error.retryable = false;
}

void bw_job_read_result(const json_t *job, bw_job_result *result)
{
    *result = (bw_job_result){.found = true, .rows = -1, .bytes = -1};
    result->done = bw_bigquery_job_done(job);
    if (!result->done)
        return;
    read_statistics(job, result);
    result->failed = bw_bigquery_job_error(job, &result->error) != BW_OK;
    if (result->failed)
        read_failure(job, result);
}

/* ---- waiting ----------------------------------------------------------------------------- */

static bw_status take(const bw_job_expectation *expected, json_t *job, bw_job_result *result,
                      bw_error *err)
{
    bw_status s = bw_job_check_ours(expected, job, err);
    if (s == BW_OK)
        bw_job_read_result(job, result);
    json_decref(job);
    return s;
}

bw_status bw_job_wait(bw_destination *d, const bw_job_expectation *expected, bw_job_result *result,
                      bw_error *err)
{
    const bw_target *t = expected->target;
    json_t *job = NULL;
    bw_status s = bw_bigquery_wait_job(d->bq, t->project, t->location, expected->id->id,
                                       bw_mono_us(d->clock) + JOB_LIFETIME, &job, err);
    if (s != BW_OK)
        return bw_error_wrap(err, "job %s", expected->id->id);
    return take(expected, job, result, err);
}

bw_status bw_job_adopt(bw_destination *d, const bw_job_expectation *expected, bool *known,
                       bw_job_result *result, bw_error *err)
{
    const bw_target *t = expected->target;
    json_t *job = NULL;
    bw_status s = bw_bigquery_get_job(d->bq, t->project, t->location, expected->id->id, &job, err);
    *known = s == BW_OK;
    if (s == BW_NOT_FOUND) {
        *result = (bw_job_result){.rows = -1, .bytes = -1};
        return BW_OK;
    }
    if (s != BW_OK)
        return bw_error_wrap(err, "job %s", expected->id->id);
    s = take(expected, job, result, err);
    return s == BW_OK && !result->done ? bw_job_wait(d, expected, result, err) : s;
}

bw_status bw_destination_find_job(bw_destination *d, const bw_target *target, const bw_job_id *id,
                                  bw_job_result *result, bw_error *err)
{
    bw_job_expectation expected = {.target = target, .id = id};
    json_t *job = NULL;
    *result = (bw_job_result){.rows = -1, .bytes = -1};
    bw_status s = bw_bigquery_get_job(d->bq, target->project, target->location, id->id, &job, err);
    if (s == BW_NOT_FOUND)
        return BW_OK;
    if (s != BW_OK)
        return bw_error_wrap(err, "job %s", id->id);
    return take(&expected, job, result, err);
}
