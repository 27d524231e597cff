/*
 * The analysis from inside: names are resolved, every expression gets its type, and with it its
 * SQLite text. One pass: what an analysed expression is, is its type and its text.
 *
 * A failure sets `failed` once with the first error; afterwards the functions go on harmlessly and
 * their results are not used. Everything lives in the statement's arena.
 */
#ifndef BW_SANDBOX_SQL_ANALYZE_H
#define BW_SANDBOX_SQL_ANALYZE_H

#include "backend/sandbox/bq_sql.h"
#include "backend/sandbox/bq_store.h"
#include "backend/sandbox/sql_ast.h"
#include "backend/sandbox/sql_lex.h"

/* What an expression is beyond its type, when it is written out in the statement: literals take the
   type that their surroundings need. */
typedef enum sql_literal {
    SQL_L_NONE,
    SQL_L_NULL,
    SQL_L_INT,
    SQL_L_FLOAT,
    SQL_L_STRING, /* also a STRING parameter */
    SQL_L_EMPTY_ARRAY,
} sql_literal;

typedef struct sql_typed {
    bq_field type;   /* the name is not used */
    const char *sql; /* self-contained: needs no parentheses around it */
    size_t pos;
    sql_literal literal;
    bw_slice text;                   /* of the literal */
    const struct sql_column *origin; /* the column that it is, while sql is the column\'s text */
    const struct sql_typed
        *items; /* of a constructor (STRUCT, ARRAY), which coerces item by item */
    size_t item_count;
    bool constant; /* the same for every row */
    bool aggregate;
    const char *ungrouped; /* a column that is neither grouped nor aggregated */
    size_t ungrouped_pos;
} sql_typed;

typedef struct sql_typeds {
    sql_typed *items;
    size_t count;
} sql_typeds;

/* A base table of the statement, once per table: what it reads is estimated from it. */
typedef struct sql_table {
    bq_table table;
    int64_t storage;
    bool *used; /* per column */
} sql_table;

typedef struct sql_column {
    const char *name; /* "" when it has none */
    bq_field type;
    const char *sql;
    sql_table *table; /* of a base table's column, else NULL */
    int index;
    bool hidden; /* merged by USING: not in * */
    bool pseudo; /* _TABLE_SUFFIX: known by its name alone */
} sql_column;

typedef struct sql_columns {
    sql_column *items;
    size_t count;
} sql_columns;

/* One name in FROM. A value source (UNNEST) is itself a value, its fields are columns too. */
typedef struct sql_source {
    bw_slice alias;
    sql_columns columns;
    bool is_value;
    sql_column value;
    const char *row_sql; /* of base tables: the row's key */
} sql_source;

/* How a table of WITH RECURSIVE is read while its own recursive term is analysed. */
typedef enum sql_recursion {
    SQL_RECURSION_NONE,
    SQL_RECURSION_ALL, /* its rows know their depth */
    SQL_RECURSION_DISTINCT,
} sql_recursion;

typedef struct sql_scope {
    struct sql_scope *parent;
    sql_source **sources;
    size_t source_count;
    sql_columns merged; /* columns of USING */
    const char *clause; /* names the place where aggregates are refused; NULL where allowed */
    bool no_windows;
    bool grouped;        /* columns must be grouped or aggregated */
    sql_typeds groups;   /* by these */
    bool *excluded;      /* of groups: those that are not in this grouping set; NULL: no sets */
    bool in_aggregate;   /* inside an aggregate's arguments */
    sql_columns aliases; /* of the SELECT list, for GROUP BY, HAVING, QUALIFY, ORDER BY */
    sql_typed *alias_exprs;
    bool use_aliases;
    const sql_select *select; /* for named windows */
    sql_recursion recursion;  /* it reads the table that it is a term of, */
    const char *recursive;    /* under this alias */
} sql_scope;

/* A query's rows: SELECT text whose columns are called c1, c2, ... */
typedef struct sql_relation {
    const char *sql;
    sql_columns columns;
    bool is_value;      /* SELECT AS STRUCT / AS VALUE: one column that is a value table's row */
    bool *null_columns; /* those that are the bare NULL: set operations give them any type */
} sql_relation;

