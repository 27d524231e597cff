/* Dead letters from staged to discarded, and pages of many. */
#include "tests/unit/store/fixture.h"

#include <stdio.h>

static void is_staged_until_its_batch_commits(void **state)
{
    fixture *f = *state;
    int64_t fresh;
    bw_batch_record b = fixture_plan(f, fixture_run(f));
    fixture_stage(f, &b, "{\"id\":1}", "e1");
    fixture_stage(f, &b, "{\"id\":2}", "e2");
    assert_ok(bw_store_letters_staged_new(f->store, SYNC, b.number, &fresh, &f->err), f->err);
    assert_int_equal(fresh, 2);
    assert_int_equal(fixture_open_letters(f), 0);
    assert_ok(bw_store_batch_abandon(f->store, SYNC, b.number, false, &f->err), f->err);
    assert_int_equal(fixture_open_letters(f), 0);
    assert_ok(bw_store_letters_staged_new(f->store, SYNC, b.number, &fresh, &f->err), f->err);
    assert_int_equal(fresh, 0);
}

static void keeps_everything_about_the_row(void **state)
{
    fixture *f = *state;
    bw_batch_record b = fixture_plan(f, fixture_run(f));
    bw_dead_letter in = {.key = "{\"id\":7}",
                         .event_id = "e7",
                         .reason = BW_REASON_BAD_UTF8,
                         .column = "na\"me",
                         .detail = "byte 3",
                         .content = {"a\0\xff", 3},
                         .attributes = "{\"origin\":\"x\"}",
                         .attempts = 3,
                         .first_seen_us = 5,
                         .last_seen_us = BW_TIME_NONE};
    assert_ok(bw_store_letters_stage(f->store, SYNC, b.number, &in, 1, &f->err), f->err);
    fixture_load(f, &b, 0, 1, NULL);
    fixture_commit(f, &b);
    bw_dead_letter out = fixture_get(f, 1);
    assert_string_equal(out.sync, SYNC);
    assert_string_equal(out.key, in.key);
    assert_string_equal(out.event_id, in.event_id);
    assert_int_equal(out.reason, in.reason);
    assert_string_equal(out.column, in.column);
    assert_string_equal(out.detail, in.detail);
    assert_true(bw_slice_eq(out.content, in.content));
    assert_string_equal(out.attributes, in.attributes);
    assert_int_equal(out.attempts, 3);
    assert_int_equal(out.first_seen_us, 5);
    assert_int_equal(out.last_seen_us, f->wall_us);
    assert_int_equal(out.state, BW_LETTER_OPEN);
    assert_int_equal(out.batch, b.number);
}

static void met_again_raises_attempts_with_the_commit(void **state)
{
    fixture *f = *state;
    int64_t fresh, id = fixture_letter(f, "{\"id\":1}", "e1");
    f->wall_us += BW_HOUR;
    bw_batch_record b = fixture_plan(f, fixture_run(f));
    bw_dead_letter again = {.key = "{\"id\":1}",
                            .event_id = "e1",
                            .reason = BW_REASON_ARRAY_NULL,
                            .content = bw_slice_cstr("newer")};
    assert_ok(bw_store_letters_stage(f->store, SYNC, b.number, &again, 1, &f->err), f->err);
    assert_ok(bw_store_letters_staged_new(f->store, SYNC, b.number, &fresh, &f->err), f->err);
    assert_int_equal(fresh, 0);
    assert_int_equal(fixture_get(f, id).attempts, 1);
    fixture_load(f, &b, 0, 1, NULL);
    fixture_commit(f, &b);
    bw_dead_letter l = fixture_get(f, id);
    assert_int_equal(l.attempts, 2);
    assert_int_equal(l.last_seen_us, f->wall_us);
    assert_int_equal(l.first_seen_us, f->wall_us - BW_HOUR);
    assert_int_equal(l.reason, BW_REASON_ARRAY_NULL);
    assert_true(bw_slice_is(l.content, "newer"));
    assert_int_equal(fixture_open_letters(f), 1);
}

