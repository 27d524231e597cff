/* A plan for people, and for scripts. */
#include <string.h>

#include "app/json_out.h"
#include "app/provision.h"
#include "backend/core/text.h"

static void print_line(FILE *out, const char *indent, const char *text)
{
    bw_buf safe = BW_BUF_INIT;
    bw_text_sanitise(&safe, bw_slice_cstr(text));
    fprintf(out, "%s%s\n", indent, bw_buf_cstr(&safe));
    bw_buf_fini(&safe);
}

static void print_item(const bw_provision_item *item, FILE *out)
{
    static const char indent[] = "                         ";
    bw_buf b = BW_BUF_INIT;
    fprintf(out, "%-9s  %-12s  ", bw_provision_action_name(item->action),
            bw_provision_kind_name(item->kind));
    print_line(out, "", item->name);
    for (size_t i = 0; i < item->n_changes; i++) {
        const bw_provision_change *c = &item->changes[i];
        bw_buf_clear(&b);
        bw_buf_addf(&b, "%s: %s -> %s", c->field, c->from, c->to);
        print_line(out, indent, bw_buf_cstr(&b));
    }
    if (item->note)
        print_line(out, indent, item->note);
    if (item->hint) {
        bw_buf_clear(&b);
        bw_buf_addf(&b, "HINT: %s", item->hint);
        print_line(out, indent, bw_buf_cstr(&b));
    }
    bw_buf_fini(&b);
}

void bw_provision_print(const bw_provision *p, FILE *out)
{
    bool any = false;
    for (size_t i = 0; i < p->count; i++)
        print_item(&p->items[i], out);
    fputs(p->count ? "\n" : "", out);
    for (int a = BW_PROVISION_CREATE; a <= BW_PROVISION_GONE; a++) {
        size_t n = bw_provision_count(p, (bw_provision_action)a);
        if (n)
            fprintf(out, "%s%s: %zu", any ? ", " : "",
                    bw_provision_action_name((bw_provision_action)a), n);
        any |= n > 0;
    }
    fputs(any ? "\n" : "the configuration needs nothing\n", out);
    for (size_t i = 0; i < p->n_notes && bw_provision_count(p, BW_PROVISION_UNCHANGED) < p->count;
         i++)
        print_line(out, "NOTE: ", p->notes[i]);
}

static json_t *item_json(const bw_provision_item *item)
{
    json_t *o = json_object(), *changes = json_array();
    bool failed = item->tried && item->error.status != BW_OK;
    json_object_set_new(o, "kind", json_string(bw_provision_kind_name(item->kind)));
    json_object_set_new(o, "name", bw_json_text(item->name));
    json_object_set_new(o, "for", bw_json_text(item->for_whom));
    json_object_set_new(o, "action", json_string(bw_provision_action_name(item->action)));
    for (size_t i = 0; i < item->n_changes; i++) {
        json_t *c = json_object();
        json_object_set_new(c, "field", bw_json_text(item->changes[i].field));
        json_object_set_new(c, "from", bw_json_text(item->changes[i].from));
        json_object_set_new(c, "to", bw_json_text(item->changes[i].to));
        json_array_append_new(changes, c);
    }
    json_object_set_new(o, "changes", changes);
    json_object_set_new(o, "note", bw_json_text(item->note));
    json_object_set_new(o, "hint", bw_json_text(item->hint));
    json_object_set_new(o, "done", item->tried ? json_boolean(!failed) : json_null());
    json_object_set_new(o, "error", failed ? bw_json_error(&item->error) : json_null());
    return o;
}

json_t *bw_provision_json(const bw_provision *p)
{
    json_t *doc = json_object(), *items = json_array(), *notes = json_array();
    bool well = bw_provision_failed(p) == 0 && bw_provision_count(p, BW_PROVISION_CONFLICT) == 0 &&
                bw_provision_count(p, BW_PROVISION_UNKNOWN) == 0;
    for (size_t i = 0; i < p->count; i++)
        json_array_append_new(items, item_json(&p->items[i]));
    for (size_t i = 0; i < p->n_notes; i++)
        json_array_append_new(notes, bw_json_text(p->notes[i]));
    json_object_set_new(doc, "ok", json_boolean(well));
    json_object_set_new(doc, "resources", items);
    json_object_set_new(doc, "notes", notes);
    return doc;
}
