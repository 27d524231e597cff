/* Covers: app/command, help, completion, config. The program from its command line to its output and
   exit status, for the commands that need no engine. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/completion.h"

typedef struct outcome {
    bw_exit status;
    char *out, *err;
} outcome;

static outcome run(const char *const *words)
{
    char *argv[16] = {"bridgewatch"};
    int argc = 1;
    size_t out_size, err_size;
    outcome o;
    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    FILE *out = open_memstream(&o.out, &out_size), *err = open_memstream(&o.err, &err_size);
    o.status = bw_cli_main(argc, argv, stdin, out, err);
    fclose(out);
    fclose(err);
    return o;
}
#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static void check(outcome o, bw_exit status, const char *out, const char *err)
{
    assert_int_equal(o.status, status);
    if (out)
        assert_string_equal(o.out, out);
    if (err)
        assert_string_equal(o.err, err);
    free(o.out);
    free(o.err);
}

static void version_and_usage(void **state)
{
    (void)state;
    check(RUN("version"), BW_EXIT_OK, "bridgewatch " BW_VERSION "\n", "");
    check(RUN("--version"), BW_EXIT_OK, "bridgewatch " BW_VERSION "\n", "");
    check(RUN("verison"), BW_EXIT_USAGE, "",
          "bridgewatch: unknown command verison\n  HINT: Did you mean version?\n");
    check(RUN("version", "x"), BW_EXIT_USAGE, "",
          "bridgewatch: version: x is one argument too many\n  HINT: Usage: bridgewatch version\n");
    check(RUN("version", "--\x1b[31m"), BW_EXIT_USAGE, "",
          "bridgewatch: version: unknown option --^[[31m\n"
          "  HINT: `bridgewatch help version` lists the options.\n");
    check(RUN("help", "confg"), BW_EXIT_USAGE, "",
          "bridgewatch: unknown command confg\n  HINT: Did you mean config?\n");
    check(RUN("completion", "csh"), BW_EXIT_USAGE, "",
          "bridgewatch: there is no completion for csh\n"
          "  HINT: There is one for bash, zsh and fish.\n");
}

/* Help of the program names every command, help of a command every option it has. */
static void help_is_complete(void **state)
{
    (void)state;
    size_t n, n_globals;
    const bw_cli_command *const *commands = bw_cli_commands(&n);
    const bw_cli_option *globals = bw_cli_globals(&n_globals);
    outcome all = RUN("help"), same = RUN("--help");
    assert_int_equal(all.status, BW_EXIT_OK);
    assert_string_equal(all.out, same.out);
    for (size_t i = 0; i < n_globals; i++) {
        assert_non_null(strstr(all.out, globals[i].name));
        assert_true(globals[i].arg || !globals[i].setting || globals[i].value);
    }
    for (size_t i = 0; i < n; i++) {
        const bw_cli_command *c = commands[i];
        assert_non_null(c->run);
        assert_non_null(strstr(all.out, c->name));
        assert_ptr_equal(bw_cli_find(c->name), c);
        outcome one = RUN("help", c->name), dashed = RUN(c->name, "--help");
        assert_int_equal(one.status, BW_EXIT_OK);
        for (size_t k = 0; k < c->n_options; k++)
            assert_true(c->options[k].hidden || strstr(one.out, c->options[k].name));
        if (strcmp(c->name, "console") != 0)
            assert_string_equal(one.out, dashed.out);
        check(one, BW_EXIT_OK, NULL, "");
        check(dashed, BW_EXIT_OK, NULL, "");
    }
    for (const char *line = all.out; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 80);
    check(all, BW_EXIT_OK, NULL, "");
    check(same, BW_EXIT_OK, NULL, "");
}

static char path[] = "/tmp/bw-test-command-XXXXXX";

