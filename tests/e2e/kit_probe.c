/*
 * A console in a nutshell: the toolkit on a real terminal, without engine and screens, for
 * test_terminal.py. Rows have hostile names; keys crash it in the ways that a program can end.
 *
 *     kit-probe [--ascii] [--plain] [--no-mouse] [--theme NAME] [--rows N]
 */
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/core/thread.h"
#include "views/kit/action.h"
#include "views/kit/layout.h"
#include "views/kit/prompt.h"
#include "views/kit/screen.h"
#include "views/kit/table.h"
#include "views/kit/toast.h"

enum { CRASH = BW_ACTION_FIRST_FREE, ABORT, EXIT_THREE, CRASH_THREAD, CRASH_DEEP };

static const bw_action own[] = {
    {CRASH, "crash", NULL, "dereference nothing", NULL, "X", 0, BW_SCREENS_ALL},
    {CRASH_THREAD, "crash-thread", NULL, "the same in another thread", NULL, "T", 0,
     BW_SCREENS_ALL},
    {CRASH_DEEP, "crash-deep", NULL, "use up the stack of a thread of ours", NULL, "O", 0,
     BW_SCREENS_ALL},
    {ABORT, "abort", NULL, "call abort()", NULL, "A", 0, BW_SCREENS_ALL},
    {EXIT_THREE, "exit", NULL, "call exit(3) without closing the terminal", NULL, "E", 0,
     BW_SCREENS_ALL},
};

static const char *const names[] = {
    "shop.orders",           "世界.таблица",
    "e\u0301te\u0301",       "👩‍👩‍👧 family",
    "esc \x1b[2J\x1b[1;1H",  "break\r\n\tbreak",
    "\xe2\x80\xae override", "bell \x07\x7f",
    "c1 \302\23331m",        "bad \xff\xfe",
    "❤️ heart",
};

static const bw_column columns[] = {
    {.id = "name", .title = "NAME", .min = 20, .unit = BW_UNIT_TEXT},
    {.id = "number", .title = "NUMBER", .min = 8, .width = 8, .align = BW_ALIGN_RIGHT},
    {.id = "mark", .title = "END", .min = 4, .width = 4, .unit = BW_UNIT_TEXT},
};

typedef struct probe {
    bw_term *term;
    bw_canvas *canvas;
    bw_theme theme;
    bw_table *table;
    bw_toasts *toasts;
    bw_prompt *prompt;
    bw_action_set *actions;
    bw_footer footer;
    char (*ids)[32];
    size_t rows;
    char last[80];
    bool mouse, quit;
} probe;

static const char *row_id(void *user, size_t row)
{
    return ((probe *)user)->ids[row];
}

static void row_cell(void *user, size_t row, size_t column, bw_table_cell *cell)
{
    (void)user;
    if (column == 0) {
        cell->text = bw_slice_cstr(names[row % BW_COUNT(names)]);
        cell->style = row % 2 ? BW_ROLE_OK : BW_ROLE_WARN;
    } else if (column == 1) {
        cell->number = (double)row;
        bw_table_cell_printf(cell, "%zu", row);
    } else {
        cell->text = BW_SLICE_LIT("|END");
    }
}

static void draw(probe *p)
{
    int rows, cols;
    bw_term_size(p->term, &rows, &cols);
    if (rows != p->canvas->rows || cols != p->canvas->cols)
        bw_canvas_resize(p->canvas, rows, cols);
    bw_canvas_clear(p->canvas);
    bw_region r = bw_canvas_region(p->canvas);
    if (bw_layout_fits(r)) {
        bw_action_context context = {.has_row = true};
        bw_table_draw_title(p->table, r, 0, "Probe");
        bw_table_draw(p->table, bw_region_sub(r, 1, 0, r.rows - 4, -1), true);
        bw_region_putf(r, r.rows - 3, 1, BW_ROLE_MUTED, "%dx%d last %s", cols, rows, p->last);
        bw_toasts_draw(p->toasts, bw_region_sub(r, r.rows - 2, 0, 1, -1));
        bw_footer_draw(&p->footer, r, r.rows - 1, p->actions, &context);
        if (p->prompt)
            bw_prompt_draw(p->prompt, bw_region_sub(r, r.rows - 1, 0, 1, -1));
    }
    bw_screen_paint(p->term, p->canvas, &p->theme);
}

