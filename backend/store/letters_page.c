/* Dead letters on their way out: pages, counts, groups. */
#include "backend/store/internal.h"

#define LISTED "state IN ('staged', 'open', 'replaying')"
/* Around the content, which may be asked for in part. */
#define COLUMNS_BEFORE "id, sync, key, event_id, content_hash, reason, column_name, detail, "
#define COLUMNS_AFTER                                               \
    ", attributes, attempts, first_seen, last_seen, state, batch,"  \
    " (SELECT min(o.id) FROM letters o WHERE o.sync = letters.sync" \
    " AND o.event_id = letters.event_id AND o.id <> letters.id AND o.state <> 'discarded')"

static bw_reason read_reason(bw_sql *q)
{
    char name[64];
    bw_slice s = bw_sql_peek(q);
    size_t n = s.len < sizeof(name) - 1 ? s.len : sizeof(name) - 1;
    memcpy(name, s.ptr, n);
    name[n] = '\0';
    bw_reason reason = BW_REASON_NONE;
    return bw_reason_parse(name, &reason) ? reason : BW_REASON_NONE;
}

static void read_letter(bw_sql *q, bw_arena *arena, void *item)
{
    bw_dead_letter *l = item;
    l->id = bw_sql_int(q);
    l->sync = bw_sql_text(q, arena);
    l->key = bw_sql_text(q, arena);
    l->event_id = bw_sql_text(q, arena);
    l->content_hash = bw_sql_text(q, arena);
    l->reason = read_reason(q);
    l->column = bw_sql_text(q, arena);
    l->detail = bw_sql_text(q, arena);
    l->content = bw_sql_slice(q, arena);
    l->attributes = bw_sql_text(q, arena);
    l->attempts = (int)bw_sql_int(q);
    l->first_seen_us = bw_sql_time(q);
    l->last_seen_us = bw_sql_time(q);
    const char *state = bw_sql_text(q, arena);
    if (!state || !bw_letter_state_parse(state, &l->state))
        l->state = BW_LETTER_OPEN;
    l->batch = bw_sql_int(q);
    l->contradicts = bw_sql_int(q);
}

/* ---- the filter: its text and its parameters in the same order -------------------------- */

static void add_where(bw_buf *text, const bw_letter_filter *f)
{
    bw_buf_adds(text, " WHERE id > ?");
    if (!f->any_state)
        bw_buf_adds(text, " AND " LISTED);
    if (f->sync)
        bw_buf_adds(text, " AND sync = ?");
    if (f->reason)
        bw_buf_adds(text, " AND reason = ?");
    if (f->ids)
        bw_buf_adds(text, " AND id IN (SELECT value FROM json_each(?))");
    if (f->text)
        bw_buf_adds(text, " AND instr(lower(coalesce(key, '') || char(10)"
                          " || coalesce(column_name, '') || char(10) || coalesce(detail, '')"
                          " || char(10) || event_id || char(10) || reason || char(10) || state"
                          " || char(10) || coalesce(CAST(content AS TEXT), '')), lower(?)) > 0");
}

static void bind_where(bw_sql *q, const bw_letter_filter *f, bw_buf *ids)
{
    bw_sql_bind_int(q, f->after_id);
    if (f->sync)
        bw_sql_bind_text(q, f->sync);
    if (f->reason)
        bw_sql_bind_text(q, f->reason);
    if (f->ids) {
        bw_buf_addc(ids, '[');
        for (size_t i = 0; i < f->n_ids; i++)
            bw_buf_addf(ids, i ? ",%lld" : "%lld", (long long)f->ids[i]);
        bw_buf_addc(ids, ']');
        bw_sql_bind_text(q, bw_buf_cstr(ids));
    }
    if (f->text)
        bw_sql_bind_text(q, f->text);
}

/* Letters in the order of their ids, from a text that says only what is selected. */
static bw_sql open_page(bw_store *store, bw_buf *text, const bw_letter_filter *f, bw_buf *ids)
{
    bw_buf_adds(text, " FROM letters");
    add_where(text, f);
    bw_buf_adds(text, " ORDER BY id LIMIT ? OFFSET ?");
    bw_sql q = bw_sql_open(store, bw_buf_cstr(text));
    bind_where(&q, f, ids);
    bw_sql_bind_limit(&q, f->limit);
    bw_sql_bind_int(&q, (int64_t)f->offset);
    return q;
}

