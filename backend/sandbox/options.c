#include "backend/sandbox/options.h"

#include <stddef.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/core/units.h"

typedef enum option_kind {
    TAKES_TEXT,
    TAKES_PORT,
    TAKES_FAULT,
    TAKES_DURATION,
    TAKES_QUOTA,
    TAKES_NOTHING
} option_kind;

typedef struct option {
    const char *name, *argument;
    option_kind kind;
    size_t offset; /* in bw_sb_options */
    const char *help;
} option;

#define AT(member) offsetof(bw_sb_options, member)
static const option table[] = {
    {"host", "ADDRESS", TAKES_TEXT, AT(host), "Address to listen on; 127.0.0.1 unless given."},
    {"port", "PORT", TAKES_PORT, AT(port),
     "Port to listen on; 9050 unless given, and 0 picks a free one."},
    {"data", "DIR", TAKES_TEXT, AT(data),
     "Directory to keep everything in, made when it is missing; what has been acknowledged "
     "survives "
     "even a kill -9. Without it everything is kept in memory and gone at the end."},
    {"project", "NAME", TAKES_TEXT, AT(project),
     "Project that the metadata server names and that the first dataset belongs to; demo unless "
     "given. Every other project can be used too."},
    {"dataset", "NAME", TAKES_TEXT, AT(dataset),
     "Dataset that is there from the start; analytics unless given, and empty for none."},
    {"discard", NULL, TAKES_NOTHING, AT(discard),
     "Counts the bytes and lines of load jobs and drops them, for measuring."},
    {"record", "DIR", TAKES_TEXT, AT(record),
     "Directory, made when it is missing, for a record of what was asked and answered: JSON lines "
     "in "
     "a file of this process, one for each exchange that shows something new. "
     "$BRIDGEWATCH_SANDBOX_RECORD unless given."},
    {"streaming-buffer", "DURATION", TAKES_DURATION, AT(buffer_us),
     "How long rows of insertAll stay in the streaming buffer, where UPDATE, DELETE, MERGE and "
     "TRUNCATE may not change them; 30m unless given, as in BigQuery, and 0s for not at all."},
    {"table-quota", "JOBS[/DURATION]", TAKES_QUOTA, 0,
     "Load, copy and query jobs that may write one table within a duration (1d unless given); a "
     "job beyond it fails with quotaExceeded. BigQuery's own limit is 1500/1d; without this option "
     "there is none."},
    {"fault", "SPEC", TAKES_FAULT, 0,
     "Goes wrong on purpose: METHOD:WHAT[:SHARE[:COUNT[:SKIP]]], for example "
     "bigquery.jobs.insert:503:0.2. METHOD is a method's name or a pattern, WHAT one of a status "
     "(503, 403/quotaExceeded), latency=200ms, slow=4KiB, cut-before, cut-middle, cut-after, "
     "truncate, short-range, expired-token. May be given several times."},
    {"die-with-parent", NULL, TAKES_NOTHING, AT(die_with_parent),
     "Ends when the process that started it ends."},
    {"help", NULL, TAKES_NOTHING, AT(help), "Shows this text."},
    {"version", NULL, TAKES_NOTHING, AT(version), "Shows the version."},
    {"man", NULL, TAKES_NOTHING, AT(man), "Shows the manual page as roff."},
    {"man-sql", NULL, TAKES_NOTHING, AT(man_sql),
     "Shows the manual page of the SQL, bridgewatch-sandbox-sql(7), as roff."},
};

static const option *find(const char *name, size_t len)
{
    for (size_t i = 0; i < BW_COUNT(table); i++) {
        if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
            return &table[i];
    }
    return NULL;
}

static bw_status unknown(const char *word, bw_error *err)
{
    const char *names[BW_COUNT(table)];
    for (size_t i = 0; i < BW_COUNT(table); i++)
        names[i] = table[i].name;
    bw_error_set(err, BW_INVALID, "unknown option %s", word);
    const char *near = bw_nearest(word + strspn(word, "-"), names, BW_COUNT(table));
    return near ? bw_error_hint(err, "Did you mean --%s?", near)
                : bw_error_hint(err, "bridgewatch-sandbox --help lists the options.");
}

static bw_status set_quota(const option *o, const char *value, bw_sb_options *out, bw_error *err)
{
    char *end;
    out->quota_jobs = strtoll(value, &end, 10);
    out->quota_window_us = BW_DAY;
    bool good = end > value && out->quota_jobs > 0;
    if (good && *end == '/')
        good = bw_parse_duration(bw_slice_cstr(end + 1), &out->quota_window_us) &&
               out->quota_window_us > 0;
    else
        good = good && !*end;
    return good ? BW_OK
                : bw_error_set(err, BW_INVALID, "--%s: %s is not of the form %s", o->name, value,
                               o->argument);
}

