/* What can be wrong with a source: each says what it is and what to do, and nothing hangs. */
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/sources/reading.h"
#include "tests/support/process.h"

static bw_pg_cluster *cluster;

static int start(void **state)
{
    (void)state;
    cluster = bw_pg_cluster_start(NULL);
    bw_pg_sql(cluster, "postgres",
              "SET password_encryption = 'scram-sha-256'; CREATE ROLE reader LOGIN PASSWORD "
              "'right'; CREATE ROLE monitor LOGIN; GRANT pg_read_all_stats TO monitor;"
              "CREATE SCHEMA hidden; CREATE TABLE hidden.t (id int);"
              "CREATE TABLE customers (id int PRIMARY KEY, name text, secret text,"
              " updated_at timestamptz NOT NULL); CREATE INDEX ON customers (updated_at);"
              "CREATE TABLE closed (id int);"
              "GRANT SELECT (id, name) ON customers TO reader;"
              "CREATE VIEW hanging AS SELECT 1 AS id, pg_sleep(600)::text AS slept;"
              "CREATE VIEW cut_off AS SELECT * FROM hanging;"
              "CREATE TABLE open_table (id int PRIMARY KEY, updated_at timestamptz NOT NULL);"
              "CREATE INDEX ON open_table (updated_at); GRANT SELECT ON open_table TO PUBLIC");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    bw_pg_cluster_free(cluster);
    return 0;
}

/* Opens with these settings, expecting failure; the error's texts are checked. */
static void expect_open(const char *settings, bw_status status, const char *message,
                        const char *hint)
{
    opened *o;
    bw_error err = BW_ERROR_INIT;
    bw_status got = try_open(&o, settings, "test", &err);
    if (got != status || !strstr(err.message, message) || !strstr(err.hint, hint))
        fail_msg("%s: %s: %s (%s)", settings, bw_status_name(got), err.message, err.hint);
    assert_null(o->source);
    close_source(o);
}

static void tells_what_is_wrong_with_connecting(void **state)
{
    (void)state;
    char s[500];
    const char *dir = bw_pg_cluster_dir(cluster);
    int port = bw_pg_cluster_port(cluster);
    bw_pg_cluster_hba(cluster, "local all monitor trust\nlocal all reader scram-sha-256\n"
                               "host all reader 127.0.0.1/32 scram-sha-256\n");
    expect_open("host: 127.0.0.1, port: 1, user: reader, tls: disable", BW_UNAVAILABLE,
                "cannot connect to 127.0.0.1:1: Connection refused", "Check host and port");
    expect_open("host: /nowhere, user: reader", BW_UNAVAILABLE, "cannot connect to /nowhere",
                "Check host and port");
    expect_open("host: no-such-host.invalid, user: reader", BW_UNAVAILABLE,
                "cannot resolve the host name no-such-host.invalid", "name servers");
    snprintf(s, sizeof s,
             "host: 127.0.0.1, port: %d, user: reader, password: wrong, database: "
             "postgres, tls: disable",
             port);
    expect_open(s, BW_DENIED, "password authentication failed for user \"reader\" (28P01)",
                "Check user and password");
    snprintf(s, sizeof s, "host: %s, port: %d, user: reader, database: postgres", dir, port);
    char *file = bw_xasprintf("%s/passwords", dir);
    FILE *f = fopen(file, "w");
    assert_true(f && fputs("*:*:*:reader:right\n", f) >= 0 && fclose(f) == 0);
    setenv("PGPASSFILE", file, 1);
    /* A file that others can read counts as none, and nothing is printed. */
    assert_int_equal(chmod(file, 0644), 0);
    expect_open(s, BW_DENIED, "asks for a password of reader", "~/.pgpass");
    assert_int_equal(chmod(file, 0600), 0);
    opened *o;
    bw_error err = BW_ERROR_INIT;
    assert_ok(try_open(&o, s, "test", &err), err);
    close_source(o);
    unsetenv("PGPASSFILE");
    free(file);
    snprintf(s, sizeof s, "host: %s, port: %d, user: stranger, database: postgres", dir, port);
    expect_open(s, BW_DENIED, "no pg_hba.conf entry", "pg_hba.conf");
    snprintf(s, sizeof s, "host: %s, port: %d, user: postgres, database: shop", dir, port);
    expect_open(s, BW_NOT_FOUND, "database \"shop\" does not exist", "setting database");
    snprintf(s, sizeof s,
             "host: %s, port: %d, user: postgres, database: postgres, session: {work_men: 1MB}",
             dir, port);
    expect_open(s, BW_INVALID, "unrecognized configuration parameter \"work_men\"", "");
}

