#include "app/layout_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/write_all.h"

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

bw_status bw_layout_write(const char *state_dir, bw_slice text, bw_error *err)
{
    char *path = bw_xasprintf("%s/" NAME, state_dir), *fresh = bw_xasprintf("%s.new", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bw_status s = fd >= 0 ? bw_write_all(fd, text, fresh, err)
                          : bw_error_errno(err, BW_IO, errno, "cannot make %s", fresh);
    if (fd >= 0 && close(fd) != 0 && s == BW_OK)
        s = bw_error_errno(err, BW_IO, errno, "cannot write %s", fresh);
    if (s == BW_OK && rename(fresh, path) != 0)
        s = bw_error_errno(err, BW_IO, errno, "cannot replace %s", path);
    if (s != BW_OK) {
        unlink(fresh);
        bw_error_wrap(err, "the arrangement of this list is not kept");
    }
    free(path);
    free(fresh);
    return s;
}
