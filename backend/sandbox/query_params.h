/*
 * Query parameters: parameterType and parameterValue of the REST API into typed values.
 * Specification: BigQuery v2, QueryParameter. Threads: any.
 */
#ifndef BW_SANDBOX_QUERY_PARAMS_H
#define BW_SANDBOX_QUERY_PARAMS_H

#include "backend/sandbox/bq_sql.h"

/* `list` is queryParameters (empty: none), `mode` parameterMode or NULL. */
BW_NODISCARD bw_status bw_sb_query_params(bw_arena *arena, bw_slice list, const char *mode,
                                          const bq_sql_param **params, size_t *count,
                                          bq_error *err);

#endif
