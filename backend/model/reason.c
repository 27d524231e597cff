/* The reason codes of dead letters and what they mean. */
#include "backend/model/value.h"

static const struct {
    const char *name, *text;
} reasons[BW_REASON_COUNT] = {
    [BW_REASON_NONE] = {"", ""},
    [BW_REASON_NUMERIC_OVERFLOW] = {"NUMERIC_OVERFLOW",
                                    "the number has more digits than the column holds"},
    [BW_REASON_NUMERIC_SCALE] = {"NUMERIC_SCALE",
                                 "the number has more decimals than the column holds"},
    [BW_REASON_NOT_FINITE] = {"NOT_FINITE", "the column cannot hold NaN or infinity"},
    [BW_REASON_TS_INFINITY] = {"TS_INFINITY", "BigQuery has no infinite date or time"},
    [BW_REASON_TS_RANGE] = {"TS_RANGE", "the time is outside the years 1 to 9999"},
    [BW_REASON_DATE_BC] = {"DATE_BC", "the date is before the year 1"},
    [BW_REASON_TIME_24] = {"TIME_24", "BigQuery has no 24:00:00"},
    [BW_REASON_TIME_RANGE] = {"TIME_RANGE", "the time of day is out of range"},
    [BW_REASON_ZERO_DATE] = {"ZERO_DATE", "the date has a zero month or day"},
    [BW_REASON_ARRAY_NULL] = {"ARRAY_NULL", "BigQuery arrays cannot hold NULL"},
    [BW_REASON_ARRAY_DIMS] = {"ARRAY_DIMS", "BigQuery has no arrays of arrays"},
    [BW_REASON_ARRAY_LBOUND] = {"ARRAY_LBOUND", "the array does not begin at index 1"},
    [BW_REASON_JSON_WIDE_NUMBER] = {"JSON_WIDE_NUMBER", "BigQuery JSON would round a number in it"},
    [BW_REASON_JSON_DEPTH] = {"JSON_DEPTH", "the JSON is nested too deeply"},
    [BW_REASON_JSON_DUPLICATE] = {"JSON_DUPLICATE",
                                  "BigQuery JSON would keep one of several members of a name"},
    [BW_REASON_JSON_INVALID] = {"JSON_INVALID", "the text is not JSON"},
    [BW_REASON_BAD_UTF8] = {"BAD_UTF8", "the text is not UTF-8"},
    [BW_REASON_NUL_BYTE] = {"NUL_BYTE", "the text holds a NUL byte"},
    [BW_REASON_ROW_TOO_BIG] = {"ROW_TOO_BIG", "the row is larger than BigQuery takes"},
    [BW_REASON_GEO_INVALID] = {"GEO_INVALID", "the geography is not valid"},
    [BW_REASON_UNKNOWN_TYPE] = {"UNKNOWN_TYPE", "the value's type is not known"},
    [BW_REASON_BAD_VALUE] = {"BAD_VALUE", "the value is not of the column's type"},
    [BW_REASON_KEY_NULL] = {"KEY_NULL", "a column of the key is NULL"},
    [BW_REASON_KEY_DUPLICATE] = {"KEY_DUPLICATE", "the key occurs more than once"},
    [BW_REASON_REQUIRED_NULL] = {"REQUIRED_NULL", "a required column is NULL"},
    [BW_REASON_REJECTED] = {"REJECTED", "BigQuery refused the row"},
    [BW_REASON_SCORE] = {"SCORE", "a score rule put the row into quarantine"},
    [BW_REASON_BAD_MESSAGE] = {"BAD_MESSAGE", "the message is not a change event"},
    [BW_REASON_PROCESSING] = {"PROCESSING", "the message could not be processed"},
    [BW_REASON_CONFLICT] = {"CONFLICT", "the change conflicts and an operator decides"},
    [BW_REASON_UNDELIVERED] = {"UNDELIVERED", "delivered too often without being acknowledged"},
};

const char *bw_reason_name(bw_reason reason)
{
    return reasons[reason].name;
}

const char *bw_reason_text(bw_reason reason)
{
    return reasons[reason].text;
}

bool bw_reason_parse(const char *name, bw_reason *reason)
{
    for (int r = 1; r < BW_REASON_COUNT; r++) {
        if (strcmp(name, reasons[r].name) == 0) {
            *reason = (bw_reason)r;
            return true;
        }
    }
    return false;
}
