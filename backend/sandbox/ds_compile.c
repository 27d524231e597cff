/* Parameters and conditions. */
#include "backend/sandbox/ds_compile.h"

#include "backend/sandbox/ds_order.h"

/* ---- Parameters ------------------------------------------------------------------------------- */

void ds_compile_param(ds_compiler *c, bw_slice value)
{
    ds_plan *plan = c->plan;
    if (plan->param_count == c->param_room) {
        c->param_room = c->param_room ? c->param_room * 2 : 16;
        bw_slice *grown = BW_ARENA_ARRAY(c->arena, bw_slice, c->param_room);
        if (plan->param_count)
            memcpy(grown, plan->params, sizeof *grown * plan->param_count);
        plan->params = grown;
    }
    plan->params[plan->param_count++] = bw_arena_slice(c->arena, value);
    bw_buf_addf(&c->sql, "?%zu", plan->param_count + 1);
}

static void add_operand(ds_compiler *c, const ds_filter *f, const ds_value *value)
{
    bw_buf bytes = BW_BUF_INIT;
    if (f->on_key)
        ds_order_add_path(&bytes, value->as.key);
    else
        ds_order_add_value(&bytes, value);
    ds_compile_param(c, bw_buf_slice(&bytes));
    bw_buf_fini(&bytes);
}

bw_status ds_compile_property(ds_compiler *c, bw_slice name, int64_t *out)
{
    return ds_property_find(c->store, c->query->partition, c->query->kind, name,
                            c->repeatable && c->query->partition, out, c->err);
}

/* ---- Conditions ------------------------------------------------------------------------------- */

static const char *sql_operator(ds_operator op)
{
    static const struct {
        ds_operator op;
        const char *sql;
    } table[] = {{DS_LESS, "<"},       {DS_LESS_OR_EQUAL, "<="},    {DS_GREATER, ">"},
                 {DS_EQUAL, "="},      {DS_GREATER_OR_EQUAL, ">="}, {DS_IN, "IN"},
                 {DS_NOT_EQUAL, "<>"}, {DS_NOT_IN, "NOT IN"}};
    for (size_t i = 0; i < BW_COUNT(table); i++) {
        if (table[i].op == op)
            return table[i].sql;
    }
    return "=";
}

static bool is_equality(const ds_filter *f)
{
    return f->op == DS_EQUAL || f->op == DS_IN;
}

bool ds_filter_is_range(const ds_filter *f)
{
    return !f->on_key && f->op < DS_AND && !is_equality(f);
}

void ds_compile_comparison(ds_compiler *c, const char *column, const ds_filter *f)
{
    bool list = f->op == DS_IN || f->op == DS_NOT_IN;
    bw_buf_addf(&c->sql, "%s %s ", column, sql_operator(f->op));
    if (!list) {
        add_operand(c, f, &f->value);
        return;
    }
    for (size_t i = 0; i < f->value.as.array.count; i++) {
        bw_buf_addc(&c->sql, i ? ',' : '(');
        add_operand(c, f, &f->value.as.array.items[i]);
    }
    bw_buf_addc(&c->sql, ')');
}

static void add_key_condition(ds_compiler *c, const ds_filter *f)
{
    if (f->op != DS_HAS_ANCESTOR) {
        ds_compile_comparison(c, c->key, f);
        return;
    }
    bw_buf end = BW_BUF_INIT;
    bw_buf_addf(&c->sql, "%s >= ", c->key);
    add_operand(c, f, &f->value);
    bw_buf_addf(&c->sql, " AND %s < ", c->key);
    ds_order_add_path_end(&end, f->value.as.key);
    ds_compile_param(c, bw_buf_slice(&end));
    bw_buf_fini(&end);
}

