/*
 * Functions that only windows have: numbering, navigation, percentiles.
 */
#include "backend/sandbox/sql_aggregate.h"

sql_typed sql_window_number(aggregate *g)
{
    static const struct {
        const char *name, *sqlite;
        bool ratio;
    } names[] = {{"ROW_NUMBER", "row_number()", false},
                 {"RANK", "rank()", false},
                 {"DENSE_RANK", "dense_rank()", false},
                 {"PERCENT_RANK", "percent_rank()", true},
                 {"CUME_DIST", "cume_dist()", true}};

    for (size_t i = 0; i < BW_COUNT(names); i++) {
        if (strcmp(names[i].name, g->name) == 0)
            return typed(sql_type(names[i].ratio ? BQ_FLOAT64 : BQ_INT64), names[i].sqlite);
    }
    return mismatch(g, "signature: none");
}

sql_typed sql_window_ntile(aggregate *g)
{
    const bq_field integer = sql_type(BQ_INT64);

    if (g->count != 1 || !sql_coerce(g->a, &g->args[0], &integer))
        return mismatch(g, "signature: NTILE(INT64)");
    return typed(integer, sql_printf(g->a, "ntile(%s)", g->args[0].sql));
}

/* LAG and LEAD (value, offset, default), FIRST_VALUE, LAST_VALUE, NTH_VALUE */
sql_typed sql_window_navigation(aggregate *g)
{
    static const struct {
        const char *name, *sqlite;
        size_t min, max;
    } names[] = {{"LAG", "lag", 1, 3},
                 {"LEAD", "lead", 1, 3},
                 {"FIRST_VALUE", "first_value", 1, 1},
                 {"LAST_VALUE", "last_value", 1, 1},
                 {"NTH_VALUE", "nth_value", 2, 2}};
    const bq_field integer = sql_type(BQ_INT64);
    size_t i = 0;

    while (strcmp(names[i].name, g->name) != 0)
        i++;
    bool ok = g->count >= names[i].min && g->count <= names[i].max &&
              (g->count < 2 || sql_coerce(g->a, &g->args[1], &integer)) &&
              (g->count < 3 || sql_coerce(g->a, &g->args[2], &g->args[0].type));
    if (!ok)
        return mismatch(g, sql_printf(g->a, "signature: %s(ANY, ...)", g->name));
    if (g->x->call->ignore_nulls && i < 2) {
        sql_error(g->a, g->x->pos, "IGNORE NULLS is not allowed for analytic function %s", g->name);
    } else if (g->x->call->ignore_nulls) {
        static const char *const set[] = {"bq_first_set", "bq_last_set", "bq_nth_set"};
        return typed(g->args[0].type,
                     sql_printf(g->a, "%s(%s%s%s)", set[i - 2], g->args[0].sql,
                                g->count > 1 ? "," : "", g->count > 1 ? g->args[1].sql : ""));
    }
    return typed(g->args[0].type,
                 sql_printf(g->a, "%s(%s%s%s%s%s)", names[i].sqlite, g->args[0].sql,
                            g->count > 1 ? "," : "", g->count > 1 ? g->args[1].sql : "",
                            g->count > 2 ? "," : "", g->count > 2 ? g->args[2].sql : ""));
}

/* PERCENTILE_CONT(x, share), PERCENTILE_DISC(x, share) */
sql_typed sql_window_percentile(aggregate *g)
{
    const bq_field floats = sql_type(BQ_FLOAT64);
    bool cont = g->name[11] == 'C';

    if (g->count != 2 || !sql_coerce(g->a, &g->args[1], &floats) || !is_scalar(&g->args[0].type) ||
        (cont && !sql_coerce(g->a, &g->args[0], &floats)))
        return mismatch(
            g, sql_printf(g->a, "signature: %s(%s, FLOAT64)", g->name, cont ? "FLOAT64" : "ANY"));
    if (g->x->call->respect_nulls)
        sql_error(g->a, g->x->pos,
                  "Unsupported: RESPECT NULLS in %s is not part of the sandbox's SQL", g->name);
    return typed(g->args[0].type,
                 sql_printf(g->a, "bq_percentile_%s(%s,%s)", cont ? "cont" : "disc", g->args[0].sql,
                            g->args[1].sql));
}
