#include "views/kit/prompt.h"

#include <stdlib.h>

#include "backend/core/text.h"

#define DEFAULT_MAX    4096
#define CANDIDATE_ROWS 8

struct bw_prompt {
    char *label;
    char *text;
    size_t len, cursor, max; /* cursor: byte, on a cluster's boundary */
    bw_history *history;
    size_t place; /* in the history; count: the line that is being typed */
    char *draft;  /* that line, while the history is looked at */
    void (*complete)(void *user, const char *text, bw_candidates *out);
    void *user;
    bw_candidates candidates;
    size_t chosen; /* candidate that stands in the line; SIZE_MAX: none */
    char *begun;   /* the line before completion */
    char *complaint;
};

void bw_candidates_add(bw_candidates *c, const char *text, const char *help)
{
    BW_GROW(c->items, c->count + 1, c->cap);
    c->items[c->count++] = (bw_candidate){bw_xstrdup(text), help};
}

void bw_candidates_fini(bw_candidates *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->items[i].text);
    free(c->items);
    *c = (bw_candidates){NULL, 0, 0};
}

static void history_remove(bw_history *h, size_t i)
{
    free(h->line[i]);
    memmove(&h->line[i], &h->line[i + 1], (h->count - i - 1) * sizeof(*h->line));
    h->count--;
}

void bw_history_add(bw_history *h, const char *line)
{
    if (!line[0])
        return;
    for (size_t i = 0; i < h->count; i++) {
        if (strcmp(h->line[i], line) == 0) {
            history_remove(h, i);
            break;
        }
    }
    if (h->count == BW_HISTORY_MAX)
        history_remove(h, 0);
    BW_GROW(h->line, h->count + 1, h->cap);
    h->line[h->count++] = bw_xstrdup(line);
}

void bw_history_fini(bw_history *h)
{
    while (h->count)
        history_remove(h, h->count - 1);
    free(h->line);
    *h = (bw_history){NULL, 0, 0};
}

static void set_text(bw_prompt *p, const char *text)
{
    size_t n = strlen(text);
    if (n > p->max)
        n = p->max;
    memmove(p->text, text, n);
    n = bw_utf8_valid_prefix((bw_slice){p->text, n});
    p->text[n] = '\0';
    p->len = p->cursor = n;
}

bw_prompt *bw_prompt_new(const bw_prompt_options *options)
{
    bw_prompt *p = bw_xcalloc(1, sizeof(*p));
    p->label = bw_xstrdup(options->label ? options->label : "");
    p->max = options->max ? options->max : DEFAULT_MAX;
    p->text = bw_xcalloc(p->max + 1, 1);
    p->history = options->history;
    p->place = p->history ? p->history->count : 0;
    p->complete = options->complete;
    p->user = options->user;
    p->chosen = SIZE_MAX;
    set_text(p, options->text ? options->text : "");
    return p;
}

void bw_prompt_free(bw_prompt *p)
{
    if (!p)
        return;
    bw_candidates_fini(&p->candidates);
    free(p->label);
    free(p->text);
    free(p->draft);
    free(p->begun);
    free(p->complaint);
    free(p);
}

const char *bw_prompt_text(const bw_prompt *p)
{
    return p->text;
}

void bw_prompt_set(bw_prompt *p, const char *text)
{
    set_text(p, text);
}

void bw_prompt_complain(bw_prompt *p, const char *complaint)
{
    free(p->complaint);
    p->complaint = complaint ? bw_xstrdup(complaint) : NULL;
}

static size_t before(const bw_prompt *p, size_t at)
{
    size_t last = 0, n;
    int width;
    for (size_t i = 0; i < at; i += n) {
        last = i;
        n = bw_cluster_next((bw_slice){p->text + i, p->len - i}, &width);
        if (n == 0)
            break;
    }
    return last;
}

static size_t after(const bw_prompt *p, size_t at)
{
    int width;
    return at + bw_cluster_next((bw_slice){p->text + at, p->len - at}, &width);
}

static size_t word_before(const bw_prompt *p)
{
    size_t at = p->cursor;
    while (at > 0 && p->text[at - 1] == ' ')
        at--;
    while (at > 0 && p->text[at - 1] != ' ')
        at--;
    return at;
}

static bw_reaction cut(bw_prompt *p, size_t from, size_t to)
{
    if (from == to)
        return BW_REACT_HANDLED;
    memmove(p->text + from, p->text + to, p->len - to + 1);
    p->len -= to - from;
    p->cursor = from;
    return BW_REACT_REDRAW | BW_REACT_CHANGE;
}

static bw_reaction insert(bw_prompt *p, bw_slice text)
{
    if (text.len == 0 || p->len + text.len > p->max)
        return BW_REACT_HANDLED;
    memmove(p->text + p->cursor + text.len, p->text + p->cursor, p->len - p->cursor + 1);
    memcpy(p->text + p->cursor, text.ptr, text.len);
    p->len += text.len;
    p->cursor += text.len;
    return BW_REACT_REDRAW | BW_REACT_CHANGE;
}

/* Pasted text comes from outside: line breaks and tabs become blanks, so that nothing is submitted,
   and whatever else could act on a terminal becomes visible. */
