/* Plain JSON as Datastore's values: exact, or refused. */
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/google/entity_internal.h"

/* The writing of one value with everything inside. */
typedef struct writer {
    bw_buf *out;
    bw_buf where; /* of the value at hand */
    bw_entity_problem *problem;
} writer;

static bw_reason refuse(writer *w, bw_reason reason, const char *detail)
{
    if (w->problem) {
        bw_text_sanitise_to(w->problem->where, sizeof(w->problem->where), bw_buf_cstr(&w->where));
        snprintf(w->problem->detail, sizeof(w->problem->detail), "%s", detail);
        w->problem->reason = reason;
    }
    return reason;
}

static bw_reason write_value(writer *w, bw_slice json, bool excluded, int depth);

static void close_value(writer *w, bool excluded)
{
    bw_buf_adds(w->out, excluded ? ",\"excludeFromIndexes\":true}" : "}");
}

/* ---- scalars ---------------------------------------------------------------------------- */

static bool is_integer(bw_slice number)
{
    for (size_t i = number.ptr[0] == '-'; i < number.len; i++) {
        if (number.ptr[i] < '0' || number.ptr[i] > '9')
            return false;
    }
    return !bw_slice_is(number, "-0"); /* which only a double can be */
}

static bool is_finite(bw_slice number)
{
    char *text = bw_xstrndup(number.ptr, number.len);
    double v = strtod(text, NULL);
    free(text);
    return v - v == 0;
}

static bw_reason write_number(writer *w, bw_slice number, bool excluded)
{
    int64_t ignored;
    if (is_integer(number)) {
        if (!bw_entity_read_int(number, &ignored))
            return refuse(w, BW_REASON_NUMERIC_OVERFLOW, "the integer has more than 64 bits");
        bw_buf_addf(w->out, "{\"integerValue\":\"%.*s\"", BW_SLICE_ARG(number));
    } else {
        if (!is_finite(number))
            return refuse(w, BW_REASON_NUMERIC_OVERFLOW,
                          "the number is beyond the range of a double");
        if (bw_value_check_json(number) != BW_REASON_NONE)
            return refuse(w, BW_REASON_JSON_WIDE_NUMBER, "a double would round the number");
        bw_buf_addf(w->out, "{\"doubleValue\":%.*s", BW_SLICE_ARG(number));
    }
    close_value(w, excluded);
    return BW_REASON_NONE;
}

static bw_reason write_string(writer *w, bw_slice raw, bool excluded)
{
    size_t bytes = raw.len - 2;
    if (memchr(raw.ptr, '\\', raw.len)) {
        bw_buf text = BW_BUF_INIT;
        bool good = bw_json_unescape(raw, &text);
        bytes = text.len;
        bw_buf_fini(&text);
        if (!good)
            return refuse(w, BW_REASON_BAD_UTF8, "half a surrogate pair stands alone");
    }
    bw_buf_adds(w->out, "{\"stringValue\":");
    bw_buf_add(w->out, raw.ptr, raw.len);
    close_value(w, excluded || bytes > BW_ENTITY_MAX_INDEXED);
    return BW_REASON_NONE;
}

/* ---- what holds other values ------------------------------------------------------------ */

static bw_reason write_array(writer *w, bw_slice json, bool excluded, int depth)
{
    bw_json_scan scan = bw_json_scan_init(json);
    bw_json_token t;
    bw_slice element;
    bw_reason reason = BW_REASON_NONE;
    size_t n = 0, place = w->where.len;
    excluded |= json.len > BW_ENTITY_MAX_INDEXED;
    (void)bw_json_next(&scan, &t);
    bw_buf_adds(w->out, "{\"arrayValue\":{\"values\":[");
    while (reason == BW_REASON_NONE && bw_json_next_element(&scan, &element)) {
        bw_buf_addf(&w->where, "[%zu]", n);
        if (n++)
            bw_buf_addc(w->out, ',');
        if (element.ptr[0] == '[')
            reason = refuse(w, BW_REASON_ARRAY_DIMS, "Datastore has no arrays of arrays");
        else
            reason = write_value(w, element, excluded, depth);
        w->where.len = place;
    }
    bw_buf_adds(w->out, "]}}"); /* the elements say themselves whether they are indexed */
    return reason;
}

static bool is_reserved(bw_slice name)
{
    return name.len >= 4 && memcmp(name.ptr, "__", 2) == 0 &&
           memcmp(name.ptr + name.len - 2, "__", 2) == 0;
}

static bw_reason check_name(writer *w, const bw_json_token *key)
{
    bw_buf text = BW_BUF_INIT;
    bool good = bw_json_unescape(key->raw, &text);
    bw_slice name = bw_buf_slice(&text);
    bw_reason reason = BW_REASON_NONE;
    if (w->where.len)
        bw_buf_addc(&w->where, '.');
    bw_buf_add(&w->where, name.ptr, name.len);
    if (!good)
        reason = refuse(w, BW_REASON_BAD_UTF8, "half a surrogate pair stands alone in a name");
    else if (name.len == 0)
        reason = refuse(w, BW_REASON_BAD_VALUE, "Datastore has no properties with an empty name");
    else if (name.len > BW_ENTITY_MAX_NAME)
        reason = refuse(w, BW_REASON_BAD_VALUE, "the name is longer than 1,500 bytes");
    else if (is_reserved(name))
        reason = refuse(w, BW_REASON_BAD_VALUE, "Datastore reserves names like __x__");
    bw_buf_fini(&text);
    return reason;
}

