/*
 * Literals and parameters.
 */
#include <errno.h>
#include <stdlib.h>

#include "backend/sandbox/bq_decimal.h"
#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_json.h"
#include "backend/sandbox/bq_tuple.h"
#include "backend/sandbox/sql_analyze.h"

static sql_typed nothing(const sql_expr *x)
{
    return sql_make(BQ_INT64, "NULL", x->pos);
}

sql_typed sql_literal_null(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_typed t = nothing(x);

    (void)a;
    (void)scope;
    t.literal = SQL_L_NULL;
    return t;
}

sql_typed sql_literal_bool(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    (void)a;
    (void)scope;
    return sql_make(BQ_BOOL, x->flag ? "1" : "0", x->pos);
}

sql_typed sql_literal_int(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    const char *text = bw_arena_strndup(a->arena, x->text.ptr, x->text.len);
    bool hex = x->text.len > 2 && (text[1] == 'x' || text[1] == 'X');

    (void)scope;
    errno = 0;
    long long v = strtoll(text, NULL, hex ? 16 : 10);
    if (errno != 0)
        sql_error(a, x->pos, "Invalid integer literal: %s", text);
    bq_value value = bq_int(v);
    sql_typed t = sql_make(BQ_INT64, sql_value_text(a, &value), x->pos);
    t.literal = SQL_L_INT;
    t.text = hex ? bw_slice_cstr(sql_printf(a, "%lld", v)) : x->text;
    return t;
}

sql_typed sql_literal_float(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    double d = 0;
    bool overflow;

    (void)scope;
    if (!bq_float_parse(x->text, &d, &overflow))
        sql_error(a, x->pos, "Invalid floating point literal: %.*s", BW_SLICE_ARG(x->text));
    bq_value value = bq_int(bq_float_encode(d));
    sql_typed t = sql_make(BQ_FLOAT64, sql_value_text(a, &value), x->pos);
    t.literal = SQL_L_FLOAT;
    t.text = x->text;
    return t;
}

sql_typed sql_literal_string(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    bq_value value = bq_text(x->text);
    sql_typed t = sql_make(BQ_STRING, sql_value_text(a, &value), x->pos);

    (void)scope;
    t.literal = SQL_L_STRING;
    t.text = x->text;
    return t;
}

sql_typed sql_literal_bytes(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    bq_value value = bq_blob(x->text);

    (void)scope;
    return sql_make(BQ_BYTES, sql_value_text(a, &value), x->pos);
}

static void decimal_text(sql_analysis *a, sql_typed *t, const sql_expr *x)
{
    bq_kind kind = x->type->kind;
    size_t size = bq_decimal_spec_of(kind)->size;
    unsigned char *bytes = bw_arena_alloc(a->arena, size);
    mpz_t scaled;

    mpz_init(scaled);
    if (bq_decimal_parse(kind, x->text, false, scaled) == BQ_DECIMAL_OK &&
        bq_decimal_encode(kind, scaled, bytes)) {
        bq_value v = bq_blob((bw_slice){(const char *)bytes, size});
        t->sql = sql_value_text(a, &v);
    } else {
        sql_error(a, x->pos, "Invalid %s literal: '%.*s'", bq_kind_sql(kind),
                  BW_SLICE_ARG(x->text));
    }
    mpz_clear(scaled);
}

static void json_text(sql_analysis *a, sql_typed *t, const sql_expr *x)
{
    bw_buf out = BW_BUF_INIT;
    const char *why;

    if (bq_json_normalise(x->text, false, &out, &why)) {
        bq_value v = bq_text(bw_buf_slice(&out));
        t->sql = sql_value_text(a, &v);
    } else {
        sql_error(a, x->pos, "Invalid JSON literal: %s", why);
    }
    bw_buf_fini(&out);
}

/* DATE '2024-01-01' and its kind */
sql_typed sql_literal_typed(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_typed t = sql_literal_string(a, scope, x);

    if (x->type->kind == BQ_NUMERIC || x->type->kind == BQ_BIGNUMERIC)
        decimal_text(a, &t, x);
    else if (x->type->kind == BQ_JSON)
        json_text(a, &t, x);
    else if (x->type->kind != BQ_GEOGRAPHY && !sql_coerce(a, &t, x->type))
        sql_error(a, x->pos, "Invalid %s literal", bq_kind_sql(x->type->kind));
    t.type = sql_type(x->type->kind);
    t.literal = SQL_L_NONE;
    return t;
}

bool sql_variable(sql_analysis *a, bw_slice name, size_t pos, sql_typed *out)
{
    for (size_t i = a->request->variable_count; i-- > 0;) {
        const bq_sql_param *v = &a->request->variables[i];
        if (!sql_name_equal(name, v->name))
            continue;
        *out = (sql_typed){.type = v->type, .pos = pos, .constant = true};
        out->type.name = "";
        out->sql = sql_bind_value(a, &v->value);
        return true;
    }
    return false;
}

sql_typed sql_literal_param(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    const bq_sql_param *found = NULL;
    size_t seen = 0;
    sql_typed variable;

    (void)scope;
    if (x->text.len > 0 && x->text.ptr[0] == '@') {
        const char *name = sql_printf(a, "@%.*s", BW_SLICE_ARG(x->text));
        if (sql_variable(a, bw_slice_cstr(name), x->pos, &variable))
            return variable;
        sql_error(a, x->pos, "Unsupported: a system variable is not part of the sandbox's SQL");
        return nothing(x);
    }
    for (size_t i = 0; !found && i < a->request->param_count; i++) {
        const bq_sql_param *p = &a->request->params[i];
        bool same = x->text.len > 0 ? p->name && sql_name_equal(x->text, p->name)
                                    : !p->name && seen++ == (size_t)x->index;
        if (same)
            found = p;
    }
    if (!found) {
        if (x->text.len > 0)
            sql_error(a, x->pos, "Query parameter '%.*s' not found", BW_SLICE_ARG(x->text));
        else
            sql_error(a, x->pos, "Query parameter number %d is not defined", x->index + 1);
        return nothing(x);
    }
    sql_typed t = {.type = found->type, .pos = x->pos, .constant = true};
    t.type.mode = found->type.mode == BQ_REPEATED ? BQ_REPEATED : BQ_NULLABLE;
    t.sql = sql_bind_value(a, &found->value);
    if (t.type.kind == BQ_STRING && t.type.mode != BQ_REPEATED && found->value.cls == BQ_TEXT) {
        t.literal = SQL_L_STRING;
        t.text = found->value.s;
    }
    return t;
}
