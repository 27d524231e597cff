/* What the files of the console share: console.c (stack, events), console_frame.c (drawing),
   console_commands.c (generic actions and the command line). Threads: UI. */
#ifndef BW_VIEWS_CONSOLE_INTERNAL_H
#define BW_VIEWS_CONSOLE_INTERNAL_H

#include "views/console.h"
#include "views/host.h"
#include "views/kit/chooser.h"
#include "views/kit/layout.h"
#include "views/kit/palette.h"

#define BW_STACK 16

/* The console's own actions: screens by name. */
enum {
    BW_ACTION_SYNCS = BW_ACTION_FIRST_FREE,
    BW_ACTION_SYNC,
    BW_ACTION_RUNS,
    BW_ACTION_DLQ,
    BW_ACTION_SOURCES,
    BW_ACTION_AUDIT,
    BW_ACTION_LOG,
    BW_ACTION_THEMES,
    /* Those of the screens follow. */
    BW_ACTION_VIEWS = BW_ACTION_FIRST_FREE + 50,
};

typedef enum bw_prompt_kind {
    BW_PROMPT_COMMAND,
    BW_PROMPT_FILTER,
    BW_PROMPT_SEARCH
} bw_prompt_kind;

struct bw_view_host {
    bw_console *console; /* a host is its console */
};

struct bw_console {
    bw_view_host host;
    bw_console_options options;
    bw_action_set *actions;
    bw_view *stack[BW_STACK];
    /* What each view shows, or NULL. A view that is covered keeps its page, so that BACK finds
       everything as it was left. */
    const bw_page *pages[BW_STACK];
    size_t depth;
    const bw_snapshot *snapshot; /* the newest */
    const bw_snapshot *held;     /* while frozen */
    bw_page_query asked;
    bool has_asked;
    int64_t asked_mono_us;
    int64_t ask_again_us; /* monotonic */
    bw_toasts *toasts;
    bw_prompt *prompt;
    bw_prompt_kind prompt_kind;
    /* How each screen's list was arranged by the operator, or NULL; and how those on the stack are. */
    char *layouts[BW_SCREEN_COUNT], *arranged[BW_STACK];
    char *columns[BW_SCREEN_COUNT]; /* the configuration's, or NULL */
    bw_history command_history, filter_history;
    bw_palette palette;
    bw_chooser *chooser; /* of the topmost table's columns, or NULL */
    bw_dialog *dialog;
    bw_command dialog_command;
    bw_arena dialog_arena;
    char *filter_before; /* what Esc brings back */
    bw_footer footer;
    int64_t message_ends; /* when the messages that were drawn change by themselves, monotonic */
    int64_t age_drawn_s;  /* the header says that the data is so old; 0: it is not */
    bw_console_wishes wishes;
    char wish_theme[64], theme[64];
    bw_buf copied;
    char **theme_names;
    size_t n_theme_names;
    int rows, cols;
    bool fits; /* the terminal is large enough to show anything */
};

static inline bw_view *bw_console_top(const bw_console *c)
{
    return c->stack[c->depth - 1];
}

/* console_frame.c: when the header has to say that the data is older, monotonic; BW_FOREVER. */
int64_t bw_console_next_age(const bw_console *c);

/* console.c */
bw_action_context bw_console_context(bw_console *c);
bw_action_context bw_view_context(const bw_console *c, bw_view *view);
void bw_console_update(bw_console *c);
/* Asks for the page that the topmost view needs, unless it has been asked for. */
void bw_console_ask(bw_console *c);
bool bw_console_back(bw_console *c);

/* console_layout.c */
void bw_console_read_layout(bw_console *c, const char *text);
/* Takes the configuration's columns; NOT_FOUND for a screen or a column that there is not. */
BW_NODISCARD bw_status bw_console_read_columns(bw_console *c, bw_error *err);
void bw_console_free_layout(bw_console *c);
/* A view was put on top: its list is arranged as the operator had it. */
void bw_console_arrange(bw_console *c);
/* Remembers what the operator may just have changed. */
void bw_console_note_arrangement(bw_console *c);

/* console_commands.c */
bw_status bw_console_add_actions(bw_console *c, bw_error *err);
bw_reaction bw_console_act(bw_console *c, const bw_action *action, const char *argument);
void bw_console_open_prompt(bw_console *c, bw_prompt_kind kind, const char *label,
                            const char *text);
bw_reaction bw_console_prompt_event(bw_console *c, const bw_input *event);
bw_reaction bw_console_dialog_event(bw_console *c, const bw_input *event);

#endif
