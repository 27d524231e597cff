#include "backend/sources/postgres_catalog.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/core/text.h"

#define READABLE_KINDS "'r','p','v','m','f'"

void bw_pgwarnings_add(bw_pgwarnings *w, bw_arena *arena, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    const char **items = BW_ARENA_ARRAY(arena, const char *, w->count + 1);
    if (w->count)
        memcpy(items, w->items, w->count * sizeof *items);
    items[w->count++] = bw_arena_strdup(arena, text);
    w->items = items;
}

/* ---- names ---- */

/* One part of schema.table, with or without double quotes; returns what follows it. */
static const char *take_part(const char *p, bw_buf *out)
{
    if (*p != '"') {
        size_t n = strcspn(p, ".");
        bw_buf_add(out, p, n);
        return p + n;
    }
    for (p++; *p && !(p[0] == '"' && p[1] != '"'); p++) {
        p += p[0] == '"';
        bw_buf_addc(out, *p);
    }
    return *p ? p + 1 : p;
}

/* Names stand as the catalog has them: nothing is folded to lower case. */
static void parse_name(const char *text, bw_arena *arena, const char **schema, const char **table)
{
    bw_buf first = BW_BUF_INIT, second = BW_BUF_INIT;
    const char *rest = take_part(text, &first);
    if (*rest == '.')
        take_part(rest + 1, &second);
    *schema = second.len ? bw_arena_strdup(arena, bw_buf_cstr(&first)) : NULL;
    *table = bw_arena_strdup(arena, bw_buf_cstr(second.len ? &second : &first));
    bw_buf_fini(&first);
    bw_buf_fini(&second);
}

static const char *quoted(bw_arena *arena, const char *schema, const char *table)
{
    bw_buf b = BW_BUF_INIT;
    bw_pg_add_identifier(&b, schema);
    bw_buf_addc(&b, '.');
    bw_pg_add_identifier(&b, table);
    const char *text = bw_arena_strdup(arena, bw_buf_cstr(&b));
    bw_buf_fini(&b);
    return text;
}

static const char *qualified(bw_arena *arena, const char *schema, const char *table)
{
    bool plain = !strpbrk(schema, ".\"") && !strpbrk(table, ".\"");
    return plain ? bw_arena_printf(arena, "%s.%s", schema, table) : quoted(arena, schema, table);
}

const char *bw_pgtable_quoted(const char *name, bw_arena *arena)
{
    const char *schema, *table;
    parse_name(name, arena, &schema, &table);
    return quoted(arena, schema ? schema : "public", table);
}

/* ---- listing ---- */

static const char list_sql[] =
    "SELECT n.nspname, c.relname, c.relkind IN ('r','p') AND NOT c.relispartition"
    " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass"
    " AND d.objid = c.oid AND d.deptype = 'e')"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN (" READABLE_KINDS ") AND c.relpersistence <> 't'"
    " AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"
    " ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"";

bw_status bw_pgtable_list(bw_pgconn *conn, const char *pattern, bw_arena *arena,
                          const char *const **names, size_t *count, bw_error *err)
{
    bw_pgresult *r;
    bw_status status = bw_pgconn_query(conn, list_sql, NULL, 0, &r, err);
    if (status != BW_OK)
        return status;
    const char *schema = bw_pgconn_server(conn)->schema;
    bool wild = strpbrk(pattern, "*?[") != NULL;
    int rows = bw_pgresult_rows(r);
    const char **list = BW_ARENA_ARRAY(arena, const char *, (size_t)rows + 1);
    *count = 0;
    for (int i = 0; i < rows; i++) {
        const char *in = bw_pgresult_text(r, i, 0), *table = bw_pgresult_text(r, i, 1);
        const char *name = qualified(arena, in, table);
        /* A pattern is written without the quotes that some names need. */
        bool matches = bw_glob_match(pattern, name) ||
                       bw_glob_match(pattern, bw_arena_printf(arena, "%s.%s", in, table));
        if (!matches && !strchr(pattern, '.'))
            matches = schema && strcmp(in, schema) == 0 && bw_glob_match(pattern, table);
        if (matches && (!wild || bw_pgresult_bool(r, i, 2)))
            list[(*count)++] = name;
    }
    bw_pgresult_free(r);
    *names = list;
    return BW_OK;
}

