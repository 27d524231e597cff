#include "backend/sandbox/ds_plan.h"

#include "backend/sandbox/hash.h"

static bw_status prepare(ds_store *store, const ds_plan *plan, int64_t at, sqlite3_stmt **out,
                         bw_error *err)
{
    *out = bw_sb_db_query(store->db, plan->sql, "i", at);
    if (!*out)
        return bw_sb_db_error(store->db, err);
    for (size_t i = 0; i < plan->param_count; i++)
        sqlite3_bind_blob64(*out, (int)i + 2, plan->params[i].ptr, plan->params[i].len,
                            SQLITE_STATIC);
    return BW_OK;
}

static void read_hit(const ds_plan *plan, sqlite3_stmt *stmt, ds_hit *hit)
{
    hit->id = sqlite3_column_int64(stmt, 0);
    hit->version = sqlite3_column_int64(stmt, 1);
    hit->created = sqlite3_column_int64(stmt, 2);
    hit->path = bw_sb_db_bytes(stmt, 3);
    for (size_t i = 0; i < plan->columns; i++)
        hit->values[i] = bw_sb_db_bytes(stmt, (int)i + 4);
}

/* Whether the row has the same distinct values as the one before; keeps them for the next. */
static bool repeated(const ds_plan *plan, const ds_hit *hit, bw_buf *before)
{
    bw_buf now = BW_BUF_INIT;
    if (plan->distinct == 0)
        return false;
    for (size_t i = 0; i < plan->distinct; i++) {
        uint32_t len = (uint32_t)hit->values[i].len;
        bw_buf_add(&now, &len, sizeof len);
        bw_buf_add(&now, hit->values[i].ptr, hit->values[i].len);
    }
    bool same = before->len > 0 && bw_slice_eq(bw_buf_slice(&now), bw_buf_slice(before));
    bw_buf_fini(before);
    *before = now;
    return same;
}

bw_status ds_plan_run(ds_store *store, const ds_plan *plan, int64_t at, ds_visit *visit, void *user,
                      ds_outcome *out, bw_error *err)
{
    sqlite3_stmt *stmt;
    ds_hit hit;
    bw_buf before = BW_BUF_INIT;
    *out = (ds_outcome){.limited = plan->limit == 0};
    bw_status status = prepare(store, plan, at, &stmt, err);
    while (status == BW_OK && !out->limited && !out->more) {
        status = ds_store_row(store, stmt, err);
        if (status != BW_OK)
            break;
        read_hit(plan, stmt, &hit);
        if (repeated(plan, &hit, &before))
            continue;
        out->fingerprint = (out->fingerprint ^ (uint64_t)hit.id) * BW_SB_HASH_PRIME + 1;
        bool skip = out->skipped < plan->offset;
        if (out->stopped) {
            out->more = true;
        } else if (skip) {
            out->skipped++;
            visit(user, &hit, true);
        } else {
            out->taken++;
            out->stopped = !visit(user, &hit, false);
            out->limited = out->taken == plan->limit;
        }
    }
    bw_sb_db_done(store->db, stmt);
    bw_buf_fini(&before);
    return status == BW_NOT_FOUND ? BW_OK : status;
}

typedef struct replay {
    const ds_outcome *before;
    int64_t taken;
} replay;

static bool take_as_many(void *user, const ds_hit *hit, bool skipped)
{
    replay *r = user;
    (void)hit;
    r->taken += !skipped;
    return !(r->before->stopped && r->taken == r->before->taken);
}

bw_status ds_plan_repeats(ds_store *store, const ds_plan *plan, const ds_outcome *before,
                          bool *same, bw_error *err)
{
    replay r = {before, 0};
    ds_outcome now;
    bw_status status = ds_plan_run(store, plan, DS_NOW, take_as_many, &r, &now, err);
    *same = status == BW_OK && now.fingerprint == before->fingerprint &&
            now.taken == before->taken && now.skipped == before->skipped;
    return status;
}
