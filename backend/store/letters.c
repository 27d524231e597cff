/*
 * Dead letters on their way in: staged beside the table while their batch is in flight, moved into
 * it by the batch's commit.
 */
#include "backend/store/internal.h"

#include <openssl/sha.h>
#include <stdio.h>

#include "backend/core/crash_point.h"

static const char *const STATE_NAMES[] = {
    [BW_LETTER_STAGED] = "staged",         [BW_LETTER_OPEN] = "open",
    [BW_LETTER_REPLAYING] = "replaying",   [BW_LETTER_REPLAYED] = "replayed",
    [BW_LETTER_SUPERSEDED] = "superseded", [BW_LETTER_DISCARDED] = "discarded",
};

const char *bw_letter_state_name(bw_letter_state state)
{
    return STATE_NAMES[state];
}

bool bw_letter_state_parse(const char *name, bw_letter_state *state)
{
    for (size_t i = 0; i < BW_COUNT(STATE_NAMES); i++) {
        if (strcmp(STATE_NAMES[i], name) == 0) {
            *state = (bw_letter_state)i;
            return true;
        }
    }
    return false;
}

/* ---- identity --------------------------------------------------------------------------- */

void bw_store_letter_hash(bw_slice content, char hash[BW_LETTER_HASH])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)(content.ptr ? content.ptr : ""), content.len, digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(hash + i * 2, 3, "%02x", digest[i]);
}

bool bw_store_letter_edited(const bw_dead_letter *l)
{
    char hash[BW_LETTER_HASH];
    if (!l->attributes || !l->content_hash)
        return false;
    bw_store_letter_hash(l->content, hash);
    return strcmp(hash, l->content_hash) != 0;
}

/* The hash is of fixed length: no two identities have one text. */
#define LETTER_KEY "content_hash || ' ' || event_id"

const char *bw_store_letter_key(bw_arena *arena, bw_slice event_id, const char *content_hash)
{
    return bw_arena_printf(arena, "%s %.*s", content_hash, BW_SLICE_ARG(event_id));
}

static void sql_hash(sqlite3_context *ctx, int n, sqlite3_value **values)
{
    (void)n;
    char hash[BW_LETTER_HASH];
    const void *content = sqlite3_value_blob(values[0]);
    bw_store_letter_hash((bw_slice){content, (size_t)sqlite3_value_bytes(values[0])}, hash);
    sqlite3_result_text(ctx, hash, -1, SQLITE_TRANSIENT);
}

int bw_letter_hash_register(sqlite3 *db)
{
    return sqlite3_create_function(db, "letter_hash", 1,
                                   SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL,
                                   sql_hash, NULL, NULL);
}

/* ---- staging ---------------------------------------------------------------------------- */

static bw_status check_planned(bw_store *store, const char *sync, int64_t batch, bw_error *err)
{
    int64_t planned;
    bw_sql q = bw_sql_open(store, "SELECT 1 FROM batches WHERE sync = ? AND number = ?"
                                  " AND state = 'planned'");
    bw_sql_bind_text(&q, sync);
    bw_sql_bind_int(&q, batch);
    bw_status st = bw_sql_one_int(&q, 0, &planned, err);
    if (st == BW_OK && !planned)
        st = bw_error_set(err, BW_CONFLICT, "sync %s: batch %lld is not planned", sync,
                          (long long)batch);
    return st;
}

static int64_t set_or(int64_t time, int64_t now)
{
    return time == 0 || time == BW_TIME_NONE ? now : time;
}

static bw_status stage_one(bw_store *store, const char *sync, int64_t batch,
                           const bw_dead_letter *l, bw_error *err)
{
    int64_t now = bw_wall_us(store->clock);
    char hash[BW_LETTER_HASH] = "";
    if (l->attributes && !l->content_hash)
        bw_store_letter_hash(l->content, hash);
    bw_sql q = bw_sql_open(
        store, "INSERT INTO staged_letters (sync, batch, event_id, content_hash, key, reason,"
               " column_name, detail, attributes, attempts, first_seen, last_seen, content)"
               " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
               " SET attempts = attempts + excluded.attempts, last_seen = excluded.last_seen");
    bw_sql_bind_text(&q, sync);
    bw_sql_bind_int(&q, batch);
    bw_sql_bind_text(&q, l->event_id);
    bw_sql_bind_text(&q, l->content_hash ? l->content_hash : hash);
    bw_sql_bind_text(&q, l->key);
    bw_sql_bind_text(&q, bw_reason_name(l->reason));
    bw_sql_bind_text(&q, l->column);
    bw_sql_bind_text(&q, l->detail);
    bw_sql_bind_text(&q, l->attributes);
    bw_sql_bind_int(&q, l->attempts > 0 ? l->attempts : 1);
    bw_sql_bind_int(&q, set_or(l->first_seen_us, now));
    bw_sql_bind_int(&q, set_or(l->last_seen_us, now));
    bw_sql_bind_slice(&q, l->content);
    return bw_sql_run(&q, NULL, err);
}

