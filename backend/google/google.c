#include "backend/google/google.h"

#include <stdlib.h>
#include <string.h>

#include "backend/google/service.h"

typedef struct service_facts {
    const char *base;
    const char *emulator_env; /* or NULL */
    const char *path;         /* cut off a base that ends with it; or NULL */
} service_facts;

static const service_facts facts[BW_SERVICE_COUNT] = {
    [BW_SERVICE_BIGQUERY] = {"https://bigquery.googleapis.com", "BIGQUERY_EMULATOR_HOST",
                             "/bigquery/v2"},
    [BW_SERVICE_PUBSUB] = {"https://pubsub.googleapis.com", "PUBSUB_EMULATOR_HOST", NULL},
    [BW_SERVICE_DATASTORE] = {"https://datastore.googleapis.com", "DATASTORE_EMULATOR_HOST", NULL},
    [BW_SERVICE_LOGGING] = {"https://logging.googleapis.com", NULL, NULL},
    [BW_SERVICE_MONITORING] = {"https://monitoring.googleapis.com", NULL, NULL},
    [BW_SERVICE_SECRETMANAGER] = {"https://secretmanager.googleapis.com", NULL, NULL},
};

typedef struct endpoint {
    char *base;
    bw_identity_origin needs; /* credentials chosen less deliberately are not sent there */
} endpoint;

struct bw_google {
    const bw_clock *clock;
    char *project; /* or NULL */
    bw_identity identity;
    endpoint endpoints[BW_SERVICE_COUNT];
    bw_token_cache *tokens; /* does its own locking */
};

static const char *env(const char *name)
{
    const char *value = name ? getenv(name) : NULL;
    return value && value[0] ? value : NULL;
}

static const char *const *configured(const bw_google_options *o, bw_service service)
{
    switch (service) {
    case BW_SERVICE_BIGQUERY:
        return &o->bigquery;
    case BW_SERVICE_PUBSUB:
        return &o->pubsub;
    case BW_SERVICE_DATASTORE:
        return &o->datastore;
    case BW_SERVICE_LOGGING:
        return &o->logging;
    case BW_SERVICE_MONITORING:
        return &o->monitoring;
    default:
        return &o->secretmanager;
    }
}

/* Adds a scheme where an emulator's host comes without, cuts slashes and the service's own path. */
static char *normal_base(const char *text, const char *path)
{
    bool has_scheme = strstr(text, "://") != NULL;
    char *base = bw_xasprintf("%s%s", has_scheme ? "" : "http://", text);
    size_t n = strlen(base), p = path ? strlen(path) : 0;
    while (n && base[n - 1] == '/')
        n--;
    if (p && n > p && memcmp(base + n - p, path, p) == 0)
        n -= p;
    while (n && base[n - 1] == '/')
        n--;
    base[n] = '\0';
    return base;
}

/*
 * What lay around on this machine is not shown to an emulator. An emulator named by the environment
 * gets nothing but a key file that the configuration names for it, as with Google's own libraries; a
 * plain http endpoint on this machine (no Google service is there) also what the environment names.
 */
static bw_identity_origin needed_origin(const char *own, const char *emulator)
{
    if (emulator)
        return BW_IDENTITY_BY_NAME;
    if (own && strncmp(own, "https://", 8) != 0 && bw_http_is_loopback(own))
        return BW_IDENTITY_BY_ENVIRONMENT;
    return BW_IDENTITY_FOUND;
}

/* Whether any of them is an emulator. */
static bool set_endpoints(bw_google *g, const bw_google_options *o)
{
    bool emulated = false;
    for (bw_service i = 0; i < BW_SERVICE_COUNT; i++) {
        const char *own = *configured(o, i), *emulator = own ? NULL : env(facts[i].emulator_env);
        const char *base = own ? own : emulator ? emulator : facts[i].base;
        g->endpoints[i].base = normal_base(base, facts[i].path);
        g->endpoints[i].needs = needed_origin(own ? g->endpoints[i].base : NULL, emulator);
        emulated |= g->endpoints[i].needs != BW_IDENTITY_FOUND;
    }
    return emulated;
}

static char *first_project(const bw_google *g, const bw_google_options *o)
{
    const char *const candidates[] = {o->project, env("GOOGLE_CLOUD_PROJECT"), g->identity.project,
                                      g->identity.quota_project};
    for (size_t i = 0; i < BW_COUNT(candidates); i++)
        if (candidates[i] && candidates[i][0])
            return bw_xstrdup(candidates[i]);
    return NULL;
}

