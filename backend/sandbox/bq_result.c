/*
 * The rows of anonymous results. A table of its own for each would be a definition that SQLite reads
 * through again at every other definition, so that queries would grow slower with their number.
 * Results of the same number of columns share one table instead; a result that a statement reads is
 * given a table of its own first.
 *
 * The storage of a result is a negative number that holds its own number and that of its columns.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backend/sandbox/bq_store.h"

#define COLUMN_BITS 11 /* SQLite's limit is 2000 columns */

static int64_t storage_of(int64_t number, size_t columns)
{
    return -((number << COLUMN_BITS) | (int64_t)columns);
}

static size_t columns_of(int64_t storage)
{
    return (size_t)(-storage & ((1 << COLUMN_BITS) - 1));
}

/* ,c1,c2,... */
static void add_columns(bw_buf *sql, size_t columns)
{
    for (size_t i = 1; i <= columns; i++)
        bw_buf_addf(sql, ",c%zu", i);
}

const char *bq_result_table(int64_t storage, char out[BQ_RESULT_TABLE])
{
    snprintf(out, BQ_RESULT_TABLE, "\"r%zu\"", columns_of(storage));
    return out;
}

bw_status bq_result_create(bq_catalog *catalog, size_t columns, int64_t *storage, bq_error *err)
{
    int64_t number;
    bw_buf sql = BW_BUF_INIT;
    bw_status status = bq_storage_number(catalog, columns, &number, err);

    if (status != BW_OK)
        return status;
    *storage = storage_of(number, columns);
    bw_buf_addf(&sql,
                "CREATE TABLE IF NOT EXISTS \"r%zu\"(\"!\" INTEGER PRIMARY KEY, storage INTEGER",
                columns);
    add_columns(&sql, columns);
    bw_buf_addc(&sql, ')');
    status = bq_store_exec(catalog, err, bw_buf_cstr(&sql), "");
    bw_buf_fini(&sql);
    return status == BW_OK
               ? bq_store_execf(catalog, err,
                                "CREATE INDEX IF NOT EXISTS \"r%zu_storage\" ON \"r%zu\"(storage)",
                                columns, columns)
               : status;
}

const char *bq_result_insert(bw_arena *arena, int64_t storage, const char *select)
{
    char table[BQ_RESULT_TABLE];
    bw_buf sql = BW_BUF_INIT;

    bw_buf_addf(&sql, "INSERT INTO %s(storage", bq_result_table(storage, table));
    add_columns(&sql, columns_of(storage));
    bw_buf_addf(&sql, ") SELECT %lld,%s", (long long)storage, select + strlen("SELECT "));
    const char *text = bw_arena_strndup(arena, sql.ptr, sql.len);
    bw_buf_fini(&sql);
    return text;
}

bw_status bq_result_drop(bq_catalog *catalog, int64_t storage, bq_error *err)
{
    char table[BQ_RESULT_TABLE];
    char *sql = bw_xasprintf("DELETE FROM %s WHERE storage = ?", bq_result_table(storage, table));
    bw_status status = bq_store_exec(catalog, err, sql, "i", storage);
    free(sql);
    return status;
}

/* The rows into a table with the schema's names. */
static bw_status move_rows(bq_catalog *catalog, const bq_table *table, int64_t from, int64_t to,
                           bq_error *err)
{
    char shared[BQ_RESULT_TABLE];
    bw_buf sql = BW_BUF_INIT;

    bw_buf_addf(&sql, "INSERT INTO \"t%lld\"(\"!\"", (long long)to);
    for (size_t i = 0; i < table->schema.count; i++) {
        bw_buf_addc(&sql, ',');
        bq_store_quote(&sql, table->schema.fields[i].name);
    }
    bw_buf_adds(&sql, ") SELECT NULL");
    add_columns(&sql, table->schema.count);
    bw_buf_addf(&sql, " FROM %s WHERE storage = %lld ORDER BY \"!\"", bq_result_table(from, shared),
                (long long)from);
    bw_status status = bq_store_exec(catalog, err, bw_buf_cstr(&sql), "");
    bw_buf_fini(&sql);
    return status;
}

static bw_status give_table(bq_catalog *catalog, const bq_table *table, int64_t from, int64_t *to,
                            bq_error *err)
{
    bw_status status = bq_storage_create(catalog, &table->schema, to, err);

    if (status == BW_OK)
        status = move_rows(catalog, table, from, *to, err);
    if (status == BW_OK)
        status = bq_result_drop(catalog, from, err);
    if (status == BW_OK)
        status = bq_store_exec(catalog, err,
                               "UPDATE bq_table SET storage = ? WHERE project = ? AND dataset = ?"
                               " AND id = ?",
                               "ittt", *to, table->project, table->dataset, table->id);
    return status;
}

bw_status bq_result_promote(bq_catalog *catalog, const bq_table *table, int64_t *storage,
                            bq_error *err)
{
    int64_t to;
    bw_status status = bq_store_exec(catalog, err, "SAVEPOINT promote", "");

    if (status != BW_OK)
        return status;
    status = give_table(catalog, table, *storage, &to, err);
    if (status == BW_OK) {
        *storage = to;
        return bq_store_exec(catalog, err, "RELEASE promote", "");
    }
    bq_error ignored = BQ_ERROR_INIT;
    bw_status undone = bq_store_exec(catalog, &ignored, "ROLLBACK TO promote", "");
    undone = undone == BW_OK ? bq_store_exec(catalog, &ignored, "RELEASE promote", "") : undone;
    (void)undone;
    return status;
}
