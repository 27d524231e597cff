/* Covers sql_manual.h: the page is current, names what there is, and what it calls outside is refused. */
#include "tests/unit/sandbox/sql_fixture.h"

#include <stdio.h>

#include "backend/sandbox/sql_functions.h"
#include "backend/sandbox/sql_manual.h"

static void the_page_is_current(void **state)
{
    bw_buf made = BW_BUF_INIT, kept = BW_BUF_INIT;
    FILE *file = fopen(BW_SOURCE_DIR "/man/bridgewatch-sandbox-sql.7", "r");
    size_t n;

    (void)state;
    assert_non_null(file);
    while ((n = fread(bw_buf_reserve(&kept, 4096), 1, 4096, file)) > 0)
        kept.len += n;
    fclose(file);
    sql_manual(&made);
    if (strcmp(bw_buf_cstr(&made), bw_buf_cstr(&kept)) != 0)
        fail_msg(
            "man/bridgewatch-sandbox-sql.7 is stale: build/bridgewatch-sandbox --man-sql > it");
    bw_buf_fini(&made);
    bw_buf_fini(&kept);
}

static void every_function_is_listed(void **state)
{
    bw_buf page = BW_BUF_INIT, name = BW_BUF_INIT;

    (void)state;
    sql_manual(&page);
    for (size_t i = 0; i < sql_function_count; i++) {
        bw_buf_clear(&name);
        bw_buf_addf(&name, "\n%s(", sql_functions[i].name);
        assert_non_null(strstr(bw_buf_cstr(&page), bw_buf_cstr(&name)));
    }
    for (size_t i = 0; i < sql_special_count; i++)
        assert_non_null(strstr(bw_buf_cstr(&page), sql_specials[i].name));
    bw_buf_fini(&page);
    bw_buf_fini(&name);
}

static void what_is_outside_is_refused_by_name(void **state)
{
    sql_fixture *f = *state;

    sql_must(f, "CREATE TABLE d.t (x INT64)");
    for (size_t i = 0; i < sql_outside_count; i++)
        sql_check(f, &(sql_case){sql_outsides[i].example, "! invalidQuery: Unsupported: "}, 1);
    for (size_t i = 0; i < sql_other_function_count; i++) {
        const char *name = sql_other_functions[i];
        bool prefix = strchr("_.", name[strlen(name) - 1]) != NULL;
        char *call = bw_xasprintf("SELECT %s%s(1)", name, prefix ? "X" : "");
        sql_check(f, &(sql_case){call, "! invalidQuery: Unsupported: the function "}, 1);
        free(call);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_current),
        cmocka_unit_test(every_function_is_listed),
        cmocka_unit_test_setup_teardown(what_is_outside_is_refused_by_name, sql_setup,
                                        sql_teardown),
    };
    return BW_RUN_TESTS(tests);
}