static bw_reaction paste(bw_prompt *p, bw_slice text)
{
    bw_buf blanked = BW_BUF_INIT, clean = BW_BUF_INIT;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool space = c == '\n' || c == '\r' || c == '\t';
        if (!space || (i > 0 && !(c == '\n' && text.ptr[i - 1] == '\r')))
            bw_buf_addc(&blanked, space ? ' ' : c);
    }
    while (blanked.len && blanked.ptr[blanked.len - 1] == ' ')
        blanked.len--;
    bw_text_sanitise(&clean, bw_buf_slice(&blanked));
    size_t room = p->max - p->len;
    if (clean.len > room)
        clean.len = bw_utf8_valid_prefix((bw_slice){clean.ptr, room});
    bw_reaction reaction = insert(p, bw_buf_slice(&clean));
    bw_buf_fini(&blanked);
    bw_buf_fini(&clean);
    return reaction;
}

static bw_reaction recall(bw_prompt *p, int by)
{
    bw_history *h = p->history;
    if (h && p->place > h->count)
        p->place = h->count;
    if (!h || (by < 0 && p->place == 0) || (by > 0 && p->place >= h->count))
        return BW_REACT_HANDLED;
    if (p->place == h->count) {
        free(p->draft);
        p->draft = bw_xstrdup(p->text);
    }
    p->place = by < 0 ? p->place - 1 : p->place + 1;
    set_text(p, p->place < h->count ? h->line[p->place] : p->draft ? p->draft : "");
    return BW_REACT_REDRAW | BW_REACT_CHANGE;
}

static void end_completion(bw_prompt *p)
{
    bw_candidates_fini(&p->candidates);
    p->chosen = SIZE_MAX;
}

/* How much the candidates have in common at their beginning. */
static size_t common(const bw_candidates *c)
{
    size_t n = strlen(c->items[0].text);
    for (size_t i = 1; i < c->count; i++) {
        size_t k = 0;
        while (k < n && c->items[i].text[k] == c->items[0].text[k])
            k++;
        n = k;
    }
    return bw_utf8_valid_prefix((bw_slice){c->items[0].text, n});
}

/* The first tab completes what is certain; the next ones go through the candidates. */
static bw_reaction complete(bw_prompt *p, int by)
{
    if (!p->complete)
        return BW_REACT_HANDLED;
    if (p->candidates.count == 0) {
        p->complete(p->user, p->text, &p->candidates);
        p->chosen = SIZE_MAX;
        free(p->begun);
        p->begun = bw_xstrdup(p->text);
        if (p->candidates.count == 0)
            return BW_REACT_HANDLED;
        size_t n = common(&p->candidates);
        bool one = p->candidates.count == 1;
        if (n > p->len || one) {
            char *line = bw_xstrndup(p->candidates.items[0].text, n);
            set_text(p, line);
            free(line);
            if (one)
                end_completion(p);
            return BW_REACT_REDRAW | BW_REACT_CHANGE;
        }
    }
    size_t n = p->candidates.count;
    if (p->chosen == SIZE_MAX)
        p->chosen = by > 0 ? 0 : n - 1;
    else
        p->chosen = (p->chosen + (by > 0 ? 1 : n - 1)) % n;
    set_text(p, p->candidates.items[p->chosen].text);
    return BW_REACT_REDRAW | BW_REACT_CHANGE;
}

typedef enum edit {
    LEFT,
    RIGHT,
    BEGIN,
    END,
    BACKSPACE,
    DELETE,
    WORD,
    TO_BEGIN,
    TO_END,
    OLDER,
    NEWER,
    COMPLETE,
    COMPLETE_BACK,
    SUBMIT,
    ABANDON,
    EDIT_NONE
} edit;

static edit edit_of(const char *key)
{
    static const struct {
        const char *key;
        edit edit;
    } keys[] = {
        {"left", LEFT},
        {"ctrl-b", LEFT},
        {"right", RIGHT},
        {"ctrl-f", RIGHT},
        {"home", BEGIN},
        {"ctrl-a", BEGIN},
        {"end", END},
        {"ctrl-e", END},
        {"backspace", BACKSPACE},
        {"ctrl-h", BACKSPACE},
        {"delete", DELETE},
        {"ctrl-d", DELETE},
        {"ctrl-w", WORD},
        {"alt-backspace", WORD},
        {"ctrl-u", TO_BEGIN},
        {"ctrl-k", TO_END},
        {"up", OLDER},
        {"ctrl-p", OLDER},
        {"down", NEWER},
        {"ctrl-n", NEWER},
        {"tab", COMPLETE},
        {"shift-tab", COMPLETE_BACK},
        {"enter", SUBMIT},
        {"esc", ABANDON},
        {"ctrl-g", ABANDON},
    };
    for (size_t i = 0; i < BW_COUNT(keys); i++) {
        if (strcmp(keys[i].key, key) == 0)
            return keys[i].edit;
    }
    return EDIT_NONE;
}

static bw_reaction move(bw_prompt *p, size_t to)
{
    bool moved = p->cursor != to;
    p->cursor = to;
    return moved ? BW_REACT_REDRAW : BW_REACT_HANDLED;
}

