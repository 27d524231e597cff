/*
 * The demo's world: a throwaway PostgreSQL cluster with a small shop that changes all the time, the
 * sandbox beside this program, and publishers of change events, all in a temporary directory and
 * all ended with it.
 * Threads: main, before any other thread is made (it forks).
 */
#ifndef BW_APP_DEMO_H
#define BW_APP_DEMO_H

#include <sys/types.h>

#include "backend/core/error.h"

#define BW_DEMO_CHILDREN 5

typedef struct bw_demo {
    char dir[128];    /* the temporary directory */
    char socket[160]; /* PostgreSQL's socket directory */
    char config[192]; /* bridgewatch.yaml */
    char endpoint[64];
    pid_t children
        [BW_DEMO_CHILDREN]; /* janitor, PostgreSQL, sandbox, writer, publishers; 0: not started */
    int alive;              /* closed, by us or by the kernel, when we end */
} bw_demo;

/* Starts everything and waits until it answers. On an error what was started is ended. */
BW_NODISCARD bw_status bw_demo_start(bw_demo *demo, bw_error *err);
/* Ends the children and removes the directory. */
void bw_demo_stop(bw_demo *demo);
/* In a child: ends it by `sig` when the parent has ended. */
void bw_demo_die_with(pid_t parent, int sig);

/* demo_events.c: publishers of change events, in a process of their own that ends with the sandbox.
   Makes the topics and subscriptions first, then writes a byte to `ready`. */
#define BW_DEMO_TOPIC        "profile-events"
#define BW_DEMO_SUBSCRIPTION "profile-sync"
#define BW_DEMO_AUDIT        "profile-audit"
_Noreturn void bw_demo_publish(const char *endpoint, int ready);

/* demo_sql.c: the shop, and the procedure that changes it for ever. */
extern const char bw_demo_schema_sql[], bw_demo_churn_sql[];

#endif
