#include "backend/sandbox/bq_tuple.h"

#define SIGN_BIT (UINT64_C(1) << 63)

static void put32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(v >> (24 - 8 * i));
}

static uint32_t get32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void bq_tuple_begin(bw_buf *out, size_t count)
{
    unsigned char head[4];
    put32(head, (uint32_t)count);
    bw_buf_add(out, head, sizeof(head));
}

void bq_tuple_set_count(bw_buf *out, size_t start, size_t count)
{
    put32((unsigned char *)out->ptr + start, (uint32_t)count);
}

void bq_tuple_add(bw_buf *out, const bq_value *item)
{
    unsigned char head[9] = {(unsigned char)item->cls};

    switch (item->cls) {
    case BQ_NULL:
        bw_buf_add(out, head, 1);
        break;
    case BQ_INT: {
        uint64_t v = (uint64_t)item->i ^ SIGN_BIT;
        put32(head + 1, (uint32_t)(v >> 32));
        put32(head + 5, (uint32_t)v);
        bw_buf_add(out, head, 9);
        break;
    }
    case BQ_TEXT:
    case BQ_BLOB:
        put32(head + 1, (uint32_t)item->s.len);
        bw_buf_add(out, head, 5);
        bw_buf_add(out, item->s.ptr, item->s.len);
        break;
    }
}

bool bq_tuple_open(bw_slice blob, bq_tuple *t)
{
    if (blob.len < 4)
        return false;
    t->at = (const unsigned char *)blob.ptr;
    t->end = t->at + blob.len;
    t->count = get32(t->at);
    t->next = 0;
    t->at += 4;
    return true;
}

bool bq_tuple_next(bq_tuple *t, bq_value *item)
{
    if (t->next >= t->count || t->at >= t->end)
        return false;
    size_t left = (size_t)(t->end - t->at) - 1;
    unsigned char tag = *t->at;
    *item = bq_null();
    if (tag == BQ_NULL) {
        t->at += 1;
    } else if (tag == BQ_INT && left >= 8) {
        uint64_t v = (uint64_t)get32(t->at + 1) << 32 | get32(t->at + 5);
        *item = bq_int((int64_t)(v ^ SIGN_BIT));
        t->at += 9;
    } else if ((tag == BQ_TEXT || tag == BQ_BLOB) && left >= 4) {
        uint32_t size = get32(t->at + 1);
        if (left - 4 < size)
            return false;
        item->cls = (bq_class)tag;
        item->s = (bw_slice){(const char *)t->at + 5, size};
        t->at += 5 + (size_t)size;
    } else {
        return false;
    }
    t->next++;
    return true;
}

size_t bq_tuple_size(bw_slice blob)
{
    bq_tuple t;
    bq_value item;

    if (!bq_tuple_open(blob, &t))
        return 0;
    while (t.next < t.count) {
        if (!bq_tuple_next(&t, &item))
            return 0;
    }
    return (size_t)((const char *)t.at - blob.ptr);
}
