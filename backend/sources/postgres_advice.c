#include "backend/sources/postgres_advice.h"

#include <inttypes.h>
#include <stdlib.h>

#include "backend/core/units.h"

void bw_pgadvice_server(const bw_pgserver *server, bw_pgwarnings *w, bw_arena *arena)
{
    if (server->standby)
        bw_pgwarnings_add(w, arena,
                          "the server is a standby: windows end at what it has replayed, and rows "
                          "that commit on the primary later than the lookback are missed");
    else if (!server->reads_activity)
        bw_pgwarnings_add(w, arena,
                          "user %s cannot see how long other transactions are open: rows that "
                          "commit later than the lookback are missed; GRANT pg_read_all_stats TO "
                          "\"%s\" lets it see them",
                          server->user, server->user);
    if (server->sql_ascii)
        bw_pgwarnings_add(w, arena,
                          "the database has the encoding SQL_ASCII, so any bytes may be in its "
                          "texts: rows that are not UTF-8 become dead letters (BAD_UTF8)");
}

/* MAX(cursor) less the clock, both on the cursor's axis, and the zone's offset; microseconds. */
static const char skew_sql[] =
    "SELECT (extract(epoch FROM m.at - now.local) * 1000000)::bigint,"
    " (extract(epoch FROM now.local - now.utc) * 1000000)::bigint"
    " FROM (SELECT max(%s)%s AS at FROM %s WHERE %s < 'infinity') m,"
    " (SELECT clock_timestamp() AT TIME ZONE $1 AS local,"
    " clock_timestamp() AT TIME ZONE 'UTC' AS utc) now WHERE m.at IS NOT NULL";

/* Whether the distance is a whole zone offset, give or take what a busy table lags. */
static bool zone_offset(int64_t skew_us, int64_t offset_us)
{
    const int64_t quarter = 15 * BW_MINUTE, tolerance = 2 * BW_MINUTE;
    if (skew_us > 0) {
        /* Ahead of the clock nothing should be, so any zone's offset is one. */
        int64_t rest = skew_us % quarter;
        return skew_us > 29 * BW_MINUTE && skew_us < 15 * BW_HOUR &&
               (rest < tolerance || rest > quarter - tolerance);
    }
    /* Behind, a quiet table looks the same: only our own zone's offset is a reason. */
    return offset_us > 0 && llabs(skew_us + offset_us) < tolerance;
}

static bw_status look_at_zone(bw_pgconn *conn, bw_pgtable *t, bw_arena *arena, bw_error *err)
{
    char text[BW_TIME_TEXT];
    bool instant = t->info.cursor_kind == BW_CURSOR_TIMESTAMP;
    const char *zone = instant ? "UTC" : t->info.cursor_zone;
    const char *sql = bw_arena_printf(arena, skew_sql, t->cursor,
                                      instant ? " AT TIME ZONE 'UTC'" : "", t->relation, t->cursor);
    bw_pgresult *r;
    bw_status status = bw_pgconn_query(conn, sql, &zone, 1, &r, err);
    if (status != BW_OK)
        return bw_error_wrap(err, "cursor_zone %s", zone);
    if (bw_pgresult_rows(r)) {
        int64_t skew = bw_pgresult_int(r, 0, 0, 0), offset = bw_pgresult_int(r, 0, 1, 0);
        if (zone_offset(skew, offset))
            t->info.cursor_problem = bw_arena_printf(
                arena, "the highest %s is %s %s the clock in %s, about a whole zone offset: %s",
                t->info.schema.fields[t->info.cursor].source_name,
                bw_format_duration(llabs(skew), text), skew > 0 ? "ahead of" : "behind", zone,
                instant ? "the application writes local times as if they were UTC"
                        : "set cursor_zone to the zone in which the application writes it");
    }
    bw_pgresult_free(r);
    return BW_OK;
}

/* Sessions that fetch sequence values in blocks use lower ones later. */
static bw_status look_at_sequence(bw_pgconn *conn, bw_pgtable *t, bw_arena *arena, bw_error *err)
{
    static const char sql[] = "SELECT seqcache FROM pg_sequence WHERE seqrelid ="
                              " pg_get_serial_sequence($1, $2)::regclass AND seqcache > 1";
    const char *column = t->info.schema.fields[t->info.cursor].source_name;
    const char *params[] = {t->relation, column};
    bw_pgresult *r;
    if (t->kind != 'r' && t->kind != 'p')
        return BW_OK;
    bw_status status = bw_pgconn_query(conn, sql, params, 2, &r, err);
    if (status != BW_OK)
        return status;
    if (bw_pgresult_rows(r))
        bw_pgwarnings_add(&t->warnings, arena,
                          "the sequence of %s hands out %s values at a time (CACHE): a session may "
                          "use lower ones long after higher ones, and those rows are missed",
                          column, bw_pgresult_text(r, 0, 0));
    bw_pgresult_free(r);
    return BW_OK;
}

static void look_at_cursor(bw_pgtable *t, bw_arena *arena)
{
    const char *name = t->info.schema.fields[t->info.cursor].source_name;
    if (!t->cursor_indexed)
        bw_pgwarnings_add(&t->warnings, arena,
                          "no index begins with the cursor %s: every window scans the whole table",
                          name);
    if (t->cursor_nullable)
        bw_pgwarnings_add(&t->warnings, arena,
                          "the cursor %s can be NULL: such rows are read by a backfill only, and "
                          "counted",
                          name);
}

bw_status bw_pgadvice_table(bw_pgconn *conn, bw_pgtable *t, bw_arena *arena, bw_error *err)
{
    bw_status status = BW_OK;
    if (t->info.n_key && t->children)
        bw_pgwarnings_add(&t->warnings, arena,
                          "other tables inherit from %s, and its %s does not hold over them: a key "
                          "that occurs twice fails the batch",
                          t->info.name, t->info.key_origin);
    if (t->info.cursor >= 0) {
        bw_pgadvice_server(bw_pgconn_server(conn), &t->warnings, arena);
        look_at_cursor(t, arena);
        if (t->info.cursor_kind != BW_CURSOR_SEQUENCE && t->cursor_indexed)
            status = look_at_zone(conn, t, arena, err);
        if (t->info.cursor_kind == BW_CURSOR_SEQUENCE)
            status = look_at_sequence(conn, t, arena, err);
    }
    t->info.warnings = t->warnings.items;
    t->info.n_warnings = t->warnings.count;
    return status;
}
