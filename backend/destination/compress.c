#include "backend/destination/compress.h"

#include <stdlib.h>

/* Room that is offered to the library at a time. */
#define STEP  ((size_t)256 << 10)
#define LEVEL 1

#ifdef BW_HAVE_ISAL

#include <isa-l/igzip_lib.h>

struct bw_compressor {
    struct isal_zstream z;
    uint8_t level_buf[ISAL_DEF_LVL1_DEFAULT];
};

bw_compressor *bw_compressor_new(void)
{
    bw_compressor *c = bw_xmalloc(sizeof *c);
    isal_deflate_init(&c->z);
    c->z.level = LEVEL;
    c->z.level_buf = c->level_buf;
    c->z.level_buf_size = sizeof c->level_buf;
    c->z.gzip_flag = IGZIP_GZIP;
    return c;
}

void bw_compressor_free(bw_compressor *c)
{
    free(c);
}

/* The input is never written to; the library's pointer is not const. */
static void run(bw_compressor *c, const void *bytes, size_t n, bool end, bw_buf *out)
{
    const uint8_t *in = bytes;
    c->z.end_of_stream = 0;
    do {
        uint32_t now = n > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)n;
        c->z.next_in = (uint8_t *)(uintptr_t)in;
        c->z.avail_in = now;
        c->z.end_of_stream = end && now == n;
        do {
            c->z.next_out = (uint8_t *)bw_buf_reserve(out, STEP);
            c->z.avail_out = STEP;
            if (isal_deflate(&c->z) != COMP_OK)
                abort();
            out->len += STEP - c->z.avail_out;
        } while (c->z.avail_out == 0);
        in += now;
        n -= now;
    } while (n > 0);
}

const char *bw_compressor_name(void)
{
    return "igzip";
}

#else

#define ZLIB_CONST
#include <zlib.h>

/* windowBits: the largest window, with gzip's header instead of zlib's. */
#define GZIP_WINDOW (15 + 16)
#define MEMORY      8

struct bw_compressor {
    z_stream z;
};

bw_compressor *bw_compressor_new(void)
{
    bw_compressor *c = bw_xcalloc(1, sizeof *c);
    if (deflateInit2(&c->z, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    return c;
}

void bw_compressor_free(bw_compressor *c)
{
    if (c)
        deflateEnd(&c->z);
    free(c);
}

static void run(bw_compressor *c, const void *bytes, size_t n, bool end, bw_buf *out)
{
    const Bytef *in = bytes;
    do {
        uInt now = n > (size_t)1 << 30 ? (uInt)1 << 30 : (uInt)n;
        c->z.next_in = in;
        c->z.avail_in = now;
        do {
            c->z.next_out = (Bytef *)bw_buf_reserve(out, STEP);
            c->z.avail_out = (uInt)STEP;
            if (deflate(&c->z, end && now == n ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR)
                abort();
            out->len += STEP - c->z.avail_out;
        } while (c->z.avail_out == 0);
        in += now;
        n -= now;
    } while (n > 0);
}

const char *bw_compressor_name(void)
{
    return "zlib";
}

#endif

void bw_compressor_write(bw_compressor *c, const void *bytes, size_t n, bw_buf *out)
{
    if (n > 0)
        run(c, bytes, n, false, out);
}

void bw_compressor_finish(bw_compressor *c, bw_buf *out)
{
    run(c, "", 0, true, out);
}
