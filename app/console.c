/*
 * `console`: the event loop around the console of views/. It waits for the terminal, for signals and
 * for the engine at the same time, and for nothing else; the engine is started on a thread of its
 * own, so that the first frame and every key come before whatever the engine has to wait for.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/edit_text.h"
#include "app/layout_file.h"
#include "app/session.h"
#include "app/theme_dirs.h"
#include "backend/core/thread.h"
#include "backend/core/units.h"
#include "views/console.h"
#include "views/kit/screen.h"
#include "views/kit/term.h"
#include "views/kit/toast.h"

#define SLOT 0 /* the pages of the topmost screen */

typedef struct app {
    const bw_cli_context *ctx;
    bw_session session;
    const bw_clock *clock;
    bw_console *console;
    bw_term *term;
    bw_canvas *canvas;
    bw_theme theme;
    char *theme_dirs[BW_THEME_DIRS + 1];
    bool mouse;
    bool layout_unkept; /* said once that it cannot be written */
    /* The start of the engine: its thread writes the outcome, then `started`. */
    pthread_t starter;
    bool starting;
    int started;
    bw_status start_status;
    bw_error start_error;
    bw_engine *engine; /* NULL until it has started */
    int64_t shown_us;  /* when a snapshot was shown last, monotonic */
    bool unseen;       /* there is a newer one */
    int64_t page_us;   /* stamp of the page that was taken last */
    bool draw, leave;
    bw_exit code;
} app;

/* ---- themes ----------------------------------------------------------------------------- */

static bw_status use_theme(app *a, const char *name, bw_error *err)
{
    bw_theme theme;
    bw_status s = bw_theme_load(&theme, name, (const char *const *)a->theme_dirs, err);
    if (s == BW_OK)
        a->theme = theme;
    return s;
}

/* ---- what the console asks of the engine ------------------------------------------------ */

static bw_status send_command(void *user, const bw_command *command, uint64_t *id, bw_error *err)
{
    const app *a = user;
    if (!a->engine) {
        bw_error_set(err, BW_UNAVAILABLE, "the engine is still starting");
        return bw_error_hint(err, "Try again in a moment.");
    }
    return bw_engine_command(a->engine, command, id, err);
}

static void ask_page(void *user, const bw_page_query *query)
{
    const app *a = user;
    if (a->engine)
        bw_engine_ask(a->engine, SLOT, query);
}

/* A map of the configuration as pairs of texts, to be freed. */
static const char *(*read_pairs(const char *path, const bw_config_node *top, size_t *n))[2]
{
    const bw_config_pair *pairs;
    *n = bw_config_map(top, path, &pairs);
    const char *(*out)[2] = bw_xcalloc(*n + 1, sizeof(*out));
    for (size_t i = 0; i < *n; i++) {
        out[i][0] = pairs[i].name;
        out[i][1] = pairs[i].value;
    }
    return out;
}

static bw_status make_console(app *a, bw_error *err)
{
    const bw_config_node *top = bw_config_top(a->ctx->config);
    const char *confirm = bw_config_string(top, "environment.confirm");
    size_t n_keys, n_columns;
    const char *(*keys)[2] = read_pairs("ui.keys", top, &n_keys);
    const char *(*columns)[2] = read_pairs("ui.columns", top, &n_columns);
    bw_buf layout = BW_BUF_INIT;
    bw_layout_read(a->session.state_dir, &layout);
    bw_console_options o = {
        .clock = a->clock,
        .environment = bw_config_string(top, "environment.label"),
        .environment_colour = bw_config_string(top, "environment.colour"),
        .confirm_type = confirm && strcmp(confirm, "type") == 0,
        .read_only = a->ctx->read_only,
        .refresh_us = bw_config_duration(top, "ui.refresh"),
        .theme = bw_config_string(top, "ui.theme"),
        .theme_dirs = (const char *const *)a->theme_dirs,
        .layout = bw_buf_cstr(&layout),
        .who = a->session.who,
        .local_time = true,
        .keys = (const char *const(*)[2])keys,
        .n_keys = n_keys,
        .columns = (const char *const(*)[2])columns,
        .n_columns = n_columns,
        .send = send_command,
        .ask = ask_page,
        .user = a,
    };
    bw_status s = bw_console_new(&o, &a->console, err);
    free(keys);
    free(columns);
    bw_buf_fini(&layout);
    if (s == BW_OK && use_theme(a, o.theme, err) != BW_OK) {
        bw_console_themed(a->console, o.theme, err); /* says so; the built-in one will do */
        *err = (bw_error)BW_ERROR_INIT;
    }
    return s;
}

