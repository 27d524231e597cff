#include "backend/score/hst.h"

#include <math.h>
#include <stdlib.h>

#define INNER     ((1 << BW_HST_DEPTH) - 1)       /* nodes that split */
#define NODES     ((1 << (BW_HST_DEPTH + 1)) - 1) /* and leaves */
#define ENOUGH    6                               /* nodes with less are not looked into */
#define TRIM      (BW_HST_WINDOW / 50)            /* points ignored on each side for the range */
#define SAMPLE    50                              /* points of the window that set what is usual */
#define ABREAST   5                               /* divides the number of trees */
#define FAR       2.0F                            /* scaled values lie within -FAR .. 1 + FAR */
#define NEAR      0.5F                            /* as far outside is usual */
#define LONE      0.6                             /* no flag for one feature alone */
#define SAVED     "HST1"
#define SAVED_LEN 4

_Static_assert(BW_HST_TREES % ABREAST == 0, "trees are walked in full groups");
_Static_assert(BW_HST_WINDOW <= UINT8_MAX, "a node's mass fits its type");

/* One load has all that a step down a tree needs. */
typedef struct node {
    float at;        /* below it lies the first child, from it on the second */
    uint8_t feature; /* what the node splits */
    uint8_t mass;    /* points of the last full window; at most BW_HST_WINDOW */
} node;

typedef struct tree {
    node nodes[NODES];
} tree;

typedef float point[BW_HST_MAX_FEATURES];

struct bw_hst {
    uint64_t seed, learned;
    size_t features;
    bool ready;                                        /* a window has been full */
    float low[BW_HST_MAX_FEATURES];                    /* of the last full window, trimmed */
    float scale[BW_HST_MAX_FEATURES];                  /* 1 / width */
    double usual;                                      /* median log mass of the last full window */
    point last[BW_HST_WINDOW], current[BW_HST_WINDOW]; /* as given, not scaled */
    float log_mass[BW_HST_WINDOW + 1][BW_HST_DEPTH + 1];
    tree trees[BW_HST_TREES];
};

/* ---- random trees ----------------------------------------------------------------------- */

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static float next_unit(uint64_t *state)
{
    return (float)(next_random(state) >> 40) * 0x1p-24F;
}

/* Each node halves the work range of one random feature; its children have the halves. */
static void grow(tree *t, size_t at_node, float *low, float *high, size_t features,
                 uint64_t *random)
{
    if (at_node >= INNER)
        return;
    size_t q = (size_t)(next_random(random) % features);
    float at = (low[q] + high[q]) / 2, kept = high[q];
    t->nodes[at_node] = (node){.at = at, .feature = (uint8_t)q};
    high[q] = at;
    grow(t, 2 * at_node + 1, low, high, features, random);
    high[q] = kept;
    kept = low[q];
    low[q] = at;
    grow(t, 2 * at_node + 2, low, high, features, random);
    low[q] = kept;
}

/* The paper's work ranges: around a random point of the unit interval, twice as wide as needed to
   cover it. */
static void plant(bw_hst *h)
{
    uint64_t random = h->seed;
    for (size_t t = 0; t < BW_HST_TREES; t++) {
        float low[BW_HST_MAX_FEATURES], high[BW_HST_MAX_FEATURES];
        for (size_t q = 0; q < h->features; q++) {
            float s = next_unit(&random), reach = 2 * (s > 0.5F ? s : 1 - s);
            low[q] = s - reach;
            high[q] = s + reach;
        }
        grow(&h->trees[t], 0, low, high, h->features, &random);
    }
}

bw_hst *bw_hst_new(uint64_t seed, size_t features)
{
    bw_hst *h = bw_xcalloc(1, sizeof(*h));
    h->seed = seed;
    h->features = features;
    for (size_t mass = 0; mass <= BW_HST_WINDOW; mass++) {
        for (size_t depth = 0; depth <= BW_HST_DEPTH; depth++)
            h->log_mass[mass][depth] = (float)log2(1 + ldexp((double)mass, (int)depth));
    }
    plant(h);
    return h;
}

void bw_hst_free(bw_hst *hst)
{
    free(hst);
}

/* ---- judging ---------------------------------------------------------------------------- */

