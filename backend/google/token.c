/*
 * One mutex guards the cache and is never held over the network. Whoever finds that a token is needed
 * marks the cache as `fetching`, asks, and raises `fetched`, a descriptor that the others wait on
 * together with their own cancel and deadline. They take over its success and its failure, but not
 * its being cancelled: then one of them asks again.
 */
#include "backend/google/token.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/log.h"
#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/google/api_error.h"
#include "backend/google/jwt.h"
#include "backend/google/retry.h"

#define REFRESH_EARLY  (300 * BW_SECOND)
#define STILL_USABLE   (10 * BW_SECOND)
#define NEXT_REFRESH   (30 * BW_SECOND)
#define ASSERTION_LIFE ((int64_t)3600)
#define LONGEST_LIFE   ((int64_t)12 * 3600) /* what Google gives at most; asking again costs little */
#define METADATA_TRIES (5 * BW_SECOND)
#define SKEW_NOTICED   (60 * BW_SECOND)
#define SCOPE          "https://www.googleapis.com/auth/cloud-platform"

struct bw_token_cache {
    const bw_identity *identity;
    const bw_clock *clock;
    char *url; /* where tokens are asked for */
    pthread_mutex_t mu;
    /* guarded by mu */
    char *token;                   /* NULL: none yet */
    int64_t expires_mono, life_us; /* by the monotonic clock, which stops in suspend ... */
    int64_t expires_wall;          /* ... and by the wall clock, which does not */
    int64_t not_before;            /* a failed refresh is not repeated earlier than this */
    bool fetching;
    uint64_t fetches;  /* ended */
    bw_error failure;  /* of the last one; status BW_OK when it went well */
    bw_cancel fetched; /* raised while nobody is fetching */
};

static char *default_url(const bw_identity *id)
{
    if (id->kind == BW_IDENTITY_METADATA)
        return bw_xasprintf("%s/computeMetadata/v1/instance/service-accounts/default/token",
                            id->metadata);
    return id->token_uri ? bw_xstrdup(id->token_uri) : NULL;
}

bw_token_cache *bw_token_cache_new(const bw_identity *identity, const bw_clock *clock,
                                   const char *token_url)
{
    bw_token_cache *c = bw_xcalloc(1, sizeof(*c));
    c->identity = identity;
    c->clock = clock;
    c->url = token_url && identity->kind != BW_IDENTITY_METADATA ? bw_xstrdup(token_url)
                                                                 : default_url(identity);
    pthread_mutex_init(&c->mu, NULL);
    bw_cancel_init(&c->fetched);
    return c;
}

static void forget(bw_token_cache *c)
{
    if (c->token)
        OPENSSL_cleanse(c->token, strlen(c->token));
    free(c->token);
    c->token = NULL;
}

void bw_token_cache_free(bw_token_cache *c)
{
    if (!c)
        return;
    forget(c);
    free(c->url);
    bw_cancel_fini(&c->fetched);
    pthread_mutex_destroy(&c->mu);
    free(c);
}

/* ---- asking ----------------------------------------------------------------------------- */

static void add_form(bw_buf *out, const char *name, const char *value)
{
    if (out->len)
        bw_buf_addc(out, '&');
    bw_buf_adds(out, name);
    bw_buf_addc(out, '=');
    bw_http_add_escaped(out, bw_slice_cstr(value));
}

static void add_member(bw_buf *out, const char *name, const char *value)
{
    bw_buf_addc(out, out->len ? ',' : '{');
    bw_json_add_string(out, bw_slice_cstr(name));
    bw_buf_addc(out, ':');
    bw_json_add_string(out, bw_slice_cstr(value));
}

