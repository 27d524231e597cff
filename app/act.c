#include "app/act.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/json_out.h"
#include "backend/core/log.h"

static bw_exit print_outcome(const bw_cli_context *ctx, bool ok, const char *text, const char *hint)
{
    if (bw_cli_has(ctx->line, "json")) {
        json_t *doc = json_object();
        json_object_set_new(doc, "ok", json_boolean(ok));
        json_object_set_new(doc, "message", bw_json_text(text));
        json_object_set_new(doc, "hint", bw_json_text(hint && hint[0] ? hint : NULL));
        bw_json_print(doc, ctx->out);
        return ok ? BW_EXIT_OK : BW_EXIT_FAILED;
    }
    if (ok) {
        fprintf(ctx->out, "%s\n", text);
        return BW_EXIT_OK;
    }
    bw_error err = BW_ERROR_INIT;
    bw_error_set(&err, BW_INVALID, "%s", text);
    if (hint && hint[0])
        bw_error_hint(&err, "%s", hint);
    return bw_cli_fail(ctx->err, &err, BW_EXIT_FAILED);
}

/* Through the store to the engine that runs; polls for the answer until a signal or until the
   engine is gone. */
static bw_exit ask_engine(bw_session *s, const bw_command *command, int signals)
{
    bw_error err = BW_ERROR_INIT;
    bw_arena arena = BW_ARENA_INIT;
    int64_t id;
    char holder[128];
    char *args = bw_command_to_json(command);
    bw_status status =
        bw_store_command_put(s->store, s->who, bw_command_name(command->kind), args, &id, &err);
    free(args);
    while (status == BW_OK) {
        bw_command_record record;
        struct pollfd fd = {.fd = signals, .events = POLLIN};
        bw_arena_reset(&arena, 0);
        status = bw_store_command_get(s->store, id, &arena, &record, &err);
        if (status != BW_OK)
            break;
        if (strcmp(record.state, "done") == 0 || strcmp(record.state, "failed") == 0) {
            char *text = bw_arena_strdup(&arena, record.outcome ? record.outcome : "");
            char *hint = strstr(text, BW_OUTCOME_HINT);
            if (hint) {
                *hint = '\0';
                hint += strlen(BW_OUTCOME_HINT);
            }
            bw_exit code = print_outcome(s->ctx, record.state[0] == 'd', text, hint);
            bw_arena_fini(&arena);
            return code;
        }
        if (!bw_store_engine_runs(s->state_dir, holder))
            status = bw_error_set(&err, BW_UNAVAILABLE,
                                  "the engine ended before it answered; it carries "
                                  "the command out at its next start");
        else if (poll(&fd, 1, 100) > 0 && bw_session_signal(signals)) {
            fprintf(s->ctx->err,
                    "bridgewatch: not waiting any longer; the engine goes on with the command\n");
            bw_arena_fini(&arena);
            return BW_EXIT_INTERRUPTED;
        }
    }
    bw_arena_fini(&arena);
    return bw_session_failed(s->ctx, &err);
}

static bw_exit act_here(bw_session *s, const bw_command *command, int signals)
{
    bw_error err = BW_ERROR_INIT;
    bw_session_engine options = {.observe = true};
    uint64_t id;
    bw_store_close(s->store);
    s->store = NULL;
    bw_status status = bw_session_start(s, &options, &err);
    if (status == BW_OK)
        status = bw_engine_command(s->engine, command, &id, &err);
    if (status != BW_OK)
        return bw_session_failed(s->ctx, &err);
    for (;;) {
        bw_news event;
        struct pollfd fds[2] = {{.fd = signals, .events = POLLIN},
                                {.fd = bw_engine_wake_fd(s->engine), .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return BW_EXIT_FAILED;
        if (fds[0].revents && bw_session_signal(signals))
            return BW_EXIT_INTERRUPTED;
        bw_engine_wake_drain(s->engine);
        while (bw_engine_news(s->engine, &event)) {
            if (event.command == id && event.final)
                return print_outcome(s->ctx, event.ok, event.text, event.hint);
        }
    }
}

bw_exit bw_act_in(bw_session *s, bw_command *command)
{
    char holder[128];
    int signals = bw_session_signals();
    command->who = s->who;
    if (s->ctx->read_only) {
        bw_error err = BW_ERROR_INIT;
        bw_error_set(&err, BW_DENIED, "refused: read-only");
        bw_error_hint(&err, "Leave --read-only away to change things.");
        return bw_cli_fail(s->ctx->err, &err, BW_EXIT_FAILED);
    }
    return bw_store_engine_runs(s->state_dir, holder) ? ask_engine(s, command, signals)
                                                      : act_here(s, command, signals);
}

bw_exit bw_act(const bw_cli_context *ctx, bw_command *command)
{
    bw_session s;
    bw_error err = BW_ERROR_INIT;
    bw_status status = bw_session_open(&s, ctx, false, &err);
    if (status == BW_OK)
        status = bw_session_store(&s, BW_STORE_SHARED, &err);
    bw_exit code = status == BW_OK ? bw_act_in(&s, command) : bw_session_failed(ctx, &err);
    if (!bw_session_close(&s)) {
        fflush(ctx->out);
        _exit((int)code);
    }
    return code;
}
