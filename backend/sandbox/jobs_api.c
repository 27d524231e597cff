/* jobs.insert (without media), get, list, cancel, delete. */
#include <stdlib.h>
#include <strings.h>

#include "backend/sandbox/bigquery.h"
#include "backend/sandbox/job_record.h"
#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/query_job.h"

static void answer_and_unref(bw_sb_bigquery *bq, bw_sb_reply *reply, bw_sb_job *job)
{
    bw_sb_job_print(job, false, &reply->body);
    bw_sb_job_unref(bq->jobs, job);
}

static bw_sb_outcome insert(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    bq_error err = BQ_ERROR_INIT;
    bw_slice body;
    bw_sb_job *job;
    if (!bw_sb_body_object(r, reply, &body))
        return BW_SB_DONE;
    bw_status status = bw_sb_job_parse(bq, bw_sb_request_param(r, "project"), body, &job, &err);
    if (status != BW_OK) {
        bw_sb_reply_bq_error(reply, &err);
        return BW_SB_DONE;
    }
    bool dry_run = job->dry_run && job->type == &bw_sb_query_job;
    if (job->type == &bw_sb_load_job)
        status = bq_error_set(&err, "required", NULL,
                              "Load configuration must specify at least one source URI, or come "
                              "with an upload");
    else if (dry_run)
        status = bw_sb_query_dry_run(bq, job, &err);
    else
        status = bw_sb_job_insert(bq->jobs, &job, NULL, &err);
    if (status == BW_OK)
        bw_sb_job_print(job, false, &reply->body);
    else
        bw_sb_reply_bq_error(reply, &err);
    if (status == BW_OK && !dry_run)
        bw_sb_job_start(bq->jobs, job);
    bw_sb_job_unref(bq->jobs, job);
    return BW_SB_DONE;
}

static bw_sb_job *find(bw_sb_bigquery *bq, bw_sb_request *r, bw_sb_reply *reply)
{
    bq_error err = BQ_ERROR_INIT;
    bw_sb_job *job;
    if (bw_sb_job_find(bq->jobs, bw_sb_request_param(r, "project"),
                       bw_sb_request_query(r, "location"), bw_sb_request_param(r, "job"), &job,
                       &err) == BW_OK)
        return job;
    bw_sb_reply_bq_error(reply, &err);
    return NULL;
}

static bw_sb_outcome get(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    bw_sb_job *job = find(bq, r, reply);
    if (job)
        answer_and_unref(bq, reply, job);
    return BW_SB_DONE;
}

static bw_sb_outcome cancel(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    bw_sb_job *job = find(bq, r, reply);
    if (!job)
        return BW_SB_DONE;
    bw_sb_job_cancel(bq->jobs, job);
    bw_buf_adds(&reply->body, "{\"kind\":\"bigquery#jobCancelResponse\",\"job\":");
    answer_and_unref(bq, reply, job);
    bw_buf_addc(&reply->body, '}');
    return BW_SB_DONE;
}

static bw_sb_outcome delete (void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    bq_error err = BQ_ERROR_INIT;
    bw_sb_job *job = find(bq, r, reply);
    if (!job)
        return BW_SB_DONE;
    if (bw_sb_job_delete(bq->jobs, job, &err) != BW_OK)
        bw_sb_reply_bq_error(reply, &err);
    else
        reply->status = 204;
    bw_sb_job_unref(bq->jobs, job);
    return BW_SB_DONE;
}

/* ---- Listing ---------------------------------------------------------------------------------- */

typedef struct listed {
    char *location, *id;
} listed;

/* Collected under the catalog's mutex, looked up afterwards. */
typedef struct list_state {
    bw_arena *arena;
    int64_t min_created_us, max_created_us;
    listed *items;
    size_t count, cap;
} list_state;

static bool collect(void *user, const bq_job_record *record)
{
    list_state *s = user;
    if (record->created_us < s->min_created_us || record->created_us > s->max_created_us)
        return true;
    BW_GROW(s->items, s->count + 1, s->cap);
    s->items[s->count++] = (listed){bw_arena_strdup(s->arena, record->location),
                                    bw_arena_strdup(s->arena, record->id)};
    return true;
}

static const char *state_word(bw_sb_job_state state)
{
    static const char *const words[] = {"pending", "running", "done"};
    return words[state];
}

