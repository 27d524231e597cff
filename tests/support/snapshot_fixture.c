#include "tests/support/snapshot_fixture.h"

#include <math.h>

#include "backend/engine/page_reader.h"
#include "backend/engine/snapshot_box.h"

/* ---- a sync that is well, and what is different about each -------------------------------- */

static bw_sync_view plain_sync(const char *name, const char *table, const char *target,
                               int64_t wall_us)
{
    bw_sync_view v = {
        .name = name,
        .source = "shop",
        .target = target,
        .mode = "upsert",
        .table = table,
        .schedule = "every 1m",
        .state = BW_STATE_FRESH,
        .health = BW_HEALTH_FRESH,
        .activity = BW_ACTIVITY_IDLE,
        .freshness = 100,
        .lag_s = 41,
        .freshness_target_us = 5 * BW_MINUTE,
        .rows_per_s = NAN,
        .backlog = -1,
        .oldest_unacked_s = NAN,
        .backlog_at_us = BW_TIME_NONE,
        .rows_total = 48211,
        .last_success_us = wall_us - 38 * BW_SECOND,
        .last_run_us = wall_us - 38 * BW_SECOND,
        .next_run_us = wall_us + 22 * BW_SECOND,
        .watermark_us = wall_us - 41 * BW_SECOND,
        .parked_until_us = BW_TIME_NONE,
        .reason = "41s behind, target 5m",
        .checkpoint = "{\"v\":1,\"to\":\"2026-11-20T07:59:19Z\"}",
        .quota_left = 0.97,
        .bytes_today = 48 * 1024 * 1024,
        .max_bytes_per_day = INT64_C(1) << 40,
        .progress = {.rows_expected = NAN, .rows_per_s = NAN, .eta_us = BW_TIME_NONE},
    };
    for (int i = 0; i < BW_SPARK_MINUTES; i++)
        v.spark[i] = (uint32_t)(i * i % 7 * 100);
    for (int i = 0; i < BW_HISTORY; i++) {
        /* A gap while the source did not answer. */
        bool gap = i < 20 || (i >= 60 && i < 70);
        v.lag_history[i] = gap ? NAN : (float)(i % 12 * 5);
        v.rate_history[i] = gap ? NAN : (float)(i % 12 == 0 ? 4800 : i % 12 == 1 ? 1200 : 0);
    }
    return v;
}

static void make_failed(bw_sync_view *v, int64_t wall_us)
{
    v->source = "events";
    v->mode = "events";
    v->state = BW_STATE_FAILED;
    v->health = BW_HEALTH_STALE;
    v->activity = BW_ACTIVITY_FAILED;
    v->freshness = 0;
    v->lag_s = 3720;
    v->failures = 4;
    v->last_success_us = wall_us - 62 * BW_MINUTE;
    v->next_run_us = wall_us + 40 * BW_SECOND;
    v->reason = "sync events.profile: merge into profile: Access Denied: Table "
                "my-project:analytics.profile: Permission bigquery.tables.updateData denied";
    v->error = v->reason;
    v->hint = "Grant the service account roles/bigquery.dataEditor on the dataset analytics.";
    v->dead_letters = 6;
    v->checkpoint = NULL;
    v->watermark_us = wall_us - 62 * BW_MINUTE;
}

static void make_parked(bw_sync_view *v, int64_t wall_us)
{
    v->mode = "append";
    v->state = BW_STATE_PARKED;
    v->health = BW_HEALTH_STALE;
    v->activity = BW_ACTIVITY_PARKED;
    v->freshness = 37.5;
    v->lag_s = 724;
    v->parked_until_us = wall_us + 8 * BW_MINUTE;
    v->last_success_us = wall_us - 12 * BW_MINUTE;
    v->next_run_us = wall_us + 8 * BW_MINUTE;
    v->watermark_us = wall_us - 724 * BW_SECOND;
    v->reason = "parked until 08:08:00: quotaExceeded on analytics.payments (1,500 table "
                "modifications used)";
    v->dead_letters = 31;
    v->quota_left = 0;
}

