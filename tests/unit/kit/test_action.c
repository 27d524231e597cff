/* The action table and everything that is generated from it. */
#include "tests/support/frame.h"

#include <stdlib.h>

#include "views/kit/layout.h"
#include "views/kit/palette.h"

enum { HOME, TEXT };
enum { RESYNC = BW_ACTION_FIRST_FREE, RESYNC_FULL, PAUSE, RUNS };

static const bw_action own[] = {
    {RESYNC, "resync", NULL, "load what has changed now", NULL, "r",
     BW_ACT_ROW | BW_ACT_BULK | BW_ACT_MUTATES | BW_ACT_HINT, BW_SCREEN(HOME)},
    {RESYNC_FULL, "resync-full", "full resync", "load everything again", NULL, "R",
     BW_ACT_ROW | BW_ACT_BULK | BW_ACT_MUTATES | BW_ACT_DANGEROUS, BW_SCREEN(HOME)},
    {PAUSE, "pause", NULL, "stop loading until resumed", NULL, "p",
     BW_ACT_ROW | BW_ACT_MUTATES | BW_ACT_HINT, BW_SCREEN(HOME)},
    {RUNS, "runs", NULL, "the history of runs", "[SYNC]", NULL, BW_ACT_SCREEN, BW_SCREENS_ALL},
};

static bw_action_set *new_set(void)
{
    bw_action_set *set = bw_action_set_new();
    bw_error err = BW_ERROR_INIT;
    assert_ok(bw_action_set_add(set, own, BW_COUNT(own), BW_SCREENS_ALL, &err), err);
    assert_ok(
        bw_action_set_add(set, bw_actions_generic, bw_actions_generic_count, BW_SCREENS_ALL, &err),
        err);
    assert_ok(
        bw_action_set_add(set, bw_actions_table, bw_actions_table_count, BW_SCREEN(HOME), &err),
        err);
    assert_ok(bw_action_set_add(set, bw_actions_text, bw_actions_text_count, BW_SCREEN(TEXT), &err),
              err);
    return set;
}

static int id_for(const bw_action_set *set, unsigned screen, const char *key)
{
    const bw_action *a = bw_action_for_key(set, screen, key);
    return a ? a->id : BW_ACTION_NONE;
}

static void keys_mean_what_the_screen_says(void **state)
{
    (void)state;
    bw_action_set *set = new_set();
    assert_int_equal(id_for(set, HOME, "r"), RESYNC);
    assert_int_equal(id_for(set, TEXT, "r"), BW_ACTION_NONE);
    assert_int_equal(id_for(set, HOME, "/"), BW_ACTION_FILTER);
    assert_int_equal(id_for(set, TEXT, "/"), BW_ACTION_SEARCH);
    assert_int_equal(id_for(set, TEXT, "ctrl-n"), BW_ACTION_DOWN);
    assert_int_equal(id_for(set, HOME, "x"), BW_ACTION_NONE);
    bw_action_set_free(set);
}

static void no_mutation_sits_on_a_reflex(void **state)
{
    (void)state;
    static const char *const keys[] = {"ctrl-k", "d", "j", "f g"};
    for (size_t i = 0; i < BW_COUNT(keys); i++) {
        bw_action_set *set = bw_action_set_new();
        bw_error err = BW_ERROR_INIT;
        const bw_action bad = {200,  "discard", NULL,           "throw away",
                               NULL, keys[i],   BW_ACT_MUTATES, BW_SCREENS_ALL};
        assert_int_equal(bw_action_set_add(set, &bad, 1, BW_SCREENS_ALL, &err), BW_INTERNAL);
        bw_action_set_free(set);
    }
}

static void a_table_with_a_key_twice_is_refused(void **state)
{
    (void)state;
    bw_action_set *set = new_set();
    bw_error err = BW_ERROR_INIT;
    const bw_action other = {300, "rewind", NULL, "go back", NULL, "r", 0, BW_SCREEN(HOME)};
    assert_int_equal(bw_action_set_add(set, &other, 1, BW_SCREENS_ALL, &err), BW_INTERNAL);
    assert_string_equal(err.message, "actions resync and rewind both have the key r");
    bw_action_set_free(set);
}

