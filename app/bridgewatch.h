/* The program behind main(), so that tests can link everything but main itself. */
#ifndef BW_APP_BRIDGEWATCH_H
#define BW_APP_BRIDGEWATCH_H

/* Runs the command line; returns the exit status: 0 well, 1 something asked for
   failed, 2 usage or configuration, 3 interrupted. */
int bw_main(int argc, char **argv);

#endif