typedef struct sql_cte {
    struct sql_cte *outer;
    bw_slice name;
    const char *sql_name;
    sql_columns columns;
    bool is_value;
    sql_recursion recursion;
} sql_cte;

typedef struct sql_bind {
    bq_value value;
    const bq_field *type; /* bound as a pointer when set */
} sql_bind;

/* A column that a subquery compares for equality: SQLite makes no index by itself there. */
typedef struct sql_index {
    sql_table *table;
    int column;
} sql_index;

typedef struct sql_analysis {
    bw_arena *arena;
    bq_catalog *catalog;
    const bq_sql_request *request;
    const char *location;
    bq_error *err;
    bool failed;
    int depth;
    int next_id;
    int64_t now_us;
    sql_bind *binds;
    size_t bind_count;
    sql_table **tables;
    size_t table_count;
    sql_cte *ctes;
    int subqueries; /* depth of subqueries in expressions */
    int views;      /* depth of views */
    const sql_udf **functions;
    size_t function_count;
    sql_index *indexes;
    size_t index_count;
} sql_analysis;

/* ---- Helpers ----------------------------------------------------------------------------------- */

/* "<message> at [l:c]", reason invalidQuery */
void sql_error(sql_analysis *a, size_t pos, const char *fmt, ...) BW_PRINTF(3, 4);
const char *sql_printf(sql_analysis *a, const char *fmt, ...) BW_PRINTF(2, 3);
/* A fresh number for aliases. */
int sql_next(sql_analysis *a);
void *sql_list_grow(sql_analysis *a, void *items, size_t *count, size_t size);
#define SQL_ADD(a, items, count) \
    ((items) = sql_list_grow((a), (items), &(count), sizeof(*(items))), &(items)[(count)-1])
bool sql_name_equal(bw_slice a, const char *b);
bool sql_slice_equal(bw_slice a, bw_slice b);
/* "; Did you mean x?" or "" */
const char *sql_suggest(sql_analysis *a, bw_slice name, const char *const *names, size_t count);

/* Texts of constants. */
const char *sql_value_text(sql_analysis *a, const bq_value *v);
/* "?3": a value or a type bound to the statement. The same one gets the same number. */
const char *sql_bind_value(sql_analysis *a, const bq_value *v);
const char *sql_bind_type(sql_analysis *a, const bq_field *type);

bq_field sql_type(bq_kind kind);
bq_field sql_array_of(bq_field element);
bq_field sql_element_of(const bq_field *array);
const char *sql_type_name(sql_analysis *a, const bq_field *type);
sql_typed sql_make(bq_kind kind, const char *sql, size_t pos);
/* Takes over from an operand what spreads: aggregates, ungrouped columns, not being constant. */
void sql_inherit(sql_typed *to, const sql_typed *from);

/* ---- Types (sql_coerce.c) ---------------------------------------------------------------------- */

/* May x stand where `to` is wanted, without CAST? */
bool sql_can_coerce(const sql_typed *x, const bq_field *to);
/* Converts when it may; false when not (no error is set, except for a literal that does not parse). */
bool sql_coerce(sql_analysis *a, sql_typed *x, const bq_field *to);
/* The type that all can take; false when there is none. */
bool sql_supertype(sql_analysis *a, const sql_typed *items, size_t count, bq_field *out);
/* Explicit CAST. */
sql_typed sql_cast(sql_analysis *a, const sql_typed *x, const bq_field *to, bool safe, size_t pos);
/* For writing into a column: coerces, and checks REQUIRED and type parameters when run. `place` is the
   number of the column, for the message about a query's column. */
typedef enum sql_assignment {
    SQL_INSERT_VALUE,
    SQL_QUERY_COLUMN,
    SQL_UPDATE_VALUE,
} sql_assignment;
const char *sql_assign(sql_analysis *a, sql_typed *x, const bq_field *column, sql_assignment how,
                       size_t place);
bool sql_is_numeric(bq_kind kind);
bool sql_groupable(const bq_field *type);
/* The text under which values are grouped, made distinct and joined: FLOAT64 without its -0. */
const char *sql_key(sql_analysis *a, const sql_typed *x);
/* The same for values that are themselves the result: SELECT DISTINCT, UNION DISTINCT. */
const char *sql_distinct(sql_analysis *a, const sql_typed *x);

