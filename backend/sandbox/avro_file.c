#include "backend/sandbox/avro_file.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#define BUFFER      65536
#define MAX_SCHEMA  ((int64_t)16 << 20)
#define MAX_BLOCK   ((int64_t)64 << 20) /* of snappy, which has to be whole */
#define SYNC        16
#define ROWS_BEYOND INT64_C(1000000000000)

typedef enum codec { CODEC_NULL, CODEC_DEFLATE, CODEC_SNAPPY } codec;

struct bw_avro_file {
    int fd;
    const char *error;
    codec codec;
    bw_buf schema;
    char sync[SYNC];
    char in[BUFFER]; /* as it lies in the file */
    size_t in_at, in_len;
    int64_t raw_left; /* bytes of the block that have not been taken from `in` */
    int64_t rows_left;
    bool in_block;
    z_stream inflate;
    bool inflating, inflated; /* begun; come to the stream's end */
    char plain[BUFFER];       /* deflate: what has been decompressed */
    bw_buf whole;             /* snappy: the block */
    const char *data;         /* what is read from: plain or whole */
    size_t data_at, data_len;
};

static bool broken(bw_avro_file *f, const char *why)
{
    if (!f->error)
        f->error = why;
    return false;
}

/* ---- The file --------------------------------------------------------------------------------- */

/* False at the end of the file, which is an error only where something must follow. */
static bool refill(bw_avro_file *f)
{
    ssize_t n;
    do {
        n = read(f->fd, f->in, BUFFER);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        broken(f, "the file cannot be read");
    f->in_at = 0;
    f->in_len = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static bool raw_bytes(bw_avro_file *f, void *bytes, size_t size)
{
    char *to = bytes;
    while (size > 0) {
        if (f->in_at == f->in_len && !refill(f))
            return broken(f, "EOF reached");
        size_t n = f->in_len - f->in_at;
        n = n < size ? n : size;
        memcpy(to, f->in + f->in_at, n);
        f->in_at += n;
        to += n;
        size -= n;
    }
    return true;
}

typedef bool take_byte(bw_avro_file *f, void *byte, size_t one);

static bool take_long(bw_avro_file *f, take_byte *take, int64_t *out)
{
    uint64_t value = 0;
    unsigned char byte;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (!take(f, &byte, 1))
            return false;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
            return true;
        }
    }
    return broken(f, "invalid variable-length integer");
}

static bool raw_long(bw_avro_file *f, int64_t *out)
{
    return take_long(f, raw_bytes, out);
}

/* A string or bytes of the header; what is too long is an error. */
static bool raw_text(bw_avro_file *f, bw_buf *out)
{
    int64_t size;
    bw_buf_clear(out);
    if (!raw_long(f, &size))
        return false;
    if (size < 0 || size > MAX_SCHEMA)
        return broken(f, "invalid length in the header");
    /* Piece by piece, so that a length that lies does not cost its memory. */
    while (size > 0) {
        size_t n = size < BUFFER ? (size_t)size : BUFFER;
        if (!raw_bytes(f, bw_buf_reserve(out, n), n))
            return false;
        out->len += n;
        size -= (int64_t)n;
    }
    return true;
}

static bool set_codec(bw_avro_file *f, bw_slice name)
{
    if (bw_slice_is(name, "deflate"))
        f->codec = CODEC_DEFLATE;
    else if (bw_slice_is(name, "snappy"))
        f->codec = CODEC_SNAPPY;
    else if (!bw_slice_is(name, "null"))
        return broken(f, "unknown codec");
    return true;
}

static bool read_metadata(bw_avro_file *f)
{
    bw_buf key = BW_BUF_INIT, value = BW_BUF_INIT;
    int64_t count = 0, size;
    bool good = true;
    while (good && (good = raw_long(f, &count)) && count != 0) {
        if (count < 0) {
            count = count == INT64_MIN ? INT64_MAX : -count;
            good = raw_long(f, &size);
        }
        for (; good && count > 0; count--) {
            good = raw_text(f, &key) && raw_text(f, &value);
            if (good && bw_slice_is(bw_buf_slice(&key), "avro.codec"))
                good = set_codec(f, bw_buf_slice(&value));
            if (good && bw_slice_is(bw_buf_slice(&key), "avro.schema")) {
                bw_buf_clear(&f->schema);
                bw_buf_add(&f->schema, value.ptr, value.len);
            }
        }
    }
    bw_buf_fini(&key);
    bw_buf_fini(&value);
    return good && (f->schema.len > 0 || broken(f, "the header has no schema"));
}

