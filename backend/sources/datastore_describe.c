#include "backend/sources/datastore_describe.h"

#include <inttypes.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/sources/datastore_columns.h"
#include "backend/sources/datastore_row.h"

#define MAX_COLUMNS 1000 /* properties beyond that, the rarest, go to __extra__ */
#define WARNINGS    8

static const char *const cursor_names[] = {"updated_at", "modified_at", "last_modified",
                                           "last_updated"};

/* ---- the sample ---- */

typedef struct property {
    const char *name;
    bw_dsseen seen;
    int64_t count;     /* entities that have it */
    int64_t unindexed; /* of these, those where no query finds it */
} property;

typedef struct sample {
    bw_arena *arena; /* of names */
    property *items; /* sorted by name */
    size_t count, cap;
    int64_t entities;
    bw_buf name;
} sample;

static int compare(bw_slice a, const char *b)
{
    size_t n = strlen(b);
    int order = a.len && n ? memcmp(a.ptr, b, a.len < n ? a.len : n) : 0;
    return order ? order : (a.len > n) - (a.len < n);
}

/* Where the property is, or where it belongs. */
static size_t place_of(const sample *s, bw_slice name, bool *found)
{
    size_t low = 0, high = s->count;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = compare(name, s->items[middle].name);
        if (order <= 0)
            high = middle;
        else
            low = middle + 1;
        if (order == 0) {
            *found = true;
            low = middle;
        }
    }
    return low;
}

static property *find(const sample *s, const char *name)
{
    bool found;
    size_t place = place_of(s, bw_slice_cstr(name), &found);
    return found ? &s->items[place] : NULL;
}

static property *find_or_add(sample *s, bw_slice name)
{
    bool found;
    size_t place = place_of(s, name, &found);
    if (found)
        return &s->items[place];
    BW_GROW(s->items, s->count + 1, s->cap);
    memmove(s->items + place + 1, s->items + place, (s->count - place) * sizeof *s->items);
    s->count++;
    s->items[place] = (property){.name = bw_arena_strndup(s->arena, name.ptr, name.len)};
    return &s->items[place];
}

static void note_value(property *p, bw_slice value)
{
    bw_slice content, element, inner;
    size_t at = 0;
    bw_entity_type type = bw_entity_value_type(value, &content);
    p->count++;
    p->unindexed += bw_slice_is(bw_json_member(value, "excludeFromIndexes"), "true");
    p->seen.values |= 1u << type;
    while (type == BW_ENTITY_ARRAY && bw_entity_array_next(content, &at, &element))
        p->seen.elements |= 1u << bw_entity_value_type(element, &inner);
}

static void note_entity(sample *s, bw_slice entity)
{
    bw_json_scan scan = bw_json_scan_init(bw_entity_properties(entity));
    bw_json_token t;
    bw_slice value;
    s->entities++;
    if (!bw_json_next(&scan, &t) || t.type != BW_JSON_OBJECT)
        return;
    while (bw_json_next_member(&scan, &t, &value)) {
        bw_buf_clear(&s->name);
        if (!bw_json_unescape(t.raw, &s->name) || !s->name.len ||
            memchr(s->name.ptr, '\0', s->name.len))
            continue; /* goes to __extra__, or is refused there */
        note_value(find_or_add(s, bw_buf_slice(&s->name)), value);
    }
}

/* Each entity that is read costs: what is known needs only be looked at again. */
static int64_t sample_size(const bw_dssource *source, const bw_dsmemory *known)
{
    return known->count ? (source->sample + 9) / 10 : source->sample;
}

static bw_status take_sample(bw_dssource *source, const char *kind, int64_t size, sample *s,
                             bw_error *err)
{
    bw_arena page = BW_ARENA_INIT, query = BW_ARENA_INIT;
    bw_datastore_batch batch;
    bw_dsfilter filter = {.kind = kind, .by_key = true};
    bw_datastore_walk walk = {.query = {.namespace = source->home.namespace,
                                        .query = bw_dssource_query(source, &filter, &query),
                                        .limit = size},
                              .page = BW_DS_FIRST_PAGE};
    bw_status status = BW_OK;
    while (status == BW_OK && !walk.over) {
        bw_arena_reset(&page, (size_t)1 << 20);
        status = bw_datastore_walk_next(source->client, &walk, &page, &batch, err);
        for (size_t i = 0; status == BW_OK && i < batch.count; i++)
            note_entity(s, batch.results[i].entity);
    }
    bw_datastore_walk_fini(&walk);
    bw_arena_fini(&page);
    bw_arena_fini(&query);
    return status;
}

