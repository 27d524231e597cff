#include "backend/sources/postgres_conn.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/log.h"
#include "backend/sources/postgres_connect.h"
#include "backend/sources/postgres_error.h"

#define OLDEST_VERSION 100000

struct bw_pgconn {
    PGconn *pq; /* NULL once the connection is gone */
    const bw_source_env *env;
    bw_arena arena;
    bw_pgserver server;
    char what[300]; /* names the wait in errors */
    bool copying;
    char *row; /* the row that was handed out last, libpq's memory */
};

const bw_pgserver *bw_pgconn_server(const bw_pgconn *conn)
{
    return &conn->server;
}

const bw_source_env *bw_pgconn_env(const bw_pgconn *conn)
{
    return conn->env;
}

bool bw_pgconn_usable(const bw_pgconn *conn)
{
    return conn->pq && PQstatus(conn->pq) == CONNECTION_OK;
}

bool bw_pgconn_copying(const bw_pgconn *conn)
{
    return conn->copying;
}

void bw_pgconn_hang_up(bw_pgconn *conn)
{
    PQfreemem(conn->row);
    conn->row = NULL;
    conn->copying = false;
    if (conn->pq)
        PQfinish(conn->pq);
    conn->pq = NULL;
}

/* ---- waiting ---- */

static bw_status wait_socket(bw_pgconn *conn, short events, bw_error *err)
{
    const bw_source_env *env = conn->env;
    int64_t deadline = bw_mono_us(env->clock) + env->stall_timeout_us;
    bw_status status =
        bw_wait_fd(PQsocket(conn->pq), events, env->cancel, env->clock, deadline, conn->what, err);
    if (status == BW_OK)
        return BW_OK;
    if (status == BW_TIMEOUT)
        bw_error_hint(err, "The server sent nothing for the whole of stall_timeout: look for locks "
                           "and load there, or raise stall_timeout.");
    bw_pgconn_hang_up(conn);
    return status;
}

static bw_status lost(bw_pgconn *conn, bw_error *err)
{
    char text[512];
    const char *message = conn->pq ? PQerrorMessage(conn->pq) : "it was closed";
    snprintf(text, sizeof text, "%.*s", (int)strcspn(message, "\n"), message);
    bw_pgconn_hang_up(conn);
    return bw_pg_error(err, NULL, *text ? text : "no reason given", NULL, conn->server.address);
}

static bw_status consume(bw_pgconn *conn, bw_error *err)
{
    return PQconsumeInput(conn->pq) ? BW_OK : lost(conn, err);
}

static bw_status flush(bw_pgconn *conn, bw_error *err)
{
    int left;
    while ((left = PQflush(conn->pq)) > 0) {
        bw_status status = wait_socket(conn, POLLIN | POLLOUT, err);
        if (status == BW_OK)
            status = consume(conn, err);
        if (status != BW_OK)
            return status;
    }
    return left == 0 ? BW_OK : lost(conn, err);
}

/* The next result; *out is NULL when the statement is over. */
static bw_status next_result(bw_pgconn *conn, PGresult **out, bw_error *err)
{
    *out = NULL;
    while (PQisBusy(conn->pq)) {
        bw_status status = wait_socket(conn, POLLIN, err);
        if (status == BW_OK)
            status = consume(conn, err);
        if (status != BW_OK)
            return status;
    }
    *out = PQgetResult(conn->pq);
    return BW_OK;
}

static bw_status result_error(bw_pgconn *conn, const PGresult *r, bw_error *err)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    char text[512];
    if (!message)
        message = PQresultErrorMessage(r);
    snprintf(text, sizeof text, "%.*s", (int)strcspn(message, "\n"), message);
    return bw_pg_error(err, state, text, PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL),
                       conn->server.address);
}

/* Reads all results of what was sent. The first error wins; `keep` (may be NULL) takes the last
   result with rows. */
