#include "backend/google/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "backend/google/rest.h"

uint32_t bw_crc32c(bw_slice bytes)
{
    uint32_t crc = 0xFFFFFFFFU;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (unsigned char)bytes.ptr[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78U : 0);
    }
    return ~crc;
}

/* The parts between the slashes must be projects/P[/locations/L]/secrets/S[/versions/V]. */
typedef struct secret_name {
    bw_slice project, location, secret, version;
} secret_name;

static bw_slice next_part(const char **at)
{
    size_t n = strcspn(*at, "/");
    bw_slice part = {*at, n};
    *at += (*at)[n] ? n + 1 : n;
    return part;
}

static bool parse_name(const char *name, secret_name *out)
{
    const char *at = name;
    bw_slice word = next_part(&at);
    *out = (secret_name){.version = BW_SLICE_LIT("latest")};
    if (!bw_slice_is(word, "projects"))
        return false;
    out->project = next_part(&at);
    word = next_part(&at);
    if (bw_slice_is(word, "locations")) {
        out->location = next_part(&at);
        word = next_part(&at);
        if (!out->location.len)
            return false;
    }
    if (!bw_slice_is(word, "secrets"))
        return false;
    out->secret = next_part(&at);
    if (*at) {
        if (!bw_slice_is(next_part(&at), "versions"))
            return false;
        out->version = next_part(&at);
    }
    return out->project.len && out->secret.len && out->version.len && !*at;
}

static void add_segment(bw_buf *url, const char *word, bw_slice value)
{
    if (!value.len)
        return;
    bw_buf_addf(url, "/%s/", word);
    bw_http_add_escaped(url, value);
}

/* Regional secrets live at an address of their own, unless the configuration names one. */
static char *secret_url(const bw_google *google, const secret_name *name)
{
    const char *base = bw_google_base(google, BW_SERVICE_SECRETMANAGER);
    bw_buf url = BW_BUF_INIT;
    if (name->location.len && strcmp(base, "https://secretmanager.googleapis.com") == 0) {
        bw_buf_adds(&url, "https://secretmanager.");
        bw_http_add_escaped(&url, name->location);
        bw_buf_adds(&url, ".rep.googleapis.com");
    } else {
        bw_buf_adds(&url, base);
    }
    bw_buf_adds(&url, "/v1");
    add_segment(&url, "projects", name->project);
    add_segment(&url, "locations", name->location);
    add_segment(&url, "secrets", name->secret);
    add_segment(&url, "versions", name->version);
    bw_buf_adds(&url, ":access");
    return bw_buf_take(&url);
}

/* Base64 with padding, as protobuf's JSON writes bytes. False when it is none. */
static bool decode_base64(const char *text, size_t n, bw_buf *out)
{
    if (n % 4 != 0 || n > INT32_MAX)
        return false;
    int size = EVP_DecodeBlock((unsigned char *)bw_buf_reserve(out, n / 4 * 3 + 1),
                               (const unsigned char *)text, (int)n);
    if (size < 0)
        return false;
    size_t padding = n && text[n - 1] == '=' ? (text[n - 2] == '=' ? 2 : 1) : 0;
    out->len = (size_t)size - padding;
    return true;
}

static bw_status read_payload(const json_t *answer, const char *name, bw_buf *content,
                              bw_error *err)
{
    const json_t *payload = json_object_get(answer, "payload");
    const json_t *data = json_object_get(payload, "data");
    const json_t *crc = json_object_get(payload, "dataCrc32c");
    if (!json_is_string(data) ||
        !decode_base64(json_string_value(data), json_string_length(data), content))
        return bw_error_set(err, BW_CORRUPT, "the secret %s came without readable content", name);
    long long expected = json_is_integer(crc)  ? json_integer_value(crc)
                         : json_is_string(crc) ? strtoll(json_string_value(crc), NULL, 10)
                                               : -1;
    if (expected >= 0 && (uint32_t)expected != bw_crc32c(bw_buf_slice(content)))
        return bw_error_set(err, BW_CORRUPT, "the secret %s came with a wrong checksum", name);
    if (content->len && memchr(content->ptr, '\0', content->len))
        return bw_error_set(err, BW_INVALID, "the secret %s holds a NUL byte", name);
    return BW_OK;
}

static void wipe(bw_buf *b)
{
    if (b->ptr)
        OPENSSL_cleanse(b->ptr, b->cap);
    bw_buf_fini(b);
}

bw_status bw_google_secret(const bw_google *google, const bw_cancel *cancel, const char *name,
                           int64_t timeout_us, char **out, bw_error *err)
{
    secret_name parts;
    *out = NULL;
    if (!parse_name(name, &parts)) {
        bw_error_set(err, BW_INVALID, "%s is not the name of a secret", name);
        return bw_error_hint(err,
                             "write projects/PROJECT/secrets/NAME, with /versions/V if needed");
    }
    bw_rest rest;
    bw_buf content = BW_BUF_INIT;
    json_t *answer = NULL;
    char *url = secret_url(google, &parts);
    bw_rest_init(&rest, google, BW_SERVICE_SECRETMANAGER, NULL, cancel, "secrets");
    rest.per_call_us = timeout_us;
    bw_rest_call call = {.what = "read the secret", .url = url};
    bw_status s = bw_rest_json(&rest, &call, &answer, err);
    if (s == BW_OK)
        s = read_payload(answer, name, &content, err);
    else
        bw_error_wrap(err, "%s", name);
    if (s == BW_DENIED)
        bw_error_hint(err, "grant Secret Manager Secret Accessor on the secret to %s",
                      bw_google_identity(google));
    if (s == BW_OK)
        *out = bw_xstrndup(content.ptr ? content.ptr : "", content.len);
    wipe(&content);
    wipe(&rest.response.body);
    bw_rest_fini(&rest);
    json_decref(answer);
    free(url);
    return s;
}
