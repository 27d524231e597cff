/* Datastore's values and keys against plain JSON, as tables of cases, both ways. */
#include "tests/support/test.h"

#include "backend/core/json.h"
#include "backend/google/entity.h"

static void give(bw_buf *out, const char *text, size_t n)
{
    bw_buf_clear(out);
    bw_buf_add(out, text, n);
}

/* ---- plain JSON to values --------------------------------------------------------------- */

static const struct {
    const char *json, *properties;
} kept[] = {
    {"{}", "{}"},
    {" {\"a\" : null} ", "{\"a\":{\"nullValue\":null}}"},
    {"{\"a\":true,\"b\":false}", "{\"a\":{\"booleanValue\":true},\"b\":{\"booleanValue\":false}}"},
    {"{\"n\":0}", "{\"n\":{\"integerValue\":\"0\"}}"},
    {"{\"n\":9223372036854775807}", "{\"n\":{\"integerValue\":\"9223372036854775807\"}}"},
    {"{\"n\":-9223372036854775808}", "{\"n\":{\"integerValue\":\"-9223372036854775808\"}}"},
    {"{\"n\":-0}", "{\"n\":{\"doubleValue\":-0}}"},
    {"{\"n\":1.0}", "{\"n\":{\"doubleValue\":1.0}}"},
    {"{\"n\":1e3}", "{\"n\":{\"doubleValue\":1e3}}"},
    {"{\"n\":0.1}", "{\"n\":{\"doubleValue\":0.1}}"},
    {"{\"n\":1.7976931348623157e308}", "{\"n\":{\"doubleValue\":1.7976931348623157e308}}"},
    {"{\"s\":\"\"}", "{\"s\":{\"stringValue\":\"\"}}"},
    {"{\"s\":\"\\u0000\\ud83d\\ude00 \\\" é\"}",
     "{\"s\":{\"stringValue\":\"\\u0000\\ud83d\\ude00 \\\" é\"}}"},
    {"{\"s\":\"2026-11-20T08:37:00Z\"}", "{\"s\":{\"stringValue\":\"2026-11-20T08:37:00Z\"}}"},
    {"{\"a\":[]}", "{\"a\":{\"arrayValue\":{\"values\":[]}}}"},
    {"{\"a\":[1,\"x\",null]}", "{\"a\":{\"arrayValue\":{\"values\":[{\"integerValue\":\"1\"},"
                               "{\"stringValue\":\"x\"},{\"nullValue\":null}]}}}"},
    {"{\"o\":{\"x\":[{\"y\":1}]}}",
     "{\"o\":{\"entityValue\":{\"properties\":{\"x\":{\"arrayValue\":{\"values\":[{\"entityValue\":"
     "{\"properties\":{\"y\":{\"integerValue\":\"1\"}}}}]}}}}}}"},
    {"{\"a\":{\"a\":1},\"b\":{\"a\":1}}",
     "{\"a\":{\"entityValue\":{\"properties\":{\"a\":{\"integerValue\":\"1\"}}}},"
     "\"b\":{\"entityValue\":{\"properties\":{\"a\":{\"integerValue\":\"1\"}}}}}"},
};

static void test_plain_json_becomes_values(void **state)
{
    (void)state;
    bw_buf out = BW_BUF_INIT;
    for (size_t i = 0; i < BW_COUNT(kept); i++) {
        bw_entity_problem problem = {.reason = BW_REASON_NONE};
        give(&out, "before:", 7);
        bw_reason reason = bw_entity_from_json(bw_slice_cstr(kept[i].json), &out, &problem);
        if (reason != BW_REASON_NONE)
            fail_msg("%s: %s %s", kept[i].json, bw_reason_name(reason), problem.detail);
        assert_string_equal(bw_buf_cstr(&out) + 7, kept[i].properties);
    }
    bw_buf_fini(&out);
}

#define SEVEN(x) x x x x x x x

