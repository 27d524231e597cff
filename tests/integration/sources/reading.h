/* What the tests of drivers share: a source from a line of configuration, and whole reads as text. */
#ifndef BW_TESTS_INTEGRATION_SOURCES_READING_H
#define BW_TESTS_INTEGRATION_SOURCES_READING_H

#include <stdio.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/sources/source.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/test.h"

typedef struct opened {
    bw_config *config;
    bw_cancel cancel;
    bw_source_env env;
    const bw_source_class *class;
    bw_source *source;
    bw_arena arena; /* of what describe gives */
} opened;

static inline bw_config *source_config(const char *kind, const char *settings, bw_error *err)
{
    static const bw_setting common[] = {
        {.path = "type", .type = BW_SETTING_STRING, .required = true, .help = "kind of source"}};
    static const bw_setting_table common_table = BW_SETTING_TABLE(common);
    const bw_source_class *class = bw_source_find(kind);
    bw_config_variant variant = {class->kind, {class->settings, class->n_settings}};
    bw_config_section section = {.name = "sources",
                                 .named = true,
                                 .help = "sources",
                                 .tables = &common_table,
                                 .n_tables = 1,
                                 .selector = "type",
                                 .variants = &variant,
                                 .n_variants = 1};
    /* A configuration refers to its schema for as long as it lives. */
    static bw_config_variant kept_variant;
    static bw_config_section kept_section;
    static bw_config_schema schema;
    kept_variant = variant;
    kept_section = section;
    kept_section.variants = &kept_variant;
    schema = (bw_config_schema){.sections = &kept_section, .n_sections = 1};
    char *text = bw_xasprintf("sources: {db: {type: %s, %s}}\n", kind, settings);
    bw_config *config = NULL;
    bw_config_problems problems = BW_CONFIG_PROBLEMS_INIT;
    bw_status status =
        bw_config_parse(&schema, NULL, "test", bw_slice_cstr(text), &config, &problems, err);
    bw_config_problems_fini(&problems);
    free(text);
    return status == BW_OK ? config : NULL;
}

/* The result is freed with close_source, whatever the status; its source is NULL on failure. */
static inline bw_status try_open_kind(opened **out, const char *kind, const bw_google *google,
                                      const char *settings, const char *subject, bw_error *err)
{
    opened *o = *out = bw_xcalloc(1, sizeof *o);
    o->class = bw_source_find(kind);
    bw_cancel_init(&o->cancel);
    o->env = (bw_source_env){.clock = bw_clock_system(),
                             .cancel = &o->cancel,
                             .subject = subject,
                             .google = google,
                             .stall_timeout_us = 20 * BW_SECOND};
    o->config = source_config(kind, settings, err);
    if (!o->config)
        fail_msg("configuration: %s", err->message);
    return o->class->open(o->class, bw_config_find(o->config, "sources", "db"), &o->env, &o->source,
                          err);
}

static inline bw_status try_open(opened **out, const char *settings, const char *subject,
                                 bw_error *err)
{
    return try_open_kind(out, "postgres", NULL, settings, subject, err);
}

static inline void close_source(opened *o)
{
    if (o->source)
        o->class->close(o->source);
    bw_config_free(o->config);
    bw_cancel_fini(&o->cancel);
    bw_arena_fini(&o->arena);
    free(o);
}

static inline opened *open_source_as(const bw_pg_cluster *c, const char *user)
{
    opened *o;
    bw_error err = BW_ERROR_INIT;
    char settings[400];
    snprintf(settings, sizeof settings, "host: %s, port: %d, database: postgres, user: %s",
             bw_pg_cluster_dir(c), bw_pg_cluster_port(c), user);
    assert_ok(try_open(&o, settings, "test", &err), err);
    return o;
}

/* ---- reading ---- */

/* Everything that a run handed out. */
typedef struct taken {
    bw_buf rows;     /* one line per row: columns parted by |, NULL as ~, arrays in [ ] */
    bw_buf rejected; /* one line per row: REASON column key */
    bw_buf labels;   /* one line per batch */
    bw_buf content;  /* of the rejected rows, one line each */
    char *position;  /* the last */
    size_t n_rows, n_rejected, batches;
    bw_batch_end end; /* of the last batch; strings are gone */
    bw_batch_plan plan;
    char held_by[200];
} taken;

static inline void taken_free(taken *t)
{
    bw_buf_fini(&t->rows);
    bw_buf_fini(&t->rejected);
    bw_buf_fini(&t->labels);
    bw_buf_fini(&t->content);
    free(t->position);
}

static inline void add_value(bw_buf *out, const bw_value *v)
{
    if (v->state == BW_VALUE_NULL) {
        bw_buf_addc(out, '~');
    } else if (v->state == BW_VALUE_TEXT) {
        bw_buf_add(out, v->text, v->size);
    } else {
        bw_buf_addc(out, '[');
        for (uint32_t i = 0; i < v->size; i++) {
            if (i)
                bw_buf_addc(out, ';');
            bw_buf_add(out, v->items[i].text, v->items[i].size);
        }
        bw_buf_addc(out, ']');
    }
}

