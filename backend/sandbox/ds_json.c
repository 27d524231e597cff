#include "backend/sandbox/ds_json.h"

#include "backend/sandbox/bq_base64.h"
#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/stamp.h"

/* ---- The tree --------------------------------------------------------------------------------- */

typedef struct builder {
    bw_arena *arena;
    bw_json_scan scan;
    bw_buf scratch;
    ds_node *stack[BW_JSON_MAX_DEPTH + 1]; /* the open containers */
    ds_node *last[BW_JSON_MAX_DEPTH + 1];  /* the newest child of each */
    size_t depth;
} builder;

static bool unescaped(builder *b, const bw_json_token *t, bw_slice *out)
{
    if (!t->escaped) {
        *out = (bw_slice){t->raw.ptr + 1, t->raw.len - 2};
        return true;
    }
    bw_buf_clear(&b->scratch);
    if (!bw_json_unescape(t->raw, &b->scratch))
        return false;
    *out = bw_arena_slice(b->arena, bw_buf_slice(&b->scratch));
    return true;
}

static void attach(builder *b, ds_node *node)
{
    ds_node *parent = b->depth ? b->stack[b->depth - 1] : NULL;
    if (!parent)
        return;
    if (b->last[b->depth - 1])
        b->last[b->depth - 1]->next = node;
    else
        parent->first = node;
    b->last[b->depth - 1] = node;
    parent->count++;
}

static ds_node *add_node(builder *b, const bw_json_token *t, bw_slice key)
{
    ds_node *node = BW_ARENA_NEW(b->arena, ds_node);
    node->type = t->type;
    node->key = key;
    node->text = t->raw;
    attach(b, node);
    if (t->type == BW_JSON_OBJECT || t->type == BW_JSON_ARRAY) {
        b->stack[b->depth] = node;
        b->last[b->depth++] = NULL;
    }
    return node;
}

/* False on malformed input. */
static bool build(builder *b, ds_node **root)
{
    bw_json_token t;
    bw_slice key = {NULL, 0};
    *root = NULL;
    while (bw_json_next(&b->scan, &t)) {
        switch (t.type) {
        case BW_JSON_END:
            return true;
        case BW_JSON_KEY:
            if (!unescaped(b, &t, &key))
                return false;
            break;
        case BW_JSON_OBJECT_END:
        case BW_JSON_ARRAY_END:
            b->depth--;
            break;
        default: {
            ds_node *node = add_node(b, &t, key);
            if (!*root)
                *root = node;
            if (t.type == BW_JSON_STRING && !unescaped(b, &t, &node->text))
                return false;
            key = (bw_slice){NULL, 0};
        }
        }
    }
    return false;
}

bw_status ds_json_parse(bw_arena *arena, bw_slice text, ds_node **out, bw_error *err)
{
    builder b = {.arena = arena, .scan = bw_json_scan_init(text)};
    bool ok = build(&b, out);
    bw_buf_fini(&b.scratch);
    if (ok && (*out)->type == BW_JSON_OBJECT)
        return BW_OK;
    const char *why = b.scan.error ? b.scan.error
                      : ok         ? "the body must be one object"
                                   : "a lone surrogate";
    return bw_error_set(err, BW_INVALID, "Invalid JSON payload received. %s at byte %zu", why,
                        ok ? (size_t)0 : b.scan.at);
}

/* ---- Members ---------------------------------------------------------------------------------- */

bool ds_json_named(const ds_node *member, const char *name)
{
    bw_slice key = member->key;
    size_t i = 0;
    for (; *name; name++) {
        bool capital = *name >= 'A' && *name <= 'Z';
        if (i < key.len && key.ptr[i] == *name) {
            i++;
        } else if (capital && i + 1 < key.len && key.ptr[i] == '_' &&
                   key.ptr[i + 1] == (*name | 32)) {
            i += 2;
        } else {
            return false;
        }
    }
    return i == key.len;
}

bw_status ds_json_fields(const ds_node *object, const char *where, const char *const *names,
                         const ds_node **out, bw_error *err)
{
    for (size_t i = 0; names[i]; i++)
        out[i] = NULL;
    if (!object)
        return BW_OK;
    if (object->type != BW_JSON_OBJECT)
        return bw_error_set(err, BW_INVALID, "Invalid value at '%s': an object was expected",
                            where);
    for (const ds_node *member = object->first; member; member = member->next) {
        size_t i = 0;
        while (names[i] && !ds_json_named(member, names[i]))
            i++;
        if (!names[i])
            return bw_error_set(err, BW_INVALID,
                                "Invalid JSON payload received. Unknown name \"%.*s\" at '%s': "
                                "Cannot find field.",
                                (int)(member->key.len < 200 ? member->key.len : 200),
                                member->key.ptr, where);
        if (out[i])
            return bw_error_set(err, BW_INVALID, "Invalid value at '%s': %s is given twice", where,
                                names[i]);
        out[i] = member->type == BW_JSON_NULL ? NULL : member;
    }
    return BW_OK;
}

/* ---- Scalars ---------------------------------------------------------------------------------- */

