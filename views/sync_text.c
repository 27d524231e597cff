#include "views/sync_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/core/units.h"
#include "backend/score/record.h"
#include "views/kit/canvas.h"

#define RUNS_SHOWN 8
#define RUNS_ROOMY 80 /* cells that the columns of runs need */

typedef struct writer {
    bw_text_view *t;
    const bw_sync_view *s;
    const bw_page *page;
    int64_t now_us;
    int width;
} writer;

static void section(const writer *w, const char *title)
{
    if (bw_text_view_lines(w->t) > 0)
        bw_text_view_add(w->t, BW_ROLE_TEXT, BW_SLICE_LIT(""));
    bw_text_view_addf(w->t, BW_ROLE_TITLE, "%s", title);
}

static void fact(const writer *w, const char *name, bw_style style, const char *value)
{
    bw_text_view_hang(w->t, 16);
    bw_text_view_addf(w->t, BW_ROLE_MUTED, "  %-14s", name);
    bw_text_view_extend(w->t, style, bw_slice_cstr(value && value[0] ? value : "-"));
    bw_text_view_hang(w->t, 4);
}

static const char *seconds_text(double s, char out[BW_TIME_TEXT])
{
    return bw_format_duration(isnan(s) ? -1 : (int64_t)(s * BW_SECOND), out);
}

/* "2026-11-20T14:02:11Z, 12m04s ago" */
static const char *when(const writer *w, int64_t at_us, char *out, size_t size)
{
    char at[BW_TIME_TEXT], ago[BW_TIME_TEXT];
    if (at_us == BW_TIME_NONE)
        snprintf(out, size, "-");
    else if (at_us > w->now_us)
        snprintf(out, size, "%s, in %s", bw_format_time(at_us - at_us % BW_SECOND, at),
                 bw_format_duration(at_us - w->now_us, ago));
    else
        snprintf(out, size, "%s, %s ago", bw_format_time(at_us - at_us % BW_SECOND, at),
                 bw_format_duration(w->now_us - at_us, ago));
    return out;
}

/* ---- freshness -------------------------------------------------------------------------- */

static void freshness(const writer *w)
{
    const bw_sync_view *s = w->s;
    char target[BW_TIME_TEXT], lag[BW_TIME_TEXT];
    double target_s = (double)s->freshness_target_us / BW_SECOND;
    section(w, "Freshness");
    bw_format_duration_exact(s->freshness_target_us, target);
    if (isnan(s->freshness)) {
        bw_text_view_addf(w->t, BW_ROLE_UNKNOWN, "  unknown: %s. Target: at most %s behind.",
                          s->watermark_us == BW_TIME_NONE ? "nothing has been committed yet"
                                                          : "the source does not answer",
                          target);
        return;
    }
    seconds_text(s->lag_s, lag);
    if (s->lag_s <= target_s) {
        bw_text_view_addf(w->t, BW_ROLE_OK,
                          "  100 of 100: what changed up to %s ago is in the target, and up to %s "
                          "counts as fresh.",
                          lag, target);
        return;
    }
    bw_text_view_addf(w->t, s->health == BW_HEALTH_AGING ? BW_ROLE_WARN : BW_ROLE_ERROR,
                      "  %.0f of 100: %s behind, %s is allowed; beyond that the score halves with "
                      "every further %s.",
                      floor(s->freshness), lag, target, target);
    bw_text_view_addf(w->t, BW_ROLE_MUTED,
                      "  100 x 2^-((lag - target) / target) = 100 x 2^-((%.0f s - %.0f s) / %.0f "
                      "s) = %.1f; fresh from 90, aging from 50, else stale",
                      floor(s->lag_s), target_s, target_s, floor(s->freshness * 10) / 10);
}

/* What Cloud Monitoring says of the subscription, which is minutes old at times. */
static void subscription(const writer *w)
{
    const bw_sync_view *s = w->s;
    char count[BW_TIME_TEXT], oldest[BW_TIME_TEXT], ago[BW_TIME_TEXT];
    bw_buf text = BW_BUF_INIT;
    if (!s->stream)
        return;
    section(w, "Subscription");
    if (s->backlog < 0) {
        fact(w, "holds", BW_ROLE_UNKNOWN, "unknown: Cloud Monitoring does not say");
        return;
    }
    bw_buf_addf(&text, "%s message%s", bw_format_count((double)s->backlog, count),
                s->backlog == 1 ? "" : "s");
    if (s->backlog > 0 && !isnan(s->oldest_unacked_s))
        bw_buf_addf(&text, ", the oldest for %s", seconds_text(s->oldest_unacked_s, oldest));
    if (s->backlog_at_us != BW_TIME_NONE)
        bw_buf_addf(&text, ", as of %s ago", bw_format_duration(w->now_us - s->backlog_at_us, ago));
    fact(w, "holds", BW_ROLE_TEXT, bw_buf_cstr(&text));
    bw_buf_fini(&text);
}