static void the_configuration_binds_and_unbinds(void **state)
{
    (void)state;
    bw_action_set *set = new_set();
    bw_error err = BW_ERROR_INIT;
    const char *const keys[] = {"F5", "ctrl-r"};
    assert_ok(bw_action_set_bind(set, "resync", keys, 2, &err), err);
    assert_int_equal(id_for(set, HOME, "r"), BW_ACTION_NONE);
    assert_int_equal(id_for(set, HOME, "f5"), RESYNC);
    assert_int_equal(id_for(set, TEXT, "f5"), BW_ACTION_NONE); /* was refresh, everywhere */
    assert_non_null(
        strstr(bw_action_set_conflicts(set), "f5 now means resync and no longer refresh"));
    assert_ok(bw_action_set_bind(set, "pause", NULL, 0, &err), err);
    assert_int_equal(id_for(set, HOME, "p"), BW_ACTION_NONE);
    /* Two configured actions cannot have the same key. */
    assert_int_equal(bw_action_set_bind(set, "resync-full", keys, 1, &err), BW_CONFLICT);
    assert_string_equal(err.message, "the key f5 is given to resync and to resync-full");
    assert_int_equal(id_for(set, HOME, "R"), RESYNC_FULL);
    assert_int_equal(bw_action_set_bind(set, "resinc", keys, 1, &err), BW_INVALID);
    assert_string_equal(err.hint, "Did you mean resync?");
    const char *const wrong[] = {"ctlr-f"};
    assert_int_equal(bw_action_set_bind(set, "help", wrong, 1, &err), BW_INVALID);
    bw_action_set_free(set);
}

static const char *paused_already(void *user, const bw_action *action)
{
    (void)user;
    return action->id == PAUSE ? "paused already" : NULL;
}

static void refusals_say_why(void **state)
{
    (void)state;
    bw_action_set *set = new_set();
    bw_action_context c = {.screen = HOME, .has_row = true};
    assert_null(bw_action_refusal(set, &own[0], &c));
    c.read_only = true;
    assert_string_equal(bw_action_refusal(set, &own[0], &c),
                        "read-only: nothing can be changed from here");
    assert_null(bw_action_refusal(set, bw_action_by_id(set, BW_ACTION_FILTER), &c));
    c.read_only = false;
    c.has_row = false;
    assert_string_equal(bw_action_refusal(set, &own[0], &c), "no row is selected");
    c.has_row = true;
    c.refuse = paused_already;
    assert_string_equal(bw_action_refusal(set, &own[2], &c), "paused already");
    c.screen = TEXT;
    assert_string_equal(bw_action_refusal(set, &own[0], &c), "not on this screen");
    bw_action_set_free(set);
}

static void the_palette_reads_commands(void **state)
{
    (void)state;
    bw_action_set *set = new_set();
    bw_palette_command cmd;
    bw_error err = BW_ERROR_INIT;
    assert_ok(bw_palette_parse(set, HOME, "sort lag desc", &cmd, &err), err);
    assert_int_equal(cmd.action->id, BW_ACTION_SORT);
    assert_string_equal(cmd.argument, "lag desc");
    assert_ok(bw_palette_parse(set, HOME, ":  th dark", &cmd, &err), err);
    assert_int_equal(cmd.action->id, BW_ACTION_THEME);
    assert_ok(bw_palette_parse(set, HOME, "resync", &cmd, &err), err); /* exact before longer */
    assert_int_equal(cmd.action->id, RESYNC);
    assert_ok(bw_palette_parse(set, HOME, "runs", &cmd, &err), err);
    static const struct {
        const char *line, *message, *hint;
        bw_status status;
    } bad[] = {
        {"resinc", "unknown command resinc", "Did you mean :resync?", BW_NOT_FOUND},
        {"sort-", "sort- is the beginning of", "Type more of it, or press tab.", BW_INVALID},
        {"help me", "help takes no argument", "", BW_INVALID},
        {"theme", "theme needs NAME", "", BW_INVALID},
        {"wrap", "wrap does not exist on this screen", "", BW_INVALID},
        {"up", "unknown command up", "Press tab for what there is.", BW_NOT_FOUND},
        {"", "no command", "", BW_INVALID},
        {"\x1b[2J", "unknown command ^[[2J", "Press tab for what there is.", BW_NOT_FOUND},
    };
    for (size_t i = 0; i < BW_COUNT(bad); i++) {
        assert_int_equal(bw_palette_parse(set, HOME, bad[i].line, &cmd, &err), bad[i].status);
        assert_memory_equal(err.message, bad[i].message, strlen(bad[i].message));
        assert_string_equal(err.hint, bad[i].hint);
    }
    bw_action_set_free(set);
}

static void theme_names(void *user, const bw_action *action, const char *begun, bw_candidates *out)
{
    (void)user;
    static const char *const themes[] = {"dark", "light"};
    for (size_t i = 0; action->id == BW_ACTION_THEME && i < BW_COUNT(themes); i++) {
        char line[32];
        snprintf(line, sizeof(line), "%s %s", action->name, themes[i]);
        if (strncmp(themes[i], begun, strlen(begun)) == 0)
            bw_candidates_add(out, line, NULL);
    }
}

