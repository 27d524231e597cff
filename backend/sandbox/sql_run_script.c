/*
 * Running a script: all of it in one transaction, each statement in a savepoint of its own. A script that
 * fails keeps what its statements before have done, as in BigQuery: then the result says so, and the hook
 * that stores the job runs in the same transaction. Others see the script only when it has ended.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backend/sandbox/sql_parser.h"
#include "backend/sandbox/sql_run.h"
#include "backend/sandbox/sql_script.h"

#define MAX_STEPS 100000

typedef enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE, FLOW_RETURN } flow;

typedef struct script {
    bq_catalog *catalog;
    const bq_sql_request *request;
    bq_sql_request inner; /* the request as statements see it: with the variables */
    bw_arena arena;       /* variables' values */
    bw_arena *parsed;
    bq_sql_param *variables;
    size_t variable_count;
    const sql_udf **functions;
    size_t function_count;
    bq_sql_temp *temps;
    size_t temp_count;
    bq_sql_result *result;
    void *user; /* of the request's child hook */
    size_t children, steps;
    flow flow;
    const char *handled; /* message of the error that an EXCEPTION clause handles; NULL */
    bq_error *err;
} script;

static bw_status run_steps(script *s, const sql_steps *steps);

/* ---- One statement ----------------------------------------------------------------------------- */

static bw_status savepoint(script *s, const char *sql)
{
    return bq_store_execf(s->catalog, s->err, "%s", sql);
}

static bw_status fail_at(script *s, size_t pos, const char *reason, const char *message)
{
    sql_position at = sql_position_of(s->inner.text, pos);

    return bq_error_set(s->err, reason, "query", "%s at [%d:%d]", message, at.line, at.column);
}

static void begin_run(script *s, sql_run *r, bw_arena *arena, const sql_stmt *stmt,
                      bq_sql_result *result)
{
    *r = (sql_run){.stmt = stmt,
                   .result = result,
                   .catalog = s->catalog,
                   .db = s->catalog->db->handle,
                   .err = s->err};
    *result = (bq_sql_result){.arena = BW_ARENA_INIT};
    s->inner.variables = s->variables;
    s->inner.variable_count = s->variable_count;
    s->inner.temps = s->temps;
    s->inner.temp_count = s->temp_count;
    r->a = (sql_analysis){.arena = arena,
                          .catalog = s->catalog,
                          .request = &s->inner,
                          .err = s->err,
                          .functions = s->functions,
                          .function_count = s->function_count};
    r->a.location = s->inner.location && *s->inner.location ? s->inner.location : "US";
    r->a.now_us = bw_wall_us(s->catalog->clock);
    s->err->reason = NULL;
}

static bw_status end_run(sql_run *r, bw_status status)
{
    sqlite3_progress_handler(r->db, 0, NULL, NULL);
    if (status == BW_OK)
        status = sql_drop_indexes(r);
    for (size_t i = 0; i < r->a.table_count; i++)
        bq_table_fini(&r->a.tables[i]->table);
    return status;
}

/* The rows of the last query are the script's. */
static void take_rows(script *s, bq_sql_result *from)
{
    bq_sql_result *to = s->result;

    to->bytes_processed += from->bytes_processed;
    if (from->schema.count == 0)
        return;
    bq_schema_copy(&to->arena, &from->schema, &to->schema);
    to->destination = (bq_table_ref){bw_arena_strdup(&to->arena, from->destination.project),
                                     bw_arena_strdup(&to->arena, from->destination.dataset),
                                     bw_arena_strdup(&to->arena, from->destination.table)};
    to->total_rows = from->total_rows;
}

static bw_status tell_child(script *s, const sql_step *step, const bq_sql_result *result)
{
    if (!s->request->child)
        return BW_OK;
    sql_position from = sql_position_of(s->request->text, step->pos);
    sql_position to = sql_position_of(s->request->text, step->end);
    bq_sql_child child = {.number = s->children,
                          .text = {s->request->text.ptr + step->pos, step->end - step->pos},
                          .line = from.line,
                          .column = from.column,
                          .end_line = to.line,
                          .end_column = to.column,
                          .result = result};
    return s->request->child(s->user, s->catalog, &child, s->err);
}