static void connects_with_what_is_right(void **state)
{
    (void)state;
    opened *o;
    bw_error err = BW_ERROR_INIT;
    char s[500];
    snprintf(s, sizeof s,
             "host: 127.0.0.1, port: %d, user: reader, password: right, database: postgres, tls: "
             "disable, session: {work_mem: 1MB}, application_name: console",
             bw_pg_cluster_port(cluster));
    assert_ok(try_open(&o, s, "shop.orders", &err), err);
    char *name = bw_pg_query(cluster, "postgres",
                             "SELECT application_name FROM pg_stat_activity WHERE usename = "
                             "'reader'");
    assert_string_equal(name, "console/shop.orders");
    free(name);
    close_source(o);
    /* The variables of libpq, and a list of hosts of which the second answers. */
    setenv("PGPASSWORD", "right", 1);
    setenv("PGDATABASE", "postgres", 1);
    setenv("PGUSER", "reader", 1);
    snprintf(s, sizeof s, "host: \"/nowhere,localhost\", port: %d, tls: disable",
             bw_pg_cluster_port(cluster));
    assert_ok(try_open(&o, s, "test", &err), err);
    close_source(o);
    setenv("PGHOST", bw_pg_cluster_dir(cluster), 1);
    char *port = bw_xasprintf("%d", bw_pg_cluster_port(cluster));
    setenv("PGPORT", port, 1);
    assert_ok(try_open(&o, "tls: verify-full", "test", &err), err);
    close_source(o);
    free(port);
    unsetenv("PGPASSWORD");
    unsetenv("PGDATABASE");
    unsetenv("PGUSER");
    unsetenv("PGHOST");
    unsetenv("PGPORT");
}

/* A certificate for `host` in the data directory. */
static void make_certificate(const char *host)
{
    char *key = bw_pg_cluster_file(cluster, "server.key", "");
    char *cert = bw_pg_cluster_file(cluster, "server.crt", "");
    char *subject = bw_xasprintf("/CN=%s", host);
    char *names = bw_xasprintf("subjectAltName=DNS:%s", host);
    const char *argv[] = {"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                          "-days",   "2",   "-subj", subject,   "-addext",  names,
                          "-keyout", key,   "-out",  cert,      NULL};
    assert_int_equal(bw_process_run(argv, NULL, 60, NULL, NULL), 0);
    free(key);
    free(cert);
    free(subject);
    free(names);
}

static void insists_on_tls(void **state)
{
    (void)state;
    char s[600];
    int port = bw_pg_cluster_port(cluster);
    bw_pg_cluster_hba(cluster, "host all all 127.0.0.1/32 trust\nlocal all monitor trust\n");
    snprintf(s, sizeof s, "host: localhost, port: %d, user: reader, database: postgres", port);
    expect_open(s, BW_INVALID, "server does not support SSL", "Turn on ssl");
    make_certificate("localhost");
    bw_pg_sql(cluster, "postgres", "ALTER SYSTEM SET ssl = on");
    bw_pg_sql(cluster, "postgres", "SELECT pg_reload_conf()");
    expect_open(s, BW_INVALID, "certificate verify failed", "Set tls_ca");
    opened *o;
    bw_error err = BW_ERROR_INIT;
    char *weaker = bw_xasprintf("%s, tls: require", s);
    assert_ok(try_open(&o, weaker, "test", &err), err);
    close_source(o);
    free(weaker);
    snprintf(s, sizeof s,
             "host: localhost, port: %d, user: reader, database: postgres, tls_ca: "
             "%s/data/server.crt",
             port, bw_pg_cluster_dir(cluster));
    assert_ok(try_open(&o, s, "test", &err), err);
    close_source(o);
    snprintf(s, sizeof s,
             "host: 127.0.0.1, port: %d, user: reader, database: postgres, tls_ca: "
             "%s/data/server.crt",
             port, bw_pg_cluster_dir(cluster));
    expect_open(s, BW_INVALID, "does not match host name", "tls: verify-ca");
    snprintf(s, sizeof s,
             "host: 127.0.0.1, port: %d, user: reader, database: postgres, tls: verify-ca, tls_ca: "
             "%s/data/server.crt",
             port, bw_pg_cluster_dir(cluster));
    assert_ok(try_open(&o, s, "test", &err), err);
    close_source(o);
}

static void expect_describe(opened *o, const char *table, bw_status status, const char *message,
                            const char *hint)
{
    bw_error err = BW_ERROR_INIT;
    bw_table_info info;
    bw_table_spec spec = spec_of(table);
    bw_status got = o->class->describe(o->source, &spec, &o->arena, &info, &err);
    if (got != status || !strstr(err.message, message) || !strstr(err.hint, hint))
        fail_msg("%s: %s: %s (%s)", table, bw_status_name(got), err.message, err.hint);
}

