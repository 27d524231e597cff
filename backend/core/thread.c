#include "backend/core/thread.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/alloc.h"

#define FAULT_STACK ((size_t)64 * 1024)

typedef struct start {
    void *(*run)(void *arg);
    void *arg;
} start;

static void *begin(void *arg)
{
    start s = *(start *)arg;
    free(arg);
    stack_t stack = {.ss_sp = bw_xmalloc(FAULT_STACK), .ss_size = FAULT_STACK},
            off = {.ss_flags = SS_DISABLE};
    sigaltstack(&stack, NULL);
    void *result = s.run(s.arg);
    sigaltstack(&off, NULL);
    free(stack.ss_sp);
    return result;
}

void bw_thread_start(pthread_t *thread, const char *name, void *(*run)(void *arg), void *arg)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    sigset_t blocked, before;
    start *s = bw_xmalloc(sizeof(*s));
    *s = (start){run, arg};
    sigfillset(&blocked);
    for (size_t i = 0; i < BW_COUNT(faults); i++)
        sigdelset(&blocked, faults[i]);
    /* A thread inherits the mask of the one that makes it. */
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int failed = pthread_create(thread, NULL, begin, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        fputs("bridgewatch: cannot start a thread\n", stderr);
        abort();
    }
    pthread_setname_np(*thread, name);
}
