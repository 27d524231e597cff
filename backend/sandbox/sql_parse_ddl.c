#include "backend/sandbox/sql_parser.h"

/* OPTIONS(name = expr, ...); nothing when it is not there */
static void parse_options(sql_parser *p, sql_option **options, size_t *count)
{
    if (!sql_accept_word(p, "OPTIONS"))
        return;
    sql_expect_symbol(p, "(");
    if (sql_accept_symbol(p, ")"))
        return;
    do {
        sql_option *o = SQL_LIST_ADD(p, *options, *count);
        o->pos = sql_peek(p)->pos;
        o->name = sql_identifier(p);
        sql_expect_symbol(p, "=");
        o->value = sql_parse_expr(p);
    } while (!p->failed && sql_accept_symbol(p, ","));
    sql_expect_symbol(p, ")");
}

/* An expression that is kept as its text. */
static const char *parse_default(sql_parser *p)
{
    size_t from = sql_peek(p)->pos;

    sql_parse_expr(p);
    size_t to = sql_peek(p)->pos;
    while (to > from && (p->text.ptr[to - 1] == ' ' || p->text.ptr[to - 1] == '\n'))
        to--;
    return bw_arena_strndup(p->arena, p->text.ptr + from, to - from);
}

/* name TYPE [NOT NULL] [DEFAULT expr] [OPTIONS(...)] */
static void parse_column(sql_parser *p, sql_column_def *def)
{
    def->pos = sql_peek(p)->pos;
    bw_slice name = sql_identifier(p);
    size_t type_pos = sql_peek(p)->pos;
    const bq_field *type = sql_parse_type(p);

    if (p->failed)
        return;
    def->field = *type;
    def->field.name = bw_arena_strndup(p->arena, name.ptr, name.len);
    if (sql_accept_word(p, "DEFAULT"))
        def->field.default_sql = parse_default(p);
    if (sql_accept_words(p, "NOT", "NULL", NULL)) {
        if (def->field.mode == BQ_REPEATED)
            sql_fail_at(p, type_pos, "NOT NULL constraint is not supported on ARRAY columns");
        def->field.mode = BQ_REQUIRED;
    }
    if (sql_at_word(p, "PRIMARY") || sql_at_word(p, "REFERENCES"))
        sql_unsupported(p, sql_peek(p)->pos, "a constraint");
    parse_options(p, &def->options, &def->option_count);
}

static void parse_columns(sql_parser *p, sql_stmt *s)
{
    sql_expect_symbol(p, "(");
    do {
        if (s->def_count > 0 && sql_at_symbol(p, ")"))
            break;
        if (sql_at_word(p, "PRIMARY") || sql_at_word(p, "FOREIGN") || sql_at_word(p, "CONSTRAINT"))
            sql_unsupported(p, sql_peek(p)->pos, "a constraint");
        parse_column(p, SQL_LIST_ADD(p, s->defs, s->def_count));
    } while (!p->failed && sql_accept_symbol(p, ","));
    sql_expect_symbol(p, ")");
}

static void expect_table(sql_parser *p, const char *verb)
{
    static const char *const others[] = {"MATERIALIZED", "FUNCTION", "PROCEDURE", "SCHEMA", "MODEL",
                                         "SNAPSHOT",     "EXTERNAL", "INDEX",     "SEARCH", "TEMP",
                                         "TEMPORARY",    "ROW",      "AGGREGATE", "VECTOR"};

    for (size_t i = 0; i < BW_COUNT(others); i++) {
        const sql_token *next = sql_ahead(p, 1);
        bool adjective = sql_token_is(next, "TABLE") || sql_token_is(next, "VIEW") ||
                         sql_token_is(next, "FUNCTION") || sql_token_is(next, "INDEX");
        if (sql_at_word(p, others[i]))
            sql_unsupported(p, sql_peek(p)->pos,
                            bw_arena_printf(p->arena, "%s %s%s%.*s", verb, others[i],
                                            adjective ? " " : "",
                                            adjective ? (int)next->raw.len : 0, next->raw.ptr));
    }
    sql_expect_word(p, "TABLE");
}

