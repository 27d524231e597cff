/*
 * NDJSON. The loop over a row's columns is the hottest code of the program (25 million cells for
 * the benchmark's table), so what does not depend on the row is made in new(): the text before each
 * value, and the form in which its type is written. Everything that is rare (NULL where it is not
 * allowed, arrays, long texts, growing the buffer) is out of line.
 */
#include "backend/destination/encoder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "backend/core/units.h"
#include "backend/destination/json_text.h"

#define DEFAULT_ROW_BYTES ((size_t)90 << 20)
/* Texts above this are measured before they are escaped, so that the worst case of six bytes for
   one is not reserved for nothing. */
#define LONG_TEXT ((size_t)32 << 10)
/* What a value costs beside its text and its prefix: quotes, brackets, the comma that follows. */
#define CELL_SLACK   8
#define PREFIX_SHORT 16

typedef enum cell_form {
    FORM_BARE,
    FORM_INT,
    FORM_FLOAT,
    FORM_QUOTED, /* canonical text that never needs escaping */
    FORM_ESCAPED,
    FORM_JSON,
} cell_form;

static const unsigned char forms[BW_TYPE_COUNT] = {
    [BW_TYPE_BOOL] = FORM_BARE,         [BW_TYPE_INT64] = FORM_INT,
    [BW_TYPE_FLOAT64] = FORM_FLOAT,     [BW_TYPE_NUMERIC] = FORM_QUOTED,
    [BW_TYPE_BIGNUMERIC] = FORM_QUOTED, [BW_TYPE_STRING] = FORM_ESCAPED,
    [BW_TYPE_BYTES] = FORM_QUOTED,      [BW_TYPE_DATE] = FORM_QUOTED,
    [BW_TYPE_TIME] = FORM_QUOTED,       [BW_TYPE_DATETIME] = FORM_QUOTED,
    [BW_TYPE_TIMESTAMP] = FORM_QUOTED,  [BW_TYPE_JSON] = FORM_JSON,
    [BW_TYPE_INTERVAL] = FORM_QUOTED,   [BW_TYPE_GEOGRAPHY] = FORM_ESCAPED,
};

typedef struct column {
    char prefix[PREFIX_SHORT]; /* "name": when it fits, so that one store of 16 bytes writes it */
    const char *prefix_text;
    uint32_t prefix_len;
    uint32_t field;
    unsigned char form;
    bool repeated, key_part, required;
} column;

struct bw_encoder {
    bw_encoder_options o;
    column *columns;
    size_t n_columns;
    size_t *key;
    bw_arena names;   /* of the prefixes */
    bw_arena scratch; /* of one row */
    char synced_at[BW_TIME_TEXT];
    XXH3_state_t *hash_state;
    uint64_t content_hash;
};

/* The end of the buffer while a row is written. */
typedef struct sink {
    bw_buf *buf;
    char *p, *end;
} sink;

static void sink_open(sink *s, bw_buf *buf)
{
    s->buf = buf;
    s->p = buf->ptr + buf->len;
    s->end = buf->ptr + buf->cap;
}

static void sink_close(sink *s)
{
    s->buf->len = (size_t)(s->p - s->buf->ptr);
}

static __attribute__((noinline)) void sink_grow(sink *s, size_t need)
{
    sink_close(s);
    bw_buf_reserve(s->buf, need);
    sink_open(s, s->buf);
}

static inline void sink_room(sink *s, size_t need)
{
    if ((size_t)(s->end - s->p) < need)
        sink_grow(s, need);
}

static void sink_adds(sink *s, const char *text)
{
    size_t n = strlen(text);
    sink_room(s, n);
    s->p = bw_copy(s->p, text, n);
}

static void sink_add_string(sink *s, const char *text, size_t n)
{
    sink_room(s, bw_json_escaped_size(text, n) + 2);
    *s->p++ = '"';
    s->p = bw_json_escape(s->p, text, n);
    *s->p++ = '"';
}

