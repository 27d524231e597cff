/* The generic actions, the command line, filters and confirmations. */
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/core/units.h"
#include "views/console_internal.h"
#include "views/kit/export.h"

#define FASTEST (BW_SECOND / 2)
#define SLOWEST BW_MINUTE

static const bw_action screens[] = {
    {BW_ACTION_SYNCS, "syncs", NULL, "the home screen", NULL, NULL, BW_ACT_SCREEN, BW_SCREENS_ALL},
    {BW_ACTION_SYNC, "sync", NULL, "one sync", "NAME", NULL, BW_ACT_SCREEN, BW_SCREENS_ALL},
    {BW_ACTION_RUNS, "runs", NULL, "the history of runs", "[SYNC]", NULL, BW_ACT_SCREEN,
     BW_SCREENS_ALL},
    {BW_ACTION_DLQ, "dlq", NULL, "dead letters", "[SYNC]", NULL, BW_ACT_SCREEN, BW_SCREENS_ALL},
    {BW_ACTION_SOURCES, "sources", NULL, "the systems that rows come from", NULL, NULL,
     BW_ACT_SCREEN, BW_SCREENS_ALL},
    {BW_ACTION_AUDIT, "audit", NULL, "who did what, and what the engine decided", "[SUBJECT]", "A",
     BW_ACT_SCREEN, BW_SCREENS_ALL},
    {BW_ACTION_LOG, "log", NULL, "the engine's log", NULL, "L", BW_ACT_SCREEN, BW_SCREENS_ALL},
    {BW_ACTION_THEMES, "themes", NULL, "choose the colours", NULL, NULL, BW_ACT_SCREEN,
     BW_SCREENS_ALL},
};

bw_status bw_console_add_actions(bw_console *c, bw_error *err)
{
    uint32_t tables = 0, texts = 0, streams = 0;
    bw_status s = BW_OK;
    /* The screens' own actions first: they come first in the footer and in help. Two screens may
       share one table. */
    for (int i = 0; s == BW_OK && i < BW_SCREEN_COUNT; i++) {
        const bw_view_class *class = bw_view_classes[i];
        bool seen = class->n_actions == 0;
        for (int k = 0; k < i; k++)
            seen |= bw_view_classes[k]->actions == class->actions;
        tables |= class->has_table ? BW_SCREEN(i) : 0;
        texts |= class->has_text ? BW_SCREEN(i) : 0;
        streams |= class->follows ? BW_SCREEN(i) : 0;
        if (!seen)
            s = bw_action_set_add(c->actions, class->actions, class->n_actions, BW_SCREENS_ALL,
                                  err);
    }
    if (s == BW_OK)
        s = bw_action_set_add(c->actions, bw_actions_table, bw_actions_table_count, tables, err);
    if (s == BW_OK)
        s = bw_action_set_add(c->actions, bw_actions_text, bw_actions_text_count, texts, err);
    if (s == BW_OK)
        s = bw_action_set_add(c->actions, bw_actions_follow, bw_actions_follow_count, streams, err);
    if (s == BW_OK)
        s = bw_action_set_add(c->actions, screens, BW_COUNT(screens), BW_SCREENS_ALL, err);
    if (s == BW_OK)
        s = bw_action_set_add(c->actions, bw_actions_generic, bw_actions_generic_count,
                              BW_SCREENS_ALL, err);
    return s;
}

/* ---- generic actions -------------------------------------------------------------------- */

static bw_table *table_of(bw_console *c)
{
    bw_view *top = bw_console_top(c);
    return top->class->table ? top->class->table(top) : NULL;
}

static bw_text_view *text_of(bw_console *c)
{
    bw_view *top = bw_console_top(c);
    return top->class->text ? top->class->text(top) : NULL;
}

static void set_refresh(bw_console *c, int64_t us)
{
    char text[BW_TIME_TEXT];
    c->options.refresh_us = us < FASTEST ? FASTEST : us > SLOWEST ? SLOWEST : us;
    bw_toasts_add(c->toasts, BW_TOAST_INFO, "refresh every %s",
                  bw_format_duration_exact(c->options.refresh_us, text));
}

