/* `score` and `row`: one record from options, or one per line from standard input. */
#include "app/commands.h"

#include "app/event_line.h"
#include "backend/core/json.h"
#include "backend/core/text.h"

#define TARGET   (5 * BW_MINUTE)
#define MAX_LINE ((size_t)64 << 20)
#define STEP     ((size_t)4096) /* of reading */

typedef struct job {
    const bw_cli_context *ctx;
    bool row;       /* print the row, not the score */
    bool workflow;  /* with its score and where it goes: the argument of a workflow's execution */
    int64_t now_us; /* BW_TIME_NONE: the clock */
    double target_s;
    bw_event_line_memory *memory; /* NULL for a lone record */
    bw_event_line event;
    bw_buf out;
} job;

/* What Google Workflows takes as the argument of an execution: the row, its score, and the decision
   that a workflow branches on. */
static void print_argument(job *j, const bw_record_facts *facts, const bw_record_score *score,
                           int64_t now)
{
    static const char *const routes[] = {[BW_ACTION_INGEST] = "current",
                                         [BW_ACTION_FLAG] = "review",
                                         [BW_ACTION_QUARANTINE] = "dead_letters"};
    bw_buf_adds(&j->out, "{\"row\":");
    bw_event_line_row(&j->out, &j->event, score, now);
    bw_buf_adds(&j->out, ",\"score\":");
    bw_score_json(&j->out, facts, score);
    bw_buf_addf(&j->out, ",\"routing\":{\"action\":\"%s\",\"priority\":\"%s\",\"route\":\"%s\"}}",
                bw_score_action_name(score->action), bw_priority_name(score->priority),
                routes[score->action]);
}

static void print_event(job *j)
{
    bw_record_facts facts;
    int64_t now = j->now_us != BW_TIME_NONE ? j->now_us : bw_wall_us(bw_clock_system());
    bw_record_score score = bw_event_line_score(j->memory, &j->event, now, j->target_s, &facts);
    if (j->workflow)
        print_argument(j, &facts, &score, now);
    else if (j->row)
        bw_event_line_row(&j->out, &j->event, &score, now);
    else
        bw_score_json(&j->out, &facts, &score);
    bw_buf_addc(&j->out, '\n');
}

static bool flush(job *j)
{
    bool ok = fwrite(j->out.ptr, 1, j->out.len, j->ctx->out) == j->out.len;
    bw_buf_clear(&j->out);
    return ok;
}

/* ---- one record from options ------------------------------------------------------------ */

static bw_exit refuse(const bw_cli_context *ctx, const char *text, const char *hint)
{
    bw_error err = BW_ERROR_INIT;
    bw_error_set(&err, BW_INVALID, "%s", text);
    bw_error_hint(&err, "%s", hint);
    return bw_cli_fail(ctx->err, &err, BW_EXIT_USAGE);
}

static bw_exit from_options(job *j)
{
    const bw_cli_line *line = j->ctx->line;
    const char *key = bw_cli_value(line, "entity-key"), *kind = bw_cli_value(line, "kind");
    const char *operation = bw_cli_value(line, "operation"), *data = bw_cli_value(line, "data");
    if (!key || !kind || !operation)
        return refuse(j->ctx, "--entity-key, --kind and --operation are needed",
                      "Or give - and one record per line on standard input.");
    if (!bw_utf8_valid(bw_slice_cstr(key)) || !bw_utf8_valid(bw_slice_cstr(kind)))
        return refuse(j->ctx, "--entity-key and --kind are UTF-8", "Check the terminal's locale.");
    if (data &&
        (!bw_json_valid(bw_slice_cstr(data), NULL, NULL) || data[strspn(data, " \t\r\n")] != '{'))
        return refuse(j->ctx, "--data is not a JSON object", "For example --data '{\"total\":3}'.");
    j->event = (bw_event_line){.key = bw_slice_cstr(key),
                               .kind = bw_slice_cstr(kind),
                               .data = bw_slice_cstr(data),
                               .at_us = bw_cli_number(line, "event-time", BW_TIME_NONE)};
    j->event.has_operation = bw_operation_parse(bw_slice_cstr(operation), &j->event.operation);
    if (!j->event.has_operation)
        return refuse(j->ctx, "--operation is none of create, update, upsert, patch, delete",
                      "Case does not matter.");
    print_event(j);
    return flush(j) ? BW_EXIT_OK : BW_EXIT_FAILED;
}

/* ---- one per line ----------------------------------------------------------------------- */

typedef enum line_read { LINE_END, LINE_READ, LINE_TOO_LONG } line_read;

/* Up to STEP characters of a line, or up to its end, which is not among them but is what is
   returned, or EOF. Not by blocks: whoever writes into a pipe slowly wants each line answered. */
static int read_some(FILE *in, bw_buf *line)
{
    char *to = bw_buf_reserve(line, STEP);
    size_t n = 0;
    int c = 0;
    while (n < STEP && (c = getc_unlocked(in)) != EOF && c != '\n')
        to[n++] = (char)c;
    line->len += n;
    return c;
}

static line_read read_line(FILE *in, bw_buf *line)
{
    int c;
    bool any = false, fits = true;
    bw_buf_clear(line);
    do {
        c = read_some(in, line);
        any |= line->len > 0 || c == '\n';
        fits = fits && line->len <= MAX_LINE;
        if (!fits) /* the rest is read, and forgotten */
            bw_buf_clear(line);
    } while (c != '\n' && c != EOF);
    if (!any)
        return LINE_END;
    return fits ? LINE_READ : LINE_TOO_LONG;
}

