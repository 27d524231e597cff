/*
 * The audit trail: append-only, each entry carrying SHA-256 over the hash before it and its own
 * fields, each written as its length, a colon and its bytes, so that no two entries hash the same
 * text.
 */
#include "backend/store/internal.h"

#include <openssl/evp.h>
#include <stdio.h>

#define COLUMNS   "id, at, who, action, subject, detail, hash"
#define HASH_TEXT 65

static void hash_field(bw_buf *text, const char *field)
{
    bw_buf_addf(text, "%zu:", strlen(field));
    bw_buf_adds(text, field);
}

static bw_status hash_entry(const bw_audit_entry *e, const char *before, bw_buf *scratch,
                            char hash[HASH_TEXT], bw_error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    bw_buf_clear(scratch);
    bw_buf_addf(scratch, "%s;%lld;%lld;", before, (long long)e->id, (long long)e->at_us);
    hash_field(scratch, e->who);
    hash_field(scratch, e->action);
    hash_field(scratch, e->subject);
    hash_field(scratch, e->detail);
    if (EVP_Digest(scratch->ptr, scratch->len, digest, &size, EVP_sha256(), NULL) != 1 ||
        size * 2 != HASH_TEXT - 1)
        return bw_error_set(err, BW_INTERNAL, "SHA-256 is not available");
    for (unsigned i = 0; i < size; i++)
        snprintf(hash + (size_t)i * 2, 3, "%02x", digest[i]);
    return BW_OK;
}

static bw_status read_newest(bw_store *store, int64_t *id, char hash[HASH_TEXT], bw_error *err)
{
    *id = 0;
    hash[0] = '\0';
    bw_sql q = bw_sql_open(store, "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1");
    if (bw_sql_next(&q)) {
        *id = bw_sql_int(&q);
        bw_slice newest = bw_sql_peek(&q);
        snprintf(hash, HASH_TEXT, "%.*s", BW_SLICE_ARG(newest));
    }
    return bw_sql_end(&q, err);
}

bw_status bw_audit_append(bw_store *store, const char *who, const char *action, const char *subject,
                          const char *detail, bw_error *err)
{
    bw_audit_entry e = {.at_us = bw_wall_us(store->clock),
                        .who = who ? who : "",
                        .action = action,
                        .subject = subject ? subject : "",
                        .detail = detail ? detail : "{}"};
    char before[HASH_TEXT], hash[HASH_TEXT];
    bw_status st = read_newest(store, &e.id, before, err);
    if (st != BW_OK)
        return st;
    e.id++;
    bw_buf scratch = BW_BUF_INIT;
    st = hash_entry(&e, before, &scratch, hash, err);
    bw_buf_fini(&scratch);
    if (st != BW_OK)
        return st;
    bw_sql q = bw_sql_open(store, "INSERT INTO audit (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?)");
    bw_sql_bind_int(&q, e.id);
    bw_sql_bind_int(&q, e.at_us);
    bw_sql_bind_text(&q, e.who);
    bw_sql_bind_text(&q, e.action);
    bw_sql_bind_text(&q, e.subject);
    bw_sql_bind_text(&q, e.detail);
    bw_sql_bind_text(&q, hash);
    return bw_sql_run(&q, NULL, err);
}

bw_status bw_store_audit_add(bw_store *store, const char *who, const char *action,
                             const char *subject, const char *detail, bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    return bw_tx_end(store, bw_audit_append(store, who, action, subject, detail, err), err);
}

/* An event's id is its publisher's word: what says something else under it is another entry. */
#define SAME(member) " AND json_extract(detail, '$." member "') IS json_extract(?3, '$." member "')"

static bw_status is_there(bw_store *store, const bw_audit_entry *e, bool *there, bw_error *err)
{
    int64_t found;
    bw_sql q = bw_sql_open(store, "SELECT 1 FROM audit WHERE subject = ?1 AND action = ?2" SAME(
                                      "sync") SAME("entity_key") SAME("content_hash") " LIMIT 1");
    bw_sql_bind_text(&q, e->subject);
    bw_sql_bind_text(&q, e->action);
    bw_sql_bind_text(&q, e->detail);
    bw_status st = bw_sql_one_int(&q, 0, &found, err);
    *there = found != 0;
    return st;
}

bw_status bw_store_audit_add_new(bw_store *store, const bw_audit_entry *entries, size_t count,
                                 size_t *added, bw_error *err)
{
    size_t n = 0;
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    for (size_t i = 0; st == BW_OK && i < count; i++) {
        const bw_audit_entry *e = &entries[i];
        bool there;
        st = is_there(store, e, &there, err);
        if (st != BW_OK || there)
            continue;
        st = bw_audit_append(store, e->who, e->action, e->subject, e->detail, err);
        n++;
    }
    st = bw_tx_end(store, st, err);
    if (added)
        *added = st == BW_OK ? n : 0;
    return st;
}

