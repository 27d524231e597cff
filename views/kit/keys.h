/*
 * Input events. A key has a name, which is what configuration, help and tests call it: a printable
 * cluster ("a", "R", "?", "é"), "space", "enter", "esc", "tab", "backspace", "delete", "insert",
 * "up", "down", "left", "right", "home", "end", "pgup", "pgdn", "f1" to "f12", with "ctrl-", "alt-" and
 * "shift-" in front, in this order ("shift-" only before names, not before clusters).
 * Specification of mouse and paste: xterm's ctlseqs, modes 1000, 1006 and 2004. Threads: UI.
 */
#ifndef BW_VIEWS_KIT_KEYS_H
#define BW_VIEWS_KIT_KEYS_H

#include "backend/core/error.h"
#include "backend/core/buf.h"

typedef enum bw_input_type {
    BW_EVENT_NONE,
    BW_EVENT_KEY,
    BW_EVENT_CLICK, /* a press of the left button */
    BW_EVENT_WHEEL_UP,
    BW_EVENT_WHEEL_DOWN,
    BW_EVENT_PASTE, /* text is what was pasted: from outside, line breaks included */
} bw_input_type;

#define BW_KEY_NAME 40
typedef struct bw_input {
    bw_input_type type;
    char key[BW_KEY_NAME]; /* KEY: its name */
    bool printable;        /* KEY: `key` (a blank for "space") is text that a prompt takes */
    int row, col;          /* mouse: cell, from 0 */
    bw_slice text;         /* PASTE: valid until the decoder is fed again */
} bw_input;

/* Whether the event is this key. */
static inline bool bw_input_is(const bw_input *e, const char *key)
{
    return e->type == BW_EVENT_KEY && strcmp(e->key, key) == 0;
}
/* The text that a printable key types. */
bw_slice bw_input_text(const bw_input *e);

/* Brings a key's name into the form above: "Ctrl-F", "C-f" and "^F" to "ctrl-f", "PageUp" to "pgup",
   " " to "space". BW_INVALID names the nearest key in the hint. */
BW_NODISCARD bw_status bw_key_parse(const char *text, char name[BW_KEY_NAME], bw_error *err);

/*
 * Puts characters and the terminal's function keys together to events: mouse reports, pasted text,
 * alt keys; sequences that nobody knows are swallowed whole, so that their letters do not run
 * actions. Fed by term.c; here so that it can be tested without a terminal.
 */
typedef struct bw_key_decoder bw_key_decoder;
bw_key_decoder *bw_key_decoder_new(void);
void bw_key_decoder_free(bw_key_decoder *d);

#define BW_FEED_PASTE_BEGIN "paste-begin"
#define BW_FEED_PASTE_END   "paste-end"
#define BW_FEED_MOUSE       "mouse" /* ESC [ < was read, the numbers follow as characters */

/* One character that was read. True when *event is complete. `now_us` is monotonic. */
bool bw_key_decoder_char(bw_key_decoder *d, int32_t cp, int64_t now_us, bw_input *event);
/* A function key that the terminal's library has recognised, by its name or one of BW_FEED_*. */
bool bw_key_decoder_key(bw_key_decoder *d, const char *name, int64_t now_us, bw_input *event);
/* There is nothing more to read just now: a lone ESC is the key, and combining marks are complete. */
bool bw_key_decoder_idle(bw_key_decoder *d, bw_input *event);

#endif
