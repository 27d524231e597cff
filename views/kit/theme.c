/* Roles, the built-in theme and how a look survives on terminals with fewer colours. */
#include "views/kit/theme.h"

#include <string.h>

static const char *const role_names[BW_ROLE_COUNT] = {
    [BW_ROLE_TEXT] = "text",
    [BW_ROLE_TITLE] = "title",
    [BW_ROLE_HEADER] = "header",
    [BW_ROLE_COLUMN] = "column",
    [BW_ROLE_SORTED] = "sorted",
    [BW_ROLE_OK] = "ok",
    [BW_ROLE_WARN] = "warn",
    [BW_ROLE_ERROR] = "error",
    [BW_ROLE_UNKNOWN] = "unknown",
    [BW_ROLE_RUNNING] = "running",
    [BW_ROLE_PAUSED] = "paused",
    [BW_ROLE_MUTED] = "muted",
    [BW_ROLE_STALE] = "stale",
    [BW_ROLE_SELECTED] = "selected",
    [BW_ROLE_MARKED] = "marked",
    [BW_ROLE_MATCH] = "match",
    [BW_ROLE_KEY] = "key",
    [BW_ROLE_HINT] = "hint",
    [BW_ROLE_DISABLED] = "disabled",
    [BW_ROLE_BORDER] = "border",
    [BW_ROLE_GRAPH] = "graph",
    [BW_ROLE_GRAPH_AXIS] = "graph-axis",
    [BW_ROLE_BAR] = "bar",
    [BW_ROLE_BAR_EMPTY] = "bar-empty",
    [BW_ROLE_INPUT] = "input",
    [BW_ROLE_PROMPT] = "prompt",
    [BW_ROLE_DIALOG] = "dialog",
    [BW_ROLE_DANGER] = "danger",
    [BW_ROLE_BUTTON] = "button",
    [BW_ROLE_BUTTON_FOCUS] = "button-focus",
    [BW_ROLE_TOAST_INFO] = "toast-info",
    [BW_ROLE_TOAST_WARN] = "toast-warn",
    [BW_ROLE_TOAST_ERROR] = "toast-error",
    [BW_ROLE_ADDED] = "added",
    [BW_ROLE_REMOVED] = "removed",
    [BW_ROLE_ENV_RED] = "env-red",
    [BW_ROLE_ENV_YELLOW] = "env-yellow",
    [BW_ROLE_ENV_GREEN] = "env-green",
    [BW_ROLE_ENV_BLUE] = "env-blue",
    [BW_ROLE_ENV_MAGENTA] = "env-magenta",
    [BW_ROLE_ENV_CYAN] = "env-cyan",
    [BW_ROLE_ENV_PLAIN] = "env-plain",
};

const char *bw_role_name(bw_role role)
{
    return role_names[role];
}

bw_role bw_role_environment(const char *colour)
{
    for (int role = BW_ROLE_ENV_RED; colour && role < BW_ROLE_ENV_PLAIN; role++) {
        if (strcmp(colour, role_names[role] + strlen("env-")) == 0)
            return (bw_role)role;
    }
    return BW_ROLE_ENV_PLAIN;
}

/* Readable on dark and on light grounds, with sixteen colours: what is left when no file is found. */
#define LOOK(f, b, a)                      \
    {                                      \
        .fg = (f), .bg = (b), .attrs = (a) \
    }
#define NONE                 BW_COLOUR_DEFAULT
#define BOLD                 BW_ATTR_BOLD
#define LABEL(ground, write) LOOK(write, ground, BOLD)

