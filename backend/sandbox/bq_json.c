#include "backend/sandbox/bq_json.h"

#include <errno.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/sandbox/bq_float.h"

#define VALUE_DEPTH 500 /* documented limit of the JSON type */

typedef struct normaliser {
    bw_json_scan scan;
    bool round;
    const char *why;
} normaliser;

/* A member on its way to being sorted: where its name and value lie in a scratch buffer. */
typedef struct member {
    size_t name, name_len, value, value_len, order;
    const bw_buf *names, *values;
} member;

static int member_compare(const void *a, const void *b)
{
    const member *x = a, *y = b;
    size_t n = x->name_len < y->name_len ? x->name_len : y->name_len;
    int c = n ? memcmp(x->names->ptr + x->name, y->names->ptr + y->name, n) : 0;

    if (c != 0)
        return c;
    if (x->name_len != y->name_len)
        return x->name_len < y->name_len ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static bool normalise_value(normaliser *n, const bw_json_token *t, bw_buf *out);

static bool normalise_string(normaliser *n, bw_slice raw, bw_buf *out)
{
    bw_buf text = BW_BUF_INIT;
    bool ok = bw_json_unescape(raw, &text);

    if (ok)
        bw_json_add_string(out, bw_buf_slice(&text));
    else
        n->why = "invalid Unicode escape";
    bw_buf_fini(&text);
    return ok;
}

/* An integer that fits 64 bits, with or without a sign, stands as it is written. */
static bool keeps_integer(bw_slice raw)
{
    char copy[24];
    char *end;

    if (raw.len >= sizeof(copy) || memchr(raw.ptr, '.', raw.len) || memchr(raw.ptr, 'e', raw.len) ||
        memchr(raw.ptr, 'E', raw.len) || bw_slice_is(raw, "-0"))
        return false;
    memcpy(copy, raw.ptr, raw.len);
    copy[raw.len] = '\0';
    errno = 0;
    if (copy[0] == '-')
        strtoll(copy, &end, 10);
    else
        strtoull(copy, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool normalise_number(normaliser *n, bw_slice raw, bw_buf *out)
{
    double d;
    bool overflow = false;

    if (keeps_integer(raw)) {
        bw_buf_add(out, raw.ptr, raw.len);
        return true;
    }
    if (!bq_float_round_trips(raw, &d) &&
        !(n->round && bq_float_parse(raw, &d, &overflow) && !overflow)) {
        n->why = "cannot round-trip through string representation";
        return false;
    }
    bq_float_print_json(d, out);
    return true;
}

static bool normalise_array(normaliser *n, bw_buf *out)
{
    bw_json_token t;
    bool first = true;

    bw_buf_addc(out, '[');
    for (;;) {
        if (!bw_json_next(&n->scan, &t))
            return false;
        if (t.type == BW_JSON_ARRAY_END)
            break;
        if (!first)
            bw_buf_addc(out, ',');
        first = false;
        if (!normalise_value(n, &t, out))
            return false;
    }
    bw_buf_addc(out, ']');
    return true;
}

static bool collect_members(normaliser *n, bw_buf *names, bw_buf *values, member **members,
                            size_t *count)
{
    bw_json_token t;
    size_t cap = 0;

    for (;;) {
        if (!bw_json_next(&n->scan, &t))
            return false;
        if (t.type == BW_JSON_OBJECT_END)
            return true;
        BW_GROW(*members, *count + 1, cap);
        member *m = &(*members)[*count];
        *m = (member){.name = names->len,
                      .value = values->len,
                      .order = *count,
                      .names = names,
                      .values = values};
        if (!bw_json_unescape(t.raw, names)) {
            n->why = "invalid Unicode escape";
            return false;
        }
        m->name_len = names->len - m->name;
        if (!bw_json_next(&n->scan, &t) || !normalise_value(n, &t, values))
            return false;
        m->value_len = values->len - m->value;
        (*count)++;
    }
}

static bool normalise_object(normaliser *n, bw_buf *out)
{
    bw_buf names = BW_BUF_INIT, values = BW_BUF_INIT;
    member *members = NULL;
    size_t count = 0;

    bw_buf_reserve(&names, 1); /* when every name is empty, their bytes still have an address */
    bool ok = collect_members(n, &names, &values, &members, &count);
    if (ok) {
        if (count > 1)
            qsort(members, count, sizeof(*members), member_compare);
        bool first = true;
        bw_buf_addc(out, '{');
        for (size_t i = 0; i < count; i++) {
            const member *m = &members[i];
            bw_slice name = {names.ptr + m->name, m->name_len};
            const member *before = i > 0 ? &members[i - 1] : NULL;
            if (before && bw_slice_eq(name, (bw_slice){names.ptr + before->name, before->name_len}))
                continue;
            if (!first)
                bw_buf_addc(out, ',');
            first = false;
            bw_json_add_string(out, name);
            bw_buf_addc(out, ':');
            bw_buf_add(out, values.ptr + m->value, m->value_len);
        }
        bw_buf_addc(out, '}');
    }
    bw_buf_fini(&names);
    bw_buf_fini(&values);
    free(members);
    return ok;
}

static bool normalise_value(normaliser *n, const bw_json_token *t, bw_buf *out)
{
    if (t->depth >= VALUE_DEPTH && (t->type == BW_JSON_OBJECT || t->type == BW_JSON_ARRAY)) {
        n->why = "nested too deeply";
        return false;
    }
    switch (t->type) {
    case BW_JSON_OBJECT:
        return normalise_object(n, out);
    case BW_JSON_ARRAY:
        return normalise_array(n, out);
    case BW_JSON_STRING:
        return normalise_string(n, t->raw, out);
    case BW_JSON_NUMBER:
        return normalise_number(n, t->raw, out);
    case BW_JSON_TRUE:
    case BW_JSON_FALSE:
    case BW_JSON_NULL:
        bw_buf_add(out, t->raw.ptr, t->raw.len);
        return true;
    default:
        n->why = "syntax error while parsing value";
        return false;
    }
}

bool bq_json_normalise(bw_slice text, bool round, bw_buf *out, const char **why)
{
    normaliser n = {.scan = bw_json_scan_init(text), .round = round};
    size_t start = out->len;
    bw_json_token t;

    bool ok = bw_json_next(&n.scan, &t) && normalise_value(&n, &t, out) &&
              bw_json_next(&n.scan, &t) && t.type == BW_JSON_END;
    if (ok && !bw_utf8_valid(text)) {
        n.why = "invalid UTF-8";
        ok = false;
    }
    if (!ok) {
        out->len = start;
        *why = n.why ? n.why : n.scan.error ? n.scan.error : "syntax error";
    }
    return ok;
}

/* ---- JSONPath --------------------------------------------------------------------------------- */

/* The next step of a path: a member's name or an array's index. */
static bool path_step(bw_slice *path, bw_slice *name, bool *is_index)
{
    const char *p = path->ptr, *end = path->ptr + path->len;
    bool bracket = *p == '[';

    p++;
    if (p < end && (*p == '"' || *p == '\'')) {
        char quote = *p++;
        const char *from = p;
        while (p < end && *p != quote)
            p += *p == '\\' && p + 1 < end ? 2 : 1;
        if (p >= end)
            return false;
        *name = (bw_slice){from, (size_t)(p - from)};
        *is_index = false;
        p++;
    } else {
        const char *from = p;
        while (p < end && *p != '.' && *p != '[' && *p != ']')
            p++;
        *name = (bw_slice){from, (size_t)(p - from)};
        *is_index = bracket;
    }
    if (bracket && (p >= end || *p++ != ']'))
        return false;
    *path = (bw_slice){p, (size_t)(end - p)};
    if (*is_index) {
        for (size_t i = 0; i < name->len; i++) {
            if (name->ptr[i] < '0' || name->ptr[i] > '9')
                return false;
        }
    }
    return name->len > 0 || !*is_index;
}

static bool find_member(bw_slice json, bw_slice name, bw_slice *raw)
{
    bw_json_scan s = bw_json_scan_init(json);
    bw_json_token t;
    bool found = false;
    bw_buf key = BW_BUF_INIT;

    if (!bw_json_next(&s, &t) || t.type != BW_JSON_OBJECT)
        return false;
    while (!found && bw_json_next(&s, &t) && t.type == BW_JSON_KEY) {
        bw_buf_clear(&key);
        if (!bw_json_unescape(t.raw, &key) || !bw_json_skip(&s, raw))
            break;
        found = bw_slice_eq(bw_buf_slice(&key), name);
    }
    bw_buf_fini(&key);
    return found;
}

static bool find_element(bw_slice json, bw_slice index, bw_slice *raw)
{
    bw_json_scan s = bw_json_scan_init(json);
    bw_json_token t;
    size_t at = 0;

    if (index.len > 9 || !bw_json_next(&s, &t) || t.type != BW_JSON_ARRAY)
        return false;
    for (size_t i = 0; i < index.len; i++)
        at = at * 10 + (size_t)(index.ptr[i] - '0');
    for (;;) {
        bw_json_scan before = s;
        if (!bw_json_next(&s, &t) || t.type == BW_JSON_ARRAY_END)
            return false;
        s = before;
        if (!bw_json_skip(&s, raw))
            return false;
        if (at-- == 0)
            return true;
    }
}

bq_path_outcome bq_json_path(bw_slice json, bw_slice path, bw_slice *raw)
{
    bool missing = false;

    if (path.len == 0 || path.ptr[0] != '$')
        return BQ_PATH_INVALID;
    path = (bw_slice){path.ptr + 1, path.len - 1};
    *raw = json;
    while (path.len > 0) {
        bw_slice name;
        bool is_index;
        if ((path.ptr[0] != '.' && path.ptr[0] != '[') || !path_step(&path, &name, &is_index))
            return BQ_PATH_INVALID;
        /* The rest of the path is still checked after a step that leads nowhere. */
        if (!missing)
            missing = !(is_index ? find_element(*raw, name, raw) : find_member(*raw, name, raw));
    }
    return missing ? BQ_PATH_MISSING : BQ_PATH_FOUND;
}
