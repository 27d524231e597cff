#include "backend/events/vector_clock.h"

#include "backend/events/members.h"

/* A counter's text: digits, no sign, no fraction, within int64. */
static bool counter_of(bw_slice text, int64_t *out)
{
    int64_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = text.ptr[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, digit, &n))
            return false;
    }
    *out = n;
    return text.len > 0;
}

/* An empty text is the clock without nodes. */
static bool read_clock(bw_slice text, bw_arena *arena, bw_members *out)
{
    *out = (bw_members){NULL, 0};
    if (text.len && !bw_members_read(text, arena, out))
        return false;
    for (size_t i = 0; i < out->count; i++) {
        int64_t counter;
        if (!counter_of(out->items[i].value, &counter))
            return false;
        if (i && bw_slice_eq(out->items[i].name, out->items[i - 1].name))
            return false;
    }
    return true;
}

bool bw_clock_valid(bw_slice clock)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_members nodes;
    bool ok = read_clock(clock, &arena, &nodes) && nodes.count > 0;
    bw_arena_fini(&arena);
    return ok;
}

/* Two clocks side by side: the next node of either, and its counters. */
typedef struct node {
    const bw_member *of; /* either side's */
    int64_t a, b;
} node;

static bool next_node(const bw_members *a, const bw_members *b, size_t *i, size_t *j, node *out)
{
    bool more_a = *i < a->count, more_b = *j < b->count;
    *out = (node){NULL, 0, 0};
    if (!more_a && !more_b)
        return false;
    int order = !more_a ? 1 : !more_b ? -1 : bw_slice_order(a->items[*i].name, b->items[*j].name);
    if (order >= 0) {
        out->of = &b->items[(*j)++];
        (void)counter_of(out->of->value, &out->b);
    }
    if (order <= 0) {
        out->of = &a->items[(*i)++];
        (void)counter_of(out->of->value, &out->a);
    }
    return true;
}

bw_causality bw_clock_compare(bw_slice a, bw_slice b)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_members x, y;
    bool less = true, more = true;
    if (read_clock(a, &arena, &x) && read_clock(b, &arena, &y)) {
        node n;
        less = more = false;
        for (size_t i = 0, j = 0; next_node(&x, &y, &i, &j, &n);) {
            less |= n.a < n.b;
            more |= n.a > n.b;
        }
    }
    bw_arena_fini(&arena);
    return less   ? more ? BW_CAUSALITY_CONCURRENT : BW_CAUSALITY_BEFORE
           : more ? BW_CAUSALITY_AFTER
                  : BW_CAUSALITY_EQUAL;
}

bw_slice bw_clock_join(bw_slice a, bw_slice b, bw_arena *arena)
{
    bw_members x, y;
    node n;
    bool has_a = read_clock(a, arena, &x), has_b = read_clock(b, arena, &y);
    if (!has_a)
        x.count = 0;
    if (!has_b)
        y.count = 0;
    bw_member *joined = BW_ARENA_ARRAY(arena, bw_member, x.count + y.count + 1);
    size_t count = 0;
    for (size_t i = 0, j = 0; next_node(&x, &y, &i, &j, &n); count++) {
        joined[count] = *n.of;
        joined[count].value =
            bw_slice_cstr(bw_arena_printf(arena, "%lld", (long long)(n.a > n.b ? n.a : n.b)));
    }
    return bw_members_write(joined, count, arena);
}
