/* Partitions, properties, entities with their index entries, versions and ids. */
#include "backend/sandbox/ds_order.h"
#include "backend/sandbox/ds_store.h"
#include "backend/sandbox/hash.h"

/* Of rows of the past removed for each row that is written: more than come in. */
#define SWEEP_ROWS 4

/* The number that `find` gives; 0 and BW_NOT_FOUND when there is none. */
static bw_status find_number(ds_store *store, sqlite3_stmt *find, int64_t *out, bw_error *err)
{
    *out = 0;
    bw_status status = ds_store_row(store, find, err);
    if (status == BW_OK)
        *out = sqlite3_column_int64(find, 0);
    bw_sb_db_done(store->db, find);
    return status;
}

static bw_status add_number(ds_store *store, sqlite3_stmt *add, int64_t *out, bw_error *err)
{
    bw_status status = ds_store_run(store, add, err);
    if (status == BW_OK)
        *out = sqlite3_last_insert_rowid(store->db->handle);
    return status;
}

bw_status ds_partition_find(ds_store *store, const char *project, const char *database,
                            const char *name_space, bool make, int64_t *out, bw_error *err)
{
    bw_status status = find_number(
        store, ds_store_bound(store, DS_SQL_PARTITION_FIND, "ttt", project, database, name_space),
        out, err);
    if (status != BW_NOT_FOUND || !make)
        return status == BW_NOT_FOUND ? BW_OK : status;
    return add_number(
        store, ds_store_bound(store, DS_SQL_PARTITION_ADD, "ttt", project, database, name_space),
        out, err);
}

static bw_status look_up_property(ds_store *store, int64_t partition, bw_slice kind, bw_slice name,
                                  bool make, int64_t *out, bw_error *err)
{
    bw_status status = find_number(
        store, ds_store_bound(store, DS_SQL_PROPERTY_FIND, "ibb", partition, kind, name), out, err);
    if (status != BW_NOT_FOUND || !make)
        return status == BW_NOT_FOUND ? BW_OK : status;
    return add_number(
        store, ds_store_bound(store, DS_SQL_PROPERTY_ADD, "ibb", partition, kind, name), out, err);
}

bw_status ds_property_find(ds_store *store, int64_t partition, bw_slice kind, bw_slice name,
                           bool make, int64_t *out, bw_error *err)
{
    uint64_t hash = bw_sb_hash(BW_SB_HASH_SEED ^ (uint64_t)partition, kind.ptr, kind.len);
    size_t slot = bw_sb_hash(hash, name.ptr, name.len) % DS_PROPERTY_SLOTS;
    bw_buf *text = &store->properties[slot].text;
    if (store->properties[slot].id && store->properties[slot].partition == partition &&
        store->properties[slot].kind_len == kind.len && text->len == kind.len + name.len &&
        bw_slice_eq((bw_slice){text->ptr, kind.len}, kind) &&
        bw_slice_eq((bw_slice){text->ptr + kind.len, name.len}, name)) {
        *out = store->properties[slot].id;
        return BW_OK;
    }
    bw_status status = look_up_property(store, partition, kind, name, make, out, err);
    if (status != BW_OK || *out == 0)
        return status;
    bw_buf_clear(text);
    bw_buf_add(text, kind.ptr, kind.len);
    bw_buf_add(text, name.ptr, name.len);
    store->properties[slot].partition = partition;
    store->properties[slot].kind_len = kind.len;
    store->properties[slot].id = *out;
    return BW_OK;
}

void ds_properties_forget(ds_store *store)
{
    for (size_t i = 0; i < DS_PROPERTY_SLOTS; i++)
        store->properties[i].id = 0;
}

/* ---- Entities --------------------------------------------------------------------------------- */

bw_status ds_entity_get(ds_store *store, int64_t partition, bw_slice path, int64_t at,
                        bw_arena *arena, ds_row *out, bw_error *err)
{
    sqlite3_stmt *stmt = ds_store_bound(store, DS_SQL_ENTITY_GET, "ibi", partition, path, at);
    *out = (ds_row){0};
    bw_status status = ds_store_row(store, stmt, err);
    if (status == BW_OK) {
        out->id = sqlite3_column_int64(stmt, 0);
        out->version = sqlite3_column_int64(stmt, 1);
        out->created = sqlite3_column_int64(stmt, 2);
        out->json = bw_arena_slice(arena, bw_sb_db_bytes(stmt, 3));
    }
    bw_sb_db_done(store->db, stmt);
    return status == BW_NOT_FOUND ? BW_OK : status;
}

