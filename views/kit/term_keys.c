#include "views/kit/term_keys.h"

#include "views/kit/term_intern.h"

static const struct {
    int code;
    const char *name;
} known[] = {
    {KEY_UP, "up"},
    {KEY_DOWN, "down"},
    {KEY_LEFT, "left"},
    {KEY_RIGHT, "right"},
    {KEY_HOME, "home"},
    {KEY_FIND, "home"},
    {KEY_END, "end"},
    {KEY_SELECT, "end"},
    {KEY_PPAGE, "pgup"},
    {KEY_NPAGE, "pgdn"},
    {KEY_IC, "insert"},
    {KEY_DC, "delete"},
    {KEY_BACKSPACE, "backspace"},
    {KEY_ENTER, "enter"},
    {KEY_BTAB, "shift-tab"},
    {KEY_SR, "shift-up"},
    {KEY_SF, "shift-down"},
    {KEY_SLEFT, "shift-left"},
    {KEY_SRIGHT, "shift-right"},
    {KEY_SHOME, "shift-home"},
    {KEY_SEND, "shift-end"},
    {KEY_SPREVIOUS, "shift-pgup"},
    {KEY_SNEXT, "shift-pgdn"},
    {KEY_SDC, "shift-delete"},
};

/* xterm's ctlseqs: what nearly every terminal sends, whatever its description says. */
static const struct {
    const char *sequence, *name;
} taught[] = {
    {"\033[200~", BW_FEED_PASTE_BEGIN},
    {"\033[201~", BW_FEED_PASTE_END},
    {"\033[<", BW_FEED_MOUSE},
    {"\033[A", "up"},
    {"\033[B", "down"},
    {"\033[C", "right"},
    {"\033[D", "left"},
    {"\033OA", "up"},
    {"\033OB", "down"},
    {"\033OC", "right"},
    {"\033OD", "left"},
    {"\033[H", "home"},
    {"\033[F", "end"},
    {"\033OH", "home"},
    {"\033OF", "end"},
    {"\033[1~", "home"},
    {"\033[4~", "end"},
    {"\033[2~", "insert"},
    {"\033[3~", "delete"},
    {"\033[5~", "pgup"},
    {"\033[6~", "pgdn"},
    {"\033[Z", "shift-tab"},
    {"\033[1;2A", "shift-up"},
    {"\033[1;2B", "shift-down"},
    {"\033[1;2C", "shift-right"},
    {"\033[1;2D", "shift-left"},
    {"\033[1;5A", "ctrl-up"},
    {"\033[1;5B", "ctrl-down"},
    {"\033[1;5C", "ctrl-right"},
    {"\033[1;5D", "ctrl-left"},
    {"\033[1;5H", "ctrl-home"},
    {"\033[1;5F", "ctrl-end"},
    {"\033[1;3A", "alt-up"},
    {"\033[1;3B", "alt-down"},
    {"\033[1;3C", "alt-right"},
    {"\033[1;3D", "alt-left"},
    {"\033[5;5~", "ctrl-pgup"},
    {"\033[6;5~", "ctrl-pgdn"},
    {"\033OP", "f1"},
    {"\033OQ", "f2"},
    {"\033OR", "f3"},
    {"\033OS", "f4"},
    {"\033[15~", "f5"},
    {"\033[17~", "f6"},
    {"\033[18~", "f7"},
    {"\033[19~", "f8"},
    {"\033[20~", "f9"},
    {"\033[21~", "f10"},
    {"\033[23~", "f11"},
    {"\033[24~", "f12"},
};

/* Beyond every code of curses and every extended one that a description may add. */
#define TAUGHT_FIRST (KEY_MAX + 4096)

void bw_term_keys_define(void)
{
    for (size_t i = 0; i < BW_COUNT(taught); i++)
        define_key(taught[i].sequence, TAUGHT_FIRST + (int)i);
}

const char *bw_term_key_name(int code)
{
    static const char *const functions[] = {"f1", "f2", "f3", "f4",  "f5",  "f6",
                                            "f7", "f8", "f9", "f10", "f11", "f12"};
    if (code >= TAUGHT_FIRST && code < TAUGHT_FIRST + (int)BW_COUNT(taught))
        return taught[code - TAUGHT_FIRST].name;
    if (code > KEY_F0 && code <= KEY_F0 + 12)
        return functions[code - KEY_F0 - 1];
    for (size_t i = 0; i < BW_COUNT(known); i++) {
        if (known[i].code == code)
            return known[i].name;
    }
    return NULL;
}
