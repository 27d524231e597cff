#include "backend/engine/tally.h"

#include <stdio.h>

const char *bw_tally_text(int64_t rows_read, int64_t loaded, int64_t present, int64_t dead_letters,
                          char out[BW_TALLY_TEXT])
{
    char there[48] = "";
    if (present > 0)
        snprintf(there, sizeof(there), ", %lld already there", (long long)present);
    snprintf(out, BW_TALLY_TEXT, "%lld row%s read, %lld loaded%s, %lld dead-lettered",
             (long long)rows_read, rows_read == 1 ? "" : "s", (long long)loaded, there,
             (long long)dead_letters);
    return out;
}