static bw_status no_such_table(bw_pgconn *conn, const bw_table_spec *spec, const char *schema,
                               const char *table, bw_arena *arena, bw_error *err)
{
    const bw_pgserver *server = bw_pgconn_server(conn);
    const char *const *names;
    size_t count;
    bw_error ignored = BW_ERROR_INIT;
    bw_error_set(err, BW_NOT_FOUND, "table %s does not exist in database %s", spec->table,
                 server->database);
    if (bw_pgtable_list(conn, "*", arena, &names, &count, &ignored) != BW_OK)
        return BW_NOT_FOUND;
    const char *in = schema ? schema : server->schema;
    const char *near = bw_nearest(qualified(arena, in ? in : "public", table), names, count);
    if (near)
        return bw_error_hint(err, "Did you mean %s?", near);
    return bw_error_hint(err, "Name it as schema.table; upper and lower case count.");
}

/* ---- the relation ---- */

static const char relation_sql[] =
    "SELECT c.oid, n.nspname, c.relname, c.relkind, obj_description(c.oid, 'pg_class'),"
    " has_schema_privilege(n.oid, 'USAGE'), has_table_privilege(c.oid, 'SELECT'),"
    " has_any_column_privilege(c.oid, 'SELECT'), row_security_active(c.oid),"
    " c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid)"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN (" READABLE_KINDS ") AND c.relname = $2"
    " AND CASE WHEN $1::text IS NULL THEN pg_table_is_visible(c.oid) ELSE n.nspname = $1 END";

static bw_status check_rights(bw_pgconn *conn, const bw_pgresult *r, const bw_pgtable *t,
                              bw_error *err)
{
    const char *user = bw_pgconn_server(conn)->user;
    if (!bw_pgresult_bool(r, 0, 5)) {
        bw_error_set(err, BW_DENIED, "user %s may not use schema %s", user, t->schema_name);
        return bw_error_hint(err, "GRANT USAGE ON SCHEMA \"%s\" TO \"%s\"", t->schema_name, user);
    }
    if (!bw_pgresult_bool(r, 0, 6) && !bw_pgresult_bool(r, 0, 7)) {
        bw_error_set(err, BW_DENIED, "user %s may not read table %s", user, t->info.name);
        return bw_error_hint(err, "GRANT SELECT ON %s TO \"%s\"", t->relation, user);
    }
    return BW_OK;
}

static bw_status load_relation(bw_pgconn *conn, const bw_table_spec *spec, bw_arena *arena,
                               bw_pgtable *t, bw_error *err)
{
    const char *default_schema = bw_pgconn_server(conn)->schema;
    const char *params[2];
    bw_pgresult *r;
    parse_name(spec->table, arena, &params[0], &params[1]);
    bw_status status = bw_pgconn_query(conn, relation_sql, params, 2, &r, err);
    if (status != BW_OK)
        return status;
    if (bw_pgresult_rows(r) == 0) {
        bw_pgresult_free(r);
        return no_such_table(conn, spec, params[0], params[1], arena, err);
    }
    t->oid = (uint32_t)bw_pgresult_int(r, 0, 0, 0);
    t->schema_name = bw_pgresult_dup(r, 0, 1, arena);
    t->table_name = bw_pgresult_dup(r, 0, 2, arena);
    t->kind = bw_pgresult_text(r, 0, 3)[0];
    t->relation = quoted(arena, t->schema_name, t->table_name);
    t->info.name = qualified(arena, t->schema_name, t->table_name);
    t->info.short_name = default_schema && strcmp(default_schema, t->schema_name) == 0
                             ? t->table_name
                             : t->info.name;
    t->info.comment = bw_pgresult_dup(r, 0, 4, arena);
    t->readable = bw_pgresult_bool(r, 0, 6);
    t->row_security = bw_pgresult_bool(r, 0, 8);
    t->children = bw_pgresult_bool(r, 0, 9);
    status = check_rights(conn, r, t, err);
    if (status == BW_OK && t->row_security)
        bw_pgwarnings_add(&t->warnings, arena,
                          "row-level security applies to user %s: rows that its policies hide are "
                          "not seen",
                          bw_pgconn_server(conn)->user);
    bw_pgresult_free(r);
    return status;
}

/* ---- types ---- */

