/* What the console asks for while runs are under way: snapshots whose numbers agree, pages, and a
   UI thread, an engine and workers that do not get in each other's way. */
#include "tests/integration/engine/lab.h"

/* ---- numbers that agree ----------------------------------------------------------------- */

static size_t read_text(const char *s)
{
    return s ? strlen(s) : 0;
}

/* Reads all of a snapshot, as a screen would, and checks what its numbers say of each other. */
static size_t check_snapshot(const bw_snapshot *s)
{
    int states = 0, running = 0;
    int64_t letters = 0;
    size_t text = read_text(s->engine_note) + read_text(s->state_dir);
    for (int i = 0; i < BW_STATE_COUNT; i++)
        states += s->by_state[i];
    for (size_t i = 0; i < s->n_syncs; i++) {
        const bw_sync_view *v = &s->syncs[i];
        running += v->progress.active;
        letters += v->dead_letters > 0 ? v->dead_letters : 0;
        text += read_text(v->reason) + read_text(v->error) + read_text(v->hint) +
                read_text(v->checkpoint) + read_text(v->progress.batch) +
                read_text(v->progress.load_job) + read_text(v->progress.waiting_for);
        for (size_t k = 0; v->detail && k < v->detail->n_columns; k++)
            text += read_text(v->detail->columns[k].name);
        assert_true(v->progress.rows_loaded <= v->progress.rows_read);
        assert_false(v->progress.rows_per_s < 0);
        assert_true(isnan(v->freshness) || (v->freshness >= 0 && v->freshness <= 100));
    }
    assert_int_equal(states, s->n_syncs);
    assert_int_equal(running, s->running);
    assert_int_equal(letters, s->dead_letters);
    return text;
}

static size_t check_page(const bw_page *p)
{
    size_t text = 0;
    assert_null(p->error);
    for (size_t i = 0; i < p->n_runs; i++)
        text += read_text(p->runs[i].sync) + read_text(p->runs[i].error);
    for (size_t i = 0; i < p->n_letters; i++)
        text += read_text(p->letters[i].key) + p->letters[i].content.len;
    for (size_t i = 0; i < p->n_groups; i++)
        text += read_text(p->groups[i].sync);
    for (size_t i = 0; i < p->n_batches; i++)
        text += read_text(p->batches[i].label);
    for (size_t i = 0; i < p->n_audit; i++)
        text += read_text(p->audit[i].detail);
    return text;
}

static const bw_page *get_page(lab *l, bw_page_query q)
{
    int64_t deadline = bw_mono_us(bw_clock_system()) + LAB_MAX;
    bw_engine_ask(l->engine, 15, &q);
    for (;;) {
        const bw_page *p = bw_engine_page(l->engine, 15);
        if (p && bw_page_query_equal(&p->query, &q)) {
            assert_null(p->error);
            return p;
        }
        bw_page_unref(p);
        lab_wait(l, deadline, "no page");
    }
}

#define SYNCS 6

static void ask_everything(lab *l, int round, const char *const *names)
{
    static const bw_command_kind kinds[] = {BW_COMMAND_SYNC,   BW_COMMAND_PAUSE, BW_COMMAND_CANCEL,
                                            BW_COMMAND_RESUME, BW_COMMAND_FULL,  BW_COMMAND_CANCEL};
    for (int k = BW_PAGE_RUNS; k <= BW_PAGE_LOG; k++) {
        bw_page_query q = {.kind = (bw_page_kind)k, .id = round, .limit = 20};
        bw_engine_ask(l->engine, k, &q);
        const bw_page *p = bw_engine_page(l->engine, k);
        if (p)
            check_page(p);
        bw_page_unref(p);
    }
    bw_command c = {
        .kind = kinds[round % (int)BW_COUNT(kinds)], .syncs = &names[round % SYNCS], .n_syncs = 1};
    lab_ask(l, c);
}

