#include "backend/sandbox/ds_virtual.h"

#define LIVE "e.version <= ?1 AND e.until > ?1"

/* What one of these kinds holds before it is written. */
typedef struct item {
    struct item *next;
    bw_slice kind, name; /* for __property__ both, else the name alone */
    int64_t count, bytes;
    uint32_t types; /* a bit for each type that a property has */
} item;

typedef struct maker {
    ds_call *call;
    const char *name_space;
    int64_t at, version, partition;
    item *items;
} maker;

/* ---- Collecting ------------------------------------------------------------------------------- */

static bw_status collect(maker *m, const char *sql,
                         void (*read)(sqlite3_stmt *, bw_arena *, item *), bw_error *err)
{
    ds_store *store = m->call->store;
    bw_arena *arena = m->call->place.arena;
    /* Where there is no ?4 the last argument goes nowhere. */
    sqlite3_stmt *stmt = bw_sb_db_query(store->db, sql, "ittt", m->at, m->call->place.project,
                                        m->call->place.database, m->name_space);
    bw_status status;
    while ((status = ds_store_row(store, stmt, err)) == BW_OK) {
        item *it = BW_ARENA_NEW(arena, item);
        read(stmt, arena, it);
        it->next = m->items;
        m->items = it;
    }
    bw_sb_db_done(store->db, stmt);
    return status == BW_NOT_FOUND ? BW_OK : status;
}

static void read_name(sqlite3_stmt *stmt, bw_arena *arena, item *out)
{
    out->name = bw_arena_slice(arena, bw_sb_db_bytes(stmt, 0));
}

static void read_property(sqlite3_stmt *stmt, bw_arena *arena, item *out)
{
    out->kind = bw_arena_slice(arena, bw_sb_db_bytes(stmt, 0));
    out->name = bw_arena_slice(arena, bw_sb_db_bytes(stmt, 1));
    bw_slice types = bw_sb_db_bytes(stmt, 2);
    /* "01,06": tags of ds_order.h, which fit one digit. */
    for (size_t i = 1; i < types.len; i += 3)
        out->types |= UINT32_C(1) << (types.ptr[i] - '1');
}

static void read_statistic(sqlite3_stmt *stmt, bw_arena *arena, item *out)
{
    read_name(stmt, arena, out);
    out->count = sqlite3_column_int64(stmt, 1);
    out->bytes = sqlite3_column_int64(stmt, 2);
}

/* ---- Writing ---------------------------------------------------------------------------------- */

static ds_value text_value(bw_slice text)
{
    ds_value v = {.type = DS_STRING};
    v.as.bytes = text;
    return v;
}

static ds_value number_value(ds_type type, int64_t number)
{
    ds_value v = {.type = type};
    v.as.integer = number;
    return v;
}

static bw_status write(maker *m, ds_entity *entity, bw_error *err)
{
    int64_t indexed = 0;
    entity->key->project = m->call->place.project;
    entity->key->database = m->call->place.database;
    entity->key->name_space = m->name_space;
    return ds_entity_put(m->call->store, m->partition, ds_call_path(m->call, entity->key), entity,
                         m->version, m->version, &indexed, err);
}

static bw_status write_namespaces(maker *m, bw_error *err)
{
    bw_status status = BW_OK;
    for (const item *it = m->items; status == BW_OK && it; it = it->next) {
        /* The default one has no name: it is number 1. */
        ds_path_element element = {BW_SLICE_LIT("__namespace__"), it->name, it->name.len == 0};
        ds_key key = {.path = &element, .count = 1};
        status = write(m, &(ds_entity){.key = &key}, err);
    }
    return status;
}

static bw_status write_kinds(maker *m, bw_error *err)
{
    bw_status status = BW_OK;
    for (const item *it = m->items; status == BW_OK && it; it = it->next) {
        ds_path_element element = {BW_SLICE_LIT("__kind__"), it->name, 0};
        ds_key key = {.path = &element, .count = 1};
        status = write(m, &(ds_entity){.key = &key}, err);
    }
    return status;
}