/* VIEW [IF NOT EXISTS] name [(columns)] [OPTIONS(...)] AS query; VIEW has been taken */
static void parse_create_view(sql_parser *p, sql_stmt *s)
{
    s->kind = SQL_S_CREATE_VIEW;
    s->if_not_exists = sql_accept_words(p, "IF", "NOT", "EXISTS");
    if (s->or_replace && s->if_not_exists)
        sql_fail_at(p, s->pos, "CREATE VIEW cannot have both OR REPLACE and IF NOT EXISTS");
    s->target = sql_parse_table(p, false);
    s->columns_pos = sql_peek(p)->pos;
    if (sql_at_symbol(p, "("))
        sql_parse_name_list(p, &s->columns);
    parse_options(p, &s->options, &s->option_count);
    sql_expect_word(p, "AS");
    size_t from = sql_peek(p)->pos;
    s->query = sql_parse_query(p);
    s->text = (bw_slice){p->text.ptr + from, sql_peek(p)->pos - from};
    while (s->text.len > 0 && strchr(" \t\r\n", s->text.ptr[s->text.len - 1]))
        s->text.len--;
    if (p->param_count > 0)
        sql_fail_at(p, from, "Query parameters cannot be used inside SQL view bodies");
}

/* name(x INT64, y ANY TYPE) [RETURNS type] AS (body); CREATE TEMP FUNCTION has been taken */
static void parse_function(sql_parser *p, sql_stmt *s)
{
    sql_udf *f = BW_ARENA_NEW(p->arena, sql_udf);
    size_t count = 0;

    s->kind = SQL_S_CREATE_FUNCTION;
    f->pos = sql_peek(p)->pos;
    f->name = sql_identifier(p);
    sql_expect_symbol(p, "(");
    while (!p->failed && !sql_at_symbol(p, ")")) {
        if (count > 0)
            sql_expect_symbol(p, ",");
        sql_names_add(p, &f->params, sql_identifier(p));
        bool any = sql_accept_words(p, "ANY", "TYPE", NULL);
        *SQL_LIST_ADD(p, f->types, count) = any ? NULL : sql_parse_type(p);
    }
    sql_expect_symbol(p, ")");
    if (sql_accept_word(p, "RETURNS"))
        f->returns = sql_parse_type(p);
    if (sql_at_word(p, "LANGUAGE") || sql_at_word(p, "REMOTE") || sql_at_word(p, "DETERMINISTIC") ||
        sql_at_word(p, "NOT"))
        sql_unsupported(p, s->pos, "a function in another language than SQL");
    sql_expect_word(p, "AS");
    sql_expect_symbol(p, "(");
    f->body = sql_parse_expr(p);
    sql_expect_symbol(p, ")");
    *SQL_LIST_ADD(p, s->functions, s->function_count) = f;
}

void sql_parse_create(sql_parser *p, sql_stmt *s)
{
    s->or_replace = sql_accept_words(p, "OR", "REPLACE", NULL);
    s->temporary = sql_accept_words(p, "TEMP", "TABLE", NULL) ||
                   sql_accept_words(p, "TEMPORARY", "TABLE", NULL);
    if (sql_accept_word(p, "VIEW")) {
        parse_create_view(p, s);
        return;
    }
    if (!s->or_replace && sql_accept_word(p, "SCHEMA")) {
        s->kind = SQL_S_CREATE_SCHEMA;
        s->if_not_exists = sql_accept_words(p, "IF", "NOT", "EXISTS");
        s->target = sql_parse_table(p, false);
        parse_options(p, &s->options, &s->option_count);
        return;
    }
    if (sql_accept_words(p, "TEMP", "FUNCTION", NULL) ||
        sql_accept_words(p, "TEMPORARY", "FUNCTION", NULL)) {
        parse_function(p, s);
        return;
    }
    if (!s->temporary)
        expect_table(p, "CREATE");
    s->if_not_exists = sql_accept_words(p, "IF", "NOT", "EXISTS");
    if (s->or_replace && s->if_not_exists)
        sql_fail_at(p, s->pos, "CREATE TABLE cannot have both OR REPLACE and IF NOT EXISTS");
    s->target = sql_parse_table(p, false);
    /* A clone shares its rows with the other table until one changes: nobody sees that. */
    s->copies_rows = sql_accept_word(p, "COPY") || sql_accept_word(p, "CLONE");
    if (s->copies_rows || sql_accept_word(p, "LIKE")) {
        s->model = sql_parse_table(p, false);
        return;
    }
    if (sql_at_symbol(p, "("))
        parse_columns(p, s);
    if (sql_accept_words(p, "PARTITION", "BY", NULL))
        s->partition = sql_parse_expr(p);
    if (sql_accept_words(p, "CLUSTER", "BY", NULL)) {
        do {
            sql_names_add(p, &s->cluster, sql_identifier(p));
        } while (!p->failed && sql_accept_symbol(p, ","));
    }
    parse_options(p, &s->options, &s->option_count);
    if (sql_accept_word(p, "AS"))
        s->query = sql_parse_query(p);
    if (!p->failed && !s->query && s->def_count == 0)
        sql_expected(p, "\"(\" or keyword AS");
}

