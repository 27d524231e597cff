/* `dlq`: dead letters, listed, shown, edited, replayed, discarded, exported. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/dlq.h"
#include "app/edit_text.h"
#include "app/text_table.h"
#include "backend/core/text.h"
#include "backend/core/units.h"

#define STEP 500

bw_exit bw_dlq_usage(const bw_cli_context *ctx, const char *text, const char *hint)
{
    bw_error err = BW_ERROR_INIT;
    bw_error_set(&err, BW_INVALID, "%s", text);
    bw_error_hint(&err, "%s", hint);
    return bw_cli_fail(ctx->err, &err, BW_EXIT_USAGE);
}

/* ---- which letters ---------------------------------------------------------------------- */

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
        if (strcmp(line->args[i], "-") == 0 && strcmp(line->args[0], "edit") == 0)
            continue;
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

static bw_status walk_some(bw_dlq *d, bw_letter_filter f, bw_dlq_each *each, void *user,
                           size_t *seen, bw_error *err)
{
    size_t left = f.limit > 0 ? f.limit : SIZE_MAX, n;
    bw_arena arena = BW_ARENA_INIT;
    bw_status s = BW_OK;
    while (s == BW_OK && left > 0) {
        bw_dead_letter *letters;
        bw_arena_reset(&arena, (size_t)1 << 20);
        f.limit = n = left < STEP ? left : STEP;
        if (f.content_max == 0)
            s = bw_store_letters_fit(d->session.store, &f, BW_LETTERS_BYTES, &n, err);
        if (s != BW_OK || n == 0)
            break;
        f.limit = n;
        s = bw_store_letters(d->session.store, &f, &arena, &letters, &n, err);
        if (s != BW_OK || n == 0)
            break;
        left -= n;
        *seen += n;
        f.after_id = letters[n - 1].id;
        s = each(user, letters, n, &arena, err);
    }
    bw_arena_fini(&arena);
    return s;
}

/* Many ids are asked for piece by piece, too. */
bw_status bw_dlq_walk(bw_dlq *d, size_t content_max, bw_dlq_each *each, void *user, bw_error *err)
{
    bw_letter_filter f = d->filter;
    size_t seen = 0, most = f.limit > 0 ? f.limit : SIZE_MAX;
    bw_status s = BW_OK;
    f.content_max = content_max;
    if (!f.ids)
        return walk_some(d, f, each, user, &seen, err);
    for (size_t at = 0; s == BW_OK && at < d->filter.n_ids && seen < most; at += STEP) {
        size_t left = d->filter.n_ids - at;
        f.ids = d->filter.ids + at;
        f.n_ids = left < STEP ? left : STEP;
        f.limit = most == SIZE_MAX ? 0 : most - seen;
        s = walk_some(d, f, each, user, &seen, err);
    }
    return s;
}

/* ---- as JSON ---------------------------------------------------------------------------- */

static void set_content(json_t *o, bw_slice content)
{
    if (bw_content_is_text(content)) {
        json_object_set_new(o, "content", bw_json_slice(content));
        return;
    }
    bw_buf b = BW_BUF_INIT;
    bw_base64_encode(&b, content.ptr, content.len);
    json_object_set_new(o, "content", json_null());
    json_object_set_new(o, "content_base64", json_stringn(b.ptr, b.len));
    bw_buf_fini(&b);
}

json_t *bw_dlq_letter_json(const bw_dead_letter *l)
{
    json_t *o = json_object();
    json_t *attributes = l->attributes ? json_loads(l->attributes, 0, NULL) : NULL;
    json_object_set_new(o, "id", json_integer(l->id));
    json_object_set_new(o, "sync", bw_json_text(l->sync));
    json_object_set_new(o, "key", bw_json_text(l->key));
    json_object_set_new(o, "event_id", bw_json_text(l->event_id));
    json_object_set_new(o, "contradicts",
                        l->contradicts ? json_integer(l->contradicts) : json_null());
    json_object_set_new(o, "reason", json_string(bw_reason_name(l->reason)));
    json_object_set_new(o, "column", bw_json_text(l->column));
    json_object_set_new(o, "detail", bw_json_text(l->detail));
    json_object_set_new(o, "attempts", json_integer(l->attempts));
    json_object_set_new(o, "state", json_string(bw_letter_state_name(l->state)));
    json_object_set_new(o, "first_seen_at", bw_json_time(l->first_seen_us));
    json_object_set_new(o, "last_seen_at", bw_json_time(l->last_seen_us));
    json_object_set_new(o, "attributes", attributes ? attributes : bw_json_text(l->attributes));
    set_content(o, l->content);
    return o;
}