static void make_running(bw_sync_view *v, int64_t wall_us, unsigned turn)
{
    v->activity = BW_ACTIVITY_RUNNING;
    v->lag_s = 2 + turn;
    v->last_success_us = wall_us - BW_SECOND;
    v->reason = "2s behind, target 5m";
    v->rows_per_s = 48211;
    v->progress = (bw_run_view){
        .active = true,
        .kind = "backfill",
        .phase = "loading",
        .batch = "slice 3 of 8",
        .load_job = "bw_ab12cd34_shop_orders_7_1_load",
        .started_us = wall_us - 30 * BW_SECOND,
        .rows_read = 420000 + 48211 * (int64_t)turn,
        .rows_loaded = 300000,
        .bytes_uploaded = 96 * 1024 * 1024,
        .rows_expected = 1000000,
        .rows_per_s = 48211,
        .eta_us = 12 * BW_SECOND,
        .attempt = 1,
    };
}

static void make_unknown(bw_sync_view *v)
{
    v->source = "crm";
    v->mode = "auto";
    v->state = BW_STATE_UNKNOWN;
    v->health = BW_HEALTH_UNKNOWN;
    v->freshness = NAN;
    v->lag_s = NAN;
    v->last_success_us = v->last_run_us = v->watermark_us = BW_TIME_NONE;
    v->rows_total = 0;
    v->checkpoint = NULL;
    v->quota_left = NAN;
    v->bytes_today = -1;
    v->reason = "the source does not answer";
    for (int i = 0; i < BW_HISTORY; i++)
        v->lag_history[i] = v->rate_history[i] = NAN;
    memset(v->spark, 0, sizeof(v->spark));
}

/* ---- detail ----------------------------------------------------------------------------- */

static const bw_column_view orders_columns[] = {
    {"id", "bigint", "id", "INT64", .key_part = true, .required = true},
    {"customer", "text", "customer", "STRING"},
    {"total", "numeric(10,2)", "total", "NUMERIC(10, 2)"},
    {"tags", "text[]", "tags", "ARRAY<STRING>"},
    {"bonus", "integer", "bonus", "",
     .drift = "not added: schema.add_columns is false; the column is left out"},
    {"updated_at", "timestamp with time zone", "updated_at", "TIMESTAMP", .cursor = true,
     .required = true},
};
static const char *const orders_notes[] = {
    "column bonus not added: schema.add_columns is false; the column is left out"};
static const char *const orders_settings[] = {"lookback: 60s", "backfill: all", "raw: true",
                                              "max_dead_letters: 100"};
static const char *const orders_reasons[] = {"3.2 s behind, target 300 s",
                                             "5 of 5 expected fields"};
static const bw_sync_detail orders_detail = {
    .key_origin = "primary key",
    .cursor_origin = "found by name",
    .cursor_name = "updated_at",
    .columns = orders_columns,
    .n_columns = BW_COUNT(orders_columns),
    .notes = orders_notes,
    .n_notes = BW_COUNT(orders_notes),
    .settings = orders_settings,
    .n_settings = BW_COUNT(orders_settings),
    .record_confidence = 0.98,
    .record_completeness = 1.0,
    .record_anomaly = 0.07,
    .records_scored = 4096,
    .records_flagged = 3,
    .score_reasons = orders_reasons,
    .n_score_reasons = BW_COUNT(orders_reasons),
};

static const bw_column_view hostile_columns[] = {
    {BW_HOSTILE, BW_HOSTILE, "x", "STRING", .drift = BW_HOSTILE},
};
static const char *const hostile_texts[] = {BW_HOSTILE, BW_HOSTILE};
static const bw_sync_detail hostile_detail = {
    .key_origin = BW_HOSTILE,
    .cursor_origin = BW_HOSTILE,
    .cursor_name = BW_HOSTILE,
    .columns = hostile_columns,
    .n_columns = BW_COUNT(hostile_columns),
    .notes = hostile_texts,
    .n_notes = 2,
    .settings = hostile_texts,
    .n_settings = 2,
    .record_confidence = 0.5,
    .record_completeness = 0.5,
    .record_anomaly = 0.5,
    .score_reasons = hostile_texts,
    .n_score_reasons = 2,
};

