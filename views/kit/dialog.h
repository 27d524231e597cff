/*
 * The question before something is changed. It names the action, the targets, how many, in which
 * environment and what happens then. Cancel has the focus. It is bound to identities: it owns copies
 * of the ids it was opened with, whatever the rows below do meanwhile. Keys are obeyed only once the
 * dialog has been drawn, so typed-ahead keys cannot confirm what nobody has read. Threads: UI.
 */
#ifndef BW_VIEWS_KIT_DIALOG_H
#define BW_VIEWS_KIT_DIALOG_H

#include "views/kit/canvas.h"
#include "views/kit/keys.h"
#include "views/kit/reaction.h"

#define BW_DIALOG_TYPED_OVER 10 /* targets: more than these are confirmed by typing */

typedef struct bw_dialog_options {
    const char *title;      /* "Replay dead letters" */
    const char *verb;       /* on the button: "replay" */
    const char *what;       /* what the ids are: "dead letters"; "12 dead letters" */
    const char *const *ids; /* targets, copied */
    size_t count;
    const char *const *names; /* how the targets are called, NULL: the ids */
    const char *effect;       /* what happens then, a sentence; may have several lines */
    const char *environment;  /* its label; NULL or "" for none */
    bw_role environment_role; /* bw_role_environment() */
    bool danger;              /* it destroys */
    bool typed; /* always typed (environment with confirm: type); over 10 targets it is anyway */
    const char *type; /* what has to be typed; NULL: the only target's name, else the count */
} bw_dialog_options;

typedef struct bw_dialog bw_dialog;
bw_dialog *bw_dialog_new(const bw_dialog_options *options);
void bw_dialog_free(bw_dialog *d);

/* ACCEPT: confirmed; CANCEL: esc, n, or the Cancel button; else HANDLED or REDRAW: a dialog takes all
   events. Without typing `y` confirms as well as the button. */
bw_reaction bw_dialog_event(bw_dialog *d, const bw_input *event);
/* In the middle of the region. */
void bw_dialog_draw(bw_dialog *d, bw_region r);

size_t bw_dialog_count(const bw_dialog *d);
const char *bw_dialog_id(const bw_dialog *d, size_t n);
/* Whether the operator has to type, and what. */
const char *bw_dialog_typed(const bw_dialog *d);

#endif
