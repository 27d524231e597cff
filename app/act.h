/*
 * Commands that ask the engine for something. When an engine runs on the state directory the command
 * goes to it through the store and its answer is waited for; otherwise this process takes the
 * engine's lock and acts itself.
 */
#ifndef BW_APP_ACT_H
#define BW_APP_ACT_H

#include "app/session.h"

/* Opens a session, carries the command out, prints the outcome; closes. */
bw_exit bw_act(const bw_cli_context *ctx, bw_command *command);
/* The same within an open session whose store is open shared (reading dead letters first). */
bw_exit bw_act_in(bw_session *s, bw_command *command);

#endif
