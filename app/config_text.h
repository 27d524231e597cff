/* A configuration as YAML: the one in force, and the reference of every setting. Threads: any. */
#ifndef BW_APP_CONFIG_TEXT_H
#define BW_APP_CONFIG_TEXT_H

#include "backend/config/config.h"

/* What is in force, with where each value comes from; secrets are hidden. Safe for a terminal. */
void bw_config_text(const bw_config *config, bw_buf *out);
/* Every setting with its help and default, optional ones commented out: a file to start from. */
void bw_config_reference(const bw_config_schema *schema, bw_buf *out);

#endif
