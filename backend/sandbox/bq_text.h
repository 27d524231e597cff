/*
 * The SQL text of a stored scalar, as CAST(x AS STRING) gives it: shared by REST cells, CAST and
 * TO_JSON_STRING. Threads: any.
 */
#ifndef BW_SANDBOX_BQ_TEXT_H
#define BW_SANDBOX_BQ_TEXT_H

#include "backend/sandbox/bq_type.h"

/* Not for NULL, STRUCT and REPEATED. BYTES are appended as they are. */
void bq_value_print(const bq_field *field, const bq_value *value, bw_buf *out);

#endif