static void make_hostile(bw_sync_view *v)
{
    v->target = v->mode = v->table = v->schedule = v->reason = v->error = v->hint = v->checkpoint =
        v->held_back_by = BW_HOSTILE;
    v->slowed = BW_HOSTILE;
    v->detail = &hostile_detail;
    if (v->progress.active)
        v->progress.kind = v->progress.phase = v->progress.batch = v->progress.waiting_for =
            BW_HOSTILE;
}

/* ---- snapshots -------------------------------------------------------------------------- */

static size_t usual_syncs(bw_sync_view *v, int64_t wall_us, unsigned turn)
{
    size_t n = 0;
    v[n] = plain_sync("shop.orders", "public.orders", "my-project.analytics.orders", wall_us);
    v[n].detail = &orders_detail;
    make_running(&v[n++], wall_us, turn);
    v[n++] =
        plain_sync("shop.customers", "public.customers", "my-project.analytics.customers", wall_us);
    v[n] = plain_sync("shop.payments", "public.payments", "my-project.analytics.payments", wall_us);
    make_parked(&v[n++], wall_us);
    v[n] = plain_sync("events.profile", "profile-changes", "my-project.analytics.profile", wall_us);
    make_failed(&v[n++], wall_us);
    v[n] = plain_sync("shop.stock", "public.stock", "my-project.analytics.stock", wall_us);
    v[n].state = BW_STATE_AGING;
    v[n].health = BW_HEALTH_AGING;
    v[n].freshness = 71.2;
    v[n].lag_s = 447;
    v[n].held_back_by = "a transaction of psql (pid 4711, open for 7m)";
    v[n++].reason = "7m27s behind, target 5m; held back by a transaction of psql (pid 4711, open "
                    "for 7m)";
    v[n] = plain_sync("shop.prices", "public.prices", "my-project.analytics.prices", wall_us);
    v[n].state = BW_STATE_PAUSED;
    v[n].activity = BW_ACTIVITY_PAUSED;
    v[n].paused_by = "ann@ops-1";
    v[n].next_run_us = BW_TIME_NONE;
    v[n++].reason = "paused by ann@ops-1";
    v[n] = plain_sync("crm.contacts", "public.contacts", "my-project.analytics.contacts", wall_us);
    make_unknown(&v[n++]);
    if (turn >= 5) { /* now this one is the worst */
        v[1].state = BW_STATE_FAILED;
        v[1].reason = "connection reset";
        v[3].state = BW_STATE_FRESH;
    }
    return n;
}

static void usual_sources(bw_source_view *v, bool hostile, int64_t wall_us)
{
    v[0] = (bw_source_view){.name = "shop",
                            .kind = "postgres",
                            .where = "db.example.com:5432/shop",
                            .state = BW_SOURCE_UP,
                            .version = "PostgreSQL 15.8",
                            .latency_us = 1800,
                            .last_ok_us = wall_us - BW_SECOND,
                            .syncs = 6,
                            .failing = 1};
    v[1] = (bw_source_view){.name = "crm",
                            .kind = "postgres",
                            .where = "10.0.0.7:5432/crm",
                            .state = BW_SOURCE_DOWN,
                            .version = "",
                            .latency_us = BW_TIME_NONE,
                            .last_ok_us = BW_TIME_NONE,
                            .error = "cannot connect to 10.0.0.7:5432: Connection timed out",
                            .syncs = 1,
                            .failing = 0};
    if (hostile)
        v[0].name = v[0].kind = v[0].where = v[0].version = v[0].error = BW_HOSTILE;
}

