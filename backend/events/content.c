#include "backend/events/content.h"

#include <xxhash.h>

#include "backend/core/json.h"

bw_content_hash bw_content_hash_bytes(bw_slice bytes)
{
    XXH128_hash_t h = XXH3_128bits(bytes.ptr, bytes.len);
    return (bw_content_hash){h.low64, h.high64};
}

/* Of one that is tagged with what it is of, so that {} is not [] and "1" is not 1. */
static bw_content_hash mix(char tag, bw_content_hash a, bw_content_hash b)
{
    struct {
        uint64_t tag, words[4];
    } all = {(uint64_t)tag, {a.low, a.high, b.low, b.high}};
    return bw_content_hash_bytes((bw_slice){(const char *)&all, sizeof all});
}

static bw_content_hash hash_string(const bw_json_token *t, bw_buf *scratch)
{
    bw_slice text = {t->raw.ptr + 1, t->raw.len - 2};
    if (t->escaped) {
        bw_buf_clear(scratch);
        if (bw_json_unescape(t->raw, scratch))
            text = bw_buf_slice(scratch);
    }
    return bw_content_hash_bytes(text);
}

/* Of the value that begins with the token; no deeper than BW_JSON_MAX_DEPTH. */
static bw_content_hash hash_value(bw_json_scan *scan, bw_json_token t, bw_buf *scratch)
{
    bw_content_hash sum = {0, 0};
    if (t.type == BW_JSON_STRING)
        return mix('s', hash_string(&t, scratch), sum);
    if (t.type == BW_JSON_ARRAY) {
        while (bw_json_next(scan, &t) && t.type != BW_JSON_ARRAY_END)
            sum = mix('a', sum, hash_value(scan, t, scratch));
        return mix('A', sum, sum);
    }
    if (t.type != BW_JSON_OBJECT)
        return mix('v', bw_content_hash_bytes(t.raw), sum);
    while (bw_json_next(scan, &t) && t.type == BW_JSON_KEY) {
        bw_content_hash name = hash_string(&t, scratch);
        if (!bw_json_next(scan, &t))
            break;
        /* A sum does not know in which order its members came. */
        bw_content_hash member = mix('m', name, hash_value(scan, t, scratch));
        sum.low += member.low;
        sum.high += member.high;
    }
    return mix('O', sum, sum);
}

bw_content_hash bw_content_hash_json(bw_slice json)
{
    bw_json_scan scan = bw_json_scan_init(json);
    bw_json_token t;
    bw_buf scratch = BW_BUF_INIT;
    bw_content_hash hash = {0, 0};
    if (json.len && bw_json_next(&scan, &t))
        hash = hash_value(&scan, t, &scratch);
    bw_buf_fini(&scratch);
    return hash;
}
