/* Covers crash_points.def: it lists the crash points that the room's sources have, and only those. */
#include "tests/support/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/buf.h"

static const char *const listed[] = {
#define CRASH_POINT(name, when) "bw_crash_point(\"" #name "\")",
#include "backend/destination/crash_points.def"
};

static void add_file(bw_buf *out, const char *path)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n;
    while ((n = fread(bw_buf_reserve(out, 1 << 16), 1, 1 << 16, f)) > 0)
        out->len += n;
    fclose(f);
}

/* All .c files of the room, one after another. */
static void read_sources(bw_buf *out)
{
    static const char dir[] = BW_SOURCE_DIR "/backend/destination";
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        if (n < 2 || strcmp(e->d_name + n - 2, ".c") != 0)
            continue;
        char *path = bw_xasprintf("%s/%s", dir, e->d_name);
        add_file(out, path);
        free(path);
    }
    closedir(d);
}

static void test_the_list_is_complete(void **state)
{
    (void)state;
    bw_buf sources = BW_BUF_INIT;
    read_sources(&sources);
    const char *text = bw_buf_cstr(&sources);
    for (size_t i = 0; i < BW_COUNT(listed); i++)
        if (!strstr(text, listed[i]))
            fail_msg("%s is listed, but not in the sources", listed[i]);
    for (const char *at = text; (at = strstr(at, "bw_crash_point(")); at++) {
        bool found = false;
        for (size_t i = 0; i < BW_COUNT(listed); i++)
            found |= strncmp(at, listed[i], strlen(listed[i])) == 0;
        if (!found)
            fail_msg("%.50s is not listed", at);
    }
    bw_buf_fini(&sources);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_list_is_complete)};
    return BW_RUN_TESTS(tests);
}
