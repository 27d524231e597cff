/*
 * A content of any bytes, edited in the operator's own editor ($VISUAL, else $EDITOR, else vi) as a
 * file that only they can read, and that is gone afterwards.
 *
 * Bytes that are no text are shown, and may be given, as the JSON object {"content_base64": "..."}.
 * Threads: main; the editor has the terminal meanwhile, and the caller waits for it.
 */
#ifndef BW_APP_EDIT_TEXT_H
#define BW_APP_EDIT_TEXT_H

#include "backend/core/arena.h"
#include "backend/core/error.h"

/* *changed false: the same bytes came back, *out is unset. IO: no file, or the editor could not be
   run or ended with another status than 0. INVALID: content_base64 that is none. */
BW_NODISCARD bw_status bw_edit_text(bw_slice content, bw_arena *arena, bw_slice *out, bool *changed,
                                    bw_error *err);

/* Whether it can be written as text as it is: UTF-8 without NUL. */
bool bw_content_is_text(bw_slice content);
/* The bytes that a given text stands for, in the arena: what content_base64 holds where it is an object
   of that one member, else the text itself. INVALID as above. */
BW_NODISCARD bw_status bw_content_read(bw_slice text, bw_arena *arena, bw_slice *out,
                                       bw_error *err);

#endif