static void tells_what_is_wrong_with_a_table(void **state)
{
    (void)state;
    bw_pg_cluster_hba(cluster, "local all all trust\n");
    opened *o = open_source_as(cluster, "reader");
    expect_describe(o, "costumers", BW_NOT_FOUND,
                    "table costumers does not exist in database postgres",
                    "Did you mean public.customers?");
    expect_describe(o, "publik.customers", BW_NOT_FOUND, "publik.customers",
                    "Did you mean public.customers?");
    expect_describe(o, "hidden.t", BW_DENIED, "may not use schema hidden",
                    "GRANT USAGE ON SCHEMA \"hidden\" TO \"reader\"");
    expect_describe(o, "closed", BW_DENIED, "user reader may not read table public.closed",
                    "GRANT SELECT ON \"public\".\"closed\" TO \"reader\"");
    expect_describe(o, "customers", BW_DENIED, "may not read column secret", "GRANT SELECT ON");
    bw_table_spec spec = spec_of("customers");
    spec.columns = (const char *const[]){"id", "name"};
    spec.n_columns = 2;
    bw_read_request request = {.kind = BW_READ_FULL, .mode = BW_MODE_REPLACE};
    taken t = read_table(o, &spec, &request);
    assert_int_equal(t.batches, 1);
    taken_free(&t);
    /* What it cannot see of others is said with the GRANT that helps. */
    spec = spec_of("open_table");
    bw_table_info info = describe(o, &spec);
    assert_int_equal(info.n_warnings, 1);
    assert_non_null(strstr(info.warnings[0], "GRANT pg_read_all_stats TO \"reader\""));
    close_source(o);
    o = open_source_as(cluster, "monitor");
    info = describe(o, &spec);
    assert_int_equal(info.n_warnings, 0);
    close_source(o);
}

static void tells_of_row_level_security(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE secured (id int PRIMARY KEY); GRANT SELECT ON secured TO reader;"
              "ALTER TABLE secured ENABLE ROW LEVEL SECURITY;"
              "CREATE POLICY few ON secured USING (id < 2); INSERT INTO secured VALUES (1), (2)");
    opened *o = open_source_as(cluster, "reader");
    bw_table_spec spec = spec_of("secured");
    bw_table_info info = describe(o, &spec);
    assert_int_equal(info.n_warnings, 1);
    assert_non_null(strstr(info.warnings[0], "row-level security applies to user reader"));
    close_source(o);
}

/* ---- hanging ---- */

typedef struct later {
    bw_cancel *cancel;
    int64_t delay_us;
} later;

static void *raise_later(void *arg)
{
    later *l = arg;
    bw_error err = BW_ERROR_INIT;
    const bw_clock *clock = bw_clock_system();
    bw_status status = bw_wait_until(NULL, clock, bw_mono_us(clock) + l->delay_us, &err);
    (void)status;
    bw_cancel_raise(l->cancel);
    return NULL;
}

static void cancels_a_hanging_statement(void **state)
{
    (void)state;
    opened *o = open_source_as(cluster, "postgres");
    bw_table_spec spec = spec_of("hanging");
    bw_table_info info = describe(o, &spec);
    bw_read_request request = {.kind = BW_READ_FULL, .mode = BW_MODE_REPLACE};
    pthread_t thread;
    later l = {&o->cancel, BW_SECOND / 5};
    bw_error err = BW_ERROR_INIT;
    taken t = {0};
    int64_t before = bw_mono_us(bw_clock_system());
    pthread_create(&thread, NULL, raise_later, &l);
    assert_int_equal(try_take(o, &spec, &info, &request, 0, &t, &err), BW_CANCELLED);
    assert_true(bw_mono_us(bw_clock_system()) - before < 2 * BW_SECOND);
    pthread_join(thread, NULL);
    taken_free(&t);
    close_source(o);
    /* The server notices that nobody listens any more. */
    const bw_clock *clock = bw_clock_system();
    for (char *left = NULL;;) {
        left = bw_pg_query(cluster, "postgres",
                           "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%hanging%' AND "
                           "state = 'active' AND pid <> pg_backend_pid()");
        bool gone = strcmp(left, "0") == 0;
        free(left);
        if (gone)
            break;
        assert_true(bw_mono_us(clock) - before < 30 * BW_SECOND);
        assert_ok(bw_wait_until(NULL, clock, bw_mono_us(clock) + 200000, &err), err);
    }
}

