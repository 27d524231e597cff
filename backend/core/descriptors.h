/* The three standard descriptors. Threads: main, before any other. */
#ifndef BW_CORE_DESCRIPTORS_H
#define BW_CORE_DESCRIPTORS_H

#include <stdbool.h>

/*
 * Takes the numbers of those that are closed, as some supervisors leave them: else the next file or
 * socket gets one, and what is printed or logged goes into that. They are opened in the wrong
 * direction, so that reading or writing them still fails. False when /dev/null cannot be opened.
 */
bool bw_keep_standard_descriptors(void);

#endif
