#include "backend/destination/field_json.h"

#include <stdlib.h>
#include <strings.h>

/* Descriptions are cut by BigQuery at 1,024 characters; bytes are the safe side of that. */
#define DESCRIPTION_BYTES 1024

static void set_string(json_t *o, const char *name, const char *value, size_t max)
{
    size_t n = strlen(value);
    while (n > max || (n > 0 && n < strlen(value) && ((unsigned char)value[n] & 0xc0) == 0x80))
        n--;
    json_t *s = json_stringn(value, n);
    if (s) /* NULL when it is not UTF-8: better no description than no table */
        json_object_set_new(o, name, s);
}

static void set_parameters(json_t *o, const bw_field *f)
{
    char text[16];
    if (f->precision == 0)
        return;
    snprintf(text, sizeof text, "%d", f->precision);
    json_object_set_new(o, "precision", json_string(text));
    snprintf(text, sizeof text, "%d", f->scale);
    json_object_set_new(o, "scale", json_string(text));
}

void bw_field_json_retype(json_t *json, const bw_field *field)
{
    json_object_set_new(json, "type", json_string(bw_type_name(field->type)));
    json_object_del(json, "precision");
    json_object_del(json, "scale");
    set_parameters(json, field);
}

json_t *bw_field_json(const bw_field *f, bool added)
{
    const char *mode = f->repeated                              ? "REPEATED"
                       : !added && (f->required || f->key_part) ? "REQUIRED"
                                                                : "NULLABLE";
    json_t *o =
        json_pack("{s:s, s:s, s:s}", "name", f->name, "type", bw_type_name(f->type), "mode", mode);
    set_parameters(o, f);
    if (f->description && f->description[0])
        set_string(o, "description", f->description, DESCRIPTION_BYTES);
    return o;
}

json_t *bw_engine_column_json(const bw_engine_column *c)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "name", c->name, "type", bw_type_name(c->type), "mode",
                     c->repeated ? "REPEATED" : "NULLABLE", "description", c->description);
}

/* REST writes integers as strings; numbers are taken too. */
static int member_int(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    if (json_is_string(v))
        return (int)strtol(json_string_value(v), NULL, 10);
    return (int)json_integer_value(v);
}

bw_target_field bw_target_field_parse(const json_t *json, bw_arena *arena)
{
    const char *type = json_string_value(json_object_get(json, "type"));
    const char *mode = json_string_value(json_object_get(json, "mode"));
    const char *name = json_string_value(json_object_get(json, "name"));
    bw_target_field f = {.name = name ? name : "", .text = type ? type : "?"};
    if (!type)
        return f;
    f.repeated = mode && strcasecmp(mode, "REPEATED") == 0;
    f.required = mode && strcasecmp(mode, "REQUIRED") == 0;
    f.precision = member_int(json, "precision");
    f.scale = member_int(json, "scale");
    f.known = bw_type_parse(type, &f.type);
    if (f.known) {
        bw_field shown = {
            .type = f.type, .repeated = f.repeated, .precision = f.precision, .scale = f.scale};
        f.text = bw_field_type_text(&shown, arena);
    } else if (f.repeated) {
        f.text = bw_arena_printf(arena, "ARRAY<%s>", type);
    }
    if (f.required)
        f.text = bw_arena_printf(arena, "%s REQUIRED", f.text);
    return f;
}

int bw_field_json_find(const json_t *fields, const char *name)
{
    size_t i;
    json_t *field;
    json_array_foreach(fields, i, field)
    {
        const char *have = json_string_value(json_object_get(field, "name"));
        if (have && strcasecmp(have, name) == 0)
            return (int)i;
    }
    return -1;
}

/* ---- what fits into what ----------------------------------------------------------------- */

typedef struct decimal_range {
    int integer_digits, scale;
} decimal_range;

/* Every value of the type, as a decimal; both 0 when it is not one. */
static decimal_range decimal_range_of(bw_type type, int precision, int scale)
{
    if (type == BW_TYPE_INT64)
        return (decimal_range){19, 0};
    if (type != BW_TYPE_NUMERIC && type != BW_TYPE_BIGNUMERIC)
        return (decimal_range){0, 0};
    if (precision > 0)
        return (decimal_range){precision - scale, scale};
    return type == BW_TYPE_NUMERIC ? (decimal_range){29, 9} : (decimal_range){38, 38};
}

static bool is_decimal(decimal_range r)
{
    return r.integer_digits + r.scale > 0;
}

static bool holds(decimal_range room, decimal_range need)
{
    return need.integer_digits <= room.integer_digits && need.scale <= room.scale;
}

bool bw_field_fits(const bw_field *source, const bw_target_field *target)
{
    if (!target->known || source->repeated != target->repeated)
        return false;
    if (target->type != BW_TYPE_NUMERIC && target->type != BW_TYPE_BIGNUMERIC)
        return source->type == target->type;

    decimal_range from = decimal_range_of(source->type, source->precision, source->scale);
    decimal_range to = decimal_range_of(target->type, target->precision, target->scale);
    return is_decimal(from) && holds(to, from);
}

bool bw_field_widen(const bw_field *source, const bw_target_field *target, bw_field *wider)
{
    static const bw_type types[] = {BW_TYPE_NUMERIC, BW_TYPE_BIGNUMERIC};
    decimal_range from = decimal_range_of(source->type, source->precision, source->scale);
    decimal_range have = decimal_range_of(target->type, target->precision, target->scale);
    if (!target->known || target->repeated || source->repeated || !is_decimal(have) ||
        !is_decimal(from))
        return false;
    decimal_range need = {from.integer_digits > have.integer_digits ? from.integer_digits
                                                                    : have.integer_digits,
                          from.scale > have.scale ? from.scale : have.scale};
    for (size_t i = 0; i < BW_COUNT(types); i++) {
        bool same = types[i] == target->type;
        if (types[i] < target->type || !holds(decimal_range_of(types[i], 0, 0), need))
            continue;
        *wider = (bw_field){.type = types[i]};
        /* Parameters stay where both sides have some: they say what the column is meant for. */
        if (same && target->precision > 0 && source->precision > 0) {
            wider->precision = need.integer_digits + need.scale;
            wider->scale = need.scale;
        }
        return true;
    }
    return false;
}
