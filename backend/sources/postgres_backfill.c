#include "backend/sources/postgres_backfill.h"

#include <inttypes.h>

#include "backend/sources/postgres_window.h"

#define TID_RANGE_SCANS   140000
#define ROWS_PER_BLOCK    50.0 /* where nothing is known */
#define MAX_PARTS         200  /* leaves in one statement */
#define MAX_XMIN_AGE      ((int64_t)1 << 30)
#define ALL_BLOCKS        ((int64_t)-1) /* in a position: the last leaf is done too */
#define TABLE_FIELD(t, i) (&(t)->info.schema.fields[i])

/* ---- planning ---- */

static const char leaves_sql[] =
    "WITH RECURSIVE tree(oid) AS (SELECT $1::oid UNION ALL SELECT i.inhrelid FROM pg_inherits i"
    " JOIN tree ON i.inhparent = tree.oid)"
    " SELECT c.oid, coalesce(pg_relation_filenode(c.oid), 0),"
    /* Another access method than heap need not have what the rest counts on, blocks and xmin; and
       where rows are on other servers (Citus, Greenplum), xmin is a number of those. */
    " CASE WHEN c.relkind IN ('r','m') AND (c.relam NOT IN (0, 2)"
    " OR to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL"
    " OR to_regclass('pg_catalog.gp_distribution_policy') IS NOT NULL)"
    " THEN 'a' ELSE c.relkind END,"
    " has_table_privilege(c.oid, 'SELECT') AND NOT row_security_active(c.oid),"
    " CASE WHEN c.relkind IN ('r','m') THEN pg_relation_size(c.oid)"
    " / current_setting('block_size')::bigint ELSE 0 END, n.nspname, c.relname"
    " FROM (SELECT DISTINCT oid FROM tree) t JOIN pg_class c ON c.oid = t.oid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r','m','f','v') ORDER BY c.oid";

static bw_status load_leaves(bw_pgconn *conn, bw_arena *arena, bw_pgbackfill *b, bw_error *err)
{
    const char *oid = bw_arena_printf(arena, "%" PRIu32, b->table->oid);
    bw_pgresult *r;
    bw_status status = bw_pgconn_query(conn, leaves_sql, &oid, 1, &r, err);
    if (status != BW_OK)
        return status;
    b->n_leaves = (size_t)bw_pgresult_rows(r);
    bw_pgleaf *leaves = BW_ARENA_ARRAY(arena, bw_pgleaf, b->n_leaves + 1);
    for (size_t i = 0; i < b->n_leaves; i++) {
        bw_buf name = BW_BUF_INIT;
        bw_pg_add_identifier(&name, bw_pgresult_text(r, (int)i, 5));
        bw_buf_addc(&name, '.');
        bw_pg_add_identifier(&name, bw_pgresult_text(r, (int)i, 6));
        leaves[i] = (bw_pgleaf){.oid = (uint32_t)bw_pgresult_int(r, (int)i, 0, 0),
                                .filenode = (uint32_t)bw_pgresult_int(r, (int)i, 1, 0),
                                .kind = bw_pgresult_text(r, (int)i, 2)[0],
                                .readable = bw_pgresult_bool(r, (int)i, 3),
                                .blocks = bw_pgresult_int(r, (int)i, 4, 0),
                                .relation = bw_arena_strdup(arena, bw_buf_cstr(&name))};
        bw_buf_fini(&name);
        b->blocks += leaves[i].blocks;
    }
    bw_pgresult_free(r);
    b->leaves = leaves;
    return BW_OK;
}

static bw_status load_xmin(bw_pgconn *conn, int64_t *xmin, bw_error *err)
{
    bw_pgresult *r;
    bw_status status = bw_pgconn_query(conn, "SELECT txid_snapshot_xmin(txid_current_snapshot())",
                                       NULL, 0, &r, err);
    if (status != BW_OK)
        return status;
    *xmin = bw_pgresult_int(r, 0, 0, 0);
    bw_pgresult_free(r);
    return BW_OK;
}

/* Views and foreign tables have no row versions. Rows without a key are told apart by their number
   among equals, so that equals have to be read together. */
static bool tells_versions(const bw_pgbackfill *b)
{
    bool tells = b->table->info.n_key > 0;
    for (size_t i = 0; i < b->n_leaves; i++)
        tells &= b->leaves[i].kind == 'r' || b->leaves[i].kind == 'm';
    return tells;
}

