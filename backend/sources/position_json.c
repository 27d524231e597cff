#include "backend/sources/position_json.h"

#include <stdlib.h>

#include "backend/core/clock.h"
#include "backend/core/units.h"

const char *bw_position_string(bw_slice object, const char *name, bw_arena *arena)
{
    char *text = bw_json_member_string(object, name);
    const char *own = text ? bw_arena_strdup(arena, text) : NULL;
    free(text);
    return own;
}

int64_t bw_position_time(bw_slice object, const char *name)
{
    char *text = bw_json_member_string(object, name);
    int64_t us = BW_TIME_NONE;
    if (text && !bw_parse_time(bw_slice_cstr(text), &us))
        us = BW_TIME_NONE;
    free(text);
    return us;
}
