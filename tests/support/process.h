/*
 * A program under test: started with pipes, its output collected by a thread of its own (so that a
 * full pipe never blocks it), waited for with deadlines, ended by its process id. A child dies with
 * the test that started it (PR_SET_PDEATHSIG). Nothing here sleeps to wait.
 * Threads: the functions of one process are called by one thread; that thread must outlive the
 * child, because the kernel ties the death signal to the thread that forked.
 */
#ifndef BW_TESTS_SUPPORT_PROCESS_H
#define BW_TESTS_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "backend/core/error.h"

typedef struct bw_process bw_process;

typedef enum bw_process_stream { BW_PROCESS_OUT, BW_PROCESS_ERR } bw_process_stream;

typedef struct bw_process_options {
    const char *const *argv; /* NULL-terminated; argv[0] is found in PATH when it has no slash */
    const char *const
        *env;        /* "NAME=VALUE" added to the environment, "NAME" alone removed; or NULL */
    const char *cwd; /* or NULL */
    bool with_stdin; /* a pipe for bw_process_write(); /dev/null otherwise */
    bool echo;       /* copy the child's output to the test's standard error as well */
    uid_t uid;       /* run as this user (and gid) when not 0 */
    gid_t gid;
} bw_process_options;

/* NOT_FOUND when the program cannot be executed. */
BW_NODISCARD bw_status bw_process_start(const bw_process_options *options, bw_process **out,
                                        bw_error *err);
/* Kills what still runs, reaps it and frees everything. NULL is fine. */
void bw_process_free(bw_process *p);

pid_t bw_process_pid(const bw_process *p);
/* Sends a signal unless the process has been reaped. */
void bw_process_signal(bw_process *p, int signal_number);
/* Writes to its standard input; false when the pipe is gone. */
bool bw_process_write(bw_process *p, const void *data, size_t size);
void bw_process_close_stdin(bw_process *p);

/*
 * Waits until a complete line of the stream that no earlier call has consumed begins with `prefix`
 * ("" is any line); skipped lines are consumed. The line (free()) has no newline. NULL when the
 * stream ended or `timeout_s` passed without one.
 */
char *bw_process_wait_line(bw_process *p, bw_process_stream stream, const char *prefix,
                           double timeout_s);
/* Waits for the end: the exit status, 128 + the signal's number, or -1 when it still runs after
   timeout_s. After the end all of its output has been collected. */
int bw_process_wait(bw_process *p, double timeout_s);
/* Whether it still runs. */
bool bw_process_running(bw_process *p);
/* Everything that it has written so far (free()). */
char *bw_process_output(bw_process *p, bw_process_stream stream);

/* Runs a program to its end with `input` (or NULL) on standard input and returns its status as
   bw_process_wait does; out and err_text (each may be NULL) take its output (free()). */
int bw_process_run(const char *const *argv, const char *input, double timeout_s, char **out,
                   char **err_text);

/* A directory of its own under TMPDIR (free()), and its removal with everything in it. */
char *bw_test_dir_new(const char *name);
void bw_test_dir_remove(const char *path);

#endif
