/*
 * What a name means: columns and aliases of FROM, aliases of the SELECT list, the enclosing query,
 * then fields of STRUCTs.
 */
#include "backend/sandbox/sql_analyze.h"

void sql_scope_add(sql_analysis *a, sql_scope *scope, sql_source *source)
{
    *SQL_ADD(a, scope->sources, scope->source_count) = source;
}

sql_source *sql_scope_find(sql_scope *scope, bw_slice alias)
{
    for (size_t i = 0; i < scope->source_count; i++) {
        if (alias.len > 0 && sql_slice_equal(scope->sources[i]->alias, alias))
            return scope->sources[i];
    }
    return NULL;
}

sql_typed sql_column_ref(sql_analysis *a, sql_scope *scope, const sql_column *c, size_t pos)
{
    sql_typed x = {.type = c->type, .sql = c->sql, .pos = pos, .origin = c};

    (void)a;
    x.type.mode = c->type.mode == BQ_REPEATED ? BQ_REPEATED : BQ_NULLABLE;
    x.type.precision = x.type.scale = 0;
    x.type.max_length = 0;
    if (c->table)
        c->table->used[c->index] = true;
    if (scope->grouped && !scope->in_aggregate) {
        x.ungrouped = c->name;
        x.ungrouped_pos = pos;
    }
    return x;
}

sql_typed sql_row_of(sql_analysis *a, sql_scope *scope, const sql_source *source, size_t pos)
{
    size_t count = source->columns.count;
    sql_typed *items = BW_ARENA_ARRAY(a->arena, sql_typed, count + 1);
    sql_typed row = {.type = {.name = "", .kind = BQ_STRUCT}, .pos = pos};

    if (source->is_value)
        return sql_column_ref(a, scope, &source->value, pos);
    row.type.fields.fields = BW_ARENA_ARRAY(a->arena, bq_field, count + 1);
    for (size_t i = 0; i < source->columns.count; i++) {
        const sql_column *c = &source->columns.items[i];
        size_t at = row.type.fields.count;
        if (c->pseudo)
            continue;
        items[at] = sql_column_ref(a, scope, c, pos);
        row.type.fields.fields[at] = items[at].type;
        row.type.fields.fields[at].name = c->name;
        row.type.fields.count++;
        sql_inherit(&row, &items[at]);
    }
    row.sql = sql_tuple(a, items, row.type.fields.count);
    return row;
}

/* A column of the scope by its bare name: false when there is none. Several make it ambiguous. */
static bool find_column(sql_analysis *a, sql_scope *scope, bw_slice name, size_t pos,
                        sql_typed *out)
{
    const sql_column *found = NULL;

    for (size_t i = 0; i < scope->merged.count; i++) {
        if (sql_name_equal(name, scope->merged.items[i].name)) {
            *out = sql_column_ref(a, scope, &scope->merged.items[i], pos);
            return true;
        }
    }
    for (size_t i = 0; i < scope->source_count; i++) {
        const sql_columns *columns = &scope->sources[i]->columns;
        for (size_t k = 0; k < columns->count; k++) {
            if (!sql_name_equal(name, columns->items[k].name))
                continue;
            if (found) {
                sql_error(a, pos, "Column name %.*s is ambiguous", BW_SLICE_ARG(name));
                return true;
            }
            found = &columns->items[k];
        }
    }
    if (found)
        *out = sql_column_ref(a, scope, found, pos);
    return found != NULL;
}

static bool find_alias(sql_scope *scope, bw_slice name, size_t pos, sql_typed *out)
{
    bool visible = scope->use_aliases && !scope->in_aggregate;

    for (size_t i = 0; visible && i < scope->aliases.count; i++) {
        const char *alias = scope->aliases.items[i].name;
        if (*alias && sql_name_equal(name, alias)) {
            *out = scope->alias_exprs[i];
            out->pos = pos;
            return true;
        }
    }
    return false;
}

static bool is_pseudo_column(bw_slice name)
{
    static const char *const names[] = {"_PARTITIONTIME", "_PARTITIONDATE", "_TABLE_SUFFIX",
                                        "_FILE_NAME",     "_CHANGE_TYPE",   "_CHANGE_TIMESTAMP"};

    for (size_t i = 0; i < BW_COUNT(names); i++) {
        if (sql_name_equal(name, names[i]))
            return true;
    }
    return false;
}