static bw_reaction refresh(bw_console *c, const char *argument)
{
    int64_t us;
    if (!argument[0])
        bw_console_update(c);
    else if (bw_parse_duration(bw_slice_cstr(argument), &us))
        set_refresh(c, us);
    else
        bw_toasts_add(c->toasts, BW_TOAST_WARN, "%s is not a duration like 5s", argument);
    return BW_REACT_REDRAW;
}

static bw_reaction freeze(bw_console *c)
{
    if (c->held) {
        /* Where nothing newer has come, the held one still is the newest. */
        if (c->snapshot)
            bw_snapshot_unref(c->held);
        else
            c->snapshot = c->held;
        c->held = NULL;
        bw_console_update(c);
        return BW_REACT_REDRAW;
    }
    /* The held snapshot is the reference that was the newest's; a new one comes with the next tick
       of the engine. */
    c->held = c->snapshot;
    c->snapshot = NULL;
    return BW_REACT_REDRAW;
}

static bw_reaction sort(bw_console *c, const char *argument)
{
    bw_error err = BW_ERROR_INIT;
    char column[64];
    const char *space = strchr(argument, ' ');
    size_t n = space ? (size_t)(space - argument) : strlen(argument);
    bool descending = space && strcmp(space + 1, "desc") == 0;
    snprintf(column, sizeof(column), "%.*s", (int)n, argument);
    if (bw_table_sort(table_of(c), column, descending, &err) != BW_OK)
        bw_toasts_refuse(c->toasts, &err);
    return BW_REACT_REDRAW;
}

static bw_reaction export_rows(bw_console *c, const char *argument)
{
    bw_error err = BW_ERROR_INIT;
    bw_export_format format;
    char name[8];
    size_t rows;
    const char *space = strchr(argument, ' ');
    snprintf(name, sizeof(name), "%.*s", space ? (int)(space - argument) : 0, argument);
    if (!space || !bw_export_format_parse(name, &format))
        bw_toasts_add(c->toasts, BW_TOAST_WARN, "write export csv FILE or export json FILE");
    else if (bw_export_file(table_of(c), format, space + 1, &rows, &err) != BW_OK)
        bw_toasts_error(c->toasts, &err);
    else
        bw_toasts_add(c->toasts, BW_TOAST_INFO, "%zu rows written to %s", rows, space + 1);
    return BW_REACT_REDRAW;
}

static bw_reaction copy(bw_console *c, bool whole)
{
    bw_table *t = table_of(c);
    size_t row = bw_table_selected_index(t);
    if (row == SIZE_MAX)
        return BW_REACT_HANDLED;
    bw_buf_clear(&c->copied);
    for (size_t i = 0; i < bw_table_columns(t); i++) {
        bw_table_cell cell = {0};
        if (!whole && i != bw_table_selected_column(t))
            continue;
        bw_table_get(t, row, i, &cell);
        if (c->copied.len)
            bw_buf_addc(&c->copied, '\t');
        bw_buf_add(&c->copied, cell.text.ptr, cell.text.len);
    }
    c->wishes.copy = bw_buf_slice(&c->copied);
    return BW_REACT_REDRAW;
}

static bw_reaction columns(bw_console *c, const char *argument)
{
    bw_table *t = table_of(c);
    if (!argument[0]) {
        c->chooser = bw_chooser_new(t);
        return BW_REACT_REDRAW;
    }
    bw_error err = BW_ERROR_INIT;
    if (bw_table_arrange(t, argument, &err) != BW_OK)
        bw_toasts_refuse(c->toasts, &err);
    return BW_REACT_REDRAW;
}

/* A screen that is open already is gone back to, so that paths do not go in circles. */
static void go_to(bw_console *c, bw_screen_id screen, const bw_view_at *at)
{
    for (size_t i = 0; i < c->depth; i++) {
        if (c->stack[i]->class->id != screen || (at && at->sync[0]))
            continue;
        while (c->depth > i + 1)
            bw_console_back(c);
        return;
    }
    bw_console_open(c, screen, at);
}