static void move(fixture *f, int64_t id, bw_letter_state to, int64_t expected)
{
    int64_t moved;
    assert_ok(bw_store_letters_move(f->store, &id, 1, to, "anna", &moved, &f->err), f->err);
    assert_int_equal(moved, expected);
}

static void meet_again(fixture *f, const char *key, const char *event_id)
{
    bw_batch_record b = fixture_plan(f, fixture_run(f));
    fixture_stage(f, &b, key, event_id);
    fixture_load(f, &b, 0, 1, NULL);
    fixture_commit(f, &b);
}

static void what_was_discarded_stays_so_until_its_content_changes(void **state)
{
    fixture *f = *state;
    int64_t id = fixture_letter(f, "{\"id\":1}", "e1");
    move(f, id, BW_LETTER_DISCARDED, 1);
    meet_again(f, "{\"id\":1}", "e1");
    assert_int_equal(fixture_get(f, id).state, BW_LETTER_DISCARDED);
    bw_batch_record b = fixture_plan(f, fixture_run(f));
    bw_dead_letter other = {.key = "{\"id\":1}",
                            .event_id = "e1",
                            .reason = BW_REASON_BAD_UTF8,
                            .content = bw_slice_cstr("other")};
    assert_ok(bw_store_letters_stage(f->store, SYNC, b.number, &other, 1, &f->err), f->err);
    fixture_load(f, &b, 0, 1, NULL);
    fixture_commit(f, &b);
    assert_int_equal(fixture_get(f, id).state, BW_LETTER_OPEN);
}

/* ---- messages --------------------------------------------------------------------------- */

static void meet_message(fixture *f, const char *content, const char *content_hash)
{
    bw_dead_letter l = {.event_id = "e1",
                        .content_hash = content_hash,
                        .reason = BW_REASON_PROCESSING,
                        .attributes = "{}",
                        .content = bw_slice_cstr(content)};
    assert_ok(bw_store_letters_put(f->store, SYNC, &l, 1, &f->err), f->err);
}

static void is_message(fixture *f, int64_t id, bw_letter_state letter_state, int attempts,
                       const char *content)
{
    bw_dead_letter l = fixture_get(f, id);
    assert_int_equal(l.state, letter_state);
    assert_int_equal(l.attempts, attempts);
    assert_true(bw_slice_is(l.content, content));
    assert_string_equal(l.event_id, "e1");
}

static void messages_that_differ_under_one_id_are_two_letters(void **state)
{
    fixture *f = *state;
    meet_message(f, "one", NULL);
    bw_dead_letter l = fixture_get(f, 1);
    assert_int_equal(l.contradicts, 0);
    assert_false(bw_store_letter_edited(&l));
    meet_message(f, "two", NULL);
    meet_message(f, "two", NULL);
    is_message(f, 1, BW_LETTER_OPEN, 1, "one");
    is_message(f, 2, BW_LETTER_OPEN, 2, "two");
    assert_int_equal(fixture_get(f, 1).contradicts, 2);
    assert_int_equal(fixture_get(f, 2).contradicts, 1);

    /* In one batch, too; and the one that lands settles its own letter only. */
    const char *const *keys;
    size_t n;
    assert_ok(bw_store_letter_keys(f->store, SYNC, 10, &f->arena, &keys, &n, &f->err), f->err);
    assert_int_equal(n, 2);
    const char *key =
        bw_store_letter_key(&f->arena, BW_SLICE_LIT("e1"), fixture_get(f, 1).content_hash);
    bw_batch_record b = fixture_plan(f, fixture_run(f));
    bw_dead_letter both[] = {
        {.event_id = "e1", .attributes = "{}", .content = bw_slice_cstr("two")},
        {.event_id = "e1", .attributes = "{}", .content = bw_slice_cstr("three")}};
    assert_ok(bw_store_letters_stage(f->store, SYNC, b.number, both, 2, &f->err), f->err);
    int64_t fresh;
    assert_ok(bw_store_letters_staged_new(f->store, SYNC, b.number, &fresh, &f->err), f->err);
    assert_int_equal(fresh, 1);
    b.landed_keys = bw_arena_printf(&f->arena, "[\"%s\"]", key);
    fixture_load(f, &b, 1, 2, NULL);
    fixture_commit(f, &b);
    is_message(f, 1, BW_LETTER_SUPERSEDED, 1, "one");
    is_message(f, 2, BW_LETTER_OPEN, 3, "two");
    assert_int_equal(fixture_open_letters(f), 2);
    /* What was given up contradicts nobody any more. */
    move(f, 2, BW_LETTER_DISCARDED, 1);
    is_message(f, fixture_get(f, 1).contradicts, BW_LETTER_OPEN, 1, "three");
}

