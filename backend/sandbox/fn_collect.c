/*
 * Aggregates that keep values: one of them, or all in a wanted order.
 */
#include <stdlib.h>

#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/bq_tuple.h"

/* A value kept from one row, with the key that chose it. */
typedef struct kept {
    int64_t count;
    sqlite3_value *value, *key;
} kept;

static void kept_free(kept *k)
{
    if (k) {
        sqlite3_value_free(k->value);
        sqlite3_value_free(k->key);
        k->value = k->key = NULL;
    }
}

static void any_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    kept *k = sqlite3_aggregate_context(ctx, sizeof(*k));

    (void)argc;
    if (k && (!k->value || sqlite3_value_type(k->value) == SQLITE_NULL)) {
        sqlite3_value_free(k->value);
        k->value = sqlite3_value_dup(argv[0]);
    }
}

static void kept_value(sqlite3_context *ctx)
{
    const kept *k = sqlite3_aggregate_context(ctx, 0);

    if (k && k->value)
        sqlite3_result_value(ctx, k->value);
}

static void kept_final(sqlite3_context *ctx)
{
    kept_value(ctx);
    kept_free(sqlite3_aggregate_context(ctx, 0));
}

/* ANY_VALUE(x HAVING MAX y): (x, y, max) */
static void having_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    kept *k = sqlite3_aggregate_context(ctx, sizeof(*k));

    (void)argc;
    if (!k || sqlite3_value_type(argv[1]) == SQLITE_NULL)
        return;
    bq_value key = bq_arg(argv[1]), best = k->key ? bq_arg(k->key) : bq_null();
    int c = k->key ? bq_value_compare(&key, &best) : 0;
    if (k->key && (sqlite3_value_int(argv[2]) ? c <= 0 : c >= 0))
        return;
    kept_free(k);
    k->value = sqlite3_value_dup(argv[0]);
    k->key = sqlite3_value_dup(argv[1]);
}

/* The value of a scalar subquery: more than one row is an error. */
static void single_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    kept *k = sqlite3_aggregate_context(ctx, sizeof(*k));

    (void)argc;
    if (!k)
        return;
    if (++k->count > 1)
        bq_result_error(ctx, "Scalar subquery produced more than one element");
    else
        k->value = sqlite3_value_dup(argv[0]);
}

/* ---- Collections ------------------------------------------------------------------------------- */

/* Rows of an aggregate with an order: each a tuple (value, key1, key2, ...) in one buffer. */
typedef struct collection {
    bw_buf rows;
    size_t *offsets;
    size_t first, count, cap; /* rows that have left a window's frame are before `first` */
    bool distinct, ignore_nulls, array_items;
    int64_t limit;
    char order[32];
    char *delimiter;
    size_t delimiter_len;
    bool bytes;
    int64_t parts; /* of APPROX_QUANTILES */
} collection;

static void collection_free(collection *c)
{
    if (!c)
        return;
    bw_buf_fini(&c->rows);
    free(c->offsets);
    free(c->delimiter);
    c->offsets = NULL;
    c->delimiter = NULL;
    c->first = c->count = c->cap = 0;
}

/* What is in the frame: the same rows with offsets of its own (free()), to sort and to cut. */
static collection in_frame(const collection *c)
{
    collection now = *c;

    now.first = 0;
    now.count = c->count - c->first;
    now.offsets = bw_xcalloc(now.count + 1, sizeof *now.offsets);
    memcpy(now.offsets, c->offsets + c->first, now.count * sizeof *now.offsets);
    return now;
}

static void leave_frame(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    collection *c = sqlite3_aggregate_context(ctx, sizeof(*c));

    (void)argc;
    if (c && c->first < c->count &&
        !(c->ignore_nulls && sqlite3_value_type(argv[0]) == SQLITE_NULL))
        c->first++;
}

static bw_slice row_of(const collection *c, size_t i)
{
    return (bw_slice){c->rows.ptr + c->offsets[i], c->rows.len - c->offsets[i]};
}

static bq_value value_of(const collection *c, size_t i)
{
    bq_tuple t;
    bq_value v = bq_null();

    if (bq_tuple_open(row_of(c, i), &t))
        bq_tuple_next(&t, &v);
    return v;
}

