/* Covers: app/json_out, app/text_table. What is printed may be looked at on a terminal. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/json_out.h"
#include "app/text_table.h"

static void json_is_the_same_but_harmless(void **state)
{
    (void)state;
    char *text;
    size_t size;
    const char *hostile = "\xC2\x9B"
                          "31m \x7F \xE2\x80\xAE \xE2\x81\xA6 \xE6\xBC\xA2 \x1B]0;t\x07 \\u009b";
    FILE *out = open_memstream(&text, &size);
    json_t *doc = json_pack("{s:s}", hostile, hostile);
    json_t *kept = json_incref(doc);
    bw_json_print(doc, out);
    fclose(out);
    for (const char *p = text; *p; p++)
        assert_true(*p == '\n' || ((unsigned char)*p >= ' ' && *p != 0x7F));
    assert_null(strstr(text, "\xC2\x9B"));
    assert_null(strstr(text, "\xE2\x80\xAE"));
    assert_null(strstr(text, "\xE2\x81\xA6"));
    assert_non_null(strstr(text, "\xE6\xBC\xA2"));
    json_t *again = json_loads(text, 0, NULL);
    assert_true(json_equal(kept, again));
    json_decref(kept);
    json_decref(again);
    free(text);
}

static void one_long_cell_does_not_push_the_rest_away(void **state)
{
    (void)state;
    static const char *const titles[] = {"KEY", "DETAIL"};
    char wide[400], *text;
    size_t size;
    memset(wide, 'x', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = '\0';
    bw_text_table *t = bw_text_table_new(titles, 2, 0);
    bw_text_table_add(t, wide);
    bw_text_table_add(t, wide);
    FILE *out = open_memstream(&text, &size);
    bw_text_table_print(t, out);
    fclose(out);
    bw_text_table_free(t);
    char *row = strchr(text, '\n') + 1;
    assert_int_equal(strcspn(row, "."), 57);
    assert_memory_equal(row + 57, "...  x", 6);
    assert_int_equal(strlen(row), 62 + 399 + 1); /* the last column is whole */
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_the_same_but_harmless),
        cmocka_unit_test(one_long_cell_does_not_push_the_rest_away),
    };
    return BW_RUN_TESTS(tests);
}
