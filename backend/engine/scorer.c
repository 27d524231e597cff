#include "backend/engine/scorer.h"

#include <math.h>
#include <stdlib.h>

#include <xxhash.h>

#include "backend/score/hst.h"
#include "backend/score/record.h"

#define SEED 0x6272696467657761U
/* Where not all rows are scored: the first ones of a run, then one of so many. */
#define SAMPLE_FIRST 1000
#define SAMPLE_EVERY 128

/* Sums over what was scored in this run. */
typedef struct totals {
    int64_t scored, flagged, timed, judged;
    double confidence, completeness, anomaly, lag_s, expected, present;
} totals;

struct bw_row_scorer {
    bw_scorer_options options;
    uint64_t offered; /* rows of this run so far */
    bw_hst *hst;
    size_t numbers[BW_SCORE_NUMBERS]; /* fields that are features */
    size_t n_numbers;
    uint64_t columns; /* hash of the columns' names: what `seen` belongs to */
    int64_t rows;     /* scored before, over all runs */
    int64_t *seen;    /* of these, how many had the field not NULL */
    totals totals;
};

/* ---- the state between runs ------------------------------------------------------------- */

/* Saved: hash of the columns, rows, seen per column (8 bytes each, little endian), then the model. */
static void put_u64(bw_buf *out, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        bw_buf_addc(out, (char)(unsigned char)(v >> (8 * i)));
}

static uint64_t get_u64(const char *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v |= (uint64_t)(unsigned char)p[i] << (8 * i);
    return v;
}

static void load(bw_row_scorer *s, bw_slice saved)
{
    size_t fields = s->options.schema->count, header = 8 * (2 + fields);
    /* Other columns mean other features: a model of those would mislead. */
    if (saved.len >= header && get_u64(saved.ptr) == s->columns) {
        s->rows = (int64_t)get_u64(saved.ptr + 8);
        for (size_t i = 0; i < fields; i++)
            s->seen[i] = (int64_t)get_u64(saved.ptr + 16 + 8 * i);
        s->hst = bw_hst_load((bw_slice){saved.ptr + header, saved.len - header});
    }
    if (!s->hst)
        s->hst = bw_hst_new(SEED, BW_SCORE_FEATURES);
}

void bw_scorer_model(const bw_row_scorer *s, bw_buf *out)
{
    put_u64(out, s->columns);
    put_u64(out, (uint64_t)s->rows);
    for (size_t i = 0; i < s->options.schema->count; i++)
        put_u64(out, (uint64_t)s->seen[i]);
    bw_hst_save(s->hst, out);
}

/* ---- set-up ----------------------------------------------------------------------------- */

/* Keys are left out: that they grow is no news. */
static bool is_number(const bw_field *f)
{
    bool numeric = f->type == BW_TYPE_INT64 || f->type == BW_TYPE_FLOAT64 ||
                   f->type == BW_TYPE_NUMERIC || f->type == BW_TYPE_BIGNUMERIC;
    return numeric && !f->repeated && !f->key_part;
}

bw_row_scorer *bw_scorer_new(const bw_scorer_options *options)
{
    bw_row_scorer *s = bw_xcalloc(1, sizeof(*s));
    const bw_schema *schema = options->schema;
    s->options = *options;
    s->seen = bw_xcalloc(schema->count + 1, sizeof(*s->seen));
    for (size_t i = 0; i < schema->count; i++) {
        const bw_field *f = &schema->fields[i];
        s->columns = XXH3_64bits_withSeed(f->name, strlen(f->name) + 1, s->columns + f->type);
        if (is_number(f) && s->n_numbers < BW_SCORE_NUMBERS)
            s->numbers[s->n_numbers++] = i;
    }
    load(s, options->model);
    return s;
}

void bw_scorer_free(bw_row_scorer *s)
{
    if (!s)
        return;
    bw_hst_free(s->hst);
    free(s->seen);
    free(s);
}

void bw_scorer_set_now(bw_row_scorer *s, int64_t now_us)
{
    s->options.now_us = now_us;
}

static bool in_sample(bw_row_scorer *s)
{
    uint64_t n = s->offered++;
    return s->options.all || n < SAMPLE_FIRST || n % SAMPLE_EVERY == 0;
}

/* ---- one row ---------------------------------------------------------------------------- */

/* Only an instant can be set against the clock; a DATETIME has no zone here. */
static double lag_of(const bw_row_scorer *s, const bw_value *row)
{
    int64_t at;
    int c = s->options.cursor;
    if (c < 0 || s->options.now_us == BW_TIME_NONE ||
        s->options.schema->fields[c].type != BW_TYPE_TIMESTAMP ||
        !bw_value_version(bw_value_slice(&row[c]), BW_TYPE_TIMESTAMP, &at))
        return (double)NAN;
    return (double)(s->options.now_us - at) / 1e6;
}

static size_t bytes_of(const bw_value *v)
{
    size_t bytes = 0;
    if (v->state == BW_VALUE_TEXT)
        return v->size;
    for (size_t i = 0; v->state == BW_VALUE_ARRAY && i < v->size; i++)
        bytes += v->items[i].size;
    return bytes;
}

