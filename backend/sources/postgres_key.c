/* Which columns are the key of a table, and which one is its cursor. */
#include <stdlib.h>

#include "backend/sources/postgres_catalog.h"

/* Primary key first, then what the operator of the source chose as identity, then the shortest. */
static const char indexes_sql[] =
    "SELECT c.relname, i.indisprimary, i.indisunique AND i.indimmediate AND i.indpred IS NULL,"
    " i.indkey::text, %s, a.amname = 'btree' AND i.indpred IS NULL"
    " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam"
    " WHERE i.indrelid = $1 AND i.indisvalid"
    " ORDER BY i.indisprimary DESC, i.indisreplident DESC, i.indnatts, c.relname";

static int field_of(const bw_pgtable *t, int number)
{
    for (size_t i = 0; i < t->info.schema.count; i++) {
        if (t->numbers[i] == number)
            return (int)i;
    }
    return -1;
}

/* BigQuery joins on what it can compare. */
static bool comparable(const bw_field *f)
{
    return !f->repeated && f->type != BW_TYPE_JSON && f->type != BW_TYPE_GEOGRAPHY;
}

/* The fields of an index's columns; NULL, with the reason, when they cannot be a key here. */
static const size_t *index_key(const bw_pgresult *r, int row, const bw_pgtable *t, bw_arena *arena,
                               size_t *n_key, const char **why)
{
    const char *name = bw_pgresult_text(r, row, 0);
    char *p = (char *)(uintptr_t)bw_pgresult_text(r, row, 3);
    size_t count = (size_t)bw_pgresult_int(r, row, 4, 0);
    size_t *key = BW_ARENA_ARRAY(arena, size_t, count + 1);
    for (size_t k = 0; k < count; k++) {
        int field = field_of(t, (int)strtol(p, &p, 10));
        if (field < 0) {
            *why = bw_arena_printf(arena, "%s has a column that is not read", name);
            return NULL;
        }
        const bw_field *f = &t->info.schema.fields[field];
        if (!f->required || !comparable(f)) {
            *why = bw_arena_printf(arena, "column %s of %s %s", f->source_name, name,
                                   f->required ? "cannot be compared at the destination"
                                               : "can be NULL");
            return NULL;
        }
        key[k] = (size_t)field;
    }
    *n_key = count;
    return key;
}

static void find_key(const bw_pgresult *r, bw_pgtable *t, bw_arena *arena)
{
    const char *why = "no primary key and no unique index over NOT NULL columns";
    for (int i = 0; i < bw_pgresult_rows(r); i++) {
        bool primary = bw_pgresult_bool(r, i, 1);
        if (!primary && !bw_pgresult_bool(r, i, 2))
            continue;
        t->info.key = index_key(r, i, t, arena, &t->info.n_key, &why);
        if (!t->info.key)
            continue;
        t->info.key_origin =
            primary ? "primary key"
                    : bw_arena_printf(arena, "unique index %s", bw_pgresult_text(r, i, 0));
        return;
    }
    t->info.key_origin = why;
}

static bw_status configured_key(const bw_table_spec *spec, bw_pgtable *t, bw_arena *arena,
                                bw_error *err)
{
    size_t *key = BW_ARENA_ARRAY(arena, size_t, spec->n_key);
    for (size_t i = 0; i < spec->n_key; i++) {
        bw_status status = bw_pgtable_column(t, spec->key[i], "key", &key[i], err);
        if (status != BW_OK)
            return status;
        const bw_field *f = &t->info.schema.fields[key[i]];
        if (!comparable(f)) {
            bw_error_set(err, BW_INVALID, "key: column %s is %s, which BigQuery cannot compare",
                         f->source_name, bw_field_type_text(f, arena));
            return bw_error_hint(err, "Choose another column, or send it as: string.");
        }
    }
    t->info.key = key;
    t->info.n_key = spec->n_key;
    t->info.key_origin = "configured";
    return BW_OK;
}

/* ---- cursor ---- */

