#include "backend/score/rules.h"

#include <stdlib.h>
#include <strings.h>

#include <xxhash.h>

#include "backend/core/clock.h"
#include "backend/score/record.h"

static const struct {
    const char *name;
    double weight;
} RULES[BW_RULE_COUNT] = {
    [BW_RULE_FUTURE_TIMESTAMP] = {"future_timestamp", 0.8},
    [BW_RULE_UNSEEN_FIELD] = {"unseen_field", 0.4},
    [BW_RULE_TYPE_CHANGE] = {"type_change", 0.8},
    [BW_RULE_OUT_OF_ORDER] = {"out_of_order", 0.7},
};

const char *bw_rule_name(bw_rule rule)
{
    return RULES[rule].name;
}

double bw_rule_weight(bw_rule rule)
{
    return RULES[rule].weight;
}

double bw_rules_anomaly(const bw_rule_hits *hits)
{
    double heaviest = 0;
    for (bw_rule r = 0; r < BW_RULE_COUNT; r++) {
        if (bw_rule_hit(hits, r) && RULES[r].weight > heaviest)
            heaviest = RULES[r].weight;
    }
    return heaviest;
}

static void hit(bw_rule_hits *hits, bw_rule rule, bw_rule_case c)
{
    if (!bw_rule_hit(hits, rule))
        hits->cases[rule] = c;
    hits->flags |= 1U << rule;
}

void bw_rule_reason(const bw_rule_hits *hits, bw_rule rule, bw_buf *out)
{
    const bw_rule_case *c = &hits->cases[rule];
    switch (rule) {
    case BW_RULE_FUTURE_TIMESTAMP:
        bw_score_add_number(out, c->seconds, 1);
        bw_buf_adds(out, " s ahead of the clock");
        return;
    case BW_RULE_UNSEEN_FIELD:
        bw_buf_addf(out, "field %.*s was never seen before", BW_SLICE_ARG(c->field));
        return;
    case BW_RULE_TYPE_CHANGE:
        bw_buf_addf(out, "field %.*s was %s, is %s", BW_SLICE_ARG(c->field), c->was, c->is);
        return;
    case BW_RULE_OUT_OF_ORDER:
        if (c->seconds > 0) {
            bw_score_add_number(out, c->seconds, 1);
            bw_buf_addf(out, " s older than the %s before it", c->was);
        } else {
            bw_buf_addf(out, "%s after %s", c->is, c->was);
        }
        return;
    case BW_RULE_COUNT:
        return;
    }
}

void bw_rule_check_time(bw_rule_hits *hits, double lag_s)
{
    if (lag_s < -BW_FUTURE_TOLERANCE_S) /* false for NAN */
        hit(hits, BW_RULE_FUTURE_TIMESTAMP, (bw_rule_case){.seconds = -lag_s});
}

/* ---- shape ------------------------------------------------------------------------------ */

#define MAX_FIELDS 1024
#define SLOTS      2048 /* a power of two, twice the fields: probing stays short */
#define LEARNING   20   /* records that raise nothing */

typedef struct known_field {
    uint64_t hash; /* 64 bits for a thousand names: a clash is not to be expected */
    uint64_t seen; /* records that had it, not null */
    uint64_t last; /* the record that named it last, null or not */
    bw_field_kind kind;
} known_field;

struct bw_shape {
    uint64_t records; /* begun, this one included */
    known_field fields[MAX_FIELDS];
    size_t count;
    uint16_t slots[SLOTS]; /* index + 1 into fields, 0 free */
};

bw_shape *bw_shape_new(void)
{
    return bw_xcalloc(1, sizeof(bw_shape));
}

void bw_shape_free(bw_shape *shape)
{
    free(shape);
}

void bw_shape_begin(bw_shape *shape)
{
    shape->records++;
}

/* The known field, or NULL with *slot where it may go. */
static known_field *find_field(bw_shape *shape, uint64_t hash, size_t *slot)
{
    for (*slot = hash & (SLOTS - 1); shape->slots[*slot]; *slot = (*slot + 1) & (SLOTS - 1)) {
        known_field *f = &shape->fields[shape->slots[*slot] - 1];
        if (f->hash == hash)
            return f;
    }
    return NULL;
}

