/* Key names and the decoder of events. */
#include "views/kit/keys.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/clock.h"
#include "backend/core/text.h"

static const char *const named_keys[] = {
    "space", "enter", "esc",  "tab", "backspace", "delete", "insert", "up",  "down",
    "left",  "right", "home", "end", "pgup",      "pgdn",   "f1",     "f2",  "f3",
    "f4",    "f5",    "f6",   "f7",  "f8",        "f9",     "f10",    "f11", "f12",
};

static const struct {
    const char *other, *name;
} spellings[] = {
    {" ", "space"},     {"spc", "space"},     {"return", "enter"}, {"ret", "enter"},
    {"escape", "esc"},  {"bs", "backspace"},  {"del", "delete"},   {"ins", "insert"},
    {"pageup", "pgup"}, {"pagedown", "pgdn"}, {"page-up", "pgup"}, {"page-down", "pgdn"},
    {"pgdown", "pgdn"},
};

static const struct {
    const char *text;
    unsigned bit;
} modifiers[] = {
    {"ctrl-", 1}, {"c-", 1},   {"ctrl+", 1},  {"alt-", 2}, {"m-", 2},     {"meta-", 2},
    {"a-", 2},    {"alt+", 2}, {"shift-", 4}, {"s-", 4},   {"shift+", 4},
};

bw_slice bw_input_text(const bw_input *e)
{
    return strcmp(e->key, "space") == 0 ? BW_SLICE_LIT(" ") : bw_slice_cstr(e->key);
}

static unsigned take_modifiers(const char **text)
{
    unsigned mods = 0;
    for (bool again = true; again;) {
        again = false;
        if ((*text)[0] == '^' && (*text)[1]) {
            mods |= 1;
            (*text)++;
            again = true;
        }
        for (size_t i = 0; i < BW_COUNT(modifiers); i++) {
            size_t n = strlen(modifiers[i].text);
            if (strncasecmp(*text, modifiers[i].text, n) == 0 && (*text)[n]) {
                mods |= modifiers[i].bit;
                *text += n;
                again = true;
            }
        }
    }
    return mods;
}

/* The base of a key: a name, or one printable cluster. */
static bool parse_base(const char *text, char base[BW_KEY_NAME], bool *named)
{
    *named = true;
    for (size_t i = 0; i < BW_COUNT(spellings); i++) {
        if (strcasecmp(text, spellings[i].other) == 0)
            text = spellings[i].name;
    }
    for (size_t i = 0; i < BW_COUNT(named_keys); i++) {
        if (strcasecmp(text, named_keys[i]) == 0) {
            snprintf(base, BW_KEY_NAME, "%s", named_keys[i]);
            return true;
        }
    }
    *named = false;
    int width;
    bw_slice s = bw_slice_cstr(text);
    char clean[BW_KEY_NAME];
    if (s.len == 0 || s.len >= BW_KEY_NAME - 16 || !bw_utf8_valid(s) ||
        bw_cluster_next(s, &width) != s.len || width == 0)
        return false;
    bw_text_sanitise_to(clean, sizeof(clean), text);
    if (strcmp(clean, text) != 0)
        return false;
    snprintf(base, BW_KEY_NAME, "%s", text);
    return true;
}

bw_status bw_key_parse(const char *text, char name[BW_KEY_NAME], bw_error *err)
{
    char base[BW_KEY_NAME], shown[96];
    bool named;
    const char *rest = text;
    unsigned mods = take_modifiers(&rest);
    if (!parse_base(rest, base, &named)) {
        bw_error_set(err, BW_INVALID, "no key is called %s",
                     bw_text_sanitise_to(shown, sizeof(shown), text));
        const char *near = bw_nearest(rest, named_keys, BW_COUNT(named_keys));
        if (near)
            bw_error_hint(err, "Did you mean %s?", near);
        else
            bw_error_hint(err, "Keys are written like a, R, ctrl-f, enter, f1 or shift-tab.");
        return BW_INVALID;
    }
    if (!named && (mods & 4))
        return bw_error_set(err, BW_INVALID, "%s: shift with a letter is the capital itself", text);
    if (!named && (mods & 1))
        base[0] = (char)tolower((unsigned char)base[0]);
    snprintf(name, BW_KEY_NAME, "%s%s%s%.24s", mods & 1 ? "ctrl-" : "", mods & 2 ? "alt-" : "",
             mods & 4 ? "shift-" : "", base);
    return BW_OK;
}

