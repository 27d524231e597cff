#include <stdlib.h>

#include "backend/sandbox/bq_decimal.h"
#include "backend/sandbox/bq_range.h"
#include "backend/sandbox/sql_parser.h"

static int64_t parameter(sql_parser *p)
{
    const sql_token *t = sql_peek(p);

    if (p->failed || t->type != SQL_INT || t->text.len > 18) {
        sql_expected(p, "integer literal");
        return 0;
    }
    sql_take(p);
    return strtoll(t->text.ptr, NULL, 0);
}

static void check_decimal(sql_parser *p, const sql_token *t, const bq_field *f)
{
    const bq_decimal_spec *spec = bq_decimal_spec_of(f->kind);
    int low = f->scale > 1 ? f->scale : 1;

    if (f->scale > spec->scale)
        sql_fail_at(p, t->pos, "In %s(P, S), scale must be between 0 and %d", bq_kind_sql(f->kind),
                    spec->scale);
    else if (f->precision < low || f->precision > spec->max_integer_digits + f->scale)
        sql_fail_at(p, t->pos, "In %s(P, %d), precision must be between %d and %d",
                    bq_kind_sql(f->kind), f->scale, low, spec->max_integer_digits + f->scale);
}

static void parse_parameters(sql_parser *p, const sql_token *t, bq_field *f)
{
    bool decimal = f->kind == BQ_NUMERIC || f->kind == BQ_BIGNUMERIC;
    bool text = f->kind == BQ_STRING || f->kind == BQ_BYTES;

    if (!sql_accept_symbol(p, "("))
        return;
    int64_t first = parameter(p);
    int64_t second = sql_accept_symbol(p, ",") ? parameter(p) : 0;
    sql_expect_symbol(p, ")");
    if (p->failed)
        return;
    if (!decimal && !text) {
        sql_fail_at(p, t->pos, "%s does not support type parameters", bq_kind_sql(f->kind));
    } else if (text) {
        f->max_length = first;
        if (first <= 0)
            sql_fail_at(p, t->pos, "%s length must be greater than 0", bq_kind_sql(f->kind));
    } else {
        f->precision = first > 100 ? 100 : (int)first;
        f->scale = second > 100 ? 100 : (int)second;
        check_decimal(p, t, f);
    }
}

/* One '>' that may be the first half of '>=' never matters here; '>>' comes as two tokens. */
static void expect_close(sql_parser *p)
{
    sql_expect_symbol(p, ">");
}

static void parse_struct_fields(sql_parser *p, bq_field *f)
{
    sql_expect_symbol(p, "<");
    if (sql_accept_symbol(p, ">"))
        return;
    do {
        bq_field *field = SQL_LIST_ADD(p, f->fields.fields, f->fields.count);
        const sql_token *next = sql_ahead(p, 1);
        /* "a INT64" has a name; "INT64," and "ARRAY<" have none. */
        bool named = sql_peek(p)->type == SQL_IDENT &&
                     (next->type == SQL_IDENT || sql_token_is(next, "ARRAY") ||
                      sql_token_is(next, "STRUCT") || sql_token_is(next, "INTERVAL"));
        bw_slice name = named ? sql_identifier(p) : (bw_slice){"", 0};
        const bq_field *type = sql_parse_type(p);
        if (p->failed)
            return;
        *field = *type;
        field->name = bw_arena_strndup(p->arena, name.ptr, name.len);
    } while (sql_accept_symbol(p, ","));
    expect_close(p);
}

const bq_field *sql_parse_type(sql_parser *p)
{
    const sql_token *t = sql_peek(p);
    bq_field *f = BW_ARENA_NEW(p->arena, bq_field);

    f->name = "";
    if (!sql_enter(p))
        return f;
    if (sql_accept_word(p, "RANGE")) {
        sql_expect_symbol(p, "<");
        const sql_token *element = sql_peek(p);
        bw_slice name = sql_identifier(p);
        if (!p->failed && !bq_range_of(name, &f->kind))
            sql_fail_at(p, element->pos, "Unsupported type: RANGE<%.*s> is not supported",
                        BW_SLICE_ARG(name));
        expect_close(p);
    } else if (sql_accept_word(p, "ARRAY")) {
        sql_expect_symbol(p, "<");
        const bq_field *element = sql_parse_type(p);
        expect_close(p);
        if (!p->failed && element->mode == BQ_REPEATED)
            sql_fail_at(p, t->pos, "Arrays of arrays are not supported");
        *f = *element;
        f->mode = BQ_REPEATED;
    } else if (sql_accept_word(p, "STRUCT")) {
        f->kind = BQ_STRUCT;
        parse_struct_fields(p, f);
    } else if (t->type == SQL_IDENT || sql_token_is(t, "INTERVAL")) {
        sql_take(p);
        if (!bq_kind_parse(t->text, &f->kind) || f->kind == BQ_STRUCT || sql_token_is(t, "FLOAT") ||
            t->quoted)
            sql_fail_at(p, t->pos, "Type not found: %.*s", BW_SLICE_ARG(t->text));
        else
            parse_parameters(p, t, f);
    } else {
        sql_unexpected(p);
    }
    sql_leave(p);
    return f;
}
