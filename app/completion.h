/* Completion scripts for the shells, from the tables of commands and options. Threads: any. */
#ifndef BW_APP_COMPLETION_H
#define BW_APP_COMPLETION_H

#include "backend/core/buf.h"

/* The shells' names, NULL-terminated. */
extern const char *const bw_completion_shells[];
/* Appends the script for one of them; false for another name. */
bool bw_completion_script(const char *shell, bw_buf *out);

#endif