static bw_reaction open_screen(bw_console *c, int id, const char *argument)
{
    bw_view_at at;
    memset(&at, 0, sizeof(at));
    snprintf(at.sync, sizeof(at.sync), "%s", argument);
    if (at.sync[0] && id != BW_ACTION_AUDIT &&
        (!bw_host_snapshot(&c->host) || !bw_snapshot_find(bw_host_snapshot(&c->host), at.sync))) {
        bw_toasts_add(c->toasts, BW_TOAST_WARN, "there is no sync %s", at.sync);
        return BW_REACT_REDRAW;
    }
    switch (id) {
    case BW_ACTION_SYNCS:
        go_to(c, BW_SCREEN_SYNCS, NULL);
        break;
    case BW_ACTION_SYNC:
        if (!at.sync[0]) {
            bw_console_open_prompt(c, BW_PROMPT_COMMAND, ":", "sync ");
            break;
        }
        go_to(c, BW_SCREEN_SYNC, &at);
        break;
    case BW_ACTION_RUNS:
        go_to(c, BW_SCREEN_RUNS, &at);
        break;
    case BW_ACTION_DLQ:
        go_to(c, at.sync[0] ? BW_SCREEN_LETTERS : BW_SCREEN_LETTER_GROUPS, &at);
        break;
    case BW_ACTION_SOURCES:
        go_to(c, BW_SCREEN_SOURCES, NULL);
        break;
    case BW_ACTION_AUDIT:
        go_to(c, BW_SCREEN_AUDIT, &at);
        break;
    case BW_ACTION_LOG:
        go_to(c, BW_SCREEN_LOG, NULL);
        break;
    case BW_ACTION_MESSAGES:
        go_to(c, BW_SCREEN_MESSAGES, NULL);
        break;
    case BW_ACTION_HELP:
        go_to(c, BW_SCREEN_HELP, NULL);
        break;
    default:
        go_to(c, BW_SCREEN_THEMES, NULL);
    }
    return BW_REACT_REDRAW;
}

static bw_reaction prompt_or_apply(bw_console *c, bw_prompt_kind kind, const char *argument)
{
    bw_error err = BW_ERROR_INIT;
    if (kind == BW_PROMPT_FILTER) {
        if (!argument[0]) {
            const char *now = bw_table_filter_text(table_of(c));
            free(c->filter_before);
            c->filter_before = bw_xstrdup(now);
            bw_console_open_prompt(c, kind, "/", now);
        } else if (bw_table_filter(table_of(c), argument, &err) != BW_OK) {
            bw_toasts_refuse(c->toasts, &err);
        }
        return BW_REACT_REDRAW;
    }
    if (!argument[0])
        bw_console_open_prompt(c, kind, "/", "");
    else if (!bw_text_view_search(text_of(c), argument))
        bw_toasts_add(c->toasts, BW_TOAST_INFO, "not found: %s", argument);
    return BW_REACT_REDRAW;
}

/* The console's part of an action; NONE when it is the view's. */
static bw_reaction act_here(bw_console *c, int id, const char *argument)
{
    switch (id) {
    case BW_ACTION_QUIT:
        c->wishes.quit = true;
        return BW_REACT_REDRAW;
    case BW_ACTION_PALETTE:
        bw_console_open_prompt(c, BW_PROMPT_COMMAND, ":", "");
        return BW_REACT_REDRAW;
    case BW_ACTION_FILTER:
        return prompt_or_apply(c, BW_PROMPT_FILTER, argument);
    case BW_ACTION_SEARCH:
        return prompt_or_apply(c, BW_PROMPT_SEARCH, argument);
    case BW_ACTION_SORT:
        return sort(c, argument);
    case BW_ACTION_FASTER:
        set_refresh(c, c->options.refresh_us / 2);
        return BW_REACT_REDRAW;
    case BW_ACTION_SLOWER:
        set_refresh(c, c->options.refresh_us * 2);
        return BW_REACT_REDRAW;
    case BW_ACTION_REFRESH:
        return refresh(c, argument);
    case BW_ACTION_FREEZE:
        return freeze(c);
    case BW_ACTION_THEME:
        if (argument[0])
            bw_host_theme(&c->host, argument);
        else
            bw_console_open(c, BW_SCREEN_THEMES, NULL);
        return BW_REACT_REDRAW;
    case BW_ACTION_COPY_CELL:
    case BW_ACTION_COPY_ROW:
        return copy(c, id == BW_ACTION_COPY_ROW);
    case BW_ACTION_EXPORT:
        return export_rows(c, argument);
    case BW_ACTION_COLUMNS:
        return columns(c, argument);
    case BW_ACTION_DISMISS:
        return bw_toasts_dismiss(c->toasts) ? BW_REACT_REDRAW : BW_REACT_HANDLED;
    case BW_ACTION_MOUSE:
        c->wishes.mouse = true;
        return BW_REACT_REDRAW;
    case BW_ACTION_REDRAW:
        c->wishes.redraw = true;
        return BW_REACT_REDRAW;
    case BW_ACTION_SUSPEND:
        c->wishes.suspend = true;
        return BW_REACT_REDRAW;
    case BW_ACTION_HELP:
    case BW_ACTION_MESSAGES:
    case BW_ACTION_SYNCS:
    case BW_ACTION_SYNC:
    case BW_ACTION_RUNS:
    case BW_ACTION_DLQ:
    case BW_ACTION_SOURCES:
    case BW_ACTION_AUDIT:
    case BW_ACTION_LOG:
    case BW_ACTION_THEMES:
        return open_screen(c, id, argument);
    default:
        return BW_REACT_NONE;
    }
}

