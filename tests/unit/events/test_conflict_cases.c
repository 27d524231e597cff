/* conflict.h: the written table of cases, conflict_cases.txt. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/events/conflict.h"
#include "backend/events/vector_clock.h"

/* One case, as far as it has been read. */
typedef struct table_case {
    char name[200];
    bw_conflict_rules rules;
    bw_field_strategy fields[4];
    const char *take[4];
    bw_entity_state state;
    bw_event event;
    bw_slice data;
    bool force;
    int line;
    bw_arena arena;
} table_case;

static size_t cases, afters;

/* The next word of the line, NULL at its end. */
static char *word(char **line)
{
    char *at = *line + strspn(*line, " \n");
    size_t n = strcspn(at, " \n");
    if (n == 0)
        return NULL;
    *line = at + n + (at[n] != '\0');
    at[n] = '\0';
    return at;
}

static bw_slice keep(table_case *c, const char *text)
{
    return bw_slice_cstr(bw_arena_strdup(&c->arena, text));
}

static int64_t number(const char *digits)
{
    char *end;
    long long n = strtoll(digits, &end, 10);
    assert_true(*digits != '\0' && *end == '\0');
    return n;
}

static void read_rules(table_case *c, char *line)
{
    c->rules = (bw_conflict_rules){.fields = c->fields, .always_take = c->take};
    assert_true(bw_strategy_parse(word(&line), &c->rules.strategy));
    for (char *w; (w = word(&line));) {
        char *value = strchr(w, '=');
        if (strcmp(w, "vector") == 0) {
            c->rules.clock_field = BW_CLOCK_FIELD;
            continue;
        }
        assert_non_null(value);
        *value++ = '\0';
        if (strcmp(w, "take") == 0) {
            c->take[c->rules.n_always_take++] = bw_arena_strdup(&c->arena, value);
        } else {
            bw_field_strategy *f = &c->fields[c->rules.n_fields++];
            f->name = bw_arena_strdup(&c->arena, w);
            assert_true(bw_strategy_parse(value, &f->strategy));
        }
    }
}

static bw_entity_state read_state(table_case *c, char *line, bw_presence presence)
{
    bw_entity_state s = {.presence = presence, .last_modified_us = BW_TIME_NONE};
    for (char *w; (w = word(&line));) {
        if (strcmp(w, "absent") == 0)
            s.presence = BW_PRESENCE_ABSENT;
        else if (strcmp(w, "deleted") == 0)
            s.presence = BW_PRESENCE_DELETED;
        else if (strcmp(w, "resolved") == 0)
            s.conflict_resolved = true;
        else if (strncmp(w, "clock{", 6) == 0)
            s.clock = keep(c, w + 5);
        else if (w[0] == '{')
            s.properties = keep(c, w);
        else if (w[0] == '@')
            s.last_modified_us = number(w + 1) * BW_SECOND;
        else if (w[0] == 'v')
            s.version = number(w + 1);
        else
            fail_msg("line %d: what is %s?", c->line, w);
    }
    return s;
}

static void read_event(table_case *c, char *line)
{
    c->event = (bw_event){0};
    c->data = (bw_slice){NULL, 0};
    c->force = false;
    assert_true(bw_event_operation_parse(bw_slice_cstr(word(&line)), &c->event.operation));
    c->event.timestamp_us = number(word(&line) + 1) * BW_SECOND;
    c->event.id = keep(c, word(&line));
    for (char *w; (w = word(&line));) {
        if (strcmp(w, "force") == 0)
            c->force = true;
        else if (strncmp(w, "clock{", 6) == 0)
            c->event.clock = keep(c, w + 5);
        else
            c->data = keep(c, w);
    }
    assert_true((c->event.operation == BW_EVENT_DELETE) == (c->data.len == 0));
    assert_true(bw_clock_valid(c->event.clock) == (c->rules.clock_field != NULL));
}

static char *describe(const bw_entity_state *s, bw_outcome outcome)
{
    bw_buf out = BW_BUF_INIT;
    bw_buf_addf(&out, "%s presence %d v%lld @%lld us {%.*s}%s clock %.*s", bw_outcome_name(outcome),
                (int)s->presence, (long long)s->version, (long long)s->last_modified_us,
                BW_SLICE_ARG(s->properties), s->conflict_resolved ? " resolved" : "",
                BW_SLICE_ARG(s->clock));
    return bw_buf_take(&out);
}

static void check_after(table_case *c, char *line)
{
    bw_outcome wanted, found;
    assert_true(bw_outcome_parse(bw_slice_cstr(word(&line)), &wanted));
    bw_entity_state expected = c->state, after;
    if (strspn(line, " \n") < strlen(line))
        expected = read_state(
            c, line, wanted == BW_OUTCOME_DELETED ? BW_PRESENCE_DELETED : BW_PRESENCE_EXISTS);
    else
        assert_true(wanted == BW_OUTCOME_IGNORED || wanted == BW_OUTCOME_MANUAL);
    found =
        bw_conflict_resolve(&c->rules, &c->state, &c->event, c->data, c->force, &c->arena, &after);
    char *says = describe(&expected, wanted), *is = describe(&after, found);
    if (strcmp(says, is) != 0)
        fail_msg("conflict_cases.txt:%d: %s\n  expected %s\n  found    %s", c->line, c->name, says,
                 is);
    free(says);
    free(is);
    c->state = after;
    afters++;
}

static void read_line(table_case *c, char *line)
{
    char *rest = line, *what = word(&rest);
    if (!what || what[0] == '#')
        return;
    if (strcmp(what, "case") == 0) {
        rest += strspn(rest, " ");
        snprintf(c->name, sizeof(c->name), "%.*s", (int)strcspn(rest, "\n"), rest);
        cases++;
    } else if (strcmp(what, "rules") == 0) {
        bw_arena_reset(&c->arena, SIZE_MAX);
        read_rules(c, rest);
    } else if (strcmp(what, "before") == 0) {
        c->state = read_state(c, rest, BW_PRESENCE_EXISTS);
    } else if (strcmp(what, "event") == 0) {
        read_event(c, rest);
    } else {
        assert_string_equal(what, "after");
        check_after(c, rest);
    }
}

static void every_case_of_the_table_holds(void **state)
{
    (void)state;
    FILE *file = fopen(BW_SOURCE_DIR "/tests/unit/events/conflict_cases.txt", "r");
    assert_non_null(file);
    table_case c = {.arena = BW_ARENA_INIT};
    char line[500];
    while (fgets(line, sizeof(line), file)) {
        c.line++;
        read_line(&c, line);
    }
    fclose(file);
    bw_arena_fini(&c.arena);
    assert_true(cases > 55 && afters > cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_case_of_the_table_holds)};
    return BW_RUN_TESTS(tests);
}