static const struct {
    const char *json;
    bw_reason reason;
    const char *where;
} refused[] = {
    {"", BW_REASON_JSON_INVALID, ""},
    {"[1]", BW_REASON_JSON_INVALID, ""},
    {"{\"a\":}", BW_REASON_JSON_INVALID, ""},
    {"{} {}", BW_REASON_JSON_INVALID, ""},
    {"{\"a\":\"\xff\"}", BW_REASON_BAD_UTF8, ""},
    {"{\"a\":{\"b\":\"\\ud800\"}}", BW_REASON_BAD_UTF8, "a.b"},
    {"{\"\\udc00\":1}", BW_REASON_BAD_UTF8, ""},
    {"{\"n\":9223372036854775808}", BW_REASON_NUMERIC_OVERFLOW, "n"},
    {"{\"n\":[1,-9223372036854775809]}", BW_REASON_NUMERIC_OVERFLOW, "n[1]"},
    {"{\"n\":1e400}", BW_REASON_NUMERIC_OVERFLOW, "n"},
    {"{\"n\":0.12345678901234567890}", BW_REASON_JSON_WIDE_NUMBER, "n"},
    {"{\"n\":1e-400}", BW_REASON_JSON_WIDE_NUMBER, "n"},
    {"{\"a\":[[1]]}", BW_REASON_ARRAY_DIMS, "a[0]"},
    {"{\"a\":1,\"a\":1}", BW_REASON_JSON_DUPLICATE, ""},
    {"{\"o\":{\"a\":1,\"\\u0061\":2}}", BW_REASON_JSON_DUPLICATE, ""},
    {"{\"\":1}", BW_REASON_BAD_VALUE, ""},
    {"{\"__key__\":1}", BW_REASON_BAD_VALUE, "__key__"},
    {"{" SEVEN(SEVEN("\"o\":{")) "\"x\":1" SEVEN(SEVEN("}")) "}", BW_REASON_JSON_DEPTH,
     "o.o.o.o.o.o.o.o.o.o.o.o.o.o.o.o.o.o.o.o.o"},
};

static void test_what_cannot_be_kept_is_refused_with_its_place(void **state)
{
    (void)state;
    bw_buf out = BW_BUF_INIT;
    for (size_t i = 0; i < BW_COUNT(refused); i++) {
        bw_entity_problem problem = {.reason = BW_REASON_NONE};
        give(&out, "before", 6);
        bw_reason reason = bw_entity_from_json(bw_slice_cstr(refused[i].json), &out, &problem);
        if (reason != refused[i].reason)
            fail_msg("%s: %s", refused[i].json, bw_reason_name(reason));
        assert_int_equal(problem.reason, reason);
        assert_string_equal(problem.where, refused[i].where);
        assert_true(problem.detail[0] != '\0');
        assert_string_equal(bw_buf_cstr(&out), "before");
    }
    bw_buf_fini(&out);
}

static void fill(bw_buf *out, const char *before, char c, size_t n, const char *after)
{
    bw_buf_clear(out);
    bw_buf_adds(out, before);
    memset(bw_buf_reserve(out, n), c, n);
    out->len += n;
    bw_buf_adds(out, after);
}

static bool excluded(bw_buf *json)
{
    bw_buf out = BW_BUF_INIT;
    assert_int_equal(bw_entity_from_json(bw_buf_slice(json), &out, NULL), BW_REASON_NONE);
    bool is = strstr(bw_buf_cstr(&out), "\"excludeFromIndexes\":true") != NULL;
    bw_buf_fini(&out);
    return is;
}

static void test_long_values_are_kept_out_of_indexes(void **state)
{
    (void)state;
    bw_buf json = BW_BUF_INIT;
    fill(&json, "{\"s\":\"", 'x', 1500, "\"}");
    assert_false(excluded(&json));
    fill(&json, "{\"s\":\"", 'x', 1501, "\"}");
    assert_true(excluded(&json));
    /* 1,500 bytes however they are written */
    fill(&json, "{\"s\":\"\\u0078", 'x', 1499, "\"}");
    assert_false(excluded(&json));
    fill(&json, "{\"a\":[\"", 'x', 1600, "\",1]}");
    assert_true(excluded(&json));
    fill(&json, "{\"o\":{\"a\":[1,2", ' ', 1600, "]}}");
    assert_true(excluded(&json));
    fill(&json, "{\"s\":\"", 'x', BW_ENTITY_MAX_BYTES, "\"}");
    bw_buf out = BW_BUF_INIT;
    assert_int_equal(bw_entity_from_json(bw_buf_slice(&json), &out, NULL), BW_REASON_ROW_TOO_BIG);
    fill(&json, "{\"", 'n', 1501, "\":1}");
    assert_int_equal(bw_entity_from_json(bw_buf_slice(&json), &out, NULL), BW_REASON_BAD_VALUE);
    assert_int_equal(out.len, 0);
    bw_buf_fini(&out);
    bw_buf_fini(&json);
}

/* ---- values to plain JSON --------------------------------------------------------------- */

static const bw_partition home = {.project = "p"};

