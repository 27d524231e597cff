/*
 * GoogleSQL's lexical side (GoogleSQL reference, lexical structure). Threads: any.
 */
#ifndef BW_DESTINATION_SQL_H
#define BW_DESTINATION_SQL_H

#include "backend/destination/destination.h"

/* `name` with backquotes around it and what it holds escaped. */
void bw_sql_add_name(bw_buf *sql, const char *name);
/* `project.dataset.table` */
void bw_sql_add_table(bw_buf *sql, const bw_target *target, const char *table);

#endif
