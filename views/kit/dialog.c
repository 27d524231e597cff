#include "views/kit/dialog.h"

#include <stdio.h>
#include <stdlib.h>

#include "views/kit/prompt.h"

#define WIDEST       72
#define NAMES_LISTED 5

struct bw_dialog {
    char *title, *verb, *what, *effect, *environment;
    bw_role environment_role;
    bool danger;
    char **ids, **names;
    size_t count;
    char *type;        /* what has to be typed; NULL when a key is enough */
    bw_prompt *prompt; /* where it is typed */
    bool confirm_focused, drawn, mismatch;
    bw_region buttons[2]; /* where they were drawn: cancel, confirm */
};

static char *copy(const char *s)
{
    return bw_xstrdup(s ? s : "");
}

/* What the operator has to type, NULL when nothing. */
static char *typed_text(const bw_dialog_options *o)
{
    if (!o->typed && o->count <= BW_DIALOG_TYPED_OVER)
        return NULL;
    if (o->type && o->type[0])
        return bw_xstrdup(o->type);
    if (o->count == 1)
        return bw_xstrdup(o->names ? o->names[0] : o->ids[0]);
    return bw_xasprintf("%zu", o->count);
}

bw_dialog *bw_dialog_new(const bw_dialog_options *o)
{
    bw_dialog *d = bw_xcalloc(1, sizeof(*d));
    d->title = copy(o->title);
    d->verb = copy(o->verb);
    d->what = copy(o->what);
    d->effect = copy(o->effect);
    d->environment = copy(o->environment);
    d->environment_role = o->environment_role;
    d->danger = o->danger;
    d->count = o->count;
    d->ids = bw_xcalloc(o->count + 1, sizeof(*d->ids));
    d->names = bw_xcalloc(o->count + 1, sizeof(*d->names));
    for (size_t i = 0; i < o->count; i++) {
        d->ids[i] = bw_xstrdup(o->ids[i]);
        d->names[i] = bw_xstrdup(o->names ? o->names[i] : o->ids[i]);
    }
    d->type = typed_text(o);
    if (d->type)
        d->prompt = bw_prompt_new(&(bw_prompt_options){.label = "> ", .max = 512});
    return d;
}

void bw_dialog_free(bw_dialog *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->count; i++) {
        free(d->ids[i]);
        free(d->names[i]);
    }
    free(d->ids);
    free(d->names);
    free(d->title);
    free(d->verb);
    free(d->what);
    free(d->effect);
    free(d->environment);
    free(d->type);
    bw_prompt_free(d->prompt);
    free(d);
}

static bool matches(const bw_dialog *d)
{
    return !d->prompt || strcmp(bw_prompt_text(d->prompt), d->type) == 0;
}

/* Confirms, unless something has to be typed and is not. */
static bw_reaction confirm(bw_dialog *d)
{
    d->mismatch = !matches(d);
    return d->mismatch ? BW_REACT_REDRAW : BW_REACT_ACCEPT | BW_REACT_REDRAW;
}

static bw_reaction click(bw_dialog *d, const bw_input *event)
{
    if (bw_region_has(d->buttons[0], event->row, event->col))
        return BW_REACT_CANCEL | BW_REACT_REDRAW;
    if (bw_region_has(d->buttons[1], event->row, event->col))
        return confirm(d);
    return BW_REACT_HANDLED;
}

static bw_reaction typed_key(bw_dialog *d, const bw_input *event)
{
    bw_reaction reaction = bw_prompt_event(d->prompt, event);
    if (reaction & BW_REACT_CHANGE)
        d->mismatch = false;
    return (reaction & BW_REACT_REDRAW) | BW_REACT_HANDLED;
}

bw_reaction bw_dialog_event(bw_dialog *d, const bw_input *event)
{
    static const char *const switches[] = {"tab", "shift-tab", "left", "right", "up", "down"};
    if (bw_input_is(event, "esc") || bw_input_is(event, "ctrl-g"))
        return BW_REACT_CANCEL | BW_REACT_REDRAW;
    if (!d->drawn) /* typed ahead: nobody has read the question yet */
        return BW_REACT_HANDLED;
    if (event->type == BW_EVENT_CLICK)
        return click(d, event);
    for (size_t i = 0; i < BW_COUNT(switches); i++) {
        bool vertical = i < 2 || i > 3;
        if (bw_input_is(event, switches[i]) && (vertical || !d->prompt)) {
            d->confirm_focused = !d->confirm_focused;
            return BW_REACT_REDRAW;
        }
    }
    if (bw_input_is(event, "enter")) {
        /* In the typed form enter means what was typed; an empty line is still a cancel. */
        bool typed = d->prompt && bw_prompt_text(d->prompt)[0];
        return d->confirm_focused || typed ? confirm(d) : BW_REACT_CANCEL | BW_REACT_REDRAW;
    }
    if (d->prompt)
        return typed_key(d, event);
    if (bw_input_is(event, "y"))
        return confirm(d);
    if (bw_input_is(event, "n") || bw_input_is(event, "q"))
        return BW_REACT_CANCEL | BW_REACT_REDRAW;
    return BW_REACT_HANDLED;
}

/* "shop.orders", or "12 dead letters: 4711, 4712, 4713 ... and 9 more". */
static void describe_targets(const bw_dialog *d, bw_buf *out)
{
    if (d->count == 1) {
        bw_buf_addf(out, "%s%s%s", d->what, d->what[0] ? " " : "", d->names[0]);
        return;
    }
    bw_buf_addf(out, "%zu %s: ", d->count, d->what);
    for (size_t i = 0; i < d->count && i < NAMES_LISTED; i++)
        bw_buf_addf(out, "%s%s", i ? ", " : "", d->names[i]);
    if (d->count > NAMES_LISTED)
        bw_buf_addf(out, " and %zu more", d->count - NAMES_LISTED);
}

