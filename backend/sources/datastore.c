#include "backend/sources/datastore.h"

#include "backend/sources/datastore_describe.h"
#include "backend/sources/datastore_reader.h"

static bw_dssource *own(bw_source *source)
{
    return (bw_dssource *)source;
}

static bw_status ds_open(const bw_source_class *class, const bw_config_node *settings,
                         const bw_source_env *env, bw_source **out, bw_error *err)
{
    bw_dssource *source;
    int64_t now;
    (void)class;
    bw_status status = bw_dssource_open(settings, env, &source, err);
    /* Wrong credentials, projects and databases are told here. */
    if (status == BW_OK)
        status = bw_dssource_clock(source, &now, err);
    if (status != BW_OK) {
        bw_dssource_close(source);
        source = NULL;
    }
    *out = (bw_source *)source;
    return status;
}

static void ds_close(bw_source *source)
{
    bw_dssource_close(own(source));
}

static bw_status ds_status(bw_source *source, bw_arena *arena, bw_source_status *out, bw_error *err)
{
    bw_dssource *s = own(source);
    int64_t before = bw_mono_us(s->env->clock);
    *out = (bw_source_status){.now_us = BW_TIME_NONE};
    bw_status status = bw_dssource_clock(s, &out->now_us, err);
    if (status != BW_OK)
        return status;
    out->latency_us = bw_mono_us(s->env->clock) - before;
    out->version = bw_arena_printf(arena, "Datastore (database %s, namespace %s)",
                                   *s->home.database ? s->home.database : "(default)",
                                   s->home.namespace ? s->home.namespace : "(default)");
    return BW_OK;
}

static bw_status ds_list(bw_source *source, const char *pattern, bw_arena *arena,
                         const char *const **names, size_t *count, bw_error *err)
{
    return bw_dssource_list(own(source), pattern, arena, names, count, err);
}

static bw_status ds_describe(bw_source *source, const bw_table_spec *spec, bw_arena *arena,
                             bw_table_info *out, bw_error *err)
{
    return bw_ds_describe(own(source), spec, arena, out, err);
}

static bw_status ds_reader_open(bw_source *source, const bw_table_spec *spec,
                                const bw_table_info *info, const bw_read_request *request,
                                bw_reader **out, bw_error *err)
{
    return bw_dsreader_open(own(source), spec, info, request, out, err);
}

const bw_source_class bw_source_datastore = {
    .kind = "datastore",
    .name = "Datastore",
    .capabilities = BW_SOURCE_TABLES | BW_SOURCE_CURSOR | BW_SOURCE_KEYS | BW_SOURCE_GOOGLE,
    .settings = bw_ds_settings,
    .n_settings = BW_DS_SETTINGS,
    .open = ds_open,
    .close = ds_close,
    .status = ds_status,
    .list = ds_list,
    .describe = ds_describe,
    .reader_open = ds_reader_open,
    .reader_next = bw_dsreader_next,
    .reader_fetch = bw_dsreader_fetch,
    .reader_end = bw_dsreader_end,
    .reader_restart = bw_dsreader_restart,
    .reader_close = bw_dsreader_close,
};
