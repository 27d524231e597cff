/* multipart/related taken apart, wherever the pieces are cut. Covers: sandbox/multipart. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/sandbox/multipart.h"

static void collect(void *user, const char *bytes, size_t size)
{
    bw_buf_add(user, bytes, size);
}

/* Feeds the body in pieces of `piece` bytes and returns what is wrong; media gets the second part. */
static const char *feed(const char *body, size_t size, size_t piece, bw_buf *media, char *metadata,
                        size_t room)
{
    bw_sb_multipart *m = bw_sb_multipart_new("multipart/related; boundary=xyz", collect, media);
    for (size_t at = 0; at < size; at += piece) {
        /* A copy of its own, so that the sanitizer sees every byte too many. */
        size_t n = size - at < piece ? size - at : piece;
        char *copy = bw_xmalloc(n);
        memcpy(copy, body + at, n);
        bw_sb_multipart_feed(m, copy, n);
        free(copy);
    }
    bw_slice head = bw_sb_multipart_metadata(m);
    if (head.len < room)
        memcpy(metadata, head.ptr ? head.ptr : "", head.len);
    metadata[head.len < room ? head.len : 0] = '\0';
    const char *fault = bw_sb_multipart_fault(m);
    bw_sb_multipart_free(m);
    return fault;
}

static void every_cut_gives_the_same_parts(void **state)
{
    (void)state;
    static const char *const contents[] = {
        "",
        "x",
        "{\"a\":1}\n",
        "\r\n",
        "\r\n--xy\r\n--xyy\r\n--x\r\n-\r\r\n--xy",
        "\r\n\r\n--xy\n--xyz\r--xyz--",
    };
    for (size_t c = 0; c < BW_COUNT(contents); c++) {
        char *body = bw_xasprintf("--xyz\r\nContent-Type: application/json\r\n\r\n{\"m\":%zu}\r\n"
                                  "--xyz\r\nContent-Type: a/b\r\nX: y\r\n\r\n%s\r\n--xyz--\r\n",
                                  c, contents[c]);
        char expected[32];
        snprintf(expected, sizeof expected, "{\"m\":%zu}", c);
        for (size_t piece = 1; piece <= strlen(body); piece++) {
            bw_buf media = BW_BUF_INIT;
            char metadata[64];
            const char *fault = feed(body, strlen(body), piece, &media, metadata, sizeof metadata);
            if (fault)
                fail_msg("content %zu in pieces of %zu: %s", c, piece, fault);
            assert_string_equal(metadata, expected);
            assert_string_equal(bw_buf_cstr(&media), contents[c]);
            bw_buf_fini(&media);
        }
        free(body);
    }
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "--xyz",
        "no boundary at all",
        "--xyz\r\n\r\n{}\r\n--xyz--",
        "--xyz\r\n\r\n{}\r\n--xyz\r\n\r\nmedia",
        "--xyz\r\n\r\n{}\r\n--xyz\r\n\r\nmedia\r\n--xyz",
        "--xyz\r\n\r\n{}\r\n--xyz\r\n\r\nmedia\r\n--xyz\r\n\r\nthird\r\n--xyz--",
    };
    for (size_t i = 0; i < BW_COUNT(bodies); i++) {
        for (size_t piece = 1; piece <= 8; piece++) {
            bw_buf media = BW_BUF_INIT;
            char metadata[64];
            if (!feed(bodies[i], strlen(bodies[i]), piece, &media, metadata, sizeof metadata))
                fail_msg("accepted: %s", bodies[i]);
            bw_buf_fini(&media);
        }
    }
}

static void an_endless_head_is_given_up(void **state)
{
    (void)state;
    char *body = bw_xmalloc(BW_SB_MAX_METADATA + 100);
    char metadata[16];
    bw_buf media = BW_BUF_INIT;
    memset(body, 'a', BW_SB_MAX_METADATA + 100);
    assert_non_null(feed(body, BW_SB_MAX_METADATA + 100, 1 << 20, &media, metadata, 16));
    free(body);
    bw_buf_fini(&media);
}

static void boundaries_come_quoted_or_not(void **state)
{
    (void)state;
    static const char *const good[] = {"multipart/related; boundary=a",
                                       "Multipart/Related; type=x; Boundary=\"a b;c\"",
                                       "multipart/mixed;boundary=a;x=y"};
    static const char *const bad[] = {
        "multipart/related", "multipart/related; boundary=", "multipart/related; boundary=\"\"",
        "text/plain; boundary=a", ""};
    for (size_t i = 0; i < BW_COUNT(good); i++) {
        bw_sb_multipart *m = bw_sb_multipart_new(good[i], collect, NULL);
        assert_non_null(m);
        bw_sb_multipart_free(m);
    }
    for (size_t i = 0; i < BW_COUNT(bad); i++)
        assert_null(bw_sb_multipart_new(bad[i], collect, NULL));
    assert_null(bw_sb_multipart_new(NULL, collect, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_gives_the_same_parts),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(an_endless_head_is_given_up),
        cmocka_unit_test(boundaries_come_quoted_or_not),
    };
    return BW_RUN_TESTS(tests);
}
