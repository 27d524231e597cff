/*
 * One connection to a PostgreSQL server, over libpq used asynchronously only: every wait is a poll
 * on the socket, the run's cancel and a deadline. The rest of the driver sees statements, results
 * and rows of COPY, never libpq.
 *
 * A wait that is cancelled or times out leaves the protocol in an unknown state, so the connection
 * is closed at once (which the server notices, see client_connection_check_interval); whatever is
 * asked of it afterwards fails with UNAVAILABLE.
 * Threads: one at a time.
 */
#ifndef BW_SOURCES_POSTGRES_CONN_H
#define BW_SOURCES_POSTGRES_CONN_H

#include "backend/config/config.h"
#include "backend/core/arena.h"
#include "backend/sources/source.h"

/* Where and how to connect. NULL: as libpq finds it (PG* variables, service file, ~/.pgpass). */
typedef struct bw_pgparams {
    const char *host, *port, *database, *user, *password;
    const char *tls; /* as sslmode; NULL: PGSSLMODE, else verify-full */
    const char *tls_ca, *tls_cert, *tls_key;
    int64_t connect_timeout_us;
    const char *application_name; /* before the / and the subject */
    const bw_config_pair *session;
    size_t n_session;
} bw_pgparams;

typedef struct bw_pgconn bw_pgconn;

/* Facts of the session, fixed when it was opened. */
typedef struct bw_pgserver {
    int version;              /* 150018 */
    const char *version_text; /* "15.18" */
    const char *address;      /* "db.example.com:5432", for messages */
    const char *database, *user;
    const char *schema; /* the default one, or NULL */
    const char *zone;   /* TimeZone before the session set UTC */
    const char *application_prefix;
    bool standby;
    bool sql_ascii;      /* the database does not know its encoding */
    bool reads_activity; /* may see when other users' transactions began */
} bw_pgserver;

/* `env` outlives the connection. UNAVAILABLE, TIMEOUT, CANCELLED, DENIED (password, rights), NOT_FOUND
   (database), INVALID (TLS, settings). */
BW_NODISCARD bw_status bw_pgconn_open(const bw_pgparams *params, const bw_source_env *env,
                                      bw_pgconn **out, bw_error *err);
void bw_pgconn_close(bw_pgconn *conn);
const bw_pgserver *bw_pgconn_server(const bw_pgconn *conn);
const bw_source_env *bw_pgconn_env(const bw_pgconn *conn);
/* False once the connection is gone. */
bool bw_pgconn_usable(const bw_pgconn *conn);

/* Runs one or more statements (parted by ;) whose rows do not matter. */
BW_NODISCARD bw_status bw_pgconn_exec(bw_pgconn *conn, const char *sql, bw_error *err);
BW_NODISCARD bw_status bw_pgconn_execf(bw_pgconn *conn, bw_error *err, const char *fmt, ...)
    BW_PRINTF(3, 4);

/* The rows of one statement. */
typedef struct bw_pgresult bw_pgresult;
/* `params` are texts for $1, $2, ... The result is freed by the caller; NULL on failure. */
BW_NODISCARD bw_status bw_pgconn_query(bw_pgconn *conn, const char *sql, const char *const *params,
                                       int n_params, bw_pgresult **out, bw_error *err);
int bw_pgresult_rows(const bw_pgresult *r);
/* NULL for NULL; borrowed from the result. */
const char *bw_pgresult_text(const bw_pgresult *r, int row, int column);
bool bw_pgresult_bool(const bw_pgresult *r, int row, int column);
/* `otherwise` for NULL. */
int64_t bw_pgresult_int(const bw_pgresult *r, int row, int column, int64_t otherwise);
double bw_pgresult_double(const bw_pgresult *r, int row, int column, double otherwise);
/* NULL stays NULL. */
const char *bw_pgresult_dup(const bw_pgresult *r, int row, int column, bw_arena *arena);
void bw_pgresult_free(bw_pgresult *r);

/* COPY … TO STDOUT: begin, then rows until *row is NULL. A row is valid until the next call and has
   no line end. */
BW_NODISCARD bw_status bw_pgconn_copy_begin(bw_pgconn *conn, const char *sql, bw_error *err);
BW_NODISCARD bw_status bw_pgconn_copy_row(bw_pgconn *conn, const char **row, size_t *size,
                                          bw_error *err);
/* Whether a COPY was begun and its end not yet seen. */
bool bw_pgconn_copying(const bw_pgconn *conn);
/* Ends a COPY that nobody will read to its end, by closing the connection. */
void bw_pgconn_hang_up(bw_pgconn *conn);
/* Reads and drops what is left of the COPY. */
BW_NODISCARD bw_status bw_pgconn_copy_drain(bw_pgconn *conn, bw_error *err);

/* Appends an identifier with its quotes, or a text as a literal that means the same whatever
   standard_conforming_strings says. */
void bw_pg_add_identifier(bw_buf *out, const char *name);
void bw_pg_add_literal(bw_buf *out, const char *text);

#endif