static void read_entry(bw_sql *q, bw_arena *arena, void *item)
{
    bw_audit_entry *e = item;
    e->id = bw_sql_int(q);
    e->at_us = bw_sql_time(q);
    e->who = bw_sql_text(q, arena);
    e->action = bw_sql_text(q, arena);
    e->subject = bw_sql_text(q, arena);
    e->detail = bw_sql_text(q, arena);
    e->hash = bw_sql_text(q, arena);
}

bw_status bw_store_audit_list(bw_store *store, const char *subject, int64_t before_id, size_t limit,
                              bw_arena *arena, bw_audit_entry **out, size_t *count, bw_error *err)
{
    void *items;
    bw_tx_read(store);
    bw_sql q = bw_sql_open(store, subject ? "SELECT " COLUMNS " FROM audit WHERE id < ?"
                                            " AND subject = ? ORDER BY id DESC LIMIT ?"
                                          : "SELECT " COLUMNS " FROM audit WHERE id < ?"
                                            " ORDER BY id DESC LIMIT ?");
    bw_sql_bind_int(&q, before_id > 0 ? before_id : INT64_MAX);
    if (subject)
        bw_sql_bind_text(&q, subject);
    bw_sql_bind_limit(&q, limit);
    bw_status st = bw_sql_list(&q, arena, sizeof(**out), read_entry, &items, count, err);
    bw_tx_read_end(store);
    *out = items;
    return st;
}

/* ---- verifying -------------------------------------------------------------------------- */

typedef struct walk {
    int64_t last; /* id of the last entry that fits */
    char hash[HASH_TEXT];
    bw_buf scratch;
    bw_arena arena;
} walk;

/* One slice of the chain; *n entries were read. Slices keep the store usable meanwhile. */
static bw_status verify_some(bw_store *store, walk *w, size_t *n, bw_error *err)
{
    enum { SLICE = 1000 };
    *n = 0;
    bw_sql q = bw_sql_open(store, "SELECT " COLUMNS " FROM audit WHERE id > ? ORDER BY id LIMIT ?");
    bw_sql_bind_int(&q, w->last);
    bw_sql_bind_int(&q, SLICE);
    bw_status bad = BW_OK;
    while (bad == BW_OK && bw_sql_next(&q)) {
        bw_audit_entry e;
        char hash[HASH_TEXT];
        read_entry(&q, &w->arena, &e);
        bad = hash_entry(&e, w->hash, &w->scratch, hash, err);
        if (bad == BW_OK && e.id != w->last + 1)
            bad = bw_error_set(err, BW_CORRUPT, "audit entry %lld is missing",
                               (long long)w->last + 1);
        else if (bad == BW_OK && strcmp(hash, e.hash) != 0)
            bad = bw_error_set(err, BW_CORRUPT,
                               "audit entry %lld (%s %s) does not fit its hash: it or the one "
                               "before it was changed",
                               (long long)e.id, e.action, e.subject);
        memcpy(w->hash, hash, sizeof(hash));
        w->last = e.id;
        (*n)++;
        bw_arena_reset(&w->arena, (size_t)1 << 20);
    }
    bw_error ignored;
    bw_status st = bw_sql_end(&q, bad == BW_OK ? err : &ignored);
    return bad != BW_OK ? bad : st;
}

/* Entries never go away: the highest id ever given must still be there. */
static bw_status verify_end(bw_store *store, int64_t last, bw_error *err)
{
    int64_t given;
    bw_sql q = bw_sql_open(store, "SELECT seq FROM sqlite_sequence WHERE name = 'audit'");
    bw_status st = bw_sql_one_int(&q, 0, &given, err);
    if (st == BW_OK && given > last)
        st = bw_error_set(err, BW_CORRUPT, "audit entry %lld is missing", (long long)last + 1);
    return st;
}

bw_status bw_store_audit_verify(bw_store *store, int64_t *entries, bw_error *err)
{
    walk w = {.scratch = BW_BUF_INIT, .arena = BW_ARENA_INIT};
    size_t n;
    bw_status st;
    *entries = 0;
    do {
        bw_tx_read(store);
        st = verify_some(store, &w, &n, err);
        if (st == BW_OK && n == 0)
            st = verify_end(store, w.last, err);
        bw_tx_read_end(store);
        *entries += (int64_t)n;
    } while (st == BW_OK && n > 0);
    bw_buf_fini(&w.scratch);
    bw_arena_fini(&w.arena);
    if (st == BW_CORRUPT)
        bw_error_hint(err, "Someone or something wrote to %s/state.db; keep a copy of it.",
                      store->dir);
    return st;
}
