#include "backend/sandbox/jobs.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/sandbox/job_record.h"
#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/uploads.h"

#define BUCKETS   4096
#define KEEP_DONE 4096

struct bw_sb_jobs {
    bw_sb_bigquery *bq;
    bw_sb_pool *pool;
    bw_sb_faults *faults;
    atomic_bool interrupted; /* the process ends: what is not done stays PENDING in its record */
    pthread_mutex_t mu;
    bw_sb_job *buckets[BUCKETS]; /* guarded by mu; each with a reference */
    bw_sb_job *done[KEEP_DONE];  /* guarded by mu: finished ones in order, borrowed */
    size_t done_next;            /* guarded by mu */
};

static void run_job(bw_sb_task *task);

/* ---- One job ---------------------------------------------------------------------------------- */

bw_sb_job *bw_sb_job_alloc(bw_sb_bigquery *bq)
{
    bw_sb_job *job = bw_xcalloc(1, sizeof *job);
    job->bq = bq;
    job->refs = 1;
    job->result.affected_rows = -1;
    pthread_mutex_init(&job->mu, NULL);
    bw_cancel_init(&job->cancel);
    return job;
}

void bw_sb_job_free(bw_sb_job *job)
{
    bw_sb_spool_close(job->media);
    bw_cancel_fini(&job->cancel);
    pthread_mutex_destroy(&job->mu);
    bw_arena_fini(&job->arena);
    free(job);
}

uint64_t bw_sb_job_key(const bw_sb_job *job)
{
    uint64_t key = bw_sb_key(job->project) * 31 + bw_sb_key(job->location);
    return key * 31 + bw_sb_key(job->id);
}

bw_sb_job_state bw_sb_job_get_state(bw_sb_job *job)
{
    pthread_mutex_lock(&job->mu);
    bw_sb_job_state state = job->state;
    pthread_mutex_unlock(&job->mu);
    return state;
}

bool bw_sb_job_failed(bw_sb_job *job, bq_error *err)
{
    pthread_mutex_lock(&job->mu);
    bool failed = job->error_result != NULL;
    if (failed)
        *err = job->failure;
    pthread_mutex_unlock(&job->mu);
    return failed;
}

void bw_sb_job_set_outcome(bw_sb_job *job, const char *statistics, const char *errors)
{
    pthread_mutex_lock(&job->mu);
    if (statistics)
        job->statistics = statistics;
    if (errors)
        job->errors = errors;
    pthread_mutex_unlock(&job->mu);
}

/* ---- The registry ----------------------------------------------------------------------------- */

bw_sb_jobs *bw_sb_jobs_new(bw_sb_bigquery *bq, bw_sb_pool *job_pool, bw_sb_faults *faults)
{
    bw_sb_jobs *jobs = bw_xcalloc(1, sizeof *jobs);
    jobs->bq = bq;
    jobs->pool = job_pool;
    jobs->faults = faults;
    pthread_mutex_init(&jobs->mu, NULL);
    return jobs;
}

static bw_sb_job **bucket_of(bw_sb_jobs *jobs, const bw_sb_job *job)
{
    return &jobs->buckets[bw_sb_job_key(job) % BUCKETS];
}

/* Under the mutex. */
static void unref_locked(bw_sb_job *job)
{
    if (--job->refs == 0)
        bw_sb_job_free(job);
}

/* Under the mutex: takes a job out of the table and drops the table's reference. */
static void forget_locked(bw_sb_jobs *jobs, bw_sb_job *job)
{
    for (bw_sb_job **at = bucket_of(jobs, job); *at; at = &(*at)->next) {
        if (*at != job)
            continue;
        *at = job->next;
        for (size_t i = 0; i < KEEP_DONE; i++) {
            if (jobs->done[i] == job)
                jobs->done[i] = NULL;
        }
        unref_locked(job);
        return;
    }
}

void bw_sb_jobs_reset(bw_sb_jobs *jobs)
{
    pthread_mutex_lock(&jobs->mu);
    for (size_t i = 0; i < BUCKETS; i++) {
        while (jobs->buckets[i]) {
            bw_sb_job *job = jobs->buckets[i];
            jobs->buckets[i] = job->next;
            job->dropped = true;
            bw_cancel_raise(&job->cancel);
            unref_locked(job);
        }
    }
    memset(jobs->done, 0, sizeof jobs->done);
    pthread_mutex_unlock(&jobs->mu);
}

void bw_sb_jobs_free(bw_sb_jobs *jobs)
{
    if (!jobs)
        return;
    bw_sb_jobs_reset(jobs);
    pthread_mutex_destroy(&jobs->mu);
    free(jobs);
}

