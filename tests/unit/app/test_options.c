/* Covers: app/options. How a command line is read, and what is said about a wrong one. */
#include "tests/support/test.h"

#include <string.h>

#include "app/command.h"

static const char *const formats[] = {"csv", "json", NULL};
static const bw_cli_option sync_options[] = {
    {.name = "full", .help = "all of it"},
    {.name = "since", .arg = "T", .help = "from", .type = BW_SETTING_TIME},
    {.name = "key", .arg = "K", .many = true, .help = "keys"},
    {.name = "limit",
     .letter = 'n',
     .arg = "N",
     .help = "how many",
     .type = BW_SETTING_INT,
     .min = 1,
     .max = 100},
    {.name = "for", .arg = "D", .help = "how long", .type = BW_SETTING_DURATION},
    {.name = "format", .arg = "F", .help = "how", .type = BW_SETTING_ENUM, .choices = formats},
    BW_CLI_JSON,
};
static const bw_cli_command sync_command = {.name = "sync",
                                            .args = "SYNC...",
                                            .help = "resync",
                                            .options = sync_options,
                                            .n_options = BW_COUNT(sync_options),
                                            .min_args = 1,
                                            .max_args = 3};
static const bw_cli_command console_command = {.name = "console", .args = "", .help = "console"};
static const bw_cli_command *const commands[] = {&sync_command, &console_command};

static bw_status parse(const char *const *words, bw_arena *arena, bw_cli_line *line, bw_error *err)
{
    char *argv[32] = {"bridgewatch"};
    int argc = 1;
    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    return bw_cli_parse(commands, BW_COUNT(commands), "console", argc, argv, arena, line, err);
}
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void check_wrong(const char *const *words, const char *message, const char *hint)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_cli_line line;
    assert_int_equal(parse(words, &arena, &line, &err), BW_INVALID);
    assert_string_equal(err.message, message);
    assert_string_equal(err.hint, hint);
    bw_arena_fini(&arena);
}

static void options_stand_anywhere(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_cli_line l;
    assert_ok(parse(WORDS("-cone.yaml", "--profile", "prod", "sync", "a", "--full", "--read-only",
                          "b", "--since=2026-11-20", "-n", "7", "--config", "two.yaml", "--for",
                          "1m30s", "--format=csv"),
                    &arena, &l, &err),
              err);
    assert_ptr_equal(l.command, &sync_command);
    assert_int_equal(l.n_args, 2);
    assert_string_equal(l.args[0], "a");
    assert_string_equal(l.args[1], "b");
    assert_string_equal(bw_cli_value(&l, "config"), "two.yaml");
    assert_string_equal(bw_cli_nth(&l, "config", 0), "one.yaml");
    assert_null(bw_cli_nth(&l, "config", 2));
    assert_string_equal(bw_cli_value(&l, "profile"), "prod");
    assert_true(bw_cli_has(&l, "full"));
    assert_true(bw_cli_has(&l, "read-only"));
    assert_false(bw_cli_has(&l, "json"));
    assert_int_equal(bw_cli_number(&l, "limit", -1), 7);
    assert_int_equal(bw_cli_number(&l, "for", -1), 90 * BW_SECOND);
    assert_int_equal(bw_cli_number(&l, "since", -1), INT64_C(1795132800) * BW_SECOND);
    assert_null(bw_cli_value(&l, "key"));
    bw_arena_fini(&arena);
}

static void words_that_look_like_options(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_cli_line l;
    assert_ok(
        parse(WORDS("sync", "-", "--key", "-5", "6", "{\"id\": 7}", "--json", "--", "--full", "-x"),
              &arena, &l, &err),
        err);
    assert_int_equal(l.n_args, 3);
    assert_string_equal(l.args[0], "-");
    assert_string_equal(l.args[1], "--full");
    assert_string_equal(l.args[2], "-x");
    assert_string_equal(bw_cli_nth(&l, "key", 0), "-5");
    assert_string_equal(bw_cli_nth(&l, "key", 2), "{\"id\": 7}");
    assert_null(bw_cli_nth(&l, "key", 3));
    assert_true(bw_cli_has(&l, "json"));
    assert_false(bw_cli_has(&l, "full"));

    assert_ok(parse(WORDS(NULL), &arena, &l, &err), err);
    assert_ptr_equal(l.command, &console_command);
    assert_ok(parse(WORDS("--ascii"), &arena, &l, &err), err);
    assert_ptr_equal(l.command, &console_command);
    assert_ok(parse(WORDS("sync", "-h"), &arena, &l, &err), err);
    assert_true(l.help);
    bw_arena_fini(&arena);
}

static void wrong_lines_are_explained(void **state)
{
    (void)state;
    check_wrong(WORDS("snyc", "a"), "unknown command snyc", "Did you mean sync?");
    check_wrong(WORDS("frobnicate"), "unknown command frobnicate",
                "`bridgewatch help` lists the commands.");
    check_wrong(WORDS("sync", "a", "--fulll"), "sync: unknown option --fulll",
                "Did you mean --full?");
    check_wrong(WORDS("sync", "a", "--proflie=x"), "sync: unknown option --proflie=x",
                "Did you mean --profile?");
    check_wrong(WORDS("sync", "a", "-z"), "sync: unknown option -z",
                "`bridgewatch help sync` lists the options.");
    check_wrong(WORDS("--full", "sync", "a"), "unknown option --full",
                "Write --full after the command that it belongs to.");
    check_wrong(WORDS("sync", "a", "--since"), "--since needs a value", "Write --since T.");
    check_wrong(WORDS("sync", "a", "--full=yes"), "--full takes no value", "");
    check_wrong(WORDS("sync", "a", "-n", "0"),
                "--limit must be a whole number from 1 to 100, not 0", "");
    check_wrong(WORDS("sync", "a", "--for", "soon"),
                "--for must be a duration such as 500ms, 30s, 5m, 2h or 7d, not soon", "");
    check_wrong(WORDS("sync", "a", "--format", "xml"), "--format must be one of csv, json, not xml",
                "");
    check_wrong(WORDS("sync"), "sync: an argument is missing", "Usage: bridgewatch sync SYNC...");
    check_wrong(WORDS("sync", "a", "b", "c", "d"), "sync: d is one argument too many",
                "Usage: bridgewatch sync SYNC...");
    check_wrong(WORDS("console", "a"), "console: a is one argument too many",
                "Usage: bridgewatch console");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(words_that_look_like_options),
        cmocka_unit_test(wrong_lines_are_explained),
    };
    return BW_RUN_TESTS(tests);
}
