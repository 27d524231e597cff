#include "backend/sandbox/sql_analyze.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "backend/core/text.h"

void sql_error(sql_analysis *a, size_t pos, const char *fmt, ...)
{
    char message[1400];
    va_list ap;

    if (a->failed)
        return;
    a->failed = true;
    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    sql_position at = sql_position_of(a->request->text, pos);
    bw_status status =
        bq_error_set(a->err, "invalidQuery", "query", "%s at [%d:%d]", message, at.line, at.column);
    (void)status;
}

const char *sql_printf(sql_analysis *a, const char *fmt, ...)
{
    bw_buf text = BW_BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    char *heap;
    int n = vasprintf(&heap, fmt, ap);
    va_end(ap);
    if (n < 0)
        return "";
    bw_buf_add(&text, heap, (size_t)n);
    free(heap);
    const char *copy = bw_arena_strndup(a->arena, text.ptr, text.len);
    bw_buf_fini(&text);
    return copy;
}

int sql_next(sql_analysis *a)
{
    return ++a->next_id;
}

void *sql_list_grow(sql_analysis *a, void *items, size_t *count, size_t size)
{
    size_t n = *count;
    void *out = items;

    if (n == 0 || (n >= 4 && (n & (n - 1)) == 0)) {
        out = bw_arena_zalloc(a->arena, size * (n < 4 ? 4 : n * 2));
        if (n > 0)
            memcpy(out, items, size * n);
    }
    *count = n + 1;
    return out;
}

bool sql_slice_equal(bw_slice a, bw_slice b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.ptr, b.ptr, a.len) == 0);
}

bool sql_name_equal(bw_slice a, const char *b)
{
    return sql_slice_equal(a, bw_slice_cstr(b));
}

const char *sql_suggest(sql_analysis *a, bw_slice name, const char *const *names, size_t count)
{
    const char *word = bw_arena_strndup(a->arena, name.ptr, name.len);
    /* Anything is near to a very short name. */
    const char *near = count && name.len > 2 ? bw_nearest(word, names, count) : NULL;

    return near ? sql_printf(a, "; Did you mean %s?", near) : "";
}

/* ---- Constants --------------------------------------------------------------------------------- */

static void add_hex(bw_buf *out, bw_slice s)
{
    bw_buf_adds(out, "x'");
    for (size_t i = 0; i < s.len; i++)
        bw_buf_addf(out, "%02x", (unsigned char)s.ptr[i]);
    bw_buf_addc(out, '\'');
}

static void add_text(bw_buf *out, bw_slice s)
{
    if (s.len > 0 && memchr(s.ptr, '\0', s.len)) {
        bw_buf_adds(out, "CAST(");
        add_hex(out, s);
        bw_buf_adds(out, " AS TEXT)");
        return;
    }
    bw_buf_addc(out, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\'')
            bw_buf_addc(out, '\'');
        bw_buf_addc(out, s.ptr[i]);
    }
    bw_buf_addc(out, '\'');
}

const char *sql_value_text(sql_analysis *a, const bq_value *v)
{
    bw_buf out = BW_BUF_INIT;

    switch (v->cls) {
    case BQ_NULL:
        bw_buf_adds(&out, "NULL");
        break;
    case BQ_INT:
        /* Not a bare number: in ORDER BY and GROUP BY that would be a column's position. */
        if (v->i < 0)
            bw_buf_addf(&out, "(%lld)", (long long)v->i);
        else
            bw_buf_addf(&out, "%lld", (long long)v->i);
        break;
    case BQ_TEXT:
        add_text(&out, v->s);
        break;
    case BQ_BLOB:
        add_hex(&out, v->s);
        break;
    }
    const char *text = bw_arena_strndup(a->arena, out.ptr, out.len);
    bw_buf_fini(&out);
    return text;
}

static const char *add_bind(sql_analysis *a, sql_bind bind)
{
    *SQL_ADD(a, a->binds, a->bind_count) = bind;
    return sql_printf(a, "?%zu", a->bind_count);
}

