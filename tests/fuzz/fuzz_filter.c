/* Filters as somebody might type them: either an error that says why, or a filter that every row,
   known and unknown cells alike, passes or does not, the same each time. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "views/kit/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void cell(void *user, size_t column, bw_slice *text, double *number)
{
    static const char *const texts[] = {"shop.orders", "failed", "12m", "1.5 GiB"};
    static const double numbers[] = {0, 3, 720, 1610612736.0};
    const bool *known = user;
    *text = bw_slice_cstr(*known ? texts[column] : "");
    *number = *known ? numbers[column] : (double)NAN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const bw_filter_column columns[] = {{"sync", BW_UNIT_TEXT},
                                               {"state", BW_UNIT_PLAIN},
                                               {"lag", BW_UNIT_SECONDS},
                                               {"size", BW_UNIT_BYTES}};
    char *text = bw_xstrndup((const char *)data, size);
    bw_error err = BW_ERROR_INIT;
    bw_filter *filter = NULL;
    if (bw_filter_new(&filter, text, columns, BW_COUNT(columns), &err) == BW_OK) {
        for (int i = 0; i < 2; i++) {
            bool known = i == 0;
            bw_filter_row row = {cell, &known};
            if (bw_filter_match(filter, &row) != bw_filter_match(filter, &row))
                abort();
        }
        bw_filter_free(filter);
    } else if (!err.message[0] || filter) {
        abort();
    }
    free(text);
    return 0;
}
