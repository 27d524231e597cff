#include "backend/sandbox/identity.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/sandbox/router.h"

#define TOKEN_PREFIX  "ya29.sandbox-"
#define TOKEN_SECONDS 3599

struct bw_sb_identity {
    char *project;
    const bw_clock *clock;
    atomic_ullong issued;  /* number of the newest token */
    atomic_ullong expired; /* tokens up to this number are refused */
};

bw_sb_identity *bw_sb_identity_new(const char *project, const bw_clock *clock)
{
    bw_sb_identity *identity = bw_xcalloc(1, sizeof *identity);
    identity->project = bw_xstrdup(project);
    identity->clock = clock;
    return identity;
}

void bw_sb_identity_free(bw_sb_identity *identity)
{
    if (!identity)
        return;
    free(identity->project);
    free(identity);
}

bool bw_sb_identity_authorise(void *user, const char *authorization)
{
    bw_sb_identity *identity = user;
    static const char prefix[] = "Bearer " TOKEN_PREFIX;
    if (!authorization || strncmp(authorization, prefix, sizeof prefix - 1) != 0)
        return true;
    unsigned long long number = strtoull(authorization + sizeof prefix - 1, NULL, 10);
    return number > atomic_load(&identity->expired);
}

void bw_sb_identity_expire(bw_sb_identity *identity)
{
    atomic_store(&identity->expired, atomic_load(&identity->issued));
}

static void print_token(bw_sb_identity *identity, bw_buf *out)
{
    unsigned long long number = atomic_fetch_add(&identity->issued, 1) + 1;
    bw_buf_addf(out,
                "{\"access_token\":\"" TOKEN_PREFIX "%llu\",\"expires_in\":%d,"
                "\"token_type\":\"Bearer\"}",
                number, TOKEN_SECONDS);
}

/* ---- The metadata server ---------------------------------------------------------------------- */

static bool flavour_is_right(bw_sb_request *r, bw_sb_reply *reply)
{
    const char *flavour = bw_sb_request_header(r, "Metadata-Flavor");
    bw_sb_reply_header(reply, "Metadata-Flavor", "Google");
    if (flavour && strcmp(flavour, "Google") == 0 && !bw_sb_request_header(r, "X-Forwarded-For"))
        return true;
    bw_sb_reply_error(reply, 403, NULL, NULL,
                      "Missing Metadata-Flavor:Google header, or a request through a proxy.");
    return false;
}

static bw_sb_outcome metadata_token(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    if (flavour_is_right(r, reply))
        print_token(context, &reply->body);
    return BW_SB_DONE;
}

static bw_sb_outcome metadata_text(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_identity *identity = context;
    if (!flavour_is_right(r, reply))
        return BW_SB_DONE;
    const char *last = strrchr(r->path, '/');
    reply->content_type = "application/text";
    if (strcmp(last, "/project-id") == 0)
        bw_buf_adds(&reply->body, identity->project);
    else if (strcmp(last, "/numeric-project-id") == 0)
        bw_buf_adds(&reply->body, "123456789012");
    else if (strcmp(last, "/email") == 0)
        bw_buf_addf(&reply->body, "sandbox@%s.iam.gserviceaccount.com", identity->project);
    else if (strcmp(last, "/scopes") == 0)
        bw_buf_adds(&reply->body, "https://www.googleapis.com/auth/cloud-platform\n");
    else
        bw_buf_adds(&reply->body, "instance/\nproject/\n");
    return BW_SB_DONE;
}

static const char *const metadata_prefixes[] = {"/computeMetadata/v1/", NULL};

#define ACCOUNT "instance/service-accounts/default/"
static const bw_sb_route metadata_routes[] = {
    {"GET", ACCOUNT "token", "metadata.token", .handle = metadata_token},
    {"GET", ACCOUNT "email", "metadata.email", .handle = metadata_text},
    {"GET", ACCOUNT "scopes", "metadata.scopes", .handle = metadata_text},
    {"GET", "project/project-id", "metadata.project", .handle = metadata_text},
    {"GET", "project/numeric-project-id", "metadata.project", .handle = metadata_text},
    {"GET", "instance", "metadata.probe", .handle = metadata_text},
    {"GET", "instance/", "metadata.probe", .handle = metadata_text},
};

/* ---- The token endpoint ----------------------------------------------------------------------- */

/* base64url without padding (RFC 7515, section 2). */
static bool decode_part(bw_slice part, bw_buf *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned bits = 0, pending = 0;
    if (part.len == 0 || part.len % 4 == 1)
        return false;
    for (size_t i = 0; i < part.len; i++) {
        const char *at = part.ptr[i] ? strchr(alphabet, part.ptr[i]) : NULL;
        if (!at)
            return false;
        bits = (bits << 6 | (unsigned)(at - alphabet)) & 0xffffffU;
        pending += 6;
        if (pending >= 8) {
            pending -= 8;
            bw_buf_addc(out, (char)(bits >> pending));
        }
    }
    return true;
}