static bw_status set(const option *o, const char *value, bw_sb_options *out, bw_error *err)
{
    char *member = (char *)out + o->offset, *end;
    if (o->kind == TAKES_NOTHING) {
        *(bool *)member = true;
    } else if (o->kind == TAKES_TEXT) {
        *(const char **)(void *)member = value;
    } else if (o->kind == TAKES_PORT) {
        long port = strtol(value, &end, 10);
        if (!*value || *end || port < 0 || port > 65535)
            return bw_error_set(err, BW_INVALID, "--%s: %s is not a port", o->name, value);
        out->port = (int)port;
    } else if (o->kind == TAKES_DURATION) {
        if (!bw_parse_duration(bw_slice_cstr(value), (int64_t *)(void *)member))
            return bw_error_set(err, BW_INVALID, "--%s: %s is not a duration", o->name, value);
    } else if (o->kind == TAKES_QUOTA) {
        return set_quota(o, value, out, err);
    } else {
        if (out->fault_count == BW_COUNT(out->faults))
            return bw_error_set(err, BW_INVALID, "more than %zu faults", BW_COUNT(out->faults));
        out->faults[out->fault_count++] = value;
    }
    return BW_OK;
}

bw_status bw_sb_options_parse(int argc, char *const *argv, bw_sb_options *out, bw_error *err)
{
    *out = (bw_sb_options){.host = "127.0.0.1",
                           .port = 9050,
                           .project = "demo",
                           .dataset = "analytics",
                           .buffer_us = 30 * BW_MINUTE};
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "-h") == 0)
            word = "--help";
        if (strncmp(word, "--", 2) != 0)
            return unknown(word, err);
        size_t len = strcspn(word + 2, "=");
        const option *o = find(word + 2, len);
        const char *value = word[2 + len] == '=' ? word + 3 + len : NULL;
        if (!o)
            return unknown(word, err);
        if (o->kind == TAKES_NOTHING && value)
            return bw_error_set(err, BW_INVALID, "--%s takes no value", o->name);
        if (o->kind != TAKES_NOTHING && !value)
            value = ++i < argc ? argv[i] : NULL;
        if (o->kind != TAKES_NOTHING && !value)
            return bw_error_set(err, BW_INVALID, "--%s needs a value: %s", o->name, o->argument);
        bw_status status = set(o, value, out, err);
        if (status != BW_OK)
            return status;
    }
    /* It becomes part of paths. */
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:";
    if (!*out->project || out->project[strspn(out->project, allowed)])
        return bw_error_set(err, BW_INVALID, "--project: \"%s\" is not the id of a project",
                            out->project);
    return BW_OK;
}

/* ---- Texts ------------------------------------------------------------------------------------ */

#define PURPOSE                                                                                 \
    "A local Google Cloud over plain HTTP: BigQuery, Pub/Sub, Datastore, Logging, Monitoring, " \
    "Secret Manager, the OAuth token endpoint and the metadata server, on SQLite. For demos, "  \
    "for tests, and for trying out a configuration before it meets production."

/* Words of `text` filled into lines of at most 78 cells behind an indent. */
static void add_filled(bw_buf *out, const char *text, int indent)
{
    int column = 78;
    for (bool first = true; *text; first = false) {
        int len = (int)strcspn(text, " ");
        if (first || column + 1 + len > 78) {
            bw_buf_addf(out, "%s%*s", first ? "" : "\n", indent, "");
            column = indent;
        } else {
            bw_buf_addc(out, ' ');
            column++;
        }
        bw_buf_add(out, text, (size_t)len);
        column += len;
        text += len + (text[len] == ' ');
    }
    bw_buf_addc(out, '\n');
}

void bw_sb_options_help(bw_buf *out)
{
    bw_buf_adds(out, "usage: bridgewatch-sandbox [option]...\n\n");
    add_filled(out, PURPOSE, 0);
    bw_buf_addc(out, '\n');
    for (size_t i = 0; i < BW_COUNT(table); i++) {
        bw_buf_addf(out, "  --%s%s%s\n", table[i].name, table[i].argument ? " " : "",
                    table[i].argument ? table[i].argument : "");
        add_filled(out, table[i].help, 6);
    }
    bw_buf_adds(out, "\nThe first line on standard output is \"listening on http://HOST:PORT\".\n");
}