static bw_status wrong(const char *where, const char *expected, bw_error *err)
{
    return bw_error_set(err, BW_INVALID, "Invalid value at '%s': %s was expected", where, expected);
}

bw_status ds_json_array(const ds_node *node, const char *where, bw_error *err)
{
    return node->type == BW_JSON_ARRAY ? BW_OK : wrong(where, "an array", err);
}

bw_status ds_json_text(const ds_node *node, const char *where, bw_slice *out, bw_error *err)
{
    if (node->type != BW_JSON_STRING)
        return wrong(where, "a string", err);
    *out = node->text;
    return BW_OK;
}

bw_status ds_json_cstr(bw_arena *arena, const ds_node *node, const char *where, const char **out,
                       bw_error *err)
{
    bw_slice text = {NULL, 0};
    bw_status status = ds_json_text(node, where, &text, err);
    if (status != BW_OK)
        return status;
    if (text.len && memchr(text.ptr, '\0', text.len))
        return wrong(where, "text without NUL", err);
    *out = bw_arena_strndup(arena, text.ptr, text.len);
    return BW_OK;
}

/* Digits with an optional minus sign. */
static bool plain_integer(bw_slice s, int64_t *out)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    int64_t v = 0;
    if (s.len == (size_t)negative)
        return false;
    for (size_t i = negative; i < s.len; i++) {
        int digit = s.ptr[i] - '0';
        /* Downwards, because INT64_MIN has no positive counterpart. */
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(v, (int64_t)10, &v) ||
            __builtin_sub_overflow(v, (int64_t)digit, &v))
            return false;
    }
    if (!negative && v == INT64_MIN)
        return false;
    *out = negative ? v : -v;
    return true;
}

bw_status ds_json_int64(const ds_node *node, const char *where, int64_t *out, bw_error *err)
{
    if (node->type != BW_JSON_STRING && node->type != BW_JSON_NUMBER)
        return wrong(where, "a 64-bit integer", err);
    if (plain_integer(node->text, out))
        return BW_OK;
    /* 1.0 and 1e3 are integers too, as long as a double holds them exactly. */
    double number;
    bool overflow;
    if (node->type == BW_JSON_NUMBER && bq_float_parse(node->text, &number, &overflow) &&
        number > -9007199254740992.0 && number < 9007199254740992.0 &&
        number == (double)(int64_t)number) {
        *out = (int64_t)number;
        return BW_OK;
    }
    return wrong(where, "a 64-bit integer", err);
}

bw_status ds_json_double(const ds_node *node, const char *where, double *out, bw_error *err)
{
    bool overflow;
    bool special = node->type == BW_JSON_STRING &&
                   (bw_slice_is(node->text, "NaN") || bw_slice_is(node->text, "Infinity") ||
                    bw_slice_is(node->text, "-Infinity"));
    bool number =
        node->type == BW_JSON_NUMBER ||
        (node->type == BW_JSON_STRING && node->text.len > 0 &&
         (node->text.ptr[0] == '-' || (node->text.ptr[0] >= '0' && node->text.ptr[0] <= '9')));
    if ((special || number) && bq_float_parse(node->text, out, &overflow))
        return BW_OK;
    return wrong(where, "a double", err);
}

bw_status ds_json_bool(const ds_node *node, const char *where, bool *out, bw_error *err)
{
    *out = node->type == BW_JSON_TRUE;
    return *out || node->type == BW_JSON_FALSE ? BW_OK : wrong(where, "a boolean", err);
}

bw_status ds_json_bytes(bw_arena *arena, const ds_node *node, const char *where, bw_slice *out,
                        bw_error *err)
{
    bw_slice text = {NULL, 0};
    bw_status status = ds_json_text(node, where, &text, err);
    if (status != BW_OK)
        return status;
    bw_buf bytes = BW_BUF_INIT;
    char *plain = bw_arena_bytes(arena, text.len + 3);
    size_t size;
    bool ok = bq_base64_normalise(text, plain, &size) &&
              bq_base64_decode((bw_slice){plain, size}, &bytes);
    *out = bw_arena_slice(arena, bw_buf_slice(&bytes));
    bw_buf_fini(&bytes);
    return ok ? BW_OK : wrong(where, "base64", err);
}

bw_status ds_json_enum(const ds_node *node, const char *where, const ds_enum *choices, int *out,
                       bw_error *err)
{
    int64_t number;
    bool by_number = node->type == BW_JSON_NUMBER && plain_integer(node->text, &number);
    bool by_name = node->type == BW_JSON_STRING;
    for (const ds_enum *choice = choices; choice->name; choice++) {
        if ((by_number && choice->number == number) ||
            (by_name && bw_slice_is(node->text, choice->name))) {
            *out = choice->number;
            return BW_OK;
        }
    }
    return wrong(where, "a value of its enumeration", err);
}

/* ---- Times ------------------------------------------------------------------------------------ */

bw_status ds_json_time(const ds_node *node, const char *where, int64_t *us, bw_error *err)
{
    if (node->type == BW_JSON_STRING && bw_sb_stamp_parse_us(node->text, us))
        return BW_OK;
    return wrong(where, "a timestamp in RFC 3339", err);
}
