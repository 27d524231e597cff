/*
 * Comparing what was drawn on a memory canvas with the text that has to be there, a clock that only
 * moves when told, and events as they come from a terminal. Header only, because the support
 * library does not link the toolkit.
 */
#ifndef BW_TESTS_SUPPORT_FRAME_H
#define BW_TESTS_SUPPORT_FRAME_H

#include "tests/support/test.h"

#include <stdio.h>

#include "backend/core/clock.h"
#include "views/kit/canvas.h"
#include "views/kit/keys.h"

typedef struct bw_test_clock {
    bw_clock clock;
    int64_t now_us; /* monotonic; wall time is the same from 2026-11-20T08:00:00Z on */
} bw_test_clock;

#define BW_TEST_WALL (INT64_C(1795161600) * BW_SECOND)

static inline int64_t bw_test_clock_mono(const bw_clock *c)
{
    return ((const bw_test_clock *)c)->now_us;
}

static inline int64_t bw_test_clock_wall(const bw_clock *c)
{
    return BW_TEST_WALL + ((const bw_test_clock *)c)->now_us;
}

static inline bw_test_clock bw_test_clock_at(int64_t now_us)
{
    return (bw_test_clock){{bw_test_clock_wall, bw_test_clock_mono}, now_us};
}

/* The whole frame has to be this text, trailing blanks of lines aside. */
static inline void bw_assert_frame_at(const bw_canvas *canvas, const char *expected,
                                      const char *file, int line)
{
    bw_buf got = BW_BUF_INIT;
    bw_canvas_dump(canvas, &got);
    if (strcmp(bw_buf_cstr(&got), expected) != 0) {
        fprintf(stderr, "%s:%d: the frame is\n%s--- and should be\n%s---\n", file, line,
                bw_buf_cstr(&got), expected);
        bw_buf_fini(&got);
        fail_msg("the frame differs");
    }
    bw_buf_fini(&got);
}
#define assert_frame(canvas, expected) bw_assert_frame_at((canvas), (expected), __FILE__, __LINE__)

/* The frame holds this text somewhere. */
static inline void bw_assert_shows_at(const bw_canvas *canvas, const char *text, bool expected,
                                      const char *file, int line)
{
    bw_buf got = BW_BUF_INIT;
    bw_canvas_dump(canvas, &got);
    bool found = strstr(bw_buf_cstr(&got), text) != NULL;
    if (found != expected)
        fprintf(stderr, "%s:%d: the frame is\n%s--- and should %shold \"%s\"\n", file, line,
                bw_buf_cstr(&got), expected ? "" : "not ", text);
    bw_buf_fini(&got);
    assert_true(found == expected);
}
#define assert_shows(canvas, text) bw_assert_shows_at((canvas), (text), true, __FILE__, __LINE__)
#define assert_hides(canvas, text) bw_assert_shows_at((canvas), (text), false, __FILE__, __LINE__)

/* A key by its name, as the decoder would deliver it. */
static inline bw_input bw_test_key(const char *name)
{
    bw_input e = {.type = BW_EVENT_KEY};
    snprintf(e.key, sizeof(e.key), "%s", name);
    e.printable = strcmp(name, "space") == 0 || (name[0] && (!name[1] || (name[0] & 0x80)));
    return e;
}

static inline bw_input bw_test_click(int row, int col)
{
    return (bw_input){.type = BW_EVENT_CLICK, .row = row, .col = col};
}

#endif
