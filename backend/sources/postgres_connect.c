#include "backend/sources/postgres_connect.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/core/log.h"
#include "backend/sources/postgres_error.h"
#include "backend/sources/postgres_resolve.h"

#define DEFAULT_PORT "5432"
#define MAX_TARGETS  32
#define MAX_KEYWORDS 24

/* One address to try. */
typedef struct target {
    const char *host, *hostaddr, *port;
    bool local; /* a Unix socket */
} target;

typedef struct connecting {
    const bw_pgparams *params;
    const bw_source_env *env;
    bw_arena *arena;
    PQconninfoOption *defaults; /* what PG* variables and the service file say */
    target targets[MAX_TARGETS];
    size_t n_targets;
    int64_t deadline;
    const char *address, *user, *database;
} connecting;

static const char *default_of(const connecting *c, const char *keyword)
{
    for (const PQconninfoOption *o = c->defaults; o && o->keyword; o++) {
        if (strcmp(o->keyword, keyword) == 0)
            return o->val && *o->val ? o->val : NULL;
    }
    return NULL;
}

static const char *either(const connecting *c, const char *given, const char *keyword)
{
    return given && *given ? given : default_of(c, keyword);
}

/* The i-th of a list parted by commas; the last one stands for all that are missing. */
static const char *nth(bw_arena *arena, const char *list, size_t i)
{
    const char *p = list;
    for (; i > 0 && strchr(p, ','); i--)
        p = strchr(p, ',') + 1;
    return bw_arena_strndup(arena, p, strcspn(p, ","));
}

static size_t count_of(const char *list)
{
    size_t n = 1;
    for (const char *p = list; (p = strchr(p, ',')) != NULL; p++)
        n++;
    return n;
}

static void add_target(connecting *c, const char *host, const char *hostaddr, const char *port)
{
    bool local = !hostaddr && (!host || !*host || *host == '/' || *host == '@');
    if (c->n_targets < MAX_TARGETS)
        c->targets[c->n_targets++] = (target){host, hostaddr, port, local};
}

static bw_status find_targets(connecting *c, bw_error *err)
{
    const char *host = either(c, c->params->host, "host");
    /* PGHOSTADDR belongs to PGHOST; a host from the settings stands for itself. */
    const char *hostaddr = c->params->host ? NULL : default_of(c, "hostaddr");
    const char *port = either(c, c->params->port, "port");
    if (!port)
        port = DEFAULT_PORT;
    c->address = !host && !hostaddr
                     ? bw_arena_printf(c->arena, "the local socket, port %s", port)
                     : bw_arena_printf(c->arena, host && *host == '/' ? "%s, port %s" : "%s:%s",
                                       host ? host : hostaddr, port);
    if (hostaddr || !host) {
        for (size_t i = 0; i < count_of(hostaddr ? hostaddr : ""); i++)
            add_target(c, host ? nth(c->arena, host, i) : NULL,
                       hostaddr ? nth(c->arena, hostaddr, i) : NULL, nth(c->arena, port, i));
        return BW_OK;
    }
    for (size_t i = 0; i < count_of(host); i++) {
        const char *name = nth(c->arena, host, i), *at = nth(c->arena, port, i);
        const char *const *addresses;
        size_t n;
        if (!*name || *name == '/' || *name == '@') {
            add_target(c, name, NULL, at);
            continue;
        }
        bw_status status = bw_resolve(name, c->env->cancel, c->env->clock, c->deadline, c->arena,
                                      &addresses, &n, err);
        /* Of several hosts one is enough. */
        if (status != BW_OK && (status == BW_CANCELLED || count_of(host) == 1))
            return status;
        for (size_t k = 0; status == BW_OK && k < n; k++)
            add_target(c, name, addresses[k], at);
    }
    return c->n_targets ? BW_OK : err->status;
}

/* Where libpq would find no authority to trust, the system's are meant. With `require` and below a
   file that nobody asked for would make libpq verify after all. */
static const char *root_certificates(const connecting *c, const char *tls)
{
    static const char *const bundles[] = {
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
    };
    const char *given = either(c, c->params->tls_ca, "sslrootcert");
    bool system = given && strcmp(given, "system") == 0;
    const char *home = getenv("HOME");
    if (given && !system)
        return given;
    if (!given && strncmp(tls, "verify-", 7) != 0)
        return NULL;
    if (!system && home) {
        const char *own = bw_arena_printf(c->arena, "%s/.postgresql/root.crt", home);
        if (access(own, R_OK) == 0)
            return own;
    }
    for (size_t i = 0; i < BW_COUNT(bundles); i++) {
        if (access(bundles[i], R_OK) == 0)
            return bundles[i];
    }
    return NULL;
}

/* libpq complains of a password file that others can read on standard error, which may be a screen:
   the complaint goes to the log, and libpq gets the name of a file that is not there. */