static void config_says_what_is_in_force(void **state)
{
    (void)state;
    static const char text[] = "dataset: a\nui: {theme: light}\n"
                               "sources: {s: {type: postgres, host: h, password: hunter2}}\n"
                               "profiles: {prod: {dataset: p}}\n";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    outcome o = RUN("config", "-c", path, "--profile=prod", "--theme", "dark", "--no-mouse");
    assert_string_equal(o.err, "");
    assert_non_null(strstr(o.out, "dataset: p "));
    assert_non_null(strstr(o.out, ":4, profile prod\n"));
    assert_non_null(strstr(o.out, "  theme: dark                                   # --theme\n"));
    assert_non_null(
        strstr(o.out, "  mouse: false                                  # --no-mouse\n"));
    assert_null(strstr(o.out, "hunter2"));
    check(o, BW_EXIT_OK, NULL, "");
    check(RUN("-c", path, "--profile", "prdo", "config"), BW_EXIT_USAGE, "",
          "bridgewatch: there is no profile prdo\n  HINT: Did you mean prod?\n");
    check(RUN("-c", "/nonexistent/b.yaml", "config"), BW_EXIT_USAGE, "",
          "bridgewatch: there is no configuration file /nonexistent/b.yaml\n"
          "  HINT: Check the path that -c FILE or BRIDGEWATCH_CONFIG names.\n");

    FILE *f = fopen(path, "w");
    fputs("datset: a\nlog: {level: loud}\n", f);
    fclose(f);
    char want[512];
    snprintf(want, sizeof(want),
             "%s:1:1: dataset is missing\n  HINT: dataset: the BigQuery dataset that syncs load "
             "into unless they name another.\n"
             "%s:1:1: unknown key datset\n  HINT: Did you mean dataset?\n"
             "%s:2:14: log.level must be one of error, warn, info, debug, not loud\n",
             path, path, path);
    check(RUN("config", "-c", path), BW_EXIT_USAGE, "", want);
    /* The reference does not depend on a file that is broken. */
    o = RUN("config", "-c", path, "--reference");
    assert_non_null(strstr(o.out, "\ndataset: analytics\n"));
    check(o, BW_EXIT_OK, NULL, "");
    unlink(path);
}

/* Runs the bash script on a command line and returns what it offers, separated by blanks. */
static void check_bash(const char *line, const char *want)
{
    outcome script = RUN("completion", "bash");
    char file[] = "/tmp/bw-test-completion-XXXXXX", got[2048] = "", command[256];
    int fd = mkstemp(file);
    assert_true(write(fd, script.out, strlen(script.out)) == (ssize_t)strlen(script.out));
    close(fd);
    check(script, BW_EXIT_OK, NULL, "");
    snprintf(command, sizeof(command),
             "bash -c 'source %s; COMP_WORDS=(bridgewatch %s); "
             "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _bridgewatch; echo \"${COMPREPLY[*]}\"'",
             file, line);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    size_t n = fread(got, 1, sizeof(got) - 1, p);
    assert_int_equal(pclose(p), 0);
    unlink(file);
    got[n > 0 ? n - 1 : 0] = '\0';
    assert_string_equal(got, want);
}

static void completions_follow_the_tables(void **state)
{
    (void)state;
    check_bash("vers", "version");
    check_bash("--log-level w", "warn");
    check_bash("--log-level=debug completion f", "fish");
    check_bash("-c x.yaml conf", "config");
    check_bash("config --ref", "--reference");
    check_bash("help comp", "completion");
    check_bash("config --no-m", "--no-mouse");
    for (size_t i = 0; bw_completion_shells[i]; i++) {
        outcome o = RUN("completion", bw_completion_shells[i]);
        size_t n;
        const bw_cli_command *const *commands = bw_cli_commands(&n);
        for (size_t k = 0; k < n; k++)
            assert_non_null(strstr(o.out, commands[k]->name));
        assert_non_null(strstr(o.out, "profile"));
        assert_null(strstr(o.out, "--man"));
        assert_null(strstr(o.out, "-l man"));
        check(o, BW_EXIT_OK, NULL, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_and_usage),
        cmocka_unit_test(help_is_complete),
        cmocka_unit_test(config_says_what_is_in_force),
        cmocka_unit_test(completions_follow_the_tables),
    };
    return BW_RUN_TESTS(tests);
}
