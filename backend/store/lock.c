#include "backend/store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OPEN_LOCK_WAIT (30 * BW_SECOND)
#define HOLDER_SIZE    128

static struct flock lock_of(bw_lock_kind kind, short type)
{
    return (struct flock){.l_type = type,
                          .l_whence = SEEK_SET,
                          .l_start = kind == BW_LOCK_ENGINE ? 0 : 1,
                          .l_len = 1};
}

bw_status bw_lock_file_open(const char *dir, int *fd, bw_error *err)
{
    char *path = bw_state_path(dir, "lock");
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int saved = errno;
    free(path);
    if (*fd >= 0)
        return BW_OK;
    bw_error_errno(err, saved == EACCES || saved == EPERM ? BW_DENIED : BW_IO, saved,
                   "lock file %s/lock", dir);
    return bw_error_hint(err, "Look at owner, rights and disk of %s.", dir);
}

/* The holder's own words, only for the message: the lock itself is what counts. */
static void read_holder(int fd, char holder[HOLDER_SIZE])
{
    ssize_t n = pread(fd, holder, HOLDER_SIZE - 1, 0);
    holder[n > 0 ? n : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
    if (!holder[0])
        snprintf(holder, HOLDER_SIZE, "another process");
}

static void write_holder(int fd)
{
    char host[64] = "", line[HOLDER_SIZE];
    gethostname(host, sizeof(host) - 1);
    int n = snprintf(line, sizeof(line), "pid %ld on %s\n", (long)getpid(), host);
    /* Not being able to say who we are is no reason to stop. */
    if (ftruncate(fd, 0) != 0 || pwrite(fd, line, (size_t)n, 0) != n)
        return;
}

static bool try_lock(int fd, bw_lock_kind kind, int *failed)
{
    struct flock l = lock_of(kind, F_WRLCK);
    *failed = fcntl(fd, F_OFD_SETLK, &l) == 0 ? 0 : errno;
    return *failed == 0;
}

bw_status bw_lock_take(int fd, bw_lock_kind kind, const char *dir, const bw_clock *clock,
                       bw_error *err)
{
    int failed;
    int64_t deadline = bw_mono_us(clock) + OPEN_LOCK_WAIT;
    while (!try_lock(fd, kind, &failed)) {
        if (failed != EAGAIN && failed != EACCES)
            return bw_error_errno(err, BW_IO, failed, "lock file %s/lock", dir);
        if (kind == BW_LOCK_ENGINE) {
            char holder[HOLDER_SIZE];
            read_holder(fd, holder);
            bw_error_set(err, BW_CONFLICT, "another engine works with the state in %s: %s", dir,
                         holder);
            return bw_error_hint(err, "Stop it, or give this one another state_dir.");
        }
        if (bw_mono_us(clock) >= deadline)
            return bw_error_set(err, BW_UNAVAILABLE,
                                "the state in %s is being opened by another process for too long",
                                dir);
        poll(NULL, 0, 20);
    }
    if (kind == BW_LOCK_ENGINE)
        write_holder(fd);
    return BW_OK;
}

void bw_lock_release(int fd, bw_lock_kind kind)
{
    struct flock l = lock_of(kind, F_UNLCK);
    fcntl(fd, F_OFD_SETLK, &l);
}

bool bw_store_engine_runs(const char *dir, char holder[128])
{
    char *path = bw_state_path(dir, "lock");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    free(path);
    holder[0] = '\0';
    if (fd < 0)
        return false;
    struct flock l = lock_of(BW_LOCK_ENGINE, F_RDLCK);
    bool held = fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
    if (held)
        read_holder(fd, holder);
    close(fd);
    return held;
}
