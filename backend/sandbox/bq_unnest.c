/*
 * UNNEST as a table-valued function: bq_unnest(array) has the columns value and position.
 */
#include <stdlib.h>

#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/bq_tuple.h"

enum { COLUMN_VALUE, COLUMN_POSITION, COLUMN_ARRAY };

typedef struct unnest_cursor {
    sqlite3_vtab_cursor base;
    char *blob; /* a copy: the argument lives only during filter */
    bq_tuple items;
    bq_value item;
    int64_t position;
    bool done;
} unnest_cursor;

static int unnest_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
                          sqlite3_vtab **out, char **error)
{
    (void)aux;
    (void)argc;
    (void)argv;
    (void)error;
    int code = sqlite3_declare_vtab(db, "CREATE TABLE x(value, position, items HIDDEN)");
    if (code != SQLITE_OK)
        return code;
    sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
    *out = bw_xcalloc(1, sizeof(**out));
    return SQLITE_OK;
}

static int unnest_disconnect(sqlite3_vtab *vtab)
{
    free(vtab);
    return SQLITE_OK;
}

static int unnest_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    (void)vtab;
    for (int i = 0; i < info->nConstraint; i++) {
        const struct sqlite3_index_constraint *c = &info->aConstraint[i];
        if (c->iColumn != COLUMN_ARRAY || c->op != SQLITE_INDEX_CONSTRAINT_EQ)
            continue;
        if (!c->usable)
            return SQLITE_CONSTRAINT;
        info->aConstraintUsage[i].argvIndex = 1;
        info->aConstraintUsage[i].omit = 1;
        info->idxNum = 1;
        info->estimatedCost = 10;
        info->estimatedRows = 10;
        return SQLITE_OK;
    }
    info->estimatedCost = 1e12;
    return SQLITE_OK;
}

static int unnest_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out)
{
    unnest_cursor *c = bw_xcalloc(1, sizeof(*c));

    (void)vtab;
    *out = &c->base;
    return SQLITE_OK;
}

static int unnest_close(sqlite3_vtab_cursor *cursor)
{
    unnest_cursor *c = (unnest_cursor *)cursor;

    free(c->blob);
    free(c);
    return SQLITE_OK;
}

static int unnest_next(sqlite3_vtab_cursor *cursor)
{
    unnest_cursor *c = (unnest_cursor *)cursor;

    c->position++;
    c->done = !bq_tuple_next(&c->items, &c->item);
    return SQLITE_OK;
}

static int unnest_filter(sqlite3_vtab_cursor *cursor, int number, const char *name, int argc,
                         sqlite3_value **argv)
{
    unnest_cursor *c = (unnest_cursor *)cursor;

    (void)name;
    free(c->blob);
    c->blob = NULL;
    c->position = -1;
    c->done = true;
    if (number == 0 || argc == 0 || sqlite3_value_type(argv[0]) == SQLITE_NULL)
        return SQLITE_OK;
    bw_slice s = bq_arg_slice(argv[0]);
    c->blob = bw_xmalloc(s.len + 1);
    memcpy(c->blob, s.ptr, s.len);
    if (!bq_tuple_open((bw_slice){c->blob, s.len}, &c->items))
        return SQLITE_OK;
    return unnest_next(cursor);
}

static int unnest_eof(sqlite3_vtab_cursor *cursor)
{
    return ((unnest_cursor *)cursor)->done;
}

static int unnest_column(sqlite3_vtab_cursor *cursor, sqlite3_context *ctx, int column)
{
    const unnest_cursor *c = (const unnest_cursor *)cursor;

    if (column == COLUMN_VALUE)
        bq_result(ctx, &c->item);
    else if (column == COLUMN_POSITION)
        sqlite3_result_int64(ctx, c->position);
    return SQLITE_OK;
}

static int unnest_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *rowid)
{
    *rowid = ((unnest_cursor *)cursor)->position;
    return SQLITE_OK;
}

static const sqlite3_module unnest_module = {
    .xConnect = unnest_connect,
    .xDisconnect = unnest_disconnect,
    .xBestIndex = unnest_best_index,
    .xOpen = unnest_open,
    .xClose = unnest_close,
    .xFilter = unnest_filter,
    .xNext = unnest_next,
    .xEof = unnest_eof,
    .xColumn = unnest_column,
    .xRowid = unnest_rowid,
};

int bq_unnest_register(sqlite3 *db)
{
    return sqlite3_create_module_v2(db, "bq_unnest", &unnest_module, NULL, NULL);
}
