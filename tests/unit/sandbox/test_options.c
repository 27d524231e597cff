/* The command line, its help and the manual page. Covers: sandbox/options. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/sandbox/options.h"

#define PARSE(options, err, ...)                                       \
    bw_sb_options_parse((int)BW_COUNT(((char *[]){"x", __VA_ARGS__})), \
                        (char *[]){"x", __VA_ARGS__}, options, err)

static void defaults_are_those_of_the_interface(void **state)
{
    (void)state;
    bw_sb_options o;
    bw_error err = BW_ERROR_INIT;
    char *argv[] = {"x"};
    assert_ok(bw_sb_options_parse(1, argv, &o, &err), err);
    assert_string_equal(o.host, "127.0.0.1");
    assert_int_equal(o.port, 9050);
    assert_null(o.data);
    assert_string_equal(o.project, "demo");
    assert_string_equal(o.dataset, "analytics");
    assert_false(o.discard);
}

static void options_are_read_in_both_spellings(void **state)
{
    (void)state;
    bw_sb_options o;
    bw_error err = BW_ERROR_INIT;
    assert_ok(PARSE(&o, &err, "--port", "0", "--data=/d", "--fault", "a:503", "--fault=b:504",
                    "--discard", "--project=p", "--dataset", ""),
              err);
    assert_int_equal(o.port, 0);
    assert_string_equal(o.data, "/d");
    assert_int_equal(o.fault_count, 2);
    assert_string_equal(o.faults[1], "b:504");
    assert_true(o.discard);
    assert_string_equal(o.dataset, "");
}

static void mistakes_are_explained(void **state)
{
    (void)state;
    bw_sb_options o;
    bw_error err = BW_ERROR_INIT;
    assert_int_equal(PARSE(&o, &err, "--discrad"), BW_INVALID);
    assert_string_equal(err.message, "unknown option --discrad");
    assert_string_equal(err.hint, "Did you mean --discard?");
    assert_int_equal(PARSE(&o, &err, "--port", "70000"), BW_INVALID);
    assert_string_equal(err.message, "--port: 70000 is not a port");
    assert_int_equal(PARSE(&o, &err, "--port"), BW_INVALID);
    assert_int_equal(PARSE(&o, &err, "--port", ""), BW_INVALID);
    assert_int_equal(PARSE(&o, &err, "--discard=1"), BW_INVALID);
    assert_int_equal(PARSE(&o, &err, "--project", "a/b"), BW_INVALID);
    assert_string_equal(err.message, "--project: \"a/b\" is not the id of a project");
    assert_int_equal(PARSE(&o, &err, "--project="), BW_INVALID);
    assert_int_equal(PARSE(&o, &err, "stray"), BW_INVALID);
    assert_int_equal(PARSE(&o, &err, "--"), BW_INVALID);
}

static void help_fits_a_terminal(void **state)
{
    (void)state;
    bw_buf text = BW_BUF_INIT;
    bw_sb_options_help(&text);
    char *line = bw_buf_cstr(&text);
    assert_non_null(strstr(line, "--die-with-parent"));
    for (; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 80);
    bw_buf_fini(&text);
}

/* man/bridgewatch-sandbox.1 is what bridgewatch-sandbox --man prints. */
static void the_manual_page_is_current(void **state)
{
    (void)state;
    bw_buf made = BW_BUF_INIT, kept = BW_BUF_INIT;
    FILE *file = fopen(BW_SOURCE_DIR "/man/bridgewatch-sandbox.1", "r");
    assert_non_null(file);
    size_t n;
    while ((n = fread(bw_buf_reserve(&kept, 4096), 1, 4096, file)) > 0)
        kept.len += n;
    fclose(file);
    bw_sb_options_man(&made);
    if (strcmp(bw_buf_cstr(&made), bw_buf_cstr(&kept)) != 0)
        fail_msg("man/bridgewatch-sandbox.1 is stale: build/bridgewatch-sandbox --man > it");
    bw_buf_fini(&made);
    bw_buf_fini(&kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_interface),
        cmocka_unit_test(options_are_read_in_both_spellings),
        cmocka_unit_test(mistakes_are_explained),
        cmocka_unit_test(help_fits_a_terminal),
        cmocka_unit_test(the_manual_page_is_current),
    };
    return BW_RUN_TESTS(tests);
}