static void an_edited_message_met_as_it_was_stays_as_the_operator_left_it(void **state)
{
    fixture *f = *state;
    static const struct {
        bw_letter_state by[2];
        int n;
        bw_letter_state state;
    } cases[] = {{{0}, 0, BW_LETTER_OPEN},
                 {{BW_LETTER_REPLAYING}, 1, BW_LETTER_REPLAYING},
                 {{BW_LETTER_REPLAYING, BW_LETTER_REPLAYED}, 2, BW_LETTER_REPLAYED},
                 {{BW_LETTER_DISCARDED}, 1, BW_LETTER_DISCARDED}};
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        const char *content = bw_arena_printf(&f->arena, "%zu", i);
        int64_t id = (int64_t)i + 1, fresh;
        meet_message(f, content, NULL);
        assert_ok(bw_store_letter_edit(f->store, id, BW_SLICE_LIT("mended"), "anna", &f->err),
                  f->err);
        for (int k = 0; k < cases[i].n; k++)
            move(f, id, cases[i].by[k], 1);
        meet_message(f, content, NULL);
        is_message(f, id, cases[i].state, 2, "mended");
        bw_dead_letter l = fixture_get(f, id);
        assert_true(bw_store_letter_edited(&l));
        /* A flood leaves it alone as well, and does not count it. */
        bw_batch_record b = fixture_plan(f, fixture_run(f));
        bw_dead_letter again = {
            .event_id = "e1", .attributes = "{}", .content = bw_slice_cstr(content)};
        assert_ok(bw_store_letters_stage(f->store, SYNC, b.number, &again, 1, &f->err), f->err);
        assert_ok(bw_store_letters_staged_new(f->store, SYNC, b.number, &fresh, &f->err), f->err);
        assert_int_equal(fresh, 0);
        assert_ok(bw_store_batch_abandon(f->store, SYNC, b.number, true, &f->err), f->err);
        is_message(f, id, cases[i].state, 2, "mended");
    }
    /* Replayed and refused, it is the same letter with what it was edited to. */
    const char *hash = fixture_get(f, 2).content_hash;
    meet_message(f, "mended", hash);
    is_message(f, 2, BW_LETTER_OPEN, 3, "mended");
}

