/*
 * What the engine's integration tests share: a PostgreSQL cluster and a sandbox per program, and per
 * test a database, a dataset, a state directory and an engine in this process. Every function fails
 * the running test when it cannot do its work, and waits with a deadline.
 */
#ifndef BW_TESTS_INTEGRATION_ENGINE_LAB_H
#define BW_TESTS_INTEGRATION_ENGINE_LAB_H

#include "tests/support/test.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/settings.h"
#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/engine/engine.h"
#include "tests/support/bigquery.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/sandbox.h"

#define LAB     static __attribute__((unused))
#define LAB_MAX (60 * BW_SECOND) /* longest wait, also under a sanitizer on a busy machine */

#define LAB_KEPT 32

typedef struct lab_servers {
    bw_pg_cluster *pg;
    bw_test_sandbox *sandbox;
    int tests;
} lab_servers;

typedef struct lab {
    lab_servers *servers;
    bw_settings settings;
    bw_config *config;
    char *config_file; /* the same, for other processes */
    bw_google *google;
    bw_store *store;
    bw_engine *engine;
    bw_test_bq *bq;
    bw_test_http *http;
    char *dir;
    char name[32];       /* of the database and of the dataset */
    const char *sources; /* further lines below `sources:`, set before lab_configure; or NULL */
    bw_arena arena;
    bw_error err;
    bw_news news;           /* the last final one that was waited for */
    bw_news kept[LAB_KEPT]; /* final ones of commands that nobody waited for yet, a ring */
    size_t n_kept;
} lab;

LAB lab_servers lab_shared;

/* ---- set up ----------------------------------------------------------------------------- */

LAB int lab_group_setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    lab_shared.pg = bw_pg_cluster_start(NULL);
    lab_shared.sandbox = bw_test_sandbox_start(false, NULL);
    return 0;
}

LAB int lab_group_teardown(void **state)
{
    (void)state;
    bw_test_sandbox_free(lab_shared.sandbox);
    bw_pg_cluster_free(lab_shared.pg);
    return 0;
}

LAB int lab_setup(void **state)
{
    lab *l = bw_xcalloc(1, sizeof *l);
    l->servers = &lab_shared;
    snprintf(l->name, sizeof l->name, "t%d", ++lab_shared.tests);
    bw_pg_sqlf(lab_shared.pg, "postgres", "CREATE DATABASE %s", l->name);
    l->dir = bw_test_dir_new("engine");
    l->bq = bw_test_bq_new(bw_test_sandbox_url(lab_shared.sandbox), "p", l->name);
    l->http = bw_test_http_new(bw_test_sandbox_url(lab_shared.sandbox));
    *state = l;
    return 0;
}

LAB void lab_no_faults(lab *l)
{
    assert_int_equal(
        bw_test_http_json(l->http, "POST", "/sandbox/faults", "{\"faults\":[],\"replace\":true}"),
        200);
}

LAB void lab_stop(lab *l)
{
    if (l->engine) {
        assert_true(bw_engine_stop(l->engine, LAB_MAX));
        bw_engine_free(l->engine);
        l->engine = NULL;
    }
    bw_store_close(l->store);
    l->store = NULL;
}

LAB int lab_teardown(void **state)
{
    lab *l = *state;
    lab_no_faults(l);
    lab_stop(l);
    bw_config_free(l->config);
    bw_google_free(l->google);
    bw_test_bq_free(l->bq);
    bw_test_http_free(l->http);
    bw_arena_fini(&l->arena);
    bw_test_dir_remove(l->dir);
    free(l->dir);
    free(l->config_file);
    free(l);
    return 0;
}

#define LAB_TEST(f)     cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)
#define LAB_MAIN(tests) return cmocka_run_group_tests(tests, lab_group_setup, lab_group_teardown)

/* The configuration: `syncs` are the entries below `syncs:`, one per line ("- {source: db, ...}"),
   `top` further lines at the top, or NULL. */
