/*
 * The syntax tree of a statement, as the parser gives it to the analysis: nothing is resolved or
 * typed yet. Everything lives in one arena; `pos` is a byte offset in the statement, for messages.
 */
#ifndef BW_SANDBOX_SQL_AST_H
#define BW_SANDBOX_SQL_AST_H

#include "backend/sandbox/bq_type.h"

typedef struct sql_expr sql_expr;
typedef struct sql_query sql_query;
typedef struct sql_from sql_from;

typedef struct sql_exprs {
    sql_expr **items;
    size_t count;
} sql_exprs;

typedef struct sql_names {
    bw_slice *items;
    size_t count;
} sql_names;

typedef enum sql_expr_kind {
    SQL_X_NULL,
    SQL_X_BOOL,    /* flag */
    SQL_X_INT,     /* text */
    SQL_X_FLOAT,   /* text */
    SQL_X_STRING,  /* text */
    SQL_X_BYTES,   /* text */
    SQL_X_TYPED,   /* DATE '...': type, text */
    SQL_X_PARAM,   /* text: name, empty for ?; index of ? */
    SQL_X_PATH,    /* names: a.b.c */
    SQL_X_STAR,    /* * or args[0].*, with except and replace: only in select lists and COUNT(*) */
    SQL_X_UNARY,   /* text: operator, args[0] */
    SQL_X_BINARY,  /* text: operator, args[0], args[1] */
    SQL_X_LOGIC,   /* AND (flag) or OR over args */
    SQL_X_CALL,    /* names: function, args, call */
    SQL_X_CASE,    /* args: [operand] when, then, ..., [else]; flag: has operand; other: has else */
    SQL_X_CAST,    /* args[0], type; flag: SAFE_CAST; args[1]: FORMAT when given */
    SQL_X_EXTRACT, /* text: part, names[0]: weekday of WEEK, args[0], args[1]: time zone */
    SQL_X_IN,      /* args[0] IN (args[1..]) or query or UNNEST(args[1]) (other); flag: NOT */
    SQL_X_BETWEEN, /* args[0..2]; flag: NOT */
    SQL_X_LIKE,    /* args[0..1]; flag: NOT */
    SQL_X_IS,      /* args[0] IS text (NULL TRUE FALSE); flag: NOT */
    SQL_X_IS_DISTINCT, /* args[0..1]; flag: NOT */
    SQL_X_SUBQUERY,    /* query */
    SQL_X_EXISTS,      /* query */
    SQL_X_ARRAY_QUERY, /* ARRAY(query) */
    SQL_X_ARRAY,       /* args; type: element, may be NULL */
    SQL_X_STRUCT,      /* args, names (empty slices where unnamed); type: may be NULL */
    SQL_X_INDEX,       /* args[0][args[1]]; text: "", OFFSET, ORDINAL, SAFE_OFFSET, SAFE_ORDINAL */
    SQL_X_FIELD,       /* args[0].text */
    SQL_X_INTERVAL,    /* INTERVAL args[0] text [TO names[0]] */
    SQL_X_NAMED,       /* text => args[0]: a named argument */
    SQL_X_DEFAULT,     /* in INSERT and UPDATE */
} sql_expr_kind;

typedef struct sql_order {
    sql_expr *expr;
    bool desc;
    int nulls; /* 0 default, 1 first, 2 last */
} sql_order;

typedef struct sql_orders {
    sql_order *items;
    size_t count;
} sql_orders;

typedef struct sql_bound {
    bool unbounded, current, preceding;
    sql_expr *offset;
} sql_bound;

typedef struct sql_window {
    size_t pos;
    bw_slice name; /* a named window that this one is or extends */
    sql_exprs partition;
    sql_orders order;
    bw_slice frame; /* "", ROWS or RANGE */
    sql_bound from, to;
    bool has_to;
} sql_window;

/* What a call may carry beyond its arguments. */
typedef struct sql_call {
    bool safe; /* SAFE.f() */
    bool distinct, star;
    bool ignore_nulls, respect_nulls;
    sql_expr *having; /* HAVING MAX/MIN */
    bool having_max;
    sql_expr *filter; /* of PIVOT: only these rows are aggregated */
    sql_orders order;
    sql_expr *limit;
    sql_window *over;
} sql_call;

