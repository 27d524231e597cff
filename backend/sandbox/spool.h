/*
 * The bytes of an upload on their way into a load job: a file that grows by whole chunks, so that no
 * upload is ever held in memory. With a directory it has a name and survives the process; without
 * one it has none and goes when it is closed. Under --discard there is no file: bytes and lines are
 * counted and dropped. Threads: one at a time.
 */
#ifndef BW_SANDBOX_SPOOL_H
#define BW_SANDBOX_SPOOL_H

#include <stdint.h>

#include "backend/core/error.h"

typedef struct bw_sb_spool {
    int fd;         /* -1: discarding */
    char *path;     /* NULL: no name */
    char id[40];    /* of the upload */
    uint64_t size;  /* bytes taken so far */
    uint64_t lines; /* when discarding: newlines so far, and a last line without one */
    bool gzip;      /* begins with gzip's magic bytes */
    bool open_line; /* the last byte was not a newline */
} bw_sb_spool;

/* A new one. `directory` NULL: without a name, in TMPDIR. */
BW_NODISCARD bw_status bw_sb_spool_new(const char *directory, const char *id, bool discard,
                                       bw_sb_spool **out, bw_error *err);
/* One that an earlier process has left. NOT_FOUND when it is gone. */
BW_NODISCARD bw_status bw_sb_spool_open(const char *directory, const char *id, bw_sb_spool **out,
                                        bw_error *err);
/* Closes; the named file stays. */
void bw_sb_spool_close(bw_sb_spool *spool);
/* Closes and removes the file. NULL is fine. */
void bw_sb_spool_remove(bw_sb_spool *spool);

/* Appends. */
BW_NODISCARD bw_status bw_sb_spool_write(bw_sb_spool *spool, const char *bytes, size_t size,
                                         bw_error *err);
/* Forgets everything behind the first `size` bytes (not when discarding, where size must be
   spool->size or the count of lines is wrong). */
BW_NODISCARD bw_status bw_sb_spool_truncate(bw_sb_spool *spool, uint64_t size, bw_error *err);

#endif
