/*
 * How a table's schema may change: columns are added and relaxed, never dropped or retyped.
 */
#include <stdio.h>

#include "backend/sandbox/bq_type.h"

typedef struct evolution {
    bw_arena *arena;
    const char *table;
    bq_evolution how;
    bq_error *err;
} evolution;

static bw_status mismatch(const evolution *e, const char *fmt, ...) BW_PRINTF(2, 3);

static bw_status mismatch(const evolution *e, const char *fmt, ...)
{
    char detail[800];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);
    return bq_error_set(e->err, "invalid", NULL, "Provided Schema does not match Table %s. %s",
                        e->table, detail);
}

static bool parameters_widen(const bq_field *from, const bq_field *to)
{
    if (from->max_length != to->max_length && to->max_length != 0 &&
        (from->max_length == 0 || to->max_length < from->max_length))
        return false;
    if (to->precision == 0 || (from->precision == to->precision && from->scale == to->scale))
        return true;
    return from->precision != 0 && to->scale >= from->scale &&
           to->precision - to->scale >= from->precision - from->scale;
}

static bw_status evolve_schema(const evolution *e, const char *path, const bq_schema *from,
                               const bq_schema *to, bq_schema *merged);

static bw_status evolve_field(const evolution *e, const char *path, const bq_field *from,
                              const bq_field *to, bq_field *merged)
{
    static const char *const modes[] = {"NULLABLE", "REQUIRED", "REPEATED"};

    if (from->kind != to->kind)
        return mismatch(e, "Field %s has changed type from %s to %s", path,
                        bq_kind_rest(from->kind), bq_kind_rest(to->kind));
    bool relaxed = from->mode == BQ_REQUIRED && to->mode == BQ_NULLABLE && e->how.allow_relaxation;
    if (from->mode != to->mode && !relaxed)
        return mismatch(e, "Field %s has changed mode from %s to %s", path, modes[from->mode],
                        modes[to->mode]);
    if (!parameters_widen(from, to))
        return mismatch(e, "Field %s has incompatible type parameters", path);
    bq_field_copy(e->arena, to, merged);
    if (!to->description && from->description && e->how.allow_missing)
        merged->description = bw_arena_strdup(e->arena, from->description);
    return evolve_schema(e, path, &from->fields, &to->fields, &merged->fields);
}

static bw_status evolve_schema(const evolution *e, const char *path, const bq_schema *from,
                               const bq_schema *to, bq_schema *merged)
{
    size_t count = 0;
    bq_field *fields = BW_ARENA_ARRAY(e->arena, bq_field, from->count + to->count + 1);

    for (size_t i = 0; i < from->count; i++) {
        const bq_field *f = &from->fields[i];
        const char *name = bw_arena_printf(e->arena, "%s%s%s", path, *path ? "." : "", f->name);
        int at = bq_schema_find(to, bw_slice_cstr(f->name));
        if (at < 0 && !e->how.allow_missing)
            return mismatch(e, "Field %s is missing in new schema", name);
        bw_status status = BW_OK;
        if (at < 0)
            bq_field_copy(e->arena, f, &fields[count]);
        else
            status = evolve_field(e, name, f, &to->fields[at], &fields[count]);
        if (status != BW_OK)
            return status;
        count++;
    }
    for (size_t i = 0; i < to->count; i++) {
        const bq_field *f = &to->fields[i];
        if (bq_schema_find(from, bw_slice_cstr(f->name)) >= 0)
            continue;
        const char *name = bw_arena_printf(e->arena, "%s%s%s", path, *path ? "." : "", f->name);
        if (!e->how.allow_addition)
            return mismatch(e, "Cannot add fields (field: %s)", name);
        if (f->mode == BQ_REQUIRED)
            return mismatch(e, "Cannot add required fields to an existing schema. (field: %s)",
                            name);
        bq_field_copy(e->arena, f, &fields[count++]);
    }
    *merged = (bq_schema){fields, count};
    return BW_OK;
}

bw_status bq_schema_evolve(bw_arena *arena, const char *table, const bq_schema *from,
                           const bq_schema *to, bq_evolution how, bq_schema *merged, bq_error *err)
{
    evolution e = {arena, table, how, err};
    return evolve_schema(&e, "", from, to, merged);
}
