/* Keeps a room's crash_points.def true. Threads: any. */
#ifndef BW_TESTS_SUPPORT_CRASH_POINTS_H
#define BW_TESTS_SUPPORT_CRASH_POINTS_H

#include <stddef.h>

/* Fails the running cmocka test unless the .c files of `room` ("backend/store") pass exactly the
   crash points that are listed. */
void bw_test_crash_points(const char *room, const char *const *listed, size_t count);

#endif