static bw_cursor_kind cursor_kind(const bw_field *f)
{
    if (f->repeated)
        return BW_CURSOR_NONE;
    switch (f->type) {
    case BW_TYPE_TIMESTAMP:
        return BW_CURSOR_TIMESTAMP;
    case BW_TYPE_DATETIME:
        return BW_CURSOR_DATETIME;
    case BW_TYPE_INT64:
        return BW_CURSOR_SEQUENCE;
    default:
        return BW_CURSOR_NONE;
    }
}

static void find_cursor(bw_pgtable *t)
{
    static const char *const names[] = {"updated_at", "modified_at", "last_modified",
                                        "last_updated"};
    t->info.cursor_origin = "no NOT NULL timestamp column named updated_at, modified_at, "
                            "last_modified or last_updated";
    for (size_t i = 0; i < BW_COUNT(names); i++) {
        int field = bw_schema_find_source(&t->info.schema, names[i]);
        if (field < 0)
            continue;
        const bw_field *f = &t->info.schema.fields[field];
        bw_cursor_kind kind = cursor_kind(f);
        if (!f->required || kind == BW_CURSOR_NONE || kind == BW_CURSOR_SEQUENCE)
            continue;
        t->info.cursor = field;
        t->info.cursor_kind = kind;
        t->info.cursor_origin = "found by name";
        return;
    }
}

static bw_status configured_cursor(const bw_table_spec *spec, bw_pgtable *t, bw_error *err)
{
    size_t field;
    bw_status status = bw_pgtable_column(t, spec->cursor, "cursor", &field, err);
    if (status != BW_OK)
        return status;
    const bw_field *f = &t->info.schema.fields[field];
    t->info.cursor = (int)field;
    t->info.cursor_kind = cursor_kind(f);
    t->info.cursor_origin = "configured";
    if (t->info.cursor_kind != BW_CURSOR_NONE)
        return BW_OK;
    bw_error_set(err, BW_INVALID, "cursor: column %s is %s", f->source_name, f->source_type);
    return bw_error_hint(err, "A cursor is a timestamp, or an integer that only grows.");
}

static void learn_cursor(const bw_pgresult *r, bw_pgtable *t, const bw_table_spec *spec,
                         const bw_pgserver *server, bw_arena *arena)
{
    if (t->info.cursor < 0)
        return;
    const bw_field *f = &t->info.schema.fields[t->info.cursor];
    bw_buf name = BW_BUF_INIT;
    bw_pg_add_identifier(&name, f->source_name);
    t->cursor = bw_arena_strdup(arena, bw_buf_cstr(&name));
    bw_buf_fini(&name);
    t->cursor_nullable = !f->required;
    if (t->info.cursor_kind == BW_CURSOR_DATETIME)
        t->info.cursor_zone =
            bw_arena_strdup(arena, spec->cursor_zone ? spec->cursor_zone : server->zone);
    for (int i = 0; i < bw_pgresult_rows(r); i++) {
        if (bw_pgresult_bool(r, i, 5) &&
            strtol(bw_pgresult_text(r, i, 3), NULL, 10) == t->numbers[t->info.cursor])
            t->cursor_indexed = true;
    }
}

bw_status bw_pgtable_choose(bw_pgconn *conn, const bw_table_spec *spec, bw_arena *arena,
                            bw_pgtable *t, bw_field *fields, bw_error *err)
{
    const bw_pgserver *server = bw_pgconn_server(conn);
    const char *oid = bw_arena_printf(arena, "%u", t->oid);
    const char *sql = bw_arena_printf(arena, indexes_sql,
                                      server->version >= 110000 ? "i.indnkeyatts" : "i.indnatts");
    bw_pgresult *r;
    bw_status status = bw_pgconn_query(conn, sql, &oid, 1, &r, err);
    if (status != BW_OK)
        return status;
    if (spec->key && spec->n_key)
        status = configured_key(spec, t, arena, err);
    else
        find_key(r, t, arena);
    for (size_t k = 0; k < t->info.n_key; k++)
        fields[t->info.key[k]].key_part = true;
    if (status == BW_OK && spec->cursor && *spec->cursor)
        status = configured_cursor(spec, t, err);
    else if (spec->cursor)
        t->info.cursor_origin = "none wanted";
    else
        find_cursor(t);
    if (status == BW_OK)
        learn_cursor(r, t, spec, server, arena);
    bw_pgresult_free(r);
    return status;
}
