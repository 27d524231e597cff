/*
 * The log: levelled lines to any number of sinks, each line sanitised and redacted once. The sink
 * list is one of the two pieces of mutable process-wide state (the other restores the terminal).
 * Threads: any; sinks are called one at a time under the log's mutex and must not log.
 */
#ifndef BW_CORE_LOG_H
#define BW_CORE_LOG_H

#include "backend/core/arena.h"
#include "backend/core/clock.h"
#include "backend/core/error.h"

typedef enum bw_log_level { BW_LOG_ERROR, BW_LOG_WARN, BW_LOG_INFO, BW_LOG_DEBUG } bw_log_level;

typedef struct bw_log_line {
    uint64_t seq;
    int64_t wall_us;
    bw_log_level level;
    const char *subject; /* the sync, source or part of the program it is about; may be "" */
    const char *text;    /* sanitised and redacted */
} bw_log_line;

typedef void bw_log_sink(void *user, const bw_log_line *line);

const char *bw_log_level_name(bw_log_level level);
bool bw_log_level_parse(const char *name, bw_log_level *level);

/* The level below which nothing is formatted. Default INFO. */
void bw_log_set_level(bw_log_level level);
bw_log_level bw_log_get_level(void);
/* Adds a sink; at most 8. Returns a token for removal, -1 when full. */
int bw_log_add_sink(bw_log_sink *sink, void *user);
void bw_log_remove_sink(int token);

void bw_log(bw_log_level level, const char *subject, const char *fmt, ...) BW_PRINTF(3, 4);
/* The error's message, and its hint when it has one. */
void bw_log_error(bw_log_level level, const char *subject, const bw_error *err);

/* A line as text: "2026-11-20T08:37:00.123Z warn  shop.orders  message". No newline at the end. */
void bw_log_format_text(const bw_log_line *line, char *dst, size_t size);
/* A line as one JSON object, no newline. */
void bw_log_format_json(const bw_log_line *line, char *dst, size_t size);

/* A sink that writes to a descriptor: user points at one of these. */
typedef struct bw_log_fd {
    int fd;
    bool json;
} bw_log_fd;
bw_log_sink bw_log_to_fd;

/* A bounded ring of the newest lines, for the console. Threads: any. */
typedef struct bw_log_ring bw_log_ring;
bw_log_ring *bw_log_ring_new(size_t lines);
void bw_log_ring_free(bw_log_ring *ring);
bw_log_sink bw_log_to_ring;
/* Sequence number of the newest line, 0 when empty. */
uint64_t bw_log_ring_newest(const bw_log_ring *ring);
/* Copies up to `max` lines with seq > after, oldest first, level <= max_level; the strings live in
   `arena` memory given by the caller. Returns how many. */

size_t bw_log_ring_read(bw_log_ring *ring, uint64_t after, bw_log_level max_level, bw_arena *arena,
                        bw_log_line *out, size_t max);

#endif
