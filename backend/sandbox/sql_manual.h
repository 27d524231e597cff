/*
 * The manual page of the sandbox's SQL, made from the tables that the translation itself uses. What is
 * outside of the subset is a table too, each line with a statement that is refused: a test runs them.
 * Threads: any.
 */
#ifndef BW_SANDBOX_SQL_MANUAL_H
#define BW_SANDBOX_SQL_MANUAL_H

#include "backend/core/buf.h"

/* man/bridgewatch-sandbox-sql.7 in roff (man macros). */
void sql_manual(bw_buf *out);

typedef struct sql_outside {
    const char *what;
    const char *example; /* refused with "Unsupported: ..." */
} sql_outside;

extern const sql_outside sql_outsides[];
extern const size_t sql_outside_count;

#endif