/* CREATE TEMP TABLE: its name means a table of the hidden dataset from here on. */
static bw_status add_temp(script *s, const sql_step *step, const sql_stmt *stmt)
{
    const sql_names *path = &stmt->target->path;
    bq_sql_temp temp = {.ref = {s->request->project, BQ_ANONYMOUS_DATASET, NULL}};
    sql_analysis list = {.arena = &s->arena};

    if (path->count != 1)
        return fail_at(s, step->pos, "invalidQuery",
                       "The name of a temporary table must not be qualified");
    temp.name = bw_arena_strndup(&s->arena, path->items[0].ptr, path->items[0].len);
    for (size_t i = 0; i < s->temp_count; i++) {
        if (sql_name_equal(path->items[0], s->temps[i].name))
            return BW_OK;
    }
    temp.ref.table =
        bw_arena_printf(&s->arena, "script%016llx_%zu_%s",
                        (unsigned long long)bw_wall_us(s->catalog->clock), s->steps, temp.name);
    *SQL_ADD(&list, s->temps, s->temp_count) = temp;
    const char *location = s->request->location;
    return bq_store_anonymous(s->catalog, s->request->project,
                              location && *location ? location : "US", s->err);
}

static bw_status run_statement(script *s, const sql_step *step, const sql_stmt *stmt)
{
    bw_arena arena = BW_ARENA_INIT;
    bq_sql_result result;
    sql_run r;

    if (stmt->kind == SQL_S_CREATE_FUNCTION) {
        *SQL_ADD((&(sql_analysis){.arena = s->parsed}), s->functions, s->function_count) =
            stmt->functions[0];
        return BW_OK;
    }
    bw_status status = stmt->temporary ? add_temp(s, step, stmt) : BW_OK;
    if (status != BW_OK)
        return status;
    begin_run(s, &r, &arena, stmt, &result);
    status = savepoint(s, "SAVEPOINT script_statement");
    if (status == BW_OK) {
        sql_watch(&r);
        status = end_run(&r, sql_run_kind(&r));
        if (status == BW_OK)
            status = tell_child(s, step, &result);
        if (status == BW_OK)
            status = savepoint(s, "RELEASE script_statement");
        else
            sqlite3_exec(r.db, "ROLLBACK TO script_statement; RELEASE script_statement", NULL, NULL,
                         NULL);
    }
    if (status == BW_OK) {
        take_rows(s, &result);
        s->children++;
    }
    bq_sql_result_fini(&result);
    bw_arena_fini(&arena);
    return status;
}

/* ---- Values ------------------------------------------------------------------------------------ */

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
static bw_status evaluate(script *s, const sql_expr *x, const bq_field *type, bq_field *type_out,
                          bq_value *out)
{
    bw_arena arena = BW_ARENA_INIT;
    bq_sql_result result;
    sql_scope scope = {.clause = "an expression of a script", .no_windows = true};
    sql_run r;
    bq_value *values = NULL;
    size_t count = 0;

    begin_run(s, &r, &arena, NULL, &result);
    sql_typed t = sql_analyze(&r.a, &scope, x);
    if (!r.a.failed && type)
        t.sql = sql_assign(&r.a, &t, type, SQL_UPDATE_VALUE, 0);
    bw_status status = sql_ready(&r);
    if (status == BW_OK) {
        sql_watch(&r);
        status = read_values(s, &r, sql_printf(&r.a, "SELECT %s", t.sql), &values, &count, 1);
        status = end_run(&r, status);
        bq_field_copy(&s->arena, type ? type : &t.type, type_out);
    } else {
        end_run(&r, status);
    }
    *out = count > 0 ? values[0] : (bq_value){.cls = BQ_NULL};
    free(values);
    s->result->bytes_processed += result.bytes_processed;
    bq_sql_result_fini(&result);
    bw_arena_fini(&arena);
    return status;
}