bw_status bw_store_letters(bw_store *store, const bw_letter_filter *filter, bw_arena *arena,
                           bw_dead_letter **out, size_t *count, bw_error *err)
{
    void *items;
    bw_buf text = BW_BUF_INIT, ids = BW_BUF_INIT;
    bw_buf_adds(&text, "SELECT " COLUMNS_BEFORE);
    if (filter->content_max > 0)
        bw_buf_addf(&text, "substr(CAST(content AS BLOB), 1, %zu)", filter->content_max);
    else
        bw_buf_adds(&text, "content");
    bw_buf_adds(&text, COLUMNS_AFTER);
    bw_tx_read(store);
    bw_sql q = open_page(store, &text, filter, &ids);
    bw_status st = bw_sql_list(&q, arena, sizeof(**out), read_letter, &items, count, err);
    bw_tx_read_end(store);
    bw_buf_fini(&text);
    bw_buf_fini(&ids);
    *out = items;
    return st;
}

bw_status bw_store_letters_count(bw_store *store, const bw_letter_filter *filter, int64_t *count,
                                 bw_error *err)
{
    bw_buf text = BW_BUF_INIT, ids = BW_BUF_INIT;
    bw_buf_adds(&text, "SELECT count(*) FROM letters");
    add_where(&text, filter);
    bw_tx_read(store);
    bw_sql q = bw_sql_open(store, bw_buf_cstr(&text));
    bind_where(&q, filter, &ids);
    bw_status st = bw_sql_one_int(&q, 0, count, err);
    bw_tx_read_end(store);
    bw_buf_fini(&text);
    bw_buf_fini(&ids);
    return st;
}

bw_status bw_store_letters_fit(bw_store *store, const bw_letter_filter *filter, size_t bytes,
                               size_t *count, bw_error *err)
{
    bw_buf text = BW_BUF_INIT, ids = BW_BUF_INIT;
    size_t n = 0, sum = 0;
    bw_buf_adds(&text, "SELECT length(content)");
    bw_tx_read(store);
    bw_sql q = open_page(store, &text, filter, &ids);
    while (bw_sql_next(&q)) {
        sum += (size_t)bw_sql_int(&q);
        if (n > 0 && sum > bytes)
            break;
        n++;
    }
    *count = n;
    bw_status st = bw_sql_end(&q, err);
    bw_tx_read_end(store);
    bw_buf_fini(&text);
    bw_buf_fini(&ids);
    return st;
}

/* ---- groups ----------------------------------------------------------------------------- */

static void read_group(bw_sql *q, bw_arena *arena, void *item)
{
    bw_letter_group *g = item;
    g->sync = bw_sql_text(q, arena);
    g->reason = read_reason(q);
    g->count = bw_sql_int(q);
    g->first_seen_us = bw_sql_time(q);
    g->last_seen_us = bw_sql_time(q);
}

bw_status bw_store_letter_groups(bw_store *store, const char *sync, bw_arena *arena,
                                 bw_letter_group **out, size_t *count, bw_error *err)
{
    void *items;
    bw_tx_read(store);
    bw_sql q = bw_sql_open(
        store, sync ? "SELECT sync, reason, count(*) AS n, min(first_seen), max(last_seen)"
                      " FROM letters WHERE " LISTED " AND sync = ?"
                      " GROUP BY sync, reason ORDER BY n DESC, sync, reason"
                    : "SELECT sync, reason, count(*) AS n, min(first_seen), max(last_seen)"
                      " FROM letters WHERE " LISTED
                      " GROUP BY sync, reason ORDER BY n DESC, sync, reason");
    if (sync)
        bw_sql_bind_text(&q, sync);
    bw_status st = bw_sql_list(&q, arena, sizeof(**out), read_group, &items, count, err);
    bw_tx_read_end(store);
    *out = items;
    return st;
}