static void collection_add(collection *c, sqlite3_value *value, sqlite3_value **keys, size_t count)
{
    bq_value v = bq_arg(value);

    if (c->ignore_nulls && v.cls == BQ_NULL)
        return;
    BW_GROW(c->offsets, c->count + 1, c->cap);
    c->offsets[c->count++] = c->rows.len;
    bq_tuple_begin(&c->rows, count + 1);
    bq_tuple_add(&c->rows, &v);
    for (size_t i = 0; i < count; i++) {
        bq_value key = bq_arg(keys[i]);
        bq_tuple_add(&c->rows, &key);
    }
}

static int compare_rows(const void *a, const void *b, void *user)
{
    const collection *c = user;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    bq_tuple tx, ty;
    bq_value vx, vy;

    if (!bq_tuple_open((bw_slice){c->rows.ptr + x, c->rows.len - x}, &tx) ||
        !bq_tuple_open((bw_slice){c->rows.ptr + y, c->rows.len - y}, &ty) ||
        !bq_tuple_next(&tx, &vx) || !bq_tuple_next(&ty, &vy))
        return 0;
    for (const char *o = c->order; *o; o++) {
        if (!bq_tuple_next(&tx, &vx) || !bq_tuple_next(&ty, &vy))
            break;
        bool desc = *o == 'd' || *o == 'D', other = *o == 'A' || *o == 'D';
        int r = bq_value_compare(&vx, &vy);
        bool null = (vx.cls == BQ_NULL) != (vy.cls == BQ_NULL);
        if (r != 0)
            return (desc != (null && other)) ? -r : r;
    }
    return x < y ? -1 : x > y;
}

static int compare_by_value(const void *a, const void *b, void *user)
{
    const collection *c = user;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    bq_tuple tx, ty;
    bq_value vx = bq_null(), vy = bq_null();

    if (bq_tuple_open((bw_slice){c->rows.ptr + x, c->rows.len - x}, &tx))
        bq_tuple_next(&tx, &vx);
    if (bq_tuple_open((bw_slice){c->rows.ptr + y, c->rows.len - y}, &ty))
        bq_tuple_next(&ty, &vy);
    int r = bq_value_compare(&vx, &vy);
    return r ? r : x < y ? -1 : x > y;
}

static void remove_duplicates(collection *c)
{
    size_t kept_rows = 0;

    if (c->count == 0)
        return;
    qsort_r(c->offsets, c->count, sizeof(size_t), compare_by_value, c);
    for (size_t i = 0; i < c->count; i++) {
        bq_value v = value_of(c, i);
        if (kept_rows > 0) {
            bq_value before = value_of(c, kept_rows - 1);
            if (bq_value_compare(&v, &before) == 0)
                continue;
        }
        c->offsets[kept_rows++] = c->offsets[i];
    }
    c->count = kept_rows;
}

static void settle(collection *c)
{
    if (c->distinct)
        remove_duplicates(c);
    if (c->distinct || c->order[0])
        qsort_r(c->offsets, c->count, sizeof(size_t), compare_rows, c);
    if (c->limit >= 0 && (size_t)c->limit < c->count)
        c->count = (size_t)c->limit;
}

/* (value, [delimiter,] flags, limit, order, keys...) */
static collection *collect(sqlite3_context *ctx, int argc, sqlite3_value **argv, int fixed)
{
    collection *c = sqlite3_aggregate_context(ctx, sizeof(*c));

    if (!c)
        return NULL;
    if (c->count == 0 && c->order[0] == '\0') {
        int flags = sqlite3_value_int(argv[fixed]);
        bw_slice order = bq_arg_slice(argv[fixed + 2]);
        c->distinct = flags & 1;
        c->ignore_nulls = flags & 2;
        c->limit = sqlite3_value_int64(argv[fixed + 1]);
        size_t n = order.len < sizeof(c->order) - 1 ? order.len : sizeof(c->order) - 1;
        memcpy(c->order, order.ptr, n);
    }
    if (fixed == 2)
        c->ignore_nulls = true;
    collection_add(c, argv[0], argv + fixed + 3, (size_t)(argc - fixed - 3));
    return c;
}

static void array_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    collect(ctx, argc, argv, 1);
}

static void concat_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    collection *c = collect(ctx, argc, argv, 1);

    if (c)
        c->array_items = true;
}

/* ARRAY(SELECT ...): rows as they come. */
static void rows_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    collection *c = sqlite3_aggregate_context(ctx, sizeof(*c));

    (void)argc;
    if (c) {
        c->limit = -1;
        collection_add(c, argv[0], NULL, 0);
    }
}