static const struct {
    const char *properties, *json;
} plain[] = {
    {"{}", "{}"},
    {"{\"b\":{\"booleanValue\":false}, \"a\":{\"nullValue\":null}}", "{\"a\":null,\"b\":false}"},
    {"{\"a\":{\"nullValue\":\"NULL_VALUE\"},\"b\":{\"nullValue\":0}}", "{\"a\":null,\"b\":null}"},
    {"{\"n\":{\"integerValue\":\"9007199254740993\"}}", "{\"n\":9007199254740993}"},
    {"{\"n\":{\"integerValue\":-7}}", "{\"n\":-7}"},
    {"{\"n\":{\"doubleValue\":1}}", "{\"n\":1.0}"},
    {"{\"n\":{\"doubleValue\":-0.0}}", "{\"n\":-0.0}"},
    {"{\"n\":{\"doubleValue\":0.10000000000000001}}", "{\"n\":0.1}"},
    {"{\"n\":{\"doubleValue\":5e-324}}", "{\"n\":5e-324}"},
    {"{\"n\":{\"doubleValue\":1E22}}", "{\"n\":1e+22}"},
    {"{\"n\":{\"doubleValue\":\"-Infinity\"},\"o\":{\"doubleValue\":\"NaN\"}}",
     "{\"n\":\"-Infinity\",\"o\":\"NaN\"}"},
    {"{\"s\":{\"stringValue\":\"\\u003ca\\u003e\\u0000\",\"excludeFromIndexes\":true}}",
     "{\"s\":\"<a>\\u0000\"}"},
    {"{\"t\":{\"timestampValue\":\"2023-11-14T22:13:20.120Z\",\"meaning\":18}}",
     "{\"t\":\"2023-11-14T22:13:20.12Z\"}"},
    {"{\"t\":{\"timestampValue\":\"2023-11-15T00:13:20+02:00\"}}",
     "{\"t\":\"2023-11-14T22:13:20Z\"}"},
    {"{\"t\":{\"timestampValue\":\"2023-11-14T22:13:20.123456000Z\"}}",
     "{\"t\":\"2023-11-14T22:13:20.123456Z\"}"},
    {"{\"b\":{\"blobValue\":\"aGk=\"}}", "{\"b\":\"aGk=\"}"},
    {"{\"g\":{\"geoPointValue\":{\"longitude\":-0.5}}}",
     "{\"g\":{\"latitude\":0.0,\"longitude\":-0.5}}"},
    {"{\"k\":{\"keyValue\":{\"partitionId\":{\"projectId\":\"p\",\"namespaceId\":\"n\"},"
     "\"path\":[{\"kind\":\"A\",\"id\":\"7\"},{\"kind\":\"B\",\"name\":\"x\"}]}}}",
     "{\"k\":{\"path\":[{\"kind\":\"A\",\"id\":\"7\"},{\"kind\":\"B\",\"name\":\"x\"}],"
     "\"namespace\":\"n\"}}"},
    {"{\"k\":{\"keyValue\":{\"partitionId\":{\"projectId\":\"q\",\"databaseId\":\"d\"},"
     "\"path\":[{\"kind\":\"A\",\"id\":7}]}}}",
     "{\"k\":{\"path\":[{\"kind\":\"A\",\"id\":\"7\"}],\"project\":\"q\",\"database\":\"d\"}}"},
    {"{\"a\":{\"arrayValue\":{}}}", "{\"a\":[]}"},
    {"{\"a\":{\"arrayValue\":{\"values\":[ {\"integerValue\":\"1\"} , {\"nullValue\":null}]}}}",
     "{\"a\":[1,null]}"},
    {"{\"o\":{\"entityValue\":{}}}", "{\"o\":{}}"},
    {"{\"o\":{\"entityValue\":{\"key\":{\"path\":[{\"kind\":\"A\",\"name\":\"x\"}]},"
     "\"properties\":{\"z\":{\"integerValue\":\"1\"},\"é\":{\"integerValue\":\"2\"},"
     "\"\\u0061\":{\"integerValue\":\"3\"}}}}}",
     "{\"o\":{\"__key__\":{\"path\":[{\"kind\":\"A\",\"name\":\"x\"}]},\"a\":3,\"z\":1,\"é\":2}}"},
};