static bw_pgslicing choose_slicing(const bw_pgconn *conn, const bw_pgbackfill *b)
{
    const bw_pgtable *t = b->table;
    bool blocks = bw_pgconn_server(conn)->version >= TID_RANGE_SCANS && !t->row_security;
    if (t->info.n_key == 0)
        return BW_PGSLICING_WHOLE;
    for (size_t i = 0; i < b->n_leaves; i++) {
        const bw_pgleaf *leaf = &b->leaves[i];
        if (!leaf->readable || (leaf->kind != 'r' && leaf->kind != 'm'))
            blocks = false;
    }
    if (blocks)
        return b->blocks <= b->slice_blocks ? BW_PGSLICING_WHOLE : BW_PGSLICING_BLOCKS;
    bool small = t->info.rows_estimate >= 0 && t->info.rows_estimate <= b->slice_rows;
    return small ? BW_PGSLICING_WHOLE : BW_PGSLICING_KEYS;
}

static void set_sizes(bw_pgbackfill *b)
{
    double density = ROWS_PER_BLOCK;
    if (b->table->info.rows_estimate > 0 && b->blocks > 0)
        density = b->table->info.rows_estimate / (double)b->blocks;
    b->slice_rows = bw_pg_batch_rows(b->spec, b->table);
    double blocks = b->slice_rows / (density > 0.001 ? density : 0.001);
    b->slice_blocks = blocks < 1 ? 1 : blocks > 1e9 ? (int64_t)1e9 : (int64_t)blocks;
}

/* ---- going on ---- */

static int find_leaf(const bw_pgbackfill *b, uint32_t oid)
{
    for (size_t i = 0; i < b->n_leaves; i++) {
        if (b->leaves[i].oid == oid)
            return (int)i;
    }
    return -1;
}

/* Brings the leaves that are done to the front, in their order. False when one of them has another
   file now. A leaf that is gone took its rows with it. */
static bool resume_blocks(bw_pgbackfill *b, const bw_pgbackfill_position *from, bw_arena *arena)
{
    bw_pgleaf *ordered = BW_ARENA_ARRAY(arena, bw_pgleaf, b->n_leaves + 1);
    bool *taken = BW_ARENA_ARRAY(arena, bool, b->n_leaves + 1);
    size_t n = 0;
    int64_t block = 0;
    for (size_t i = 0; i < from->n_done; i++) {
        int at = find_leaf(b, from->done[i].oid);
        if (at < 0)
            continue;
        if (b->leaves[at].filenode != from->done[i].filenode)
            return false;
        taken[at] = true;
        ordered[n++] = b->leaves[at];
        bool partly = i + 1 == from->n_done && from->block != ALL_BLOCKS;
        block = partly ? from->block : 0;
        b->leaf = partly ? n - 1 : n;
    }
    for (size_t i = 0; i < b->n_leaves; i++) {
        if (!taken[i])
            ordered[n++] = b->leaves[i];
    }
    b->leaves = ordered;
    b->block = block;
    return true;
}

static void resume(bw_pgbackfill *b, const bw_pgbackfill_position *from, bw_arena *arena)
{
    bool fits = b->slicing == BW_PGSLICING_BLOCKS ? from->n_done > 0
                                                  : b->slicing == BW_PGSLICING_KEYS && from->key;
    if (!from->active || !fits || b->xmin - from->xmin > MAX_XMIN_AGE || from->xmin > b->xmin)
        return;
    if (b->slicing == BW_PGSLICING_BLOCKS && !resume_blocks(b, from, arena)) {
        b->leaf = 0;
        b->block = 0;
        return;
    }
    b->key = from->key ? bw_arena_strdup(arena, from->key) : NULL;
    b->slices = from->slices;
    b->old_xmin = from->xmin;
    b->catching_up = true;
}

bw_status bw_pgbackfill_plan(bw_pgconn *conn, const bw_pgtable *table, const bw_table_spec *spec,
                             const bw_pgbackfill_position *from, bw_arena *arena,
                             bw_pgbackfill *out, bw_error *err)
{
    *out = (bw_pgbackfill){.table = table, .spec = spec, .keep = arena};
    bw_status status = load_leaves(conn, arena, out, err);
    if (status == BW_OK)
        status = load_xmin(conn, &out->xmin, err);
    if (status != BW_OK)
        return status;
    set_sizes(out);
    out->tells_versions = tells_versions(out);
    out->slicing = choose_slicing(conn, out);
    /* What was begun in slices is ended in slices, even if the table has shrunk meanwhile. */
    if (out->slicing == BW_PGSLICING_WHOLE && from->active && table->info.n_key)
        out->slicing = from->key      ? BW_PGSLICING_KEYS
                       : from->n_done ? BW_PGSLICING_BLOCKS
                                      : BW_PGSLICING_WHOLE;
    resume(out, from, arena);
    return BW_OK;
}

/* ---- slices ---- */

