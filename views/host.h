/*
 * What a view may ask of the console that holds it. Nothing here waits: commands go to the engine's
 * queue, and their outcome comes back as a message on the screen. Threads: UI.
 */
#ifndef BW_VIEWS_HOST_H
#define BW_VIEWS_HOST_H

#include "views/kit/dialog.h"
#include "views/kit/prompt.h"
#include "views/kit/toast.h"
#include "views/view.h"

const bw_clock *bw_host_clock(const bw_view_host *host);
/* The newest snapshot, or the held one while the display is frozen; NULL before the first. */
const bw_snapshot *bw_host_snapshot(const bw_view_host *host);
bw_action_set *bw_host_actions(const bw_view_host *host);
bw_toasts *bw_host_toasts(const bw_view_host *host);
/* Actions as they are just now on the screen below the topmost one: for help. */
bw_action_context bw_host_below(const bw_view_host *host, const char **title);

/* Opens a screen above this one. */
void bw_host_open(bw_view_host *host, bw_screen_id screen, const bw_view_at *at);
/* Back to the home screen, its rows filtered. The calling view is freed: it touches nothing after. */
void bw_host_home(bw_view_host *host, const char *filter);
/* Whether times of day are local (the header's clock is) or UTC. */
bool bw_host_local_time(const bw_view_host *host);
void bw_host_toast(bw_view_host *host, bw_toast_level level, const char *fmt, ...) BW_PRINTF(3, 4);
/* Switches the theme at once. */
void bw_host_theme(bw_view_host *host, const char *name);
/* Names of the themes that there are; NULL-terminated, valid until the next call. */
const char *const *bw_host_themes(bw_view_host *host);
const char *bw_host_theme_name(const bw_view_host *host);

/* Has the content of a dead letter edited in the operator's editor, once the event has been dealt with. */
void bw_host_edit(bw_view_host *host, int64_t letter);
/* Sends a command; the console says what became of it. */
void bw_host_send(bw_view_host *host, const bw_command *command);
/*
 * Asks first. Title, verb, what, ids, names, effect and danger are the caller's; the environment and
 * whether it must be typed are the console's. On yes the command is sent with the dialog's ids: as
 * syncs, or as dead letters where the command is about letters and names no reason.
 */
void bw_host_confirm(bw_view_host *host, const bw_dialog_options *question,
                     const bw_command *command);

#endif
