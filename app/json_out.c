#include "app/json_out.h"

#include <math.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/core/units.h"

json_t *bw_json_slice(bw_slice text)
{
    if (!text.ptr)
        return json_null();
    if (bw_utf8_valid(text))
        return json_stringn(text.ptr, text.len);
    bw_buf b = BW_BUF_INIT;
    bw_text_sanitise(&b, text);
    json_t *s = json_stringn(b.ptr, b.len);
    bw_buf_fini(&b);
    return s;
}

json_t *bw_json_text(const char *text)
{
    return bw_json_slice(bw_slice_cstr(text));
}

json_t *bw_json_time(int64_t us)
{
    char text[BW_TIME_TEXT];
    return us == BW_TIME_NONE ? json_null() : json_string(bw_format_time(us, text));
}

json_t *bw_json_number(double n)
{
    return isfinite(n) ? json_real(n) : json_null();
}

json_t *bw_json_error(const bw_error *err)
{
    json_t *o = json_object();
    json_object_set_new(o, "message", bw_json_text(err->message));
    json_object_set_new(o, "hint", bw_json_text(err->hint[0] ? err->hint : NULL));
    return o;
}

/* What a terminal would act on or read backwards; C0 is escaped by every writer of JSON. */
static bool acts_on_terminal(int32_t cp)
{
    return (cp >= 0x7F && cp <= 0x9F) || cp == 0x061C || cp == 0x200E || cp == 0x200F ||
           (cp >= 0x2028 && cp <= 0x202E) || (cp >= 0x2066 && cp <= 0x2069);
}

/* In a document of JSON such characters stand in strings only, so escapes may replace them. */
void bw_json_write_text(bw_slice text, FILE *to)
{
    bw_slice rest = text;
    size_t plain = 0, n;
    int32_t cp;
    while ((n = bw_utf8_decode((bw_slice){rest.ptr + plain, rest.len - plain}, &cp)) > 0) {
        plain += n;
        if (!acts_on_terminal(cp))
            continue;
        fwrite(rest.ptr, 1, plain - n, to);
        fprintf(to, "\\u%04x", (unsigned)cp);
        rest = (bw_slice){rest.ptr + plain, rest.len - plain};
        plain = 0;
    }
    fwrite(rest.ptr, 1, rest.len, to);
    fputc('\n', to);
}

void bw_json_write(const json_t *value, size_t flags, FILE *to)
{
    char *text = json_dumps(value, flags);
    bw_json_write_text(bw_slice_cstr(text ? text : "null"), to);
    free(text);
}

void bw_json_print(json_t *doc, FILE *to)
{
    bw_json_write(doc, JSON_INDENT(2) | JSON_REAL_PRECISION(6), to);
    json_decref(doc);
}
