#include "backend/sources/postgres_window.h"

#include <inttypes.h>
#include <stdio.h>

#include "backend/core/units.h"

/* Whole microseconds, whatever the session's formats. */
#define MICROSECONDS(time) "(extract(epoch FROM " time ") * 1000000)::bigint"

bw_status bw_pg_clock(bw_pgconn *conn, int64_t *now_us, bw_error *err)
{
    bw_pgresult *r;
    bw_status status =
        bw_pgconn_query(conn, "SELECT " MICROSECONDS("clock_timestamp()"), NULL, 0, &r, err);
    if (status != BW_OK)
        return status;
    *now_us = bw_pgresult_int(r, 0, 0, BW_TIME_NONE);
    bw_pgresult_free(r);
    return BW_OK;
}

/* A standby shows what it has replayed, so that is what its clock says. */
static bw_status window_end(bw_pgconn *conn, int64_t *to_us, bw_error *err)
{
    static const char standby_sql[] =
        "SELECT " MICROSECONDS("least(clock_timestamp(), coalesce(pg_last_xact_replay_timestamp(), "
                               "(SELECT checkpoint_time FROM pg_control_checkpoint())))");
    if (!bw_pgconn_server(conn)->standby)
        return bw_pg_clock(conn, to_us, err);
    bw_pgresult *r;
    bw_status status = bw_pgconn_query(conn, standby_sql, NULL, 0, &r, err);
    if (status != BW_OK)
        return status;
    *to_us = bw_pgresult_int(r, 0, 0, BW_TIME_NONE);
    bw_pgresult_free(r);
    return BW_OK;
}

/*
 * Whatever may still commit rows into this database: clients, and workers that apply or schedule
 * changes; with or without a transaction id, because who only read until now may write next. Ours
 * are left out: they only read. track_activities off hides a backend's times (state 'disabled').
 */
static const char open_sql[] =
    "WITH others AS (SELECT * FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid()"
    " AND backend_type NOT IN ('autovacuum worker', 'walsender', 'parallel worker')"
    " AND NOT (usename = session_user AND left(application_name, length($1)) = $1))"
    " SELECT (SELECT coalesce(bool_or(state = 'disabled'), false) FROM others),"
    " o.at, o.pid, o.state, p.at, p.gid FROM (SELECT 1) one"
    " LEFT JOIN LATERAL (SELECT " MICROSECONDS(
        "xact_start") " AS at, pid, state FROM others"
                      " WHERE xact_start IS NOT NULL ORDER BY xact_start LIMIT 1) o ON true"
                      " LEFT JOIN LATERAL (SELECT " MICROSECONDS(
                          "prepared") " AS at, gid FROM pg_prepared_xacts"
                                      " WHERE database = current_database() ORDER BY prepared "
                                      "LIMIT 1) p ON true";

typedef struct limits {
    int64_t lookback_us, late_us, from_us;
} limits;

static void hold_back(bw_pgmoment *m, int64_t since_us, const limits *l, const char *who)
{
    char age[BW_TIME_TEXT];
    /* Its rows may bear its very beginning, and a window does not include where it begins. */
    since_us--;
    if (since_us >= m->base_us)
        return;
    m->base_us = since_us;
    if (m->to_us - since_us > l->lookback_us)
        snprintf(m->held_by, sizeof m->held_by, "%s, %s", who,
                 bw_format_duration(m->to_us - since_us, age));
}

static void read_open(const bw_pgresult *r, const limits *l, bool reads_activity, bw_pgmoment *m)
{
    char who[150];
    /* Without the right to see others' times, our own user's and what is prepared still count. */
    m->open_known = reads_activity && !bw_pgresult_bool(r, 0, 0);
    if (bw_pgresult_text(r, 0, 1)) {
        const char *state = bw_pgresult_text(r, 0, 3);
        snprintf(who, sizeof who, "pid %s, %s", bw_pgresult_text(r, 0, 2),
                 state ? state : "state unknown");
        hold_back(m, bw_pgresult_int(r, 0, 1, m->to_us), l, who);
    }
    if (bw_pgresult_text(r, 0, 4)) {
        /* Its rows bear the time of its beginning, which was before it was prepared: not before
           this window's beginning if it was open then (it held that window back), and else after
           it. Of the first window nothing is known but the limit. */
        int64_t prepared = bw_pgresult_int(r, 0, 4, m->to_us);
        int64_t began =
            l->from_us == BW_TIME_NONE ? prepared - l->late_us : l->from_us + l->lookback_us;
        snprintf(who, sizeof who, "prepared transaction %.80s", bw_pgresult_text(r, 0, 5));
        hold_back(m, began < prepared ? began : prepared, l, who);
    }
    if (m->base_us < m->to_us - l->late_us)
        m->base_us = m->to_us - l->late_us;
}

