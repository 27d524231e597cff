#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/dlq.h"
#include "app/edit_text.h"
#include "app/text_table.h"
#include "backend/core/text.h"
#include "backend/engine/preview.h"
#include "views/kit/dialog.h"

/* ---- the selected ones ------------------------------------------------------------------ */

/* What is remembered of a letter while it is acted on. */
typedef struct chosen {
    int64_t id;
    int attempts;
    bool message;
} chosen;

typedef struct chosen_list {
    bw_arena *arena; /* of syncs */
    chosen *items;
    size_t n, cap;
    const char **syncs;
    size_t n_syncs, syncs_cap;
} chosen_list;

static void note_sync(chosen_list *list, const char *sync)
{
    for (size_t i = 0; i < list->n_syncs; i++) {
        if (strcmp(list->syncs[i], sync) == 0)
            return;
    }
    BW_GROW(list->syncs, list->n_syncs + 1, list->syncs_cap);
    list->syncs[list->n_syncs++] = bw_arena_strdup(list->arena, sync);
}

static bw_status choose_some(void *user, const bw_dead_letter *letters, size_t n, bw_arena *arena,
                             bw_error *err)
{
    chosen_list *list = user;
    (void)arena;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        BW_GROW(list->items, list->n + 1, list->cap);
        list->items[list->n++] =
            (chosen){letters[i].id, letters[i].attempts, letters[i].attributes != NULL};
        note_sync(list, letters[i].sync);
    }
    return BW_OK;
}

static int64_t *ids_of(const chosen_list *list, bw_arena *arena)
{
    int64_t *ids = BW_ARENA_ARRAY(arena, int64_t, list->n + 1);
    for (size_t i = 0; i < list->n; i++)
        ids[i] = list->items[i].id;
    return ids;
}

static void free_chosen(chosen_list *list)
{
    free(list->items);
    free(list->syncs);
}

/* False: what is wrong was said, and *code is the exit status. */
static bool choose(bw_dlq *d, chosen_list *list, bw_exit *code)
{
    bw_error err = BW_ERROR_INIT;
    *list = (chosen_list){.arena = &d->arena};
    bw_status s = bw_dlq_walk(d, 1, choose_some, list, &err);
    if (s == BW_OK && list->n > 0)
        return true;
    *code = s != BW_OK
                ? bw_session_failed(d->session.ctx, &err)
                : bw_dlq_usage(d->session.ctx, "no open dead letter is selected", "See dlq list.");
    free_chosen(list);
    return false;
}

/* As in the console: over so many, or where the environment says so, a y is too quick. */
static bool must_type(const bw_cli_context *ctx, size_t n)
{
    const char *confirm = bw_config_string(bw_config_top(ctx->config), "environment.confirm");
    return n > BW_DIALOG_TYPED_OVER || (confirm && strcmp(confirm, "type") == 0);
}

/* Whether the operator says yes, on a terminal or by --yes, to doing `verb` to `n` letters. */
static bool agreed(bw_dlq *d, const char *question, const char *verb, size_t n, bw_exit *code)
{
    const bw_cli_context *ctx = d->session.ctx;
    char answer[32] = "", number[24];
    bool typed = must_type(ctx, n);
    *code = BW_EXIT_OK;
    if (bw_cli_has(ctx->line, "yes"))
        return true;
    if (!isatty(fileno(ctx->in))) {
        char text[96];
        snprintf(text, sizeof(text), "there is no terminal to ask on whether to %s %zu letter%s",
                 verb, n, n == 1 ? "" : "s");
        *code = bw_dlq_usage(ctx, text, "Say --yes to do it.");
        return false;
    }
    snprintf(number, sizeof(number), "%zu", n);
    if (typed)
        fprintf(ctx->err, "%s Type %s to %s: ", question, number, verb);
    else
        fprintf(ctx->err, "%s [y/N] ", question);
    fflush(ctx->err);
    bool got = fgets(answer, sizeof(answer), ctx->in) != NULL;
    answer[strcspn(answer, "\r\n")] = '\0';
    if (got && (typed ? strcmp(answer, number) == 0 : answer[0] == 'y' || answer[0] == 'Y'))
        return true;
    fprintf(ctx->err, "nothing was done\n");
    *code = BW_EXIT_FAILED;
    return false;
}

