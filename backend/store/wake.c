/*
 * A datagram socket in the state directory: its arrival says "look at the commands table", its
 * content says nothing. The directory's path may be longer than sun_path; then the way leads over
 * /proc/self/fd. The engine's lock is held when the name is made, so a file that is there already
 * was left by a dead engine.
 */
#include "backend/store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/core/log.h"

/* The address, and in *dir_fd a descriptor that it needs to stay open (or -1). */
static bool address(const char *dir, struct sockaddr_un *a, int *dir_fd)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    *dir_fd = -1;
    int n = snprintf(a->sun_path, sizeof(a->sun_path), "%s/wake", dir);
    if (n > 0 && (size_t)n < sizeof(a->sun_path))
        return true;
    *dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*dir_fd < 0)
        return false;
    snprintf(a->sun_path, sizeof(a->sun_path), "/proc/self/fd/%d/wake", *dir_fd);
    return true;
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

void bw_wake_open(bw_store *store)
{
    struct sockaddr_un a;
    int dir_fd;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && address(store->dir, &a, &dir_fd);
    if (ok) {
        unlink(a.sun_path);
        ok = bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && chmod(a.sun_path, 0600) == 0;
        int saved = errno;
        close_if_open(dir_fd);
        errno = saved;
    }
    if (!ok) {
        bw_log(BW_LOG_WARN, "store", "no wake socket in %s: %s; commands wait for the next look",
               store->dir, strerror(errno));
        close_if_open(fd);
        return;
    }
    store->wake_fd = fd;
}

void bw_wake_close(bw_store *store)
{
    if (store->wake_fd < 0)
        return;
    char *path = bw_state_path(store->dir, "wake");
    unlink(path);
    free(path);
    close(store->wake_fd);
    store->wake_fd = -1;
}

void bw_wake_send(const bw_store *store)
{
    struct sockaddr_un a;
    int dir_fd;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && address(store->dir, &a, &dir_fd)) {
        /* Nobody there, or so much there already that nothing more fits: either is fine. */
        if (sendto(fd, "!", 1, MSG_NOSIGNAL, (struct sockaddr *)&a, sizeof(a)) < 0)
            bw_log(BW_LOG_DEBUG, "store", "no engine to wake: %s", strerror(errno));
        close_if_open(dir_fd);
    }
    close_if_open(fd);
}

int bw_store_wake_fd(const bw_store *store)
{
    return store->wake_fd;
}

void bw_store_wake_drain(bw_store *store)
{
    char byte;
    while (store->wake_fd >= 0 && recv(store->wake_fd, &byte, 1, 0) >= 0)
        ;
}
