/*
 * Upload sessions: a job that waits for its bytes. A session is made by a resumable POST and filled
 * by chunks; with a data directory it survives the process (ID.json beside ID.data), because what
 * has been acknowledged must not be lost. Multipart uploads use the same spools without a session.
 *
 * Threads: any; begin, data and end of one chunk run on a polling thread and only touch files.
 * Specification: "Resumable upload protocol" of Google's API client documentation.
 */
#ifndef BW_SANDBOX_UPLOADS_H
#define BW_SANDBOX_UPLOADS_H

#include "backend/sandbox/jobs.h"
#include "backend/sandbox/spool.h"

/* Every chunk but the last must be a multiple of this. */
#define BW_SB_CHUNK_UNIT ((uint64_t)262144)

typedef struct bw_sb_session bw_sb_session;

/* `directory` NULL: nothing survives. `discard`: bytes are counted and dropped. */
BW_NODISCARD bw_status bw_sb_uploads_new(const char *directory, bool discard, bw_sb_stats *stats,
                                         bw_sb_uploads **out, bw_error *err);
void bw_sb_uploads_free(bw_sb_uploads *uploads);
/* Forgets all sessions and their files. */
void bw_sb_uploads_reset(bw_sb_uploads *uploads);
/* Deletes the files that neither a session nor a job (that has adopted its spool) needs. */
void bw_sb_uploads_sweep(bw_sb_uploads *uploads);

/* A spool for a multipart upload, with an id of its own. */
BW_NODISCARD bw_status bw_sb_uploads_spool(bw_sb_uploads *uploads, bw_sb_spool **out,
                                           bw_error *err);
/* The spool of a job that an earlier process has accepted; NULL when it is gone. */
bw_sb_spool *bw_sb_uploads_adopt(bw_sb_uploads *uploads, const char *id);
/* Writes media that has arrived, and counts it. */
BW_NODISCARD bw_status bw_sb_uploads_write(bw_sb_uploads *uploads, bw_sb_spool *spool,
                                           const char *bytes, size_t size, bw_error *err);

/* ---- Sessions --------------------------------------------------------------------------------- */

/* `job` is the Job resource (its jobReference complete). *id lives as long as the session. */
BW_NODISCARD bw_status bw_sb_session_new(bw_sb_uploads *uploads, const char *project, bw_slice job,
                                         const char **id, bw_error *err);
/* With a reference; NULL when there is none. */
bw_sb_session *bw_sb_session_find(bw_sb_uploads *uploads, const char *id);
void bw_sb_session_unref(bw_sb_session *session);
/* Forgets it: its id answers 404 from now on. */
void bw_sb_session_drop(bw_sb_session *session);

const char *bw_sb_session_project(const bw_sb_session *session);
bw_slice bw_sb_session_job(const bw_sb_session *session);
/* Bytes that are kept. */
uint64_t bw_sb_session_size(bw_sb_session *session);

/* One chunk. `owner` names the request: a newer chunk takes the session over, and what an older
   connection still sends is ignored. */
typedef struct bw_sb_chunk {
    bool status_only; /* no bytes: asks how much is there */
    uint64_t first;   /* offset of the first byte */
    int64_t length;   /* bytes announced by Content-Range; -1: all that comes is the upload */
    int64_t total;    /* -1: unknown */
} bw_sb_chunk;

/* The bytes of the chunk as they come. Bytes that the session has already are skipped. */
void bw_sb_session_begin(bw_sb_session *session, const void *owner, const bw_sb_chunk *chunk);
void bw_sb_session_data(bw_sb_session *session, const void *owner, const char *bytes, size_t size);

typedef enum bw_sb_chunk_end {
    BW_SB_CHUNK_KEPT,     /* more is to come: 308 */
    BW_SB_CHUNK_COMPLETE, /* the upload is whole */
    BW_SB_CHUNK_GAP,      /* begins behind what is there: nothing was kept */
    BW_SB_CHUNK_LENGTH,   /* other bytes than announced: nothing was kept */
    BW_SB_CHUNK_PARTIAL,  /* not a multiple of 256 KiB: nothing was kept */
    BW_SB_CHUNK_LOST,     /* another connection has taken over */
    BW_SB_CHUNK_FAILED,   /* the disk said no */
} bw_sb_chunk_end;

/* After the last byte. `keep_short` drops the second half (fault short-range). `received`: for the
   message of LENGTH. */
bw_sb_chunk_end bw_sb_session_end(bw_sb_session *session, const void *owner,
                                  const bw_sb_chunk *chunk, bool keep_short, uint64_t *received);
/* The connection broke: whole units of what has come are kept. */
void bw_sb_session_abort(bw_sb_session *session, const void *owner);

/* Takes the spool out of a complete session for its job; NULL when it has been taken. */
bw_sb_spool *bw_sb_session_take_spool(bw_sb_session *session);
/* Puts it back when the job could not be inserted. */
void bw_sb_session_give_spool(bw_sb_session *session, bw_sb_spool *spool);
/* Remembers the job, so that a repeated last chunk gets the same answer. */
void bw_sb_session_finish(bw_sb_session *session, const char *location, const char *job_id);
/* True when finished; the texts live as long as the session. */
bool bw_sb_session_finished(bw_sb_session *session, const char **location, const char **job_id);

#endif
