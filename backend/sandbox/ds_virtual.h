/*
 * Kinds that the service computes: __kind__, __namespace__, __property__ and the statistics
 * __Stat_Total__, __Stat_Kind__, __Stat_Ns_Total__, __Stat_Ns_Kind__. They are worked out when they
 * are asked for, written as entities inside a SQLite transaction, read like any others, and undone.
 * Called with the store's mutex held.
 */
#ifndef BW_SANDBOX_DS_VIRTUAL_H
#define BW_SANDBOX_DS_VIRTUAL_H

#include "backend/sandbox/ds_call.h"

/* Sets *made when there is something for the caller to undo (ds_store_undo), also on failure. `at`
   is the snapshot that will be read. */
BW_NODISCARD bw_status ds_virtual_make(ds_call *call, const char *name_space, bw_slice kind,
                                       int64_t at, bool *made, bw_error *err);
/* For all kinds of the keys. */
BW_NODISCARD bw_status ds_virtual_make_keys(ds_call *call, const ds_keys *keys, int64_t at,
                                            bool *made, bw_error *err);

#endif