/* ---- the schema ---- */

typedef struct describing {
    bw_dssource *source;
    const bw_table_spec *spec;
    bw_arena *arena;
    sample sample;
    bw_dsmemory known; /* from earlier runs */
    bw_buf changed;    /* names of those of which the sample now shows another type */
    bw_field *fields;
    size_t count;
    const char **warnings;
    size_t n_warnings;
    bw_table_info *out;
} describing;

static void warn(describing *d, const char *text)
{
    if (d->n_warnings < WARNINGS)
        d->warnings[d->n_warnings++] = text;
}

static bw_field *add_field(describing *d, const char *name, bw_type type, const char *source_type)
{
    bw_field *f = &d->fields[d->count++];
    *f = (bw_field){.name = bw_field_name(d->arena, name),
                    .source_name = name,
                    .source_type = source_type,
                    .type = type};
    return f;
}

static const bw_dscolumn *find_known(const describing *d, const char *name)
{
    for (size_t i = 0; i < d->known.count; i++) {
        if (strcmp(d->known.columns[i].name, name) == 0)
            return &d->known.columns[i];
    }
    return NULL;
}

/* A column keeps the type that it has had; rows that do not fit are dead letters. */
static void keep_type(describing *d, bw_field *f, bool sampled)
{
    const bw_dscolumn *known = find_known(d, f->source_name);
    if (!known || (known->type == f->type && known->repeated == f->repeated))
        return;
    if (sampled && known->type != BW_TYPE_JSON)
        bw_buf_addf(&d->changed, "%s%s", d->changed.len ? ", " : "", f->source_name);
    f->type = known->type;
    f->repeated = known->repeated;
}

static void add_property(describing *d, const char *name, const property *p)
{
    static const bw_dsseen unseen = {0, 0};
    bw_field *f = add_field(d, name, BW_TYPE_JSON, NULL);
    bw_ds_column(p ? &p->seen : &unseen, d->arena, &f->type, &f->repeated, &f->source_type);
    keep_type(d, f, p != NULL);
    for (size_t i = 0; i < d->spec->n_as; i++) {
        if (strcmp(d->spec->as[i].column, name) == 0) {
            f->type = d->spec->as[i].type;
            f->repeated = false;
        }
    }
}

static int rarest_last(const void *a, const void *b)
{
    const property *x = *(const property *const *)a, *y = *(const property *const *)b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const bw_field *)a)->source_name, ((const bw_field *)b)->source_name);
}

/* What earlier runs had and this sample does not show. */
static void add_remembered(describing *d)
{
    for (size_t i = 0; i < d->known.count; i++) {
        if (!find(&d->sample, d->known.columns[i].name))
            add_property(d, d->known.columns[i].name, NULL);
    }
}

static void add_sampled(describing *d)
{
    size_t n = d->sample.count, first = d->count, room = MAX_COLUMNS;
    const property **order = BW_ARENA_ARRAY(d->arena, const property *, n + 1);
    for (size_t i = 0; i < n; i++)
        order[i] = &d->sample.items[i];
    if (n > MAX_COLUMNS) {
        qsort(order, n, sizeof *order, rarest_last);
        warn(d, bw_arena_printf(d->arena,
                                "the kind has %zu properties in the sample: the %d most frequent "
                                "have columns, the others are in " BW_DS_EXTRA,
                                n, MAX_COLUMNS));
    }
    add_remembered(d);
    for (size_t i = 0; i < n; i++) {
        bool known = find_known(d, order[i]->name) != NULL;
        if (known || room > 0)
            add_property(d, order[i]->name, order[i]);
        room -= room > 0;
    }
    qsort(d->fields + first, d->count - first, sizeof *d->fields, by_name);
}

/* Columns that the configuration names: those and the key. */
static void add_chosen(describing *d)
{
    bw_buf missing = BW_BUF_INIT;
    for (size_t i = 0; i < d->spec->n_columns; i++) {
        const char *name = d->spec->columns[i];
        const property *p = find(&d->sample, name);
        if (bw_ds_is_own(name))
            continue;
        add_property(d, name, p);
        if (!p)
            bw_buf_addf(&missing, "%s%s", missing.len ? ", " : "", name);
    }
    if (missing.len)
        warn(d, bw_arena_printf(d->arena, "no sampled entity has these columns: %s",
                                bw_buf_cstr(&missing)));
    bw_buf_fini(&missing);
}

