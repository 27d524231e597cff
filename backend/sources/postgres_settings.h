/* The settings of a source of type postgres. */
#ifndef BW_SOURCES_POSTGRES_SETTINGS_H
#define BW_SOURCES_POSTGRES_SETTINGS_H

#include "backend/sources/postgres_conn.h"

#define BW_PG_SETTINGS 12
extern const bw_setting bw_pg_settings[BW_PG_SETTINGS];

/* What they say, with libpq's variables where they say nothing. The password is the caller's to
   free (NULL: none is set). IO for an unreadable secret file; what Secret Manager answers for a
   secret that is kept there. */
BW_NODISCARD bw_status bw_pg_params(const bw_config_node *node, const bw_source_env *env,
                                    bw_pgparams *out, char **password, bw_arena *arena,
                                    bw_error *err);

#endif