bw_reaction bw_console_act(bw_console *c, const bw_action *action, const char *argument)
{
    bw_action_context context = bw_console_context(c);
    const char *refusal = bw_action_refusal(c->actions, action, &context);
    if (refusal) {
        bw_toasts_add(c->toasts, BW_TOAST_WARN, "%s: %s", bw_action_label(action), refusal);
        return BW_REACT_REDRAW;
    }
    /* An error stays until it is dismissed, and says that Esc does that: before anything else. */
    const bw_toast *toast = bw_toasts_current(c->toasts);
    if (action->id == BW_ACTION_BACK && toast && toast->level == BW_TOAST_ERROR) {
        bw_toasts_dismiss(c->toasts);
        return BW_REACT_REDRAW;
    }
    bw_view *top = bw_console_top(c);
    if ((action->flags & BW_ACT_ROW) && table_of(c))
        bw_table_touch(table_of(c)); /* what was acted on stays selected, wherever it goes */
    bw_reaction r = act_here(c, action->id, argument);
    if (r == BW_REACT_NONE)
        r = top->class->act(top, action, argument);
    if (r == BW_REACT_NONE && action->id == BW_ACTION_BACK) {
        if (!bw_console_back(c))
            bw_toasts_add(c->toasts, BW_TOAST_INFO, "this is the home screen; Q leaves");
        return BW_REACT_REDRAW;
    }
    bw_console_ask(c); /* what the view shows may need another page now */
    return r;
}

/* ---- prompts ---------------------------------------------------------------------------- */

static void complete_argument(void *user, const bw_action *action, const char *begun,
                              bw_candidates *out)
{
    bw_console *c = user;
    char line[256];
    size_t n = strlen(begun);
    const bw_snapshot *s = bw_host_snapshot(&c->host);
    if (action->id == BW_ACTION_THEME) {
        const char *const *names = bw_host_themes(&c->host);
        for (; *names; names++) {
            snprintf(line, sizeof(line), "%s %s", action->name, *names);
            if (strncmp(*names, begun, n) == 0)
                bw_candidates_add(out, line, NULL);
        }
    } else if (action->id == BW_ACTION_SORT || action->id == BW_ACTION_COLUMNS) {
        bw_table *t = table_of(c);
        for (size_t i = 0; t && i < bw_table_columns(t); i++) {
            snprintf(line, sizeof(line), "%s %s", action->name, bw_table_column(t, i)->id);
            if (strncmp(bw_table_column(t, i)->id, begun, n) == 0)
                bw_candidates_add(out, line, NULL);
        }
    } else if (action->argument && strstr(action->argument, "SYNC")) {
        for (size_t i = 0; s && i < s->n_syncs; i++) {
            snprintf(line, sizeof(line), "%s %s", action->name, s->syncs[i].name);
            if (strncmp(s->syncs[i].name, begun, n) == 0)
                bw_candidates_add(out, line, NULL);
        }
    } else if (action->id == BW_ACTION_SYNC) {
        for (size_t i = 0; s && i < s->n_syncs; i++) {
            snprintf(line, sizeof(line), "sync %s", s->syncs[i].name);
            if (strncmp(s->syncs[i].name, begun, n) == 0)
                bw_candidates_add(out, line, NULL);
        }
    }
}

