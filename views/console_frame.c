/* The frame around the screens: header, path, footer, prompt, messages, dialogs. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/core/units.h"
#include "views/console_internal.h"

typedef struct header_text {
    char engine[160], counts[160], dlq[48], lag[64], quota[48], clock[64], frozen[64];
} header_text;

/* "12 syncs: 9 fresh 1 aging 2 failed" */
static void count_words(const bw_snapshot *s, char *out, size_t size)
{
    int n = snprintf(out, size, "%zu sync%s", s->n_syncs, s->n_syncs == 1 ? "" : "s");
    const char *before = ": ";
    for (int i = BW_STATE_COUNT - 1; i >= 0 && n > 0 && (size_t)n < size; i--) {
        if (s->by_state[i] == 0)
            continue;
        n += snprintf(out + n, size - (size_t)n, "%s%d %s", before, s->by_state[i],
                      bw_sync_state_name((bw_sync_state)i));
        before = " ";
    }
}

/* Where there is little room, the two worst states: "1 failed 1 parked +5". */
static void worst_words(const bw_snapshot *s, char *out, size_t size)
{
    int n = 0, shown = 0, named = 0;
    out[0] = '\0';
    for (int i = 0; i < BW_STATE_COUNT && shown < 2 && (size_t)n < size; i++) {
        if (s->by_state[i] == 0)
            continue;
        n += snprintf(out + n, size - (size_t)n, "%s%d %s", shown ? " " : "", s->by_state[i],
                      bw_sync_state_name((bw_sync_state)i));
        named += s->by_state[i];
        shown++;
    }
    if (s->n_syncs > (size_t)named && (size_t)n < size)
        snprintf(out + n, size - (size_t)n, " +%zu", s->n_syncs - (size_t)named);
}

/* Data older than this says so. */
static int64_t age_limit(const bw_console *c)
{
    int64_t limit = 2 * c->options.refresh_us;
    return limit < 3 * BW_SECOND ? 3 * BW_SECOND : limit;
}

int64_t bw_console_next_age(const bw_console *c)
{
    if (!c->snapshot || c->held || !c->fits)
        return BW_FOREVER;
    int64_t next = (c->age_drawn_s + 1) * BW_SECOND, limit = age_limit(c) + 1;
    return c->snapshot->mono_us + (next > limit ? next : limit);
}

/* The data's age when it is older than two refreshes, else the time of the snapshot. */
static void clock_text(bw_console *c, const bw_snapshot *s, char *out, size_t size, bool *old)
{
    char text[BW_TIME_TEXT];
    int64_t age = bw_mono_us(c->options.clock) - s->mono_us;
    *old = age > age_limit(c) && !c->held;
    c->age_drawn_s = *old ? age / BW_SECOND : 0;
    if (*old)
        snprintf(out, size, "data %s old", bw_format_duration(age, text));
    else
        snprintf(out, size, "%s", bw_format_clock(s->wall_us, c->options.local_time, text));
}

/* A sync whose source does not answer may be later than all others. */
static bool knows_all_lags(const bw_snapshot *s)
{
    for (size_t i = 0; i < s->n_syncs; i++)
        if (isnan(s->syncs[i].lag_s))
            return false;
    return true;
}

/* Of "nothing new is started: state file /var/...: the disk is full" what comes first and last. */
static void short_note(const char *note, char *out, size_t size)
{
    const char *first = strstr(note, ": "), *last = first;
    for (const char *p = first; p; p = strstr(p + 2, ": "))
        last = p;
    int lead = first ? (int)(first - note) : 0;
    snprintf(out, size, "%.*s%s", lead, note, last ? last : note);
}