/* The types of the table's columns and all that they are made of. */
static const char types_sql[] =
    "WITH RECURSIVE need(oid) AS ("
    "SELECT atttypid FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped"
    " UNION SELECT part.oid FROM need JOIN pg_type t ON t.oid = need.oid CROSS JOIN LATERAL ("
    "SELECT t.typbasetype WHERE t.typtype = 'd'"
    " UNION ALL SELECT t.typelem WHERE t.typoutput = 'array_out'::regproc"
    " UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE t.typtype = 'c'"
    " AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) part(oid))"
    " SELECT t.oid, t.typbasetype, CASE WHEN t.typoutput = 'array_out'::regproc THEN t.typelem"
    " ELSE 0 END, CASE WHEN t.typtype = 'c' THEN t.typrelid ELSE 0 END, t.typtypmod, t.typtype,"
    " coalesce(e.typdelim, t.typdelim), t.typname"
    " FROM need JOIN pg_type t USING (oid) LEFT JOIN pg_type e ON e.oid = t.typelem";

static const char members_sql[] =
    "SELECT attname, atttypid, atttypmod FROM pg_attribute"
    " WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum";

static bw_status load_members(bw_pgconn *conn, bw_pgtype_row *row, bw_arena *arena, bw_error *err)
{
    const char *relation = bw_arena_printf(arena, "%u", row->relation);
    bw_pgresult *r;
    bw_status status = bw_pgconn_query(conn, members_sql, &relation, 1, &r, err);
    if (status != BW_OK)
        return status;
    size_t n = (size_t)bw_pgresult_rows(r);
    bw_pgmember *fields = BW_ARENA_ARRAY(arena, bw_pgmember, n + 1);
    uint32_t *oids = BW_ARENA_ARRAY(arena, uint32_t, n + 1);
    int *typmods = BW_ARENA_ARRAY(arena, int, n + 1);
    for (size_t i = 0; i < n; i++) {
        fields[i].name = bw_pgresult_dup(r, (int)i, 0, arena);
        oids[i] = (uint32_t)bw_pgresult_int(r, (int)i, 1, 0);
        typmods[i] = (int)bw_pgresult_int(r, (int)i, 2, -1);
    }
    bw_pgresult_free(r);
    row->fields = fields;
    row->field_oids = oids;
    row->field_typmods = typmods;
    row->n_fields = n;
    return BW_OK;
}

static bw_status load_types(bw_pgconn *conn, const char *oid, bw_arena *arena, bw_pgtype_rows *out,
                            bw_error *err)
{
    bw_pgresult *r;
    bw_status status = bw_pgconn_query(conn, types_sql, &oid, 1, &r, err);
    if (status != BW_OK)
        return status;
    int n = bw_pgresult_rows(r);
    bw_pgtype_row *rows = BW_ARENA_ARRAY(arena, bw_pgtype_row, (size_t)n + 1);
    for (int i = 0; i < n; i++) {
        rows[i] = (bw_pgtype_row){.oid = (uint32_t)bw_pgresult_int(r, i, 0, 0),
                                  .base = (uint32_t)bw_pgresult_int(r, i, 1, 0),
                                  .element = (uint32_t)bw_pgresult_int(r, i, 2, 0),
                                  .relation = (uint32_t)bw_pgresult_int(r, i, 3, 0),
                                  .typmod = (int)bw_pgresult_int(r, i, 4, -1),
                                  .kind = bw_pgresult_text(r, i, 5)[0],
                                  .delimiter = bw_pgresult_text(r, i, 6)[0],
                                  .name = bw_pgresult_dup(r, i, 7, arena)};
    }
    bw_pgresult_free(r);
    for (int i = 0; i < n && status == BW_OK; i++) {
        if (rows[i].relation)
            status = load_members(conn, &rows[i], arena, err);
    }
    *out = (bw_pgtype_rows){rows, (size_t)n};
    return status;
}

/* ---- columns ---- */

/* A NOT NULL that is not validated (since version 18) promises nothing. */
static const char columns_sql[] =
    "SELECT a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull AND NOT EXISTS ("
    "SELECT FROM pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'n'"
    " AND k.conkey = ARRAY[a.attnum] AND NOT k.convalidated),"
    " format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum),"
    " has_column_privilege(a.attrelid, a.attnum, 'SELECT')"
    " FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped"
    " ORDER BY a.attnum";

static bool wanted(const bw_table_spec *spec, const char *name)
{
    for (size_t i = 0; spec->columns && i < spec->n_columns; i++) {
        if (strcmp(spec->columns[i], name) == 0)
            return true;
    }
    return !spec->columns || spec->n_columns == 0;
}

static const bw_pgtype *as_wanted(const bw_table_spec *spec, const char *name,
                                  const bw_pgtype *type, bw_arena *arena)
{
    for (size_t i = 0; i < spec->n_as; i++) {
        if (strcmp(spec->as[i].column, name) == 0)
            return bw_pgtype_as(type, spec->as[i].type, arena);
    }
    return type;
}

