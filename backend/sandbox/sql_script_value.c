/*
 * Expressions and variables of a script.
 */
#include <stdlib.h>

#include "backend/sandbox/sql_script_run.h"

/* Runs a text of one column and `row` times of rows; the values live in the script's arena. */
static bw_status read_values(script *s, sql_run *r, const char *sql, bq_value **values,
                             size_t *count, size_t most)
{
    sqlite3_stmt *stmt;
    bw_status status = sql_prepare(r, sql, &stmt);
    int code = SQLITE_DONE;
    size_t cap = 0;

    *values = NULL;
    *count = 0;
    if (status != BW_OK)
        return status;
    while (*count < most && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        bq_value v = bq_store_column(stmt, 0);
        if (v.cls == BQ_TEXT || v.cls == BQ_BLOB)
            v.s = bw_arena_slice(&s->arena, v.s);
        BW_GROW(*values, *count + 1, cap);
        (*values)[(*count)++] = v;
    }
    if (code != SQLITE_DONE && code != SQLITE_ROW)
        status = sql_step_failed(r, code);
    sqlite3_finalize(stmt);
    return status;
}

/* The value of an expression; as `type` when it says one (its name is the variable's). */
bw_status sql_script_evaluate(script *s, const sql_expr *x, const bq_field *type,
                              bq_field *type_out, bq_value *out)
{
    bw_arena arena = BW_ARENA_INIT;
    bq_sql_result result;
    sql_scope scope = {.clause = "an expression of a script", .no_windows = true};
    sql_run r;
    bq_value *values = NULL;
    size_t count = 0;

    sql_script_begin(s, &r, &arena, NULL, &result);
    sql_typed t = sql_analyze(&r.a, &scope, x);
    if (!r.a.failed && type)
        t.sql = sql_assign(&r.a, &t, type, SQL_UPDATE_VALUE, 0);
    bw_status status = sql_ready(&r);
    if (status == BW_OK) {
        sql_watch(&r);
        status = read_values(s, &r, sql_printf(&r.a, "SELECT %s", t.sql), &values, &count, 1);
        bq_field_copy(&s->arena, type ? type : &t.type, type_out);
    }
    status = sql_script_end(&r, status);
    *out = count > 0 ? values[0] : (bq_value){.cls = BQ_NULL};
    free(values);
    s->result->bytes_processed += result.bytes_processed;
    bq_sql_result_fini(&result);
    bw_arena_fini(&arena);
    return status;
}

bw_status sql_script_condition(script *s, const sql_expr *x, bool *out)
{
    const bq_field boolean = {.name = "condition", .kind = BQ_BOOL};
    bq_field type;
    bq_value v;
    bw_status status = sql_script_evaluate(s, x, &boolean, &type, &v);

    *out = status == BW_OK && v.cls == BQ_INT && v.i != 0;
    return status;
}

static bq_sql_param *find_variable(script *s, bw_slice name)
{
    for (size_t i = s->variable_count; i-- > 0;) {
        if (s->variables[i].name && sql_name_equal(name, s->variables[i].name))
            return &s->variables[i];
    }
    return NULL;
}

void sql_script_add(script *s, bw_slice name, const bq_field *type, const bq_value *value)
{
    sql_analysis list = {.arena = &s->arena};
    bq_sql_param *v = SQL_ADD(&list, s->variables, s->variable_count);

    v->name = bw_arena_strndup(&s->arena, name.ptr, name.len);
    v->type = *type;
    v->type.name = v->name;
    v->value = *value;
}

bw_status sql_script_declare(script *s, const sql_step *step)
{
    for (size_t i = 0; i < step->names.count; i++) {
        bw_slice name = step->names.items[i];
        bq_field declared = step->type ? *step->type : (bq_field){0}, type = declared;
        bq_value value = {.cls = BQ_NULL};
        bw_status status = BW_OK;
        declared.name = bw_arena_strndup(&s->arena, name.ptr, name.len);
        if (find_variable(s, name))
            return sql_script_fail(
                s, step->pos, "invalidQuery",
                bw_arena_printf(&s->arena, "Variable '%s' redeclaration", declared.name));
        if (step->expr)
            status =
                sql_script_evaluate(s, step->expr, step->type ? &declared : NULL, &type, &value);
        else
            bq_field_copy(&s->arena, &declared, &type);
        if (status != BW_OK)
            return status;
        sql_script_add(s, name, &type, &value);
    }
    return BW_OK;
}

/* SET (a, b) = (1, 2) */
static bw_status set_several(script *s, const sql_step *step)
{
    bool list = step->expr->kind == SQL_X_STRUCT && step->expr->args.count == step->names.count;
    bq_value *values = BW_ARENA_ARRAY(&s->arena, bq_value, step->names.count + 1);
    bq_field type;

    if (!list)
        return sql_script_fail(
            s, step->pos, "invalidQuery",
            "Unsupported: SET of several variables to anything but a list of as many "
            "values is not part of the sandbox's SQL");
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < step->names.count; i++) {
            bq_sql_param *v = find_variable(s, step->names.items[i]);
            bw_status status = BW_OK;
            if (!v)
                return sql_script_fail(s, step->pos, "invalidQuery",
                                       bw_arena_printf(&s->arena, "Undeclared variable: %.*s",
                                                       BW_SLICE_ARG(step->names.items[i])));
            if (pass == 0)
                status =
                    sql_script_evaluate(s, step->expr->args.items[i], &v->type, &type, &values[i]);
            else
                v->value = values[i];
            if (status != BW_OK)
                return status;
        }
    }
    return BW_OK;
}

bw_status sql_script_set(script *s, const sql_step *step)
{
    bq_sql_param *v = find_variable(s, step->names.items[0]);
    bq_field type;
    bq_value value;

    if (step->names.count > 1)
        return set_several(s, step);
    if (!v)
        return sql_script_fail(s, step->pos, "invalidQuery",
                               bw_arena_printf(&s->arena, "Undeclared variable: %.*s",
                                               BW_SLICE_ARG(step->names.items[0])));
    bw_status status = sql_script_evaluate(s, step->expr, &v->type, &type, &value);
    if (status == BW_OK)
        v->value = value;
    return status;
}

/* The rows of FOR's query, as STRUCTs. */
bw_status sql_script_rows(script *s, const sql_step *step, bq_field *type, bq_value **rows,
                          size_t *count)
{
    bw_arena arena = BW_ARENA_INIT;
    bq_sql_result result;
    bw_buf sql = BW_BUF_INIT;
    const char *text = NULL;
    sql_run r;

    *rows = NULL;
    *count = 0;
    sql_script_begin(s, &r, &arena, step->stmt, &result);
    bw_status status = sql_query_text(&r, &text);
    if (status == BW_OK) {
        for (size_t i = 0; i < result.schema.count; i++)
            bw_buf_addf(&sql, "%sc%zu", i ? "," : "", i + 1);
        *type = (bq_field){.name = "", .kind = BQ_STRUCT};
        bq_schema_copy(&s->arena, &result.schema, &type->fields);
        sql_watch(&r);
        status = read_values(
            s, &r, sql_printf(&r.a, "SELECT bq_tuple(%s) FROM (%s)", bw_buf_cstr(&sql), text), rows,
            count, SQL_MAX_STEPS);
    }
    status = sql_script_end(&r, status);
    s->result->bytes_processed += result.bytes_processed;
    bw_buf_fini(&sql);
    bq_sql_result_fini(&result);
    bw_arena_fini(&arena);
    return status;
}