/* ---- Names (sql_scope.c) ----------------------------------------------------------------------- */

sql_typed sql_resolve_path(sql_analysis *a, sql_scope *scope, const sql_expr *x);
sql_typed sql_field_of(sql_analysis *a, const sql_typed *x, bw_slice name, size_t pos);
sql_typed sql_column_ref(sql_analysis *a, sql_scope *scope, const sql_column *c, size_t pos);
void sql_scope_add(sql_analysis *a, sql_scope *scope, sql_source *source);
sql_source *sql_scope_find(sql_scope *scope, bw_slice alias);
/* The row of a source as a STRUCT. */
sql_typed sql_row_of(sql_analysis *a, sql_scope *scope, const sql_source *source, size_t pos);

/* ---- Expressions ------------------------------------------------------------------------------- */

sql_typed sql_analyze(sql_analysis *a, sql_scope *scope, const sql_expr *x);
/* The same and the type must be BOOL: `where` completes "WHERE clause should return type BOOL". */
sql_typed sql_analyze_bool(sql_analysis *a, sql_scope *scope, const sql_expr *x, const char *where);
sql_typed sql_compare(sql_analysis *a, const char *op, sql_typed l, sql_typed r, size_t pos);
/* Literals and parameters (sql_literal.c), by the kind of the expression. */
sql_typed sql_literal_null(sql_analysis *a, sql_scope *scope, const sql_expr *x);
sql_typed sql_literal_bool(sql_analysis *a, sql_scope *scope, const sql_expr *x);
sql_typed sql_literal_int(sql_analysis *a, sql_scope *scope, const sql_expr *x);
sql_typed sql_literal_float(sql_analysis *a, sql_scope *scope, const sql_expr *x);
sql_typed sql_literal_string(sql_analysis *a, sql_scope *scope, const sql_expr *x);
sql_typed sql_literal_bytes(sql_analysis *a, sql_scope *scope, const sql_expr *x);
sql_typed sql_literal_typed(sql_analysis *a, sql_scope *scope, const sql_expr *x);
/* A variable of the script; false when there is none of this name. */
bool sql_variable(sql_analysis *a, bw_slice name, size_t pos, sql_typed *out);
sql_typed sql_literal_param(sql_analysis *a, sql_scope *scope, const sql_expr *x);
/* An expression that is grouped by may stand as a whole, whatever its columns. */
void sql_match_group(const sql_scope *scope, sql_typed *x);
/* Functions that the statement brings with it (sql_udf.c); NULL: none of this name. */
const sql_udf *sql_find_udf(const sql_analysis *a, bw_slice name);
sql_typed sql_call_udf(sql_analysis *a, sql_scope *scope, const sql_expr *x, const sql_udf *f);
/* GROUPING(x) */
sql_typed sql_analyze_grouping(sql_analysis *a, sql_scope *scope, const sql_expr *x);
sql_typed sql_analyze_call(sql_analysis *a, sql_scope *scope, const sql_expr *x);
sql_typed sql_analyze_extract(sql_analysis *a, sql_scope *scope, const sql_expr *x);
sql_typed sql_analyze_cast(sql_analysis *a, sql_scope *scope, const sql_expr *x);
sql_typed sql_analyze_case(sql_analysis *a, sql_scope *scope, const sql_expr *x);
sql_typed sql_analyze_unary(sql_analysis *a, sql_scope *scope, const sql_expr *x);
sql_typed sql_analyze_binary(sql_analysis *a, sql_scope *scope, const sql_expr *x);
sql_typed sql_analyze_logic(sql_analysis *a, sql_scope *scope, const sql_expr *x);
sql_typed sql_analyze_interval(sql_analysis *a, sql_scope *scope, const sql_expr *x);
sql_typed sql_analyze_aggregate(sql_analysis *a, sql_scope *scope, const sql_expr *x);
bool sql_is_aggregate(bw_slice name);
bool sql_is_window_only(bw_slice name);
/* Does the tree call an aggregate of its own query (subqueries and windows not counted)? */
bool sql_has_aggregate(const sql_expr *x);
/* Does it call a window function, in the same way? */
bool sql_has_window(const sql_expr *x);
/* OVER of the function `name`, which may need or refuse an ORDER BY of its window. */
typedef enum sql_window_order {
    SQL_ORDER_FREE,
    SQL_ORDER_NEEDED,
    SQL_ORDER_REFUSED
} sql_window_order;
const char *sql_over(sql_analysis *a, sql_scope *scope, const sql_window *w, const char *name,
                     sql_window_order order);
