#include "backend/score/record.h"

#include <math.h>

#include "backend/core/clock.h"
#include "backend/core/text.h"

#define FLAG_BELOW 0.7 /* confidence */
#define FLAG_FROM  0.7 /* anomaly */
/* Less than a flag by itself, but it lowers the confidence as well, and a flag has its reason. */
#define TOLD_FROM 0.5

const char *bw_lag_name(bw_lag lag)
{
    static const char *const NAMES[] = {"fresh", "aging", "stale", "unknown"};
    return NAMES[lag];
}

const char *bw_priority_name(bw_priority priority)
{
    static const char *const NAMES[] = {"high", "normal", "low"};
    return NAMES[priority];
}

const char *bw_score_action_name(bw_score_action action)
{
    static const char *const NAMES[] = {"ingest", "flag", "quarantine"};
    return NAMES[action];
}

/* ---- the formula ------------------------------------------------------------------------ */

double bw_score_freshness(double lag_s, double target_s)
{
    if (isnan(lag_s) || !(target_s > 0))
        return (double)NAN;
    double late = lag_s > target_s ? lag_s - target_s : 0;
    return exp2(-late / target_s);
}

static bw_lag lag_of(double freshness)
{
    if (isnan(freshness))
        return BW_LAG_UNKNOWN;
    if (freshness >= 0.9)
        return BW_LAG_FRESH;
    return freshness >= 0.5 ? BW_LAG_AGING : BW_LAG_STALE;
}

static bw_score_action action_of(const bw_record_facts *f, const bw_record_score *s)
{
    if (s->completeness < f->quarantine_below)
        return BW_ACTION_QUARANTINE;
    bool odd = s->confidence < FLAG_BELOW || s->anomaly >= FLAG_FROM;
    return odd ? BW_ACTION_FLAG : BW_ACTION_INGEST;
}

bw_record_score bw_score_record(const bw_record_facts *f)
{
    double rules = bw_rules_anomaly(&f->hits);
    bw_record_score s = {
        .freshness = bw_score_freshness(f->lag_s, f->target_s),
        .completeness = f->expected > 0 ? (double)f->present / f->expected : 1,
        .anomaly = f->model > rules ? f->model : rules, /* the rules' where the model is NAN */
    };
    double known = s.completeness * (1 - s.anomaly);
    s.confidence = isnan(s.freshness) ? sqrt(known) : cbrt(s.freshness * known);
    s.lag = lag_of(s.freshness);
    s.priority = s.confidence >= 0.9   ? BW_PRIORITY_HIGH
                 : s.confidence >= 0.5 ? BW_PRIORITY_NORMAL
                                       : BW_PRIORITY_LOW;
    s.action = action_of(f, &s);
    return s;
}

/* ---- as JSON ---------------------------------------------------------------------------- */

