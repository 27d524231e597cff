#include "backend/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "backend/sandbox/control.h"
#include "backend/sandbox/datastore.h"
#include "backend/sandbox/identity.h"
#include "backend/sandbox/insert_ids.h"
#include "backend/sandbox/jobs.h"
#include "backend/sandbox/operations.h"
#include "backend/sandbox/quota.h"
#include "backend/sandbox/pubsub.h"
#include "backend/sandbox/server.h"
#include "backend/sandbox/uploads.h"

#define REQUEST_THREADS 6
#define JOB_THREADS     4
#define MAX_SERVICES    32

struct bw_sandbox {
    bw_sb_options options;
    int lock_fd;
    bw_sb_stats stats;
    bw_sb_bigquery bigquery;
    bw_sb_operations operations;
    bw_sb_pubsub *pubsub;
    bw_sb_control control;
    ds_store *datastore;
    bw_sb_identity *identity;
    bw_sb_faults *faults;
    bw_sb_request_log *log;
    bw_sb_record *record;
    bw_sb_pool *requests, *jobs;
    bw_sb_service services[MAX_SERVICES];
    const bw_sb_service *service_list[MAX_SERVICES];
    size_t service_count;
    bw_sb_server *server;
};

static bw_status from_bq(bw_status status, const bq_error *cause, bw_error *err)
{
    return bw_error_set(err, status, "%s", cause->message);
}

/* One process per directory: a second one would run the first one's jobs. */
static bw_status lock_directory(bw_sandbox *s, const char *dir, bw_error *err)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return bw_error_errno(err, BW_IO, errno, "cannot make the directory %s", dir);
    char *path = bw_xasprintf("%s/lock", dir);
    s->lock_fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    free(path);
    if (s->lock_fd < 0)
        return bw_error_errno(err, BW_IO, errno, "cannot use the directory %s", dir);
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return BW_OK;
    bw_error_set(err, BW_CONFLICT, "another sandbox uses the directory %s", dir);
    return bw_error_hint(err, "End it, or give this one a directory of its own with --data.");
}

/* The dataset that is there from the start. */
static bw_status make_dataset(bw_sandbox *s, bw_error *err)
{
    bq_error cause = BQ_ERROR_INIT;
    bq_dataset dataset = {.project = s->options.project,
                          .id = s->options.dataset,
                          .location = "US",
                          .metadata = "{}"};
    if (!*s->options.dataset)
        return BW_OK;
    bw_status status = bq_dataset_create(s->bigquery.catalog, &dataset, NULL, &cause);
    return status == BW_OK || status == BW_EXISTS ? BW_OK : from_bq(status, &cause, err);
}

static bw_status reset(void *user, bw_error *err)
{
    bw_sandbox *s = user;
    bq_error cause = BQ_ERROR_INIT;
    bw_sb_faults_clear(s->faults);
    bw_sb_jobs_reset(s->bigquery.jobs);
    bw_sb_uploads_reset(s->bigquery.uploads);
    bw_sb_quota_reset(s->bigquery.quota);
    bw_status status = bq_catalog_reset(s->bigquery.catalog, &cause);
    if (status != BW_OK)
        return from_bq(status, &cause, err);
    status = bw_sb_db_reset(s->operations.db, err);
    if (status == BW_OK)
        status = bw_sb_pubsub_reset(s->pubsub, err);
    if (status == BW_OK)
        status = ds_store_reset(s->datastore, err);
    if (status != BW_OK)
        return status;
    bw_sb_request_log_clear(s->log);
    return make_dataset(s, err);
}

/* POST /sandbox/streaming-buffer/flush */
static bw_status flush_buffer(void *user, bw_error *err)
{
    bw_sandbox *s = user;
    bq_error cause = BQ_ERROR_INIT;
    bw_status status = bq_catalog_flush_buffer(s->bigquery.catalog, &cause);
    return status == BW_OK ? BW_OK : from_bq(status, &cause, err);
}

