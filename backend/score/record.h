/*
 * A record's score: how far it can be trusted to be timely, whole and usual. Pure functions; the
 * anomaly model (hst.h) and the rules' memory (rules.h) are values that the caller keeps.
 * Threads: any.
 */
#ifndef BW_SCORE_RECORD_H
#define BW_SCORE_RECORD_H

#include "backend/core/buf.h"
#include "backend/score/rules.h"

typedef enum bw_lag {
    BW_LAG_FRESH, /* freshness at least 0.9 */
    BW_LAG_AGING, /* at least 0.5 */
    BW_LAG_STALE,
    BW_LAG_UNKNOWN,
} bw_lag;

typedef enum bw_priority { BW_PRIORITY_HIGH, BW_PRIORITY_NORMAL, BW_PRIORITY_LOW } bw_priority;

typedef enum bw_score_action {
    BW_ACTION_INGEST,
    BW_ACTION_FLAG,       /* confidence below 0.7, or anomaly at least 0.7 */
    BW_ACTION_QUARANTINE, /* a dead letter with reason SCORE; only where configured */
} bw_score_action;

const char *bw_lag_name(bw_lag lag);
const char *bw_priority_name(bw_priority priority);
const char *bw_score_action_name(bw_score_action action);

/* What is known of a record. */
typedef struct bw_record_facts {
    double lag_s;    /* the clock minus the record's time; NAN unknown */
    double target_s; /* the sync's freshness target, > 0 */
    int expected;    /* fields that should be there and not null */
    int present;     /* of those, the ones that are */
    double model;    /* the anomaly model's word, 0 to 1; NAN when it has none */
    bw_rule_hits hits;
    /* A record less complete than this is quarantined: depends on nothing but the record. 0: none. */
    double quarantine_below;
} bw_record_facts;

typedef struct bw_record_score {
    double confidence; /* 0 to 1: the cube root of the product of the next two and 1 - anomaly */
    double freshness;  /* 0 to 1; NAN when the lag is unknown: then the square root of the others */
    double completeness; /* 0 to 1 */
    double anomaly;      /* 0 to 1: the larger of the model's and the rules' */
    bw_lag lag;
    bw_priority priority;
    bw_score_action action;
} bw_record_score;

bw_record_score bw_score_record(const bw_record_facts *facts);

/* 2^-(max(0, lag - target) / target); NAN for an unknown lag. */
double bw_score_freshness(double lag_s, double target_s);

/* Appends the score as one JSON object on one line: confidence, freshness, completeness, anomaly,
   lag_seconds, lag, flags, priority, action, reasons. Unknown numbers are null. */
void bw_score_json(bw_buf *out, const bw_record_facts *facts, const bw_record_score *score);

/* Appends a number with at most `decimals` (up to 6) decimals and at least one, rounded; "null" for
   what is no number. Independent of the locale. */
void bw_score_add_number(bw_buf *out, double v, int decimals);

/* ---- features for the anomaly model ----------------------------------------------------- */

#define BW_SCORE_NUMBERS  10
#define BW_SCORE_FEATURES 16

/* What the model looks at, each in a unit that means something (hst.h). */
typedef struct bw_record_measures {
    double lag_s; /* NAN unknown */
    size_t bytes;
    int fields, nulls;
    int64_t at_us;         /* wall clock, for the hour of the day */
    const double *numbers; /* the record's numbers in the order of its fields; NAN for a null */
    size_t n_numbers;      /* beyond BW_SCORE_NUMBERS they are ignored */
} bw_record_measures;

void bw_score_features(const bw_record_measures *measures, float out[BW_SCORE_FEATURES]);

/* A number of text, near enough for a feature; NAN when it is none. */
double bw_score_number_of(bw_slice text);

#endif