static void fill_header(bw_console *c, const bw_snapshot *s, header_text *t, bool *old)
{
    char text[BW_TIME_TEXT];
    snprintf(t->engine, sizeof(t->engine), "engine %s", s->engine_state);
    (c->cols < 60 ? worst_words : count_words)(s, t->counts, sizeof(t->counts));
    if (s->dead_letters_remote > 0)
        snprintf(t->dlq, sizeof(t->dlq), "DLQ %lld +%lld remote", (long long)s->dead_letters,
                 (long long)s->dead_letters_remote);
    else
        snprintf(t->dlq, sizeof(t->dlq), "DLQ %lld", (long long)s->dead_letters);
    bw_format_duration(isnan(s->worst_lag_s) ? -1 : (int64_t)(s->worst_lag_s * BW_SECOND), text);
    if (s->n_syncs > 0 && isnan(s->worst_lag_s))
        snprintf(t->lag, sizeof(t->lag), "lag unknown");
    else if (s->n_syncs > 0)
        snprintf(t->lag, sizeof(t->lag), "worst %slag %s", knows_all_lags(s) ? "" : "known ", text);
    if (!isnan(s->quota_left))
        snprintf(t->quota, sizeof(t->quota), "quota %.0f%%", floor(s->quota_left * 100));
    clock_text(c, s, t->clock, sizeof(t->clock), old);
    if (c->held) { /* in words that stay true while nothing is drawn */
        snprintf(t->frozen, sizeof(t->frozen), "FROZEN at %.40s", t->clock);
        t->clock[0] = '\0';
    }
}

static void draw_header(bw_console *c, bw_region r)
{
    const bw_snapshot *s = bw_host_snapshot(&c->host);
    const bw_style base = BW_ROLE_HEADER;
    header_text t = {.engine = "engine starting"};
    bool old = false, down = false, late = false;
    if (s) {
        fill_header(c, s, &t, &old);
        down = strcmp(s->engine_state, "running") != 0 || s->engine_note;
        late = s->by_state[BW_STATE_FAILED] + s->by_state[BW_STATE_DRIFT] > 0;
    }
    char label[72] = "";
    char note[160] = "";
    if (s && s->engine_note)
        short_note(s->engine_note, note, sizeof(note));
    if (c->options.environment && c->options.environment[0])
        snprintf(label, sizeof(label), " %.64s ", c->options.environment);
    const bw_part parts[] = {
        {" bridgewatch " BW_VERSION, base, 6, false},
        {label, bw_role_environment(c->options.environment_colour), 0, false},
        {c->options.read_only ? "[read-only]" : "", BW_ROLE_WARN | BW_ON(BW_ROLE_HEADER), 1, false},
        {note[0] ? note : t.engine, (down ? BW_ROLE_ERROR : BW_ROLE_HEADER) | BW_ON(BW_ROLE_HEADER),
         down ? 0 : 4, false},
        {t.counts, (late ? BW_ROLE_ERROR : BW_ROLE_HEADER) | BW_ON(BW_ROLE_HEADER), 1, false},
        {t.dlq,
         (s && (s->dead_letters > 0 || s->dead_letters_remote > 0) ? BW_ROLE_WARN
                                                                   : BW_ROLE_HEADER) |
             BW_ON(BW_ROLE_HEADER),
         2, false},
        {t.lag, base, 3, false},
        {t.quota, base, 5, false},
        {t.frozen, BW_ROLE_WARN | BW_ON(BW_ROLE_HEADER), 0, true},
        {t.clock, (old ? BW_ROLE_ERROR : BW_ROLE_HEADER) | BW_ON(BW_ROLE_HEADER), old ? 0 : 2,
         true},
    };
    bw_parts_draw(r, 0, base, parts, BW_COUNT(parts), 2);
}

static const char *crumb(const bw_view *v)
{
    return v->crumb[0] ? v->crumb : v->class->title;
}

/* "Syncs › shop.orders › Runs"; where it is too long its beginning gives way: the end says where
   one is. */
