/*
 * DESIGN. Everything is forked before the console makes a thread. Each child has a session of its
 * own (Ctrl-C is for the console), drops root where the program has it (PostgreSQL refuses root),
 * asks the kernel to end it with its parent, after the change of user, which clears that wish, and
 * then looks whether the parent is still there, because it may have died in between. The first
 * child, the janitor, waits for the parent's end, whatever ended it, and removes the directory.
 */
#include "app/demo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/core/buf.h"
#include "backend/core/clock.h"

#define START_TIMEOUT (60 * BW_SECOND)

enum { JANITOR, POSTGRES, SANDBOX, WRITER, PUBLISHERS };

typedef struct program {
    const char *const *argv;
    const struct passwd *user; /* NULL: as we are */
    int out, err;              /* where its output goes */
    int death;                 /* the signal that it gets when we die; 0: SIGKILL */
} program;

/* ---- processes -------------------------------------------------------------------------- */

void bw_demo_die_with(pid_t parent, int sig)
{
    prctl(PR_SET_PDEATHSIG, sig);
    if (getppid() != parent)
        _exit(126);
}

static void become(const program *p, pid_t parent)
{
    if (p->user && (initgroups(p->user->pw_name, p->user->pw_gid) != 0 ||
                    setgid(p->user->pw_gid) != 0 || setuid(p->user->pw_uid) != 0))
        _exit(126);
    bw_demo_die_with(parent, p->death ? p->death : SIGKILL);
}

static pid_t spawn(const program *p)
{
    pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    setsid();
    int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(p->out, STDOUT_FILENO);
    dup2(p->err, STDERR_FILENO);
    become(p, parent);
    if (chdir("/") == 0)
        execvp(p->argv[0], (char *const *)(uintptr_t)p->argv);
    _exit(127);
}

static bw_status run(const program *p, const char *what, bw_error *err)
{
    int status;
    pid_t pid = spawn(p);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return bw_error_errno(err, BW_IO, errno, "cannot run %s", what);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return BW_OK;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        bw_error_set(err, BW_NOT_FOUND, "cannot run %s: %s is not there", what, p->argv[0]);
    else
        bw_error_set(err, BW_INTERNAL, "%s failed", what);
    return bw_error_hint(err, "The demo needs PostgreSQL's server: apt-get install postgresql.");
}

static void end(pid_t pid, int sig)
{
    int status;
    if (pid <= 0)
        return;
    kill(pid, sig);
    int64_t deadline = bw_mono_us(bw_clock_system()) + 5 * BW_SECOND;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (bw_mono_us(bw_clock_system()) > deadline) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return;
        }
        poll(NULL, 0, 20);
    }
}

/* ---- PostgreSQL ------------------------------------------------------------------------- */

/* Debian keeps the server's programs out of the PATH, by version; the newest is taken. */
static void find_bindir(char *out, size_t size)
{
    static const char root[] = "/usr/lib/postgresql";
    double best = 0;
    DIR *d = opendir(root);
    out[0] = '\0';
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[448];
        double version = (double)strtol(e->d_name, NULL, 10);
        snprintf(path, sizeof(path), "%s/%.32s/bin", root, e->d_name);
        char server[600];
        snprintf(server, sizeof(server), "%s/initdb", path);
        if (version > best && access(server, X_OK) == 0) {
            best = version;
            snprintf(out, size, "%s/", path);
        }
    }
    if (d)
        closedir(d);
}