static void sum_up(bw_snapshot *s)
{
    s->worst_lag_s = s->quota_left = NAN;
    for (size_t i = 0; i < s->n_syncs; i++) {
        const bw_sync_view *v = &s->syncs[i];
        s->by_state[v->state]++;
        s->running += v->progress.active;
        s->dead_letters += v->dead_letters;
        if (!(v->lag_s <= s->worst_lag_s))
            s->worst_lag_s = isnan(v->lag_s) ? s->worst_lag_s : v->lag_s;
        if (!(v->quota_left >= s->quota_left))
            s->quota_left = isnan(v->quota_left) ? s->quota_left : v->quota_left;
    }
}

const bw_snapshot *bw_fixture_snapshot(bw_fixture_kind kind, int64_t mono_us, int64_t wall_us,
                                       unsigned turn)
{
    bw_snapshot_box *box = bw_snapshot_box_new();
    bw_snapshot *s = &box->snapshot;
    *s = (bw_snapshot){.seq = turn + 1,
                       .mono_us = mono_us,
                       .wall_us = wall_us,
                       .version = "0.1.0",
                       .state_dir = "/var/lib/bridgewatch",
                       .engine_state = "running",
                       .dead_letters_remote = -1};
    if (kind != BW_FIXTURE_EMPTY) {
        bw_sync_view *syncs = BW_ARENA_ARRAY(&box->arena, bw_sync_view, 8);
        bw_source_view *sources = BW_ARENA_ARRAY(&box->arena, bw_source_view, 2);
        s->n_syncs = usual_syncs(syncs, wall_us, turn);
        s->n_sources = 2;
        usual_sources(sources, kind == BW_FIXTURE_HOSTILE, wall_us);
        for (size_t i = 0; kind == BW_FIXTURE_HOSTILE && i < s->n_syncs; i++)
            make_hostile(&syncs[i]);
        if (kind == BW_FIXTURE_HOSTILE) {
            syncs[1].name = BW_HOSTILE;
            s->engine_note = BW_HOSTILE;
        }
        s->syncs = syncs;
        s->sources = sources;
    }
    sum_up(s);
    return s;
}

/* ---- pages ------------------------------------------------------------------------------ */

typedef struct making {
    bw_page *page;
    bw_arena *arena;
    int64_t wall_us;
    bool hostile;
} making;

static const char *text(const making *m, const char *usual)
{
    return m->hostile ? BW_HOSTILE : usual;
}

static void make_runs(const making *m)
{
    const char *sync = m->page->query.sync[0] ? m->page->query.sync : "shop.orders";
    bw_run_record *r = BW_ARENA_ARRAY(m->arena, bw_run_record, 3);
    r[0] = (bw_run_record){.id = 42,
                           .sync = text(m, sync),
                           .mode = "upsert",
                           .trigger = "schedule",
                           .state = "running",
                           .kind = "backfill",
                           .started_us = m->wall_us - 30 * BW_SECOND,
                           .ended_us = BW_TIME_NONE,
                           .rows_read = 420000,
                           .rows_loaded = 300000};
    r[1] = (bw_run_record){.id = 41,
                           .sync = text(m, sync),
                           .mode = "upsert",
                           .trigger = "ann@ops-1",
                           .state = "failed",
                           .kind = "incremental",
                           .started_us = m->wall_us - 10 * BW_MINUTE,
                           .ended_us = m->wall_us - 10 * BW_MINUTE + 12 * BW_SECOND,
                           .rows_read = 1200,
                           .error = text(m, "cannot connect to db.example.com:5432: Connection "
                                            "refused"),
                           .hint = text(m, "Check that the server runs.")};
    r[2] = (bw_run_record){.id = 40,
                           .sync = text(m, sync),
                           .mode = "upsert",
                           .trigger = "schedule",
                           .state = "ok",
                           .kind = "incremental",
                           .started_us = m->wall_us - 26 * BW_HOUR,
                           .ended_us = m->wall_us - 26 * BW_HOUR + 4 * BW_SECOND,
                           .rows_read = 15200,
                           .rows_loaded = 15158,
                           .rows_present = 40,
                           .dead_letters = 2,
                           .bytes_uploaded = 3 * 1024 * 1024,
                           .checkpoint = "{\"v\":1}"};
    bool one = m->page->query.kind == BW_PAGE_RUN;
    m->page->runs = one ? &r[1] : r;
    m->page->n_runs = one ? 1 : 3;
    if (one)
        r[1].id = m->page->query.id;
}

