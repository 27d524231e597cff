/*
 * Signs by meaning, in three sets: UTF-8, pure ASCII, and plain (ASCII without frames, spinners and
 * graphics, for screen readers). Every sign is one cell wide except the ellipsis, "..." in ASCII.
 * Threads: any; the sets are constant.
 */
#ifndef BW_VIEWS_KIT_GLYPHS_H
#define BW_VIEWS_KIT_GLYPHS_H

#include <stdbool.h>

typedef enum bw_glyph {
    BW_GLYPH_OK,      /* ● o */
    BW_GLYPH_WARN,    /* ▲ ! */
    BW_GLYPH_ERROR,   /* ✖ x */
    BW_GLYPH_RUNNING, /* ▶ > */
    BW_GLYPH_PAUSED,  /* ‖ = */
    BW_GLYPH_UNKNOWN, /* ? ? */
    BW_GLYPH_WAITING, /* ○ . */
    BW_GLYPH_DONE,    /* ✔ + */
    BW_GLYPH_CURSOR,  /* ▸ >: the selected row */
    BW_GLYPH_MARK,    /* ✓ *: a marked row */
    BW_GLYPH_ELLIPSIS,
    BW_GLYPH_SORT_UP,   /* ▲ ^ */
    BW_GLYPH_SORT_DOWN, /* ▼ v */
    BW_GLYPH_MORE_UP,   /* ↑ ^: there is more above */
    BW_GLYPH_MORE_DOWN,
    BW_GLYPH_MORE_LEFT, /* ‹ <: text is cut on this side */
    BW_GLYPH_MORE_RIGHT,
    BW_GLYPH_ARROW,     /* → > */
    BW_GLYPH_CRUMB,     /* › >: between the parts of a path */
    BW_GLYPH_BULLET,    /* • * */
    BW_GLYPH_GAP,       /* · .: no value was measured here */
    BW_GLYPH_HLINE,     /* ─ - */
    BW_GLYPH_VLINE,     /* │ | */
    BW_GLYPH_CORNER_TL, /* ┌ + */
    BW_GLYPH_CORNER_TR,
    BW_GLYPH_CORNER_BL,
    BW_GLYPH_CORNER_BR,
    BW_GLYPH_TEE_LEFT,
    BW_GLYPH_TEE_RIGHT,
    BW_GLYPH_BAR_FULL,  /* █ # */
    BW_GLYPH_BAR_EMPTY, /* space, . */
    BW_GLYPH_COUNT
} bw_glyph;

typedef struct bw_glyphs {
    const char *sign[BW_GLYPH_COUNT];
    /* Eighths of a cell from the left (bar) and from the bottom (level): index 0 is empty, 8 full.
       In ASCII the levels are as distinct as they can be, and bars know whole cells only. */
    const char *bar[9], *level[9];
    bool ascii; /* only ASCII may be drawn */
    bool plain; /* no frames, no graphics: numbers instead */
} bw_glyphs;

/* The set for a terminal: `utf8` is what the locale says (bw_locale_is_utf8 in term.h). */
const bw_glyphs *bw_glyphs_pick(bool utf8, bool ascii, bool plain);

static inline const char *bw_glyph_sign(const bw_glyphs *g, bw_glyph glyph)
{
    return g->sign[glyph];
}

#endif
