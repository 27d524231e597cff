/* The ids of batches: deterministic from the store, the sync, the batch and the attempt, so that a
   job found under one of them after a crash is ours or a contradiction. */
#include "backend/engine/run_internal.h"

#include <xxhash.h>

/* Letters and digits stand for themselves, everything else is _HH (two hex digits), and so is the
   underscore: injective, and within what job and table ids allow. */
static void encode(bw_buf *out, const char *name)
{
    for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9'))
            bw_buf_addc(out, (char)*p);
        else
            bw_buf_addf(out, "_%02x", *p);
    }
    if (out->len <= 160)
        return;
    /* A very long name keeps its beginning and is closed by a hash of the whole. */
    out->len = 140;
    bw_buf_addf(out, "_h%016llx", (unsigned long long)XXH3_64bits(name, strlen(name)));
}

static const char *join(bw_arena *arena, const char *prefix, const char *store, const char *sync,
                        int64_t batch, int attempt, const char *suffix)
{
    bw_buf name = BW_BUF_INIT;
    encode(&name, sync);
    const char *id =
        bw_arena_printf(arena, "%s_%s_%s_%lld_%d%s%s", prefix, store, bw_buf_cstr(&name),
                        (long long)batch, attempt, suffix[0] ? "_" : "", suffix);
    bw_buf_fini(&name);
    return id;
}

const char *bw_batch_job_id(bw_arena *arena, const char *store, const char *sync, int64_t batch,
                            int attempt, const char *step)
{
    return join(arena, "bw", store, sync, batch, attempt, step);
}

const char *bw_batch_staging_name(bw_arena *arena, const char *store, const char *sync,
                                  int64_t batch, int attempt)
{
    return join(arena, "_bw_stage", store, sync, batch, attempt, "");
}

const bw_job_label *bw_batch_labels(bw_arena *arena, const char *store, const char *sync,
                                    int64_t batch, int attempt, const char *step, size_t *count)
{
    /* Label values are lower-case letters, digits, _ and -, at most 63: names become a hash. */
    bw_job_label *labels = BW_ARENA_ARRAY(arena, bw_job_label, 5);
    labels[0] = (bw_job_label){"bw_store", store};
    labels[1] = (bw_job_label){
        "bw_sync",
        bw_arena_printf(arena, "%016llx", (unsigned long long)XXH3_64bits(sync, strlen(sync)))};
    labels[2] = (bw_job_label){"bw_batch", bw_arena_printf(arena, "%lld", (long long)batch)};
    labels[3] = (bw_job_label){"bw_attempt", bw_arena_printf(arena, "%d", attempt)};
    labels[4] = (bw_job_label){"bw_step", step};
    *count = 5;
    return labels;
}