void bw_sb_job_unref(bw_sb_jobs *jobs, bw_sb_job *job)
{
    if (!job)
        return;
    pthread_mutex_lock(&jobs->mu);
    unref_locked(job);
    pthread_mutex_unlock(&jobs->mu);
}

/* Under the mutex. */
static bw_sb_job *lookup_locked(bw_sb_jobs *jobs, const char *project, const char *location,
                                const char *id)
{
    bw_sb_job probe = {.project = project, .location = location, .id = id};
    for (bw_sb_job *job = *bucket_of(jobs, &probe); job; job = job->next) {
        if (strcmp(job->id, id) == 0 && strcmp(job->location, location) == 0 &&
            strcmp(job->project, project) == 0)
            return job;
    }
    return NULL;
}

/* Adds to the table; the caller keeps its own reference. */
static void admit(bw_sb_jobs *jobs, bw_sb_job *job)
{
    pthread_mutex_lock(&jobs->mu);
    job->next = *bucket_of(jobs, job);
    *bucket_of(jobs, job) = job;
    job->refs++;
    pthread_mutex_unlock(&jobs->mu);
}

void bw_sb_job_start(bw_sb_jobs *jobs, bw_sb_job *job)
{
    pthread_mutex_lock(&jobs->mu);
    bool first = !job->queued;
    job->queued = true;
    job->refs += first; /* the worker's */
    pthread_mutex_unlock(&jobs->mu);
    job->task.run = run_job;
    if (first && !bw_sb_pool_submit(jobs->pool, &job->task))
        bw_sb_job_unref(jobs, job); /* stopping: it stays PENDING for the next process */
}

static bw_status read_record(bw_sb_jobs *jobs, const char *project, const char *location,
                             const char *id, bw_sb_job **out, bq_error *err)
{
    char *json = NULL;
    bw_status status = bq_job_get(jobs->bq->catalog, project, location, id, &json, err);
    if (status != BW_OK)
        return status;
    bw_sb_job *job = bw_sb_job_alloc(jobs->bq);
    job->project = bw_arena_strdup(&job->arena, project);
    job->location = bw_arena_strdup(&job->arena, location);
    job->id = bw_arena_strdup(&job->arena, id);
    job->queued = true; /* a view of what another process, or another thread, looks after */
    if (bw_sb_job_record_parse(job, bw_slice_cstr(json))) {
        *out = job;
    } else {
        status = bq_error_set(err, "internalError", NULL, "The record of job %s is damaged", id);
        bw_sb_job_free(job);
    }
    free(json);
    return status;
}

static bw_status find_in(bw_sb_jobs *jobs, const char *project, const char *location,
                         const char *id, bw_sb_job **out, bq_error *err)
{
    pthread_mutex_lock(&jobs->mu);
    *out = lookup_locked(jobs, project, location, id);
    if (*out)
        (*out)->refs++;
    pthread_mutex_unlock(&jobs->mu);
    return *out ? BW_OK : read_record(jobs, project, location, id, out, err);
}

bw_status bw_sb_job_find(bw_sb_jobs *jobs, const char *project, const char *location,
                         const char *id, bw_sb_job **out, bq_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    static const char *const multi_regions[] = {"US", "EU"};
    const char *given = location && *location ? bw_sb_location(&arena, location) : NULL;
    bw_status status = BW_NOT_FOUND;
    for (size_t i = 0; i < (given ? 1 : BW_COUNT(multi_regions)) && status == BW_NOT_FOUND; i++)
        status = find_in(jobs, project, given ? given : multi_regions[i], id, out, err);
    if (status == BW_NOT_FOUND)
        bq_error_set(err, "notFound", NULL, "Not found: Job %s:%s%s%s", project, given ? given : "",
                     given ? "." : "", id);
    bw_arena_fini(&arena);
    return status;
}

/* ---- Accepting -------------------------------------------------------------------------------- */

/* The job that has the id already, when it was made from the same upload. */
static bool same_upload(bw_sb_jobs *jobs, bw_sb_job **job)
{
    bq_error ignored = BQ_ERROR_INIT;
    bw_sb_job *there;
    if (!(*job)->media_id ||
        find_in(jobs, (*job)->project, (*job)->location, (*job)->id, &there, &ignored) != BW_OK)
        return false;
    if (!there->media_id || strcmp(there->media_id, (*job)->media_id) != 0) {
        bw_sb_job_unref(jobs, there);
        return false;
    }
    bw_sb_job_unref(jobs, *job);
    *job = there;
    return true;
}