static const char *kind_name(bw_field_kind kind)
{
    static const char *const NAMES[] = {"null",     "a boolean", "a number",
                                        "a string", "an object", "an array"};
    return NAMES[kind];
}

void bw_shape_field(bw_shape *shape, bw_slice name, bw_field_kind kind, bw_rule_hits *hits)
{
    size_t slot;
    bool teaches = shape->records <= LEARNING;
    uint64_t hash = XXH3_64bits(name.ptr, name.len);
    known_field *f = find_field(shape, hash, &slot);
    if (!f) {
        if (shape->count == MAX_FIELDS)
            return;
        if (!teaches)
            hit(hits, BW_RULE_UNSEEN_FIELD, (bw_rule_case){.field = name});
        f = &shape->fields[shape->count++];
        *f = (known_field){.hash = hash, .kind = BW_FIELD_NULL};
        shape->slots[slot] = (uint16_t)shape->count;
    }
    bool repeated = f->last == shape->records;
    f->last = shape->records;
    if (repeated || kind == BW_FIELD_NULL)
        return;
    if (!teaches && f->kind != BW_FIELD_NULL && f->kind != kind)
        hit(hits, BW_RULE_TYPE_CHANGE,
            (bw_rule_case){.field = name, .was = kind_name(f->kind), .is = kind_name(kind)});
    f->kind = kind;
    f->seen++;
}

void bw_shape_end(bw_shape *shape, int *missing)
{
    *missing = 0;
    uint64_t before = shape->records - 1;
    for (size_t i = 0; i < shape->count && before > 0; i++) {
        const known_field *f = &shape->fields[i];
        if (f->last != shape->records && f->seen * 2 >= before)
            ++*missing;
    }
}

/* ---- order ------------------------------------------------------------------------------ */

#define ENTITIES 65536

typedef struct last_done {
    uint64_t entity;
    int64_t at_us;
    bw_operation operation;
    bool used;
} last_done;

struct bw_order {
    last_done entities[ENTITIES];
};

static const char *const OPERATIONS[] = {
    [BW_OPERATION_CREATE] = "create",
    [BW_OPERATION_UPDATE] = "update",
    [BW_OPERATION_UPSERT] = "upsert",
    [BW_OPERATION_DELETE] = "delete",
};

const char *bw_operation_name(bw_operation operation)
{
    return OPERATIONS[operation];
}

bool bw_operation_parse(bw_slice text, bw_operation *out)
{
    for (size_t i = 0; i < BW_COUNT(OPERATIONS); i++) {
        if (text.len == strlen(OPERATIONS[i]) &&
            strncasecmp(text.ptr, OPERATIONS[i], text.len) == 0) {
            *out = (bw_operation)i;
            return true;
        }
    }
    if (text.len == 5 && strncasecmp(text.ptr, "patch", 5) == 0) {
        *out = BW_OPERATION_UPDATE;
        return true;
    }
    return false;
}

bw_order *bw_order_new(void)
{
    return bw_xcalloc(1, sizeof(bw_order));
}

void bw_order_free(bw_order *order)
{
    free(order);
}

static bool makes_no_sense_after(bw_operation before, bw_operation now)
{
    if (before == BW_OPERATION_DELETE)
        return now == BW_OPERATION_UPDATE || now == BW_OPERATION_DELETE;
    return now == BW_OPERATION_CREATE;
}

void bw_order_check(bw_order *order, uint64_t entity, bw_operation operation, int64_t at_us,
                    bw_rule_hits *hits)
{
    last_done *d = &order->entities[entity & (ENTITIES - 1)];
    if (d->used && d->entity == entity) {
        bool timed = at_us != BW_TIME_NONE && d->at_us != BW_TIME_NONE;
        bool older = timed && at_us < d->at_us;
        if (older || makes_no_sense_after(d->operation, operation))
            hit(hits, BW_RULE_OUT_OF_ORDER,
                (bw_rule_case){.was = OPERATIONS[d->operation],
                               .is = OPERATIONS[operation],
                               .seconds = older ? (double)(d->at_us - at_us) / 1e6 : 0});
        if (older) /* what happened last stays what happened last */
            return;
    }
    *d = (last_done){.entity = entity, .at_us = at_us, .operation = operation, .used = true};
}