static const bw_theme builtin = {
    .name = "built-in",
    .look =
        {
            [BW_ROLE_TEXT] = LOOK(NONE, NONE, 0),
            [BW_ROLE_TITLE] = LOOK(NONE, NONE, BOLD),
            [BW_ROLE_HEADER] = LOOK(NONE, NONE, BW_ATTR_REVERSE),
            [BW_ROLE_COLUMN] = LOOK(NONE, NONE, BOLD),
            [BW_ROLE_SORTED] = LOOK(6, NONE, BOLD),
            [BW_ROLE_OK] = LOOK(2, NONE, 0),
            [BW_ROLE_WARN] = LOOK(3, NONE, BOLD),
            [BW_ROLE_ERROR] = LOOK(1, NONE, BOLD),
            [BW_ROLE_UNKNOWN] = LOOK(5, NONE, 0),
            [BW_ROLE_RUNNING] = LOOK(6, NONE, 0),
            [BW_ROLE_PAUSED] = LOOK(4, NONE, BOLD),
            [BW_ROLE_MUTED] = LOOK(NONE, NONE, BW_ATTR_DIM),
            [BW_ROLE_STALE] = LOOK(NONE, NONE, BW_ATTR_DIM),
            [BW_ROLE_SELECTED] = LOOK(NONE, NONE, BW_ATTR_REVERSE),
            [BW_ROLE_MARKED] = LOOK(5, NONE, BOLD),
            [BW_ROLE_MATCH] = LOOK(0, 3, 0),
            [BW_ROLE_KEY] = LOOK(6, NONE, BOLD),
            [BW_ROLE_HINT] = LOOK(NONE, NONE, 0),
            [BW_ROLE_DISABLED] = LOOK(NONE, NONE, BW_ATTR_DIM),
            [BW_ROLE_BORDER] = LOOK(NONE, NONE, BW_ATTR_DIM),
            [BW_ROLE_GRAPH] = LOOK(6, NONE, 0),
            [BW_ROLE_GRAPH_AXIS] = LOOK(NONE, NONE, BW_ATTR_DIM),
            [BW_ROLE_BAR] = LOOK(2, NONE, 0),
            [BW_ROLE_BAR_EMPTY] = LOOK(NONE, NONE, BW_ATTR_DIM),
            [BW_ROLE_INPUT] = LOOK(NONE, NONE, BOLD),
            [BW_ROLE_PROMPT] = LOOK(6, NONE, BOLD),
            [BW_ROLE_DIALOG] = LOOK(NONE, NONE, 0),
            [BW_ROLE_DANGER] = LOOK(7, 1, BOLD),
            [BW_ROLE_BUTTON] = LOOK(NONE, NONE, 0),
            [BW_ROLE_BUTTON_FOCUS] = LOOK(NONE, NONE, BW_ATTR_REVERSE | BOLD),
            [BW_ROLE_TOAST_INFO] = LOOK(6, NONE, 0),
            [BW_ROLE_TOAST_WARN] = LOOK(3, NONE, BOLD),
            [BW_ROLE_TOAST_ERROR] = LOOK(7, 1, BOLD),
            [BW_ROLE_ADDED] = LOOK(2, NONE, 0),
            [BW_ROLE_REMOVED] = LOOK(1, NONE, 0),
            [BW_ROLE_ENV_RED] = LABEL(1, 7),
            [BW_ROLE_ENV_YELLOW] = LABEL(3, 0),
            [BW_ROLE_ENV_GREEN] = LABEL(2, 0),
            [BW_ROLE_ENV_BLUE] = LABEL(4, 7),
            [BW_ROLE_ENV_MAGENTA] = LABEL(5, 7),
            [BW_ROLE_ENV_CYAN] = LABEL(6, 0),
            [BW_ROLE_ENV_PLAIN] = LOOK(NONE, NONE, BW_ATTR_REVERSE | BOLD),
        },
};

const bw_theme *bw_theme_builtin(void)
{
    return &builtin;
}

uint32_t bw_colour_rgb(bw_colour colour)
{
    static const uint32_t first[16] = {
        0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5,
        0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff,
    };
    static const uint32_t step[6] = {0, 95, 135, 175, 215, 255};
    if (colour & BW_COLOUR_RGB)
        return (uint32_t)colour & 0xffffff;
    if (colour < 16)
        return first[colour & 15];
    if (colour < 232) {
        uint32_t i = (uint32_t)colour - 16;
        return step[i / 36] << 16 | step[i / 6 % 6] << 8 | step[i % 6];
    }
    return (uint32_t)(8 + 10 * (colour - 232)) * 0x010101;
}

static int distance(uint32_t a, uint32_t b)
{
    int dr = (int)(a >> 16 & 255) - (int)(b >> 16 & 255);
    int dg = (int)(a >> 8 & 255) - (int)(b >> 8 & 255);
    int db = (int)(a & 255) - (int)(b & 255);
    /* The eye is most sensitive to green and least to blue. */
    return 3 * dr * dr + 4 * dg * dg + 2 * db * db;
}

