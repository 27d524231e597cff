#include "backend/sandbox/fault.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/core/units.h"

#define MAX_FAULTS 256

typedef struct fault_entry {
    char method[96];
    char what[64];
    bw_sb_fault effect;
    double share;
    int64_t count; /* hits that are left to give; negative: no end */
    int64_t skip;  /* matching requests to let pass first */
    int64_t seen, hits;
} fault_entry;

struct bw_sb_faults {
    pthread_mutex_t mu;
    fault_entry entries[MAX_FAULTS]; /* guarded by mu */
    size_t count;                    /* guarded by mu */
    uint64_t random;                 /* guarded by mu: xorshift64 */
    const char **methods;            /* that there are */
    size_t method_count, method_cap;
};

static const struct {
    const char *word;
    bw_sb_fault_kind kind;
} plain_kinds[] = {
    {"cut-before", BW_SB_FAULT_CUT_BEFORE},   {"cut-middle", BW_SB_FAULT_CUT_MIDDLE},
    {"cut-after", BW_SB_FAULT_CUT_AFTER},     {"truncate", BW_SB_FAULT_TRUNCATE},
    {"short-range", BW_SB_FAULT_SHORT_RANGE}, {"expired-token", BW_SB_FAULT_EXPIRED_TOKEN},
};

bw_sb_faults *bw_sb_faults_new(void)
{
    bw_sb_faults *f = bw_xcalloc(1, sizeof *f);
    pthread_mutex_init(&f->mu, NULL);
    f->random = 0x9e3779b97f4a7c15U;
    return f;
}

void bw_sb_faults_free(bw_sb_faults *f)
{
    if (!f)
        return;
    pthread_mutex_destroy(&f->mu);
    free(f->methods);
    free(f);
}

void bw_sb_faults_know(bw_sb_faults *f, const char *method)
{
    BW_GROW(f->methods, f->method_count + 1, f->method_cap);
    f->methods[f->method_count++] = method;
}

static const char *first_match(const bw_sb_faults *f, const char *pattern)
{
    for (size_t i = 0; i < f->method_count; i++) {
        if (bw_glob_match(pattern, f->methods[i]))
            return f->methods[i];
    }
    return NULL;
}

/* INVALID when the name, or pattern, is no method's. */
static bw_status check_method(const bw_sb_faults *f, const char *method, bw_error *err)
{
    char ending[sizeof((fault_entry *)0)->method + 2];
    if (first_match(f, method))
        return BW_OK;
    bw_error_set(err, BW_INVALID, "no method is named %s", method);
    const char *near = bw_nearest(method, f->methods, f->method_count);
    snprintf(ending, sizeof ending, "*.%s", method);
    if (!near)
        near = first_match(f, ending);
    return near ? bw_error_hint(err, "Did you mean %s?", near)
                : bw_error_hint(err, "Methods are named as in Google's discovery documents; * "
                                     "stands for any part.");
}

static bool parse_share(bw_slice text, double *out)
{
    char copy[32], *end;
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *out = strtod(copy, &end);
    return *end == '\0' && *out >= 0 && *out <= 1;
}

static bool parse_whole(bw_slice text, int64_t *out)
{
    int64_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, text.ptr[i] - '0', &n))
            return false;
    }
    *out = n;
    return text.len > 0;
}

static bool parse_status(const char *what, bw_sb_fault *effect)
{
    char *end;
    long status = strtol(what, &end, 10);
    if (end == what || status < 400 || status > 599 || (*end && *end != '/'))
        return false;
    effect->kind = BW_SB_FAULT_STATUS;
    effect->status = (unsigned)status;
    snprintf(effect->reason, sizeof effect->reason, "%s", *end ? end + 1 : "");
    return true;
}