typedef enum state {
    GROUND,
    ESCAPE, /* ESC was read */
    CSI,    /* ESC [ or ESC O: swallowed to its final byte */
    STRING, /* OSC, DCS, APC, PM: swallowed to its terminator */
    STRING_ESCAPE,
    MOUSE, /* the numbers of a mouse report */
    PASTE,
} state;

/* A sequence whose end never comes must not eat what is typed afterwards. */
#define SEQUENCE_TIMEOUT (BW_SECOND / 5)
#define PASTE_TIMEOUT    (2 * BW_SECOND)
#define PASTE_MAX        65536

struct bw_key_decoder {
    state state;
    int64_t last_us;
    int number[3]; /* of a mouse report */
    int numbers;
    bw_buf paste;
};

bw_key_decoder *bw_key_decoder_new(void)
{
    return bw_xcalloc(1, sizeof(bw_key_decoder));
}

void bw_key_decoder_free(bw_key_decoder *d)
{
    if (!d)
        return;
    bw_buf_fini(&d->paste);
    free(d);
}

static bool key_event(bw_input *event, const char *name)
{
    *event = (bw_input){.type = BW_EVENT_KEY};
    snprintf(event->key, sizeof(event->key), "%s", name);
    return true;
}

/* A key after ESC; its modifiers come in the order that names have. */
static bool alt_key(bw_input *event, const char *key)
{
    char both[BW_KEY_NAME + 8], ordered[BW_KEY_NAME];
    snprintf(both, sizeof(both), "alt-%s", key);
    return bw_key_parse(both, ordered, NULL) == BW_OK && key_event(event, ordered);
}

/* A character outside of any sequence. */
static bool plain_char(int32_t cp, bool alt, bw_input *event)
{
    char name[BW_KEY_NAME], text[5] = "";
    const char *special = cp == '\r' || cp == '\n' ? "enter"
                          : cp == '\t'             ? "tab"
                          : cp == ' '              ? "space"
                          : cp == 0x7F || cp == 8  ? "backspace"
                          : cp == 0                ? "ctrl-space"
                                                   : NULL;
    if (special) {
        snprintf(name, sizeof(name), "%s", special);
    } else if (cp < 0x20) {
        snprintf(name, sizeof(name), "ctrl-%c", cp <= 26 ? 'a' + cp - 1 : "[\\]^_"[cp - 27]);
    } else {
        char clean[32];
        text[bw_utf8_encode(cp, text)] = '\0';
        bw_text_sanitise_to(clean, sizeof(clean), text);
        if (strcmp(clean, text) != 0)
            return false; /* a control or format character is no key */
        snprintf(name, sizeof(name), "%s", text);
    }
    if (alt)
        return alt_key(event, name);
    key_event(event, name);
    event->printable = cp >= ' ' && cp != 0x7F;
    return true;
}

