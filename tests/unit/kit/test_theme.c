/* Themes: the format and its complaints, the shipped files, and what is left with fewer colours. */
#include "tests/support/frame.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "views/kit/theme.h"

static const char *const source_dirs[] = {BW_SOURCE_DIR "/themes", NULL};

static bw_status parse(bw_theme *t, const char *text, bw_error *err)
{
    return bw_theme_parse(t, bw_slice_cstr(text), "some/dir/mine.theme", bw_theme_builtin(), err);
}

static void reads_colours_in_every_form(void **state)
{
    (void)state;
    bw_theme t;
    bw_error err = BW_ERROR_INIT;
    assert_ok(parse(&t,
                    "# comment\n"
                    "\n"
                    "ok = #7Ec07e\n"
                    "error=brightred bold # why not\n"
                    "selected = on 236\r\n"
                    "warn = 3 on #102030 underline dim\n"
                    "muted = default on default italic reverse\n",
                    &err),
              err);
    assert_string_equal(t.name, "mine");
    assert_int_equal(t.look[BW_ROLE_OK].fg, BW_COLOUR_RGB | 0x7ec07e);
    assert_int_equal(t.look[BW_ROLE_ERROR].fg, 9);
    assert_int_equal(t.look[BW_ROLE_ERROR].attrs, BW_ATTR_BOLD);
    assert_int_equal(t.look[BW_ROLE_SELECTED].fg, BW_COLOUR_DEFAULT);
    assert_int_equal(t.look[BW_ROLE_SELECTED].bg, 236);
    assert_int_equal(t.look[BW_ROLE_WARN].bg, BW_COLOUR_RGB | 0x102030);
    assert_int_equal(t.look[BW_ROLE_WARN].attrs, BW_ATTR_UNDERLINE | BW_ATTR_DIM);
    assert_int_equal(t.look[BW_ROLE_MUTED].attrs, BW_ATTR_ITALIC | BW_ATTR_REVERSE);
}

static void complains_with_place_and_suggestion(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message, *hint;
    } cases[] = {
        {"ok = blu", "some/dir/mine.theme:1:6: unknown colour or attribute blu",
         "Did you mean blue?"},
        {"\n\n  selectd = on 3", "some/dir/mine.theme:3:3: unknown role selectd",
         "Did you mean selected?"},
        {"ok green", "some/dir/mine.theme:1:4: expected = but found green", ""},
        {"ok = green red", "some/dir/mine.theme:1:12: a second colour without on: red", ""},
        {"ok = 256", "some/dir/mine.theme:1:6: unknown colour or attribute 256", ""},
        {"ok = #12345", "some/dir/mine.theme:1:6: unknown colour or attribute #12345", ""},
        {"ok = red on", "some/dir/mine.theme:1:12: no colour after on: at the end of the line", ""},
        {"ok = red bould", "some/dir/mine.theme:1:10: unknown colour or attribute bould",
         "Did you mean bold?"},
        {"ok = red\ninherit = dark",
         "some/dir/mine.theme:2:11: inherit has to stand before the first role: dark", ""},
        {"ok = \x1b[2J", "some/dir/mine.theme:1:6: unknown colour or attribute ^[[2J", ""},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_theme t;
        bw_error err = BW_ERROR_INIT;
        assert_int_equal(parse(&t, cases[i].text, &err), BW_INVALID);
        assert_string_equal(err.message, cases[i].message);
        assert_string_equal(err.hint, cases[i].hint);
    }
}

static void the_shipped_themes_are_complete(void **state)
{
    (void)state;
    static const char *const names[] = {"colour-blind-safe", "dark", "high-contrast", "light",
                                        "monochrome"};
    char **found;
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    size_t count = bw_theme_list(source_dirs, &found);
    assert_int_equal(count, BW_COUNT(names));
    for (size_t i = 0; i < count; i++) {
        bw_theme t;
        bw_error err = BW_ERROR_INIT;
        assert_string_equal(found[i], names[i]);
        assert_ok(bw_theme_load(&t, names[i], source_dirs, &err), err);
        assert_string_equal(t.name, names[i]);
        /* What has to be seen differs from plain text, at every depth. */
        static const bw_role loud[] = {BW_ROLE_ERROR,       BW_ROLE_WARN,        BW_ROLE_SELECTED,
                                       BW_ROLE_DANGER,      BW_ROLE_TOAST_ERROR, BW_ROLE_ENV_RED,
                                       BW_ROLE_BUTTON_FOCUS};
        for (int depth = BW_DEPTH_MONO; depth <= BW_DEPTH_TRUE; depth++) {
            bw_look text = bw_theme_look(&t, BW_ROLE_TEXT, (bw_depth)depth);
            for (size_t k = 0; k < BW_COUNT(loud); k++) {
                bw_look look = bw_theme_look(&t, loud[k], (bw_depth)depth);
                if (memcmp(&look, &text, sizeof(look)) == 0)
                    fail_msg("%s: %s looks like text at depth %d", names[i], bw_role_name(loud[k]),
                             depth);
            }
        }
    }
    bw_theme_names_free(found, count);
}