static void make_batches(const making *m)
{
    bw_batch_record *b = BW_ARENA_ARRAY(m->arena, bw_batch_record, 1);
    b[0] = (bw_batch_record){
        .sync = "shop.orders",
        .number = 7,
        .attempt = 1,
        .state = BW_BATCH_LOADED,
        .label = text(m, "slice 3 of 8"),
        .staging = text(m, "_bw_stage_orders_7_1"),
        .load_job = text(m, "bw_ab12cd34_shop_orders_7_1_load"),
        .finals = {{.text = text(m, "MERGE `my-project.analytics.orders` T USING ..."), false}},
        .n_finals = 1,
        .rows_read = 125000,
        .rows_loaded = 124998,
        .dead_letters = 2,
    };
    m->page->batches = b;
    m->page->n_batches = 1;
}

static void make_groups(const making *m)
{
    bw_letter_group *g = BW_ARENA_ARRAY(m->arena, bw_letter_group, 2);
    g[0] = (bw_letter_group){text(m, "shop.payments"), BW_REASON_ARRAY_NULL, 31,
                             m->wall_us - 3 * BW_HOUR, m->wall_us - 4 * BW_MINUTE};
    g[1] = (bw_letter_group){"events.profile", BW_REASON_BAD_MESSAGE, 6, m->wall_us - 2 * BW_DAY,
                             m->wall_us - BW_HOUR};
    m->page->groups = g;
    m->page->n_groups = 2;
}

static bw_dead_letter one_letter(const making *m, int64_t id, const char *key)
{
    static const char content[] =
        "{\"id\":4711,\"customer\":\"Zo\xc3\xab \xe4\xb8\x96\xe7\x95\x8c\",\"tags\":\"{a,NULL}\","
        "\"note\":{\"paid\":true,\"parts\":[1,2.50,\"three\"],\"none\":{}},\"total\":12345678901234"
        "567890}";
    return (bw_dead_letter){
        .id = id,
        .sync = text(m, "shop.payments"),
        .key = text(m, key),
        .event_id = "x",
        .reason = BW_REASON_ARRAY_NULL,
        .column = text(m, "tags"),
        .detail = text(m, "element 2 is NULL"),
        .content = m->hostile ? BW_SLICE_LIT("{\"k\":\"" BW_HOSTILE "\"}") : bw_slice_cstr(content),
        .attempts = 3,
        .first_seen_us = m->wall_us - 3 * BW_HOUR,
        .last_seen_us = m->wall_us - 4 * BW_MINUTE,
        .state = BW_LETTER_OPEN,
    };
}

#define FIRST_MESSAGE 21 /* letters from this id on are messages */

/* A conflict that waits for an operator. */
static bw_dead_letter one_message(const making *m, int64_t id)
{
    static const char content[] =
        "{\"event_id\":\"e-4711\",\"kind\":\"profile\",\"entity_id\":\"p-17\",\"operation\":"
        "\"upsert\","
        "\"timestamp\":\"2026-11-20T07:00:00Z\",\"data\":{\"name\":\"Zo\xc3\xab\",\"points\":"
        "12345678901234567890,\"city\":\"Bern\"}}";
    static const char attributes[] =
        "{\"tenant\":\"eu\",\"bw-message-id\":\"77\",\"bw-publish-time\":\"2026-11-20T07:00:01Z\","
        "\"bw-stored\":\"{\\\"city\\\":\\\"Bern\\\",\\\"name\\\":\\\"Zoe\\\",\\\"vip\\\":true}\"}";
    bw_dead_letter l = one_letter(m, id, "{\"entity_key\":\"profile/p-17\"}");
    l.sync = text(m, "events.profile");
    l.event_id = text(m, "e-4711");
    l.reason = BW_REASON_CONFLICT;
    l.column = "";
    l.detail = text(m, "the entity was changed at 2026-11-20T07:30:00Z, after this event");
    l.content = m->hostile ? l.content : bw_slice_cstr(content);
    l.attributes = m->hostile ? "{\"a\":\"" BW_HOSTILE "\"}" : attributes;
    return l;
}

