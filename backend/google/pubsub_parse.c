/*
 * A pull's answer: {"receivedMessages": [{"ackId", "deliveryAttempt", "message": {"data",
 * "attributes", "messageId", "publishTime", "orderingKey"}}]}. It is content, so it is sliced and
 * copied once, and nothing in it is converted. What is null is absent, unknown members are passed
 * over, and of duplicates the last one counts, as in protobuf's JSON.
 */
#include <openssl/evp.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/google/pubsub_internal.h"

typedef struct parser {
    bw_json_scan scan;
    bw_arena *arena;
    bw_buf scratch;
    bw_pubsub_message *items; /* the heap's while it grows */
    size_t count, cap;
    const char *problem; /* what is wrong where the JSON is not */
} parser;

static bool fail(parser *p, const char *problem)
{
    if (!p->problem)
        p->problem = problem;
    return false;
}

/* The content of a STRING, in the arena. */
static bool keep_string(parser *p, const bw_json_token *t, bw_slice *out)
{
    if (!t->escaped) {
        *out = bw_arena_slice(p->arena, (bw_slice){t->raw.ptr + 1, t->raw.len - 2});
        return true;
    }
    bw_buf_clear(&p->scratch);
    if (!bw_json_unescape(t->raw, &p->scratch))
        return fail(p, "a text that is not Unicode");
    *out = bw_arena_slice(p->arena, bw_buf_slice(&p->scratch));
    return true;
}

static bool next_string(parser *p, bw_slice *out, const char *problem)
{
    bw_json_token t;
    *out = (bw_slice){NULL, 0};
    if (!bw_json_next(&p->scan, &t))
        return false;
    if (t.type == BW_JSON_NULL)
        return true;
    return t.type == BW_JSON_STRING ? keep_string(p, &t, out) : fail(p, problem);
}

/* ---- base64 ----------------------------------------------------------------------------- */

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Whether it is the one text that an encoder writes for its bytes. */
static bool is_canonical(bw_slice s)
{
    if (s.len % 4)
        return false;
    size_t n = s.len;
    while (n && s.len - n < 2 && s.ptr[n - 1] == '=')
        n--;
    for (size_t i = 0; i < n; i++)
        if (digit_of(s.ptr[i]) < 0)
            return false;
    int unused = n == s.len ? 0 : s.len - n == 1 ? 3 : 15;
    return unused == 0 || (digit_of(s.ptr[n - 1]) & unused) == 0;
}

bw_slice bw_pubsub_message_data(const bw_pubsub_message *message, bw_arena *arena)
{
    bw_slice text = message->data_base64;
    if (!text.len)
        return (bw_slice){"", 0};
    char *bytes = bw_arena_bytes(arena, text.len / 4 * 3 + 1);
    int n = EVP_DecodeBlock((unsigned char *)bytes, (const unsigned char *)text.ptr, (int)text.len);
    size_t padding = text.ptr[text.len - 1] != '=' ? 0 : text.ptr[text.len - 2] == '=' ? 2 : 1;
    size_t size = n < 0 ? 0 : (size_t)n - padding;
    bytes[size] = '\0';
    return (bw_slice){bytes, size};
}

/* ---- attributes ------------------------------------------------------------------------- */

/* An object without the blanks between its tokens. Its members are taken as they come: whether they
   are what attributes should be is for whoever uses them. */
static bool keep_object(parser *p, bw_slice *out)
{
    bw_json_token t;
    bool comma = false;
    *out = (bw_slice){NULL, 0};
    if (!bw_json_next(&p->scan, &t))
        return false;
    if (t.type == BW_JSON_NULL)
        return true;
    if (t.type != BW_JSON_OBJECT)
        return fail(p, "attributes that are no object");
    bw_buf_clear(&p->scratch);
    bw_buf_addc(&p->scratch, '{');
    for (;;) {
        bw_slice value;
        if (!bw_json_next(&p->scan, &t))
            return false;
        if (t.type == BW_JSON_OBJECT_END)
            break;
        if (!bw_json_skip(&p->scan, &value))
            return false;
        if (comma)
            bw_buf_addc(&p->scratch, ',');
        bw_buf_add(&p->scratch, t.raw.ptr, t.raw.len);
        bw_buf_addc(&p->scratch, ':');
        bw_buf_add(&p->scratch, value.ptr, value.len);
        comma = true;
    }
    bw_buf_addc(&p->scratch, '}');
    if (comma)
        *out = bw_arena_slice(p->arena, bw_buf_slice(&p->scratch));
    return true;
}

bw_slice bw_pubsub_attribute(bw_slice attributes, const char *name, bw_arena *arena)
{
    bw_slice raw = attributes.len ? bw_json_member(attributes, name) : (bw_slice){NULL, 0};
    bw_slice value = {NULL, 0};
    bw_buf text = BW_BUF_INIT;
    if (raw.len >= 2 && raw.ptr[0] == '"' && bw_json_unescape(raw, &text))
        value = bw_arena_slice(arena, bw_buf_slice(&text));
    bw_buf_fini(&text);
    return value;
}

/* ---- messages --------------------------------------------------------------------------- */

static bool read_data(parser *p, bw_pubsub_message *m)
{
    if (!next_string(p, &m->data_base64, "data that is no string"))
        return false;
    return is_canonical(m->data_base64) || fail(p, "data that is not base64");
}

static bool read_id(parser *p, bw_pubsub_message *m)
{
    return next_string(p, &m->message_id, "a message id that is no string");
}

static bool read_ordering_key(parser *p, bw_pubsub_message *m)
{
    return next_string(p, &m->ordering_key, "an ordering key that is no string");
}