static bw_reaction apply(bw_prompt *p, edit e)
{
    switch (e) {
    case LEFT:
        return move(p, before(p, p->cursor));
    case RIGHT:
        return move(p, after(p, p->cursor));
    case BEGIN:
        return move(p, 0);
    case END:
        return move(p, p->len);
    case BACKSPACE:
        return cut(p, before(p, p->cursor), p->cursor);
    case DELETE:
        return cut(p, p->cursor, after(p, p->cursor));
    case WORD:
        return cut(p, word_before(p), p->cursor);
    case TO_BEGIN:
        return cut(p, 0, p->cursor);
    case TO_END:
        return cut(p, p->cursor, p->len);
    case OLDER:
        return recall(p, -1);
    case NEWER:
        return recall(p, 1);
    case COMPLETE:
        return complete(p, 1);
    case COMPLETE_BACK:
        return complete(p, -1);
    case SUBMIT:
        if (p->history) {
            bw_history_add(p->history, p->text);
            p->place = p->history->count;
        }
        return BW_REACT_ACCEPT | BW_REACT_REDRAW;
    case ABANDON:
        return BW_REACT_CANCEL | BW_REACT_REDRAW;
    case EDIT_NONE:
        break;
    }
    return BW_REACT_NONE;
}

bw_reaction bw_prompt_event(bw_prompt *p, const bw_input *event)
{
    bw_reaction reaction = BW_REACT_NONE;
    edit e = event->type == BW_EVENT_KEY ? edit_of(event->key) : EDIT_NONE;
    if (e == ABANDON && p->candidates.count > 0) {
        /* The first esc only ends the completion. */
        end_completion(p);
        set_text(p, p->begun);
        return BW_REACT_REDRAW | BW_REACT_CHANGE;
    }
    if (e != COMPLETE && e != COMPLETE_BACK)
        end_completion(p);
    if (e != EDIT_NONE)
        reaction = apply(p, e);
    else if (event->type == BW_EVENT_PASTE)
        reaction = paste(p, event->text);
    else if (event->type == BW_EVENT_KEY && event->printable)
        reaction = insert(p, bw_input_text(event));
    if (reaction & BW_REACT_CHANGE)
        bw_prompt_complain(p, NULL);
    return reaction;
}

int bw_prompt_rows(const bw_prompt *p)
{
    size_t n = p->candidates.count;
    return 1 + (int)(n > CANDIDATE_ROWS ? CANDIDATE_ROWS : n);
}

static void draw_candidates(const bw_prompt *p, bw_region r)
{
    size_t rows = (size_t)(r.rows > 1 ? r.rows - 1 : 0), n = p->candidates.count;
    if (rows > CANDIDATE_ROWS)
        rows = CANDIDATE_ROWS;
    if (rows > n)
        rows = n;
    size_t first = p->chosen != SIZE_MAX && p->chosen >= rows ? p->chosen - rows + 1 : 0;
    int widest = 0;
    for (size_t i = 0; i < n; i++) {
        int cells = bw_cells(bw_slice_cstr(p->candidates.items[i].text));
        widest = cells > widest ? cells : widest;
    }
    for (size_t i = 0; i < rows; i++) {
        const bw_candidate *c = &p->candidates.items[first + i];
        bool here = first + i == p->chosen;
        int row = r.rows - 1 - (int)rows + (int)i, help = widest + 3;
        bw_style on = BW_ON(here ? BW_ROLE_SELECTED : BW_ROLE_DIALOG);
        bw_region_fill(bw_region_sub(r, row, 0, 1, -1), BW_ROLE_HINT | on);
        bw_region_field(r, row, 1, r.cols - 2, BW_ALIGN_LEFT,
                        (here ? BW_ROLE_TEXT : BW_ROLE_HINT) | on, bw_slice_cstr(c->text));
        if (c->help && help + 10 < r.cols)
            bw_region_field(r, row, help, r.cols - help - 1, BW_ALIGN_LEFT, BW_ROLE_MUTED | on,
                            bw_slice_cstr(c->help));
    }
}

void bw_prompt_draw(const bw_prompt *p, bw_region r)
{
    int row = r.rows - 1;
    if (row < 0)
        return;
    bw_region_fill(bw_region_sub(r, row, 0, 1, -1), BW_ROLE_INPUT);
    int col = bw_region_puts(r, row, 0, BW_ROLE_PROMPT, p->label);
    int room = r.cols - col - 1;
    size_t from = 0;
    /* Scrolled by whole clusters until the cursor is inside. */
    while (from < p->cursor &&
           bw_cells((bw_slice){p->text + from, p->cursor - from}) > (room > 0 ? room : 0))
        from = after(p, from);
    int end = bw_region_put(r, row, col, BW_ROLE_INPUT, (bw_slice){p->text + from, p->len - from});
    if (p->complaint)
        bw_region_puts(r, row, end + 2, BW_ROLE_ERROR, p->complaint);
    bw_region_cursor(r, row, col + bw_cells((bw_slice){p->text + from, p->cursor - from}), true);
    draw_candidates(p, r);
}