static const struct {
    const char *heading, *text;
} man_sections[] = {
    {"SERVICES",
     "BigQuery v2: datasets, tables, tabledata (list, insertAll), jobs (load of newline-delimited "
     "JSON, CSV and Avro; query; copy), queries, views, multipart and resumable uploads; external "
     "tables, extract jobs, routines, models and the Storage API are not there. Its SQL is "
     "described in bridgewatch-sandbox-sql(7). Pub/Sub v1: topics, subscriptions, snapshots, "
     "publish, pull, acknowledge, deadlines, ordering, filters, dead letters, seek; streaming "
     "pull, "
     "push and schemas are not there. Datastore v1: lookup, queries, aggregations, transactions, "
     "commit, ids; GQL is not there. Logging v2: entries.write and entries.list, logs. Monitoring "
     "v3: timeSeries.create and list without aggregation, metric descriptors, the backlog of the "
     "sandbox's own subscriptions; dashboards (v1) as resources. Secret Manager v1: secrets and "
     "versions. Any credentials are good, and none are too, but for tokens of its own that have "
     "been made to expire. Nothing is served over gRPC."},
    {"CONTROL",
     "Beside Google's methods the sandbox answers GET /sandbox/requests (what was asked; "
     "parameters after, method, max), DELETE /sandbox/requests, GET, POST and DELETE "
     "/sandbox/faults (the lines of --fault, or JSON), GET /sandbox/stats, POST "
     "/sandbox/tokens/expire, POST /sandbox/streaming-buffer/flush and POST /sandbox/reset, which "
     "forgets everything."},
    {"FAULTS",
     "METHOD is an id of Google's discovery documents (pubsub.projects.topics.publish, "
     "logging.entries.write), one of the sandbox's own (bigquery.upload.start, "
     "bigquery.upload.chunk, bigquery.upload.multipart, oauth.token, metadata.token; for jobs "
     "while "
     "they run bigquery.job.load, bigquery.job.query, bigquery.job.copy), or a pattern over them. "
     "A "
     "status may have a reason behind a slash: a word like quotaExceeded for BigQuery, a name like "
     "ABORTED for the other services. SHARE is a probability, COUNT ends the fault after so many "
     "hits, SKIP lets so many requests pass first."},
    {"CLIENTS",
     "BigQuery clients take the address as their API endpoint, or from BIGQUERY_EMULATOR_HOST, "
     "with and without /bigquery/v2. Clients of Pub/Sub and Datastore speak gRPC unless they are "
     "told to use REST, so PUBSUB_EMULATOR_HOST and DATASTORE_EMULATOR_HOST alone do not do. "
     "GCE_METADATA_HOST set to HOST:PORT gives clients a project and access tokens."},
    {"LIMITS",
     "Errors have the shape of the method's service. Only what is not HTTP/1.0 or 1.1, a request "
     "line or headers beyond 128 KiB, a Content-Length that is no number and chunks that are none "
     "are refused before the sandbox sees them, by libmicrohttpd, whose answers (400, 413, 414, "
     "431, 505) are in HTML, as those of Google's front ends are. A body may have 32 MiB, also "
     "unpacked, but for media, which have no limit. A query that takes longer than 100 ms goes on "
     "beside the others; INSERT, UPDATE, DELETE, MERGE, definitions and scripts "
     "hold BigQuery until they are done or cancelled, and so does a long query without --data over "
     "more than 1 GiB."},
    {"EXIT STATUS",
     "0 after SIGTERM or SIGINT; 1 when it cannot listen or its data directory cannot be used; 2 "
     "when the command line is wrong."},
    {"SEE ALSO", "bridgewatch(1), bridgewatch-sandbox-sql(7)"},
};

void bw_sb_add_roff(bw_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '-' || *text == '\\')
            bw_buf_addc(out, '\\');
        bw_buf_addc(out, *text);
    }
    bw_buf_addc(out, '\n');
}

void bw_sb_options_man(bw_buf *out)
{
    bw_buf_adds(out, ".TH BRIDGEWATCH-SANDBOX 1 \"\" \"bridgewatch " BW_VERSION "\"\n.SH NAME\n"
                     "bridgewatch\\-sandbox \\- a local Google Cloud for demos and tests\n"
                     ".SH SYNOPSIS\n.B bridgewatch\\-sandbox\n[\\fIoption\\fR]...\n"
                     ".SH DESCRIPTION\n");
    bw_sb_add_roff(out, PURPOSE);
    bw_buf_adds(out, ".PP\nThe first line on standard output, flushed, is\n.RS\nlistening on "
                     "http://HOST:PORT\n.RE\n.SH OPTIONS\n");
    for (size_t i = 0; i < BW_COUNT(table); i++) {
        bw_buf_adds(out, ".TP\n\\fB");
        char *name = bw_xasprintf("--%s", table[i].name);
        bw_sb_add_roff(out, name);
        free(name);
        out->len--;
        bw_buf_adds(out, "\\fR");
        if (table[i].argument)
            bw_buf_addf(out, " \\fI%s\\fR", table[i].argument);
        bw_buf_addc(out, '\n');
        bw_sb_add_roff(out, table[i].help);
    }
    for (size_t i = 0; i < BW_COUNT(man_sections); i++) {
        bw_buf_addf(out, ".SH %s\n", man_sections[i].heading);
        bw_sb_add_roff(out, man_sections[i].text);
    }
}
