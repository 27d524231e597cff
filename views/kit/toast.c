#include "views/kit/toast.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/core/units.h"

#define INFO_FOR (4 * BW_SECOND)
#define WARN_FOR (8 * BW_SECOND)
#define SHOWING  8
#define ROOMY    60 /* columns that leave room for more than the text */

/* One that shows; its text is in the history. */
typedef struct showing {
    bw_toast toast;
    int64_t until_us;
    bool progress;
} showing;

struct bw_toasts {
    const bw_clock *clock;
    bool local;
    bw_toast history[BW_TOAST_HISTORY]; /* a ring */
    size_t first, count;
    showing showing[SHOWING];
    size_t shown;
};

bw_toasts *bw_toasts_new(const bw_clock *clock, bool local)
{
    bw_toasts *t = bw_xcalloc(1, sizeof(*t));
    t->clock = clock;
    t->local = local;
    return t;
}

static void drop(bw_toasts *t, size_t i)
{
    free(t->showing[i].toast.text);
    memmove(&t->showing[i], &t->showing[i + 1], (t->shown - i - 1) * sizeof(t->showing[0]));
    t->shown--;
}

void bw_toasts_free(bw_toasts *t)
{
    if (!t)
        return;
    while (t->shown)
        drop(t, t->shown - 1);
    for (size_t i = 0; i < t->count; i++)
        free(t->history[(t->first + i) % BW_TOAST_HISTORY].text);
    free(t);
}

/* Room for one more: the least severe goes, of these the oldest. */
static void make_room(bw_toasts *t)
{
    size_t victim = 0;
    for (size_t i = 1; i < t->shown; i++) {
        if (t->showing[i].toast.level < t->showing[victim].toast.level)
            victim = i;
    }
    drop(t, victim);
}

static void add(bw_toasts *t, bw_toast_level level, const char *text)
{
    int64_t now = bw_mono_us(t->clock), wall = bw_wall_us(t->clock);
    if (t->count == BW_TOAST_HISTORY) {
        free(t->history[t->first].text);
        t->first = (t->first + 1) % BW_TOAST_HISTORY;
        t->count--;
    }
    bw_toast toast = {level, wall, bw_xstrdup(text)};
    t->history[(t->first + t->count++) % BW_TOAST_HISTORY] = toast;
    /* The same message again takes the place of the one that shows. */
    for (size_t i = 0; i < t->shown; i++) {
        if (t->showing[i].toast.level == level && strcmp(t->showing[i].toast.text, text) == 0) {
            drop(t, i);
            break;
        }
    }
    if (t->shown == SHOWING)
        make_room(t);
    toast.text = bw_xstrdup(text);
    int64_t until =
        level == BW_TOAST_ERROR ? BW_FOREVER : now + (level == BW_TOAST_WARN ? WARN_FOR : INFO_FOR);
    t->showing[t->shown++] = (showing){toast, until, false};
}

void bw_toasts_progress(bw_toasts *t, const char *text)
{
    for (size_t i = t->shown; i > 0; i--) {
        if (t->showing[i - 1].progress)
            drop(t, i - 1);
    }
    if (!text)
        return;
    if (t->shown == SHOWING)
        make_room(t);
    /* Below what was said meanwhile: an answer to a key must be seen. */
    memmove(&t->showing[1], &t->showing[0], t->shown * sizeof(t->showing[0]));
    bw_toast toast = {BW_TOAST_INFO, bw_wall_us(t->clock), bw_xstrdup(text)};
    t->showing[0] = (showing){toast, bw_mono_us(t->clock) + INFO_FOR, true};
    t->shown++;
}

