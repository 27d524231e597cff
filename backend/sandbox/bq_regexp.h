/*
 * Regular expressions in RE2's syntax, matched by PCRE2. Both find the leftmost match and prefer the
 * alternatives in order; where their syntax differs a pattern is rewritten, and what RE2 does not know
 * (backreferences, lookaround, possessive and atomic groups, ...) is refused in RE2's words. PCRE2
 * backtracks where RE2 does not: a match that takes too many steps is an error.
 * Specification: RE2's "Syntax" page; GoogleSQL's REGEXP_ functions. Threads: any, one per object.
 */
#ifndef BW_SANDBOX_BQ_REGEXP_H
#define BW_SANDBOX_BQ_REGEXP_H

#include "backend/core/buf.h"

typedef struct bq_regexp bq_regexp;

/* A part of the subject; begin SIZE_MAX: the group took no part in the match. */
typedef struct bq_span {
    size_t begin, end;
} bq_span;

#define BQ_REGEXP_GROUPS 10 /* the whole match and \1 to \9 */

/* `text`: pattern and subjects are UTF-8 and match by characters, else by bytes. NULL: refused, and
   `why` (cleared first) says why. */
bq_regexp *bq_regexp_new(bw_slice pattern, bool text, bw_buf *why);
void bq_regexp_free(bq_regexp *re);
int bq_regexp_groups(const bq_regexp *re);

/* Searches from byte `from` of the subject, which must be valid UTF-8 when the pattern is text. 1:
   found, 0: not, -1: too many steps. */
int bq_regexp_find(bq_regexp *re, bw_slice subject, size_t from, bq_span groups[BQ_REGEXP_GROUPS]);

#endif
