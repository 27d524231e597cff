#include "app/event_line.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include <xxhash.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/score/hst.h"

#define KINDS 32
#define SEED  0x6576656e74730000U

/* ---- reading ---------------------------------------------------------------------------- */

void bw_event_line_fini(bw_event_line *event)
{
    bw_buf_fini(&event->text);
}

/* A string's content, or the text of another value as it stands. The buffer was reserved for the
   whole line, so that earlier slices stay where they are. */
static bool take_text(bw_event_line *e, bw_slice raw, bw_slice *out)
{
    if (raw.ptr[0] != '"') {
        *out = raw;
        return true;
    }
    *out = (bw_slice){raw.ptr + 1, raw.len - 2};
    if (!memchr(out->ptr, '\\', out->len))
        return true;
    size_t before = e->text.len;
    bool ok = bw_json_unescape(raw, &e->text);
    *out = (bw_slice){e->text.ptr + before, e->text.len - before};
    return ok;
}

static bool take_key(bw_event_line *e, bw_slice raw)
{
    e->key_is_id = false;
    return take_text(e, raw, &e->key);
}

static bool take_entity_id(bw_event_line *e, bw_slice raw)
{
    e->key_is_id = true;
    return take_text(e, raw, &e->key);
}

static bool take_kind(bw_event_line *e, bw_slice raw)
{
    return raw.ptr[0] == '"' && take_text(e, raw, &e->kind);
}

static bool take_operation(bw_event_line *e, bw_slice raw)
{
    bw_slice text;
    if (raw.ptr[0] != '"' || !take_text(e, raw, &text))
        return false;
    e->has_operation = bw_operation_parse(text, &e->operation);
    return true;
}

static bool take_data(bw_event_line *e, bw_slice raw)
{
    e->data = raw;
    return raw.ptr[0] == '{';
}

static bool take_id(bw_event_line *e, bw_slice raw)
{
    return take_text(e, raw, &e->id);
}

static bool take_correlation_id(bw_event_line *e, bw_slice raw)
{
    return e->id.ptr || take_text(e, raw, &e->id);
}

/* RFC 3339, or a number since 1970: of seconds, milliseconds or microseconds, by its size. */
static bool take_time(bw_event_line *e, bw_slice raw)
{
    bw_slice text;
    if (raw.ptr[0] == '"')
        return take_text(e, raw, &text) && bw_parse_time(text, &e->at_us);
    double v = bw_score_number_of(raw);
    double us = fabs(v) < 1e11 ? v * 1e6 : fabs(v) < 1e14 ? v * 1e3 : v;
    if (!(fabs(us) < 1e18))
        return false;
    e->at_us = (int64_t)us;
    return true;
}

static const struct {
    const char *name;
    bool (*take)(bw_event_line *e, bw_slice raw);
    const char *wanted;
} MEMBERS[] = {
    {"entity_key", take_key, "a key"},
    {"entity_id", take_entity_id, "a key"},
    {"kind", take_kind, "a text"},
    {"operation", take_operation, "a text"},
    {"data", take_data, "an object"},
    {"timestamp", take_time, "a time"},
    {"event_time", take_time, "a time"},
    {"event_id", take_id, "a text"},
    {"correlation_id", take_correlation_id, "a text"},
};

static bw_status take_member(bw_event_line *e, bw_slice name, bw_slice raw, bw_error *err)
{
    for (size_t i = 0; i < BW_COUNT(MEMBERS); i++) {
        if (!bw_slice_is(name, MEMBERS[i].name) || bw_slice_is(raw, "null"))
            continue;
        if (!MEMBERS[i].take(e, raw))
            return bw_error_set(err, BW_INVALID, "%s is not %s", MEMBERS[i].name,
                                MEMBERS[i].wanted);
    }
    return BW_OK;
}

