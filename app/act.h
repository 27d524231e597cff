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
/* What the engine said to a command. */
typedef struct bw_act_answer {
    bool answered; /* else what was wrong has been printed, and `code` is the exit status */
    bw_exit code;
    bool ok;
    char text[512], hint[512];
} bw_act_answer;

/* Within an open session whose store is open (shared before the first command): waits for the answer,
   and meanwhile shows on a terminal how far it is. */
bw_act_answer bw_act_ask(bw_session *s, bw_command *command);
/* Prints it; returns the exit status. */
bw_exit bw_act_print(const bw_session *s, const bw_act_answer *answer);
/* The same within an open session whose store is open shared (reading dead letters first). */
bw_exit bw_act_in(bw_session *s, bw_command *command);

#endif
