/* Covers: core/log. Lines come out whole and harmless in both formats, in the order they were said,
   and no secret reaches any sink. */
#include "tests/support/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/core/json.h"
#include "backend/core/log.h"

typedef struct seen {
    bw_arena arena;
    bw_log_line lines[4096];
    size_t n;
} seen;

static void keep(void *user, const bw_log_line *line)
{
    seen *s = user;
    if (s->n == BW_COUNT(s->lines))
        return;
    s->lines[s->n] = *line;
    s->lines[s->n].subject = bw_arena_strdup(&s->arena, line->subject);
    s->lines[s->n++].text = bw_arena_strdup(&s->arena, line->text);
}

static int setup(void **state)
{
    *state = bw_xcalloc(1, sizeof(seen));
    bw_log_set_level(BW_LOG_INFO);
    return 0;
}

static int teardown(void **state)
{
    seen *s = *state;
    bw_arena_fini(&s->arena);
    free(s);
    return 0;
}

static void levels_are_kept(void **state)
{
    seen *s = *state;
    static const struct {
        bw_log_level level;
        size_t lines;
    } cases[] = {{BW_LOG_ERROR, 1}, {BW_LOG_WARN, 2}, {BW_LOG_INFO, 3}, {BW_LOG_DEBUG, 4}};
    int token = bw_log_add_sink(keep, s);
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_log_level parsed;
        s->n = 0;
        assert_true(bw_log_level_parse(bw_log_level_name(cases[i].level), &parsed));
        assert_int_equal(parsed, cases[i].level);
        bw_log_set_level(parsed);
        for (bw_log_level l = BW_LOG_ERROR; l <= BW_LOG_DEBUG; l++)
            bw_log(l, "subject", "line %d", (int)l);
        assert_int_equal(s->n, cases[i].lines);
    }
    bw_log_remove_sink(token);
    s->n = 0;
    bw_log(BW_LOG_ERROR, "", "nobody listens");
    assert_int_equal(s->n, 0);
}

static void secrets_and_controls_stay_out(void **state)
{
    seen *s = *state;
    bw_error err = BW_ERROR_INIT;
    int token = bw_log_add_sink(keep, s);
    bw_log(BW_LOG_INFO, "shop\x1b[2J", "postgres://reader:hunter2@db/shop \x1b]52;c;aGk=\x07 done");
    bw_error_set(&err, BW_DENIED, "header Authorization: Bearer ya29.hunter2 was refused");
    bw_error_hint(&err, "try password=hunter2");
    bw_log_error(BW_LOG_WARN, "", &err);
    bw_log_remove_sink(token);
    assert_int_equal(s->n, 2);
    for (size_t i = 0; i < s->n; i++) {
        assert_null(strstr(s->lines[i].text, "hunter2"));
        for (const char *p = s->lines[i].text; *p; p++)
            assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
        assert_null(strchr(s->lines[i].subject, 0x1b));
    }
    assert_non_null(strstr(s->lines[0].text, "done"));
    assert_non_null(strstr(s->lines[1].text, "HINT: try"));
}

static void formats_are_exact(void **state)
{
    (void)state;
    char text[512];
    const bw_log_line line = {.wall_us = 1795163820123999,
                              .level = BW_LOG_WARN,
                              .subject = "shop.orders",
                              .text = "a \"quoted\" \\ line"};
    bw_log_format_text(&line, text, sizeof text);
    assert_string_equal(text, "2026-11-20T08:37:00.123Z warn  shop.orders: a \"quoted\" \\ line");
    bw_log_format_json(&line, text, sizeof text);
    assert_string_equal(text, "{\"time\":\"2026-11-20T08:37:00.123Z\",\"level\":\"warn\","
                              "\"subject\":\"shop.orders\","
                              "\"message\":\"a \\\"quoted\\\" \\\\ line\"}");
}

/* Whatever is said becomes one line, and under JSON one object, also at the greatest length. */
static void every_line_is_one_object(void **state)
{
    (void)state;
    char path[] = "/tmp/bwt-log-XXXXXX", line[32768], raw[4096];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    bw_log_fd to = {.fd = fd, .json = true};
    int token = bw_log_add_sink(bw_log_to_fd, &to), said = 0;
    static const char *const fillers[] = {"x", "\x01", "\\", "\"", "\n", "\xff", "\xc3\xa4"};
    for (size_t i = 0; i < BW_COUNT(fillers); i++) {
        raw[0] = '\0';
        size_t each = strlen(fillers[i]), n = 0;
        for (; n + each < sizeof raw; n += each)
            memcpy(raw + n, fillers[i], each + 1);
        bw_log(BW_LOG_ERROR, "subject", "%s", raw);
        said++;
    }
    bw_log_remove_sink(token);
    FILE *f = fopen(path, "r");
    for (; fgets(line, sizeof line, f); said--) {
        line[strcspn(line, "\n")] = '\0';
        if (!bw_json_valid(bw_slice_cstr(line), NULL, NULL))
            fail_msg("no JSON: %.60s ... %s", line,
                     line + (strlen(line) > 40 ? strlen(line) - 40 : 0));
    }
    assert_int_equal(said, 0);
    fclose(f);
    close(fd);
    unlink(path);
}

static void the_ring_keeps_the_newest(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_log_line out[8];
    bw_log_ring *ring = bw_log_ring_new(3);
    int token = bw_log_add_sink(bw_log_to_ring, ring);
    assert_int_equal(bw_log_ring_newest(ring), 0);
    for (int i = 0; i < 5; i++)
        bw_log(i % 2 ? BW_LOG_WARN : BW_LOG_INFO, "s", "line %d", i);
    size_t n = bw_log_ring_read(ring, 0, BW_LOG_DEBUG, &arena, out, 8);
    assert_int_equal(n, 3);
    assert_string_equal(out[0].text, "line 2");
    assert_string_equal(out[2].text, "line 4");
    assert_int_equal(bw_log_ring_newest(ring), out[2].seq);
    n = bw_log_ring_read(ring, out[0].seq, BW_LOG_WARN, &arena, out, 8);
    assert_int_equal(n, 1);
    assert_string_equal(out[0].text, "line 3");
    bw_log_remove_sink(token);
    bw_log_ring_free(ring);
    bw_arena_fini(&arena);
}

#define TALKERS 4
#define WORDS   500

static void *talk(void *arg)
{
    for (int i = 0; i < WORDS; i++)
        bw_log(BW_LOG_INFO, arg, "%d", i);
    return NULL;
}

static void threads_do_not_mix_their_lines(void **state)
{
    seen *s = *state;
    static char names[TALKERS][2] = {"a", "b", "c", "d"};
    pthread_t threads[TALKERS];
    int token = bw_log_add_sink(keep, s), next[TALKERS] = {0};
    for (int i = 0; i < TALKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, talk, names[i]), 0);
    for (int i = 0; i < TALKERS; i++)
        pthread_join(threads[i], NULL);
    bw_log_remove_sink(token);
    assert_int_equal(s->n, TALKERS * WORDS);
    for (size_t i = 0; i < s->n; i++) {
        char want[16];
        int who = s->lines[i].subject[0] - 'a';
        snprintf(want, sizeof want, "%d", next[who]++);
        assert_string_equal(s->lines[i].text, want);
        assert_true(i == 0 || s->lines[i].seq == s->lines[i - 1].seq + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(levels_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(secrets_and_controls_stay_out, setup, teardown),
        cmocka_unit_test_setup_teardown(formats_are_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(every_line_is_one_object, setup, teardown),
        cmocka_unit_test_setup_teardown(the_ring_keeps_the_newest, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_do_not_mix_their_lines, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
