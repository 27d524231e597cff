#include "backend/sandbox/sql_options.h"

#include "backend/core/text.h"

/* ---- Partitioning and clustering ---------------------------------------------------------------- */

static bool is_call(const sql_expr *x, const char *name, size_t args)
{
    return x->kind == SQL_X_CALL && x->names.count == 1 &&
           sql_name_equal(x->names.items[0], name) && x->args.count == args;
}

static bool plain_name(const sql_expr *x, bw_slice *name)
{
    if (x->kind != SQL_X_PATH || x->names.count != 1)
        return false;
    *name = x->names.items[0];
    return true;
}

static void add_time_partitioning(bw_buf *out, const char *type, bw_slice field)
{
    bw_buf_addf(out, ",\"timePartitioning\":{\"type\":\"%s\"", type);
    if (field.len > 0) {
        bw_buf_adds(out, ",\"field\":");
        bw_json_add_string(out, field);
    }
    bw_buf_addc(out, '}');
}

static const char *partition_type(const sql_expr *x)
{
    static const char *const types[] = {"DAY", "HOUR", "MONTH", "YEAR"};
    bw_slice name;

    for (size_t i = 0; plain_name(x, &name) && i < BW_COUNT(types); i++) {
        if (sql_name_equal(name, types[i]))
            return types[i];
    }
    return NULL;
}

/* RANGE_BUCKET(column, GENERATE_ARRAY(start, end, interval)) */
static bool range_partitioning(sql_run *r, const sql_expr *x, bw_buf *out)
{
    int64_t n[3] = {0, 0, 1};
    bw_slice field;

    if (!is_call(x, "RANGE_BUCKET", 2) || !plain_name(x->args.items[0], &field))
        return false;
    const sql_expr *range = x->args.items[1];
    if (!is_call(range, "GENERATE_ARRAY", 3) && !is_call(range, "GENERATE_ARRAY", 2))
        return false;
    for (size_t i = 0; i < range->args.count; i++) {
        if (!sql_constant_int(&r->a, range->args.items[i], &n[i]))
            return false;
    }
    bw_buf_adds(out, ",\"rangePartitioning\":{\"field\":");
    bw_json_add_string(out, field);
    bw_buf_addf(out, ",\"range\":{\"start\":\"%lld\",\"end\":\"%lld\",\"interval\":\"%lld\"}}",
                (long long)n[0], (long long)n[1], (long long)n[2]);
    return true;
}

void sql_add_partitioning(sql_run *r, const sql_expr *x, bw_buf *out)
{
    static const char *const truncs[] = {"TIMESTAMP_TRUNC", "DATETIME_TRUNC", "DATE_TRUNC"};
    bw_slice field = {"", 0};

    if (plain_name(x, &field)) {
        bool ingestion = sql_name_equal(field, "_PARTITIONDATE");
        add_time_partitioning(out, "DAY", ingestion ? (bw_slice){"", 0} : field);
        return;
    }
    if (is_call(x, "DATE", 1) && plain_name(x->args.items[0], &field)) {
        add_time_partitioning(out, "DAY", field);
        return;
    }
    for (size_t i = 0; i < BW_COUNT(truncs); i++) {
        const char *type = is_call(x, truncs[i], 2) ? partition_type(x->args.items[1]) : NULL;
        if (type && plain_name(x->args.items[0], &field)) {
            bool ingestion = sql_name_equal(field, "_PARTITIONTIME");
            add_time_partitioning(out, type, ingestion ? (bw_slice){"", 0} : field);
            return;
        }
    }
    if (!range_partitioning(r, x, out))
        sql_error(&r->a, x->pos,
                  "PARTITION BY expression must be DATE(<timestamp_column>), a DATE "
                  "column, TIMESTAMP_TRUNC, DATETIME_TRUNC, DATE_TRUNC or RANGE_BUCKET of a "
                  "column");
}

void sql_add_clustering(const sql_names *names, bw_buf *out)
{
    if (names->count == 0)
        return;
    bw_buf_adds(out, ",\"clustering\":{\"fields\":[");
    for (size_t i = 0; i < names->count; i++) {
        bw_buf_adds(out, i ? "," : "");
        bw_json_add_string(out, names->items[i]);
    }
    bw_buf_adds(out, "]}");
}

