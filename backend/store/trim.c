/* What is over goes after a while, a slice at a time so that no writer waits long. */
#include "backend/store/internal.h"

#define SLICE "2000"
#define KEPT  "999" /* offset of the oldest that stays: the newest 1,000 */

static const struct {
    int64_t keep_us; /* older than this goes; 0: the statement knows by itself */
    const char *text;
} RULES[] = {
    {0, "DELETE FROM batches WHERE (sync, number) IN (SELECT b.sync, b.number"
        " FROM syncs s JOIN batches b ON b.sync = s.name AND b.number < (SELECT number FROM batches"
        " WHERE sync = s.name ORDER BY number DESC LIMIT 1 OFFSET " KEPT ")"
        " WHERE b.state IN ('committed', 'abandoned') AND NOT EXISTS (SELECT 1 FROM stagings t"
        " WHERE t.sync = b.sync AND t.number = b.number) LIMIT " SLICE ")"},
    {0, "DELETE FROM runs WHERE id IN (SELECT r.id"
        " FROM syncs s JOIN runs r ON r.sync = s.name AND r.id < (SELECT id FROM runs"
        " WHERE sync = s.name ORDER BY id DESC LIMIT 1 OFFSET " KEPT ")"
        " WHERE r.state <> 'running' LIMIT " SLICE ")"},
    {90 * BW_DAY, "DELETE FROM letters WHERE id IN (SELECT id FROM letters WHERE changed < ?"
                  " AND state IN ('replayed', 'superseded', 'discarded') LIMIT " SLICE ")"},
    {2 * BW_DAY, "DELETE FROM bookings WHERE (what, whom, minute) IN (SELECT what, whom, minute"
                 " FROM bookings WHERE newest < ? LIMIT " SLICE ")"},
    {7 * BW_DAY, "DELETE FROM commands WHERE id IN (SELECT id FROM commands WHERE at < ?"
                 " AND state IN ('done', 'failed') LIMIT " SLICE ")"},
};

static bw_status trim_some(bw_store *store, size_t rule, int64_t *gone, bw_error *err)
{
    *gone = 0;
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    bw_sql q = bw_sql_open(store, RULES[rule].text);
    if (RULES[rule].keep_us > 0)
        bw_sql_bind_int(&q, bw_wall_us(store->clock) - RULES[rule].keep_us);
    return bw_tx_end(store, bw_sql_run(&q, gone, err), err);
}

bw_status bw_store_trim(bw_store *store, bw_error *err)
{
    bw_status st = BW_OK;
    for (size_t i = 0; i < BW_COUNT(RULES) && st == BW_OK; i++) {
        int64_t gone;
        do
            st = trim_some(store, i, &gone, err);
        while (st == BW_OK && gone > 0);
    }
    return st;
}
