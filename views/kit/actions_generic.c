/* The actions that screens share. ids are grouped as in action.h. */
#include "views/kit/action.h"

const bw_action bw_actions_generic[] = {
    {BW_ACTION_UP, "up", NULL, "one line up", NULL, "up k ctrl-p", BW_ACT_HIDDEN, BW_SCREENS_ALL},
    {BW_ACTION_DOWN, "down", NULL, "one line down", NULL, "down j ctrl-n", BW_ACT_HIDDEN,
     BW_SCREENS_ALL},
    {BW_ACTION_LEFT, "left", NULL, "to the left", NULL, "left h", BW_ACT_HIDDEN, BW_SCREENS_ALL},
    {BW_ACTION_RIGHT, "right", NULL, "to the right", NULL, "right l", BW_ACT_HIDDEN,
     BW_SCREENS_ALL},
    {BW_ACTION_PAGE_UP, "page-up", NULL, "one page up", NULL, "pgup ctrl-b", BW_ACT_HIDDEN,
     BW_SCREENS_ALL},
    {BW_ACTION_PAGE_DOWN, "page-down", NULL, "one page down", NULL, "pgdn ctrl-f", BW_ACT_HIDDEN,
     BW_SCREENS_ALL},
    {BW_ACTION_HOME, "first", NULL, "to the first line", NULL, "home g", BW_ACT_HIDDEN,
     BW_SCREENS_ALL},
    {BW_ACTION_END, "last", NULL, "to the last line", NULL, "end G", BW_ACT_HIDDEN, BW_SCREENS_ALL},
    {BW_ACTION_BACK, "back", NULL, "clear the filter or search, then go back", NULL, "esc q", 0,
     BW_SCREENS_ALL},
    {BW_ACTION_PALETTE, "command", NULL, "type a command", NULL, ":", BW_ACT_HINT, BW_SCREENS_ALL},
    {BW_ACTION_HELP, "help", NULL, "what can be done here", NULL, "? f1", BW_ACT_HINT,
     BW_SCREENS_ALL},
    {BW_ACTION_FASTER, "faster", NULL, "refresh the screen more often", NULL, "+ =", 0,
     BW_SCREENS_ALL},
    {BW_ACTION_SLOWER, "slower", NULL, "refresh the screen less often", NULL, "-", 0,
     BW_SCREENS_ALL},
    {BW_ACTION_REFRESH, "refresh", NULL, "set how often the screen is refreshed, or refresh it now",
     "[DURATION]", "f5", 0, BW_SCREENS_ALL},
    {BW_ACTION_FREEZE, "freeze", NULL, "hold the display still; the engine goes on", NULL, "Z", 0,
     BW_SCREENS_ALL},
    {BW_ACTION_THEME, "theme", NULL, "change the colours", "NAME", NULL, 0, BW_SCREENS_ALL},
    {BW_ACTION_MOUSE, "mouse", NULL, "give the mouse to the console or back to the terminal", NULL,
     NULL, 0, BW_SCREENS_ALL},
    {BW_ACTION_MESSAGES, "messages", NULL, "messages that were shown", NULL, NULL, BW_ACT_SCREEN,
     BW_SCREENS_ALL},
    {BW_ACTION_DISMISS, "dismiss", NULL, "take the message away", NULL, "backspace", 0,
     BW_SCREENS_ALL},
    {BW_ACTION_REDRAW, "redraw", NULL, "draw the whole screen again", NULL, "ctrl-l", 0,
     BW_SCREENS_ALL},
    {BW_ACTION_SUSPEND, "suspend", NULL, "stop the program, the engine too, and go to the shell",
     NULL, "ctrl-z", 0, BW_SCREENS_ALL},
    {BW_ACTION_QUIT, "quit", NULL, "leave; runs are cancelled and resume at the next start", NULL,
     "Q ctrl-q", 0, BW_SCREENS_ALL},
};
const size_t bw_actions_generic_count = BW_COUNT(bw_actions_generic);