/* ---- OPTIONS ----------------------------------------------------------------------------------- */

bool sql_option_text(sql_run *r, const sql_option *o, bw_slice *text)
{
    sql_scope none = {0};
    sql_typed t = sql_analyze(&r->a, &none, o->value);

    if (!r->a.failed && t.literal != SQL_L_STRING)
        sql_error(&r->a, o->pos, "Option value for %.*s must be a STRING literal",
                  BW_SLICE_ARG(o->name));
    *text = t.text;
    return !r->a.failed;
}

static void option_string(sql_run *r, const sql_option *o, const char *member,
                          sql_table_options *out)
{
    bw_slice text;

    if (!sql_option_text(r, o, &text))
        return;
    bw_buf_addf(&out->json, ",\"%s\":", member);
    bw_json_add_string(&out->json, text);
}

/* [("key", "value"), ...] */
static void option_labels(sql_run *r, const sql_option *o, sql_table_options *out)
{
    const sql_expr *x = o->value;

    bw_buf_adds(&out->json, ",\"labels\":{");
    for (size_t i = 0; i < x->args.count; i++) {
        const sql_expr *pair = x->args.items[i];
        bool ok = pair->kind == SQL_X_STRUCT && pair->args.count == 2 &&
                  pair->args.items[0]->kind == SQL_X_STRING &&
                  pair->args.items[1]->kind == SQL_X_STRING;
        if (!ok) {
            sql_error(&r->a, o->pos,
                      "Option value for labels must be an array of pairs of "
                      "strings");
            return;
        }
        bw_buf_adds(&out->json, i ? "," : "");
        bw_json_add_string(&out->json, pair->args.items[0]->text);
        bw_buf_addc(&out->json, ':');
        bw_json_add_string(&out->json, pair->args.items[1]->text);
    }
    bw_buf_addc(&out->json, '}');
}

static void option_expiry(sql_run *r, const sql_option *o, sql_table_options *out)
{
    const bq_field timestamp = sql_type(BQ_TIMESTAMP);
    sql_scope none = {0};
    sql_typed t = sql_analyze(&r->a, &none, o->value);

    out->has_expiry = true;
    out->expires_us = BW_TIME_NONE;
    if (r->a.failed || t.literal == SQL_L_NULL)
        return;
    if (!sql_coerce(&r->a, &t, &timestamp)) {
        sql_error(&r->a, o->pos, "Option value for expiration_timestamp must be a TIMESTAMP");
        return;
    }
    int64_t us;
    if (sql_exec_int(r, sql_printf(&r->a, "SELECT %s", t.sql), BW_TIME_NONE, &us) == BW_OK)
        out->expires_us = us;
    else
        r->a.failed = true;
}

static void option_bool(sql_run *r, const sql_option *o, const char *member, sql_table_options *out)
{
    if (o->value->kind != SQL_X_BOOL)
        sql_error(&r->a, o->pos, "Option value for %.*s must be TRUE or FALSE",
                  BW_SLICE_ARG(o->name));
    bw_buf_addf(&out->json, ",\"%s\":%s", member, o->value->flag ? "true" : "false");
}

void sql_read_options(sql_run *r, const sql_option *options, size_t count, sql_table_options *out)
{
    for (size_t i = 0; i < count && !r->a.failed; i++) {
        const sql_option *o = &options[i];
        if (sql_name_equal(o->name, "description"))
            option_string(r, o, "description", out);
        else if (sql_name_equal(o->name, "friendly_name"))
            option_string(r, o, "friendlyName", out);
        else if (sql_name_equal(o->name, "labels"))
            option_labels(r, o, out);
        else if (sql_name_equal(o->name, "expiration_timestamp"))
            option_expiry(r, o, out);
        else if (sql_name_equal(o->name, "require_partition_filter"))
            option_bool(r, o, "requirePartitionFilter", out);
        else
            sql_error(&r->a, o->pos, "Unknown option: %.*s", BW_SLICE_ARG(o->name));
    }
}
