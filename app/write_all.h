/* Writing to the end. Threads: any. */
#ifndef BW_APP_WRITE_ALL_H
#define BW_APP_WRITE_ALL_H

#include "backend/core/buf.h"
#include "backend/core/error.h"

/* All of `text`, however many calls it takes; `path` is for the message. */
BW_NODISCARD bw_status bw_write_all(int fd, bw_slice text, const char *path, bw_error *err);

#endif
