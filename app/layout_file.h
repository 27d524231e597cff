/* STATE/console.layout: how the console's lists were arranged (views/console.h), so that they are at the
   next start. Nothing depends on it: it may be deleted. Threads: UI. */
#ifndef BW_APP_LAYOUT_FILE_H
#define BW_APP_LAYOUT_FILE_H

#include "backend/core/buf.h"
#include "backend/core/error.h"

/* Appends what is there; nothing when it cannot be read or is larger than it can be. */
void bw_layout_read(const char *state_dir, bw_buf *out);
/* Replaces it as a whole, readable by its owner only. IO. */
BW_NODISCARD bw_status bw_layout_write(const char *state_dir, bw_slice text, bw_error *err);

#endif
