/* `dlq`: dead letters, listed, shown, replayed, discarded, exported. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/act.h"
#include "app/commands.h"
#include "app/json_out.h"
#include "app/text_table.h"
#include "backend/core/text.h"
#include "backend/core/units.h"

typedef struct dlq {
    bw_session session;
    bw_arena arena;
    bw_dead_letter *letters;
    size_t n;
} dlq;

static bw_exit usage(const bw_cli_context *ctx, const char *text, const char *hint)
{
    bw_error err = BW_ERROR_INIT;
    bw_error_set(&err, BW_INVALID, "%s", text);
    bw_error_hint(&err, "%s", hint);
    return bw_cli_fail(ctx->err, &err, BW_EXIT_USAGE);
}

/* The selector of the command line: ids, or --sync, --reason, --all. */
static bool select_letters(const bw_cli_line *line, bw_arena *arena, bw_letter_filter *f)
{
    int64_t *ids = BW_ARENA_ARRAY(arena, int64_t, line->n_args + 1);
    *f = (bw_letter_filter){
        .sync = bw_cli_value(line, "sync"),
        .reason = bw_cli_value(line, "reason"),
        .limit = (size_t)bw_cli_number(line, "limit", 0),
    };
    for (size_t i = 1; i < line->n_args; i++) {
        char *end;
        errno = 0;
        ids[f->n_ids] = strtoll(line->args[i], &end, 10);
        if (errno || *end || ids[f->n_ids] <= 0)
            return false;
        f->n_ids++;
    }
    f->ids = f->n_ids ? ids : NULL;
    f->any_state = bw_cli_has(line, "any-state");
    return true;
}

static bw_status read_letters(dlq *d, const bw_letter_filter *f, bw_error *err)
{
    return bw_store_letters(d->session.store, f, &d->arena, &d->letters, &d->n, err);
}

static json_t *letter_json(const bw_dead_letter *l)
{
    json_t *o = json_object();
    json_object_set_new(o, "id", json_integer(l->id));
    json_object_set_new(o, "sync", bw_json_text(l->sync));
    json_object_set_new(o, "key", bw_json_text(l->key));
    json_object_set_new(o, "reason", json_string(bw_reason_name(l->reason)));
    json_object_set_new(o, "column", bw_json_text(l->column));
    json_object_set_new(o, "detail", bw_json_text(l->detail));
    json_object_set_new(o, "attempts", json_integer(l->attempts));
    json_object_set_new(o, "state", json_string(bw_letter_state_name(l->state)));
    json_object_set_new(o, "first_seen_at", bw_json_time(l->first_seen_us));
    json_object_set_new(o, "last_seen_at", bw_json_time(l->last_seen_us));
    json_object_set_new(o, "content", bw_json_slice(l->content));
    return o;
}

static bw_exit list(dlq *d)
{
    const bw_cli_context *ctx = d->session.ctx;
    if (bw_cli_has(ctx->line, "json")) {
        json_t *doc = json_object(), *letters = json_array();
        for (size_t i = 0; i < d->n; i++)
            json_array_append_new(letters, letter_json(&d->letters[i]));
        json_object_set_new(doc, "dead_letters", letters);
        bw_json_print(doc, ctx->out);
        return BW_EXIT_OK;
    }
    static const char *const titles[] = {"ID",     "SYNC",  "KEY",       "REASON",
                                         "COLUMN", "TRIES", "LAST SEEN", "DETAIL"};
    bw_text_table *t = bw_text_table_new(titles, BW_COUNT(titles), 0x21);
    char text[BW_TIME_TEXT];
    for (size_t i = 0; i < d->n; i++) {
        const bw_dead_letter *l = &d->letters[i];
        snprintf(text, sizeof(text), "%lld", (long long)l->id);
        bw_text_table_add(t, text);
        bw_text_table_add(t, l->sync);
        bw_text_table_add(t, l->key);
        bw_text_table_add(t, bw_reason_name(l->reason));
        bw_text_table_add(t, l->column && l->column[0] ? l->column : NULL);
        snprintf(text, sizeof(text), "%d", l->attempts);
        bw_text_table_add(t, text);
        bw_text_table_add(t, bw_format_time(l->last_seen_us - l->last_seen_us % BW_SECOND, text));
        bw_text_table_add(t, l->detail && l->detail[0] ? l->detail : bw_reason_text(l->reason));
    }
    bw_text_table_print(t, ctx->out);
    bw_text_table_free(t);
    return BW_EXIT_OK;
}