bw_status bw_pgmoment_take(bw_pgconn *conn, const bw_table_spec *spec, int64_t lookback_us,
                           int64_t from_us, bw_pgmoment *out, bw_error *err)
{
    const bw_pgserver *server = bw_pgconn_server(conn);
    limits l = {lookback_us, spec->late_commit_limit_us, from_us};
    if (l.late_us < 0)
        l.late_us = BW_PG_LATE_COMMIT;
    *out = (bw_pgmoment){0};
    bw_status status = window_end(conn, &out->to_us, err);
    if (status != BW_OK)
        return status;
    out->base_us = out->to_us;
    if (server->standby)
        return BW_OK;
    bw_pgresult *r;
    status = bw_pgconn_query(conn, open_sql, &server->application_prefix, 1, &r, err);
    if (status != BW_OK)
        return status;
    read_open(r, &l, server->reads_activity, out);
    bw_pgresult_free(r);
    return BW_OK;
}

/* ---- zones ---- */

bw_status bw_pg_lookback(bw_pgconn *conn, const bw_table_spec *spec, const bw_table_info *info,
                         int64_t *out, bw_error *err)
{
    static const char sql[] =
        "SELECT count(DISTINCT (t AT TIME ZONE $1) - (t AT TIME ZONE 'UTC')) > 1"
        " FROM generate_series(now() - interval '1 year', now() + interval '1 year',"
        " interval '7 days') t";
    *out = spec->lookback_us < 0 ? BW_PG_LOOKBACK : spec->lookback_us;
    if (info->cursor_kind != BW_CURSOR_DATETIME || *out >= BW_HOUR)
        return BW_OK;
    bw_pgresult *r;
    bw_status status = bw_pgconn_query(conn, sql, &info->cursor_zone, 1, &r, err);
    if (status != BW_OK) {
        bw_error_wrap(err, "cursor_zone %s", info->cursor_zone);
        return status == BW_INVALID ? bw_error_hint(err, "Name a zone as in Europe/Berlin or UTC.")
                                    : status;
    }
    if (bw_pgresult_bool(r, 0, 0))
        *out = BW_HOUR;
    bw_pgresult_free(r);
    return BW_OK;
}

const char *bw_pg_cursor_type(const bw_pgtable *table)
{
    static const char *const names[] = {[BW_CURSOR_NONE] = "text",
                                        [BW_CURSOR_TIMESTAMP] = "timestamptz",
                                        [BW_CURSOR_DATETIME] = "timestamp",
                                        [BW_CURSOR_SEQUENCE] = "bigint"};
    return names[table->info.cursor_kind];
}

/* An instant as a text that means it in any session. */
static const char *instant(bw_arena *arena, int64_t us)
{
    char text[BW_TIME_TEXT];
    return us == BW_TIME_NONE ? NULL : bw_arena_strdup(arena, bw_format_time(us, text));
}

/*
 * In a zone with daylight saving an hour of wall-clock times comes twice, and `from` may fall into
 * it: the lower bound is the earlier of the instant's wall-clock time and the wall-clock time from
 * which the lookback was counted, less the lookback.
 */