/* Integers that a double holds exactly go bare. */
static bool int_is_bare(const char *text, size_t n)
{
    if (n > 0 && *text == '-') {
        text++;
        n--;
    }
    return n < 16 || (n == 16 && memcmp(text, "9007199254740991", 16) <= 0);
}

static void sink_add_int(sink *s, int64_t v)
{
    char digits[24];
    char *p = digits + sizeof digits;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do {
        *--p = (char)('0' + u % 10);
    } while ((u /= 10) != 0);
    if (v < 0)
        *--p = '-';

    size_t n = (size_t)(digits + sizeof digits - p);
    bool bare = int_is_bare(p, n);
    sink_room(s, n + 2);
    if (!bare)
        *s->p++ = '"';
    s->p = bw_copy(s->p, p, n);
    if (!bare)
        *s->p++ = '"';
}

static inline char *put_quoted(char *p, const char *text, size_t n)
{
    *p++ = '"';
    p = bw_copy(p, text, n);
    *p++ = '"';
    return p;
}

/* A line break between tokens is white space to JSON and the end of the row to NDJSON; inside of
   strings it cannot stand. */
static char *put_json(char *p, const char *text, size_t n)
{
    char *end = bw_copy(p, text, n);
    for (char *at = p; (at = memchr(at, '\n', (size_t)(end - at))) != NULL;)
        *at++ = ' ';
    for (char *at = p; (at = memchr(at, '\r', (size_t)(end - at))) != NULL;)
        *at++ = ' ';
    return end;
}

static inline char *put_text(char *p, cell_form form, const char *text, size_t n)
{
    switch (form) {
    case FORM_BARE:
        return bw_copy(p, text, n);
    case FORM_INT:
        return int_is_bare(text, n) ? bw_copy(p, text, n) : put_quoted(p, text, n);
    case FORM_FLOAT:
        return n > 0 && text[n - 1] > '9' ? put_quoted(p, text, n) : bw_copy(p, text, n);
    case FORM_QUOTED:
        return put_quoted(p, text, n);
    case FORM_ESCAPED:
        *p++ = '"';
        p = bw_json_escape(p, text, n);
        *p++ = '"';
        return p;
    case FORM_JSON:
        return put_json(p, text, n);
    }
    return p;
}

static inline size_t text_room(cell_form form, const char *text, size_t n)
{
    if (form != FORM_ESCAPED)
        return n + CELL_SLACK;
    return (n < LONG_TEXT ? n * BW_JSON_EXPANSION : bw_json_escaped_size(text, n)) + CELL_SLACK;
}

static inline void put_prefix(sink *s, const column *c)
{
    if (c->prefix_len <= PREFIX_SHORT)
        memcpy(s->p, c->prefix, PREFIX_SHORT);
    else
        memcpy(s->p, c->prefix_text, c->prefix_len);
    s->p += c->prefix_len;
}

static __attribute__((noinline)) void put_array(sink *s, const column *c, const bw_value *v)
{
    sink_room(s, c->prefix_len + PREFIX_SHORT + CELL_SLACK);
    put_prefix(s, c);
    *s->p++ = '[';
    for (uint32_t i = 0; i < v->size; i++) {
        const bw_value *item = &v->items[i];
        sink_room(s, text_room(c->form, item->text, item->size));
        if (i > 0)
            *s->p++ = ',';
        s->p = put_text(s->p, c->form, item->text, item->size);
    }
    sink_room(s, CELL_SLACK);
    memcpy(s->p, "],", 2);
    s->p += 2;
}

static __attribute__((noinline)) bw_reason null_reason(const column *c, bool deleted)
{
    if (c->key_part)
        return BW_REASON_KEY_NULL;
    return c->required && !c->repeated && !deleted ? BW_REASON_REQUIRED_NULL : BW_REASON_NONE;
}

