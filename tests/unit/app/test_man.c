/* Covers: app/man. The committed manual pages are what the tables say today. */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "app/man.h"
#include "app/settings.h"

static void check_page(const char *path, bw_buf *want)
{
    bw_buf got = BW_BUF_INIT;
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s is missing: cmake --build build --target man", path);
    for (size_t n = 1; n > 0; got.len += n)
        n = fread(bw_buf_reserve(&got, 65536), 1, 65536, f);
    fclose(f);
    if (!bw_slice_eq(bw_buf_slice(&got), bw_buf_slice(want)))
        fail_msg("%s is stale: cmake --build build --target man", path);
    bw_buf_fini(&got);
}

/* A line that begins with a dot is a request; text must never make one. */
static void check_requests(const bw_buf *page)
{
    static const char *const known[] = {".\\\"", ".TH ", ".SH ",  ".SS ", ".TP\n", ".B ",
                                        ".PP\n", ".BR ", ".nh\n", ".ad ", ".nf\n", ".fi\n"};
    for (const char *p = page->ptr, *end = p + page->len; p < end;) {
        bool ok = *p != '.' && *p != '\'';
        for (size_t i = 0; i < BW_COUNT(known) && !ok; i++)
            ok = strncmp(p, known[i], strlen(known[i])) == 0;
        if (!ok)
            fail_msg("no request of ours: %.20s", p);
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        p = newline ? newline + 1 : end;
    }
}

static void committed_pages_are_current(void **state)
{
    (void)state;
    bw_settings settings;
    bw_buf page = BW_BUF_INIT;
    bw_man_program(&page);
    check_requests(&page);
    check_page(BW_SOURCE_DIR "/man/bridgewatch.1", &page);
    bw_buf_clear(&page);
    bw_man_configuration(bw_settings_init(&settings), &page);
    check_requests(&page);
    check_page(BW_SOURCE_DIR "/man/bridgewatch.yaml.5", &page);
    bw_buf_fini(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(committed_pages_are_current)};
    return BW_RUN_TESTS(tests);
}