static inline void take_chunk(taken *t, const bw_chunk *chunk)
{
    for (size_t i = 0; i < chunk->rows; i++) {
        const bw_value *row = bw_chunk_at(chunk, i);
        for (size_t c = 0; c < chunk->columns; c++) {
            if (c)
                bw_buf_addc(&t->rows, '|');
            add_value(&t->rows, &row[c]);
        }
        bw_buf_addc(&t->rows, '\n');
    }
    t->n_rows += chunk->rows;
    for (size_t i = 0; i < chunk->n_rejected; i++) {
        const bw_rejected_row *r = &chunk->rejected[i];
        bw_buf_addf(&t->rejected, "%s %s %.*s\n", bw_reason_name(r->reason), r->column,
                    BW_SLICE_ARG(r->key));
        bw_buf_addf(&t->content, "%.*s\n", BW_SLICE_ARG(r->content));
    }
    t->n_rejected += chunk->n_rejected;
}

/* Reads the batch at hand to its end. */
static inline bw_status take_batch(opened *o, bw_reader *reader, size_t columns, taken *t,
                                   bw_error *err)
{
    bw_chunk chunk;
    bool end = false;
    bw_status status = BW_OK;
    bw_chunk_init(&chunk);
    while (status == BW_OK && !end) {
        bw_chunk_reset(&chunk, columns);
        status = o->class->reader_fetch(reader, &chunk, &end, err);
        take_chunk(t, &chunk);
    }
    bw_chunk_fini(&chunk);
    if (status != BW_OK)
        return status;
    o->class->reader_end(reader, &t->end);
    if (t->end.position) {
        free(t->position);
        t->position = bw_xstrdup(t->end.position);
    }
    snprintf(t->held_by, sizeof t->held_by, "%s", t->end.held_back_by ? t->end.held_back_by : "");
    t->batches++;
    return BW_OK;
}

/* Reads at most `max_batches` (0: all). */
static inline bw_status try_take(opened *o, const bw_table_spec *spec, const bw_table_info *info,
                                 const bw_read_request *request, size_t max_batches, taken *t,
                                 bw_error *err)
{
    bw_reader *reader;
    bool more = true;
    bw_status status = o->class->reader_open(o->source, spec, info, request, &reader, err);
    if (status != BW_OK)
        return status;
    while (status == BW_OK && more && (max_batches == 0 || t->batches < max_batches)) {
        status = o->class->reader_next(reader, &more, &t->plan, err);
        if (status != BW_OK || !more)
            break;
        bw_buf_addf(&t->labels, "%s\n", t->plan.label);
        status = take_batch(o, reader, info->schema.count, t, err);
    }
    o->class->reader_close(reader);
    return status;
}

static inline bw_table_spec spec_of(const char *table)
{
    return (bw_table_spec){.table = table, .lookback_us = -1, .late_commit_limit_us = -1};
}

static inline bw_table_info describe(opened *o, const bw_table_spec *spec)
{
    bw_error err = BW_ERROR_INIT;
    bw_table_info info;
    assert_ok(o->class->describe(o->source, spec, &o->arena, &info, &err), err);
    return info;
}

/* Describes and reads in one go. */
static inline taken read_table(opened *o, const bw_table_spec *spec, const bw_read_request *request)
{
    bw_error err = BW_ERROR_INIT;
    taken t = {0};
    bw_table_info info = describe(o, spec);
    assert_ok(try_take(o, spec, &info, request, 0, &t, &err), err);
    return t;
}

static inline int compare_lines(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The lines of a buffer, sorted: rows have no order. */
static inline const char *sorted(bw_buf *b)
{
    const char **lines = NULL;
    size_t n = 0, cap = 0;
    char *copy = bw_xstrndup(b->len ? b->ptr : "", b->len);
    for (char *p = copy; *p;) {
        char *end = strchr(p, '\n');
        *end = '\0';
        BW_GROW(lines, n + 1, cap);
        lines[n++] = p;
        p = end + 1;
    }
    qsort(lines, n, sizeof *lines, compare_lines);
    bw_buf_clear(b);
    for (size_t i = 0; i < n; i++)
        bw_buf_addf(b, "%s\n", lines[i]);
    free(lines);
    free(copy);
    return bw_buf_cstr(b);
}

static inline int compare_numbers(const void *a, const void *b)
{
    long x = *(const long *)a, y = *(const long *)b;
    return x < y ? -1 : x > y;
}

/* The integers of the first column in ascending order, "1,2,3" (repeated where they were read more
   than once); replaces the rows. */
static inline const char *ids(taken *t)
{
    long *list = NULL;
    size_t n = 0, cap = 0;
    const char *end = t->rows.len ? t->rows.ptr + t->rows.len : NULL;
    for (const char *p = t->rows.ptr; t->rows.len && p < end;
         p = (char *)memchr(p, '\n', (size_t)(end - p)) + 1) {
        BW_GROW(list, n + 1, cap);
        list[n++] = strtol(p, NULL, 10);
    }
    if (n)
        qsort(list, n, sizeof *list, compare_numbers);
    bw_buf_clear(&t->rows);
    for (size_t i = 0; i < n; i++)
        bw_buf_addf(&t->rows, "%s%ld", i ? "," : "", list[i]);
    free(list);
    return bw_buf_cstr(&t->rows);
}

#endif