bw_avro_file *bw_avro_file_open(int fd, const char **why)
{
    bw_avro_file *f = bw_xcalloc(1, sizeof *f);
    char magic[4];
    f->fd = fd;
    *why = NULL;
    if (lseek(fd, 0, SEEK_SET) != 0)
        broken(f, "the file cannot be read");
    else if (!raw_bytes(f, magic, 4) || memcmp(magic, "Obj\1", 4) != 0)
        f->error = "Invalid data file. Magic does not match";
    else if (read_metadata(f))
        raw_bytes(f, f->sync, SYNC);
    *why = f->error;
    if (!f->error)
        return f;
    bw_avro_file_close(f);
    return NULL;
}

void bw_avro_file_close(bw_avro_file *f)
{
    if (!f)
        return;
    if (f->inflating)
        inflateEnd(&f->inflate);
    bw_buf_fini(&f->schema);
    bw_buf_fini(&f->whole);
    free(f);
}

bw_slice bw_avro_file_schema(const bw_avro_file *f)
{
    return bw_buf_slice(&f->schema);
}

const char *bw_avro_file_error(const bw_avro_file *f)
{
    return f->error;
}

/* ---- Blocks ----------------------------------------------------------------------------------- */

static bool begin_deflate(bw_avro_file *f)
{
    f->inflated = false;
    int code = f->inflating ? inflateReset(&f->inflate) : inflateInit2(&f->inflate, -15);
    f->inflating = code == Z_OK;
    f->inflate.avail_in = 0;
    return f->inflating || broken(f, "no memory");
}

/* The whole block; behind its data stands the CRC-32 of what it decompresses to. */
static bool begin_snappy(bw_avro_file *f)
{
    bw_buf packed = BW_BUF_INIT;
    bool good = f->raw_left >= 4 && f->raw_left <= MAX_BLOCK;
    while (good && f->raw_left > 0) {
        size_t n = f->raw_left < BUFFER ? (size_t)f->raw_left : BUFFER;
        good = raw_bytes(f, bw_buf_reserve(&packed, n), n);
        packed.len += good ? n : 0;
        f->raw_left -= (int64_t)n;
    }
    bw_buf_clear(&f->whole);
    if (good)
        good =
            bw_snappy_decode((bw_slice){packed.ptr, packed.len - 4}, (size_t)MAX_BLOCK, &f->whole);
    if (good) {
        const unsigned char *crc = (const unsigned char *)packed.ptr + packed.len - 4;
        uint32_t want = (uint32_t)crc[0] << 24 | (uint32_t)crc[1] << 16 | (uint32_t)crc[2] << 8 |
                        (uint32_t)crc[3];
        good = crc32(0, (const Bytef *)f->whole.ptr, (uInt)f->whole.len) == want;
    }
    bw_buf_fini(&packed);
    f->data = f->whole.ptr;
    f->data_len = f->whole.len;
    return good || broken(f, "invalid snappy block");
}

static bool begin_block(bw_avro_file *f)
{
    if (!raw_long(f, &f->rows_left) || !raw_long(f, &f->raw_left))
        return false;
    if (f->rows_left < 0 || f->raw_left < 0 || f->rows_left > ROWS_BEYOND)
        return broken(f, "invalid block");
    f->in_block = true;
    f->data_at = f->data_len = 0;
    return f->codec == CODEC_DEFLATE  ? begin_deflate(f)
           : f->codec == CODEC_SNAPPY ? begin_snappy(f)
                                      : true;
}

/* Decompresses until there is something to read. False at the end of the block's data. */
static bool inflate_more(bw_avro_file *f)
{
    z_stream *z = &f->inflate;
    z->next_out = (Bytef *)f->plain;
    z->avail_out = BUFFER;
    while (z->avail_out == BUFFER && !f->inflated) {
        if (z->avail_in == 0 && f->raw_left > 0) {
            if (f->in_at == f->in_len && !refill(f))
                return broken(f, "EOF reached");
            size_t n = f->in_len - f->in_at;
            n = (int64_t)n < f->raw_left ? n : (size_t)f->raw_left;
            z->next_in = (Bytef *)f->in + f->in_at;
            z->avail_in = (uInt)n;
            f->in_at += n;
            f->raw_left -= (int64_t)n;
        }
        int code = inflate(z, Z_NO_FLUSH);
        f->inflated = code == Z_STREAM_END;
        if (code != Z_OK && code != Z_STREAM_END)
            return broken(f, "invalid deflate data");
    }
    f->data = f->plain;
    f->data_at = 0;
    f->data_len = BUFFER - z->avail_out;
    return f->data_len > 0;
}