static void a_key_that_lands_settles_its_letters(void **state)
{
    fixture *f = *state;
    int64_t open = fixture_letter(f, "{\"id\":1}", "e1");
    int64_t replaying = fixture_letter(f, "{\"id\":\"a,b\"}", "e2");
    int64_t other = fixture_letter(f, "{\"id\":3}", "e3");
    move(f, replaying, BW_LETTER_REPLAYING, 1);
    const char *const *keys;
    size_t n;
    assert_ok(bw_store_letter_keys(f->store, SYNC, 10, &f->arena, &keys, &n, &f->err), f->err);
    assert_int_equal(n, 3);
    assert_string_equal(keys[0], "{\"id\":\"a,b\"}");
    assert_string_equal(keys[1], "{\"id\":1}");
    assert_string_equal(keys[2], "{\"id\":3}");
    /* Where not all can be watched for, what is being replayed is. */
    move(f, other, BW_LETTER_REPLAYING, 1);
    assert_ok(bw_store_letter_keys(f->store, SYNC, 2, &f->arena, &keys, &n, &f->err), f->err);
    assert_int_equal(n, 2);
    assert_string_equal(keys[0], "{\"id\":\"a,b\"}");
    assert_string_equal(keys[1], "{\"id\":3}");
    assert_ok(bw_store_letters_release(f->store, &other, 1, &f->err), f->err);

    bw_batch_record b = fixture_plan(f, fixture_run(f));
    b.landed_keys = "[\"{\\\"id\\\":1}\",\"{\\\"id\\\":\\\"a,b\\\"}\",\"{\\\"id\\\":99}\"]";
    fixture_load(f, &b, 2, 0, NULL);
    assert_int_equal(fixture_get(f, open).state, BW_LETTER_OPEN);
    b.landed_keys = NULL; /* as after a restart: what was stored counts */
    fixture_commit(f, &b);
    assert_int_equal(fixture_get(f, open).state, BW_LETTER_SUPERSEDED);
    assert_int_equal(fixture_get(f, replaying).state, BW_LETTER_REPLAYED);
    assert_int_equal(fixture_get(f, other).state, BW_LETTER_OPEN);
    /* A row that does not fit again is open again. */
    meet_again(f, "{\"id\":1}", "e1");
    assert_int_equal(fixture_get(f, open).state, BW_LETTER_OPEN);

    b = fixture_plan(f, fixture_run(f));
    b.landed_keys = "[not JSON";
    assert_int_equal(bw_store_batch_loaded(f->store, &b, &f->err), BW_INTERNAL);
}

static void replacing_the_table_settles_all_but_what_it_found(void **state)
{
    fixture *f = *state;
    int64_t gone = fixture_letter(f, "{\"id\":1}", "e1");
    int64_t still = fixture_letter(f, "{\"id\":2}", "e2");
    bw_batch_record b = fixture_plan(f, fixture_run(f));
    fixture_stage(f, &b, "{\"id\":2}", "e2");
    fixture_load(f, &b, 9, 1, NULL);
    assert_ok(bw_store_batch_commit(f->store, &b, (bw_slice){0}, true, &f->err), f->err);
    assert_int_equal(fixture_get(f, gone).state, BW_LETTER_SUPERSEDED);
    assert_int_equal(fixture_get(f, still).state, BW_LETTER_OPEN);
}

static void a_flood_stays_listed_until_a_run_ends_well(void **state)
{
    fixture *f = *state;
    int64_t fresh, known = fixture_letter(f, "{\"id\":9}", "known");
    int64_t run = fixture_run(f);
    bw_batch_record b = fixture_plan(f, run);
    fixture_stage(f, &b, "{\"id\":1}", "e1");
    fixture_stage(f, &b, "{\"id\":2}", "e2");
    fixture_stage(f, &b, "{\"id\":9}", "known");
    assert_ok(bw_store_batch_abandon(f->store, SYNC, b.number, true, &f->err), f->err);
    fixture_end_run(f, run, "failed");
    assert_int_equal(fixture_open_letters(f), 3);
    assert_int_equal(fixture_get(f, known).attempts, 1);
    assert_int_equal(fixture_get(f, known + 1).state, BW_LETTER_STAGED);
    move(f, known + 1, BW_LETTER_REPLAYING, 0);

    /* The limit must hold the second time too. */
    run = fixture_run(f);
    b = fixture_plan(f, run);
    fixture_stage(f, &b, "{\"id\":1}", "e1");
    assert_ok(bw_store_letters_staged_new(f->store, SYNC, b.number, &fresh, &f->err), f->err);
    assert_int_equal(fresh, 1);
    fixture_load(f, &b, 0, 1, NULL);
    fixture_commit(f, &b);
    fixture_end_run(f, run, "ok");
    assert_int_equal(fixture_open_letters(f), 2); /* e2 was not met again */
    assert_int_equal(fixture_get(f, known + 1).state, BW_LETTER_OPEN);
    assert_int_equal(fixture_get(f, known + 1).attempts, 2);
}

