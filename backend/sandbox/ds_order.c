#include "backend/sandbox/ds_order.h"

#include "backend/sandbox/bq_float.h"

#define SIGN_BIT (UINT64_C(1) << 63)

enum { ELEMENT_ID = 1, ELEMENT_NAME = 2, PATH_END = 0xFF };

/* ---- Writing ---------------------------------------------------------------------------------- */

static void add_int(bw_buf *out, int64_t value)
{
    uint64_t v = (uint64_t)value ^ SIGN_BIT;
    char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(v >> (56 - 8 * i));
    bw_buf_add(out, bytes, sizeof bytes);
}

static void add_double(bw_buf *out, double d)
{
    add_int(out, bq_float_encode(d == 0 ? 0.0 : d));
}

/* 00 inside becomes 00 FF, 00 00 ends: shorter texts come first, as in a comparison. */
static void add_text(bw_buf *out, bw_slice text)
{
    for (size_t i = 0; i < text.len;) {
        const char *nul = memchr(text.ptr + i, '\0', text.len - i);
        size_t plain = nul ? (size_t)(nul - text.ptr) - i : text.len - i;
        bw_buf_add(out, text.ptr + i, plain);
        if (nul)
            bw_buf_add(out, "\0\xFF", 2);
        i += plain + (nul != NULL);
    }
    bw_buf_add(out, "\0\0", 2);
}

void ds_order_add_path(bw_buf *out, const ds_key *key)
{
    for (size_t i = 0; i < key->count; i++) {
        const ds_path_element *e = &key->path[i];
        add_text(out, e->kind);
        if (e->name.len) {
            bw_buf_addc(out, ELEMENT_NAME);
            add_text(out, e->name);
        } else {
            bw_buf_addc(out, ELEMENT_ID);
            add_int(out, e->id);
        }
    }
}

void ds_order_add_path_end(bw_buf *out, const ds_key *key)
{
    ds_order_add_path(out, key);
    bw_buf_addc(out, (char)PATH_END);
}

void ds_order_add_value(bw_buf *out, const ds_value *value)
{
    bw_buf_addc(out, (char)(value->type + 1));
    switch (value->type) {
    case DS_INTEGER:
    case DS_TIMESTAMP:
        add_int(out, value->as.integer);
        break;
    case DS_BOOLEAN:
        bw_buf_addc(out, value->as.integer != 0);
        break;
    case DS_BLOB:
    case DS_STRING:
        bw_buf_add(out, value->as.bytes.ptr, value->as.bytes.len);
        break;
    case DS_DOUBLE:
        add_double(out, value->as.number);
        break;
    case DS_GEO_POINT:
        add_double(out, value->as.geo.latitude);
        add_double(out, value->as.geo.longitude);
        break;
    case DS_KEY:
        add_text(out, bw_slice_cstr(value->as.key->project));
        add_text(out, bw_slice_cstr(value->as.key->database));
        add_text(out, bw_slice_cstr(value->as.key->name_space));
        ds_order_add_path(out, value->as.key);
        break;
    case DS_NULL:
    case DS_ARRAY:
    case DS_ENTITY:
        break;
    }
}

/* ---- Reading ---------------------------------------------------------------------------------- */

typedef struct reader {
    const unsigned char *at, *end;
    bool ok;
} reader;

static int64_t read_int(reader *r)
{
    uint64_t v = 0;
    if (r->end - r->at < 8) {
        r->ok = false;
        return 0;
    }
    for (int i = 0; i < 8; i++)
        v = v << 8 | *r->at++;
    return (int64_t)(v ^ SIGN_BIT);
}

static bw_slice read_text(bw_arena *arena, reader *r)
{
    char *text = bw_arena_bytes(arena, (size_t)(r->end - r->at) + 1);
    size_t n = 0;
    while (r->end - r->at >= 1) {
        unsigned char c = *r->at++;
        if (c == 0) {
            if (r->at == r->end)
                break;
            if (*r->at++ == 0) {
                text[n] = '\0';
                return (bw_slice){text, n};
            }
        }
        text[n++] = (char)c;
    }
    r->ok = false;
    return (bw_slice){"", 0};
}

static void read_path(bw_arena *arena, reader *r, ds_key *out)
{
    out->path = BW_ARENA_ARRAY(arena, ds_path_element, DS_MAX_PATH);
    out->count = 0;
    while (r->ok && r->at < r->end && out->count < DS_MAX_PATH) {
        ds_path_element *e = &out->path[out->count++];
        e->kind = read_text(arena, r);
        int tag = r->ok && r->at < r->end ? *r->at++ : 0;
        if (tag == ELEMENT_ID)
            e->id = read_int(r);
        else if (tag == ELEMENT_NAME)
            e->name = read_text(arena, r);
        else
            r->ok = false;
    }
    r->ok = r->ok && out->count > 0;
}

bool ds_order_read_path(bw_arena *arena, bw_slice bytes, ds_key *out)
{
    reader r = {(const unsigned char *)bytes.ptr, (const unsigned char *)bytes.ptr + bytes.len,
                true};
    read_path(arena, &r, out);
    return r.ok && r.at == r.end;
}

ds_type ds_order_type(bw_slice bytes)
{
    return bytes.len ? (ds_type)(bytes.ptr[0] - 1) : DS_NULL;
}

static void read_content(bw_arena *arena, reader *r, ds_value *out)
{
    switch (out->type) {
    case DS_NULL:
        break;
    case DS_INTEGER:
    case DS_TIMESTAMP:
        out->as.integer = read_int(r);
        break;
    case DS_BOOLEAN:
        r->ok = r->at < r->end;
        out->as.integer = r->ok ? *r->at++ : 0;
        break;
    case DS_BLOB:
    case DS_STRING:
        out->as.bytes =
            bw_arena_slice(arena, (bw_slice){(const char *)r->at, (size_t)(r->end - r->at)});
        r->at = r->end;
        break;
    case DS_DOUBLE:
        out->as.number = bq_float_decode(read_int(r));
        break;
    case DS_GEO_POINT:
        out->as.geo.latitude = bq_float_decode(read_int(r));
        out->as.geo.longitude = bq_float_decode(read_int(r));
        break;
    case DS_KEY: {
        ds_key *key = BW_ARENA_NEW(arena, ds_key);
        key->project = read_text(arena, r).ptr;
        key->database = read_text(arena, r).ptr;
        key->name_space = read_text(arena, r).ptr;
        read_path(arena, r, key);
        out->as.key = key;
        break;
    }
    default:
        r->ok = false;
    }
}

bool ds_order_read_value(bw_arena *arena, bw_slice bytes, ds_value *out)
{
    reader r = {(const unsigned char *)bytes.ptr, (const unsigned char *)bytes.ptr + bytes.len,
                true};
    *out = (ds_value){.type = DS_NULL};
    if (bytes.len == 0)
        return false;
    out->type = (ds_type)(*r.at++ - 1);
    read_content(arena, &r, out);
    return r.ok && r.at == r.end;
}
