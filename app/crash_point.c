/* The product has no crash points: see backend/core/crash_point.h. */
#include "backend/core/crash_point.h"

void bw_crash_point(const char *name)
{
    (void)name;
}