static bw_status condition(script *s, const sql_expr *x, bool *out)
{
    const bq_field boolean = {.name = "condition", .kind = BQ_BOOL};
    bq_field type;
    bq_value v;
    bw_status status = evaluate(s, x, &boolean, &type, &v);

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

static void add_variable(script *s, bw_slice name, const bq_field *type, const bq_value *value)
{
    sql_analysis list = {.arena = &s->arena};
    bq_sql_param *v = SQL_ADD(&list, s->variables, s->variable_count);

    v->name = bw_arena_strndup(&s->arena, name.ptr, name.len);
    v->type = *type;
    v->type.name = v->name;
    v->value = *value;
}

static bw_status run_declare(script *s, const sql_step *step)
{
    for (size_t i = 0; i < step->names.count; i++) {
        bw_slice name = step->names.items[i];
        bq_field declared = step->type ? *step->type : (bq_field){0}, type = declared;
        bq_value value = {.cls = BQ_NULL};
        bw_status status = BW_OK;
        declared.name = bw_arena_strndup(&s->arena, name.ptr, name.len);
        if (find_variable(s, name))
            return fail_at(
                s, step->pos, "invalidQuery",
                bw_arena_printf(&s->arena, "Variable '%s' redeclaration", declared.name));
        if (step->expr)
            status = evaluate(s, step->expr, step->type ? &declared : NULL, &type, &value);
        else
            bq_field_copy(&s->arena, &declared, &type);
        if (status != BW_OK)
            return status;
        add_variable(s, name, &type, &value);
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
        return fail_at(s, step->pos, "invalidQuery",
                       "Unsupported: SET of several variables to anything but a list of as many "
                       "values is not part of the sandbox's SQL");
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < step->names.count; i++) {
            bq_sql_param *v = find_variable(s, step->names.items[i]);
            bw_status status = BW_OK;
            if (!v)
                return fail_at(s, step->pos, "invalidQuery",
                               bw_arena_printf(&s->arena, "Undeclared variable: %.*s",
                                               BW_SLICE_ARG(step->names.items[i])));
            if (pass == 0)
                status = evaluate(s, step->expr->args.items[i], &v->type, &type, &values[i]);
            else
                v->value = values[i];
            if (status != BW_OK)
                return status;
        }
    }
    return BW_OK;
}

static bw_status run_set(script *s, const sql_step *step)
{
    bq_sql_param *v = find_variable(s, step->names.items[0]);
    bq_field type;
    bq_value value;

    if (step->names.count > 1)
        return set_several(s, step);
    if (!v)
        return fail_at(s, step->pos, "invalidQuery",
                       bw_arena_printf(&s->arena, "Undeclared variable: %.*s",
                                       BW_SLICE_ARG(step->names.items[0])));
    bw_status status = evaluate(s, step->expr, &v->type, &type, &value);
    if (status == BW_OK)
        v->value = value;
    return status;
}

/* ---- Control flow ------------------------------------------------------------------------------ */

static bw_status run_if(script *s, const sql_step *step)
{
    bool is;
    bw_status status = condition(s, step->expr, &is);

    return status == BW_OK ? run_steps(s, is ? &step->body : &step->other) : status;
}

/* After a passage of a loop's body: does it go on? */
static bool goes_on(script *s)
{
    bool on = s->flow == FLOW_ON || s->flow == FLOW_CONTINUE;

    if (s->flow != FLOW_RETURN)
        s->flow = FLOW_ON;
    return on;
}

static bw_status count_step(script *s)
{
    if (bw_cancelled(s->request->cancel))
        return bq_error_set(s->err, "stopped", NULL,
                            "Job execution was cancelled: User requested cancellation");
    if (++s->steps > MAX_STEPS)
        return bq_error_set(s->err, "resourcesExceeded", "query",
                            "The sandbox runs at most %d statements of a script", MAX_STEPS);
    return BW_OK;
}

static bw_status run_loop(script *s, const sql_step *step)
{
    bool is = true, before = step->kind == SQL_STEP_WHILE;
    bw_status status = before ? condition(s, step->expr, &is) : BW_OK;

    while (status == BW_OK && is) {
        status = count_step(s);
        if (status == BW_OK)
            status = run_steps(s, &step->body);
        if (status != BW_OK || !goes_on(s))
            break;
        if (step->expr)
            status = condition(s, step->expr, &is);
        if (step->kind == SQL_STEP_REPEAT)
            is = !is; /* UNTIL */
    }
    return status;
}

