/*
 * The methods of Pub/Sub, for the table of routes in pubsub.c, and what they share.
 */
#ifndef BW_SANDBOX_PS_API_H
#define BW_SANDBOX_PS_API_H

#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/ps_store.h"

#define PS_MAX_MESSAGES 1000                /* of one publish or pull */
#define PS_MAX_BYTES    INT64_C(10000000)   /* of messages in one publish or pull */
#define PS_MAX_ACK_BODY ((size_t)512 << 10) /* of acknowledge and modifyAckDeadline */
/* How long a pull waits for a message; X-Server-Timeout shortens it. */
#define PS_HOLD_US (30 * BW_SECOND)

bw_sb_handler ps_topic_create, ps_topic_get, ps_topic_list, ps_topic_patch, ps_topic_delete;
bw_sb_handler ps_topic_subscriptions, ps_topic_snapshots, ps_topic_publish;
bw_sb_handler ps_subscription_create, ps_subscription_get, ps_subscription_list;
bw_sb_handler ps_subscription_patch, ps_subscription_delete, ps_subscription_detach;
bw_sb_handler ps_subscription_push_config;
bw_sb_handler ps_pull, ps_acknowledge, ps_modify_ack_deadline, ps_seek;
bw_sb_handler ps_snapshot_create, ps_snapshot_get, ps_snapshot_list, ps_snapshot_patch;
bw_sb_handler ps_snapshot_delete;

/* ---- What they share (ps_api.c) --------------------------------------------------------------- */

/* Answers with what the error says: 400, 404, 409, 500. Returns BW_SB_DONE. */
bw_sb_outcome ps_reply_error(bw_sb_reply *reply, const bw_error *err);
/* 200 {}, or the error. */
bw_sb_outcome ps_reply_empty(bw_sb_reply *reply, bw_status status, const bw_error *err);

/* The body read by the table; an empty one is {}. Lives in the request's arena. */
BW_NODISCARD bw_status ps_body(bw_sb_request *r, const ps_member *members, bw_slice *out,
                               bw_error *err);
/* The project and id in the path, for new resources and as they are. */
BW_NODISCARD bw_status ps_path_name(bw_sb_request *r, const char *collection, const char **project,
                                    const char **id, bw_error *err);

/* A list in pages: pageSize, and as pageToken the name to continue behind. */
typedef struct ps_page {
    int64_t size;
    const char *after;
    int64_t count; /* printed so far */
    bool more;
    char last[256]; /* the name of the last one printed */
} ps_page;
BW_NODISCARD bw_status ps_page_read(bw_sb_request *r, ps_page *page, bw_error *err);
/* {"<member>":[ */
void ps_page_open(bw_buf *out, const char *member);
/* Before each item, of which one more than the page's size is to be read: false when it belongs to
   the next page. */
bool ps_page_add(ps_page *page, bw_buf *out, bw_slice name);
/* Ends the answer, with nextPageToken where there is more; or answers the error. */
bw_sb_outcome ps_page_close(const ps_page *page, bw_sb_reply *reply, bw_status status,
                            const bw_error *err);
/* A method on the resource that the path names, in a transaction of its own. It prints its answer;
   nothing is {}. */
typedef struct ps_call {
    bw_sb_pubsub *ps;
    bw_arena *arena; /* the request's */
    bw_buf *out;
    const char *project, *name;
    bw_slice body;
} ps_call;
typedef bw_status ps_method(ps_call *call, bw_error *err);
/* `members` NULL: there is no body. */
bw_sb_outcome ps_serve(bw_sb_pubsub *ps, bw_sb_request *r, bw_sb_reply *reply,
                       const char *collection, const ps_member *members, ps_method *method);

/* The project's resources: `sql` takes the project, the name to continue behind and a limit, and gives
   the name first. */
typedef void ps_row_print(bw_sb_request *r, sqlite3_stmt *row, bw_buf *out);
bw_sb_outcome ps_list(bw_sb_pubsub *ps, bw_sb_request *r, bw_sb_reply *reply,
                      const char *collection, const char *sql, ps_row_print *print);

/*
 * The resource after an update: the members of `base` that the mask (in either spelling, also
 * nested: retryPolicy.minimumBackoff) names are taken from `patch` or removed. Only members that
 * are listed can be changed.
 */
BW_NODISCARD bw_status ps_mask_apply(bw_arena *arena, bw_slice base, bw_slice patch,
                                     const char *mask, const char *const *changeable,
                                     const char *resource, bw_slice *out, bw_error *err);
/* labels: at most 64, keys and values of small letters, digits, _ and -. */
BW_NODISCARD bw_status ps_labels_check(bw_arena *arena, bw_slice labels, bw_error *err);
/* ,"name":{...} unless the object is absent or empty. */
void ps_add_map(bw_buf *out, const char *name, bw_slice object);
/* 10 minutes to 31 days. */
BW_NODISCARD bw_status ps_retention_check(int64_t us, bw_error *err);

/* ---- Acknowledgement ids ---------------------------------------------------------------------- */

#define PS_ACK_ID_SIZE 41
void ps_ack_id_print(int64_t subscription, int64_t message, int64_t lease,
                     char out[PS_ACK_ID_SIZE]);
/* False for what was never an id of this subscription. */
bool ps_ack_id_parse(bw_slice text, int64_t subscription, int64_t *message, int64_t *lease);

#endif
