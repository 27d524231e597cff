#include "backend/events/event.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/events/content.h"
#include "backend/events/event_internal.h"
#include "backend/events/members.h"
#include "backend/events/vector_clock.h"
#include "backend/google/entity.h"

static const char *const operations[BW_EVENT_OPERATION_COUNT] = {
    [BW_EVENT_CREATE] = "create", [BW_EVENT_UPDATE] = "update", [BW_EVENT_DELETE] = "delete",
    [BW_EVENT_UPSERT] = "upsert", [BW_EVENT_PATCH] = "patch",
};

static const char *const member_names[MEMBER_COUNT] = {
    [MEMBER_EVENT_ID] = "event_id",   [MEMBER_CORRELATION_ID] = "correlation_id",
    [MEMBER_SOURCE] = "source",       [MEMBER_KIND] = "kind",
    [MEMBER_ENTITY_ID] = "entity_id", [MEMBER_ENTITY_KEY] = "entity_key",
    [MEMBER_OPERATION] = "operation", [MEMBER_TIMESTAMP] = "timestamp",
    [MEMBER_DATA] = "data",           [MEMBER_CLOCK] = NULL,
};

const char *bw_event_operation_name(bw_event_operation operation)
{
    return operations[operation];
}

bool bw_event_operation_parse(bw_slice word, bw_event_operation *operation)
{
    for (int i = 0; i < BW_EVENT_OPERATION_COUNT; i++) {
        if (word.len == strlen(operations[i]) && !strncasecmp(word.ptr, operations[i], word.len)) {
            *operation = (bw_event_operation)i;
            return true;
        }
    }
    return false;
}

/* ---- what the readers share --------------------------------------------------------------- */

bw_slice bw_event_member_name(const event_reader *r, event_member member)
{
    return bw_slice_cstr(member == MEMBER_CLOCK ? r->rules->clock_field : member_names[member]);
}

bool bw_event_refuse(event_reader *r, bw_reason reason, bw_slice member, const char *fmt, ...)
{
    char detail[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    size_t n = bw_utf8_valid_prefix(bw_slice_cstr(detail));
    r->fault->reason = reason;
    r->fault->member = bw_arena_slice(r->arena, member);
    r->fault->detail = bw_arena_slice(r->arena, (bw_slice){detail, n});
    return false;
}

/* The beginning of what somebody wrote, to be quoted. */
static bw_slice shown(bw_slice text)
{
    bw_slice start = {text.ptr, text.len < 60 ? text.len : 60};
    return (bw_slice){text.ptr, bw_utf8_valid_prefix(start)};
}

bool bw_event_text(event_reader *r, bw_slice raw, bw_slice member, bw_slice *out)
{
    if (raw.len < 2 || raw.ptr[0] != '"')
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member, "not a string");
    bw_buf text = BW_BUF_INIT;
    bool ok = bw_json_unescape(raw, &text);
    if (ok)
        *out = bw_arena_slice(r->arena, bw_buf_slice(&text));
    bool has_nul = ok && memchr(bw_buf_cstr(&text), 0, text.len) != NULL;
    bw_buf_fini(&text);
    if (has_nul) /* it would end there for some and go on for others */
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member, "a NUL character");
    return ok || bw_event_refuse(r, BW_REASON_BAD_UTF8, member, "half a surrogate pair");
}

/* ---- the message as a whole ----------------------------------------------------------------- */

static bool check_json(event_reader *r, bw_slice text)
{
    const char *error = "";
    size_t at = 0;
    bw_slice whole = {NULL, 0};
    size_t limit = r->rules->max_bytes ? r->rules->max_bytes : BW_EVENT_MAX_BYTES;
    if (text.len > limit)
        return bw_event_refuse(r, BW_REASON_ROW_TOO_BIG, whole, "%zu bytes, at most %zu", text.len,
                               limit);
    if (!text.len)
        return bw_event_refuse(r, BW_REASON_JSON_INVALID, whole, "the message is empty");
    size_t valid = bw_utf8_valid_prefix(text);
    if (valid < text.len)
        return bw_event_refuse(r, BW_REASON_BAD_UTF8, whole, "byte %zu (0x%02X) is not UTF-8",
                               valid, (unsigned)(unsigned char)text.ptr[valid]);
    if (!bw_json_valid(text, &error, &at))
        return bw_event_refuse(
            r, strstr(error, "deeply") ? BW_REASON_JSON_DEPTH : BW_REASON_JSON_INVALID, whole,
            "%s at byte %zu", error, at);
    if (!bw_value_json_is_unique(text))
        return bw_event_refuse(r, BW_REASON_JSON_DUPLICATE, whole,
                               "an object has two members of one name");
    return true;
}

