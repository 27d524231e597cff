/*
 * Load jobs: newline-delimited JSON, CSV or Avro from a spooled upload into a table, all or nothing. The
 * wording of row errors is BigQuery's, with the position at which the row begins in the decompressed
 * text.
 */
#include <stdio.h>

#include "backend/sandbox/avro.h"
#include "backend/sandbox/csv.h"
#include "backend/sandbox/job_config.h"
#include "backend/sandbox/job_record.h"
#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/lines.h"
#include "backend/sandbox/quota.h"

#define SHOWN_ERRORS 50

typedef enum load_format { LOAD_CSV, LOAD_JSON, LOAD_AVRO, LOAD_UNKNOWN } load_format;

typedef struct load_run {
    bw_sb_bigquery *bq;
    bw_sb_job *job;
    bw_slice config; /* configuration.load */
    bw_arena arena;  /* of the configuration; until the end */
    bw_arena row_arena;
    bq_table_ref destination;
    bq_append *append;
    bq_value *row;
    bq_load_options options;
    load_format format;
    bw_sb_csv_options csv_options;
    bw_avro_options avro_options;
    bw_sb_avro *avro;
    bw_buf joined; /* a CSV record of several lines */
    int64_t max_bad, bad, rows_read;
    bw_buf errors; /* array of ErrorProto, without its brackets */
    size_t errors_shown;
} load_run;

/* CSV is the default of sourceFormat. */
static load_format format_of(const char *name)
{
    static const char *const names[] = {"CSV", "NEWLINE_DELIMITED_JSON", "AVRO"};
    if (!name || !*name)
        return LOAD_CSV;
    for (size_t i = 0; i < BW_COUNT(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return (load_format)i;
    }
    return LOAD_UNKNOWN;
}

/* The options that belong to the format. */
static bw_status format_options(load_format format, bw_arena *arena, bw_slice config,
                                bw_sb_csv_options *csv, bw_avro_options *avro, bq_error *err)
{
    if (format == LOAD_CSV)
        return bw_sb_csv_options_parse(arena, config, csv, err);
    return format == LOAD_AVRO ? bw_sb_avro_options(config, avro, err) : BW_OK;
}

static bw_status check_load(bw_sb_bigquery *bq, bw_sb_job *job, bq_error *err)
{
    bw_slice config = bw_sb_json_object(job->configuration, "load");
    bq_table_ref ref = bw_sb_table_reference(
        &job->arena, bw_sb_json_object(config, "destinationTable"), job->project);
    const char *format = bw_sb_json_text(&job->arena, config, "sourceFormat");
    if (!ref.dataset || !ref.table)
        return bq_error_set(err, "required", NULL,
                            "Required parameter is missing: destinationTable");
    if (bw_json_member(config, "sourceUris").len > 2)
        return bq_error_set(err, "notImplemented", NULL,
                            "The sandbox loads uploads only, not sourceUris");
    bw_sb_csv_options csv;
    bw_avro_options avro;
    bq_disposition write;
    bool create;
    if (format_of(format) == LOAD_UNKNOWN)
        return bq_error_set(err, "notImplemented", NULL,
                            "The sandbox loads NEWLINE_DELIMITED_JSON, CSV and AVRO, not %s",
                            format);
    bw_status status = format_options(format_of(format), &job->arena, config, &csv, &avro, err);
    if (status == BW_OK)
        status = bw_sb_job_dispositions(&job->arena, config, BQ_WRITE_APPEND, &write, &create, NULL,
                                        err);
    if (status != BW_OK)
        return status;
    return bw_sb_job_locate(bq, job, ref.project, ref.dataset, err);
}

/* ---- Rows ------------------------------------------------------------------------------------- */

static void note_error(load_run *run, const char *reason, const char *location, const char *message)
{
    bq_error shown = BQ_ERROR_INIT;
    if (run->errors_shown++ >= SHOWN_ERRORS)
        return;
    bq_error_set(&shown, reason, location, "%s", message);
    bw_buf_adds(&run->errors, run->errors.len ? "," : "");
    bw_buf_adds(&run->errors, bw_sb_error_proto(&run->arena, &shown));
}

static void note_row_error(load_run *run, uint64_t position, const bq_error *cause)
{
    static const char *const names[] = {"CSV", "JSON"};
    char message[sizeof cause->message + 160];
    if (run->format == LOAD_AVRO)
        snprintf(message, sizeof message,
                 "Error while reading data, error message: Avro record %llu does not fit the "
                 "table: %s",
                 (unsigned long long)position, cause->message);
    else
        snprintf(message, sizeof message,
                 "Error while reading data, error message: %s parsing error in row starting at "
                 "position %llu: %s",
                 names[run->format], (unsigned long long)position, cause->message);
    run->bad++;
    note_error(run, "invalid", NULL, message);
}

/* Too many bad records: the job's error, and the list with the rows. */
static bw_status give_up(load_run *run, bq_error *err)
{
    bq_error_set(
        err, "invalid", NULL,
        "Error while reading data, error message: JSON table encountered too many errors, "
        "giving up. Rows: %lld; errors: %lld. Please look into the errors[] collection for "
        "more details.",
        (long long)run->rows_read, (long long)run->bad);
    const char *first = bw_sb_error_proto(&run->arena, err);
    const char *all = bw_arena_printf(&run->job->arena, "[%s%s%s]", first,
                                      run->errors.len ? "," : "", bw_buf_cstr(&run->errors));
    bw_sb_job_set_outcome(run->job, NULL, all);
    return BW_INVALID;
}

static bool is_blank(bw_slice line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (!memchr(" \t\r", line.ptr[i], 3))
            return false;
    }
    return true;
}

