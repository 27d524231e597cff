/* Key names and the decoder: nothing that arrives may run what was not pressed. */
#include "tests/support/frame.h"

#include "backend/core/text.h"

static void names_come_in_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name;
    } cases[] = {
        {"a", "a"},           {"R", "R"},          {"Ctrl-F", "ctrl-f"},
        {"C-f", "ctrl-f"},    {"^F", "ctrl-f"},    {"PageUp", "pgup"},
        {" ", "space"},       {"ESC", "esc"},      {"Shift-Tab", "shift-tab"},
        {"F12", "f12"},       {"é", "é"},          {"M-x", "alt-x"},
        {"?", "?"},           {"-", "-"},          {"^", "^"},
        {"ctrl--", "ctrl--"}, {"Return", "enter"},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        char name[BW_KEY_NAME];
        bw_error err = BW_ERROR_INIT;
        assert_ok(bw_key_parse(cases[i].text, name, &err), err);
        assert_string_equal(name, cases[i].name);
    }
    char name[BW_KEY_NAME];
    bw_error err = BW_ERROR_INIT;
    assert_int_equal(bw_key_parse("entr", name, &err), BW_INVALID);
    assert_string_equal(err.hint, "Did you mean enter?");
    assert_int_equal(bw_key_parse("", name, &err), BW_INVALID);
    assert_int_equal(bw_key_parse("shift-a", name, &err), BW_INVALID);
    assert_int_equal(bw_key_parse("\x1b", name, &err), BW_INVALID);
}

/* Feeds the characters and gives the names of what came out, blank-separated. */
static const char *decode(const char *bytes, char *out, size_t size)
{
    bw_key_decoder *d = bw_key_decoder_new();
    bw_input e;
    bw_slice s = bw_slice_cstr(bytes);
    int32_t cp;
    size_t n;
    out[0] = '\0';
    while ((n = bw_utf8_decode(s, &cp)) > 0) {
        s.ptr += n;
        s.len -= n;
        if (bw_key_decoder_char(d, cp, 0, &e))
            snprintf(out + strlen(out), size - strlen(out), "%s ", e.key);
    }
    if (bw_key_decoder_idle(d, &e))
        snprintf(out + strlen(out), size - strlen(out), "%s ", e.key);
    bw_key_decoder_free(d);
    return out;
}

static void characters_become_keys(void **state)
{
    (void)state;
    char out[256];
    assert_string_equal(decode("aR?é世", out, sizeof(out)), "a R ? é 世 ");
    assert_string_equal(decode("\r\t \x7f\x01\x1a", out, sizeof(out)),
                        "enter tab space backspace ctrl-a ctrl-z ");
    assert_string_equal(decode("\x1b", out, sizeof(out)), "esc ");
    assert_string_equal(decode("\x1b\x1b", out, sizeof(out)), "esc esc ");
    assert_string_equal(decode("\x1bx", out, sizeof(out)), "alt-x ");
    assert_string_equal(decode("\xc2\x9b", out, sizeof(out)), "");     /* C1 CSI is no key */
    assert_string_equal(decode("\xe2\x80\xae", out, sizeof(out)), ""); /* nor an override */
}

static void unknown_sequences_run_nothing(void **state)
{
    (void)state;
    char out[256];
    assert_string_equal(decode("\x1b[5;9~q", out, sizeof(out)), "q ");
    assert_string_equal(decode("\x1b[?1;2cq", out, sizeof(out)), "q ");
    assert_string_equal(decode("\x1b]11;rgb:1/2/3\x07q", out, sizeof(out)), "q ");
    assert_string_equal(decode("\x1bP>|xterm\x1b\\q", out, sizeof(out)), "q ");
}

static void a_sequence_that_never_ends_does_not_eat_the_next_key(void **state)
{
    (void)state;
    bw_key_decoder *d = bw_key_decoder_new();
    bw_input e;
    assert_false(bw_key_decoder_char(d, 0x1b, 0, &e));
    assert_false(bw_key_decoder_char(d, '[', 1000, &e));
    assert_false(bw_key_decoder_idle(d, &e));
    assert_true(bw_key_decoder_char(d, 'q', BW_SECOND, &e));
    assert_string_equal(e.key, "q");
    bw_key_decoder_free(d);
}

