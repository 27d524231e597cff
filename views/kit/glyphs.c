#include "views/kit/glyphs.h"

#define UTF8_SIGNS                                                                                \
    [BW_GLYPH_OK] = "●", [BW_GLYPH_WARN] = "▲", [BW_GLYPH_ERROR] = "✖", [BW_GLYPH_RUNNING] = "▶", \
    [BW_GLYPH_PAUSED] = "‖", [BW_GLYPH_UNKNOWN] = "?", [BW_GLYPH_WAITING] = "○",                  \
    [BW_GLYPH_DONE] = "✔", [BW_GLYPH_CURSOR] = "▸", [BW_GLYPH_MARK] = "✓",                        \
    [BW_GLYPH_ELLIPSIS] = "…", [BW_GLYPH_SORT_UP] = "▲", [BW_GLYPH_SORT_DOWN] = "▼",              \
    [BW_GLYPH_MORE_UP] = "↑", [BW_GLYPH_MORE_DOWN] = "↓", [BW_GLYPH_MORE_LEFT] = "‹",             \
    [BW_GLYPH_MORE_RIGHT] = "›", [BW_GLYPH_ARROW] = "→", [BW_GLYPH_CRUMB] = "›",                  \
    [BW_GLYPH_BULLET] = "•", [BW_GLYPH_GAP] = "·", [BW_GLYPH_BAR_FULL] = "█",                     \
    [BW_GLYPH_BAR_EMPTY] = " "

#define ASCII_SIGNS                                                                               \
    [BW_GLYPH_OK] = "o", [BW_GLYPH_WARN] = "!", [BW_GLYPH_ERROR] = "x", [BW_GLYPH_RUNNING] = ">", \
    [BW_GLYPH_PAUSED] = "=", [BW_GLYPH_UNKNOWN] = "?", [BW_GLYPH_WAITING] = ".",                  \
    [BW_GLYPH_DONE] = "+", [BW_GLYPH_CURSOR] = ">", [BW_GLYPH_MARK] = "*",                        \
    [BW_GLYPH_ELLIPSIS] = "...", [BW_GLYPH_SORT_UP] = "^", [BW_GLYPH_SORT_DOWN] = "v",            \
    [BW_GLYPH_MORE_UP] = "^", [BW_GLYPH_MORE_DOWN] = "v", [BW_GLYPH_MORE_LEFT] = "<",             \
    [BW_GLYPH_MORE_RIGHT] = ">", [BW_GLYPH_ARROW] = ">", [BW_GLYPH_CRUMB] = ">",                  \
    [BW_GLYPH_BULLET] = "*", [BW_GLYPH_GAP] = "."

#define UTF8_FRAME                                                                      \
    [BW_GLYPH_HLINE] = "─", [BW_GLYPH_VLINE] = "│", [BW_GLYPH_CORNER_TL] = "┌",         \
    [BW_GLYPH_CORNER_TR] = "┐", [BW_GLYPH_CORNER_BL] = "└", [BW_GLYPH_CORNER_BR] = "┘", \
    [BW_GLYPH_TEE_LEFT] = "├", [BW_GLYPH_TEE_RIGHT] = "┤"

#define ASCII_FRAME                                                                     \
    [BW_GLYPH_HLINE] = "-", [BW_GLYPH_VLINE] = "|", [BW_GLYPH_CORNER_TL] = "+",         \
    [BW_GLYPH_CORNER_TR] = "+", [BW_GLYPH_CORNER_BL] = "+", [BW_GLYPH_CORNER_BR] = "+", \
    [BW_GLYPH_TEE_LEFT] = "+", [BW_GLYPH_TEE_RIGHT] = "+"

#define NO_FRAME                                                                        \
    [BW_GLYPH_HLINE] = " ", [BW_GLYPH_VLINE] = " ", [BW_GLYPH_CORNER_TL] = " ",         \
    [BW_GLYPH_CORNER_TR] = " ", [BW_GLYPH_CORNER_BL] = " ", [BW_GLYPH_CORNER_BR] = " ", \
    [BW_GLYPH_TEE_LEFT] = " ", [BW_GLYPH_TEE_RIGHT] = " "

static const bw_glyphs utf8_set = {
    .sign = {UTF8_SIGNS, UTF8_FRAME},
    .bar = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"},
    .level = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
};

static const bw_glyphs ascii_set = {
    .sign = {ASCII_SIGNS, ASCII_FRAME, [BW_GLYPH_BAR_FULL] = "#", [BW_GLYPH_BAR_EMPTY] = "."},
    .bar = {".", ".", ".", ".", "#", "#", "#", "#", "#"},
    .level = {" ", "_", "_", ".", "-", "-", "=", "#", "#"},
    .ascii = true,
};

/* The words beside the signs carry the meaning; what only decorates is blank. */
static const bw_glyphs plain_set = {
    .sign = {ASCII_SIGNS, NO_FRAME, [BW_GLYPH_BAR_FULL] = "#", [BW_GLYPH_BAR_EMPTY] = " "},
    .bar = {" ", " ", " ", " ", "#", "#", "#", "#", "#"},
    .level = {" ", "_", "_", ".", "-", "-", "=", "#", "#"},
    .ascii = true,
    .plain = true,
};

/* Plain where names from outside may still be shown in their own letters. */
static const bw_glyphs plain_utf8_set = {
    .sign = {ASCII_SIGNS, NO_FRAME, [BW_GLYPH_BAR_FULL] = "#", [BW_GLYPH_BAR_EMPTY] = " "},
    .bar = {" ", " ", " ", " ", "#", "#", "#", "#", "#"},
    .level = {" ", "_", "_", ".", "-", "-", "=", "#", "#"},
    .plain = true,
};

const bw_glyphs *bw_glyphs_pick(bool utf8, bool ascii, bool plain)
{
    bool only_ascii = ascii || !utf8;
    if (plain)
        return only_ascii ? &plain_set : &plain_utf8_set;
    return only_ascii ? &ascii_set : &utf8_set;
}
