/*
 * A session as the table of sessions (uploads.c) and the work on one session (session.c) see it.
 */
#ifndef BW_SANDBOX_SESSION_H
#define BW_SANDBOX_SESSION_H

#include "backend/sandbox/uploads.h"

struct bw_sb_session {
    bw_sb_uploads *uploads;
    bw_sb_session *next; /* guarded by uploads->mu */
    int refs;            /* guarded by uploads->mu */
    bw_arena arena;
    char id[40];
    const char *project;
    bw_slice job;
    bool dropped; /* guarded by uploads->mu */

    pthread_mutex_t mu;
    bw_sb_spool *spool;            /* guarded by mu; NULL once the job has it */
    uint64_t size;                 /* guarded by mu: bytes kept, also after the spool has gone */
    const void *owner;             /* guarded by mu: the request whose chunk is arriving */
    bw_sb_spool mark;              /* guarded by mu: the spool before that chunk */
    uint64_t skip;                 /* guarded by mu: bytes of the chunk that are here already */
    uint64_t received;             /* guarded by mu: bytes of the chunk */
    bool gap, failed;              /* guarded by mu */
    const char *location, *job_id; /* guarded by mu; set when finished */
    int64_t touched_us;            /* guarded by mu: monotonic, of the newest request */
};

/* Under session->mu, or before it is shared: writes the session's file. One that cannot be written
   is a session that does not survive, no more than the service promises. */
void bw_sb_session_save(const bw_sb_session *session);

#endif
