#include "backend/sources/datastore_source.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/core/units.h"

#define COUNT_LIMIT 1000000

const bw_setting bw_ds_settings[BW_DS_SETTINGS] = {
    {.path = "project",
     .type = BW_SETTING_STRING,
     .absent = "the project of the configuration",
     .help = "project that the database is in",
     .example = "shop-prod"},
    {.path = "database",
     .type = BW_SETTING_STRING,
     .absent = "the default database",
     .help = "database to read from",
     .example = "orders"},
    {.path = "namespace",
     .type = BW_SETTING_STRING,
     .absent = "the default namespace",
     .help = "namespace to read from; other namespaces are other sources",
     .example = "tenant-7"},
    {.path = "ancestor",
     .type = BW_SETTING_STRING,
     .absent = "all entities of the kind",
     .help = "path of an entity: only it and what is below it is read",
     .example = "Shop/north"},
    {.path = "sample",
     .type = BW_SETTING_INT,
     .fallback = "1000",
     .min = 1,
     .max = 100000,
     .help = "entities of a kind that are read to find its columns, in the order of their keys; "
             "later runs look at a tenth of them again"},
    {.path = "point_in_time",
     .type = BW_SETTING_BOOL,
     .fallback = "no",
     .help = "the database has point-in-time recovery: a kind that is read whole is read as it was "
             "at the last whole minute, and that may take up to 7 days instead of an hour"},
};

/* ---- opening ---- */

static const char *copy_string(bw_arena *arena, const bw_config_node *node, const char *path)
{
    const char *text = bw_config_string(node, path);
    return text && *text ? bw_arena_strdup(arena, text) : NULL;
}

static bw_status read_ancestor(bw_dssource *s, const bw_config_node *settings, bw_error *err)
{
    bw_buf key = BW_BUF_INIT;
    s->ancestor = copy_string(&s->arena, settings, "ancestor");
    bool good = !s->ancestor || bw_key_from_path(bw_slice_cstr(s->ancestor), &s->home, &key);
    if (good && s->ancestor)
        s->ancestor_key = bw_arena_slice(&s->arena, bw_buf_slice(&key));
    bw_buf_fini(&key);
    if (good)
        return BW_OK;
    bw_error_set(err, BW_INVALID, "ancestor: %s is not the path of an entity", s->ancestor);
    return bw_error_hint(err, "Write kinds and ids or names in turn, as in Shop/42 or Shop/north; "
                              "quote names that look like numbers: Shop/\"42\".");
}

bw_status bw_dssource_open(const bw_config_node *settings, const bw_source_env *env,
                           bw_dssource **out, bw_error *err)
{
    *out = NULL;
    if (!env->google)
        return bw_error_set(err, BW_INVALID, "a source of type datastore needs Google credentials");
    bw_dssource *s = bw_xcalloc(1, sizeof *s);
    s->env = env;
    s->client = bw_datastore_new(env->google, bw_config_string(settings, "project"),
                                 bw_config_string(settings, "database"), env->clock, env->cancel);
    if (env->subject)
        bw_datastore_set_subject(s->client, env->subject);
    if (env->stall_timeout_us > 0)
        bw_datastore_set_deadline(s->client, env->stall_timeout_us);
    s->home = (bw_partition){.project = bw_datastore_project(s->client),
                             .database = bw_datastore_database(s->client),
                             .namespace = copy_string(&s->arena, settings, "namespace")};
    s->sample = bw_config_int(settings, "sample");
    s->point_in_time = bw_config_bool(settings, "point_in_time");
    bw_status status = read_ancestor(s, settings, err);
    if (status == BW_OK && !s->home.project) {
        bw_error_set(err, BW_INVALID, "no Google Cloud project is named");
        status = bw_error_hint(err, "Set project: for the source or for the configuration.");
    }
    if (status == BW_OK)
        *out = s;
    else
        bw_dssource_close(s);
    return status;
}

void bw_dssource_close(bw_dssource *s)
{
    if (!s)
        return;
    bw_datastore_free(s->client);
    bw_arena_fini(&s->arena);
    free(s);
}

/* ---- queries ---- */

typedef struct filter_writer {
    bw_buf text; /* the filters, parted by commas */
    size_t count;
} filter_writer;

/* `value` is the Value JSON without its braces. */
static void add_filter(filter_writer *w, const char *property, const char *op, const char *member,
                       bw_slice value)
{
    bw_buf_adds(&w->text, w->count++ ? ",{\"propertyFilter\":{\"property\":{\"name\":"
                                     : "{\"propertyFilter\":{\"property\":{\"name\":");
    bw_json_add_string(&w->text, bw_slice_cstr(property));
    bw_buf_addf(&w->text, "},\"op\":\"%s\",\"value\":{\"%s\":%.*s}}}", op, member,
                BW_SLICE_ARG(value));
}

