/*
 * The console on a memory canvas, with a made-up engine below it: keys in, frames out. Time stands
 * still until it is moved. Pages that a screen asks for are there at once. Frames are compared whole
 * with the files in tests/screen/golden; BW_UPDATE_GOLDEN=1 writes these anew. Threads: one.
 */
#ifndef BW_TESTS_SUPPORT_SCREEN_FIXTURE_H
#define BW_TESTS_SUPPORT_SCREEN_FIXTURE_H

#include "tests/support/frame.h"
#include "tests/support/snapshot_fixture.h"
#include "views/console.h"

typedef struct bw_screen_options {
    bw_fixture_kind kind;
    int cols, rows; /* 0: 80x24 */
    bool ascii, plain, read_only, confirm_type;
    const char *environment;         /* NULL: none */
    bool no_snapshot;                /* the engine has not started yet */
    bool no_pages;                   /* nor does it answer */
    const char *engine_note;         /* what the engine cannot do, or NULL */
    const char *layout;              /* of an earlier start, or NULL */
    const char *const (*columns)[2]; /* ui.columns */
    size_t n_columns;
} bw_screen_options;

#define BW_SENT_MAX 32
typedef struct bw_sent {
    bw_command_kind kind;
    char targets[1024]; /* names or ids, blank-separated */
} bw_sent;

typedef struct bw_screen_fixture {
    bw_screen_options options;
    bw_test_clock clock;
    bw_console *console;
    bw_canvas *canvas;
    unsigned turn;
    bw_page_query asked;
    bool has_asked;
    bw_sent sent[BW_SENT_MAX];
    size_t n_sent;
    bw_buf frame;
} bw_screen_fixture;

void bw_screen_open(bw_screen_fixture *f, const bw_screen_options *options);
void bw_screen_close(bw_screen_fixture *f);
/* Blank-separated names of keys. */
void bw_screen_keys(bw_screen_fixture *f, const char *keys);
/* Text, character by character. */
void bw_screen_type(bw_screen_fixture *f, const char *text);
/* ":text" and enter. */
void bw_screen_command(bw_screen_fixture *f, const char *text);
/* The next snapshot, after `us`. */
void bw_screen_pass(bw_screen_fixture *f, int64_t us);
void bw_screen_resize(bw_screen_fixture *f, int cols, int rows);
/* Draws; the frame as text, valid until the next. */
const char *bw_screen_frame(bw_screen_fixture *f);

/* The frame is the file NAME.COLSxROWS.utf8 or .ascii. */
void bw_screen_golden(bw_screen_fixture *f, const char *name);

#endif