void bw_score_add_number(bw_buf *out, double v, int decimals)
{
    static const int64_t POWERS[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    if (!(fabs(v) < 1e12)) {
        bw_buf_adds(out, "null");
        return;
    }
    int64_t scaled = llround(fabs(v) * (double)POWERS[decimals]);
    char text[40];
    int n = 0;
    while (decimals > 1 && scaled % 10 == 0) {
        scaled /= 10;
        decimals--;
    }
    bool negative = v < 0 && scaled != 0;
    for (int digit = 0; digit <= decimals || scaled > 0; digit++) {
        text[n++] = (char)('0' + scaled % 10);
        scaled /= 10;
        if (digit + 1 == decimals)
            text[n++] = '.';
    }
    if (negative)
        text[n++] = '-';
    char *p = bw_buf_reserve(out, (size_t)n);
    for (int i = 0; i < n; i++)
        p[i] = text[n - 1 - i];
    out->len += (size_t)n;
}

static void add_reasons(bw_buf *out, const bw_record_facts *f)
{
    bw_buf reason = BW_BUF_INIT;
    if (isnan(f->lag_s)) {
        bw_buf_adds(out, "\"time of the record unknown\"");
    } else {
        bw_buf_addc(out, '"');
        bw_score_add_number(out, fabs(f->lag_s), 1);
        bw_buf_adds(out, f->lag_s < 0 ? " s ahead, target " : " s behind, target ");
        bw_buf_addf(out, "%lld s\"", (long long)llround(f->target_s));
    }
    bw_buf_addf(out, ",\"%d of %d expected fields\"", f->present, f->expected);
    for (bw_rule r = 0; r < BW_RULE_COUNT; r++) {
        if (!bw_rule_hit(&f->hits, r))
            continue;
        bw_buf_clear(&reason);
        bw_rule_reason(&f->hits, r, &reason);
        bw_buf_addc(out, ',');
        bw_json_add_string(out, bw_buf_slice(&reason));
    }
    if (f->model >= TOLD_FROM)
        bw_buf_adds(out, ",\"unlike the records before it\"");
    bw_buf_fini(&reason);
}

static void add_flags(bw_buf *out, const bw_record_facts *f)
{
    bool first = true;
    for (bw_rule r = 0; r < BW_RULE_COUNT; r++) {
        if (!bw_rule_hit(&f->hits, r))
            continue;
        bw_buf_addf(out, first ? "\"%s\"" : ",\"%s\"", bw_rule_name(r));
        first = false;
    }
}

void bw_score_json(bw_buf *out, const bw_record_facts *f, const bw_record_score *s)
{
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"{\"confidence\":", s->confidence},     {",\"freshness\":", s->freshness},
        {",\"completeness\":", s->completeness}, {",\"anomaly\":", s->anomaly},
        {",\"lag_seconds\":", f->lag_s},
    };
    for (size_t i = 0; i < BW_COUNT(numbers); i++) {
        bw_buf_adds(out, numbers[i].name);
        bw_score_add_number(out, numbers[i].value, 4);
    }
    bw_buf_adds(out, ",\"lag\":\"");
    bw_buf_adds(out, bw_lag_name(s->lag));
    bw_buf_adds(out, "\",\"flags\":[");
    add_flags(out, f);
    bw_buf_adds(out, "],\"priority\":\"");
    bw_buf_adds(out, bw_priority_name(s->priority));
    bw_buf_adds(out, "\",\"action\":\"");
    bw_buf_adds(out, bw_score_action_name(s->action));
    bw_buf_adds(out, "\",\"reasons\":[");
    add_reasons(out, f);
    bw_buf_adds(out, "]}");
}

/* ---- features --------------------------------------------------------------------------- */

/* Twice as much is one unit further, on either side of 0. */
static float logarithmic(double v)
{
    if (isnan(v))
        return 0;
    return (float)copysign(log2(1 + fabs(v)), v);
}

void bw_score_features(const bw_record_measures *m, float out[BW_SCORE_FEATURES])
{
    /* The day as a circle on which three hours are about one unit. */
    double angle = 2 * M_PI * (double)(((m->at_us % BW_DAY) + BW_DAY) % BW_DAY) / (double)BW_DAY;
    size_t n = 0;
    out[n++] = logarithmic(m->lag_s);
    out[n++] = logarithmic((double)m->bytes);
    out[n++] = m->fields > 0 ? 4 * (float)m->nulls / (float)m->fields : 0;
    out[n++] = (float)m->fields;
    out[n++] = (float)(1.3 * sin(angle));
    out[n++] = (float)(1.3 * cos(angle));
    for (size_t i = 0; n < BW_SCORE_FEATURES; i++, n++)
        out[n] = i < m->n_numbers && i < BW_SCORE_NUMBERS ? logarithmic(m->numbers[i]) : 0;
}

double bw_score_number_of(bw_slice text)
{
    if (text.len == 0)
        return (double)NAN;
    const char *p = text.ptr, *end = p + text.len;
    bool negative = p < end && *p == '-';
    double v = 0, unit = 1;
    int digits = 0, exponent = 0;
    for (p += negative; p < end && *p >= '0' && *p <= '9'; p++, digits++)
        v = v * 10 + (*p - '0');
    if (p < end && *p == '.') {
        for (p++; p < end && *p >= '0' && *p <= '9'; p++, digits++)
            v += (*p - '0') * (unit /= 10);
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        bool down = ++p < end && *p == '-';
        p += p < end && (*p == '-' || *p == '+');
        for (; p < end && *p >= '0' && *p <= '9' && exponent < 1000; p++)
            exponent = exponent * 10 + (*p - '0');
        v *= pow(10, down ? -exponent : exponent);
    }
    if (p != end || digits == 0)
        return (double)NAN;
    return negative ? -v : v;
}
