#include "backend/destination/drift.h"

#include <stdlib.h>
#include <strings.h>

static const char *const kind_names[] = {
    [BW_DRIFT_ADDED] = "added",     [BW_DRIFT_NOT_ADDED] = "not added",
    [BW_DRIFT_RELAXED] = "relaxed", [BW_DRIFT_DROPPED] = "dropped",
    [BW_DRIFT_WIDENED] = "widened", [BW_DRIFT_RETYPED] = "retyped",
};

const char *bw_drift_kind_name(bw_drift_kind kind)
{
    return (size_t)kind < BW_COUNT(kind_names) ? kind_names[kind] : "?";
}

typedef struct planner {
    const bw_target_wish *wish;
    const bw_schema *schema;
    const json_t *have; /* the table's fields */
    bool empty;         /* the table has no rows */
    bw_arena *arena;
    bw_target_plan *plan;
} planner;

static const char *source_text(const planner *p, const bw_field *f)
{
    const char *type = bw_field_type_text(f, p->arena);
    if (f->required || f->key_part)
        type = bw_arena_printf(p->arena, "%s REQUIRED", type);
    return f->source_type ? bw_arena_printf(p->arena, "%s from %s", type, f->source_type) : type;
}

static void note(planner *p, bw_drift_kind kind, const char *column, const char *source_side,
                 const char *target_side, const char *consequence)
{
    p->plan->drift[p->plan->n_drift++] = (bw_drift){
        .kind = kind,
        .column = bw_arena_strdup(p->arena, column),
        .source_side = source_side,
        .target_side = target_side,
        .consequence = consequence,
    };
    if (kind == BW_DRIFT_RETYPED)
        p->plan->incompatible = true;
}

static void relax(planner *p, int at, const char *column, const char *source_side,
                  const char *target_side)
{
    json_object_set_new(json_array_get(p->plan->fields, (size_t)at), "mode",
                        json_string("NULLABLE"));
    p->plan->changed = true;
    note(p, BW_DRIFT_RELAXED, column, source_side, target_side, "the target now takes NULL here");
}

/* The target's column grows with the source's, where the operator lets the engine add columns too. */
static bool widen(planner *p, const bw_field *f, const bw_target_field *t, int at)
{
    bw_field wider;
    if (p->wish->add_columns == BW_ADD_NOTHING || !bw_field_widen(f, t, &wider))
        return false;
    const char *type = bw_field_type_text(&wider, p->arena);
    bw_field_json_retype(json_array_get(p->plan->fields, (size_t)at), &wider);
    p->plan->wider[p->plan->n_wider++] = (bw_widening){bw_arena_strdup(p->arena, t->name), type};
    note(p, BW_DRIFT_WIDENED, f->name, source_text(p, f), t->text,
         bw_arena_printf(p->arena, "the target's column becomes %s; no value changes", type));
    return true;
}

/* A column that both sides have. */
static void compare(planner *p, size_t i, int at)
{
    const bw_field *f = &p->schema->fields[i];
    bw_target_field t = bw_target_field_parse(json_array_get(p->have, (size_t)at), p->arena);
    p->plan->columns[p->plan->n_columns++] = i;

    if (!bw_field_fits(f, &t) && !widen(p, f, &t, at)) {
        /* Every type has a text, so a text column can go on as one. */
        bool text = t.known && t.type == BW_TYPE_STRING && !t.repeated;
        const char *way = text ? bw_arena_printf(p->arena, ", or set as: {%s: string}",
                                                 f->source_name ? f->source_name : f->name)
                               : "";
        note(p, BW_DRIFT_RETYPED, f->name, source_text(p, f), t.text,
             bw_arena_printf(p->arena,
                             "not every value of the source fits the target's column: the sync "
                             "stops until one of the two is altered back%s",
                             way));
        return;
    }
    if (t.required && !f->required && !f->key_part)
        relax(p, at, f->name, source_text(p, f), t.text);
}

/* A column that only the source has. */
static void add(planner *p, size_t i)
{
    static const char *const words[] = {
        [BW_ADD_COLUMNS] = "rows that are already there have NULL until they change",
        [BW_ADD_COLUMNS_BACKFILL] = "a full resync fills it",
        [BW_ADD_NOTHING] = "its values are not synced: adding columns is switched off",
    };
    const bw_field *f = &p->schema->fields[i];
    bw_drift_policy policy = p->wish->add_columns;

    if (f->key_part && !p->empty) {
        note(p, BW_DRIFT_RETYPED, f->name, source_text(p, f), "-",
             "the target's rows have no value for this column of the key: the sync stops");
        return;
    }
    if (policy == BW_ADD_NOTHING && !f->key_part) {
        note(p, BW_DRIFT_NOT_ADDED, f->name, source_text(p, f), "-", words[policy]);
        return;
    }
    json_array_append_new(p->plan->fields, bw_field_json(f, true));
    p->plan->changed = true;
    p->plan->columns[p->plan->n_columns++] = i;
    note(p, BW_DRIFT_ADDED, f->name, source_text(p, f), "-",
         p->empty ? "it is filled from now on" : words[policy]);
}