static void add_time_filter(filter_writer *w, const char *property, const char *op, int64_t us)
{
    char time[BW_TIME_TEXT], quoted[BW_TIME_TEXT + 2];
    if (us == BW_TIME_NONE)
        return;
    snprintf(quoted, sizeof quoted, "\"%s\"", bw_format_time(us, time));
    add_filter(w, property, op, "timestampValue", bw_slice_cstr(quoted));
}

static void add_filters(const bw_dssource *s, const bw_dsfilter *f, filter_writer *w)
{
    if (s->ancestor && !f->everywhere)
        add_filter(w, "__key__", "HAS_ANCESTOR", "keyValue", s->ancestor_key);
    if (f->equal) {
        bw_buf text = BW_BUF_INIT;
        bw_json_add_string(&text, bw_slice_cstr(f->to));
        add_filter(w, f->equal, "EQUAL", "stringValue", bw_buf_slice(&text));
        bw_buf_fini(&text);
    }
    if (f->cursor) {
        add_time_filter(w, f->cursor, "GREATER_THAN", f->from_us);
        add_time_filter(w, f->cursor, "LESS_THAN_OR_EQUAL", f->to_us);
    }
    if (f->after.len)
        add_filter(w, "__key__", "GREATER_THAN", "keyValue", f->after);
}

static void add_order(bw_buf *b, const char *property)
{
    bw_buf_adds(b, ",\"order\":[{\"property\":{\"name\":");
    bw_json_add_string(b, bw_slice_cstr(property));
    bw_buf_adds(b, "},\"direction\":\"ASCENDING\"}]");
}

bw_slice bw_dssource_query(const bw_dssource *s, const bw_dsfilter *f, bw_arena *arena)
{
    bw_buf b = BW_BUF_INIT;
    filter_writer w = {.text = BW_BUF_INIT};
    bw_buf_adds(&b, "{\"kind\":[{\"name\":");
    bw_json_add_string(&b, bw_slice_cstr(f->kind));
    bw_buf_adds(&b, "}]");
    add_filters(s, f, &w);
    if (w.count == 1)
        bw_buf_addf(&b, ",\"filter\":%.*s", BW_SLICE_ARG(bw_buf_slice(&w.text)));
    else if (w.count > 1)
        bw_buf_addf(&b, ",\"filter\":{\"compositeFilter\":{\"op\":\"AND\",\"filters\":[%.*s]}}",
                    BW_SLICE_ARG(bw_buf_slice(&w.text)));
    /* Equal times come in the order of their keys without being told. */
    if (f->cursor || f->by_key)
        add_order(&b, f->cursor ? f->cursor : "__key__");
    if (f->keys_only)
        bw_buf_adds(&b, ",\"projection\":[{\"property\":{\"name\":\"__key__\"}}]");
    bw_buf_addc(&b, '}');
    bw_slice text = bw_arena_slice(arena, bw_buf_slice(&b));
    bw_buf_fini(&w.text);
    bw_buf_fini(&b);
    return text;
}

/* ---- keys ---- */

static bw_slice last_part(bw_slice key)
{
    bw_json_scan scan = bw_json_scan_init(bw_json_member(key, "path"));
    bw_json_token t;
    bw_slice part = {NULL, 0}, next;
    if (!bw_json_next(&scan, &t) || t.type != BW_JSON_ARRAY)
        return part;
    while (bw_json_next_element(&scan, &next))
        part = next;
    return part;
}

/* Whether the path, which is at least as long, begins with that of the ancestor. */
static bool begins_with(bw_slice path, bw_slice ancestor)
{
    return path.len >= ancestor.len && memcmp(path.ptr, ancestor.ptr, ancestor.len) == 0 &&
           (path.len == ancestor.len || path.ptr[ancestor.len] == '/');
}

bool bw_dssource_has(const bw_dssource *s, const char *kind, bw_slice key)
{
    bw_buf path = BW_BUF_INIT, ancestor = BW_BUF_INIT;
    char *own = bw_json_member_string(last_part(key), "kind");
    bool has = own && strcmp(own, kind) == 0;
    if (has && s->ancestor)
        has = bw_key_path(key, &path) && bw_key_path(s->ancestor_key, &ancestor) &&
              begins_with(bw_buf_slice(&path), bw_buf_slice(&ancestor));
    bw_buf_fini(&path);
    bw_buf_fini(&ancestor);
    free(own);
    return has;
}

/* ---- questions ---- */

bw_status bw_dssource_clock(bw_dssource *s, int64_t *now_us, bw_error *err)
{
    /* Looking up what is not there costs least, and the answer has the time. */
    bw_arena arena = BW_ARENA_INIT;
    bw_buf key = BW_BUF_INIT;
    bw_datastore_answer answer;
    bw_key_write_one(&key, &s->home, "bridgewatch", "clock", 0);
    bw_slice keys = bw_buf_slice(&key);
    bw_status status = bw_datastore_lookup(s->client, &keys, 1, NULL, &arena, &answer, err);
    if (status == BW_OK && answer.read_us == BW_TIME_NONE)
        status = bw_error_set(err, BW_UNAVAILABLE, "Datastore does not tell its time");
    if (status == BW_OK)
        *now_us = answer.read_us;
    bw_buf_fini(&key);
    bw_arena_fini(&arena);
    return status;
}