static bool parse_what(const char *what, bw_sb_fault *effect)
{
    *effect = (bw_sb_fault){0};
    for (size_t i = 0; i < BW_COUNT(plain_kinds); i++) {
        if (strcmp(what, plain_kinds[i].word) == 0) {
            effect->kind = plain_kinds[i].kind;
            return true;
        }
    }
    for (const char *c = what; *c; c++) {
        if (*c < ' ' || *c >= 0x7f)
            return false;
    }
    if (strncmp(what, "latency=", 8) == 0) {
        effect->kind = BW_SB_FAULT_LATENCY;
        return bw_parse_duration(bw_slice_cstr(what + 8), &effect->latency_us) &&
               effect->latency_us >= 0;
    }
    if (strncmp(what, "slow=", 5) == 0) {
        effect->kind = BW_SB_FAULT_SLOW;
        return bw_parse_size(bw_slice_cstr(what + 5), &effect->rate) && effect->rate > 0;
    }
    return parse_status(what, effect);
}

static bw_status entry_set_what(fault_entry *e, bw_slice what, bw_error *err)
{
    if (what.len < sizeof e->what) {
        memcpy(e->what, what.ptr, what.len);
        e->what[what.len] = '\0';
        if (parse_what(e->what, &e->effect))
            return BW_OK;
    }
    bw_error_set(err, BW_INVALID, "unknown fault \"%.*s\"", (int)(what.len < 80 ? what.len : 80),
                 what.ptr);
    return bw_error_hint(err, "Give a status (503, 403/quotaExceeded), latency=200ms, slow=4KiB, "
                              "cut-before, cut-middle, cut-after, truncate, short-range or "
                              "expired-token.");
}

static bw_status entry_set_method(fault_entry *e, bw_slice method, bw_error *err)
{
    bool printable = true;
    for (size_t i = 0; i < method.len; i++)
        printable = printable && method.ptr[i] > ' ' && method.ptr[i] < 0x7f;
    if (method.len == 0 || method.len >= sizeof e->method || !printable)
        return bw_error_set(err, BW_INVALID, "a fault needs the name of a method, or *");
    memcpy(e->method, method.ptr, method.len);
    e->method[method.len] = '\0';
    return BW_OK;
}

/* The text up to the next colon; the rest stays in *left. */
static bw_slice next_part(bw_slice *left)
{
    const char *colon = left->len ? memchr(left->ptr, ':', left->len) : NULL;
    bw_slice part = {left->ptr, colon ? (size_t)(colon - left->ptr) : left->len};
    size_t taken = part.len + (colon ? 1 : 0);
    left->ptr += taken;
    left->len -= taken;
    return part;
}

static bw_status entry_parse(bw_slice spec, fault_entry *e, bw_error *err)
{
    *e = (fault_entry){.share = 1, .count = -1};
    bw_slice left = spec;
    bw_slice method = next_part(&left), what = next_part(&left);
    bw_slice share = next_part(&left), count = next_part(&left), skip = next_part(&left);
    bw_status status = entry_set_method(e, method, err);
    if (status == BW_OK)
        status = entry_set_what(e, what, err);
    if (status != BW_OK)
        return status;
    if ((share.len && !parse_share(share, &e->share)) ||
        (count.len && !parse_whole(count, &e->count)) ||
        (skip.len && !parse_whole(skip, &e->skip)) || left.len) {
        bw_error_set(err, BW_INVALID, "\"%.*s\" is not METHOD:WHAT[:SHARE[:COUNT[:SKIP]]]",
                     (int)(spec.len < 120 ? spec.len : 120), spec.ptr);
        return bw_error_hint(err, "SHARE is from 0 to 1, COUNT and SKIP are whole numbers.");
    }
    return BW_OK;
}