static bw_status finish(bw_pgconn *conn, PGresult **keep, bw_error *err)
{
    bw_status outcome = BW_OK;
    for (;;) {
        PGresult *r;
        bw_error later = BW_ERROR_INIT;
        bw_status status = next_result(conn, &r, outcome == BW_OK ? err : &later);
        if (status != BW_OK || !r)
            return outcome == BW_OK ? status : outcome;
        ExecStatusType kind = PQresultStatus(r);
        bool good =
            kind == PGRES_TUPLES_OK || kind == PGRES_COMMAND_OK || kind == PGRES_EMPTY_QUERY;
        if (!good && outcome == BW_OK)
            outcome = result_error(conn, r, err);
        if (keep && kind == PGRES_TUPLES_OK) {
            PQclear(*keep);
            *keep = r;
        } else {
            PQclear(r);
        }
    }
}

static bw_status ready(bw_pgconn *conn, bw_error *err)
{
    if (!conn->pq)
        return lost(conn, err);
    return conn->copying ? bw_error_set(err, BW_INTERNAL, "a COPY is still running") : BW_OK;
}

/* ---- statements ---- */

bw_status bw_pgconn_exec(bw_pgconn *conn, const char *sql, bw_error *err)
{
    bw_status status = ready(conn, err);
    if (status != BW_OK)
        return status;
    if (!PQsendQuery(conn->pq, sql))
        return lost(conn, err);
    status = flush(conn, err);
    return status == BW_OK ? finish(conn, NULL, err) : status;
}

bw_status bw_pgconn_execf(bw_pgconn *conn, bw_error *err, const char *fmt, ...)
{
    va_list ap;
    char *sql = NULL;
    va_start(ap, fmt);
    int n = vasprintf(&sql, fmt, ap);
    va_end(ap);
    if (n < 0)
        return bw_error_set(err, BW_INTERNAL, "out of memory");
    bw_status status = bw_pgconn_exec(conn, sql, err);
    free(sql);
    return status;
}

bw_status bw_pgconn_query(bw_pgconn *conn, const char *sql, const char *const *params, int n_params,
                          bw_pgresult **out, bw_error *err)
{
    *out = NULL;
    bw_status status = ready(conn, err);
    if (status != BW_OK)
        return status;
    if (!PQsendQueryParams(conn->pq, sql, n_params, NULL, params, NULL, NULL, 0))
        return lost(conn, err);
    PGresult *r = NULL;
    status = flush(conn, err);
    if (status == BW_OK)
        status = finish(conn, &r, err);
    if (status == BW_OK && !r)
        status = bw_error_set(err, BW_INTERNAL, "the statement returned no rows: %.200s", sql);
    if (status == BW_OK)
        *out = (bw_pgresult *)r;
    else
        PQclear(r);
    return status;
}

/* bw_pgresult is libpq's result under a name that does not need its header. */
int bw_pgresult_rows(const bw_pgresult *r)
{
    return PQntuples((const PGresult *)r);
}

const char *bw_pgresult_text(const bw_pgresult *r, int row, int column)
{
    const PGresult *pr = (const PGresult *)r;
    return PQgetisnull(pr, row, column) ? NULL : PQgetvalue(pr, row, column);
}

bool bw_pgresult_bool(const bw_pgresult *r, int row, int column)
{
    const char *text = bw_pgresult_text(r, row, column);
    return text && text[0] == 't';
}

int64_t bw_pgresult_int(const bw_pgresult *r, int row, int column, int64_t otherwise)
{
    const char *text = bw_pgresult_text(r, row, column);
    return text ? strtoll(text, NULL, 10) : otherwise;
}

double bw_pgresult_double(const bw_pgresult *r, int row, int column, double otherwise)
{
    const char *text = bw_pgresult_text(r, row, column);
    return text ? strtod(text, NULL) : otherwise;
}

const char *bw_pgresult_dup(const bw_pgresult *r, int row, int column, bw_arena *arena)
{
    const char *text = bw_pgresult_text(r, row, column);
    return text ? bw_arena_strdup(arena, text) : NULL;
}

void bw_pgresult_free(bw_pgresult *r)
{
    PQclear((PGresult *)r);
}

/* ---- COPY ---- */

