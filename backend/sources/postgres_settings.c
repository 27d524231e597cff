#include "backend/sources/postgres_settings.h"

#include <inttypes.h>
#include <stdlib.h>

#include "backend/google/secret.h"

#define SECRET_TIMEOUT (30 * BW_SECOND)

static const char *const tls_modes[] = {"disable",   "allow",       "prefer", "require",
                                        "verify-ca", "verify-full", NULL};

const bw_setting bw_pg_settings[BW_PG_SETTINGS] = {
    {.path = "host",
     .type = BW_SETTING_STRING,
     .absent = "PGHOST, else the local socket",
     .help = "host name, address or socket directory; several parted by commas are tried in order",
     .example = "db.example.com"},
    {.path = "port",
     .type = BW_SETTING_INT,
     .absent = "PGPORT, else 5432",
     .min = 1,
     .max = 65535,
     .help = "TCP port, or the number in the socket's name",
     .example = "5432"},
    {.path = "database",
     .type = BW_SETTING_STRING,
     .absent = "PGDATABASE, else the user's name",
     .help = "database to read from",
     .example = "shop"},
    {.path = "user",
     .type = BW_SETTING_STRING,
     .absent = "PGUSER, else the operating system's user",
     .help = "user to connect as; it needs SELECT on the tables, and pg_read_all_stats to see open "
             "transactions",
     .example = "reader"},
    {.path = "password",
     .type = BW_SETTING_SECRET,
     .absent = "PGPASSWORD, else ~/.pgpass",
     .help = "password of the user",
     .example = "${SHOP_PASSWORD}"},
    {.path = "tls",
     .type = BW_SETTING_ENUM,
     .fallback = "verify-full",
     .choices = tls_modes,
     .help = "how the connection is protected, as libpq's sslmode; Unix sockets need none"},
    {.path = "tls_ca",
     .type = BW_SETTING_STRING,
     .absent = "PGSSLROOTCERT, else ~/.postgresql/root.crt, else the system's authorities",
     .help = "file with the certificates of the authorities to trust, or system",
     .example = "/etc/bridgewatch/ca.pem"},
    {.path = "tls_cert",
     .type = BW_SETTING_STRING,
     .help = "file with the client's certificate",
     .example = "/etc/bridgewatch/client.pem"},
    {.path = "tls_key",
     .type = BW_SETTING_STRING,
     .help = "file with the key of the client's certificate",
     .example = "/etc/bridgewatch/client.key"},
    {.path = "connect_timeout",
     .type = BW_SETTING_DURATION,
     .fallback = "30s",
     .min = BW_SECOND / 10,
     .max = BW_HOUR,
     .help = "how long connecting may take, all addresses together"},
    {.path = "application_name",
     .type = BW_SETTING_STRING,
     .fallback = "bridgewatch",
     .nonempty = true,
     .help = "how connections name themselves to the server; a / and the sync's name follow"},
    {.path = "session",
     .type = BW_SETTING_MAP,
     .help = "server settings for each connection; those that values depend on are ours",
     .example = "{work_mem: 64MB}"},
};

static bw_status read_password(const bw_config_node *node, const bw_source_env *env,
                               char **password, bw_error *err)
{
    bw_secret secret = bw_config_secret(node, "password");
    bw_status status =
        secret.kind == BW_SECRET_REFERENCE && env->google
            ? bw_google_secret(env->google, env->cancel, secret.text, SECRET_TIMEOUT, password, err)
            : bw_secret_read(secret, password, err);
    return status == BW_OK ? BW_OK : bw_error_wrap(err, "password");
}

bw_status bw_pg_params(const bw_config_node *node, const bw_source_env *env, bw_pgparams *out,
                       char **password, bw_arena *arena, bw_error *err)
{
    int64_t port = bw_config_int(node, "port");
    *password = NULL;
    *out = (bw_pgparams){
        .host = bw_config_string(node, "host"),
        .port = port ? bw_arena_printf(arena, "%" PRId64, port) : NULL,
        .database = bw_config_string(node, "database"),
        .user = bw_config_string(node, "user"),
        .tls = bw_config_given(node, "tls") ? bw_config_string(node, "tls") : NULL,
        .tls_ca = bw_config_string(node, "tls_ca"),
        .tls_cert = bw_config_string(node, "tls_cert"),
        .tls_key = bw_config_string(node, "tls_key"),
        .connect_timeout_us = bw_config_duration(node, "connect_timeout"),
        .application_name = bw_config_string(node, "application_name"),
    };
    out->n_session = bw_config_map(node, "session", &out->session);
    /* libpq heeds it only when it waits itself. */
    const char *seconds = getenv("PGCONNECT_TIMEOUT");
    if (seconds && *seconds && !bw_config_given(node, "connect_timeout")) {
        int64_t n = strtoll(seconds, NULL, 10);
        if (n > 0 && n < 3600)
            out->connect_timeout_us = n * BW_SECOND;
    }
    bw_status status = read_password(node, env, password, err);
    out->password = *password;
    return status;
}
