/*
 * The terminal: taken on open, given back on every way out. Curses runs on one thread only.
 *
 * Signals: TERM HUP INT QUIT TSTP CONT WINCH arrive on a pipe (bw_term_signal_fd) that the event
 * loop polls; SEGV BUS FPE ILL TRAP SYS ABRT restore the terminal with write() and tcsetattr() only
 * and are raised again. Handlers are installed before curses starts, so it installs none of its own.
 * The restore record is process-wide state: at most one terminal is open at a time. Threads: UI.
 */
#ifndef BW_VIEWS_KIT_TERM_H
#define BW_VIEWS_KIT_TERM_H

#include "backend/core/clock.h"
#include "views/kit/canvas.h"
#include "views/kit/keys.h"

typedef struct bw_term bw_term;

typedef struct bw_term_options {
    bool mouse;
    bool no_color; /* bw_no_color(), or asked for otherwise: start_color() is never called */
    const bw_clock *clock;
    const char
        *stop_notice; /* written below the prompt when the process is stopped; NULL: nothing */
} bw_term_options;

/* Takes the terminal of standard input and output. BW_UNSUPPORTED when there is none, or when it
   cannot move its cursor, with a hint. */
BW_NODISCARD bw_status bw_term_open(bw_term **term, const bw_term_options *options, bw_error *err);
/* Gives the terminal back. NULL is allowed. */
void bw_term_close(bw_term *term);

/* The environment asks for no colours: NO_COLOR is set and not empty (no-color.org). */
bool bw_no_color(void);
/* The locale's LC_CTYPE (setlocale has been called) writes UTF-8. */
bool bw_locale_is_utf8(void);

/* To poll for POLLIN. */
int bw_term_input_fd(const bw_term *term);
int bw_term_signal_fd(const bw_term *term);
/* The next signal that has arrived, 0 when there is none. */
int bw_term_take_signal(bw_term *term);
/* The next event that has arrived; false when there is none. Never blocks longer than the escape
   delay (50 ms, after ESC only). */
bool bw_term_read(bw_term *term, bw_input *event);
/* The terminal went away (end of file or error on input). */
bool bw_term_gone(const bw_term *term);

void bw_term_size(const bw_term *term, int *rows, int *cols);
/* After WINCH: takes the new size over; the next paint is complete. True when it has changed. */
bool bw_term_resize(bw_term *term);
/* Gives the terminal to another program (an editor), and takes it again. Signals stay ours. */
void bw_term_lend(bw_term *term);
void bw_term_take_back(bw_term *term);
/* After TSTP: gives the terminal back, stops the process as the shell expects, and returns, with
   the terminal taken again, when it is continued. */
void bw_term_suspend(bw_term *term);
/* After CONT that did not come through bw_term_suspend() (SIGSTOP), or for ctrl-l: takes the
   terminal's modes again; the next paint is complete. */
void bw_term_refresh(bw_term *term);
void bw_term_set_mouse(bw_term *term, bool on);

/*
 * Sends text to the clipboard by OSC 52 (works over ssh, where the terminal allows it). "sent", never
 * "copied": nobody answers. BW_INVALID when it is over the size that terminals take.
 */
#define BW_TERM_COPY_MAX 74994 /* bytes of base64 */
BW_NODISCARD bw_status bw_term_copy(bw_term *term, bw_slice text, bw_error *err);

#endif
