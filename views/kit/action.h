/*
 * One table of actions. Key map, footer hints, `?` help, the `:` palette, the man page and read-only
 * gating all come from it, so they cannot tell different stories. The kit brings the generic
 * actions; screens add theirs as further const arrays with ids from BW_ACTION_FIRST_FREE on.
 *
 * No action that changes anything has a default key that is a ctrl-letter or a plain key of the home
 * row: bw_action_set_add() refuses such a table. Threads: UI.
 */
#ifndef BW_VIEWS_KIT_ACTION_H
#define BW_VIEWS_KIT_ACTION_H

#include "backend/core/error.h"
#include "backend/core/buf.h"
#include "views/kit/reaction.h"

/* The generic actions. */
enum {
    BW_ACTION_NONE,
    BW_ACTION_QUIT,
    BW_ACTION_HELP,
    BW_ACTION_PALETTE,
    BW_ACTION_FILTER,
    BW_ACTION_SORT_NEXT,
    BW_ACTION_SORT_PREVIOUS,
    BW_ACTION_SORT_INVERT,
    BW_ACTION_SORT,
    BW_ACTION_MARK,
    BW_ACTION_MARK_RANGE,
    BW_ACTION_MARK_INVERT,
    BW_ACTION_MARK_CLEAR,
    BW_ACTION_UP,
    BW_ACTION_DOWN,
    BW_ACTION_LEFT,
    BW_ACTION_RIGHT,
    BW_ACTION_PAGE_UP,
    BW_ACTION_PAGE_DOWN,
    BW_ACTION_HOME,
    BW_ACTION_END,
    BW_ACTION_ENTER,
    BW_ACTION_BACK,
    BW_ACTION_FASTER,
    BW_ACTION_SLOWER,
    BW_ACTION_REFRESH,
    BW_ACTION_FREEZE,
    BW_ACTION_THEME,
    BW_ACTION_COPY_CELL,
    BW_ACTION_COPY_ROW,
    BW_ACTION_EXPORT,
    BW_ACTION_MESSAGES,
    BW_ACTION_DISMISS,
    BW_ACTION_MOUSE,
    BW_ACTION_REDRAW,
    BW_ACTION_SUSPEND,
    BW_ACTION_COLUMNS,
    BW_ACTION_SEARCH,
    BW_ACTION_SEARCH_NEXT,
    BW_ACTION_SEARCH_PREVIOUS,
    BW_ACTION_FOLLOW,
    BW_ACTION_WRAP,
    BW_ACTION_FIRST_FREE = 100
};

enum {
    BW_ACT_ROW = 1u << 0,       /* needs a selected or marked row */
    BW_ACT_BULK = 1u << 1,      /* acts on all marked rows when there are any */
    BW_ACT_MUTATES = 1u << 2,   /* changes something outside the screen: refused when read-only */
    BW_ACT_DANGEROUS = 1u << 3, /* destroys: its dialog is drawn as danger */
    BW_ACT_HINT = 1u << 4,      /* belongs into the footer */
    BW_ACT_SCREEN = 1u << 5,    /* goes to a screen: listed as such in help */
    BW_ACT_HIDDEN = 1u << 6,    /* by key only; neither palette nor help */
    BW_ACT_FITTING = 1u << 7,   /* the footer leaves it out where the screen refuses it */
};

#define BW_SCREENS_ALL    UINT32_MAX
#define BW_SCREEN(number) (UINT32_C(1) << (number))

typedef struct bw_action {
    int id;
    const char *name;     /* the palette's word: "resync-full" */
    const char *label;    /* in the footer and on buttons: "full resync"; NULL: the name */
    const char *help;     /* what it does, one clause, lowercase, no full stop */
    const char *argument; /* how the palette's argument is written: "COLUMN [desc]"; NULL: none */
    const char *keys;     /* default keys, blank-separated names (keys.h); NULL or "" for none */
    unsigned flags;
    uint32_t screens; /* where it exists: BW_SCREENS_ALL or BW_SCREEN bits */
} bw_action;

/* The kit's own tables: for every screen, for those that show a table (table.h), for those that show
   text (text_view.h), and for text that lines are added to. Add all but the first with the bits of
   their screens. */
extern const bw_action bw_actions_generic[];
extern const size_t bw_actions_generic_count;
extern const bw_action bw_actions_table[];
extern const size_t bw_actions_table_count;
extern const bw_action bw_actions_text[];
extern const size_t bw_actions_text_count;
extern const bw_action bw_actions_follow[];
extern const size_t bw_actions_follow_count;

typedef struct bw_action_set bw_action_set;
bw_action_set *bw_action_set_new(void);
void bw_action_set_free(bw_action_set *set);
/*
 * Adds a table (borrowed, must outlive the set); `screens` restricts it further (BW_SCREENS_ALL for
 * no restriction). BW_INTERNAL: a bug in the table (an id or a name twice, a bad key name, a
 * mutation on a forbidden key).
 */
BW_NODISCARD bw_status bw_action_set_add(bw_action_set *set, const bw_action *actions, size_t count,
                                         uint32_t screens, bw_error *err);
/*
 * From the configuration (ui.keys): the action's keys are these and no others; a count of 0 unbinds
 * it. A key taken from another action that has it by default is no longer that action's. BW_INVALID:
 * unknown action (hint: the nearest), bad key name. BW_CONFLICT: another configured action has the
 * key on one of the same screens.
 */
BW_NODISCARD bw_status bw_action_set_bind(bw_action_set *set, const char *action,
                                          const char *const *keys, size_t count, bw_error *err);
/* What rebinding took away, one line per key, for the log and a toast at start; "" for nothing. */
const char *bw_action_set_conflicts(const bw_action_set *set);

size_t bw_action_set_count(const bw_action_set *set);
const bw_action *bw_action_at(const bw_action_set *set, size_t index);
/* Whether the action exists on a screen (its number, not its bit). */
bool bw_action_on(const bw_action_set *set, const bw_action *action, unsigned screen);
const bw_action *bw_action_by_id(const bw_action_set *set, int id);
const bw_action *bw_action_by_name(const bw_action_set *set, const char *name);
/* The action of a key on a screen, or NULL. */
const bw_action *bw_action_for_key(const bw_action_set *set, unsigned screen, const char *key);
/* The n-th key that the action has now, NULL after the last. */
const char *bw_action_key(const bw_action_set *set, const bw_action *action, size_t n);
const char *bw_action_label(const bw_action *action);

/* What decides whether an action can run just now. */
typedef struct bw_action_context {
    unsigned screen;
    bool read_only;
    bool has_row; /* a row is selected, or rows are marked */
    /* The screen's own reason against it ("paused already"), NULL when there is none. May be NULL. */
    const char *(*refuse)(void *user, const bw_action *action);
    void *user;
} bw_action_context;
/* Why the action cannot run now, in words; NULL when it can. Valid until the next call. */
const char *bw_action_refusal(const bw_action_set *set, const bw_action *action,
                              const bw_action_context *context);

/* Appends the man page's section in roff: each action with keys and help, below the names of the
   screens that it is on. `titles` has the name of each of the `n` screens. */
void bw_action_set_man(const bw_action_set *set, const char *const *titles, size_t n, bw_buf *out);

#endif
