/* What an operator can do to dead letters, on every screen that shows some. Threads: UI. */
#ifndef BW_VIEWS_LETTER_ACTIONS_H
#define BW_VIEWS_LETTER_ACTIONS_H

#include "views/host.h"

#define BW_LETTER_ACTIONS 5
extern const bw_action bw_letter_actions[BW_LETTER_ACTIONS];

/* Asks, and carries one of them out on the letters: `ids` in decimal, `names` as the question calls
   them. NONE when it is not one of them, or one of a single letter. */
bw_reaction bw_letter_act(bw_view *view, const bw_action *action, const char *const *ids,
                          const char *const *names, size_t count);
/* The same for every open letter of a sync with a reason. */
bw_reaction bw_letter_group_act(bw_view *view, const bw_action *action,
                                const bw_letter_group *group);
/* What is done to one letter, or to its sync: edit, cancel-replay. NONE for the others. */
bw_reaction bw_letter_act_one(bw_view *view, const bw_action *action, const bw_dead_letter *letter);
/* Why it cannot be done to this letter now, or NULL. */
const char *bw_letter_refuse(const bw_action *action, const bw_dead_letter *letter);

bw_role bw_letter_role(bw_letter_state state);

#endif
