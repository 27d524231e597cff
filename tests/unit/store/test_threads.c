/* Several threads and connections at once: nothing is lost, nothing waits for ever. */
#include "tests/unit/store/fixture.h"

#include <pthread.h>
#include <stdio.h>

#define THREADS 6
#define ROUNDS  25

typedef struct job {
    fixture *f;
    int number;
    bw_store *reader;
    bool ok;
} job;

#define MUST(expr)    \
    do {              \
        if (!(expr))  \
            return j; \
    } while (0)

/* A worker's life: batches of a sync of its own, letters, bookings, audit. */
static void *write_batches(void *arg)
{
    job *j = arg;
    bw_store *s = j->f->store;
    bw_error err;
    char sync[32];
    int64_t sum, run;
    snprintf(sync, sizeof(sync), "sync%d", j->number);
    bw_run_record r = {.sync = sync, .kind = "incremental"};
    MUST(bw_store_run_begin(s, &r, &run, &err) == BW_OK);
    for (int i = 1; i <= ROUNDS; i++) {
        bw_batch_record b = {.sync = sync, .number = i, .run_id = run, .attempt = 1};
        bw_dead_letter l = {.key = "{}", .event_id = sync, .reason = BW_REASON_BAD_UTF8};
        MUST(bw_store_batch_plan(s, &b, &err) == BW_OK);
        MUST(bw_store_letters_stage(s, sync, i, &l, 1, &err) == BW_OK);
        b.rows_read = b.rows_loaded = 1;
        MUST(bw_store_batch_loaded(s, &b, &err) == BW_OK);
        MUST(bw_store_batch_commit(s, &b, (bw_slice){0}, false, &err) == BW_OK);
        MUST(bw_store_book(s, "load_jobs", "t", 1, &sum, &err) == BW_OK);
        MUST(bw_store_heartbeat(s, -1, &err) == BW_OK);
    }
    j->ok = true;
    return j;
}

static void *read_pages(void *arg)
{
    job *j = arg;
    bw_error err;
    bw_arena arena = BW_ARENA_INIT;
    for (int i = 0; i < ROUNDS * 4; i++) {
        bw_sync_record *syncs;
        bw_dead_letter *letters;
        bw_run_record *runs;
        size_t n;
        bw_letter_filter all = {0};
        MUST(bw_store_sync_list(j->reader, &arena, &syncs, &n, &err) == BW_OK);
        MUST(bw_store_letters(j->reader, &all, &arena, &letters, &n, &err) == BW_OK);
        MUST(bw_store_runs(j->reader, NULL, 0, 10, &arena, &runs, &n, &err) == BW_OK);
        bw_arena_reset(&arena, (size_t)1 << 16);
    }
    bw_arena_fini(&arena);
    j->ok = true;
    return j;
}

static void works_from_several_threads(void **state)
{
    fixture *f = *state;
    pthread_t threads[THREADS];
    job jobs[THREADS] = {0};
    bw_store *reader, *shared;
    assert_ok(bw_store_open_reader(f->dir, &f->clock, &reader, &f->err), f->err);
    assert_ok(bw_store_open(f->dir, BW_STORE_SHARED, &f->clock, &shared, &f->err), f->err);
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (job){.f = f, .number = i, .reader = reader};
        assert_int_equal(
            pthread_create(&threads[i], NULL, i < 2 ? read_pages : write_batches, &jobs[i]), 0);
    }
    for (int i = 0; i < ROUNDS; i++) { /* a second connection writes as well */
        int64_t id;
        assert_ok(bw_store_command_put(shared, "anna", "pause", NULL, &id, &f->err), f->err);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(jobs[i].ok);
    }
    int64_t sum, oldest, entries;
    assert_ok(bw_store_booked(f->store, "load_jobs", "t", &sum, &oldest, &f->err), f->err);
    assert_int_equal(sum, (THREADS - 2) * ROUNDS);
    assert_ok(bw_store_audit_verify(f->store, &entries, &f->err), f->err);
    assert_int_equal(entries, (THREADS - 2) * ROUNDS);
    bw_letter_filter all = {0};
    assert_ok(bw_store_letters_count(f->store, &all, &sum, &f->err), f->err);
    assert_int_equal(sum, THREADS - 2);
    bw_store_close(shared);
    bw_store_close(reader);
}

static void *open_and_close(void *arg)
{
    job *j = arg;
    for (int i = 0; i < 5; i++) {
        bw_store *s;
        bw_error err;
        MUST(bw_store_open(j->f->dir, BW_STORE_SHARED, &j->f->clock, &s, &err) == BW_OK);
        bw_store_close(s);
    }
    j->ok = true;
    return j;
}

/* All make the same file at the same moment; one schema, one id. */
static void opens_from_several_threads(void **state)
{
    fixture *f = *state;
    bw_store_close(f->store);
    f->store = NULL;
    char *dir = f->dir;
    f->dir = bw_xasprintf("%s/new", dir);
    pthread_t threads[THREADS];
    job jobs[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (job){.f = f};
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, &jobs[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(jobs[i].ok);
    }
    free(f->dir);
    f->dir = dir;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(works_from_several_threads),
        FIXTURE_TEST(opens_from_several_threads),
    };
    return BW_RUN_TESTS(tests);
}