static void show_one(const bw_dead_letter *l, FILE *out)
{
    char first[BW_TIME_TEXT], last[BW_TIME_TEXT];
    bw_buf b = BW_BUF_INIT, sync = BW_BUF_INIT, key = BW_BUF_INIT;
    bw_text_sanitise(&b, l->content);
    bw_text_sanitise(&sync, bw_slice_cstr(l->sync));
    bw_text_sanitise(&key, bw_slice_cstr(l->key ? l->key : "-"));
    fprintf(out, "id        %lld\nsync      %s\nkey       %s\nstate     %s\nreason    %s: %s\n",
            (long long)l->id, bw_buf_cstr(&sync), bw_buf_cstr(&key), bw_letter_state_name(l->state),
            bw_reason_name(l->reason), bw_reason_text(l->reason));
    char safe[512];
    fprintf(out, "column    %s\n",
            bw_text_sanitise_to(safe, sizeof(safe), l->column ? l->column : ""));
    fprintf(out, "detail    %s\n",
            bw_text_sanitise_to(safe, sizeof(safe), l->detail ? l->detail : ""));
    fprintf(out, "attempts  %d\nseen      %s to %s\ncontent   %s\n", l->attempts,
            bw_format_time(l->first_seen_us, first), bw_format_time(l->last_seen_us, last),
            bw_buf_cstr(&b));
    bw_buf_fini(&b);
    bw_buf_fini(&sync);
    bw_buf_fini(&key);
}

static bw_exit show(dlq *d)
{
    const bw_cli_context *ctx = d->session.ctx;
    bw_error err = BW_ERROR_INIT;
    if (d->n == 0) {
        bw_error_set(&err, BW_NOT_FOUND, "there is no such dead letter");
        bw_error_hint(&err, "`dlq list --any-state` lists all, those that are over included.");
        return bw_cli_fail(ctx->err, &err, BW_EXIT_FAILED);
    }
    if (bw_cli_has(ctx->line, "json"))
        return list(d);
    for (size_t i = 0; i < d->n; i++) {
        if (i)
            fputc('\n', ctx->out);
        show_one(&d->letters[i], ctx->out);
    }
    return BW_EXIT_OK;
}

/* One JSON object per line, to a new file (0600) or to standard output. */
static bw_exit export(dlq *d)
{
    const bw_cli_context *ctx = d->session.ctx;
    const char *path = bw_cli_value(ctx->line, "output");
    FILE *to = ctx->out;
    bw_error err = BW_ERROR_INIT;
    if (path) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        to = fd >= 0 ? fdopen(fd, "w") : NULL;
        if (!to) {
            bw_error_errno(&err, BW_IO, errno, "cannot write %s", path);
            bw_error_hint(&err, "Existing files are not overwritten: choose another name.");
            return bw_cli_fail(ctx->err, &err, BW_EXIT_FAILED);
        }
    }
    for (size_t i = 0; i < d->n; i++) {
        json_t *o = letter_json(&d->letters[i]);
        bw_json_write(o, JSON_COMPACT, to);
        json_decref(o);
    }
    if (!path)
        return BW_EXIT_OK;
    if (fclose(to) != 0) {
        bw_error_errno(&err, BW_IO, errno, "cannot write %s", path);
        return bw_cli_fail(ctx->err, &err, BW_EXIT_FAILED);
    }
    fprintf(ctx->out, "%zu dead letter%s written to %s\n", d->n, d->n == 1 ? "" : "s", path);
    return BW_EXIT_OK;
}

/* replay and discard. */
static bw_exit act(dlq *d, bw_command_kind kind)
{
    const bw_cli_context *ctx = d->session.ctx;
    int64_t *ids = BW_ARENA_ARRAY(&d->arena, int64_t, d->n + 1);
    for (size_t i = 0; i < d->n; i++)
        ids[i] = d->letters[i].id;
    if (d->n == 0)
        return usage(ctx, "no open dead letter is selected", "See dlq list.");
    if (bw_cli_has(ctx->line, "dry-run")) {
        fprintf(ctx->out, "would %s %zu dead letter%s:\n",
                kind == BW_COMMAND_REPLAY ? "replay" : "discard", d->n, d->n == 1 ? "" : "s");
        return list(d);
    }
    bw_command c = {.kind = kind,
                    .letters = ids,
                    .n_letters = d->n,
                    .since_us = BW_TIME_NONE,
                    .rate = (double)bw_cli_number(ctx->line, "rate", 0)};
    return bw_act_in(&d->session, &c);
}

