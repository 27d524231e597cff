/* Rows that do not fit: kept as dead letters, everything else lands; flood, supersede and replay. */
#include "tests/integration/engine/lab.h"

#define BAD  "'infinity'"
#define GOOD "'2026-01-01 00:00:00+00'"

/* Orders 1 to 6 with a time that must be finite; those of `bad` are not. */
static void make_orders(lab *l, const char *bad)
{
    char *sql = bw_xasprintf(
        "CREATE TABLE orders (id int PRIMARY KEY, at timestamptz, updated_at timestamptz NOT NULL);"
        "INSERT INTO orders SELECT g, CASE WHEN g IN (%s) THEN timestamptz " BAD " ELSE " GOOD
        " END, now() - interval '1 h' FROM generate_series(1, 6) g",
        bad);
    lab_sql(l, sql);
    free(sql);
}

static void configure(lab *l, const char *settings)
{
    char *syncs = bw_xasprintf("  - {source: db, table: orders, schedule: manual%s}", settings);
    lab_configure(l, NULL, syncs);
    free(syncs);
}

static const char *letter_states(lab *l)
{
    bw_dead_letter *letters;
    bw_buf b = BW_BUF_INIT;
    size_t n = lab_letters(l, "db.orders", true, &letters);
    for (size_t i = 0; i < n; i++)
        bw_buf_addf(&b, "%s%s %s", i ? ", " : "", letters[i].key,
                    bw_letter_state_name(letters[i].state));
    const char *text = bw_arena_strndup(&l->arena, b.ptr ? b.ptr : "", b.len);
    bw_buf_fini(&b);
    return text;
}

static void keeps_what_does_not_fit(void **state)
{
    lab *l = *state;
    make_orders(l, "2, 5");
    configure(l, "");
    lab_start(l);
    assert_runs(l, "db.orders");
    assert_string_equal(l->news.text, "db.orders: 6 rows read, 4 loaded, 2 dead-lettered");
    assert_table(l, "id", "orders", "1\n3\n4\n6\n");
    bw_dead_letter *letters;
    assert_int_equal(lab_letters(l, "db.orders", false, &letters), 2);
    assert_string_equal(letters[0].key, "{\"id\":2}");
    assert_int_equal(letters[0].reason, BW_REASON_TS_INFINITY);
    assert_string_equal(letters[0].column, "at");
    assert_non_null(strstr(letters[0].content.ptr, "\"at\":\"infinity\""));
    bw_run_record *runs;
    assert_int_equal(lab_runs(l, "db.orders", &runs), 1);
    assert_int_equal(runs[0].dead_letters, 2);
    assert_int_equal(lab_record(l, "db.orders").rows_total, 4);
}

/* ---- refused by the destination --------------------------------------------------------- */

static void isolates_what_the_destination_refuses(void **state)
{
    lab *l = *state;
    lab_sql(l,
            "CREATE TABLE words (id int PRIMARY KEY, word text, updated_at timestamptz NOT NULL);"
            "INSERT INTO words SELECT g, CASE WHEN g % 100 = 7 THEN 'too long' ELSE 'ok' END,"
            " now() - interval '1 h' FROM generate_series(1, 1000) g");
    bw_test_bq_table(l->bq, "words",
                     "[{\"name\":\"id\",\"type\":\"INTEGER\"},"
                     "{\"name\":\"word\",\"type\":\"STRING\",\"maxLength\":\"3\"},"
                     "{\"name\":\"updated_at\",\"type\":\"TIMESTAMP\"}]",
                     NULL);
    lab_configure(l, NULL, "  - {source: db, table: words, schedule: manual}");
    lab_start(l);
    assert_runs(l, "db.words");
    assert_string_equal(l->news.text, "db.words: 1000 rows read, 990 loaded, 10 dead-lettered");
    assert_table(l, "COUNT(*), COUNT(DISTINCT id), MAX(word)", "words", "990|990|ok\n");
    bw_dead_letter *letters;
    assert_int_equal(lab_letters(l, "db.words", false, &letters), 10);
    assert_string_equal(letters[0].key, "{\"id\":7}");
    assert_int_equal(letters[0].reason, BW_REASON_REJECTED);
    assert_non_null(strstr(letters[0].detail, "word"));
    assert_non_null(strstr(letters[0].content.ptr, "too long"));
    bw_run_record *runs;
    lab_runs(l, "db.words", &runs);
    assert_int_equal(runs[0].rows_read, 1000);
    assert_int_equal(runs[0].rows_loaded, 990);
    assert_int_equal(runs[0].dead_letters, 10);
}