static void screens_and_runs_do_not_meet(void **state)
{
    lab *l = *state;
    bw_buf syncs = BW_BUF_INIT;
    const char *names[SYNCS];
    for (int i = 0; i < SYNCS; i++) {
        char *sql = bw_xasprintf("CREATE TABLE t%d (id int PRIMARY KEY, at timestamptz, updated_at"
                                 " timestamptz NOT NULL DEFAULT now()); INSERT INTO t%d SELECT g,"
                                 " CASE WHEN g = 5 THEN 'infinity' ELSE now() END"
                                 " FROM generate_series(1, 200) g",
                                 i, i);
        lab_sql(l, sql);
        free(sql);
        bw_buf_addf(&syncs, "  - {source: db, table: t%d, schedule: every 1s, raw: %s}\n", i,
                    i % 2 ? "true" : "false");
        names[i] = bw_arena_printf(&l->arena, "db.t%d", i);
    }
    lab_configure(l, "engine: {workers: 3}", bw_buf_cstr(&syncs));
    bw_buf_fini(&syncs);
    lab_start_with(l, (bw_engine_options){0});
    uint64_t seq = 0;
    int rounds = 0;
    int64_t deadline = bw_mono_us(bw_clock_system()) + LAB_MAX;
    for (int snapshots = 0; snapshots < 30; rounds++) {
        const bw_snapshot *s = bw_engine_snapshot(l->engine);
        assert_true(s->seq >= seq);
        snapshots += s->seq > seq;
        seq = s->seq;
        check_snapshot(s);
        if (rounds < 48)
            ask_everything(l, rounds, names);
        bw_snapshot_unref(s);
        while (bw_engine_news(l->engine, &l->news))
            assert_true(l->news.text[0] != '\0');
        lab_wait(l, deadline, "no more snapshots");
    }
    assert_true(
        lab_do(l, (bw_command){.kind = BW_COMMAND_RESUME, .syncs = names, .n_syncs = SYNCS}));
    for (int i = 0; i < SYNCS; i++)
        assert_true(lab_run(l, names[i]) || strstr(l->news.text, "cancelled"));
    assert_true(bw_engine_stop(l->engine, LAB_MAX)); /* with runs under way */
    bw_engine_free(l->engine);
    l->engine = NULL;
    lab_start(l);
    for (int i = 0; i < SYNCS; i++) {
        char table[8];
        snprintf(table, sizeof table, "t%d", i);
        assert_runs(l, names[i]);
        assert_table(l, "COUNT(*), COUNT(DISTINCT id)", table, "199|199\n");
    }
}

/* ---- progress --------------------------------------------------------------------------- */

static bool half_done(const bw_sync_view *v)
{
    return v->progress.rows_read >= 100 && !isnan(v->progress.rows_per_s) &&
           v->progress.rows_per_s > 0 && v->progress.eta_us != BW_TIME_NONE;
}

static void shows_how_far_a_run_is(void **state)
{
    lab *l = *state;
    const char *sync = "db.slow";
    /* 400 rows of 8 KiB, each taking its time. */
    lab_sql(l, "CREATE FUNCTION wait(int) RETURNS text VOLATILE LANGUAGE sql AS"
               " 'SELECT repeat(''x'', 8000) || pg_sleep(0.01)::text';"
               "CREATE TABLE numbers (id int); INSERT INTO numbers SELECT generate_series(1, 400);"
               "ANALYZE numbers; CREATE VIEW slow AS SELECT id, wait(id) AS text FROM numbers");
    lab_configure(l, NULL, "  - {source: db, table: slow, mode: replace, schedule: manual}");
    lab_start(l);
    uint64_t run = lab_ask(l, (bw_command){.kind = BW_COMMAND_SYNC, .syncs = &sync, .n_syncs = 1});
    lab_until(l, sync, half_done);
    const bw_snapshot *s = bw_engine_snapshot(l->engine);
    const bw_run_view *p = &bw_snapshot_find(s, sync)->progress;
    if (p->active) { /* else it was over meanwhile */
        assert_true(p->rows_per_s <= 120);
        assert_true(p->rows_expected >= 400);
    }
    bw_snapshot_unref(s);
    assert_true(lab_outcome(l, run));
}

/* ---- pages ------------------------------------------------------------------------------ */

