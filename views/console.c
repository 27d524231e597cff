#include "views/console.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "views/console_internal.h"

/* A page is asked for again after the refresh, or later where answering takes long: a long list must
   not keep the store busy. */
#define ASK_COST    100 /* times as long as the answer took */
#define LONGEST_ASK (30 * BW_SECOND)

static bw_console *console_of(const bw_view_host *host)
{
    return host->console;
}

/* ---- life ------------------------------------------------------------------------------- */

static bw_status bind_keys(bw_console *c, bw_error *err)
{
    for (size_t i = 0; i < c->options.n_keys; i++) {
        const char *keys[16];
        size_t n = 0;
        char *copy = bw_xstrdup(c->options.keys[i][1]), *rest = NULL;
        for (char *word = strtok_r(copy, " ", &rest); word && n < BW_COUNT(keys);
             word = strtok_r(NULL, " ", &rest))
            keys[n++] = word;
        bw_status s = bw_action_set_bind(c->actions, c->options.keys[i][0], keys, n, err);
        free(copy);
        if (s != BW_OK)
            return bw_error_wrap(err, "ui.keys");
    }
    for (const char *line = bw_action_set_conflicts(c->actions); *line;) {
        int n = (int)strcspn(line, "\n");
        bw_toasts_add(c->toasts, BW_TOAST_WARN, "%.*s", n, line);
        line += n + (line[n] == '\n');
    }
    return BW_OK;
}

bw_status bw_console_new(const bw_console_options *options, bw_console **out, bw_error *err)
{
    bw_console *c = bw_xcalloc(1, sizeof(*c));
    *out = NULL;
    c->host.console = c;
    c->message_ends = BW_FOREVER;
    c->options = *options;
    c->actions = bw_action_set_new();
    c->toasts = bw_toasts_new(options->clock, options->local_time);
    snprintf(c->theme, sizeof(c->theme), "%s", options->theme ? options->theme : "");
    bw_status s = bw_console_add_actions(c, err);
    if (s == BW_OK)
        s = bind_keys(c, err);
    if (s != BW_OK) {
        bw_console_free(c);
        return s;
    }
    c->options.keys = NULL; /* the caller's no longer have to be there */
    c->options.n_keys = 0;
    bw_console_read_layout(c, options->layout);
    c->options.layout = NULL;
    bw_console_open(c, BW_SCREEN_SYNCS, NULL);
    s = bw_console_read_columns(c, err);
    c->options.columns = NULL;
    c->options.n_columns = 0;
    if (s != BW_OK) {
        bw_console_free(c);
        return s;
    }
    bw_console_arrange(c);
    *out = c;
    return BW_OK;
}

static void drop_top(bw_console *c)
{
    bw_view *top = c->stack[--c->depth];
    top->class->free(top);
    bw_page_unref(c->pages[c->depth]);
    c->pages[c->depth] = NULL;
    c->has_asked = false;
}

void bw_console_free(bw_console *c)
{
    if (!c)
        return;
    while (c->depth > 0)
        drop_top(c);
    bw_prompt_free(c->prompt);
    bw_chooser_free(c->chooser);
    bw_dialog_free(c->dialog);
    bw_arena_fini(&c->dialog_arena);
    free(c->filter_before);
    bw_console_free_layout(c);
    bw_history_fini(&c->command_history);
    bw_history_fini(&c->filter_history);
    bw_toasts_free(c->toasts);
    bw_action_set_free(c->actions);
    if (c->theme_names)
        bw_theme_names_free(c->theme_names, c->n_theme_names);
    bw_buf_fini(&c->copied);
    bw_snapshot_unref(c->snapshot);
    bw_snapshot_unref(c->held);
    free(c);
}

bw_action_set *bw_console_actions(bw_console *c)
{
    return c->actions;
}

/* ---- facts ------------------------------------------------------------------------------ */

