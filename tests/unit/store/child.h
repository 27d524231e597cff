/* A child process that works on the store until it ends or is killed. */
#ifndef BW_TESTS_UNIT_STORE_CHILD_H
#define BW_TESTS_UNIT_STORE_CHILD_H

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/store/fixture.h"

typedef struct child {
    pid_t pid;
    int ready; /* readable when the child has called child_ready */
} child;

static inline void child_ready(int fd)
{
    if (write(fd, "r", 1) != 1)
        _exit(9);
}

/* Runs work(f, fd) in a child, which leaves with its result. The fixture's store must be closed:
   connections do not survive a fork. */
static inline child child_start(fixture *f, int (*work)(fixture *f, int ready))
{
    int fds[2];
    assert_null(f->store);
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(fds[0]);
        _exit(work(f, fds[1]));
    }
    close(fds[1]);
    return (child){.pid = pid, .ready = fds[0]};
}

static inline void child_wait_ready(child *c)
{
    char byte;
    struct pollfd p = {.fd = c->ready, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 60000), 1);
    assert_int_equal(read(c->ready, &byte, 1), 1);
}

/* The exit status, or 128 + the signal that ended it. */
static inline int child_wait(child *c)
{
    int status;
    close(c->ready);
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static inline void child_kill(child *c)
{
    kill(c->pid, SIGKILL);
    assert_int_equal(child_wait(c), 128 + SIGKILL);
}

static inline void fixture_close(fixture *f)
{
    bw_store_close(f->store);
    f->store = NULL;
}

#endif
