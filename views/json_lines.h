/* JSON as lines to read. Threads: UI. */
#ifndef BW_VIEWS_JSON_LINES_H
#define BW_VIEWS_JSON_LINES_H

#include "views/kit/text_view.h"

/* Appends the document indented, one member a line, every value as it is written. The top-level
   member `mark` (NULL: none) is drawn as what is wrong. Text that is not JSON is appended as it is. */
void bw_json_lines(bw_text_view *out, bw_slice json, const char *mark);

/* Appends an object's members as "name value, name value": names with blanks for underscores, texts
   without quotes, what is null left out. Anything else is appended as it is. */
void bw_json_words(bw_buf *out, bw_slice json);

#endif
