#include "app/layout_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME    "console.layout"
#define LARGEST ((size_t)64 << 10)

void bw_layout_read(const char *state_dir, bw_buf *out)
{
    char *path = bw_xasprintf("%s/" NAME, state_dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    size_t begun = out->len;
    ssize_t n = 0;
    free(path);
    if (fd < 0)
        return;
    while (out->len - begun <= LARGEST && (n = read(fd, bw_buf_reserve(out, 4096), 4096)) > 0)
        out->len += (size_t)n;
    close(fd);
    if (n != 0)
        out->len = begun;
}

static bool write_all(int fd, bw_slice text)
{
    size_t at = 0;
    while (at < text.len) {
        ssize_t n = write(fd, text.ptr + at, text.len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

bw_status bw_layout_write(const char *state_dir, bw_slice text, bw_error *err)
{
    char *path = bw_xasprintf("%s/" NAME, state_dir), *fresh = bw_xasprintf("%s.new", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = fd >= 0 && write_all(fd, text);
    int failed = ok ? 0 : errno;
    if (fd >= 0 && close(fd) != 0 && ok) {
        ok = false;
        failed = errno;
    }
    if (ok && rename(fresh, path) != 0) {
        ok = false;
        failed = errno;
    }
    bw_status s = BW_OK;
    if (!ok) {
        s = bw_error_errno(err, BW_IO, failed, "the arrangement of this list is not kept: %s",
                           path);
        unlink(fresh);
    }
    free(path);
    free(fresh);
    return s;
}