/* The row's own columns, each with a comma after it. */
static bw_reason put_content(bw_encoder *e, sink *s, const bw_value *values, bool deleted,
                             int *failed)
{
    for (const column *c = e->columns, *end = c + e->n_columns; c < end; c++) {
        const bw_value *v = &values[c->field];
        if (__builtin_expect(v->state == BW_VALUE_TEXT, 1)) {
            sink_room(s, c->prefix_len + PREFIX_SHORT + text_room(c->form, v->text, v->size));
            put_prefix(s, c);
            s->p = put_text(s->p, c->form, v->text, v->size);
            *s->p++ = ',';
        } else if (v->state == BW_VALUE_ARRAY) {
            put_array(s, c, v);
        } else if (c->key_part || c->required) {
            bw_reason reason = null_reason(c, deleted);
            if (reason != BW_REASON_NONE) {
                *failed = (int)c->field;
                return reason;
            }
        }
    }
    return BW_REASON_NONE;
}

static void put_nulls(bw_encoder *e, sink *s, const bw_value *values)
{
    bool any = false;
    for (size_t i = 0; i < e->n_columns; i++) {
        const column *c = &e->columns[i];
        if (!c->repeated || values[c->field].state != BW_VALUE_NULL)
            continue;
        sink_adds(s, any ? ",\"" : "\"_bw_nulls\":[\"");
        sink_adds(s, e->o.schema->fields[c->field].name);
        sink_adds(s, "\"");
        any = true;
    }
    if (any)
        sink_adds(s, "],");
}

/* The row's version, and its event time where the cursor is a time. */
static int64_t row_version(const bw_encoder *e, const bw_value *values, int64_t *event_time)
{
    *event_time = BW_TIME_NONE;
    if (e->o.cursor < 0)
        return 0;
    bw_type type = e->o.schema->fields[e->o.cursor].type;
    int64_t version;
    if (values[e->o.cursor].state != BW_VALUE_TEXT ||
        !bw_value_version(bw_value_slice(&values[e->o.cursor]), type, &version))
        return INT64_MIN;
    if (type != BW_TYPE_INT64)
        *event_time = version;
    return version;
}

static void put_event_id(bw_encoder *e, sink *s, bw_slice key, int64_t version, bw_slice content)
{
    XXH3_state_t *h = e->hash_state;
    const char *sync = e->o.sync ? e->o.sync : "";
    unsigned char text[8];
    for (int i = 0; i < 8; i++)
        text[i] = (unsigned char)((uint64_t)version >> (8 * i));

    /* The NULs keep (a, bc) and (ab, c) apart. */
    XXH3_128bits_reset(h);
    XXH3_128bits_update(h, sync, strlen(sync) + 1);
    XXH3_128bits_update(h, key.ptr, key.len);
    XXH3_128bits_update(h, "", 1);
    if (!e->o.immutable || e->o.n_key == 0) {
        XXH3_128bits_update(h, text, sizeof text);
        XXH3_128bits_update(h, content.ptr, content.len);
    }
    XXH128_canonical_t digest;
    XXH128_canonicalFromHash(&digest, XXH3_128bits_digest(h));

    static const char hex[] = "0123456789abcdef";
    sink_adds(s, "\"_bw_event_id\":\"");
    sink_room(s, 2 * sizeof digest.digest + 2);
    for (size_t i = 0; i < sizeof digest.digest; i++) {
        *s->p++ = hex[digest.digest[i] >> 4];
        *s->p++ = hex[digest.digest[i] & 15];
    }
    memcpy(s->p, "\",", 2);
    s->p += 2;
}

static void put_given_id(sink *s, bw_slice id)
{
    sink_adds(s, "\"_bw_event_id\":");
    sink_add_string(s, id.ptr, id.len);
    sink_adds(s, ",");
}

