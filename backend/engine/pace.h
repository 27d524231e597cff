/*
 * How often a sync may run so that what its queries read stays below a limit per 24 hours. What was
 * booked leaves the sum 24 hours later, so the room grows at known times.
 * Pure functions. Threads: any.
 */
#ifndef BW_ENGINE_PACE_H
#define BW_ENGINE_PACE_H

#include "backend/store/store.h"

/* The shortest interval, in microseconds, at which runs that read `cost` bytes each never go over the
   limit from now on; 0: as often as wanted. `booked` is oldest first. Where not even one run fits into
   what is left now, runs begin when the first one does (bw_pace_room_at). */
int64_t bw_pace_interval(const bw_booking *booked, size_t n, int64_t now_us, int64_t limit,
                         double cost);
/* When `cost` bytes fit: now, or when enough has left; BW_TIME_NONE when they never will. */
int64_t bw_pace_room_at(const bw_booking *booked, size_t n, int64_t now_us, int64_t limit,
                        double cost);

#endif
