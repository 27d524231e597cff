#include "backend/config/setting.h"

#include <string.h>

const char *bw_setting_type_name(bw_setting_type type)
{
    static const char *const names[BW_SETTING_TYPES] = {
        [BW_SETTING_STRING] = "text",        [BW_SETTING_BOOL] = "true or false",
        [BW_SETTING_INT] = "whole number",   [BW_SETTING_DURATION] = "duration",
        [BW_SETTING_SIZE] = "size",          [BW_SETTING_ENUM] = "one of",
        [BW_SETTING_LIST] = "list of texts", [BW_SETTING_MAP] = "texts by name",
        [BW_SETTING_TIME] = "time",          [BW_SETTING_SECRET] = "secret",
        [BW_SETTING_SCHEDULE] = "schedule",
    };
    return (unsigned)type < BW_SETTING_TYPES ? names[type] : "unknown";
}

const bw_setting *bw_setting_find(const bw_setting_table *tables, size_t n_tables, const char *path)
{
    for (size_t t = 0; t < n_tables; t++)
        for (size_t i = 0; i < tables[t].count; i++)
            if (strcmp(tables[t].items[i].path, path) == 0)
                return &tables[t].items[i];
    return NULL;
}
