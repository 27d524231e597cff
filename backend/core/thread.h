/*
 * Threads as this program wants them: every signal blocked but those that a fault raises (SEGV BUS FPE
 * ILL TRAP SYS ABRT), which belong to the thread that faults; a stack of its own for their
 * handlers, so that a stack overflow still gives the terminal back; a name for debuggers.
 * Threads: any.
 */
#ifndef BW_CORE_THREAD_H
#define BW_CORE_THREAD_H

#include <pthread.h>

/* Starts a thread, named with at most 15 characters. Ends the program when there is none to be had:
   what is without its threads is of no use. */
void bw_thread_start(pthread_t *thread, const char *name, void *(*run)(void *arg), void *arg);

#endif
