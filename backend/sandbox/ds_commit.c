/* commit: all mutations in one SQLite transaction, under one version. */
#include "backend/sandbox/ds_call.h"
#include "backend/sandbox/ds_mutation.h"

#define MAX_MUTATIONS 500
#define MAX_COMMIT    ((size_t)10 << 20) /* bytes of all entities */

typedef struct written {
    int64_t partition;
    bw_slice path;
    int64_t version, created;
    bool conflict, gone;
    ds_value *transformed;
} written;

typedef struct commit {
    ds_call *call;
    bool transactional, single_use;
    ds_transaction *transaction; /* NULL: none */
    ds_mutation *mutations;
    written *results;
    size_t count;
    int64_t version, indexed;
} commit;

/* ---- The request ------------------------------------------------------------------------------ */

static bw_status parse_single_use(commit *c, const ds_node *node, bw_error *err)
{
    ds_transaction *t;
    bw_status status = ds_transaction_begin(c->call->store, &c->call->place, node, &t, err);
    if (status != BW_OK)
        return status;
    c->transaction = t;
    c->single_use = true;
    return BW_OK;
}

static bw_status parse_mode(commit *c, const ds_node *const *field, bw_error *err)
{
    static const ds_enum modes[] = {
        {0, "MODE_UNSPECIFIED"}, {1, "TRANSACTIONAL"}, {2, "NON_TRANSACTIONAL"}, {0, NULL}};
    int mode = 0;
    bw_status status = field[1] ? ds_json_enum(field[1], "mode", modes, &mode, err) : BW_OK;
    if (status != BW_OK)
        return status;
    c->transactional = mode != 2;
    if (field[2] && field[3])
        return bw_error_set(err, BW_INVALID,
                            "a commit has transaction or singleUseTransaction, not "
                            "both");
    if (!c->transactional && (field[2] || field[3]))
        return bw_error_set(err, BW_INVALID,
                            "a non-transactional commit cannot specify a "
                            "transaction");
    if (c->transactional && !field[2] && !field[3])
        return bw_error_set(err, BW_INVALID, "a transactional commit needs a transaction");
    if (field[3])
        return parse_single_use(c, field[3], err);
    if (!field[2])
        return BW_OK;
    status = ds_transaction_find(c->call->store, &c->call->place, field[2], &c->transaction, err);
    if (status == BW_OK && c->transaction->failed)
        status = bw_error_set(err, BW_INVALID,
                              "The referenced transaction has expired or is no longer valid.");
    return status;
}

static bw_status parse_mutations(commit *c, const ds_node *node, bw_error *err)
{
    bw_arena *arena = c->call->place.arena;
    bw_status status = node ? ds_json_array(node, "mutations", err) : BW_OK;
    size_t count = status == BW_OK && node ? node->count : 0;
    if (count > MAX_MUTATIONS)
        return bw_error_set(err, BW_INVALID, "cannot write more than %d entities in a single call",
                            MAX_MUTATIONS);
    c->mutations = BW_ARENA_ARRAY(arena, ds_mutation, count + 1);
    c->results = BW_ARENA_ARRAY(arena, written, count + 1);
    size_t size = 0;
    for (const ds_node *child = node ? node->first : NULL; status == BW_OK && child;
         child = child->next) {
        ds_mutation *m = &c->mutations[c->count++];
        status = ds_parse_mutation(&c->call->place, child, m, err);
        size += status == BW_OK ? ds_entity_size(m->entity) : 0;
        if (size > MAX_COMMIT)
            status =
                bw_error_set(err, BW_INVALID, "the commit is larger than %zu bytes", MAX_COMMIT);
    }
    return status;
}

/* ---- What may follow what --------------------------------------------------------------------- */

/* The mutation before this one that is of the same entity; NULL when there is none. */
static const ds_mutation *earlier(const commit *c, size_t at)
{
    for (size_t i = at; i-- > 0;) {
        if (c->results[i].partition == c->results[at].partition &&
            bw_slice_eq(c->results[i].path, c->results[at].path))
            return &c->mutations[i];
    }
    return NULL;
}

