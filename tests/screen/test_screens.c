/* Every screen as a whole frame: at 80x24, 40x10 and 200x50, in UTF-8 and in ASCII. */
#include "tests/support/screen_fixture.h"

static const struct {
    int cols, rows;
} sizes[] = {{80, 24}, {40, 10}, {200, 50}};

/* Goes there from the home screen by commands and keys, and compares. */
static void check(const char *name, const char *command, const char *keys)
{
    for (size_t i = 0; i < BW_COUNT(sizes); i++) {
        for (int ascii = 0; ascii < 2; ascii++) {
            bw_screen_fixture f;
            bw_screen_open(&f, &(bw_screen_options){.cols = sizes[i].cols,
                                                    .rows = sizes[i].rows,
                                                    .ascii = ascii == 1,
                                                    .environment = "PROD"});
            if (command)
                bw_screen_command(&f, command);
            bw_screen_keys(&f, keys);
            bw_screen_golden(&f, name);
            bw_screen_close(&f);
        }
    }
}

static void syncs(void **state)
{
    (void)state;
    check("syncs", NULL, "");
}

static void sync_running(void **state)
{
    (void)state;
    check("sync", "sync shop.orders", "");
}

static void sync_scrolled(void **state)
{
    (void)state;
    check("sync-end", "sync shop.orders", "G");
}

static void sync_failed(void **state)
{
    (void)state;
    check("sync-failed", "sync events.profile", "");
}

static void sync_unknown(void **state)
{
    (void)state;
    check("sync-unknown", "sync crm.contacts", "");
}

static void runs(void **state)
{
    (void)state;
    check("runs", "runs", "j");
}

static void run(void **state)
{
    (void)state;
    check("run", "runs", "j enter");
}

static void letter_groups(void **state)
{
    (void)state;
    check("letter-groups", "dlq", "");
}

static void letters(void **state)
{
    (void)state;
    check("letters", "dlq", "enter");
}

static void letter(void **state)
{
    (void)state;
    check("letter", "dlq", "enter enter");
}

static void letter_scrolled(void **state)
{
    (void)state;
    check("letter-end", "dlq", "enter enter G");
}

static void letter_of_a_conflict(void **state)
{
    (void)state;
    check("letter-conflict", "dlq", "down enter enter");
}

static void long_list(void **state)
{
    (void)state;
    check("letters-window", "dlq", "down enter");
}

static void preview(void **state)
{
    (void)state;
    check("preview", "dlq", "down p");
}

static void replay_of_a_group(void **state)
{
    (void)state;
    check("replay-group", "dlq", "r");
}

static void audit(void **state)
{
    (void)state;
    check("audit", "audit", "");
}

static void audit_verified(void **state)
{
    (void)state;
    check("audit-verified", "audit", "V");
}

static void audit_entry(void **state)
{
    (void)state;
    check("audit-entry", "audit", "j enter");
}

static void sources(void **state)
{
    (void)state;
    check("sources", "sources", "");
}

static void the_log(void **state)
{
    (void)state;
    check("log", "log", "");
}

static void messages(void **state)
{
    (void)state;
    check("messages", "nosuch", ": m e s s a g e s enter backspace");
}

static void help(void **state)
{
    (void)state;
    check("help", NULL, "?");
}

static void themes(void **state)
{
    (void)state;
    check("themes", "themes", "j");
}

static void palette(void **state)
{
    (void)state;
    check("palette", NULL, ": r e tab");
}

static void filtering(void **state)
{
    (void)state;
    check("filter", NULL, "/ s h o p");
}

static void columns(void **state)
{
    (void)state;
    check("columns", NULL, "C");
}

static void full_resync(void **state)
{
    (void)state;
    check("dialog-full", NULL, "j R");
}

static void discarding(void **state)
{
    (void)state;
    check("dialog-discard", "dlq", "enter space space X");
}

/* ---- what is not a usual day ------------------------------------------------------------ */

static void check_other(const char *name, const bw_screen_options *options, const char *keys)
{
    bw_screen_fixture f;
    bw_screen_open(&f, options);
    bw_screen_keys(&f, keys);
    bw_screen_golden(&f, name);
    bw_screen_close(&f);
}

static void before_the_engine(void **state)
{
    (void)state;
    check_other("starting", &(bw_screen_options){.no_snapshot = true, .no_pages = true}, "");
}

static void nothing_configured(void **state)
{
    (void)state;
    check_other("empty", &(bw_screen_options){.kind = BW_FIXTURE_EMPTY}, "");
}

static void loading(void **state)
{
    (void)state;
    check_other("loading", &(bw_screen_options){.no_pages = true}, "j j H");
}

static void plain(void **state)
{
    (void)state;
    check_other("plain-syncs", &(bw_screen_options){.ascii = true, .plain = true}, "");
    check_other("plain-sync", &(bw_screen_options){.ascii = true, .plain = true}, "G enter");
}

static void read_only(void **state)
{
    (void)state;
    check_other("read-only", &(bw_screen_options){.read_only = true}, "r");
}

static void too_small(void **state)
{
    (void)state;
    check_other("too-small", &(bw_screen_options){.cols = 39, .rows = 9}, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syncs),
        cmocka_unit_test(sync_running),
        cmocka_unit_test(sync_scrolled),
        cmocka_unit_test(sync_failed),
        cmocka_unit_test(sync_unknown),
        cmocka_unit_test(runs),
        cmocka_unit_test(run),
        cmocka_unit_test(letter_groups),
        cmocka_unit_test(letters),
        cmocka_unit_test(letter),
        cmocka_unit_test(letter_scrolled),
        cmocka_unit_test(letter_of_a_conflict),
        cmocka_unit_test(long_list),
        cmocka_unit_test(preview),
        cmocka_unit_test(replay_of_a_group),
        cmocka_unit_test(audit),
        cmocka_unit_test(audit_verified),
        cmocka_unit_test(audit_entry),
        cmocka_unit_test(sources),
        cmocka_unit_test(the_log),
        cmocka_unit_test(messages),
        cmocka_unit_test(help),
        cmocka_unit_test(themes),
        cmocka_unit_test(palette),
        cmocka_unit_test(filtering),
        cmocka_unit_test(columns),
        cmocka_unit_test(full_resync),
        cmocka_unit_test(discarding),
        cmocka_unit_test(before_the_engine),
        cmocka_unit_test(nothing_configured),
        cmocka_unit_test(loading),
        cmocka_unit_test(plain),
        cmocka_unit_test(read_only),
        cmocka_unit_test(too_small),
    };
    return BW_RUN_TESTS(tests);
}
