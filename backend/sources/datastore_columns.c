#include "backend/sources/datastore_columns.h"

#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/sources/datastore_row.h"

const char *bw_dscolumns_write(const bw_schema *schema, bw_arena *arena)
{
    bw_buf b = BW_BUF_INIT;
    const char *between = "{";
    for (size_t i = 0; i < schema->count; i++) {
        const bw_field *f = &schema->fields[i];
        if (bw_ds_is_own(f->source_name))
            continue;
        bw_buf_adds(&b, between);
        bw_json_add_string(&b, bw_slice_cstr(f->source_name));
        bw_buf_addf(&b, ":\"%s\"", bw_field_type_text(f, arena));
        between = ",";
    }
    bw_buf_adds(&b, b.len ? "}" : "{}");
    const char *text = bw_arena_strdup(arena, bw_buf_cstr(&b));
    bw_buf_fini(&b);
    return text;
}

/* STRING or ARRAY<STRING>, of the types that properties have. */
static bool read_type(bw_slice raw, bw_dscolumn *column)
{
    static const bw_type types[] = {BW_TYPE_BOOL,   BW_TYPE_INT64, BW_TYPE_FLOAT64,
                                    BW_TYPE_STRING, BW_TYPE_BYTES, BW_TYPE_TIMESTAMP,
                                    BW_TYPE_JSON};
    if (raw.len < 2 || raw.ptr[0] != '"')
        return false;
    bw_slice text = {raw.ptr + 1, raw.len - 2};
    column->repeated = text.len > 7 && memcmp(text.ptr, "ARRAY<", 6) == 0;
    if (column->repeated)
        text = (bw_slice){text.ptr + 6, text.len - 7};
    for (size_t i = 0; i < BW_COUNT(types); i++) {
        column->type = types[i];
        if (bw_slice_is(text, bw_type_name(types[i])))
            return !column->repeated || types[i] != BW_TYPE_JSON;
    }
    return false;
}

static bool read_name(const bw_json_token *key, bw_arena *arena, bw_dscolumn *column)
{
    bw_buf name = BW_BUF_INIT;
    bool good =
        bw_json_unescape(key->raw, &name) && name.len > 0 && !memchr(name.ptr, '\0', name.len);
    if (good)
        column->name = bw_arena_strndup(arena, name.ptr, name.len);
    bw_buf_fini(&name);
    return good && !bw_ds_is_own(column->name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const bw_dscolumn *)a)->name, ((const bw_dscolumn *)b)->name);
}

static bool is(bw_slice object, const char *member, const char *text)
{
    char *own = bw_json_member_string(object, member);
    bool same = own && strcmp(own, text) == 0;
    free(own);
    return same;
}

bw_dsmemory bw_dscolumns_read(const char *checkpoint, const bw_dsposition *of, bw_arena *arena)
{
    bw_slice object = bw_slice_cstr(checkpoint), raw;
    bw_json_token t;
    bw_dsmemory memory = {.count = 0};
    if (!checkpoint || !bw_json_valid(object, NULL, NULL) || !is(object, "kind", of->kind) ||
        !is(object, "namespace", of->namespace) || !is(object, "ancestor", of->ancestor))
        return memory;
    char *cursor = bw_json_member_string(object, "cursor");
    memory.cursor = cursor ? bw_arena_strdup(arena, cursor) : NULL;
    free(cursor);
    bw_slice text = bw_json_member(object, "columns");
    bw_json_scan scan = bw_json_scan_init(text);
    if (!bw_json_next(&scan, &t) || t.type != BW_JSON_OBJECT)
        return memory;
    /* No member is shorter than "a":"BOOL". */
    bw_dscolumn *columns = BW_ARENA_ARRAY(arena, bw_dscolumn, text.len / 8 + 1);
    while (bw_json_next_member(&scan, &t, &raw)) {
        bw_dscolumn *next = &columns[memory.count];
        memory.count += read_name(&t, arena, next) && read_type(raw, next);
    }
    if (memory.count)
        qsort(columns, memory.count, sizeof *columns, by_name);
    memory.columns = columns;
    return memory;
}
