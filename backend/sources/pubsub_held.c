#include "backend/sources/pubsub_held.h"

#include <stdlib.h>

typedef struct left {
    bw_ps_held held;
    char *subscription;
} left;

static void drop(void *what)
{
    left *l = what;
    /* They expire: to give them back would wait for the service, and bring them back no less used. */
    bw_ps_leases_free(l->held.leases, false);
    bw_ps_batch_fini(&l->held.batch);
    free(l->subscription);
    free(l);
}

void bw_ps_held_leave(bw_kept *slot, const char *subscription, const bw_ps_held *held)
{
    left *l = bw_xcalloc(1, sizeof(*l));
    l->held = *held;
    l->subscription = bw_xstrdup(subscription);
    bw_kept_drop(slot);
    *slot = (bw_kept){l, drop, held->leases != NULL};
}

bool bw_ps_held_take(bw_kept *slot, const char *subscription, bw_ps_held *out)
{
    left *l = slot ? slot->what : NULL;
    if (!l || strcmp(l->subscription, subscription) != 0)
        return false;
    *out = l->held;
    free(l->subscription);
    free(l);
    *slot = (bw_kept){.what = NULL};
    return true;
}
