#include "backend/google/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/core/buf.h"
#include "backend/google/jwt.h"
#include "backend/net/http.h"

#define GOOGLE_TOKEN_URI "https://oauth2.googleapis.com/token"
#define METADATA_HOST    "metadata.google.internal"
#define KEY_FILE_MAX     ((size_t)1 << 20)

/* NULL when unset or empty. */
static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

static char *copy(const char *s)
{
    return s ? bw_xstrdup(s) : NULL;
}

static void wipe(char *secret)
{
    if (secret)
        OPENSSL_cleanse(secret, strlen(secret));
    free(secret);
}

void bw_identity_fini(bw_identity *id)
{
    EVP_PKEY_free(id->key);
    wipe(id->client_secret);
    wipe(id->refresh_token);
    free(id->file);
    free(id->project);
    free(id->quota_project);
    free(id->token_uri);
    free(id->email);
    free(id->key_id);
    free(id->client_id);
    free(id->metadata);
    free(id->description);
    *id = (bw_identity){.kind = BW_IDENTITY_NONE};
}

/* ---- key files -------------------------------------------------------------------------- */

static bw_status read_whole(const char *path, bw_buf *out, bw_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        int saved = errno;
        if (fd >= 0)
            close(fd);
        return bw_error_errno(err, BW_INVALID, saved, "cannot read the key file %s", path);
    }
    bw_status s = BW_OK;
    if (!S_ISREG(st.st_mode))
        s = bw_error_set(err, BW_INVALID, "the key file %s is not a regular file", path);
    while (s == BW_OK) {
        ssize_t n = read(fd, bw_buf_reserve(out, 16384), 16384);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            s = bw_error_errno(err, BW_INVALID, errno, "cannot read the key file %s", path);
        if (n <= 0)
            break;
        out->len += (size_t)n;
        if (out->len > KEY_FILE_MAX)
            s = bw_error_set(err, BW_INVALID, "%s is too large for a key file", path);
    }
    close(fd);
    return s;
}

/* A string that must be there. The value is never repeated in the error: it may be a secret. */
static bw_status required(const bw_identity *id, const json_t *root, const char *field,
                          const char **out, bw_error *err)
{
    const json_t *value = json_object_get(root, field);
    *out = json_string_value(value);
    if (*out && (*out)[0])
        return BW_OK;
    return bw_error_set(err, BW_INVALID, "key file %s: %s is %s", id->file, field,
                        !value ? "missing"
                        : *out ? "empty"
                               : "not a string");
}

/* Assertions and refresh tokens go there: never in the clear over a network. */
static bw_status set_token_uri(bw_identity *id, const json_t *root, bw_error *err)
{
    const char *uri = json_string_value(json_object_get(root, "token_uri"));
    id->token_uri = bw_xstrdup(uri && uri[0] ? uri : GOOGLE_TOKEN_URI);
    if (strncmp(id->token_uri, "https://", 8) == 0 || bw_http_is_loopback(id->token_uri))
        return BW_OK;
    return bw_error_set(err, BW_INVALID, "key file %s: token_uri is not an https URL", id->file);
}

static bw_status read_service_account(bw_identity *id, const json_t *root, bw_error *err)
{
    const char *email, *pem;
    bw_status s = required(id, root, "client_email", &email, err);
    if (s == BW_OK)
        s = required(id, root, "private_key", &pem, err);
    if (s == BW_OK)
        s = set_token_uri(id, root, err);
    if (s != BW_OK)
        return s;
    id->kind = BW_IDENTITY_SERVICE_ACCOUNT;
    id->email = bw_xstrdup(email);
    id->key_id = copy(json_string_value(json_object_get(root, "private_key_id")));
    id->project = copy(json_string_value(json_object_get(root, "project_id")));
    id->description = bw_xasprintf("service account %s", email);
    id->key = bw_jwt_read_key(bw_slice_cstr(pem));
    if (id->key)
        return BW_OK;
    bw_error_set(err, BW_INVALID, "key file %s: private_key is not an RSA private key in PEM form",
                 id->file);
    return bw_error_hint(err, "download the key again; line breaks inside it are written as \\n");
}

static bw_status read_user(bw_identity *id, const json_t *root, bw_error *err)
{
    const char *client_id, *client_secret, *refresh_token;
    bw_status s = required(id, root, "client_id", &client_id, err);
    if (s == BW_OK)
        s = required(id, root, "client_secret", &client_secret, err);
    if (s == BW_OK)
        s = required(id, root, "refresh_token", &refresh_token, err);
    if (s == BW_OK)
        s = set_token_uri(id, root, err);
    if (s != BW_OK)
        return s;
    id->kind = BW_IDENTITY_USER;
    id->client_id = bw_xstrdup(client_id);
    id->client_secret = bw_xstrdup(client_secret);
    id->refresh_token = bw_xstrdup(refresh_token);
    id->description = bw_xstrdup("user");
    return BW_OK;
}

