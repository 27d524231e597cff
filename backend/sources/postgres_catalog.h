/*
 * A table as the server's catalog describes it: columns with their types and the expressions that
 * read them, key, cursor, size. Nothing is inferred from rows. Threads: one at a time.
 */
#ifndef BW_SOURCES_POSTGRES_CATALOG_H
#define BW_SOURCES_POSTGRES_CATALOG_H

#include "backend/sources/postgres_conn.h"
#include "backend/sources/postgres_types.h"

/* Sentences for bw_table_info.warnings. */
typedef struct bw_pgwarnings {
    const char **items;
    size_t count;
} bw_pgwarnings;

typedef struct bw_pgtable {
    bw_table_info info;
    uint32_t oid;
    char kind; /* pg_class.relkind: r p v m f */
    const char *schema_name, *table_name;
    const char *relation;          /* "public"."orders" */
    const char *select_list;       /* what is read, in the order of the schema's fields */
    const bw_pgtype *const *types; /* one per field */
    const int *numbers;            /* attnum per field */
    bool readable;                 /* SELECT on the whole table, not only on columns */
    bool row_security;             /* policies hide rows from us */
    bool children;                 /* an ordinary table that others inherit from */
    bool cursor_nullable;
    bool cursor_indexed;
    const char *cursor; /* its quoted name; NULL: none */
    bw_pgwarnings warnings;
} bw_pgtable;

/* Everything lives in the arena. NOT_FOUND, DENIED, INVALID. */
BW_NODISCARD bw_status bw_pgtable_load(bw_pgconn *conn, const bw_table_spec *spec, bw_arena *arena,
                                       bw_pgtable *out, bw_error *err);

/* Base tables and partitioned tables whose name matches; a pattern without wildcards also finds
   views, materialised views and foreign tables. Sorted. */
BW_NODISCARD bw_status bw_pgtable_list(bw_pgconn *conn, const char *pattern, bw_arena *arena,
                                       const char *const **names, size_t *count, bw_error *err);

/* "schema"."table" of a name as configurations and bw_table_info have it. */
const char *bw_pgtable_quoted(const char *name, bw_arena *arena);

void bw_pgwarnings_add(bw_pgwarnings *w, bw_arena *arena, const char *fmt, ...) BW_PRINTF(3, 4);

/* Finds key and cursor: sets them in table->info. For bw_pgtable_load. */
BW_NODISCARD bw_status bw_pgtable_choose(bw_pgconn *conn, const bw_table_spec *spec,
                                         bw_arena *arena, bw_pgtable *table, bw_field *fields,
                                         bw_error *err);

/* The planner's estimate of a statement's rows; negative when it does not say. */
BW_NODISCARD bw_status bw_pg_estimate_rows(bw_pgconn *conn, const char *sql, double *rows,
                                           bw_error *err);

/* The index of a configured column among the fields; INVALID with the nearest name. */
BW_NODISCARD bw_status bw_pgtable_column(const bw_pgtable *table, const char *name,
                                         const char *setting, size_t *index, bw_error *err);

#endif