bw_status bw_event_line_parse(bw_slice line, bw_event_line *event, bw_error *err)
{
    bw_buf kept = event->text;
    *event = (bw_event_line){.at_us = BW_TIME_NONE, .text = kept};
    bw_buf_clear(&event->text);
    bw_buf_reserve(&event->text, line.len + 1);
    bw_json_scan s = bw_json_scan_init(line);
    bw_json_token t;
    if (!bw_json_next(&s, &t) || t.type != BW_JSON_OBJECT)
        return bw_error_set(err, BW_INVALID, "not a JSON object");
    while (bw_json_next(&s, &t) && t.type == BW_JSON_KEY) {
        bw_slice raw;
        if (!bw_json_skip(&s, &raw))
            break;
        bw_status st = take_member(event, (bw_slice){t.raw.ptr + 1, t.raw.len - 2}, raw, err);
        if (st != BW_OK)
            return st;
    }
    if (!s.error && t.type == BW_JSON_OBJECT_END && bw_json_next(&s, &t))
        return BW_OK;
    return bw_error_set(err, BW_INVALID, "byte %zu: %s", s.at, s.error ? s.error : "not JSON");
}

/* ---- memory ----------------------------------------------------------------------------- */

typedef struct kind_memory {
    uint64_t kind;
    bw_shape *shape;
    bw_hst *hst;
} kind_memory;

struct bw_event_line_memory {
    kind_memory kinds[KINDS];
    size_t n_kinds;
    bw_order *order;
};

bw_event_line_memory *bw_event_line_memory_new(void)
{
    bw_event_line_memory *m = bw_xcalloc(1, sizeof(*m));
    m->order = bw_order_new();
    return m;
}

void bw_event_line_memory_free(bw_event_line_memory *memory)
{
    if (!memory)
        return;
    for (size_t i = 0; i < memory->n_kinds; i++) {
        bw_shape_free(memory->kinds[i].shape);
        bw_hst_free(memory->kinds[i].hst);
    }
    bw_order_free(memory->order);
    free(memory);
}

/* NULL when there are too many kinds. */
static kind_memory *of_kind(bw_event_line_memory *m, bw_slice kind)
{
    uint64_t hash = XXH3_64bits(kind.ptr, kind.len);
    for (size_t i = 0; m && i < m->n_kinds; i++) {
        if (m->kinds[i].kind == hash)
            return &m->kinds[i];
    }
    if (!m || m->n_kinds == KINDS)
        return NULL;
    kind_memory *k = &m->kinds[m->n_kinds++];
    *k = (kind_memory){
        .kind = hash, .shape = bw_shape_new(), .hst = bw_hst_new(SEED, BW_SCORE_FEATURES)};
    return k;
}

/* ---- scoring ---------------------------------------------------------------------------- */

static bw_field_kind kind_of(bw_slice raw)
{
    switch (raw.ptr[0]) {
    case 'n':
        return BW_FIELD_NULL;
    case 't':
    case 'f':
        return BW_FIELD_BOOL;
    case '"':
        return BW_FIELD_STRING;
    case '{':
        return BW_FIELD_OBJECT;
    case '[':
        return BW_FIELD_ARRAY;
    default:
        return BW_FIELD_NUMBER;
    }
}

/* Every field of the data is expected; those that are null are missing. */
static void look_at_data(const bw_event_line *e, kind_memory *k, bw_record_facts *f,
                         bw_record_measures *m, double numbers[BW_SCORE_NUMBERS])
{
    bw_json_scan s = bw_json_scan_init(e->data);
    bw_json_token t;
    bw_slice raw;
    if (!e->data.ptr || !bw_json_next(&s, &t))
        return;
    while (bw_json_next(&s, &t) && t.type == BW_JSON_KEY && bw_json_skip(&s, &raw)) {
        bw_field_kind kind = kind_of(raw);
        f->expected++;
        f->present += kind != BW_FIELD_NULL;
        m->fields++;
        m->nulls += kind == BW_FIELD_NULL;
        if (kind == BW_FIELD_NUMBER && m->n_numbers < BW_SCORE_NUMBERS)
            numbers[m->n_numbers++] = bw_score_number_of(raw);
        if (k)
            bw_shape_field(k->shape, (bw_slice){t.raw.ptr + 1, t.raw.len - 2}, kind, &f->hits);
    }
}

static void look_at_envelope(const bw_event_line *e, bw_record_facts *f)
{
    bool deleted = e->has_operation && e->operation == BW_OPERATION_DELETE;
    bool there[] = {e->key.ptr, e->kind.ptr, e->has_operation, e->at_us != BW_TIME_NONE,
                    e->data.ptr};
    f->expected = (int)BW_COUNT(there) - deleted;
    for (size_t i = 0; i < (size_t)f->expected; i++)
        f->present += there[i];
}

