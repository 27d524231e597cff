/* event.h: what a message says, and why one is none. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/events/event.h"

#define NOW "2026-11-20T12:00:00Z"

static const bw_event_rules plain = {.default_kind = "customer"};

typedef struct parsed {
    bool ok;
    bw_event event;
    bw_event_fault fault;
    bw_arena arena;
} parsed;

static int64_t at(const char *text)
{
    int64_t us;
    assert_true(bw_parse_time(bw_slice_cstr(text), &us));
    return us;
}

static void parse_bytes(parsed *p, const bw_event_rules *rules, bw_slice data,
                        const char *attributes)
{
    bw_event_message m = {.data = data,
                          .attributes = bw_slice_cstr(attributes),
                          .message_id = BW_SLICE_LIT("m-1"),
                          .publish_us = at("2026-11-20T11:59:00Z")};
    *p = (parsed){.arena = BW_ARENA_INIT};
    p->ok = bw_event_parse(rules, &m, at(NOW), &p->arena, &p->event, &p->fault);
    assert_true(p->ok == (p->fault.reason == BW_REASON_NONE));
    assert_true(bw_utf8_valid(p->fault.detail) && bw_utf8_valid(p->fault.member));
    assert_true(bw_slice_eq(p->event.payload, data));
}

static void parse(parsed *p, const bw_event_rules *rules, const char *text)
{
    parse_bytes(p, rules, bw_slice_cstr(text), NULL);
}

static void assert_slice(bw_slice found, const char *expected)
{
    if (!bw_slice_is(found, expected))
        fail_msg("\"%.*s\" is not \"%s\"", BW_SLICE_ARG(found), expected);
}

/* ---- good ones ------------------------------------------------------------------------------- */

static void reads_every_member(void **state)
{
    (void)state;
    parsed p;
    parse(
        &p, &plain,
        "{\"event_id\":\"ev-1\",\"kind\":\"order\",\"entity_id\":\"o-1\",\"operation\":\"UPDATE\","
        "\"data\":{\"b\":1.50,\"a\":\"\\u00e9\"},\"timestamp\":\"2026-11-20T12:30:00.25+01:00\","
        "\"source\":\"shop\",\"correlation_id\":\"c-1\",\"unknown\":[1]}");
    assert_true(p.ok);
    assert_slice(p.event.id, "ev-1");
    assert_slice(p.event.kind, "order");
    assert_slice(p.event.key, "{\"path\":[{\"kind\":\"order\",\"name\":\"o-1\"}]}");
    assert_slice(p.event.key_text, "order/o-1");
    assert_int_equal(p.event.operation, BW_EVENT_UPDATE);
    assert_slice(p.event.data, "{\"b\":1.50,\"a\":\"\\u00e9\"}");
    assert_int_equal(p.event.timestamp_us, at("2026-11-20T11:30:00.25Z"));
    assert_true(p.event.timestamp_given);
    assert_slice(p.event.source, "shop");
    assert_slice(p.event.correlation_id, "c-1");
    assert_int_equal(p.event.clock.len, 0);
    assert_int_equal(strlen(p.event.content_hash), 32);
    bw_arena_fini(&p.arena);
}

static const struct {
    const char *members, *key_text;
} keys[] = {
    {"\"entity_id\":\"c-17\"", "customer/c-17"},
    {"\"entity_id\":17", "customer/17"},
    {"\"entity_id\":\"17\"", "customer/\"17\""}, /* a name, not the id */
    {"\"entity_id\":9223372036854775807", "customer/9223372036854775807"},
    {"\"entity_key\":\"c-17\",\"kind\":\"x\"", "x/c-17"},
    {"\"entity_key\":17,\"kind\":null", "customer/17"},
    {"\"entity_key\":{\"path\":[{\"kind\":\"region\",\"id\":4},"
     "{\"kind\":\"order\",\"name\":\"o\"}]}",
     "region/4/order/o"},
    {"\"kind\":\"order\",\"entity_key\":{\"path\":[{\"id\":\"4\",\"kind\":\"order\"}]}", "order/4"},
};