void bw_toasts_add(bw_toasts *t, bw_toast_level level, const char *fmt, ...)
{
    char text[1600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    add(t, level, text);
}

static void add_error(bw_toasts *t, bw_toast_level level, const bw_error *err)
{
    bw_toasts_add(t, level, "%s%s%s", err->message, err->hint[0] ? ". " : "", err->hint);
}

void bw_toasts_error(bw_toasts *t, const bw_error *err)
{
    add_error(t, BW_TOAST_ERROR, err);
}

void bw_toasts_refuse(bw_toasts *t, const bw_error *err)
{
    add_error(t, BW_TOAST_WARN, err);
}

/* The newest: an answer to what was just done must be seen. An error below it comes back. */
static size_t current(const bw_toasts *t)
{
    int64_t now = bw_mono_us(t->clock);
    for (size_t i = t->shown; i > 0; i--) {
        if (t->showing[i - 1].until_us > now)
            return i - 1;
    }
    return SIZE_MAX;
}

const bw_toast *bw_toasts_current(const bw_toasts *t)
{
    size_t i = current(t);
    return i == SIZE_MAX ? NULL : &t->showing[i].toast;
}

bool bw_toasts_dismiss(bw_toasts *t)
{
    size_t i = current(t);
    if (i == SIZE_MAX)
        return false;
    drop(t, i);
    return true;
}

static size_t waiting(const bw_toasts *t)
{
    int64_t now = bw_mono_us(t->clock);
    size_t n = 0;
    for (size_t i = 0; i < t->shown; i++)
        n += t->showing[i].until_us > now;
    return n;
}

/* What stands to the right of the current one, "(+2) esc", and what is left for the text of it, where
   an error that has stayed says since when. Returns the text's cells. */
static int layout(const bw_toasts *t, int cols, char more[32], bw_buf *text)
{
    const bw_toast *toast = bw_toasts_current(t);
    bool stays = toast->level == BW_TOAST_ERROR && cols >= ROOMY;
    size_t others = waiting(t) - 1;
    char at[BW_TIME_TEXT];
    more[0] = '\0';
    if (others > 0)
        snprintf(more, 32, "(+%zu)%s", others, stays ? " esc" : "");
    else if (stays)
        snprintf(more, 32, "esc");
    if (stays)
        bw_buf_addf(text, "%s ", bw_format_clock(toast->wall_us, t->local, at));
    bw_buf_adds(text, toast->text);
    return cols - 4 - (more[0] ? (int)strlen(more) + 1 : 0);
}

int bw_toasts_rows(const bw_toasts *t, int cols, int most)
{
    char more[32];
    bw_buf text = BW_BUF_INIT;
    if (!bw_toasts_current(t))
        return 0;
    int width = layout(t, cols, more, &text);
    int rows = bw_wrapped_rows(bw_buf_slice(&text), width);
    bw_buf_fini(&text);
    return rows < 1 ? 1 : rows < most ? rows : most;
}

void bw_toasts_draw(const bw_toasts *t, bw_region r)
{
    static const bw_role roles[] = {BW_ROLE_TOAST_INFO, BW_ROLE_TOAST_WARN, BW_ROLE_TOAST_ERROR};
    static const bw_glyph glyphs[] = {BW_GLYPH_BULLET, BW_GLYPH_WARN, BW_GLYPH_ERROR};
    const bw_toast *toast = bw_toasts_current(t);
    if (!toast)
        return;
    char more[32];
    bw_buf text = BW_BUF_INIT;
    bw_style style = roles[toast->level];
    int width = layout(t, r.cols, more, &text);
    bw_region_fill(r, style);
    bw_region_puts(r, 0, r.cols - 1 - (int)strlen(more), style, more);
    bw_region_glyph(r, 0, 1, style, glyphs[toast->level]);
    bw_region_wrap(bw_region_sub(r, 0, 3, -1, width), 0, style, bw_buf_slice(&text));
    bw_buf_fini(&text);
}

int64_t bw_toasts_deadline(const bw_toasts *t)
{
    int64_t now = bw_mono_us(t->clock), first = BW_FOREVER;
    for (size_t i = 0; i < t->shown; i++) {
        int64_t until = t->showing[i].until_us;
        if (until > now && until < first)
            first = until;
    }
    return first;
}

size_t bw_toasts_count(const bw_toasts *t)
{
    return t->count;
}

const bw_toast *bw_toasts_at(const bw_toasts *t, size_t n)
{
    return &t->history[(t->first + n) % BW_TOAST_HISTORY];
}