static bw_status range_in_zone(bw_pgconn *conn, const bw_pgtable *table, int64_t from_us,
                               int64_t lookback_us, int64_t to_us, bw_arena *arena, bw_pgrange *out,
                               bw_error *err)
{
    static const char sql[] =
        "SELECT least($1::timestamptz AT TIME ZONE $4, ($2::timestamptz AT TIME ZONE $4)"
        " - ($2::timestamptz - $1::timestamptz))::text, ($3::timestamptz AT TIME ZONE $4)::text";
    int64_t base_us = from_us == BW_TIME_NONE ? BW_TIME_NONE : from_us + lookback_us;
    const char *params[] = {instant(arena, from_us), instant(arena, base_us), instant(arena, to_us),
                            table->info.cursor_zone};
    bw_pgresult *r;
    bw_status status = bw_pgconn_query(conn, sql, params, 4, &r, err);
    if (status != BW_OK)
        return bw_error_wrap(err, "cursor_zone %s", table->info.cursor_zone);
    *out = (bw_pgrange){bw_pgresult_dup(r, 0, 0, arena), bw_pgresult_dup(r, 0, 1, arena)};
    bw_pgresult_free(r);
    return BW_OK;
}

bw_status bw_pgrange_of_times(bw_pgconn *conn, const bw_pgtable *table, int64_t from_us,
                              int64_t lookback_us, int64_t to_us, bw_arena *arena, bw_pgrange *out,
                              bw_error *err)
{
    static const char sql[] = "SELECT $1::timestamptz::text, $2::timestamptz::text";
    if (table->info.cursor_kind == BW_CURSOR_DATETIME)
        return range_in_zone(conn, table, from_us, lookback_us, to_us, arena, out, err);
    /* The server writes them, so that they have the one form that values of the cursor have. */
    const char *params[] = {instant(arena, from_us), instant(arena, to_us)};
    bw_pgresult *r;
    bw_status status = bw_pgconn_query(conn, sql, params, 2, &r, err);
    if (status != BW_OK)
        return status;
    *out = (bw_pgrange){bw_pgresult_dup(r, 0, 0, arena), bw_pgresult_dup(r, 0, 1, arena)};
    bw_pgresult_free(r);
    return BW_OK;
}

/* ---- ranges ---- */

static void add_bound(bw_buf *out, const char *column, const char *operator, const char * value,
                      const char *type)
{
    bw_buf_addf(out, "%s %s ", column, operator);
    bw_pg_add_literal(out, value);
    bw_buf_addf(out, "::%s", type);
}

void bw_pgrange_add(bw_buf *out, const char *column, const char *type, const bw_pgrange *range)
{
    if (range->above)
        add_bound(out, column, ">", range->above, type);
    if (range->above && range->upto)
        bw_buf_adds(out, " AND ");
    if (range->upto)
        add_bound(out, column, "<=", range->upto, type);
    if (!range->above && !range->upto)
        bw_buf_adds(out, "TRUE");
}

bw_status bw_pgrange_cut(bw_pgconn *conn, const bw_pgtable *table, const char *column,
                         const char *type, const bw_pgrange *range, double limit, bw_arena *arena,
                         const char **cut, bw_error *err)
{
    bw_buf sql = BW_BUF_INIT;
    bw_pgresult *r;
    *cut = NULL;
    bw_buf_addf(&sql, "SELECT %s::text FROM %s WHERE ", column, table->relation);
    bw_pgrange_add(&sql, column, type, range);
    bw_buf_addf(&sql, " ORDER BY %s OFFSET %.0f LIMIT 1", column, limit - 1);
    bw_status status = bw_pgconn_query(conn, bw_buf_cstr(&sql), NULL, 0, &r, err);
    bw_buf_fini(&sql);
    if (status != BW_OK)
        return status;
    if (bw_pgresult_rows(r))
        *cut = bw_pgresult_dup(r, 0, 0, arena);
    bw_pgresult_free(r);
    return BW_OK;
}

