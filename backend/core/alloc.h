/*
 * Memory from the heap that cannot fail: the program ends with a message when the system has none
 * left. Everything whose size an outsider chooses (rows, payloads, responses) is bounded before it
 * is allocated, so running out here means that the machine is out of memory, not that a row is big.
 * Threads: any.
 */
#ifndef BW_CORE_ALLOC_H
#define BW_CORE_ALLOC_H

#include <stddef.h>

#define BW_NODISCARD          __attribute__((warn_unused_result))
#define BW_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define BW_COUNT(array)       (sizeof(array) / sizeof((array)[0]))

void *bw_xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
/* Zeroed; count * size is checked for overflow. */
void *bw_xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *bw_xrealloc(void *p, size_t size);
char *bw_xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *bw_xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *bw_xasprintf(const char *fmt, ...) BW_PRINTF(1, 2);

/*
 * Room for at least `need` elements in a heap array: BW_GROW(items, need, cap) may move `items`
 * and raises `cap` (a size_t) geometrically. New elements are not initialised.
 */
#define BW_GROW(items, need, cap) \
    ((items) = bw_grow((items), sizeof(*(items)), (size_t)(need), &(cap)))
void *bw_grow(void *items, size_t item_size, size_t need, size_t *cap);

#endif