static bool chosen(const bw_table_spec *spec, const char *name)
{
    for (size_t i = 0; i < spec->n_columns; i++) {
        if (strcmp(spec->columns[i], name) == 0)
            return true;
    }
    return spec->n_columns == 0;
}

static bw_status add_fields(describing *d, bw_error *err)
{
    size_t most = d->spec->n_columns + d->sample.count + d->known.count;
    d->fields = BW_ARENA_ARRAY(d->arena, bw_field, most + 4);
    bw_field *key = add_field(d, BW_DS_KEY, BW_TYPE_STRING, "key");
    key->required = key->key_part = true;
    if (d->spec->n_columns)
        add_chosen(d);
    else
        add_sampled(d);
    /* A configured cursor of a kind that has no entities yet. */
    if (d->spec->cursor && *d->spec->cursor && d->sample.entities == 0 &&
        chosen(d->spec, d->spec->cursor)) {
        size_t i = 0;
        while (i < d->count && strcmp(d->fields[i].source_name, d->spec->cursor) != 0)
            i++;
        if (i == d->count)
            (void)add_field(d, d->spec->cursor, BW_TYPE_TIMESTAMP, "timestamp");
        d->fields[i].type = BW_TYPE_TIMESTAMP;
    }
    if (chosen(d->spec, BW_DS_KEY_JSON))
        (void)add_field(d, BW_DS_KEY_JSON, BW_TYPE_JSON, "key");
    if (chosen(d->spec, BW_DS_EXTRA))
        (void)add_field(d, BW_DS_EXTRA, BW_TYPE_JSON, "other properties");
    d->out->schema = (bw_schema){.fields = d->fields, .count = d->count};
    return bw_schema_check_names(&d->out->schema, err);
}

/* ---- key and cursor ---- */

static bw_status set_key(describing *d, bw_error *err)
{
    static const size_t first[] = {0};
    if (d->spec->n_key > 1 || (d->spec->n_key == 1 && strcmp(d->spec->key[0], BW_DS_KEY) != 0)) {
        bw_error_set(err, BW_INVALID, "key: the key of an entity is " BW_DS_KEY);
        return bw_error_hint(err, "Leave key: out.");
    }
    d->out->key = first;
    d->out->n_key = 1;
    d->out->key_origin = "entity key";
    return BW_OK;
}

/* Sampled entities that a query by this property does not find. */
static int64_t unseen_by(const describing *d, const property *p)
{
    return d->sample.entities - p->count + p->unindexed;
}

static bool is_time(const describing *d, int field)
{
    return field >= 0 && d->fields[field].type == BW_TYPE_TIMESTAMP && !d->fields[field].repeated;
}

static void set_cursor(describing *d, int field, const char *origin)
{
    d->out->cursor = field;
    d->out->cursor_kind = BW_CURSOR_TIMESTAMP;
    d->out->cursor_origin = origin;
}

static void warn_of_unseen(describing *d, const char *name)
{
    const property *p = find(&d->sample, name);
    int64_t unseen = p ? unseen_by(d, p) : d->sample.entities;
    if (unseen > 0)
        warn(d, bw_arena_printf(d->arena,
                                "%" PRId64 " of %" PRId64 " sampled entities have no indexed %s: "
                                "changes to such entities are not seen",
                                unseen, d->sample.entities, name));
}

static bw_status configured_cursor(describing *d, bw_error *err)
{
    const char *name = d->spec->cursor;
    int field = bw_schema_find_source(&d->out->schema, name);
    if (field < 0) {
        bw_error_set(err, BW_INVALID, "cursor: no sampled entity has a property %s", name);
        return bw_error_hint(err, "Name a timestamp property, or raise the source's sample:.");
    }
    if (!is_time(d, field)) {
        bw_error_set(err, BW_INVALID, "cursor: property %s is not a timestamp but %s", name,
                     d->fields[field].source_type);
        return bw_error_hint(err, "Windows of time need a property that is always a timestamp.");
    }
    set_cursor(d, field, "configured");
    warn_of_unseen(d, name);
    return BW_OK;
}

/* The one that the sync has had: an entity without it must not turn windows into whole reads. */
static bool known_cursor(describing *d)
{
    const char *name = d->known.cursor;
    int field = name ? bw_schema_find_source(&d->out->schema, name) : -1;
    if (!is_time(d, field))
        return false;
    set_cursor(d, field, "found by name");
    warn_of_unseen(d, name);
    return true;
}

