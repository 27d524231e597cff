/*
 * DESIGN. One thread with a read-only store of its own answers queries, one per slot at a time; a
 * newer query of the same slot replaces one that was not begun. The answer is published under the
 * slot's mutex, held for the pointer and the count only; the engine's wake descriptor tells the UI.
 */
#include "backend/engine/page.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/core/thread.h"

#include "backend/engine/page_reader.h"

#define DEFAULT_LIMIT 500
/* Bytes of a content in a list. */
#define LISTED_CONTENT 1024

typedef struct page_box {
    bw_page page; /* first */
    atomic_int refs;
    bw_arena arena;
} page_box;

bw_page *bw_page_new(const bw_page_query *query, bw_arena **arena)
{
    page_box *box = bw_xcalloc(1, sizeof(*box));
    atomic_init(&box->refs, 1);
    box->page.query = *query;
    box->page.total = -1;
    box->page.audit_verified = -1;
    *arena = &box->arena;
    return &box->page;
}

const bw_page *bw_page_ref(const bw_page *page)
{
    if (page)
        atomic_fetch_add(&((page_box *)(uintptr_t)page)->refs, 1);
    return page;
}

void bw_page_unref(const bw_page *page)
{
    page_box *box = (page_box *)(uintptr_t)page;
    if (!box || atomic_fetch_sub(&box->refs, 1) > 1)
        return;
    bw_arena_fini(&box->arena);
    free(box);
}

bool bw_page_query_equal(const bw_page_query *a, const bw_page_query *b)
{
    return a->kind == b->kind && strcmp(a->sync, b->sync) == 0 &&
           strcmp(a->reason, b->reason) == 0 && strcmp(a->text, b->text) == 0 && a->id == b->id &&
           a->n_ids == b->n_ids && memcmp(a->ids, b->ids, a->n_ids * sizeof(a->ids[0])) == 0 &&
           a->offset == b->offset && a->limit == b->limit && a->level == b->level &&
           a->any_state == b->any_state && a->verify == b->verify;
}

typedef struct slot {
    bw_page_query query;
    bool wanted;
    page_box *page;
} slot;

struct bw_page_reader {
    pthread_t thread;
    pthread_mutex_t mu;
    pthread_cond_t changed;
    slot slots[BW_PAGE_SLOTS]; /* guarded by mu */
    bool stopping;             /* guarded by mu */
    bw_store *store;           /* the thread's */
    bw_cancel cancel;          /* of what waits for others */
    bw_preview_env env;
    const bw_sync_def *const *defs;
    size_t n_defs;
    bw_log_ring *ring;
    const bw_clock *clock;
    int wake_fd;
};

/* ---- one query each --------------------------------------------------------------------- */

static const char *or_null(const char *s)
{
    return s[0] ? s : NULL;
}

static size_t limit_of(const bw_page_query *q)
{
    return q->limit > 0 ? (size_t)q->limit : DEFAULT_LIMIT;
}

static bw_status read_runs(bw_page_reader *r, page_box *box, bw_error *err)
{
    bw_run_record *runs;
    bw_status s =
        bw_store_runs(r->store, or_null(box->page.query.sync), 0, limit_of(&box->page.query),
                      &box->arena, &runs, &box->page.n_runs, err);
    box->page.runs = runs;
    bool all = box->page.n_runs < limit_of(&box->page.query);
    box->page.total = all ? (int64_t)box->page.n_runs : -1;
    return s;
}

static bw_status read_run(bw_page_reader *r, page_box *box, bw_error *err)
{
    bw_run_record *runs;
    bw_batch_record *batches;
    bw_status s = bw_store_runs(r->store, NULL, box->page.query.id + 1, 1, &box->arena, &runs,
                                &box->page.n_runs, err);
    box->page.runs = runs;
    if (s == BW_OK)
        s = bw_store_run_batches(r->store, box->page.query.id, limit_of(&box->page.query),
                                 &box->arena, &batches, &box->page.n_batches, err);
    if (s == BW_OK)
        box->page.batches = batches;
    bool all = box->page.n_batches < limit_of(&box->page.query);
    box->page.total = all ? (int64_t)box->page.n_batches : -1;
    return s;
}

static bw_status read_groups(bw_page_reader *r, page_box *box, bw_error *err)
{
    bw_letter_group *groups;
    bw_status s = bw_store_letter_groups(r->store, or_null(box->page.query.sync), &box->arena,
                                         &groups, &box->page.n_groups, err);
    box->page.groups = groups;
    box->page.total = (int64_t)box->page.n_groups;
    return s;
}

static bw_letter_filter filter_of(const bw_page_query *q)
{
    bool one = q->kind == BW_PAGE_LETTER;
    bool whole = one || q->kind == BW_PAGE_PREVIEW;
    return (bw_letter_filter){
        .ids = one            ? &q->id
               : q->n_ids > 0 ? q->ids
                              : NULL,
        .n_ids = one ? 1 : q->n_ids,
        .sync = or_null(q->sync),
        .reason = or_null(q->reason),
        .text = or_null(q->text),
        .any_state = one || q->any_state,
        .limit = one ? 1 : limit_of(q),
        .offset = (size_t)q->offset,
        .content_max = whole ? 0 : LISTED_CONTENT + 1,
    };
}