/* ---- what became of them ---------------------------------------------------------------- */

enum { REPLAYED, REFUSED, GONE, OPEN, OUTCOMES };
static const char *const outcome_names[OUTCOMES] = {
    [REPLAYED] = "replayed", [REFUSED] = "refused", [GONE] = "gone", [OPEN] = "open"};

typedef struct report {
    const chosen_list *list;
    size_t at; /* letters come in the order of their ids, as they were chosen */
    int64_t counts[OUTCOMES];
    json_t *letters;      /* NULL: text */
    bw_text_table *table; /* of those that did not land */
} report;

/* An attempt more says that it was tried; a letter that was not begun is as it was. */
static int outcome_of(const bw_dead_letter *l, const chosen *before)
{
    switch (l->state) {
    case BW_LETTER_REPLAYED:
        return REPLAYED;
    case BW_LETTER_SUPERSEDED:
    case BW_LETTER_DISCARDED:
        return GONE;
    default:
        return l->attempts > before->attempts ? REFUSED : OPEN;
    }
}

static const char *why(const bw_dead_letter *l, int outcome)
{
    static const char *const words[OUTCOMES] = {
        [GONE] = "it is not at the source any more, or something newer has landed",
        [OPEN] = "it was not begun"};
    if (l->state == BW_LETTER_DISCARDED)
        return "it was discarded meanwhile";
    if (words[outcome])
        return words[outcome];
    /* A message is stored whole; a row has to be found again at its source. */
    if (!l->attributes && (!l->key || l->reason == BW_REASON_KEY_NULL))
        return "no key to be read again by: mend the row and sync";
    return l->detail && l->detail[0] ? l->detail : bw_reason_text(l->reason);
}

static void report_one(report *r, const bw_dead_letter *l, int outcome)
{
    if (r->letters) {
        json_t *o = json_object();
        json_object_set_new(o, "id", json_integer(l->id));
        json_object_set_new(o, "outcome", json_string(outcome_names[outcome]));
        json_object_set_new(
            o, "reason", outcome == REFUSED ? json_string(bw_reason_name(l->reason)) : json_null());
        json_object_set_new(o, "detail",
                            outcome == REPLAYED ? json_null() : bw_json_text(why(l, outcome)));
        json_array_append_new(r->letters, o);
        return;
    }
    if (outcome == REPLAYED)
        return;
    char id[24];
    snprintf(id, sizeof(id), "%lld", (long long)l->id);
    bw_text_table_add(r->table, id);
    bw_text_table_add(r->table, outcome_names[outcome]);
    bw_text_table_add(r->table, l->key);
    bw_text_table_add(r->table, bw_reason_name(l->reason));
    bw_text_table_add(r->table, why(l, outcome));
}

static bw_status report_some(void *user, const bw_dead_letter *letters, size_t n, bw_arena *arena,
                             bw_error *err)
{
    report *r = user;
    (void)arena;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        while (r->at < r->list->n && r->list->items[r->at].id < letters[i].id)
            r->at++;
        if (r->at == r->list->n)
            break;
        int outcome = outcome_of(&letters[i], &r->list->items[r->at]);
        r->counts[outcome]++;
        report_one(r, &letters[i], outcome);
    }
    return BW_OK;
}

static json_t *counts_json(const int64_t *counts, const char *const *names, size_t n)
{
    json_t *o = json_object();
    for (size_t i = 0; i < n; i++)
        json_object_set_new(o, names[i], json_integer(counts[i]));
    return o;
}

