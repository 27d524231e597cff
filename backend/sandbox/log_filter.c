#include "backend/sandbox/log_filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "backend/core/json.h"
#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/stamp.h"

/* In order, each 100 above the one before. */
static const char *const severities[] = {"DEFAULT", "DEBUG",    "INFO",  "NOTICE",   "WARNING",
                                         "ERROR",   "CRITICAL", "ALERT", "EMERGENCY"};

static int severity_rank(const char *text)
{
    for (size_t i = 0; i < BW_COUNT(severities); i++) {
        if (strcasecmp(text, severities[i]) == 0)
            return (int)i * 100;
    }
    char *end;
    long number = strtol(text, &end, 10);
    return end > text && !*end && number >= 0 && number <= 800 ? (int)number : -1;
}

const char *bw_sb_log_severity(bw_arena *arena, bw_slice entry)
{
    bw_slice raw = bw_json_member(entry, "severity");
    if (!raw.len || bw_slice_is(raw, "null"))
        return "DEFAULT";
    const char *text = bw_sb_json_text(arena, entry, "severity");
    if (!text)
        text = bw_arena_strndup(arena, raw.ptr, raw.len);
    int rank = severity_rank(text);
    return rank < 0 ? NULL : severities[rank / 100];
}

/* ---- Checking --------------------------------------------------------------------------------- */

/* Fields of a LogEntry that a filter may begin with; the spelling with underscores too. */
static const char *const fields[] = {
    "logName",      "resource",      "timestamp",     "receiveTimestamp",  "severity",
    "insertId",     "httpRequest",   "labels",        "operation",         "trace",
    "spanId",       "traceSampled",  "split",         "sourceLocation",    "textPayload",
    "jsonPayload",  "protoPayload",  "log_name",      "receive_timestamp", "insert_id",
    "http_request", "span_id",       "trace_sampled", "source_location",   "text_payload",
    "json_payload", "proto_payload", "errorGroups",   "metadata"};

/* The JSON name of a field written with underscores. */
static void json_name(const char *name, char *out, size_t size)
{
    size_t n = 0;
    for (; *name && n + 1 < size; name++) {
        if (*name == '_' && name[1] >= 'a' && name[1] <= 'z')
            out[n++] = (char)(*++name - 32);
        else
            out[n++] = *name;
    }
    out[n] = '\0';
}

static bool is_time(const bw_sb_restriction *r)
{
    return r->depth == 1 && (strcmp(r->path[0], "timestamp") == 0 ||
                             strcasecmp(r->path[0], "receiveTimestamp") == 0 ||
                             strcmp(r->path[0], "receive_timestamp") == 0);
}

static bool is_severity(const bw_sb_restriction *r)
{
    return r->depth == 1 && strcmp(r->path[0], "severity") == 0;
}

typedef struct check {
    bw_sb_log_range *range;
    char *why;
    size_t size;
} check;

/* A date alone is its midnight, as in Logging. */
static bool time_of(const char *text, int64_t *ns)
{
    char full[48];
    if (strlen(text) == 10) {
        snprintf(full, sizeof full, "%sT00:00:00Z", text);
        text = full;
    }
    return bw_sb_stamp_parse(text, ns);
}

static bool check_time(check *c, const bw_sb_restriction *r, bool required)
{
    int64_t ns;
    if (r->op == BW_SB_FILTER_HAS && strcmp(r->values[0], "*") == 0)
        return true;
    if (!time_of(r->values[0], &ns)) {
        snprintf(c->why, c->size, "Invalid filter: \"%.100s\" is not a timestamp", r->values[0]);
        return false;
    }
    if (!required || strcmp(r->path[0], "timestamp") != 0)
        return true;
    bool low = r->op == BW_SB_FILTER_GT || r->op == BW_SB_FILTER_GE || r->op == BW_SB_FILTER_EQ;
    bool high = r->op == BW_SB_FILTER_LT || r->op == BW_SB_FILTER_LE || r->op == BW_SB_FILTER_EQ;
    if (low && ns > c->range->low_ns)
        c->range->low_ns = ns;
    if (high && ns < c->range->high_ns)
        c->range->high_ns = ns;
    return true;
}

static bool check_one(void *user, const bw_sb_restriction *r, bool required)
{
    check *c = user;
    if (r->function && (r->depth > 0 || strcmp(r->function, "log_id") != 0)) {
        snprintf(c->why, c->size, "Invalid filter: the sandbox has no function %.60s", r->function);
        return false;
    }
    if (r->depth == 0)
        return true;
    bool known = false;
    for (size_t i = 0; i < BW_COUNT(fields) && !known; i++)
        known = strcmp(fields[i], r->path[0]) == 0;
    if (!known) {
        snprintf(c->why, c->size, "Field not found: '%.100s'.", r->path[0]);
        return false;
    }
    if (is_time(r))
        return check_time(c, r, required);
    if (is_severity(r) && severity_rank(r->values[0]) < 0 && strcmp(r->values[0], "*") != 0) {
        snprintf(c->why, c->size, "Invalid filter: \"%.100s\" is not a severity", r->values[0]);
        return false;
    }
    return true;
}