bw_status bw_dssource_count(bw_dssource *s, const bw_dsfilter *filter, int64_t up_to, int64_t at_us,
                            int64_t *count, bw_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_dsfilter unordered = *filter;
    unordered.by_key = false;
    bw_datastore_query query = {.namespace = s->home.namespace,
                                .query = bw_dssource_query(s, &unordered, &arena),
                                .read = {.at_us = at_us}};
    bw_status status = bw_datastore_count(s->client, &query, up_to, count, NULL, err);
    if (status != BW_OK || (up_to > 0 && *count >= up_to))
        *count = -1;
    bw_arena_fini(&arena);
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The kind that an entity of __kind__ names; NULL when it is one of the service's own. */
static const char *kind_of(bw_slice entity, bw_arena *arena)
{
    char *name = bw_json_member_string(last_part(bw_entity_key(entity)), "name");
    const char *kept =
        name && *name && strncmp(name, "__", 2) != 0 ? bw_arena_strdup(arena, name) : NULL;
    free(name);
    return kept;
}

bw_status bw_dssource_list(bw_dssource *s, const char *pattern, bw_arena *arena,
                           const char *const **names, size_t *count, bw_error *err)
{
    bw_arena page = BW_ARENA_INIT, query = BW_ARENA_INIT;
    bw_datastore_batch batch;
    const char **found = NULL;
    size_t n = 0, cap = 0;
    bw_dsfilter kinds = {.kind = "__kind__", .everywhere = true, .keys_only = true, .by_key = true};
    bw_datastore_walk walk = {
        .query = {.namespace = s->home.namespace, .query = bw_dssource_query(s, &kinds, &query)}};
    bw_status status = BW_OK;
    while (status == BW_OK && !walk.over) {
        bw_arena_reset(&page, (size_t)1 << 20);
        status = bw_datastore_walk_next(s->client, &walk, &page, &batch, err);
        for (size_t i = 0; status == BW_OK && i < batch.count; i++) {
            const char *kind = kind_of(batch.results[i].entity, arena);
            if (!kind || !bw_glob_match(pattern, kind))
                continue;
            BW_GROW(found, n + 1, cap);
            found[n++] = kind;
        }
    }
    if (n)
        qsort(found, n, sizeof *found, by_name);
    const char **kept = BW_ARENA_ARRAY(arena, const char *, n + 1);
    if (n)
        memcpy(kept, found, n * sizeof *found);
    *names = kept;
    *count = n;
    free(found);
    bw_datastore_walk_fini(&walk);
    bw_arena_fini(&page);
    bw_arena_fini(&query);
    return status;
}

/* The newest of the daily statistics of the kind; false when there are none. */
static bool newest_statistics(const bw_datastore_batch *batch, double *rows, int64_t *bytes)
{
    int64_t newest = BW_TIME_NONE, at, n;
    for (size_t i = 0; i < batch->count; i++) {
        bw_slice entity = batch->results[i].entity;
        if (!bw_entity_time(entity, "timestamp", &at) || at <= newest ||
            !bw_entity_int(entity, "count", &n))
            continue;
        newest = at;
        *rows = (double)n;
        if (!bw_entity_int(entity, "entity_bytes", bytes))
            *bytes = -1;
    }
    return newest != BW_TIME_NONE;
}

/* Statistics need rights of their own, and an ancestor's have no index: then nothing is known. */
static bw_status or_unknown(bw_status status)
{
    return status == BW_DENIED || status == BW_INVALID || status == BW_NOT_FOUND ? BW_OK : status;
}

bw_status bw_dssource_estimate(bw_dssource *s, const char *kind, bool count, double *rows,
                               int64_t *bytes, bw_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_datastore_batch batch = {.count = 0};
    bw_dsfilter statistics = {.kind = s->home.namespace ? "__Stat_Ns_Kind__" : "__Stat_Kind__",
                              .everywhere = true,
                              .equal = "kind_name",
                              .to = kind};
    bw_status status = BW_OK;
    bw_error own = BW_ERROR_INIT; /* not all of them are the caller's */
    int64_t counted = -1;
    *rows = -1;
    *bytes = -1;
    if (!s->ancestor) {
        bw_datastore_query query = {.namespace = s->home.namespace,
                                    .query = bw_dssource_query(s, &statistics, &arena),
                                    .limit = 100};
        status = or_unknown(bw_datastore_run_query(s->client, &query, &arena, &batch, &own));
    }
    if (status == BW_OK && !newest_statistics(&batch, rows, bytes) && count) {
        bw_dsfilter all = {.kind = kind};
        status = or_unknown(bw_dssource_count(s, &all, COUNT_LIMIT, 0, &counted, &own));
        if (status == BW_OK && counted >= 0)
            *rows = (double)counted;
    }
    bw_arena_fini(&arena);
    if (status != BW_OK && err)
        *err = own;
    return status;
}