/* ---- runs and batches ------------------------------------------------------------------- */

static bw_role run_role(const char *state)
{
    if (strcmp(state, "ok") == 0)
        return BW_ROLE_OK;
    if (strcmp(state, "running") == 0)
        return BW_ROLE_RUNNING;
    return strcmp(state, "failed") == 0 ? BW_ROLE_ERROR : BW_ROLE_WARN;
}

static void run_count(bw_buf *line, int width, bool known, int64_t n)
{
    char text[BW_TIME_TEXT];
    bw_buf_addf(line, " %*s", width, known ? bw_format_count((double)n, text) : "-");
}

static void one_run(const writer *w, const bw_run_record *r)
{
    char ago[BW_TIME_TEXT], took[BW_TIME_TEXT], state[16];
    bool ended = r->ended_us != BW_TIME_NONE, roomy = w->width >= RUNS_ROOMY;
    /* A run's counts are written down batch by batch: before the first they say nothing. */
    bool known = ended || r->rows_read > 0;
    bw_text_view_addf(w->t, BW_ROLE_MUTED, roomy ? "  %8s ago  " : "  %8s  ",
                      bw_format_duration(w->now_us - r->started_us, ago));
    snprintf(state, sizeof(state), "%-11s ", r->state);
    bw_text_view_extend(w->t, run_role(r->state), bw_slice_cstr(state));
    bw_buf line = BW_BUF_INIT;
    if (roomy) {
        bw_buf_addf(&line, "%-11s", r->kind ? r->kind : "");
        run_count(&line, 7, known, r->rows_read);
    }
    run_count(&line, 7, known, r->rows_loaded);
    if (roomy)
        run_count(&line, 7, known, r->rows_present);
    run_count(&line, 5, known, r->dead_letters);
    if (roomy)
        bw_buf_addf(&line, " %7s",
                    ended ? bw_format_elapsed(r->ended_us - r->started_us, took) : "-");
    bw_text_view_extend(w->t, BW_ROLE_TEXT, bw_buf_slice(&line));
    bw_buf_fini(&line);
    if (r->error)
        bw_text_view_addf(w->t, BW_ROLE_ERROR, "      %s", r->error);
}

static void runs(const writer *w)
{
    section(w, "Last runs");
    if (!w->page) {
        bw_text_view_addf(w->t, BW_ROLE_MUTED, "  loading");
        return;
    }
    if (w->page->error || w->page->n_runs == 0)
        bw_text_view_addf(w->t, w->page->error ? BW_ROLE_ERROR : BW_ROLE_MUTED, "  %s",
                          w->page->error ? w->page->error : "none so far");
    if (w->page->n_runs > 0 && w->width < RUNS_ROOMY)
        bw_text_view_addf(w->t, BW_ROLE_COLUMN, "  %8s  %-11s %7s %5s", "AGO", "STATE", "LOADED",
                          "DEAD");
    else if (w->page->n_runs > 0)
        bw_text_view_addf(w->t, BW_ROLE_COLUMN, "  %-12s  %-11s %-11s %7s %7s %7s %5s %7s",
                          "STARTED", "STATE", "KIND", "READ", "LOADED", "THERE", "DEAD", "TOOK");
    for (size_t i = 0; i < w->page->n_runs && i < RUNS_SHOWN; i++)
        one_run(w, &w->page->runs[i]);
}

static void one_batch(const writer *w, const bw_batch_record *b)
{
    int done = 0;
    for (int i = 0; i < b->n_finals; i++)
        done += b->finals[i].done;
    bw_text_view_addf(w->t, BW_ROLE_TEXT, "  batch %lld %s: %s, attempt %d, %lld rows read",
                      (long long)b->number, b->label ? b->label : "", bw_batch_state_name(b->state),
                      b->attempt, (long long)b->rows_read);
    if (b->state == BW_BATCH_LOADED)
        bw_text_view_addf(w->t, BW_ROLE_TEXT, "    %d of %d final jobs done", done, b->n_finals);
    bw_text_view_addf(w->t, BW_ROLE_MUTED, "    job %s", b->load_job ? b->load_job : "-");
    if (b->staging)
        bw_text_view_addf(w->t, BW_ROLE_MUTED, "    staging table %s", b->staging);
}

