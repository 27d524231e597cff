/* `dlq replay --dry-run`: what replaying would do to each letter and its entity. */
#include <stdlib.h>
#include <string.h>

#include "app/dlq.h"
#include "app/text_table.h"
#include "backend/core/text.h"
#include "backend/engine/preview.h"

typedef struct dry_run {
    bw_dlq *d;
    bw_preview_env env;
    bw_buf json; /* exact digits: never through a parser that knows doubles only */
    bool as_json;
    bw_text_table *table;
    int64_t counts[BW_PREVIEW_OUTCOMES], n;
} dry_run;

static void add_text(bw_buf *b, const char *name, bw_slice text)
{
    bw_buf_addf(b, ",\"%s\":", name);
    bw_buf clean = BW_BUF_INIT;
    bw_text_sanitise(&clean, text);
    bw_json_add_string(b, bw_utf8_valid(text) ? text : bw_buf_slice(&clean));
    bw_buf_fini(&clean);
}

static void add_state(bw_buf *b, const char *name, bw_slice state)
{
    bw_buf_addf(b, ",\"%s\":", name);
    if (state.len)
        bw_buf_add(b, state.ptr, state.len);
    else
        bw_buf_adds(b, "null");
}

static void preview_one(dry_run *r, const bw_dead_letter *l, const bw_letter_preview *p)
{
    char id[24];
    r->counts[p->outcome]++;
    snprintf(id, sizeof(id), "%lld", (long long)l->id);
    if (!r->as_json) {
        bw_text_table_add(r->table, id);
        bw_text_table_add(r->table, bw_preview_name(p->outcome));
        bw_text_table_add(r->table, l->key);
        bw_text_table_add(r->table, p->detail[0] ? p->detail : NULL);
        return;
    }
    bw_buf_addf(&r->json, "%s\n{\"id\":%s", r->n++ ? "," : "", id);
    add_text(&r->json, "outcome", bw_slice_cstr(bw_preview_name(p->outcome)));
    add_text(&r->json, "detail", bw_slice_cstr(p->detail));
    bw_buf_adds(&r->json, p->done_already ? ",\"done_already\":true" : ",\"done_already\":false");
    add_state(&r->json, "before", p->before);
    add_state(&r->json, "after", p->after);
    bw_buf_addc(&r->json, '}');
}

/* Letters of one sync after the other, as they stand in the list. */
static bw_status preview_some(void *user, const bw_dead_letter *letters, size_t n, bw_arena *arena,
                              bw_error *err)
{
    dry_run *r = user;
    bw_status s = BW_OK;
    bw_letter_preview *out = BW_ARENA_ARRAY(arena, bw_letter_preview, n);
    for (size_t at = 0, end; s == BW_OK && at < n; at = end) {
        bw_sync_def def;
        for (end = at + 1; end < n && strcmp(letters[end].sync, letters[at].sync) == 0;)
            end++;
        s = bw_dlq_find_def(r->d, letters[at].sync, &def, err);
        if (s == BW_NOT_FOUND) { /* of a pattern's table: a row */
            memset(&def, 0, sizeof(def));
            s = BW_OK;
        }
        if (s == BW_OK)
            s = bw_letters_preview(&r->env, &def, letters + at, end - at, arena, out + at, err);
    }
    for (size_t i = 0; s == BW_OK && i < n; i++)
        preview_one(r, &letters[i], &out[i]);
    return s;
}

static void print_preview(dry_run *r)
{
    FILE *out = r->d->session.ctx->out;
    if (r->as_json) {
        bw_buf_adds(&r->json, "],\n\"counts\":{");
        for (int i = 0; i < BW_PREVIEW_OUTCOMES; i++)
            bw_buf_addf(&r->json, "%s\"%s\":%lld", i ? "," : "",
                        bw_preview_name((bw_preview_outcome)i), (long long)r->counts[i]);
        bw_buf_adds(&r->json, "}}");
        bw_json_write_text(bw_buf_slice(&r->json), out);
        return;
    }
    const char *before = "";
    int64_t all = 0;
    for (int i = 0; i < BW_PREVIEW_OUTCOMES; i++)
        all += r->counts[i];
    if (all == 0) {
        fputs("no open dead letter is selected: nothing would be replayed\n", out);
        return;
    }
    bw_text_table_print(r->table, out);
    fputs("nothing was done; replaying now: ", out);
    for (int i = 0; i < BW_PREVIEW_OUTCOMES; i++) {
        if (r->counts[i] == 0)
            continue;
        fprintf(out, "%s%lld %s", before, (long long)r->counts[i],
                bw_preview_name((bw_preview_outcome)i));
        before = ", ";
    }
    fputc('\n', out);
}

bw_exit bw_dlq_preview(bw_dlq *d)
{
    static const char *const titles[] = {"ID", "OUTCOME", "KEY", "DETAIL"};
    bw_error err = BW_ERROR_INIT;
    dry_run r = {.d = d, .as_json = bw_cli_has(d->session.ctx->line, "json")};
    r.table = bw_text_table_new(titles, BW_COUNT(titles), 0x1);
    bw_buf_adds(&r.json, "{\"dry_run\":true,\"letters\":[");
    bw_status s = bw_session_google(&d->session, &err);
    r.env = (bw_preview_env){.google = d->session.google, .clock = bw_clock_system()};
    if (s == BW_OK)
        s = bw_dlq_walk(d, 0, preview_some, &r, &err);
    if (s == BW_OK)
        print_preview(&r);
    bw_text_table_free(r.table);
    bw_buf_fini(&r.json);
    return s == BW_OK ? BW_EXIT_OK : bw_session_failed(d->session.ctx, &err);
}