static void path(const bw_console *c, bw_buf *out, const bw_glyphs *glyphs, int width)
{
    size_t first = c->depth - 1;
    int used = bw_cells(bw_slice_cstr(crumb(c->stack[first])));
    for (; first > 0; first--) {
        int more = bw_cells(bw_slice_cstr(crumb(c->stack[first - 1]))) + 3;
        if (used + more + (first > 1 ? 6 : 0) > width)
            break;
        used += more;
    }
    if (first > 0)
        bw_buf_addf(out, "%s %s ", bw_glyph_sign(glyphs, BW_GLYPH_ELLIPSIS),
                    bw_glyph_sign(glyphs, BW_GLYPH_CRUMB));
    for (size_t i = first; i < c->depth; i++)
        bw_buf_addf(out, "%s%s%s%s", i > first ? " " : "",
                    i > first ? bw_glyph_sign(glyphs, BW_GLYPH_CRUMB) : "", i > first ? " " : "",
                    crumb(c->stack[i]));
}

/* Messages may take several rows where there are as many as this: what to do stands at their end. */
#define ROOMY      20
#define TOAST_ROWS 3

/* Cells that the right side of the title line is left. */
#define TITLE_STATUS 22

static void draw_title(bw_console *c, bw_region r)
{
    bw_view *top = bw_console_top(c);
    bw_table *table = top->class->table ? top->class->table(top) : NULL;
    bw_text_view *text = top->class->text ? top->class->text(top) : NULL;
    bw_buf crumbs = BW_BUF_INIT, status = BW_BUF_INIT;
    bw_buf_addc(&crumbs, ' ');
    path(c, &crumbs, r.canvas->glyphs, r.cols - 3 - TITLE_STATUS);
    if (table) {
        bw_table_draw_title(table, r, 1, bw_buf_cstr(&crumbs));
    } else {
        if (text)
            bw_text_view_status(text, &status);
        const bw_part parts[] = {
            {bw_buf_cstr(&crumbs), BW_ROLE_TITLE, 0, false},
            {bw_buf_cstr(&status), BW_ROLE_MUTED, 1, true},
        };
        bw_parts_draw(r, 1, BW_ROLE_TEXT, parts, BW_COUNT(parts), 2);
    }
    bw_buf_fini(&crumbs);
    bw_buf_fini(&status);
}

void bw_console_draw(bw_console *c, bw_canvas *canvas)
{
    bw_region all = bw_canvas_region(canvas);
    bw_canvas_clear(canvas);
    c->rows = canvas->rows;
    c->cols = canvas->cols;
    c->footer.count = 0;
    c->message_ends = bw_toasts_deadline(c->toasts);
    c->fits = bw_layout_fits(all);
    if (!c->fits)
        return;
    bw_view *top = bw_console_top(c);
    bool focused = !c->prompt && !c->dialog && !c->chooser;
    int last = canvas->rows - 1;
    int message = bw_toasts_rows(c->toasts, canvas->cols, canvas->rows >= ROOMY ? TOAST_ROWS : 1);
    int below = message + 1;
    draw_header(c, all);
    draw_title(c, all);
    top->class->draw(top, bw_region_sub(all, 2, 0, canvas->rows - 2 - below, -1), focused);
    if (message > 0)
        bw_toasts_draw(c->toasts, bw_region_sub(all, last - message, 0, message, -1));
    bw_action_context context = bw_console_context(c);
    if (c->prompt) {
        int rows = bw_prompt_rows(c->prompt);
        if (rows > canvas->rows - 3)
            rows = canvas->rows - 3;
        bw_prompt_draw(c->prompt, bw_region_sub(all, canvas->rows - rows, 0, rows, -1));
    } else {
        bw_footer_draw(&c->footer, all, last, c->actions, &context);
    }
    if (c->chooser)
        bw_chooser_draw(c->chooser, all);
    if (c->dialog)
        bw_dialog_draw(c->dialog, all);
}

bw_action_context bw_host_below(const bw_view_host *host, const char **title)
{
    bw_console *c = host->console;
    size_t below = c->depth - 1;
    if (below > 0 && bw_console_top(c)->class->id == BW_SCREEN_HELP)
        below--;
    /* It was covered: its snapshot may be gone. */
    bw_view *view = c->stack[below];
    view->class->update(view, bw_host_snapshot(host), c->pages[below]);
    *title = view->class->title;
    return bw_view_context(c, view);
}
