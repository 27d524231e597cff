/* What the transforms of a mutation do to an entity's properties. */
#include <math.h>

#include "backend/sandbox/ds_mutation.h"

typedef struct transformer {
    bw_arena *arena;
    int64_t request_us;
    const ds_transform *transform;
} transformer;

/* Gets the property's value, or NULL when it is missing, and sets *now. */
typedef void apply_transform(const transformer *x, const ds_value *before, ds_value *now);

static void set_time(const transformer *x, const ds_value *before, ds_value *now)
{
    (void)before;
    *now = (ds_value){.type = DS_TIMESTAMP};
    now->as.integer = x->request_us - (x->request_us % 1000 + 1000) % 1000;
}

static bool is_number(const ds_value *value)
{
    return value && (value->type == DS_INTEGER || value->type == DS_DOUBLE);
}

static double as_double(const ds_value *value)
{
    return value->type == DS_INTEGER ? (double)value->as.integer : value->as.number;
}

/* Integers stop at their limits instead of wrapping round. */
static void increment(const transformer *x, const ds_value *before, ds_value *now)
{
    const ds_value *by = &x->transform->value;
    *now = *by;
    if (!is_number(before))
        return;
    if (before->type == DS_INTEGER && by->type == DS_INTEGER) {
        if (__builtin_add_overflow(before->as.integer, by->as.integer, &now->as.integer))
            now->as.integer = by->as.integer > 0 ? INT64_MAX : INT64_MIN;
        return;
    }
    *now = (ds_value){.type = DS_DOUBLE};
    now->as.number = as_double(before) + as_double(by);
}

/* Exact also where a 64-bit integer has no double. NaN is handled before. */
static int compare_numbers(const ds_value *a, const ds_value *b)
{
    if (a->type == DS_INTEGER && b->type == DS_INTEGER)
        return (a->as.integer > b->as.integer) - (a->as.integer < b->as.integer);
    if (a->type == DS_DOUBLE && b->type == DS_DOUBLE)
        return (a->as.number > b->as.number) - (a->as.number < b->as.number);
    if (a->type == DS_DOUBLE)
        return -compare_numbers(b, a);
    double d = b->as.number;
    if (d >= 9223372036854775808.0)
        return -1;
    if (d < -9223372036854775808.0)
        return 1;
    int64_t whole = (int64_t)d;
    if (a->as.integer != whole)
        return a->as.integer > whole ? 1 : -1;
    return (d < (double)whole) - (d > (double)whole);
}

/* NaN wins; what is equal stays as it is. */
static void extreme(const transformer *x, const ds_value *before, ds_value *now, int sign)
{
    const ds_value *other = &x->transform->value;
    *now = *other;
    if (!is_number(before) || (other->type == DS_DOUBLE && isnan(other->as.number)))
        return;
    bool keep = (before->type == DS_DOUBLE && isnan(before->as.number)) ||
                compare_numbers(before, other) * sign >= 0;
    if (keep)
        *now = *before;
}

static void maximum(const transformer *x, const ds_value *before, ds_value *now)
{
    extreme(x, before, now, 1);
}

static void minimum(const transformer *x, const ds_value *before, ds_value *now)
{
    extreme(x, before, now, -1);
}

/* As the service compares them: 3 and 3.0 are the same element. */
static bool same_element(const ds_value *a, const ds_value *b)
{
    if (is_number(a) && is_number(b))
        return (a->type == DS_DOUBLE && isnan(a->as.number)) ||
                       (b->type == DS_DOUBLE && isnan(b->as.number))
                   ? isnan(as_double(a)) && isnan(as_double(b))
                   : compare_numbers(a, b) == 0;
    ds_value x = *a, y = *b;
    x.unindexed = y.unindexed = false;
    bw_buf one = BW_BUF_INIT, other = BW_BUF_INIT;
    ds_print_value(&one, &x);
    ds_print_value(&other, &y);
    bool same = bw_slice_eq(bw_buf_slice(&one), bw_buf_slice(&other));
    bw_buf_fini(&one);
    bw_buf_fini(&other);
    return same;
}

static bool holds(const ds_value *array, const ds_value *element)
{
    for (size_t i = 0; i < array->as.array.count; i++) {
        if (same_element(&array->as.array.items[i], element))
            return true;
    }
    return false;
}

/* An array with room for `room` elements, holding those of `from` when that is an array. */
static ds_value new_array(const transformer *x, size_t room)
{
    ds_value array = {.type = DS_ARRAY};
    array.as.array.items = BW_ARENA_ARRAY(x->arena, ds_value, room + 1);
    return array;
}

static void append_missing(const transformer *x, const ds_value *before, ds_value *now)
{
    const ds_value *added = &x->transform->value;
    size_t have = before && before->type == DS_ARRAY ? before->as.array.count : 0;
    *now = new_array(x, have + added->as.array.count);
    for (size_t i = 0; i < have; i++)
        now->as.array.items[now->as.array.count++] = before->as.array.items[i];
    for (size_t i = 0; i < added->as.array.count; i++) {
        if (!holds(now, &added->as.array.items[i]))
            now->as.array.items[now->as.array.count++] = added->as.array.items[i];
    }
}

static void remove_all(const transformer *x, const ds_value *before, ds_value *now)
{
    size_t have = before && before->type == DS_ARRAY ? before->as.array.count : 0;
    *now = new_array(x, have);
    for (size_t i = 0; i < have; i++) {
        if (!holds(&x->transform->value, &before->as.array.items[i]))
            now->as.array.items[now->as.array.count++] = before->as.array.items[i];
    }
}

static apply_transform *const appliers[] = {
    [DS_SET_TO_SERVER_VALUE] = set_time,
    [DS_INCREMENT] = increment,
    [DS_MAXIMUM] = maximum,
    [DS_MINIMUM] = minimum,
    [DS_APPEND_MISSING] = append_missing,
    [DS_REMOVE_ALL] = remove_all,
};

/* The entity that holds the property at a path: outer.inner is within an embedded one, unless a
   property has just this name. Leaves the last name in *path. */
static ds_entity *holder_of(ds_entity *entity, bw_slice *path)
{
    for (;;) {
        const char *dot = memchr(path->ptr, '.', path->len);
        if (!dot || ds_entity_find(entity, *path))
            return entity;
        bw_slice outer = {path->ptr, (size_t)(dot - path->ptr)};
        ds_property *p = ds_entity_find(entity, outer);
        if (!p || p->value.type != DS_ENTITY)
            return entity;
        entity = p->value.as.entity;
        *path = (bw_slice){dot + 1, path->len - outer.len - 1};
    }
}

bw_status ds_transform_apply(bw_arena *arena, const ds_mutation *mutation, int64_t request_us,
                             ds_entity *entity, ds_value *results, bw_error *err)
{
    for (size_t i = 0; i < mutation->transform_count; i++) {
        const ds_transform *t = &mutation->transforms[i];
        transformer x = {arena, request_us, t};
        bw_slice name = t->property;
        ds_entity *holder = holder_of(entity, &name);
        ds_property *p = ds_entity_find(holder, name);
        ds_value now;
        appliers[t->kind](&x, p ? &p->value : NULL, &now);
        now.unindexed = p && now.type != DS_ARRAY && p->value.unindexed;
        ds_entity_set(arena, holder, name, &now);
        bool of_array = t->kind == DS_APPEND_MISSING || t->kind == DS_REMOVE_ALL;
        results[i] = of_array ? (ds_value){.type = DS_NULL} : now;
    }
    return mutation->transform_count ? ds_entity_check(entity, err) : BW_OK;
}