static void reads_the_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < BW_COUNT(keys); i++) {
        parsed p;
        char text[300];
        snprintf(text, sizeof(text), "{%s,\"operation\":\"delete\"}", keys[i].members);
        parse(&p, &plain, text);
        if (!p.ok)
            fail_msg("%s: %.*s", text, BW_SLICE_ARG(p.fault.detail));
        assert_slice(p.event.key_text, keys[i].key_text);
        bw_arena_fini(&p.arena);
    }
}

static void reads_times(void **state)
{
    (void)state;
    static const struct {
        const char *text, *time;
    } times[] = {
        {"\"2026-11-20T11:00:00Z\"", "2026-11-20T11:00:00Z"},
        {"\"2026-11-20t11:00:00.123456789z\"", "2026-11-20T11:00:00.123456Z"},
        {"\"2026-11-20 23:00:00+12:00\"", "2026-11-20T11:00:00Z"},
        {"\"0001-01-01T00:00:00Z\"", "0001-01-01T00:00:00Z"},
        {"1763632800123", "2025-11-20T10:00:00.123Z"},
        {"\"2026-11-20T12:05:00Z\"", "2026-11-20T12:05:00Z"}, /* the tolerance, just */
        {"null", "2026-11-20T11:59:00Z"},
    };
    for (size_t i = 0; i < BW_COUNT(times); i++) {
        parsed p;
        char text[200];
        snprintf(text, sizeof(text), "{\"entity_id\":1,\"operation\":\"delete\",\"timestamp\":%s}",
                 times[i].text);
        parse(&p, &plain, text);
        if (!p.ok)
            fail_msg("%s: %.*s", text, BW_SLICE_ARG(p.fault.detail));
        assert_int_equal(p.event.timestamp_us, at(times[i].time));
        assert_int_equal(p.event.timestamp_given, strcmp(times[i].text, "null") != 0);
        bw_arena_fini(&p.arena);
    }
}

static void keeps_escape_sequences_as_data(void **state)
{
    (void)state;
    parsed p;
    const char *text = "{\"entity_id\":\"\\u001b[2J\",\"operation\":\"create\",\"data\":"
                       "{\"name\":\"\\u001b]0;owned\\u0007\\u001b[31m\",\"nul\":\"a\\u0000b\"}}";
    parse(&p, &plain, text);
    assert_true(p.ok);
    assert_slice(p.event.payload, text);
    assert_non_null(memmem(p.event.key.ptr, p.event.key.len, "\\u001b[2J", 9));
    assert_non_null(memmem(p.event.data.ptr, p.event.data.len, "\\u001b[31m", 10));
    assert_non_null(memmem(p.event.properties.ptr, p.event.properties.len, "u001b[31m", 9));
    assert_non_null(memmem(p.event.properties.ptr, p.event.properties.len, "a\\u0000b", 8));
    bw_arena_fini(&p.arena);
}

static void a_delete_needs_no_data_and_may_have_any(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"entity_id\":1,\"operation\":\"DELETE\"}",
        "{\"entity_id\":1,\"operation\":\"Delete\",\"data\":null}",
        "{\"entity_id\":1,\"operation\":\"delete\",\"data\":{\"version\":7,\"n\":1e400}}",
    };
    for (size_t i = 0; i < BW_COUNT(texts); i++) {
        parsed p;
        parse(&p, &plain, texts[i]);
        assert_true(p.ok);
        assert_int_equal(p.event.properties.len, 0);
        bw_arena_fini(&p.arena);
    }
}

/* ---- ids ------------------------------------------------------------------------------------- */

static char *id_of(const bw_event_rules *rules, const char *text, const char *attributes)
{
    parsed p;
    parse_bytes(&p, rules, bw_slice_cstr(text), attributes);
    assert_true(p.ok);
    char *id = bw_xstrndup(p.event.id.ptr, p.event.id.len);
    bw_arena_fini(&p.arena);
    return id;
}

static void assert_id(const bw_event_rules *rules, const char *text, const char *attributes,
                      const char *expected)
{
    char *id = id_of(rules, text, attributes);
    assert_string_equal(id, expected);
    free(id);
}

