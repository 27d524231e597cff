#include "backend/sandbox/bq_range.h"

#include <strings.h>

#include "backend/sandbox/bq_text.h"
#include "backend/sandbox/bq_time.h"

static const struct {
    const char *name;
    bq_kind element, range;
} ranges[] = {
    {"DATE", BQ_DATE, BQ_RANGE_DATE},
    {"DATETIME", BQ_DATETIME, BQ_RANGE_DATETIME},
    {"TIMESTAMP", BQ_TIMESTAMP, BQ_RANGE_TIMESTAMP},
};

bool bq_is_range(bq_kind kind)
{
    return kind >= BQ_RANGE_DATE && kind <= BQ_RANGE_TIMESTAMP;
}

bq_kind bq_range_element(bq_kind range)
{
    return ranges[range - BQ_RANGE_DATE].element;
}

static bool word_is(bw_slice s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.ptr, word, s.len) == 0;
}

bool bq_range_of(bw_slice element, bq_kind *range)
{
    for (size_t i = 0; i < BW_COUNT(ranges); i++) {
        if (word_is(element, ranges[i].name)) {
            *range = ranges[i].range;
            return true;
        }
    }
    return false;
}

/* ---- The stored form --------------------------------------------------------------------------- */

static void put64(unsigned char *p, int64_t v)
{
    uint64_t u = (uint64_t)v ^ UINT64_C(0x8000000000000000);

    for (int i = 0; i < 8; i++)
        p[i] = (unsigned char)(u >> (56 - 8 * i));
}

static int64_t get64(const unsigned char *p)
{
    uint64_t u = 0;

    for (int i = 0; i < 8; i++)
        u = u << 8 | p[i];
    return (int64_t)(u ^ UINT64_C(0x8000000000000000));
}

void bq_range_encode(const bq_range *r, unsigned char out[BQ_RANGE_SIZE])
{
    put64(out, r->start);
    put64(out + 8, r->end);
}

bool bq_range_decode(bw_slice blob, bq_range *out)
{
    const unsigned char *p = (const unsigned char *)blob.ptr;

    if (blob.len != BQ_RANGE_SIZE)
        return false;
    *out = (bq_range){get64(p), get64(p + 8)};
    return true;
}

bool bq_range_ordered(const bq_range *r)
{
    return r->start < r->end;
}

/* ---- Texts ------------------------------------------------------------------------------------- */

static bw_slice stripped(bw_slice s)
{
    while (s.len > 0 && s.ptr[0] == ' ')
        s = (bw_slice){s.ptr + 1, s.len - 1};
    while (s.len > 0 && s.ptr[s.len - 1] == ' ')
        s.len--;
    return s;
}

bool bq_range_parse_bound(bq_kind range, bw_slice text, bool is_start, int64_t *out)
{
    bw_slice s = stripped(text);

    if (word_is(s, "UNBOUNDED") || word_is(s, "NULL")) {
        *out = is_start ? BQ_RANGE_NO_START : BQ_RANGE_NO_END;
        return true;
    }
    return range == BQ_RANGE_DATE       ? bq_date_parse(s, out)
           : range == BQ_RANGE_DATETIME ? bq_datetime_parse(s, out)
                                        : bq_timestamp_parse(s, 0, out);
}

bool bq_range_parse(bq_kind range, bw_slice text, bq_range *out)
{
    const char *comma = text.len > 0 ? memchr(text.ptr, ',', text.len) : NULL;

    if (!comma || text.ptr[0] != '[' || text.ptr[text.len - 1] != ')')
        return false;
    bw_slice start = {text.ptr + 1, (size_t)(comma - text.ptr) - 1};
    bw_slice end = {comma + 1, (size_t)(text.ptr + text.len - 1 - (comma + 1))};
    return bq_range_parse_bound(range, start, true, &out->start) &&
           bq_range_parse_bound(range, end, false, &out->end);
}

static void print_bound(bq_kind element, int64_t bound, int64_t none, bw_buf *out)
{
    bq_field field = {.kind = element};
    bq_value value = {.cls = BQ_INT, .i = bound};

    if (bound == none)
        bw_buf_adds(out, "UNBOUNDED");
    else
        bq_value_print(&field, &value, out);
}

void bq_range_print(bq_kind range, const bq_range *r, bw_buf *out)
{
    bq_kind element = bq_range_element(range);

    bw_buf_addc(out, '[');
    print_bound(element, r->start, BQ_RANGE_NO_START, out);
    bw_buf_adds(out, ", ");
    print_bound(element, r->end, BQ_RANGE_NO_END, out);
    bw_buf_addc(out, ')');
}