const char *sql_bind_value(sql_analysis *a, const bq_value *v)
{
    for (size_t i = 0; i < a->bind_count; i++) {
        const sql_bind *b = &a->binds[i];
        if (!b->type && b->value.cls == v->cls && b->value.i == v->i &&
            bw_slice_eq(b->value.s, v->s))
            return sql_printf(a, "?%zu", i + 1);
    }
    return add_bind(a, (sql_bind){.value = *v});
}

const char *sql_bind_type(sql_analysis *a, const bq_field *type)
{
    const char *name = sql_type_name(a, type);

    for (size_t i = 0; i < a->bind_count; i++) {
        if (a->binds[i].type && strcmp(sql_type_name(a, a->binds[i].type), name) == 0)
            return sql_printf(a, "?%zu", i + 1);
    }
    bq_field *copy = BW_ARENA_NEW(a->arena, bq_field);
    bq_field_copy(a->arena, type, copy);
    return add_bind(a, (sql_bind){.type = copy});
}

/* ---- Types ------------------------------------------------------------------------------------- */

bq_field sql_type(bq_kind kind)
{
    return (bq_field){.name = "", .kind = kind};
}

bq_field sql_array_of(bq_field element)
{
    element.mode = BQ_REPEATED;
    return element;
}

bq_field sql_element_of(const bq_field *array)
{
    bq_field element = *array;

    element.mode = BQ_NULLABLE;
    return element;
}

const char *sql_type_name(sql_analysis *a, const bq_field *type)
{
    bw_buf out = BW_BUF_INIT;

    bq_type_print(type, &out);
    const char *text = bw_arena_strndup(a->arena, out.ptr, out.len);
    bw_buf_fini(&out);
    return text;
}

sql_typed sql_make(bq_kind kind, const char *sql, size_t pos)
{
    return (sql_typed){.type = sql_type(kind), .sql = sql, .pos = pos, .constant = true};
}

void sql_inherit(sql_typed *to, const sql_typed *from)
{
    to->constant = to->constant && from->constant;
    to->aggregate = to->aggregate || from->aggregate;
    if (!to->ungrouped) {
        to->ungrouped = from->ungrouped;
        to->ungrouped_pos = from->ungrouped_pos;
    }
}

const char *sql_tuple(sql_analysis *a, const sql_typed *items, size_t count)
{
    bw_buf out = BW_BUF_INIT;
    const size_t most = 100;

    bw_buf_adds(&out, count > most ? "bq_concat_tuples(" : "");
    for (size_t from = 0; from == 0 || from < count; from += most) {
        bw_buf_adds(&out, from ? ",bq_tuple(" : "bq_tuple(");
        for (size_t i = from; i < count && i < from + most; i++) {
            bw_buf_adds(&out, i > from ? "," : "");
            bw_buf_adds(&out, items[i].sql);
        }
        bw_buf_addc(&out, ')');
    }
    bw_buf_adds(&out, count > most ? ")" : "");
    const char *text = bw_arena_strndup(a->arena, out.ptr, out.len);
    bw_buf_fini(&out);
    return text;
}

static const char *argument_types(sql_analysis *a, const sql_typed *args, size_t count)
{
    bw_buf out = BW_BUF_INIT;

    for (size_t i = 0; i < count; i++) {
        bw_buf_adds(&out, i ? ", " : "");
        bw_buf_adds(&out, args[i].literal == SQL_L_NULL ? "NULL" : sql_type_name(a, &args[i].type));
    }
    const char *text = bw_arena_strndup(a->arena, out.ptr, out.len);
    bw_buf_fini(&out);
    return text;
}

void sql_no_signature(sql_analysis *a, size_t pos, const char *what, const sql_typed *args,
                      size_t count, const char *supported)
{
    if (count == 0)
        sql_error(a, pos, "No matching signature for %s with no arguments. Supported %s", what,
                  supported);
    else
        sql_error(a, pos, "No matching signature for %s for argument types: %s. Supported %s", what,
                  argument_types(a, args, count), supported);
}