bw_status bw_pgconn_copy_begin(bw_pgconn *conn, const char *sql, bw_error *err)
{
    bw_status status = ready(conn, err);
    if (status != BW_OK)
        return status;
    if (!PQsendQuery(conn->pq, sql))
        return lost(conn, err);
    PGresult *r = NULL;
    status = flush(conn, err);
    if (status == BW_OK)
        status = next_result(conn, &r, err);
    if (status != BW_OK)
        return status;
    if (r && PQresultStatus(r) == PGRES_COPY_OUT) {
        PQclear(r);
        conn->copying = true;
        return BW_OK;
    }
    status = r ? result_error(conn, r, err)
               : bw_error_set(err, BW_INTERNAL, "the server did not begin the COPY");
    PQclear(r);
    bw_error ignored = BW_ERROR_INIT;
    bw_status rest = finish(conn, NULL, &ignored);
    (void)rest; /* the first error is the one to report */
    return status;
}

bw_status bw_pgconn_copy_row(bw_pgconn *conn, const char **row, size_t *size, bw_error *err)
{
    *row = NULL;
    *size = 0;
    if (!conn->pq)
        return lost(conn, err);
    PQfreemem(conn->row);
    conn->row = NULL;
    for (;;) {
        int n = PQgetCopyData(conn->pq, &conn->row, 1);
        if (n > 0) {
            *row = conn->row;
            *size = (size_t)n - (conn->row[n - 1] == '\n');
            return BW_OK;
        }
        if (n == -1) {
            conn->copying = false;
            return finish(conn, NULL, err);
        }
        if (n < 0)
            return lost(conn, err);
        bw_status status = wait_socket(conn, POLLIN, err);
        if (status == BW_OK)
            status = consume(conn, err);
        if (status != BW_OK)
            return status;
    }
}

bw_status bw_pgconn_copy_drain(bw_pgconn *conn, bw_error *err)
{
    const char *row;
    size_t size;
    while (conn->copying) {
        bw_status status = bw_pgconn_copy_row(conn, &row, &size, err);
        if (status != BW_OK)
            return status;
    }
    return BW_OK;
}

/* ---- opening ---- */

static bw_status learn_server(bw_pgconn *conn, const bw_pgparams *params, bw_error *err)
{
    /* The role pg_read_all_stats is there since version 10. */
    static const char sql[] =
        "SELECT current_setting('server_version'), current_database(), current_user,"
        " current_schema(), current_setting('TimeZone'), pg_is_in_recovery(),"
        " current_setting('server_encoding') = 'SQL_ASCII',"
        " pg_has_role('pg_read_all_stats', 'USAGE')";
    bw_pgserver *s = &conn->server;
    s->version = PQserverVersion(conn->pq);
    if (s->version < OLDEST_VERSION)
        return bw_error_set(err, BW_UNSUPPORTED, "%s runs PostgreSQL %d.%d; 10 is the oldest here",
                            s->address, s->version / 10000, s->version / 100 % 100);
    bw_pgresult *r;
    bw_status status = bw_pgconn_query(conn, sql, NULL, 0, &r, err);
    if (status != BW_OK)
        return status;
    const char *version = bw_pgresult_text(r, 0, 0);
    s->version_text = bw_arena_strndup(&conn->arena, version, strcspn(version, " "));
    s->database = bw_pgresult_dup(r, 0, 1, &conn->arena);
    s->user = bw_pgresult_dup(r, 0, 2, &conn->arena);
    s->schema = bw_pgresult_dup(r, 0, 3, &conn->arena);
    s->zone = bw_pgresult_dup(r, 0, 4, &conn->arena);
    s->standby = bw_pgresult_bool(r, 0, 5);
    s->sql_ascii = bw_pgresult_bool(r, 0, 6);
    s->reads_activity = bw_pgresult_bool(r, 0, 7);
    s->application_prefix = bw_arena_printf(
        &conn->arena, "%s/", params->application_name ? params->application_name : "bridgewatch");
    bw_pgresult_free(r);
    return BW_OK;
}

