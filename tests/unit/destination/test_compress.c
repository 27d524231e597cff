/* Covers compress.c: what either library writes, zlib's gunzip reads back. */
#include "tests/support/test.h"

#define ZLIB_CONST
#include <zlib.h>

#include "backend/destination/compress.h"

static void gunzip(const bw_buf *in, bw_buf *out)
{
    z_stream z = {.next_in = (const Bytef *)in->ptr, .avail_in = (uInt)in->len};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    int rc = Z_OK;
    while (rc == Z_OK) {
        z.next_out = (Bytef *)bw_buf_reserve(out, 1 << 16);
        z.avail_out = 1 << 16;
        rc = inflate(&z, Z_NO_FLUSH);
        out->len += (1 << 16) - z.avail_out;
    }
    assert_int_equal(rc, Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    inflateEnd(&z);
}

static void round_trip(const bw_buf *text, size_t portion)
{
    bw_compressor *c = bw_compressor_new();
    bw_buf packed = BW_BUF_INIT, back = BW_BUF_INIT;
    for (size_t at = 0; at < text->len; at += portion) {
        size_t n = text->len - at < portion ? text->len - at : portion;
        bw_compressor_write(c, text->ptr + at, n, &packed);
    }
    bw_compressor_finish(c, &packed);
    bw_compressor_free(c);
    gunzip(&packed, &back);
    assert_int_equal(back.len, text->len);
    if (back.len > 0)
        assert_memory_equal(back.ptr, text->ptr, back.len);
    if (text->len > 100000)
        assert_true(packed.len < text->len / 2);
    bw_buf_fini(&packed);
    bw_buf_fini(&back);
}

static void test_round_trips(void **state)
{
    (void)state;
    bw_buf text = BW_BUF_INIT;
    round_trip(&text, 1);
    for (int i = 0; i < 200000; i++)
        bw_buf_addf(&text, "{\"id\":%d,\"name\":\"row %x\"}\n", i, (unsigned)i * 2654435761u);
    round_trip(&text, text.len);
    round_trip(&text, 100000);
    text.len = 4096;
    round_trip(&text, 7);
    bw_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trips)};
    return BW_RUN_TESTS(tests);
}