int bw_colour_nearest(bw_colour colour, int colours)
{
    uint32_t rgb = bw_colour_rgb(colour);
    /* The first sixteen are the user's own choice and may look like anything, so that true colours
       are matched against the fixed part of a 256 palette only. */
    int best = colours == 256 ? 16 : 0, best_distance = INT32_MAX;
    for (int i = best; i < colours; i++) {
        int d = distance(rgb, bw_colour_rgb(i));
        if (d < best_distance) {
            best_distance = d;
            best = i;
        }
    }
    return best;
}

/* The colour at a depth. Eight-colour terminals have no bright ones: *attrs gets what comes nearest
   to that, bold for a bright colour and dim for grey, which as bold black could be invisible. */
static bw_colour at_depth(bw_colour c, bw_depth depth, unsigned *attrs)
{
    if (c == BW_COLOUR_DEFAULT || depth == BW_DEPTH_TRUE)
        return c;
    if (depth == BW_DEPTH_MONO)
        return BW_COLOUR_DEFAULT;
    if (depth == BW_DEPTH_256)
        return c & BW_COLOUR_RGB ? bw_colour_nearest(c, 256) : c;
    int index = c >= 16 ? bw_colour_nearest(c, 16) : c;
    if (depth == BW_DEPTH_16 || index < 8)
        return index;
    *attrs |= index == 8 ? BW_ATTR_DIM : BW_ATTR_BOLD;
    return index == 8 ? 7 : index - 8;
}

static bw_look degrade(bw_look look, bw_depth depth)
{
    bool ground = look.bg != BW_COLOUR_DEFAULT;
    look.fg = at_depth(look.fg, depth, &look.attrs);
    look.bg = at_depth(look.bg, depth, &(unsigned){0});
    if (depth == BW_DEPTH_MONO && ground)
        look.attrs |= BW_ATTR_REVERSE;
    /* Two colours that fall together on a small palette would hide the text. */
    if (look.fg == look.bg && look.fg != BW_COLOUR_DEFAULT) {
        look.fg = look.bg = BW_COLOUR_DEFAULT;
        look.attrs |= BW_ATTR_REVERSE;
    }
    return look;
}

bw_look bw_theme_look(const bw_theme *theme, bw_role role, bw_depth depth)
{
    bw_look look = theme->look[role];
    bw_look text = theme->look[BW_ROLE_TEXT];
    if (look.fg == BW_COLOUR_DEFAULT && role != BW_ROLE_TEXT)
        look.fg = text.fg;
    if (look.bg == BW_COLOUR_DEFAULT && role != BW_ROLE_TEXT && depth != BW_DEPTH_MONO)
        look.bg = text.bg;
    /* The ground of plain text is the screen's: on a mono terminal that is not worth a reverse. */
    if (role == BW_ROLE_TEXT && depth == BW_DEPTH_MONO)
        look.bg = BW_COLOUR_DEFAULT;
    return degrade(look, depth);
}

bw_look bw_theme_look_on(const bw_theme *theme, bw_role role, bw_role ground, bw_depth depth)
{
    if (ground == BW_ROLE_TEXT)
        return bw_theme_look(theme, role, depth);
    bw_look above = theme->look[role], below = theme->look[ground];
    bw_look look = bw_theme_look(theme, ground, depth);
    /* What has a ground of its own (a label, a match) keeps it. */
    if (above.bg != BW_COLOUR_DEFAULT)
        return bw_theme_look(theme, role, depth);
    if (below.fg == BW_COLOUR_DEFAULT && above.fg != BW_COLOUR_DEFAULT) {
        above.bg = below.bg != BW_COLOUR_DEFAULT ? below.bg : theme->look[BW_ROLE_TEXT].bg;
        above.attrs = below.attrs;
        look = degrade(above, depth);
        if (depth == BW_DEPTH_MONO && below.bg == BW_COLOUR_DEFAULT)
            look.attrs = below.attrs;
    }
    /* Dim text on a ground is not readable. */
    look.attrs |= theme->look[role].attrs & (unsigned)~(BW_ATTR_DIM | BW_ATTR_REVERSE);
    return look;
}
