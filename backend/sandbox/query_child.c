/*
 * The statements of a script as jobs of their own, done as soon as they are stored. They name their
 * parent in statistics.parentJobId; REST: ScriptStatistics.
 */
#include <inttypes.h>

#include "backend/sandbox/job_record.h"
#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/query_job.h"

/* Of the same parent always the same, so that a script that is run again finds them. */
static const char *child_id(bw_sb_job *child, const bw_sb_job *parent, size_t number)
{
    uint64_t key = bw_sb_job_key(parent);

    return bw_arena_printf(&child->arena, "script_job_%016" PRIx64 "%016" PRIx64 "_%zu", key,
                           (uint64_t)parent->created_us, number);
}

static const char *keep(bw_sb_job *job, bw_buf *text)
{
    const char *copy = bw_arena_strndup(&job->arena, text->ptr, text->len);
    bw_buf_fini(text);
    return copy;
}

static const char *configuration(bw_sb_job *child, bw_slice text)
{
    bw_buf out = BW_BUF_INIT;
    const char *query = bw_arena_strndup(&child->arena, text.ptr, text.len);
    bw_buf_adds(&out, "{\"query\":{");
    bw_sb_json_add_text(&out, "query", query);
    bw_sb_json_add_bool(&out, "useLegacySql", false);
    bw_buf_adds(&out, "}}");
    return keep(child, &out);
}

static const char *statistics(bw_sb_job *child, const bw_sb_job *parent, const bq_sql_child *c)
{
    bw_buf out = BW_BUF_INIT;
    bw_buf_add(&out, child->statistics, strlen(child->statistics) - 1); /* without } */
    bw_sb_json_add_text(&out, "parentJobId", parent->id);
    bw_sb_json_add_raw(&out, "scriptStatistics", BW_SLICE_LIT("{"));
    bw_sb_json_add_text(&out, "evaluationKind", "STATEMENT");
    bw_sb_json_add_raw(&out, "stackFrames", BW_SLICE_LIT("[{"));
    bw_buf_addf(&out, "\"startLine\":%d,\"startColumn\":%d,\"endLine\":%d,\"endColumn\":%d",
                c->line, c->column, c->end_line, c->end_column);
    bw_sb_json_add_text(&out, "text", bw_arena_strndup(&child->arena, c->text.ptr, c->text.len));
    bw_buf_adds(&out, "}]}}");
    return keep(child, &out);
}

bw_status bw_sb_query_child(void *user, bq_catalog *catalog, const bq_sql_child *c, bq_error *err)
{
    bw_sb_job *parent = user, *child = bw_sb_job_alloc(parent->bq);
    child->type = &bw_sb_query_job;
    child->project = parent->project;
    child->location = parent->location;
    child->id = child_id(child, parent, c->number);
    child->configuration = bw_slice_cstr(configuration(child, c->text));
    child->created_us = child->started_us = bw_wall_us(parent->bq->clock);
    bw_sb_query_take_result(child, c->result, false);
    child->statistics = statistics(child, parent, c);
    bw_status status = bw_sb_job_store(child, true, catalog, bq_job_put_locked, err);
    bw_sb_job_free(child);
    return status;
}