static void scale(const bw_hst *h, const float *raw, point out)
{
    for (size_t q = 0; q < h->features; q++) {
        float v = (raw[q] - h->low[q]) * h->scale[q];
        out[q] = v < -FAR ? -FAR : v > 1 + FAR ? 1 + FAR : v;
    }
}

/* Walks some trees side by side: each step waits for memory, and these waits overlap. */
static float log_mass_of(const bw_hst *h, const tree *trees, const point p)
{
    size_t at[ABREAST] = {0}, depth[ABREAST] = {0};
    size_t moved = 1;
    for (size_t step = 0; step < BW_HST_DEPTH && moved > 0; step++) {
        moved = 0;
        for (size_t i = 0; i < ABREAST; i++) {
            const node *n = &trees[i].nodes[at[i]];
            size_t child = 2 * at[i] + 1 + (p[n->feature] >= n->at), down = n->mass > ENOUGH;
            at[i] = down ? child : at[i];
            depth[i] += down;
            moved += down;
        }
    }
    float sum = 0;
    for (size_t i = 0; i < ABREAST; i++)
        sum += h->log_mass[trees[i].nodes[at[i]].mass][depth[i]];
    return sum;
}

static double log_mass(const bw_hst *h, const point p)
{
    float sum = 0;
    for (size_t i = 0; i < BW_HST_TREES; i += ABREAST)
        sum += log_mass_of(h, h->trees + i, p);
    return (double)sum / BW_HST_TREES;
}

static void clean(const bw_hst *h, const float *in, point out)
{
    memset(out, 0, sizeof(point));
    for (size_t q = 0; q < h->features; q++)
        out[q] = isfinite(in[q]) ? in[q] : 0;
}

/* How far the point is outside of the last window in the worst of its features: from 0, up to half a
   width beyond, to LONE where scaling ends. The trees see little of it: most of their splits are of
   other features. */
static double lone_outlier(const bw_hst *h, const point scaled)
{
    float worst = 0;
    for (size_t q = 0; q < h->features; q++) {
        float beyond = scaled[q] < 0 ? -scaled[q] : scaled[q] - 1;
        worst = beyond > worst ? beyond : worst;
    }
    return worst > NEAR ? LONE * (double)((worst - NEAR) / (FAR - NEAR)) : 0;
}

double bw_hst_score(const bw_hst *hst, const float *p)
{
    if (!hst->ready)
        return (double)NAN;
    point cleaned, scaled;
    clean(hst, p, cleaned);
    scale(hst, cleaned, scaled);
    double mass = log_mass(hst, scaled), lone = lone_outlier(hst, scaled);
    double odd = mass >= hst->usual ? 0 : 1 - mass / hst->usual;
    return odd > lone ? odd : lone;
}

/* ---- learning --------------------------------------------------------------------------- */

/* Puts v into the sorted `kept`, whose worst is the last, when it is better (less) than that. */
static void keep_lowest(float kept[TRIM + 1], float v)
{
    if (v >= kept[TRIM])
        return;
    size_t i = TRIM;
    for (; i > 0 && kept[i - 1] > v; i--)
        kept[i] = kept[i - 1];
    kept[i] = v;
}

static void take_ranges(bw_hst *h)
{
    for (size_t q = 0; q < h->features; q++) {
        float lowest[TRIM + 1], highest[TRIM + 1]; /* highest: negated */
        for (size_t i = 0; i <= TRIM; i++)
            lowest[i] = highest[i] = INFINITY;
        for (size_t i = 0; i < BW_HST_WINDOW; i++) {
            keep_lowest(lowest, h->last[i][q]);
            keep_lowest(highest, -h->last[i][q]);
        }
        float low = lowest[TRIM], width = -highest[TRIM] - low;
        if (width < 1) { /* a narrower window is centred in one unit */
            low -= (1 - width) / 2;
            width = 1;
        }
        h->low[q] = low;
        h->scale[q] = 1 / width;
    }
}

/* Fills one tree; what lies below a node that is not looked into is left alone. `points` are
   reordered. */
