#include "backend/sandbox/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bw_sb_spool *spool_alloc(const char *id)
{
    bw_sb_spool *s = bw_xcalloc(1, sizeof *s);
    s->fd = -1;
    snprintf(s->id, sizeof s->id, "%s", id);
    return s;
}

static int open_nameless(void)
{
    const char *dir = getenv("TMPDIR");
    if (!dir || !*dir)
        dir = "/tmp";
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    char *path = bw_xasprintf("%s/bridgewatch-sandbox-XXXXXX", dir);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    free(path);
    return fd;
}

bw_status bw_sb_spool_new(const char *directory, const char *id, bool discard, bw_sb_spool **out,
                          bw_error *err)
{
    bw_sb_spool *s = spool_alloc(id);
    *out = s;
    if (discard)
        return BW_OK;
    if (directory) {
        s->path = bw_xasprintf("%s/%s.data", directory, id);
        s->fd = open(s->path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
    } else {
        s->fd = open_nameless();
    }
    if (s->fd >= 0)
        return BW_OK;
    bw_error_errno(err, BW_IO, errno, "cannot create the spool of an upload");
    bw_sb_spool_close(s);
    *out = NULL;
    return BW_IO;
}

bw_status bw_sb_spool_open(const char *directory, const char *id, bw_sb_spool **out, bw_error *err)
{
    bw_sb_spool *s = spool_alloc(id);
    struct stat st;
    unsigned char magic[2];
    s->path = bw_xasprintf("%s/%s.data", directory, id);
    s->fd = open(s->path, O_RDWR | O_CLOEXEC);
    if (s->fd < 0 || fstat(s->fd, &st) != 0) {
        bw_error_errno(err, BW_NOT_FOUND, errno, "cannot open the spool of upload %s", id);
        bw_sb_spool_close(s);
        *out = NULL;
        return BW_NOT_FOUND;
    }
    s->size = (uint64_t)st.st_size;
    s->gzip = pread(s->fd, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
    *out = s;
    return BW_OK;
}

void bw_sb_spool_close(bw_sb_spool *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    free(s->path);
    free(s);
}

void bw_sb_spool_remove(bw_sb_spool *s)
{
    if (s && s->path)
        unlink(s->path);
    bw_sb_spool_close(s);
}

/* The magic may come one byte at a time. */
static void look_for_magic(bw_sb_spool *s, const char *bytes, size_t size)
{
    static const char magic[2] = {'\x1f', '\x8b'};
    for (size_t i = 0; i < size && s->size + i < 2; i++) {
        bool first = s->size + i == 0;
        s->gzip = (first || s->gzip) && bytes[i] == magic[s->size + i];
    }
}

static void count_lines(bw_sb_spool *s, const char *bytes, size_t size)
{
    const char *end = bytes + size;
    for (const char *at = bytes; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        s->lines++;
    s->open_line = end[-1] != '\n';
}

bw_status bw_sb_spool_write(bw_sb_spool *s, const char *bytes, size_t size, bw_error *err)
{
    if (size == 0)
        return BW_OK;
    if (s->size < 2)
        look_for_magic(s, bytes, size);
    if (s->fd < 0 && !s->gzip)
        count_lines(s, bytes, size);
    for (size_t done = 0; s->fd >= 0 && done < size;) {
        ssize_t n = pwrite(s->fd, bytes + done, size - done, (off_t)(s->size + done));
        if (n < 0 && errno != EINTR)
            return bw_error_errno(err, BW_IO, errno, "cannot write to the spool of an upload");
        done += n > 0 ? (size_t)n : 0;
    }
    s->size += size;
    return BW_OK;
}

bw_status bw_sb_spool_truncate(bw_sb_spool *s, uint64_t size, bw_error *err)
{
    if (s->fd >= 0 && ftruncate(s->fd, (off_t)size) != 0)
        return bw_error_errno(err, BW_IO, errno, "cannot cut the spool of an upload");
    s->size = size;
    return BW_OK;
}