static bw_status load_line(load_run *run, bw_slice line, uint64_t position, bq_error *err)
{
    const bq_schema *schema = bq_append_schema(run->append);
    bq_error cause = BQ_ERROR_INIT;
    if (is_blank(line))
        return BW_OK;
    if (run->format == LOAD_CSV && run->csv_options.skip_rows-- > 0)
        return BW_OK;
    run->rows_read++;
    bw_arena_reset(&run->row_arena, (size_t)1 << 20);
    bw_status status =
        run->format == LOAD_CSV
            ? bw_sb_csv_row(schema, line, &run->csv_options, &run->row_arena, run->row, &cause)
            : bq_row_from_json(schema, line, run->options, &run->row_arena, run->row, &cause);
    if (status == BW_OK)
        return bq_append_row(run->append, run->row, err);
    note_row_error(run, position, &cause);
    return run->bad > run->max_bad ? give_up(run, err) : BW_OK;
}

static bw_status load_lines(load_run *run, bq_error *err)
{
    bw_sb_lines *lines = bw_sb_lines_new(run->job->media->fd, run->job->media->gzip);
    bw_error cause = BW_ERROR_INIT;
    bw_slice line;
    uint64_t position;
    bw_status status = BW_OK;
    while (status == BW_OK) {
        bw_status next =
            run->format == LOAD_CSV
                ? bw_sb_csv_next(lines, &run->csv_options, &run->joined, &line, &position, &cause)
                : bw_sb_lines_next(lines, &line, &position, &cause);
        if (next == BW_NOT_FOUND)
            break;
        if (next != BW_OK)
            status = bq_error_set(err, next == BW_INVALID ? "invalid" : "backendError", NULL,
                                  "Error while reading data, error message: %s", cause.message);
        else if (bw_cancelled(&run->job->cancel))
            status = bq_error_set(err, "stopped", NULL,
                                  "Job execution was cancelled: User requested cancellation");
        else
            status = load_line(run, line, position, err);
    }
    bw_sb_lines_free(lines);
    return status;
}

static bw_status load_avro(load_run *run, bq_error *err)
{
    bw_status status = bw_sb_avro_bind(run->avro, bq_append_schema(run->append), err);
    while (status == BW_OK) {
        bq_error cause = BQ_ERROR_INIT;
        bw_arena_reset(&run->row_arena, (size_t)1 << 20);
        bw_status next = bw_sb_avro_next(run->avro, &run->row_arena, run->row, &cause);
        if (next == BW_NOT_FOUND)
            break;
        run->rows_read++;
        if (bw_cancelled(&run->job->cancel))
            return bq_error_set(err, "stopped", NULL,
                                "Job execution was cancelled: User requested cancellation");
        if (next == BW_OK) {
            status = bq_append_row(run->append, run->row, err);
        } else if (next == BW_CORRUPT) {
            *err = cause;
            status = next;
        } else {
            note_row_error(run, (uint64_t)run->rows_read, &cause);
            status = run->bad > run->max_bad ? give_up(run, err) : BW_OK;
        }
    }
    return status;
}

/* ---- The job ---------------------------------------------------------------------------------- */

/* Rows are not known for compressed data that was thrown away. */
static void set_statistics(load_run *run)
{
    const bw_sb_spool *media = run->job->media;
    bool discarded = media->fd < 0;
    int64_t rows = bq_append_rows(run->append);
    bw_buf out = BW_BUF_INIT;
    bw_buf_adds(&out, "{\"load\":{");
    bw_sb_json_add_int64(&out, "inputFiles", 1);
    bw_sb_json_add_int64(&out, "inputFileBytes", (int64_t)media->size);
    if (discarded)
        rows = (int64_t)(media->lines + (media->open_line ? 1 : 0));
    if (!discarded || !media->gzip)
        bw_sb_json_add_int64(&out, "outputRows", rows);
    bw_sb_json_add_int64(&out, "outputBytes", bq_append_bytes(run->append));
    bw_sb_json_add_int64(&out, "badRecords", run->bad);
    bw_buf_adds(&out, "}}");
    const char *warnings = NULL;
    if (run->errors.len)
        warnings = bw_arena_printf(&run->job->arena, "[%s]", bw_buf_cstr(&run->errors));
    bw_sb_job_set_outcome(run->job, bw_arena_strndup(&run->job->arena, out.ptr, out.len), warnings);
    bw_buf_fini(&out);
}