static const char *claims_fault(bw_sb_identity *identity, bw_slice claims)
{
    int64_t issued, expires, now = bw_wall_us(identity->clock) / BW_SECOND;
    bw_slice issuer = bw_json_member(claims, "iss"), audience = bw_json_member(claims, "aud");
    bw_slice scope = bw_json_member(claims, "scope");
    if (!issuer.ptr || !audience.ptr)
        return "Invalid JWT: iss and aud are required";
    if (!scope.ptr || scope.len < 3)
        return "Invalid JWT: scope is required";
    if (!bw_json_member_int(claims, "iat", &issued) || !bw_json_member_int(claims, "exp", &expires))
        return "Invalid JWT: iat and exp are required";
    if (expires - issued > 3600 || issued > now + 300 || expires < now - 300)
        return "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
               "timeframe. Check your iat and exp values in the JWT claim.";
    return NULL;
}

/* Why the assertion is refused, or NULL. */
static const char *assertion_fault(bw_sb_identity *identity, const char *assertion)
{
    const char *dot = assertion ? strchr(assertion, '.') : NULL;
    const char *second = dot ? strchr(dot + 1, '.') : NULL;
    if (!second || strchr(second + 1, '.'))
        return "Invalid JWT: three parts separated by dots are required";
    bw_slice parts[3] = {{assertion, (size_t)(dot - assertion)},
                         {dot + 1, (size_t)(second - dot) - 1},
                         bw_slice_cstr(second + 1)};
    bw_buf text[3] = {BW_BUF_INIT, BW_BUF_INIT, BW_BUF_INIT};
    const char *fault = NULL;
    for (int i = 0; i < 3 && !fault; i++) {
        if (!decode_part(parts[i], &text[i]))
            fault = "Invalid JWT: a part is not base64url without padding";
        else if (i < 2 && !bw_json_valid(bw_buf_slice(&text[i]), NULL, NULL))
            fault = "Invalid JWT: a part is not JSON";
    }
    if (!fault && !bw_slice_is(bw_json_member(bw_buf_slice(&text[0]), "alg"), "\"RS256\""))
        fault = "Invalid JWT: alg must be RS256";
    if (!fault && text[2].len < 128)
        fault = "Invalid JWT Signature.";
    if (!fault)
        fault = claims_fault(identity, bw_buf_slice(&text[1]));
    for (int i = 0; i < 3; i++)
        bw_buf_fini(&text[i]);
    return fault;
}

static const char *form_value(bw_sb_request *r, const char *form, const char *name)
{
    bw_slice raw;
    return bw_sb_query_find(form, name, &raw) ? bw_sb_percent_decode(&r->arena, raw, true) : NULL;
}

static bw_sb_outcome issue_token(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_identity *identity = context;
    const char *form = bw_buf_cstr(&r->body);
    const char *grant = form_value(r, form, "grant_type");
    const char *fault = NULL;
    if (!grant) {
        bw_sb_reply_error(reply, 400, "invalid_request", NULL, "Missing parameter: grant_type");
        return BW_SB_DONE;
    }
    if (strcmp(grant, "urn:ietf:params:oauth:grant-type:jwt-bearer") == 0) {
        fault = assertion_fault(identity, form_value(r, form, "assertion"));
    } else if (strcmp(grant, "refresh_token") == 0) {
        const char *token = form_value(r, form, "refresh_token");
        if (!token || !form_value(r, form, "client_id") || !form_value(r, form, "client_secret"))
            fault = "Missing parameter: refresh_token, client_id and client_secret are required";
        else if (strcmp(token, "revoked") == 0)
            fault = "Token has been expired or revoked.";
    } else {
        bw_sb_reply_error(reply, 400, "unsupported_grant_type", NULL, "Invalid grant_type: %s",
                          grant);
        return BW_SB_DONE;
    }
    if (fault)
        bw_sb_reply_error(reply, 400, "invalid_grant", NULL, "%s", fault);
    else
        print_token(identity, &reply->body);
    bw_buf_clear(&r->body); /* nobody's assertion belongs into the request log */
    return BW_SB_DONE;
}

static const char *const token_prefixes[] = {"/", NULL};
static const bw_sb_route token_routes[] = {
    {"POST", "token", "oauth.token", .handle = issue_token},
    {"POST", "oauth2/v4/token", "oauth.token", .handle = issue_token},
};

void bw_sb_identity_services(bw_sb_identity *identity, bw_sb_service *metadata,
                             bw_sb_service *token)
{
    *metadata = (bw_sb_service){metadata_prefixes, metadata_routes, BW_COUNT(metadata_routes),
                                BW_SB_ERROR_DETAILS, identity};
    *token = (bw_sb_service){token_prefixes, token_routes, BW_COUNT(token_routes),
                             BW_SB_ERROR_OAUTH, identity};
}