static bw_status add_json(void *user, const bw_dead_letter *letters, size_t n, bw_arena *arena,
                          bw_error *err)
{
    (void)arena;
    (void)err;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(user, bw_dlq_letter_json(&letters[i]));
    return BW_OK;
}

static bw_exit print_json(bw_dlq *d)
{
    bw_error err = BW_ERROR_INIT;
    json_t *doc = json_object(), *letters = json_array();
    bw_status s = bw_dlq_walk(d, 0, add_json, letters, &err);
    json_object_set_new(doc, "dead_letters", letters);
    if (s == BW_OK) {
        bw_json_print(doc, d->session.ctx->out);
        return BW_EXIT_OK;
    }
    json_decref(doc);
    return bw_session_failed(d->session.ctx, &err);
}

/* ---- list ------------------------------------------------------------------------------- */

static const char *what_is_wrong(const bw_dead_letter *l, bw_arena *arena)
{
    const char *text = l->detail && l->detail[0] ? l->detail : bw_reason_text(l->reason);
    if (!l->contradicts)
        return text;
    return bw_arena_printf(arena, "contradicts letter %lld: %s", (long long)l->contradicts, text);
}

typedef struct listing {
    bw_text_table *table;
    bool states; /* others than open ones are among them */
    size_t n;
} listing;

static bw_status add_lines(void *user, const bw_dead_letter *letters, size_t n, bw_arena *arena,
                           bw_error *err)
{
    listing *to = user;
    bw_text_table *t = to->table;
    char text[BW_TIME_TEXT];
    (void)err;
    for (size_t i = 0; i < n; i++) {
        const bw_dead_letter *l = &letters[i];
        snprintf(text, sizeof(text), "%lld", (long long)l->id);
        bw_text_table_add(t, text);
        bw_text_table_add(t, l->sync);
        bw_text_table_add(t, l->key);
        bw_text_table_add(t, bw_reason_name(l->reason));
        bw_text_table_add(t, l->column && l->column[0] ? l->column : NULL);
        snprintf(text, sizeof(text), "%d", l->attempts);
        bw_text_table_add(t, text);
        if (to->states)
            bw_text_table_add(t, bw_letter_state_name(l->state));
        bw_text_table_add(t, bw_format_time(l->last_seen_us - l->last_seen_us % BW_SECOND, text));
        bw_text_table_add(t, what_is_wrong(l, arena));
    }
    to->n += n;
    return BW_OK;
}

static void say_none(const bw_dlq *d)
{
    const bw_letter_filter *f = &d->filter;
    bw_buf b = BW_BUF_INIT;
    bw_buf_adds(&b, f->any_state ? "no dead letters" : "no open dead letters");
    if (f->sync)
        bw_buf_addf(&b, " of %s", f->sync);
    if (f->reason)
        bw_buf_addf(&b, " with reason %s", f->reason);
    if (f->ids)
        bw_buf_adds(&b, " with these ids");
    fprintf(d->session.ctx->out, "%s\n", bw_buf_cstr(&b));
    bw_buf_fini(&b);
}

