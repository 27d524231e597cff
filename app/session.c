#include "app/session.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/json_out.h"
#include "backend/core/log.h"

static void name_operator(char *who, size_t size)
{
    char host[64] = "";
    const struct passwd *pw = getpwuid(getuid());
    gethostname(host, sizeof(host) - 1);
    if (pw && pw->pw_name)
        snprintf(who, size, "%s@%s", pw->pw_name, host);
    else
        snprintf(who, size, "uid %u@%s", (unsigned)getuid(), host);
}

/* Makes every missing directory of the path, ours alone (0700). */
static bw_status make_dirs(const char *path, bw_error *err)
{
    char *copy = bw_xstrdup(path);
    bw_status s = BW_OK;
    for (char *p = copy + 1; s == BW_OK; p++) {
        char c = *p;
        if (c != '/' && c != '\0')
            continue;
        *p = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST) {
            s = bw_error_errno(err, BW_IO, errno, "cannot make the state directory %s", copy);
            bw_error_hint(
                err, "Choose another with state_dir:, or give this user the right to write there.");
        }
        *p = c;
        if (c == '\0')
            break;
    }
    free(copy);
    return s;
}

static bw_status open_log(bw_session *s, bool console, bw_error *err)
{
    const bw_config_node *top = bw_config_top(s->ctx->config);
    bw_log_level level;
    bool opened = true;
    const char *file = bw_config_string(top, "log.file");
    char *own = console && !file ? bw_xasprintf("%s/bridgewatch.log", s->state_dir) : NULL;
    if (bw_log_level_parse(bw_config_string(top, "log.level"), &level))
        bw_log_set_level(level);
    s->log_to.json = strcmp(bw_config_string(top, "log.format"), "json") == 0;
    s->log_to.fd = STDERR_FILENO;
    if (own)
        file = own;
    if (file) {
        s->log_to.fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (s->log_to.fd < 0) {
            (void)bw_error_errno(err, BW_IO, errno, "cannot open the log %s", file);
            bw_error_hint(err, own ? "Look at owner, rights and disk of state_dir."
                                   : "Mend log.file: the directory has to be there, and this user "
                                     "may write to it.");
            opened = false;
        }
    }
    free(own);
    if (!opened && (console || s->ctx->line->command->needs_log))
        return BW_IO;
    if (!opened) {
        bw_cli_fail(s->ctx->err, err, BW_EXIT_OK);
        *err = (bw_error)BW_ERROR_INIT;
        s->log_to.fd = STDERR_FILENO;
    }
    s->log_sink = bw_log_add_sink(bw_log_to_fd, &s->log_to);
    s->ring = bw_log_ring_new(10000);
    s->ring_sink = bw_log_add_sink(bw_log_to_ring, s->ring);
    return BW_OK;
}

bw_status bw_session_open(bw_session *s, const bw_cli_context *ctx, bool console, bw_error *err)
{
    *s = (bw_session){
        .ctx = ctx, .log_sink = -1, .ring_sink = -1, .signals = -1, .log_to = {.fd = -1}};
    s->state_dir = bw_config_string(bw_config_top(ctx->config), "state_dir");
    name_operator(s->who, sizeof(s->who));
    bw_status status = make_dirs(s->state_dir, err);
    return status == BW_OK ? open_log(s, console, err) : status;
}