static void test_values_become_plain_json(void **state)
{
    (void)state;
    bw_buf out = BW_BUF_INIT;
    for (size_t i = 0; i < BW_COUNT(plain); i++) {
        bw_entity_problem problem = {.reason = BW_REASON_NONE};
        bw_buf_clear(&out);
        bw_reason reason =
            bw_entity_to_json(bw_slice_cstr(plain[i].properties), &home, &out, &problem);
        if (reason != BW_REASON_NONE)
            fail_msg("%s: %s %s", plain[i].properties, bw_reason_name(reason), problem.detail);
        assert_string_equal(bw_buf_cstr(&out), plain[i].json);
        assert_true(bw_json_valid(bw_buf_slice(&out), NULL, NULL));
    }
    bw_buf_clear(&out);
    assert_int_equal(bw_entity_to_json((bw_slice){NULL, 0}, &home, &out, NULL), BW_REASON_NONE);
    assert_string_equal(bw_buf_cstr(&out), "{}");
    bw_buf_fini(&out);
}

static const struct {
    const char *properties;
    bw_reason reason;
    const char *where;
} hostile[] = {
    {"[]", BW_REASON_BAD_VALUE, ""},
    {"{\"a\":1}", BW_REASON_UNKNOWN_TYPE, "a"},
    {"{\"a\":{}}", BW_REASON_UNKNOWN_TYPE, "a"},
    {"{\"a\":{\"fooValue\":1}}", BW_REASON_UNKNOWN_TYPE, "a"},
    {"{\"a\":{\"integerValue\":\"1\",\"stringValue\":\"x\"}}", BW_REASON_UNKNOWN_TYPE, "a"},
    {"{\"a\":{\"integerValue\":\"1.5\"}}", BW_REASON_UNKNOWN_TYPE, "a"},
    {"{\"a\":{\"integerValue\":\"9223372036854775808\"}}", BW_REASON_UNKNOWN_TYPE, "a"},
    {"{\"a\":{\"integerValue\":null}}", BW_REASON_UNKNOWN_TYPE, "a"},
    {"{\"a\":{\"doubleValue\":\"abc\"}}", BW_REASON_UNKNOWN_TYPE, "a"},
    {"{\"a\":{\"doubleValue\":1e999}}", BW_REASON_NUMERIC_OVERFLOW, "a"},
    {"{\"a\":{\"timestampValue\":\"yesterday\"}}", BW_REASON_UNKNOWN_TYPE, "a"},
    {"{\"a\":{\"timestampValue\":\"2023-11-14\"}}", BW_REASON_UNKNOWN_TYPE, "a"},
    {"{\"a\":{\"timestampValue\":\"2023-11-14T22:13:20.1234567Z\"}}", BW_REASON_BAD_VALUE, "a"},
    {"{\"a\":{\"blobValue\":\"%%\"}}", BW_REASON_BAD_VALUE, "a"},
    {"{\"a\":{\"stringValue\":\"\\ud800\"}}", BW_REASON_BAD_UTF8, "a"},
    {"{\"a\":{\"keyValue\":{\"path\":[{\"kind\":\"A\"}]}}}", BW_REASON_BAD_VALUE, "a"},
    {"{\"a\":{\"keyValue\":{\"path\":[]}}}", BW_REASON_BAD_VALUE, "a"},
    {"{\"a\":{\"geoPointValue\":{\"latitude\":\"x\"}}}", BW_REASON_BAD_VALUE, "a"},
    {"{\"a\":{\"arrayValue\":{\"values\":{}}}}", BW_REASON_UNKNOWN_TYPE, "a"},
    {"{\"a\":{\"arrayValue\":{\"values\":[{\"arrayValue\":{}}]}}}", BW_REASON_BAD_VALUE, "a[0]"},
    {"{\"a\":{\"arrayValue\":{\"values\":[{\"integerValue\":\"1\"},2]}}}", BW_REASON_UNKNOWN_TYPE,
     "a[1]"},
    {"{\"a\":{\"entityValue\":{\"properties\":{\"b\":{}}}}}", BW_REASON_UNKNOWN_TYPE, "a.b"},
    {"{\"a\":{\"nullValue\":null},\"\\u0061\":{\"nullValue\":null}}", BW_REASON_JSON_DUPLICATE, ""},
};

static void test_values_of_the_wrong_shape_are_refused(void **state)
{
    (void)state;
    bw_buf out = BW_BUF_INIT;
    for (size_t i = 0; i < BW_COUNT(hostile); i++) {
        bw_entity_problem problem = {.reason = BW_REASON_NONE};
        bw_buf_clear(&out);
        bw_reason reason =
            bw_entity_to_json(bw_slice_cstr(hostile[i].properties), &home, &out, &problem);
        if (reason != hostile[i].reason)
            fail_msg("%s: %s", hostile[i].properties, bw_reason_name(reason));
        assert_string_equal(problem.where, hostile[i].where);
        assert_int_equal(out.len, 0);
    }
    bw_buf_fini(&out);
}