bw_status bw_store_letters_stage(bw_store *store, const char *sync, int64_t batch,
                                 const bw_dead_letter *letters, size_t count, bw_error *err)
{
    if (count == 0)
        return BW_OK;
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    st = check_planned(store, sync, batch, err);
    for (size_t i = 0; i < count && st == BW_OK; i++)
        st = stage_one(store, sync, batch, &letters[i], err);
    bw_crash_point("store_letters_stage_before");
    st = bw_tx_end(store, st, err);
    bw_crash_point("store_letters_stage_after");
    return st;
}

/* What the batch met is a message as it was before an operator edited its letter. */
#define EDITED "(l.attributes NOT NULL AND l.content IS NOT s.content)"

bw_status bw_store_letters_staged_new(bw_store *store, const char *sync, int64_t batch,
                                      int64_t *count, bw_error *err)
{
    bw_tx_read(store);
    bw_sql q =
        bw_sql_open(store, "SELECT count(*) FROM staged_letters s WHERE s.sync = ? AND s.batch = ?"
                           " AND NOT EXISTS (SELECT 1 FROM letters l WHERE l.sync = s.sync"
                           " AND l.event_id = s.event_id AND l.content_hash = s.content_hash"
                           " AND (l.state IN ('open', 'replaying') OR " EDITED
                           " OR (l.state = 'discarded' AND l.content IS s.content)))");
    bw_sql_bind_text(&q, sync);
    bw_sql_bind_int(&q, batch);
    bw_status st = bw_sql_one_int(&q, 0, count, err);
    bw_tx_read_end(store);
    return st;
}

/* ---- with the batch --------------------------------------------------------------------- */

#define COPY_STAGED                                                                        \
    "INSERT INTO letters (sync, event_id, content_hash, key, reason, column_name, detail," \
    " attributes, attempts, first_seen, last_seen, state, changed, batch, content)"        \
    " SELECT sync, event_id, content_hash, key, reason, column_name, detail, attributes,"  \
    " attempts, first_seen, last_seen, ?4, ?3, batch, content"                             \
    " FROM staged_letters WHERE sync = ?1 AND batch = ?2 ORDER BY rowid"                   \
    " ON CONFLICT (sync, event_id, content_hash) DO UPDATE SET"                            \
    " attempts = attempts + excluded.attempts, last_seen = max(last_seen, excluded.last_seen), "

/* Row letters have no attributes; messages have. */
static const char *const SUPERSEDE_ALL =
    "UPDATE letters SET state = 'superseded', changed = ?3 WHERE sync = ?1"
    " AND state IN ('open', 'replaying') AND attributes IS NULL";
#define SUPERSEDE_LANDED                                                                        \
    "UPDATE letters SET state = CASE state WHEN 'replaying' THEN 'replayed' ELSE 'superseded' " \
    "END,"                                                                                      \
    " changed = ?3 WHERE sync = ?1 AND state IN ('open', 'replaying') AND batch <> ?2 AND "
#define LANDED                                                       \
    " IN (SELECT k.value FROM batches b, json_each(b.landed_keys) k" \
    " WHERE b.sync = ?1 AND b.number = ?2)"
/* A row is made good by a newer row of its key, a message only by itself. */
static const char *const SUPERSEDE_ROWS = SUPERSEDE_LANDED "attributes IS NULL AND key" LANDED;
static const char *const SUPERSEDE_MESSAGES =
    SUPERSEDE_LANDED "attributes NOT NULL AND " LETTER_KEY LANDED;
#define TAKE_OVER                                                                             \
    "reason = excluded.reason, column_name = excluded.column_name, detail = excluded.detail," \
    " key = excluded.key, attributes = excluded.attributes, content = excluded.content,"      \
    " batch = excluded.batch, "
/* The operator's edit stands, and so does what became of it. */
#define SAME_LETTER                                                                \
    "s.sync = ?1 AND s.batch = ?2 AND l.sync = s.sync AND l.event_id = s.event_id" \
    " AND l.content_hash = s.content_hash AND " EDITED
static const char *const MEET_EDITED =
    "UPDATE letters AS l SET attempts = l.attempts + s.attempts,"
    " last_seen = max(l.last_seen, s.last_seen) FROM staged_letters s WHERE " SAME_LETTER;
static const char *const LEAVE_EDITED =
    "DELETE FROM staged_letters AS s WHERE EXISTS (SELECT 1 FROM letters l WHERE " SAME_LETTER ")";