/* The rows of FOR's query, as STRUCTs. */
static bw_status read_rows(script *s, const sql_step *step, bq_field *type, bq_value **rows,
                           size_t *count)
{
    bw_arena arena = BW_ARENA_INIT;
    bq_sql_result result;
    bw_buf sql = BW_BUF_INIT;
    const char *text = NULL;
    sql_run r;

    *rows = NULL;
    *count = 0;
    begin_run(s, &r, &arena, step->stmt, &result);
    bw_status status = sql_query_text(&r, &text);
    if (status == BW_OK) {
        for (size_t i = 0; i < result.schema.count; i++)
            bw_buf_addf(&sql, "%sc%zu", i ? "," : "", i + 1);
        *type = (bq_field){.name = "", .kind = BQ_STRUCT};
        bq_schema_copy(&s->arena, &result.schema, &type->fields);
        sql_watch(&r);
        status = read_values(
            s, &r, sql_printf(&r.a, "SELECT bq_tuple(%s) FROM (%s)", bw_buf_cstr(&sql), text), rows,
            count, MAX_STEPS);
    }
    status = end_run(&r, status);
    s->result->bytes_processed += result.bytes_processed;
    bw_buf_fini(&sql);
    bq_sql_result_fini(&result);
    bw_arena_fini(&arena);
    return status;
}

static bw_status run_for(script *s, const sql_step *step)
{
    size_t count, outer = s->variable_count;
    bq_value *rows;
    bq_field type = {.name = ""};
    bw_status status = read_rows(s, step, &type, &rows, &count);

    for (size_t i = 0; status == BW_OK && i < count; i++) {
        s->variable_count = outer;
        add_variable(s, step->names.items[0], &type, &rows[i]);
        status = count_step(s);
        if (status == BW_OK)
            status = run_steps(s, &step->body);
        if (status == BW_OK && !goes_on(s))
            break;
    }
    s->variable_count = outer;
    free(rows);
    return status;
}

/* @@error, while a handler runs. */
static void set_error_variable(script *s, const char *message)
{
    bq_field *fields = BW_ARENA_ARRAY(&s->arena, bq_field, 1);
    bq_field type = {.name = "", .kind = BQ_STRUCT, .fields = {fields, 1}};
    bq_value text = {.cls = BQ_TEXT, .s = bw_slice_cstr(message)};
    bq_value row = bq_value_pack(&s->arena, &text, 1);

    fields[0] = (bq_field){.name = "message", .kind = BQ_STRING};
    add_variable(s, BW_SLICE_LIT("@@error"), &type, &row);
}

static bool can_be_handled(const bq_error *err)
{
    return err->reason && strcmp(err->reason, "stopped") != 0 &&
           strcmp(err->reason, "resourcesExceeded") != 0 &&
           strcmp(err->reason, "internalError") != 0;
}

static bw_status run_block(script *s, const sql_step *step)
{
    size_t outer = s->variable_count;
    bw_status status = run_steps(s, &step->body);

    s->variable_count = outer;
    if (status == BW_OK || !step->has_other || !can_be_handled(s->err))
        return status;
    const char *before = s->handled;
    s->handled = bw_arena_strdup(&s->arena, s->err->message);
    set_error_variable(s, s->handled);
    status = run_steps(s, &step->other);
    s->handled = before;
    s->variable_count = outer;
    return status;
}

static bw_status run_raise(script *s, const sql_step *step)
{
    bq_field text = {.name = "message", .kind = BQ_STRING}, type;
    bq_value v;

    if (!step->expr && s->handled)
        return bq_error_set(s->err, "invalidQuery", "query", "%s", s->handled);
    if (!step->expr)
        return fail_at(s, step->pos, "invalidQuery",
                       "RAISE without USING MESSAGE can only be used in an exception handler");
    bw_status status = evaluate(s, step->expr, &text, &type, &v);
    if (status != BW_OK)
        return status;
    return fail_at(s, step->pos, "invalidQuery",
                   v.cls == BQ_TEXT ? bw_arena_strndup(&s->arena, v.s.ptr, v.s.len) : "NULL");
}

static bw_status run_assert(script *s, const sql_step *step)
{
    bool is;
    bw_status status = condition(s, step->expr, &is);

    if (status != BW_OK || is)
        return status;
    return fail_at(s, step->pos, "invalidQuery",
                   step->message.len > 0
                       ? bw_arena_printf(&s->arena, "%.*s", BW_SLICE_ARG(step->message))
                       : "Assertion failed");
}