static void test_what_goes_in_comes_out(void **state)
{
    (void)state;
    static const char *const objects[] = {
        "{\"a\":[1,2.5,\"x\",null,true,{\"b\":{}}],\"n\":-9223372036854775808,\"z\":1e+300}",
        "{\"double\":1.0,\"int\":1,\"text\":\"\\u0000\\\"\\\\ \\n\"}",
    };
    bw_buf values = BW_BUF_INIT, back = BW_BUF_INIT;
    for (size_t i = 0; i < BW_COUNT(objects); i++) {
        bw_buf_clear(&values);
        bw_buf_clear(&back);
        assert_int_equal(bw_entity_from_json(bw_slice_cstr(objects[i]), &values, NULL), 0);
        assert_int_equal(bw_entity_to_json(bw_buf_slice(&values), NULL, &back, NULL), 0);
        assert_string_equal(bw_buf_cstr(&back), objects[i]);
    }
    bw_buf_fini(&values);
    bw_buf_fini(&back);
}

/* ---- one property ----------------------------------------------------------------------- */

static const char entity[] =
    "{\"key\":{\"path\":[{\"kind\":\"K\",\"id\":\"1\"}]},\"properties\":{"
    "\"i\":{\"integerValue\":\"42\"},\"b\":{\"booleanValue\":true},"
    "\"t\":{\"timestampValue\":\"1970-01-01T00:00:01.5Z\"},\"s\":{\"stringValue\":\"a\\nb\"},"
    "\"n\":{\"nullValue\":null}}}";

static void test_properties_are_read_as_their_own_type_only(void **state)
{
    (void)state;
    bw_slice e = bw_slice_cstr(entity);
    int64_t i = 0, us = 0;
    bool b = false;
    bw_buf s = BW_BUF_INIT;
    assert_true(bw_entity_int(e, "i", &i) && i == 42);
    assert_true(bw_entity_bool(e, "b", &b) && b);
    assert_true(bw_entity_time(e, "t", &us) && us == 1500000);
    assert_true(bw_entity_string(e, "s", &s));
    assert_string_equal(bw_buf_cstr(&s), "a\nb");
    static const char *const others[] = {"n", "absent", "i", "b", "t"};
    for (size_t k = 0; k < BW_COUNT(others); k++) {
        assert_false(bw_entity_string(e, others[k], &s));
        assert_true(k == 2 || !bw_entity_int(e, others[k], &i));
        assert_true(k == 3 || !bw_entity_bool(e, others[k], &b));
        assert_true(k == 4 || !bw_entity_time(e, others[k], &us));
    }
    assert_int_equal(s.len, 3);
    bw_buf_fini(&s);
}

static void test_the_size_follows_the_storage_rules(void **state)
{
    (void)state;
    /* 32; key 16 + K 2 + id 8; i 2+8, b 2+1, t 2+8, s 2+4, n 2+1 */
    assert_int_equal(bw_entity_size(bw_slice_cstr(entity)), 32 + 26 + 10 + 3 + 10 + 6 + 3);
}

/* ---- keys ------------------------------------------------------------------------------- */

static const struct {
    const char *path, *key;
} paths[] = {
    {"Customer/42", "[{\"kind\":\"Customer\",\"id\":\"42\"}]"},
    {"Customer/\"42\"", "[{\"kind\":\"Customer\",\"name\":\"42\"}]"},
    {"Customer/alice", "[{\"kind\":\"Customer\",\"name\":\"alice\"}]"},
    {"Customer/\"a/b\"", "[{\"kind\":\"Customer\",\"name\":\"a/b\"}]"},
    {"\"a/b\"/-7", "[{\"kind\":\"a/b\",\"id\":\"-7\"}]"},
    {"A/1/B C/é x", "[{\"kind\":\"A\",\"id\":\"1\"},{\"kind\":\"B C\",\"name\":\"é x\"}]"},
    {"A/\"-\"", "[{\"kind\":\"A\",\"name\":\"-\"}]"},
    {"A/\"\\\"\\\\\\u0001\"", "[{\"kind\":\"A\",\"name\":\"\\\"\\\\\\u0001\"}]"},
};

