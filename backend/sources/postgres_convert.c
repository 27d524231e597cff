/* The converters: text of a type's output function to canonical text, in place. */
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/sources/postgres_array.h"
#include "backend/sources/postgres_types.h"

void bw_pgcontext_fini(bw_pgcontext *cx)
{
    bw_buf_fini(&cx->scratch);
    free(cx->items);
    cx->items = NULL;
    cx->items_cap = 0;
}

static bw_reason keep(bw_value *out, const char *text, size_t size)
{
    *out = bw_value_text(text, size);
    return BW_REASON_NONE;
}

bw_reason bw_pgconvert_bool(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                            bw_value *out)
{
    (void)cx;
    (void)type;
    if (size != 1 || (*text != 't' && *text != 'f'))
        return BW_REASON_BAD_VALUE;
    *out = *text == 't' ? bw_value_text("true", 4) : bw_value_text("false", 5);
    return BW_REASON_NONE;
}

bw_reason bw_pgconvert_numeric(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                               bw_value *out)
{
    bw_slice canonical;
    size_t scale = (size_t)type->scale;
    (void)cx;
    /* With a scale the server prints that many digits after the point, and nothing that does not
       fit; only their zeros are too many. */
    if (scale > 0 && size > scale + 1 && text[size - scale - 1] == '.') {
        while (text[size - 1] == '0')
            size--;
        return keep(out, text, size - (text[size - 1] == '.'));
    }
    bw_reason reason = bw_value_decimal((bw_slice){text, size}, type->type, type->precision,
                                        type->scale, &canonical);
    if (reason == BW_REASON_NONE)
        *out = bw_value_text(canonical.ptr, canonical.len);
    return reason;
}