static void the_palette_completes(void **state)
{
    (void)state;
    bw_action_set *set = new_set();
    bw_palette palette = {set, HOME, theme_names, NULL};
    bw_candidates c = {0};
    bw_palette_complete(&palette, "res", &c);
    assert_int_equal(c.count, 2);
    assert_string_equal(c.items[0].text, "resync");
    assert_string_equal(c.items[1].text, "resync-full");
    assert_string_equal(c.items[1].help, bw_action_by_name(set, "resync-full")->help);
    bw_candidates_fini(&c);
    bw_palette_complete(&palette, "th l", &c);
    assert_int_equal(c.count, 1);
    assert_string_equal(c.items[0].text, "theme light");
    bw_candidates_fini(&c);
    /* Everything that help lists can be completed: no action is out of reach. */
    bw_palette_complete(&palette, "", &c);
    size_t expected = 0;
    for (size_t i = 0; i < bw_action_set_count(set); i++) {
        const bw_action *a = bw_action_at(set, i);
        expected += bw_action_on(set, a, HOME) && !(a->flags & BW_ACT_HIDDEN);
    }
    assert_int_equal(c.count, expected);
    bw_candidates_fini(&c);
    bw_action_set_free(set);
}

static void the_footer_comes_from_the_table(void **state)
{
    (void)state;
    bw_action_set *set = new_set();
    bw_footer footer;
    bw_action_context context = {.screen = HOME, .has_row = true};
    bw_canvas *c = bw_canvas_new(1, 80, bw_glyphs_pick(true, false, false));
    bw_footer_draw(&footer, bw_canvas_region(c), 0, set, &context);
    assert_frame(c, " r resync  p pause  enter open  : command  space mark  / filter  ? help\n");
    bw_input click = bw_test_click(0, 13);
    assert_int_equal(bw_footer_click(&footer, &click), PAUSE);
    click.col = 10;
    assert_int_equal(bw_footer_click(&footer, &click), BW_ACTION_NONE);
    /* Narrow: what works everywhere gives way, help stays. */
    bw_canvas_resize(c, 1, 40);
    context.read_only = true;
    bw_footer_draw(&footer, bw_canvas_region(c), 0, set, &context);
    assert_frame(c, " r resync  p pause  enter open  ? help\n");
    assert_int_equal(BW_STYLE_ROLE(c->cells[1].style), BW_ROLE_DISABLED);
    assert_int_equal(BW_STYLE_ROLE(c->cells[21].style), BW_ROLE_KEY);
    bw_canvas_free(c);
    bw_action_set_free(set);
}

static void help_and_manual_list_every_action(void **state)
{
    (void)state;
    bw_action_set *set = new_set();
    bw_action_context context = {.screen = HOME, .read_only = true, .has_row = true};
    bw_text_view *v = bw_text_view_new(0);
    bw_help_fill(v, set, &context, "Syncs");
    bw_buf all = BW_BUF_INIT, man = BW_BUF_INIT;
    for (size_t i = 0; i < bw_text_view_lines(v); i++) {
        bw_slice line = bw_text_view_line(v, i);
        bw_buf_addf(&all, "%.*s\n", BW_SLICE_ARG(line));
    }
    static const char *const titles[] = {"First", "Second", "Third"};
    bw_action_set_man(set, titles, BW_COUNT(titles), &man);
    assert_non_null(strstr(bw_buf_cstr(&man), ".SS Everywhere\n"));
    for (size_t i = 0; i < bw_action_set_count(set); i++) {
        const bw_action *a = bw_action_at(set, i);
        bool here = bw_action_on(set, a, HOME);
        assert_true((strstr(bw_buf_cstr(&all), a->help) != NULL) == here);
    }
    assert_non_null(strstr(bw_buf_cstr(&all), "  R               :resync-full            load "
                                              "everything again (destroys)  not now: read-only"));
    assert_non_null(
        strstr(bw_buf_cstr(&man), "\\fBR\\fR, \\fB:resync\\-full\\fR\nload everything"));
    bw_buf_fini(&all);
    bw_buf_fini(&man);
    bw_text_view_free(v);
    bw_action_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_mean_what_the_screen_says),
        cmocka_unit_test(no_mutation_sits_on_a_reflex),
        cmocka_unit_test(a_table_with_a_key_twice_is_refused),
        cmocka_unit_test(the_configuration_binds_and_unbinds),
        cmocka_unit_test(refusals_say_why),
        cmocka_unit_test(the_palette_reads_commands),
        cmocka_unit_test(the_palette_completes),
        cmocka_unit_test(the_footer_comes_from_the_table),
        cmocka_unit_test(help_and_manual_list_every_action),
    };
    return BW_RUN_TESTS(tests);
}