static void pages_say_what_they_hold(void **state)
{
    lab *l = *state;
    lab_sql(l, "CREATE TABLE words (id int PRIMARY KEY, at timestamptz, word text, updated_at"
               " timestamptz NOT NULL DEFAULT now());"
               "INSERT INTO words SELECT g, CASE WHEN g < 4 THEN 'infinity' ELSE now() END,"
               " repeat('ä', 9000) FROM generate_series(1, 5) g");
    lab_configure(l, NULL, "  - {source: db, table: words, schedule: manual}");
    lab_start(l);
    for (int i = 0; i < 3; i++)
        assert_runs(l, "db.words");

    const bw_page *p = get_page(l, (bw_page_query){.kind = BW_PAGE_LETTERS, .limit = 2});
    assert_int_equal(p->n_letters, 2);
    assert_int_equal(p->total, 3);
    bw_slice listed = p->letters[0].content;
    size_t cut = sizeof(BW_PAGE_CUT) - 1;
    assert_in_range(listed.len, 1020 + cut,
                    1024 + cut); /* not within a character, and it says so */
    assert_memory_equal(listed.ptr + listed.len - cut, BW_PAGE_CUT, cut);
    assert_true(bw_utf8_valid(listed));
    int64_t id = p->letters[0].id;
    bw_page_unref(p);

    p = get_page(l, (bw_page_query){.kind = BW_PAGE_LETTER, .id = id});
    assert_int_equal(p->n_letters, 1);
    assert_true(p->letters[0].content.len > 18000);
    bw_page_unref(p);

    /* Two of the three, whole: those that are marked. */
    p = get_page(l, (bw_page_query){.kind = BW_PAGE_PREVIEW, .ids = {id, id + 2}, .n_ids = 2});
    assert_int_equal(p->n_letters, 2);
    assert_int_equal(p->total, 2);
    assert_int_equal(p->letters[1].id, id + 2);
    assert_true(p->letters[1].content.len > 18000);
    assert_int_equal(p->previews[1].outcome, BW_PREVIEW_READ_AGAIN);
    bw_page_unref(p);

    p = get_page(l, (bw_page_query){.kind = BW_PAGE_LETTER_GROUPS});
    assert_int_equal(p->n_groups, 1);
    assert_int_equal(p->groups[0].count, 3);
    bw_page_unref(p);

    p = get_page(l, (bw_page_query){.kind = BW_PAGE_RUNS, .sync = "db.words", .limit = 2});
    assert_int_equal(p->n_runs, 2);
    assert_int_equal(p->total, -1); /* there are more; how many is not known */
    id = p->runs[1].id;
    bw_page_unref(p);
    p = get_page(l, (bw_page_query){.kind = BW_PAGE_RUNS, .sync = "db.words"});
    assert_int_equal(p->total, 3);
    bw_page_unref(p);

    p = get_page(l, (bw_page_query){.kind = BW_PAGE_RUN, .id = id});
    assert_int_equal(p->runs[0].id, id);
    assert_int_equal(p->n_batches, p->runs[0].batches);
    bw_page_unref(p);

    p = get_page(l, (bw_page_query){.kind = BW_PAGE_AUDIT, .sync = "db.words", .limit = 1});
    assert_int_equal(p->n_audit, 1);
    assert_string_equal(p->audit[0].action, "commit");
    bw_page_unref(p);

    lab_stop(l);
    lab_start(l);
    p = get_page(l, (bw_page_query){.kind = BW_PAGE_BATCHES});
    assert_int_equal(p->total, 0);
    bw_page_unref(p);
    assert_null(bw_engine_page(l->engine, 99));
}

/* ---- another clock ---------------------------------------------------------------------- */

/* An hour ahead of the source's. */
static int64_t ahead_wall(const bw_clock *c)
{
    (void)c;
    return bw_wall_us(bw_clock_system()) + BW_HOUR;
}

static int64_t ahead_mono(const bw_clock *c)
{
    (void)c;
    return bw_mono_us(bw_clock_system());
}

/* Lag is the source's time, also before it is asked again. */
static void keeps_how_far_the_source_s_clock_is_off(void **state)
{
    static const bw_clock ahead = {.wall = ahead_wall, .mono = ahead_mono};
    lab *l = *state;
    lab_sql(l, "CREATE TABLE orders (id int PRIMARY KEY, updated_at timestamptz NOT NULL);"
               "INSERT INTO orders VALUES (1, now())");
    lab_configure(l, NULL, "  - {source: db, table: orders, schedule: manual}");
    lab_start_with(l, (bw_engine_options){.observe = true, .clock = &ahead});
    assert_runs(l, "db.orders");
    int64_t offset = lab_record(l, "db.orders").source_offset_us;
    assert_true(offset < -BW_HOUR + 10 * BW_MINUTE && offset > -BW_HOUR - 10 * BW_MINUTE);
    lab_stop(l);
    lab_start_with(l, (bw_engine_options){.observe = true, .clock = &ahead});
    lab_until(l, "db.orders", lab_idle);
    const bw_snapshot *s = bw_engine_snapshot(l->engine);
    double lag = bw_snapshot_find(s, "db.orders")->lag_s;
    bw_snapshot_unref(s);
    assert_true(lag >= 0 && lag < 1800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(screens_and_runs_do_not_meet),
        LAB_TEST(shows_how_far_a_run_is),
        LAB_TEST(pages_say_what_they_hold),
        LAB_TEST(keeps_how_far_the_source_s_clock_is_off),
    };
    LAB_MAIN(tests);
}
