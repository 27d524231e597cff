#include "backend/sandbox/content.h"

#include <string.h>
#include <strings.h>
#include <zlib.h>

/* ---- Framing ---------------------------------------------------------------------------------- */

typedef struct framing {
    const char *length; /* the first one */
    int encodings;
    bool lengths_differ, not_chunked;
} framing;

static enum MHD_Result note_framing(void *cls, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    framing *f = cls;
    (void)kind;
    value = value ? value : "";
    if (strcasecmp(name, "Transfer-Encoding") == 0) {
        f->encodings++;
        f->not_chunked |= strcasecmp(value, "chunked") != 0;
    } else if (strcasecmp(name, "Content-Length") == 0) {
        f->lengths_differ |= f->length && strcmp(f->length, value) != 0;
        f->length = value;
    }
    return MHD_YES;
}

const char *bw_sb_content_framing(struct MHD_Connection *connection)
{
    framing f = {0};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, note_framing, &f);
    if (f.lengths_differ)
        return "The request has two values of Content-Length.";
    if (f.not_chunked || f.encodings > 1)
        return "The request's Transfer-Encoding is not supported: only chunked is.";
    if (f.encodings && f.length)
        return "The request has both Content-Length and Transfer-Encoding.";
    return NULL;
}

/* ---- Compression ------------------------------------------------------------------------------ */

typedef struct encodings {
    int gzip, others;
} encodings;

static enum MHD_Result note_encoding(void *cls, enum MHD_ValueKind kind, const char *name,
                                     const char *value)
{
    encodings *e = cls;
    (void)kind;
    if (strcasecmp(name, "Content-Encoding") != 0 || !value)
        return MHD_YES;
    for (value += strspn(value, ", \t"); *value; value += strspn(value, ", \t")) {
        size_t len = strcspn(value, ", \t");
        if ((len == 4 && strncasecmp(value, "gzip", len) == 0) ||
            (len == 6 && strncasecmp(value, "x-gzip", len) == 0))
            e->gzip++;
        else if (len != 8 || strncasecmp(value, "identity", len) != 0)
            e->others++;
        value += len;
    }
    return MHD_YES;
}

/* One member after another, as gzip files may be. */
static bool inflate_body(bw_buf *body, size_t max)
{
    z_stream z = {0};
    bw_buf plain = BW_BUF_INIT;
    int code = inflateInit2(&z, 15 + 32);
    z.next_in = (Bytef *)body->ptr;
    z.avail_in = (uInt)body->len;
    while (code == Z_OK && plain.len <= max) {
        z.next_out = (Bytef *)bw_buf_reserve(&plain, 65536);
        z.avail_out = 65536;
        code = inflate(&z, Z_NO_FLUSH);
        plain.len += 65536 - z.avail_out;
        if (code == Z_OK && z.avail_in == 0 && z.avail_out > 0)
            code = Z_BUF_ERROR;
        else if (code == Z_STREAM_END && z.avail_in > 0)
            code = inflateReset(&z);
    }
    inflateEnd(&z);
    bool good = code == Z_STREAM_END && plain.len <= max;
    bw_buf_fini(body);
    if (good)
        *body = plain;
    else
        bw_buf_fini(&plain);
    return good;
}

const char *bw_sb_content_decode(struct MHD_Connection *connection, bw_buf *body, size_t max)
{
    encodings e = {0};
    if (body->len == 0)
        return NULL;
    MHD_get_connection_values(connection, MHD_HEADER_KIND, note_encoding, &e);
    if (e.others || e.gzip > 1)
        return "The request's Content-Encoding is not supported: only gzip is, once.";
    if (e.gzip && !inflate_body(body, max))
        return "The request body is not valid gzip data within the size limit.";
    return NULL;
}
