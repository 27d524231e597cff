/*
 * Any text as a statement of the sandbox's SQL: an answer or an error in BigQuery's shape, never a
 * crash, and never a translation that SQLite does not take. What would run long is cut short.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#include "backend/sandbox/bq_sql.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The state of one fuzzing process: made once, because a catalog per input would be all its time. */
static struct {
    bq_catalog *catalog;
    bw_cancel cancel;
    int runs; /* since the tables were made */
    bool changed;
} fuzz;

static void on_alarm(int signal_number)
{
    (void)signal_number;
    bw_cancel_raise(&fuzz.cancel);
}

static bw_status run(const char *text, size_t size, bq_error *err)
{
    bq_sql_request request = {
        .project = "p", .default_dataset = "d", .text = {text, size}, .cancel = &fuzz.cancel};
    bq_sql_result result;
    bw_status status = bq_sql_run(fuzz.catalog, &request, NULL, NULL, &result, err);

    if (status == BW_OK) {
        fuzz.changed = fuzz.changed || strcmp(result.statement_type, "SELECT") != 0;
        if (result.failure.reason) { /* of a script */
            *err = result.failure;
            status = strcmp(err->reason, "internalError") == 0 ? BW_INTERNAL : BW_INVALID;
        }
        bq_sql_result_fini(&result);
    }
    return status;
}

static void must(const char *text)
{
    bq_error err = BQ_ERROR_INIT;

    if (run(text, strlen(text), &err) != BW_OK) {
        fprintf(stderr, "%s: %s\n", text, err.message);
        abort();
    }
}

static void fill(void)
{
    bq_error err = BQ_ERROR_INIT;
    bq_dataset d = {.project = "p", .id = "d"};

    if (!fuzz.changed && fuzz.runs++ < 500)
        return;
    if (bq_catalog_reset(fuzz.catalog, &err) != BW_OK ||
        bq_dataset_create(fuzz.catalog, &d, NULL, &err) != BW_OK)
        abort();
    must("CREATE OR REPLACE TABLE d.t (id INT64 NOT NULL, name STRING, amount NUMERIC, big "
         "BIGNUMERIC, tags ARRAY<STRING>, ts TIMESTAMP, day DATE, f FLOAT64, j JSON, s STRUCT<a "
         "INT64, b ARRAY<STRING>>, b BYTES, ok BOOL)");
    must("INSERT INTO d.t (id, name, amount, tags, ts, day, f, j, s) VALUES (1, 'one', 1.5, ['x'], "
         "TIMESTAMP '2024-01-01', DATE '2024-01-01', 0.5, JSON '{\"a\":1}', (1, ['p'])), (2, NULL, "
         "NULL, [], NULL, NULL, NULL, NULL, NULL)");
    must("CREATE OR REPLACE TABLE d.u AS SELECT 1 AS id, 'A' AS label UNION ALL SELECT 2, 'B'");
    must("CREATE OR REPLACE VIEW d.seen AS SELECT id, COUNT(*) AS n FROM d.t GROUP BY id");
    fuzz.changed = false;
    fuzz.runs = 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    bq_error err = BQ_ERROR_INIT;
    struct sigaction action = {.sa_handler = on_alarm};

    (void)argc;
    (void)argv;
    bw_cancel_init(&fuzz.cancel);
    sigaction(SIGALRM, &action, NULL);
    fuzz.changed = true;
    if (bq_catalog_open(NULL, bw_clock_system(), &fuzz.catalog, &err) != BW_OK)
        abort();
    return 0;
}

/* SQLite's own limits on size are no faults of the translation. */
static bool is_limit(const char *message)
{
    static const char *const limits[] = {"too many", "too large", "too deep", "stack overflow",
                                         "too big",  "too long",  "at most",  "interrupted"};

    for (size_t i = 0; i < BW_COUNT(limits); i++) {
        if (strstr(message, limits[i]))
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct itimerval limit = {.it_value = {.tv_usec = 300000}}, off = {{0, 0}, {0, 0}};
    bq_error err = BQ_ERROR_INIT;

    if (size > 4096)
        return 0;
    bw_cancel_reset(&fuzz.cancel);
    fill();
    setitimer(ITIMER_REAL, &limit, NULL);
    bw_status status = run((const char *)data, size, &err);
    setitimer(ITIMER_REAL, &off, NULL);
    if (status == BW_INTERNAL && !is_limit(err.message)) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    return 0;
}
