/*
 * The signals of a program that owns a terminal, and the record that gives the terminal back. The
 * record is the one piece of process-wide state here, because a signal handler can reach no other.
 * Threads: UI, except the handlers.
 */
#ifndef BW_VIEWS_KIT_TERM_SIGNALS_H
#define BW_VIEWS_KIT_TERM_SIGNALS_H

#include "backend/core/buf.h"
#include "backend/core/error.h"

/* Notes the terminal's modes, makes the pipe, installs the handlers and an alternate stack. */
BW_NODISCARD bw_status bw_term_signals_open(int input, int output, bw_error *err);
/* Puts back the handlers that were there and the terminal's modes. Safe without an open. */
void bw_term_signals_close(void);
/* The bytes that undo what was done to the terminal; at most 256 count. */
void bw_term_restore_set(bw_slice bytes);

int bw_term_signals_fd(void);
/* The next signal from the pipe, 0 when there is none. */
int bw_term_signals_take(void);
/* Stops the process as SIGTSTP does by default; returns when it is continued. */
void bw_term_signals_stop(void);

#endif