static bw_status start_postgres(bw_demo *demo, const struct passwd *user, int log, bw_error *err)
{
    char bindir[512], initdb[600], server[600], psql[600], data[192], sockets[256];
    find_bindir(bindir, sizeof(bindir));
    snprintf(initdb, sizeof(initdb), "%sinitdb", bindir);
    snprintf(server, sizeof(server), "%spostgres", bindir);
    snprintf(psql, sizeof(psql), "%spsql", bindir);
    snprintf(data, sizeof(data), "%s/postgres", demo->dir);
    snprintf(sockets, sizeof(sockets), "unix_socket_directories=%s", demo->socket);
    const char *const make[] = {initdb,  "-D", data,   "-U",         "demo", "-A",
                                "trust", "-E", "UTF8", "--locale=C", "-N",   NULL};
    bw_status s = run(&(program){make, user, log, log, 0}, "initdb", err);
    if (s != BW_OK)
        return s;
    const char *const serve[] = {
        server,         "-D", data,        "-c", "listen_addresses=",   "-c",
        sockets,        "-c", "fsync=off", "-c", "shared_buffers=32MB", "-c",
        "timezone=UTC", NULL};
    /* An immediate shutdown: killed outright it would leave its shared memory behind. */
    demo->children[POSTGRES] = spawn(&(program){serve, user, log, log, SIGQUIT});
    const char *const ping[] = {psql, "-qX",      "-h", demo->socket, "-U", "demo",
                                "-d", "postgres", "-c", "SELECT 1",   NULL};
    int64_t deadline = bw_mono_us(bw_clock_system()) + START_TIMEOUT;
    while ((s = run(&(program){ping, NULL, log, log, 0}, "PostgreSQL", err)) != BW_OK) {
        if (waitpid(demo->children[POSTGRES], NULL, WNOHANG) != 0) {
            demo->children[POSTGRES] = 0;
            return bw_error_set(err, BW_INTERNAL, "PostgreSQL did not start");
        }
        if (bw_mono_us(bw_clock_system()) > deadline)
            return bw_error_set(err, BW_TIMEOUT, "PostgreSQL did not answer within a minute");
        poll(NULL, 0, 50);
    }
    const char *const database[] = {psql, "-qX",      "-h", demo->socket,           "-U", "demo",
                                    "-d", "postgres", "-c", "CREATE DATABASE shop", NULL};
    const char *const schema[] = {
        psql, "-qX",  "-v", "ON_ERROR_STOP=1",  "-h", demo->socket, "-U", "demo",
        "-d", "shop", "-c", bw_demo_schema_sql, NULL};
    const char *const churn[] = {psql, "-qX",  "-h", demo->socket,      "-U", "demo",
                                 "-d", "shop", "-c", bw_demo_churn_sql, NULL};
    s = run(&(program){database, NULL, log, log, 0}, "CREATE DATABASE", err);
    if (s == BW_OK)
        s = run(&(program){schema, NULL, log, log, 0}, "the demo's schema", err);
    if (s == BW_OK)
        demo->children[WRITER] = spawn(&(program){churn, NULL, log, log, 0});
    return s;
}

/* ---- the sandbox ------------------------------------------------------------------------ */

/* Beside this program, else by the PATH. */
static void find_sandbox(char *out, size_t size)
{
    char self[512];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash) {
        snprintf(out, size, "%.*s/bridgewatch-sandbox", (int)(slash - self), self);
        if (access(out, X_OK) == 0)
            return;
    }
    snprintf(out, size, "bridgewatch-sandbox");
}

/* Its first line is "listening on http://HOST:PORT". */
static bw_status read_endpoint(bw_demo *demo, int fd, bw_error *err)
{
    char line[256];
    size_t n = 0;
    int64_t deadline = bw_mono_us(bw_clock_system()) + START_TIMEOUT;
    while (n + 1 < sizeof(line) && !memchr(line, '\n', n)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, bw_poll_ms(bw_clock_system(), deadline, -1)) <= 0)
            return bw_error_set(err, BW_TIMEOUT, "the sandbox did not start");
        ssize_t got = read(fd, line + n, sizeof(line) - 1 - n);
        if (got <= 0)
            return bw_error_set(err, BW_NOT_FOUND,
                                "the sandbox (bridgewatch-sandbox) ended at once");
        n += (size_t)got;
    }
    line[n] = '\0';
    char *url = strstr(line, "http://");
    if (!url)
        return bw_error_set(err, BW_INTERNAL, "the sandbox did not say where it listens");
    snprintf(demo->endpoint, sizeof(demo->endpoint), "%.*s", (int)strcspn(url, "\r\n "), url);
    return BW_OK;
}