/* A field is expected when the source demands it, or most rows before had it. */
static void measure(bw_row_scorer *s, const bw_value *row, bw_record_measures *m,
                    bw_record_facts *f)
{
    const bw_schema *schema = s->options.schema;
    for (size_t i = 0; i < schema->count; i++) {
        bool null = row[i].state == BW_VALUE_NULL;
        bool expected = schema->fields[i].required || (s->rows > 0 && s->seen[i] * 2 >= s->rows);
        m->bytes += bytes_of(&row[i]);
        m->nulls += null;
        f->expected += expected;
        f->present += expected && !null;
        s->seen[i] += !null;
    }
    m->fields = (int)schema->count;
    s->rows++;
}

static void add_up(totals *t, const bw_record_facts *f, const bw_record_score *r)
{
    t->scored++;
    t->flagged += r->action != BW_ACTION_INGEST;
    t->confidence += r->confidence;
    t->completeness += r->completeness;
    t->anomaly += r->anomaly;
    t->expected += f->expected;
    t->present += f->present;
    t->judged += !isnan(f->model);
    if (!isnan(f->lag_s)) {
        t->timed++;
        t->lag_s += f->lag_s;
    }
}

double bw_scorer_row(bw_row_scorer *s, const bw_value *row)
{
    if (!in_sample(s))
        return (double)NAN;
    double numbers[BW_SCORE_NUMBERS];
    float features[BW_SCORE_FEATURES];
    bw_record_facts f = {.lag_s = lag_of(s, row),
                         .target_s = (double)s->options.freshness_target_us / 1e6};
    bw_record_measures m = {.lag_s = f.lag_s,
                            .at_us = s->options.now_us,
                            .numbers = numbers,
                            .n_numbers = s->n_numbers};
    for (size_t i = 0; i < s->n_numbers; i++)
        numbers[i] = bw_score_number_of(bw_value_slice(&row[s->numbers[i]]));
    measure(s, row, &m, &f);
    bw_rule_check_time(&f.hits, f.lag_s);
    bw_score_features(&m, features);
    f.model = bw_hst_score(s->hst, features);
    bw_hst_learn(s->hst, features);
    bw_record_score r = bw_score_record(&f);
    add_up(&s->totals, &f, &r);
    return r.confidence;
}

/* ---- for the screen --------------------------------------------------------------------- */

static const char *lag_reason(const bw_row_scorer *s, bw_arena *arena)
{
    const totals *t = &s->totals;
    bw_buf text = BW_BUF_INIT;
    if (t->timed == 0)
        return s->options.cursor < 0 ? "no cursor: how old the rows are is unknown"
                                     : "the cursor is no instant: how old the rows are is unknown";
    double mean = t->lag_s / (double)t->timed;
    bw_score_add_number(&text, fabs(mean), 1);
    bw_buf_addf(&text, " s %s on average, target %lld s", mean < 0 ? "ahead" : "behind",
                (long long)(s->options.freshness_target_us / BW_SECOND));
    const char *reason = bw_arena_strndup(arena, text.ptr, text.len);
    bw_buf_fini(&text);
    return reason;
}

static const char *fields_reason(const totals *t, bw_arena *arena)
{
    bw_buf text = BW_BUF_INIT;
    bw_score_add_number(&text, t->present / (double)t->scored, 1);
    bw_buf_adds(&text, " of ");
    bw_score_add_number(&text, t->expected / (double)t->scored, 1);
    bw_buf_adds(&text, " expected fields on average");
    const char *reason = bw_arena_strndup(arena, text.ptr, text.len);
    bw_buf_fini(&text);
    return reason;
}

static const char *model_reason(const bw_row_scorer *s, bw_arena *arena)
{
    uint64_t learned = bw_hst_learned(s->hst);
    if (s->totals.judged == 0)
        return bw_arena_printf(
            arena, "the anomaly model is learning: %llu of %d rows",
            (unsigned long long)(learned < BW_HST_WINDOW ? learned : BW_HST_WINDOW), BW_HST_WINDOW);
    return bw_arena_printf(arena, "anomaly judged against the last %d of %llu rows", BW_HST_WINDOW,
                           (unsigned long long)learned);
}

void bw_scorer_report(const bw_row_scorer *s, bw_arena *arena, bw_sync_detail *out)
{
    const totals *t = &s->totals;
    out->records_scored = t->scored;
    out->records_flagged = t->flagged;
    out->record_confidence = out->record_completeness = out->record_anomaly = (double)NAN;
    out->score_reasons = NULL;
    out->n_score_reasons = 0;
    if (t->scored == 0)
        return;
    double n = (double)t->scored;
    out->record_confidence = t->confidence / n;
    out->record_completeness = t->completeness / n;
    out->record_anomaly = t->anomaly / n;
    const char **reasons = BW_ARENA_ARRAY(arena, const char *, 3);
    reasons[0] = lag_reason(s, arena);
    reasons[1] = fields_reason(t, arena);
    reasons[2] = model_reason(s, arena);
    out->score_reasons = reasons;
    out->n_score_reasons = 3;
}