static bw_status write_property(maker *m, const item *it, bw_error *err)
{
    static const char *const representations[] = {
        [DS_NULL] = "NULL",       [DS_INTEGER] = "INT64",   [DS_TIMESTAMP] = "INT64",
        [DS_BOOLEAN] = "BOOLEAN", [DS_BLOB] = "STRING",     [DS_STRING] = "STRING",
        [DS_DOUBLE] = "DOUBLE",   [DS_GEO_POINT] = "POINT", [DS_KEY] = "REFERENCE"};
    ds_value names[BW_COUNT(representations)];
    ds_value list = {.type = DS_ARRAY};
    list.as.array.items = names;
    for (size_t i = 0; i < BW_COUNT(representations); i++) {
        bool listed = !(it->types >> i & 1);
        bw_slice name = bw_slice_cstr(representations[i]);
        for (size_t k = 0; k < list.as.array.count && !listed; k++)
            listed = bw_slice_eq(names[k].as.bytes, name);
        if (!listed)
            names[list.as.array.count++] = text_value(name);
    }
    ds_path_element path[] = {{BW_SLICE_LIT("__kind__"), it->kind, 0},
                              {BW_SLICE_LIT("__property__"), it->name, 0}};
    ds_key key = {.path = path, .count = 2};
    ds_property property = {BW_SLICE_LIT("property_representation"), list};
    return write(m, &(ds_entity){&key, &property, 1}, err);
}

static bw_status write_properties(maker *m, bw_error *err)
{
    bw_status status = BW_OK;
    for (const item *it = m->items; status == BW_OK && it; it = it->next)
        status = write_property(m, it, err);
    return status;
}

/* `kind_name`: of a statistic by kind; empty for a total. */
static bw_status write_statistic(maker *m, const char *kind, bw_slice kind_name, int64_t count,
                                 int64_t bytes, bw_error *err)
{
    bw_slice name = kind_name.len ? kind_name : BW_SLICE_LIT("total_entity_usage");
    ds_path_element element = {bw_slice_cstr(kind), name, 0};
    ds_key key = {.path = &element, .count = 1};
    ds_property properties[] = {
        {BW_SLICE_LIT("bytes"), number_value(DS_INTEGER, bytes)},
        {BW_SLICE_LIT("count"), number_value(DS_INTEGER, count)},
        {BW_SLICE_LIT("entity_bytes"), number_value(DS_INTEGER, bytes)},
        {BW_SLICE_LIT("timestamp"), number_value(DS_TIMESTAMP, m->version)},
        {BW_SLICE_LIT("kind_name"), text_value(kind_name)},
    };
    size_t known = BW_COUNT(properties) - (kind_name.len == 0);
    return write(m, &(ds_entity){&key, properties, known}, err);
}

static bw_status write_by_kind(maker *m, const char *kind, bw_error *err)
{
    bw_status status = BW_OK;
    for (const item *it = m->items; status == BW_OK && it; it = it->next)
        status = write_statistic(m, kind, it->name, it->count, it->bytes, err);
    return status;
}

static bw_status write_total(maker *m, const char *kind, bw_error *err)
{
    int64_t count = 0, bytes = 0;
    for (const item *it = m->items; it; it = it->next) {
        count += it->count;
        bytes += it->bytes;
    }
    return count ? write_statistic(m, kind, (bw_slice){"", 0}, count, bytes, err) : BW_OK;
}

static bw_status write_stat_kind(maker *m, bw_error *err)
{
    return write_by_kind(m, "__Stat_Kind__", err);
}

static bw_status write_stat_ns_kind(maker *m, bw_error *err)
{
    return write_by_kind(m, "__Stat_Ns_Kind__", err);
}

static bw_status write_stat_total(maker *m, bw_error *err)
{
    return write_total(m, "__Stat_Total__", err);
}

static bw_status write_stat_ns_total(maker *m, bw_error *err)
{
    return write_total(m, "__Stat_Ns_Total__", err);
}

/* ---- The kinds -------------------------------------------------------------------------------- */

#define IN_DATABASE "p.project = ?2 AND p.database = ?3"
#define STATISTIC                                                                     \
    "SELECT e.kind, count(*), sum(e.size) FROM ds_partition p CROSS JOIN ds_entity e" \
    " ON e.partition = p.id WHERE " IN_DATABASE " AND " LIVE
#define BY_KIND      " GROUP BY e.kind"
#define IN_NAMESPACE " AND p.namespace = ?4"

