/*
 * The filter language of Cloud Logging and Cloud Monitoring, read into a tree that is asked
 * entry by entry.
 *
 *     severity >= ERROR AND (labels."a b" = "x" OR jsonPayload.n > 3) NOT resource.type = global
 *
 * OR binds tighter than AND, as in Google's; two restrictions without a word between them are
 * joined by AND. What a path names, and how its value compares, is the service's own affair.
 * Threads: any.
 */
#ifndef BW_SANDBOX_FILTER_H
#define BW_SANDBOX_FILTER_H

#include "backend/core/arena.h"

#define BW_SB_FILTER_PATH     12
#define BW_SB_FILTER_VALUES   100
#define BW_SB_FILTER_MAX_SIZE 20000

typedef enum bw_sb_filter_op {
    BW_SB_FILTER_GLOBAL, /* no path: anywhere in the entry; or a function of its own */
    BW_SB_FILTER_EQ,
    BW_SB_FILTER_NE,
    BW_SB_FILTER_LT,
    BW_SB_FILTER_LE,
    BW_SB_FILTER_GT,
    BW_SB_FILTER_GE,
    BW_SB_FILTER_HAS,   /* : */
    BW_SB_FILTER_MATCH, /* =~ */
    BW_SB_FILTER_NO_MATCH,
} bw_sb_filter_op;

typedef struct bw_sb_restriction {
    const char *path[BW_SB_FILTER_PATH];
    size_t depth;
    bw_sb_filter_op op;
    const char *function; /* starts_with("x"), log_id("x"); NULL mostly */
    const char *const *values;
    size_t value_count; /* 1 without a function */
} bw_sb_restriction;

typedef struct bw_sb_filter bw_sb_filter; /* in the arena */

typedef struct bw_sb_filter_error {
    char message[256];
} bw_sb_filter_error;

/* An empty filter is NULL, which matches everything. False with a message when it is malformed. */
bool bw_sb_filter_parse(bw_arena *arena, const char *text, const bw_sb_filter **out,
                        bw_sb_filter_error *err);
typedef bool bw_sb_filter_holds(void *user, const bw_sb_restriction *restriction);
bool bw_sb_filter_matches(const bw_sb_filter *filter, bw_sb_filter_holds *holds, void *user);
/* All restrictions in order; false from `visit` stops and is returned. `required`: every match must
   satisfy this restriction (it is not below OR or NOT). */
typedef bool bw_sb_filter_visit(void *user, const bw_sb_restriction *restriction, bool required);
bool bw_sb_filter_each(const bw_sb_filter *filter, bw_sb_filter_visit *visit, void *user);

/* The comparison of a text with values[0] by an operator (not GLOBAL): as numbers when both are,
   else as texts; HAS is a part of it, "*" is there at all; regular expressions are POSIX extended ones. */
bool bw_sb_filter_compare(const bw_sb_restriction *restriction, const char *text, bool ignore_case);

#endif