static void make_messages(const making *m)
{
    bool one = m->page->query.kind == BW_PAGE_LETTER;
    bw_dead_letter *l = BW_ARENA_ARRAY(m->arena, bw_dead_letter, 2);
    l[0] = one_message(m, one ? m->page->query.id : FIRST_MESSAGE);
    l[1] = one_message(m, FIRST_MESSAGE + 1);
    l[one ? 0 : 1].contradicts = l[0].id == FIRST_MESSAGE && one ? 0 : FIRST_MESSAGE;
    m->page->letters = l;
    m->page->n_letters = one ? 1 : 2;
    m->page->total = one ? 1 : 12000; /* more than the window: it says so */
}

static void make_letters(const making *m)
{
    bool one = m->page->query.kind == BW_PAGE_LETTER;
    if (one ? m->page->query.id >= FIRST_MESSAGE
            : strcmp(m->page->query.sync, "events.profile") == 0) {
        make_messages(m);
        return;
    }
    bw_dead_letter *l = BW_ARENA_ARRAY(m->arena, bw_dead_letter, 3);
    l[0] = one_letter(m, one ? m->page->query.id : 11, "{\"id\":4711}");
    l[1] = one_letter(m, 12, "{\"id\":4712}");
    l[2] = one_letter(m, 13, "{\"id\":4713}");
    l[2].state = BW_LETTER_REPLAYING;
    m->page->letters = l;
    m->page->n_letters = one ? 1 : 3;
    m->page->total = one ? 1 : 3;
}

static void make_preview(const making *m)
{
    static const char hostile[] = "{\"k\":\"" BW_HOSTILE "\"}";
    bw_dead_letter *l = BW_ARENA_ARRAY(m->arena, bw_dead_letter, 3);
    bw_letter_preview *p = BW_ARENA_ARRAY(m->arena, bw_letter_preview, 3);
    for (int i = 0; i < 3; i++)
        l[i] = one_message(m, FIRST_MESSAGE + i);
    p[0] = (bw_letter_preview){
        .outcome = BW_PREVIEW_APPLIED,
        .detail = "",
        .before = BW_SLICE_LIT("{\"city\":\"Bern\",\"name\":\"Zoe\",\"vip\":true}"),
        .after = BW_SLICE_LIT(
            "{\"city\":\"Bern\",\"name\":\"Zo\xc3\xab\",\"points\":12345678901234567890}"),
    };
    p[1] = (bw_letter_preview){.outcome = BW_PREVIEW_IGNORED,
                               .detail = "the event is of 07:00:00, what is stored is of 07:30:00",
                               .before = BW_SLICE_LIT("{\"a\":1}"),
                               .after = BW_SLICE_LIT("{\"a\":1}")};
    p[2] = (bw_letter_preview){.outcome = BW_PREVIEW_REFUSED,
                               .detail = "BAD_MESSAGE: kind: the message names no kind"};
    if (m->hostile)
        p[0].after = bw_slice_cstr(hostile);
    m->page->letters = l;
    m->page->previews = p;
    size_t asked = m->page->query.n_ids;
    for (size_t i = 0; i < asked && i < 3; i++)
        l[i].id = m->page->query.ids[i];
    m->page->n_letters = asked > 0 && asked < 3 ? asked : 3;
    m->page->total = asked > 0 ? (int64_t)asked : 4000;
}