/* ---- the engine's start ----------------------------------------------------------------- */

static void *start_engine(void *arg)
{
    app *a = arg;
    const bw_session_engine options = {.once = false};
    a->start_status = bw_session_start(&a->session, &options, &a->start_error);
    eventfd_write(a->started, 1);
    return NULL;
}

static void begin_start(app *a)
{
    a->started = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    a->starting = true;
    bw_thread_start(&a->starter, "start", start_engine, a);
}

static void finish_start(app *a)
{
    pthread_join(a->starter, NULL);
    a->starting = false;
    close(a->started);
    a->started = -1;
    if (a->start_status == BW_OK)
        a->engine = a->session.engine;
    else
        a->leave = true;
    a->unseen = a->engine != NULL;
}

/* ---- events ----------------------------------------------------------------------------- */

static void react(app *a, bw_reaction r)
{
    a->draw |= (r & BW_REACT_REDRAW) != 0;
}

static void suspend(app *a)
{
    int64_t before = bw_wall_us(a->clock);
    char text[BW_TIME_TEXT];
    bw_term_suspend(a->term);
    bw_console_toast(a->console, BW_TOAST_WARN, "the engine stood still for %s and goes on now",
                     bw_format_duration(bw_wall_us(a->clock) - before, text));
    a->draw = true;
}

static void take_signals(app *a)
{
    int number;
    while ((number = bw_term_take_signal(a->term)) != 0) {
        switch (number) {
        case SIGWINCH:
            bw_term_resize(a->term);
            a->draw = true;
            break;
        case SIGTSTP:
            suspend(a);
            break;
        case SIGCONT:
            bw_term_refresh(a->term);
            a->draw = true;
            break;
        default: /* INT and QUIT come from the keyboard, TERM and HUP from whoever ends us */
            a->leave = true;
            a->code = number == SIGINT || number == SIGQUIT ? BW_EXIT_INTERRUPTED : BW_EXIT_OK;
        }
    }
}

static void take_input(app *a)
{
    bw_input event;
    while (!a->leave && bw_term_read(a->term, &event))
        react(a, bw_console_event(a->console, &event));
    if (bw_term_gone(a->term))
        a->leave = true;
}

/* No more often than the operator wants, unless something was said. */
static void take_snapshot(app *a, bool at_once)
{
    int64_t now = bw_mono_us(a->clock);
    if (!a->unseen ||
        (!at_once && now < a->shown_us + bw_console_refresh_us(a->console) && a->shown_us))
        return;
    a->unseen = false;
    a->shown_us = now;
    react(a, bw_console_snapshot(a->console, bw_engine_snapshot(a->engine)));
}

static void take_page(app *a)
{
    const bw_page *page = bw_engine_page(a->engine, SLOT);
    if (!page || page->read_mono_us == a->page_us) {
        bw_page_unref(page);
        return;
    }
    a->page_us = page->read_mono_us;
    react(a, bw_console_page(a->console, page));
}

static void take_from_engine(app *a)
{
    bw_news news;
    bool said = false;
    bw_engine_wake_drain(a->engine);
    while (bw_engine_news(a->engine, &news)) {
        react(a, bw_console_news(a->console, &news));
        said = true;
    }
    a->unseen = true;
    take_snapshot(a, said);
    take_page(a);
}

static void grant_theme(app *a, const char *name)
{
    bw_error err = BW_ERROR_INIT;
    bool ok = use_theme(a, name, &err) == BW_OK;
    bw_console_themed(a->console, name, ok ? NULL : &err);
    a->draw = true;
}

static void grant_copy(app *a, bw_slice text)
{
    bw_error err = BW_ERROR_INIT;
    if (bw_term_copy(a->term, text, &err) == BW_OK)
        bw_console_toast(a->console, BW_TOAST_INFO, "sent to the terminal's clipboard: %zu bytes",
                         text.len);
    else
        bw_console_toast(a->console, BW_TOAST_WARN, "%s  HINT: %s", err.message, err.hint);
    a->draw = true;
}

/* The editor has the terminal; the engine goes on meanwhile. */
static bw_status edit_letter(app *a, int64_t id, bool *changed, bw_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_dead_letter *letters;
    bw_slice content = {NULL, 0};
    size_t n;
    bw_letter_filter filter = {.ids = &id, .n_ids = 1};
    *changed = false;
    bw_status s = bw_store_letters(a->session.store, &filter, &arena, &letters, &n, err);
    if (s == BW_OK && n != 1)
        s = bw_error_set(err, BW_NOT_FOUND, "this dead letter is not open any more");
    if (s == BW_OK) {
        bw_term_lend(a->term);
        s = bw_edit_text(letters[0].content, &arena, &content, changed, err);
        bw_term_take_back(a->term);
    }
    if (s == BW_OK && *changed) {
        bw_command c = {.kind = BW_COMMAND_EDIT,
                        .who = a->session.who,
                        .letters = &id,
                        .n_letters = 1,
                        .content = content,
                        .since_us = BW_TIME_NONE};
        s = send_command(a, &c, NULL, err);
    }
    bw_arena_fini(&arena);
    return s;
}