/*
 * An Avro file brings its schema. One that the configuration gives comes first; columns of an
 * existing table say in what form the file's columns are meant.
 */
static bw_status avro_schema(load_run *run, bq_disposition write, bq_table *described,
                             const bq_table **table, bq_error *err)
{
    bq_table existing = {0};
    bq_error ignored = BQ_ERROR_INIT;
    if (*table && described->schema.count > 0)
        return BW_OK;
    bw_status found = bq_table_get(run->bq->catalog, run->destination, &existing, &ignored);
    bool stays = found == BW_OK && write != BQ_WRITE_TRUNCATE;
    bw_status status =
        bw_sb_avro_schema(run->avro, stays ? &existing.schema : NULL, &described->schema, err);
    if (found == BW_OK)
        bq_table_fini(&existing);
    *table = described;
    return status;
}

static bw_status begin_append(load_run *run, bq_error *err)
{
    bq_append_options options = {.create = true, .discard = run->job->media->fd < 0};
    bq_table described = {.expires_us = BW_TIME_NONE};
    bw_status status =
        bw_sb_job_dispositions(&run->arena, run->config, BQ_WRITE_APPEND, &options.write,
                               &options.create, &options.evolve, err);
    if (status == BW_OK)
        status = bw_sb_job_table(&run->arena, run->config, run->destination, &described,
                                 &options.table, err);
    if (status == BW_OK && run->avro)
        status = avro_schema(run, options.write, &described, &options.table, err);
    if (status == BW_OK)
        status = bq_append_begin(run->bq->catalog, run->destination, &options, &run->append, err);
    return status;
}

static bw_status run_steps(load_run *run, bq_error *err)
{
    bw_status status = BW_OK;
    if (run->format == LOAD_AVRO && run->job->media->fd >= 0)
        status = bw_sb_avro_open(run->job->media->fd, &run->avro_options, &run->avro, err);
    if (status == BW_OK)
        status = begin_append(run, err);
    if (status != BW_OK)
        return status;
    run->row = BW_ARENA_ARRAY(&run->arena, bq_value, bq_append_schema(run->append)->count + 1);
    if (run->job->media->fd >= 0)
        status = run->avro ? load_avro(run, err) : load_lines(run, err);
    if (status != BW_OK) {
        bq_append_abort(run->append);
        return status;
    }
    set_statistics(run);
    int64_t rows = bq_append_rows(run->append);
    status = bq_append_commit(run->append, bw_sb_job_commit, run->job, err);
    if (status == BW_OK)
        atomic_fetch_add(&run->bq->stats->rows_loaded, (unsigned long long)rows);
    return status;
}

static bw_status run_load(bw_sb_bigquery *bq, bw_sb_job *job, bq_error *err)
{
    if (!job->media)
        return bq_error_set(err, "notFound", NULL, "The data of this load job is gone");
    load_run run = {.bq = bq,
                    .job = job,
                    .config = bw_sb_json_object(job->configuration, "load"),
                    .arena = BW_ARENA_INIT,
                    .row_arena = BW_ARENA_INIT};
    run.destination = bw_sb_table_reference(
        &run.arena, bw_sb_json_object(run.config, "destinationTable"), job->project);
    run.max_bad = bw_sb_json_int(run.config, "maxBadRecords", 0);
    run.options.ignore_unknown = bw_sb_json_bool(run.config, "ignoreUnknownValues", false);
    run.format = format_of(bw_sb_json_text(&run.arena, run.config, "sourceFormat"));
    bw_status status = format_options(run.format, &run.arena, run.config, &run.csv_options,
                                      &run.avro_options, err);
    if (status == BW_OK)
        status = bw_sb_quota_take(bq->quota, run.destination, err);
    if (status == BW_OK)
        status = run_steps(&run, err);
    bw_sb_avro_close(run.avro);
    bw_buf_fini(&run.joined);
    bw_buf_fini(&run.errors);
    bw_arena_fini(&run.row_arena);
    bw_arena_fini(&run.arena);
    return status;
}

const bw_sb_job_type bw_sb_load_job = {
    .member = "load",
    .name = "LOAD",
    .fault = "bigquery.job.load",
    .check = check_load,
    .run = run_load,
};