static bw_exit list(bw_dlq *d)
{
    static const char *const titles[] = {"ID",    "SYNC",  "KEY",       "REASON", "COLUMN",
                                         "TRIES", "STATE", "LAST SEEN", "DETAIL"};
    const char *shown[BW_COUNT(titles)];
    const bw_cli_context *ctx = d->session.ctx;
    bw_error err = BW_ERROR_INIT;
    listing to = {.states = d->filter.any_state};
    size_t n = 0;
    if (bw_cli_has(ctx->line, "json"))
        return print_json(d);
    for (size_t i = 0; i < BW_COUNT(titles); i++) {
        if (to.states || strcmp(titles[i], "STATE") != 0)
            shown[n++] = titles[i];
    }
    to.table = bw_text_table_new(shown, n, 0x21);
    bw_status s = bw_dlq_walk(d, 1, add_lines, &to, &err);
    if (s == BW_OK && to.n > 0)
        bw_text_table_print(to.table, ctx->out);
    else if (s == BW_OK)
        say_none(d);
    bw_text_table_free(to.table);
    return s == BW_OK ? BW_EXIT_OK : bw_session_failed(ctx, &err);
}

/* ---- show ------------------------------------------------------------------------------- */

typedef struct shown {
    FILE *out;
    size_t n;
} shown;

static void show_field(FILE *out, const char *name, bw_slice text)
{
    bw_buf b = BW_BUF_INIT;
    bw_text_sanitise(&b, text);
    fprintf(out, "%-12s%s\n", name, bw_buf_cstr(&b));
    bw_buf_fini(&b);
}

static void show_one(const bw_dead_letter *l, FILE *out)
{
    char first[BW_TIME_TEXT], last[BW_TIME_TEXT];
    fprintf(out, "%-12s%lld\n", "id", (long long)l->id);
    show_field(out, "sync", bw_slice_cstr(l->sync));
    show_field(out, "key", bw_slice_cstr(l->key ? l->key : "-"));
    show_field(out, "event", bw_slice_cstr(l->event_id));
    if (l->contradicts)
        fprintf(out,
                "%-12scontradicts letter %lld, which says something else under the same event id: "
                "only one of them can have its effect\n",
                "same id", (long long)l->contradicts);
    fprintf(out, "%-12s%s\n%-12s%s: %s\n", "state", bw_letter_state_name(l->state), "reason",
            bw_reason_name(l->reason), bw_reason_text(l->reason));
    show_field(out, "column", bw_slice_cstr(l->column ? l->column : ""));
    show_field(out, "detail", bw_slice_cstr(l->detail ? l->detail : ""));
    fprintf(out, "%-12s%d\n%-12s%s to %s\n", "attempts", l->attempts, "seen",
            bw_format_time(l->first_seen_us, first), bw_format_time(l->last_seen_us, last));
    if (l->attributes)
        show_field(out, "attributes", bw_slice_cstr(l->attributes));
    if (bw_store_letter_edited(l))
        fprintf(out, "%-12sby an operator; the audit trail has the original\n", "edited");
    show_field(out, "content", l->content);
}

static bw_status show_some(void *user, const bw_dead_letter *letters, size_t n, bw_arena *arena,
                           bw_error *err)
{
    shown *to = user;
    (void)arena;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        if (to->n++)
            fputc('\n', to->out);
        show_one(&letters[i], to->out);
    }
    return BW_OK;
}

static bw_exit show(bw_dlq *d)
{
    const bw_cli_context *ctx = d->session.ctx;
    bw_error err = BW_ERROR_INIT;
    int64_t count;
    shown to = {.out = ctx->out};
    bw_status s = bw_store_letters_count(d->session.store, &d->filter, &count, &err);
    if (s == BW_OK && count == 0) {
        bw_error_set(&err, BW_NOT_FOUND, "there is no such dead letter: %s",
                     ctx->line->n_args > 1 ? ctx->line->args[1] : "none is selected");
        bw_error_hint(&err, "`dlq list --any-state` lists all, those that are over included.");
        return bw_cli_fail(ctx->err, &err, BW_EXIT_FAILED);
    }
    if (s == BW_OK && bw_cli_has(ctx->line, "json"))
        return print_json(d);
    if (s == BW_OK)
        s = bw_dlq_walk(d, 0, show_some, &to, &err);
    return s == BW_OK ? BW_EXIT_OK : bw_session_failed(ctx, &err);
}

