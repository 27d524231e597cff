/*
 * Cursors: the shape of the query that they belong to, a check sum, and the position of a row in its
 * order: 8 + 8 bytes, then each column's value and the path, each with 4 bytes of length. The
 * beginning has no position.
 */
#include "backend/sandbox/bq_base64.h"
#include "backend/sandbox/ds_query.h"
#include "backend/sandbox/hash.h"

#define HEAD 16

static uint64_t check_sum(uint64_t shape, const char *bytes, size_t len)
{
    return bw_sb_hash(shape ^ BW_SB_HASH_SEED, bytes, len);
}

static void put64(char *to, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        to[i] = (char)(v >> (56 - 8 * i));
}

static uint64_t get64(const char *from)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | (unsigned char)from[i];
    return v;
}

static void add_part(bw_buf *out, bw_slice part)
{
    const char len[4] = {(char)(part.len >> 24), (char)(part.len >> 16), (char)(part.len >> 8),
                         (char)part.len};
    bw_buf_add(out, len, sizeof len);
    bw_buf_add(out, part.ptr, part.len);
}

void ds_cursor_print(bw_buf *out, const ds_query *query, size_t columns, const ds_hit *hit)
{
    bw_buf bytes = BW_BUF_INIT;
    const char head[HEAD] = {0};
    bw_buf_add(&bytes, head, HEAD);
    for (size_t i = 0; hit && i < columns; i++)
        add_part(&bytes, hit->values[i]);
    if (hit)
        add_part(&bytes, hit->path);
    put64(bytes.ptr, query->shape);
    put64(bytes.ptr + 8, check_sum(query->shape, bytes.ptr + HEAD, bytes.len - HEAD));
    bq_base64_encode(bw_buf_slice(&bytes), out);
    bw_buf_fini(&bytes);
}

static bool take_part(bw_slice *rest, bw_slice *part)
{
    if (rest->len < 4)
        return false;
    const unsigned char *p = (const unsigned char *)rest->ptr;
    size_t len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    if (rest->len - 4 < len)
        return false;
    *part = (bw_slice){rest->ptr + 4, len};
    *rest = (bw_slice){rest->ptr + 4 + len, rest->len - 4 - len};
    return true;
}

bw_status ds_cursor_read(bw_arena *arena, const ds_query *query, bw_slice bytes, size_t columns,
                         ds_position *out, bw_error *err)
{
    *out = (ds_position){.given = false};
    if (bytes.len == 0)
        return BW_OK;
    bytes = bw_arena_slice(arena, bytes);
    if (bytes.len < HEAD || get64(bytes.ptr) != query->shape ||
        get64(bytes.ptr + 8) != check_sum(query->shape, bytes.ptr + HEAD, bytes.len - HEAD))
        return bw_error_set(err, BW_INVALID, "the cursor does not belong to this query");
    bw_slice rest = {bytes.ptr + HEAD, bytes.len - HEAD};
    if (rest.len == 0)
        return BW_OK;
    out->given = true;
    for (; out->count < columns; out->count++) {
        if (!take_part(&rest, &out->values[out->count]))
            return bw_error_set(err, BW_INVALID, "the cursor is damaged");
    }
    if (!take_part(&rest, &out->path) || rest.len != 0)
        return bw_error_set(err, BW_INVALID, "the cursor is damaged");
    return BW_OK;
}
