/*
 * Logical views: tables whose metadata has "view": {"query": ...}. Their schema is that of the query
 * when the view was made, their storage stays empty, and a query that names one runs its text.
 * REST: Table.view (ViewDefinition). Threads: any.
 */
#ifndef BW_SANDBOX_BQ_VIEW_H
#define BW_SANDBOX_BQ_VIEW_H

#include "backend/sandbox/bq_sql.h"

bool bq_is_view(const bq_table *table);
/* TABLE or VIEW, as REST names it. */
const char *bq_table_type(const bq_table *table);
/* Text of the view's query. */
const char *bq_view_query(bw_arena *arena, const bq_table *table);
/* For what needs rows of its own: "p:d.v is not allowed for this operation because ...". */
BW_NODISCARD bw_status bq_refuse_view(const bq_table *table, bq_error *err);
/* Checks the query in view->metadata and fills view->schema with what it gives. */
BW_NODISCARD bw_status bq_view_describe(bq_catalog *catalog, bw_arena *arena, bq_table *view,
                                        bq_error *err);

#endif
