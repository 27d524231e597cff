/*
 * Columns of a table that become wider in place. Threads: as the destination's.
 */
#ifndef BW_DESTINATION_WIDEN_H
#define BW_DESTINATION_WIDEN_H

#include "backend/destination/drift.h"
#include "backend/destination/internal.h"

/* Widens the columns that the plan names. INVALID: the service does not allow it; the errors of a
   question else. */
BW_NODISCARD bw_status bw_target_widen(bw_destination *d, const bw_target *target,
                                       const bw_target_plan *plan, bw_error *err);

#endif
