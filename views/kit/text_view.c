/*
 * The pager. Lines carry a number that only grows, so that a place in the text stays the same place
 * while the oldest lines go: the first line shown is remembered by its number, never by its index.
 */
#include "views/kit/text_view_intern.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "views/kit/action.h"

#define DEFAULT_LINES 100000
#define WHEEL_LINES   3
#define SIDE_STEP     8 /* cells that left and right move */

bw_text_view *bw_text_view_new(size_t max_lines)
{
    bw_text_view *v = bw_xcalloc(1, sizeof(*v));
    v->max = max_lines ? max_lines : DEFAULT_LINES;
    v->search = bw_xstrdup("");
    v->match = UINT64_MAX;
    v->drawn.rows = 1;
    return v;
}

bw_text_line *bw_text_line_at(const bw_text_view *v, size_t n)
{
    return &v->lines[(v->first + n) % v->cap];
}

static void drop_oldest(bw_text_view *v)
{
    bw_text_line *l = bw_text_line_at(v, 0);
    free(l->text);
    free(l->spans);
    v->first = (v->first + 1) % v->cap;
    v->count--;
    v->base++;
}

void bw_text_view_clear(bw_text_view *v)
{
    while (v->count)
        drop_oldest(v);
    v->first = 0;
    v->base = v->top = 0;
    v->part = v->side = 0;
    v->match = UINT64_MAX;
}

void bw_text_view_refill(bw_text_view *v)
{
    uint64_t top = v->top - v->base, match = v->match;
    int part = v->part, side = v->side;
    bw_text_view_clear(v);
    v->top = top;
    v->part = part;
    v->side = side;
    v->match = match;
}

void bw_text_view_free(bw_text_view *v)
{
    if (!v)
        return;
    bw_text_view_clear(v);
    free(v->lines);
    free(v->search);
    free(v);
}

static void grow_ring(bw_text_view *v)
{
    size_t cap = v->cap ? v->cap * 2 : 64;
    bw_text_line *lines = bw_xcalloc(cap, sizeof(*lines));
    for (size_t i = 0; i < v->count; i++)
        lines[i] = *bw_text_line_at(v, i);
    free(v->lines);
    v->lines = lines;
    v->cap = cap;
    v->first = 0;
}

static void extend_line(bw_text_line *l, bw_style style, bw_slice text)
{
    bw_buf clean = BW_BUF_INIT;
    bw_text_sanitise(&clean, text);
    l->text = bw_xrealloc(l->text, l->len + clean.len + 1);
    if (clean.len)
        memcpy(l->text + l->len, clean.ptr, clean.len);
    l->spans = bw_xrealloc(l->spans, (l->span_count + 1) * sizeof(*l->spans));
    l->spans[l->span_count++] = (bw_text_span){l->len, (uint32_t)clean.len, style};
    l->len += (uint32_t)clean.len;
    l->text[l->len] = '\0';
    bw_buf_fini(&clean);
}

static void add_line(bw_text_view *v, bw_style style, bw_slice text)
{
    if (v->count == v->max)
        drop_oldest(v);
    if (v->count == v->cap)
        grow_ring(v);
    bw_text_line *l = bw_text_line_at(v, v->count++);
    *l = (bw_text_line){.hang = v->hang};
    extend_line(l, style, text);
    if (v->top < v->base) { /* what was read is gone */
        v->top = v->base;
        v->part = 0;
    }
}

void bw_text_view_add(bw_text_view *v, bw_style style, bw_slice text)
{
    for (;;) {
        const char *end = text.len ? memchr(text.ptr, '\n', text.len) : NULL;
        size_t n = end ? (size_t)(end - text.ptr) : text.len;
        add_line(v, style, (bw_slice){text.ptr, n});
        if (!end)
            return;
        text.ptr += n + 1;
        text.len -= n + 1;
    }
}

void bw_text_view_addf(bw_text_view *v, bw_style style, const char *fmt, ...)
{
    bw_buf text = BW_BUF_INIT;
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n >= 0) {
        vsnprintf(bw_buf_reserve(&text, (size_t)n + 1), (size_t)n + 1, fmt, again);
        text.len = (size_t)n;
    }
    va_end(again);
    bw_text_view_add(v, style, bw_buf_slice(&text));
    bw_buf_fini(&text);
}

void bw_text_view_extend(bw_text_view *v, bw_style style, bw_slice text)
{
    if (v->count == 0)
        add_line(v, style, text);
    else
        extend_line(bw_text_line_at(v, v->count - 1), style, text);
}

