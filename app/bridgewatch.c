#include "app/bridgewatch.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <unistd.h>

#include "app/command.h"

/* Where one of the three is closed, the next file or socket would take its number, and what is printed
   or logged would go into that. They are opened in the wrong direction, so that using them fails. */
static void keep_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            _exit(BW_EXIT_FAILED);
    }
}

int bw_main(int argc, char **argv)
{
    keep_standard_descriptors();
    /* Only how text is encoded comes from the environment; numbers and dates are ours. */
    setlocale(LC_CTYPE, "");
    return (int)bw_cli_main(argc, argv, stdin, stdout, stderr);
}
