#include "app/bridgewatch.h"

#include <locale.h>

#include "app/command.h"
#include "backend/core/descriptors.h"

int bw_main(int argc, char **argv)
{
    if (!bw_keep_standard_descriptors())
        return BW_EXIT_FAILED;
    /* Only how text is encoded comes from the environment; numbers and dates are ours. */
    setlocale(LC_CTYPE, "");
    return (int)bw_cli_main(argc, argv, stdin, stdout, stderr);
}