static bw_status check_sequence(const commit *c, size_t at, bw_error *err)
{
    const ds_mutation *now = &c->mutations[at], *before = earlier(c, at);
    if (!before)
        return BW_OK;
    if (!c->transactional)
        return bw_error_set(err, BW_INVALID,
                            "a non-transactional commit may not contain multiple "
                            "mutations affecting the same entity");
    bool insert_again = now->operation == DS_INSERT && before->operation != DS_DELETE;
    bool update_gone = now->operation == DS_UPDATE && before->operation == DS_DELETE;
    if (insert_again || update_gone)
        return bw_error_set(err, BW_INVALID,
                            "the mutations of one entity contradict each other: %s",
                            insert_again ? "it is inserted after it was written"
                                         : "it is updated after it was deleted");
    return BW_OK;
}

/* ---- Writing ---------------------------------------------------------------------------------- */

static bw_status about_key(bw_error *err, bw_status status, const char *what, const ds_key *key)
{
    bw_buf text = BW_BUF_INIT;
    ds_print_key(&text, key);
    bw_error_set(err, status, "%s: %s", what, bw_buf_cstr(&text));
    bw_buf_fini(&text);
    return status;
}

/* Whether the entity is not as the client believes. */
static bw_status in_conflict(commit *c, const ds_mutation *m, const written *w, const ds_row *row,
                             bool *conflict, bw_error *err)
{
    int64_t ended = 0;
    *conflict = false;
    if (m->has_update_time)
        *conflict = row->id == 0 || row->version != m->update_time;
    if (m->has_base_version && row->id)
        *conflict = row->version != m->base_version;
    if (m->has_base_version && !row->id && m->base_version != 0) {
        bw_status status = ds_entity_ended(c->call->store, w->partition, w->path, &ended, err);
        if (status != BW_OK)
            return status;
        *conflict = m->base_version < ended;
    }
    if (*conflict && m->fail_on_conflict)
        return about_key(err, BW_CONFLICT, "the entity has changed since", m->entity->key);
    return BW_OK;
}

/* The entity as it is to be written. */
static bw_status compose(commit *c, const ds_mutation *m, const ds_row *row, ds_entity **out,
                         ds_value *transformed, bw_error *err)
{
    ds_place *place = &c->call->place;
    bw_status status = BW_OK;
    *out = m->entity;
    if (m->mask.given) {
        if (row->id)
            status = ds_parse_stored(place, row->json, out, err);
        else
            *out = BW_ARENA_NEW(place->arena, ds_entity);
        if (status != BW_OK)
            return status;
        (*out)->key = m->entity->key;
        ds_mask_merge(place->arena, &m->mask, m->entity, *out);
        status = ds_entity_check(*out, err);
    }
    if (status == BW_OK)
        status = ds_transform_apply(place->arena, m, c->version, *out, transformed, err);
    return status;
}

static bw_status write_entity(commit *c, const ds_mutation *m, written *w, const ds_row *row,
                              bw_error *err)
{
    ds_entity *entity;
    if (m->operation == DS_INSERT && row->id)
        return about_key(err, BW_EXISTS, "entity already exists", m->entity->key);
    if (m->operation == DS_UPDATE && !row->id)
        return about_key(err, BW_NOT_FOUND, "no entity to update", m->entity->key);
    w->created = row->id ? row->created : c->version;
    w->transformed = BW_ARENA_ARRAY(c->call->place.arena, ds_value, m->transform_count + 1);
    bw_status status = compose(c, m, row, &entity, w->transformed, err);
    if (status == BW_OK && row->id)
        status = ds_entity_end(c->call->store, row, c->version, err);
    if (status == BW_OK)
        status = ds_entity_put(c->call->store, w->partition, w->path, entity, w->created,
                               c->version, &c->indexed, err);
    return status;
}

static bw_status resolve(commit *c, size_t at, bw_error *err)
{
    ds_mutation *m = &c->mutations[at];
    written *w = &c->results[at];
    bw_status status = ds_call_partition(c->call, m->entity->key, true, &w->partition, err);
    if (status == BW_OK && m->allocate) {
        status = ds_id_allocate(c->call->store, w->partition, m->entity->key, err);
        if (status == BW_OK)
            status = ds_entity_check(m->entity, err);
    }
    w->path = ds_call_path(c->call, m->entity->key);
    return status == BW_OK ? check_sequence(c, at, err) : status;
}

