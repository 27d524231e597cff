/*
 * Two states of one thing as lines: its members by name, what goes ("-"), what comes ("+"), what stays.
 * Values stand exactly as they do in the text, not as numbers. Threads: UI.
 */
#ifndef BW_VIEWS_JSON_DIFF_H
#define BW_VIEWS_JSON_DIFF_H

#include "views/kit/text_view.h"

/* JSON objects; one that is empty (or no object) has no members. Returns how many differ. */
size_t bw_json_diff(bw_text_view *out, bw_slice before, bw_slice after);

#endif