/* stateFilter may be given several times; any of them is enough. */
static bool state_fits(bw_sb_request *r, bw_sb_job_state state)
{
    const char *at = strstr(r->query, "stateFilter=");
    if (!at)
        return true;
    for (; at; at = strstr(at + 1, "stateFilter=")) {
        const char *word = at + strlen("stateFilter=");
        size_t len = strlen(state_word(state));
        if (strncasecmp(word, state_word(state), len) == 0 &&
            (word[len] == '\0' || word[len] == '&'))
            return true;
    }
    return false;
}

/* Statements of scripts are listed for their script alone. */
static bool parent_fits(bw_sb_request *r, bw_sb_job *job)
{
    const char *wanted = bw_sb_request_query(r, "parentJobId");
    bw_arena arena = BW_ARENA_INIT;
    const char *parent = NULL;
    pthread_mutex_lock(&job->mu);
    if (job->statistics)
        parent = bw_sb_json_text(&arena, bw_slice_cstr(job->statistics), "parentJobId");
    pthread_mutex_unlock(&job->mu);
    bool fits = wanted ? parent && strcmp(parent, wanted) == 0 : !parent;
    bw_arena_fini(&arena);
    return fits;
}

static bool list_args(bw_sb_request *r, bw_sb_reply *reply, list_state *s, int64_t *max,
                      int64_t *offset)
{
    const int64_t limit = INT64_MAX / 1000;
    if (!bw_sb_page_args(r, reply, 50, max, offset))
        return false;
    if (bw_sb_request_query_int(r, "minCreationTime", 0, limit, 0, &s->min_created_us) &&
        bw_sb_request_query_int(r, "maxCreationTime", 0, limit, limit, &s->max_created_us)) {
        s->min_created_us *= 1000;
        s->max_created_us = s->max_created_us * 1000 + (s->max_created_us < limit ? 999 : 0);
        return true;
    }
    bw_sb_reply_invalid(reply, "Invalid value for minCreationTime or maxCreationTime");
    return false;
}

static bw_sb_outcome list(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    const char *project = bw_sb_request_param(r, "project");
    list_state s = {.arena = &r->arena};
    int64_t max, offset, matching = 0, shown = 0;
    bq_error err = BQ_ERROR_INIT;
    if (!list_args(r, reply, &s, &max, &offset))
        return BW_SB_DONE;
    if (bq_job_list(bq->catalog, project, collect, &s, &err) != BW_OK) {
        bw_sb_reply_bq_error(reply, &err);
        return BW_SB_DONE;
    }
    bw_buf_adds(&reply->body, "{\"kind\":\"bigquery#jobList\",\"jobs\":[");
    bool more = false;
    for (size_t i = 0; i < s.count && !more; i++) {
        bw_sb_job *job;
        if (bw_sb_job_find(bq->jobs, project, s.items[i].location, s.items[i].id, &job, &err) !=
            BW_OK)
            continue;
        bool fits =
            state_fits(r, bw_sb_job_get_state(job)) && parent_fits(r, job) && matching++ >= offset;
        more = fits && shown == max;
        if (fits && !more) {
            bw_buf_adds(&reply->body, shown++ ? "," : "");
            bw_sb_job_print(job, true, &reply->body);
        }
        bw_sb_job_unref(bq->jobs, job);
    }
    free(s.items);
    bw_buf_addc(&reply->body, ']');
    if (more)
        bw_sb_add_page_token(&reply->body, "nextPageToken", offset + max);
    bw_buf_addc(&reply->body, '}');
    return BW_SB_DONE;
}

#define ALL "projects/{project}/jobs"
static const bw_sb_route routes[] = {
    {"POST", ALL, "bigquery.jobs.insert", .handle = insert},
    {"GET", ALL, "bigquery.jobs.list", .handle = list},
    {"GET", ALL "/{job}", "bigquery.jobs.get", .handle = get},
    {"POST", ALL "/{job}/cancel", "bigquery.jobs.cancel", .handle = cancel, .apart = true},
    {"DELETE", ALL "/{job}/delete", "bigquery.jobs.delete", .handle = delete},
};

bw_sb_service bw_sb_jobs_service(bw_sb_bigquery *bq)
{
    return (bw_sb_service){bw_sb_bigquery_prefixes, routes, BW_COUNT(routes), BW_SB_ERROR_ERRORS,
                           bq};
}
