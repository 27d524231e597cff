/*
 * What Cloud Logging's filters mean: the fields of a LogEntry, severities in their order, times as
 * times; texts without regard to case, regular expressions with it. A field that an entry does not
 * have satisfies nothing. Threads: any.
 */
#ifndef BW_SANDBOX_LOG_FILTER_H
#define BW_SANDBOX_LOG_FILTER_H

#include "backend/sandbox/filter.h"

/* Times that an entry must lie between for the filter to match; both are part of it. */
typedef struct bw_sb_log_range {
    int64_t low_ns, high_ns;
} bw_sb_log_range;

/* False with a message for what Logging refuses, and for what the sandbox does not know. */
bool bw_sb_log_filter_parse(bw_arena *arena, const char *text, const bw_sb_filter **out,
                            bw_sb_log_range *range, char *why, size_t why_size);
/* Whether an entry (a LogEntry as JSON) matches. */
bool bw_sb_log_filter_matches(const bw_sb_filter *filter, bw_slice entry);
/* The name of an entry's severity, DEFAULT when it has none; NULL when it is malformed. */
const char *bw_sb_log_severity(bw_arena *arena, bw_slice entry);

#endif
