/*
 * The innermost loop of the encoders: text into a JSON string. Only what RFC 8259 demands is escaped
 * (C0, quote and backslash); UTF-8 passes through. Sixteen bytes at a time where the compiler has
 * SSE2, eight at a time elsewhere. Threads: any.
 */
#ifndef BW_DESTINATION_JSON_TEXT_H
#define BW_DESTINATION_JSON_TEXT_H

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "backend/core/buf.h"

/* The most that one byte of text can become: \u00XX. */
#define BW_JSON_EXPANSION 6

/* Copies of up to 16 bytes without a call: overlapping halves, never reading past the text. */
static inline void bw_copy_short(char *dst, const char *src, size_t n)
{
    if (n >= 8) {
        uint64_t head, tail;
        memcpy(&head, src, 8);
        memcpy(&tail, src + n - 8, 8);
        memcpy(dst, &head, 8);
        memcpy(dst + n - 8, &tail, 8);
    } else if (n >= 4) {
        uint32_t head, tail;
        memcpy(&head, src, 4);
        memcpy(&tail, src + n - 4, 4);
        memcpy(dst, &head, 4);
        memcpy(dst + n - 4, &tail, 4);
    } else if (n > 0) {
        dst[0] = src[0];
        dst[n / 2] = src[n / 2];
        dst[n - 1] = src[n - 1];
    }
}

static inline char *bw_copy(char *dst, const char *src, size_t n)
{
    if (n <= 16)
        bw_copy_short(dst, src, n);
    else
        memcpy(dst, src, n);
    return dst + n;
}

/* High bit set in each byte of `w` that has to be escaped. May also mark bytes above the lowest one
   that it marks rightly, so only "none" and the lowest are to be trusted. */
static inline uint64_t bw_json_special8(uint64_t w)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    uint64_t quote = w ^ (ones * '"'), backslash = w ^ (ones * '\\');
    return (((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) |
            ((backslash - ones) & ~backslash)) &
           high;
}

/* Appends one byte's escape; returns the new end. */
char *bw_json_escape_byte(char *p, unsigned char c);
/* The general form of bw_json_escape, for text that holds something to escape after `done` bytes. */
char *bw_json_escape_slow(char *p, const char *text, size_t n);
/* Exact size of the escaped text. */
size_t bw_json_escaped_size(const char *text, size_t n);

/*
 * Writes the escaped text to p, which has room for BW_JSON_EXPANSION * n bytes or for the exact
 * size; returns the new end. May write up to n bytes before it finds that escaping is needed.
 */
static inline char *bw_json_escape(char *p, const char *text, size_t n)
{
    size_t i = 0;
#ifdef __SSE2__
    const __m128i space = _mm_set1_epi8(0x1f), quote = _mm_set1_epi8('"'),
                  backslash = _mm_set1_epi8('\\');
    for (; i + 16 <= n; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
        __m128i bad =
            _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(v, space), v),
                         _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));
        if (_mm_movemask_epi8(bad))
            return bw_json_escape_slow(p + i, text + i, n - i);
        _mm_storeu_si128((__m128i *)(void *)(p + i), v);
    }
#endif
    for (; i + 8 <= n; i += 8) {
        uint64_t w;
        memcpy(&w, text + i, 8);
        if (bw_json_special8(w))
            return bw_json_escape_slow(p + i, text + i, n - i);
        memcpy(p + i, &w, 8);
    }
    if (i < n) {
        size_t rest = n - i;
        char last[8];
        uint64_t w;
        memset(last, ' ', sizeof last);
        bw_copy_short(last, text + i, rest);
        memcpy(&w, last, 8);
        if (bw_json_special8(w))
            return bw_json_escape_slow(p + i, text + i, rest);
        bw_copy_short(p + i, text + i, rest);
    }
    return p + n;
}

#endif