static void gives_up_on_a_silent_server(void **state)
{
    (void)state;
    opened *o = open_source_as(cluster, "postgres");
    bw_table_spec spec = spec_of("hanging");
    bw_table_info info = describe(o, &spec);
    bw_read_request request = {.kind = BW_READ_FULL, .mode = BW_MODE_REPLACE};
    bw_error err = BW_ERROR_INIT;
    taken t = {0};
    o->env.stall_timeout_us = BW_SECOND / 2;
    assert_int_equal(try_take(o, &spec, &info, &request, 0, &t, &err), BW_TIMEOUT);
    assert_non_null(strstr(err.message, "timed out waiting for the answer of"));
    assert_non_null(strstr(err.hint, "stall_timeout"));
    taken_free(&t);
    /* The connection is gone, and says so. */
    assert_int_equal(o->class->describe(o->source, &spec, &o->arena, &info, &err), BW_UNAVAILABLE);
    close_source(o);
}

/* A port that takes connections and never says anything. */
static int silent_port(int *fd)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t size = sizeof a;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(*fd, 5), 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&a, &size), 0);
    return ntohs(a.sin_port);
}

static void gives_up_on_a_silent_port(void **state)
{
    (void)state;
    int fd, port = silent_port(&fd);
    char s[300];
    int64_t before = bw_mono_us(bw_clock_system());
    snprintf(s, sizeof s, "host: 127.0.0.1, port: %d, user: x, connect_timeout: 500ms", port);
    expect_open(s, BW_TIMEOUT, "timed out waiting for a connection to 127.0.0.1",
                "connect_timeout");
    assert_true(bw_mono_us(bw_clock_system()) - before < 3 * BW_SECOND);
    close(fd);
}

static void *kill_backend(void *arg)
{
    (void)arg;
    bw_error err = BW_ERROR_INIT;
    const bw_clock *clock = bw_clock_system();
    int64_t deadline = bw_mono_us(clock) + 20 * BW_SECOND;
    while (bw_mono_us(clock) < deadline) {
        char *n = bw_pg_query(cluster, "postgres",
                              "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
                              "query LIKE 'COPY%cut_off%' AND state = 'active'");
        bool done = strcmp(n, "0") != 0;
        free(n);
        if (done || bw_wait_until(NULL, clock, bw_mono_us(clock) + 50000, &err) != BW_OK)
            return NULL;
    }
    return NULL;
}

static void says_that_the_connection_was_cut(void **state)
{
    (void)state;
    opened *o = open_source_as(cluster, "postgres");
    bw_table_spec spec = spec_of("cut_off");
    bw_table_info info = describe(o, &spec);
    bw_read_request request = {.kind = BW_READ_FULL, .mode = BW_MODE_REPLACE};
    bw_error err = BW_ERROR_INIT;
    taken t = {0};
    pthread_t thread;
    pthread_create(&thread, NULL, kill_backend, NULL);
    assert_int_equal(try_take(o, &spec, &info, &request, 0, &t, &err), BW_UNAVAILABLE);
    assert_true(err.retryable);
    pthread_join(thread, NULL);
    taken_free(&t);
    close_source(o);
}

static void fails_on_an_error_in_the_middle(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE many (id int PRIMARY KEY, v int); INSERT INTO many SELECT g, 20000 - g"
              " FROM generate_series(1, 30000) g; CREATE VIEW failing AS SELECT id, 1 / v AS v FROM"
              " many");
    opened *o = open_source_as(cluster, "postgres");
    bw_table_spec spec = spec_of("failing");
    bw_table_info info = describe(o, &spec);
    bw_read_request request = {.kind = BW_READ_FULL, .mode = BW_MODE_REPLACE};
    bw_error err = BW_ERROR_INIT;
    taken t = {0};
    assert_int_equal(try_take(o, &spec, &info, &request, 0, &t, &err), BW_INVALID);
    assert_string_equal(err.message, "table public.failing: division by zero (22012)");
    assert_null(t.position);
    taken_free(&t);
    /* The connection can still be used. */
    spec = spec_of("open_table");
    t = read_table(o, &spec, &request);
    taken_free(&t);
    close_source(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_is_wrong_with_connecting),
        cmocka_unit_test(connects_with_what_is_right),
        cmocka_unit_test(insists_on_tls),
        cmocka_unit_test(tells_what_is_wrong_with_a_table),
        cmocka_unit_test(tells_of_row_level_security),
        cmocka_unit_test(cancels_a_hanging_statement),
        cmocka_unit_test(gives_up_on_a_silent_server),
        cmocka_unit_test(gives_up_on_a_silent_port),
        cmocka_unit_test(says_that_the_connection_was_cut),
        cmocka_unit_test(fails_on_an_error_in_the_middle),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