static bool find_members(event_reader *r, bw_slice text)
{
    bw_members all;
    bw_json_scan scan = bw_json_scan_init(text);
    bw_json_token t;
    bw_slice whole = {NULL, 0};
    if (!bw_json_next(&scan, &t) || t.type != BW_JSON_OBJECT)
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, whole, "the message is no JSON object");
    if (!bw_members_read(text, r->arena, &all))
        return bw_event_refuse(r, BW_REASON_BAD_UTF8, whole,
                               "a member's name holds half a surrogate pair");
    for (int i = 0; i < MEMBER_COUNT; i++) {
        bw_slice name = bw_event_member_name(r, (event_member)i);
        const bw_member *found = name.len ? bw_members_find(&all, name) : NULL;
        if (found && !bw_slice_is(found->value, "null"))
            r->members[i] = found->value;
    }
    return true;
}

/* ---- member by member ------------------------------------------------------------------------ */

static bool read_words(event_reader *r)
{
    static const struct {
        event_member from;
        size_t offset;
    } words[] = {
        {MEMBER_CORRELATION_ID, offsetof(bw_event, correlation_id)},
        {MEMBER_SOURCE, offsetof(bw_event, source)},
    };
    for (size_t i = 0; i < BW_COUNT(words); i++) {
        bw_slice raw = r->members[words[i].from], text;
        if (!raw.len)
            continue;
        bw_slice member = bw_event_member_name(r, words[i].from);
        if (!bw_event_text(r, raw, member, &text))
            return false;
        if (text.len > BW_EVENT_ID_MAX)
            return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member, "more than %d bytes",
                                   BW_EVENT_ID_MAX);
        memcpy((char *)r->event + words[i].offset, &text, sizeof text);
    }
    return true;
}

static bool read_operation(event_reader *r)
{
    bw_slice raw = r->members[MEMBER_OPERATION], word;
    bw_slice member = bw_event_member_name(r, MEMBER_OPERATION);
    if (!raw.len)
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member, "the message has no operation");
    if (!bw_event_text(r, raw, member, &word))
        return false;
    if (!bw_event_operation_parse(word, &r->event->operation))
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member,
                               "%.*s is none of create, update, delete, upsert and patch",
                               BW_SLICE_ARG(shown(word)));
    return true;
}

/* RFC 3339 with its offset: without one a time could mean any of them. */
static bool read_rfc3339(bw_slice text, int64_t *us)
{
    if (text.len < 20 || text.ptr[16] != ':' || !bw_parse_time(text, us))
        return false;
    const char *end = text.ptr + text.len;
    return end[-1] == 'Z' || end[-1] == 'z' ||
           ((end[-6] == '+' || end[-6] == '-') && end[-3] == ':');
}

/* Milliseconds. What would be before 1973 was probably meant as seconds. */
static bool read_epoch(bw_slice digits, int64_t *us)
{
    int64_t n = 0;
    if (digits.len < 12 || digits.len > 15)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return false;
        n = n * 10 + (digits.ptr[i] - '0');
    }
    *us = n * 1000;
    return true;
}