bw_status bw_session_google(bw_session *s, bw_error *err)
{
    if (s->google)
        return BW_OK;
    const bw_config_node *top = bw_config_top(s->ctx->config);
    bw_google_options o = {
        .project = bw_config_string(top, "project"),
        .credentials = bw_config_string(top, "credentials"),
        .bigquery = bw_config_string(top, "endpoints.bigquery"),
        .pubsub = bw_config_string(top, "endpoints.pubsub"),
        .datastore = bw_config_string(top, "endpoints.datastore"),
        .logging = bw_config_string(top, "endpoints.logging"),
        .monitoring = bw_config_string(top, "endpoints.monitoring"),
        .secretmanager = bw_config_string(top, "endpoints.secretmanager"),
        .oauth = bw_config_string(top, "endpoints.oauth"),
        .clock = bw_clock_system(),
    };
    bw_status status = bw_google_new(&o, &s->google, err);
    if (status != BW_OK || bw_google_project(s->google))
        return status;
    /* Only the metadata server can name it: asked once, here, so that every client knows it. */
    char *project;
    status = bw_google_find_project(s->google, NULL, &project, err);
    if (status != BW_OK && status != BW_NOT_FOUND)
        bw_error_wrap(err, "no project is set, and the metadata server does not name one");
    if (status != BW_OK)
        return bw_error_hint(err, "Set project: in the configuration.");
    bw_google_free(s->google);
    o.project = project;
    status = bw_google_new(&o, &s->google, err);
    free(project);
    return status;
}

/* Without this, `status` in the wrong directory would say of an engine that runs that it does not. */
static void say_without_file(const bw_session *s)
{
    bw_error err = BW_ERROR_INIT;
    if (bw_config_file(s->ctx->config))
        return;
    bw_error_set(&err, BW_NOT_FOUND, "there is no configuration: this is the state in %s",
                 s->state_dir);
    bw_error_hint(&err, "Name one with -c FILE or BRIDGEWATCH_CONFIG where the engine has one.");
    bw_cli_fail(s->ctx->err, &err, BW_EXIT_OK);
}

bw_status bw_session_store(bw_session *s, bw_store_access access, bw_error *err)
{
    say_without_file(s);
    return bw_store_open(s->state_dir, access, bw_clock_system(), &s->store, err);
}

bw_status bw_session_start(bw_session *s, const bw_session_engine *options, bw_error *err)
{
    bw_status status = bw_session_google(s, err);
    if (status == BW_OK)
        status = bw_session_store(s, BW_STORE_ENGINE, err);
    if (status != BW_OK)
        return status;
    bw_engine_options o = {
        .config = s->ctx->config,
        .google = s->google,
        .store = s->store,
        .state_dir = s->state_dir,
        .clock = bw_clock_system(),
        .ring = s->ring,
        .read_only = s->ctx->read_only,
        .observe = options->observe,
        .once = options->once,
        .only = options->only,
        .n_only = options->n_only,
    };
    status = bw_engine_new(&o, &s->engine, err);
    if (status == BW_OK)
        status = bw_engine_start(s->engine, err);
    if (status == BW_OK && !options->once && !options->observe)
        s->metrics = bw_metrics_start(s->engine, s->ctx->config, s->google, bw_clock_system());
    return status;
}

bool bw_session_close(bw_session *s)
{
    bw_metrics_stop(s->metrics);
    s->metrics = NULL;
    if (s->engine) {
        int64_t timeout =
            bw_config_duration(bw_config_top(s->ctx->config), "engine.shutdown_timeout");
        if (!bw_engine_stop(s->engine, timeout)) {
            bw_log(BW_LOG_WARN, "engine",
                   "some runs did not end in time; they resume at the next start");
            return false;
        }
        bw_engine_free(s->engine);
    }
    bw_store_close(s->store);
    bw_google_free(s->google);
    bw_log_remove_sink(s->ring_sink);
    bw_log_remove_sink(s->log_sink);
    bw_log_ring_free(s->ring);
    if (s->log_to.fd > STDERR_FILENO)
        close(s->log_to.fd);
    return true;
}

bw_exit bw_session_failed(const bw_cli_context *ctx, const bw_error *err)
{
    bool usage =
        err->status == BW_INVALID || err->status == BW_CONFLICT || err->status == BW_NOT_FOUND;
    if (bw_cli_has(ctx->line, "json")) {
        json_t *doc = json_object();
        json_object_set_new(doc, "ok", json_false());
        json_object_set_new(doc, "error", bw_json_error(err));
        bw_json_print(doc, ctx->out);
    }
    return bw_cli_fail(ctx->err, err, usage ? BW_EXIT_USAGE : BW_EXIT_FAILED);
}

int bw_session_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its size limit is an error, not an end */
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int bw_session_signal(int fd)
{
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}