/* What the texts of values depend on, and what would end a long read. lc_monetary stays the
   database's: it says how many digits of money are the fraction, and money is read through
   ::numeric. */
static const char session_sql[] =
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD';"
    "SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 3; SET bytea_output = 'hex';"
    "SET standard_conforming_strings = on; SET xmloption = 'content';"
    "SET default_transaction_read_only = on; SET statement_timeout = 0; SET lock_timeout = 0;"
    "SET idle_in_transaction_session_timeout = 0;";

static bw_status prepare_session(bw_pgconn *conn, const bw_pgparams *params, bw_error *err)
{
    bw_buf sql = BW_BUF_INIT;
    for (size_t i = 0; i < params->n_session; i++) {
        bw_buf_adds(&sql, "SELECT set_config(");
        bw_pg_add_literal(&sql, params->session[i].name);
        bw_buf_addc(&sql, ',');
        bw_pg_add_literal(&sql, params->session[i].value);
        bw_buf_adds(&sql, ",false);");
    }
    bw_buf_adds(&sql, session_sql);
    /* Where the server does not know what its bytes mean, UTF8 would make it fail the whole read at
       the first text that is not; we look at each row ourselves. */
    bw_buf_addf(&sql, "SET client_encoding = '%s';", conn->server.sql_ascii ? "SQL_ASCII" : "UTF8");
    if (conn->server.version >= 140000)
        bw_buf_adds(&sql, "SET idle_session_timeout = 0;");
    if (conn->server.version >= 170000)
        bw_buf_adds(&sql, "SET transaction_timeout = 0;");
    bw_status status = bw_pgconn_exec(conn, bw_buf_cstr(&sql), err);
    bw_buf_fini(&sql);
    if (status != BW_OK)
        return bw_error_wrap(err, "cannot prepare the session");
    /* So that the server ends a statement whose reader is gone; not every platform can. */
    bw_error ignored = BW_ERROR_INIT;
    if (conn->server.version >= 140000 &&
        bw_pgconn_exec(conn, "SET client_connection_check_interval = '5s'", &ignored) != BW_OK)
        bw_log(BW_LOG_DEBUG, conn->env->subject, "%s", ignored.message);
    return bw_pgconn_usable(conn) ? BW_OK : lost(conn, err);
}

bw_status bw_pgconn_open(const bw_pgparams *params, const bw_source_env *env, bw_pgconn **out,
                         bw_error *err)
{
    bw_pgconn *conn = bw_xcalloc(1, sizeof *conn);
    *out = NULL;
    conn->env = env;
    bw_status status =
        bw_pg_connect(params, env, &conn->arena, &conn->pq, &conn->server.address, err);
    snprintf(conn->what, sizeof conn->what, "the answer of %.250s", conn->server.address);
    if (status == BW_OK)
        status = learn_server(conn, params, err);
    if (status == BW_OK)
        status = prepare_session(conn, params, err);
    if (status == BW_OK)
        *out = conn;
    else
        bw_pgconn_close(conn);
    return status;
}

void bw_pgconn_close(bw_pgconn *conn)
{
    if (!conn)
        return;
    bw_pgconn_hang_up(conn);
    bw_arena_fini(&conn->arena);
    free(conn);
}

/* ---- quoting ---- */

static void add_doubled(bw_buf *out, const char *text, char quote, bool backslashes)
{
    for (; *text; text++) {
        if (*text == quote || (backslashes && *text == '\\'))
            bw_buf_addc(out, *text);
        bw_buf_addc(out, *text);
    }
}

void bw_pg_add_identifier(bw_buf *out, const char *name)
{
    bw_buf_addc(out, '"');
    add_doubled(out, name, '"', false);
    bw_buf_addc(out, '"');
}

void bw_pg_add_literal(bw_buf *out, const char *text)
{
    bool backslashes = strchr(text, '\\') != NULL;
    bw_buf_adds(out, backslashes ? " E'" : "'");
    add_doubled(out, text, '\'', backslashes);
    bw_buf_addc(out, '\'');
}