/* ---- export ----------------------------------------------------------------------------- */

static bw_status export_some(void *user, const bw_dead_letter *letters, size_t n, bw_arena *arena,
                             bw_error *err)
{
    shown *to = user;
    (void)arena;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        json_t *o = bw_dlq_letter_json(&letters[i]);
        bw_json_write(o, JSON_COMPACT, to->out);
        json_decref(o);
    }
    to->n += n;
    return BW_OK;
}

/* One JSON object per line, to a new file (0600) or to standard output. */
static bw_exit export(bw_dlq *d)
{
    const bw_cli_context *ctx = d->session.ctx;
    const char *path = bw_cli_value(ctx->line, "output");
    shown to = {.out = ctx->out};
    bw_error err = BW_ERROR_INIT;
    if (path) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        to.out = fd >= 0 ? fdopen(fd, "w") : NULL;
        if (!to.out) {
            bw_error_errno(&err, BW_IO, errno, "cannot write %s", path);
            bw_error_hint(&err, "Existing files are not overwritten: choose another name.");
            return bw_cli_fail(ctx->err, &err, BW_EXIT_FAILED);
        }
    }
    bw_status s = bw_dlq_walk(d, 0, export_some, &to, &err);
    if (path && fclose(to.out) != 0 && s == BW_OK)
        s = bw_error_errno(&err, BW_IO, errno, "cannot write %s", path);
    if (s != BW_OK)
        return bw_cli_fail(ctx->err, &err, BW_EXIT_FAILED);
    if (path)
        fprintf(ctx->out, "%zu dead letter%s written to %s\n", to.n, to.n == 1 ? "" : "s", path);
    return BW_EXIT_OK;
}

/* ---- the command ------------------------------------------------------------------------ */

static bw_exit replay(bw_dlq *d)
{
    return bw_cli_has(d->session.ctx->line, "dry-run") ? bw_dlq_preview(d) : bw_dlq_replay(d);
}

static const struct {
    const char *name;
    bool chosen; /* it must be said which letters */
    bw_exit (*run)(bw_dlq *d);
} verbs[] = {
    {"list", false, list},
    {"show", true, show},
    {"edit", true, bw_dlq_edit},
    {"replay", true, replay},
    {"cancel", false, bw_dlq_cancel},
    {"discard", true, bw_dlq_discard},
    {"export", false, export},
};
static const char *const words[] = {"list",   "show",    "edit",   "replay",
                                    "cancel", "discard", "export", NULL};

static bw_exit unknown_verb(const bw_cli_context *ctx, const char *what)
{
    bw_error err = BW_ERROR_INIT;
    const char *near = bw_nearest(what, words, BW_COUNT(words) - 1);
    bw_error_set(&err, BW_INVALID, "dlq has no %s", what);
    bw_error_hint(&err, "%s%s",
                  near ? "Did you mean "
                       : "It has list, show, edit, replay, cancel, discard, export",
                  near ? near : "");
    return bw_cli_fail(ctx->err, &err, BW_EXIT_USAGE);
}

static bw_exit run_verb(bw_dlq *d, const bw_cli_context *ctx, size_t verb)
{
    bw_error err = BW_ERROR_INIT;
    if (!select_letters(ctx->line, &d->arena, &d->filter))
        return bw_dlq_usage(ctx, "the id of a dead letter is a number", "See dlq list.");
    bool chosen =
        d->filter.ids || d->filter.sync || d->filter.reason || bw_cli_has(ctx->line, "all");
    if (!chosen && verbs[verb].chosen)
        return bw_dlq_usage(ctx, "which dead letters?",
                            "Give ids, --sync SYNC, --reason REASON or --all.");
    if (verbs[verb].run == show || verbs[verb].run == bw_dlq_edit)
        d->filter.any_state = true;
    bw_status status = bw_session_open(&d->session, ctx, false, &err);
    if (status == BW_OK)
        status = bw_session_store(&d->session, BW_STORE_SHARED, &err);
    bool opened = status == BW_OK;
    if (opened)
        status = bw_dlq_check_names(d, &err);
    bw_exit code = status == BW_OK ? verbs[verb].run(d)
                   : opened        ? bw_cli_fail(ctx->err, &err, BW_EXIT_USAGE)
                                   : bw_session_failed(ctx, &err);
    if (!bw_session_close(&d->session)) {
        fflush(ctx->out);
        _exit((int)code);
    }
    return code;
}