static void the_id_is_the_publishers_or_the_messages(void **state)
{
    (void)state;
    const char *bare = "{\"entity_id\":1,\"operation\":\"delete\"}";
    bw_event_rules scoped = plain;
    scoped.message_scope = "projects/p/topics/t";
    assert_id(&plain, bare, NULL, "m-1");
    assert_id(&plain, bare, "{}", "m-1");
    assert_id(&scoped, bare, NULL, "projects/p/topics/t:m-1");
    assert_id(&scoped, bare, "{\"bw-event-id\":\"x\"}", "x");
    assert_id(&scoped, "{\"event_id\":\"e\",\"entity_id\":1,\"operation\":\"delete\"}",
              "{\"bw-event-id\":\"x\"}", "e");
}

/* Several events may share a correlation id; the same event has the same id however it is written. */
static void a_correlation_id_is_made_unique(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool same;
    } others[] = {
        {"{\"correlation_id\":\"c\",\"entity_id\":1,\"operation\":\"UPDATE\", \"timestamp\":"
         "\"2026-11-20T12:00:00+01:00\",\"data\":{\"b\":\"\\u0078\", \"a\":1}}",
         true},
        {"{\"correlation_id\":\"c\",\"entity_id\":2,\"operation\":\"update\",\"timestamp\":"
         "\"2026-11-20T11:00:00Z\",\"data\":{\"a\":1,\"b\":\"x\"}}",
         false},
        {"{\"correlation_id\":\"c\",\"entity_id\":1,\"operation\":\"patch\",\"timestamp\":"
         "\"2026-11-20T11:00:00Z\",\"data\":{\"a\":1,\"b\":\"x\"}}",
         false},
        {"{\"correlation_id\":\"c\",\"entity_id\":1,\"operation\":\"update\",\"timestamp\":"
         "\"2026-11-20T11:00:00.001Z\",\"data\":{\"a\":1,\"b\":\"x\"}}",
         false},
        {"{\"correlation_id\":\"c\",\"entity_id\":1,\"operation\":\"update\",\"timestamp\":"
         "\"2026-11-20T11:00:00Z\",\"data\":{\"a\":\"1\",\"b\":\"x\"}}",
         false},
        {"{\"correlation_id\":\"c\",\"entity_id\":1,\"operation\":\"update\",\"timestamp\":"
         "\"2026-11-20T11:00:00Z\",\"data\":{\"a\":\"x\",\"b\":1}}",
         false},
    };
    char *id = id_of(&plain,
                     "{\"correlation_id\":\"c\",\"entity_id\":1,\"operation\":\"update\","
                     "\"timestamp\":\"2026-11-20T11:00:00Z\",\"data\":{\"a\":1,\"b\":\"x\"}}",
                     NULL);
    assert_int_equal(strlen(id), strlen("c:0123456789abcdef"));
    for (size_t i = 0; i < BW_COUNT(others); i++) {
        char *other = id_of(&plain, others[i].text, NULL);
        assert_int_equal(strcmp(id, other) == 0, others[i].same);
        free(other);
    }
    free(id);
}

/* ---- bad ones -------------------------------------------------------------------------------- */

#define GOOD "\"entity_id\":1,\"operation\":\"update\""