static void grant_edit(app *a, int64_t id)
{
    bw_error err = BW_ERROR_INIT;
    bool changed;
    if (!a->engine)
        return;
    if (edit_letter(a, id, &changed, &err) != BW_OK)
        bw_console_toast(a->console, BW_TOAST_ERROR, "%s", err.message);
    else if (!changed)
        bw_console_toast(a->console, BW_TOAST_INFO, "unchanged: nothing was done");
    a->draw = true;
}

/* A small file that is replaced: no more than a key press may cost. */
static void keep_layout(app *a)
{
    bw_buf layout = BW_BUF_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_console_layout(a->console, &layout);
    if (bw_layout_write(a->session.state_dir, bw_buf_slice(&layout), &err) != BW_OK &&
        !a->layout_unkept) {
        a->layout_unkept = true;
        bw_console_toast(a->console, BW_TOAST_WARN, "%s", err.message);
        a->draw = true;
    } else if (err.status == BW_OK) {
        a->layout_unkept = false;
    }
    bw_buf_fini(&layout);
}

static void grant_wishes(app *a)
{
    bw_console_wishes w;
    bw_console_wishes_take(a->console, &w);
    if (w.theme)
        grant_theme(a, w.theme);
    if (w.copy.ptr)
        grant_copy(a, w.copy);
    if (w.mouse) {
        a->mouse = !a->mouse;
        bw_term_set_mouse(a->term, a->mouse);
        bw_console_toast(a->console, BW_TOAST_INFO,
                         a->mouse ? "the mouse is the console's" : "the mouse is the terminal's");
        a->draw = true;
    }
    if (w.redraw) {
        bw_term_refresh(a->term);
        a->draw = true;
    }
    if (w.layout)
        keep_layout(a);
    if (w.edit)
        grant_edit(a, w.edit);
    if (w.suspend)
        suspend(a);
    a->leave |= w.quit;
}

/* ---- the loop --------------------------------------------------------------------------- */

static void paint(app *a)
{
    int rows, cols;
    a->draw = false;
    bw_term_size(a->term, &rows, &cols);
    if (rows != a->canvas->rows || cols != a->canvas->cols)
        bw_canvas_resize(a->canvas, rows, cols);
    bw_console_draw(a->console, a->canvas);
    bw_screen_paint(a->term, a->canvas, &a->theme);
}

static int64_t next_deadline(const app *a)
{
    int64_t at = bw_console_deadline(a->console);
    int64_t show = a->shown_us + bw_console_refresh_us(a->console);
    return a->unseen && show < at ? show : at;
}

static void loop(app *a)
{
    while (!a->leave) {
        if (a->draw)
            paint(a);
        struct pollfd fds[] = {
            {.fd = bw_term_input_fd(a->term), .events = POLLIN},
            {.fd = bw_term_signal_fd(a->term), .events = POLLIN},
            {.fd = a->engine ? bw_engine_wake_fd(a->engine) : a->started, .events = POLLIN},
        };
        if (poll(fds, BW_COUNT(fds), bw_poll_ms(a->clock, next_deadline(a), -1)) < 0 &&
            errno != EINTR)
            break;
        take_signals(a);
        if (fds[0].revents)
            take_input(a);
        if (fds[2].revents && !a->engine)
            finish_start(a);
        else if (fds[2].revents)
            take_from_engine(a);
        if (a->engine)
            take_snapshot(a, false);
        react(a, bw_console_tick(a->console));
        grant_wishes(a);
    }
}

static bw_status open_screen(app *a, bw_error *err)
{
    const bw_config_node *top = bw_config_top(a->ctx->config);
    int rows, cols;
    a->mouse = bw_config_bool(top, "ui.mouse");
    const bw_term_options o = {
        .mouse = a->mouse,
        .no_color = bw_no_color(),
        .clock = a->clock,
        .stop_notice = "bridgewatch is stopped, its engine too: `fg` lets both go on\r\n",
    };
    bw_status s = bw_term_open(&a->term, &o, err);
    if (s != BW_OK)
        return s;
    bw_term_size(a->term, &rows, &cols);
    a->canvas = bw_canvas_new(rows, cols,
                              bw_glyphs_pick(bw_locale_is_utf8(), bw_config_bool(top, "ui.ascii"),
                                             bw_config_bool(top, "ui.plain")));
    a->draw = true;
    return BW_OK;
}