/* A line that cannot be read has its answer too, so that answers and lines stay side by side. */
static void print_bad_line(job *j, size_t number, bw_error *err)
{
    bw_error_wrap(err, "line %zu", number);
    bw_buf_adds(&j->out, "{\"error\":");
    bw_json_add_string(&j->out, bw_slice_cstr(err->message));
    bw_buf_adds(&j->out, "}\n");
    bw_cli_fail(j->ctx->err, err, BW_EXIT_FAILED);
}

static bool is_blank(const bw_buf *line)
{
    for (size_t i = 0; i < line->len; i++) {
        if (!strchr(" \t\r", line->ptr[i]))
            return false;
    }
    return true;
}

static bw_exit from_lines(job *j)
{
    bw_buf line = BW_BUF_INIT;
    bw_exit status = BW_EXIT_OK;
    line_read read;
    j->memory = bw_event_line_memory_new();
    for (size_t number = 1; (read = read_line(j->ctx->in, &line)) != LINE_END; number++) {
        bw_error err = BW_ERROR_INIT;
        if (is_blank(&line) && read == LINE_READ)
            continue;
        if (read == LINE_TOO_LONG)
            bw_error_set(&err, BW_INVALID, "longer than %zu bytes", MAX_LINE);
        else if (bw_event_line_parse(bw_buf_slice(&line), &j->event, &err) == BW_OK)
            print_event(j);
        if (err.status != BW_OK) {
            print_bad_line(j, number, &err);
            status = BW_EXIT_FAILED;
        }
        if (!flush(j)) {
            status = BW_EXIT_FAILED;
            break;
        }
    }
    bw_event_line_memory_free(j->memory);
    bw_buf_fini(&line);
    return status;
}

static bw_exit run_job(const bw_cli_context *ctx, bool row)
{
    const bw_cli_line *line = ctx->line;
    job j = {.ctx = ctx,
             .row = row,
             .workflow = row && bw_cli_has(line, "workflow"),
             .now_us = bw_cli_number(line, "now", BW_TIME_NONE),
             .target_s = (double)bw_cli_number(line, "target", TARGET) / 1e6};
    bw_exit status;
    if (line->n_args == 0)
        status = from_options(&j);
    else if (strcmp(line->args[0], "-") == 0)
        status = from_lines(&j);
    else
        status = refuse(ctx, "the only argument is -, for standard input",
                        "Give --entity-key, --kind and --operation for one record.");
    bw_event_line_fini(&j.event);
    bw_buf_fini(&j.out);
    return status;
}

static bw_exit run_score(const bw_cli_context *ctx)
{
    return run_job(ctx, false);
}

static bw_exit run_row(const bw_cli_context *ctx)
{
    return run_job(ctx, true);
}

#define COMMON_OPTIONS                                                                           \
    {.name = "entity-key", .arg = "K", .help = "the entity"},                                    \
        {.name = "kind", .arg = "KIND", .help = "its kind"},                                     \
        {.name = "operation", .arg = "OP", .help = "create, update, upsert, patch or delete"},   \
        {.name = "data", .arg = "JSON", .help = "its fields, a JSON object"},                    \
        {.name = "event-time", .arg = "T", .type = BW_SETTING_TIME, .help = "when it happened"}, \
        {.name = "target",                                                                       \
         .arg = "DURATION",                                                                      \
         .type = BW_SETTING_DURATION,                                                            \
         .min = BW_SECOND,                                                                       \
         .max = 3650 * BW_DAY,                                                                   \
         .help = "the freshness target; 5m when not given"},                                     \
    {                                                                                            \
        .name = "now", .arg = "T", .type = BW_SETTING_TIME,                                      \
        .help = "score as if it were this time"                                                  \
    }

static const bw_cli_option score_options[] = {COMMON_OPTIONS};

static const bw_cli_option row_options[] = {
    COMMON_OPTIONS,
    {.name = "workflow",
     .help = "the argument of a Google Workflows execution: the row, its score and its routing"},
};

#define LINES                                                                                     \
    "With - standard input has one record per line: {\"entity_key\" or \"entity_id\", \"kind\", " \
    "\"operation\", \"data\", \"timestamp\"}, and each has one line as its answer. The records "  \
    "before it then count too: fields never seen, changed types, operations out of order, and "   \
    "from the 251st of a kind on how usual it is. Without it a record is scored by the rules "    \
    "that need no memory."

const bw_cli_command bw_command_score = {
    .name = "score",
    .args = "[-]",
    .help = "score one record, or one per line of standard input",
    .details = LINES,
    .options = score_options,
    .n_options = BW_COUNT(score_options),
    .max_args = 1,
    .needs = BW_NEEDS_NOTHING,
    .run = run_score,
};

const bw_cli_command bw_command_row = {
    .name = "row",
    .args = "[-]",
    .help = "print the BigQuery row of a record",
    .details =
        "The row of the raw table, as a load job takes it; what is unknown is left out.\n" LINES,
    .options = row_options,
    .n_options = BW_COUNT(row_options),
    .max_args = 1,
    .needs = BW_NEEDS_NOTHING,
    .run = run_row,
};