/* The job that the same requestId has made. */
static bool same_request(bw_sb_jobs *jobs, bw_sb_job **job)
{
    bq_error ignored = BQ_ERROR_INIT;
    const char *location, *id;
    bw_sb_job *mine = *job;
    if (!mine->request_id ||
        bq_job_of_request(jobs->bq->catalog, &mine->arena, mine->project, mine->request_id,
                          mine->created_us, &location, &id, &ignored) != BW_OK ||
        find_in(jobs, mine->project, location, id, job, &ignored) != BW_OK) {
        *job = mine;
        return false;
    }
    bw_sb_job_unref(jobs, mine);
    return true;
}

bw_status bw_sb_job_insert(bw_sb_jobs *jobs, bw_sb_job **inout, bw_sb_spool *media, bq_error *err)
{
    bw_sb_job *job = *inout;
    job->media = media;
    job->media_id = media ? bw_arena_strdup(&job->arena, media->id) : NULL;
    job->created_us = bw_wall_us(jobs->bq->clock);
    job->state = BW_SB_JOB_PENDING;
    bw_status status = bw_sb_job_store(job, false, jobs->bq->catalog, bq_job_insert, err);
    if (status == BW_EXISTS) {
        bq_error_set(err, "duplicate", NULL, "Already Exists: Job %s:%s.%s", job->project,
                     job->location, job->id);
        if (same_upload(jobs, inout) || same_request(jobs, inout))
            return BW_OK;
    }
    if (status != BW_OK) {
        job->media = NULL; /* stays with the caller */
        return status;
    }
    atomic_fetch_add(&jobs->bq->stats->jobs_inserted, 1);
    admit(jobs, job);
    return BW_OK;
}

/* ---- Running ---------------------------------------------------------------------------------- */

/* Shows the job as done to everybody. */
static void publish(bw_sb_jobs *jobs, bw_sb_job *job)
{
    bw_sb_spool *media = job->media;
    pthread_mutex_lock(&job->mu);
    job->state = BW_SB_JOB_DONE;
    job->media = NULL;
    bool failed = job->error_result != NULL;
    pthread_mutex_unlock(&job->mu);
    bw_sb_spool_remove(media);
    atomic_fetch_add(failed ? &jobs->bq->stats->jobs_failed : &jobs->bq->stats->jobs_done, 1);
    pthread_mutex_lock(&jobs->mu);
    if (!job->dropped) {
        bw_sb_job **slot = &jobs->done[jobs->done_next++ % KEEP_DONE];
        if (*slot)
            forget_locked(jobs, *slot);
        *slot = job;
    }
    pthread_mutex_unlock(&jobs->mu);
    bw_sb_pool_wake(jobs->bq->pool, bw_sb_job_key(job));
    bw_sb_job_unref(jobs, job);
}

void bw_sb_job_set_failure(bw_sb_job *job, const bq_error *failure)
{
    pthread_mutex_lock(&job->mu);
    job->failure = *failure;
    job->error_result = bw_sb_error_proto(&job->arena, failure);
    if (!job->errors)
        job->errors = bw_arena_printf(&job->arena, "[%s]", job->error_result);
    pthread_mutex_unlock(&job->mu);
}

static void clear_outcome(bw_sb_job *job)
{
    pthread_mutex_lock(&job->mu);
    job->error_result = job->errors = job->statistics = NULL;
    pthread_mutex_unlock(&job->mu);
}

/* A failure counts only once the record has it; until then the job is not done, and is tried again. */
static void fail(bw_sb_jobs *jobs, bw_sb_job *job, const bq_error *failure)
{
    bq_error err = BQ_ERROR_INIT;
    bw_sb_job_set_failure(job, failure);
    if (job->dropped || bw_sb_job_store(job, true, jobs->bq->catalog, bq_job_put, &err) == BW_OK) {
        publish(jobs, job);
        return;
    }
    clear_outcome(job);
    if (!bw_sb_pool_submit_at(jobs->pool, &job->task, bw_mono_us(jobs->bq->clock) + BW_SECOND))
        bw_sb_job_unref(jobs, job);
}

/* True when the job has failed by a fault. */
static bool fault_hits(bw_sb_job *job, bq_error *err)
{
    if (job->fault.kind != BW_SB_FAULT_STATUS)
        return false;
    const char *reason =
        job->fault.reason[0] ? bw_arena_strdup(&job->arena, job->fault.reason) : "backendError";
    bq_error_set(err, reason, NULL, "The sandbox was told to fail this job (fault %s).", reason);
    return true;
}

/* What a delayed job waits for, beside the time: being cancelled. */
static uint64_t cancel_key(const bw_sb_job *job)
{
    return ~bw_sb_job_key(job);
}