static void fill(tree *t, size_t at_node, const float **points, size_t count)
{
    node *n = &t->nodes[at_node];
    n->mass = (uint8_t)count;
    if (count <= ENOUGH || at_node >= INNER)
        return;
    size_t lower = 0;
    for (size_t i = 0; i < count; i++) { /* swaps always, so that there is no branch to guess */
        const float *p = points[i];
        points[i] = points[lower];
        points[lower] = p;
        lower += p[n->feature] < n->at;
    }
    fill(t, 2 * at_node + 1, points, lower);
    fill(t, 2 * at_node + 2, points + lower, count - lower);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The last window becomes what the next points are judged by. */
static void refill(bw_hst *h)
{
    point scaled[BW_HST_WINDOW];
    const float *points[BW_HST_WINDOW];
    double masses[SAMPLE];
    take_ranges(h);
    for (size_t i = 0; i < BW_HST_WINDOW; i++) {
        scale(h, h->last[i], scaled[i]);
        points[i] = scaled[i];
    }
    for (size_t t = 0; t < BW_HST_TREES; t++)
        fill(&h->trees[t], 0, points, BW_HST_WINDOW);
    for (size_t i = 0; i < SAMPLE; i++)
        masses[i] = log_mass(h, scaled[i * (BW_HST_WINDOW / SAMPLE)]);
    qsort(masses, SAMPLE, sizeof(masses[0]), compare_doubles);
    h->usual = masses[SAMPLE / 2];
    h->ready = true;
}

void bw_hst_learn(bw_hst *hst, const float *p)
{
    clean(hst, p, hst->current[hst->learned % BW_HST_WINDOW]);
    if (++hst->learned % BW_HST_WINDOW == 0) {
        memcpy(hst->last, hst->current, sizeof(hst->last));
        refill(hst);
    }
}

uint64_t bw_hst_learned(const bw_hst *hst)
{
    return hst->learned;
}

/* ---- saving ----------------------------------------------------------------------------- */

/* Little endian on every machine. */
static void put_bytes(bw_buf *out, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        bw_buf_addc(out, (char)(unsigned char)(v >> (8 * i)));
}

static uint64_t get_bytes(const char **p, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)(unsigned char)*(*p)++ << (8 * i);
    return v;
}

static void put_points(const bw_hst *h, const point *points, size_t n, bw_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t q = 0; q < h->features; q++) {
            uint32_t bits;
            memcpy(&bits, &points[i][q], sizeof(bits));
            put_bytes(out, bits, 4);
        }
    }
}

static bool get_points(const bw_hst *h, point *points, size_t n, const char **p)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t q = 0; q < h->features; q++) {
            uint32_t bits = (uint32_t)get_bytes(p, 4);
            memcpy(&points[i][q], &bits, sizeof(bits));
            if (!isfinite(points[i][q]))
                return false;
        }
    }
    return true;
}

static size_t kept_points(uint64_t learned)
{
    return (learned >= BW_HST_WINDOW ? BW_HST_WINDOW : 0) + (size_t)(learned % BW_HST_WINDOW);
}

void bw_hst_save(const bw_hst *hst, bw_buf *out)
{
    bw_buf_add(out, SAVED, SAVED_LEN);
    put_bytes(out, hst->features, 1);
    put_bytes(out, hst->seed, 8);
    put_bytes(out, hst->learned, 8);
    if (hst->ready)
        put_points(hst, hst->last, BW_HST_WINDOW, out);
    put_points(hst, hst->current, (size_t)(hst->learned % BW_HST_WINDOW), out);
}

bw_hst *bw_hst_load(bw_slice bytes)
{
    const size_t header = SAVED_LEN + 1 + 8 + 8;
    const char *p = bytes.ptr;
    if (bytes.len < header || memcmp(p, SAVED, SAVED_LEN) != 0)
        return NULL;
    p += SAVED_LEN;
    size_t features = (size_t)get_bytes(&p, 1);
    uint64_t seed = get_bytes(&p, 8), learned = get_bytes(&p, 8);
    if (features < 1 || features > BW_HST_MAX_FEATURES ||
        bytes.len - header != kept_points(learned) * features * 4)
        return NULL;
    bw_hst *h = bw_hst_new(seed, features);
    h->learned = learned;
    bool ready = learned >= BW_HST_WINDOW;
    if ((ready && !get_points(h, h->last, BW_HST_WINDOW, &p)) ||
        !get_points(h, h->current, (size_t)(learned % BW_HST_WINDOW), &p)) {
        bw_hst_free(h);
        return NULL;
    }
    if (ready)
        refill(h);
    return h;
}
