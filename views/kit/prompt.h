/*
 * A line that is being typed: `:` command, `/` filter, a value in a dialog. Editing by whole
 * clusters, history, completion. Pasted text is inserted with its line breaks as blanks and never
 * submits. Threads: UI.
 *
 * Keys: left right home end ctrl-a ctrl-e ctrl-b ctrl-f, backspace delete ctrl-h ctrl-d, ctrl-w word,
 * ctrl-u to the beginning, ctrl-k to the end, up down ctrl-p ctrl-n history, tab and shift-tab
 * completion, enter, esc and ctrl-g.
 */
#ifndef BW_VIEWS_KIT_PROMPT_H
#define BW_VIEWS_KIT_PROMPT_H

#include "views/kit/canvas.h"
#include "views/kit/keys.h"
#include "views/kit/reaction.h"

/* What a completion can be: whole replacements of the line, each with a word on what it does (borrowed;
   may be NULL). */
typedef struct bw_candidate {
    char *text;
    const char *help;
} bw_candidate;
typedef struct bw_candidates {
    bw_candidate *items;
    size_t count, cap;
} bw_candidates;
void bw_candidates_add(bw_candidates *c, const char *text, const char *help);
void bw_candidates_fini(bw_candidates *c);

/* The newest last; doubles move to the end. One per kind of prompt, kept by whoever opens prompts. */
typedef struct bw_history {
    char **line;
    size_t count, cap;
} bw_history;
#define BW_HISTORY_MAX 200
void bw_history_add(bw_history *h, const char *line);
void bw_history_fini(bw_history *h);

typedef struct bw_prompt_options {
    const char *label;   /* ":", "/", "type shop.orders to go on: " */
    const char *text;    /* what stands there at first; NULL for nothing */
    bw_history *history; /* borrowed; NULL for none */
    void (*complete)(void *user, const char *text, bw_candidates *out); /* NULL for none */
    void *user;
    size_t max; /* bytes; 0 for 4096 */
} bw_prompt_options;

typedef struct bw_prompt bw_prompt;
bw_prompt *bw_prompt_new(const bw_prompt_options *options);
void bw_prompt_free(bw_prompt *p);

/* KEY and PASTE events: NONE for keys that are not the prompt's; else REDRAW, with CHANGE when the
   text changed; ACCEPT on enter (the line goes to the history), CANCEL on esc. */
bw_reaction bw_prompt_event(bw_prompt *p, const bw_input *event);
const char *bw_prompt_text(const bw_prompt *p);
void bw_prompt_set(bw_prompt *p, const char *text);
/* A complaint shown after the text until it changes: a bad regular expression. NULL clears. */
void bw_prompt_complain(bw_prompt *p, const char *complaint);
/* The line goes into the region's last row, scrolled so that the cursor shows; the candidates of a
   running completion into the rows above it, where the region has some. */
void bw_prompt_draw(const bw_prompt *p, bw_region r);
/* Rows that bw_prompt_draw() would like: 1, more while completing. */
int bw_prompt_rows(const bw_prompt *p);

#endif