static bw_status open_storage(bw_sandbox *s, bw_error *err)
{
    const char *dir = s->options.data;
    bw_sb_bigquery *bq = &s->bigquery;
    bq_error cause = BQ_ERROR_INIT;
    bw_status status = dir ? lock_directory(s, dir, err) : BW_OK;
    if (status != BW_OK)
        return status;
    status = bq_catalog_open(dir, bq->clock, &bq->catalog, &cause);
    if (status != BW_OK)
        return from_bq(status, &cause, err);
    status = bw_sb_operations_open(dir, bq->clock, &s->operations, err);
    if (status == BW_OK)
        status = ds_store_open(dir, bq->clock, &s->datastore, err);
    if (status != BW_OK)
        return status;
    status = bw_sb_uploads_new(dir, s->options.discard, &s->stats, &bq->uploads, err);
    if (status != BW_OK)
        return status;
    bq_catalog_set_buffer(bq->catalog, s->options.buffer_us);
    bq->insert_ids = bw_sb_insert_ids_new(bq->clock);
    bq->quota = bw_sb_quota_new(s->options.quota_jobs, s->options.quota_window_us, bq->clock);
    bq->jobs = bw_sb_jobs_new(bq, s->jobs, s->faults);
    status = bw_sb_pubsub_new(dir, s->requests, bq->clock, &s->pubsub, err);
    if (status != BW_OK)
        return status;
    s->operations.pubsub = s->pubsub;
    return make_dataset(s, err);
}

static void add_services(bw_sandbox *s)
{
    bw_sb_bigquery *bq = &s->bigquery;
    bw_sb_service metadata, token;
    bw_sb_identity_services(s->identity, &metadata, &token);
    const bw_sb_service services[] = {bw_sb_datasets_service(bq),
                                      bw_sb_tables_service(bq),
                                      bw_sb_tabledata_service(bq),
                                      bw_sb_jobs_service(bq),
                                      bw_sb_queries_service(bq),
                                      bw_sb_uploads_service(bq),
                                      bw_sb_projects_service(bq),
                                      bw_sb_logging_service(&s->operations),
                                      bw_sb_monitoring_service(&s->operations),
                                      bw_sb_dashboards_service(&s->operations),
                                      bw_sb_secrets_service(&s->operations),
                                      bw_sb_pubsub_service(s->pubsub),
                                      bw_sb_datastore_service(s->datastore),
                                      metadata,
                                      token,
                                      bw_sb_control_service(&s->control)};
    _Static_assert(BW_COUNT(services) <= MAX_SERVICES, "room for all services");
    for (size_t i = 0; i < BW_COUNT(services); i++) {
        s->services[i] = services[i];
        if (services[i].context == bq)
            s->services[i].pool = bq->pool;
        s->service_list[i] = &s->services[i];
    }
    s->service_count = BW_COUNT(services);
}

static bw_status add_faults(bw_sandbox *s, bw_error *err)
{
    static const bw_sb_job_type *const jobs[] = {&bw_sb_load_job, &bw_sb_query_job,
                                                 &bw_sb_copy_job};
    bw_status status = BW_OK;
    for (size_t i = 0; i < s->service_count; i++) {
        for (size_t k = 0; k < s->services[i].route_count; k++) {
            const bw_sb_route *route = &s->services[i].routes[k];
            if (!route->unlisted)
                bw_sb_faults_know(s->faults, route->method);
            if (route->alias)
                bw_sb_faults_know(s->faults, route->alias);
        }
    }
    for (size_t i = 0; i < BW_COUNT(jobs); i++)
        bw_sb_faults_know(s->faults, jobs[i]->fault);
    for (size_t i = 0; i < s->options.fault_count && status == BW_OK; i++)
        status = bw_sb_faults_add(s->faults, s->options.faults[i], err);
    return status;
}

