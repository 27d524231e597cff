#include "app/act.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/json_out.h"
#include "backend/core/log.h"
#include "backend/core/text.h"

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

static bw_act_answer unanswered(bw_exit code)
{
    return (bw_act_answer){.code = code};
}

static bw_act_answer answer(bool ok, const char *text, const char *hint)
{
    bw_act_answer a = {.answered = true, .ok = ok, .code = ok ? BW_EXIT_OK : BW_EXIT_FAILED};
    snprintf(a.text, sizeof(a.text), "%s", text);
    snprintf(a.hint, sizeof(a.hint), "%s", hint ? hint : "");
    return a;
}

/* ---- how far it is ---------------------------------------------------------------------- */

typedef struct progress {
    FILE *to;
    char shown[160];
} progress;

static void show_progress(progress *p, const char *text)
{
    char safe[160];
    bw_text_sanitise_to(safe, sizeof(safe), text);
    if (!isatty(fileno(p->to)) || strcmp(safe, p->shown) == 0)
        return;
    fprintf(p->to, "\r\033[K%s", safe);
    fflush(p->to);
    snprintf(p->shown, sizeof(p->shown), "%s", safe);
}

static void end_progress(progress *p)
{
    if (p->shown[0])
        fprintf(p->to, "\r\033[K");
    p->shown[0] = '\0';
}

/* ---- the other process's engine --------------------------------------------------------- */

static bw_act_answer answer_of(const bw_command_record *record)
{
    const char *text = record->outcome ? record->outcome : "",
               *hint = strstr(text, BW_OUTCOME_HINT);
    bw_act_answer a = answer(record->state[0] == 'd', text, NULL);
    if (!hint)
        return a;
    size_t n = (size_t)(hint - text) < sizeof(a.text) ? (size_t)(hint - text) : sizeof(a.text) - 1;
    a.text[n] = '\0';
    snprintf(a.hint, sizeof(a.hint), "%s", hint + strlen(BW_OUTCOME_HINT));
    return a;
}

/* Through the store to the engine that runs; polls for the answer until a signal or until the
   engine is gone. */
static bw_act_answer ask_engine(bw_session *s, const bw_command *command, int signals)
{
    bw_error err = BW_ERROR_INIT;
    bw_arena arena = BW_ARENA_INIT;
    progress p = {.to = s->ctx->err};
    bw_act_answer a = {.answered = false};
    bool interrupted = false;
    int64_t id;
    char holder[128];
    char *args = bw_command_to_json(command);
    bw_status status =
        bw_store_command_put(s->store, s->who, bw_command_name(command->kind), args, &id, &err);
    free(args);
    while (status == BW_OK && !a.answered && !interrupted) {
        bw_command_record record;
        struct pollfd fd = {.fd = signals, .events = POLLIN};
        bw_arena_reset(&arena, 0);
        status = bw_store_command_get(s->store, id, &arena, &record, &err);
        if (status != BW_OK)
            break;
        if (strcmp(record.state, "done") == 0 || strcmp(record.state, "failed") == 0) {
            a = answer_of(&record);
            break;
        }
        if (record.outcome)
            show_progress(&p, record.outcome);
        if (!bw_store_engine_runs(s->state_dir, holder))
            status = bw_error_set(&err, BW_UNAVAILABLE,
                                  "the engine ended before it answered; it carries "
                                  "the command out at its next start");
        else
            interrupted = poll(&fd, 1, 100) > 0 && bw_session_signal(signals);
    }
    end_progress(&p);
    bw_arena_fini(&arena);
    if (a.answered)
        return a;
    if (!interrupted)
        return unanswered(bw_session_failed(s->ctx, &err));
    fprintf(s->ctx->err,
            "bridgewatch: not waiting any longer; the engine goes on with the command\n");
    return unanswered(BW_EXIT_INTERRUPTED);
}

/* ---- an engine of our own --------------------------------------------------------------- */

static bool take_news(bw_session *s, uint64_t id, progress *p, bw_act_answer *a)
{
    bw_news news;
    bw_engine_wake_drain(s->engine);
    while (bw_engine_news(s->engine, &news)) {
        if (news.command != id)
            continue;
        if (news.final)
            *a = answer(news.ok, news.text, news.hint);
        else
            show_progress(p, news.text);
    }
    return a->answered;
}

static bw_act_answer act_here(bw_session *s, const bw_command *command, int signals)
{
    bw_error err = BW_ERROR_INIT;
    bw_session_engine options = {.observe = true};
    bw_act_answer a = {.answered = false};
    progress p = {.to = s->ctx->err};
    bw_status status = BW_OK;
    uint64_t id;
    if (!s->engine) {
        bw_store_close(s->store);
        s->store = NULL;
        status = bw_session_start(s, &options, &err);
    }
    if (status == BW_OK)
        status = bw_engine_command(s->engine, command, &id, &err);
    if (status != BW_OK)
        return unanswered(bw_session_failed(s->ctx, &err));
    while (!take_news(s, id, &p, &a)) {
        struct pollfd fds[2] = {{.fd = signals, .events = POLLIN},
                                {.fd = bw_engine_wake_fd(s->engine), .events = POLLIN}};
        bool failed = poll(fds, 2, -1) < 0 && errno != EINTR;
        if (failed || (fds[0].revents && bw_session_signal(signals))) {
            end_progress(&p);
            return unanswered(failed ? BW_EXIT_FAILED : BW_EXIT_INTERRUPTED);
        }
    }
    end_progress(&p);
    return a;
}

/* ---- either ----------------------------------------------------------------------------- */

bw_act_answer bw_act_ask(bw_session *s, bw_command *command)
{
    char holder[128];
    command->who = s->who;
    bw_error err = BW_ERROR_INIT;
    if (bw_cli_may_change(s->ctx, &err) != BW_OK)
        return unanswered(bw_session_failed(s->ctx, &err));
    if (s->signals < 0)
        s->signals = bw_session_signals();
    bool other = !s->engine && bw_store_engine_runs(s->state_dir, holder);
    return other ? ask_engine(s, command, s->signals) : act_here(s, command, s->signals);
}

bw_exit bw_act_print(const bw_session *s, const bw_act_answer *a)
{
    return a->answered ? print_outcome(s->ctx, a->ok, a->text, a->hint) : a->code;
}

bw_exit bw_act_in(bw_session *s, bw_command *command)
{
    bw_act_answer a = bw_act_ask(s, command);
    return bw_act_print(s, &a);
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