static bw_status add_assertion(const bw_token_cache *c, bw_buf *form, bw_error *err)
{
    const bw_identity *id = c->identity;
    int64_t now = bw_wall_us(c->clock) / BW_SECOND;
    bw_buf header = BW_BUF_INIT, claims = BW_BUF_INIT, jwt = BW_BUF_INIT;
    add_member(&header, "alg", "RS256");
    add_member(&header, "typ", "JWT");
    if (id->key_id)
        add_member(&header, "kid", id->key_id);
    bw_buf_addc(&header, '}');
    add_member(&claims, "iss", id->email);
    add_member(&claims, "scope", SCOPE);
    add_member(&claims, "aud", id->token_uri);
    bw_buf_addf(&claims, ",\"iat\":%lld,\"exp\":%lld}", (long long)now,
                (long long)(now + ASSERTION_LIFE));
    bw_status s = bw_jwt_sign(id->key, bw_buf_slice(&header), bw_buf_slice(&claims), &jwt, err);
    if (s == BW_OK) {
        add_form(form, "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
        add_form(form, "assertion", bw_buf_cstr(&jwt));
    }
    bw_buf_fini(&header);
    bw_buf_fini(&claims);
    bw_buf_fini(&jwt);
    return s;
}

static bw_status add_grant(const bw_token_cache *c, bw_buf *form, bw_error *err)
{
    const bw_identity *id = c->identity;
    if (id->kind == BW_IDENTITY_SERVICE_ACCOUNT)
        return add_assertion(c, form, err);
    add_form(form, "grant_type", "refresh_token");
    add_form(form, "client_id", id->client_id);
    add_form(form, "client_secret", id->client_secret);
    add_form(form, "refresh_token", id->refresh_token);
    return BW_OK;
}

/* invalid_grant has two common causes, and the answer's Date tells them apart. */
static void hint_refused(const bw_token_cache *c, const bw_http_response *r, bw_error *err)
{
    char text[BW_TIME_TEXT];
    int64_t theirs = bw_http_date(r);
    int64_t skew = theirs == BW_TIME_NONE ? 0 : bw_wall_us(c->clock) - theirs;
    if (c->identity->kind == BW_IDENTITY_USER)
        bw_error_hint(err, "the login has ended: run 'gcloud auth application-default login'");
    else if (skew > SKEW_NOTICED || skew < -SKEW_NOTICED)
        bw_error_hint(err, "this machine's clock is %s %s the server's: set it (timedatectl)",
                      bw_format_duration(skew < 0 ? -skew : skew, text),
                      skew < 0 ? "behind" : "ahead of");
    else
        bw_error_hint(err, "the key may have been deleted or disabled, or this machine's clock "
                           "may be off: make a new key, check the time");
}

/* RFC 6749, 5.2: {"error": "invalid_grant", "error_description": "..."}. */
static bw_status fail_token(const bw_token_cache *c, const bw_http_response *r, bw_error *err)
{
    json_t *root = r->body.len ? json_loadb(r->body.ptr, r->body.len, 0, NULL) : NULL;
    const char *code = json_string_value(json_object_get(root, "error"));
    const char *words = json_string_value(json_object_get(root, "error_description"));
    bool transient = r->status >= 500 || r->status == 429 || r->status == 408 ||
                     (code && strcmp(code, "internal_failure") == 0);
    char reason[BW_REASON_SIZE];
    if (!code || transient) {
        bw_api_error_from_http(r->status, bw_buf_slice(&r->body), bw_http_retry_after(r, c->clock),
                               "get an access token", reason, err);
        if (transient && !err->retryable) {
            err->status = BW_UNAVAILABLE;
            err->retryable = true;
        }
    } else {
        bw_buf text = BW_BUF_INIT, clean = BW_BUF_INIT;
        bw_buf_addf(&text, "%s%s%s", code, words ? ": " : "", words ? words : "");
        bw_text_redact(&clean, bw_buf_slice(&text));
        bw_error_set(err, BW_DENIED, "no access token for %s: %s", c->identity->description,
                     bw_buf_cstr(&clean));
        hint_refused(c, r, err);
        bw_buf_fini(&text);
        bw_buf_fini(&clean);
    }
    json_decref(root);
    return err->status;
}

/* RFC 6750, 2.1: visible ASCII. Anything else would be a header of its own, or cut one short. */
static bool is_token(const char *text)
{
    const char *p = text;
    while (*p > ' ' && *p < 0x7F)
        p++;
    return p != text && !*p;
}

static bw_status read_token(bw_http_response *r, char **token, int64_t *life_us, bw_error *err)
{
    bw_slice body = bw_buf_slice(&r->body);
    int64_t seconds = 3600;
    *token = body.len ? bw_json_member_string(body, "access_token") : NULL;
    if (!*token || !is_token(*token)) {
        free(*token);
        *token = NULL;
        return bw_error_set(err, BW_UNAVAILABLE, "the token server's answer holds no access_token");
    }
    bw_json_member_int(body, "expires_in", &seconds);
    *life_us = (seconds < 0 ? 0 : seconds > LONGEST_LIFE ? LONGEST_LIFE : seconds) * BW_SECOND;
    OPENSSL_cleanse(r->body.ptr, r->body.len);
    return BW_OK;
}

static bw_status ask_once(const bw_token_cache *c, const bw_token_asker *asker, bw_http_response *r,
                          char **token, int64_t *life_us, bw_error *err)
{
    bool metadata = c->identity->kind == BW_IDENTITY_METADATA;
    static const char *const form_headers[] = {"Content-Type: application/x-www-form-urlencoded",
                                               "Accept: application/json"};
    static const char *const metadata_headers[] = {"Metadata-Flavor: Google"};
    bw_buf form = BW_BUF_INIT;
    bw_status s = metadata ? BW_OK : add_grant(c, &form, err);
    bw_http_request request = {.method = metadata ? "GET" : "POST",
                               .url = c->url,
                               .headers = metadata ? metadata_headers : form_headers,
                               .n_headers = metadata ? 1 : BW_COUNT(form_headers),
                               .body = {bw_buf_slice(&form)},
                               .n_body = metadata ? 0 : 1,
                               .deadline_us = asker->deadline_us,
                               .stall_us = metadata ? 3 * BW_SECOND : 30 * BW_SECOND,
                               .max_response = (size_t)1 << 20,
                               .idempotent = true,
                               .no_proxy = metadata};
    if (s == BW_OK)
        s = bw_http_send(asker->http, &request, r, err);
    if (form.ptr)
        OPENSSL_cleanse(form.ptr, form.cap);
    bw_buf_fini(&form);
    if (s != BW_OK)
        return s;
    if (r->status != 200)
        return fail_token(c, r, err);
    /* Anyone may answer at a name; the metadata server says who it is. */
    const char *flavor = metadata ? bw_http_header(r, "Metadata-Flavor") : "Google";
    if (!flavor || strcmp(flavor, "Google") != 0)
        return bw_error_set(err, BW_DENIED, "what answers as the metadata server is not Google's");
    return read_token(r, token, life_us, err);
}

static bw_status ask(const bw_token_cache *c, const bw_token_asker *asker, bool once, char **token,
                     int64_t *life_us, bw_error *err)
{
    bool metadata = c->identity->kind == BW_IDENTITY_METADATA;
    int64_t deadline = asker->deadline_us, now = bw_mono_us(c->clock);
    if (once)
        deadline = now;
    else if (metadata && deadline > now + METADATA_TRIES)
        deadline = now + METADATA_TRIES;
    bw_retry retry =
        bw_retry_begin(c->clock, asker->cancel, deadline, asker->subject, "get an access token");
    if (metadata)
        retry.base_us = BW_SECOND / 4;
    bw_http_response r = BW_HTTP_RESPONSE_INIT;
    bw_status s;
    do
        s = ask_once(c, asker, &r, token, life_us, err);
    while (s != BW_OK && bw_retry_again(&retry, err));
    bw_http_response_fini(&r);
    if (s == BW_OK)
        return s;
    if (metadata && (err->status == BW_UNAVAILABLE || err->status == BW_TIMEOUT)) {
        bw_error_wrap(err, "no credentials");
        bw_error_hint(err, "GOOGLE_APPLICATION_CREDENTIALS is not set, gcloud has no application "
                           "default credentials and no metadata server answers: set credentials: "
                           "to a key file, run 'gcloud auth application-default login', or use "
                           "credentials: none with an emulator");
    }
    err->maybe_acted = false; /* a token more has no effect */
    return err->status;
}

/* ---- the cache -------------------------------------------------------------------------- */

static int64_t left(const bw_token_cache *c)
{
    int64_t mono = c->expires_mono - bw_mono_us(c->clock);
    int64_t wall = c->expires_wall - bw_wall_us(c->clock);
    return mono < wall ? mono : wall;
}

/* Short-lived tokens are refreshed in their last quarter: five minutes may be all they have. */
static bool wants_refresh(const bw_token_cache *c)
{
    int64_t early = c->life_us / 4 < REFRESH_EARLY ? c->life_us / 4 : REFRESH_EARLY;
    return left(c) < early && bw_mono_us(c->clock) >= c->not_before;
}

static bool usable(const bw_token_cache *c)
{
    return c->token && left(c) > (c->life_us / 4 < STILL_USABLE ? 0 : STILL_USABLE);
}

/* Called with the mutex held, returns with it held; `fetching` is ours. */
static bw_status fetch(bw_token_cache *c, const bw_token_asker *asker, bw_error *err)
{
    bool have = usable(c);
    c->fetching = true;
    bw_cancel_reset(&c->fetched);
    pthread_mutex_unlock(&c->mu);
    char *token = NULL;
    int64_t life = 0;
    bw_status s = ask(c, asker, have, &token, &life, err);
    pthread_mutex_lock(&c->mu);
    if (s == BW_OK) {
        forget(c);
        c->token = token;
        c->life_us = life;
        c->expires_mono = bw_mono_us(c->clock) + life;
        c->expires_wall = bw_wall_us(c->clock) + life;
        c->not_before = 0;
        c->failure.status = BW_OK;
    } else {
        c->failure = *err;
        c->not_before = bw_mono_us(c->clock) + NEXT_REFRESH;
    }
    c->fetching = false;
    c->fetches++;
    bw_cancel_raise(&c->fetched);
    return s;
}

/* Called with the mutex held, returns with it held. */
static bw_status wait_for_other(bw_token_cache *c, const bw_token_asker *asker, bw_error *err)
{
    uint64_t before = c->fetches;
    pthread_mutex_unlock(&c->mu);
    bw_status s = bw_wait_fd(c->fetched.fd, POLLIN, asker->cancel, c->clock, asker->deadline_us,
                             "an access token", err);
    pthread_mutex_lock(&c->mu);
    bool failed = c->fetches > before && c->failure.status != BW_OK;
    if (s == BW_OK && failed && c->failure.status != BW_CANCELLED && !usable(c)) {
        *err = c->failure;
        s = err->status;
    }
    return s;
}

bw_status bw_token_get(bw_token_cache *c, const bw_token_asker *asker, bw_buf *token, bw_error *err)
{
    bw_error local = BW_ERROR_INIT;
    bw_status s = BW_OK;
    err = err ? err : &local;
    pthread_mutex_lock(&c->mu);
    for (;;) {
        bool good = usable(c);
        if (good && (c->fetching || !wants_refresh(c)))
            break;
        bool ours = !c->fetching;
        s = ours ? fetch(c, asker, err) : wait_for_other(c, asker, err);
        if (s == BW_OK && ours)
            break;
        if (s != BW_OK && good && s != BW_CANCELLED && usable(c)) {
            bw_log_error(BW_LOG_WARN, asker->subject, err);
            s = BW_OK;
            break;
        }
        if (s != BW_OK)
            break;
    }
    if (s == BW_OK)
        bw_buf_adds(token, c->token);
    pthread_mutex_unlock(&c->mu);
    return s;
}

void bw_token_refuse(bw_token_cache *c, bw_slice token)
{
    pthread_mutex_lock(&c->mu);
    if (c->token && bw_slice_is(token, c->token))
        forget(c);
    pthread_mutex_unlock(&c->mu);
}