static void *crash(void *unused)
{
    (void)unused;
    raise(SIGSEGV);
    return NULL;
}

static int descend(volatile char *above, int depth)
{
    volatile char frame[4096];
    frame[0] = (char)(above[0] + 1);
    return depth > 0 ? descend(frame, depth - 1) + frame[0] : frame[0];
}

/* Where nothing is left of the stack, only another one lets the handler run. */
static void *overflow(void *out)
{
    volatile char frame[1] = {0};
    *(volatile int *)out = descend(frame, 1 << 30);
    return NULL;
}

static bw_reaction copy(probe *p)
{
    bw_error err = BW_ERROR_INIT;
    if (bw_term_copy(p->term, bw_slice_cstr(bw_table_selected(p->table)), &err) == BW_OK)
        bw_toasts_add(p->toasts, BW_TOAST_INFO, "sent %s", bw_table_selected(p->table));
    return BW_REACT_REDRAW;
}

static bw_reaction act(probe *p, int action)
{
    pthread_t thread;
    int depth;
    switch (action) {
    case BW_ACTION_QUIT:
        p->quit = true;
        return BW_REACT_HANDLED;
    case BW_ACTION_PALETTE:
        p->prompt = bw_prompt_new(&(bw_prompt_options){.label = ":"});
        return BW_REACT_REDRAW;
    case BW_ACTION_MOUSE:
        p->mouse = !p->mouse;
        bw_term_set_mouse(p->term, p->mouse);
        return BW_REACT_HANDLED;
    case BW_ACTION_REDRAW:
        bw_term_refresh(p->term);
        return BW_REACT_REDRAW;
    case BW_ACTION_COPY_CELL:
        return copy(p);
    case CRASH:
        raise(SIGSEGV);
        break;
    case CRASH_THREAD:
        pthread_create(&thread, NULL, crash, NULL);
        pthread_join(thread, NULL);
        break;
    case CRASH_DEEP:
        bw_thread_start(&thread, "deep", overflow, &depth);
        pthread_join(thread, NULL);
        break;
    case ABORT:
        abort();
    case EXIT_THREE:
        exit(3);
    default:
        break;
    }
    return bw_table_act(p->table, action);
}

static bw_reaction typed(probe *p, const bw_input *e)
{
    bw_reaction reaction = bw_prompt_event(p->prompt, e);
    if (reaction & (BW_REACT_ACCEPT | BW_REACT_CANCEL)) {
        snprintf(p->last, sizeof(p->last), "%s %.60s",
                 reaction & BW_REACT_ACCEPT ? "accepted" : "cancelled", bw_prompt_text(p->prompt));
        bw_prompt_free(p->prompt);
        p->prompt = NULL;
    }
    return reaction;
}

static bw_reaction handle(probe *p, const bw_input *e)
{
    if (p->prompt)
        return typed(p, e);
    if (e->type == BW_EVENT_PASTE) {
        bw_toasts_add(p->toasts, BW_TOAST_WARN, "pasted text was dropped");
        return BW_REACT_REDRAW;
    }
    if (e->type != BW_EVENT_KEY) {
        snprintf(p->last, sizeof(p->last), "mouse %d,%d", e->row, e->col);
        int action = bw_footer_click(&p->footer, e);
        return (action ? act(p, action) : bw_table_mouse(p->table, e)) | BW_REACT_REDRAW;
    }
    snprintf(p->last, sizeof(p->last), "key %s", e->key);
    const bw_action *action = bw_action_for_key(p->actions, 0, e->key);
    return (action ? act(p, action->id) : BW_REACT_NONE) | BW_REACT_REDRAW;
}

/* True when the frame has to be drawn again; *end is the signal that ends the program. */
static bool take_signals(probe *p, int *end)
{
    bool redraw = false;
    for (int signal; (signal = bw_term_take_signal(p->term)) != 0;) {
        if (signal == SIGWINCH)
            redraw |= bw_term_resize(p->term);
        else if (signal == SIGTSTP)
            bw_term_suspend(p->term);
        else if (signal == SIGCONT)
            bw_term_refresh(p->term);
        else
            *end = signal;
        redraw |= signal == SIGTSTP || signal == SIGCONT;
    }
    return redraw;
}

