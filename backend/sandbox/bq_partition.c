/*
 * Partition decorators: t$20240131 as the destination of a load, a copy or a query. Partitions are not
 * kept apart; a decorator is a range of the partitioning column.
 */
#include <stdlib.h>

#include "backend/sandbox/bq_store.h"
#include "backend/sandbox/bq_time.h"

bq_table_ref bq_partition_split(bw_arena *arena, bq_table_ref ref, const char **id)
{
    const char *mark = strchr(ref.table, '$');

    *id = mark ? mark + 1 : NULL;
    if (mark)
        ref.table = bw_arena_strndup(arena, ref.table, (size_t)(mark - ref.table));
    return ref;
}

static bw_status invalid(const char *id, bq_error *err)
{
    return bq_error_set(err, "invalid", NULL,
                        "Invalid partition decorator $%s: it does not fit the table's partitioning",
                        id);
}

/* As many digits as asked for, from the front. */
static int64_t take_digits(const char **id, int n)
{
    int64_t v = 0;

    for (; n > 0 && **id >= '0' && **id <= '9'; n--, (*id)++)
        v = v * 10 + (**id - '0');
    return n == 0 ? v : -1;
}

/* YYYY[MM[DD[HH]]] to the days and hours where the partition begins and the next one does. */
static bool time_range(const char *type, const char *id, int64_t *from_us, int64_t *to_us)
{
    static const char *const types[] = {"YEAR", "MONTH", "DAY", "HOUR"};
    int64_t parts[4] = {1, 1, 1, 0}, first, next;
    int level = 0;

    while (level < 4 && strcmp(types[level], type) != 0)
        level++;
    for (int i = 0; i <= level && level < 4; i++)
        parts[i] = take_digits(&id, i == 0 ? 4 : 2);
    if (level == 4 || *id || parts[3] > 23 || !bq_days_of(parts[0], parts[1], parts[2], &first))
        return false;
    next = first + 1;
    if (level == 0 || level == 1) {
        int64_t month = parts[0] * 12 + parts[1] - 1 + (level == 0 ? 12 : 1);
        if (!bq_days_of(month / 12, month % 12 + 1, 1, &next))
            next = BQ_DATE_MAX + 1;
    }
    *from_us = first * BQ_US_PER_DAY + parts[3] * 3600 * BQ_US_PER_SECOND;
    *to_us = level == 3 ? *from_us + 3600 * BQ_US_PER_SECOND : next * BQ_US_PER_DAY;
    return true;
}

static bool set_time_range(bw_arena *arena, const bq_table *table, bw_slice spec, bq_partition *out)
{
    char *type = bw_json_member_string(spec, "type"), *field = bw_json_member_string(spec, "field");
    bool ok = time_range(type ? type : "", out->id, &out->from, &out->to);
    int at = field ? bq_schema_find(&table->schema, bw_slice_cstr(field)) : -1;

    if (at >= 0)
        out->column = bw_arena_strdup(arena, table->schema.fields[at].name);
    if (at >= 0 && table->schema.fields[at].kind == BQ_DATE) {
        out->from /= BQ_US_PER_DAY;
        out->to /= BQ_US_PER_DAY;
    }
    free(type);
    free(field);
    return ok;
}

static bool set_integer_range(bw_arena *arena, bw_slice spec, bq_partition *out)
{
    char *field = bw_json_member_string(spec, "field"), *end;
    bw_slice range = bw_json_member(spec, "range");
    int64_t start = 0, interval = 0;
    bool ok = field && range.ptr && bw_json_member_int(range, "start", &start) &&
              bw_json_member_int(range, "interval", &interval) && interval > 0;

    out->from = strtoll(out->id, &end, 10);
    ok = ok && *end == '\0' && (out->from - start) % interval == 0;
    out->to = out->from + interval;
    out->column = field ? bw_arena_strdup(arena, field) : NULL;
    free(field);
    return ok;
}