static void modifiers_come_in_one_order(void **state)
{
    (void)state;
    bw_key_decoder *d = bw_key_decoder_new();
    bw_input e;
    bw_key_decoder_char(d, 0x1b, 0, &e);
    assert_true(bw_key_decoder_key(d, "ctrl-right", 0, &e));
    assert_string_equal(e.key, "ctrl-alt-right");
    bw_key_decoder_free(d);
}

static void feed(bw_key_decoder *d, const char *text, int64_t now, int *events)
{
    bw_input e;
    for (; *text; text++)
        *events += bw_key_decoder_char(d, *text, now, &e);
}

static void mouse_reports_become_clicks(void **state)
{
    (void)state;
    bw_key_decoder *d = bw_key_decoder_new();
    bw_input e;
    int events = 0;
    assert_false(bw_key_decoder_key(d, BW_FEED_MOUSE, 0, &e));
    feed(d, "0;12;3", 0, &events);
    assert_int_equal(events, 0);
    assert_true(bw_key_decoder_char(d, 'M', 0, &e));
    assert_int_equal(e.type, BW_EVENT_CLICK);
    assert_int_equal(e.col, 11);
    assert_int_equal(e.row, 2);
    /* The release says nothing new; the wheel does. */
    bw_key_decoder_key(d, BW_FEED_MOUSE, 0, &e);
    feed(d, "0;12;3m", 0, &events);
    assert_int_equal(events, 0);
    bw_key_decoder_key(d, BW_FEED_MOUSE, 0, &e);
    feed(d, "65;1;1", 0, &events);
    assert_true(bw_key_decoder_char(d, 'M', 0, &e));
    assert_int_equal(e.type, BW_EVENT_WHEEL_DOWN);
    /* Numbers without end do not overflow. */
    bw_key_decoder_key(d, BW_FEED_MOUSE, 0, &e);
    feed(d, "99999999999999999999;99999999999999;1;2;3;4M", 0, &events);
    bw_key_decoder_free(d);
}

static void pasted_text_is_one_event_and_no_keys(void **state)
{
    (void)state;
    bw_key_decoder *d = bw_key_decoder_new();
    bw_input e;
    int events = 0;
    assert_false(bw_key_decoder_key(d, BW_FEED_PASTE_BEGIN, 0, &e));
    feed(d, ":quit\rR\x1b[2J", 0, &events);
    assert_false(bw_key_decoder_key(d, "up", 0, &e)); /* an arrow inside of it, too */
    assert_false(bw_key_decoder_idle(d, &e));
    assert_int_equal(events, 0);
    assert_true(bw_key_decoder_key(d, BW_FEED_PASTE_END, 0, &e));
    assert_int_equal(e.type, BW_EVENT_PASTE);
    assert_true(bw_slice_is(e.text, ":quit\rR\x1b[2J"));
    /* An end without a beginning is nothing. */
    assert_false(bw_key_decoder_key(d, BW_FEED_PASTE_END, 0, &e));
    /* A paste whose end never comes gives up, so that the console can be used again. */
    bw_key_decoder_key(d, BW_FEED_PASTE_BEGIN, 0, &e);
    feed(d, "abc", 0, &events);
    assert_int_equal(events, 0);
    assert_true(bw_key_decoder_char(d, 'q', 5 * BW_SECOND, &e));
    bw_key_decoder_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_come_in_one_form),
        cmocka_unit_test(characters_become_keys),
        cmocka_unit_test(unknown_sequences_run_nothing),
        cmocka_unit_test(a_sequence_that_never_ends_does_not_eat_the_next_key),
        cmocka_unit_test(modifiers_come_in_one_order),
        cmocka_unit_test(mouse_reports_become_clicks),
        cmocka_unit_test(pasted_text_is_one_event_and_no_keys),
    };
    return BW_RUN_TESTS(tests);
}
