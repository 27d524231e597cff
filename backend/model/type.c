#include "backend/model/type.h"

#include <strings.h>

static const char *const names[BW_TYPE_COUNT] = {
    [BW_TYPE_BOOL] = "BOOL",
    [BW_TYPE_INT64] = "INT64",
    [BW_TYPE_FLOAT64] = "FLOAT64",
    [BW_TYPE_NUMERIC] = "NUMERIC",
    [BW_TYPE_BIGNUMERIC] = "BIGNUMERIC",
    [BW_TYPE_STRING] = "STRING",
    [BW_TYPE_BYTES] = "BYTES",
    [BW_TYPE_DATE] = "DATE",
    [BW_TYPE_TIME] = "TIME",
    [BW_TYPE_DATETIME] = "DATETIME",
    [BW_TYPE_TIMESTAMP] = "TIMESTAMP",
    [BW_TYPE_JSON] = "JSON",
    [BW_TYPE_INTERVAL] = "INTERVAL",
    [BW_TYPE_GEOGRAPHY] = "GEOGRAPHY",
};

const char *bw_type_name(bw_type type)
{
    return names[type];
}

bool bw_type_parse(const char *name, bw_type *type)
{
    static const struct {
        const char *name;
        bw_type type;
    } legacy[] = {
        {"INTEGER", BW_TYPE_INT64},   {"FLOAT", BW_TYPE_FLOAT64},         {"BOOLEAN", BW_TYPE_BOOL},
        {"DECIMAL", BW_TYPE_NUMERIC}, {"BIGDECIMAL", BW_TYPE_BIGNUMERIC},
    };
    for (int t = 0; t < BW_TYPE_COUNT; t++) {
        if (strcasecmp(name, names[t]) == 0) {
            *type = (bw_type)t;
            return true;
        }
    }
    for (size_t i = 0; i < BW_COUNT(legacy); i++) {
        if (strcasecmp(name, legacy[i].name) == 0) {
            *type = legacy[i].type;
            return true;
        }
    }
    return false;
}
