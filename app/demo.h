/*
 * The demo's world: a throwaway PostgreSQL cluster with a small shop that changes all the time, and
 * the sandbox beside this program, both in a temporary directory and both ended with it.
 * Threads: main, before any other thread is made (it forks).
 */
#ifndef BW_APP_DEMO_H
#define BW_APP_DEMO_H

#include <sys/types.h>

#include "backend/core/error.h"

#define BW_DEMO_CHILDREN 4

typedef struct bw_demo {
    char dir[128];    /* the temporary directory */
    char socket[160]; /* PostgreSQL's socket directory */
    char config[192]; /* bridgewatch.yaml */
    char endpoint[64];
    pid_t children[BW_DEMO_CHILDREN]; /* janitor, PostgreSQL, sandbox, writer; 0: not started */
    int alive;                        /* closed, by us or by the kernel, when we end */
} bw_demo;

/* Starts everything and waits until it answers. On an error what was started is ended. */
BW_NODISCARD bw_status bw_demo_start(bw_demo *demo, bw_error *err);
/* Ends the children and removes the directory. */
void bw_demo_stop(bw_demo *demo);
/* In a child: ends it by `sig` when the parent has ended. */
void bw_demo_die_with(pid_t parent, int sig);

/* demo_sql.c: the shop, and the procedure that changes it for ever. */
extern const char bw_demo_schema_sql[], bw_demo_churn_sql[];

#endif
