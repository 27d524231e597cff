#include "backend/core/clock.h"

#include <limits.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * BW_SECOND + ts.tv_nsec / 1000;
}

static int64_t system_wall(const bw_clock *c)
{
    (void)c;
    return read_clock(CLOCK_REALTIME);
}

static int64_t system_mono(const bw_clock *c)
{
    (void)c;
    return read_clock(CLOCK_MONOTONIC);
}

const bw_clock *bw_clock_system(void)
{
    static const bw_clock clock = {.wall = system_wall, .mono = system_mono};
    return &clock;
}

int bw_poll_ms(const bw_clock *c, int64_t deadline_us, int cap_ms)
{
    if (deadline_us == BW_FOREVER)
        return cap_ms;
    int64_t left = deadline_us - bw_mono_us(c);
    if (left <= 0)
        return 0;
    int64_t ms = (left + 999) / 1000;
    if (cap_ms >= 0 && ms > cap_ms)
        return cap_ms;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}