/* ---- begin and end ---------------------------------------------------------------------- */

/* Said before the screen is taken; the lock itself decides later. */
static bw_status check_alone(const app *a, bw_error *err)
{
    char holder[128];
    if (!bw_store_engine_runs(a->session.state_dir, holder))
        return BW_OK;
    bw_error_set(err, BW_CONFLICT, "another engine works on %s: %s", a->session.state_dir, holder);
    return bw_error_hint(err, "`bridgewatch status` shows what it does; stop it to use the console "
                              "here, or choose another state_dir.");
}

/* Waits for a start that is under way, so that it can be undone; false: it takes too long. */
static bool end_start(app *a, int64_t timeout_us)
{
    int64_t deadline = bw_mono_us(a->clock) + timeout_us;
    struct pollfd fd = {.fd = a->started, .events = POLLIN};
    while (a->starting) {
        if (poll(&fd, 1, bw_poll_ms(a->clock, deadline, 1000)) > 0)
            finish_start(a);
        else if (bw_mono_us(a->clock) >= deadline)
            return false;
    }
    return true;
}

static bw_exit end(app *a)
{
    const bw_config_node *top = bw_config_top(a->ctx->config);
    int64_t timeout = bw_config_duration(top, "engine.shutdown_timeout");
    /* The terminal first: whatever follows may take its time, and Ctrl-C ends it at once. */
    bw_term_close(a->term);
    const bw_snapshot *last = a->engine ? bw_engine_snapshot(a->engine) : NULL;
    if (last && last->running > 0)
        fprintf(a->ctx->err, "bridgewatch: stopping %d run%s, to be resumed at the next start\n",
                last->running, last->running == 1 ? "" : "s");
    bw_snapshot_unref(last);
    if (a->layout_unkept) /* there may be room on the disk again */
        keep_layout(a);
    bool ended = end_start(a, timeout);
    if (ended && a->start_status != BW_OK)
        a->code = bw_session_failed(a->ctx, &a->start_error);
    bw_console_free(a->console);
    bw_canvas_free(a->canvas);
    bw_theme_dirs_free(a->theme_dirs);
    if (!ended || !bw_session_close(&a->session)) {
        fflush(a->ctx->out);
        _exit((int)a->code); /* the commit protocol makes that safe; memory is still in use */
    }
    return a->code;
}

static bw_exit refuse(app *a, const bw_error *err)
{
    bw_exit code = err->status == BW_UNSUPPORTED ? bw_cli_fail(a->ctx->err, err, BW_EXIT_USAGE)
                                                 : bw_session_failed(a->ctx, err);
    bw_console_free(a->console);
    bw_theme_dirs_free(a->theme_dirs);
    (void)bw_session_close(&a->session);
    return code;
}

static bw_exit run(const bw_cli_context *ctx)
{
    app a = {.ctx = ctx, .clock = bw_clock_system(), .theme = *bw_theme_builtin(), .started = -1};
    bw_error err = BW_ERROR_INIT;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        bw_error_set(&err, BW_UNSUPPORTED, "the console needs a terminal");
        bw_error_hint(&err, "`bridgewatch run` runs the engine without one, `bridgewatch status` "
                            "prints the state as text.");
        return bw_cli_fail(ctx->err, &err, BW_EXIT_USAGE);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its size limit is an error, not an end */
    bw_theme_dirs_find(a.theme_dirs);
    bw_status s = bw_session_open(&a.session, ctx, true, &err);
    if (s == BW_OK)
        s = check_alone(&a, &err);
    if (s == BW_OK)
        s = make_console(&a, &err);
    if (s == BW_OK)
        s = open_screen(&a, &err);
    if (s != BW_OK)
        return refuse(&a, &err);
    paint(&a);
    begin_start(&a);
    loop(&a);
    return end(&a);
}

const bw_cli_command bw_command_console = {
    .name = "console",
    .args = "",
    .help = "watch and work on the syncs in the terminal; what no command means",
    .details =
        "Runs the engine and shows it: what is fresh, what is late and why, dead letters, runs, "
        "sources, the log. ? lists the keys of a screen, : takes commands.\n"
        "Leaving cancels runs; they resume at the next start. Ctrl-Z stops the engine too.",
    .needs = BW_NEEDS_CONFIG,
    .run = run,
};
