/* FARM_FINGERPRINT: Fingerprint64 of the published FarmHash algorithm (farmhashna). Threads: any. */
#ifndef BW_SANDBOX_BQ_FARM_H
#define BW_SANDBOX_BQ_FARM_H

#include "backend/core/buf.h"

uint64_t bq_farm_fingerprint(bw_slice s);

#endif