struct sql_expr {
    sql_expr_kind kind;
    size_t pos;
    bw_slice text;
    sql_names names;
    sql_exprs args;
    bool flag, other;
    int index;
    const bq_field *type;
    sql_query *query;
    sql_call *call;
    sql_names except;         /* STAR */
    struct sql_item *replace; /* STAR */
    size_t replace_count;
    sql_names rename, renamed; /* STAR: names, and what they become */
};

typedef struct sql_item {
    sql_expr *expr;
    bw_slice alias; /* empty: none */
    size_t pos;
} sql_item;

typedef enum sql_from_kind {
    SQL_F_TABLE,    /* path */
    SQL_F_SUBQUERY, /* query */
    SQL_F_UNNEST,   /* expr */
    SQL_F_JOIN,     /* left, right */
    SQL_F_RELATION, /* relation: what the analysis has put there */
} sql_from_kind;

typedef enum sql_join { SQL_J_CROSS, SQL_J_INNER, SQL_J_LEFT, SQL_J_RIGHT, SQL_J_FULL } sql_join;

/* PIVOT(calls FOR input IN (values)): the aliases are those of SELECT items. */
typedef struct sql_pivot {
    size_t pos;
    sql_item *calls, *values;
    size_t call_count, value_count;
    sql_expr *input;
    bw_slice alias;
} sql_pivot;

/* Columns of UNPIVOT that become one row; label: NULL when their names are it. */
typedef struct sql_unpivot_in {
    size_t pos;
    sql_names columns;
    sql_expr *label;
} sql_unpivot_in;

/* UNPIVOT(values FOR name IN (...)) */
typedef struct sql_unpivot {
    size_t pos;
    bool include_nulls;
    sql_names values;
    bw_slice name;
    sql_unpivot_in *in;
    size_t in_count;
    bw_slice alias;
} sql_unpivot;

struct sql_from {
    sql_from_kind kind;
    size_t pos;
    sql_names path; /* parts as they are after splitting at dots */
    bw_slice alias;
    size_t alias_pos;
    sql_query *query;
    sql_expr *expr;
    bool with_offset;
    bw_slice offset_alias;
    sql_join join;
    sql_from *left, *right;
    sql_expr *on;
    sql_names using;
    size_t using_pos;
    sql_pivot *pivot; /* of TABLE and SUBQUERY; NULL: none */
    sql_unpivot *unpivot;
    sql_expr *sample; /* of TABLE: TABLESAMPLE SYSTEM (sample PERCENT); NULL: all rows */
    const struct sql_relation *relation;
};

/* Places in select->group. */
typedef struct sql_group_set {
    size_t *items;
    size_t count;
} sql_group_set;

typedef struct sql_select {
    size_t pos;
    bool distinct, as_struct, as_value;
    sql_item *items;
    size_t item_count;
    sql_from *from;
    sql_expr *where;
    bool has_group, group_all;
    sql_exprs group;
    sql_group_set *sets; /* of ROLLUP, CUBE, GROUPING SETS; none otherwise */
    size_t set_count;
    sql_expr *having, *qualify;
    struct sql_named_window *windows;
    size_t window_count;
} sql_select;

typedef struct sql_named_window {
    bw_slice name;
    sql_window *window;
} sql_named_window;

typedef struct sql_with {
    bw_slice name;
    size_t pos;
    sql_query *query;
} sql_with;

/* One query expression: either a SELECT, a nested query, or a set operation over its operands. */
struct sql_query {
    size_t pos;
    sql_with *with;
    size_t with_count;
    bool recursive; /* WITH RECURSIVE */
    sql_select *select;
    sql_query *nested;
    bw_slice set_op; /* "UNION ALL", "UNION DISTINCT", "INTERSECT DISTINCT", "EXCEPT DISTINCT" */
    sql_query **operands;
    size_t operand_count;
    sql_orders order;
    sql_expr *limit, *offset;
};

