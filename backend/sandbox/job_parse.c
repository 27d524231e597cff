/* A Job resource as jobs.insert takes it, checked as far as it can be without running it. */
#include <stdlib.h>
#include <sys/random.h>

#include "backend/sandbox/jobs.h"
#include "backend/sandbox/json_edit.h"

static bool id_is_valid(const char *id)
{
    size_t len = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    return len > 0 && len <= 1024 && id[len] == '\0';
}

static const char *make_id(bw_arena *arena)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    unsigned char random[28];
    char text[sizeof random + 1];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        abort(); /* the kernel promises this much at once */
    for (size_t i = 0; i < sizeof random; i++)
        text[i] = alphabet[random[i] % (sizeof alphabet - 1)];
    text[sizeof random] = '\0';
    return bw_arena_printf(arena, "job_%s", text);
}

static bw_status find_type(bw_sb_job *job, bq_error *err)
{
    static const bw_sb_job_type *const types[] = {&bw_sb_load_job, &bw_sb_query_job,
                                                  &bw_sb_copy_job};
    size_t named = 0;
    for (size_t i = 0; i < BW_COUNT(types); i++) {
        if (bw_sb_json_object(job->configuration, types[i]->member).len) {
            job->type = types[i];
            named++;
        }
    }
    if (bw_sb_json_object(job->configuration, "extract").len)
        return bq_error_set(err, "notImplemented", NULL, "The sandbox has no extract jobs");
    if (named == 0)
        return bq_error_set(err, "required", NULL,
                            "Required parameter is missing: configuration "
                            "must hold load, query or copy");
    if (named > 1)
        return bq_error_set(err, "invalid", NULL,
                            "Exactly one of load, query and copy may be configured");
    return BW_OK;
}

static bw_status parse_reference(bw_sb_job *job, bw_slice reference, bq_error *err)
{
    const char *project = bw_sb_json_text(&job->arena, reference, "projectId");
    const char *location = bw_sb_json_text(&job->arena, reference, "location");
    job->id = bw_sb_json_text(&job->arena, reference, "jobId");
    if (project && strcmp(project, job->project) != 0)
        return bq_error_set(err, "invalid", NULL,
                            "Value %s in jobReference.projectId is not the request's project",
                            project);
    if (location && *location)
        job->location = bw_sb_location(&job->arena, location);
    if (!job->id)
        job->id = make_id(&job->arena);
    if (!id_is_valid(job->id))
        return bq_error_set(err, "invalid", NULL,
                            "Invalid job ID \"%.100s\". Must be alphanumeric (plus underscores and "
                            "dashes) and must be at most 1024 characters long.",
                            job->id);
    return BW_OK;
}

bw_status bw_sb_job_parse(bw_sb_bigquery *bq, const char *project, bw_slice resource,
                          bw_sb_job **out, bq_error *err)
{
    bw_sb_job *job = bw_sb_job_alloc(bq);
    job->project = bw_arena_strdup(&job->arena, project);
    job->configuration = bw_arena_slice(&job->arena, bw_sb_json_object(resource, "configuration"));
    job->dry_run = bw_sb_json_bool(job->configuration, "dryRun", false);
    bw_status status = find_type(job, err);
    if (status == BW_OK)
        status = parse_reference(job, bw_sb_json_object(resource, "jobReference"), err);
    if (status == BW_OK)
        status = job->type->check(bq, job, err);
    if (status != BW_OK) {
        bw_sb_job_free(job);
        return status;
    }
    if (!job->location)
        job->location = "US";
    *out = job;
    return BW_OK;
}