static const char *password_file(const connecting *c)
{
    const char *given = default_of(c, "passfile"), *home = getenv("HOME");
    struct stat st;
    if (!given && home)
        given = bw_arena_printf(c->arena, "%s/.pgpass", home);
    if (!given || stat(given, &st) != 0)
        return NULL;
    if (S_ISREG(st.st_mode) && (st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return NULL;
    if (!c->params->password)
        bw_log(BW_LOG_WARN, c->env->subject,
               "the password file %s is not used: it must be a plain file that only its owner can "
               "read (chmod 600)",
               given);
    return "/nonexistent/pgpass";
}

typedef struct keywords {
    const char *names[MAX_KEYWORDS + 1], *values[MAX_KEYWORDS + 1];
    size_t count;
} keywords;

static void set_keyword(keywords *k, const char *name, const char *value)
{
    if (!value || k->count >= MAX_KEYWORDS)
        return;
    k->names[k->count] = name;
    k->values[k->count++] = value;
}

static keywords keywords_of(const connecting *c, const target *t)
{
    keywords k = {.count = 0};
    const bw_pgparams *p = c->params;
    const char *tls = p->tls ? p->tls : getenv("PGSSLMODE");
    tls = tls && *tls ? tls : "verify-full";
    set_keyword(&k, "host", t->host);
    set_keyword(&k, "hostaddr", t->hostaddr);
    set_keyword(&k, "port", t->port);
    set_keyword(&k, "dbname", p->database);
    set_keyword(&k, "user", p->user);
    set_keyword(&k, "password", p->password);
    set_keyword(&k, "passfile", password_file(c));
    set_keyword(&k, "sslmode", t->local ? "disable" : tls);
    if (!t->local) {
        set_keyword(&k, "sslrootcert", root_certificates(c, tls));
        set_keyword(&k, "sslcert", p->tls_cert);
        set_keyword(&k, "sslkey", p->tls_key);
    }
    /* Kerberos would look up names while we wait; who wants it says so. */
    set_keyword(&k, "gssencmode", getenv("PGGSSENCMODE") ? NULL : "disable");
    set_keyword(&k, "client_encoding", "UTF8");
    set_keyword(&k, "keepalives_idle", "30");
    set_keyword(&k, "keepalives_interval", "10");
    set_keyword(&k, "keepalives_count", "3");
    set_keyword(&k, "application_name",
                bw_arena_printf(c->arena, "%s/%s",
                                p->application_name ? p->application_name : "bridgewatch",
                                c->env->subject ? c->env->subject : ""));
    return k;
}

static bw_status poll_until_connected(connecting *c, PGconn *pq, int64_t deadline, bw_error *err)
{
    char what[300];
    snprintf(what, sizeof what, "a connection to %.250s", c->address);
    PostgresPollingStatusType step = PGRES_POLLING_WRITING;
    for (;;) {
        if (step == PGRES_POLLING_OK)
            return BW_OK;
        if (step == PGRES_POLLING_FAILED)
            return bw_pg_connect_error(err, PQerrorMessage(pq), c->address, c->user, c->database);
        short events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        bw_status status =
            bw_wait_fd(PQsocket(pq), events, c->env->cancel, c->env->clock, deadline, what, err);
        if (status == BW_TIMEOUT)
            return bw_error_hint(err, "Check host and port and the firewalls between; "
                                      "connect_timeout is how long this waits.");
        if (status != BW_OK)
            return status;
        step = PQconnectPoll(pq);
    }
}

/* Notices are for people at psql; libpq would print them to standard error. */
static void drop_notice(void *user, const PGresult *result)
{
    (void)user;
    (void)result;
}

static bw_status try_target(connecting *c, const target *t, int64_t deadline, PGconn **out,
                            bw_error *err)
{
    keywords k = keywords_of(c, t);
    PGconn *pq = PQconnectStartParams(k.names, k.values, 0);
    if (!pq)
        return bw_error_set(err, BW_INTERNAL, "out of memory");
    c->user = PQuser(pq) ? bw_arena_strdup(c->arena, PQuser(pq)) : "the user";
    c->database = PQdb(pq) ? bw_arena_strdup(c->arena, PQdb(pq)) : "the database";
    PQsetNoticeReceiver(pq, drop_notice, NULL);
    PQsetErrorVerbosity(pq, PQERRORS_VERBOSE);
    bw_status status =
        PQstatus(pq) == CONNECTION_BAD
            ? bw_pg_connect_error(err, PQerrorMessage(pq), c->address, c->user, c->database)
            : poll_until_connected(c, pq, deadline, err);
    if (status == BW_OK && PQsetnonblocking(pq, 1) != 0)
        status = bw_error_set(err, BW_INTERNAL, "%s", PQerrorMessage(pq));
    if (status == BW_OK)
        *out = pq;
    else
        PQfinish(pq);
    return status;
}

bw_status bw_pg_connect(const bw_pgparams *params, const bw_source_env *env, bw_arena *arena,
                        PGconn **out, const char **address, bw_error *err)
{
    connecting c = {.params = params, .env = env, .arena = arena, .defaults = PQconndefaults()};
    int64_t now = bw_mono_us(env->clock);
    c.deadline = now + params->connect_timeout_us;
    *out = NULL;
    bw_status status = find_targets(&c, err);
    for (size_t i = 0; status != BW_CANCELLED && i < c.n_targets && !*out; i++) {
        /* A silent address must not use up the time of those after it. */
        now = bw_mono_us(env->clock);
        int64_t share = (c.deadline - now) / (int64_t)(c.n_targets - i);
        status = try_target(&c, &c.targets[i], now + share, out, err);
    }
    *address = c.address ? c.address : "PostgreSQL";
    PQconninfoFree(c.defaults);
    return status;
}
