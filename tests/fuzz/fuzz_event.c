/* A message of a subscription from arbitrary bytes: reading never fails silently, what it gives lies
   where the header says and is UTF-8, reading again gives the same, and what the event makes of an
   entity, twice, is JSON that can be stored. The first byte chooses rules and strategy. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/events/conflict.h"
#include "backend/events/vector_clock.h"
#include "backend/google/entity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(bool holds)
{
    if (!holds)
        abort();
}

static void check_event(const bw_event *e, const bw_event_rules *rules)
{
    bw_buf path = BW_BUF_INIT, json = BW_BUF_INIT;
    insist(e->id.len > 0 && e->kind.len > 0 && bw_utf8_valid(e->id) && bw_utf8_valid(e->key_text));
    insist(bw_json_valid(e->key, NULL, NULL));
    insist(bw_key_path(e->key, &path) && bw_slice_eq(bw_buf_slice(&path), e->key_text));
    insist((e->properties.len > 0) == (e->operation != BW_EVENT_DELETE));
    insist(!rules->clock_field || bw_clock_valid(e->clock));
    if (e->properties.len)
        insist(bw_entity_to_json(e->properties, NULL, &json, NULL) == BW_REASON_NONE);
    bw_buf_fini(&path);
    bw_buf_fini(&json);
}

static void check_effect(const bw_event *e, const bw_event_rules *rules, bw_strategy strategy,
                         bw_arena *arena)
{
    bw_conflict_rules how = {.strategy = strategy, .clock_field = rules->clock_field};
    bw_entity_state once = {.last_modified_us = BW_TIME_NONE}, twice;
    bw_outcome first = bw_conflict_resolve(&how, &once, e, e->properties, false, arena, &once);
    insist(first == (e->operation == BW_EVENT_DELETE ? BW_OUTCOME_DELETED : BW_OUTCOME_APPLIED));
    bw_outcome second = bw_conflict_resolve(&how, &once, e, e->properties, false, arena, &twice);
    insist(twice.presence == once.presence && bw_slice_eq(twice.properties, once.properties));
    insist(strategy != BW_STRATEGY_LATEST_WINS || second == BW_OUTCOME_IGNORED);
    insist(!once.registers.len || bw_json_valid(once.registers, NULL, NULL));
    insist(once.presence != BW_PRESENCE_EXISTS || bw_json_valid(once.properties, NULL, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    bw_event_rules rules = {.default_kind = data[0] & 1 ? "customer" : NULL,
                            .clock_field = data[0] & 2 ? "vector_clock" : NULL};
    bw_strategy strategy = (bw_strategy)((data[0] >> 2) % BW_STRATEGY_COUNT);
    bw_event_message message = {.data = {(const char *)data + 1, size - 1},
                                .message_id = BW_SLICE_LIT("1"),
                                .publish_us = 1000000};
    int64_t now_us = INT64_C(2000000000000000);
    bw_arena arena = BW_ARENA_INIT;
    bw_event event, again;
    bw_event_fault fault;
    bool ok = bw_event_parse(&rules, &message, now_us, &arena, &event, &fault);
    insist(ok == (fault.reason == BW_REASON_NONE) && bw_utf8_valid(fault.detail));
    insist(bw_event_parse(&rules, &message, now_us, &arena, &again, &fault) == ok);
    insist(bw_slice_eq(event.id, again.id) && bw_slice_eq(event.key, again.key));
    if (ok) {
        insist(strcmp(event.content_hash, again.content_hash) == 0);
        check_event(&event, &rules);
        check_effect(&event, &rules, strategy, &arena);
    }
    bw_arena_fini(&arena);
    return 0;
}
