/* A SELECT with the ORDER BY of its query; LIMIT is the query's. Part of the analysis. */
#ifndef BW_SANDBOX_SQL_SELECT_H
#define BW_SANDBOX_SQL_SELECT_H

#include "backend/sandbox/sql_analyze.h"

sql_relation sql_analyze_select(sql_analysis *a, sql_scope *outer, const sql_query *q);

#endif
