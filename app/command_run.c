/* `run`: the engine without a terminal. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/json_out.h"
#include "app/session.h"
#include "app/text_table.h"
#include "backend/core/log.h"
#include "backend/core/units.h"

static json_t *result_json(const bw_run_record *r)
{
    const char *state =
        strcmp(r->state, "ok") == 0 || strcmp(r->state, "skipped") == 0 ? r->state : "failed";
    double duration = r->ended_us > r->started_us && r->started_us > 0
                          ? (double)(r->ended_us - r->started_us) / BW_SECOND
                          : 0;
    json_t *o = json_object();
    json_object_set_new(o, "sync", bw_json_text(r->sync));
    json_object_set_new(o, "mode", bw_json_text(r->mode));
    json_object_set_new(o, "state", json_string(state));
    json_object_set_new(o, "rows_read", json_integer(r->rows_read));
    json_object_set_new(o, "rows_loaded", json_integer(r->rows_loaded));
    json_object_set_new(o, "rows_present", json_integer(r->rows_present));
    json_object_set_new(o, "dead_letters", json_integer(r->dead_letters));
    json_object_set_new(o, "bytes_uploaded", json_integer(r->bytes_uploaded));
    json_object_set_new(o, "batches", json_integer(r->batches));
    json_object_set_new(o, "duration_s", json_real(duration));
    json_object_set_new(o, "checkpoint", bw_json_text(r->checkpoint));
    json_t *error = json_null();
    if (r->error) {
        error = json_object();
        json_object_set_new(error, "message", bw_json_text(r->error));
        json_object_set_new(error, "hint", bw_json_text(r->hint));
    }
    json_object_set_new(o, "error", error);
    return o;
}

static void print_text(const bw_cli_context *ctx, const bw_run_record *records, size_t n)
{
    static const char *const titles[] = {"SYNC",  "MODE", "STATE", "READ", "LOADED",
                                         "THERE", "DEAD", "TIME",  "ERROR"};
    bw_text_table *t = bw_text_table_new(titles, BW_COUNT(titles), 0xF8);
    char text[BW_TIME_TEXT];
    for (size_t i = 0; i < n; i++) {
        const bw_run_record *r = &records[i];
        const int64_t counts[] = {r->rows_read, r->rows_loaded, r->rows_present, r->dead_letters};
        bw_text_table_add(t, r->sync);
        bw_text_table_add(t, r->mode);
        bw_text_table_add(t, r->state);
        for (size_t k = 0; k < BW_COUNT(counts); k++) {
            snprintf(text, sizeof(text), "%lld", (long long)counts[k]);
            bw_text_table_add(t, text);
        }
        bw_text_table_add(
            t, r->started_us > 0 ? bw_format_elapsed(r->ended_us - r->started_us, text) : NULL);
        bw_text_table_add(t, r->error ? bw_text_of(r->sync, r->error) : "");
    }
    bw_text_table_print(t, ctx->out);
    bw_text_table_free(t);
    bool first = true;
    for (size_t i = 0; i < n; i++)
        if (records[i].error && records[i].hint && records[i].hint[0])
            bw_text_note(ctx->out, &first, records[i].sync, "HINT: %s", records[i].hint);
}

static bool print_results(bw_session *s)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_run_record *records;
    size_t n;
    bool ok = true;
    bw_engine_results(s->engine, &arena, &records, &n);
    for (size_t i = 0; i < n; i++)
        ok &= strcmp(records[i].state, "ok") == 0 || strcmp(records[i].state, "skipped") == 0;
    if (bw_cli_has(s->ctx->line, "json")) {
        json_t *doc = json_object(), *syncs = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(syncs, result_json(&records[i]));
        json_object_set_new(doc, "ok", json_boolean(ok));
        json_object_set_new(doc, "syncs", syncs);
        bw_json_print(doc, s->ctx->out);
    } else {
        print_text(s->ctx, records, n);
    }
    bw_arena_fini(&arena);
    return ok;
}

/* Until a signal comes or, with --once, everything has run. Returns the signal or 0. */
static int wait_for_end(bw_session *s, int signals, bool once)
{
    for (;;) {
        bw_news event;
        struct pollfd fds[2] = {{.fd = signals, .events = POLLIN},
                                {.fd = bw_engine_wake_fd(s->engine), .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return SIGTERM;
        int sig = fds[0].revents ? bw_session_signal(signals) : 0;
        if (sig)
            return sig;
        bw_engine_wake_drain(s->engine);
        while (bw_engine_news(s->engine, &event)) {
            if (event.command)
                bw_log(event.ok ? BW_LOG_INFO : BW_LOG_ERROR, "command", "%s", event.text);
        }
        if (once && bw_engine_done(s->engine))
            return 0;
    }
}

static bw_exit run(const bw_cli_context *ctx)
{
    bw_session s;
    bw_error err = BW_ERROR_INIT;
    bool once = bw_cli_has(ctx->line, "once");
    int signals = bw_session_signals();
    bw_session_engine options = {
        .once = once, .only = ctx->line->args, .n_only = ctx->line->n_args};
    if (ctx->line->n_args > 0 && !once) {
        bw_error_set(&err, BW_INVALID, "names of syncs go with --once");
        bw_error_hint(&err, "Without --once every configured sync runs on its schedule.");
        return bw_cli_fail(ctx->err, &err, BW_EXIT_USAGE);
    }
    bw_status status = bw_session_open(&s, ctx, false, &err);
    if (status == BW_OK)
        status = bw_session_start(&s, &options, &err);
    if (status != BW_OK) {
        bw_exit code = bw_session_failed(ctx, &err);
        (void)bw_session_close(&s);
        return code;
    }
    if (bw_config_count(ctx->config, "syncs") == 0)
        bw_log(BW_LOG_WARN, "engine", BW_NO_SYNCS "; HINT: " BW_NO_SYNCS_HINT);
    int sig = wait_for_end(&s, signals, once);
    bool ok = true;
    if (once && sig == 0)
        ok = print_results(&s);
    else
        bw_log(BW_LOG_INFO, "engine", "stopping: %s",
               sig == SIGINT ? "interrupted" : "asked to end");
    bool ended = bw_session_close(&s);
    bw_exit code = sig == SIGINT || (once && sig) ? BW_EXIT_INTERRUPTED
                   : ok                           ? BW_EXIT_OK
                                                  : BW_EXIT_FAILED;
    if (!ended) {
        fflush(ctx->out);
        _exit((int)code); /* threads that hang hold memory that must not be freed under them */
    }
    return code;
}

static const bw_cli_option options[] = {
    {.name = "once", .help = "run each sync once and exit"},
    BW_CLI_JSON,
};

const bw_cli_command bw_command_run = {
    .name = "run",
    .args = "[SYNC...]",
    .help = "run the engine without a terminal",
    .details =
        "Runs every sync on its schedule until a signal ends it. With --once each sync, or each "
        "one named, runs once and the results are printed. What is paused or parked runs only when "
        "it is named.\n"
        "SIGTERM is a clean stop; runs that are cut off resume at the next start.\n"
        "With --once: READ counts the rows that came from the source, LOADED those that changed "
        "the target, THERE those that it held already, DEAD those that did not fit and are dead "
        "letters.",
    .options = options,
    .n_options = BW_COUNT(options),
    .max_args = SIZE_MAX,
    .needs = BW_NEEDS_CONFIG,
    .needs_log = true,
    .run = run,
};
