/* The order-preserving encoding of values and keys. Covers: sandbox/ds_order. */
#include "tests/support/test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "backend/sandbox/ds_order.h"

static ds_value integer(ds_type type, int64_t i)
{
    ds_value v = {.type = type};
    v.as.integer = i;
    return v;
}

static ds_value number(double d)
{
    ds_value v = {.type = DS_DOUBLE};
    v.as.number = d;
    return v;
}

static ds_value text(ds_type type, const char *bytes, size_t len)
{
    ds_value v = {.type = type};
    v.as.bytes = (bw_slice){bytes, len};
    return v;
}

static ds_value point(double latitude, double longitude)
{
    ds_value v = {.type = DS_GEO_POINT};
    v.as.geo.latitude = latitude;
    v.as.geo.longitude = longitude;
    return v;
}

static ds_value reference(const ds_key *key)
{
    ds_value v = {.type = DS_KEY};
    v.as.key = key;
    return v;
}

static int compare(bw_slice a, bw_slice b)
{
    int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static bool same_bytes(const ds_value *a, const ds_value *b)
{
    bw_buf x = BW_BUF_INIT, y = BW_BUF_INIT;
    ds_print_value(&x, a);
    ds_print_value(&y, b);
    bool same = bw_slice_eq(bw_buf_slice(&x), bw_buf_slice(&y));
    bw_buf_fini(&x);
    bw_buf_fini(&y);
    return same;
}

/* Every value sorts after the one before it and is read back as it was. */
static void assert_ascending(const ds_value *values, size_t count)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_buf before = BW_BUF_INIT, now = BW_BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        ds_value back;
        bw_buf_clear(&now);
        ds_order_add_value(&now, &values[i]);
        if (i && compare(bw_buf_slice(&before), bw_buf_slice(&now)) >= 0)
            fail_msg("value %zu does not sort after value %zu", i, i - 1);
        assert_true(ds_order_read_value(&arena, bw_buf_slice(&now), &back));
        if (!same_bytes(&values[i], &back))
            fail_msg("value %zu is not read back as it was", i);
        assert_int_equal(ds_order_type(bw_buf_slice(&now)), values[i].type);
        bw_buf_clear(&before);
        bw_buf_add(&before, now.ptr, now.len);
    }
    bw_buf_fini(&before);
    bw_buf_fini(&now);
    bw_arena_fini(&arena);
}

static ds_path_element paths[][2] = {
    {{BW_SLICE_LIT("A"), {NULL, 0}, -5}},
    {{BW_SLICE_LIT("A"), {NULL, 0}, 1}},
    {{BW_SLICE_LIT("A"), {NULL, 0}, 1}, {BW_SLICE_LIT("A"), {NULL, 0}, 9}},
    {{BW_SLICE_LIT("A"), {NULL, 0}, 1}, {BW_SLICE_LIT("B"), {NULL, 0}, 1}},
    {{BW_SLICE_LIT("A"), {NULL, 0}, 2}},
    {{BW_SLICE_LIT("A"), BW_SLICE_LIT("0"), 0}},
    {{BW_SLICE_LIT("A"), BW_SLICE_LIT("a"), 0}},
    {{BW_SLICE_LIT("A"), BW_SLICE_LIT("a"), 0}, {BW_SLICE_LIT("A"), {NULL, 0}, 1}},
    {{BW_SLICE_LIT("A"), BW_SLICE_LIT("a\0"), 0}},
    {{BW_SLICE_LIT("A"), BW_SLICE_LIT("a\0b"), 0}},
    {{BW_SLICE_LIT("A"), BW_SLICE_LIT("a\001"), 0}},
    {{BW_SLICE_LIT("A"), BW_SLICE_LIT("\xC3\xA9"), 0}},
    {{BW_SLICE_LIT("A\0"), {NULL, 0}, 1}},
    {{BW_SLICE_LIT("B"), {NULL, 0}, 1}},
};

static ds_key key_of(size_t i)
{
    return (ds_key){"p", "", "", paths[i], paths[i][1].kind.len ? 2 : 1};
}

static void values_of_all_types_sort_as_documented(void **state)
{
    (void)state;
    ds_key first = key_of(0), last = key_of(BW_COUNT(paths) - 1);
    const ds_value values[] = {
        {.type = DS_NULL},
        integer(DS_INTEGER, INT64_MIN),
        integer(DS_INTEGER, -1),
        integer(DS_INTEGER, 0),
        integer(DS_INTEGER, 9007199254740993),
        integer(DS_INTEGER, INT64_MAX),
        integer(DS_TIMESTAMP, -62135596800000000),
        integer(DS_TIMESTAMP, 1700000000000001),
        integer(DS_BOOLEAN, 0),
        integer(DS_BOOLEAN, 1),
        text(DS_BLOB, "", 0),
        text(DS_BLOB, "\0", 1),
        text(DS_BLOB, "\xFF", 1),
        text(DS_STRING, "", 0),
        text(DS_STRING, "\0", 1),
        text(DS_STRING, "\0\xFF", 2),
        text(DS_STRING, "B", 1),
        text(DS_STRING, "a", 1),
        text(DS_STRING, "a\0", 2),
        text(DS_STRING, "aa", 2),
        text(DS_STRING, "\xC3\xA9", 2),
        text(DS_STRING, "\xF0\x9F\x98\x80", 4),
        number(NAN),
        number(-INFINITY),
        number(-DBL_MAX),
        number(-1.5),
        number(-DBL_TRUE_MIN),
        number(0.0),
        number(DBL_TRUE_MIN),
        number(0.1),
        number(1),
        number(DBL_MAX),
        number(INFINITY),
        point(-90, 180),
        point(0, -180),
        point(0, 0),
        point(90, -180),
        reference(&first),
        reference(&last),
    };
    assert_ascending(values, BW_COUNT(values));
}