/* Jobs that a killed process has left. */
static bw_status resume_jobs(bw_sandbox *s, bw_error *err)
{
    bq_error cause = BQ_ERROR_INIT;
    bw_status status = bw_sb_jobs_resume(s->bigquery.jobs, &cause);
    bw_sb_uploads_sweep(s->bigquery.uploads);
    return status == BW_OK ? BW_OK : from_bq(status, &cause, err);
}

static bw_status start_server(bw_sandbox *s, bw_error *err)
{
    bw_sb_server_options options = {.host = s->options.host,
                                    .port = s->options.port,
                                    .services = s->service_list,
                                    .service_count = s->service_count,
                                    .pool = s->requests,
                                    .faults = s->faults,
                                    .log = s->log,
                                    .record = s->record,
                                    .clock = s->bigquery.clock,
                                    .authorise = bw_sb_identity_authorise,
                                    .authorise_user = s->identity};
    return bw_sb_server_start(&options, &s->server, err);
}

bw_status bw_sandbox_start(const bw_sb_options *options, bw_sandbox **out, bw_error *err)
{
    /* Nobody asks SQLite how much memory it has: counting it takes a lock at each allocation. Refused
       when SQLite runs already, which is as well. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    bw_sandbox *s = bw_xcalloc(1, sizeof *s);
    const bw_clock *clock = bw_clock_system();
    bw_status status = BW_OK;
    s->options = *options;
    s->lock_fd = -1;
    s->faults = bw_sb_faults_new();
    s->log = bw_sb_request_log_new();
    s->identity = bw_sb_identity_new(options->project, clock);
    s->requests = bw_sb_pool_new(REQUEST_THREADS, clock);
    s->jobs = bw_sb_pool_new(JOB_THREADS, clock);
    s->bigquery = (bw_sb_bigquery){
        .pool = bw_sb_pool_new(REQUEST_THREADS, clock), .clock = clock, .stats = &s->stats};
    s->control = (bw_sb_control){s->faults, s->log, s->identity, &s->stats, reset, flush_buffer, s};
    if (options->record && *options->record)
        status = bw_sb_record_open(options->record, &s->record, err);
    if (status == BW_OK)
        status = open_storage(s, err);
    if (status == BW_OK) {
        add_services(s);
        status = add_faults(s, err);
    }
    if (status == BW_OK)
        status = resume_jobs(s, err);
    if (status == BW_OK)
        status = start_server(s, err);
    if (status != BW_OK) {
        bw_sandbox_stop(s);
        return status;
    }
    *out = s;
    return BW_OK;
}

int bw_sandbox_port(const bw_sandbox *s)
{
    return bw_sb_server_port(s->server);
}

void bw_sandbox_stop(bw_sandbox *s)
{
    if (!s)
        return;
    if (s->server)
        bw_sb_server_quiesce(s->server);
    if (s->bigquery.jobs)
        bw_sb_jobs_interrupt(s->bigquery.jobs);
    bw_sb_pool_stop(s->jobs);
    bw_sb_pool_stop(s->bigquery.pool);
    bw_sb_pool_stop(s->requests);
    bw_sb_server_free(s->server);
    bw_sb_jobs_free(s->bigquery.jobs);
    bw_sb_uploads_free(s->bigquery.uploads);
    bw_sb_insert_ids_free(s->bigquery.insert_ids);
    bw_sb_quota_free(s->bigquery.quota);
    if (s->bigquery.catalog)
        bq_catalog_close(s->bigquery.catalog);
    bw_sb_operations_close(&s->operations);
    bw_sb_pubsub_free(s->pubsub);
    ds_store_close(s->datastore);
    bw_sb_pool_free(s->jobs);
    bw_sb_pool_free(s->bigquery.pool);
    bw_sb_pool_free(s->requests);
    bw_sb_identity_free(s->identity);
    bw_sb_request_log_free(s->log);
    bw_sb_record_close(s->record);
    bw_sb_faults_free(s->faults);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s);
}
