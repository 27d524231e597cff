#include "backend/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_SECRET ((size_t)64 << 10)

static bw_status read_all(int fd, const char *path, bw_buf *out, bw_error *err)
{
    for (;;) {
        ssize_t n = read(fd, bw_buf_reserve(out, 4096), 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bw_error_errno(err, BW_IO, errno, "cannot read the secret in %s", path);
        if (n == 0)
            return BW_OK;
        out->len += (size_t)n;
        if (out->len > MAX_SECRET)
            return bw_error_set(err, BW_INVALID, "the secret in %s is larger than 64 KiB", path);
    }
}

static bw_status read_secret_file(const char *path, char **out, bw_error *err)
{
    bw_buf text = BW_BUF_INIT;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        bw_error_errno(err, errno == ENOENT ? BW_NOT_FOUND : BW_IO, errno,
                       "cannot open the secret in %s", path);
        return bw_error_hint(err, "The file must exist and be readable for this user.");
    }
    bw_status status = read_all(fd, path, &text, err);
    close(fd);
    /* An editor ends a file with a line end that is not part of the secret. */
    if (status == BW_OK && text.len > 0 && text.ptr[text.len - 1] == '\n')
        text.len--;
    if (status == BW_OK && text.len > 0 && text.ptr[text.len - 1] == '\r')
        text.len--;
    if (status == BW_OK && text.len > 0 && memchr(text.ptr, '\0', text.len))
        status = bw_error_set(err, BW_INVALID, "the secret in %s holds a NUL byte", path);
    if (status == BW_OK)
        *out = bw_buf_take(&text);
    if (text.ptr)
        explicit_bzero(text.ptr, text.cap);
    bw_buf_fini(&text);
    return status;
}

bw_status bw_secret_read(bw_secret s, char **out, bw_error *err)
{
    *out = NULL;
    switch (s.kind) {
    case BW_SECRET_NONE:
        return BW_OK;
    case BW_SECRET_TEXT:
        *out = bw_xstrdup(s.text);
        return BW_OK;
    case BW_SECRET_FILE:
        return read_secret_file(s.text, out, err);
    case BW_SECRET_REFERENCE:
        break;
    }
    return bw_error_set(err, BW_UNSUPPORTED, "secret:%s has to be fetched from Secret Manager",
                        s.text);
}