/* A column that only the target has. Whether the source dropped it or someone added it here cannot
   be known: what it holds is left alone. */
static void drop(planner *p, int at)
{
    bw_target_field t = bw_target_field_parse(json_array_get(p->have, (size_t)at), p->arena);
    if (strncasecmp(t.name, BW_ENGINE_PREFIX, strlen(BW_ENGINE_PREFIX)) == 0)
        return;
    if (t.required) {
        json_object_set_new(json_array_get(p->plan->fields, (size_t)at), "mode",
                            json_string("NULLABLE"));
        p->plan->changed = true;
    }
    note(p, BW_DRIFT_DROPPED, t.name, "-", t.text, "new rows have NULL here from now on");
}

static void add_engine_columns(planner *p)
{
    const bw_engine_column *c;
    for (size_t i = 0; (c = bw_engine_column_at(i)); i++) {
        if (!(c->in & p->wish->engine))
            continue;
        int at = bw_field_json_find(p->have, c->name);
        if (at < 0) {
            json_array_append_new(p->plan->fields, bw_engine_column_json(c));
            p->plan->changed = true;
            continue;
        }
        bw_field field = {.name = c->name, .type = c->type, .repeated = c->repeated};
        bw_target_field t = bw_target_field_parse(json_array_get(p->have, (size_t)at), p->arena);
        if (!bw_field_fits(&field, &t))
            note(p, BW_DRIFT_RETYPED, c->name, bw_field_type_text(&field, p->arena), t.text,
                 "the engine needs this column for itself: the sync stops");
        else if (t.required)
            relax(p, at, c->name, bw_field_type_text(&field, p->arena), t.text);
    }
}

static size_t engine_columns(void)
{
    size_t n = 0;
    while (bw_engine_column_at(n))
        n++;
    return n;
}

/* Room for every note that could be made. */
static void begin(planner *p, size_t have)
{
    size_t most = p->schema->count + have + engine_columns() + 1;
    p->plan->drift = BW_ARENA_ARRAY(p->arena, bw_drift, most);
    p->plan->columns = BW_ARENA_ARRAY(p->arena, size_t, p->schema->count + 1);
    p->plan->wider = BW_ARENA_ARRAY(p->arena, bw_widening, p->schema->count + 1);
}

void bw_target_plan_new(const bw_target_wish *wish, bw_arena *arena, bw_target_plan *plan)
{
    json_t *none = json_array();
    planner p = {wish, wish->schema, none, true, arena, plan};
    *plan = (bw_target_plan){.fields = json_array(), .changed = true};
    begin(&p, 0);
    for (size_t i = 0; i < wish->schema->count; i++) {
        json_array_append_new(plan->fields, bw_field_json(&wish->schema->fields[i], false));
        plan->columns[plan->n_columns++] = i;
    }
    add_engine_columns(&p);
    json_decref(none);
}

void bw_target_plan_compare(const bw_target_wish *wish, const json_t *table, bw_arena *arena,
                            bw_target_plan *plan)
{
    const json_t *have = json_object_get(json_object_get(table, "schema"), "fields");
    const char *rows = json_string_value(json_object_get(table, "numRows"));
    planner p = {
        .wish = wish,
        .schema = wish->schema,
        .have = have,
        .empty = rows && strcmp(rows, "0") == 0 && !json_object_get(table, "streamingBuffer"),
        .arena = arena,
        .plan = plan,
    };
    *plan = (bw_target_plan){.fields = have ? json_deep_copy(have) : json_array()};
    begin(&p, json_array_size(have));

    for (size_t i = 0; i < p.schema->count; i++) {
        int at = bw_field_json_find(have, p.schema->fields[i].name);
        if (at >= 0)
            compare(&p, i, at);
        else
            add(&p, i);
    }
    for (size_t at = 0; at < json_array_size(have); at++) {
        const char *name = json_string_value(json_object_get(json_array_get(have, at), "name"));
        if (name && bw_schema_find(p.schema, name) < 0)
            drop(&p, (int)at);
    }
    add_engine_columns(&p);
}
