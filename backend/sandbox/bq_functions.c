#include "backend/sandbox/bq_functions.h"

#include <stdio.h>

#include "backend/sandbox/bq_tuple.h"

void bq_result_error(sqlite3_context *ctx, const char *fmt, ...)
{
    char message[1024];
    va_list ap;

    if (sqlite3_user_data(ctx)) {
        sqlite3_result_null(ctx);
        return;
    }
    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    sqlite3_result_error(ctx, message, -1);
}

bw_slice bq_arg_slice(sqlite3_value *v)
{
    /* The pointer first: it decides the form whose length is then asked. */
    bool text = sqlite3_value_type(v) == SQLITE_TEXT;
    const void *p = text ? (const void *)sqlite3_value_text(v) : sqlite3_value_blob(v);
    size_t n = (size_t)sqlite3_value_bytes(v);

    return (bw_slice){p ? p : "", n};
}

bq_value bq_arg(sqlite3_value *v)
{
    switch (sqlite3_value_type(v)) {
    case SQLITE_INTEGER:
        return bq_int(sqlite3_value_int64(v));
    case SQLITE_TEXT:
        return bq_text(bq_arg_slice(v));
    case SQLITE_BLOB:
        return bq_blob(bq_arg_slice(v));
    default:
        return bq_null();
    }
}

void bq_result_text(sqlite3_context *ctx, bw_slice s)
{
    sqlite3_result_text64(ctx, s.ptr ? s.ptr : "", s.len, SQLITE_TRANSIENT, SQLITE_UTF8);
}

void bq_result_blob(sqlite3_context *ctx, bw_slice s)
{
    sqlite3_result_blob64(ctx, s.ptr ? s.ptr : "", s.len, SQLITE_TRANSIENT);
}

void bq_result(sqlite3_context *ctx, const bq_value *v)
{
    switch (v->cls) {
    case BQ_NULL:
        sqlite3_result_null(ctx);
        break;
    case BQ_INT:
        sqlite3_result_int64(ctx, v->i);
        break;
    case BQ_TEXT:
        bq_result_text(ctx, v->s);
        break;
    case BQ_BLOB:
        bq_result_blob(ctx, v->s);
        break;
    }
}

int bq_value_compare(const bq_value *a, const bq_value *b)
{
    if (a->cls != b->cls)
        return a->cls < b->cls ? -1 : 1;
    if (a->cls == BQ_INT)
        return a->i < b->i ? -1 : a->i > b->i;
    size_t n = a->s.len < b->s.len ? a->s.len : b->s.len;
    int c = n ? memcmp(a->s.ptr, b->s.ptr, n) : 0;
    return c ? c : a->s.len < b->s.len ? -1 : a->s.len > b->s.len;
}

bool bq_any_null(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    for (int i = 0; i < argc; i++) {
        if (sqlite3_value_type(argv[i]) == SQLITE_NULL) {
            sqlite3_result_null(ctx);
            return true;
        }
    }
    return false;
}

const bq_field *bq_arg_type(sqlite3_value *v)
{
    return sqlite3_value_pointer(v, BQ_POINTER_TYPE);
}

static int register_one(sqlite3 *db, const bq_function *f)
{
    static char safe_marker; /* its address says that errors are NULL; never written */
    int flags = SQLITE_UTF8 | (f->varies ? 0 : SQLITE_DETERMINISTIC);
    char safe[64];

    snprintf(safe, sizeof(safe), "safe_%s", f->name);
    int code =
        sqlite3_create_function_v2(db, f->name, f->args, flags, NULL, f->call, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_create_function_v2(db, safe, f->args, flags, &safe_marker, f->call, NULL,
                                          NULL, NULL);
    return code;
}

static int register_family(sqlite3 *db, const bq_function *functions, size_t count)
{
    int code = SQLITE_OK;

    for (size_t i = 0; code == SQLITE_OK && i < count; i++)
        code = register_one(db, &functions[i]);
    return code;
}

static int register_aggregates(sqlite3 *db, const bq_aggregate *aggregates, size_t count)
{
    int code = SQLITE_OK;

    for (size_t i = 0; code == SQLITE_OK && i < count; i++) {
        const bq_aggregate *g = &aggregates[i];
        code = sqlite3_create_window_function(db, g->name, g->args, SQLITE_UTF8, NULL, g->step,
                                              g->final, g->value, g->inverse, NULL);
    }
    return code;
}

bw_status bq_functions_register(sqlite3 *db, bq_error *err)
{
    const struct {
        const bq_function *functions;
        size_t count;
    } families[] = {
        {bq_number_functions, bq_number_function_count},
        {bq_decimal_functions, bq_decimal_function_count},
        {bq_string_functions, bq_string_function_count},
        {bq_regexp_functions, bq_regexp_function_count},
        {bq_decimal_math_functions, bq_decimal_math_function_count},
        {bq_math_functions, bq_math_function_count},
        {bq_text_functions, bq_text_function_count},
        {bq_printf_functions, bq_printf_function_count},
        {bq_encoding_functions, bq_encoding_function_count},
        {bq_time_functions, bq_time_function_count},
        {bq_calendar_functions, bq_calendar_function_count},
        {bq_interval_functions, bq_interval_function_count},
        {bq_range_functions, bq_range_function_count},
        {bq_bucket_functions, bq_bucket_function_count},
        {bq_recursion_functions, bq_recursion_function_count},
        {bq_json_functions, bq_json_function_count},
        {bq_json_make_functions, bq_json_make_function_count},
        {bq_array_functions, bq_array_function_count},
        {bq_cast_functions, bq_cast_function_count},
        {bq_hash_functions, bq_hash_function_count},
        {bq_parse_functions, bq_parse_function_count},
        {bq_format_functions, bq_format_function_count},
    };
    int code = SQLITE_OK;

    for (size_t i = 0; code == SQLITE_OK && i < BW_COUNT(families); i++)
        code = register_family(db, families[i].functions, families[i].count);
    if (code == SQLITE_OK)
        code = register_aggregates(db, bq_sum_aggregates, bq_sum_aggregate_count);
    if (code == SQLITE_OK)
        code = register_aggregates(db, bq_stat_aggregates, bq_stat_aggregate_count);
    if (code == SQLITE_OK)
        code = register_aggregates(db, bq_window_aggregates, bq_window_aggregate_count);
    if (code == SQLITE_OK)
        code = register_aggregates(db, bq_collect_aggregates, bq_collect_aggregate_count);
    if (code == SQLITE_OK)
        code = bq_unnest_register(db);
    if (code == SQLITE_OK)
        return BW_OK;
    return bq_error_set(err, "internalError", NULL, "cannot register SQL functions: %s",
                        sqlite3_errmsg(db));
}
