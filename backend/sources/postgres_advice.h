/* What check and the Sync screen warn of. Threads: one at a time. */
#ifndef BW_SOURCES_POSTGRES_ADVICE_H
#define BW_SOURCES_POSTGRES_ADVICE_H

#include "backend/sources/postgres_catalog.h"

/* Adds warnings about the server that concern incremental reading. */
void bw_pgadvice_server(const bw_pgserver *server, bw_pgwarnings *w, bw_arena *arena);
/* Adds what describe found, and looks at the cursor's highest value where an index gives it. */
BW_NODISCARD bw_status bw_pgadvice_table(bw_pgconn *conn, bw_pgtable *table, bw_arena *arena,
                                         bw_error *err);

#endif