static void print_report(const bw_dlq *d, const report *r, const bw_act_answer *a, bool ok)
{
    FILE *out = d->session.ctx->out;
    if (r->letters) {
        json_t *doc = json_object();
        json_object_set_new(doc, "ok", json_boolean(ok));
        json_object_set_new(doc, "message", bw_json_text(a->text));
        json_object_set_new(doc, "hint", bw_json_text(a->hint[0] ? a->hint : NULL));
        json_object_set_new(doc, "counts", counts_json(r->counts, outcome_names, OUTCOMES));
        json_object_set(doc, "letters", r->letters);
        bw_json_print(doc, out);
        return;
    }
    if (r->counts[REPLAYED] < (int64_t)r->list->n)
        bw_text_table_print(r->table, out);
    fprintf(out, "%lld replayed, %lld refused, %lld gone, %lld open\n",
            (long long)r->counts[REPLAYED], (long long)r->counts[REFUSED],
            (long long)r->counts[GONE], (long long)r->counts[OPEN]);
}

static bw_exit report_outcomes(bw_dlq *d, const chosen_list *list, const bw_act_answer *a)
{
    static const char *const titles[] = {"ID", "OUTCOME", "KEY", "REASON", "DETAIL"};
    bool json = bw_cli_has(d->session.ctx->line, "json");
    bw_error err = BW_ERROR_INIT;
    report r = {.list = list, .letters = json ? json_array() : NULL};
    r.table = bw_text_table_new(titles, BW_COUNT(titles), 0x1);
    d->filter =
        (bw_letter_filter){.ids = ids_of(list, &d->arena), .n_ids = list->n, .any_state = true};
    bw_status s = bw_dlq_walk(d, 1, report_some, &r, &err);
    bool ok = s == BW_OK && a->ok && r.counts[REFUSED] + r.counts[OPEN] == 0;
    if (s == BW_OK)
        print_report(d, &r, a, ok);
    bw_text_table_free(r.table);
    json_decref(r.letters);
    if (s != BW_OK)
        return bw_session_failed(d->session.ctx, &err);
    if (a->ok || json)
        return ok ? BW_EXIT_OK : BW_EXIT_FAILED;
    bw_error_set(&err, BW_INVALID, "%s", a->text);
    if (a->hint[0])
        bw_error_hint(&err, "%s", a->hint);
    return bw_cli_fail(d->session.ctx->err, &err, BW_EXIT_FAILED);
}

/* ---- replay ----------------------------------------------------------------------------- */

bw_status bw_dlq_find_def(bw_dlq *d, const char *sync, bw_sync_def *out, bw_error *err)
{
    bw_sync_def *defs;
    size_t n;
    bw_status s = bw_sync_defs_read(d->session.ctx->config, &d->arena, &defs, &n, err);
    for (size_t i = 0; s == BW_OK && i < n; i++) {
        if (strcmp(defs[i].name, sync) == 0) {
            *out = defs[i];
            return BW_OK;
        }
    }
    return s != BW_OK ? s : bw_error_set(err, BW_NOT_FOUND, "sync %s is not configured", sync);
}

