/*
 * Values of the JSON type: normalised text (no white space, members sorted by name, the first of
 * duplicate members kept, numbers as int64, uint64 or the shortest text of their double) and the
 * JSONPath of the JSON functions. Threads: any.
 */
#ifndef BW_SANDBOX_BQ_JSON_H
#define BW_SANDBOX_BQ_JSON_H

#include "backend/core/buf.h"

/*
 * Appends the normalised form. False when the text is not JSON, nests deeper than 500 or holds a
 * number that neither 64-bit integer nor double keeps (unless `round`): *why then says so, in
 * BigQuery's words where known.
 */
bool bq_json_normalise(bw_slice text, bool round, bw_buf *out, const char **why);

typedef enum bq_json_path_outcome {
    BQ_PATH_FOUND,
    BQ_PATH_MISSING,
    BQ_PATH_INVALID
} bq_path_outcome;
/* Raw text of what `$.a[0]."b c"` names. */
bq_path_outcome bq_json_path(bw_slice json, bw_slice path, bw_slice *raw);

#endif
