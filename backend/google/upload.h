/* The texts of the resumable upload protocol. Threads: any. */
#ifndef BW_GOOGLE_UPLOAD_H
#define BW_GOOGLE_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>

/* The bytes that a 308 says are held, from its Range header: "bytes=0-L" or "0-L" give L+1, NULL
   gives 0. False when it is anything else. */
bool bw_upload_parse_range(const char *range, int64_t *persisted);

#define BW_CONTENT_RANGE_SIZE 96
/* "Content-Range: bytes FIRST-LAST/TOTAL"; size 0 gives "bytes * /TOTAL" (no space); total -1 gives
   "*" for the total. */
void bw_upload_content_range(char out[BW_CONTENT_RANGE_SIZE], int64_t offset, int64_t size,
                             int64_t total);

#endif