static void ask_page(bw_console *c, bool again)
{
    bw_page_query query;
    bw_view *top = bw_console_top(c);
    memset(&query, 0, sizeof(query));
    if (!top->class->query || !top->class->query(top, &query))
        return;
    if (!again && c->has_asked && bw_page_query_equal(&query, &c->asked))
        return;
    c->asked = query;
    c->has_asked = true;
    c->asked_mono_us = bw_mono_us(c->options.clock);
    c->ask_again_us = c->asked_mono_us + LONGEST_ASK;
    if (c->options.ask)
        c->options.ask(c->options.user, &query);
}

void bw_console_ask(bw_console *c)
{
    ask_page(c, false);
}

void bw_console_update(bw_console *c)
{
    bw_view *top = bw_console_top(c);
    top->class->update(top, bw_host_snapshot(&c->host), c->pages[c->depth - 1]);
    ask_page(c, false);
}

bw_reaction bw_console_snapshot(bw_console *c, const bw_snapshot *snapshot)
{
    if (!snapshot)
        return BW_REACT_HANDLED;
    const bw_snapshot *old = c->snapshot;
    c->snapshot = snapshot;
    if (!c->held)
        bw_console_update(c);
    bw_snapshot_unref(old);
    return c->held ? BW_REACT_HANDLED : BW_REACT_REDRAW;
}

bw_reaction bw_console_page(bw_console *c, const bw_page *page)
{
    /* A late answer to an earlier question is dropped. */
    if (!page || !c->has_asked || !bw_page_query_equal(&page->query, &c->asked) ||
        (c->held && c->pages[c->depth - 1])) {
        bw_page_unref(page);
        return BW_REACT_HANDLED;
    }
    const bw_page *old = c->pages[c->depth - 1];
    int64_t wait = (bw_mono_us(c->options.clock) - c->asked_mono_us) * ASK_COST;
    wait = wait < c->options.refresh_us ? c->options.refresh_us : wait;
    c->ask_again_us = c->asked_mono_us + (wait < LONGEST_ASK ? wait : LONGEST_ASK);
    c->pages[c->depth - 1] = page;
    bw_console_update(c);
    bw_page_unref(old);
    return BW_REACT_REDRAW;
}

bw_reaction bw_console_news(bw_console *c, const bw_news *news)
{
    bw_toast_level level = news->level == BW_LOG_ERROR  ? BW_TOAST_ERROR
                           : news->level == BW_LOG_WARN ? BW_TOAST_WARN
                                                        : BW_TOAST_INFO;
    if (news->command && !news->final && news->total > 0) {
        bw_toasts_progress(c->toasts, news->text);
        return BW_REACT_REDRAW;
    }
    bw_toasts_progress(c->toasts, NULL);
    bw_toasts_add(c->toasts, level, "%s%s%s", news->text, news->hint[0] ? "  HINT: " : "",
                  news->hint);
    if (!c->held)
        ask_page(c, true);
    return BW_REACT_REDRAW;
}

int64_t bw_console_refresh_us(const bw_console *c)
{
    return c->options.refresh_us;
}

/* ---- the stack -------------------------------------------------------------------------- */

void bw_console_open(bw_console *c, bw_screen_id screen, const bw_view_at *at)
{
    static const bw_view_at nowhere;
    const bw_view_class *class = bw_view_classes[screen];
    /* The same screen is not opened above itself, and the stack does not grow without end. */
    if (c->depth == BW_STACK || (c->depth > 0 && bw_console_top(c)->class == class &&
                                 screen != BW_SCREEN_SYNC && screen != BW_SCREEN_LETTERS))
        drop_top(c);
    c->has_asked = false;
    bw_view *view = class->open(class, &c->host, at ? at : &nowhere);
    /* Nor is what is shown already: `:sync NAME` on that sync's own screen. */
    if (c->depth > 1 && bw_console_top(c)->class == class && view->crumb[0] &&
        strcmp(bw_console_top(c)->crumb, view->crumb) == 0)
        drop_top(c);
    c->stack[c->depth++] = view;
    bw_console_arrange(c);
    bw_console_update(c);
}