static const char *short_name(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

/* Where they go and who else is told. */
static bw_status describe_audience(bw_dlq *d, const chosen_list *list, bw_buf *text, bw_error *err)
{
    bw_preview_env env = {.clock = bw_clock_system()};
    bw_sync_def def;
    bw_letter_audience who;
    bw_status s = bw_session_google(&d->session, err);
    env.google = d->session.google;
    for (size_t i = 0; s == BW_OK && i < list->n_syncs; i++) {
        s = bw_dlq_find_def(d, list->syncs[i], &def, err);
        if (s == BW_OK)
            s = bw_letters_audience(&env, &def, &d->arena, &who, err);
        if (s != BW_OK)
            break;
        bw_buf_addf(text, "%s is published to topic %s", list->syncs[i], short_name(who.topic));
        const char *before = "; other subscriptions get it too: ";
        for (size_t k = 0; k < who.n_subscriptions; k++) {
            if (strcmp(who.subscriptions[k], who.own) == 0)
                continue;
            bw_buf_addf(text, "%s%s", before, short_name(who.subscriptions[k]));
            before = ", ";
        }
        bw_buf_adds(text, before[0] == ';' ? "; it has no other subscription\n" : "\n");
    }
    return s;
}

static bool may_publish(bw_dlq *d, const chosen_list *list, bw_exit *code)
{
    bw_error err = BW_ERROR_INIT;
    bw_buf text = BW_BUF_INIT;
    char question[64];
    bool ok = false;
    if (describe_audience(d, list, &text, &err) != BW_OK) {
        *code = bw_session_failed(d->session.ctx, &err);
    } else {
        fputs(bw_buf_cstr(&text), d->session.ctx->err);
        snprintf(question, sizeof(question), "Publish %zu message%s again?", list->n,
                 list->n == 1 ? "" : "s");
        ok = agreed(d, question, "publish", list->n, code);
    }
    bw_buf_fini(&text);
    return ok;
}

static bw_exit replay_chosen(bw_dlq *d, const chosen_list *list)
{
    const bw_cli_line *line = d->session.ctx->line;
    bw_exit code;
    bw_command c = {.kind = BW_COMMAND_REPLAY,
                    .letters = ids_of(list, &d->arena),
                    .n_letters = list->n,
                    .since_us = BW_TIME_NONE,
                    .publish = bw_cli_has(line, "publish"),
                    .rate = (double)bw_cli_number(line, "rate", 0)};
    if (c.publish && !may_publish(d, list, &code))
        return code;
    bw_act_answer a = bw_act_ask(&d->session, &c);
    return a.answered ? report_outcomes(d, list, &a) : a.code;
}

bw_exit bw_dlq_replay(bw_dlq *d)
{
    chosen_list list;
    bw_exit code;
    if (!choose(d, &list, &code))
        return code;
    code = replay_chosen(d, &list);
    free_chosen(&list);
    return code;
}

/* ---- cancel, discard -------------------------------------------------------------------- */

bw_exit bw_dlq_cancel(bw_dlq *d)
{
    bw_sync_def *defs;
    bw_error err = BW_ERROR_INIT;
    size_t n, count = 0;
    const char *sync = bw_cli_value(d->session.ctx->line, "sync");
    if (bw_sync_defs_read(d->session.ctx->config, &d->arena, &defs, &n, &err) != BW_OK)
        return bw_session_failed(d->session.ctx, &err);
    const char **names = BW_ARENA_ARRAY(&d->arena, const char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        if (!sync && !defs[i].pattern)
            names[count++] = defs[i].name;
    }
    if (sync)
        names[count++] = sync;
    bw_command c = {.kind = BW_COMMAND_CANCEL,
                    .syncs = names,
                    .n_syncs = count,
                    .replays = true,
                    .since_us = BW_TIME_NONE};
    return bw_act_in(&d->session, &c);
}

bw_exit bw_dlq_discard(bw_dlq *d)
{
    chosen_list list;
    bw_exit code;
    char question[96];
    if (!choose(d, &list, &code))
        return code;
    /* Who writes down a few ids has said which. */
    bool named = d->filter.ids && !must_type(d->session.ctx, list.n);
    bw_command c = {.kind = BW_COMMAND_DISCARD,
                    .letters = ids_of(&list, &d->arena),
                    .n_letters = list.n,
                    .since_us = BW_TIME_NONE};
    snprintf(question, sizeof(question),
             "Discard %zu dead letter%s? The audit trail keeps the content.", list.n,
             list.n == 1 ? "" : "s");
    free_chosen(&list);
    if (bw_cli_has(d->session.ctx->line, "dry-run")) {
        fprintf(d->session.ctx->out, "would discard %zu dead letter%s\n", c.n_letters,
                c.n_letters == 1 ? "" : "s");
        return BW_EXIT_OK;
    }
    return named || agreed(d, question, "discard", c.n_letters, &code) ? bw_act_in(&d->session, &c)
                                                                       : code;
}

/* ---- edit ------------------------------------------------------------------------------- */

static bw_status read_stream(FILE *f, const char *name, bw_arena *arena, bw_slice *out,
                             bw_error *err)
{
    bw_buf b = BW_BUF_INIT;
    char piece[65536];
    size_t n;
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
        bw_buf_add(&b, piece, n);
    bw_status s = ferror(f) ? bw_error_errno(err, BW_IO, errno, "cannot read %s", name)
                            : bw_content_read(bw_buf_slice(&b), arena, out, err);
    bw_buf_fini(&b);
    return s;
}

/* The new content, from where the command line says. */
static bw_status new_content(bw_dlq *d, const bw_dead_letter *l, bw_slice *out, bool *changed,
                             bw_error *err)
{
    const bw_cli_context *ctx = d->session.ctx;
    const char *text = bw_cli_value(ctx->line, "content"), *file = bw_cli_value(ctx->line, "file");
    bool input = ctx->line->n_args > 2; /* - */
    bw_status s;
    if ((text != NULL) + (file != NULL) + input > 1)
        return bw_error_set(err, BW_INVALID, "--content, --file and - exclude one another");
    if (!text && !file && !input)
        return bw_edit_text(l->content, &d->arena, out, changed, err);
    if (text) {
        s = bw_content_read(bw_slice_cstr(text), &d->arena, out, err);
    } else if (input) {
        s = read_stream(ctx->in, "standard input", &d->arena, out, err);
    } else {
        FILE *f = fopen(file, "re");
        if (!f)
            return bw_error_errno(err, BW_IO, errno, "cannot open %s", file);
        s = read_stream(f, file, &d->arena, out, err);
        fclose(f);
    }
    *changed = s == BW_OK && !bw_slice_eq(*out, l->content);
    return s;
}

static bw_status read_one(bw_dlq *d, bw_dead_letter **out, bw_error *err)
{
    size_t n;
    bw_status s = bw_store_letters(d->session.store, &d->filter, &d->arena, out, &n, err);
    if (s != BW_OK)
        return s;
    if (n != 1)
        return bw_error_set(err, BW_NOT_FOUND, "there is no such dead letter");
    if ((*out)->state != BW_LETTER_OPEN)
        return bw_error_set(err, BW_CONFLICT, "dead letter %lld is not open but %s",
                            (long long)(*out)->id, bw_letter_state_name((*out)->state));
    if ((*out)->attributes)
        return BW_OK;
    bw_error_set(err, BW_INVALID, "dead letter %lld is a row's: replaying reads the row again",
                 (long long)(*out)->id);
    return bw_error_hint(err, "Mend the row at the source, then replay the letter.");
}

#define SHOWN_CONTENT 2048

/* What is stored now, and what to do with it. */
static bw_exit print_edited(bw_dlq *d, int64_t id, bw_slice content, const bw_act_answer *a)
{
    FILE *out = d->session.ctx->out;
    bw_buf b = BW_BUF_INIT;
    bw_exit code = bw_act_print(&d->session, a);
    if (!a->ok || bw_cli_has(d->session.ctx->line, "json"))
        return code;
    bool cut = content.len > SHOWN_CONTENT;
    bw_text_sanitise(&b, cut ? (bw_slice){content.ptr, SHOWN_CONTENT} : content);
    fprintf(out, "%-12s%s%s\n", "content", bw_buf_cstr(&b), cut ? " (cut; dlq show has all)" : "");
    fprintf(out, "%-12sbridgewatch dlq replay %lld (--dry-run says what it would change)\n", "next",
            (long long)id);
    bw_buf_fini(&b);
    return code;
}

bw_exit bw_dlq_edit(bw_dlq *d)
{
    const bw_cli_context *ctx = d->session.ctx;
    bw_error err = BW_ERROR_INIT;
    bw_dead_letter *l;
    bw_slice content = {NULL, 0};
    bool changed = false;
    if (d->filter.n_ids != 1)
        return bw_dlq_usage(ctx, "one dead letter is edited at a time", "Give its id.");
    bw_status s = read_one(d, &l, &err);
    if (s == BW_OK)
        s = new_content(d, l, &content, &changed, &err);
    if (s != BW_OK)
        return bw_session_failed(ctx, &err);
    bw_command c = {.kind = BW_COMMAND_EDIT,
                    .letters = &l->id,
                    .n_letters = 1,
                    .content = content,
                    .since_us = BW_TIME_NONE};
    bw_act_answer a = {.answered = true, .ok = true, .text = "unchanged: nothing was done"};
    if (changed)
        a = bw_act_ask(&d->session, &c);
    if (bw_cli_has(ctx->line, "replay") && a.ok)
        return bw_dlq_replay(d);
    return changed && a.answered ? print_edited(d, l->id, content, &a)
                                 : bw_act_print(&d->session, &a);
}