/* What an operator discarded stays so when the same content is met again, as the lookback does. */
#define SAME_DISCARDED "state = 'discarded' AND content IS excluded.content"
static const char *const OPEN_STAGED = COPY_STAGED TAKE_OVER
    "changed = CASE WHEN state = 'open' OR " SAME_DISCARDED
    " THEN changed ELSE excluded.changed END,"
    " state = CASE WHEN " SAME_DISCARDED " THEN state ELSE excluded.state END";
/* The letter of an earlier batch stays as it is where it is open or was discarded. */
static const char *const KEEP_STAGED =
    COPY_STAGED TAKE_OVER "changed = excluded.changed, state = excluded.state"
                          " WHERE state NOT IN ('open', 'replaying', 'discarded')";

static bw_status apply(bw_store *store, const char *text, const char *sync, int64_t batch,
                       const char *state, bw_error *err)
{
    bw_sql q = bw_sql_open(store, text);
    bw_sql_bind_text(&q, sync);
    bw_sql_bind_int(&q, batch);
    bw_sql_bind_int(&q, bw_wall_us(store->clock));
    if (state)
        bw_sql_bind_text(&q, state);
    return bw_sql_run(&q, NULL, err);
}

/* A statement about what the batch has staged. */
static bw_status on_staged(bw_store *store, const char *text, const char *sync, int64_t batch,
                           bw_error *err)
{
    bw_sql q = bw_sql_open(store, text);
    bw_sql_bind_text(&q, sync);
    bw_sql_bind_int(&q, batch);
    return bw_sql_run(&q, NULL, err);
}

static bw_status open_staged(bw_store *store, const char *sync, int64_t batch, bw_error *err)
{
    bw_status st = on_staged(store, MEET_EDITED, sync, batch, err);
    if (st == BW_OK)
        st = on_staged(store, LEAVE_EDITED, sync, batch, err);
    if (st == BW_OK)
        st = apply(store, OPEN_STAGED, sync, batch, "open", err);
    return st == BW_OK ? bw_letters_unstage(store, sync, batch, err) : st;
}

bw_status bw_letters_commit(bw_store *store, const char *sync, int64_t batch, bool replaced,
                            bw_error *err)
{
    bw_status st = BW_OK;
    if (replaced)
        st = apply(store, SUPERSEDE_ALL, sync, batch, NULL, err);
    if (st == BW_OK)
        st = apply(store, SUPERSEDE_ROWS, sync, batch, NULL, err);
    if (st == BW_OK)
        st = apply(store, SUPERSEDE_MESSAGES, sync, batch, NULL, err);
    return st == BW_OK ? open_staged(store, sync, batch, err) : st;
}

/* Numbers of batches begin at 1. */
#define NO_BATCH 0

bw_status bw_store_letters_put(bw_store *store, const char *sync, const bw_dead_letter *letters,
                               size_t count, bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    for (size_t i = 0; i < count && st == BW_OK; i++)
        st = stage_one(store, sync, NO_BATCH, &letters[i], err);
    if (st == BW_OK)
        st = open_staged(store, sync, NO_BATCH, err);
    bw_crash_point("store_letters_put_before");
    st = bw_tx_end(store, st, err);
    bw_crash_point("store_letters_put_after");
    return st;
}

bw_status bw_letters_refuse(bw_store *store, const char *sync, int64_t batch, bw_error *err)
{
    bw_status st = on_staged(store, LEAVE_EDITED, sync, batch, err);
    return st == BW_OK ? apply(store, KEEP_STAGED, sync, batch, "staged", err) : st;
}

bw_status bw_letters_unstage(bw_store *store, const char *sync, int64_t batch, bw_error *err)
{
    return on_staged(store, "DELETE FROM staged_letters WHERE sync = ? AND batch = ?", sync, batch,
                     err);
}

/* ---- keys ------------------------------------------------------------------------------- */

static void read_key(bw_sql *q, bw_arena *arena, void *item)
{
    *(const char **)item = bw_sql_text(q, arena);
}

bw_status bw_store_letter_keys(bw_store *store, const char *sync, size_t max, bw_arena *arena,
                               const char *const **keys, size_t *count, bw_error *err)
{
    void *items;
    bw_tx_read(store);
    bw_sql q =
        bw_sql_open(store, "SELECT k FROM (SELECT iif(attributes IS NULL, key, " LETTER_KEY ") AS k"
                           " FROM letters WHERE sync = ? AND k NOT NULL"
                           " AND state IN ('open', 'replaying') GROUP BY k"
                           " ORDER BY max(state = 'replaying') DESC, k LIMIT ?) ORDER BY k");
    bw_sql_bind_text(&q, sync);
    bw_sql_bind_limit(&q, max);
    bw_status st = bw_sql_list(&q, arena, sizeof(char *), read_key, &items, count, err);
    bw_tx_read_end(store);
    *keys = items;
    return st;
}
