/* `demo`: the real pipeline on a throwaway database and the sandbox. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/demo.h"
#include "app/session.h"

/* The command line again, with the demo's configuration in front and without the demo's own words. */
static bw_exit run_with(const bw_cli_context *ctx, const bw_demo *demo, const char *const *words)
{
    char *argv[64];
    int argc = 0;
    const bw_cli_option *globals;
    size_t n;
    argv[argc++] = bw_xstrdup("bridgewatch");
    argv[argc++] = bw_xstrdup("-c");
    argv[argc++] = bw_xstrdup(demo->config);
    globals = bw_cli_globals(&n);
    for (size_t i = 0; i < ctx->line->n_given && argc < 50; i++) {
        const bw_cli_given *g = &ctx->line->given[i];
        bool global = g->option >= globals && g->option < globals + n;
        if (!global || g->option->letter == 'c')
            continue;
        argv[argc++] = g->value ? bw_xasprintf("--%s=%s", g->option->name, g->value)
                                : bw_xasprintf("--%s", g->option->name);
    }
    for (; *words; words++)
        argv[argc++] = bw_xstrdup(*words);
    argv[argc] = NULL;
    bw_exit code = bw_cli_main(argc, argv, ctx->in, ctx->out, ctx->err);
    while (argc > 0)
        free(argv[--argc]);
    return code;
}

/* Runs the engine in a child for so long, then prints the status. */
static bw_exit headless(const bw_cli_context *ctx, const bw_demo *demo, int64_t for_us)
{
    static const char *const run[] = {"run", "--log-level=warn", NULL}, *const status[] = {"status",
                                                                                           NULL};
    int signals = bw_session_signals();
    pid_t self = getpid(), pid = fork();
    if (pid == 0) {
        bw_demo_die_with(self, SIGKILL);
        close(signals);
        _exit((int)run_with(ctx, demo, run));
    }
    const bw_clock *clock = bw_clock_system();
    int64_t deadline = for_us > 0 ? bw_mono_us(clock) + for_us : BW_FOREVER;
    int sig = 0;
    while (!sig && bw_mono_us(clock) < deadline) {
        struct pollfd fd = {.fd = signals, .events = POLLIN};
        if (poll(&fd, 1, bw_poll_ms(clock, deadline, 1000)) > 0)
            sig = bw_session_signal(signals);
    }
    bw_exit code = run_with(ctx, demo, status); /* while it runs: the state that it shows */
    kill(pid, SIGTERM);
    int how;
    waitpid(pid, &how, 0);
    if (code == BW_EXIT_OK && (!WIFEXITED(how) || WEXITSTATUS(how) != 0))
        code = BW_EXIT_FAILED;
    return sig == SIGINT ? BW_EXIT_INTERRUPTED : code;
}

static bw_exit run(const bw_cli_context *ctx)
{
    static const char *const console[] = {"console", NULL};
    bw_demo demo;
    bw_error err = BW_ERROR_INIT;
    bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    if (!bw_cli_has(ctx->line, "headless") && !terminal) {
        bw_error_set(&err, BW_INVALID, "the demo opens the console, and this is no terminal");
        bw_error_hint(&err, "Use demo --headless --for 20s.");
        return bw_cli_fail(ctx->err, &err, BW_EXIT_USAGE);
    }
    fprintf(ctx->err, "bridgewatch: starting a database and a sandbox for the demo ...\n");
    if (bw_demo_start(&demo, &err) != BW_OK)
        return bw_cli_fail(ctx->err, &err, BW_EXIT_FAILED);
    bw_exit code = bw_cli_has(ctx->line, "headless")
                       ? headless(ctx, &demo, bw_cli_number(ctx->line, "for", 0))
                       : run_with(ctx, &demo, console);
    bw_demo_stop(&demo);
    return code;
}

static const bw_cli_option options[] = {
    {.name = "headless", .help = "without a terminal: print the status at the end"},
    {.name = "for",
     .arg = "DURATION",
     .type = BW_SETTING_DURATION,
     .help = "with --headless: how long (until a signal)"},
};

const bw_cli_command bw_command_demo = {
    .name = "demo",
    .args = "",
    .help = "the console on live demo data",
    .details =
        "Starts a throwaway PostgreSQL cluster with a small shop that changes all the time, "
        "and the sandbox as "
        "its Google Cloud, with publishers of change events that contradict each other, runs "
        "the real pipeline between them and opens the console. Some rows and some messages "
        "cannot be loaded, "
        "so that there is something to look at. Everything is removed at the end.",
    .options = options,
    .n_options = BW_COUNT(options),
    .needs = BW_NEEDS_NOTHING,
    .run = run,
};