static void find_cursor(describing *d)
{
    d->out->cursor_origin = "no timestamp property is named updated_at, modified_at, last_modified "
                            "or last_updated";
    for (size_t i = 0; i < BW_COUNT(cursor_names); i++) {
        int field = bw_schema_find_source(&d->out->schema, cursor_names[i]);
        const property *p = find(&d->sample, cursor_names[i]);
        if (!p || field < 0)
            continue;
        if (!is_time(d, field)) {
            d->out->cursor_origin = bw_arena_printf(d->arena,
                                                    "property %s is not a timestamp but "
                                                    "%s",
                                                    p->name, d->fields[field].source_type);
        } else if (unseen_by(d, p) > 0 || (p->seen.values & (1u << BW_ENTITY_NULL))) {
            d->out->cursor_origin = bw_arena_printf(
                d->arena, "property %s is missing, null or not indexed in some entities", p->name);
        } else {
            set_cursor(d, field, "found by name");
            return;
        }
    }
}

/* ---- all of it ---- */

static bw_status check_there(const describing *d, bw_error *err)
{
    const bw_table_spec *spec = d->spec;
    const char *namespace = d->source->home.namespace;
    if (d->sample.entities > 0 || d->known.count || spec->n_columns ||
        (spec->cursor && *spec->cursor))
        return BW_OK;
    bw_error_set(err, BW_NOT_FOUND, "it has no entities in namespace %s%s%s",
                 namespace ? namespace : "(default)", d->source->ancestor ? " below " : "",
                 d->source->ancestor ? d->source->ancestor : "");
    return bw_error_hint(err, "Check the name and the source's namespace:. A kind that is really "
                              "empty is read when its cursor: or its columns: are configured.");
}

static void warn_of_sample(describing *d)
{
    bool all = d->sample.entities < sample_size(d->source, &d->known);
    warn(d, bw_arena_printf(d->arena,
                            "the columns come from %s%" PRId64 " entities; a property that they do "
                            "not have goes to " BW_DS_EXTRA,
                            all ? "all " : "a sample of ", d->sample.entities));
    if (d->changed.len)
        warn(d, bw_arena_printf(d->arena,
                                "the sample shows other kinds of values than before in %s: what "
                                "does not fit the column is a dead letter",
                                bw_buf_cstr(&d->changed)));
}

static bw_status describe(describing *d, bw_error *err)
{
    bw_status status = check_there(d, err);
    if (status == BW_OK)
        status = add_fields(d, err);
    if (status == BW_OK)
        status = set_key(d, err);
    if (status != BW_OK)
        return status;
    warn_of_sample(d);
    d->out->cursor = -1;
    if (d->spec->cursor && *d->spec->cursor)
        status = configured_cursor(d, err);
    else if (d->spec->cursor)
        d->out->cursor_origin = "none wanted";
    else if (!known_cursor(d))
        find_cursor(d);
    d->out->warnings = d->warnings;
    d->out->n_warnings = d->n_warnings;
    return status;
}

bw_status bw_ds_describe(bw_dssource *source, const bw_table_spec *spec, bw_arena *arena,
                         bw_table_info *out, bw_error *err)
{
    const char *name = bw_arena_strdup(arena, spec->table);
    *out = (bw_table_info){
        .name = name, .short_name = name, .cursor = -1, .rows_estimate = -1, .bytes_estimate = -1};
    describing d = {.source = source,
                    .spec = spec,
                    .arena = arena,
                    .sample = {.arena = arena, .name = BW_BUF_INIT},
                    .warnings = BW_ARENA_ARRAY(arena, const char *, WARNINGS),
                    .out = out};
    bw_dsposition self = {.kind = name,
                          .namespace = source->home.namespace ? source->home.namespace : "",
                          .ancestor = source->ancestor ? source->ancestor : ""};
    d.known = bw_dscolumns_read(spec->checkpoint, &self, arena);
    bw_status status =
        take_sample(source, spec->table, sample_size(source, &d.known), &d.sample, err);
    if (status == BW_OK)
        status = describe(&d, err);
    /* Windows do not need to know how many there are, so they are not counted for them. */
    bool count = !spec->checkpoint || out->cursor < 0;
    if (status == BW_OK)
        status = bw_dssource_estimate(source, spec->table, count, &out->rows_estimate,
                                      &out->bytes_estimate, err);
    free(d.sample.items);
    bw_buf_fini(&d.sample.name);
    bw_buf_fini(&d.changed);
    return status == BW_OK ? BW_OK : bw_error_wrap(err, "kind %s", spec->table);
}