void ds_compile_ranges(ds_compiler *c, const char *column, const ds_filter *const *filters,
                       size_t count, bw_slice name)
{
    const char *glue = "";
    for (size_t i = 0; i < count; i++) {
        if (!ds_filter_is_range(filters[i]) || !bw_slice_eq(filters[i]->name, name))
            continue;
        bw_buf_adds(&c->sql, glue);
        ds_compile_comparison(c, column, filters[i]);
        glue = " AND ";
    }
}

static bw_status add_probe(ds_compiler *c, const ds_filter *const *filters, size_t count, size_t at)
{
    const ds_filter *f = filters[at];
    int64_t property;
    bw_status status = ds_compile_property(c, f->name, &property);
    if (status != BW_OK)
        return status;
    bw_buf_addf(&c->sql, "EXISTS(SELECT 1 FROM ds_index x%s WHERE x.property = %lld AND ",
                is_equality(f) ? "" : DS_BY_ENTITY, (long long)property);
    if (is_equality(f)) {
        ds_compile_comparison(c, "x.value", f);
        bw_buf_addf(&c->sql, " AND x.key = %s", c->key);
    } else {
        ds_compile_ranges(c, "x.value", filters, count, f->name);
    }
    bw_buf_addf(&c->sql, " AND x.entity = %s)", c->entity);
    return BW_OK;
}

static bw_status add_disjunction(ds_compiler *c, const ds_filter *f)
{
    bw_status status = BW_OK;
    for (size_t i = 0; status == BW_OK && i < f->count; i++) {
        const ds_filter *child = &f->children[i];
        bw_buf_adds(&c->sql, i ? " OR (" : "((");
        status = ds_compile_conjunction(c, &child, 1, false);
        bw_buf_addc(&c->sql, ')');
    }
    bw_buf_addc(&c->sql, ')');
    return status;
}

const ds_column *ds_compile_column(const ds_compiler *c, bw_slice name)
{
    for (size_t i = 0; i < c->layout->count; i++) {
        if (bw_slice_eq(c->layout->columns[i].name, name))
            return &c->layout->columns[i];
    }
    return NULL;
}

static bool range_before(const ds_filter *const *filters, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (ds_filter_is_range(filters[i]) && bw_slice_eq(filters[i]->name, filters[at]->name))
            return true;
    }
    return false;
}

size_t ds_filter_flatten(const ds_filter *f, const ds_filter **out)
{
    if (f->op != DS_AND) {
        if (out)
            *out = f;
        return 1;
    }
    size_t n = 0;
    for (size_t i = 0; i < f->count; i++)
        n += ds_filter_flatten(&f->children[i], out ? out + n : NULL);
    return n;
}

static bw_status add_condition(ds_compiler *c, const ds_filter *const *filters, size_t count,
                               size_t at)
{
    const ds_filter *f = filters[at];
    if (f->op == DS_OR)
        return add_disjunction(c, f);
    if (f->on_key) {
        add_key_condition(c, f);
        return BW_OK;
    }
    return add_probe(c, filters, count, at);
}

bw_status ds_compile_conjunction(ds_compiler *c, const ds_filter *const *filters, size_t count,
                                 bool top)
{
    const char *glue = top ? " AND " : "";
    size_t flat_count = 0;
    for (size_t i = 0; i < count; i++)
        flat_count += ds_filter_flatten(filters[i], NULL);
    const ds_filter **flat = BW_ARENA_ARRAY(c->arena, const ds_filter *, flat_count);
    for (size_t i = 0, n = 0; i < count; i++)
        n += ds_filter_flatten(filters[i], flat + n);
    bw_status status = BW_OK;
    for (size_t i = 0; status == BW_OK && i < flat_count; i++) {
        const ds_filter *f = flat[i];
        bool held =
            top && (f == c->driver || (ds_filter_is_range(f) && ds_compile_column(c, f->name)));
        if (held || (ds_filter_is_range(f) && range_before(flat, i)))
            continue;
        bw_buf_adds(&c->sql, glue);
        status = add_condition(c, flat, flat_count, i);
        glue = " AND ";
    }
    return status;
}