static const struct {
    const char *text;
    bw_reason reason;
    const char *member, *detail; /* the detail's beginning */
} bad[] = {
    /* no JSON */
    {"", BW_REASON_JSON_INVALID, "", "the message is empty"},
    {"hello", BW_REASON_JSON_INVALID, "", "a value was expected at byte 0"},
    {"{\"entity_id\":1", BW_REASON_JSON_INVALID, "", "unexpected end"},
    {"{\"entity_id\":1} x", BW_REASON_JSON_INVALID, "", "text after the end"},
    {"{\"entity_id\":01}", BW_REASON_JSON_INVALID, "", ""},
    {"{\"a\":\"\x1b[2J\"}", BW_REASON_JSON_INVALID, "", "control character in a string"},
    {"[1]", BW_REASON_BAD_MESSAGE, "", "the message is no JSON object"},
    {"\"text\"", BW_REASON_BAD_MESSAGE, "", "the message is no JSON object"},
    /* no UTF-8 */
    {"{\"entity_id\":\"\xff\"}", BW_REASON_BAD_UTF8, "", "byte 14 (0xFF) is not UTF-8"},
    {"\xc3(", BW_REASON_BAD_UTF8, "", "byte 0 (0xC3) is not UTF-8"},
    {"{\"entity_id\":\"\\ud800\",\"operation\":\"delete\"}", BW_REASON_BAD_UTF8, "entity_id",
     "half a surrogate pair"},
    {"{" GOOD ",\"data\":{\"a\":\"\\udc00\"}}", BW_REASON_BAD_UTF8, "data.a", ""},
    {"{" GOOD ",\"data\":{\"\\udc00\":1}}", BW_REASON_BAD_UTF8, "data", ""},
    /* duplicates */
    {"{\"entity_id\":1,\"entity_id\":2,\"operation\":\"delete\"}", BW_REASON_JSON_DUPLICATE, "",
     ""},
    {"{" GOOD ",\"data\":{\"a\":1,\"\\u0061\":2}}", BW_REASON_JSON_DUPLICATE, "", ""},
    /* no entity */
    {"{}", BW_REASON_BAD_MESSAGE, "entity_id", "the message names no entity"},
    {"{\"operation\":\"delete\",\"entity_id\":null}", BW_REASON_BAD_MESSAGE, "entity_id", ""},
    {"{\"operation\":\"delete\",\"entity_id\":\"\"}", BW_REASON_BAD_MESSAGE, "entity_id",
     "a name has 1 to 1500 bytes"},
    {"{\"operation\":\"delete\",\"entity_id\":0}", BW_REASON_BAD_MESSAGE, "entity_id",
     "neither a string nor a positive integer"},
    {"{\"operation\":\"delete\",\"entity_id\":-4}", BW_REASON_BAD_MESSAGE, "entity_id", ""},
    {"{\"operation\":\"delete\",\"entity_id\":1.5}", BW_REASON_BAD_MESSAGE, "entity_id", ""},
    {"{\"operation\":\"delete\",\"entity_id\":9223372036854775808}", BW_REASON_BAD_MESSAGE,
     "entity_id", ""},
    {"{\"operation\":\"delete\",\"entity_id\":[1]}", BW_REASON_BAD_MESSAGE, "entity_id", ""},
    {"{\"operation\":\"delete\",\"entity_id\":\"__x__\"}", BW_REASON_BAD_MESSAGE, "entity_id",
     "Datastore keeps"},
    {"{\"operation\":\"delete\",\"entity_id\":1,\"entity_key\":1}", BW_REASON_BAD_MESSAGE,
     "entity_id", "both"},
    {"{\"operation\":\"delete\",\"entity_key\":{}}", BW_REASON_BAD_MESSAGE, "entity_key",
     "the key has no path"},
    {"{\"operation\":\"delete\",\"entity_key\":{\"path\":[]}}", BW_REASON_BAD_MESSAGE, "entity_key",
     "the path is empty"},
    {"{\"operation\":\"delete\",\"entity_key\":{\"path\":[{\"kind\":\"a\"}]}}",
     BW_REASON_BAD_MESSAGE, "entity_key", "a part of path has either an id or a name"},
    {"{\"operation\":\"delete\",\"entity_key\":{\"path\":[{\"kind\":\"a\",\"id\":1,"
     "\"name\":\"b\"}]}}",
     BW_REASON_BAD_MESSAGE, "entity_key", "a part of path has either an id or a name"},
    {"{\"operation\":\"delete\",\"entity_key\":{\"path\":[{\"id\":1}]}}", BW_REASON_BAD_MESSAGE,
     "entity_key", "a kind has"},
    {"{\"operation\":\"delete\",\"entity_key\":{\"partitionId\":{\"namespaceId\":\"n\"},"
     "\"path\":[{\"kind\":\"a\",\"id\":1}]}}",
     BW_REASON_BAD_MESSAGE, "entity_key", "the key has a path and nothing else"},
    {"{\"operation\":\"delete\",\"kind\":\"b\",\"entity_key\":{\"path\":[{\"kind\":\"a\","
     "\"id\":1}]}}",
     BW_REASON_BAD_MESSAGE, "kind", "kind is another one than the key's"},
    {"{\"operation\":\"delete\",\"kind\":\"_bw_event\",\"entity_id\":1}", BW_REASON_BAD_MESSAGE,
     "kind", "kinds that begin with _bw_"},
    {"{\"operation\":\"delete\",\"kind\":5,\"entity_id\":1}", BW_REASON_BAD_MESSAGE, "kind",
     "not a string"},
    {"{\"operation\":\"delete\",\"entity_id\":\"a\\u0000b\"}", BW_REASON_BAD_MESSAGE, "entity_id",
     "a NUL character"},
    {"{\"event_id\":\"a\\u0000\",\"operation\":\"delete\",\"entity_id\":1}", BW_REASON_BAD_MESSAGE,
     "event_id", "a NUL character"},
    /* no operation */
    {"{\"entity_id\":1}", BW_REASON_BAD_MESSAGE, "operation", "the message has no operation"},
    {"{\"entity_id\":1,\"operation\":\"drop\"}", BW_REASON_BAD_MESSAGE, "operation",
     "drop is none of create, update, delete, upsert and patch"},
    {"{\"entity_id\":1,\"operation\":7}", BW_REASON_BAD_MESSAGE, "operation", "not a string"},
    /* times */
    {"{" GOOD ",\"data\":{},\"timestamp\":\"2026-11-20T12:05:00.000001Z\"}", BW_REASON_BAD_MESSAGE,
     "timestamp", "2026-11-20T12:05:00.000001Z is 5m"},
    {"{" GOOD ",\"data\":{},\"timestamp\":\"9999-12-31T23:59:59Z\"}", BW_REASON_BAD_MESSAGE,
     "timestamp", ""},
    {"{" GOOD ",\"data\":{},\"timestamp\":\"2026-11-20T11:00:00\"}", BW_REASON_BAD_MESSAGE,
     "timestamp", "2026-11-20T11:00:00 is neither RFC 3339 with an offset"},
    {"{" GOOD ",\"data\":{},\"timestamp\":\"2026-11-20\"}", BW_REASON_BAD_MESSAGE, "timestamp", ""},
    {"{" GOOD ",\"data\":{},\"timestamp\":\"yesterday\"}", BW_REASON_BAD_MESSAGE, "timestamp", ""},
    {"{" GOOD ",\"data\":{},\"timestamp\":1763632800}", BW_REASON_BAD_MESSAGE, "timestamp",
     "1763632800 is neither"},
    {"{" GOOD ",\"data\":{},\"timestamp\":1763632800123.5}", BW_REASON_BAD_MESSAGE, "timestamp",
     ""},
    {"{" GOOD ",\"data\":{},\"timestamp\":{}}", BW_REASON_BAD_MESSAGE, "timestamp", ""},
    {"{" GOOD ",\"data\":{},\"timestamp\":\"0000-01-01T00:00:00Z\"}", BW_REASON_TS_RANGE,
     "timestamp", ""},
    /* data */
    {"{" GOOD "}", BW_REASON_BAD_MESSAGE, "data", "update needs data"},
    {"{" GOOD ",\"data\":null}", BW_REASON_BAD_MESSAGE, "data", "update needs data"},
    {"{" GOOD ",\"data\":[1]}", BW_REASON_BAD_MESSAGE, "data", "not an object"},
    {"{" GOOD ",\"data\":{\"version\":1}}", BW_REASON_BAD_MESSAGE, "data.version",
     "the engine keeps this field itself"},
    {"{" GOOD ",\"data\":{\"last_modified\":1}}", BW_REASON_BAD_MESSAGE, "data.last_modified", ""},
    {"{" GOOD ",\"data\":{\"conflict_resolved\":1}}", BW_REASON_BAD_MESSAGE,
     "data.conflict_resolved", ""},
    {"{" GOOD ",\"data\":{\"\\u005fbw_fields\":1}}", BW_REASON_BAD_MESSAGE, "data._bw_fields", ""},
    {"{" GOOD ",\"data\":{\"\":1}}", BW_REASON_BAD_VALUE, "data", ""},
    {"{" GOOD ",\"data\":{\"__x__\":1}}", BW_REASON_BAD_VALUE, "data.__x__", ""},
    {"{" GOOD ",\"data\":{\"a\":[[1]]}}", BW_REASON_ARRAY_DIMS, "data.a[0]", ""},
    {"{" GOOD ",\"data\":{\"a\":9223372036854775808}}", BW_REASON_NUMERIC_OVERFLOW, "data.a", ""},
    {"{" GOOD ",\"data\":{\"a\":0.12345678901234567890123}}", BW_REASON_JSON_WIDE_NUMBER, "data.a",
     ""},
    /* ids and words */
    {"{" GOOD ",\"data\":{},\"event_id\":\"\"}", BW_REASON_BAD_MESSAGE, "event_id",
     "an event's id has 1 to 512 bytes"},
    {"{" GOOD ",\"data\":{},\"event_id\":5}", BW_REASON_BAD_MESSAGE, "event_id", "not a string"},
    {"{" GOOD ",\"data\":{},\"correlation_id\":{}}", BW_REASON_BAD_MESSAGE, "correlation_id", ""},
    {"{" GOOD ",\"data\":{},\"source\":1}", BW_REASON_BAD_MESSAGE, "source", "not a string"},
};

