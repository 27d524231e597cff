#include "views/kit/graph.h"

#include <math.h>
#include <stdio.h>

#include "backend/core/text.h"
#include "backend/core/units.h"

#define BRAILLE_FIRST 0x2800

void bw_draw_bar(bw_region r, int row, int col, int width, double share, bw_style style)
{
    if (isnan(share) || width <= 0)
        return;
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    const bw_glyphs *g = r.canvas->glyphs;
    int eighths = (int)lround(share * width * 8);
    /* Something is not nothing, and not all is not all. */
    if (eighths == 0 && share > 0)
        eighths = 1;
    if (eighths == width * 8 && share < 1)
        eighths--;
    for (int i = 0; i < width; i++) {
        int part = eighths - i * 8;
        part = part < 0 ? 0 : part > 8 ? 8 : part;
        bw_region_puts(r, row, col + i, part ? style : BW_ROLE_BAR_EMPTY, g->bar[part]);
    }
}

static double largest(const double *values, size_t count)
{
    double max = NAN;
    for (size_t i = 0; i < count; i++) {
        if (!isnan(values[i]) && (isnan(max) || values[i] > max))
            max = values[i];
    }
    return max;
}

/* Steps of 1 to `steps` for a value from 0 to max: a measured 0 is the lowest step, not a gap. */
static int step_of(double value, double max, int steps)
{
    if (!(max > 0) || value <= 0)
        return 1;
    int step = (int)ceil(value / max * steps);
    return step < 1 ? 1 : step > steps ? steps : step;
}

void bw_draw_spark(bw_region r, int row, int col, int width, const double *values, size_t count,
                   double max, bw_style style)
{
    if (width <= 0)
        return;
    size_t shown = count < (size_t)width ? count : (size_t)width;
    const double *first = values + (count - shown);
    const bw_glyphs *g = r.canvas->glyphs;
    if (isnan(max))
        max = largest(first, shown);
    if (g->plain) {
        char text[BW_TIME_TEXT] = "";
        if (shown && !isnan(first[shown - 1]))
            bw_format_count(first[shown - 1], text);
        bw_region_field(r, row, col, width, BW_ALIGN_RIGHT, style, bw_slice_cstr(text));
        return;
    }
    for (size_t i = 0; i < shown; i++) {
        int at = col + width - (int)shown + (int)i;
        if (isnan(first[i]))
            bw_region_glyph(r, row, at, BW_ROLE_GRAPH_AXIS, BW_GLYPH_GAP);
        else
            bw_region_puts(r, row, at, style, g->level[step_of(first[i], max, 8)]);
    }
}

/* The next 1, 2 or 5 times a power of ten. */
static double round_up(double value)
{
    if (!(value > 0))
        return 1;
    double power = pow(10, floor(log10(value)));
    double digit = value / power;
    return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}

static const char *format_value(const bw_graph *g, double value, char *out, size_t size)
{
    if (isnan(value)) {
        snprintf(out, size, "-");
        return out;
    }
    if (g->format)
        return g->format(value, out, size);
    char text[BW_TIME_TEXT];
    snprintf(out, size, "%s", bw_format_count(value, text));
    return out;
}

/* The value for column x of n: the largest of those that fall on it, NAN when all are gaps. */
static double sample(const bw_graph *g, int x, int n)
{
    size_t from = (size_t)x * g->count / (size_t)n, to = ((size_t)x + 1) * g->count / (size_t)n;
    return largest(g->values + from, to > from ? to - from : from < g->count ? 1 : 0);
}

typedef struct plot {
    const bw_graph *graph;
    bw_region area;
    double max;
} plot;

static void draw_gap(const plot *p, int col)
{
    bw_region_glyph(p->area, p->area.rows - 1, col, BW_ROLE_GRAPH_AXIS, BW_GLYPH_GAP);
}

static void plot_levels(const plot *p)
{
    int rows = p->area.rows, cols = p->area.cols;
    for (int x = 0; x < cols; x++) {
        double value = sample(p->graph, x, cols);
        if (isnan(value)) {
            draw_gap(p, x);
            continue;
        }
        int step = step_of(value, p->max, rows * 8);
        for (int row = 0; row < rows; row++) {
            int part = step - (rows - 1 - row) * 8;
            if (part > 0)
                bw_region_puts(p->area, row, x, p->graph->style,
                               p->area.canvas->glyphs->level[part > 8 ? 8 : part]);
        }
    }
}

/* Unicode numbers the dots of a braille cell column by column, the lowest pair last. */
static int braille_bits(int height, bool right)
{
    static const int left_dots[4] = {0x40, 0x04, 0x02, 0x01};
    static const int right_dots[4] = {0x80, 0x20, 0x10, 0x08};
    int bits = 0;
    for (int i = 0; i < height && i < 4; i++)
        bits |= right ? right_dots[i] : left_dots[i];
    return bits;
}

