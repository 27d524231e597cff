/*
 * Plain rules that need no training: what is odd about a record whatever its numbers are. Each rule
 * has a name (the score's flag), a weight (the anomaly it stands for) and a reason in words.
 *
 * Two of them compare with what came before: a shape holds the fields that a kind of record has had,
 * an order what was last done to an entity. Both are bounded, forget rather than grow, and belong to
 * one thread at a time.
 */
#ifndef BW_SCORE_RULES_H
#define BW_SCORE_RULES_H

#include "backend/core/buf.h"

typedef enum bw_rule {
    BW_RULE_FUTURE_TIMESTAMP, /* more than BW_FUTURE_TOLERANCE_S ahead of the clock */
    BW_RULE_UNSEEN_FIELD,
    BW_RULE_TYPE_CHANGE,
    BW_RULE_OUT_OF_ORDER,
    BW_RULE_COUNT,
} bw_rule;

#define BW_FUTURE_TOLERANCE_S 60.0

const char *bw_rule_name(bw_rule rule);
/* The anomaly that it stands for, 0 to 1. */
double bw_rule_weight(bw_rule rule);

/* What the rules found: the first case of each. Slices are borrowed from the record. */
typedef struct bw_rule_case {
    bw_slice field;
    const char *was, *is;
    double seconds;
} bw_rule_case;

typedef struct bw_rule_hits {
    unsigned flags; /* 1 << bw_rule */
    bw_rule_case cases[BW_RULE_COUNT];
} bw_rule_hits;

static inline bool bw_rule_hit(const bw_rule_hits *hits, bw_rule rule)
{
    return (hits->flags >> rule & 1) != 0;
}

/* The heaviest weight among the hits, 0 when there is none. */
double bw_rules_anomaly(const bw_rule_hits *hits);
/* Appends the reason in words: "field total was a number, is a string". */
void bw_rule_reason(const bw_rule_hits *hits, bw_rule rule, bw_buf *out);

/* lag_s: how far the record's time lies behind the clock; NAN unknown. */
void bw_rule_check_time(bw_rule_hits *hits, double lag_s);

/* ---- shape ------------------------------------------------------------------------------ */

typedef enum bw_field_kind {
    BW_FIELD_NULL,
    BW_FIELD_BOOL,
    BW_FIELD_NUMBER,
    BW_FIELD_STRING,
    BW_FIELD_OBJECT,
    BW_FIELD_ARRAY,
} bw_field_kind;

typedef struct bw_shape bw_shape;

bw_shape *bw_shape_new(void);
void bw_shape_free(bw_shape *shape);
/* A record: begin, each of its fields, end. The first 20 records teach and raise nothing. Fields
   beyond 1,024 are not remembered and raise nothing. */
void bw_shape_begin(bw_shape *shape);
void bw_shape_field(bw_shape *shape, bw_slice name, bw_field_kind kind, bw_rule_hits *hits);
/* *missing: fields that at least half of the records before had, not null, and this one does not
   even name. */
void bw_shape_end(bw_shape *shape, int *missing);

/* ---- order ------------------------------------------------------------------------------ */

typedef enum bw_operation {
    BW_OPERATION_CREATE,
    BW_OPERATION_UPDATE,
    BW_OPERATION_UPSERT,
    BW_OPERATION_DELETE,
} bw_operation;

/* create, update (also PATCH), upsert, delete, in any case. */
bool bw_operation_parse(bw_slice text, bw_operation *out);
const char *bw_operation_name(bw_operation operation);

typedef struct bw_order bw_order;

/* Remembers the last operation of up to 65,536 entities; a newer one may take an older one's place.*/
bw_order *bw_order_new(void);
void bw_order_free(bw_order *order);
/* Out of order: older than what was last done to the entity, a create of one that exists, an update
   or delete of one that was deleted. at_us may be BW_TIME_NONE. */
void bw_order_check(bw_order *order, uint64_t entity, bw_operation operation, int64_t at_us,
                    bw_rule_hits *hits);

#endif
