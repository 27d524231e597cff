/*
 * A pattern in RE2's syntax as one that PCRE2 reads in the same sense: \s is without \v, scripts are not
 * extensions, { may be a character, and so on. What RE2 does not know is refused.
 * Specification: RE2's "Syntax" page. Threads: any.
 */
#ifndef BW_SANDBOX_BQ_RE2_H
#define BW_SANDBOX_BQ_RE2_H

#include "backend/core/buf.h"

/* Appends to `out`. `text`: the pattern is UTF-8, else bytes. False: refused, and `why` has RE2's words. */
bool bq_re2_rewrite(bw_slice pattern, bool text, bw_buf *out, bw_buf *why);

#endif