static const struct virtual_kind {
    const char *name;
    bool default_only; /* is in the default namespace only */
    const char *sql;   /* ?1 snapshot, ?2 project, ?3 database, ?4 namespace */
    void (*read)(sqlite3_stmt *stmt, bw_arena *arena, item *out);
    bw_status (*write)(maker *m, bw_error *err);
} kinds[] = {
    {"__namespace__", false,
     "SELECT p.namespace FROM ds_partition p WHERE " IN_DATABASE
     " AND EXISTS(SELECT 1 FROM ds_entity e WHERE e.partition = p.id AND " LIVE ")",
     read_name, write_namespaces},
    {"__kind__", false,
     "SELECT DISTINCT e.kind FROM ds_partition p CROSS JOIN ds_entity e ON e.partition = p.id"
     " WHERE " IN_DATABASE IN_NAMESPACE " AND " LIVE,
     read_name, write_kinds},
    {"__property__", false,
     "SELECT q.kind, q.name, group_concat(DISTINCT hex(substr(i.value, 1, 1))) FROM ds_partition p"
     " CROSS JOIN ds_property q ON q.partition = p.id CROSS JOIN ds_index i ON i.property = q.id"
     " CROSS JOIN ds_entity e ON e.id = i.entity WHERE " IN_DATABASE IN_NAMESPACE " AND " LIVE
     " GROUP BY q.id",
     read_property, write_properties},
    {"__Stat_Kind__", true, STATISTIC BY_KIND, read_statistic, write_stat_kind},
    {"__Stat_Total__", true, STATISTIC BY_KIND, read_statistic, write_stat_total},
    {"__Stat_Ns_Kind__", false, STATISTIC IN_NAMESPACE BY_KIND, read_statistic, write_stat_ns_kind},
    {"__Stat_Ns_Total__", false, STATISTIC IN_NAMESPACE BY_KIND, read_statistic,
     write_stat_ns_total},
};

static const struct virtual_kind *find_kind(bw_slice name)
{
    for (size_t i = 0; i < BW_COUNT(kinds); i++) {
        if (bw_slice_is(name, kinds[i].name))
            return &kinds[i];
    }
    return NULL;
}

static bw_status make(maker *m, const struct virtual_kind *kind, bw_error *err)
{
    if (kind->default_only && *m->name_space)
        return BW_OK;
    m->items = NULL;
    bw_status status = collect(m, kind->sql, kind->read, err);
    if (status == BW_OK)
        status = ds_partition_find(m->call->store, m->call->place.project, m->call->place.database,
                                   m->name_space, true, &m->partition, err);
    return status == BW_OK ? kind->write(m, err) : status;
}

/* As old as the snapshot, so that it sees them. */
static maker maker_of(ds_call *call, const char *name_space, int64_t at)
{
    int64_t version = at == DS_NOW ? ds_version_now(call->store) : at;
    return (maker){.call = call, .name_space = name_space, .at = at, .version = version};
}

bw_status ds_virtual_make(ds_call *call, const char *name_space, bw_slice kind, int64_t at,
                          bool *made, bw_error *err)
{
    const struct virtual_kind *chosen = find_kind(kind);
    *made = false;
    if (!chosen)
        return BW_OK;
    bw_status status = ds_store_begin(call->store, err);
    if (status != BW_OK)
        return status;
    *made = true;
    maker m = maker_of(call, name_space, at);
    return make(&m, chosen, err);
}

bw_status ds_virtual_make_keys(ds_call *call, const ds_keys *keys, int64_t at, bool *made,
                               bw_error *err)
{
    bw_status status = BW_OK;
    *made = false;
    for (size_t i = 0; status == BW_OK && i < BW_COUNT(kinds); i++) {
        const char *done = NULL; /* the namespace that it has been made in */
        for (size_t k = 0; status == BW_OK && k < keys->count; k++) {
            const ds_key *key = keys->items[k];
            if (!bw_slice_is(ds_key_last(key)->kind, kinds[i].name) ||
                (done && strcmp(done, key->name_space) == 0))
                continue;
            if (!*made)
                status = ds_store_begin(call->store, err);
            *made = *made || status == BW_OK;
            maker m = maker_of(call, key->name_space, at);
            done = key->name_space;
            if (status == BW_OK)
                status = make(&m, &kinds[i], err);
        }
    }
    return status;
}