static bw_exit run(const bw_cli_context *ctx)
{
    const char *what = ctx->line->args[0];
    bw_dlq d = {.arena = BW_ARENA_INIT};
    for (size_t i = 0; i < BW_COUNT(verbs); i++) {
        if (strcmp(verbs[i].name, what) != 0)
            continue;
        bw_exit code = run_verb(&d, ctx, i);
        bw_arena_fini(&d.arena);
        return code;
    }
    return unknown_verb(ctx, what);
}

static const bw_cli_option options[] = {
    {.name = "sync", .arg = "SYNC", .help = "those of this sync"},
    {.name = "reason", .arg = "REASON", .help = "those with this reason code"},
    {.name = "all", .help = "all open ones"},
    {.name = "any-state",
     .help = "also those that are replayed, superseded or discarded, with their state"},
    {.name = "limit",
     .arg = "N",
     .type = BW_SETTING_INT,
     .min = 1,
     .max = 1000000000,
     .help = "at most so many"},
    {.name = "dry-run",
     .help = "with replay: only say of each what would happen to it, and to its entity"},
    {.name = "rate",
     .arg = "N",
     .type = BW_SETTING_INT,
     .min = 1,
     .max = 1000000,
     .help = "with replay: at most so many a second"},
    {.name = "publish", .help = "with replay: publish the messages to their topic again instead"},
    {.name = "content", .arg = "TEXT", .help = "with edit: the new content"},
    {.name = "file", .arg = "FILE", .help = "with edit: the new content is in this file"},
    {.name = "replay", .help = "with edit: replay the letter at once"},
    {.name = "yes", .help = "with replay --publish and discard: do not ask"},
    {.name = "output",
     .letter = 'o',
     .arg = "FILE",
     .help = "with export: a new file, made for you alone"},
    BW_CLI_JSON,
};

const bw_cli_command bw_command_dlq = {
    .name = "dlq",
    .args = "list|show|edit|replay|cancel|discard|export [ID...]",
    .help = "dead letters: rows that did not fit the destination, messages that are no events",
    .details =
        "replay reads each row from its source again and sends it through the pipeline; a message "
        "takes its way again as it was stored or edited, under the id of its event. An old row or "
        "event never overwrites a newer one, and replaying twice changes nothing more. While it "
        "runs a terminal shows how far it is; in the end it says what became of each letter: "
        "replayed, refused (it still does not fit), gone (its row is not at the source any more), "
        "or open (not begun). The exit status is 0 when all landed or are gone.\n"
        "replay --publish sends the messages to their topic again, where every subscription gets "
        "them; it names those and asks.\n"
        "Messages that say different things under one event id are letters of their own, which "
        "`contradicts` names: the first that lands takes the id, the other is refused until it is "
        "edited to have an event_id of its own.\n"
        "cancel ends replays after the letters at hand; the rest stays open.\n"
        "edit changes a message's content before it is replayed: to --content, to what --file or - "
        "(standard input) holds, or in $VISUAL or $EDITOR. Bytes that are no text are written, and "
        "read, as {\"content_base64\": \"...\"}. The old content stays in the audit trail. The "
        "message as it was, delivered again, does not undo the edit.\n"
        "discard closes letters; their content stays in the audit trail. It asks unless a few ids "
        "are given; more than 10, and where environment.confirm is type, by typing their number. "
        "Where there is no terminal to ask on, say --yes.\n"
        "export writes one JSON object per line; content that is no text is in content_base64.",
    .options = options,
    .n_options = BW_COUNT(options),
    .min_args = 1,
    .max_args = SIZE_MAX,
    .words = words,
    .needs = BW_NEEDS_DEFAULTS,
    .run = run,
};
