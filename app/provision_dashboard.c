/* The dashboard: what the console shows of the syncs, for whoever looks at Cloud Monitoring instead.
   https://cloud.google.com/monitoring/api/ref_v3/rest/v1/projects.dashboards */
#include <string.h>

#include "app/provision.h"

#define ID_MAX  64
#define COLUMNS 12
#define WIDTH   6
#define HEIGHT  4

/* Of each sync, as the engine writes them: see backend/engine's metrics. */
static const struct {
    const char *metric, *title, *unit, *align;
} gauges[] = {
    {"lag", "Lag behind the source", "seconds", "ALIGN_MAX"},
    {"freshness", "Freshness", "0 to 100", "ALIGN_MIN"},
    {"dead_letters", "Open dead letters", "letters", "ALIGN_MAX"},
    {"errors", "Failed runs in a row", "runs", "ALIGN_MAX"},
    {"rows", "Rows committed, in total", "rows", "ALIGN_MAX"},
};

/* Of each subscription, as Pub/Sub writes them. */
static const struct {
    const char *metric, *title, *unit;
} backlogs[] = {
    {"num_undelivered_messages", "Messages that are not acknowledged", "messages"},
    {"oldest_unacked_message_age", "Age of the oldest of them", "seconds"},
};

static void add_tile(json_t *tiles, const char *title, const char *unit, const char *filter,
                     const char *align, const char *reduce, const char *group_by)
{
    size_t n = json_array_size(tiles);
    json_t *series = json_pack("{s:{s:s, s:{s:s, s:s, s:s, s:[s]}}}", "timeSeriesFilter", "filter",
                               filter, "aggregation", "alignmentPeriod", "60s", "perSeriesAligner",
                               align, "crossSeriesReducer", reduce, "groupByFields", group_by);
    json_t *chart = json_pack("{s:[{s:o, s:s, s:s}], s:{s:s, s:s}}", "dataSets", "timeSeriesQuery",
                              series, "plotType", "LINE", "targetAxis", "Y1", "yAxis", "label",
                              unit, "scale", "LINEAR");
    json_array_append_new(tiles,
                          json_pack("{s:i, s:i, s:i, s:i, s:{s:s, s:o}}", "xPos",
                                    (int)(n % (COLUMNS / WIDTH) * WIDTH), "yPos",
                                    (int)(n / (COLUMNS / WIDTH) * HEIGHT), "width", WIDTH, "height",
                                    HEIGHT, "widget", "title", title, "xyChart", chart));
}

/* one_of("a","b") of the ids of all subscriptions; false when there are none. Ids hold no quotes. */
static bool list_subscriptions(const bw_provision *p, bw_buf *out)
{
    bool any = false;
    bw_buf_adds(out, "one_of(");
    for (size_t i = 0; i < p->count; i++) {
        const char *slash = strrchr(p->items[i].name, '/');
        if (p->items[i].kind != BW_PROVISION_SUBSCRIPTION || !slash || strpbrk(slash, "\"\\"))
            continue;
        bw_buf_addf(out, "%s\"%s\"", any ? "," : "", slash + 1);
        any = true;
    }
    bw_buf_addc(out, ')');
    return any;
}

json_t *bw_provision_dashboard(const bw_provision *p)
{
    const bw_config_node *top = bw_config_top(p->session->ctx->config);
    const char *label = bw_config_string(top, "environment.label");
    json_t *tiles = json_array();
    bw_buf filter = BW_BUF_INIT, names = BW_BUF_INIT, title = BW_BUF_INIT;
    for (size_t i = 0; i < BW_COUNT(gauges); i++) {
        bw_buf_clear(&filter);
        bw_buf_addf(&filter,
                    "metric.type=\"custom.googleapis.com/bridgewatch/%s\" "
                    "resource.type=\"global\"",
                    gauges[i].metric);
        add_tile(tiles, gauges[i].title, gauges[i].unit, bw_buf_cstr(&filter), gauges[i].align,
                 strcmp(gauges[i].metric, "freshness") == 0 ? "REDUCE_MIN" : "REDUCE_MAX",
                 "metric.label.\"sync\"");
    }
    bool any = list_subscriptions(p, &names);
    for (size_t i = 0; any && i < BW_COUNT(backlogs); i++) {
        bw_buf_clear(&filter);
        bw_buf_addf(&filter,
                    "metric.type=\"pubsub.googleapis.com/subscription/%s\" "
                    "resource.type=\"pubsub_subscription\" resource.label.\"subscription_id\"=%s",
                    backlogs[i].metric, bw_buf_cstr(&names));
        add_tile(tiles, backlogs[i].title, backlogs[i].unit, bw_buf_cstr(&filter), "ALIGN_MAX",
                 "REDUCE_MAX", "resource.label.\"subscription_id\"");
    }
    bw_buf_addf(&title, "bridgewatch%s%s", label && label[0] ? " " : "", label ? label : "");
    json_t *dashboard = json_pack("{s:s, s:{s:i, s:o}, s:{s:s}}", "displayName",
                                  bw_buf_cstr(&title), "mosaicLayout", "columns", COLUMNS, "tiles",
                                  tiles, "labels", BW_PROVISION_LABEL, BW_PROVISION_OWNER);
    bw_buf_fini(&filter);
    bw_buf_fini(&names);
    bw_buf_fini(&title);
    return dashboard;
}

/* One for each dataset: "bridgewatch-analytics". */
const char *bw_provision_dashboard_id(bw_provision *p)
{
    const char *dataset = bw_config_string(bw_config_top(p->session->ctx->config), "dataset");
    char *id = bw_arena_printf(&p->arena, "bridgewatch-%s", dataset ? dataset : "");
    for (char *c = id; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", *c))
            *c = '-';
    if (strlen(id) > ID_MAX)
        id[ID_MAX] = '\0';
    return id;
}

void bw_provision_wish_dashboard(bw_provision *p)
{
    bool is_new;
    const char *name = bw_arena_printf(&p->arena, "projects/%s/dashboards/%s", p->project,
                                       bw_provision_dashboard_id(p));
    bw_provision_item *item =
        bw_provision_add(p, BW_PROVISION_DASHBOARD, name, "all syncs", &is_new);
    if (is_new)
        item->create = bw_provision_dashboard(p);
}
