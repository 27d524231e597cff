/* The names that select dead letters: whether there are such a sync and such a reason. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "app/dlq.h"
#include "backend/core/text.h"

/* ---- reasons ---------------------------------------------------------------------------- */

static bw_status check_reason(const char *name, bw_error *err)
{
    const char *names[BW_REASON_COUNT];
    char upper[64] = "";
    bw_reason reason;
    size_t n = 0;
    if (bw_reason_parse(name, &reason))
        return BW_OK;
    for (int i = BW_REASON_NONE + 1; i < BW_REASON_COUNT; i++)
        names[n++] = bw_reason_name((bw_reason)i);
    for (size_t i = 0; name[i] && i < sizeof(upper) - 1; i++)
        upper[i] = (char)toupper((unsigned char)name[i]);
    const char *near = bw_nearest(upper, names, n);
    bw_error_set(err, BW_INVALID, "there is no reason %s", name);
    if (near)
        return bw_error_hint(err, "Did you mean %s?", near);
    return bw_error_hint(err, "The column REASON of `dlq list` has those of the open letters.");
}

/* ---- syncs ------------------------------------------------------------------------------ */

typedef struct known {
    const char **names;
    size_t n, cap;
} known;

static void add_name(known *k, const char *name)
{
    BW_GROW(k->names, k->n + 1, k->cap);
    k->names[k->n++] = name;
}

/* The configured ones, and those that the store remembers: tables of patterns, and syncs that are not
   configured any more. A pattern that was never expanded may still bring the name. */
static bw_status list_syncs(bw_dlq *d, const char *name, known *k, bool *may_come, bw_error *err)
{
    bw_sync_def *defs;
    bw_sync_record *records;
    size_t n_defs, n_records;
    bw_status s = bw_sync_defs_read(d->session.ctx->config, &d->arena, &defs, &n_defs, err);
    if (s == BW_OK)
        s = bw_store_sync_list(d->session.store, &d->arena, &records, &n_records, err);
    if (s != BW_OK)
        return s;
    for (size_t i = 0; i < n_records; i++)
        add_name(k, records[i].name);
    for (size_t i = 0; i < n_defs; i++) {
        size_t len = strlen(defs[i].source_name);
        if (!defs[i].pattern)
            add_name(k, defs[i].name);
        else if (n_records == 0 && strncmp(name, defs[i].source_name, len) == 0 && name[len] == '.')
            *may_come = true;
    }
    return BW_OK;
}

static bw_status check_sync(bw_dlq *d, const char *name, bw_error *err)
{
    known k = {0};
    bool found = false;
    bw_status s = list_syncs(d, name, &k, &found, err);
    for (size_t i = 0; i < k.n; i++)
        found |= strcmp(k.names[i], name) == 0;
    if (s == BW_OK && !found) {
        const char *near = bw_nearest(name, k.names, k.n);
        s = bw_error_set(err, BW_INVALID, "there is no sync %s", name);
        if (near)
            bw_error_hint(err, "Did you mean %s?", near);
        else
            bw_error_hint(err, "`status` lists the syncs.");
    }
    free(k.names);
    return s;
}

bw_status bw_dlq_check_names(bw_dlq *d, bw_error *err)
{
    bw_status s = d->filter.reason ? check_reason(d->filter.reason, err) : BW_OK;
    return s == BW_OK && d->filter.sync ? check_sync(d, d->filter.sync, err) : s;
}