typedef enum sql_stmt_kind {
    SQL_S_QUERY,
    SQL_S_INSERT,
    SQL_S_UPDATE,
    SQL_S_DELETE,
    SQL_S_TRUNCATE,
    SQL_S_MERGE,
    SQL_S_CREATE_TABLE,
    SQL_S_DROP_TABLE,
    SQL_S_ALTER_TABLE,
    SQL_S_CREATE_VIEW, /* text, query, columns */
    SQL_S_DROP_VIEW,
    SQL_S_CREATE_SCHEMA,   /* target: the dataset */
    SQL_S_DROP_SCHEMA,     /* cascade */
    SQL_S_CREATE_FUNCTION, /* functions: the one; only in scripts and before a statement */
} sql_stmt_kind;

typedef struct sql_set {
    sql_names path; /* column, or fields of a STRUCT column */
    size_t pos;
    sql_expr *value;
} sql_set;

typedef struct sql_row {
    sql_exprs values;
    size_t pos;
} sql_row;

typedef enum sql_action { SQL_A_UPDATE, SQL_A_DELETE, SQL_A_INSERT, SQL_A_INSERT_ROW } sql_action;
typedef enum sql_match { SQL_M_MATCHED, SQL_M_NOT_BY_TARGET, SQL_M_NOT_BY_SOURCE } sql_match;

typedef struct sql_when {
    size_t pos;
    sql_match match;
    sql_expr *condition; /* NULL: none */
    sql_action action;
    sql_set *sets;
    size_t set_count;
    sql_names columns;
    size_t columns_pos;
    sql_exprs values;
} sql_when;

typedef struct sql_option {
    bw_slice name;
    size_t pos;
    sql_expr *value;
} sql_option;

typedef struct sql_column_def {
    size_t pos;
    bq_field field;
    sql_option *options;
    size_t option_count;
} sql_column_def;

typedef enum sql_alter_kind {
    SQL_ALTER_ADD_COLUMN,
    SQL_ALTER_DROP_NOT_NULL,
    SQL_ALTER_DROP_COLUMN,
    SQL_ALTER_SET_OPTIONS,
    SQL_ALTER_SET_TYPE,       /* column.field: the new type */
    SQL_ALTER_SET_DEFAULT,    /* column.field.default_sql; NULL: DROP DEFAULT */
    SQL_ALTER_COLUMN_OPTIONS, /* column.options */
    SQL_ALTER_RENAME_COLUMN,  /* name */
    SQL_ALTER_RENAME,         /* name: of the table */
} sql_alter_kind;

typedef struct sql_alter {
    sql_alter_kind kind;
    size_t pos;
    bool if_exists; /* IF [NOT] EXISTS of the column */
    bw_slice name;
    sql_column_def column;
    sql_option *options;
    size_t option_count;
} sql_alter;

/* CREATE TEMP FUNCTION name(params) [RETURNS type] AS (body) */
typedef struct sql_udf {
    bw_slice name;
    size_t pos;
    sql_names params;
    const bq_field **types; /* of params; NULL: ANY TYPE */
    const bq_field *returns;
    sql_expr *body;
} sql_udf;

typedef struct sql_stmt {
    sql_stmt_kind kind;
    size_t pos;
    sql_from *target; /* kind SQL_F_TABLE, with alias */
    sql_query *query; /* QUERY, INSERT ... SELECT, CREATE TABLE AS, CREATE VIEW */
    bw_slice text;    /* of a view's query */
    sql_names columns;
    size_t columns_pos;
    sql_row *rows;
    size_t row_count;
    sql_set *sets;
    size_t set_count;
    sql_from *from; /* UPDATE ... FROM, MERGE USING */
    sql_expr *where, *on;
    sql_when *whens;
    size_t when_count;
    bool or_replace, if_not_exists, if_exists, cascade;
    bool temporary;  /* CREATE TEMP TABLE */
    sql_from *model; /* CREATE TABLE LIKE, COPY: the other table */
    bool copies_rows;
    sql_column_def *defs;
    size_t def_count;
    sql_expr *partition;
    sql_names cluster;
    sql_option *options;
    size_t option_count;
    sql_alter *alters;
    size_t alter_count;
    const sql_udf **functions; /* that stand before it */
    size_t function_count;
    bool script;     /* not parsed: it is more than one statement */
    int param_count; /* ? placeholders */
} sql_stmt;

#endif
