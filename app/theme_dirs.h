/* Where theme files are looked for beside the user's own. Threads: any. */
#ifndef BW_APP_THEME_DIRS_H
#define BW_APP_THEME_DIRS_H

#define BW_THEME_DIRS 3

/* Beside the program (a build in the source tree, an installation that was moved), then where it was to
   be installed. Fills the array, NULL at its end. */
void bw_theme_dirs_find(char *dirs[BW_THEME_DIRS + 1]);
void bw_theme_dirs_free(char *dirs[BW_THEME_DIRS + 1]);

#endif