static bw_reason write_members(writer *w, bw_slice json, bool excluded, int depth)
{
    bw_json_scan scan = bw_json_scan_init(json);
    bw_json_token t;
    bw_slice value;
    bw_reason reason = BW_REASON_NONE;
    size_t place = w->where.len, n = 0;
    (void)bw_json_next(&scan, &t);
    bw_buf_addc(w->out, '{');
    while (reason == BW_REASON_NONE && bw_json_next_member(&scan, &t, &value)) {
        if (n++)
            bw_buf_addc(w->out, ',');
        reason = check_name(w, &t);
        bw_buf_add(w->out, t.raw.ptr, t.raw.len);
        bw_buf_addc(w->out, ':');
        if (reason == BW_REASON_NONE)
            reason = write_value(w, value, excluded, depth);
        w->where.len = place;
    }
    bw_buf_addc(w->out, '}');
    return reason;
}

static bw_reason write_entity(writer *w, bw_slice json, bool excluded, int depth)
{
    if (depth >= BW_ENTITY_MAX_DEPTH)
        return refuse(w, BW_REASON_JSON_DEPTH, "objects are nested deeper than 20 levels");
    excluded |= json.len > BW_ENTITY_MAX_INDEXED;
    bw_buf_adds(w->out, "{\"entityValue\":{\"properties\":");
    bw_reason reason = write_members(w, json, excluded, depth + 1);
    bw_buf_addc(w->out, '}');
    close_value(w, excluded);
    return reason;
}

static bw_reason write_value(writer *w, bw_slice json, bool excluded, int depth)
{
    switch (json.ptr[0]) {
    case '{':
        return write_entity(w, json, excluded, depth);
    case '[':
        return write_array(w, json, excluded, depth);
    case '"':
        return write_string(w, json, excluded);
    case 't':
    case 'f':
        bw_buf_addf(w->out, "{\"booleanValue\":%.*s", BW_SLICE_ARG(json));
        close_value(w, excluded);
        return BW_REASON_NONE;
    case 'n':
        bw_buf_adds(w->out, "{\"nullValue\":null");
        close_value(w, excluded);
        return BW_REASON_NONE;
    default:
        return write_number(w, json, excluded);
    }
}

/* ---- the ways in ------------------------------------------------------------------------ */

static bw_slice trim(bw_slice s)
{
    while (s.len && memchr(" \t\r\n", s.ptr[0], 4))
        s = (bw_slice){s.ptr + 1, s.len - 1};
    while (s.len && memchr(" \t\r\n", s.ptr[s.len - 1], 4))
        s.len--;
    return s;
}

/* Untrusted text: what the rest relies on. */
static bw_reason check_text(writer *w, bw_slice json)
{
    const char *why = "it is empty";
    size_t at = 0;
    if (bw_utf8_valid_prefix(json) != json.len)
        return refuse(w, BW_REASON_BAD_UTF8, "the text is not UTF-8");
    if (!json.len || !bw_json_valid(json, &why, &at))
        return refuse(w, BW_REASON_JSON_INVALID, why);
    if (!bw_value_json_is_unique(json))
        return refuse(w, BW_REASON_JSON_DUPLICATE, "an object has two members of one name");
    return BW_REASON_NONE;
}

static bw_reason finish(writer *w, size_t before, bw_reason reason)
{
    if (reason == BW_REASON_NONE &&
        bw_entity_properties_size((bw_slice){w->out->ptr + before, w->out->len - before}) >
            BW_ENTITY_MAX_BYTES)
        reason = refuse(w, BW_REASON_ROW_TOO_BIG, "an entity holds at most 1,048,572 bytes");
    if (reason != BW_REASON_NONE)
        w->out->len = before;
    bw_buf_fini(&w->where);
    return reason;
}

bw_reason bw_entity_from_json(bw_slice object, bw_buf *out, bw_entity_problem *problem)
{
    writer w = {.out = out, .problem = problem};
    bw_slice json = trim(object);
    size_t before = out->len;
    bw_reason reason = check_text(&w, json);
    if (reason == BW_REASON_NONE && json.ptr[0] != '{')
        reason = refuse(&w, BW_REASON_JSON_INVALID, "it is not an object");
    if (reason == BW_REASON_NONE)
        reason = write_members(&w, json, false, 0);
    return finish(&w, before, reason);
}

bw_reason bw_entity_value_from_json(bw_slice json, bw_buf *out, bw_entity_problem *problem)
{
    writer w = {.out = out, .problem = problem};
    size_t before = out->len;
    json = trim(json);
    bw_reason reason = check_text(&w, json);
    if (reason == BW_REASON_NONE)
        reason = write_value(&w, json, false, 0);
    return finish(&w, before, reason);
}
