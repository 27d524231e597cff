/*
 * Quota bookings, added up per minute so that the table stays small. A minute's row leaves the sum
 * 24 h after the newest booking in it: the sum may be a minute's worth too high, never too low.
 */
#include "backend/store/internal.h"

#define SUM "SELECT sum(n), min(newest) FROM bookings WHERE what = ? AND whom = ? AND newest > ?"

static bw_status read_sum(bw_store *store, const char *what, const char *whom, int64_t *sum,
                          int64_t *oldest_us, bw_error *err)
{
    *sum = 0;
    *oldest_us = BW_TIME_NONE;
    bw_sql q = bw_sql_open(store, SUM);
    bw_sql_bind_text(&q, what);
    bw_sql_bind_text(&q, whom);
    bw_sql_bind_int(&q, bw_wall_us(store->clock) - BW_DAY);
    if (bw_sql_next(&q)) {
        *sum = bw_sql_int(&q);
        *oldest_us = bw_sql_time(&q);
    }
    return bw_sql_end(&q, err);
}

bw_status bw_store_book(bw_store *store, const char *what, const char *whom, int64_t n,
                        int64_t *sum_24h, bw_error *err)
{
    *sum_24h = 0;
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    int64_t now = bw_wall_us(store->clock), oldest;
    bw_sql q = bw_sql_open(store, "INSERT INTO bookings (what, whom, minute, newest, n)"
                                  " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
                                  " SET n = n + excluded.n, newest = max(newest, excluded.newest)");
    bw_sql_bind_text(&q, what);
    bw_sql_bind_text(&q, whom);
    bw_sql_bind_int(&q, now / BW_MINUTE);
    bw_sql_bind_int(&q, now);
    bw_sql_bind_int(&q, n);
    st = bw_sql_run(&q, NULL, err);
    if (st == BW_OK)
        st = read_sum(store, what, whom, sum_24h, &oldest, err);
    return bw_tx_end(store, st, err);
}

bw_status bw_store_booked(bw_store *store, const char *what, const char *whom, int64_t *sum_24h,
                          int64_t *oldest_us, bw_error *err)
{
    bw_tx_read(store);
    bw_status st = read_sum(store, what, whom, sum_24h, oldest_us, err);
    bw_tx_read_end(store);
    return st;
}

static void read_booking(bw_sql *q, bw_arena *arena, void *item)
{
    bw_booking *b = item;
    (void)arena;
    b->at_us = bw_sql_time(q);
    b->n = bw_sql_int(q);
}

bw_status bw_store_bookings(bw_store *store, const char *what, const char *whom, bw_arena *arena,
                            bw_booking **out, size_t *count, bw_error *err)
{
    void *items;
    bw_tx_read(store);
    bw_sql q = bw_sql_open(store, "SELECT newest, n FROM bookings WHERE what = ? AND whom = ?"
                                  " AND newest > ? ORDER BY newest");
    bw_sql_bind_text(&q, what);
    bw_sql_bind_text(&q, whom);
    bw_sql_bind_int(&q, bw_wall_us(store->clock) - BW_DAY);
    bw_status st = bw_sql_list(&q, arena, sizeof(**out), read_booking, &items, count, err);
    bw_tx_read_end(store);
    *out = items;
    return st;
}