static void replaces_with_what_fits(void **state)
{
    lab *l = *state;
    lab_sql(l, "CREATE TABLE words (word text); INSERT INTO words VALUES ('a'), ('far too long')");
    bw_test_bq_table(l->bq, "words",
                     "[{\"name\":\"word\",\"type\":\"STRING\",\"maxLength\":\"3\"}]", NULL);
    lab_configure(l, NULL, "  - {source: db, table: words, schedule: manual}");
    lab_start(l);
    assert_runs(l, "db.words");
    assert_table(l, "word", "words", "a\n");
    lab_sql(l, "DELETE FROM words WHERE word = 'a'");
    assert_fails(l, "db.words", "none of the 1 rows"); /* nothing that fits is no empty table */
    assert_table(l, "word", "words", "a\n");
    lab_sql(l, "UPDATE words SET word = 'b'");
    assert_runs(l, "db.words");
    assert_table(l, "word", "words", "b\n");
    bw_dead_letter *letters;
    assert_int_equal(lab_letters(l, "db.words", false, &letters), 0); /* replaced: superseded */
}

/* ---- flood ------------------------------------------------------------------------------ */

static void stops_a_flood_before_the_checkpoint(void **state)
{
    lab *l = *state;
    make_orders(l, "1, 2, 3, 4, 5");
    configure(l, ", max_dead_letters: 3");
    lab_start(l);
    assert_fails(l, "db.orders", "do not fit");
    assert_null(lab_record(l, "db.orders").checkpoint);
    assert_table(l, "id", "orders", "");
    bw_dead_letter *letters;
    assert_int_equal(lab_letters(l, "db.orders", false, &letters), 5); /* listed all the same */
    assert_int_equal(letters[0].state, BW_LETTER_STAGED);
    assert_int_equal(lab_open_batches(l, "db.orders"), 0);
    lab_sql(l, "UPDATE orders SET at = " GOOD " WHERE id < 5");
    assert_runs(l, "db.orders");
    assert_table(l, "id", "orders", "1\n2\n3\n4\n6\n");
    assert_string_equal(letter_states(l), "{\"id\":5} open");
}

static void counts_only_new_letters_as_a_flood(void **state)
{
    lab *l = *state;
    make_orders(l, "1, 2");
    configure(l, ", max_dead_letters: 2, mode: replace");
    lab_start(l);
    for (int i = 0; i < 3; i++)
        assert_runs(l, "db.orders");
    assert_string_equal(letter_states(l), "{\"id\":1} open, {\"id\":2} open");
}

/* ---- over ------------------------------------------------------------------------------- */

static void supersedes_a_letter_when_its_row_lands(void **state)
{
    lab *l = *state;
    make_orders(l, "2, 5");
    configure(l, "");
    lab_start(l);
    assert_runs(l, "db.orders");
    lab_sql(l, "UPDATE orders SET at = " GOOD ", updated_at = now() WHERE id = 2");
    assert_runs(l, "db.orders");
    assert_string_equal(letter_states(l), "{\"id\":2} superseded, {\"id\":5} open");
    lab_sql(l, "UPDATE orders SET at = " BAD ", updated_at = now() WHERE id = 2");
    assert_runs(l, "db.orders");
    assert_string_equal(letter_states(l), "{\"id\":2} open, {\"id\":5} open");
}

/* Slices, then a window, in one run: a row that a slice took and the window refuses stays listed,
   one that a slice refused and the window takes does not. */
static void watches_letters_within_a_run(void **state)
{
    lab *l = *state;
    lab_sql(l, "CREATE TABLE orders (id int PRIMARY KEY, at timestamptz, updated_at timestamptz NOT"
               " NULL) WITH (fillfactor = 10);"
               "INSERT INTO orders SELECT g, CASE WHEN g = 3 THEN timestamptz " BAD " ELSE " GOOD
               " END, now() - interval '1 h' FROM generate_series(1, 400) g");
    configure(l, ", batch: {rows: 20}");
    lab_start(l);
    bw_pg_session *open = bw_pg_session_open(l->servers->pg, l->name);
    bw_pg_session_sql(open,
                      "BEGIN; UPDATE orders SET at = " GOOD ", updated_at = now() WHERE id = 3;"
                      "UPDATE orders SET at = " BAD ", updated_at = now() WHERE id = 4");
    assert_runs(l, "db.orders");
    bw_run_record *runs;
    lab_runs(l, "db.orders", &runs);
    assert_true(runs[0].batches > 3);
    assert_string_equal(letter_states(l), "{\"id\":3} open");
    bw_pg_session_sql(open, "COMMIT");
    bw_pg_session_close(open);
    assert_runs(l, "db.orders");
    assert_string_equal(letter_states(l), "{\"id\":3} superseded, {\"id\":4} open");
    assert_table(l, "COUNT(*)", "orders", "400\n"); /* 4 as it was when it still fitted */
}

