/* A store in a directory of its own, with a clock that the test moves. */
#ifndef BW_TESTS_UNIT_STORE_FIXTURE_H
#define BW_TESTS_UNIT_STORE_FIXTURE_H

#include "tests/support/process.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "backend/store/store.h"

#define SYNC "shop.orders"

typedef struct fixture {
    bw_clock clock; /* first: the functions below find the fixture by it */
    int64_t wall_us;
    char *dir;
    bw_store *store;
    bw_arena arena;
    bw_error err;
} fixture;

static inline int64_t fixture_wall(const bw_clock *c)
{
    return ((const fixture *)(const void *)c)->wall_us;
}

static inline int64_t fixture_mono(const bw_clock *c)
{
    (void)c;
    return bw_mono_us(bw_clock_system());
}

static inline void fixture_open(fixture *f, bw_store_access access)
{
    assert_ok(bw_store_open(f->dir, access, &f->clock, &f->store, &f->err), f->err);
}

static inline int fixture_setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    f->clock = (bw_clock){.wall = fixture_wall, .mono = fixture_mono};
    f->wall_us = 1790000000 * BW_SECOND;
    f->dir = bw_test_dir_new("store");
    fixture_open(f, BW_STORE_ENGINE);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    fixture *f = *state;
    bw_store_close(f->store);
    bw_arena_fini(&f->arena);
    bw_test_dir_remove(f->dir);
    free(f->dir);
    free(f);
    return 0;
}

#define FIXTURE_TEST(function) \
    cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

static inline bw_sync_record fixture_sync(fixture *f)
{
    bw_sync_record s;
    bool found;
    assert_ok(bw_store_sync_get(f->store, SYNC, &f->arena, &s, &found, &f->err), f->err);
    assert_true(found);
    return s;
}

static inline int64_t fixture_run(fixture *f)
{
    int64_t id;
    bw_run_record run = {.sync = SYNC,
                         .mode = "upsert",
                         .trigger = "schedule",
                         .kind = "incremental",
                         .started_us = f->wall_us};
    assert_ok(bw_store_run_begin(f->store, &run, &id, &f->err), f->err);
    return id;
}

/* A batch that is planned with a staging table of its own. */
static inline bw_batch_record fixture_plan(fixture *f, int64_t run_id)
{
    bw_batch_record b = {.sync = SYNC,
                         .number = fixture_sync(f).next_batch,
                         .run_id = run_id,
                         .attempt = 1,
                         .label = "window to 08:00:40",
                         .project = "p",
                         .dataset = "d",
                         .table = "orders",
                         .staging = "orders_staging_1",
                         .load_job = "bw_0_orders_1_1_load",
                         .watermark_us = BW_TIME_NONE,
                         .null_cursors = -1,
                         .ahead_rows = -1};
    assert_ok(bw_store_batch_plan(f->store, &b, &f->err), f->err);
    return b;
}

/* Takes it through loaded and final. */
static inline void fixture_load(fixture *f, bw_batch_record *b, int64_t rows, int64_t letters,
                                const char *position)
{
    b->rows_loaded = rows;
    b->dead_letters = letters;
    b->rows_read = rows + letters;
    b->bytes_uploaded = rows * 100;
    b->position = position;
    b->watermark_us = f->wall_us - 5 * BW_SECOND;
    b->null_cursors = 2;
    b->n_finals = 1;
    b->finals[0] = (bw_batch_final){.kind = 0, .text = "MERGE t USING s"};
    assert_ok(bw_store_batch_loaded(f->store, b, &f->err), f->err);
    b->finals[0].done = true;
    assert_ok(bw_store_batch_final(f->store, b, &f->err), f->err);
}

static inline void fixture_commit(fixture *f, const bw_batch_record *b)
{
    assert_ok(bw_store_batch_commit(f->store, b, (bw_slice){0}, false, &f->err), f->err);
}

static inline void fixture_stage(fixture *f, const bw_batch_record *b, const char *key,
                                 const char *event_id)
{
    bw_dead_letter l = {.key = key,
                        .event_id = event_id,
                        .reason = BW_REASON_NUMERIC_OVERFLOW,
                        .column = "total",
                        .detail = "1e400 does not fit",
                        .content = bw_slice_cstr("{\"id\":\"1\",\"total\":\"1e400\"}")};
    assert_ok(bw_store_letters_stage(f->store, b->sync, b->number, &l, 1, &f->err), f->err);
}

/* A whole committed batch that leaves one open letter; its id. */
static inline int64_t fixture_letter(fixture *f, const char *key, const char *event_id)
{
    bw_batch_record b = fixture_plan(f, fixture_run(f));
    fixture_stage(f, &b, key, event_id);
    fixture_load(f, &b, 0, 1, NULL);
    fixture_commit(f, &b);
    bw_dead_letter *l;
    size_t n;
    bw_letter_filter all = {.any_state = true};
    assert_ok(bw_store_letters(f->store, &all, &f->arena, &l, &n, &f->err), f->err);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(l[i].event_id, event_id) == 0)
            return l[i].id;
    }
    fail_msg("the letter is not there");
    return 0;
}

static inline bw_dead_letter fixture_get(fixture *f, int64_t id)
{
    bw_dead_letter *l;
    size_t n;
    bw_letter_filter one = {.ids = &id, .n_ids = 1, .any_state = true};
    assert_ok(bw_store_letters(f->store, &one, &f->arena, &l, &n, &f->err), f->err);
    assert_int_equal(n, 1);
    return l[0];
}

static inline int64_t fixture_open_letters(fixture *f)
{
    int64_t n;
    bw_letter_filter open = {.sync = SYNC};
    assert_ok(bw_store_letters_count(f->store, &open, &n, &f->err), f->err);
    return n;
}

static inline void fixture_end_run(fixture *f, int64_t id, const char *state)
{
    bw_run_record run = {.id = id,
                         .sync = SYNC,
                         .state = state,
                         .kind = "incremental",
                         .ended_us = f->wall_us,
                         .error = strcmp(state, "failed") == 0 ? "no answer" : NULL,
                         .hint = strcmp(state, "failed") == 0 ? "Ask again." : NULL};
    assert_ok(bw_store_run_end(f->store, &run, &f->err), f->err);
}

#endif
