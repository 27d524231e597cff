#include "app/write_all.h"

#include <errno.h>
#include <unistd.h>

bw_status bw_write_all(int fd, bw_slice text, const char *path, bw_error *err)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bw_error_errno(err, BW_IO, errno, "cannot write %s", path);
        text.ptr += n;
        text.len -= (size_t)n;
    }
    return BW_OK;
}
