/* What an operator can do to syncs, on every screen that shows some. Threads: UI. */
#ifndef BW_VIEWS_SYNC_ACTIONS_H
#define BW_VIEWS_SYNC_ACTIONS_H

#include "views/host.h"

#define BW_SYNC_ACTIONS 8
extern const bw_action bw_sync_actions[BW_SYNC_ACTIONS];

/* Carries out one of them on the named syncs (asking first where it must); NONE when it is not one. */
bw_reaction bw_sync_act(bw_view *view, const bw_action *action, const char *const *syncs,
                        size_t count);
/* Why it cannot be done to this sync now, or NULL. */
const char *bw_sync_refuse(const bw_action *action, const bw_sync_view *sync);

/* Why its state is what it is, without naming it again; never NULL. */
const char *bw_sync_reason(const bw_sync_view *sync);

/* How a state is drawn: its word's role and sign. */
bw_role bw_state_role(const bw_sync_view *sync);
bw_glyph bw_state_glyph(const bw_sync_view *sync);

#endif
