#include "backend/events/registers.h"

#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/events/members.h"

int bw_stamp_order(bw_stamp a, bw_stamp b)
{
    int order = (a.us > b.us) - (a.us < b.us);
    return order ? order : bw_slice_order(a.id, b.id);
}

static int by_name(const void *a, const void *b)
{
    return bw_slice_order(((const bw_field_stamp *)a)->name, ((const bw_field_stamp *)b)->name);
}

bw_stamp bw_registers_of(const bw_registers *registers, bw_slice name)
{
    bw_field_stamp wanted = {.name = name};
    const bw_field_stamp *found = registers->n_fields
                                      ? bsearch(&wanted, registers->fields, registers->n_fields,
                                                sizeof *registers->fields, by_name)
                                      : NULL;
    return found ? found->stamp : registers->base;
}

/* ---- reading ---------------------------------------------------------------------------- */

static bool read_string(bw_json_scan *scan, bw_arena *arena, bw_slice *out)
{
    bw_json_token t;
    bw_buf text = BW_BUF_INIT;
    bool ok = bw_json_next(scan, &t) && t.type == BW_JSON_STRING && bw_json_unescape(t.raw, &text);
    if (ok)
        *out = bw_arena_slice(arena, bw_buf_slice(&text));
    bw_buf_fini(&text);
    return ok;
}

static bool next_is(bw_json_scan *scan, bw_json_type type)
{
    bw_json_token t;
    return bw_json_next(scan, &t) && t.type == type;
}

/* [us,"id", up to the id. */
static bool read_stamp(bw_json_scan *scan, bw_arena *arena, bw_stamp *out)
{
    bw_json_token t;
    if (!next_is(scan, BW_JSON_ARRAY) || !bw_json_next(scan, &t) || t.type != BW_JSON_NUMBER)
        return false;
    char digits[24];
    if (t.raw.len >= sizeof digits)
        return false;
    memcpy(digits, t.raw.ptr, t.raw.len);
    digits[t.raw.len] = '\0';
    char *end;
    out->us = strtoll(digits, &end, 10);
    return *end == '\0' && read_string(scan, arena, &out->id);
}

static bool read_whole_stamp(bw_slice text, bw_arena *arena, bw_stamp *out)
{
    bw_json_scan scan = bw_json_scan_init(text);
    return read_stamp(&scan, arena, out) && next_is(&scan, BW_JSON_ARRAY_END);
}

/* [[us,"id",["name",...]],...] */
static bool read_fields(bw_slice text, bw_arena *arena, bw_registers *out)
{
    bw_json_scan scan = bw_json_scan_init(text);
    bw_json_token t;
    size_t cap = 0;
    bw_field_stamp *found = NULL;
    bool ok = next_is(&scan, BW_JSON_ARRAY);
    while (ok) {
        bw_json_scan ahead = scan;
        bw_stamp stamp;
        if (next_is(&ahead, BW_JSON_ARRAY_END))
            break;
        ok = read_stamp(&scan, arena, &stamp) && next_is(&scan, BW_JSON_ARRAY);
        while (ok) {
            ahead = scan;
            ok = bw_json_next(&ahead, &t);
            if (!ok || t.type == BW_JSON_ARRAY_END)
                break;
            BW_GROW(found, out->n_fields + 1, cap);
            found[out->n_fields].stamp = stamp;
            ok = read_string(&scan, arena, &found[out->n_fields].name);
            out->n_fields++;
        }
        scan = ahead;
        ok = ok && next_is(&scan, BW_JSON_ARRAY_END);
    }
    if (ok && out->n_fields) {
        qsort(found, out->n_fields, sizeof *found, by_name);
        out->fields = BW_ARENA_ARRAY(arena, bw_field_stamp, out->n_fields);
        memcpy(out->fields, found, out->n_fields * sizeof *found);
    }
    free(found);
    return ok;
}

static bool read_text(bw_slice text, bw_arena *arena, bw_registers *out)
{
    *out = (bw_registers){.last.us = BW_TIME_NONE};
    if (!bw_json_valid(text, NULL, NULL) ||
        !read_whole_stamp(bw_json_member(text, "last"), arena, &out->last))
        return false;
    bw_slice base = bw_json_member(text, "base");
    out->base = out->last;
    if (bw_slice_is(base, "null"))
        out->base = (bw_stamp){.us = BW_TIME_NONE};
    else if (base.len && !read_whole_stamp(base, arena, &out->base))
        return false;
    out->deleted = bw_slice_is(bw_json_member(text, "deleted"), "true");
    bw_slice fields = bw_json_member(text, "fields");
    return !fields.len || read_fields(fields, arena, out);
}

void bw_registers_read(const bw_entity_state *state, bw_arena *arena, bw_registers *out)
{
    if (read_text(state->registers, arena, out) && out->last.us == state->last_modified_us &&
        state->presence != BW_PRESENCE_ABSENT)
        return;
    int64_t us = state->presence == BW_PRESENCE_ABSENT ? BW_TIME_NONE : state->last_modified_us;
    *out = (bw_registers){.deleted = state->presence != BW_PRESENCE_EXISTS};
    out->last.us = out->base.us = us;
}

/* ---- writing ---------------------------------------------------------------------------- */

static void write_stamp(bw_buf *out, bw_stamp stamp)
{
    bw_buf_addf(out, "[%lld,", (long long)stamp.us);
    bw_json_add_string(out, stamp.id);
}

static int by_stamp(const void *a, const void *b)
{
    const bw_field_stamp *x = a, *y = b;
    int order = bw_stamp_order(x->stamp, y->stamp);
    return order ? order : bw_slice_order(x->name, y->name);
}

/* An event sets several fields at once: its stamp is written once for all of them. */
static void write_fields(bw_buf *out, const bw_registers *registers)
{
    size_t n = 0;
    bw_field_stamp *own = bw_xcalloc(registers->n_fields + 1, sizeof *own);
    for (size_t i = 0; i < registers->n_fields; i++) {
        if (bw_stamp_order(registers->fields[i].stamp, registers->base) != 0)
            own[n++] = registers->fields[i];
    }
    qsort(own, n, sizeof *own, by_stamp);
    for (size_t i = 0; i < n; i++) {
        bool first = i == 0 || bw_stamp_order(own[i].stamp, own[i - 1].stamp) != 0;
        if (first) {
            bw_buf_adds(out, i == 0 ? ",\"fields\":[" : "]],");
            write_stamp(out, own[i].stamp);
        }
        bw_buf_adds(out, first ? ",[" : ",");
        bw_json_add_string(out, own[i].name);
    }
    if (n)
        bw_buf_adds(out, "]]]");
    free(own);
}

bw_slice bw_registers_write(const bw_registers *registers, bw_arena *arena)
{
    bw_buf out = BW_BUF_INIT;
    bw_buf_adds(&out, "{\"last\":");
    write_stamp(&out, registers->last);
    bw_buf_addc(&out, ']');
    if (registers->base.us == BW_TIME_NONE) {
        bw_buf_adds(&out, ",\"base\":null");
    } else if (bw_stamp_order(registers->base, registers->last) != 0) {
        bw_buf_adds(&out, ",\"base\":");
        write_stamp(&out, registers->base);
        bw_buf_addc(&out, ']');
    }
    if (registers->deleted)
        bw_buf_adds(&out, ",\"deleted\":true");
    write_fields(&out, registers);
    bw_buf_addc(&out, '}');
    bw_slice text = bw_arena_slice(arena, bw_buf_slice(&out));
    bw_buf_fini(&out);
    return text;
}
