/* The lines of a spool, plain and gzip. Covers: sandbox/lines, sandbox/spool. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "backend/sandbox/lines.h"
#include "backend/sandbox/spool.h"

static bw_sb_spool *spool_of(const void *data, size_t size)
{
    bw_sb_spool *s;
    bw_error err = BW_ERROR_INIT;
    assert_ok(bw_sb_spool_new(NULL, "test", false, &s, &err), err);
    /* The first bytes one by one: the magic must be found all the same. */
    size_t first = size < 3 ? size : 3;
    for (size_t i = 0; i < first; i++)
        assert_ok(bw_sb_spool_write(s, (const char *)data + i, 1, &err), err);
    assert_ok(bw_sb_spool_write(s, (const char *)data + first, size - first, &err), err);
    return s;
}

/* The lines as "position:line|..."; "!" and the message at an error. */
static char *read_all(const bw_sb_spool *s)
{
    bw_sb_lines *lines = bw_sb_lines_new(s->fd, s->gzip);
    bw_buf out = BW_BUF_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_slice line;
    uint64_t position;
    bw_status status;
    while ((status = bw_sb_lines_next(lines, &line, &position, &err)) == BW_OK) {
        bw_buf_addf(&out, "%llu:", (unsigned long long)position);
        bw_buf_add(&out, line.ptr, line.len);
        bw_buf_addc(&out, '|');
    }
    if (status != BW_NOT_FOUND)
        bw_buf_addf(&out, "!%s", err.message);
    bw_sb_lines_free(lines);
    bw_buf_addc(&out, '.');
    return bw_buf_take(&out);
}

static void assert_lines(const void *data, size_t size, const char *expected)
{
    bw_sb_spool *s = spool_of(data, size);
    char *got = read_all(s);
    assert_string_equal(got, expected);
    free(got);
    bw_sb_spool_remove(s);
}

static void lines_have_their_positions(void **state)
{
    (void)state;
    assert_lines("", 0, ".");
    assert_lines("\n", 1, "0:|.");
    assert_lines("a", 1, "0:a|.");
    assert_lines("ab\n\nc\nd", 7, "0:ab|3:|4:c|6:d|.");
}

static void long_lines_cross_buffers(void **state)
{
    (void)state;
    size_t size = (size_t)3 << 20;
    char *data = bw_xmalloc(size);
    memset(data, 'x', size);
    data[0] = '\n';
    data[size - 3] = '\n';
    bw_sb_spool *s = spool_of(data, size);
    char *got = read_all(s);
    assert_int_equal(strlen(got), strlen("0:|1:|3145726:xx|.") + size - 4);
    assert_string_equal(got + strlen(got) - 12, "3145726:xx|.");
    free(got);
    free(data);
    bw_sb_spool_remove(s);
}

static size_t zip(const char *data, Bytef *out, size_t room)
{
    z_stream z = {.next_in = (Bytef *)data, .avail_in = (uInt)strlen(data)};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

static void gzip_members_are_one_text(void **state)
{
    (void)state;
    Bytef data[500];
    size_t first = zip("a\nb", data, sizeof data);
    size_t both = first + zip("c\nd\n", data + first, sizeof data - first);
    assert_lines(data, first, "0:a|2:b|.");
    assert_lines(data, both, "0:a|2:bc|5:d|.");
    assert_lines(data, both - 3, "0:a|2:bc|5:d|!the gzip data ends in the middle.");
    data[first + 12] ^= 0xff;
    bw_sb_spool *s = spool_of(data, both);
    char *got = read_all(s);
    assert_non_null(strstr(got, "!the gzip data is broken"));
    free(got);
    bw_sb_spool_remove(s);
}

static void rubbish_behind_gzip_is_an_error(void **state)
{
    (void)state;
    Bytef data[500];
    size_t size = zip("a\n", data, sizeof data);
    memcpy(data + size, "rubbish", 7);
    bw_sb_spool *s = spool_of(data, size + 7);
    char *got = read_all(s);
    assert_non_null(strchr(got, '!'));
    free(got);
    bw_sb_spool_remove(s);
}

static void discarding_counts_lines(void **state)
{
    (void)state;
    bw_sb_spool *s;
    bw_error err = BW_ERROR_INIT;
    assert_ok(bw_sb_spool_new(NULL, "test", true, &s, &err), err);
    assert_ok(bw_sb_spool_write(s, "a\nb", 3, &err), err);
    assert_ok(bw_sb_spool_write(s, "c\nd", 3, &err), err);
    assert_int_equal(s->size, 6);
    assert_int_equal(s->lines, 2);
    assert_true(s->open_line);
    bw_sb_spool_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_their_positions),
        cmocka_unit_test(long_lines_cross_buffers),
        cmocka_unit_test(gzip_members_are_one_text),
        cmocka_unit_test(rubbish_behind_gzip_is_an_error),
        cmocka_unit_test(discarding_counts_lines),
    };
    return BW_RUN_TESTS(tests);
}