static bool read_timestamp(event_reader *r)
{
    bw_slice raw = r->members[MEMBER_TIMESTAMP], text = raw;
    bw_slice member = bw_event_member_name(r, MEMBER_TIMESTAMP);
    bw_event *e = r->event;
    e->timestamp_us = r->message->publish_us;
    e->timestamp_given = raw.len > 0;
    if (!raw.len)
        return e->timestamp_us != BW_TIME_NONE ||
               bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member,
                               "neither the message nor its delivery has a time");
    bool quoted = raw.ptr[0] == '"';
    if (quoted && !bw_event_text(r, raw, member, &text))
        return false;
    if (!(quoted ? read_rfc3339(text, &e->timestamp_us) : read_epoch(text, &e->timestamp_us)))
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member,
                               "%.*s is neither RFC 3339 with an offset nor an integer of "
                               "milliseconds since 1970 (of 1973 or later)",
                               BW_SLICE_ARG(shown(text)));
    int64_t first = bw_days_from_civil(1, 1, 1) * BW_DAY;
    int64_t end = bw_days_from_civil(10000, 1, 1) * BW_DAY;
    if (e->timestamp_us < first || e->timestamp_us >= end)
        return bw_event_refuse(r, BW_REASON_TS_RANGE, member,
                               "the time is outside the years 1 to 9999");
    int64_t tolerance =
        r->rules->future_tolerance_us ? r->rules->future_tolerance_us : BW_EVENT_FUTURE_TOLERANCE;
    int64_t ahead = e->timestamp_us - r->now_us;
    char by[BW_TIME_TEXT];
    if (ahead > tolerance)
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member, "%.*s is %s in the future",
                               BW_SLICE_ARG(shown(text)), bw_format_duration(ahead, by));
    if (r->rules->past_tolerance_us && -ahead > r->rules->past_tolerance_us)
        return bw_event_refuse(
            r, BW_REASON_TS_RANGE, member, "%.*s is longer ago than past_tolerance allows (%s)",
            BW_SLICE_ARG(shown(text)), bw_format_duration(r->rules->past_tolerance_us, by));
    return true;
}

/* Properties that the engine keeps at the entity. */
static bool is_ours(bw_slice name)
{
    return bw_slice_is(name, "last_modified") || bw_slice_is(name, "version") ||
           bw_slice_is(name, "conflict_resolved") ||
           (name.len >= 4 && memcmp(name.ptr, "_bw_", 4) == 0);
}

static bw_slice in_data(event_reader *r, bw_slice name)
{
    bw_buf path = BW_BUF_INIT;
    bw_buf_adds(&path, "data");
    if (name.len && name.ptr[0] != '[')
        bw_buf_addc(&path, '.');
    bw_buf_add(&path, name.ptr, name.len);
    bw_slice text = bw_arena_slice(r->arena, bw_buf_slice(&path));
    bw_buf_fini(&path);
    return text;
}

static bool check_fields(event_reader *r, bw_slice data)
{
    bw_members fields;
    if (!bw_members_read(data, r->arena, &fields))
        return bw_event_refuse(r, BW_REASON_BAD_UTF8, bw_event_member_name(r, MEMBER_DATA),
                               "a field's name holds half a surrogate pair");
    for (size_t i = 0; i < fields.count; i++) {
        const bw_member *f = &fields.items[i];
        if (is_ours(f->name))
            return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, in_data(r, f->name),
                                   "the engine keeps this field itself");
        if (!r->rules->clock_field || !bw_slice_is(f->name, r->rules->clock_field))
            continue;
        if (r->members[MEMBER_CLOCK].len)
            return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, in_data(r, f->name),
                                   "the clock is given twice");
        r->members[MEMBER_CLOCK] = f->value;
    }
    return true;
}

static bool read_data(event_reader *r)
{
    bw_slice raw = r->members[MEMBER_DATA], member = bw_event_member_name(r, MEMBER_DATA);
    bool deletes = r->event->operation == BW_EVENT_DELETE;
    if (!raw.len)
        return deletes || bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member, "%s needs data",
                                          operations[r->event->operation]);
    if (raw.ptr[0] != '{')
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member, "not an object");
    r->event->data = raw;
    if (deletes) /* what it held is not written anywhere */
        return true;
    if (!check_fields(r, raw))
        return false;
    bw_entity_problem problem = {.reason = BW_REASON_NONE};
    bw_buf properties = BW_BUF_INIT;
    bw_reason reason = bw_entity_from_json(raw, &properties, &problem);
    if (reason == BW_REASON_NONE)
        r->event->properties = bw_arena_slice(r->arena, bw_buf_slice(&properties));
    bw_buf_fini(&properties);
    return reason == BW_REASON_NONE ||
           bw_event_refuse(r, reason, in_data(r, bw_slice_cstr(problem.where)), "%s",
                           problem.detail);
}

