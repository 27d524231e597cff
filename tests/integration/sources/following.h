/* A table that is followed from run to run, with its checkpoint. */
#ifndef BW_TESTS_INTEGRATION_SOURCES_FOLLOWING_H
#define BW_TESTS_INTEGRATION_SOURCES_FOLLOWING_H

#include "tests/integration/sources/reading.h"

typedef struct following {
    opened *o;
    bw_table_spec spec;
    bw_read_request request;
    char *checkpoint;
} following;

static inline following follow(const bw_pg_cluster *cluster, const char *table)
{
    following f = {.o = open_source_as(cluster, "postgres"), .spec = spec_of(table)};
    f.request = (bw_read_request){.kind = BW_READ_INCREMENTAL, .mode = BW_MODE_UPSERT};
    return f;
}

static inline void unfollow(following *f)
{
    free(f->checkpoint);
    close_source(f->o);
}

/* One run of at most `max` batches (0: all); the checkpoint moves. */
static inline taken run(following *f, size_t max)
{
    bw_error err = BW_ERROR_INIT;
    taken t = {0};
    bw_table_info info = describe(f->o, &f->spec);
    f->request.checkpoint = f->checkpoint;
    assert_ok(try_take(f->o, &f->spec, &info, &f->request, max, &t, &err), err);
    if (t.position) {
        free(f->checkpoint);
        f->checkpoint = bw_xstrdup(t.position);
    }
    return t;
}

#define expect_ids(f, expected)                          \
    do {                                                 \
        taken taken_rows = run((f), 0);                  \
        assert_string_equal(ids(&taken_rows), expected); \
        taken_free(&taken_rows);                         \
    } while (0)

#endif