/* The text of ORDER BY items: "x, y DESC". */
const char *sql_order_text(sql_analysis *a, const sql_typed *x, bool desc, int nulls);
/* "No matching signature for <what> for argument types: ...". */
void sql_no_signature(sql_analysis *a, size_t pos, const char *what, const sql_typed *args,
                      size_t count, const char *supported);
/* f(x, y, ...): more than SQLite takes in one call are nested. */
const char *sql_tuple(sql_analysis *a, const sql_typed *items, size_t count);
/* A number that is known now: LIMIT, GENERATE_ARRAY's step. */
bool sql_constant_int(sql_analysis *a, const sql_expr *x, int64_t *out);
bool sql_date_part(bw_slice name, int *part);

/* ---- Queries ----------------------------------------------------------------------------------- */

sql_relation sql_analyze_query(sql_analysis *a, sql_scope *outer, const sql_query *q);
/* Adds what FROM brings to the scope, gives its SQLite text. */
const char *sql_analyze_from(sql_analysis *a, sql_scope *scope, const sql_from *f);
/* SELECT AS STRUCT at the top: the fields are the columns. */
sql_relation sql_unpack_value(sql_analysis *a, const sql_relation *relation);
/* The rows of all tables whose names begin as ref.table, which ends with * (sql_wildcard.c). */
sql_relation sql_analyze_wildcard(sql_analysis *a, const sql_from *f, bq_table_ref ref);
/* A view's query, with nothing of the statement around it but the tables that there are (sql_view.c). */
sql_relation sql_analyze_apart(sql_analysis *a, const char *project, bw_slice text,
                               const sql_query *query);
/* The rows of a view (sql_view.c). */
sql_relation sql_analyze_view(sql_analysis *a, const sql_table *t, size_t pos);
/* WITH RECURSIVE (sql_recursive.c): does the query read itself, and its text for WITH. `cte` has a
   name in SQLite. */
bool sql_is_recursive(const sql_with *w);
sql_relation sql_analyze_recursive(sql_analysis *a, const sql_with *w, sql_cte *cte);
/* What FROM brings when it is only `f`, as a query of all its columns. */
sql_relation sql_analyze_from_all(sql_analysis *a, sql_scope *outer, const sql_from *f);
/* PIVOT and UNPIVOT of `f`: the rows that they make (sql_pivot.c). */
sql_relation sql_analyze_pivot(sql_analysis *a, sql_scope *outer, const sql_from *f);
sql_relation sql_analyze_unpivot(sql_analysis *a, sql_scope *outer, const sql_from *f);
/* A table or a view by its written name (sql_table.c); NULL and failed when there is none. */
sql_table *sql_find_any(sql_analysis *a, const sql_from *f);
/* A table by its written name; NULL and failed when there is none, or when it is a view. */
sql_table *sql_find_table(sql_analysis *a, const sql_from *f);
bool sql_table_ref(sql_analysis *a, const sql_from *f, bq_table_ref *ref);
sql_source *sql_table_source(sql_analysis *a, sql_table *t, bw_slice alias, const char *sql_alias);
/* JOBS and SCHEMATA of INFORMATION_SCHEMA (sql_metadata_region.c); false when the path is none. */
bool sql_region_source(sql_analysis *a, const sql_from *f, const char *alias, sql_source **source,
                       const char **text);
/* INFORMATION_SCHEMA and __TABLES__; false when the path is none of them. */
bool sql_metadata_source(sql_analysis *a, const sql_from *f, sql_source **source,
                         const char **text);

#endif