/* SGR report: button ; column ; row, then M for a press and m for a release. */
static bool mouse_char(bw_key_decoder *d, int32_t cp, bw_input *event)
{
    if (cp >= '0' && cp <= '9') {
        int *n = &d->number[d->numbers];
        *n = *n < 100000 ? *n * 10 + (int)(cp - '0') : *n;
        return false;
    }
    if (cp == ';' && d->numbers < 2) {
        d->numbers++;
        return false;
    }
    d->state = GROUND;
    if (cp != 'M' || d->numbers != 2)
        return false;
    int button = d->number[0] & ~(4 | 8 | 16); /* with shift, meta or ctrl it is the same click */
    bw_input_type type = button == 0    ? BW_EVENT_CLICK
                         : button == 64 ? BW_EVENT_WHEEL_UP
                         : button == 65 ? BW_EVENT_WHEEL_DOWN
                                        : BW_EVENT_NONE;
    *event = (bw_input){.type = type, .col = d->number[1] - 1, .row = d->number[2] - 1};
    return type != BW_EVENT_NONE;
}

static bool escape_char(bw_key_decoder *d, int32_t cp, bw_input *event)
{
    d->state = GROUND;
    switch (cp) {
    case '[':
    case 'O':
        d->state = CSI;
        return false;
    case ']':
    case 'P':
    case '_':
    case '^':
    case 'X':
        d->state = STRING;
        return false;
    case 0x1B: /* esc esc: the first is the key, the second begins anew */
        d->state = ESCAPE;
        return key_event(event, "esc");
    default:
        return plain_char(cp, true, event);
    }
}

static void string_char(bw_key_decoder *d, int32_t cp)
{
    if (cp == 7 || (d->state == STRING_ESCAPE && cp == '\\'))
        d->state = GROUND;
    else
        d->state = cp == 0x1B ? STRING_ESCAPE : STRING;
}

static void expire(bw_key_decoder *d, int64_t now_us)
{
    int64_t limit = d->state == PASTE ? PASTE_TIMEOUT : SEQUENCE_TIMEOUT;
    if (d->state != GROUND && now_us - d->last_us > limit)
        d->state = GROUND;
    d->last_us = now_us;
}

bool bw_key_decoder_char(bw_key_decoder *d, int32_t cp, int64_t now_us, bw_input *event)
{
    expire(d, now_us);
    switch (d->state) {
    case ESCAPE:
        return escape_char(d, cp, event);
    case CSI:
        if (cp >= 0x40 && cp <= 0x7E)
            d->state = GROUND;
        return false;
    case STRING:
    case STRING_ESCAPE:
        string_char(d, cp);
        return false;
    case MOUSE:
        return mouse_char(d, cp, event);
    case PASTE: {
        char text[4];
        if (d->paste.len < PASTE_MAX && cp >= 0)
            bw_buf_add(&d->paste, text, bw_utf8_encode(cp, text));
        return false;
    }
    case GROUND:
        break;
    }
    if (cp == 0x1B) {
        d->state = ESCAPE;
        return false;
    }
    return cp >= 0 && plain_char(cp, false, event);
}

bool bw_key_decoder_key(bw_key_decoder *d, const char *name, int64_t now_us, bw_input *event)
{
    expire(d, now_us);
    if (d->state == PASTE && strcmp(name, BW_FEED_PASTE_END) != 0)
        return false;
    bool pasted = d->state == PASTE, escaped = d->state == ESCAPE;
    d->state = GROUND;
    if (strcmp(name, BW_FEED_PASTE_BEGIN) == 0) {
        d->state = PASTE;
        bw_buf_clear(&d->paste);
        return false;
    }
    if (strcmp(name, BW_FEED_PASTE_END) == 0) {
        *event = (bw_input){.type = BW_EVENT_PASTE, .text = bw_buf_slice(&d->paste)};
        return pasted;
    }
    if (strcmp(name, BW_FEED_MOUSE) == 0) {
        d->state = MOUSE;
        d->numbers = d->number[0] = d->number[1] = d->number[2] = 0;
        return false;
    }
    if (escaped && strncmp(name, "alt-", 4) != 0) {
        return alt_key(event, name);
    }
    return key_event(event, name);
}

bool bw_key_decoder_idle(bw_key_decoder *d, bw_input *event)
{
    if (d->state != ESCAPE)
        return false;
    d->state = GROUND;
    return key_event(event, "esc");
}
