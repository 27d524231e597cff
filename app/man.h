/*
 * The manual pages, in roff, from the tables of commands, options, settings and keys. The committed
 * files in man/ are these very texts; the target `man` writes them and a test compares.
 * Threads: any.
 */
#ifndef BW_APP_MAN_H
#define BW_APP_MAN_H

#include "backend/config/setting.h"

/* bridgewatch(1) */
void bw_man_program(bw_buf *out);
/* bridgewatch.yaml(5) */
void bw_man_configuration(const bw_config_schema *schema, bw_buf *out);

#endif
