/* The line editor. */
#include "tests/support/frame.h"

#include "views/kit/prompt.h"

static bw_reaction press(bw_prompt *p, const char *key)
{
    bw_input e = bw_test_key(key);
    return bw_prompt_event(p, &e);
}

static void type(bw_prompt *p, const char *text)
{
    for (; *text; text++) {
        char key[2] = {*text, 0};
        assert_true(press(p, *text == ' ' ? "space" : key) & BW_REACT_CHANGE);
    }
}

static void edits_by_whole_clusters(void **state)
{
    (void)state;
    bw_prompt *p = bw_prompt_new(&(bw_prompt_options){.label = "/", .text = "ae\u0301世b"});
    press(p, "left");
    press(p, "backspace");
    assert_string_equal(bw_prompt_text(p), "ae\u0301b");
    press(p, "backspace");
    assert_string_equal(bw_prompt_text(p), "ab");
    press(p, "home");
    press(p, "delete");
    assert_string_equal(bw_prompt_text(p), "b");
    press(p, "ctrl-e");
    type(p, " one two");
    press(p, "ctrl-w");
    assert_string_equal(bw_prompt_text(p), "b one ");
    press(p, "ctrl-a");
    press(p, "right");
    press(p, "ctrl-k");
    assert_string_equal(bw_prompt_text(p), "b");
    press(p, "ctrl-u");
    assert_string_equal(bw_prompt_text(p), "");
    assert_int_equal(press(p, "backspace"), BW_REACT_HANDLED);
    assert_int_equal(press(p, "f5"), BW_REACT_NONE);
    assert_true(press(p, "enter") & BW_REACT_ACCEPT);
    assert_true(press(p, "esc") & BW_REACT_CANCEL);
    bw_prompt_free(p);
}

static void pasted_newlines_never_submit(void **state)
{
    (void)state;
    bw_prompt *p = bw_prompt_new(&(bw_prompt_options){.label = ":", .max = 40});
    bw_input e = {.type = BW_EVENT_PASTE, .text = BW_SLICE_LIT("one\r\ntwo\n\x1b[2J\n")};
    assert_int_equal(bw_prompt_event(p, &e), BW_REACT_REDRAW | BW_REACT_CHANGE);
    assert_string_equal(bw_prompt_text(p), "one two ^[[2J");
    /* What does not fit is cut on a character's boundary. */
    e.text = BW_SLICE_LIT("世世世世世世世世世世世世世世世世世世世");
    bw_prompt_event(p, &e);
    assert_true(strlen(bw_prompt_text(p)) <= 40);
    bw_prompt_free(p);
}

static void history_goes_back_and_keeps_the_draft(void **state)
{
    (void)state;
    bw_history h = {0};
    bw_history_add(&h, "first");
    bw_history_add(&h, "second");
    bw_history_add(&h, "first"); /* a double moves to the end */
    assert_int_equal(h.count, 2);
    bw_prompt *p = bw_prompt_new(&(bw_prompt_options){.label = ":", .history = &h});
    type(p, "dr");
    press(p, "up");
    assert_string_equal(bw_prompt_text(p), "first");
    press(p, "up");
    press(p, "up");
    assert_string_equal(bw_prompt_text(p), "second");
    press(p, "down");
    press(p, "down");
    assert_string_equal(bw_prompt_text(p), "dr");
    press(p, "enter");
    assert_int_equal(h.count, 3);
    bw_prompt_free(p);
    for (int i = 0; i < 2 * BW_HISTORY_MAX; i++) {
        char line[16];
        snprintf(line, sizeof(line), "%d", i);
        bw_history_add(&h, line);
    }
    assert_int_equal(h.count, BW_HISTORY_MAX);
    bw_history_fini(&h);
}

static void offer(void *user, const char *text, bw_candidates *out)
{
    static const char *const words[] = {"resync", "resync-full", "resume", "runs"};
    (void)user;
    for (size_t i = 0; i < BW_COUNT(words); i++) {
        if (strncmp(words[i], text, strlen(text)) == 0)
            bw_candidates_add(out, words[i], NULL);
    }
}

static void tab_completes_then_walks(void **state)
{
    (void)state;
    bw_prompt *p = bw_prompt_new(&(bw_prompt_options){.label = ":", .complete = offer});
    type(p, "r");
    press(p, "tab"); /* nothing in common beyond what stands there: the first candidate */
    assert_string_equal(bw_prompt_text(p), "resync");
    press(p, "tab");
    assert_string_equal(bw_prompt_text(p), "resync-full");
    press(p, "shift-tab");
    assert_string_equal(bw_prompt_text(p), "resync");
    assert_int_equal(bw_prompt_rows(p), 5);
    bw_canvas *c = bw_canvas_new(5, 20, bw_glyphs_pick(true, false, false));
    bw_prompt_draw(p, bw_canvas_region(c));
    assert_frame(c, " resync\n resync-full\n resume\n runs\n:resync\n");
    assert_int_equal(c->cursor_row, 4);
    assert_int_equal(c->cursor_col, 7);
    assert_true(c->cursor_shown);
    press(p, "esc"); /* ends the completion only */
    assert_string_equal(bw_prompt_text(p), "r");
    type(p, "es");
    press(p, "ctrl-u");
    type(p, "ru");
    press(p, "tab");
    assert_string_equal(bw_prompt_text(p), "runs");
    press(p, "ctrl-u");
    type(p, "x");
    assert_int_equal(press(p, "tab"), BW_REACT_HANDLED);
    bw_canvas_free(c);
    bw_prompt_free(p);
}

static void long_lines_scroll_and_complaints_show(void **state)
{
    (void)state;
    bw_canvas *c = bw_canvas_new(1, 20, bw_glyphs_pick(true, false, false));
    bw_prompt *p =
        bw_prompt_new(&(bw_prompt_options){.label = "/", .text = "0123456789abcdefghijk"});
    bw_prompt_draw(p, bw_canvas_region(c));
    assert_frame(c, "/3456789abcdefghijk\n");
    assert_int_equal(c->cursor_col, 19);
    bw_prompt_set(p, "(");
    bw_prompt_complain(p, "unmatched (");
    bw_canvas_clear(c);
    bw_prompt_draw(p, bw_canvas_region(c));
    assert_frame(c, "/(  unmatched (\n");
    press(p, "backspace");
    bw_canvas_clear(c);
    bw_prompt_draw(p, bw_canvas_region(c));
    assert_frame(c, "/\n");
    bw_canvas_free(c);
    bw_prompt_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_by_whole_clusters),
        cmocka_unit_test(pasted_newlines_never_submit),
        cmocka_unit_test(history_goes_back_and_keeps_the_draft),
        cmocka_unit_test(tab_completes_then_walks),
        cmocka_unit_test(long_lines_scroll_and_complaints_show),
    };
    return BW_RUN_TESTS(tests);
}