bw_status bw_pgrange_cuts(bw_pgconn *conn, const bw_pgtable *table, const char *column,
                          const char *type, const bw_pgrange *range, double limit, bw_arena *arena,
                          const char *const **cuts, size_t *count, bw_error *err)
{
    bw_buf sql = BW_BUF_INIT;
    bw_pgresult *r;
    bw_buf_addf(&sql,
                "SELECT DISTINCT c, c::text FROM (SELECT %s AS c, row_number() OVER (ORDER BY %s)"
                " AS n FROM %s WHERE ",
                column, column, table->relation);
    bw_pgrange_add(&sql, column, type, range);
    bw_buf_addf(&sql, ") s WHERE n %% %.0f = 0 ORDER BY 1", limit);
    bw_status status = bw_pgconn_query(conn, bw_buf_cstr(&sql), NULL, 0, &r, err);
    bw_buf_fini(&sql);
    if (status != BW_OK)
        return status;
    *count = (size_t)bw_pgresult_rows(r);
    const char **list = BW_ARENA_ARRAY(arena, const char *, *count + 1);
    for (size_t i = 0; i < *count; i++)
        list[i] = bw_pgresult_dup(r, (int)i, 1, arena);
    *cuts = list;
    bw_pgresult_free(r);
    return BW_OK;
}

double bw_pg_batch_rows(const bw_table_spec *spec, const bw_pgtable *table)
{
    double rows = spec->batch_rows > 0 ? (double)spec->batch_rows : 1e6;
    if (spec->batch_bytes > 0 && table->info.rows_estimate > 0 && table->info.bytes_estimate > 0) {
        double row_bytes = (double)table->info.bytes_estimate / table->info.rows_estimate;
        double by_bytes = (double)spec->batch_bytes / row_bytes;
        if (by_bytes < rows)
            rows = by_bytes;
    }
    return rows < 1 ? 1 : rows;
}

/* One count: a look-up in the index, or a share in one pass over the table. */
static void add_count(bw_buf *sql, const bw_pgtable *table, const char *condition)
{
    if (table->cursor_indexed)
        bw_buf_addf(sql, "(SELECT count(*) FROM %s WHERE %s)", table->relation, condition);
    else
        bw_buf_addf(sql, "count(*) FILTER (WHERE %s)", condition);
}

static void add_counts(bw_buf *sql, const bw_pgtable *table, const bw_pgrange *later)
{
    bw_buf condition = BW_BUF_INIT;
    bw_buf_adds(sql, "SELECT ");
    bw_buf_addf(&condition, "%s IS NULL", table->cursor);
    if (table->cursor_nullable)
        add_count(sql, table, bw_buf_cstr(&condition));
    else
        bw_buf_adds(sql, "0");
    bw_buf_adds(sql, ", ");
    bw_buf_clear(&condition);
    bw_pgrange_add(&condition, table->cursor, bw_pg_cursor_type(table), later);
    if (later->above)
        add_count(sql, table, bw_buf_cstr(&condition));
    else
        bw_buf_adds(sql, "-1");
    if (!table->cursor_indexed)
        bw_buf_addf(sql, " FROM %s", table->relation);
    bw_buf_fini(&condition);
}

bw_status bw_pg_count_unreached(bw_pgconn *conn, const bw_pgtable *table, bw_arena *arena,
                                int64_t *nulls, int64_t *ahead, bw_error *err)
{
    bw_buf sql = BW_BUF_INIT;
    bw_pgresult *r;
    int64_t now;
    bool times = table->info.cursor_kind != BW_CURSOR_SEQUENCE;
    *nulls = table->cursor_nullable ? -1 : 0;
    *ahead = -1;
    /* The clock after the snapshot: what committed a moment ago is not ahead of it. */
    bw_pgrange range = {NULL, NULL}, later;
    bw_status status = bw_pg_clock(conn, &now, err);
    if (status == BW_OK && times)
        status = bw_pgrange_of_times(conn, table, BW_TIME_NONE, 0, now, arena, &range, err);
    if (status != BW_OK || (!times && !table->cursor_nullable))
        return status;
    later = (bw_pgrange){.above = range.upto};
    add_counts(&sql, table, &later);
    status = bw_pgconn_query(conn, bw_buf_cstr(&sql), NULL, 0, &r, err);
    bw_buf_fini(&sql);
    if (status != BW_OK)
        return status;
    *nulls = bw_pgresult_int(r, 0, 0, -1);
    *ahead = bw_pgresult_int(r, 0, 1, -1);
    bw_pgresult_free(r);
    return BW_OK;
}
