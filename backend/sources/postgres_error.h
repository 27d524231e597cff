/*
 * What the server and libpq say, turned into our errors: status by SQLSTATE (PostgreSQL manual,
 * appendix A), message without the server's decoration, hint where we know one. Threads: any.
 */
#ifndef BW_SOURCES_POSTGRES_ERROR_H
#define BW_SOURCES_POSTGRES_ERROR_H

#include "backend/core/error.h"

/* An error of a statement. `sqlstate` may be NULL (the connection broke). */
bw_status bw_pg_error(bw_error *err, const char *sqlstate, const char *message, const char *detail,
                      const char *address);

/* An error of connecting: `text` is libpq's, at verbosity VERBOSE, so that a server's answer carries
   its SQLSTATE whatever language it speaks. */
bw_status bw_pg_connect_error(bw_error *err, const char *text, const char *address,
                              const char *user, const char *database);

#endif
