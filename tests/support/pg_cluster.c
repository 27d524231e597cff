#include "tests/support/pg_cluster.h"

#include <arpa/inet.h>
#include <glob.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/core/buf.h"
#include "backend/core/cancel.h"
#include "tests/support/process.h"

#define START_TIMEOUT_S 60.0

struct bw_pg_cluster {
    char *dir, *data;
    int port;
    uid_t uid; /* 0: as ourselves */
    gid_t gid;
    bw_process *server;
};

struct bw_pg_session {
    PGconn *conn;
};

_Noreturn static void die(const char *what, const char *detail)
{
    fprintf(stderr, "pg_cluster: %s: %s\n", what, detail);
    abort();
}

char *bw_pg_program(const char *name)
{
    glob_t found;
    char *pattern = bw_xasprintf("/usr/lib/postgresql/*/bin/%s", name);
    char *path = NULL;
    if (glob(pattern, 0, NULL, &found) == 0) {
        path = bw_xstrdup(found.gl_pathv[found.gl_pathc - 1]);
        globfree(&found);
    }
    free(pattern);
    if (path)
        return path;
    const char *argv[] = {"pg_config", "--bindir", NULL};
    char *out = NULL;
    if (bw_process_run(argv, NULL, 10, &out, NULL) == 0 && out) {
        out[strcspn(out, "\n")] = '\0';
        path = bw_xasprintf("%s/%s", out, name);
    }
    free(out);
    if (!path)
        die(name, "no PostgreSQL server found (Debian: apt-get install postgresql)");
    return path;
}

static void run_as_server(const bw_pg_cluster *c, const char *const *argv)
{
    bw_error err = BW_ERROR_INIT;
    bw_process_options o = {.argv = argv, .env = (const char *[]){"LC_ALL=C", NULL}, .cwd = c->dir};
    o.uid = c->uid;
    o.gid = c->gid;
    bw_process *p;
    if (bw_process_start(&o, &p, &err) != BW_OK)
        die(argv[0], err.message);
    int status = bw_process_wait(p, START_TIMEOUT_S);
    if (status != 0) {
        char *text = bw_process_output(p, BW_PROCESS_ERR);
        die(argv[0], text);
    }
    bw_process_free(p);
}

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &size) != 0)
        die("free port", "none");
    close(fd);
    return ntohs(a.sin_port);
}

static void own(const bw_pg_cluster *c, const char *path)
{
    if (c->uid && chown(path, c->uid, c->gid) != 0)
        die(path, "cannot change the owner");
}

static void append(const char *path, const char *mode, const char *text)
{
    FILE *f = fopen(path, mode);
    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        die(path, "cannot write");
}

const char *bw_pg_cluster_conninfo(const bw_pg_cluster *c, const char *database, char *out,
                                   size_t size)
{
    snprintf(out, size, "host=%s port=%d user=postgres dbname=%s", c->dir, c->port, database);
    return out;
}

static void drop_notice(void *user, const PGresult *result)
{
    (void)user;
    (void)result;
}

static PGconn *connect_to(const bw_pg_cluster *c, const char *database)
{
    char info[512];
    PGconn *conn = PQconnectdb(bw_pg_cluster_conninfo(c, database, info, sizeof info));
    if (PQstatus(conn) != CONNECTION_OK)
        die(database, PQerrorMessage(conn));
    PQsetNoticeReceiver(conn, drop_notice, NULL);
    return conn;
}

static void launch(bw_pg_cluster *c)
{
    bw_error err = BW_ERROR_INIT;
    char *program = bw_pg_program("postgres");
    char *port = bw_xasprintf("%d", c->port);
    const char *argv[] = {program, "-D", c->data, "-k", c->dir, "-p", port, NULL};
    bw_process_options o = {.argv = argv, .env = (const char *[]){"LC_ALL=C", NULL}, .cwd = c->dir};
    o.uid = c->uid;
    o.gid = c->gid;
    if (bw_process_start(&o, &c->server, &err) != BW_OK)
        die(program, err.message);
    free(program);
    free(port);
}

static void start_server(bw_pg_cluster *c)
{
    bw_error err = BW_ERROR_INIT;
    const bw_clock *clock = bw_clock_system();
    int64_t deadline = bw_mono_us(clock) + (int64_t)START_TIMEOUT_S * BW_SECOND;
    char info[512];
    bw_pg_cluster_conninfo(c, "postgres", info, sizeof info);
    launch(c);
    while (PQping(info) != PQPING_OK) {
        if (bw_mono_us(clock) > deadline)
            die("the server did not start", bw_process_output(c->server, BW_PROCESS_ERR));
        /* Right after a kill the old backends may still hold the shared memory. */
        if (!bw_process_running(c->server)) {
            bw_process_free(c->server);
            launch(c);
        }
        if (bw_wait_until(NULL, clock, bw_mono_us(clock) + 20000, &err) != BW_OK)
            break;
    }
}

