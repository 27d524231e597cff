/*
 * Jobs: accepted, run on threads of their own, finished, found again.
 *
 * A job is durable before it is acknowledged: its record (configuration, state) is in the catalog.
 * What it changes and its state DONE are committed in one transaction; a job that the process did
 * not survive is run again from the start at the next one, because nothing of it has happened. A
 * failed job is reported as DONE only after the record says so.
 *
 * Jobs in memory are reference-counted: those that wait or run, and the newest finished ones; older
 * ones are read back from the catalog. Threads: any.
 */
#ifndef BW_SANDBOX_JOBS_H
#define BW_SANDBOX_JOBS_H

#include <pthread.h>
#include <stdatomic.h>

#include "backend/core/cancel.h"
#include "backend/sandbox/bigquery.h"
#include "backend/sandbox/fault.h"
#include "backend/sandbox/spool.h"

typedef enum bw_sb_job_state {
    BW_SB_JOB_PENDING,
    BW_SB_JOB_RUNNING,
    BW_SB_JOB_DONE
} bw_sb_job_state;

typedef struct bw_sb_job bw_sb_job;

/* What a job of one type does. */
typedef struct bw_sb_job_type {
    const char *member; /* of the configuration: "load" */
    const char *name;   /* "LOAD" */
    const char *fault;  /* "bigquery.job.load" */
    /* Before anything is stored: refuses what jobs.insert refuses at once. Sets job->location when
       the request did not say one. */
    bw_status (*check)(bw_sb_bigquery *bq, bw_sb_job *job, bq_error *err);
    /* Does the work. Its last act is a catalog change with bw_sb_job_commit() as its hook. */
    bw_status (*run)(bw_sb_bigquery *bq, bw_sb_job *job, bq_error *err);
} bw_sb_job_type;

extern const bw_sb_job_type bw_sb_load_job, bw_sb_query_job, bw_sb_copy_job;

/* What a finished query knows about its rows. */
typedef struct bw_sb_job_result {
    bq_table_ref table; /* table NULL: no rows */
    int64_t total_rows;
    int64_t affected_rows; /* -1: not DML */
    int64_t bytes_processed;
    const char *schema;    /* JSON; NULL: none */
    const char *dml_stats; /* JSON; NULL: none */
} bw_sb_job_result;

struct bw_sb_job {
    bw_arena arena; /* owns the texts that are set before the job is stored */
    const bw_sb_job_type *type;
    const char *project, *id;
    const char *location;   /* NULL until known */
    bw_slice configuration; /* as the client sent it */
    const char *request_id; /* of jobs.query; NULL */
    int64_t created_us;
    bool dry_run;
    bw_sb_spool *media;   /* of a load with an upload; owned, removed when the job is done */
    const char *media_id; /* the upload's; stays when media has gone. NULL: no upload */
    bw_cancel cancel;

    pthread_mutex_t mu;
    /* What comes out: in the arena, set by run before the commit. */
    const char *statistics;   /* guarded by mu: members of JobStatistics, as an object; NULL */
    const char *errors;       /* guarded by mu: array of ErrorProto; NULL */
    bw_sb_job_result result;  /* guarded by mu; fixed once DONE */
    bw_sb_job_state state;    /* guarded by mu */
    int64_t started_us;       /* guarded by mu; 0 until then */
    int64_t ended_us;         /* guarded by mu; 0 until then */
    const char *error_result; /* guarded by mu: ErrorProto; NULL */
    bq_error failure;         /* guarded by mu: what error_result was made from */

    /* The registry's. */
    bw_sb_bigquery *bq;
    bw_sb_job *next;     /* guarded by the registry */
    int refs;            /* guarded by the registry */
    bool queued;         /* guarded by the registry */
    atomic_bool dropped; /* forgotten by a reset or a delete: must not leave a trace */
    bw_sb_task task;     /* the job pool's */
    bw_sb_fault fault;   /* the worker's, as is `begun` */
    bool begun;
};

bw_sb_jobs *bw_sb_jobs_new(bw_sb_bigquery *bq, bw_sb_pool *job_pool, bw_sb_faults *faults);
/* Cancels what runs, without an outcome: the next process runs it again. Then the owner stops the
   job pool. */
void bw_sb_jobs_interrupt(bw_sb_jobs *jobs);
/* After the job pool has been stopped. */
void bw_sb_jobs_free(bw_sb_jobs *jobs);
/* Runs again what an earlier process has left unfinished. */
BW_NODISCARD bw_status bw_sb_jobs_resume(bw_sb_jobs *jobs, bq_error *err);
/* Forgets all jobs; those that run are cancelled and will not leave a trace. */
void bw_sb_jobs_reset(bw_sb_jobs *jobs);

/* A job that nobody else knows, and its end. */
bw_sb_job *bw_sb_job_alloc(bw_sb_bigquery *bq);
void bw_sb_job_free(bw_sb_job *job);
/*
 * From a Job resource {"jobReference", "configuration"} as jobs.insert takes it, checked as far as
 * it can be without running it. Not stored yet. A missing jobId is made up.
 */
BW_NODISCARD bw_status bw_sb_job_parse(bw_sb_bigquery *bq, const char *project, bw_slice resource,
                                       bw_sb_job **out, bq_error *err);
/*
 * Stores the job; on BW_OK `media` (may be NULL) belongs to the job. The caller keeps its reference
 * and starts it when it has been shown as PENDING. duplicate when the id is taken, unless the job
 * there was made from the same upload: then *job is replaced by it, and so it is by the job that
 * the same requestId has made.
 */
BW_NODISCARD bw_status bw_sb_job_insert(bw_sb_jobs *jobs, bw_sb_job **job, bw_sb_spool *media,
                                        bq_error *err);
/* Queues it, unless that has been done. */
void bw_sb_job_start(bw_sb_jobs *jobs, bw_sb_job *job);
/* With a reference. `location` NULL looks into US and EU, as the service does. */
BW_NODISCARD bw_status bw_sb_job_find(bw_sb_jobs *jobs, const char *project, const char *location,
                                      const char *id, bw_sb_job **out, bq_error *err);
void bw_sb_job_unref(bw_sb_jobs *jobs, bw_sb_job *job);
/* Asks a job to end. */
void bw_sb_job_cancel(bw_sb_jobs *jobs, bw_sb_job *job);
BW_NODISCARD bw_status bw_sb_job_delete(bw_sb_jobs *jobs, bw_sb_job *job, bq_error *err);

bw_sb_job_state bw_sb_job_get_state(bw_sb_job *job);
/* After DONE: true with its error when it failed. */
bool bw_sb_job_failed(bw_sb_job *job, bq_error *err);
/* What a request waits for (pool.h); woken when the job is done. */
uint64_t bw_sb_job_key(const bw_sb_job *job);
/* The Job resource. `listed` gives the form of jobs.list. */
void bw_sb_job_print(bw_sb_job *job, bool listed, bw_buf *out);
/* {"projectId","jobId","location"} */
void bw_sb_job_print_reference(const bw_sb_job *job, bw_buf *out);

/* For run: sets statistics and errors (in the job's arena); NULL leaves one as it is. */
void bw_sb_job_set_outcome(bw_sb_job *job, const char *statistics, const char *errors);
/* For run, when the job has failed and yet changed something: it then ends with bw_sb_job_commit(). */
void bw_sb_job_set_failure(bw_sb_job *job, const bq_error *failure);
/* bq_before_commit: user is the job, whose results are complete but for the end time. */
bw_status bw_sb_job_commit(void *user, bq_catalog *catalog, bq_error *err);

#endif
