/* bridgewatch-sandbox: reads the command line, serves until it is told to end. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backend/core/descriptors.h"
#include "backend/sandbox/sandbox.h"
#include "backend/sandbox/sql_manual.h"

static int complain(const bw_error *err, int status)
{
    fprintf(stderr, "bridgewatch-sandbox: %s\n", err->message);
    if (err->hint[0])
        fprintf(stderr, "HINT: %s\n", err->hint);
    return status;
}

static int show(void (*print)(bw_buf *))
{
    bw_buf text = BW_BUF_INIT;
    print(&text);
    fputs(bw_buf_cstr(&text), stdout);
    bw_buf_fini(&text);
    return fflush(stdout) == 0 ? 0 : 1;
}

/* Many clients at once need many descriptors. */
static void raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* The parent may have gone before the kernel was asked. */
static bool follow_parent(pid_t parent)
{
    return prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent;
}

static int serve(const bw_sb_options *options)
{
    bw_error err = BW_ERROR_INIT;
    bw_sandbox *sandbox;
    sigset_t endings;
    int signal_number;
    sigemptyset(&endings);
    sigaddset(&endings, SIGTERM);
    sigaddset(&endings, SIGINT);
    sigaddset(&endings, SIGHUP);
    /* Blocked before any thread exists, so that only sigwait() takes them. */
    sigprocmask(SIG_BLOCK, &endings, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its size limit is an error, not an end */
    if (bw_sandbox_start(options, &sandbox, &err) != BW_OK)
        return complain(&err, err.status == BW_INVALID ? 2 : 1);
    printf("listening on http://%s%s%s:%d\n", strchr(options->host, ':') ? "[" : "", options->host,
           strchr(options->host, ':') ? "]" : "", bw_sandbox_port(sandbox));
    fflush(stdout);
    while (sigwait(&endings, &signal_number) != 0)
        ;
    bw_sandbox_stop(sandbox);
    return 0;
}

int main(int argc, char **argv)
{
    pid_t parent = getppid();
    bw_error err = BW_ERROR_INIT;
    bw_sb_options options;
    if (!bw_keep_standard_descriptors())
        return 1;
    if (bw_sb_options_parse(argc, argv, &options, &err) != BW_OK)
        return complain(&err, 2);
    if (options.help)
        return show(bw_sb_options_help);
    if (options.man)
        return show(bw_sb_options_man);
    if (options.man_sql)
        return show(sql_manual);
    if (options.version) {
        puts("bridgewatch-sandbox " BW_VERSION);
        return 0;
    }
    if (options.die_with_parent && !follow_parent(parent))
        return 0;
    if (!options.record)
        options.record = getenv("BRIDGEWATCH_SANDBOX_RECORD");
    raise_limits();
    return serve(&options);
}