/* Four decimals, whatever the locale says about points. */
static void put_score(sink *s, double score)
{
    if (isnan(score))
        return;
    char text[32];
    int units = (int)lround(fmin(fmax(score, 0), 1) * 10000);
    snprintf(text, sizeof text, "%d.%04d", units / 10000, units % 10000);
    sink_adds(s, "\"_bw_score\":");
    sink_adds(s, text);
    sink_adds(s, ",");
}

static void put_operation(sink *s, const bw_row_extra *extra)
{
    bw_slice op = extra->event     ? extra->event->operation
                  : extra->deleted ? bw_slice_cstr("delete")
                                   : bw_slice_cstr("upsert");
    sink_adds(s, "\"_bw_op\":");
    sink_add_string(s, op.ptr, op.len);
    sink_adds(s, ",");
}

static void put_raw(bw_encoder *e, sink *s, const bw_row_extra *extra, bw_slice key,
                    int64_t event_time, size_t content_at, size_t content_len)
{
    put_operation(s, extra);
    if (e->o.n_key > 0) {
        sink_adds(s, "\"_bw_key\":");
        sink_add_string(s, key.ptr, key.len);
        sink_adds(s, ",");
    }
    if (event_time != BW_TIME_NONE) {
        char text[BW_TIME_TEXT];
        sink_adds(s, "\"_bw_event_time\":\"");
        sink_adds(s, bw_format_time(event_time, text));
        sink_adds(s, "\",");
    }
    sink_adds(s, "\"_bw_ingested_at\":\"");
    sink_adds(s, e->synced_at);
    sink_adds(s, "\",\"_bw_batch\":");
    sink_add_string(s, e->o.batch ? e->o.batch : "", e->o.batch ? strlen(e->o.batch) : 0);
    sink_adds(s, ",");
    put_score(s, extra->score);
    if (extra->event) {
        sink_adds(s, "\"_bw_payload\":");
        sink_add_string(s, extra->event->payload.ptr, extra->event->payload.len);
        sink_adds(s, ",");
        return;
    }

    /* The content is copied from earlier in the same buffer, which may move while room is made.
       Only quotes and backslashes are left in it to escape. */
    sink_adds(s, "\"_bw_payload\":\"");
    sink_room(s, content_len * 2 + CELL_SLACK);
    s->p = bw_json_escape(s->p, s->buf->ptr + content_at, content_len);
    memcpy(s->p, "}\",", 3);
    s->p += 3;
}

static void put_current(const bw_encoder *e, sink *s, bool deleted)
{
    sink_adds(s, "\"_bw_hash\":");
    sink_add_int(s, (int64_t)e->content_hash);
    sink_adds(s, ",\"_bw_synced_at\":\"");
    sink_adds(s, e->synced_at);
    sink_adds(s, deleted ? "\",\"_bw_deleted\":true," : "\",\"_bw_deleted\":false,");
}

static void put_engine_columns(bw_encoder *e, sink *s, const bw_value *values,
                               const bw_row_extra *extra, size_t content_at, size_t content_len)
{
    int64_t event_time;
    int64_t version = row_version(e, values, &event_time);
    const bw_row_event *event = extra->event;
    unsigned add = e->o.add;
    if (event) {
        version = event->state_version;
        event_time = event->time_us;
    }

    if (add & BW_ADD_NULLS)
        put_nulls(e, s, values);
    if (add & (BW_ADD_CURRENT | BW_ADD_RAW)) {
        sink_adds(s, "\"_bw_version\":");
        sink_add_int(s, version);
        sink_adds(s, ",");
    }
    if (add & BW_ADD_EVENT) {
        sink_adds(s, "\"_bw_event_version\":");
        sink_add_int(s, event ? event->version : version);
        sink_adds(s, ",");
    }
    if (add & BW_ADD_CURRENT)
        put_current(e, s, extra->deleted);
    if (add & (BW_ADD_EVENT_ID | BW_ADD_RAW)) {
        bw_arena_reset(&e->scratch, SIZE_MAX);
        bw_slice key = {"", 0};
        if (e->o.n_key > 0)
            key = bw_row_key_json(&e->scratch, e->o.schema, e->key, e->o.n_key, values);
        if (event)
            put_given_id(s, event->id);
        else
            put_event_id(e, s, key, version, (bw_slice){s->buf->ptr + content_at, content_len});
        if (add & BW_ADD_RAW)
            put_raw(e, s, extra, key, event_time, content_at, content_len);
    }
}