/* A content that does not end here says so: lists are copied and exported, too. */
static void mark_cut(bw_dead_letter *l, bw_arena *arena)
{
    if (l->content.len <= LISTED_CONTENT)
        return;
    bw_slice begin = {l->content.ptr, LISTED_CONTENT};
    size_t valid = bw_utf8_valid_prefix(begin);
    begin.len = valid + 4 > begin.len ? valid : begin.len; /* not within a character */
    char *text = bw_arena_alloc(arena, begin.len + sizeof(BW_PAGE_CUT));
    memcpy(text, begin.ptr, begin.len);
    memcpy(text + begin.len, BW_PAGE_CUT, sizeof(BW_PAGE_CUT));
    l->content = (bw_slice){text, begin.len + sizeof(BW_PAGE_CUT) - 1};
}

static bw_status read_letters(bw_page_reader *r, page_box *box, bw_error *err)
{
    bw_letter_filter filter = filter_of(&box->page.query);
    bw_dead_letter *letters = NULL;
    size_t fit = 0;
    bw_status s = BW_OK;
    if (filter.content_max == 0)
        s = bw_store_letters_fit(r->store, &filter, BW_LETTERS_BYTES, &fit, err);
    if (fit > 0)
        filter.limit = fit;
    if (s == BW_OK)
        s = bw_store_letters(r->store, &filter, &box->arena, &letters, &box->page.n_letters, err);
    box->page.letters = letters;
    for (size_t i = 0; s == BW_OK && filter.content_max > 0 && i < box->page.n_letters; i++)
        mark_cut(&letters[i], &box->arena);
    /* A list that ends here need not be gone through once more to be counted. */
    size_t n = box->page.n_letters;
    box->page.total = (int64_t)(filter.offset + n);
    bool ends = n < filter.limit && (n > 0 || filter.offset == 0);
    if (s == BW_OK && !ends)
        s = bw_store_letters_count(r->store, &filter, &box->page.total, err);
    return s;
}

static const bw_sync_def *def_of(const bw_page_reader *r, const char *sync)
{
    static const bw_sync_def rows; /* of a table, which nothing more has to be known of */
    for (size_t i = 0; i < r->n_defs; i++) {
        if (strcmp(r->defs[i]->name, sync) == 0)
            return r->defs[i];
    }
    return &rows;
}

/* The letters of one sync after the other. */
static bw_status read_preview(bw_page_reader *r, page_box *box, bw_error *err)
{
    bw_status s = read_letters(r, box, err);
    const bw_dead_letter *l = box->page.letters;
    size_t n = box->page.n_letters;
    bw_letter_preview *out = BW_ARENA_ARRAY(&box->arena, bw_letter_preview, n + 1);
    for (size_t at = 0, end; s == BW_OK && at < n; at = end) {
        for (end = at + 1; end < n && strcmp(l[end].sync, l[at].sync) == 0;)
            end++;
        s = bw_letters_preview(&r->env, def_of(r, l[at].sync), l + at, end - at, &box->arena,
                               out + at, err);
    }
    box->page.previews = out;
    return s;
}

static bw_status read_batches(bw_page_reader *r, page_box *box, bw_error *err)
{
    bw_batch_record *batches;
    bw_status s = bw_store_batch_open_list(r->store, or_null(box->page.query.sync), &box->arena,
                                           &batches, &box->page.n_batches, err);
    box->page.batches = batches;
    box->page.total = (int64_t)box->page.n_batches;
    return s;
}

static bw_status read_sync(bw_page_reader *r, page_box *box, bw_error *err)
{
    bw_status s = read_runs(r, box, err);
    return s == BW_OK ? read_batches(r, box, err) : s;
}

static bw_status read_audit(bw_page_reader *r, page_box *box, bw_error *err)
{
    bw_audit_entry *audit;
    const bw_page_query *q = &box->page.query;
    bw_error bad = BW_ERROR_INIT;
    int64_t entries = 0;
    bw_status s = bw_store_audit_list(r->store, or_null(q->sync), q->id, limit_of(q), &box->arena,
                                      &audit, &box->page.n_audit, err);
    box->page.audit = audit;
    if (s != BW_OK || !q->verify)
        return s;
    if (bw_store_audit_verify(r->store, &entries, &bad) == BW_OK)
        box->page.audit_verified = entries;
    else
        box->page.audit_problem = bw_arena_strdup(&box->arena, bad.message);
    return BW_OK;
}

static bw_status read_log(bw_page_reader *r, page_box *box, bw_error *err)
{
    (void)err;
    if (!r->ring)
        return BW_OK;
    size_t max = box->page.query.limit > 0 ? (size_t)box->page.query.limit : 5000;
    bw_log_line *lines = BW_ARENA_ARRAY(&box->arena, bw_log_line, max);
    box->page.n_lines = bw_log_ring_read(r->ring, (uint64_t)box->page.query.offset,
                                         box->page.query.level, &box->arena, lines, max);
    box->page.lines = lines;
    box->page.total = (int64_t)box->page.n_lines;
    return BW_OK;
}

