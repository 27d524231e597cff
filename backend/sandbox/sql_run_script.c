/*
 * Running a script: all of it in one transaction, each statement in a savepoint of its own. A script that
 * fails keeps what its statements before have done, as in BigQuery: then the result says so, and the hook
 * that stores the job runs in the same transaction. Others see the script only when it has ended.
 */
#include <stdlib.h>

#include "backend/sandbox/sql_parser.h"
#include "backend/sandbox/sql_script_run.h"

static bw_status run_steps(script *s, const sql_steps *steps);

/* ---- Control flow ------------------------------------------------------------------------------ */

static bw_status run_if(script *s, const sql_step *step)
{
    bool is;
    bw_status status = sql_script_condition(s, step->expr, &is);

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
    if (++s->steps > SQL_MAX_STEPS)
        return bq_error_set(s->err, "resourcesExceeded", "query",
                            "The sandbox runs at most %d statements of a script", SQL_MAX_STEPS);
    return BW_OK;
}

static bw_status run_loop(script *s, const sql_step *step)
{
    bool is = true, before = step->kind == SQL_STEP_WHILE;
    bw_status status = before ? sql_script_condition(s, step->expr, &is) : BW_OK;

    while (status == BW_OK && is) {
        status = count_step(s);
        if (status == BW_OK)
            status = run_steps(s, &step->body);
        if (status != BW_OK || !goes_on(s))
            break;
        if (step->expr)
            status = sql_script_condition(s, step->expr, &is);
        if (step->kind == SQL_STEP_REPEAT)
            is = !is; /* UNTIL */
    }
    return status;
}

static bw_status run_for(script *s, const sql_step *step)
{
    size_t count, outer = s->variable_count;
    bq_value *rows;
    bq_field type = {.name = ""};
    bw_status status = sql_script_rows(s, step, &type, &rows, &count);

    for (size_t i = 0; status == BW_OK && i < count; i++) {
        s->variable_count = outer;
        sql_script_add(s, step->names.items[0], &type, &rows[i]);
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
    sql_script_add(s, BW_SLICE_LIT("@@error"), &type, &row);
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
        return sql_script_fail(
            s, step->pos, "invalidQuery",
            "RAISE without USING MESSAGE can only be used in an exception handler");
    bw_status status = sql_script_evaluate(s, step->expr, &text, &type, &v);
    if (status != BW_OK)
        return status;
    return sql_script_fail(s, step->pos, "invalidQuery",
                           v.cls == BQ_TEXT ? bw_arena_strndup(&s->arena, v.s.ptr, v.s.len)
                                            : "NULL");
}

static bw_status run_assert(script *s, const sql_step *step)
{
    bool is;
    bw_status status = sql_script_condition(s, step->expr, &is);

    if (status != BW_OK || is)
        return status;
    return sql_script_fail(s, step->pos, "invalidQuery",
                           step->message.len > 0
                               ? bw_arena_printf(&s->arena, "%.*s", BW_SLICE_ARG(step->message))
                               : "Assertion failed");
}

static bw_status run_execute(script *s, const sql_step *step)
{
    bq_field text = {.name = "statement", .kind = BQ_STRING}, type;
    bw_slice outer = s->inner.text;
    sql_stmt *stmt = BW_ARENA_NEW(s->parsed, sql_stmt);
    bq_value v;
    bw_status status = sql_script_evaluate(s, step->expr, &text, &type, &v);

    if (status == BW_OK && v.cls != BQ_TEXT)
        status = sql_script_fail(s, step->pos, "invalidQuery",
                                 "EXECUTE IMMEDIATE SQL string cannot be NULL");
    if (status == BW_OK)
        status = sql_parse(s->parsed, v.s, stmt, s->err);
    if (status != BW_OK)
        return status;
    s->inner.text = v.s;
    status = sql_script_statement(s, step, stmt);
    s->inner.text = outer;
    return status;
}

static bw_status run_plain(script *s, const sql_step *step)
{
    return sql_script_statement(s, step, step->stmt);
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
    [SQL_STEP_STATEMENT] = run_plain, [SQL_STEP_DECLARE] = sql_script_declare,
    [SQL_STEP_SET] = sql_script_set,  [SQL_STEP_BLOCK] = run_block,
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