static void add_part(bw_buf *sql, const bw_pgbackfill *b, const char *relation, bool only)
{
    if (sql->len)
        bw_buf_adds(sql, " UNION ALL ");
    bw_buf_addf(sql, "SELECT %s FROM %s%s", b->table->select_list, only ? "ONLY " : "", relation);
}

/* Row versions that the snapshot did not see, and some that it did. */
static void add_newer(bw_buf *sql, int64_t xmin)
{
    bw_buf_addf(sql, " age(xmin) <= age('%" PRIu32 "'::xid)", (uint32_t)xmin);
}

static void catch_up_blocks(bw_pgbackfill *b, bw_buf *sql)
{
    for (size_t i = 0; i <= b->leaf && i < b->n_leaves; i++) {
        if (i == b->leaf && b->block == 0)
            break;
        add_part(sql, b, b->leaves[i].relation, true);
        bw_buf_adds(sql, " WHERE");
        if (i == b->leaf)
            bw_buf_addf(sql, " ctid < '(%" PRId64 ",0)'::tid AND", b->block);
        add_newer(sql, b->old_xmin);
    }
}

static void next_blocks(bw_pgbackfill *b, bw_buf *sql, double *share)
{
    int64_t budget = b->slice_blocks, taken = 0;
    for (int parts = 0; b->leaf < b->n_leaves && budget > 0 && parts < MAX_PARTS; parts++) {
        const bw_pgleaf *leaf = &b->leaves[b->leaf];
        int64_t left = leaf->blocks - b->block;
        bool rest = left <= budget + budget / 10;
        if (left > 0 || b->n_leaves == 1) {
            add_part(sql, b, leaf->relation, true);
            if (b->block > 0 || !rest)
                bw_buf_addf(sql, " WHERE ctid >= '(%" PRId64 ",0)'::tid", b->block);
            if (!rest)
                bw_buf_addf(sql, " AND ctid < '(%" PRId64 ",0)'::tid", b->block + budget);
        }
        taken += rest ? left : budget;
        b->block = rest ? 0 : b->block + budget;
        b->leaf += rest;
        budget -= rest ? left : budget;
    }
    /* Nothing but empty leaves: a statement is needed all the same. */
    if (sql->len == 0) {
        add_part(sql, b, b->table->relation, false);
        bw_buf_adds(sql, " WHERE false");
    }
    *share = b->blocks > 0 ? (double)taken / (double)b->blocks : 1;
}

static bw_status next_keys(bw_pgconn *conn, bw_pgbackfill *b, bw_arena *arena, bw_buf *sql,
                           bool *last, bw_error *err)
{
    const bw_field *f = TABLE_FIELD(b->table, b->table->info.key[0]);
    bw_pgrange range = {.above = b->key};
    bw_buf column = BW_BUF_INIT;
    bw_pg_add_identifier(&column, f->source_name);
    const char *name = bw_buf_cstr(&column), *cut;
    bw_status status = bw_pgrange_cut(conn, b->table, name, f->source_type, &range, b->slice_rows,
                                      arena, &cut, err);
    range.upto = cut;
    add_part(sql, b, b->table->relation, false);
    bw_buf_adds(sql, " WHERE (");
    bw_pgrange_add(sql, name, f->source_type, &range);
    /* A NULL is in no range; such rows go with the first one (and are KEY_NULL). */
    bw_buf_addf(sql, b->key || f->required ? ")" : " OR %s IS NULL)", name);
    *last = cut == NULL;
    if (cut)
        b->key = bw_arena_strdup(b->keep, cut);
    bw_buf_fini(&column);
    return status;
}

/* Views have no row versions to compare; xmin of a foreign table's rows is 0, which is old. */
static bool compares_versions(const bw_pgbackfill *b)
{
    bool compares = b->table->kind != 'v' && b->table->kind != 'f';
    for (size_t i = 0; i < b->n_leaves; i++)
        compares &= b->leaves[i].kind != 'a';
    return compares;
}

static void catch_up_keys(bw_pgbackfill *b, bw_buf *sql)
{
    const bw_field *f = TABLE_FIELD(b->table, b->table->info.key[0]);
    bw_pgrange range = {.upto = b->key};
    bw_buf column = BW_BUF_INIT;
    bw_pg_add_identifier(&column, f->source_name);
    add_part(sql, b, b->table->relation, false);
    bw_buf_adds(sql, " WHERE ");
    bw_pgrange_add(sql, bw_buf_cstr(&column), f->source_type, &range);
    bool compares = compares_versions(b);
    bw_buf_adds(sql, compares ? " AND" : " AND false");
    if (compares)
        add_newer(sql, b->old_xmin);
    bw_buf_fini(&column);
}

