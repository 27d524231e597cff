#include "app/theme_dirs.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/core/buf.h"

void bw_theme_dirs_find(char *dirs[BW_THEME_DIRS + 1])
{
    char path[PATH_MAX];
    size_t n = 0;
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (len > 0) {
        path[len] = '\0';
        char *slash = strrchr(path, '/');
        if (slash)
            *slash = '\0';
        dirs[n++] = bw_xasprintf("%s/../themes", path);
        dirs[n++] = bw_xasprintf("%s/../share/bridgewatch/themes", path);
    }
    dirs[n++] = bw_xstrdup(BW_THEME_DIR);
    while (n <= BW_THEME_DIRS)
        dirs[n++] = NULL;
}

void bw_theme_dirs_free(char *dirs[BW_THEME_DIRS + 1])
{
    for (size_t i = 0; i < BW_THEME_DIRS; i++)
        free(dirs[i]);
}
