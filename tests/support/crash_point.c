/* The killing side of backend/core/crash_point.h: BW_CRASH_AT=name:n raises SIGKILL at the n-th
   passage of the point, and every passage is appended to the file BW_CRASH_SEEN. */
#include "backend/core/crash_point.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void note(const char *name)
{
    const char *path = getenv("BW_CRASH_SEEN");
    int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0)
        return;
    char line[128];
    size_t n = strnlen(name, sizeof(line) - 1);
    memcpy(line, name, n);
    line[n] = '\n';
    if (write(fd, line, n + 1) < 0)
        abort();
    close(fd);
}

void bw_crash_point(const char *name)
{
    static atomic_int passages;
    note(name);
    const char *at = getenv("BW_CRASH_AT");
    size_t n = strlen(name);
    if (!at || strncmp(at, name, n) != 0 || at[n] != ':')
        return;
    if (atomic_fetch_add(&passages, 1) + 1 == (int)strtol(at + n + 1, NULL, 10))
        raise(SIGKILL);
}
