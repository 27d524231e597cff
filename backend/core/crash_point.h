/*
 * Crash points: places on each side of every durable write and of every request with an effect.
 * In the product the function does nothing (app/crash_point.c); the test build of the same program
 * links tests/support/crash_point.c, which raises SIGKILL at the n-th passage of the point named
 * by BW_CRASH_AT=name:n and notes each passage in the file named by BW_CRASH_SEEN.
 * Threads: any.
 */
#ifndef BW_CORE_CRASH_POINT_H
#define BW_CORE_CRASH_POINT_H

void bw_crash_point(const char *name);

#endif