static bw_status start_sandbox(bw_demo *demo, int log, bw_error *err)
{
    char path[600];
    int fds[2];
    find_sandbox(path, sizeof(path));
    const char *const argv[] = {path,   "--port",    "0",         "--project",
                                "demo", "--dataset", "analytics", NULL};
    if (pipe2(fds, O_CLOEXEC) != 0)
        return bw_error_errno(err, BW_IO, errno, "cannot make a pipe");
    demo->children[SANDBOX] = spawn(&(program){argv, NULL, fds[1], log, 0});
    close(fds[1]);
    bw_status s = read_endpoint(demo, fds[0], err);
    /* The read end stays open on purpose: the sandbox must not meet a closed pipe. */
    return s;
}

/* ---- the publishers --------------------------------------------------------------------- */

static bw_status start_publishers(bw_demo *demo, int log, bw_error *err)
{
    int fds[2];
    char byte;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return bw_error_errno(err, BW_IO, errno, "cannot make a pipe");
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        close(fds[0]);
        close(demo->alive); /* ours to close, not this one's: see start_janitor() */
        setsid();
        dup2(log, STDERR_FILENO);
        bw_demo_die_with(parent, SIGKILL);
        bw_demo_publish(demo->endpoint, fds[1]);
    }
    close(fds[1]);
    if (pid < 0)
        bw_error_errno(err, BW_IO, errno, "cannot start a process");
    else if (read(fds[0], &byte, 1) != 1)
        bw_error_set(err, BW_INTERNAL, "the demo's publishers did not start");
    else
        err->status = BW_OK;
    close(fds[0]);
    demo->children[PUBLISHERS] = pid > 0 ? pid : 0;
    return err->status;
}

/* ---- the janitor ------------------------------------------------------------------------ */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path) != 0 && errno != ENOENT;
}

static void remove_dir(const char *dir)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

_Noreturn static void be_janitor(int parent_lives, const char *dir)
{
    char byte;
    setsid();
    int null = open("/dev/null", O_RDWR);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        dup2(null, fd); /* whoever reads what the demo prints need not wait for us */
    while (read(parent_lives, &byte, 1) < 0 && errno == EINTR)
        ;
    /* The servers are ending at this moment and may still make a file. */
    int64_t deadline = bw_mono_us(bw_clock_system()) + 10 * BW_SECOND;
    for (remove_dir(dir); access(dir, F_OK) == 0; remove_dir(dir)) {
        if (bw_mono_us(bw_clock_system()) > deadline)
            _exit(1);
        poll(NULL, 0, 50);
    }
    _exit(0);
}

/* Nobody but this process holds the pipe's other end, so it is closed exactly when this ends. */
static bw_status start_janitor(bw_demo *demo, bw_error *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return bw_error_errno(err, BW_IO, errno, "cannot make a pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[1]);
        be_janitor(fds[0], demo->dir);
    }
    close(fds[0]);
    demo->alive = fds[1];
    if (pid < 0)
        return bw_error_errno(err, BW_IO, errno, "cannot start a process");
    demo->children[JANITOR] = pid;
    return BW_OK;
}

/* ---- the directory and the configuration ------------------------------------------------ */

static bw_status make_dirs(bw_demo *demo, const struct passwd *user, bw_error *err)
{
    char data[192];
    snprintf(demo->dir, sizeof(demo->dir), "/tmp/bridgewatch-demo-XXXXXX");
    if (!mkdtemp(demo->dir))
        return bw_error_errno(err, BW_IO, errno, "cannot make a directory in /tmp");
    snprintf(demo->socket, sizeof(demo->socket), "%s/socket", demo->dir);
    snprintf(demo->config, sizeof(demo->config), "%s/bridgewatch.yaml", demo->dir);
    snprintf(data, sizeof(data), "%s/postgres", demo->dir);
    if (mkdir(demo->socket, 0700) != 0 || mkdir(data, 0700) != 0)
        return bw_error_errno(err, BW_IO, errno, "cannot make directories in %s", demo->dir);
    if (user &&
        (chmod(demo->dir, 0711) != 0 || chown(demo->socket, user->pw_uid, user->pw_gid) != 0 ||
         chown(data, user->pw_uid, user->pw_gid) != 0))
        return bw_error_errno(err, BW_IO, errno, "cannot hand %s to %s", demo->dir, user->pw_name);
    return BW_OK;
}