static void moves_only_where_a_move_makes_sense(void **state)
{
    fixture *f = *state;
    int64_t id = fixture_letter(f, "{\"id\":1}", "e1");
    move(f, id, BW_LETTER_OPEN, 0);
    move(f, id, BW_LETTER_REPLAYING, 1);
    move(f, id, BW_LETTER_REPLAYING, 0);
    move(f, id, BW_LETTER_DISCARDED, 0);
    move(f, id, BW_LETTER_OPEN, 1);
    assert_int_equal(fixture_get(f, id).attempts, 2);
    move(f, id, BW_LETTER_REPLAYED, 1);
    move(f, id, BW_LETTER_REPLAYING, 0);
    move(f, 4711, BW_LETTER_DISCARDED, 0);
    int64_t moved;
    assert_int_equal(
        bw_store_letters_move(f->store, &id, 1, BW_LETTER_STAGED, "anna", &moved, &f->err),
        BW_INVALID);
}

/* What was to be replayed and was not: as if nobody had touched it. */
static void released_letters_are_as_they_were(void **state)
{
    fixture *f = *state;
    int64_t ids[] = {fixture_letter(f, "{\"id\":1}", "e1"), fixture_letter(f, "{\"id\":2}", "e2"),
                     99};
    move(f, ids[0], BW_LETTER_REPLAYING, 1);
    move(f, ids[1], BW_LETTER_DISCARDED, 1);
    assert_ok(bw_store_letters_release(f->store, ids, BW_COUNT(ids), &f->err), f->err);
    assert_int_equal(fixture_get(f, ids[0]).state, BW_LETTER_OPEN);
    assert_int_equal(fixture_get(f, ids[0]).attempts, 1);
    assert_int_equal(fixture_get(f, ids[1]).state, BW_LETTER_DISCARDED);
}

static void lists_are_windows(void **state)
{
    fixture *f = *state;
    bw_dead_letter *l;
    size_t n;
    for (int i = 1; i <= 5; i++) {
        char key[24], event_id[8];
        snprintf(key, sizeof(key), "{\"id\":%d}", i);
        snprintf(event_id, sizeof(event_id), "e%d", i);
        fixture_letter(f, key, event_id);
    }
    bw_letter_filter window = {.sync = SYNC, .limit = 2, .offset = 3};
    assert_ok(bw_store_letters(f->store, &window, &f->arena, &l, &n, &f->err), f->err);
    assert_int_equal(n, 2);
    assert_string_equal(l[0].event_id, "e4");
    assert_string_equal(l[1].event_id, "e5");
    window.offset = 5;
    assert_ok(bw_store_letters(f->store, &window, &f->arena, &l, &n, &f->err), f->err);
    assert_int_equal(n, 0);
    window = (bw_letter_filter){.text = "E3"}; /* ids of events are found, too */
    assert_ok(bw_store_letters(f->store, &window, &f->arena, &l, &n, &f->err), f->err);
    assert_int_equal(n, 1);
    window.text = "OPEN";
    assert_ok(bw_store_letters(f->store, &window, &f->arena, &l, &n, &f->err), f->err);
    assert_int_equal(n, 5);
}

static void so_many_as_fit(void **state)
{
    fixture *f = *state;
    static const size_t expected[][2] = {{1, 1}, {3, 1}, {4, 2}, {5, 2}, {6, 3}, {100, 3}};
    size_t n;
    bw_letter_filter all = {.sync = SYNC};
    assert_ok(bw_store_letters_fit(f->store, &all, 100, &n, &f->err), f->err);
    assert_int_equal(n, 0);
    static const char *const contents[] = {"aa", "bb", "cc"};
    for (size_t i = 0; i < BW_COUNT(contents); i++)
        meet_message(f, contents[i], NULL);
    for (size_t i = 0; i < BW_COUNT(expected); i++) {
        assert_ok(bw_store_letters_fit(f->store, &all, expected[i][0], &n, &f->err), f->err);
        assert_int_equal(n, expected[i][1]);
    }
    all.limit = 2;
    assert_ok(bw_store_letters_fit(f->store, &all, 100, &n, &f->err), f->err);
    assert_int_equal(n, 2);
}

