#include "backend/sandbox/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#define CHUNK ((size_t)1 << 20)

struct bw_sb_lines {
    int fd;
    off_t offset; /* in the file */
    bool gzip, ended;
    z_stream z;
    bool inflating; /* inside a member */
    char *packed;   /* of the file, when it is gzip */
    bw_buf text;    /* decompressed, from the line that begins at `position` */
    size_t at;      /* the next line in text */
    size_t seen;    /* of text, without a newline behind `at` */
    uint64_t position;
};

bw_sb_lines *bw_sb_lines_new(int fd, bool gzip)
{
    bw_sb_lines *l = bw_xcalloc(1, sizeof *l);
    l->fd = fd;
    l->gzip = gzip;
    if (gzip) {
        l->packed = bw_xmalloc(CHUNK);
        if (inflateInit2(&l->z, 15 + 16) != Z_OK)
            abort(); /* out of memory */
    }
    return l;
}

void bw_sb_lines_free(bw_sb_lines *l)
{
    if (!l)
        return;
    if (l->gzip)
        inflateEnd(&l->z);
    free(l->packed);
    bw_buf_fini(&l->text);
    free(l);
}

static bw_status read_file(bw_sb_lines *l, char *to, size_t *n, bw_error *err)
{
    ssize_t got;
    do {
        got = pread(l->fd, to, CHUNK, l->offset);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return bw_error_errno(err, BW_IO, errno, "cannot read the spool of an upload");
    l->offset += got;
    *n = (size_t)got;
    return BW_OK;
}

/* More packed bytes; at the end of the file a member must be complete. */
static bw_status refill_packed(bw_sb_lines *l, bw_error *err)
{
    size_t n;
    bw_status status = read_file(l, l->packed, &n, err);
    if (status != BW_OK)
        return status;
    l->z.next_in = (Bytef *)l->packed;
    l->z.avail_in = (uInt)n;
    if (n == 0) {
        l->ended = true;
        if (l->inflating)
            return bw_error_set(err, BW_INVALID, "the gzip data ends in the middle");
    }
    return BW_OK;
}

static bw_status inflate_more(bw_sb_lines *l, bw_error *err)
{
    if (l->z.avail_in == 0) {
        bw_status status = refill_packed(l, err);
        if (status != BW_OK || l->ended)
            return status;
    }
    l->z.next_out = (Bytef *)bw_buf_reserve(&l->text, CHUNK);
    l->z.avail_out = (uInt)CHUNK;
    l->inflating = true;
    int code = inflate(&l->z, Z_NO_FLUSH);
    l->text.len += CHUNK - l->z.avail_out;
    if (code == Z_STREAM_END) {
        l->inflating = false;
        code = inflateReset(&l->z);
    }
    if (code == Z_OK || code == Z_BUF_ERROR)
        return BW_OK;
    return bw_error_set(err, BW_INVALID, "the gzip data is broken: %s",
                        l->z.msg ? l->z.msg : "no gzip header");
}

static bw_status read_more(bw_sb_lines *l, bw_error *err)
{
    if (l->at > 0) {
        bw_buf_consume(&l->text, l->at);
        l->seen -= l->at;
        l->at = 0;
    }
    if (l->text.len > BW_SB_MAX_LINE)
        return bw_error_set(err, BW_INVALID, "a row is over %zu bytes", BW_SB_MAX_LINE);
    if (l->gzip)
        return inflate_more(l, err);
    size_t n;
    bw_status status = read_file(l, bw_buf_reserve(&l->text, CHUNK), &n, err);
    if (status != BW_OK)
        return status;
    l->text.len += n;
    l->ended = n == 0;
    return BW_OK;
}

bw_status bw_sb_lines_next(bw_sb_lines *l, bw_slice *line, uint64_t *position, bw_error *err)
{
    for (;;) {
        const char *newline = l->text.len > l->seen
                                  ? memchr(l->text.ptr + l->seen, '\n', l->text.len - l->seen)
                                  : NULL;
        bool last = !newline && l->ended && l->text.len > l->at;
        if (newline || last) {
            size_t len = newline ? (size_t)(newline - l->text.ptr) - l->at : l->text.len - l->at;
            *line = (bw_slice){l->text.ptr + l->at, len};
            *position = l->position;
            l->position += len + 1;
            l->at += len + (newline ? 1 : 0);
            l->seen = l->at;
            return BW_OK;
        }
        if (l->ended)
            return BW_NOT_FOUND;
        l->seen = l->text.len;
        bw_status status = read_more(l, err);
        if (status != BW_OK)
            return status;
    }
}
