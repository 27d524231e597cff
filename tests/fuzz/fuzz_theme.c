/* Any bytes as a theme file: either a theme whose every look is possible at every depth, or an error
   that names the file, the line and the column. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "views/kit/theme.h"

static void check_colour(bw_colour c, bw_depth depth)
{
    static const int most[] = {-1, 7, 15, 255};
    if (depth != BW_DEPTH_TRUE && c > most[depth])
        abort();
    if (c < BW_COLOUR_DEFAULT || c > (BW_COLOUR_RGB | 0xffffff))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bw_theme t;
    bw_error err = BW_ERROR_INIT;
    bw_slice text = {(const char *)data, size};
    if (bw_theme_parse(&t, text, "x.theme", bw_theme_builtin(), &err) != BW_OK) {
        if (strncmp(err.message, "x.theme:", 8) != 0)
            abort();
        return 0;
    }
    for (int role = 0; role < BW_ROLE_COUNT; role++) {
        for (int depth = BW_DEPTH_MONO; depth <= BW_DEPTH_TRUE; depth++) {
            bw_look look = bw_theme_look_on(&t, (bw_role)role, BW_ROLE_SELECTED, (bw_depth)depth);
            check_colour(look.fg, (bw_depth)depth);
            check_colour(look.bg, (bw_depth)depth);
        }
    }
    return 0;
}