/* Of a google.protobuf.Timestamp: the years 1 to 9999. */
#define TIME_MIN INT64_C(-62135596800000000)
#define TIME_MAX INT64_C(253402300799999999)

static bool read_publish_time(parser *p, bw_pubsub_message *m)
{
    bw_slice text;
    if (!next_string(p, &text, "a publish time that is no string"))
        return false;
    bool ok = bw_parse_time(text, &m->publish_us) && m->publish_us >= TIME_MIN &&
              m->publish_us <= TIME_MAX;
    return ok || fail(p, "a publish time that is no time");
}

static bool read_attributes(parser *p, bw_pubsub_message *m)
{
    return keep_object(p, &m->attributes);
}

static bool read_ack_id(parser *p, bw_pubsub_message *m)
{
    return next_string(p, &m->ack_id, "an ack id that is no string");
}

static bool read_attempt(parser *p, bw_pubsub_message *m)
{
    bw_json_token t;
    int attempt = 0;
    if (!bw_json_next(&p->scan, &t))
        return false;
    if (t.type == BW_JSON_NULL)
        return true;
    if (t.type != BW_JSON_NUMBER)
        return fail(p, "a delivery attempt that is no number");
    for (size_t i = 0; i < t.raw.len; i++) {
        char c = t.raw.ptr[i];
        if (c < '0' || c > '9' || attempt > 100000000)
            return fail(p, "a delivery attempt that is no count");
        attempt = attempt * 10 + (c - '0');
    }
    m->delivery_attempt = attempt;
    return true;
}

typedef struct member {
    const char *name;
    bool (*read)(parser *p, bw_pubsub_message *m);
} member;

/* The members of an object whose brace is read already; unknown ones are passed over. */
static bool read_members(parser *p, const member *members, size_t n, bw_pubsub_message *m)
{
    bw_json_token t;
    while (bw_json_next(&p->scan, &t)) {
        if (t.type == BW_JSON_OBJECT_END)
            return true;
        bw_slice name = {t.raw.ptr + 1, t.raw.len - 2};
        size_t i = 0;
        while (i < n && !bw_slice_is(name, members[i].name))
            i++;
        if (i < n ? !members[i].read(p, m) : !bw_json_skip(&p->scan, NULL))
            return false;
    }
    return false;
}

static bool read_message(parser *p, bw_pubsub_message *m)
{
    static const member members[] = {
        {"data", read_data},
        {"attributes", read_attributes},
        {"messageId", read_id},
        {"publishTime", read_publish_time},
        {"orderingKey", read_ordering_key},
    };
    bw_json_token t;
    if (!bw_json_next(&p->scan, &t))
        return false;
    if (t.type != BW_JSON_OBJECT)
        return fail(p, "a message that is no object");
    return read_members(p, members, BW_COUNT(members), m);
}

static bool read_received(parser *p)
{
    static const member members[] = {
        {"ackId", read_ack_id},
        {"message", read_message},
        {"deliveryAttempt", read_attempt},
    };
    bw_pubsub_message m = {.publish_us = BW_TIME_NONE};
    if (!read_members(p, members, BW_COUNT(members), &m))
        return false;
    if (!m.ack_id.len)
        return fail(p, "a message without an ack id");
    if (!m.message_id.len)
        return fail(p, "a message without an id");
    if (m.publish_us == BW_TIME_NONE)
        return fail(p, "a message without a publish time");
    BW_GROW(p->items, p->count + 1, p->cap);
    p->items[p->count++] = m;
    return true;
}

static bool read_list(parser *p)
{
    bw_json_token t;
    if (!bw_json_next(&p->scan, &t))
        return false;
    if (t.type == BW_JSON_NULL)
        return true;
    if (t.type != BW_JSON_ARRAY)
        return fail(p, "messages that are no list");
    while (bw_json_next(&p->scan, &t)) {
        if (t.type == BW_JSON_ARRAY_END)
            return true;
        if (t.type != BW_JSON_OBJECT)
            return fail(p, "a received message that is no object");
        if (!read_received(p))
            return false;
    }
    return false;
}

static bool read_answer(parser *p)
{
    bw_json_token t;
    if (!bw_json_next(&p->scan, &t))
        return false;
    if (t.type != BW_JSON_OBJECT)
        return fail(p, "something else than an object");
    while (bw_json_next(&p->scan, &t)) {
        if (t.type == BW_JSON_OBJECT_END)
            return bw_json_next(&p->scan, &t); /* the end, and nothing behind it */
        bool ours = bw_slice_is(t.raw, "\"receivedMessages\"");
        if (ours ? !read_list(p) : !bw_json_skip(&p->scan, NULL))
            return false;
    }
    return false;
}

bw_status bw_pubsub_pull_parse(bw_slice body, bw_arena *arena, bw_pubsub_messages *out,
                               bw_error *err)
{
    parser p = {.scan = bw_json_scan_init(body), .arena = arena};
    *out = (bw_pubsub_messages){NULL, 0};
    bool ok = read_answer(&p);
    if (ok && p.count) {
        bw_pubsub_message *items = BW_ARENA_ARRAY(arena, bw_pubsub_message, p.count);
        memcpy(items, p.items, p.count * sizeof(*items));
        *out = (bw_pubsub_messages){items, p.count};
    }
    if (!ok)
        bw_error_set(err, BW_UNAVAILABLE, "the answer to the pull holds %s at byte %zu",
                     p.problem      ? p.problem
                     : p.scan.error ? p.scan.error
                                    : "no JSON",
                     p.scan.at);
    free(p.items);
    bw_buf_fini(&p.scratch);
    return ok ? BW_OK : BW_UNAVAILABLE;
}