void sql_parse_drop(sql_parser *p, sql_stmt *s)
{
    if (sql_accept_word(p, "VIEW"))
        s->kind = SQL_S_DROP_VIEW;
    else if (sql_accept_word(p, "SCHEMA"))
        s->kind = SQL_S_DROP_SCHEMA;
    else
        expect_table(p, "DROP");
    s->if_exists = sql_accept_words(p, "IF", "EXISTS", NULL);
    s->target = sql_parse_table(p, false);
    if (s->kind == SQL_S_DROP_SCHEMA) {
        s->cascade = sql_accept_word(p, "CASCADE");
        if (!s->cascade)
            sql_accept_word(p, "RESTRICT");
    }
}

/* What follows ALTER COLUMN name. */
static void parse_column_change(sql_parser *p, sql_alter *a)
{
    if (sql_accept_words(p, "DROP", "NOT", "NULL")) {
        a->kind = SQL_ALTER_DROP_NOT_NULL;
    } else if (sql_accept_words(p, "DROP", "DEFAULT", NULL)) {
        a->kind = SQL_ALTER_SET_DEFAULT;
    } else if (sql_accept_words(p, "SET", "DEFAULT", NULL)) {
        a->kind = SQL_ALTER_SET_DEFAULT;
        a->column.field.default_sql = parse_default(p);
    } else if (sql_accept_words(p, "SET", "DATA", "TYPE")) {
        const char *name = a->column.field.name;
        a->kind = SQL_ALTER_SET_TYPE;
        a->column.field = *sql_parse_type(p);
        a->column.field.name = name;
    } else if (sql_accept_word(p, "SET")) {
        a->kind = SQL_ALTER_COLUMN_OPTIONS;
        parse_options(p, &a->column.options, &a->column.option_count);
    } else {
        sql_unsupported(p, sql_peek(p)->pos, "this form of ALTER COLUMN");
    }
}

static void parse_alteration(sql_parser *p, sql_alter *a)
{
    a->pos = sql_peek(p)->pos;
    if (sql_accept_words(p, "ADD", "COLUMN", NULL)) {
        a->kind = SQL_ALTER_ADD_COLUMN;
        a->if_exists = sql_accept_words(p, "IF", "NOT", "EXISTS");
        parse_column(p, &a->column);
    } else if (sql_accept_words(p, "DROP", "COLUMN", NULL)) {
        a->kind = SQL_ALTER_DROP_COLUMN;
        a->if_exists = sql_accept_words(p, "IF", "EXISTS", NULL);
        bw_slice name = sql_identifier(p);
        a->column.field.name = bw_arena_strndup(p->arena, name.ptr, name.len);
    } else if (sql_accept_words(p, "ALTER", "COLUMN", NULL)) {
        a->if_exists = sql_accept_words(p, "IF", "EXISTS", NULL);
        bw_slice name = sql_identifier(p);
        a->column.field.name = bw_arena_strndup(p->arena, name.ptr, name.len);
        parse_column_change(p, a);
    } else if (sql_accept_word(p, "SET")) {
        a->kind = SQL_ALTER_SET_OPTIONS;
        parse_options(p, &a->options, &a->option_count);
    } else if (sql_accept_words(p, "RENAME", "TO", NULL)) {
        a->kind = SQL_ALTER_RENAME;
        a->name = sql_identifier(p);
    } else if (sql_accept_words(p, "RENAME", "COLUMN", NULL)) {
        a->kind = SQL_ALTER_RENAME_COLUMN;
        a->if_exists = sql_accept_words(p, "IF", "EXISTS", NULL);
        bw_slice name = sql_identifier(p);
        a->column.field.name = bw_arena_strndup(p->arena, name.ptr, name.len);
        sql_expect_word(p, "TO");
        a->name = sql_identifier(p);
    } else {
        sql_unsupported(p, a->pos, "this form of ALTER TABLE");
    }
}

void sql_parse_alter(sql_parser *p, sql_stmt *s)
{
    if (sql_at_word(p, "VIEW"))
        sql_unsupported(p, s->pos, "ALTER VIEW");
    expect_table(p, "ALTER");
    s->if_exists = sql_accept_words(p, "IF", "EXISTS", NULL);
    s->target = sql_parse_table(p, false);
    do {
        parse_alteration(p, SQL_LIST_ADD(p, s->alters, s->alter_count));
    } while (!p->failed && sql_accept_symbol(p, ","));
}