/* The program copied anywhere, alone. */
static void the_shipped_themes_need_no_files(void **state)
{
    (void)state;
    static const char *const nowhere[] = {"/nonexistent/themes", NULL};
    char **found;
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    size_t count = bw_theme_list(nowhere, &found);
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++) {
        bw_theme file, own;
        bw_error err = BW_ERROR_INIT;
        assert_ok(bw_theme_load(&file, found[i], source_dirs, &err), err);
        assert_ok(bw_theme_load(&own, found[i], nowhere, &err), err);
        assert_memory_equal(&own, &file, sizeof(own));
    }
    bw_theme_names_free(found, count);
}

static void a_user_theme_goes_before_the_shipped_one(void **state)
{
    (void)state;
    char dir[] = "/tmp/bw-theme-XXXXXX", path[256];
    assert_non_null(mkdtemp(dir));
    setenv("XDG_CONFIG_HOME", dir, 1);
    snprintf(path, sizeof(path), "%s/bridgewatch", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/bridgewatch/themes", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/bridgewatch/themes/mine.theme", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("inherit = dark\nok = 201\n", f);
    fclose(f);
    bw_theme t;
    bw_error err = BW_ERROR_INIT;
    assert_ok(bw_theme_load(&t, "mine", source_dirs, &err), err);
    assert_int_equal(t.look[BW_ROLE_OK].fg, 201);
    assert_int_equal(t.look[BW_ROLE_TITLE].fg, BW_COLOUR_RGB | 0xffffff);
    assert_ok(bw_theme_load(&t, path, source_dirs, &err), err);
    /* A circle ends in an error, not in a loop. */
    f = fopen(path, "w");
    assert_non_null(f);
    fputs("inherit = mine\n", f);
    fclose(f);
    assert_int_equal(bw_theme_load(&t, "mine", source_dirs, &err), BW_INVALID);
    assert_non_null(strstr(err.message, "circle"));
    unlink(path);
    assert_int_equal(bw_theme_load(&t, "darc", source_dirs, &err), BW_NOT_FOUND);
    assert_memory_equal(err.hint, "Did you mean dark? Looked for darc.theme in ", 43);
    assert_non_null(strstr(err.hint, dir)); /* where was looked */
    assert_non_null(strstr(err.hint, source_dirs[0]));
    snprintf(path, sizeof(path), "%s/bridgewatch/themes", dir);
    rmdir(path);
    snprintf(path, sizeof(path), "%s/bridgewatch", dir);
    rmdir(path);
    rmdir(dir);
}

static void fewer_colours_keep_the_meaning(void **state)
{
    (void)state;
    bw_theme t;
    bw_error err = BW_ERROR_INIT;
    assert_ok(parse(&t,
                    "ok = #00ff00\nerror = brightred\ndanger = white on #b00000 bold\n"
                    "muted = brightblack\nselected = on #30405a\n",
                    &err),
              err);
    assert_int_equal(bw_theme_look(&t, BW_ROLE_OK, BW_DEPTH_TRUE).fg, BW_COLOUR_RGB | 0x00ff00);
    assert_int_equal(bw_theme_look(&t, BW_ROLE_OK, BW_DEPTH_256).fg, 46);
    assert_int_equal(bw_theme_look(&t, BW_ROLE_OK, BW_DEPTH_16).fg, 10);
    bw_look look = bw_theme_look(&t, BW_ROLE_OK, BW_DEPTH_8);
    assert_int_equal(look.fg, 2);
    assert_int_equal(look.attrs, BW_ATTR_BOLD);
    look = bw_theme_look(&t, BW_ROLE_MUTED, BW_DEPTH_8);
    assert_int_equal(look.fg, 7); /* never black on black */
    look = bw_theme_look(&t, BW_ROLE_DANGER, BW_DEPTH_MONO);
    assert_int_equal(look.fg, BW_COLOUR_DEFAULT);
    assert_int_equal(look.bg, BW_COLOUR_DEFAULT);
    assert_int_equal(look.attrs, BW_ATTR_BOLD | BW_ATTR_REVERSE);
    /* A red word in the selected row: red on the row's ground; reverse when there are no colours. */
    look = bw_theme_look_on(&t, BW_ROLE_ERROR, BW_ROLE_SELECTED, BW_DEPTH_256);
    assert_int_equal(look.fg, 9);
    assert_int_equal(look.bg, bw_theme_look(&t, BW_ROLE_SELECTED, BW_DEPTH_256).bg);
    look = bw_theme_look_on(&t, BW_ROLE_ERROR, BW_ROLE_SELECTED, BW_DEPTH_MONO);
    assert_int_equal(look.attrs, BW_ATTR_REVERSE);
}

static void environments_have_their_colour(void **state)
{
    (void)state;
    assert_int_equal(bw_role_environment("red"), BW_ROLE_ENV_RED);
    assert_int_equal(bw_role_environment("cyan"), BW_ROLE_ENV_CYAN);
    assert_int_equal(bw_role_environment("plaid"), BW_ROLE_ENV_PLAIN);
    assert_int_equal(bw_role_environment(NULL), BW_ROLE_ENV_PLAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_colours_in_every_form),
        cmocka_unit_test(complains_with_place_and_suggestion),
        cmocka_unit_test(the_shipped_themes_are_complete),
        cmocka_unit_test(the_shipped_themes_need_no_files),
        cmocka_unit_test(a_user_theme_goes_before_the_shipped_one),
        cmocka_unit_test(fewer_colours_keep_the_meaning),
        cmocka_unit_test(environments_have_their_colour),
    };
    return BW_RUN_TESTS(tests);
}
