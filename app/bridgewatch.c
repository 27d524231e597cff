#include "app/bridgewatch.h"

#include <locale.h>

#include "app/command.h"

int bw_main(int argc, char **argv)
{
    /* Only how text is encoded comes from the environment; numbers and dates are ours. */
    setlocale(LC_CTYPE, "");
    return (int)bw_cli_main(argc, argv, stdin, stdout, stderr);
}
