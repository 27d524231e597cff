/*
 * The sandbox's Datastore: entities with their indexes in one SQLite database, in memory or in a
 * directory (WAL; survives SIGKILL), and the REST service over it. Projects, databases and
 * namespaces do not see each other. Specification: the Datastore v1 discovery document.
 *
 * Threads: any. One connection behind one mutex, held for one request.
 */
#ifndef BW_SANDBOX_DATASTORE_H
#define BW_SANDBOX_DATASTORE_H

#include "backend/core/clock.h"
#include "backend/sandbox/http.h"

typedef struct ds_store ds_store;

/* `dir` NULL: in memory. Creates DIR/datastore.db as needed. The clock must outlive the store. */
BW_NODISCARD bw_status ds_store_open(const char *dir, const bw_clock *clock, ds_store **out,
                                     bw_error *err);
/* NULL is fine. */
void ds_store_close(ds_store *store);
/* Forgets everything, transactions too (POST /sandbox/reset). */
BW_NODISCARD bw_status ds_store_reset(ds_store *store, bw_error *err);

bw_sb_service bw_sb_datastore_service(ds_store *store);

#endif