static void discarded_and_edited_content_is_in_the_audit_trail(void **state)
{
    fixture *f = *state;
    bw_audit_entry *e;
    size_t n;
    int64_t id = fixture_letter(f, "{\"id\":1}", "e1");
    assert_ok(bw_store_letter_edit(f->store, id, (bw_slice){"\xff", 1}, "anna", &f->err), f->err);
    assert_int_equal(fixture_get(f, id).content.len, 1);
    move(f, id, BW_LETTER_DISCARDED, 1);
    assert_ok(bw_store_audit_list(f->store, SYNC, 0, 2, &f->arena, &e, &n, &f->err), f->err);
    assert_int_equal(n, 2);
    assert_string_equal(e[0].action, "discard");
    assert_string_equal(e[0].who, "anna");
    assert_non_null(strstr(e[0].detail, "\"content_base64\":\"/w==\""));
    assert_string_equal(e[1].action, "edit");
    assert_non_null(strstr(e[1].detail, "{\\\"id\\\":\\\"1\\\",\\\"total\\\":\\\"1e400\\\"}"));
    assert_non_null(strstr(e[1].detail, "\"key\":\"{\\\"id\\\":1}\""));
    assert_int_equal(bw_store_letter_edit(f->store, id, BW_SLICE_LIT("x"), "anna", &f->err),
                     BW_CONFLICT);
    assert_int_equal(bw_store_letter_edit(f->store, 4711, BW_SLICE_LIT("x"), "anna", &f->err),
                     BW_NOT_FOUND);
}

/* ---- pages ------------------------------------------------------------------------------ */

static int64_t count(fixture *f, bw_letter_filter filter)
{
    int64_t n;
    bw_dead_letter *l;
    size_t listed;
    assert_ok(bw_store_letters_count(f->store, &filter, &n, &f->err), f->err);
    assert_ok(bw_store_letters(f->store, &filter, &f->arena, &l, &listed, &f->err), f->err);
    assert_int_equal((int64_t)listed, n);
    return n;
}

static void filters(void **state)
{
    fixture *f = *state;
    int64_t ids[] = {fixture_letter(f, "{\"id\":1}", "e1"), fixture_letter(f, "{\"id\":2}", "e2"),
                     fixture_letter(f, "{\"ID\":3}", "e3")};
    move(f, ids[1], BW_LETTER_DISCARDED, 1);
    assert_int_equal(count(f, (bw_letter_filter){0}), 2);
    assert_int_equal(count(f, (bw_letter_filter){.any_state = true}), 3);
    assert_int_equal(count(f, (bw_letter_filter){.any_state = true, .after_id = ids[0]}), 2);
    assert_int_equal(count(f, (bw_letter_filter){.sync = "other"}), 0);
    assert_int_equal(count(f, (bw_letter_filter){.sync = SYNC}), 2);
    assert_int_equal(count(f, (bw_letter_filter){.reason = "NUMERIC_OVERFLOW"}), 2);
    assert_int_equal(count(f, (bw_letter_filter){.reason = "BAD_UTF8"}), 0);
    assert_int_equal(count(f, (bw_letter_filter){.ids = ids, .n_ids = 2}), 1);
    assert_int_equal(count(f, (bw_letter_filter){.ids = ids, .n_ids = 0}), 0);
    assert_int_equal(count(f, (bw_letter_filter){.text = "\"id\":3"}), 1);
    assert_int_equal(count(f, (bw_letter_filter){.text = "TOTAL"}), 2);
    assert_int_equal(count(f, (bw_letter_filter){.text = "1E400\"}"}), 2);
    assert_int_equal(count(f, (bw_letter_filter){.text = "%"}), 0);
    bw_letter_group *g;
    size_t n;
    assert_ok(bw_store_letter_groups(f->store, NULL, &f->arena, &g, &n, &f->err), f->err);
    assert_int_equal(n, 1);
    assert_int_equal(g[0].count, 2);
    assert_int_equal(g[0].reason, BW_REASON_NUMERIC_OVERFLOW);
    assert_ok(bw_store_letter_groups(f->store, "other", &f->arena, &g, &n, &f->err), f->err);
    assert_int_equal(n, 0);
}