static bool read_clock(event_reader *r)
{
    if (!r->rules->clock_field)
        return true;
    bw_slice raw = r->members[MEMBER_CLOCK], member = bw_event_member_name(r, MEMBER_CLOCK);
    if (!raw.len)
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member, "the message has no vector clock");
    if (!bw_clock_valid(raw))
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member,
                               "a vector clock is an object of counters from 0 to 2^63-1");
    r->event->clock = raw;
    return true;
}

/* ---- the id ---------------------------------------------------------------------------------- */

static bool read_event_id(event_reader *r)
{
    bw_slice member = bw_event_member_name(r, MEMBER_EVENT_ID), raw = r->members[MEMBER_EVENT_ID];
    bw_slice id = {NULL, 0};
    if (raw.len) {
        if (!bw_event_text(r, raw, member, &id))
            return false;
    } else if (r->message->attributes.len) {
        member = BW_SLICE_LIT("bw-event-id");
        raw = bw_json_member(r->message->attributes, "bw-event-id");
        if (!raw.len)
            return true;
        if (!bw_event_text(r, raw, member, &id))
            return false;
    } else {
        return true;
    }
    if (id.len < 1 || id.len > BW_EVENT_ID_MAX)
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member,
                               "an event's id has 1 to %d bytes, this one %zu", BW_EVENT_ID_MAX,
                               id.len);
    r->event->id = id;
    return true;
}

static void hash_content(event_reader *r, bool has_id)
{
    bw_event *e = r->event;
    bw_content_hash data = bw_content_hash_json(e->data), clock = bw_content_hash_json(e->clock);
    bw_buf text = BW_BUF_INIT;
    bw_buf_add(&text, e->key_text.ptr, e->key_text.len);
    bw_buf_addf(&text, "%c%d %lld %llx %llx %llx %llx", 0, (int)e->operation,
                (long long)(e->timestamp_given ? e->timestamp_us : BW_TIME_NONE),
                (unsigned long long)data.low, (unsigned long long)data.high,
                (unsigned long long)clock.low, (unsigned long long)clock.high);
    bw_content_hash content = bw_content_hash_bytes(bw_buf_slice(&text));
    snprintf(e->content_hash, sizeof e->content_hash, "%016llx%016llx",
             (unsigned long long)content.high, (unsigned long long)content.low);
    if (!has_id && e->correlation_id.len) {
        /* Two that say the same at different times are two events. */
        bw_buf_addf(&text, " %lld", (long long)e->timestamp_us);
        content = bw_content_hash_bytes(bw_buf_slice(&text));
        bw_buf_clear(&text);
        bw_buf_add(&text, e->correlation_id.ptr, e->correlation_id.len);
        bw_buf_addf(&text, ":%016llx", (unsigned long long)content.low);
        e->id = bw_arena_slice(r->arena, bw_buf_slice(&text));
    }
    bw_buf_fini(&text);
}

/* A message's id is unique in its topic only. */
static bw_slice message_id(const bw_event_rules *rules, bw_slice id, bw_arena *arena)
{
    if (!rules->message_scope)
        return id;
    return bw_slice_cstr(bw_arena_printf(arena, "%s:%.*s", rules->message_scope, BW_SLICE_ARG(id)));
}

bool bw_event_parse(const bw_event_rules *rules, const bw_event_message *message, int64_t now_us,
                    bw_arena *arena, bw_event *event, bw_event_fault *fault)
{
    event_reader r = {.rules = rules, .message = message, .now_us = now_us, .arena = arena};
    r.event = event;
    r.fault = fault;
    *fault = (bw_event_fault){.reason = BW_REASON_NONE};
    *event = (bw_event){.payload = message->data, .timestamp_us = message->publish_us};
    event->id = message_id(rules, message->message_id, arena);
    bw_slice delivered = event->id;
    if (!check_json(&r, message->data) || !find_members(&r, message->data) || !read_event_id(&r) ||
        !read_words(&r) || !bw_event_read_key(&r) || !read_operation(&r) || !read_timestamp(&r) ||
        !read_data(&r) || !read_clock(&r))
        return false;
    bool has_id = event->id.ptr != delivered.ptr;
    hash_content(&r, has_id);
    return true;
}
