/*
 * Columns that become wider in place, by ALTER COLUMN SET DATA TYPE: the API refuses another type in
 * a patch. Done twice it changes nothing, so that an unknown outcome is resolved by doing it again.
 */
#include "backend/destination/widen.h"

#include "backend/core/crash_point.h"
#include "backend/core/log.h"
#include "backend/destination/sql.h"

static void add_statement(bw_buf *sql, const bw_target *target, const bw_target_plan *plan)
{
    bw_buf_adds(sql, "ALTER TABLE ");
    bw_sql_add_table(sql, target, target->table);
    for (size_t i = 0; i < plan->n_wider; i++) {
        bw_buf_adds(sql, i ? ",\n  ALTER COLUMN " : "\n  ALTER COLUMN ");
        bw_sql_add_name(sql, plan->wider[i].column);
        bw_buf_addf(sql, " SET DATA TYPE %s", plan->wider[i].type);
    }
}

bw_status bw_target_widen(bw_destination *d, const bw_target *target, const bw_target_plan *plan,
                          bw_error *err)
{
    bw_buf sql = BW_BUF_INIT;
    json_t *answer = NULL;
    add_statement(&sql, target, plan);
    bw_question q = {
        .project = target->project, .location = target->location, .sql = bw_buf_cstr(&sql)};
    bw_crash_point("target_patch_before");
    bw_status s = bw_bigquery_ask(d->bq, &q, &answer, err);
    bw_crash_point("target_patch_after");
    json_decref(answer);
    bw_buf_fini(&sql);
    for (size_t i = 0; s == BW_OK && i < plan->n_wider; i++)
        bw_log(BW_LOG_INFO, target->table, "column %s is %s now", plan->wider[i].column,
               plan->wider[i].type);
    return s == BW_OK ? s : bw_error_wrap(err, "widen column %s", plan->wider[0].column);
}
