#include "tests/support/sandbox.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/test.h"

#define MAX_ARGS  32
#define LISTENING "listening on "

struct bw_test_sandbox {
    bw_process *process;
    char *data;
    char url[128];
    char port[16];
    char *args[MAX_ARGS]; /* the caller's */
    size_t arg_count;
};

static void launch(bw_test_sandbox *s)
{
    const char *argv[MAX_ARGS + 16];
    size_t n = 0;
    argv[n++] = BW_BUILD_DIR "/bridgewatch-sandbox";
    argv[n++] = "--port";
    argv[n++] = s->port;
    argv[n++] = "--die-with-parent";
    if (s->data) {
        argv[n++] = "--data";
        argv[n++] = s->data;
    }
    for (size_t i = 0; i < s->arg_count; i++)
        argv[n++] = s->args[i];
    argv[n] = NULL;
    bw_error err = BW_ERROR_INIT;
    bw_process_options options = {.argv = argv, .echo = getenv("BW_TEST_ECHO") != NULL};
    assert_ok(bw_process_start(&options, &s->process, &err), err);
    char *line = bw_process_wait_line(s->process, BW_PROCESS_OUT, LISTENING, 30);
    if (!line) {
        char *text = bw_process_output(s->process, BW_PROCESS_ERR);
        bw_process_free(s->process);
        s->process = NULL;
        fail_msg("the sandbox did not start: %s", text);
        return;
    }
    snprintf(s->url, sizeof s->url, "%s", line + strlen(LISTENING));
    snprintf(s->port, sizeof s->port, "%s", strrchr(s->url, ':') + 1);
    free(line);
}

bw_test_sandbox *bw_test_sandbox_start(bool persistent, const char *const *args)
{
    bw_test_sandbox *s = bw_xcalloc(1, sizeof *s);
    snprintf(s->port, sizeof s->port, "0");
    if (persistent)
        s->data = bw_test_dir_new("sandbox");
    while (args && args[s->arg_count] && s->arg_count < MAX_ARGS) {
        s->args[s->arg_count] = bw_xstrdup(args[s->arg_count]);
        s->arg_count++;
    }
    launch(s);
    return s;
}

void bw_test_sandbox_free(bw_test_sandbox *s)
{
    if (!s)
        return;
    bw_process_free(s->process);
    if (s->data)
        bw_test_dir_remove(s->data);
    free(s->data);
    for (size_t i = 0; i < s->arg_count; i++)
        free(s->args[i]);
    free(s);
}

const char *bw_test_sandbox_url(const bw_test_sandbox *s)
{
    return s->url;
}

const char *bw_test_sandbox_data(const bw_test_sandbox *s)
{
    return s->data;
}

bw_process *bw_test_sandbox_process(bw_test_sandbox *s)
{
    return s->process;
}

void bw_test_sandbox_kill(bw_test_sandbox *s)
{
    bw_process_free(s->process);
    s->process = NULL;
}

void bw_test_sandbox_stop(bw_test_sandbox *s)
{
    bw_process_signal(s->process, SIGTERM);
    int status = bw_process_wait(s->process, 30);
    if (status != 0) {
        char *text = bw_process_output(s->process, BW_PROCESS_ERR);
        fail_msg("the sandbox ended with status %d: %s", status, text);
    }
    bw_process_free(s->process);
    s->process = NULL;
}

void bw_test_sandbox_restart(bw_test_sandbox *s)
{
    bw_test_sandbox_kill(s);
    launch(s);
}