static void add_to_select(bw_buf *list, const bw_field *f, const bw_pgtype *type, bool array)
{
    if (list->len)
        bw_buf_adds(list, ", ");
    bw_pg_add_identifier(list, f->source_name);
    if (type->money)
        bw_buf_adds(list, array ? "::numeric[]" : "::numeric");
}

static bw_status check_columns(const bw_pgtable *t, const bw_table_spec *spec, bw_error *err)
{
    size_t ignored;
    bw_status status = BW_OK;
    for (size_t i = 0; spec->columns && i < spec->n_columns && status == BW_OK; i++)
        status = bw_pgtable_column(t, spec->columns[i], "columns", &ignored, err);
    for (size_t i = 0; i < spec->n_as && status == BW_OK; i++)
        status = bw_pgtable_column(t, spec->as[i].column, "as", &ignored, err);
    return status;
}

/* One column of the result: its field and type. */
static bw_status load_column(bw_pgconn *conn, const bw_pgresult *r, int row,
                             const bw_table_spec *spec, const bw_pgtype_rows *types, bw_pgtable *t,
                             bw_field *f, const bw_pgtype **type, bw_buf *select, bw_arena *arena,
                             bw_error *err)
{
    f->source_name = bw_pgresult_dup(r, row, 1, arena);
    if (!bw_pgresult_bool(r, row, 7)) {
        const char *user = bw_pgconn_server(conn)->user;
        bw_error_set(err, BW_DENIED, "user %s may not read column %s of table %s", user,
                     f->source_name, t->info.name);
        return bw_error_hint(err,
                             "GRANT SELECT ON %s TO \"%s\", or list the columns to read with "
                             "the setting columns.",
                             t->relation, user);
    }
    const bw_pgtype *own = bw_pgtype_build(types, (uint32_t)bw_pgresult_int(r, row, 2, 0),
                                           (int)bw_pgresult_int(r, row, 3, -1), arena);
    *type = as_wanted(spec, f->source_name, own, arena);
    f->name = bw_field_name(arena, f->source_name);
    f->source_type = bw_pgresult_dup(r, row, 5, arena);
    f->description = bw_pgresult_dup(r, row, 6, arena);
    f->type = (*type)->type;
    f->repeated = (*type)->repeated;
    f->required = bw_pgresult_bool(r, row, 4);
    f->precision = (*type)->precision;
    f->scale = (*type)->scale;
    add_to_select(select, f, *type, own->json == BW_PGJSON_ARRAY);
    if ((*type)->unknown)
        bw_pgwarnings_add(
            &t->warnings, arena,
            "column %s has the type %s, which is not known here: it is sent as its text",
            f->source_name, f->source_type);
    return BW_OK;
}

static bw_status load_columns(bw_pgconn *conn, const bw_table_spec *spec, bw_arena *arena,
                              bw_pgtable *t, bw_field **out, bw_error *err)
{
    const char *oid = bw_arena_printf(arena, "%u", t->oid);
    bw_pgtype_rows types;
    bw_pgresult *r;
    bw_status status = load_types(conn, oid, arena, &types, err);
    if (status == BW_OK)
        status = bw_pgconn_query(conn, columns_sql, &oid, 1, &r, err);
    if (status != BW_OK)
        return status;
    size_t n = (size_t)bw_pgresult_rows(r), count = 0;
    bw_field *fields = BW_ARENA_ARRAY(arena, bw_field, n + 1);
    const bw_pgtype **list = BW_ARENA_ARRAY(arena, const bw_pgtype *, n + 1);
    int *numbers = BW_ARENA_ARRAY(arena, int, n + 1);
    bw_buf select = BW_BUF_INIT;
    for (size_t i = 0; i < n && status == BW_OK; i++) {
        if (!wanted(spec, bw_pgresult_text(r, (int)i, 1)))
            continue;
        numbers[count] = (int)bw_pgresult_int(r, (int)i, 0, 0);
        status = load_column(conn, r, (int)i, spec, &types, t, &fields[count], &list[count],
                             &select, arena, err);
        count++;
    }
    bw_pgresult_free(r);
    t->select_list = bw_arena_strdup(arena, bw_buf_cstr(&select));
    bw_buf_fini(&select);
    t->info.schema = (bw_schema){fields, count};
    t->types = list;
    t->numbers = numbers;
    *out = fields;
    if (status == BW_OK)
        status = check_columns(t, spec, err);
    if (status == BW_OK && count == 0)
        status = bw_error_set(err, BW_INVALID, "table %s has no columns", t->info.name);
    return status == BW_OK ? bw_schema_check_names(&t->info.schema, err) : status;
}