bw_status bw_google_new(const bw_google_options *options, bw_google **out, bw_error *err)
{
    bw_google *g = bw_xcalloc(1, sizeof(*g));
    *out = NULL;
    g->clock = options->clock ? options->clock : bw_clock_system();
    bool emulated = set_endpoints(g, options);
    bw_status s = bw_identity_load(options->credentials, emulated, &g->identity, err);
    if (s != BW_OK) {
        bw_google_free(g);
        return s;
    }
    g->project = first_project(g, options);
    char *oauth = options->oauth ? normal_base(options->oauth, "/token") : NULL;
    char *token_url = oauth ? bw_xasprintf("%s/token", oauth) : NULL;
    if (g->identity.kind != BW_IDENTITY_NONE)
        g->tokens = bw_token_cache_new(&g->identity, g->clock, token_url);
    free(token_url);
    free(oauth);
    *out = g;
    return BW_OK;
}

void bw_google_free(bw_google *g)
{
    if (!g)
        return;
    bw_token_cache_free(g->tokens);
    bw_identity_fini(&g->identity);
    for (bw_service i = 0; i < BW_SERVICE_COUNT; i++)
        free(g->endpoints[i].base);
    free(g->project);
    free(g);
}

const char *bw_google_project(const bw_google *g)
{
    return g->project;
}

const char *bw_google_identity(const bw_google *g)
{
    return g->identity.description;
}

const char *bw_google_base(const bw_google *g, bw_service service)
{
    return g->endpoints[service].base;
}

const bw_clock *bw_google_clock(const bw_google *g)
{
    return g->clock;
}

const char *bw_google_quota_project(const bw_google *g)
{
    return g->identity.quota_project;
}

bw_token_cache *bw_google_tokens(const bw_google *g, bw_service service)
{
    return g->identity.origin >= g->endpoints[service].needs ? g->tokens : NULL;
}

bw_status bw_google_may_send_token(const char *url, bw_error *err)
{
    if (strncmp(url, "https://", 8) == 0 || bw_http_is_loopback(url))
        return BW_OK;
    bw_error_set(err, BW_DENIED, "credentials are not sent over plain http to another machine");
    return bw_error_hint(err,
                         "set credentials: none for an emulator, or give the endpoint as https");
}

bw_status bw_google_check_credentials(const bw_google *g, const bw_cancel *cancel,
                                      int64_t timeout_us, bw_error *err)
{
    if (!g->tokens)
        return BW_OK;
    bw_http *http = bw_http_new(&(bw_http_options){.clock = g->clock, .cancel = cancel});
    bw_token_asker asker = {.http = http,
                            .cancel = cancel,
                            .deadline_us = bw_mono_us(g->clock) + timeout_us,
                            .subject = "google"};
    bw_buf token = BW_BUF_INIT;
    bw_status s = bw_token_get(g->tokens, &asker, &token, err);
    bw_buf_fini(&token);
    bw_http_free(http);
    return s;
}

static bw_status ask_metadata(const bw_google *g, const bw_cancel *cancel, char **out,
                              bw_error *err)
{
    static const char *const headers[] = {"Metadata-Flavor: Google"};
    char *url = bw_xasprintf("%s/computeMetadata/v1/project/project-id", g->identity.metadata);
    bw_http *http = bw_http_new(&(bw_http_options){
        .clock = g->clock, .cancel = cancel, .connect_timeout_us = 3 * BW_SECOND});
    bw_http_request request = {.url = url,
                               .headers = headers,
                               .n_headers = 1,
                               .deadline_us = bw_mono_us(g->clock) + 5 * BW_SECOND,
                               .max_response = 4096,
                               .idempotent = true,
                               .no_proxy = true};
    bw_http_response r = BW_HTTP_RESPONSE_INIT;
    bw_status s = bw_http_send(http, &request, &r, err);
    if (s == BW_OK && (r.status != 200 || r.body.len == 0))
        s = bw_error_set(err, BW_NOT_FOUND, "the metadata server names no project");
    if (s == BW_OK)
        *out = bw_buf_take(&r.body);
    bw_http_response_fini(&r);
    bw_http_free(http);
    free(url);
    return s;
}

bw_status bw_google_find_project(const bw_google *g, const bw_cancel *cancel, char **out,
                                 bw_error *err)
{
    *out = g->project ? bw_xstrdup(g->project) : NULL;
    bw_status s = BW_OK;
    if (!g->project && g->identity.kind == BW_IDENTITY_METADATA)
        s = ask_metadata(g, cancel, out, err);
    else if (!g->project)
        s = bw_error_set(err, BW_NOT_FOUND, "no project is named");
    if (s != BW_OK && s != BW_CANCELLED)
        bw_error_hint(err, "set project: in the configuration, or GOOGLE_CLOUD_PROJECT");
    return s;
}