bw_pg_cluster *bw_pg_cluster_start(const char *const *settings)
{
    bw_pg_cluster *c = bw_xcalloc(1, sizeof *c);
    c->dir = bw_test_dir_new("pg");
    c->data = bw_xasprintf("%s/data", c->dir);
    c->port = free_port();
    if (geteuid() == 0) {
        const struct passwd *user = getpwnam("postgres");
        if (!user)
            die("postgres", "no such user (Debian: apt-get install postgresql)");
        c->uid = user->pw_uid;
        c->gid = user->pw_gid;
    }
    own(c, c->dir);
    char *initdb = bw_pg_program("initdb");
    run_as_server(c,
                  (const char *[]){initdb, "-D", c->data, "-U", "postgres", "-A", "trust", "-E",
                                   "UTF8", "--locale=C", "--no-sync", "--no-instructions", NULL});
    free(initdb);
    char *conf = bw_xasprintf("%s/postgresql.conf", c->data);
    append(conf, "a",
           "listen_addresses = '127.0.0.1'\nfsync = off\nsynchronous_commit = off\n"
           "full_page_writes = off\nshared_buffers = 32MB\nmax_prepared_transactions = 10\n"
           "timezone = 'UTC'\nautovacuum = off\nlogging_collector = off\n");
    for (size_t i = 0; settings && settings[i]; i++) {
        append(conf, "a", settings[i]);
        append(conf, "a", "\n");
    }
    free(conf);
    start_server(c);
    return c;
}

void bw_pg_cluster_free(bw_pg_cluster *c)
{
    if (!c)
        return;
    bw_pg_cluster_stop(c, false);
    bw_test_dir_remove(c->dir);
    free(c->dir);
    free(c->data);
    free(c);
}

const char *bw_pg_cluster_dir(const bw_pg_cluster *c)
{
    return c->dir;
}

int bw_pg_cluster_port(const bw_pg_cluster *c)
{
    return c->port;
}

pid_t bw_pg_cluster_pid(const bw_pg_cluster *c)
{
    return c->server ? bw_process_pid(c->server) : -1;
}

void bw_pg_cluster_stop(bw_pg_cluster *c, bool crash)
{
    if (!c->server)
        return;
    bw_process_signal(c->server, crash ? SIGKILL : SIGINT);
    if (bw_process_wait(c->server, 20) < 0)
        bw_process_signal(c->server, SIGQUIT);
    bw_process_wait(c->server, 20);
    bw_process_free(c->server);
    c->server = NULL;
}

void bw_pg_cluster_again(bw_pg_cluster *c)
{
    start_server(c);
}

static void reload(bw_pg_cluster *c)
{
    bw_pg_sql(c, "postgres", "SELECT pg_reload_conf()");
}

void bw_pg_cluster_hba(bw_pg_cluster *c, const char *lines)
{
    char *path = bw_xasprintf("%s/pg_hba.conf", c->data);
    append(path, "w", "local all postgres trust\n");
    append(path, "a", lines);
    free(path);
    reload(c);
}

char *bw_pg_cluster_file(bw_pg_cluster *c, const char *name, const char *content)
{
    char *path = bw_xasprintf("%s/%s", c->data, name);
    append(path, "w", content);
    own(c, path);
    if (chmod(path, 0600) != 0)
        die(path, "cannot change the mode");
    return path;
}

static char *run_query(PGconn *conn, const char *sql)
{
    PGresult *res = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(res);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY)
        die(sql, PQerrorMessage(conn));
    bw_buf out = BW_BUF_INIT;
    for (int r = 0; r < PQntuples(res); r++) {
        for (int f = 0; f < PQnfields(res); f++) {
            if (f)
                bw_buf_addc(&out, '|');
            bw_buf_adds(&out, PQgetvalue(res, r, f));
        }
        bw_buf_addc(&out, '\n');
    }
    PQclear(res);
    if (out.len)
        out.len--;
    return bw_buf_take(&out);
}

char *bw_pg_query(const bw_pg_cluster *c, const char *database, const char *sql)
{
    PGconn *conn = connect_to(c, database);
    char *text = run_query(conn, sql);
    PQfinish(conn);
    return text;
}

void bw_pg_sql(const bw_pg_cluster *c, const char *database, const char *sql)
{
    free(bw_pg_query(c, database, sql));
}

void bw_pg_sqlf(const bw_pg_cluster *c, const char *database, const char *format, ...)
{
    va_list ap;
    char *sql = NULL;
    va_start(ap, format);
    int n = vasprintf(&sql, format, ap);
    va_end(ap);
    if (n < 0)
        die(format, "out of memory");
    bw_pg_sql(c, database, sql);
    free(sql);
}

bw_pg_session *bw_pg_session_open(const bw_pg_cluster *c, const char *database)
{
    bw_pg_session *s = bw_xcalloc(1, sizeof *s);
    s->conn = connect_to(c, database);
    return s;
}

void bw_pg_session_sql(bw_pg_session *s, const char *sql)
{
    free(run_query(s->conn, sql));
}

char *bw_pg_session_query(bw_pg_session *s, const char *sql)
{
    return run_query(s->conn, sql);
}

void bw_pg_session_close(bw_pg_session *s)
{
    if (!s)
        return;
    PQfinish(s->conn);
    free(s);
}