bool bw_console_back(bw_console *c)
{
    if (c->depth <= 1)
        return false;
    drop_top(c);
    bw_console_update(c);
    ask_page(c, true);
    return true;
}

static const char *refuse(void *user, const bw_action *action)
{
    bw_view *view = user;
    return view->class->refuse ? view->class->refuse(view, action) : NULL;
}

bw_action_context bw_view_context(const bw_console *c, bw_view *view)
{
    bw_table *table = view->class->table ? view->class->table(view) : NULL;
    size_t hidden;
    return (bw_action_context){
        .screen = view->class->id,
        .read_only = c->options.read_only,
        /* A screen without a table is about one thing: itself. */
        .has_row = !table || bw_table_selected(table) || bw_table_marked(table, &hidden) > 0,
        .refuse = refuse,
        .user = view,
    };
}

bw_action_context bw_console_context(bw_console *c)
{
    return bw_view_context(c, bw_console_top(c));
}

/* ---- events ----------------------------------------------------------------------------- */

static bw_reaction click(bw_console *c, const bw_input *event)
{
    bw_view *top = bw_console_top(c);
    int id = event->type == BW_EVENT_CLICK ? bw_footer_click(&c->footer, event) : BW_ACTION_NONE;
    if (id != BW_ACTION_NONE)
        return bw_console_act(c, bw_action_by_id(c->actions, id), "");
    bw_reaction r = top->class->mouse ? top->class->mouse(top, event) : BW_REACT_NONE;
    if (r & BW_REACT_ACCEPT)
        return bw_console_act(c, bw_action_by_id(c->actions, BW_ACTION_ENTER), "");
    return r;
}

static bw_reaction choose(bw_console *c, const bw_input *event)
{
    bw_reaction r = bw_chooser_event(c->chooser, event);
    if (!(r & BW_REACT_ACCEPT))
        return r;
    bw_chooser_free(c->chooser);
    c->chooser = NULL;
    return BW_REACT_REDRAW;
}

static bw_reaction take(bw_console *c, const bw_input *event)
{
    if (c->dialog)
        return bw_console_dialog_event(c, event);
    if (c->chooser)
        return choose(c, event);
    if (c->prompt && (event->type == BW_EVENT_KEY || event->type == BW_EVENT_PASTE))
        return bw_console_prompt_event(c, event);
    if (event->type == BW_EVENT_PASTE) {
        bw_toasts_add(c->toasts, BW_TOAST_INFO, "pasted text was dropped: nothing is being typed");
        return BW_REACT_REDRAW;
    }
    if (event->type != BW_EVENT_KEY)
        return click(c, event);
    const bw_action *action =
        bw_action_for_key(c->actions, bw_console_top(c)->class->id, event->key);
    return action ? bw_console_act(c, action, "") : BW_REACT_NONE;
}

bw_reaction bw_console_event(bw_console *c, const bw_input *event)
{
    bw_reaction r = take(c, event);
    bw_console_note_arrangement(c);
    return r;
}

int64_t bw_console_deadline(const bw_console *c)
{
    bw_view *top = bw_console_top(c);
    bw_table *table = top->class->table ? top->class->table(top) : NULL;
    int64_t at = c->message_ends, held = table ? bw_table_deadline(table) : BW_FOREVER;
    if (held < at)
        at = held;
    if (c->has_asked && !c->held && c->ask_again_us < at)
        at = c->ask_again_us;
    int64_t older = bw_console_next_age(c);
    return older < at ? older : at;
}

bw_reaction bw_console_tick(bw_console *c)
{
    int64_t now = bw_mono_us(c->options.clock);
    bw_view *top = bw_console_top(c);
    bw_table *table = top->class->table ? top->class->table(top) : NULL;
    bool changes = c->message_ends <= now || bw_console_next_age(c) <= now;
    bw_reaction r = changes ? BW_REACT_REDRAW : BW_REACT_NONE;
    if (table && bw_table_deadline(table) <= now)
        r |= bw_table_tick(table);
    if (c->has_asked && !c->held && c->ask_again_us <= now)
        ask_page(c, true);
    return r;
}

