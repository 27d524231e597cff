/* Opening: from settings to a libpq connection that is ready. For postgres_conn.c only. */
#ifndef BW_SOURCES_POSTGRES_CONNECT_H
#define BW_SOURCES_POSTGRES_CONNECT_H

#include <libpq-fe.h>

#include "backend/sources/postgres_conn.h"

/* On success *out is connected and non-blocking; *address ("host:port" or the socket's directory)
   is in the arena in any case. */
BW_NODISCARD bw_status bw_pg_connect(const bw_pgparams *params, const bw_source_env *env,
                                     bw_arena *arena, PGconn **out, const char **address,
                                     bw_error *err);

#endif