static void the_two_zeros_are_one_value(void **state)
{
    (void)state;
    bw_buf a = BW_BUF_INIT, b = BW_BUF_INIT;
    ds_value plus = number(0.0), minus = number(-0.0);
    ds_order_add_value(&a, &plus);
    ds_order_add_value(&b, &minus);
    assert_true(bw_slice_eq(bw_buf_slice(&a), bw_buf_slice(&b)));
    bw_buf_fini(&a);
    bw_buf_fini(&b);
}

static void paths_sort_by_their_elements(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_buf before = BW_BUF_INIT, now = BW_BUF_INIT;
    for (size_t i = 0; i < BW_COUNT(paths); i++) {
        ds_key key = key_of(i), back = key;
        bw_buf_clear(&now);
        ds_order_add_path(&now, &key);
        if (i && compare(bw_buf_slice(&before), bw_buf_slice(&now)) >= 0)
            fail_msg("path %zu does not sort after path %zu", i, i - 1);
        assert_true(ds_order_read_path(&arena, bw_buf_slice(&now), &back));
        assert_int_equal(back.count, key.count);
        for (size_t k = 0; k < key.count; k++) {
            assert_true(bw_slice_eq(back.path[k].kind, key.path[k].kind));
            assert_true(bw_slice_eq(back.path[k].name, key.path[k].name));
            assert_int_equal(back.path[k].id, key.path[k].id);
        }
        bw_buf_clear(&before);
        bw_buf_add(&before, now.ptr, now.len);
    }
    bw_buf_fini(&before);
    bw_buf_fini(&now);
    bw_arena_fini(&arena);
}

/* The range of an ancestor holds itself and its descendants and nobody else. */
static void an_ancestor_is_a_range(void **state)
{
    (void)state;
    bw_buf from = BW_BUF_INIT, to = BW_BUF_INIT, path = BW_BUF_INIT;
    for (size_t i = 0; i < BW_COUNT(paths); i++) {
        ds_key ancestor = key_of(i);
        if (ancestor.count != 1)
            continue;
        bw_buf_clear(&from);
        bw_buf_clear(&to);
        ds_order_add_path(&from, &ancestor);
        ds_order_add_path_end(&to, &ancestor);
        for (size_t k = 0; k < BW_COUNT(paths); k++) {
            ds_key key = key_of(k);
            bool below = bw_slice_eq(key.path[0].kind, ancestor.path[0].kind) &&
                         bw_slice_eq(key.path[0].name, ancestor.path[0].name) &&
                         key.path[0].id == ancestor.path[0].id;
            bw_buf_clear(&path);
            ds_order_add_path(&path, &key);
            bool within = compare(bw_buf_slice(&path), bw_buf_slice(&from)) >= 0 &&
                          compare(bw_buf_slice(&path), bw_buf_slice(&to)) < 0;
            assert_int_equal(within, below);
        }
    }
    bw_buf_fini(&from);
    bw_buf_fini(&to);
    bw_buf_fini(&path);
}

static void damaged_bytes_are_refused(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_buf whole = BW_BUF_INIT;
    ds_key key = key_of(3);
    ds_value value = reference(&key), back;
    ds_order_add_value(&whole, &value);
    for (size_t len = 0; len < whole.len; len++) {
        char *copy = bw_xmalloc(len + 1); /* of exactly this size: overruns show */
        memcpy(copy, whole.ptr, len);
        bool whole_element = ds_order_read_value(&arena, (bw_slice){copy, len}, &back);
        /* Cut behind its first element it is the ancestor's key. */
        assert_true(!whole_element || back.as.key->count == 1);
        free(copy);
    }
    assert_false(ds_order_read_value(&arena, BW_SLICE_LIT("\x7F"), &back));
    assert_false(ds_order_read_value(&arena, BW_SLICE_LIT("\x02\x01"), &back));
    assert_false(ds_order_read_value(&arena, BW_SLICE_LIT("\x01\x01"), &back));
    bw_buf_fini(&whole);
    bw_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_all_types_sort_as_documented),
        cmocka_unit_test(the_two_zeros_are_one_value),
        cmocka_unit_test(paths_sort_by_their_elements),
        cmocka_unit_test(an_ancestor_is_a_range),
        cmocka_unit_test(damaged_bytes_are_refused),
    };
    return BW_RUN_TESTS(tests);
}