static const char *slice_label(const bw_pgbackfill *b, bool last, bw_arena *arena)
{
    if (b->slicing == BW_PGSLICING_WHOLE)
        return "whole table";
    double total = 0;
    if (b->slicing == BW_PGSLICING_BLOCKS)
        total = (double)(b->blocks + b->slice_blocks - 1) / (double)b->slice_blocks;
    else if (b->table->info.rows_estimate > 0)
        total = (b->table->info.rows_estimate + b->slice_rows - 1) / b->slice_rows;
    int64_t n = b->slices, of = (int64_t)total;
    if (last || of < n)
        of = n;
    return bw_arena_printf(arena, "slice %" PRId64 " of %" PRId64, n, of);
}

static bw_status catch_up(bw_pgbackfill *b, bw_arena *arena, bw_buf *sql, bw_pgslice *out)
{
    if (b->slicing == BW_PGSLICING_BLOCKS)
        catch_up_blocks(b, sql);
    else
        catch_up_keys(b, sql);
    if (sql->len == 0) {
        add_part(sql, b, b->table->relation, false);
        bw_buf_adds(sql, " WHERE false");
    }
    b->catching_up = false;
    out->select = bw_arena_strdup(arena, bw_buf_cstr(sql));
    out->rows_expected = -1;
    out->label = "what changed in the slices before the restart";
    return BW_OK;
}

bw_status bw_pgbackfill_next(bw_pgconn *conn, bw_pgbackfill *b, bw_arena *arena, bw_pgslice *out,
                             bw_error *err)
{
    bw_buf sql = BW_BUF_INIT;
    double rows = b->table->info.rows_estimate, share = 1;
    bw_status status = BW_OK;
    *out = (bw_pgslice){0};
    if (b->catching_up) {
        status = catch_up(b, arena, &sql, out);
        bw_buf_fini(&sql);
        return status;
    }
    b->slices++;
    if (b->slicing == BW_PGSLICING_BLOCKS) {
        next_blocks(b, &sql, &share);
        out->last = b->leaf >= b->n_leaves;
    } else if (b->slicing == BW_PGSLICING_KEYS) {
        status = next_keys(conn, b, arena, &sql, &out->last, err);
        if (rows > b->slice_rows)
            share = b->slice_rows / rows;
    } else {
        add_part(&sql, b, b->table->relation, false);
        out->last = true;
    }
    out->select = bw_arena_strdup(arena, bw_buf_cstr(&sql));
    out->rows_expected = rows < 0 ? -1 : rows * share;
    out->label = slice_label(b, out->last, arena);
    b->over = out->last;
    bw_buf_fini(&sql);
    return status;
}

bw_status bw_pgbackfill_unread(bw_pgconn *conn, const bw_pgbackfill *b, bw_arena *arena,
                               const char **condition, bw_error *err)
{
    int64_t now = 0;
    *condition = NULL;
    if (!b->over || !b->tells_versions)
        return BW_OK;
    bw_status status = load_xmin(conn, &now, err);
    if (status != BW_OK || now < b->xmin || now - b->xmin > MAX_XMIN_AGE)
        return status;
    /* Old rows are new to the table where a partition was attached since, or the table exchanged. */
    bw_buf sql = BW_BUF_INIT;
    bw_buf_adds(&sql, " (");
    add_newer(&sql, b->xmin);
    bw_buf_adds(&sql, " OR tableoid <> ALL ('{");
    for (size_t i = 0; i < b->n_leaves; i++)
        bw_buf_addf(&sql, i ? ",%" PRIu32 : "%" PRIu32, b->leaves[i].oid);
    bw_buf_adds(&sql, "}'::oid[]))");
    *condition = bw_arena_strdup(arena, bw_buf_cstr(&sql));
    bw_buf_fini(&sql);
    return BW_OK;
}

void bw_pgbackfill_where(const bw_pgbackfill *b, bw_arena *arena, bw_pgbackfill_position *out)
{
    *out = (bw_pgbackfill_position){.active = true, .slices = b->slices, .xmin = b->xmin};
    if (b->slicing == BW_PGSLICING_KEYS) {
        out->key = b->key;
        return;
    }
    bool partly = b->leaf < b->n_leaves && b->block > 0;
    size_t n = b->leaf + partly;
    bw_pgdone *done = BW_ARENA_ARRAY(arena, bw_pgdone, n + 1);
    for (size_t i = 0; i < n && i < b->n_leaves; i++)
        done[i] = (bw_pgdone){b->leaves[i].oid, b->leaves[i].filenode};
    out->done = done;
    out->n_done = n;
    out->block = partly ? b->block : ALL_BLOCKS;
}