void bw_console_wishes_take(bw_console *c, bw_console_wishes *out)
{
    *out = c->wishes;
    c->wishes = (bw_console_wishes){0};
}

void bw_console_themed(bw_console *c, const char *name, const bw_error *err)
{
    if (err) {
        bw_toasts_refuse(c->toasts, err);
        return;
    }
    snprintf(c->theme, sizeof(c->theme), "%s", name);
    bw_console_update(c);
}

void bw_console_toast(bw_console *c, int level, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    bw_toasts_add(c->toasts, (bw_toast_level)level, "%s", text);
}

/* ---- what views ask for ----------------------------------------------------------------- */

const bw_clock *bw_host_clock(const bw_view_host *host)
{
    return console_of(host)->options.clock;
}

const bw_snapshot *bw_host_snapshot(const bw_view_host *host)
{
    const bw_console *c = console_of(host);
    return c->held ? c->held : c->snapshot;
}

bw_action_set *bw_host_actions(const bw_view_host *host)
{
    return console_of(host)->actions;
}

bw_toasts *bw_host_toasts(const bw_view_host *host)
{
    return console_of(host)->toasts;
}

void bw_host_open(bw_view_host *host, bw_screen_id screen, const bw_view_at *at)
{
    bw_console_open(console_of(host), screen, at);
}

void bw_host_home(bw_view_host *host, const char *filter)
{
    bw_console *c = console_of(host);
    bw_error err = BW_ERROR_INIT;
    while (bw_console_back(c))
        ;
    bw_view *home = bw_console_top(c);
    if (bw_table_filter(home->class->table(home), filter, &err) != BW_OK)
        bw_toasts_error(c->toasts, &err);
}

bool bw_host_local_time(const bw_view_host *host)
{
    return console_of(host)->options.local_time;
}

void bw_host_toast(bw_view_host *host, bw_toast_level level, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    bw_toasts_add(console_of(host)->toasts, level, "%s", text);
}

void bw_host_theme(bw_view_host *host, const char *name)
{
    bw_console *c = console_of(host);
    snprintf(c->wish_theme, sizeof(c->wish_theme), "%s", name);
    c->wishes.theme = c->wish_theme;
}

const char *bw_host_theme_name(const bw_view_host *host)
{
    return console_of(host)->theme;
}

const char *const *bw_host_themes(bw_view_host *host)
{
    bw_console *c = console_of(host);
    if (c->theme_names)
        bw_theme_names_free(c->theme_names, c->n_theme_names);
    c->n_theme_names = bw_theme_list(c->options.theme_dirs, &c->theme_names);
    c->theme_names = bw_xrealloc(c->theme_names, (c->n_theme_names + 1) * sizeof(char *));
    c->theme_names[c->n_theme_names] = NULL;
    return (const char *const *)c->theme_names;
}

void bw_host_edit(bw_view_host *host, int64_t letter)
{
    console_of(host)->wishes.edit = letter;
}

void bw_host_send(bw_view_host *host, const bw_command *command)
{
    bw_console *c = console_of(host);
    bw_error err = BW_ERROR_INIT;
    bw_command own = *command;
    own.who = c->options.who;
    if (c->options.send && c->options.send(c->options.user, &own, NULL, &err) != BW_OK)
        bw_toasts_error(c->toasts, &err);
}

void bw_host_confirm(bw_view_host *host, const bw_dialog_options *question,
                     const bw_command *command)
{
    bw_console *c = console_of(host);
    bw_dialog_options own = *question;
    own.environment = c->options.environment;
    own.environment_role = bw_role_environment(c->options.environment_colour);
    own.typed = question->typed || c->options.confirm_type;
    bw_dialog_free(c->dialog);
    bw_arena_reset(&c->dialog_arena, 0);
    c->dialog = bw_dialog_new(&own);
    c->dialog_command = *command;
}