LAB void lab_configure(lab *l, const char *top, const char *syncs)
{
    char *text = bw_xasprintf(
        "project: p\ndataset: %s\nlocation: US\ncredentials: none\n"
        "endpoints: {bigquery: \"%s\"}\nstate_dir: %s\n%s\nsources:\n"
        "  db: {type: postgres, host: %s, port: %d, database: %s, user: postgres, tls: disable}\n"
        "  gone: {type: postgres, host: %s, port: 1, database: x, user: x, tls: disable}\n"
        "%ssyncs:\n%s\n",
        l->name, bw_test_sandbox_url(l->servers->sandbox), l->dir, top ? top : "",
        bw_pg_cluster_dir(l->servers->pg), bw_pg_cluster_port(l->servers->pg), l->name, l->dir,
        l->sources ? l->sources : "", syncs);
    bw_config_problems problems = BW_CONFIG_PROBLEMS_INIT;
    bw_config_free(l->config);
    l->config = NULL;
    assert_ok(bw_config_parse(bw_settings_init(&l->settings), NULL, "test.yaml",
                              bw_slice_cstr(text), &l->config, &problems, &l->err),
              l->err);
    bw_config_problems_fini(&problems);
    free(l->config_file);
    l->config_file = bw_xasprintf("%s/test.yaml", l->dir);
    FILE *f = fopen(l->config_file, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
    free(text);
    if (!l->google) {
        bw_google_options o = {.project = "p",
                               .credentials = "none",
                               .bigquery = bw_test_sandbox_url(l->servers->sandbox),
                               .pubsub = bw_test_sandbox_url(l->servers->sandbox),
                               .datastore = bw_test_sandbox_url(l->servers->sandbox),
                               .monitoring = bw_test_sandbox_url(l->servers->sandbox),
                               .clock = bw_clock_system()};
        assert_ok(bw_google_new(&o, &l->google, &l->err), l->err);
    }
}

/* The engine with these options; what they do not say comes from the lab. */
LAB void lab_start_with(lab *l, bw_engine_options o)
{
    assert_null(l->engine);
    if (!l->store)
        assert_ok(bw_store_open(l->dir, BW_STORE_ENGINE, bw_clock_system(), &l->store, &l->err),
                  l->err);
    o.config = l->config;
    o.google = l->google;
    o.store = l->store;
    o.state_dir = l->dir;
    o.clock = o.clock ? o.clock : bw_clock_system();
    assert_ok(bw_engine_new(&o, &l->engine, &l->err), l->err);
    l->n_kept = 0; /* a new engine counts its commands anew */
    assert_ok(bw_engine_start(l->engine, &l->err), l->err);
}

/* One that runs only what it is asked for. */
LAB void lab_start(lab *l)
{
    lab_start_with(l, (bw_engine_options){.observe = true});
}

LAB void lab_sql(lab *l, const char *sql)
{
    bw_pg_sql(l->servers->pg, l->name, sql);
}

LAB void lab_fault(lab *l, const char *fault)
{
    assert_int_equal(
        bw_test_http_json(l->http, "POST", "/sandbox/faults", "{\"faults\":[\"%s\"]}", fault), 200);
}

/* ---- looking ---------------------------------------------------------------------------- */

/* A table at the destination (its `columns`), sorted by the first. Lives in the lab's arena. */
LAB const char *lab_table(lab *l, const char *columns, const char *table)
{
    char *sql = bw_xasprintf("SELECT %s FROM `p.%s.%s` ORDER BY 1", columns, l->name, table);
    char *rows = bw_test_bq_query(l->bq, sql);
    const char *kept = bw_arena_strdup(&l->arena, rows);
    free(rows);
    free(sql);
    return kept;
}

#define assert_table(l, columns, table, expected) \
    assert_string_equal(lab_table((l), (columns), (table)), (expected))

LAB bw_sync_record lab_record(lab *l, const char *sync)
{
    bw_sync_record r;
    bool found;
    assert_ok(bw_store_sync_get(l->store, sync, &l->arena, &r, &found, &l->err), l->err);
    assert_true(found);
    return r;
}

/* The sync's runs, newest first. */
LAB size_t lab_runs(lab *l, const char *sync, bw_run_record **runs)
{
    size_t n;
    assert_ok(bw_store_runs(l->store, sync, 0, 100, &l->arena, runs, &n, &l->err), l->err);
    return n;
}

/* What the run read, loaded, found at the target, and dead-lettered. */
#define assert_counts(run, read, loaded, present, dead) \
    do {                                                \
        assert_int_equal((run)->rows_read, read);       \
        assert_int_equal((run)->rows_loaded, loaded);   \
        assert_int_equal((run)->rows_present, present); \
        assert_int_equal((run)->dead_letters, dead);    \
    } while (0)

LAB size_t lab_letters(lab *l, const char *sync, bool any_state, bw_dead_letter **letters)
{
    size_t n;
    bw_letter_filter filter = {.sync = sync, .any_state = any_state};
    assert_ok(bw_store_letters(l->store, &filter, &l->arena, letters, &n, &l->err), l->err);
    return n;
}

LAB size_t lab_open_batches(lab *l, const char *sync)
{
    bw_batch_record *batches;
    size_t n;
    assert_ok(bw_store_batch_open_list(l->store, sync, &l->arena, &batches, &n, &l->err), l->err);
    return n;
}

/* How many requests of the methods that fit the pattern came since lab_forget_requests. */
LAB int lab_requests(lab *l, const char *method)
{
    int n = 0;
    assert_int_equal(bw_test_http_get(l->http, "/sandbox/requests?method=%s", method), 200);
    for (const char *p = bw_test_http_body(l->http); (p = strstr(p, "\"sequence\":")); p++)
        n++;
    return n;
}

LAB void lab_forget_requests(lab *l)
{
    assert_int_equal(bw_test_http_json(l->http, "DELETE", "/sandbox/requests", NULL), 200);
}

/* How many statements of the test's database the server runs whose text holds that. */
LAB int lab_statements(lab *l, const char *part)
{
    char *sql = bw_xasprintf("SELECT count(*) FROM pg_stat_activity WHERE datname = '%s' AND state"
                             " <> 'idle' AND query LIKE '%%%s%%' AND pid <> pg_backend_pid()",
                             l->name, part);
    char *count = bw_pg_query(l->servers->pg, "postgres", sql);
    int n = (int)strtol(count, NULL, 10);
    free(count);
    free(sql);
    return n;
}

/* ---- waiting ---------------------------------------------------------------------------- */

/* Waits for news, a snapshot or a page; fails the test at the deadline. */
LAB void lab_wait(lab *l, int64_t deadline, const char *what)
{
    const bw_clock *clock = bw_clock_system();
    struct pollfd fd = {.fd = bw_engine_wake_fd(l->engine), .events = POLLIN};
    if (bw_mono_us(clock) >= deadline)
        fail_msg("timed out: %s", what);
    poll(&fd, 1, bw_poll_ms(clock, deadline, 200));
    bw_engine_wake_drain(l->engine);
}

typedef bool lab_condition(const bw_sync_view *v);

/* Waits until the sync's view meets the condition. */
LAB void lab_until_named(lab *l, const char *sync, lab_condition *met, const char *what)
{
    int64_t deadline = bw_mono_us(bw_clock_system()) + LAB_MAX;
    for (;;) {
        const bw_snapshot *s = bw_engine_snapshot(l->engine);
        const bw_sync_view *v = s ? bw_snapshot_find(s, sync) : NULL;
        bool over = v && met(v);
        bw_snapshot_unref(s);
        if (over)
            return;
        lab_wait(l, deadline, what);
    }
}
#define lab_until(l, sync, met) lab_until_named((l), (sync), (met), #met)

LAB bool lab_idle(const bw_sync_view *v)
{
    return !v->progress.active;
}

LAB uint64_t lab_ask(lab *l, bw_command c)
{
    uint64_t id;
    c.who = c.who ? c.who : "ann@bridge";
    assert_ok(bw_engine_command(l->engine, &c, &id, &l->err), l->err);
    return id;
}

/* Waits for the outcome of the command; those of others, which may come first, are kept. */
LAB bool lab_outcome(lab *l, uint64_t id)
{
    int64_t deadline = bw_mono_us(bw_clock_system()) + LAB_MAX;
    for (;;) {
        for (size_t i = 0; i < l->n_kept && i < LAB_KEPT; i++) {
            if (l->kept[i].command != id)
                continue;
            l->news = l->kept[i];
            return l->news.ok;
        }
        while (bw_engine_news(l->engine, &l->news)) {
            if (l->news.command == id && l->news.final)
                return l->news.ok;
            if (l->news.command != 0 && l->news.final)
                l->kept[l->n_kept++ % LAB_KEPT] = l->news;
        }
        lab_wait(l, deadline, "the command's outcome");
    }
}

LAB bool lab_do(lab *l, bw_command c)
{
    return lab_outcome(l, lab_ask(l, c));
}

LAB bool lab_run_kind(lab *l, const char *sync, bw_command_kind kind)
{
    return lab_do(l, (bw_command){.kind = kind, .syncs = &sync, .n_syncs = 1});
}

LAB bool lab_run(lab *l, const char *sync)
{
    return lab_run_kind(l, sync, BW_COMMAND_SYNC);
}

#define assert_runs(l, sync)                                                 \
    do {                                                                     \
        if (!lab_run((l), (sync)))                                           \
            fail_msg("%s: %s (%s)", (sync), (l)->news.text, (l)->news.hint); \
    } while (0)

/* A run that must fail with that text in its error. */
#define assert_fails(l, sync, part)                             \
    do {                                                        \
        assert_false(lab_run((l), (sync)));                     \
        if (!strstr((l)->news.text, (part)))                    \
            fail_msg("not \"%s\": %s", (part), (l)->news.text); \
    } while (0)

#endif