static int loop(probe *p)
{
    int end = 0;
    draw(p);
    while (!p->quit && !end && !bw_term_gone(p->term)) {
        struct pollfd fds[] = {{.fd = bw_term_input_fd(p->term), .events = POLLIN},
                               {.fd = bw_term_signal_fd(p->term), .events = POLLIN}};
        int64_t deadline = bw_toasts_deadline(p->toasts), other = bw_table_deadline(p->table);
        if (other < deadline)
            deadline = other;
        poll(fds, 2, bw_poll_ms(bw_clock_system(), deadline, -1));
        bool redraw = take_signals(p, &end) || bw_table_tick(p->table) != BW_REACT_NONE;
        redraw |= deadline != BW_FOREVER && bw_mono_us(bw_clock_system()) >= deadline;
        bw_input e;
        while (!p->quit && bw_term_read(p->term, &e))
            redraw |= (handle(p, &e) & BW_REACT_REDRAW) != 0;
        if (redraw && !p->quit)
            draw(p);
    }
    return end;
}

static void set_up(probe *p, bool ascii, bool plain)
{
    bw_error err = BW_ERROR_INIT;
    p->table = bw_table_new(columns, BW_COUNT(columns), bw_clock_system());
    p->toasts = bw_toasts_new(bw_clock_system(), false);
    p->actions = bw_action_set_new();
    p->ids = bw_xcalloc(p->rows + 1, sizeof(*p->ids));
    for (size_t i = 0; i < p->rows; i++)
        snprintf(p->ids[i], sizeof(p->ids[i]), "row-%zu", i);
    bw_table_set_rows(p->table, &(bw_table_rows){p->rows, row_id, row_cell, NULL, p, false});
    if (bw_action_set_add(p->actions, own, BW_COUNT(own), BW_SCREENS_ALL, &err) != BW_OK ||
        bw_action_set_add(p->actions, bw_actions_generic, bw_actions_generic_count, BW_SCREENS_ALL,
                          &err) != BW_OK ||
        bw_action_set_add(p->actions, bw_actions_table, bw_actions_table_count, BW_SCREENS_ALL,
                          &err) != BW_OK) {
        fprintf(stderr, "kit-probe: %s\n", err.message);
        exit(1);
    }
    p->canvas = bw_canvas_new(0, 0, bw_glyphs_pick(bw_locale_is_utf8(), ascii, plain));
}

static void tear_down(probe *p)
{
    bw_prompt_free(p->prompt);
    bw_table_free(p->table);
    bw_toasts_free(p->toasts);
    bw_action_set_free(p->actions);
    bw_canvas_free(p->canvas);
    free(p->ids);
}

int main(int argc, char **argv)
{
    static const char *const dirs[] = {BW_SOURCE_DIR "/themes", NULL};
    bool ascii = false, plain = false;
    bw_error err = BW_ERROR_INIT;
    probe p = {.theme = *bw_theme_builtin(), .rows = 50, .mouse = true};
    setlocale(LC_CTYPE, "");
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        ascii |= strcmp(argv[i], "--ascii") == 0;
        plain |= strcmp(argv[i], "--plain") == 0;
        if (strcmp(argv[i], "--no-mouse") == 0)
            p.mouse = false;
        if (strcmp(argv[i], "--rows") == 0)
            p.rows = strtoul(value, NULL, 10);
        if (strcmp(argv[i], "--theme") == 0 &&
            bw_theme_load(&p.theme, value, dirs, &err) != BW_OK) {
            fprintf(stderr, "kit-probe: %s\n", err.message);
            return 2;
        }
    }
    set_up(&p, ascii, plain);
    bw_term_options options = {p.mouse, bw_no_color(), bw_clock_system(), NULL};
    if (bw_term_open(&p.term, &options, &err) != BW_OK) {
        fprintf(stderr, "kit-probe: %s\n%s\n", err.message, err.hint);
        tear_down(&p);
        return 2;
    }
    int end = loop(&p);
    bw_term_close(p.term);
    tear_down(&p);
    if (end) {
        printf("ended by signal %d\n", end);
        return 3;
    }
    puts("quit");
    return 0;
}
