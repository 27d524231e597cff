/*
 * The console without a terminal: a stack of screens, the header and footer around them, the command
 * line, dialogs and messages. The program feeds it snapshots, pages, news and events, and draws it
 * onto a canvas; tests do the same without a terminal and without an engine.
 * Threads: UI.
 */
#ifndef BW_VIEWS_CONSOLE_H
#define BW_VIEWS_CONSOLE_H

#include "views/view.h"

typedef struct bw_console_options {
    const bw_clock *clock;
    const char *environment;        /* label, or NULL */
    const char *environment_colour; /* or NULL */
    bool confirm_type;              /* dangerous actions are confirmed by typing */
    bool read_only;
    int64_t refresh_us;
    const char *theme;             /* in force */
    const char *const *theme_dirs; /* NULL-terminated */
    const char *layout;            /* of bw_console_layout(), from before; or NULL */
    const char *who;               /* the operator, for commands */
    bool local_time;               /* the header's clock; false: UTC (tests) */
    /* ui.keys: pairs of action and blank-separated keys. */
    const char *const (*keys)[2];
    size_t n_keys;
    /* ui.columns: pairs of screen and what differs from its beginning (bw_table_arrange). */
    const char *const (*columns)[2];
    size_t n_columns;
    /* The engine. */
    bw_status (*send)(void *user, const bw_command *command, uint64_t *id, bw_error *err);
    void (*ask)(void *user, const bw_page_query *query);
    void *user;
} bw_console_options;

/* INVALID or CONFLICT when the keys of the configuration contradict themselves, NOT_FOUND for a screen
   or column that there is not. */
BW_NODISCARD bw_status bw_console_new(const bw_console_options *options, bw_console **out,
                                      bw_error *err);
void bw_console_free(bw_console *c);
bw_action_set *bw_console_actions(bw_console *c);

/* A new snapshot; takes the reference over. HANDLED while the display is frozen. */
bw_reaction bw_console_snapshot(bw_console *c, const bw_snapshot *snapshot);
/* A page that was asked for; takes the reference over. */
bw_reaction bw_console_page(bw_console *c, const bw_page *page);
bw_reaction bw_console_news(bw_console *c, const bw_news *news);
/* How often the operator wants new numbers. */
int64_t bw_console_refresh_us(const bw_console *c);
/* A key, a click, a paste. */
bw_reaction bw_console_event(bw_console *c, const bw_input *event);
/* The whole frame. */
void bw_console_draw(bw_console *c, bw_canvas *canvas);
/* When something changes by itself, monotonic; BW_FOREVER for never. */
int64_t bw_console_deadline(const bw_console *c);
/* Lets time pass: messages end, held sorts go on, pages are asked for again. */
bw_reaction bw_console_tick(bw_console *c);
/* Opens a screen above the others. */
void bw_console_open(bw_console *c, bw_screen_id screen, const bw_view_at *at);

/* How the operator has arranged the lists (columns, sort), for the next start: one line per screen. */
void bw_console_layout(const bw_console *c, bw_buf *out);

/* What the program has to do for the console; taking them clears them. */
typedef struct bw_console_wishes {
    bool quit, suspend, redraw, mouse;
    bool layout;       /* bw_console_layout() says something new */
    const char *theme; /* NULL, or the name to load; bw_console_themed() says how it went */
    bw_slice copy;     /* ptr NULL: nothing */
    int64_t edit;      /* 0, or the dead letter whose content is to be edited */
} bw_console_wishes;
void bw_console_wishes_take(bw_console *c, bw_console_wishes *out);
void bw_console_themed(bw_console *c, const char *name, const bw_error *err);
void bw_console_toast(bw_console *c, int level, const char *fmt, ...) BW_PRINTF(3, 4);

#endif