static void test_paths_are_read_back(void **state)
{
    (void)state;
    static const bw_partition where = {.project = "p", .database = "", .namespace = "n"};
    bw_buf key = BW_BUF_INIT, path = BW_BUF_INIT, wanted = BW_BUF_INIT;
    for (size_t i = 0; i < BW_COUNT(paths); i++) {
        bw_buf_clear(&key);
        bw_buf_clear(&path);
        bw_buf_clear(&wanted);
        bw_buf_addf(&wanted,
                    "{\"partitionId\":{\"projectId\":\"p\",\"namespaceId\":\"n\"},\"path\":%s}",
                    paths[i].key);
        assert_true(bw_key_path(bw_buf_slice(&wanted), &path));
        assert_string_equal(bw_buf_cstr(&path), paths[i].path);
        assert_true(bw_key_from_path(bw_buf_slice(&path), &where, &key));
        assert_string_equal(bw_buf_cstr(&key), bw_buf_cstr(&wanted));
    }
    static const char *const bad[] = {"",
                                      "A",
                                      "A/",
                                      "/1",
                                      "A/1/",
                                      "A/1/B",
                                      "A/007",
                                      "A/0",
                                      "A/\"x",
                                      "A/\"\"",
                                      "\"A\"1",
                                      "A/\"x\"y",
                                      "A//1",
                                      "A/1/\"B\"",
                                      "A/a\nb",
                                      "A/\xff",
                                      "A/99999999999999999999"};
    for (size_t i = 0; i < BW_COUNT(bad); i++) {
        give(&key, "x", 1);
        if (bw_key_from_path(bw_slice_cstr(bad[i]), &where, &key))
            fail_msg("%s is taken for a path", bad[i]);
        assert_int_equal(key.len, 1);
    }
    bw_buf_fini(&key);
    bw_buf_fini(&path);
    bw_buf_fini(&wanted);
}

static const struct {
    const char *a, *b;
    bool equal;
} pairs[] = {
    {"{\"path\":[{\"kind\":\"A\",\"id\":\"1\"}]}", "{\"path\":[{\"id\":1,\"kind\":\"\\u0041\"}]}",
     true},
    {"{\"path\":[{\"kind\":\"A\",\"id\":\"1\"}],\"partitionId\":{\"projectId\":\"p\"}}",
     "{\"path\":[{\"kind\":\"A\",\"id\":\"1\"}]}", true},
    {"{\"path\":[{\"kind\":\"A\",\"id\":\"1\"}],\"partitionId\":{\"namespaceId\":\"n\"}}",
     "{\"path\":[{\"kind\":\"A\",\"id\":\"1\"}]}", false},
    {"{\"path\":[{\"kind\":\"A\",\"id\":\"1\"}]}", "{\"path\":[{\"kind\":\"A\",\"name\":\"1\"}]}",
     false},
    {"{\"path\":[{\"kind\":\"A\",\"id\":\"1\"}]}",
     "{\"path\":[{\"kind\":\"A\",\"id\":\"1\"},{\"kind\":\"A\",\"id\":\"1\"}]}", false},
    {"{\"path\":[{\"kind\":\"A\"}]}", "{\"path\":[{\"kind\":\"A\"}]}", false},
    {"{\"path\":[{\"kind\":\"A\",\"id\":\"1\",\"name\":\"x\"}]}",
     "{\"path\":[{\"kind\":\"A\",\"id\":\"1\",\"name\":\"x\"}]}", false},
    {"{}", "{}", false},
    {"1", "1", false},
};

static void test_keys_are_equal_by_namespace_and_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < BW_COUNT(pairs); i++) {
        if (bw_key_equal(bw_slice_cstr(pairs[i].a), bw_slice_cstr(pairs[i].b)) != pairs[i].equal)
            fail_msg("%s and %s", pairs[i].a, pairs[i].b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_json_becomes_values),
        cmocka_unit_test(test_what_cannot_be_kept_is_refused_with_its_place),
        cmocka_unit_test(test_long_values_are_kept_out_of_indexes),
        cmocka_unit_test(test_values_become_plain_json),
        cmocka_unit_test(test_values_of_the_wrong_shape_are_refused),
        cmocka_unit_test(test_what_goes_in_comes_out),
        cmocka_unit_test(test_properties_are_read_as_their_own_type_only),
        cmocka_unit_test(test_the_size_follows_the_storage_rules),
        cmocka_unit_test(test_paths_are_read_back),
        cmocka_unit_test(test_keys_are_equal_by_namespace_and_path),
    };
    return BW_RUN_TESTS(tests);
}