static void make_audit(const making *m)
{
    static const struct {
        const char *who, *action, *subject, *detail;
    } done[] = {
        {"ann@bridge", "replay", "events.profile",
         "{\"letter\":21,\"key\":\"profile/p-17\",\"reason\":\"CONFLICT\"}"},
        {"engine", "merged", "e-4711",
         "{\"entity_key\":\"profile/p-17\",\"version_before\":4,\"version\":5}"},
        {"engine", "commit", "shop.orders", "{\"batch\":12,\"rows\":15198,\"dead_letters\":2}"},
        {"bob@bridge", "pause", "shop.payments", "{}"},
    };
    const bw_page_query *q = &m->page->query;
    bw_audit_entry *e = BW_ARENA_ARRAY(m->arena, bw_audit_entry, BW_COUNT(done));
    size_t n = 0;
    for (size_t i = 0; i < BW_COUNT(done); i++) {
        int64_t id = 104 - (int64_t)i;
        if ((q->id && id >= q->id) || n == (size_t)q->limit)
            continue;
        e[n++] = (bw_audit_entry){
            .id = id,
            .at_us = m->wall_us - (int64_t)i * 7 * BW_HOUR,
            .who = text(m, done[i].who),
            .action = text(m, done[i].action),
            .subject = text(m, done[i].subject),
            .detail = m->hostile ? "{\"k\":\"" BW_HOSTILE "\"}" : done[i].detail,
            .hash = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"};
    }
    m->page->audit = e;
    m->page->n_audit = n;
    m->page->total = -1;
    if (q->verify)
        m->page->audit_verified = 104;
}

static void make_log(const making *m)
{
    static const struct {
        bw_log_level level;
        const char *subject, *text;
    } said[] = {
        {BW_LOG_INFO, "engine", "7 syncs, 4 workers"},
        {BW_LOG_INFO, "shop.orders",
         "run ok: 15200 rows read, 15158 loaded, 40 already there, 2 dead-lettered"},
        {BW_LOG_WARN, "shop.payments", "parked until 08:08:00: quotaExceeded"},
        {BW_LOG_ERROR, "events.profile", "merge into profile: Access Denied"},
    };
    bw_log_line *lines = BW_ARENA_ARRAY(m->arena, bw_log_line, BW_COUNT(said));
    size_t n = 0;
    for (size_t i = 0; i < BW_COUNT(said); i++) {
        if (said[i].level > m->page->query.level || (int64_t)i + 1 <= m->page->query.offset)
            continue;
        lines[n++] = (bw_log_line){.seq = i + 1,
                                   .wall_us = m->wall_us - (int64_t)(4 - i) * BW_MINUTE,
                                   .level = said[i].level,
                                   .subject = text(m, said[i].subject),
                                   .text = text(m, said[i].text)};
    }
    m->page->lines = lines;
    m->page->n_lines = n;
}

static void make_sync(const making *m)
{
    make_runs(m);
    make_batches(m);
}

const bw_page *bw_fixture_page(bw_fixture_kind kind, const bw_page_query *query, int64_t mono_us,
                               int64_t wall_us)
{
    static void (*const makers[])(const making *) = {
        [BW_PAGE_RUNS] = make_runs,
        [BW_PAGE_RUN] = make_sync,
        [BW_PAGE_LETTER_GROUPS] = make_groups,
        [BW_PAGE_LETTERS] = make_letters,
        [BW_PAGE_LETTER] = make_letters,
        [BW_PAGE_PREVIEW] = make_preview,
        [BW_PAGE_AUDIT] = make_audit,
        [BW_PAGE_BATCHES] = make_batches,
        [BW_PAGE_SYNC] = make_sync,
        [BW_PAGE_LOG] = make_log,
    };
    making m = {.wall_us = wall_us, .hostile = kind == BW_FIXTURE_HOSTILE};
    m.page = bw_page_new(query, &m.arena);
    m.page->read_mono_us = mono_us;
    m.page->total = 0;
    if (kind != BW_FIXTURE_EMPTY)
        makers[query->kind](&m);
    return m.page;
}
