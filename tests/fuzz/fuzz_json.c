/* The JSON scanner against arbitrary bytes: its three readers (validate, walk, skip) agree, every
   token lies inside the text, and what an escape means survives being written again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_string(bw_slice raw)
{
    bw_buf once = BW_BUF_INIT, written = BW_BUF_INIT, twice = BW_BUF_INIT;
    if (bw_json_unescape(raw, &once)) {
        if (!bw_utf8_valid(bw_buf_slice(&once)))
            abort();
        bw_json_add_string(&written, bw_buf_slice(&once));
        if (!bw_json_valid(bw_buf_slice(&written), NULL, NULL) ||
            !bw_json_unescape(bw_buf_slice(&written), &twice) || once.len != twice.len ||
            (once.len && memcmp(once.ptr, twice.ptr, once.len) != 0))
            abort();
    }
    bw_buf_fini(&once);
    bw_buf_fini(&written);
    bw_buf_fini(&twice);
}

/* Whether the text is a document; every token is looked at on the way. */
static bool walk(bw_slice text)
{
    bw_json_scan s = bw_json_scan_init(text);
    bw_json_token t;
    int depth = 0;
    while (bw_json_next(&s, &t)) {
        if (t.type == BW_JSON_END)
            return true;
        if (t.raw.ptr < text.ptr || t.raw.ptr + t.raw.len > text.ptr + text.len)
            abort();
        depth -= t.type == BW_JSON_OBJECT_END || t.type == BW_JSON_ARRAY_END;
        if (t.depth != depth || depth > BW_JSON_MAX_DEPTH)
            abort();
        depth += t.type == BW_JSON_OBJECT || t.type == BW_JSON_ARRAY;
        if (t.type == BW_JSON_STRING || t.type == BW_JSON_KEY)
            check_string(t.raw);
    }
    if (!s.error || s.at > text.len)
        abort();
    return false;
}

static void take_apart(bw_slice text)
{
    bw_json_scan s = bw_json_scan_init(text);
    bw_slice whole;
    int64_t number;
    if (!bw_json_skip(&s, &whole) || whole.len > text.len)
        abort();
    free(bw_json_member_string(text, "a"));
    (void)bw_json_member_int(text, "a", &number);
    bw_slice member = bw_json_member(text, "a");
    if (member.ptr && !bw_json_valid(member, NULL, NULL))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bw_slice text = {(const char *)data, size};
    const char *error = NULL;
    size_t at = 0;
    bool valid = bw_json_valid(text, &error, &at);
    if (!valid && (!error || at > size))
        abort();
    bool walked = walk(text);
    if (valid && !walked)
        abort();
    if (valid)
        take_apart(text);
    return 0;
}
