/*
 * Reading members of a checkpoint, which is the driver's own JSON (source.h). Threads: any.
 */
#ifndef BW_SOURCES_POSITION_JSON_H
#define BW_SOURCES_POSITION_JSON_H

#include "backend/core/arena.h"
#include "backend/core/json.h"

/* The string of that member, in the arena; NULL when it is absent, null or no string. */
const char *bw_position_string(bw_slice object, const char *name, bw_arena *arena);
/* Microseconds of an RFC 3339 string; BW_TIME_NONE when it is absent or none. */
int64_t bw_position_time(bw_slice object, const char *name);

#endif
