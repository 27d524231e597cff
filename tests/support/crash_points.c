#include "tests/support/crash_points.h"

#include "tests/support/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/buf.h"

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
static void read_sources(const char *room, bw_buf *out)
{
    char *dir = bw_xasprintf("%s/%s", BW_SOURCE_DIR, room);
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
    free(dir);
}

/* Whether `at`, the beginning of a call, is that of the point `name`. */
static bool passes(const char *at, const char *name)
{
    static const char CALL[] = "bw_crash_point(\"";
    size_t n = strlen(name);
    return strncmp(at, CALL, sizeof(CALL) - 1) == 0 &&
           strncmp(at + sizeof(CALL) - 1, name, n) == 0 && at[sizeof(CALL) - 1 + n] == '"';
}

void bw_test_crash_points(const char *room, const char *const *listed, size_t count)
{
    bw_buf sources = BW_BUF_INIT;
    read_sources(room, &sources);
    bool *met = bw_xcalloc(count, sizeof(*met));
    for (const char *at = bw_buf_cstr(&sources); (at = strstr(at, "bw_crash_point(")); at++) {
        size_t i = 0;
        while (i < count && !passes(at, listed[i]))
            i++;
        if (i == count)
            fail_msg("%.50s is not listed", at);
        met[i] = true;
    }
    for (size_t i = 0; i < count; i++) {
        if (!met[i])
            fail_msg("%s is listed, but not in the sources", listed[i]);
    }
    free(met);
    bw_buf_fini(&sources);
}