static bool replay(lab *l, const int64_t *ids, size_t n)
{
    return lab_do(l, (bw_command){.kind = BW_COMMAND_REPLAY, .letters = ids, .n_letters = n});
}

static void replays_rows_from_the_source(void **state)
{
    lab *l = *state;
    make_orders(l, "1, 2, 3");
    configure(l, "");
    lab_start(l);
    assert_runs(l, "db.orders");
    bw_dead_letter *letters;
    assert_int_equal(lab_letters(l, "db.orders", false, &letters), 3);
    int64_t ids[] = {letters[0].id, letters[1].id, letters[2].id};
    lab_sql(l, "UPDATE orders SET at = " GOOD " WHERE id = 1; DELETE FROM orders WHERE id = 3");

    assert_true(lab_do(
        l,
        (bw_command){.kind = BW_COMMAND_REPLAY, .letters = ids, .n_letters = 3, .dry_run = true}));
    assert_string_equal(l->news.text, "3 dead letters would be replayed");
    assert_string_equal(letter_states(l), "{\"id\":1} open, {\"id\":2} open, {\"id\":3} open");

    const char *checkpoint = lab_record(l, "db.orders").checkpoint;
    assert_true(replay(l, ids, 3));
    assert_string_equal(l->news.text,
                        "1 of 3 replayed, 1 refused, 1 gone at the source: db.orders");
    assert_int_equal(l->news.level, BW_LOG_WARN);
    assert_string_equal(letter_states(l),
                        "{\"id\":1} replayed, {\"id\":2} open, {\"id\":3} superseded");
    assert_table(l, "id", "orders", "1\n4\n5\n6\n");
    assert_string_equal(lab_record(l, "db.orders").checkpoint, checkpoint);

    assert_true(replay(l, ids, 2)); /* again: only what is open is read */
    assert_string_equal(letter_states(l),
                        "{\"id\":1} replayed, {\"id\":2} open, {\"id\":3} superseded");
    assert_false(replay(l, ids, 1));
    assert_false(replay(l, NULL, 0));
}

static void discards_and_edits(void **state)
{
    lab *l = *state;
    make_orders(l, "1, 2");
    configure(l, "");
    lab_start(l);
    assert_runs(l, "db.orders");
    bw_dead_letter *letters;
    lab_letters(l, "db.orders", false, &letters);
    int64_t id = letters[0].id, other = letters[1].id;
    bw_command c = {.kind = BW_COMMAND_DISCARD, .letters = &id, .n_letters = 1};
    assert_true(lab_do(l, c));
    assert_string_equal(letter_states(l), "{\"id\":1} discarded, {\"id\":2} open");
    assert_false(lab_do(l, c));
    assert_true(lab_do(l, (bw_command){.kind = BW_COMMAND_EDIT,
                                       .letters = &other,
                                       .n_letters = 1,
                                       .content = BW_SLICE_LIT("{\"id\":\"2\"}")}));
    lab_letters(l, "db.orders", false, &letters);
    assert_string_equal(letters[0].content.ptr, "{\"id\":\"2\"}");
    assert_false(lab_do(l, (bw_command){.kind = BW_COMMAND_EDIT, .letters = &id, .n_letters = 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(keeps_what_does_not_fit),
        LAB_TEST(isolates_what_the_destination_refuses),
        LAB_TEST(replaces_with_what_fits),
        LAB_TEST(stops_a_flood_before_the_checkpoint),
        LAB_TEST(counts_only_new_letters_as_a_flood),
        LAB_TEST(supersedes_a_letter_when_its_row_lands),
        LAB_TEST(watches_letters_within_a_run),
        LAB_TEST(replays_rows_from_the_source),
        LAB_TEST(discards_and_edits),
    };
    LAB_MAIN(tests);
}
