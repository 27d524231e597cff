/* The state directory: local, ours alone, made with its parents when it is missing. */
#include "backend/store/internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Magic numbers of statfs(2) and linux/magic.h. FUSE is not among them: it may be either, and
   containers put local directories on it. */
static const struct {
    unsigned long magic;
    const char *name;
} NETWORK_FS[] = {
    {0x6969, "NFS"},      {0x517b, "SMB"},        {0xff534d42, "CIFS"}, {0xfe534d42, "SMB2"},
    {0x5346414f, "AFS"},  {0x6b414653, "AFS"},    {0x73757245, "Coda"}, {0x564c, "NCP"},
    {0x00c36400, "Ceph"}, {0x0bd00bd0, "Lustre"}, {0x01161970, "GFS2"}, {0x7461636f, "OCFS2"},
    {0x01021997, "9P"},
};

const char *bw_network_fs_name(unsigned long magic)
{
    for (size_t i = 0; i < BW_COUNT(NETWORK_FS); i++) {
        /* f_type is signed on some systems, and the magic of CIFS has the highest bit of 32. */
        if ((magic & 0xffffffffUL) == NETWORK_FS[i].magic)
            return NETWORK_FS[i].name;
    }
    return NULL;
}

char *bw_state_path(const char *dir, const char *name)
{
    return bw_xasprintf("%s/%s", dir, name);
}

/* Every missing directory on the way is made for its owner alone, as the XDG base directory
   specification asks. */
static int make_with_parents(const char *dir)
{
    char *path = bw_xstrdup(dir);
    int failed = path[0] ? 0 : ENOENT;
    for (char *p = path + 1; !failed; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char end = *p;
        *p = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            failed = errno;
        *p = end;
        if (!end)
            break;
    }
    free(path);
    return failed;
}

static bool is_empty(const char *dir)
{
    DIR *d = opendir(dir);
    size_t entries = 0;
    while (d && entries < 3 && readdir(d))
        entries++;
    if (d)
        closedir(d);
    return d && entries == 2; /* . and .. */
}

/* Row content is in there. An empty directory of ours is made private; one that holds something
   else as well may be a home or /tmp, whose rights are not ours to change. */
static bw_status check_rights(const char *dir, const struct stat *st, bw_error *err)
{
    if ((st->st_mode & 077) != 0 && st->st_uid == geteuid() && is_empty(dir)) {
        if (chmod(dir, 0700) == 0)
            return BW_OK;
    }
    if ((st->st_mode & 022) == 0)
        return BW_OK;
    bw_error_set(err, BW_DENIED, "state directory %s can be written to by other users", dir);
    return bw_error_hint(err, "Give the state a directory of its own, or run `chmod 700 %s`.", dir);
}

bw_status bw_state_dir_prepare(const char *dir, bw_error *err)
{
    int failed = make_with_parents(dir);
    struct stat st;
    if (!failed && stat(dir, &st) != 0)
        failed = errno;
    if (!failed && !S_ISDIR(st.st_mode))
        failed = ENOTDIR;
    if (failed) {
        bw_error_errno(err, failed == EACCES || failed == EPERM ? BW_DENIED : BW_IO, failed,
                       "state directory %s", dir);
        return bw_error_hint(err, "Name a directory that can be made and written to as state_dir.");
    }
    struct statfs fs;
    if (statfs(dir, &fs) == 0) {
        const char *network = bw_network_fs_name((unsigned long)fs.f_type);
        if (network) {
            bw_error_set(err, BW_UNSUPPORTED, "state directory %s is on a network file system (%s)",
                         dir, network);
            return bw_error_hint(
                err, "Locks and shared memory are not reliable there; name a directory on a local "
                     "disk as state_dir.");
        }
    }
    return check_rights(dir, &st, err);
}
