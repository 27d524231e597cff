/* Values inside JSON: what composites become, and columns that the operator sends as JSON. */
#include "backend/core/text.h"
#include "backend/sources/postgres_array.h"
#include "backend/sources/postgres_types.h"

typedef bw_reason add_function(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                               bw_buf *out);

static bw_reason add_string(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                            bw_buf *out)
{
    (void)cx;
    (void)type;
    if (!bw_utf8_valid((bw_slice){text, size}))
        return BW_REASON_BAD_UTF8;
    bw_json_add_string(out, (bw_slice){text, size});
    return BW_REASON_NONE;
}

static bw_reason add_number(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                            bw_buf *out)
{
    const char *digits = size && *text == '-' ? text + 1 : text;
    if (digits == text + size || *digits < '0' || *digits > '9')
        return add_string(cx, type, text, size, out);
    bw_buf_add(out, text, size);
    return BW_REASON_NONE;
}

static bw_reason add_bool(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                          bw_buf *out)
{
    (void)cx;
    (void)type;
    if (size != 1)
        return BW_REASON_BAD_VALUE;
    bw_buf_adds(out, *text == 't' ? "true" : "false");
    return BW_REASON_NONE;
}

static bw_reason add_raw(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                         bw_buf *out)
{
    (void)cx;
    (void)type;
    /* Checked on its own, so that it cannot break out of where it stands. */
    bw_reason reason = bw_value_check_json((bw_slice){text, size});
    if (reason != BW_REASON_NONE)
        return reason;
    if (!bw_value_json_is_unique((bw_slice){text, size}))
        return BW_REASON_JSON_DUPLICATE;
    bw_buf_add(out, text, size);
    return BW_REASON_NONE;
}

static bw_reason add_vector(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                            bw_buf *out)
{
    return add_raw(cx, type, text, size, out);
}

static bw_reason add_array(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                           bw_buf *out)
{
    bw_pgarray a = bw_pgarray_init(text, size, type->delimiter);
    bool first = true;
    for (;;) {
        bw_pgarray_token t = bw_pgarray_next(&a);
        if (t == BW_PGARRAY_END)
            return BW_REASON_NONE;
        if (t == BW_PGARRAY_ERROR)
            return BW_REASON_BAD_VALUE;
        if (a.bounds)
            return BW_REASON_ARRAY_LBOUND; /* they are data, and JSON has no place for them */
        if (t == BW_PGARRAY_CLOSE) {
            bw_buf_addc(out, ']');
            first = false;
            continue;
        }
        if (!first)
            bw_buf_addc(out, ',');
        first = t == BW_PGARRAY_OPEN;
        if (t == BW_PGARRAY_OPEN)
            bw_buf_addc(out, '[');
        else if (t == BW_PGARRAY_NULL)
            bw_buf_adds(out, "null");
        else {
            bw_reason reason = bw_pgjson_add(cx, type->element, a.text, a.size, out);
            if (reason != BW_REASON_NONE)
                return reason;
        }
    }
}

/*
 * One field of a composite's text, (1,"a ""quoted"" word",,): unescaped in place. Quotes double or
 * take a backslash; nothing at all is NULL (PostgreSQL manual, "Composite Type Input and Output
 * Syntax"). Returns where the field ended, NULL on an error.
 */
static char *take_field(char *p, const char *end, char **text, size_t *size, bool *null)
{
    char *to = p;
    bool quoted = false, any = false;
    *text = p;
    for (; p < end; p++) {
        if (*p == '"') {
            any = true;
            if (quoted && p + 1 < end && p[1] == '"')
                *to++ = *p++;
            else
                quoted = !quoted;
        } else if (*p == '\\') {
            if (++p == end)
                return NULL;
            *to++ = *p;
        } else if (!quoted && (*p == ',' || *p == ')')) {
            break;
        } else {
            *to++ = *p;
        }
    }
    *size = (size_t)(to - *text);
    *null = *size == 0 && !any;
    return p < end ? p : NULL;
}

static bw_reason add_composite(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                               bw_buf *out)
{
    const char *end = text + size;
    if (size < 2 || text[0] != '(')
        return BW_REASON_BAD_VALUE;
    char *p = text + 1;
    bw_buf_addc(out, '{');
    for (size_t i = 0; i < type->n_fields; i++) {
        char *field;
        size_t field_size;
        bool null;
        char *stop = take_field(p, end, &field, &field_size, &null);
        if (!stop || *stop != (i + 1 < type->n_fields ? ',' : ')'))
            return BW_REASON_BAD_VALUE;
        if (i)
            bw_buf_addc(out, ',');
        bw_json_add_string(out, bw_slice_cstr(type->fields[i].name));
        bw_buf_addc(out, ':');
        bw_reason reason = BW_REASON_NONE;
        if (null)
            bw_buf_adds(out, "null");
        else
            reason = bw_pgjson_add(cx, type->fields[i].type, field, field_size, out);
        if (reason != BW_REASON_NONE)
            return reason;
        p = stop + 1;
    }
    bw_buf_addc(out, '}');
    return p == end || type->n_fields == 0 ? BW_REASON_NONE : BW_REASON_BAD_VALUE;
}

/* A quoted word of hstore's text: "a \"b\" c". Returns where it ended, NULL on an error. */
static char *take_word(char *p, const char *end, char **text, size_t *size)
{
    if (p >= end || *p != '"')
        return NULL;
    char *to = ++p;
    *text = p;
    for (; p < end && *p != '"'; p++) {
        if (*p == '\\' && ++p == end)
            return NULL;
        *to++ = *p;
    }
    *size = (size_t)(to - *text);
    return p < end ? p + 1 : NULL;
}

/* "a"=>"1", "b"=>NULL */
static bw_reason add_hstore(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                            bw_buf *out)
{
    const char *end = text + size;
    char *p = text, *word;
    size_t n;
    bw_buf_addc(out, '{');
    while (p && p < end) {
        if (p != text) {
            if (end - p < 2 || p[0] != ',' || p[1] != ' ')
                return BW_REASON_BAD_VALUE;
            bw_buf_addc(out, ',');
            p += 2;
        }
        p = take_word(p, end, &word, &n);
        if (!p || end - p < 3 || p[0] != '=' || p[1] != '>')
            return BW_REASON_BAD_VALUE;
        bw_reason reason = add_string(cx, type, word, n, out);
        if (reason != BW_REASON_NONE)
            return reason;
        bw_buf_addc(out, ':');
        p += 2;
        if (end - p >= 4 && memcmp(p, "NULL", 4) == 0) {
            bw_buf_adds(out, "null");
            p += 4;
        } else if ((p = take_word(p, end, &word, &n)) != NULL) {
            reason = add_string(cx, type, word, n, out);
        }
        if (reason != BW_REASON_NONE)
            return reason;
    }
    bw_buf_addc(out, '}');
    return p ? BW_REASON_NONE : BW_REASON_BAD_VALUE;
}

bw_reason bw_pgjson_add(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                        bw_buf *out)
{
    static add_function *const functions[] = {
        [BW_PGJSON_STRING] = add_string, [BW_PGJSON_NUMBER] = add_number,
        [BW_PGJSON_BOOL] = add_bool,     [BW_PGJSON_RAW] = add_raw,
        [BW_PGJSON_HSTORE] = add_hstore, [BW_PGJSON_VECTOR] = add_vector,
        [BW_PGJSON_ARRAY] = add_array,   [BW_PGJSON_COMPOSITE] = add_composite,
    };
    return functions[type->json](cx, type, text, size, out);
}