static bw_status apply(commit *c, size_t at, bw_error *err)
{
    const ds_mutation *m = &c->mutations[at];
    written *w = &c->results[at];
    ds_row row;
    bw_status status = resolve(c, at, err);
    if (status == BW_OK)
        status = ds_entity_get(c->call->store, w->partition, w->path, DS_NOW, c->call->place.arena,
                               &row, err);
    if (status == BW_OK)
        status = in_conflict(c, m, w, &row, &w->conflict, err);
    if (status != BW_OK)
        return status;
    w->version = c->version;
    if (w->conflict) {
        w->created = row.id ? row.created : 0;
        w->version = row.id ? row.version : c->version;
        return BW_OK;
    }
    if (m->operation != DS_DELETE)
        return write_entity(c, m, w, &row, err);
    w->gone = true;
    return row.id ? ds_entity_end(c->call->store, &row, c->version, err) : BW_OK;
}

static bw_status apply_all(commit *c, bw_error *err)
{
    bw_status status = BW_OK;
    if (c->transaction && !c->single_use)
        status = ds_transaction_validate(c->call->store, c->transaction, err);
    c->version = ds_version_next(c->call->store);
    for (size_t i = 0; status == BW_OK && i < c->count; i++)
        status = apply(c, i, err);
    if (status == BW_OK)
        status = ds_version_commit(c->call->store, c->version, err);
    return status;
}

/* ---- The answer ------------------------------------------------------------------------------- */

static void print_result(commit *c, size_t at)
{
    const ds_mutation *m = &c->mutations[at];
    const written *w = &c->results[at];
    bw_buf *out = c->call->out;
    bw_buf_adds(out, at ? ",{" : "{");
    if (m->allocate && !w->conflict) {
        bw_buf_adds(out, "\"key\":");
        ds_print_key(out, m->entity->key);
        bw_buf_addc(out, ',');
    }
    ds_call_add_version(c->call, w->version, w->gone ? 0 : w->created);
    if (w->conflict)
        bw_buf_adds(out, ",\"conflictDetected\":true");
    for (size_t i = 0; i < m->transform_count && !w->conflict; i++) {
        bw_buf_adds(out, i ? "," : ",\"transformResults\":[");
        ds_print_value(out, &w->transformed[i]);
        if (i + 1 == m->transform_count)
            bw_buf_addc(out, ']');
    }
    bw_buf_addc(out, '}');
}

static void print_response(commit *c)
{
    bw_buf *out = c->call->out;
    bw_buf_addc(out, '{');
    for (size_t i = 0; i < c->count; i++) {
        bw_buf_adds(out, i ? "" : "\"mutationResults\":[");
        print_result(c, i);
        if (i + 1 == c->count)
            bw_buf_adds(out, "],");
    }
    bw_buf_addf(out, "\"indexUpdates\":%lld,", (long long)c->indexed);
    ds_call_add_time(c->call, "commitTime", c->version);
    bw_buf_addc(out, '}');
}

/* A transaction that has failed may only be rolled back. */
static void finish(commit *c, bw_status status)
{
    if (!c->transaction)
        return;
    if (status == BW_OK || c->single_use)
        ds_transaction_end(c->call->store, c->transaction);
    else
        c->transaction->failed = true;
}

bw_status ds_method_commit(ds_call *call, bw_error *err)
{
    static const char *const names[] = {"databaseId",           "mode",      "transaction",
                                        "singleUseTransaction", "mutations", NULL};
    const ds_node *field[5];
    commit c = {.call = call};
    bw_status status = ds_json_fields(call->body, "commit", names, field, err);
    if (status == BW_OK)
        status = parse_mutations(&c, field[4], err);
    if (status == BW_OK)
        status = parse_mode(&c, field, err);
    if (status != BW_OK)
        return status;
    if (c.transaction && c.transaction->read_only && c.count)
        status = bw_error_set(err, BW_INVALID, "a read-only transaction cannot write");
    if (status == BW_OK)
        status = ds_store_begin(call->store, err);
    if (status == BW_OK)
        status = ds_store_end(call->store, apply_all(&c, err), err);
    finish(&c, status);
    if (status == BW_OK)
        print_response(&c);
    return status;
}
