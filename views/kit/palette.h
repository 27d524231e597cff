/*
 * The `:` command line: any action by its name, with an argument. Threads: UI.
 */
#ifndef BW_VIEWS_KIT_PALETTE_H
#define BW_VIEWS_KIT_PALETTE_H

#include "views/kit/action.h"
#include "views/kit/prompt.h"

typedef struct bw_palette_command {
    const bw_action *action;
    const char *argument; /* what follows the name, without blanks around it; "" for nothing.
                             Points into the line that was parsed. */
} bw_palette_command;

/* Reads "name argument"; a unique beginning of a name is enough. BW_NOT_FOUND names the nearest
   command in the hint; BW_INVALID: several commands begin so, an argument that the action does not
   take, or an action of another screen. */
BW_NODISCARD bw_status bw_palette_parse(const bw_action_set *set, unsigned screen, const char *line,
                                        bw_palette_command *command, bw_error *err);

/* Completion for a prompt: of command names, and of arguments by `arguments` (may be NULL), which adds
   whole lines ("theme dark") for the argument that is begun. Use as bw_prompt_options.complete with
   user = a bw_palette. */
typedef struct bw_palette {
    const bw_action_set *set;
    unsigned screen;
    void (*arguments)(void *user, const bw_action *action, const char *begun, bw_candidates *out);
    void *user;
} bw_palette;
void bw_palette_complete(void *palette, const char *text, bw_candidates *out);

#endif
