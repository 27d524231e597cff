#include "backend/core/cancel.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

void bw_cancel_init(bw_cancel *c)
{
    atomic_init(&c->raised, false);
    c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->fd < 0)
        abort(); /* out of descriptors before anything started: nothing to clean up */
}

void bw_cancel_fini(bw_cancel *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

void bw_cancel_raise(bw_cancel *c)
{
    atomic_store(&c->raised, true);
    eventfd_write(c->fd, 1);
}

void bw_cancel_reset(bw_cancel *c)
{
    eventfd_t n;
    atomic_store(&c->raised, false);
    eventfd_read(c->fd, &n);
}

bw_status bw_wait_fd(int fd, short events, const bw_cancel *cancel, const bw_clock *clock,
                     int64_t deadline_us, const char *what, bw_error *err)
{
    for (;;) {
        if (bw_cancelled(cancel))
            return bw_error_set(err, BW_CANCELLED, "cancelled while waiting for %s", what);
        struct pollfd fds[2] = {{.fd = fd, .events = events},
                                {.fd = cancel ? cancel->fd : -1, .events = POLLIN}};
        /* The cap lets a clock that jumped or was replaced by a test be looked at again. */
        int n = poll(fds, 2, bw_poll_ms(clock, deadline_us, 1000));
        if (n < 0 && errno != EINTR)
            return bw_error_errno(err, BW_INTERNAL, errno, "cannot wait for %s", what);
        if (n > 0 && fds[0].revents)
            return BW_OK;
        if (n <= 0 && deadline_us != BW_FOREVER && bw_mono_us(clock) >= deadline_us)
            return bw_error_set(err, BW_TIMEOUT, "timed out waiting for %s", what);
    }
}

bw_status bw_wait_until(const bw_cancel *cancel, const bw_clock *clock, int64_t deadline_us,
                        bw_error *err)
{
    bw_status s = bw_wait_fd(-1, 0, cancel, clock, deadline_us, "the next attempt", err);
    return s == BW_TIMEOUT ? BW_OK : s;
}