size_t bw_text_view_lines(const bw_text_view *v)
{
    return v->count;
}

bw_slice bw_text_view_line(const bw_text_view *v, size_t n)
{
    const bw_text_line *l = bw_text_line_at(v, n);
    return (bw_slice){l->text, l->len};
}

/* On a narrow screen the text is worth more than its shape. */
int bw_text_row_indent(const bw_text_line *l, size_t at, int cols)
{
    int most = cols > 32 ? cols - 30 : 2;
    return at == 0 ? 0 : l->hang < most ? l->hang : most;
}

/* Breaks at a blank where there is one. */
size_t bw_text_row_bytes(const bw_text_line *l, size_t at, int cols)
{
    bw_slice rest = {l->text + at, l->len - at};
    size_t n = bw_text_fit(rest, cols - bw_text_row_indent(l, at, cols), NULL);
    if (n == 0)
        return bw_cluster_next(rest, &(int){0});
    if (n == rest.len)
        return n;
    for (size_t i = n; i > n / 2; i--) {
        if (rest.ptr[i - 1] == ' ')
            return i;
    }
    return n;
}

/* Rows that a line takes on the screen. */
static int rows_of(const bw_text_view *v, size_t n)
{
    const bw_text_line *l = bw_text_line_at(v, n);
    int rows = 0, cols = v->drawn.cols > 0 ? v->drawn.cols : 1;
    if (!v->wrap || l->len == 0)
        return 1;
    for (size_t at = 0; at < l->len; rows++)
        at += bw_text_row_bytes(l, at, cols);
    return rows;
}

int bw_text_view_page(const bw_text_view *v)
{
    return v->drawn.rows > 1 ? v->drawn.rows : 1;
}

/* Moves the first row shown by rows, without leaving the text. */
static void move_top(bw_text_view *v, int64_t by)
{
    size_t at = (size_t)(v->top - v->base);
    int part = v->part;
    for (; by > 0 && v->count; by--) {
        if (part + 1 < rows_of(v, at))
            part++;
        else if (at + 1 < v->count) {
            at++;
            part = 0;
        } else
            break;
    }
    for (; by < 0; by++) {
        if (part > 0)
            part--;
        else if (at > 0)
            part = rows_of(v, --at) - 1;
        else
            break;
    }
    v->top = v->base + at;
    v->part = part;
}

/* The first row shown when the last line is at the bottom. */
static void find_end(const bw_text_view *v, uint64_t *top, int *part)
{
    int left = bw_text_view_page(v);
    size_t at = v->count;
    *top = v->base;
    *part = 0;
    while (at > 0 && left > 0) {
        int rows = rows_of(v, --at);
        *top = v->base + at;
        *part = rows > left ? rows - left : 0;
        left -= rows;
    }
}

/* Never beyond the end; at the end means there is nothing more below. */
bool bw_text_view_clamp(bw_text_view *v)
{
    uint64_t top;
    int part;
    find_end(v, &top, &part);
    bool beyond = v->top > top || (v->top == top && v->part >= part);
    if (beyond || v->follow) {
        v->top = top;
        v->part = part;
    }
    return beyond;
}

void bw_text_view_follow(bw_text_view *v, bool on)
{
    v->follow = on;
    v->tail |= on;
}

bool bw_text_view_following(const bw_text_view *v)
{
    return v->follow;
}

void bw_text_view_wrap(bw_text_view *v, bool on)
{
    v->wrap = on;
    v->part = 0;
    v->side = 0;
}

void bw_text_view_hang(bw_text_view *v, int cells)
{
    v->hang = cells;
}

static bool has_capital(const char *s)
{
    for (; *s; s++) {
        if (*s >= 'A' && *s <= 'Z')
            return true;
    }
    return false;
}

/* The first place of the search in text from byte `from` on, SIZE_MAX for none. */
size_t bw_text_find(const bw_text_view *v, bw_slice text, size_t from)
{
    size_t len = strlen(v->search);
    bool exact = has_capital(v->search);
    for (size_t i = from; len > 0 && i + len <= text.len; i++) {
        if ((text.ptr[i] | 0x20) != (v->search[0] | 0x20)) /* most places end here */
            continue;
        if (exact ? memcmp(text.ptr + i, v->search, len) == 0
                  : strncasecmp(text.ptr + i, v->search, len) == 0)
            return i;
    }
    return SIZE_MAX;
}

