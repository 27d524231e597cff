/*
 * The streaming buffer: rows of insertAll stay in it for a while after they have arrived, and no
 * DML may change them meanwhile. What is in it is remembered as ranges of row numbers per storage;
 * ranges that arrive within a second and lie side by side are one.
 */
#include <stdlib.h>

#include "backend/sandbox/bq_store.h"

static int64_t oldest_arrival(const bq_catalog *catalog)
{
    return bw_wall_us(catalog->clock) - catalog->buffer_us;
}

void bq_catalog_set_buffer(bq_catalog *catalog, int64_t duration_us)
{
    bq_store_lock(catalog);
    catalog->buffer_us = duration_us;
    bq_store_unlock(catalog);
}

bw_status bq_catalog_flush_buffer(bq_catalog *catalog, bq_error *err)
{
    bq_store_lock(catalog);
    bw_status status = bq_store_exec(catalog, err, "DELETE FROM bq_buffer", "");
    bq_store_unlock(catalog);
    return status;
}

bw_status bq_buffer_add(bq_catalog *catalog, int64_t storage, int64_t count, int64_t bytes,
                        bq_error *err)
{
    int64_t now = bw_wall_us(catalog->clock), last = 0;
    sqlite3_stmt *stmt = NULL;

    if (catalog->buffer_us <= 0 || count <= 0)
        return BW_OK;
    char *sql = bw_xasprintf("SELECT max(\"!\") FROM \"t%lld\"", (long long)storage);
    bw_status status = bq_store_query(catalog, err, &stmt, sql, "");
    free(sql);
    if (status == BW_OK && sqlite3_step(stmt) == SQLITE_ROW)
        last = sqlite3_column_int64(stmt, 0);
    bw_sb_db_done(catalog->db, stmt);
    int64_t first = last - count + 1;
    if (status == BW_OK)
        status = bq_store_exec(catalog, err, "DELETE FROM bq_buffer WHERE arrived <= ?", "i",
                               oldest_arrival(catalog));
    if (status == BW_OK)
        status = bq_store_exec(catalog, err,
                               "UPDATE bq_buffer SET last = ?, bytes = bytes + ?"
                               " WHERE storage = ? AND last = ? AND arrived > ?",
                               "iiiii", last, bytes, storage, first - 1, now - BW_SECOND);
    if (status == BW_OK && bw_sb_db_changes(catalog->db) == 0)
        status = bq_store_exec(catalog, err, "INSERT INTO bq_buffer VALUES(?, ?, ?, ?, ?)", "iiiii",
                               storage, first, last, bytes, now);
    return status;
}

bw_status bq_buffer_fill(bq_catalog *catalog, int64_t storage, bq_table *table, bq_error *err)
{
    sqlite3_stmt *stmt;

    if (catalog->buffer_us <= 0)
        return BW_OK;
    bw_status status = bq_store_query(
        catalog, err, &stmt,
        "SELECT coalesce(sum(last - first + 1), 0), coalesce(sum(bytes), 0), min(arrived)"
        " FROM bq_buffer WHERE storage = ? AND arrived > ?",
        "ii", storage, oldest_arrival(catalog));
    if (status == BW_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        table->buffer_rows = sqlite3_column_int64(stmt, 0);
        table->buffer_bytes = sqlite3_column_int64(stmt, 1);
        table->buffer_since_us = sqlite3_column_int64(stmt, 2);
    }
    bw_sb_db_done(catalog->db, stmt);
    return status;
}

bw_status bq_buffer_check(bq_catalog *catalog, const bq_table *table, int64_t storage,
                          const char *rows_query, bq_buffer_probe *probe, void *user, bq_error *err)
{
    bq_table buffered = {0};
    int64_t hit = 0;
    bw_status status = bq_buffer_fill(catalog, storage, &buffered, err);

    if (status != BW_OK || buffered.buffer_rows == 0)
        return status;
    char *sql = bw_xasprintf(
        "SELECT 1 FROM main.bq_buffer AS b JOIN \"t%lld\" AS x ON x.\"!\""
        " BETWEEN b.first AND b.last WHERE b.storage = %lld AND"
        " b.arrived > %lld%s%s%s LIMIT 1",
        (long long)storage, (long long)storage, (long long)oldest_arrival(catalog),
        rows_query ? " AND x.\"!\" IN (" : "", rows_query ? rows_query : "", rows_query ? ")" : "");
    status = probe(user, sql, &hit);
    free(sql);
    if (status == BW_OK && hit)
        return bq_error_set(err, "invalidQuery", "query",
                            "UPDATE or DELETE statement over table %s.%s.%s would affect rows in "
                            "the streaming buffer, which is not supported",
                            table->project, table->dataset, table->id);
    return status;
}