bw_status ds_entity_json(ds_store *store, int64_t id, bw_arena *arena, bw_slice *out, bw_error *err)
{
    sqlite3_stmt *stmt = ds_store_bound(store, DS_SQL_ENTITY_JSON, "i", id);
    bw_status status = ds_store_row(store, stmt, err);
    if (status == BW_OK)
        *out = bw_arena_slice(arena, bw_sb_db_bytes(stmt, 0));
    else if (status == BW_NOT_FOUND)
        status =
            bw_error_set(err, BW_INTERNAL, "the sandbox's index names a row that is not there");
    bw_sb_db_done(store->db, stmt);
    return status;
}

typedef struct indexer {
    ds_store *store;
    int64_t partition, entity;
    bw_slice kind, path;
    bw_buf name, value;
    int64_t *indexed;
} indexer;

static bw_status index_properties(indexer *x, const ds_entity *entity, bool element, bw_error *err);

static bw_status index_scalar(indexer *x, const ds_value *value, bool element, bw_error *err)
{
    int64_t property;
    bw_status status = ds_property_find(x->store, x->partition, x->kind, bw_buf_slice(&x->name),
                                        true, &property, err);
    if (status != BW_OK)
        return status;
    bw_buf_clear(&x->value);
    ds_order_add_value(&x->value, value);
    (*x->indexed)++;
    return ds_store_run(x->store,
                        ds_store_bound(x->store, DS_SQL_INDEX_ADD, "ibbii", property,
                                       bw_buf_slice(&x->value), x->path, x->entity,
                                       (int64_t)element),
                        err);
}

/* The name of the property is in x->name. */
static bw_status index_value(indexer *x, const ds_value *value, bool element, bw_error *err)
{
    bw_status status = BW_OK;
    if (value->unindexed)
        return BW_OK;
    if (value->type == DS_ENTITY)
        return index_properties(x, value->as.entity, element, err);
    if (value->type != DS_ARRAY)
        return index_scalar(x, value, element, err);
    for (size_t i = 0; status == BW_OK && i < value->as.array.count; i++)
        status = index_value(x, &value->as.array.items[i], true, err);
    return status;
}

/* What is embedded is indexed as outer.inner. */
static bw_status index_properties(indexer *x, const ds_entity *entity, bool element, bw_error *err)
{
    size_t outer = x->name.len;
    bw_status status = BW_OK;
    for (size_t i = 0; status == BW_OK && i < entity->count; i++) {
        const ds_property *p = &entity->properties[i];
        x->name.len = outer;
        if (outer)
            bw_buf_addc(&x->name, '.');
        bw_buf_add(&x->name, p->name.ptr, p->name.len);
        status = index_value(x, &p->value, element, err);
    }
    x->name.len = outer;
    return status;
}

bw_status ds_entity_put(ds_store *store, int64_t partition, bw_slice path, const ds_entity *entity,
                        int64_t created, int64_t version, int64_t *indexed, bw_error *err)
{
    bw_slice kind = ds_key_last(entity->key)->kind;
    bw_buf json = BW_BUF_INIT;
    ds_print_entity(&json, entity);
    bw_status status = ds_store_run(
        store,
        ds_store_bound(store, DS_SQL_ENTITY_ADD, "ibbiiiib", partition, kind, path, version,
                       DS_CURRENT, created, (int64_t)ds_entity_size(entity), bw_buf_slice(&json)),
        err);
    bw_buf_fini(&json);
    if (status != BW_OK)
        return status;
    indexer x = {.store = store,
                 .partition = partition,
                 .entity = sqlite3_last_insert_rowid(store->db->handle),
                 .kind = kind,
                 .path = path,
                 .indexed = indexed};
    status = index_properties(&x, entity, false, err);
    bw_buf_fini(&x.name);
    bw_buf_fini(&x.value);
    return status;
}

static bw_status erase(ds_store *store, int64_t id, bw_error *err)
{
    bw_status status = ds_store_run(store, ds_store_bound(store, DS_SQL_INDEX_ERASE, "i", id), err);
    if (status != BW_OK)
        return status;
    return ds_store_run(store, ds_store_bound(store, DS_SQL_ENTITY_ERASE, "i", id), err);
}

bw_status ds_entity_end(ds_store *store, const ds_row *row, int64_t version, bw_error *err)
{
    if (row->version == version)
        return erase(store, row->id, err);
    store->history++;
    return ds_store_run(store, ds_store_bound(store, DS_SQL_ENTITY_END, "ii", version, row->id),
                        err);
}