/* First passage: RUNNING, and the fault's latency. True when the job comes back later. */
static bool begin(bw_sb_jobs *jobs, bw_sb_job *job)
{
    job->begun = true;
    job->fault = bw_sb_faults_draw(jobs->faults, job->type->fault, NULL);
    pthread_mutex_lock(&job->mu);
    job->state = BW_SB_JOB_RUNNING;
    job->started_us = bw_wall_us(jobs->bq->clock);
    pthread_mutex_unlock(&job->mu);
    uint64_t key = cancel_key(job), ticket = bw_sb_pool_ticket(jobs->pool, key);
    int64_t at = bw_mono_us(jobs->bq->clock) + job->fault.latency_us;
    return job->fault.latency_us && !bw_cancelled(&job->cancel) &&
           bw_sb_pool_park(jobs->pool, &job->task, key, ticket, at);
}

static void run_job(bw_sb_task *task)
{
    bw_sb_job *job = (bw_sb_job *)((char *)task - offsetof(bw_sb_job, task));
    bw_sb_jobs *jobs = job->bq->jobs;
    bq_error err = BQ_ERROR_INIT;
    bw_status status = BW_CANCELLED;
    if (!job->begun && begin(jobs, job))
        return;
    if (bw_cancelled(&job->cancel))
        bq_error_set(&err, "stopped", NULL,
                     "Job execution was cancelled: User requested cancellation");
    else if (!fault_hits(job, &err))
        status = job->type->run(jobs->bq, job, &err);
    if (status == BW_OK)
        publish(jobs, job);
    else if (jobs->interrupted)
        bw_sb_job_unref(jobs, job); /* the next process runs it */
    else
        fail(jobs, job, &err);
}

void bw_sb_job_cancel(bw_sb_jobs *jobs, bw_sb_job *job)
{
    bw_cancel_raise(&job->cancel);
    bw_sb_pool_wake(jobs->pool, cancel_key(job));
}

void bw_sb_jobs_interrupt(bw_sb_jobs *jobs)
{
    jobs->interrupted = true;
    pthread_mutex_lock(&jobs->mu);
    for (size_t i = 0; i < BUCKETS; i++) {
        for (bw_sb_job *job = jobs->buckets[i]; job; job = job->next)
            bw_cancel_raise(&job->cancel);
    }
    pthread_mutex_unlock(&jobs->mu);
}

bw_status bw_sb_job_delete(bw_sb_jobs *jobs, bw_sb_job *job, bq_error *err)
{
    if (bw_sb_job_get_state(job) != BW_SB_JOB_DONE)
        return bq_error_set(err, "invalid", NULL, "The job %s:%s.%s is still running", job->project,
                            job->location, job->id);
    bw_status status = bq_job_delete(jobs->bq->catalog, job->project, job->location, job->id, err);
    pthread_mutex_lock(&jobs->mu);
    bw_sb_job *there = lookup_locked(jobs, job->project, job->location, job->id);
    if (status == BW_OK && there)
        forget_locked(jobs, there);
    pthread_mutex_unlock(&jobs->mu);
    return status;
}

/* ---- After a restart -------------------------------------------------------------------------- */

typedef struct resume_list {
    bw_sb_jobs *jobs;
    bw_sb_job **items;
    size_t count, cap;
} resume_list;

static bool collect_unfinished(void *user, const bq_job_record *record)
{
    resume_list *list = user;
    bw_sb_job *job = bw_sb_job_alloc(list->jobs->bq);
    job->project = bw_arena_strdup(&job->arena, record->project);
    job->location = bw_arena_strdup(&job->arena, record->location);
    job->id = bw_arena_strdup(&job->arena, record->id);
    if (!bw_sb_job_record_parse(job, bw_slice_cstr(record->json)) || job->state == BW_SB_JOB_DONE) {
        bw_sb_job_free(job);
        return true;
    }
    BW_GROW(list->items, list->count + 1, list->cap);
    list->items[list->count++] = job;
    return true;
}

bw_status bw_sb_jobs_resume(bw_sb_jobs *jobs, bq_error *err)
{
    resume_list list = {.jobs = jobs};
    bw_status status = bq_job_list(jobs->bq->catalog, NULL, collect_unfinished, &list, err);
    /* Newest first in the list: the oldest job is to run first. */
    while (list.count > 0) {
        bw_sb_job *job = list.items[--list.count];
        if (status == BW_OK) {
            if (job->media_id && !job->media)
                job->media = bw_sb_uploads_adopt(jobs->bq->uploads, job->media_id);
            admit(jobs, job);
            bw_sb_job_start(jobs, job);
        }
        bw_sb_job_unref(jobs, job);
    }
    free(list.items);
    return status;
}
