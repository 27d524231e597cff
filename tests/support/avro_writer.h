/*
 * A writer of Avro object container files for tests, from Avro's specification: values are appended
 * to a buffer, buffers become blocks. Header only; programs that use it link zlib. Threads: any.
 */
#ifndef BW_TESTS_SUPPORT_AVRO_WRITER_H
#define BW_TESTS_SUPPORT_AVRO_WRITER_H

#include <string.h>
#include <zlib.h>

#include "backend/core/buf.h"

#define AVRO_TEST static __attribute__((unused))

#define AVRO_TEST_SYNC "0123456789abcdef"

AVRO_TEST void avro_long(bw_buf *out, int64_t value)
{
    uint64_t bits = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    for (; bits > 0x7f; bits >>= 7)
        bw_buf_addc(out, (char)(bits | 0x80));
    bw_buf_addc(out, (char)bits);
}

AVRO_TEST void avro_bytes(bw_buf *out, const void *bytes, size_t size)
{
    avro_long(out, (int64_t)size);
    bw_buf_add(out, bytes, size);
}

AVRO_TEST void avro_text(bw_buf *out, const char *text)
{
    avro_bytes(out, text, strlen(text));
}

AVRO_TEST void avro_double(bw_buf *out, double value)
{
    bw_buf_add(out, &value, 8); /* little-endian machines only, as all of ours */
}

AVRO_TEST void avro_header(bw_buf *out, const char *schema, const char *codec)
{
    bw_buf_adds(out, "Obj\1");
    avro_long(out, codec ? 2 : 1);
    avro_text(out, "avro.schema");
    avro_text(out, schema);
    if (codec) {
        avro_text(out, "avro.codec");
        avro_text(out, codec);
    }
    avro_long(out, 0);
    bw_buf_adds(out, AVRO_TEST_SYNC);
}

/* Deflated as the codec demands: without zlib's header. */
AVRO_TEST void avro_deflate(const bw_buf *data, bw_buf *out)
{
    z_stream z = {0};
    deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
    size_t room = deflateBound(&z, (uLong)data->len) + 16;
    z.next_in = (Bytef *)data->ptr;
    z.avail_in = (uInt)data->len;
    z.next_out = (Bytef *)bw_buf_reserve(out, room);
    z.avail_out = (uInt)room;
    deflate(&z, Z_FINISH);
    out->len += room - z.avail_out;
    deflateEnd(&z);
}

/* Snappy without any compression: one literal of up to 64 KiB, then the CRC-32 of the data. */
AVRO_TEST void avro_snappy(const bw_buf *data, bw_buf *out)
{
    uLong crc = crc32(0, (const Bytef *)data->ptr, (uInt)data->len);
    size_t n = data->len;
    for (; n > 0x7f; n >>= 7)
        bw_buf_addc(out, (char)(n | 0x80));
    bw_buf_addc(out, (char)n);
    bw_buf_addc(out, (char)(61 << 2));
    bw_buf_addc(out, (char)(data->len - 1));
    bw_buf_addc(out, (char)((data->len - 1) >> 8));
    bw_buf_add(out, data->ptr, data->len);
    for (int shift = 24; shift >= 0; shift -= 8)
        bw_buf_addc(out, (char)(crc >> shift));
}

/* One block; `codec` as in the header, NULL for none. */
AVRO_TEST void avro_block(bw_buf *out, int64_t rows, const bw_buf *data, const char *codec)
{
    bw_buf packed = BW_BUF_INIT;
    if (codec && strcmp(codec, "deflate") == 0)
        avro_deflate(data, &packed);
    else if (codec && strcmp(codec, "snappy") == 0)
        avro_snappy(data, &packed);
    else
        bw_buf_add(&packed, data->ptr, data->len);
    avro_long(out, rows);
    avro_bytes(out, packed.ptr, packed.len);
    bw_buf_adds(out, AVRO_TEST_SYNC);
    bw_buf_fini(&packed);
}

#endif