static int draw_button(bw_dialog *d, bw_region r, int row, int col, int which, const char *text)
{
    bool focus = (which == 1) == d->confirm_focused;
    bool off = which == 1 && !matches(d);
    char label[160];
    snprintf(label, sizeof(label), "%c %.120s %c", focus ? '[' : ' ', text, focus ? ']' : ' ');
    int width = bw_cells(bw_slice_cstr(label));
    bw_style style = off                       ? BW_ROLE_DISABLED
                     : which == 1 && d->danger ? BW_ROLE_DANGER
                     : focus                   ? BW_ROLE_BUTTON_FOCUS
                                               : BW_ROLE_BUTTON;
    if (focus)
        style |= BW_WITH(BW_ATTR_BOLD);
    bw_region_puts(r, row, col, style | BW_ON(BW_ROLE_DIALOG), label);
    d->buttons[which] = bw_region_sub(r, row, col, 1, width);
    if (focus && !d->prompt)
        bw_region_cursor(r, row, col, false);
    return col + width;
}

static void draw_answers(bw_dialog *d, bw_region r, int row)
{
    const bw_style muted = BW_ROLE_MUTED | BW_ON(BW_ROLE_DIALOG);
    int col = draw_button(d, r, row, 0, 0, "cancel");
    draw_button(d, r, row, col + 2, 1, d->verb);
    char keys[120];
    if (d->prompt)
        snprintf(keys, sizeof(keys), "enter %.60s once it is typed   esc cancel", d->verb);
    else
        snprintf(keys, sizeof(keys), "y %.60s   n or esc cancel", d->verb);
    bw_region_field(r, row + 1, 0, r.cols, BW_ALIGN_LEFT, muted, bw_slice_cstr(keys));
}

/* Draws the inside from row 0 on, or only counts its rows (on a region of a canvas that is thrown
   away). Returns the row of the buttons. */
static int draw_body(bw_dialog *d, bw_region r)
{
    const bw_style text = BW_ROLE_TEXT | BW_ON(BW_ROLE_DIALOG);
    bw_buf targets = BW_BUF_INIT;
    int row = 0;
    if (d->environment[0]) {
        char label[100];
        snprintf(label, sizeof(label), " %.80s ", d->environment);
        bw_region_puts(r, row, 0, d->environment_role | BW_ON(BW_ROLE_DIALOG), label);
        row++;
    }
    describe_targets(d, &targets);
    row += bw_region_wrap(bw_region_sub(r, row, 0, r.rows - row > 6 ? 3 : 1, -1), 0,
                          text | BW_WITH(BW_ATTR_BOLD), bw_buf_slice(&targets));
    bw_buf_fini(&targets);
    /* Below the effect: buttons and keys, and the two lines of what has to be typed. */
    int reserved = d->prompt ? 5 : 3, room = r.rows - row - reserved;
    if (room > 0)
        row +=
            bw_region_wrap(bw_region_sub(r, row, 0, room, -1), 0, text, bw_slice_cstr(d->effect));
    if (d->prompt) {
        bw_region_putf(r, row, 0, text, "Type %s to %s:", d->type, d->verb);
        bw_prompt_draw(d->prompt, bw_region_sub(r, row + 1, 0, 1, -1));
        if (d->mismatch)
            bw_region_field(r, row + 2, 0, r.cols, BW_ALIGN_LEFT,
                            BW_ROLE_ERROR | BW_ON(BW_ROLE_DIALOG),
                            BW_SLICE_LIT("that is not what has to be typed"));
        row += 2;
    }
    return row + (r.rows - row > 2 ? 1 : 0);
}

/* The inside of a dialog that needs `rows` rows at most; the frame is drawn around it. */
static bw_region place(bw_region r, int cols, int rows)
{
    if (rows + 2 > r.rows)
        rows = r.rows - 2;
    bw_region box =
        bw_region_sub(r, (r.rows - rows - 2) / 2, (r.cols - cols - 4) / 2, rows + 2, cols + 4);
    bw_region_fill(box, BW_ROLE_TEXT | BW_ON(BW_ROLE_DIALOG));
    return box;
}

void bw_dialog_draw(bw_dialog *d, bw_region r)
{
    int cols = (r.cols < WIDEST ? r.cols : WIDEST) - 4;
    /* Once on paper to learn the height, once in place. */
    bw_canvas *paper = bw_canvas_new(r.rows - 2, cols, r.canvas->glyphs);
    int rows = draw_body(d, bw_canvas_region(paper)) + 2;
    bw_canvas_free(paper);
    bw_region box = place(r, cols, rows);
    bw_style frame = (d->danger ? BW_ROLE_ERROR : BW_ROLE_BORDER) | BW_ON(BW_ROLE_DIALOG);
    bw_region_frame(box, frame, d->title);
    bw_region inside = bw_region_sub(box, 1, 2, box.rows - 2, box.cols - 4);
    draw_answers(d, inside, draw_body(d, inside));
    d->drawn = true;
}

size_t bw_dialog_count(const bw_dialog *d)
{
    return d->count;
}

const char *bw_dialog_id(const bw_dialog *d, size_t n)
{
    return d->ids[n];
}

const char *bw_dialog_typed(const bw_dialog *d)
{
    return d->type;
}