static uint64_t entity_of(const bw_event_line *e)
{
    return XXH3_64bits_withSeed(e->key.ptr, e->key.len, XXH3_64bits(e->kind.ptr, e->kind.len));
}

bw_record_score bw_event_line_score(bw_event_line_memory *memory, const bw_event_line *event,
                                    int64_t now_us, double target_s, bw_record_facts *facts)
{
    double numbers[BW_SCORE_NUMBERS];
    float features[BW_SCORE_FEATURES];
    bw_record_measures m = {.at_us = now_us, .numbers = numbers, .bytes = event->data.len};
    kind_memory *k = of_kind(memory, event->kind);
    *facts = (bw_record_facts){.lag_s = (double)NAN, .target_s = target_s, .model = (double)NAN};
    if (event->at_us != BW_TIME_NONE)
        facts->lag_s = (double)(now_us - event->at_us) / 1e6;
    m.lag_s = facts->lag_s;
    bw_rule_check_time(&facts->hits, facts->lag_s);
    look_at_envelope(event, facts);
    bool teaches = k && event->data.ptr;
    if (teaches)
        bw_shape_begin(k->shape);
    look_at_data(event, teaches ? k : NULL, facts, &m, numbers);
    if (teaches) {
        int missing;
        bw_shape_end(k->shape, &missing);
        facts->expected += missing;
        bw_score_features(&m, features);
        facts->model = bw_hst_score(k->hst, features);
        bw_hst_learn(k->hst, features);
    }
    if (memory && event->key.ptr && event->has_operation)
        bw_order_check(memory->order, entity_of(event), event->operation, event->at_us,
                       &facts->hits);
    return bw_score_record(facts);
}

/* ---- the row ---------------------------------------------------------------------------- */

/* The publisher's id, or one that is the same for the same event. */
static void add_event_id(bw_buf *out, const bw_event_line *e)
{
    if (e->id.ptr) {
        bw_json_add_string(out, e->id);
        return;
    }
    XXH3_state_t *state = XXH3_createState();
    const bw_slice parts[] = {
        e->kind, e->key, e->data, {(const char *)&e->at_us, sizeof(e->at_us)}};
    XXH3_128bits_reset(state);
    for (size_t i = 0; i < BW_COUNT(parts); i++) {
        uint64_t len = parts[i].len;
        XXH3_128bits_update(state, &len, sizeof(len));
        XXH3_128bits_update(state, parts[i].ptr, parts[i].len);
    }
    const char *operation = e->has_operation ? bw_operation_name(e->operation) : "";
    XXH3_128bits_update(state, operation, strlen(operation));
    XXH128_hash_t h = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    bw_buf_addf(out, "\"%016" PRIx64 "%016" PRIx64 "\"", h.high64, h.low64);
}

static void add_key(bw_buf *out, const bw_event_line *e)
{
    bw_buf key = BW_BUF_INIT;
    bw_buf_adds(&key, e->key_is_id ? "{\"entity_id\":" : "{\"entity_key\":");
    bw_json_add_string(&key, e->key);
    bw_buf_addc(&key, '}');
    bw_json_add_string(out, bw_buf_slice(&key));
    bw_buf_fini(&key);
}

void bw_event_line_row(bw_buf *out, const bw_event_line *e, const bw_record_score *score,
                       int64_t now_us)
{
    char time[BW_TIME_TEXT];
    bw_buf_adds(out, "{\"_bw_event_id\":");
    add_event_id(out, e);
    if (e->has_operation)
        bw_buf_addf(out, ",\"_bw_op\":\"%s\"", bw_operation_name(e->operation));
    if (e->key.ptr) {
        bw_buf_adds(out, ",\"_bw_key\":");
        add_key(out, e);
    }
    if (e->at_us != BW_TIME_NONE)
        bw_buf_addf(out, ",\"_bw_version\":%lld,\"_bw_event_time\":\"%s\"", (long long)e->at_us,
                    bw_format_time(e->at_us, time));
    bw_buf_addf(out, ",\"_bw_ingested_at\":\"%s\",\"_bw_score\":", bw_format_time(now_us, time));
    bw_score_add_number(out, score->confidence, 4);
    if (e->data.ptr) {
        bw_buf_adds(out, ",\"_bw_payload\":");
        bw_json_add_string(out, e->data);
    }
    bw_buf_addc(out, '}');
}