static void batches(const writer *w)
{
    if (!w->page || w->page->n_batches == 0)
        return;
    section(w, "Batches in flight");
    for (size_t i = 0; i < w->page->n_batches; i++)
        one_batch(w, &w->page->batches[i]);
}

/* ---- position --------------------------------------------------------------------------- */

static void count_note(const writer *w, int64_t n, const char *one, const char *many)
{
    if (n > 0)
        bw_text_view_addf(w->t, BW_ROLE_WARN, "  %lld %s", (long long)n, n == 1 ? one : many);
}

static void position(const writer *w)
{
    const bw_sync_view *s = w->s;
    const bw_sync_detail *d = s->detail;
    char text[96];
    section(w, "Position");
    fact(w, "watermark", BW_ROLE_TEXT, when(w, s->watermark_us, text, sizeof(text)));
    fact(w, "checkpoint", BW_ROLE_TEXT, s->checkpoint);
    fact(w, "last success", BW_ROLE_TEXT, when(w, s->last_success_us, text, sizeof(text)));
    /* A stream's run has no end of its own, and what was due before it began says nothing. */
    fact(w, "next run", BW_ROLE_TEXT,
         s->paused_by                      ? "none while it is paused"
         : s->stream && s->progress.active ? "when the one under way has ended"
                                           : when(w, s->next_run_us, text, sizeof(text)));
    if (s->slowed)
        fact(w, "slowed", BW_ROLE_WARN, s->slowed);
    if (d && d->cursor_name) {
        bw_buf b = BW_BUF_INIT;
        bw_buf_addf(&b, "%s (%s)", d->cursor_name, d->cursor_origin);
        fact(w, "cursor", BW_ROLE_TEXT, bw_buf_cstr(&b));
        bw_buf_fini(&b);
    }
    if (d && d->key_origin[0])
        fact(w, "key", BW_ROLE_TEXT, d->key_origin);
    if (s->held_back_by)
        fact(w, "held back by", BW_ROLE_WARN, s->held_back_by);
    count_note(w, s->null_cursors, "row has a NULL cursor: changes to it are not seen",
               "rows have a NULL cursor: changes to them are not seen");
    count_note(w, s->ahead_rows, "row is ahead of the source's clock",
               "rows are ahead of the source's clock");
    if (!s->deletes_seen)
        bw_text_view_addf(w->t, BW_ROLE_MUTED,
                          "  deletes at the source are not seen (deletes: ignore)");
}

/* ---- limits ----------------------------------------------------------------------------- */

static void limits(const writer *w)
{
    const bw_sync_view *s = w->s;
    char text[128], today[BW_TIME_TEXT], most[BW_TIME_TEXT], rows[BW_TIME_TEXT];
    section(w, "Limits");
    if (isnan(s->quota_left))
        snprintf(text, sizeof(text), "not known");
    else
        snprintf(text, sizeof(text),
                 "%.0f%% of the target's modifications of 24 h; other writers are not counted",
                 floor(s->quota_left * 100));
    fact(w, "quota left", s->quota_left < 0.1 ? BW_ROLE_WARN : BW_ROLE_TEXT, text);
    if (s->bytes_today < 0)
        snprintf(text, sizeof(text), "not known");
    else if (s->max_bytes_per_day > 0)
        snprintf(text, sizeof(text), "%s of %s", bw_format_bytes(s->bytes_today, today),
                 bw_format_bytes(s->max_bytes_per_day, most));
    else
        snprintf(text, sizeof(text), "%s", bw_format_bytes(s->bytes_today, today));
    fact(w, "bytes today", BW_ROLE_TEXT, text);
    fact(w, "rows so far", BW_ROLE_TEXT, bw_format_count((double)s->rows_total, rows));
    snprintf(text, sizeof(text), "%lld open", (long long)s->dead_letters);
    fact(w, "dead letters", s->dead_letters > 0 ? BW_ROLE_WARN : BW_ROLE_TEXT,
         s->dead_letters < 0 ? "not known" : text);
}

/* ---- records ---------------------------------------------------------------------------- */