static bw_exit act_on(dlq *d, const char *what)
{
    if (strcmp(what, "list") == 0)
        return list(d);
    if (strcmp(what, "show") == 0)
        return show(d);
    if (strcmp(what, "export") == 0)
        return export(d);
    return act(d, strcmp(what, "replay") == 0 ? BW_COMMAND_REPLAY : BW_COMMAND_DISCARD);
}

static const char *const words[] = {"list", "show", "replay", "discard", "export", NULL};

static bw_exit run(const bw_cli_context *ctx)
{
    const bw_cli_line *line = ctx->line;
    const char *what = line->args[0];
    size_t n_words = BW_COUNT(words) - 1, known = 0;
    dlq d = {.arena = BW_ARENA_INIT};
    bw_letter_filter filter;
    bw_error err = BW_ERROR_INIT;
    while (known < n_words && strcmp(words[known], what) != 0)
        known++;
    if (known == n_words) {
        const char *near = bw_nearest(what, words, n_words);
        bw_error_set(&err, BW_INVALID, "dlq has no %s", what);
        bw_error_hint(&err, "%s%s",
                      near ? "Did you mean " : "It has list, show, replay, discard, export",
                      near ? near : "");
        return bw_cli_fail(ctx->err, &err, BW_EXIT_USAGE);
    }
    if (!select_letters(line, &d.arena, &filter)) {
        bw_arena_fini(&d.arena);
        return usage(ctx, "the id of a dead letter is a number", "See dlq list.");
    }
    bool chosen = filter.ids || filter.sync || filter.reason || bw_cli_has(line, "all");
    if (!chosen && strcmp(what, "list") != 0 && strcmp(what, "export") != 0) {
        bw_arena_fini(&d.arena);
        return usage(ctx, "which dead letters?",
                     "Give ids, --sync SYNC, --reason REASON or --all.");
    }
    if (strcmp(what, "show") == 0)
        filter.any_state = true;
    bw_status status = bw_session_open(&d.session, ctx, false, &err);
    if (status == BW_OK)
        status = bw_session_store(&d.session, BW_STORE_SHARED, &err);
    if (status == BW_OK)
        status = read_letters(&d, &filter, &err);
    bw_exit code = status == BW_OK ? act_on(&d, what) : bw_session_failed(ctx, &err);
    bw_arena_fini(&d.arena);
    if (!bw_session_close(&d.session)) {
        fflush(ctx->out);
        _exit((int)code);
    }
    return code;
}

static const bw_cli_option options[] = {
    {.name = "sync", .arg = "SYNC", .help = "those of this sync"},
    {.name = "reason", .arg = "REASON", .help = "those with this reason code"},
    {.name = "all", .help = "all open ones"},
    {.name = "any-state", .help = "also those that are replayed, superseded or discarded"},
    {.name = "limit",
     .arg = "N",
     .type = BW_SETTING_INT,
     .min = 1,
     .max = 1000000000,
     .help = "at most so many"},
    {.name = "dry-run", .help = "with replay and discard: only say what would happen"},
    {.name = "rate",
     .arg = "N",
     .type = BW_SETTING_INT,
     .min = 1,
     .max = 1000000,
     .help = "with replay: at most so many a second"},
    {.name = "output",
     .letter = 'o',
     .arg = "FILE",
     .help = "with export: a new file, made for you alone"},
    BW_CLI_JSON,
};

const bw_cli_command bw_command_dlq = {
    .name = "dlq",
    .args = "list|show|replay|discard|export [ID...]",
    .help = "dead letters: rows that did not fit the destination",
    .details = "replay reads each row from its source again and sends it through the pipeline; an "
               "old row never "
               "overwrites a newer one, and replaying twice changes nothing more.\n"
               "discard closes a letter; its content stays in the audit trail.\n"
               "export writes one JSON object per line.",
    .options = options,
    .n_options = BW_COUNT(options),
    .min_args = 1,
    .max_args = SIZE_MAX,
    .words = words,
    .needs = BW_NEEDS_DEFAULTS,
    .run = run,
};
