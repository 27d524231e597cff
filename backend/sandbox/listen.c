#include "backend/sandbox/listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int try_address(const struct addrinfo *a, int *saved_errno)
{
    int on = 1;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 1024) == 0)
        return fd;
    *saved_errno = errno;
    close(fd);
    return -1;
}

bw_status bw_sb_listen(const char *host, int port, int *fd, bw_error *err)
{
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list;
    int code = getaddrinfo(host, service, &hints, &list);
    if (code != 0)
        return bw_error_set(err, BW_INVALID, "cannot listen on %s: %s", host, gai_strerror(code));
    int saved_errno = 0;
    *fd = -1;
    for (struct addrinfo *a = list; a && *fd < 0; a = a->ai_next)
        *fd = try_address(a, &saved_errno);
    freeaddrinfo(list);
    if (*fd >= 0)
        return BW_OK;
    bw_error_errno(err, BW_IO, saved_errno, "cannot listen on %s:%d", host, port);
    return bw_error_hint(err, "Choose another port with --port; 0 picks a free one.");
}

int bw_sb_bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    char port[16];
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
        getnameinfo((struct sockaddr *)&address, len, NULL, 0, port, sizeof port, NI_NUMERICSERV) !=
            0)
        return 0;
    return (int)strtol(port, NULL, 10);
}