static bw_status write_config(const bw_demo *demo, bw_error *err)
{
    FILE *f = fopen(demo->config, "w");
    if (!f)
        return bw_error_errno(err, BW_IO, errno, "cannot write %s", demo->config);
    fprintf(f,
            "project: demo\ndataset: analytics\nlocation: US\ncredentials: none\n"
            "endpoints: {bigquery: \"%s\", pubsub: \"%s\", datastore: \"%s\", monitoring: \"%s\"}\n"
            "environment: {label: DEMO, colour: cyan}\nstate_dir: %s/state\n"
            "audit: {subscription: " BW_DEMO_AUDIT "}\n"
            "sources:\n  shop: {type: postgres, host: %s, database: shop, user: demo}\n"
            "  changes: {type: pubsub}\n"
            "syncs:\n"
            "  - {source: shop, table: public.orders, schedule: every 3s, lookback: 5s, freshness: "
            "{target: 20s}}\n"
            "  - {source: shop, table: public.customers, schedule: every 10s, freshness: {target: "
            "1m}}\n"
            "  - {source: shop, table: public.payments, mode: append, cursor: paid_at, schedule: "
            "every 5s, lookback: 5s,"
            " freshness: {target: 30s}}\n"
            "  - {source: shop, table: public.stock, schedule: every 4s, lookback: 5s, raw: true, "
            "freshness: {target: 30s}}\n"
            "  - {source: shop, table: public.products, mode: replace, schedule: every 30s, "
            "freshness: {target: 2m}}\n"
            "  - {source: changes, table: " BW_DEMO_SUBSCRIPTION ", name: events.profile, target: "
            "profiles, external_events: true, freshness: {target: 30s}}\n",
            demo->endpoint, demo->endpoint, demo->endpoint, demo->endpoint, demo->dir,
            demo->socket);
    if (fclose(f) != 0)
        return bw_error_errno(err, BW_IO, errno, "cannot write %s", demo->config);
    return BW_OK;
}

bw_status bw_demo_start(bw_demo *demo, bw_error *err)
{
    const struct passwd *user = NULL;
    char log_path[192];
    *demo = (bw_demo){.alive = -1};
    if (geteuid() == 0 && !(user = getpwnam("postgres"))) {
        bw_error_set(err, BW_NOT_FOUND,
                     "PostgreSQL refuses to run as root, and there is no user postgres");
        return bw_error_hint(
            err, "Install PostgreSQL's server (apt-get install postgresql), or run the demo as "
                 "another user.");
    }
    bw_status s = make_dirs(demo, user, err);
    snprintf(log_path, sizeof(log_path), "%s/demo.log", demo->dir);
    int log = s == BW_OK ? open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (s == BW_OK)
        s = start_janitor(demo, err);
    if (s == BW_OK)
        s = start_sandbox(demo, log, err);
    if (s == BW_OK)
        s = start_postgres(demo, user, log, err);
    if (s == BW_OK)
        s = start_publishers(demo, log, err);
    if (s == BW_OK)
        s = write_config(demo, err);
    if (log >= 0)
        close(log);
    if (s != BW_OK)
        bw_demo_stop(demo);
    return s;
}

void bw_demo_stop(bw_demo *demo)
{
    end(demo->children[PUBLISHERS], SIGTERM);
    end(demo->children[WRITER], SIGTERM);
    end(demo->children[POSTGRES], SIGINT); /* a fast shutdown */
    end(demo->children[SANDBOX], SIGTERM);
    if (demo->dir[0])
        remove_dir(demo->dir);
    if (demo->alive >= 0)
        close(demo->alive);
    end(demo->children[JANITOR], 0);
    memset(demo, 0, sizeof(*demo));
}