void bw_console_open_prompt(bw_console *c, bw_prompt_kind kind, const char *label, const char *text)
{
    bw_prompt_options o = {.label = label, .text = text};
    o.history = kind == BW_PROMPT_COMMAND ? &c->command_history : &c->filter_history;
    if (kind == BW_PROMPT_COMMAND) {
        c->palette = (bw_palette){c->actions, bw_console_top(c)->class->id, complete_argument, c};
        o.complete = bw_palette_complete;
        o.user = &c->palette;
    }
    bw_prompt_free(c->prompt);
    c->prompt = bw_prompt_new(&o);
    c->prompt_kind = kind;
}

static void close_prompt(bw_console *c)
{
    bw_prompt_free(c->prompt);
    c->prompt = NULL;
}

static void run_line(bw_console *c, const char *line)
{
    bw_error err = BW_ERROR_INIT;
    bw_palette_command command;
    if (!line[0])
        return;
    if (bw_palette_parse(c->actions, bw_console_top(c)->class->id, line, &command, &err) != BW_OK) {
        bw_toasts_refuse(c->toasts, &err);
        return;
    }
    bw_console_act(c, command.action, command.argument);
}

static void accept_prompt(bw_console *c)
{
    char *text = bw_xstrdup(bw_prompt_text(c->prompt));
    bw_prompt_kind kind = c->prompt_kind;
    close_prompt(c);
    if (kind == BW_PROMPT_COMMAND)
        run_line(c, text);
    else if (kind == BW_PROMPT_SEARCH && text[0] && !bw_text_view_search(text_of(c), text))
        bw_toasts_add(c->toasts, BW_TOAST_INFO, "not found: %s", text);
    free(text);
}

bw_reaction bw_console_prompt_event(bw_console *c, const bw_input *event)
{
    bw_error err = BW_ERROR_INIT;
    bw_reaction r = bw_prompt_event(c->prompt, event);
    if ((r & BW_REACT_CHANGE) && c->prompt_kind == BW_PROMPT_FILTER)
        bw_prompt_complain(c->prompt,
                           bw_table_filter(table_of(c), bw_prompt_text(c->prompt), &err) == BW_OK
                               ? NULL
                               : err.message);
    if (r & BW_REACT_ACCEPT) {
        accept_prompt(c);
    } else if (r & BW_REACT_CANCEL) {
        bool filter = c->prompt_kind == BW_PROMPT_FILTER;
        close_prompt(c);
        if (filter && bw_table_filter(table_of(c), c->filter_before, &err) != BW_OK)
            bw_toasts_refuse(c->toasts, &err);
    }
    return r == BW_REACT_NONE ? BW_REACT_HANDLED : r | BW_REACT_REDRAW;
}

/* ---- dialogs ---------------------------------------------------------------------------- */

static bool about_letters(bw_command_kind kind)
{
    return kind == BW_COMMAND_REPLAY || kind == BW_COMMAND_DISCARD || kind == BW_COMMAND_EDIT;
}

static void send_confirmed(bw_console *c)
{
    bw_arena *a = &c->dialog_arena;
    bw_command command = c->dialog_command;
    size_t n = bw_dialog_count(c->dialog);
    if (about_letters(command.kind) && !command.reason) {
        int64_t *ids = BW_ARENA_ARRAY(a, int64_t, n + 1);
        for (size_t i = 0; i < n; i++)
            ids[i] = strtoll(bw_dialog_id(c->dialog, i), NULL, 10);
        command.letters = ids;
        command.n_letters = n;
    } else {
        const char **syncs = BW_ARENA_ARRAY(a, const char *, n + 1);
        for (size_t i = 0; i < n; i++)
            syncs[i] = bw_dialog_id(c->dialog, i);
        command.syncs = syncs;
        command.n_syncs = n;
    }
    bw_host_send(&c->host, &command);
}

bw_reaction bw_console_dialog_event(bw_console *c, const bw_input *event)
{
    bw_reaction r = bw_dialog_event(c->dialog, event);
    if (r & BW_REACT_ACCEPT)
        send_confirmed(c);
    if (r & (BW_REACT_ACCEPT | BW_REACT_CANCEL)) {
        bw_dialog_free(c->dialog);
        c->dialog = NULL;
        return BW_REACT_REDRAW;
    }
    return r;
}