typedef struct file_type {
    const char *name;
    bw_status (*read)(bw_identity *id, const json_t *root, bw_error *err);
} file_type;

static const file_type file_types[] = {
    {"service_account", read_service_account},
    {"authorized_user", read_user},
};

static bw_status read_typed(bw_identity *id, const json_t *root, bw_error *err)
{
    const char *type;
    bw_status s = required(id, root, "type", &type, err);
    if (s != BW_OK)
        return s;
    for (size_t i = 0; i < BW_COUNT(file_types); i++)
        if (strcmp(type, file_types[i].name) == 0) {
            id->quota_project = copy(json_string_value(json_object_get(root, "quota_project_id")));
            return file_types[i].read(id, root, err);
        }
    bw_error_set(err, BW_INVALID, "key file %s: credentials of type %.40s are not supported",
                 id->file, type);
    return bw_error_hint(err, "use a service account's key (service_account) or the file that "
                              "'gcloud auth application-default login' writes (authorized_user)");
}

static bw_status read_file(const char *path, bw_identity *id, bw_error *err)
{
    bw_buf text = BW_BUF_INIT;
    id->file = bw_xstrdup(path);
    bw_status s = read_whole(path, &text, err);
    json_error_t where;
    json_t *root = s == BW_OK ? json_loadb(text.ptr ? text.ptr : "", text.len, 0, &where) : NULL;
    /* jansson's own words would repeat what stands there: a piece of the key, perhaps. */
    if (s == BW_OK && !json_is_object(root))
        s = bw_error_set(err, BW_INVALID, "key file %s: not a JSON object (line %d, column %d)",
                         path, root ? 1 : where.line, root ? 1 : where.column);
    if (s == BW_OK)
        s = read_typed(id, root, err);
    json_decref(root);
    if (text.ptr)
        OPENSSL_cleanse(text.ptr, text.cap);
    bw_buf_fini(&text);
    return s;
}

/* ---- where to look ---------------------------------------------------------------------- */

/* Where gcloud keeps application default credentials (free()), or NULL without a home. */
static char *well_known_file(void)
{
    const char *name = "application_default_credentials.json";
    if (env("CLOUDSDK_CONFIG"))
        return bw_xasprintf("%s/%s", env("CLOUDSDK_CONFIG"), name);
    return env("HOME") ? bw_xasprintf("%s/.config/gcloud/%s", env("HOME"), name) : NULL;
}

static bw_status load_default(bool emulated, bw_identity *id, bw_error *err)
{
    const char *named = env("GOOGLE_APPLICATION_CREDENTIALS");
    if (named) {
        id->origin = BW_IDENTITY_BY_ENVIRONMENT;
        bw_status s = read_file(named, id, err);
        return s == BW_OK ? s : bw_error_wrap(err, "GOOGLE_APPLICATION_CREDENTIALS");
    }
    char *path = well_known_file();
    bool found = path && access(path, F_OK) == 0;
    bw_status s = found ? read_file(path, id, err) : BW_OK;
    free(path);
    if (found)
        return s;
    id->kind = BW_IDENTITY_METADATA;
    const char *host = env("GCE_METADATA_HOST");
    if (emulated && !host) {
        id->kind = BW_IDENTITY_NONE;
        id->description = bw_xstrdup("none");
        return BW_OK;
    }
    id->origin = host ? BW_IDENTITY_BY_ENVIRONMENT : BW_IDENTITY_FOUND;
    id->metadata = bw_xasprintf("http://%s", host ? host : METADATA_HOST);
    id->description = bw_xstrdup("metadata server");
    return BW_OK;
}

bw_status bw_identity_load(const char *credentials, bool emulated, bw_identity *out, bw_error *err)
{
    bw_status s = BW_OK;
    *out = (bw_identity){.kind = BW_IDENTITY_NONE};
    if (!credentials || strcmp(credentials, "adc") == 0)
        s = load_default(emulated, out, err);
    else if (strcmp(credentials, "none") == 0)
        out->description = bw_xstrdup("none");
    else {
        out->origin = BW_IDENTITY_BY_NAME;
        s = read_file(credentials, out, err);
    }
    if (s != BW_OK) {
        bw_identity_fini(out);
        return s;
    }
    if (env("GOOGLE_CLOUD_QUOTA_PROJECT")) {
        free(out->quota_project);
        out->quota_project = bw_xstrdup(env("GOOGLE_CLOUD_QUOTA_PROJECT"));
    }
    return BW_OK;
}