/* "char" holds any byte, which UTF-8 text cannot. Newer servers print such a byte as \ooo. */
bw_reason bw_pgconvert_char(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                            bw_value *out)
{
    (void)cx;
    (void)type;
    if ((size == 4 && text[0] == '\\') || !bw_utf8_valid((bw_slice){text, size}))
        return BW_REASON_BAD_UTF8;
    return keep(out, text, size);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Six digits of hex become four of base64, so writing never overtakes reading. */
bw_reason bw_pgconvert_bytea(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                             bw_value *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (void)cx;
    (void)type;
    if (size < 2 || size % 2 || text[0] != '\\' || text[1] != 'x')
        return BW_REASON_BAD_VALUE;
    const char *in = text + 2, *end = text + size;
    char *to = text;
    uint32_t bits = 0;
    int held = 0; /* bytes in bits */
    for (; in < end; in += 2) {
        int high = hex_digit(in[0]), low = hex_digit(in[1]);
        if (high < 0 || low < 0)
            return BW_REASON_BAD_VALUE;
        bits = bits << 8 | (uint32_t)(high << 4 | low);
        if (++held < 3)
            continue;
        for (int shift = 18; shift >= 0; shift -= 6)
            *to++ = digits[bits >> shift & 63];
        held = 0;
        bits = 0;
    }
    /* One or two bytes are left: in hex they took two or four characters after the two of \x, so
       four more are there to write to. */
    if (held) {
        bits <<= held == 1 ? 16 : 8;
        *to++ = digits[bits >> 18 & 63];
        *to++ = digits[bits >> 12 & 63];
        *to++ = held == 2 ? digits[bits >> 6 & 63] : '=';
        *to++ = '=';
    }
    return keep(out, text, (size_t)(to - text));
}

/* Everything that a date or timestamp can say besides YYYY-MM-DD…: why it does not fit. */
static bw_reason odd_time(const char *text, size_t size)
{
    if (size >= 8 && memcmp(text + size - 8, "infinity", 8) == 0)
        return BW_REASON_TS_INFINITY;
    if (size > 3 && memcmp(text + size - 3, " BC", 3) == 0)
        return BW_REASON_DATE_BC;
    return size > 10 && text[0] >= '0' && text[0] <= '9' ? BW_REASON_TS_RANGE : BW_REASON_BAD_VALUE;
}

bw_reason bw_pgconvert_date(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                            bw_value *out)
{
    (void)cx;
    (void)type;
    /* Years from 0001 to 9999 and nothing else take ten characters. */
    if (size != 10 || text[4] != '-' || text[7] != '-')
        return odd_time(text, size);
    return keep(out, text, size);
}

bw_reason bw_pgconvert_time(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                            bw_value *out)
{
    (void)cx;
    (void)type;
    if (size < 8 || text[2] != ':')
        return BW_REASON_BAD_VALUE;
    if (text[0] == '2' && text[1] == '4')
        return BW_REASON_TIME_24;
    return keep(out, text, size);
}

bw_reason bw_pgconvert_datetime(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                                bw_value *out)
{
    (void)cx;
    (void)type;
    if (size < 19 || size > 26 || text[4] != '-' || text[10] != ' ' || text[size - 1] == 'C')
        return odd_time(text, size);
    return keep(out, text, size);
}

bw_reason bw_pgconvert_timestamp(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                                 bw_value *out)
{
    (void)cx;
    (void)type;
    if (size < 22 || size > 29 || text[4] != '-' || text[10] != ' ' ||
        memcmp(text + size - 3, "+00", 3) != 0)
        return odd_time(text, size);
    return keep(out, text, size);
}

bw_reason bw_pgconvert_jsonb(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                             bw_value *out)
{
    (void)cx;
    (void)type;
    bw_reason reason = bw_value_check_json((bw_slice){text, size});
    return reason ? reason : keep(out, text, size);
}

bw_reason bw_pgconvert_json(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                            bw_value *out)
{
    bw_buf_clear(&cx->scratch);
    bw_reason reason = bw_pgjson_add(cx, type, text, size, &cx->scratch);
    if (reason == BW_REASON_NONE)
        reason = bw_value_check_json(bw_buf_slice(&cx->scratch));
    if (reason != BW_REASON_NONE)
        return reason;
    bw_slice json = bw_arena_slice(cx->arena, bw_buf_slice(&cx->scratch));
    return keep(out, json.ptr, json.len);
}

/* ---- REPEATED ---- */

static bw_reason add_item(bw_pgcontext *cx, const bw_pgtype *element, size_t n, char *text,
                          size_t size)
{
    bw_value item;
    bw_reason reason = BW_REASON_NONE;
    if (element->convert)
        reason = element->convert(cx, element, text, size, &item);
    else
        item = bw_value_text(text, size);
    if (reason != BW_REASON_NONE) {
        if (!cx->detail[0])
            snprintf(cx->detail, sizeof cx->detail, "element %zu is %.*s", n + 1,
                     (int)(size > 100 ? 100 : size), text);
        return reason;
    }
    BW_GROW(cx->items, n + 1, cx->items_cap);
    cx->items[n] = item;
    return BW_REASON_NONE;
}

static bw_reason keep_items(bw_pgcontext *cx, size_t n, bw_value *out)
{
    bw_value *items = BW_ARENA_ARRAY(cx->arena, bw_value, n);
    if (n)
        memcpy(items, cx->items, n * sizeof *items);
    *out = (bw_value){.items = items, .size = (uint32_t)n, .state = BW_VALUE_ARRAY};
    return BW_REASON_NONE;
}

bw_reason bw_pgconvert_array(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                             bw_value *out)
{
    bw_pgarray a = bw_pgarray_init(text, size, type->delimiter);
    size_t n = 0;
    for (;;) {
        bw_reason reason = BW_REASON_NONE;
        switch (bw_pgarray_next(&a)) {
        case BW_PGARRAY_OPEN:
            if (a.depth > 1)
                return BW_REASON_ARRAY_DIMS;
            break;
        case BW_PGARRAY_ELEMENT:
            if (a.bounds)
                return BW_REASON_ARRAY_LBOUND;
            reason = add_item(cx, type->element, n++, a.text, a.size);
            break;
        case BW_PGARRAY_NULL:
            snprintf(cx->detail, sizeof cx->detail, "element %zu is NULL", n + 1);
            return a.bounds ? BW_REASON_ARRAY_LBOUND : BW_REASON_ARRAY_NULL;
        case BW_PGARRAY_CLOSE:
            break;
        case BW_PGARRAY_END:
            return keep_items(cx, n, out);
        case BW_PGARRAY_ERROR:
            return BW_REASON_BAD_VALUE;
        }
        if (reason != BW_REASON_NONE)
            return reason;
    }
}

/* pgvector: [1,2.5,-3e-05] */
bw_reason bw_pgconvert_vector(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                              bw_value *out)
{
    size_t n = 0;
    if (size < 2 || text[0] != '[' || text[size - 1] != ']')
        return BW_REASON_BAD_VALUE;
    char *p = text + 1, *end = text + size - 1;
    while (p < end) {
        char *comma = memchr(p, ',', (size_t)(end - p));
        char *stop = comma ? comma : end;
        bw_reason reason = add_item(cx, type->element, n++, p, (size_t)(stop - p));
        if (reason != BW_REASON_NONE)
            return reason;
        p = stop + 1;
    }
    return keep_items(cx, n, out);
}