static page_box *answer(bw_page_reader *r, const bw_page_query *query)
{
    static bw_status (*const readers[])(bw_page_reader *, page_box *, bw_error *) = {
        [BW_PAGE_RUNS] = read_runs,
        [BW_PAGE_RUN] = read_run,
        [BW_PAGE_LETTER_GROUPS] = read_groups,
        [BW_PAGE_LETTERS] = read_letters,
        [BW_PAGE_LETTER] = read_letters,
        [BW_PAGE_PREVIEW] = read_preview,
        [BW_PAGE_BATCHES] = read_batches,
        [BW_PAGE_SYNC] = read_sync,
        [BW_PAGE_AUDIT] = read_audit,
        [BW_PAGE_LOG] = read_log,
    };
    bw_arena *arena;
    page_box *box = (page_box *)bw_page_new(query, &arena);
    bw_error err = BW_ERROR_INIT;
    if (readers[query->kind](r, box, &err) != BW_OK)
        box->page.error = bw_arena_strdup(arena, err.message);
    box->page.read_mono_us = bw_mono_us(r->clock);
    return box;
}

/* ---- the thread ------------------------------------------------------------------------- */

static int next_wanted(bw_page_reader *r, bw_page_query *query)
{
    int found = -1;
    pthread_mutex_lock(&r->mu);
    while (!r->stopping && found < 0) {
        for (int i = 0; i < BW_PAGE_SLOTS && found < 0; i++) {
            if (r->slots[i].wanted)
                found = i;
        }
        if (found < 0)
            pthread_cond_wait(&r->changed, &r->mu);
    }
    if (found >= 0) {
        *query = r->slots[found].query;
        r->slots[found].wanted = false;
    }
    if (r->stopping)
        found = -1;
    pthread_mutex_unlock(&r->mu);
    return found;
}

static void *run(void *arg)
{
    bw_page_reader *r = arg;
    bw_page_query query;
    int slot_number;
    while ((slot_number = next_wanted(r, &query)) >= 0) {
        page_box *fresh = answer(r, &query);
        pthread_mutex_lock(&r->mu);
        page_box *old = r->slots[slot_number].page;
        r->slots[slot_number].page = fresh;
        pthread_mutex_unlock(&r->mu);
        if (old)
            bw_page_unref(&old->page);
        eventfd_write(r->wake_fd, 1);
    }
    return NULL;
}

bw_status bw_page_reader_start(const char *state_dir, const bw_clock *clock, bw_log_ring *ring,
                               int wake_fd, bw_page_reader **out, bw_error *err)
{
    bw_page_reader *r = bw_xcalloc(1, sizeof(*r));
    *out = NULL;
    bw_status s = bw_store_open_reader(state_dir, clock, &r->store, err);
    if (s != BW_OK) {
        free(r);
        return s;
    }
    r->clock = clock;
    r->ring = ring;
    r->wake_fd = wake_fd;
    bw_cancel_init(&r->cancel);
    r->env = (bw_preview_env){.clock = clock, .cancel = &r->cancel};
    pthread_mutex_init(&r->mu, NULL);
    pthread_cond_init(&r->changed, NULL);
    bw_thread_start(&r->thread, "page reader", run, r);
    *out = r;
    return BW_OK;
}

void bw_page_reader_previews(bw_page_reader *r, const bw_google *google,
                             const bw_sync_def *const *defs, size_t n)
{
    r->env.google = google;
    r->defs = defs;
    r->n_defs = n;
}

void bw_page_reader_stop(bw_page_reader *r)
{
    if (!r)
        return;
    bw_cancel_raise(&r->cancel);
    pthread_mutex_lock(&r->mu);
    r->stopping = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mu);
    pthread_join(r->thread, NULL);
    for (int i = 0; i < BW_PAGE_SLOTS; i++) {
        if (r->slots[i].page)
            bw_page_unref(&r->slots[i].page->page);
    }
    bw_store_close(r->store);
    bw_cancel_fini(&r->cancel);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->mu);
    free(r);
}

void bw_page_reader_ask(bw_page_reader *r, int slot_number, const bw_page_query *query)
{
    if (slot_number < 0 || slot_number >= BW_PAGE_SLOTS)
        return;
    pthread_mutex_lock(&r->mu);
    r->slots[slot_number].query = *query;
    r->slots[slot_number].wanted = true;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->mu);
}

const bw_page *bw_page_reader_take(bw_page_reader *r, int slot_number)
{
    const bw_page *page = NULL;
    if (slot_number < 0 || slot_number >= BW_PAGE_SLOTS)
        return NULL;
    pthread_mutex_lock(&r->mu);
    if (r->slots[slot_number].page)
        page = bw_page_ref(&r->slots[slot_number].page->page);
    pthread_mutex_unlock(&r->mu);
    return page;
}
