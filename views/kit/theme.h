/*
 * Colours by meaning. Widgets name a role, a theme says how it looks, and the depth of the terminal
 * says how much of that can be shown. Themes are data:
 *
 *     # comment
 *     name = dark
 *     ok       = #7ec07e
 *     error    = brightred bold
 *     selected = on 236
 *
 * One `role = [COLOUR] [on COLOUR] [bold] [dim] [underline] [reverse] [italic]` per line. COLOUR is
 * #rrggbb, an index 0 to 255, a name (black red green yellow blue magenta cyan white, bright...) or
 * `default`. Roles that a file leaves out look as `text` does, except that a file can start from
 * another with `inherit = dark`. Threads: any, one at a time; a theme does not change once read.
 */
#ifndef BW_VIEWS_KIT_THEME_H
#define BW_VIEWS_KIT_THEME_H

#include "backend/core/error.h"
#include "backend/core/buf.h"

typedef enum bw_role {
    BW_ROLE_TEXT,   /* everything without a meaning of its own */
    BW_ROLE_TITLE,  /* the name of the screen, of a section */
    BW_ROLE_HEADER, /* the console's top line */
    BW_ROLE_COLUMN, /* column titles */
    BW_ROLE_SORTED, /* the title of the sort column */
    BW_ROLE_OK,
    BW_ROLE_WARN,
    BW_ROLE_ERROR,
    BW_ROLE_UNKNOWN, /* nobody knows yet */
    BW_ROLE_RUNNING, /* something is going on */
    BW_ROLE_PAUSED,
    BW_ROLE_MUTED,    /* of less weight: units, separators in text */
    BW_ROLE_STALE,    /* last known values of something that no longer answers */
    BW_ROLE_SELECTED, /* ground of the selected row */
    BW_ROLE_MARKED,   /* ground of marked rows */
    BW_ROLE_MATCH,    /* what a search found */
    BW_ROLE_KEY,      /* a key's name in hints and help */
    BW_ROLE_HINT,     /* what the key does */
    BW_ROLE_DISABLED, /* a hint that cannot be used now */
    BW_ROLE_BORDER,
    BW_ROLE_GRAPH,      /* line graphs, sparklines */
    BW_ROLE_GRAPH_AXIS, /* their axes, units and gaps */
    BW_ROLE_BAR,        /* the filled part of bars */
    BW_ROLE_BAR_EMPTY,
    BW_ROLE_INPUT,  /* text that is being typed */
    BW_ROLE_PROMPT, /* what stands before it */
    BW_ROLE_DIALOG, /* ground of dialogs */
    BW_ROLE_DANGER, /* what destroys */
    BW_ROLE_BUTTON,
    BW_ROLE_BUTTON_FOCUS,
    BW_ROLE_TOAST_INFO,
    BW_ROLE_TOAST_WARN,
    BW_ROLE_TOAST_ERROR,
    BW_ROLE_ADDED, /* a difference: what is new */
    BW_ROLE_REMOVED,
    BW_ROLE_ENV_RED, /* the environment's label, by its configured colour */
    BW_ROLE_ENV_YELLOW,
    BW_ROLE_ENV_GREEN,
    BW_ROLE_ENV_BLUE,
    BW_ROLE_ENV_MAGENTA,
    BW_ROLE_ENV_CYAN,
    BW_ROLE_ENV_PLAIN, /* no colour was configured */
    BW_ROLE_COUNT
} bw_role;

/* The name in theme files: "toast-warn". */
const char *bw_role_name(bw_role role);
/* The role of an environment's label; ENV_PLAIN for an empty or unknown colour name. */
bw_role bw_role_environment(const char *colour);

enum {
    BW_ATTR_BOLD = 1u << 0,
    BW_ATTR_DIM = 1u << 1,
    BW_ATTR_UNDERLINE = 1u << 2,
    BW_ATTR_REVERSE = 1u << 3,
    BW_ATTR_ITALIC = 1u << 4,
};

/* A colour: BW_COLOUR_DEFAULT, an index 0 to 255, or BW_COLOUR_RGB | 0xrrggbb. */
typedef int32_t bw_colour;
#define BW_COLOUR_DEFAULT ((bw_colour)-1)
#define BW_COLOUR_RGB     ((bw_colour)0x1000000)

typedef struct bw_look {
    bw_colour fg, bg;
    unsigned attrs;
} bw_look;

typedef struct bw_theme {
    char name[64];
    bw_look look[BW_ROLE_COUNT];
} bw_theme;

/* How many colours the terminal has. MONO also stands for NO_COLOR. */
typedef enum bw_depth {
    BW_DEPTH_MONO,
    BW_DEPTH_8,
    BW_DEPTH_16,
    BW_DEPTH_256,
    BW_DEPTH_TRUE
} bw_depth;

/* The built-in theme, there when no file can be read. */
const bw_theme *bw_theme_builtin(void);
/*
 * Reads a theme from text; `file` names it in errors ("dark.theme:3:8: unknown colour bleu"), the
 * hint gives the nearest name. `base` is what `inherit` refers to (may be NULL: inherit is then an
 * error). BW_INVALID.
 */
BW_NODISCARD bw_status bw_theme_parse(bw_theme *theme, bw_slice text, const char *file,
                                      const bw_theme *base, bw_error *err);

/*
 * Finds NAME.theme, in this order: a NAME with a slash is a path; $XDG_CONFIG_HOME (or ~/.config)
 * /bridgewatch/themes; each of `dirs` (NULL-terminated: the installation's, the source tree's); the
 * shipped ones, which are part of the program. BW_NOT_FOUND says in the hint where was looked and
 * which theme is nearest; BW_INVALID; BW_IO.
 */
BW_NODISCARD bw_status bw_theme_load(bw_theme *theme, const char *name, const char *const *dirs,
                                     bw_error *err);
/* Names of all themes that bw_theme_load() would find, sorted, without doubles; *names is an array
   of heap strings. Returns how many. Free with bw_theme_names_free(). */
size_t bw_theme_list(const char *const *dirs, char ***names);
void bw_theme_names_free(char **names, size_t count);

/*
 * The look of a role at a depth: colours become the nearest of the palette; at MONO they go away and
 * what would be lost by that is put back: a coloured ground becomes reverse.
 */
bw_look bw_theme_look(const bw_theme *theme, bw_role role, bw_depth depth);
/*
 * A role standing on another role's ground (a selected row, a dialog): the ground's background and
 * attributes; the foreground is the ground's where the theme gives it one, else the role's own.
 */
bw_look bw_theme_look_on(const bw_theme *theme, bw_role role, bw_role ground, bw_depth depth);

/* The nearest of the first `colours` (8, 16 or 256) palette entries. */
int bw_colour_nearest(bw_colour colour, int colours);
/* 0xrrggbb of a palette index, as xterm has it. */
uint32_t bw_colour_rgb(bw_colour colour);

#endif