bw_status bw_pgtable_column(const bw_pgtable *table, const char *name, const char *setting,
                            size_t *index, bw_error *err)
{
    const bw_schema *schema = &table->info.schema;
    int found = bw_schema_find_source(schema, name);
    if (found >= 0) {
        *index = (size_t)found;
        return BW_OK;
    }
    const char **names = bw_xcalloc(schema->count + 1, sizeof *names);
    for (size_t i = 0; i < schema->count; i++)
        names[i] = schema->fields[i].source_name;
    const char *near = bw_nearest(name, names, schema->count);
    free(names);
    bw_error_set(err, BW_INVALID, "%s: table %s has no column %s", setting, table->info.name, name);
    if (near)
        return bw_error_hint(err, "Did you mean %s?", near);
    return bw_error_hint(err, "Upper and lower case count.");
}

/* ---- size ---- */

static const char size_sql[] =
    "WITH RECURSIVE tree(oid) AS (SELECT $1::oid UNION ALL SELECT i.inhrelid FROM pg_inherits i"
    " JOIN tree ON i.inhparent = tree.oid)"
    " SELECT sum(CASE WHEN c.relkind IN ('r','m','f') THEN greatest(c.reltuples, 0) ELSE 0 END),"
    " bool_or(c.relkind IN ('v','f') OR (c.relkind IN ('r','m') AND (c.reltuples < 0"
    " OR (c.reltuples = 0 AND c.relpages = 0)))),"
    " sum(CASE WHEN c.relkind IN ('r','m') THEN pg_table_size(c.oid) END),"
    " sum(CASE WHEN c.relkind IN ('r','m') THEN pg_relation_size(c.oid) END)"
    " FROM tree JOIN pg_class c ON c.oid = tree.oid";

bw_status bw_pg_estimate_rows(bw_pgconn *conn, const char *sql, double *rows, bw_error *err)
{
    static const char label[] = "\"Plan Rows\":";
    bw_pgresult *r;
    char *explain = bw_xasprintf("EXPLAIN (FORMAT JSON) %s", sql);
    *rows = -1;
    bw_status status = bw_pgconn_query(conn, explain, NULL, 0, &r, err);
    free(explain);
    if (status != BW_OK)
        return status;
    const char *plan = bw_pgresult_rows(r) ? bw_pgresult_text(r, 0, 0) : NULL;
    const char *at = plan ? strstr(plan, label) : NULL;
    if (at)
        *rows = strtod(at + strlen(label), NULL);
    bw_pgresult_free(r);
    return BW_OK;
}

static bw_status load_size(bw_pgconn *conn, bw_arena *arena, bw_pgtable *t, bw_error *err)
{
    const char *oid = bw_arena_printf(arena, "%u", t->oid);
    bw_pgresult *r;
    bw_status status = bw_pgconn_query(conn, size_sql, &oid, 1, &r, err);
    if (status != BW_OK)
        return status;
    bool guess = bw_pgresult_bool(r, 0, 1);
    t->info.rows_estimate = bw_pgresult_double(r, 0, 0, -1);
    t->info.bytes_estimate = bw_pgresult_int(r, 0, 2, -1);
    bool empty = bw_pgresult_int(r, 0, 3, -1) == 0;
    bw_pgresult_free(r);
    if (!guess)
        return BW_OK;
    t->info.rows_estimate = empty ? 0 : -1;
    if (empty)
        return BW_OK;
    /* Never analysed: the planner at least knows the size of the files. */
    return bw_pg_estimate_rows(conn, bw_arena_printf(arena, "SELECT 1 FROM %s", t->relation),
                               &t->info.rows_estimate, err);
}

bw_status bw_pgtable_load(bw_pgconn *conn, const bw_table_spec *spec, bw_arena *arena,
                          bw_pgtable *out, bw_error *err)
{
    bw_field *fields = NULL;
    *out = (bw_pgtable){.info = {.cursor = -1}};
    bw_status status = load_relation(conn, spec, arena, out, err);
    if (status == BW_OK)
        status = load_columns(conn, spec, arena, out, &fields, err);
    if (status == BW_OK)
        status = bw_pgtable_choose(conn, spec, arena, out, fields, err);
    if (status == BW_OK)
        status = load_size(conn, arena, out, err);
    out->info.warnings = out->warnings.items;
    out->info.n_warnings = out->warnings.count;
    return status;
}
