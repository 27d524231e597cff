/*
 * The SQL functions that translated statements call, registered once per connection.
 * Threads: the connection's.
 */
#ifndef BW_SANDBOX_BQ_FUNCTIONS_H
#define BW_SANDBOX_BQ_FUNCTIONS_H

#include <sqlite3.h>

#include "backend/core/clock.h"
#include "backend/sandbox/bq_error.h"

BW_NODISCARD bw_status bq_functions_register(sqlite3 *db, const bw_clock *clock, bq_error *err);

#endif