static bw_status entry_from_json(json_t *item, fault_entry *e, bw_error *err)
{
    if (json_is_string(item))
        return entry_parse((bw_slice){json_string_value(item), json_string_length(item)}, e, err);
    const char *method = json_string_value(json_object_get(item, "method"));
    const char *what = json_string_value(json_object_get(item, "what"));
    if (!method || !what)
        return bw_error_set(err, BW_INVALID, "a fault is a text or {\"method\", \"what\", ...}");
    *e = (fault_entry){.share = 1, .count = -1};
    bw_status status = entry_set_method(e, bw_slice_cstr(method), err);
    if (status == BW_OK)
        status = entry_set_what(e, bw_slice_cstr(what), err);
    if (status != BW_OK)
        return status;
    json_t *share = json_object_get(item, "share");
    json_t *count = json_object_get(item, "count"), *skip = json_object_get(item, "skip");
    e->share = share ? json_number_value(share) : 1;
    e->count = count ? json_integer_value(count) : -1;
    e->skip = json_integer_value(skip);
    if ((share && !json_is_number(share)) || !(e->share >= 0 && e->share <= 1) ||
        (count && !json_is_integer(count)) || (skip && !json_is_integer(skip)) || e->skip < 0)
        return bw_error_set(err, BW_INVALID,
                            "share is from 0 to 1, count and skip are whole numbers");
    return BW_OK;
}

typedef struct fault_batch {
    fault_entry entries[MAX_FAULTS];
    size_t count;
} fault_batch;

static bw_status batch_room(const fault_batch *batch, bw_error *err)
{
    if (batch->count < MAX_FAULTS)
        return BW_OK;
    return bw_error_set(err, BW_INVALID, "more than %d faults", MAX_FAULTS);
}

static bw_status batch_from_json(fault_batch *batch, json_t *root, bool *replace, bw_error *err)
{
    json_t *list = json_is_object(root) ? json_object_get(root, "faults") : root;
    *replace = json_is_true(json_object_get(root, "replace"));
    if (!list)
        list = root;
    size_t n = json_is_array(list) ? json_array_size(list) : 1;
    bw_status status = BW_OK;
    for (size_t i = 0; i < n && status == BW_OK; i++) {
        json_t *item = json_is_array(list) ? json_array_get(list, i) : list;
        status = batch_room(batch, err);
        if (status == BW_OK)
            status = entry_from_json(item, &batch->entries[batch->count++], err);
    }
    return status;
}

static bw_status batch_from_lines(fault_batch *batch, bw_slice text, bw_error *err)
{
    bw_status status = BW_OK;
    while (text.len && status == BW_OK) {
        const char *newline = memchr(text.ptr, '\n', text.len);
        size_t len = newline ? (size_t)(newline - text.ptr) : text.len;
        bw_slice line = {text.ptr, len};
        while (line.len && (line.ptr[line.len - 1] == '\r' || line.ptr[line.len - 1] == ' '))
            line.len--;
        text.ptr += newline ? len + 1 : len;
        text.len -= newline ? len + 1 : len;
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        status = batch_room(batch, err);
        if (status == BW_OK)
            status = entry_parse(line, &batch->entries[batch->count++], err);
    }
    return status;
}

static bw_status faults_take(bw_sb_faults *f, const fault_batch *batch, bool replace, bw_error *err)
{
    bw_status status = BW_OK;
    for (size_t i = 0; i < batch->count && status == BW_OK; i++)
        status = check_method(f, batch->entries[i].method, err);
    if (status != BW_OK)
        return status;
    pthread_mutex_lock(&f->mu);
    if (replace)
        f->count = 0;
    if (f->count + batch->count > MAX_FAULTS) {
        status = bw_error_set(err, BW_INVALID, "more than %d faults", MAX_FAULTS);
    } else {
        memcpy(&f->entries[f->count], batch->entries, batch->count * sizeof batch->entries[0]);
        f->count += batch->count;
    }
    pthread_mutex_unlock(&f->mu);
    return status;
}

bw_status bw_sb_faults_add(bw_sb_faults *f, const char *spec, bw_error *err)
{
    fault_batch *batch = bw_xcalloc(1, sizeof *batch);
    bw_status status = entry_parse(bw_slice_cstr(spec), &batch->entries[0], err);
    batch->count = 1;
    if (status == BW_OK)
        status = faults_take(f, batch, false, err);
    free(batch);
    return status;
}