static void says_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < BW_COUNT(bad); i++) {
        parsed p;
        parse(&p, &plain, bad[i].text);
        if (p.fault.reason != bad[i].reason || !bw_slice_is(p.fault.member, bad[i].member) ||
            p.fault.detail.len < strlen(bad[i].detail) || !p.fault.detail.len ||
            strncmp(p.fault.detail.ptr, bad[i].detail, strlen(bad[i].detail)) != 0)
            fail_msg("%s: %s, %.*s, %.*s", bad[i].text, bw_reason_name(p.fault.reason),
                     BW_SLICE_ARG(p.fault.member), BW_SLICE_ARG(p.fault.detail));
        assert_true(p.event.id.len > 0);
        bw_arena_fini(&p.arena);
    }
}

static void a_fault_keeps_what_is_known(void **state)
{
    (void)state;
    parsed p;
    parse(&p, &plain, "{\"event_id\":\"e\",\"entity_id\":7,\"operation\":\"drop\"}");
    assert_false(p.ok);
    assert_slice(p.event.id, "e");
    assert_slice(p.event.key_text, "customer/7");
    bw_arena_fini(&p.arena);
    parse(&p, &(bw_event_rules){0}, "{\"entity_id\":7,\"operation\":\"delete\"}");
    assert_slice(p.fault.member, "kind");
    assert_slice(p.event.id, "m-1");
    bw_arena_fini(&p.arena);
}