bw_status bq_partition_find(bw_arena *arena, const bq_table *table, const char *id,
                            bq_partition *out, bq_error *err)
{
    bw_slice metadata = bw_slice_cstr(table->metadata ? table->metadata : "{}");
    bw_slice time = bw_json_member(metadata, "timePartitioning");
    bw_slice range = bw_json_member(metadata, "rangePartitioning");

    *out = (bq_partition){.id = bw_arena_strdup(arena, id)};
    if (time.ptr)
        return set_time_range(arena, table, time, out) ? BW_OK : invalid(id, err);
    if (range.ptr)
        return set_integer_range(arena, range, out) ? BW_OK : invalid(id, err);
    return bq_error_set(err, "invalid", NULL,
                        "Incompatible table partitioning specification: $%s names a partition of a "
                        "table that has none",
                        id);
}

static void add_range(bw_buf *sql, const bq_partition *p)
{
    bq_store_quote(sql, p->column);
    bw_buf_addf(sql, ">=%lld AND ", (long long)p->from);
    bq_store_quote(sql, p->column);
    bw_buf_addf(sql, "<%lld", (long long)p->to);
}

bw_status bq_partition_check(bq_catalog *catalog, const bq_partition *p, int64_t storage,
                             bq_error *err)
{
    bw_buf sql = BW_BUF_INIT;
    sqlite3_stmt *stmt;

    if (!p->column)
        return BW_OK;
    bw_buf_addf(&sql, "SELECT 1 FROM \"t%lld\" WHERE (", (long long)storage);
    add_range(&sql, p);
    bw_buf_adds(&sql, ") IS NOT TRUE LIMIT 1");
    bw_status status = bq_store_query(catalog, err, &stmt, bw_buf_cstr(&sql), "");
    bw_buf_fini(&sql);
    if (status != BW_OK)
        return status;
    int code = sqlite3_step(stmt);
    bw_sb_db_done(catalog->db, stmt);
    if (code == SQLITE_ROW)
        return bq_error_set(err, "invalid", NULL,
                            "Some rows belong to different partitions rather than destination "
                            "partition %s",
                            p->id);
    return code == SQLITE_DONE ? BW_OK : bq_store_error(catalog, err);
}

/* Rows and their size that the range holds. */
static bw_status measure(bq_catalog *catalog, const bq_partition *p, int64_t storage,
                         const bq_schema *schema, int64_t *rows, int64_t *bytes, bq_error *err)
{
    bw_buf sql = BW_BUF_INIT;
    sqlite3_stmt *stmt;
    int code;

    bw_buf_adds(&sql, "SELECT 0");
    for (size_t i = 0; i < schema->count; i++) {
        bw_buf_addc(&sql, ',');
        bq_store_quote(&sql, schema->fields[i].name);
    }
    bw_buf_addf(&sql, " FROM \"t%lld\" WHERE ", (long long)storage);
    add_range(&sql, p);
    bw_status status = bq_store_query(catalog, err, &stmt, bw_buf_cstr(&sql), "");
    bw_buf_fini(&sql);
    if (status != BW_OK)
        return status;
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        ++*rows;
        for (size_t i = 0; i < schema->count; i++) {
            bq_value v = bq_store_column(stmt, (int)i + 1);
            *bytes += bq_value_bytes(&schema->fields[i], &v);
        }
    }
    bw_sb_db_done(catalog->db, stmt);
    return code == SQLITE_DONE ? BW_OK : bq_store_error(catalog, err);
}

bw_status bq_partition_clear(bq_catalog *catalog, const bq_partition *p, bq_table *table,
                             int64_t storage, bq_error *err)
{
    bw_buf sql = BW_BUF_INIT;
    int64_t rows = 0, bytes = 0;

    if (!p->column)
        return bq_error_set(err, "invalid", NULL,
                            "Unsupported: the sandbox does not keep partitions by ingestion time "
                            "apart, so that $%s cannot be replaced",
                            p->id);
    bw_status status = measure(catalog, p, storage, &table->schema, &rows, &bytes, err);
    if (status == BW_OK) {
        bw_buf_addf(&sql, "DELETE FROM \"t%lld\" WHERE ", (long long)storage);
        add_range(&sql, p);
        status = bq_store_exec(catalog, err, bw_buf_cstr(&sql), "");
        table->rows -= rows;
        table->bytes -= bytes;
    }
    bw_buf_fini(&sql);
    return status;
}