static void records(const writer *w)
{
    const bw_sync_detail *d = w->s->detail;
    section(w, "Records");
    if (!d || isnan(d->record_confidence)) {
        bw_text_view_addf(w->t, BW_ROLE_MUTED, "  not scored yet");
        return;
    }
    bw_text_view_addf(
        w->t, d->record_confidence < 0.7 ? BW_ROLE_WARN : BW_ROLE_TEXT,
        "  confidence %.2f on average over %lld records of the last run, %lld flagged",
        d->record_confidence, (long long)d->records_scored, (long long)d->records_flagged);
    bw_text_view_addf(w->t, BW_ROLE_MUTED,
                      "  the cube root of freshness x completeness (%.2f) x (1 - anomaly (%.2f))",
                      d->record_completeness, d->record_anomaly);
    for (size_t i = 0; i < d->n_score_reasons; i++)
        bw_text_view_addf(w->t, BW_ROLE_TEXT, "  %s", d->score_reasons[i]);
}

/* ---- schema ----------------------------------------------------------------------------- */

/* Text in exactly `width` cells and a blank. */
static void pad_to(bw_buf *out, const char *text, int width)
{
    int cells =
        bw_text_truncate(out, bw_slice_cstr(text), width, bw_glyphs_pick(false, true, false));
    for (; cells <= width; cells++)
        bw_buf_addc(out, ' ');
}

static void one_column(const writer *w, const bw_column_view *c, int width)
{
    bw_buf b = BW_BUF_INIT;
    bool gone = !c->source_name[0], missing = !c->type[0];
    bw_buf_adds(&b, c->drift ? "! " : "  ");
    pad_to(&b, gone ? "(gone)" : c->source_name, width);
    pad_to(&b, c->source_type, width);
    pad_to(&b, missing ? "(not there)" : c->name, width);
    bw_buf_addf(&b, "%s%s%s%s", c->type, c->required ? " required" : "", c->key_part ? " key" : "",
                c->cursor ? " cursor" : "");
    bw_text_view_add(w->t, c->drift ? BW_ROLE_WARN : BW_ROLE_TEXT, bw_buf_slice(&b));
    bw_buf_fini(&b);
    if (c->drift)
        bw_text_view_addf(w->t, BW_ROLE_WARN, "    drift: %s", c->drift);
}

static void schema(const writer *w)
{
    const bw_sync_detail *d = w->s->detail;
    section(w, "Schema");
    if (!d) {
        bw_text_view_addf(w->t, BW_ROLE_MUTED, "  the table has not been described yet");
        return;
    }
    int width = (w->width - 8) / 4;
    width = width < 7 ? 7 : width > 24 ? 24 : width;
    bw_buf b = BW_BUF_INIT;
    bw_buf_adds(&b, "  ");
    pad_to(&b, "SOURCE", width);
    pad_to(&b, "TYPE", width);
    pad_to(&b, "TARGET", width);
    bw_buf_adds(&b, "TYPE");
    bw_text_view_add(w->t, BW_ROLE_COLUMN, bw_buf_slice(&b));
    bw_buf_fini(&b);
    for (size_t i = 0; i < d->n_columns; i++)
        one_column(w, &d->columns[i], width);
    for (size_t i = 0; i < d->n_notes; i++)
        bw_text_view_addf(w->t, BW_ROLE_WARN, "  %s", d->notes[i]);
}

static void settings(const writer *w)
{
    const bw_sync_detail *d = w->s->detail;
    section(w, "Settings in force");
    bool mode = false; /* found out where it is not configured */
    for (size_t i = 0; d && i < d->n_settings; i++) {
        bw_text_view_addf(w->t, BW_ROLE_TEXT, "  %s", d->settings[i]);
        mode |= strncmp(d->settings[i], "mode: ", 6) == 0;
    }
    if (!mode)
        bw_text_view_addf(w->t, BW_ROLE_TEXT, "  mode: %s (found out)", w->s->mode);
}

void bw_sync_text(bw_text_view *out, const bw_sync_view *sync, const bw_page *page, int64_t now_us,
                  int width)
{
    static void (*const sections[])(const writer *) = {
        freshness, subscription, runs, batches, position, limits, schema, records, settings};
    const writer w = {out, sync, page, now_us, width};
    bw_text_view_refill(out);
    bw_text_view_hang(out, 4);
    for (size_t i = 0; i < BW_COUNT(sections); i++)
        sections[i](&w);
}
