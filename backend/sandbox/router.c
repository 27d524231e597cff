#include "backend/sandbox/router.h"

#include "backend/core/text.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f')
        return (c | 32) - 'a' + 10;
    return -1;
}

char *bw_sb_percent_decode(bw_arena *arena, bw_slice raw, bool plus)
{
    char *text = bw_arena_bytes(arena, raw.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        int high = c == '%' && i + 2 < raw.len ? hex_digit(raw.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(raw.ptr[i + 2]) : -1;
        if (low >= 0) {
            c = (char)(high * 16 + low);
            i += 2;
        } else if (plus && c == '+') {
            c = ' ';
        }
        text[n++] = c;
    }
    text[n] = '\0';
    return text;
}

bool bw_sb_query_find(const char *query, const char *name, bw_slice *raw)
{
    size_t name_len = strlen(name);
    for (const char *at = query; *at;) {
        size_t len = strcspn(at, "&");
        size_t key = strcspn(at, "=&");
        if (key == name_len && memcmp(at, name, key) == 0) {
            *raw = at[key] == '=' ? (bw_slice){at + key + 1, len - key - 1} : (bw_slice){at, 0};
            return true;
        }
        at += len + (at[len] == '&');
    }
    return false;
}

bool bw_sb_url_is_text(bw_sb_request *r)
{
    const char *parts[] = {r->path, r->query};
    for (size_t i = 0; i < BW_COUNT(parts); i++) {
        if (strstr(parts[i], "%00"))
            return false;
        char *plain = bw_sb_percent_decode(&r->arena, bw_slice_cstr(parts[i]), false);
        if (!bw_utf8_valid(bw_slice_cstr(plain)))
            return false;
    }
    return true;
}

/* "upload_id" or "uploadType=resumable" */
static bool when_holds(const char *when, const char *query)
{
    char name[32];
    size_t len = strcspn(when, "=");
    bw_slice value;
    if (len >= sizeof name)
        return false;
    memcpy(name, when, len);
    name[len] = '\0';
    return bw_sb_query_find(query, name, &value) &&
           (!when[len] || bw_slice_is(value, when + len + 1));
}

static bool param_add(bw_sb_request *r, const char *name, size_t name_len, bw_slice raw)
{
    if (r->param_count == BW_SB_MAX_PARAMS || raw.len == 0)
        return false;
    r->params[r->param_count].name = name;
    r->params[r->param_count].name_len = name_len;
    r->params[r->param_count++].value = bw_sb_percent_decode(&r->arena, raw, false);
    return true;
}

/* Matches one segment of a pattern, which is a literal or {name}literal. */
static bool segment_matches(bw_sb_request *r, bw_slice pattern, bw_slice segment)
{
    if (pattern.len == 0 || pattern.ptr[0] != '{')
        return bw_slice_eq(pattern, segment);
    const char *close = memchr(pattern.ptr, '}', pattern.len);
    size_t name_len = (size_t)(close - pattern.ptr) - 1;
    bw_slice suffix = {close + 1, pattern.len - name_len - 2};
    if (segment.len <= suffix.len ||
        memcmp(segment.ptr + segment.len - suffix.len, suffix.ptr, suffix.len) != 0)
        return false;
    segment.len -= suffix.len;
    /* {topic} at the end does not swallow the custom verb of topics/t:publish. */
    bool last = segment.ptr[segment.len] == '\0';
    if (last && memchr(segment.ptr, ':', segment.len))
        return false;
    return param_add(r, pattern.ptr + 1, name_len, segment);
}

static bool pattern_matches(bw_sb_request *r, const char *pattern, const char *path)
{
    r->param_count = 0;
    for (;;) {
        bw_slice want = {pattern, strcspn(pattern, "/")};
        bw_slice have = {path, strcspn(path, "/")};
        if (want.len > 5 && memcmp(want.ptr + want.len - 4, "=**}", 4) == 0)
            return param_add(r, want.ptr + 1, want.len - 5, bw_slice_cstr(path));
        if (!segment_matches(r, want, have))
            return false;
        pattern += want.len;
        path += have.len;
        if (!*pattern || !*path)
            return !*pattern && !*path;
        pattern++;
        path++;
    }
}

static const bw_sb_route *find_in(const bw_sb_service *service, bw_sb_request *r, const char *path)
{
    for (size_t i = 0; i < service->route_count; i++) {
        const bw_sb_route *route = &service->routes[i];
        if (strcmp(route->verb, r->verb) != 0 ||
            (route->when && !when_holds(route->when, r->query)))
            continue;
        if (pattern_matches(r, route->pattern, path))
            return route;
    }
    return NULL;
}

void bw_sb_route_find(const bw_sb_service *const *services, size_t count, bw_sb_request *r)
{
    size_t best = 0;
    r->service = count ? services[0] : NULL;
    for (size_t i = 0; i < count; i++) {
        for (const char *const *prefix = services[i]->prefixes; *prefix; prefix++) {
            size_t len = strlen(*prefix);
            if (strncmp(r->path, *prefix, len) != 0)
                continue;
            const bw_sb_route *route = find_in(services[i], r, r->path + len);
            if (route) {
                r->service = services[i];
                r->route = route;
                return;
            }
            if (len > best) {
                best = len;
                r->service = services[i];
            }
        }
    }
    r->param_count = 0;
}