/* `open` n times, then `close` n times, as the data's member a. */
static char *nested(size_t n, const char *open, const char *close)
{
    bw_buf out = BW_BUF_INIT;
    bw_buf_adds(&out, "{" GOOD ",\"data\":{\"a\":");
    for (size_t i = 0; i < n; i++)
        bw_buf_adds(&out, open);
    bw_buf_adds(&out, "1");
    for (size_t i = 0; i < n; i++)
        bw_buf_adds(&out, close);
    bw_buf_adds(&out, "}}");
    return bw_buf_take(&out);
}

static void refuses_what_is_nested_too_deeply(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        const char *open, *close;
        bw_reason reason;
    } depths[] = {
        {20, "{\"a\":", "}", BW_REASON_NONE},           {21, "{\"a\":", "}", BW_REASON_JSON_DEPTH},
        {20, "[{\"a\":", "}]", BW_REASON_NONE},         {400, "{\"a\":", "}", BW_REASON_JSON_DEPTH},
        {100000, "{\"a\":", "}", BW_REASON_JSON_DEPTH}, {100000, "[", "]", BW_REASON_JSON_DEPTH},
    };
    for (size_t i = 0; i < BW_COUNT(depths); i++) {
        parsed p;
        char *text = nested(depths[i].n, depths[i].open, depths[i].close);
        parse(&p, &plain, text);
        if (p.fault.reason != depths[i].reason)
            fail_msg("%zu of %s: %s (%.*s)", depths[i].n, depths[i].open,
                     bw_reason_name(p.fault.reason), BW_SLICE_ARG(p.fault.detail));
        bw_arena_fini(&p.arena);
        free(text);
    }
}

