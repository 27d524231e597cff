#include "views/kit/layout.h"

#include <stdio.h>

bool bw_layout_fits(bw_region r)
{
    if (r.rows >= BW_SMALLEST_ROWS && r.cols >= BW_SMALLEST_COLS)
        return true;
    char text[64];
    snprintf(text, sizeof(text), "%dx%d is too small; %dx%d is needed", r.cols, r.rows,
             BW_SMALLEST_COLS, BW_SMALLEST_ROWS);
    bw_region_field(r, r.rows / 2, 0, r.cols, BW_ALIGN_CENTRE, BW_ROLE_WARN, bw_slice_cstr(text));
    return false;
}

#define PARTS 32

static bool shown(const bw_part *p)
{
    return p->text && p->text[0];
}

static int parts_width(const bw_part *parts, const bool *out, size_t count, int gap)
{
    int width = 0;
    for (size_t i = 0; i < count; i++) {
        if (!out[i])
            width += bw_cells(bw_slice_cstr(parts[i].text)) + (width ? gap : 0);
    }
    return width;
}

/* Leaves parts out until the rest fits. */
static void choose(const bw_part *parts, bool *out, size_t count, int gap, int room)
{
    for (size_t i = 0; i < count; i++)
        out[i] = !shown(&parts[i]);
    while (parts_width(parts, out, count, gap) > room) {
        size_t victim = count;
        int worst = 1;
        for (size_t i = 0; i < count; i++) {
            if (!out[i] && parts[i].priority >= worst) {
                worst = parts[i].priority;
                victim = i;
            }
        }
        if (victim == count)
            return;
        out[victim] = true;
    }
}

void bw_parts_draw(bw_region r, int row, bw_style style, const bw_part *parts, size_t count,
                   int gap)
{
    bool out[PARTS];
    if (count > PARTS)
        count = PARTS;
    bw_region_fill(bw_region_sub(r, row, 0, 1, -1), style);
    choose(parts, out, count, gap, r.cols - 2);
    bw_style ground = BW_ON(BW_STYLE_ROLE(style));
    int right = r.cols - 1, left = 1;
    for (size_t i = count; i > 0; i--) {
        const bw_part *p = &parts[i - 1];
        if (out[i - 1] || !p->right)
            continue;
        int width = bw_cells(bw_slice_cstr(p->text));
        if (width > right - 1)
            width = right - 1;
        right -= width;
        bw_region_field(r, row, right, width, BW_ALIGN_LEFT, p->style | ground,
                        bw_slice_cstr(p->text));
        right -= gap;
    }
    for (size_t i = 0; i < count; i++) {
        const bw_part *p = &parts[i];
        if (out[i] || p->right)
            continue;
        int width = bw_cells(bw_slice_cstr(p->text));
        if (width > right - left)
            width = right - left;
        if (width <= 0)
            return;
        bw_region_field(r, row, left, width, BW_ALIGN_LEFT, p->style | ground,
                        bw_slice_cstr(p->text));
        left += width + gap;
    }
}

static bool is_hint(const bw_action_set *set, const bw_action *a, unsigned screen)
{
    return (a->flags & BW_ACT_HINT) && bw_action_on(set, a, screen) && bw_action_key(set, a, 0);
}

static void draw_hint(bw_footer *f, bw_region r, int row, int *col, const bw_action_set *set,
                      const bw_action *a, const bw_action_context *context)
{
    const char *key = bw_action_key(set, a, 0), *label = bw_action_label(a);
    int width = bw_cells(bw_slice_cstr(key)) + 1 + bw_cells(bw_slice_cstr(label));
    if (*col + width > r.cols - 1 || f->count == BW_FOOTER_HINTS)
        return;
    if ((a->flags & BW_ACT_FITTING) && context->refuse && context->refuse(context->user, a))
        return;
    bool off = bw_action_refusal(set, a, context) != NULL;
    int from = *col;
    *col = bw_region_puts(r, row, *col, off ? BW_ROLE_DISABLED : BW_ROLE_KEY, key);
    *col = bw_region_puts(r, row, *col + 1, off ? BW_ROLE_DISABLED : BW_ROLE_HINT, label);
    f->hint[f->count].from = r.col + from;
    f->hint[f->count].to = r.col + *col;
    f->hint[f->count++].action = a->id;
    *col += 2;
}

void bw_footer_draw(bw_footer *f, bw_region r, int row, const bw_action_set *set,
                    const bw_action_context *context)
{
    f->row = r.row + row;
    f->count = 0;
    bw_region_fill(bw_region_sub(r, row, 0, 1, -1), BW_ROLE_HINT);
    int col = 1;
    /* What the screen brings of its own says more than what works everywhere; help never gives way. */
    const bw_action *help = bw_action_by_id(set, BW_ACTION_HELP);
    bool has_help = help && is_hint(set, help, context->screen);
    bw_region own = r;
    if (has_help)
        own.cols -= bw_cells(bw_slice_cstr(bw_action_key(set, help, 0))) + 3 +
                    bw_cells(bw_slice_cstr(bw_action_label(help)));
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < bw_action_set_count(set); i++) {
            const bw_action *a = bw_action_at(set, i);
            bool specific = a->id >= BW_ACTION_FIRST_FREE || a->id == BW_ACTION_ENTER;
            if (specific == (pass == 0) && a != help && is_hint(set, a, context->screen))
                draw_hint(f, own, row, &col, set, a, context);
        }
    }
    if (has_help)
        draw_hint(f, r, row, &col, set, help, context);
}

int bw_footer_click(const bw_footer *f, const bw_input *event)
{
    if (event->type != BW_EVENT_CLICK || event->row != f->row)
        return BW_ACTION_NONE;
    for (int i = 0; i < f->count; i++) {
        if (event->col >= f->hint[i].from && event->col < f->hint[i].to)
            return f->hint[i].action;
    }
    return BW_ACTION_NONE;
}