bw_status bw_sb_faults_post(bw_sb_faults *f, bw_slice body, bw_error *err)
{
    size_t blank = 0;
    while (blank < body.len && memchr(" \t\r\n", body.ptr[blank], 4))
        blank++;
    bool is_json = blank < body.len && memchr("{[\"", body.ptr[blank], 3);
    bool replace = false;
    fault_batch *batch = bw_xcalloc(1, sizeof *batch);
    bw_status status;
    if (is_json) {
        json_error_t detail;
        json_t *root = json_loadb(body.ptr, body.len, JSON_DECODE_ANY, &detail);
        status = root ? batch_from_json(batch, root, &replace, err)
                      : bw_error_set(err, BW_INVALID, "not JSON: %s", detail.text);
        json_decref(root);
    } else {
        status = batch_from_lines(batch, body, err);
    }
    if (status == BW_OK)
        status = faults_take(f, batch, replace, err);
    free(batch);
    return status;
}

void bw_sb_faults_clear(bw_sb_faults *f)
{
    pthread_mutex_lock(&f->mu);
    f->count = 0;
    pthread_mutex_unlock(&f->mu);
}

void bw_sb_faults_print(bw_sb_faults *f, bw_buf *out)
{
    bw_buf_adds(out, "{\"faults\":[");
    pthread_mutex_lock(&f->mu);
    for (size_t i = 0; i < f->count; i++) {
        const fault_entry *e = &f->entries[i];
        bw_buf_adds(out, i ? ",{\"method\":" : "{\"method\":");
        bw_json_add_string(out, bw_slice_cstr(e->method));
        bw_buf_adds(out, ",\"what\":");
        bw_json_add_string(out, bw_slice_cstr(e->what));
        bw_buf_addf(out, ",\"share\":%lld.%03lld,\"count\":%lld,\"skip\":%lld", (long long)e->share,
                    (long long)(e->share * 1000) % 1000, (long long)e->count, (long long)e->skip);
        bw_buf_addf(out, ",\"seen\":%lld,\"hits\":%lld}", (long long)e->seen, (long long)e->hits);
    }
    pthread_mutex_unlock(&f->mu);
    bw_buf_adds(out, "]}");
}

/* Deterministic, so that a run with one client can be repeated. */
static double next_random(bw_sb_faults *f)
{
    f->random ^= f->random << 13;
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return (double)(f->random >> 11) / 9007199254740992.0;
}

static bool entry_hits(bw_sb_faults *f, fault_entry *e)
{
    if (e->count == 0)
        return false;
    e->seen++;
    if (e->seen <= e->skip)
        return false;
    if (e->share < 1 && next_random(f) >= e->share)
        return false;
    e->hits++;
    if (e->count > 0)
        e->count--;
    return true;
}

bw_sb_fault bw_sb_faults_draw(bw_sb_faults *f, const char *method, const char *alias)
{
    bw_sb_fault drawn = {0};
    pthread_mutex_lock(&f->mu);
    for (size_t i = 0; i < f->count; i++) {
        fault_entry *e = &f->entries[i];
        bool latency = e->effect.kind == BW_SB_FAULT_LATENCY;
        if (!latency && drawn.kind != BW_SB_FAULT_NONE)
            continue;
        if (!bw_glob_match(e->method, method) && !(alias && bw_glob_match(e->method, alias)))
            continue;
        if (!entry_hits(f, e))
            continue;
        int64_t latency_us = drawn.latency_us + e->effect.latency_us;
        if (!latency)
            drawn = e->effect;
        drawn.latency_us = latency_us;
    }
    pthread_mutex_unlock(&f->mu);
    return drawn;
}

const char *bw_sb_fault_name(const bw_sb_fault *fault, char *out, size_t size)
{
    const char *word = fault->latency_us ? "latency" : "";
    for (size_t i = 0; i < BW_COUNT(plain_kinds); i++) {
        if (plain_kinds[i].kind == fault->kind)
            word = plain_kinds[i].word;
    }
    if (fault->kind == BW_SB_FAULT_SLOW)
        word = "slow";
    if (fault->kind == BW_SB_FAULT_STATUS)
        snprintf(out, size, "%u%s%s", fault->status, fault->reason[0] ? "/" : "", fault->reason);
    else
        snprintf(out, size, "%s", word);
    return out;
}
