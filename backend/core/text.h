/*
 * Text from outside. The sanitiser is the only way from a payload, a server's message or a file to
 * a terminal; the redactor the only way to a log. Widths are those of a terminal's cells
 * (libutf8proc, Unicode grapheme clusters), never the locale's wcwidth. Threads: any.
 */
#ifndef BW_CORE_TEXT_H
#define BW_CORE_TEXT_H

#include "backend/core/buf.h"

/* Length of the valid UTF-8 prefix of s: s.len when all of it is valid (Unicode, table 3-7). */
size_t bw_utf8_valid_prefix(bw_slice s);
static inline bool bw_utf8_valid(bw_slice s)
{
    return bw_utf8_valid_prefix(s) == s.len;
}

/* Decodes the code point at s[0] (valid or not); returns its size in bytes, or 0 at the end of s.
   An invalid byte yields -1 in *cp and size 1. */
size_t bw_utf8_decode(bw_slice s, int32_t *cp);
/* Writes cp as UTF-8 to out; returns 1 to 4. */
size_t bw_utf8_encode(int32_t cp, char out[4]);

/* The next grapheme cluster of valid UTF-8 text: its bytes (0 at the end) and its width in cells
   (0 to 2). */
size_t bw_cluster_next(bw_slice s, int *width);
/* Cells that the (sanitised) text occupies. */
int bw_text_width(bw_slice s);
/* Bytes of the longest prefix of whole clusters that fits into `cells`; *used is its width. */
size_t bw_text_fit(bw_slice s, int cells, int *used);

/*
 * Appends s with everything that could act on a terminal made visible: C0 and DEL as ^X, C1 and
 * invalid bytes as \xHH, bidirectional and other format controls (except ZWJ between emoji) and
 * unassigned or private code points as \u{HHHH}. Newline and tab become visible too (^J, ^I); what
 * is meant to break lines splits them before. The result is valid UTF-8.
 */
void bw_text_sanitise(bw_buf *out, bw_slice s);
/* Into a fixed array: always NUL-terminated, cut on a cluster's boundary. Returns dst. */
const char *bw_text_sanitise_to(char *dst, size_t size, const char *s);

/*
 * Appends s with secrets replaced by "***": passwords in connection strings and URLs, bearer and
 * refresh tokens, JWTs, private keys, upload session URIs (upload_id=...).
 */
void bw_text_redact(bw_buf *out, bw_slice s);

/* Appends s as a JSON string with its quotes. s must be valid UTF-8; C0, quote and backslash are
   escaped, everything else stands as it is. */
void bw_json_add_string(bw_buf *out, bw_slice s);

/* Shell-style pattern over the whole name: * ? [abc] [a-z] [!a] and \ escapes. */
bool bw_glob_match(const char *pattern, const char *name);

/* Of `names`, the one nearest to `word` (optimal string alignment distance, at most a third of the
   word's length and 3), or NULL. */
const char *bw_nearest(const char *word, const char *const *names, size_t count);

#endif
