/*
 * Links the sandbox while the SQL engine is on its way: weak, so that bq_sql_run() of the engine
 * takes its place without a change here. Goes with the engine's arrival.
 */
#include "backend/sandbox/bq_sql.h"

__attribute__((weak)) bw_status bq_sql_run(bq_catalog *catalog, const bq_sql_request *request,
                                           bq_sql_before_commit *hook, void *user,
                                           bq_sql_result *result, bq_error *err)
{
    (void)catalog;
    (void)request;
    (void)hook;
    (void)user;
    (void)result;
    return bq_error_set(err, "notImplemented", NULL, "this build has no SQL engine");
}

__attribute__((weak)) void bq_sql_result_fini(bq_sql_result *result)
{
    (void)result;
}