/* The names that a misspelt one could have been. */
static const char *suggestion(sql_analysis *a, sql_scope *scope, bw_slice name)
{
    const char **names = NULL;
    size_t count = 0;

    for (sql_scope *s = scope; s; s = s->parent) {
        for (size_t i = 0; i < s->source_count; i++) {
            const sql_source *source = s->sources[i];
            for (size_t k = 0; k < source->columns.count; k++)
                *SQL_ADD(a, names, count) = source->columns.items[k].name;
            if (source->alias.len > 0)
                *SQL_ADD(a, names, count) =
                    bw_arena_strndup(a->arena, source->alias.ptr, source->alias.len);
        }
    }
    return sql_suggest(a, name, names, count);
}

sql_typed sql_field_of(sql_analysis *a, const sql_typed *x, bw_slice name, size_t pos)
{
    sql_typed out = *x;
    int at = x->type.kind == BQ_STRUCT ? bq_schema_find(&x->type.fields, name) : -1;

    out.pos = pos;
    out.literal = SQL_L_NONE;
    if (x->type.mode == BQ_REPEATED || x->type.kind != BQ_STRUCT) {
        if (x->type.kind == BQ_JSON && x->type.mode != BQ_REPEATED) {
            out.sql = sql_printf(a, "bq_json_member(%s,%s)", x->sql,
                                 sql_value_text(a, &(bq_value){BQ_TEXT, 0, name}));
            return out;
        }
        sql_error(a, pos, "Cannot access field %.*s on a value with type %s", BW_SLICE_ARG(name),
                  sql_type_name(a, &x->type));
        return out;
    }
    if (at < 0) {
        sql_error(a, pos, "Field name %.*s does not exist in %s", BW_SLICE_ARG(name),
                  sql_type_name(a, &x->type));
        return out;
    }
    out.type = x->type.fields.fields[at];
    out.type.mode = out.type.mode == BQ_REPEATED ? BQ_REPEATED : BQ_NULLABLE;
    out.sql = sql_printf(a, "bq_item(%s,%d)", x->sql, at);
    return out;
}

/* alias.column: consumes two names. */
static sql_typed column_inside(sql_analysis *a, sql_scope *scope, const sql_source *source,
                               const sql_expr *x)
{
    bw_slice name = x->names.items[1];
    const char **names = NULL;
    size_t count = 0;

    for (size_t i = 0; i < source->columns.count; i++) {
        const sql_column *c = &source->columns.items[i];
        if (sql_name_equal(name, c->name))
            return sql_column_ref(a, scope, c, x->pos);
        *SQL_ADD(a, names, count) = c->name;
    }
    if (source->is_value && source->value.type.kind == BQ_JSON) {
        sql_typed value = sql_column_ref(a, scope, &source->value, x->pos);
        return sql_field_of(a, &value, name, x->pos);
    }
    sql_error(a, x->pos + source->alias.len + 1, "Name %.*s not found inside %.*s%s",
              BW_SLICE_ARG(name), BW_SLICE_ARG(source->alias), sql_suggest(a, name, names, count));
    return (sql_typed){.type = sql_type(BQ_INT64), .sql = "NULL", .pos = x->pos};
}

sql_typed sql_resolve_path(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    bw_slice first = x->names.items[0];
    sql_typed out = {.type = sql_type(BQ_INT64), .sql = "NULL", .pos = x->pos};
    size_t used = 0;

    for (sql_scope *s = scope; s && used == 0; s = s->parent) {
        sql_source *source = sql_scope_find(s, first);
        if (find_alias(s, first, x->pos, &out)) {
            used = 1;
        } else if (source && x->names.count > 1) {
            out = column_inside(a, s, source, x);
            used = 2;
        } else if (find_column(a, s, first, x->pos, &out)) {
            used = 1;
        } else if (source) {
            out = sql_row_of(a, s, source, x->pos);
            used = 1;
        }
    }
    if (used == 0 && sql_variable(a, first, x->pos, &out))
        used = 1;
    if (used == 0 && is_pseudo_column(first)) {
        sql_error(a, x->pos, "Unsupported: the pseudo column %.*s is not part of the sandbox's SQL",
                  BW_SLICE_ARG(first));
        return out;
    }
    if (used == 0) {
        sql_error(a, x->pos, "Unrecognized name: %.*s%s", BW_SLICE_ARG(first),
                  suggestion(a, scope, first));
        return out;
    }
    for (size_t i = used; !a->failed && i < x->names.count; i++)
        out = sql_field_of(a, &out, x->names.items[i], x->pos);
    return out;
}