/* The end of a block: nothing of it may be left, and the marker follows. */
static bool end_block(bw_avro_file *f)
{
    char sync[SYNC];
    bool rest = f->data_at < f->data_len || f->raw_left > 0;
    if (!rest && f->codec == CODEC_DEFLATE)
        rest = inflate_more(f) || f->inflate.avail_in > 0 || f->raw_left > 0;
    if (f->error || rest)
        return broken(f, "a block holds more than its rows");
    if (!raw_bytes(f, sync, SYNC))
        return false;
    f->in_block = false;
    return memcmp(sync, f->sync, SYNC) == 0 || broken(f, "Sync mismatch");
}

bool bw_avro_file_row(bw_avro_file *f)
{
    while (!f->error && (!f->in_block || f->rows_left == 0)) {
        if (f->in_block && !end_block(f))
            return false;
        if (f->in_at == f->in_len && !refill(f))
            return false; /* between two blocks: the end */
        if (!begin_block(f))
            return false;
    }
    f->rows_left--;
    return f->error == NULL;
}

/* ---- Data ------------------------------------------------------------------------------------- */

static bool read_plain(bw_avro_file *f, char *to, size_t size)
{
    if ((int64_t)size > f->raw_left)
        return broken(f, "a row ends beyond its block");
    f->raw_left -= (int64_t)size;
    return raw_bytes(f, to, size);
}

bool bw_avro_file_read(bw_avro_file *f, void *bytes, size_t size)
{
    char *to = bytes;
    if (f->codec == CODEC_NULL)
        return read_plain(f, to, size);
    while (size > 0) {
        if (f->data_at == f->data_len && (f->codec == CODEC_SNAPPY || !inflate_more(f)))
            return broken(f, "a row ends beyond its block");
        size_t n = f->data_len - f->data_at;
        n = n < size ? n : size;
        memcpy(to, f->data + f->data_at, n);
        f->data_at += n;
        to += n;
        size -= n;
    }
    return true;
}

bool bw_avro_file_skip(bw_avro_file *f, uint64_t size)
{
    char dropped[4096];
    while (size > 0) {
        size_t n = size < sizeof dropped ? (size_t)size : sizeof dropped;
        if (!bw_avro_file_read(f, dropped, n))
            return false;
        size -= n;
    }
    return true;
}

bool bw_avro_file_long(bw_avro_file *f, int64_t *out)
{
    return take_long(f, bw_avro_file_read, out);
}

/* ---- Snappy ----------------------------------------------------------------------------------- */

typedef struct snappy {
    const unsigned char *at, *end;
    bw_buf *out;
    size_t start, want;
} snappy;

/* `bytes` more bytes, little-endian. */
static bool snappy_number(snappy *s, unsigned bytes, size_t *out)
{
    *out = 0;
    if ((size_t)(s->end - s->at) < bytes)
        return false;
    for (unsigned i = 0; i < bytes; i++)
        *out |= (size_t)*s->at++ << (8 * i);
    return true;
}

static bool snappy_literal(snappy *s, unsigned char tag)
{
    size_t len = tag >> 2;
    if (len >= 60 && !snappy_number(s, (unsigned)(len - 59), &len))
        return false;
    len++;
    if (len > (size_t)(s->end - s->at) || len > s->want - (s->out->len - s->start))
        return false;
    bw_buf_add(s->out, s->at, len);
    s->at += len;
    return true;
}

/* Copies may overlap what they make. */
static bool snappy_copy(snappy *s, unsigned char tag)
{
    size_t len = (size_t)(tag >> 2) + 1, offset;
    unsigned kind = tag & 3;
    if (!snappy_number(s, kind == 1 ? 1 : kind == 2 ? 2 : 4, &offset))
        return false;
    if (kind == 1) {
        len = (size_t)(tag >> 2 & 7) + 4;
        offset |= (size_t)(tag >> 5) << 8;
    }
    size_t have = s->out->len - s->start;
    if (offset == 0 || offset > have || len > s->want - have)
        return false;
    char *to = bw_buf_reserve(s->out, len);
    for (size_t i = 0; i < len; i++)
        to[i] = *(to + i - offset);
    s->out->len += len;
    return true;
}

bool bw_snappy_decode(bw_slice in, size_t max, bw_buf *out)
{
    snappy s = {(const unsigned char *)in.ptr, (const unsigned char *)in.ptr + in.len, out,
                out->len, 0};
    for (unsigned shift = 0;; shift += 7) {
        if (s.at == s.end || shift > 28)
            return false;
        s.want |= (size_t)(*s.at & 0x7f) << shift;
        if (*s.at++ < 0x80)
            break;
    }
    if (s.want > max)
        return false;
    while (s.at < s.end) {
        unsigned char tag = *s.at++;
        if (!(tag & 3 ? snappy_copy(&s, tag) : snappy_literal(&s, tag)))
            return false;
    }
    return out->len - s.start == s.want;
}