const bw_action bw_actions_table[] = {
    {BW_ACTION_ENTER, "open", NULL, "open the selected row", NULL, "enter",
     BW_ACT_ROW | BW_ACT_HINT, BW_SCREENS_ALL},
    {BW_ACTION_MARK, "mark", NULL, "mark or unmark the row and go on to the next", NULL, "space",
     BW_ACT_ROW | BW_ACT_HINT, BW_SCREENS_ALL},
    {BW_ACTION_MARK_RANGE, "mark-range", NULL, "mark from the last mark to this row", NULL,
     "ctrl-space v", BW_ACT_ROW, BW_SCREENS_ALL},
    {BW_ACTION_MARK_INVERT, "mark-invert", NULL, "mark what is not marked, among the rows shown",
     NULL, "*", 0, BW_SCREENS_ALL},
    {BW_ACTION_MARK_CLEAR, "mark-clear", NULL, "forget all marks", NULL, "u", 0, BW_SCREENS_ALL},
    {BW_ACTION_FILTER, "filter", NULL,
     "show only rows that match: text, !text, column:text, column>number", "[TEXT]", "/",
     BW_ACT_HINT, BW_SCREENS_ALL},
    {BW_ACTION_SORT, "sort", NULL, "sort by a column", "COLUMN [desc]", NULL, 0, BW_SCREENS_ALL},
    {BW_ACTION_SORT_PREVIOUS, "sort-previous", NULL, "sort by the column to the left", NULL, "<", 0,
     BW_SCREENS_ALL},
    {BW_ACTION_SORT_NEXT, "sort-next", NULL, "sort by the column to the right", NULL, ">", 0,
     BW_SCREENS_ALL},
    {BW_ACTION_SORT_INVERT, "sort-invert", NULL, "sort the other way round", NULL, "I", 0,
     BW_SCREENS_ALL},
    {BW_ACTION_COLUMNS, "columns", NULL,
     "show, hide or move columns: -name, +name, name<other, reset", "[CHANGE...]", "C", 0,
     BW_SCREENS_ALL},
    {BW_ACTION_COPY_CELL, "copy-cell", NULL, "send the cell to the clipboard", NULL, "y",
     BW_ACT_ROW, BW_SCREENS_ALL},
    {BW_ACTION_COPY_ROW, "copy-row", NULL, "send the row to the clipboard", NULL, "Y", BW_ACT_ROW,
     BW_SCREENS_ALL},
    {BW_ACTION_EXPORT, "export", NULL, "write the rows shown to a new file", "csv|json FILE", NULL,
     0, BW_SCREENS_ALL},
};
const size_t bw_actions_table_count = BW_COUNT(bw_actions_table);

const bw_action bw_actions_text[] = {
    {BW_ACTION_SEARCH, "search", NULL, "search for text", "[TEXT]", "/", BW_ACT_HINT,
     BW_SCREENS_ALL},
    {BW_ACTION_SEARCH_NEXT, "search-next", NULL, "to the next match", NULL, "n", 0, BW_SCREENS_ALL},
    {BW_ACTION_SEARCH_PREVIOUS, "search-previous", NULL, "to the match before", NULL, "N", 0,
     BW_SCREENS_ALL},
    {BW_ACTION_WRAP, "wrap", NULL, "break long lines or cut them", NULL, "w", BW_ACT_HINT,
     BW_SCREENS_ALL},
};
const size_t bw_actions_text_count = BW_COUNT(bw_actions_text);

const bw_action bw_actions_follow[] = {
    {BW_ACTION_FOLLOW, "follow", NULL, "stay at the end while lines arrive", NULL, "f", BW_ACT_HINT,
     BW_SCREENS_ALL},
};
const size_t bw_actions_follow_count = BW_COUNT(bw_actions_follow);
