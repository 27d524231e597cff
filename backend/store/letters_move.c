/* What operators and replays do to dead letters. */
#include "backend/store/internal.h"

#include "backend/core/text.h"

/* Ids per transaction: other writers wait for one at most. */
#define SLICE 500

/* From which states a letter may come into which, and what the audit trail calls it. */
static const struct {
    const char *update;
    const char *action; /* NULL: no entry */
} MOVES[] = {
    [BW_LETTER_STAGED] = {NULL, NULL},
    [BW_LETTER_OPEN] = {"UPDATE letters SET state = 'open', attempts = attempts + 1, changed = ?"
                        " WHERE id = ? AND state = 'replaying'",
                        NULL},
    [BW_LETTER_REPLAYING] = {"UPDATE letters SET state = 'replaying', changed = ?"
                             " WHERE id = ? AND state = 'open'",
                             "replay"},
    [BW_LETTER_REPLAYED] = {"UPDATE letters SET state = 'replayed', changed = ?"
                            " WHERE id = ? AND state IN ('open', 'replaying')",
                            "replayed"},
    [BW_LETTER_SUPERSEDED] = {"UPDATE letters SET state = 'superseded', changed = ?"
                              " WHERE id = ? AND state IN ('open', 'replaying')",
                              "superseded"},
    [BW_LETTER_DISCARDED] = {"UPDATE letters SET state = 'discarded', changed = ?"
                             " WHERE id = ? AND state = 'open'",
                             "discard"},
};

/* ---- the audit entry -------------------------------------------------------------------- */

static void add_member(bw_buf *out, const char *name, bw_slice value)
{
    bw_buf_addf(out, ",\"%s", name);
    if (bw_utf8_valid(value)) {
        bw_buf_adds(out, "\":");
        bw_json_add_string(out, value);
        return;
    }
    bw_buf_adds(out, "_base64\":\"");
    bw_base64_encode(out, value.ptr, value.len);
    bw_buf_addc(out, '"');
}

static bw_status audit_letter(bw_store *store, int64_t id, const char *action, bool with_content,
                              const char *who, bw_error *err)
{
    static const char *const MEMBERS[] = {"key",    "event_id", "reason",
                                          "column", "detail",   "content"};
    bw_buf detail = BW_BUF_INIT, sync = BW_BUF_INIT;
    bw_buf_addf(&detail, "{\"letter\":%lld", (long long)id);
    bw_sql q = bw_sql_open(store, "SELECT sync, key, event_id, reason, column_name, detail, content"
                                  " FROM letters WHERE id = ?");
    bw_sql_bind_int(&q, id);
    if (bw_sql_next(&q)) {
        bw_slice name = bw_sql_peek(&q);
        bw_buf_add(&sync, name.ptr, name.len);
        for (size_t i = 0; i < BW_COUNT(MEMBERS) - (with_content ? 0 : 1); i++)
            add_member(&detail, MEMBERS[i], bw_sql_peek(&q));
    }
    bw_buf_adds(&detail, "}");
    bw_status st = bw_sql_end(&q, err);
    if (st == BW_OK)
        st = bw_audit_append(store, who, action, bw_buf_cstr(&sync), bw_buf_cstr(&detail), err);
    bw_buf_fini(&detail);
    bw_buf_fini(&sync);
    return st;
}

/* ---- moving ----------------------------------------------------------------------------- */

static bw_status move_one(bw_store *store, int64_t id, bw_letter_state state, const char *who,
                          int64_t *moved, bw_error *err)
{
    int64_t changed;
    bw_sql q = bw_sql_open(store, MOVES[state].update);
    bw_sql_bind_int(&q, bw_wall_us(store->clock));
    bw_sql_bind_int(&q, id);
    bw_status st = bw_sql_run(&q, &changed, err);
    if (st != BW_OK || changed == 0)
        return st;
    ++*moved;
    if (!MOVES[state].action)
        return BW_OK;
    return audit_letter(store, id, MOVES[state].action, state == BW_LETTER_DISCARDED, who, err);
}

bw_status bw_store_letters_move(bw_store *store, const int64_t *ids, size_t count,
                                bw_letter_state state, const char *who, int64_t *moved,
                                bw_error *err)
{
    *moved = 0;
    if (!MOVES[state].update)
        return bw_error_set(err, BW_INVALID, "a dead letter cannot be made %s",
                            bw_letter_state_name(state));
    bw_status st = BW_OK;
    for (size_t at = 0; at < count && st == BW_OK; at += SLICE) {
        int64_t some = 0;
        st = bw_tx_begin(store, err);
        if (st != BW_OK)
            return st;
        for (size_t i = at; i < count && i < at + SLICE && st == BW_OK; i++)
            st = move_one(store, ids[i], state, who, &some, err);
        st = bw_tx_end(store, st, err);
        if (st == BW_OK)
            *moved += some;
    }
    return st;
}

bw_status bw_store_letters_release(bw_store *store, const int64_t *ids, size_t count, bw_error *err)
{
    bw_status st = BW_OK;
    for (size_t at = 0; at < count && st == BW_OK; at += SLICE) {
        st = bw_tx_begin(store, err);
        if (st != BW_OK)
            return st;
        for (size_t i = at; i < count && i < at + SLICE && st == BW_OK; i++) {
            bw_sql q = bw_sql_open(store, "UPDATE letters SET state = 'open', changed = ?"
                                          " WHERE id = ? AND state = 'replaying'");
            bw_sql_bind_int(&q, bw_wall_us(store->clock));
            bw_sql_bind_int(&q, ids[i]);
            st = bw_sql_run(&q, NULL, err);
        }
        st = bw_tx_end(store, st, err);
    }
    return st;
}

static bw_status edit(bw_store *store, int64_t id, bw_slice content, const char *who, bw_error *err)
{
    int64_t open;
    bw_sql q = bw_sql_open(store, "SELECT state = 'open' FROM letters WHERE id = ?");
    bw_sql_bind_int(&q, id);
    bw_status st = bw_sql_one_int(&q, -1, &open, err);
    if (st != BW_OK)
        return st;
    if (open < 0)
        return bw_error_set(err, BW_NOT_FOUND, "no dead letter %lld", (long long)id);
    if (!open)
        return bw_error_set(err, BW_CONFLICT, "dead letter %lld is not open", (long long)id);
    st = audit_letter(store, id, "edit", true, who, err);
    if (st != BW_OK)
        return st;
    q = bw_sql_open(store, "UPDATE letters SET content = ?, changed = ? WHERE id = ?");
    bw_sql_bind_slice(&q, content);
    bw_sql_bind_int(&q, bw_wall_us(store->clock));
    bw_sql_bind_int(&q, id);
    return bw_sql_run(&q, NULL, err);
}

bw_status bw_store_letter_edit(bw_store *store, int64_t id, bw_slice content, const char *who,
                               bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    return st == BW_OK ? bw_tx_end(store, edit(store, id, content, who, err), err) : st;
}
