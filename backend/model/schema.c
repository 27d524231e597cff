#include "backend/model/schema.h"

#include <stdlib.h>
#include <strings.h>

#include <xxhash.h>

#define MAX_NAME 300

int bw_schema_find(const bw_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++) {
        if (strcasecmp(schema->fields[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

int bw_schema_find_source(const bw_schema *schema, const char *source_name)
{
    for (size_t i = 0; i < schema->count; i++) {
        if (strcmp(schema->fields[i].source_name, source_name) == 0)
            return (int)i;
    }
    return -1;
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

const char *bw_field_name(bw_arena *arena, const char *source_name)
{
    static const char *const forbidden[] = {
        "_TABLE_", "_FILE_", "_PARTITION", "_ROW_TIMESTAMP", "__ROOT__", "_COLIDENTIFIER", "_bw_"};
    size_t n = strlen(source_name);
    char *name = bw_arena_bytes(arena, n + 3), *p = name;
    for (size_t i = 0; i < BW_COUNT(forbidden); i++) {
        if (strncasecmp(source_name, forbidden[i], strlen(forbidden[i])) == 0) {
            *p++ = 'c';
            break;
        }
    }
    if (n == 0 || (source_name[0] >= '0' && source_name[0] <= '9'))
        *p++ = '_';
    for (size_t i = 0; i < n; i++) {
        bool continues = ((unsigned char)source_name[i] & 0xc0) == 0x80; /* one _ per character */
        if (!continues)
            *p++ = name_char(source_name[i]) ? source_name[i] : '_';
    }
    *p = '\0';
    if (p - name <= MAX_NAME)
        return name;
    /* Cut names stay different because a hash of the whole name closes them. */
    name[MAX_NAME - 17] = '\0';
    return bw_arena_printf(arena, "%s_%016llx", name,
                           (unsigned long long)XXH3_64bits(source_name, n));
}

bw_status bw_schema_check_names(const bw_schema *schema, bw_error *err)
{
    for (size_t i = 0; i < schema->count; i++) {
        for (size_t k = i + 1; k < schema->count; k++) {
            const bw_field *a = &schema->fields[i], *b = &schema->fields[k];
            if (strcasecmp(a->name, b->name) != 0)
                continue;
            bw_error_set(err, BW_INVALID,
                         "columns \"%s\" and \"%s\" would both be named %s (COL_NAME_CLASH)",
                         a->source_name, b->source_name, a->name);
            return bw_error_hint(err, "Leave one of them out with the sync's setting columns.");
        }
    }
    return BW_OK;
}

const char *bw_field_type_text(const bw_field *field, bw_arena *arena)
{
    const char *name = bw_type_name(field->type);
    if (field->precision > 0 && field->scale > 0)
        name = bw_arena_printf(arena, "%s(%d, %d)", name, field->precision, field->scale);
    else if (field->precision > 0)
        name = bw_arena_printf(arena, "%s(%d)", name, field->precision);
    return field->repeated ? bw_arena_printf(arena, "ARRAY<%s>", name) : name;
}
