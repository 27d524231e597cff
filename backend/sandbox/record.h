/*
 * A record of exchanges for the contract check: one JSON object per line, in a file of this process in
 * the given directory. An exchange is written when it shows something new: a path, a member, a type,
 * a word of an enumeration, a query parameter or a status that no earlier exchange of this process
 * had for its method. So the files stay small however long the process runs.
 *
 * Lines are written whole and at once, so the record of a killed process ends with a whole line or
 * with one that is visibly cut. Threads: any.
 */
#ifndef BW_SANDBOX_RECORD_H
#define BW_SANDBOX_RECORD_H

#include "backend/sandbox/http.h"

/* Bodies over this are noted with their size only. */
#define BW_SB_RECORD_BODY ((size_t)1 << 20)

typedef struct bw_sb_record bw_sb_record;

/* Makes the directory when it is missing. */
BW_NODISCARD bw_status bw_sb_record_open(const char *directory, bw_sb_record **out, bw_error *err);
void bw_sb_record_close(bw_sb_record *record);

/*
 * {"verb","path","query","method","headers":{},"bodySize","body","status","fault","replyHeaders":{},
 * "replySize","reply"}: bodies are the JSON itself, a string when they are other text, and null when
 * they are absent, streamed, binary or too large. `status` 0: cut without an answer.
 */
void bw_sb_record_add(bw_sb_record *record, const bw_sb_request *request, const bw_sb_reply *reply,
                      unsigned status, const char *fault);

#endif
