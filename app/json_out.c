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

void bw_json_print(json_t *doc, FILE *to)
{
    char *text = json_dumps(doc, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    fprintf(to, "%s\n", text ? text : "{}");
    free(text);
    json_decref(doc);
}