static void plot_braille(const plot *p)
{
    int rows = p->area.rows, cols = p->area.cols;
    for (int x = 0; x < cols; x++) {
        double left = sample(p->graph, 2 * x, 2 * cols),
               right = sample(p->graph, 2 * x + 1, 2 * cols);
        if (isnan(left) && isnan(right)) {
            draw_gap(p, x);
            continue;
        }
        int a = isnan(left) ? 0 : step_of(left, p->max, rows * 4);
        int b = isnan(right) ? 0 : step_of(right, p->max, rows * 4);
        for (int row = 0; row < rows; row++) {
            int below = (rows - 1 - row) * 4;
            int bits = braille_bits(a - below, false) | braille_bits(b - below, true);
            char text[5] = "";
            if (bits) {
                text[bw_utf8_encode(BRAILLE_FIRST + bits, text)] = '\0';
                bw_region_puts(p->area, row, x, p->graph->style, text);
            }
        }
    }
}

static void draw_in_words(const bw_graph *g, bw_region r)
{
    char now[64], max[64];
    double last = g->count ? g->values[g->count - 1] : NAN;
    format_value(g, last, now, sizeof(now));
    format_value(g, largest(g->values, g->count), max, sizeof(max));
    bw_region_putf(r, 0, 0, BW_ROLE_TEXT, "%s: now %s, at most %s", g->title ? g->title : "", now,
                   max);
}

static void draw_time_axis(const bw_graph *g, bw_region r, int col)
{
    char ago[BW_TIME_TEXT];
    if (g->span_us <= 0)
        return;
    bw_region_putf(r, r.rows - 1, col, BW_ROLE_GRAPH_AXIS, "%s ago",
                   bw_format_duration(g->span_us, ago));
    bw_region_puts(r, r.rows - 1, r.cols - 3, BW_ROLE_GRAPH_AXIS, "now");
}

void bw_graph_draw(const bw_graph *g, bw_region r)
{
    if (r.rows < 3 || r.cols < 16 || r.canvas->glyphs->plain) {
        draw_in_words(g, r);
        return;
    }
    double top = g->max;
    if (isnan(top))
        top = round_up(largest(g->values, g->count));
    char max[64], zero[64], now[64];
    format_value(g, top, max, sizeof(max));
    format_value(g, 0, zero, sizeof(zero));
    int axis = bw_cells(bw_slice_cstr(max)), other = bw_cells(bw_slice_cstr(zero));
    axis = (axis > other ? axis : other) + 1;
    if (axis > r.cols / 2)
        axis = r.cols / 2;
    int titled = g->title ? 1 : 0, timed = g->span_us > 0 && r.rows > 3 ? 1 : 0;
    plot p = {g, bw_region_sub(r, titled, axis, r.rows - titled - timed, -1), top};
    if (g->title) {
        int col = bw_region_puts(r, 0, 0, BW_ROLE_TITLE, g->title);
        double last = g->count ? g->values[g->count - 1] : NAN;
        bw_region_puts(r, 0, col + 2, BW_ROLE_TEXT, format_value(g, last, now, sizeof(now)));
    }
    bw_region_field(r, titled, 0, axis - 1, BW_ALIGN_RIGHT, BW_ROLE_GRAPH_AXIS, bw_slice_cstr(max));
    if (p.area.rows > 1)
        bw_region_field(r, titled + p.area.rows - 1, 0, axis - 1, BW_ALIGN_RIGHT,
                        BW_ROLE_GRAPH_AXIS, bw_slice_cstr(zero));
    if (g->symbol == BW_GRAPH_BRAILLE && !r.canvas->glyphs->ascii)
        plot_braille(&p);
    else
        plot_levels(&p);
    if (timed)
        draw_time_axis(g, r, axis);
}

void bw_draw_progress(bw_region r, int row, int col, int width, const bw_progress *p)
{
    char done[BW_TIME_TEXT], total[BW_TIME_TEXT], eta[BW_TIME_TEXT];
    bw_buf text = BW_BUF_INIT;
    /* A total is an estimate; one that was exceeded has no share to show. */
    bool known = !isnan(p->total) && p->total > 0 && p->done <= p->total;
    double share = known ? p->done / p->total : NAN;
    bw_format_count(p->done, done);
    if (known)
        bw_buf_addf(&text, "%3d%%  %s/%s", (int)(share * 100), done,
                    bw_format_count(p->total, total));
    else
        bw_buf_adds(&text, done);
    if (p->unit)
        bw_buf_addf(&text, " %s", p->unit);
    if (known && p->eta_us != BW_TIME_NONE)
        bw_buf_addf(&text, "  ETA %s", bw_format_duration(p->eta_us, eta));
    int words = bw_cells(bw_buf_slice(&text)), bar = width - words - 1;
    if (bar > 30)
        bar = 30;
    if (known && bar >= 4 && !r.canvas->glyphs->plain) {
        bw_draw_bar(r, row, col, bar, share, BW_ROLE_BAR);
        col += bar + 1;
        width -= bar + 1;
    }
    bw_region_field(r, row, col, width, BW_ALIGN_LEFT, BW_ROLE_TEXT, bw_buf_slice(&text));
    bw_buf_fini(&text);
}