static bw_status run_execute(script *s, const sql_step *step)
{
    bq_field text = {.name = "statement", .kind = BQ_STRING}, type;
    bq_sql_request outer = s->inner;
    sql_stmt *stmt = BW_ARENA_NEW(s->parsed, sql_stmt);
    bq_value v;
    bw_status status = evaluate(s, step->expr, &text, &type, &v);

    if (status == BW_OK && v.cls != BQ_TEXT)
        status =
            fail_at(s, step->pos, "invalidQuery", "EXECUTE IMMEDIATE SQL string cannot be NULL");
    if (status == BW_OK)
        status = sql_parse(s->parsed, v.s, stmt, s->err);
    if (status != BW_OK)
        return status;
    s->inner.text = v.s;
    status = run_statement(s, step, stmt);
    s->inner.text = outer.text;
    return status;
}

static bw_status run_plain(script *s, const sql_step *step)
{
    return run_statement(s, step, step->stmt);
}

static bw_status run_jump(script *s, const sql_step *step)
{
    s->flow = step->kind == SQL_STEP_BREAK      ? FLOW_BREAK
              : step->kind == SQL_STEP_CONTINUE ? FLOW_CONTINUE
                                                : FLOW_RETURN;
    return BW_OK;
}

typedef bw_status step_runner(script *s, const sql_step *step);

static step_runner *const runners[SQL_STEP_KINDS] = {
    [SQL_STEP_STATEMENT] = run_plain, [SQL_STEP_DECLARE] = run_declare,
    [SQL_STEP_SET] = run_set,         [SQL_STEP_BLOCK] = run_block,
    [SQL_STEP_IF] = run_if,           [SQL_STEP_WHILE] = run_loop,
    [SQL_STEP_REPEAT] = run_loop,     [SQL_STEP_LOOP] = run_loop,
    [SQL_STEP_FOR] = run_for,         [SQL_STEP_BREAK] = run_jump,
    [SQL_STEP_CONTINUE] = run_jump,   [SQL_STEP_RETURN] = run_jump,
    [SQL_STEP_RAISE] = run_raise,     [SQL_STEP_ASSERT] = run_assert,
    [SQL_STEP_EXECUTE] = run_execute,
};

static bw_status run_steps(script *s, const sql_steps *steps)
{
    bw_status status = BW_OK;

    for (size_t i = 0; status == BW_OK && s->flow == FLOW_ON && i < steps->count; i++) {
        status = count_step(s);
        if (status == BW_OK)
            status = runners[steps->items[i]->kind](s, steps->items[i]);
    }
    return status;
}

/* ---- The script -------------------------------------------------------------------------------- */

/* What it has done before it failed stays; what the process did not survive, or a person has stopped,
   has not happened. */
static bool keeps_effects(const script *s)
{
    return s->children > 0 && s->err->reason && strcmp(s->err->reason, "stopped") != 0;
}

static bw_status run_all(script *s, const sql_steps *steps, bq_sql_before_commit *hook, void *user)
{
    bw_status status = bq_store_begin(s->catalog, s->err);

    if (status != BW_OK)
        return status;
    status = run_steps(s, steps);
    if (status != BW_OK && keeps_effects(s)) {
        s->result->failure = *s->err;
        status = BW_OK;
    }
    s->result->children = s->children;
    if (status == BW_OK && hook)
        status = hook(user, s->catalog, s->result, s->err);
    return bq_store_end(s->catalog, status, s->err);
}

bw_status sql_run_script(bq_catalog *catalog, const bq_sql_request *request,
                         bq_sql_before_commit *hook, void *user, bq_sql_result *result,
                         bq_error *err)
{
    bw_arena parsed = BW_ARENA_INIT;
    sql_steps steps;
    script s = {.catalog = catalog,
                .request = request,
                .inner = *request,
                .arena = BW_ARENA_INIT,
                .parsed = &parsed,
                .result = result,
                .user = user,
                .err = err};

    *result =
        (bq_sql_result){.arena = BW_ARENA_INIT, .statement_type = "SCRIPT", .is_script = true};
    bw_status status = sql_parse_script(&parsed, request->text, &steps, err);
    if (status == BW_OK && request->destination)
        status = bq_error_set(err, "invalidQuery", "query",
                              "configuration.query.destinationTable cannot be set for scripts");
    if (status == BW_OK && !request->dry_run) {
        bq_store_lock(catalog);
        status = run_all(&s, &steps, hook, user);
        bq_store_unlock(catalog);
    }
    bw_arena_fini(&s.arena);
    bw_arena_fini(&parsed);
    if (status != BW_OK)
        bq_sql_result_fini(result);
    return status;
}