static bool show_match(bw_text_view *v, size_t n)
{
    uint64_t number = v->base + n;
    v->match = number;
    v->follow = false;
    uint64_t end = v->top + (uint64_t)bw_text_view_page(v);
    if (number < v->top || number >= end || v->wrap) {
        v->top = number;
        v->part = 0;
        bw_text_view_clamp(v);
    }
    return true;
}

/* Looks at all lines, beginning with `from` (an index), forwards or backwards, around the end. */
static bool search_from(bw_text_view *v, size_t from, bool backwards)
{
    for (size_t i = 0; i < v->count; i++) {
        size_t n = backwards ? (from + v->count - i % v->count) % v->count : (from + i) % v->count;
        if (bw_text_find(v, bw_text_view_line(v, n), 0) != SIZE_MAX)
            return show_match(v, n);
    }
    return false;
}

bool bw_text_view_search(bw_text_view *v, const char *text)
{
    char *copy = bw_xstrdup(text);
    free(v->search);
    v->search = copy;
    v->match = UINT64_MAX;
    return text[0] == '\0' || search_from(v, (size_t)(v->top - v->base), false);
}

bool bw_text_view_search_next(bw_text_view *v, bool backwards)
{
    if (!v->search[0] || v->count == 0)
        return false;
    uint64_t at = v->match == UINT64_MAX || v->match < v->base ? v->top : v->match;
    size_t n = (size_t)(at - v->base);
    return search_from(v, backwards ? (n + v->count - 1) % v->count : (n + 1) % v->count,
                       backwards);
}

static bw_reaction scroll(bw_text_view *v, int64_t by)
{
    uint64_t top = v->top;
    int part = v->part;
    if (by < 0)
        v->follow = false;
    move_top(v, by);
    bw_text_view_clamp(v);
    return top != v->top || part != v->part ? BW_REACT_REDRAW : BW_REACT_HANDLED;
}

static bw_reaction scroll_side(bw_text_view *v, int by)
{
    int side = v->side + by;
    side = side < 0 || v->wrap ? 0 : side;
    bool moved = side != v->side;
    v->side = side;
    return moved ? BW_REACT_REDRAW : BW_REACT_HANDLED;
}

bw_reaction bw_text_view_act(bw_text_view *v, int action)
{
    int64_t page = bw_text_view_page(v) > 1 ? bw_text_view_page(v) - 1 : 1;
    switch (action) {
    case BW_ACTION_UP:
        return scroll(v, -1);
    case BW_ACTION_DOWN:
        return scroll(v, 1);
    case BW_ACTION_PAGE_UP:
        return scroll(v, -page);
    case BW_ACTION_PAGE_DOWN:
        return scroll(v, page);
    case BW_ACTION_HOME:
        v->follow = false;
        v->top = v->base;
        v->part = v->side = 0;
        return BW_REACT_REDRAW;
    case BW_ACTION_END:
        find_end(v, &v->top, &v->part);
        v->follow = v->tail;
        return BW_REACT_REDRAW;
    case BW_ACTION_LEFT:
        return scroll_side(v, -SIDE_STEP);
    case BW_ACTION_RIGHT:
        return scroll_side(v, SIDE_STEP);
    case BW_ACTION_FOLLOW:
        bw_text_view_follow(v, !v->follow);
        return BW_REACT_REDRAW;
    case BW_ACTION_WRAP:
        bw_text_view_wrap(v, !v->wrap);
        return BW_REACT_REDRAW;
    case BW_ACTION_SEARCH_NEXT:
        return bw_text_view_search_next(v, false) ? BW_REACT_REDRAW : BW_REACT_HANDLED;
    case BW_ACTION_SEARCH_PREVIOUS:
        return bw_text_view_search_next(v, true) ? BW_REACT_REDRAW : BW_REACT_HANDLED;
    case BW_ACTION_BACK:
        if (!v->search[0])
            return BW_REACT_NONE;
        (void)bw_text_view_search(v, "");
        return BW_REACT_REDRAW;
    default:
        return BW_REACT_NONE;
    }
}

bw_reaction bw_text_view_mouse(bw_text_view *v, const bw_input *event)
{
    if (!bw_region_has(v->drawn, event->row, event->col))
        return BW_REACT_NONE;
    if (event->type == BW_EVENT_WHEEL_UP)
        return scroll(v, -WHEEL_LINES);
    return event->type == BW_EVENT_WHEEL_DOWN ? scroll(v, WHEEL_LINES) : BW_REACT_NONE;
}
