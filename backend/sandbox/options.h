/*
 * The command line of bridgewatch-sandbox as a table: parsing, --help and the manual page come from
 * it. Threads: any.
 */
#ifndef BW_SANDBOX_OPTIONS_H
#define BW_SANDBOX_OPTIONS_H

#include "backend/core/buf.h"
#include "backend/core/error.h"

typedef struct bw_sb_options {
    const char *host; /* 127.0.0.1 */
    int port;         /* 9050; 0: any free one */
    const char *data; /* NULL: everything in memory */
    const char *project;
    const char *dataset;
    bool discard;
    int64_t buffer_us;                   /* of the streaming buffer: 30 minutes */
    int64_t quota_jobs, quota_window_us; /* per table; 0: no quota */
    const char *record;                  /* NULL: nothing is recorded */
    bool die_with_parent;
    bool help, version, man, man_sql;
    const char *faults[64];
    size_t fault_count;
} bw_sb_options;

/* Both --name value and --name=value. Texts are borrowed from argv. INVALID with a hint. */
BW_NODISCARD bw_status bw_sb_options_parse(int argc, char *const *argv, bw_sb_options *out,
                                           bw_error *err);
void bw_sb_options_help(bw_buf *out);
/* man/bridgewatch-sandbox.1 in roff (man macros). */
void bw_sb_options_man(bw_buf *out);

/* A line of text for a manual page. */
void bw_sb_add_roff(bw_buf *out, const char *text);

#endif