static void array_result(sqlite3_context *ctx, collection *c)
{
    bw_buf out = BW_BUF_INIT;
    size_t count = 0;

    bq_tuple_begin(&out, 0);
    for (size_t i = 0; c && i < c->count; i++) {
        bq_value v = value_of(c, i);
        bq_tuple t;
        if (!c->array_items) {
            bq_tuple_add(&out, &v);
            count++;
        } else if (v.cls != BQ_NULL && bq_tuple_open(v.s, &t)) {
            bw_buf_add(&out, v.s.ptr + 4, v.s.len - 4);
            count += t.count;
        }
    }
    bq_tuple_set_count(&out, 0, count);
    bq_result_blob(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
}

static void array_value(sqlite3_context *ctx)
{
    const collection *c = sqlite3_aggregate_context(ctx, 0);

    if (!c || c->first >= c->count)
        return;
    collection now = in_frame(c);
    settle(&now);
    array_result(ctx, &now);
    free(now.offsets);
}

static void array_final(sqlite3_context *ctx)
{
    array_value(ctx);
    collection_free(sqlite3_aggregate_context(ctx, 0));
}

static void rows_final(sqlite3_context *ctx)
{
    collection *c = sqlite3_aggregate_context(ctx, 0);

    array_result(ctx, c);
    collection_free(c);
}

static void text_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    collection *c = collect(ctx, argc, argv, 2);

    if (c && !c->delimiter && sqlite3_value_type(argv[1]) != SQLITE_NULL) {
        bw_slice d = bq_arg_slice(argv[1]);
        c->delimiter = bw_xmalloc(d.len + 1);
        memcpy(c->delimiter, d.ptr, d.len);
        c->delimiter_len = d.len;
    }
    if (c)
        c->bytes = sqlite3_value_type(argv[0]) == SQLITE_BLOB || c->bytes;
}

static void text_value(sqlite3_context *ctx)
{
    const collection *c = sqlite3_aggregate_context(ctx, 0);
    bw_buf out = BW_BUF_INIT;

    if (!c || c->first >= c->count)
        return;
    collection now = in_frame(c);
    settle(&now);
    for (size_t i = 0; i < now.count; i++) {
        bq_value v = value_of(&now, i);
        if (i > 0)
            bw_buf_add(&out, now.delimiter, now.delimiter_len);
        bw_buf_add(&out, v.s.ptr, v.s.len);
    }
    if (now.bytes)
        bq_result_blob(ctx, bw_buf_slice(&out));
    else
        bq_result_text(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
    free(now.offsets);
}

static void text_final(sqlite3_context *ctx)
{
    text_value(ctx);
    collection_free(sqlite3_aggregate_context(ctx, 0));
}

/* APPROX_QUANTILES: (value, number of parts, flags, ...), exact here */
static void quantiles_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    collection *c = collect(ctx, argc, argv, 2);

    if (c)
        c->parts = sqlite3_value_int64(argv[1]);
}

static void quantiles_final(sqlite3_context *ctx)
{
    collection *c = sqlite3_aggregate_context(ctx, 0);
    bw_buf out = BW_BUF_INIT;

    if (c && c->count > 0) {
        settle(c);
        qsort_r(c->offsets, c->count, sizeof(size_t), compare_by_value, c);
        bq_tuple_begin(&out, (size_t)c->parts + 1);
        for (int64_t i = 0; i <= c->parts; i++) {
            bq_value v = value_of(c, (size_t)(((int64_t)c->count - 1) * i / c->parts));
            bq_tuple_add(&out, &v);
        }
        bq_result_blob(ctx, bw_buf_slice(&out));
        bw_buf_fini(&out);
    }
    collection_free(c);
}

const bq_aggregate bq_collect_aggregates[] = {
    {"bq_any", 1, any_step, kept_final, NULL, NULL},
    {"bq_any_having", 3, having_step, kept_final, NULL, NULL},
    {"bq_single", 1, single_step, kept_final, NULL, NULL},
    {"bq_array_agg", -1, array_step, array_final, array_value, leave_frame},
    {"bq_array_concat_agg", -1, concat_step, array_final, array_value, leave_frame},
    {"bq_quantiles", -1, quantiles_step, quantiles_final, NULL, NULL},
    {"bq_collect", 1, rows_step, rows_final, NULL, NULL},
    {"bq_string_agg", -1, text_step, text_final, text_value, leave_frame},
};

const size_t bq_collect_aggregate_count = BW_COUNT(bq_collect_aggregates);