enum { MANY = 100000, PAGE = 200 };

static void stage_many(fixture *f, bw_batch_record *b)
{
    bw_dead_letter *l = calloc(1000, sizeof(*l));
    for (int at = 0; at < MANY; at += 1000) {
        for (int i = 0; i < 1000; i++)
            l[i] = (bw_dead_letter){.key = bw_arena_printf(&f->arena, "{\"id\":%d}", at + i),
                                    .event_id = bw_arena_printf(&f->arena, "e%d", at + i),
                                    .reason = (i & 1) ? BW_REASON_BAD_UTF8 : BW_REASON_ARRAY_NULL,
                                    .content = bw_slice_cstr("{\"some\":\"row\"}")};
        assert_ok(bw_store_letters_stage(f->store, SYNC, b->number, l, 1000, &f->err), f->err);
    }
    free(l);
}

/* How quick they are the console shows: e2e/test_letters.py. */
static void pages_of_many_letters_hold_each_once(void **state)
{
    fixture *f = *state;
    bw_batch_record b = fixture_plan(f, fixture_run(f));
    stage_many(f, &b);
    fixture_load(f, &b, 0, MANY, NULL);
    fixture_commit(f, &b);
    bw_letter_filter page = {.sync = SYNC, .limit = PAGE};
    size_t total = 0, n;
    bw_dead_letter *l;
    do {
        bw_arena_reset(&f->arena, (size_t)1 << 20);
        assert_ok(bw_store_letters(f->store, &page, &f->arena, &l, &n, &f->err), f->err);
        total += n;
        if (n > 0)
            page.after_id = l[n - 1].id;
    } while (n == PAGE);
    assert_int_equal(total, MANY);

    bw_letter_group *g;
    assert_ok(bw_store_letter_groups(f->store, NULL, &f->arena, &g, &n, &f->err), f->err);
    assert_int_equal(n, 2);
    assert_int_equal(g[0].count + g[1].count, MANY);
    assert_int_equal(count(f, (bw_letter_filter){.text = "\"id\":77777}"}), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(is_staged_until_its_batch_commits),
        FIXTURE_TEST(keeps_everything_about_the_row),
        FIXTURE_TEST(met_again_raises_attempts_with_the_commit),
        FIXTURE_TEST(what_was_discarded_stays_so_until_its_content_changes),
        FIXTURE_TEST(messages_that_differ_under_one_id_are_two_letters),
        FIXTURE_TEST(an_edited_message_met_as_it_was_stays_as_the_operator_left_it),
        FIXTURE_TEST(a_key_that_lands_settles_its_letters),
        FIXTURE_TEST(replacing_the_table_settles_all_but_what_it_found),
        FIXTURE_TEST(a_flood_stays_listed_until_a_run_ends_well),
        FIXTURE_TEST(moves_only_where_a_move_makes_sense),
        FIXTURE_TEST(released_letters_are_as_they_were),
        FIXTURE_TEST(lists_are_windows),
        FIXTURE_TEST(so_many_as_fit),
        FIXTURE_TEST(discarded_and_edited_content_is_in_the_audit_trail),
        FIXTURE_TEST(filters),
        FIXTURE_TEST(pages_of_many_letters_hold_each_once),
    };
    return BW_RUN_TESTS(tests);
}
