/*
 * A SELECT with the ORDER BY of its query; LIMIT is the query's. What the files share: the list and
 * the clauses (sql_select.c), GROUP BY (sql_grouping.c), the text (sql_select_text.c).
 */
#ifndef BW_SANDBOX_SQL_SELECT_H
#define BW_SANDBOX_SQL_SELECT_H

#include "backend/sandbox/sql_analyze.h"

sql_relation sql_analyze_select(sql_analysis *a, sql_scope *outer, const sql_query *q);

/* One output column on its way: where it comes from and what it became. */
typedef struct output {
    const sql_expr *expr; /* NULL: `column` of * */
    const sql_column *column;
    const sql_source *value; /* SELECT * of a value source without fields */
    sql_typed typed;
    const char *name; /* "" when it has none */
    size_t pos;
    bool expanded; /* from STRUCT.*: no alias that was written */
} output;

typedef struct select_state {
    sql_analysis *a;
    const sql_query *q;
    const sql_select *s;
    sql_scope scope;
    output *outputs;
    size_t count;
    sql_names star_names; /* columns that the * being expanded stands for */
    const char *from, *where, *group, *having, *qualify;
    sql_typed *order; /* of q->order */
} select_state;

/* An output by its position (GROUP BY 1) or its alias; NULL when x is neither. */
const output *sql_output_meant(select_state *st, const sql_expr *x, const char *clause);
sql_typed sql_analyze_output(select_state *st, const output *o);
/* The list, HAVING, QUALIFY and ORDER BY: again for each of several grouping sets. */
void sql_analyze_clauses(select_state *st);

/* Is it a query over groups, with or without GROUP BY? */
bool sql_is_grouped(const select_state *st);
void sql_analyze_group(select_state *st);
/* GROUP BY ROLLUP and its kind: analyses the clauses for every set; the text of all. */
const char *sql_select_sets(select_state *st);

/* What has been analysed, as text. */
const char *sql_select_text(select_state *st);
/* One grouping set of several: its outputs, what it is ordered by (o1, o2, ...), and its size. */
const char *sql_select_set_text(select_state *st);
/* The outputs over `rows`, texts of sets, in the order of the query. */
const char *sql_select_outer_text(select_state *st, const char *rows);

#endif