static void sized(parsed *p, const bw_event_rules *rules, size_t size, const char *before,
                  const char *after)
{
    bw_buf out = BW_BUF_INIT;
    bw_buf_adds(&out, before);
    size_t n = size - strlen(before) - strlen(after);
    memset(bw_buf_reserve(&out, n), 'x', n);
    out.len += n;
    bw_buf_adds(&out, after);
    assert_int_equal(out.len, size);
    parse_bytes(p, rules, bw_buf_slice(&out), NULL);
    bw_buf_fini(&out);
}

static void refuses_what_is_too_big(void **state)
{
    (void)state;
    parsed p;
    sized(&p, &plain, 10000000, "{" GOOD ",\"data\":{\"a\":\"", "\"}}");
    assert_int_equal(p.fault.reason, BW_REASON_ROW_TOO_BIG);
    assert_slice(p.fault.detail, "10000000 bytes, at most 8388608");
    bw_arena_fini(&p.arena);
    sized(&p, &plain, 2000000, "{" GOOD ",\"data\":{\"a\":\"", "\"}}");
    assert_int_equal(p.fault.reason, BW_REASON_ROW_TOO_BIG); /* for Datastore */
    bw_arena_fini(&p.arena);
    sized(&p, &plain, 1000000, "{" GOOD ",\"data\":{\"a\":\"", "\"}}");
    assert_true(p.ok);
    bw_arena_fini(&p.arena);
    sized(&p, &plain, 600, "{" GOOD ",\"event_id\":\"", "\"}");
    assert_int_equal(p.fault.reason, BW_REASON_BAD_MESSAGE);
    assert_slice(p.fault.member, "event_id");
    bw_arena_fini(&p.arena);
}

/* ---- vector clocks --------------------------------------------------------------------------- */

static void a_vector_clock_is_required_and_checked(void **state)
{
    (void)state;
    static const struct {
        const char *members, *clock; /* NULL: refused */
    } clocks[] = {
        {"\"vc\":{\"a\":1,\"b\":0}", "{\"a\":1,\"b\":0}"},
        {"\"data\":{\"x\":1,\"vc\":{\"a\":1}}", "{\"a\":1}"},
        {"\"vc\":{\"a\":9223372036854775807}", "{\"a\":9223372036854775807}"},
        {"\"vc\":{\"a\":1},\"data\":{\"vc\":{\"a\":1}}", NULL},
        {"\"data\":{}", NULL},
        {"\"vc\":{}", NULL},
        {"\"vc\":null", NULL},
        {"\"vc\":[1]", NULL},
        {"\"vc\":{\"a\":-1}", NULL},
        {"\"vc\":{\"a\":1.0}", NULL},
        {"\"vc\":{\"a\":\"1\"}", NULL},
        {"\"vc\":{\"a\":9223372036854775808}", NULL},
    };
    bw_event_rules rules = plain;
    rules.clock_field = "vc";
    for (size_t i = 0; i < BW_COUNT(clocks); i++) {
        parsed p;
        char text[200];
        const char *data = strstr(clocks[i].members, "data") ? "" : ",\"data\":{}";
        snprintf(text, sizeof(text), "{" GOOD "%s,%s}", data, clocks[i].members);
        parse(&p, &rules, text);
        if (p.ok != (clocks[i].clock != NULL))
            fail_msg("%s: %.*s", text, BW_SLICE_ARG(p.fault.detail));
        if (p.ok)
            assert_slice(p.event.clock, clocks[i].clock);
        else
            assert_int_equal(p.fault.reason, BW_REASON_BAD_MESSAGE);
        bw_arena_fini(&p.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_member),
        cmocka_unit_test(reads_the_key),
        cmocka_unit_test(reads_times),
        cmocka_unit_test(keeps_escape_sequences_as_data),
        cmocka_unit_test(a_delete_needs_no_data_and_may_have_any),
        cmocka_unit_test(the_id_is_the_publishers_or_the_messages),
        cmocka_unit_test(a_correlation_id_is_made_unique),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(a_fault_keeps_what_is_known),
        cmocka_unit_test(refuses_what_is_nested_too_deeply),
        cmocka_unit_test(refuses_what_is_too_big),
        cmocka_unit_test(a_vector_clock_is_required_and_checked),
    };
    return BW_RUN_TESTS(tests);
}