static bw_reason ndjson_row(bw_encoder *e, const bw_value *values, const bw_row_extra *extra,
                            bw_buf *out, int *failed)
{
    static const bw_row_extra none = {.score = NAN};
    if (!extra)
        extra = &none;
    size_t at = out->len;
    sink s;
    bw_buf_reserve(out, CELL_SLACK);
    sink_open(&s, out);
    *s.p++ = '{';

    *failed = -1;
    bw_reason reason = put_content(e, &s, values, extra->deleted, failed);
    if (reason != BW_REASON_NONE) {
        out->len = at;
        return reason;
    }
    /* The content is hashed and quoted without the comma after its last column. */
    size_t len = (size_t)(s.p - out->ptr) - at;
    len -= len > 1;
    e->content_hash = XXH3_64bits(out->ptr + at, len);
    if (e->o.add)
        put_engine_columns(e, &s, values, extra, at, len);

    sink_room(&s, CELL_SLACK);
    if (s.p[-1] == ',')
        s.p--;
    memcpy(s.p, "}\n", 2);
    s.p += 2;
    sink_close(&s);
    if (out->len - at > e->o.max_row_bytes) {
        out->len = at;
        return BW_REASON_ROW_TOO_BIG;
    }
    return BW_REASON_NONE;
}

static void column_init(bw_encoder *e, column *c, size_t field)
{
    const bw_field *f = &e->o.schema->fields[field];
    c->field = (uint32_t)field;
    c->form = forms[f->type];
    c->repeated = f->repeated;
    c->required = f->required;
    for (size_t i = 0; i < e->o.n_key; i++)
        c->key_part |= e->key[i] == field;
    c->prefix_text = bw_arena_printf(&e->names, "\"%s\":", f->name);
    c->prefix_len = (uint32_t)strlen(c->prefix_text);
    memcpy(c->prefix, c->prefix_text, c->prefix_len < PREFIX_SHORT ? c->prefix_len : PREFIX_SHORT);
}

static bw_encoder *ndjson_new(const bw_encoder_options *options)
{
    bw_encoder *e = bw_xcalloc(1, sizeof *e);
    e->o = *options;
    if (e->o.max_row_bytes == 0)
        e->o.max_row_bytes = DEFAULT_ROW_BYTES;
    e->key = bw_xcalloc(options->n_key + 1, sizeof *e->key);
    for (size_t i = 0; i < options->n_key; i++)
        e->key[i] = options->key[i];
    e->n_columns = options->n_columns;
    e->columns = bw_xcalloc(e->n_columns + 1, sizeof *e->columns);
    for (size_t i = 0; i < e->n_columns; i++)
        column_init(e, &e->columns[i], options->columns[i]);
    bw_format_time(options->synced_at_us, e->synced_at);
    e->hash_state = XXH3_createState();
    if (!e->hash_state)
        abort();
    return e;
}

static void ndjson_free(bw_encoder *e)
{
    if (!e)
        return;
    XXH3_freeState(e->hash_state);
    bw_arena_fini(&e->names);
    bw_arena_fini(&e->scratch);
    free(e->columns);
    free(e->key);
    free(e);
}

uint64_t bw_encoder_content_hash(const bw_encoder *e)
{
    return e->content_hash;
}

const bw_encoder_class bw_encoder_ndjson = {
    .name = "ndjson",
    .new = ndjson_new,
    .free = ndjson_free,
    .row = ndjson_row,
};
