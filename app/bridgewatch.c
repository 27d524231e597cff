#include "app/bridgewatch.h"

#include <stdio.h>

int bw_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("bridgewatch " BW_VERSION);
    return 0;
}
