/*
 * A bridgewatch-sandbox of the build under test, started on a free port of the loopback interface
 * and ended with the test. Every function fails the running cmocka test when it cannot do its work.
 * Threads: as bw_process.
 */
#ifndef BW_TESTS_SUPPORT_SANDBOX_H
#define BW_TESTS_SUPPORT_SANDBOX_H

#include <stdbool.h>

#include "tests/support/process.h"

typedef struct bw_test_sandbox bw_test_sandbox;

/* Starts one; `args` are further arguments, NULL-terminated, or NULL. `persistent` gives it a data
   directory of its own, which lives as long as this object and survives restarts. */
bw_test_sandbox *bw_test_sandbox_start(bool persistent, const char *const *args);
/* Kills it and removes its data. NULL is fine. */
void bw_test_sandbox_free(bw_test_sandbox *s);

/* "http://127.0.0.1:PORT", the same over restarts. */
const char *bw_test_sandbox_url(const bw_test_sandbox *s);
/* The data directory, or NULL. */
const char *bw_test_sandbox_data(const bw_test_sandbox *s);
bw_process *bw_test_sandbox_process(bw_test_sandbox *s);

/* SIGKILL, and waits until it is gone. */
void bw_test_sandbox_kill(bw_test_sandbox *s);
/* SIGTERM; fails unless it ends with status 0 within 30 s. */
void bw_test_sandbox_stop(bw_test_sandbox *s);
/* Starts it again on the same port and data directory; kills it first when it runs. */
void bw_test_sandbox_restart(bw_test_sandbox *s);

#endif