bw_status ds_entity_ended(ds_store *store, int64_t partition, bw_slice path, int64_t *version,
                          bw_error *err)
{
    sqlite3_stmt *stmt = ds_store_bound(store, DS_SQL_ENTITY_LAST_END, "ib", partition, path);
    bw_status status = ds_store_row(store, stmt, err);
    if (status == BW_OK)
        *version = sqlite3_column_type(stmt, 0) == SQLITE_NULL ? store->horizon
                                                               : sqlite3_column_int64(stmt, 0);
    bw_sb_db_done(store->db, stmt);
    return status;
}

/* ---- Versions --------------------------------------------------------------------------------- */

int64_t ds_version_now(ds_store *store)
{
    int64_t now = bw_wall_us(store->clock);
    if (now > store->last_version)
        store->last_version = now;
    return store->last_version;
}

int64_t ds_version_next(ds_store *store)
{
    int64_t now = bw_wall_us(store->clock);
    store->last_version = now > store->last_version ? now : store->last_version + 1;
    return store->last_version;
}

bw_status ds_version_readable(ds_store *store, int64_t at, bw_error *err)
{
    int64_t now = ds_version_now(store);
    if (at > now)
        return bw_error_set(err, BW_INVALID, "readTime is in the future");
    if (at < now - DS_HISTORY_WINDOW || at < store->horizon)
        return bw_error_set(err, BW_INVALID, "readTime is too far in the past");
    return BW_OK;
}

static bw_status sweep(ds_store *store, int64_t now, bw_error *err)
{
    for (int i = 0; i < SWEEP_ROWS; i++) {
        sqlite3_stmt *stmt = ds_store_bound(store, DS_SQL_HISTORY_OLDEST, "");
        bw_status status = ds_store_row(store, stmt, err);
        int64_t id = status == BW_OK ? sqlite3_column_int64(stmt, 0) : 0;
        int64_t until = status == BW_OK ? sqlite3_column_int64(stmt, 1) : DS_CURRENT;
        bw_sb_db_done(store->db, stmt);
        bool old = until < now - DS_HISTORY_WINDOW || store->history > DS_MAX_HISTORY;
        if (status == BW_NOT_FOUND || (status == BW_OK && !old))
            return BW_OK;
        if (status == BW_OK)
            status = erase(store, id, err);
        if (status != BW_OK)
            return status;
        store->history--;
        if (until > store->horizon)
            store->horizon = until;
    }
    return BW_OK;
}

bw_status ds_version_commit(ds_store *store, int64_t version, bw_error *err)
{
    bw_status status = BW_OK;
    do
        status = sweep(store, version, err);
    while (status == BW_OK && store->history > DS_MAX_HISTORY);
    if (status != BW_OK)
        return status;
    return ds_store_run(store,
                        ds_store_bound(store, DS_SQL_STATE_PUT, "iii", store->last_version,
                                       store->horizon, store->next_id),
                        err);
}

/* ---- Ids -------------------------------------------------------------------------------------- */

static bw_status id_taken(ds_store *store, int64_t partition, bw_slice path, bool *taken,
                          bw_error *err)
{
    sqlite3_stmt *stmt = ds_store_bound(store, DS_SQL_RESERVED_FIND, "ib", partition, path);
    bw_status status = ds_store_row(store, stmt, err);
    bw_sb_db_done(store->db, stmt);
    if (status == BW_NOT_FOUND) {
        stmt = ds_store_bound(store, DS_SQL_ENTITY_GET, "ibi", partition, path, DS_NOW);
        status = ds_store_row(store, stmt, err);
        bw_sb_db_done(store->db, stmt);
    }
    *taken = status == BW_OK;
    return status == BW_NOT_FOUND ? BW_OK : status;
}

bw_status ds_id_allocate(ds_store *store, int64_t partition, ds_key *key, bw_error *err)
{
    bw_buf path = BW_BUF_INIT;
    bool taken = true;
    bw_status status = BW_OK;
    while (status == BW_OK && taken) {
        key->path[key->count - 1].id = ++store->next_id;
        bw_buf_clear(&path);
        ds_order_add_path(&path, key);
        status = id_taken(store, partition, bw_buf_slice(&path), &taken, err);
    }
    bw_buf_fini(&path);
    return status;
}

bw_status ds_id_reserve(ds_store *store, int64_t partition, const ds_key *key, bw_error *err)
{
    bw_buf path = BW_BUF_INIT;
    ds_order_add_path(&path, key);
    bw_status status = ds_store_run(
        store, ds_store_bound(store, DS_SQL_RESERVED_ADD, "ib", partition, bw_buf_slice(&path)),
        err);
    bw_buf_fini(&path);
    return status;
}
