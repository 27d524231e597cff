#include "backend/sources/postgres_error.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* By whole code or by class (two characters), the more exact ones first. */
static const struct {
    const char *code;
    bw_status status;
    bool retryable;
    const char *hint;
} states[] = {
    {"28P01", BW_DENIED, false, "Check user and password (or the line in ~/.pgpass)."},
    {"28000", BW_DENIED, false,
     "Check the user's rights to log in and the server's pg_hba.conf for this host, user and "
     "database."},
    {"3D000", BW_NOT_FOUND, false, "Check the setting database."},
    {"42501", BW_DENIED, false, "Grant the right, for example GRANT SELECT ON the table."},
    {"42P01", BW_NOT_FOUND, false, ""},
    {"42703", BW_CONFLICT, true, "The table changed while it was read; the next run sees it new."},
    {"53300", BW_UNAVAILABLE, true,
     "The server has no connection left: raise max_connections or lower engine.workers."},
    {"57014", BW_UNAVAILABLE, true,
     "The server cancelled the statement (an administrator, or a standby's conflict)."},
    {"57P03", BW_UNAVAILABLE, true, "The server is starting up, stopping or recovering."},
    {"40001", BW_UNAVAILABLE, true,
     "On a standby: raise max_standby_streaming_delay or set hot_standby_feedback."},
    {"25006", BW_INVALID, false,
     "Something that is read here writes (a function in a view?); this connection is read-only."},
    {"57P", BW_UNAVAILABLE, true, ""},
    {"08", BW_UNAVAILABLE, true, ""},
    {"53", BW_UNAVAILABLE, true, ""},
    {"58", BW_UNAVAILABLE, true, ""},
    {"40", BW_UNAVAILABLE, true, ""},
    {"28", BW_DENIED, false, ""},
    {"XX", BW_UNAVAILABLE, false, "The server reports damage or a bug of its own: see its log."},
};

bw_status bw_pg_error(bw_error *err, const char *sqlstate, const char *message, const char *detail,
                      const char *address)
{
    if (!sqlstate) {
        bw_error_set(err, BW_UNAVAILABLE, "the connection to %s was lost: %s", address, message);
        return bw_error_hint(err, "The run continues where it stopped once the server answers.");
    }
    for (size_t i = 0; i < BW_COUNT(states); i++) {
        if (strncmp(sqlstate, states[i].code, strlen(states[i].code)) != 0)
            continue;
        bw_error_set(err, states[i].status, "%s%s%s (%s)", message, detail ? ": " : "",
                     detail ? detail : "", sqlstate);
        if (err)
            err->retryable = states[i].retryable;
        return *states[i].hint ? bw_error_hint(err, "%s", states[i].hint) : states[i].status;
    }
    return bw_error_set(err, BW_INVALID, "%s%s%s (%s)", message, detail ? ": " : "",
                        detail ? detail : "", sqlstate);
}

/* What libpq itself says about TLS; it has no codes for it. */
static const struct {
    const char *words, *hint;
} tls_failures[] = {
    {"server does not support SSL",
     "Turn on ssl in the server's postgresql.conf; set tls: disable only where the network is "
     "trusted."},
    {"does not match host name",
     "Set host to a name that the server's certificate holds, or tls: verify-ca."},
    {"certificate verify failed",
     "Set tls_ca to the file with the certificate of the authority that signed the server's."},
    {"root certificate file",
     "Set tls_ca to the file with the certificate of the authority that signed the server's."},
    {"private key file",
     "Check tls_key: it must exist, match tls_cert and be readable only by you."},
    {"certificate", "Check tls_ca, tls_cert and tls_key."},
    {"SSL", "Check the setting tls and the server's ssl settings."},
    {"sslmode", "Check the setting tls."},
};

/* "…FATAL:  28P01: password authentication failed…" -> the code, and where the text begins. */
static const char *find_sqlstate(const char *text, char code[6])
{
    for (const char *p = strstr(text, ":  "); p; p = strstr(p + 1, ":  ")) {
        int n = 0;
        while (n < 5 && (isupper((unsigned char)p[3 + n]) || isdigit((unsigned char)p[3 + n])))
            n++;
        if (n == 5 && strncmp(p + 8, ": ", 2) == 0) {
            memcpy(code, p + 3, 5);
            code[5] = '\0';
            return p + 10;
        }
    }
    return NULL;
}

static void first_line(const char *text, char *out, size_t size)
{
    size_t n = strcspn(text, "\n");
    snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), text);
}

/* Without 'connection to server at "…", port … failed: '. */
static const char *skip_prefix(const char *text)
{
    if (strncmp(text, "connection to server", 20) != 0)
        return text;
    const char *p = strstr(text, " failed: ");
    return p ? p + strlen(" failed: ") : text;
}

bw_status bw_pg_connect_error(bw_error *err, const char *text, const char *address,
                              const char *user, const char *database)
{
    char code[6], line[512];
    const char *said = find_sqlstate(text, code);
    if (said) {
        first_line(said, line, sizeof line);
        bw_pg_error(err, code, line, NULL, address);
        return bw_error_wrap(err, "%s refuses the connection of %s to %s", address, user, database);
    }
    first_line(skip_prefix(text), line, sizeof line);
    if (strstr(line, "no password supplied")) {
        bw_error_set(err, BW_DENIED, "%s asks for a password of %s and none is set", address, user);
        return bw_error_hint(err, "Set password, PGPASSWORD or a line in ~/.pgpass.");
    }
    for (size_t i = 0; i < BW_COUNT(tls_failures); i++) {
        if (!strstr(line, tls_failures[i].words))
            continue;
        bw_error_set(err, BW_INVALID, "no safe connection to %s: %s", address, line);
        return bw_error_hint(err, "%s", tls_failures[i].hint);
    }
    bw_error_set(err, BW_UNAVAILABLE, "cannot connect to %s: %s", address, line);
    return bw_error_hint(err, "Check host and port, and that the server runs and listens there.");
}