bool bw_sb_log_filter_parse(bw_arena *arena, const char *text, const bw_sb_filter **out,
                            bw_sb_log_range *range, char *why, size_t why_size)
{
    bw_sb_filter_error err;
    check c = {range, why, why_size};
    *range = (bw_sb_log_range){INT64_MIN, INT64_MAX};
    if (!bw_sb_filter_parse(arena, text, out, &err)) {
        snprintf(why, why_size, "%s", err.message);
        return false;
    }
    return bw_sb_filter_each(*out, check_one, &c);
}

/* ---- Matching --------------------------------------------------------------------------------- */

static bool by_order(bw_sb_filter_op op, int order)
{
    switch (op) {
    case BW_SB_FILTER_EQ:
        return order == 0;
    case BW_SB_FILTER_NE:
        return order != 0;
    case BW_SB_FILTER_LT:
        return order < 0;
    case BW_SB_FILTER_LE:
        return order <= 0;
    case BW_SB_FILTER_GT:
        return order > 0;
    case BW_SB_FILTER_GE:
        return order >= 0;
    default:
        return true; /* HAS "*" */
    }
}

static bool severity_holds(const bw_sb_restriction *r, const char *text)
{
    int have = severity_rank(text), want = severity_rank(r->values[0]);
    return by_order(r->op, (have > want) - (have < want));
}

static bool time_holds(const bw_sb_restriction *r, const char *text)
{
    int64_t have, want;
    if (!bw_sb_stamp_parse(text, &have))
        return false;
    if (!time_of(r->values[0], &want))
        want = have;
    return by_order(r->op, (have > want) - (have < want));
}

static bool value_holds(const bw_sb_restriction *r, size_t depth, bw_slice raw);

/* The member of that name: as it is written, or the spelling of the JSON names. */
static bool member_holds(const bw_sb_restriction *r, size_t depth, bw_slice object)
{
    char name[256];
    bw_slice raw = bw_json_member(object, r->path[depth]);
    if (!raw.len && depth == 0) {
        json_name(r->path[0], name, sizeof name);
        raw = bw_json_member(object, name);
    }
    return raw.len && value_holds(r, depth + 1, raw);
}

static bool any_element_holds(const bw_sb_restriction *r, size_t depth, bw_slice array)
{
    bw_slice element;
    for (size_t at = 0; bw_sb_json_each_element(array, &at, &element);) {
        if (value_holds(r, depth, element))
            return true;
    }
    return false;
}

static bool value_holds(const bw_sb_restriction *r, size_t depth, bw_slice raw)
{
    if (raw.ptr[0] == '[')
        return any_element_holds(r, depth, raw);
    if (depth < r->depth)
        return raw.ptr[0] == '{' && member_holds(r, depth, raw);
    bw_buf text = BW_BUF_INIT;
    if (raw.ptr[0] != '"' || !bw_json_unescape(raw, &text)) {
        bw_buf_clear(&text);
        bw_buf_add(&text, raw.ptr, raw.len);
    }
    const char *have = bw_buf_cstr(&text);
    bool holds = is_severity(r) ? severity_holds(r, have)
                 : is_time(r)   ? time_holds(r, have)
                                : bw_sb_filter_compare(r, have, true);
    bw_buf_fini(&text);
    return holds;
}

/* log_id("cloudaudit.googleapis.com/activity") */
static bool log_id_is(const bw_sb_restriction *r, bw_slice entry)
{
    bw_arena arena = BW_ARENA_INIT;
    const char *name = bw_sb_json_text(&arena, entry, "logName");
    const char *id = name ? strstr(name, "/logs/") : NULL;
    const char *want = r->values[0];
    id = id ? id + 6 : "";
    while (*id && *want) {
        size_t slash = *want == '/' && strncasecmp(id, "%2F", 3) == 0 ? 3 : 0;
        if (!slash && *id != *want)
            break;
        id += slash ? slash : 1;
        want++;
    }
    bool same = !*id && !*want;
    bw_arena_fini(&arena);
    return same;
}

/* Words without a field are looked for in all texts of the entry. */
static bool found_anywhere(const bw_sb_restriction *r, bw_slice entry)
{
    bw_json_scan scan = bw_json_scan_init(entry);
    bw_json_token t;
    bool found = false;
    while (!found && bw_json_next(&scan, &t) && t.type != BW_JSON_END) {
        bw_buf text = BW_BUF_INIT;
        if (t.type == BW_JSON_STRING && bw_json_unescape(t.raw, &text))
            found = strcasestr(bw_buf_cstr(&text), r->values[0]) != NULL;
        bw_buf_fini(&text);
    }
    return found;
}

static bool holds(void *user, const bw_sb_restriction *r)
{
    const bw_slice *entry = user;
    if (r->function)
        return log_id_is(r, *entry);
    if (r->depth == 0)
        return found_anywhere(r, *entry);
    if (is_severity(r) && !bw_json_member(*entry, "severity").len)
        return severity_holds(r, "DEFAULT");
    return member_holds(r, 0, *entry);
}

bool bw_sb_log_filter_matches(const bw_sb_filter *filter, bw_slice entry)
{
    return bw_sb_filter_matches(filter, holds, &entry);
}
