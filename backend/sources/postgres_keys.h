/* Rows by their keys. Threads: one at a time. */
#ifndef BW_SOURCES_POSTGRES_KEYS_H
#define BW_SOURCES_POSTGRES_KEYS_H

#include "backend/sources/postgres_catalog.h"

/* Appends a condition that selects the rows with these keys (JSON objects as bw_row_key_json writes
   them). INVALID when one does not name every key column. */
BW_NODISCARD bw_status bw_pgkeys_add(bw_buf *out, const bw_pgtable *table, const char *const *keys,
                                     size_t n_keys, bw_error *err);

#endif
