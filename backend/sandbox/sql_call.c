/*
 * Calls: finds the function, the overload that its arguments fit, and writes the call.
 */
#include <ctype.h>

#include "backend/sandbox/fn_time.h"
#include "backend/sandbox/sql_functions.h"

#define MAX_ARGUMENTS 60 /* SQLite takes 127, FORMAT needs two for each */

/* What an argument is: a value, a name (a date part, NFC), or an interval's number and part. */
typedef struct argument {
    sql_typed value;
    const char *part; /* upper case; NULL when it is a plain value */
    bool interval;    /* value is the number, part its unit */
} argument;

static const char *upper(sql_analysis *a, bw_slice s)
{
    char *out = bw_arena_strndup(a->arena, s.ptr, s.len);

    for (char *p = out; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    return out;
}

bool sql_date_part(bw_slice name, int *part)
{
    static const char *const parts[] = {
        "MICROSECOND", "MILLISECOND", "SECOND", "MINUTE",  "HOUR",     "DAY",
        "WEEK",        "ISOWEEK",     "MONTH",  "QUARTER", "YEAR",     "ISOYEAR",
        "DAYOFWEEK",   "DAYOFYEAR",   "DATE",   "TIME",    "DATETIME", "NANOSECOND"};

    for (size_t i = 0; i < BW_COUNT(parts); i++) {
        if (sql_name_equal(name, parts[i])) {
            *part = (int)i;
            return true;
        }
    }
    return false;
}

/* DAY, or WEEK(MONDAY): a name that is no column. */
static const char *part_name(sql_analysis *a, const sql_expr *x)
{
    int part;

    if (x->kind == SQL_X_PATH && x->names.count == 1 && sql_date_part(x->names.items[0], &part))
        return upper(a, x->names.items[0]);
    if (x->kind == SQL_X_CALL && x->names.count == 1 && x->args.count == 1 &&
        sql_name_equal(x->names.items[0], "WEEK") && x->args.items[0]->kind == SQL_X_PATH)
        return sql_printf(a, "WEEK(%s)", upper(a, x->args.items[0]->names.items[0]));
    return NULL;
}

/* NFC: a normal form, which is a name too. */
static const char *form_name(sql_analysis *a, const sql_expr *x)
{
    static const char *const forms[] = {"NFC", "NFKC", "NFD", "NFKD"};

    for (size_t i = 0; x->kind == SQL_X_PATH && x->names.count == 1 && i < BW_COUNT(forms); i++) {
        if (sql_name_equal(x->names.items[0], forms[i]))
            return upper(a, x->names.items[0]);
    }
    return NULL;
}

/* ---- Signatures -------------------------------------------------------------------------------- */

static bool letter_type(char letter, bq_field *type)
{
    static const char letters[] = "BIFNGSYDTEZJVdez";
    static const bq_kind kinds[] = {
        BQ_BOOL,     BQ_INT64,      BQ_FLOAT64,        BQ_NUMERIC,        BQ_BIGNUMERIC, BQ_STRING,
        BQ_BYTES,    BQ_DATE,       BQ_TIME,           BQ_DATETIME,       BQ_TIMESTAMP,  BQ_JSON,
        BQ_INTERVAL, BQ_RANGE_DATE, BQ_RANGE_DATETIME, BQ_RANGE_TIMESTAMP};
    const char *at = strchr(letters, letter);

    if (!letter || !at)
        return false;
    *type = sql_type(kinds[at - letters]);
    return true;
}

/* One argument of a signature; moves the cursor behind it. */
typedef struct slot {
    char letter;
    bool array, optional, repeats;
} slot;

static bool next_slot(const char **p, slot *s)
{
    if (!**p)
        return false;
    s->array = **p == '[';
    *p += s->array;
    s->letter = *(*p)++;
    s->optional = **p == '?';
    s->repeats = **p == '*';
    *p += s->optional || s->repeats;
    return true;
}

/* How well an argument fits: exactly, by coercion, or not at all. */
typedef enum fit { FIT_NOT, FIT_COERCED, FIT_EXACT } fit;

static fit slot_fit(const slot *s, const argument *arg)
{
    bq_field type;

    if (s->letter == 'P' || s->letter == 'M' || s->letter == 'v')
        return arg->part && arg->interval == (s->letter == 'v') ? FIT_EXACT : FIT_NOT;
    if (arg->part || !letter_type(s->letter, &type))
        return FIT_NOT;
    if (s->array)
        type = sql_array_of(type);
    if (arg->value.literal != SQL_L_NULL && bq_type_equal(&arg->value.type, &type))
        return FIT_EXACT;
    return sql_can_coerce(&arg->value, &type) ? FIT_COERCED : FIT_NOT;
}

/* 0: does not fit; 1: by coercion alone; 2: one argument exactly; 3: all exactly. */
static int signature_fit(const char *signature, const argument *args, size_t count)
{
    const char *p = strchr(signature, ':') + 1;
    size_t at = 0, exact = 0;
    slot s = {0};

    while (next_slot(&p, &s)) {
        if (at == count && (s.optional || s.repeats))
            continue;
        if (at == count)
            return 0;
        do {
            fit f = slot_fit(&s, &args[at++]);
            if (f == FIT_NOT)
                return 0;
            exact += f == FIT_EXACT;
        } while (s.repeats && at < count);
    }
    return at != count ? 0 : exact == count ? 3 : exact > 0 ? 2 : 1;
}

static void add_slot_name(bw_buf *out, const slot *s)
{
    bq_field type;

    if (s->letter == 'P')
        bw_buf_adds(out, "DATE_TIME_PART");
    else if (s->letter == 'M')
        bw_buf_adds(out, "NORMALIZE_MODE");
    else if (s->letter == 'v')
        bw_buf_adds(out, "INTERVAL INT64 DATE_TIME_PART");
    else if (letter_type(s->letter, &type))
        bw_buf_addf(out, "%s%s%s", s->array ? "ARRAY<" : "", bq_kind_sql(type.kind),
                    s->array ? ">" : "");
}

void sql_signature_print(const sql_function *f, bw_buf *out)
{
    const char *p = strchr(f->signature, ':') + 1;
    bool first = true;
    slot s;

    bw_buf_addf(out, "%s(", f->name);
    for (; next_slot(&p, &s); first = false) {
        bw_buf_adds(out, first ? "" : ", ");
        bw_buf_adds(out, s.optional ? "[" : "");
        add_slot_name(out, &s);
        bw_buf_adds(out, s.optional ? "]" : "");
    }
    bw_buf_addc(out, ')');
}

bq_field sql_signature_result(const sql_function *f)
{
    bq_field type = sql_type(BQ_INT64);
    const char *p = f->signature;
    slot s = {0};

    next_slot(&p, &s);
    letter_type(s.letter, &type);
    return s.array ? sql_array_of(type) : type;
}

static const char *signatures_of(sql_analysis *a, const char *name)
{
    bw_buf out = BW_BUF_INIT;
    size_t rows = 0;

    for (size_t i = 0; i < sql_function_count; i++) {
        if (strcmp(sql_functions[i].name, name) != 0)
            continue;
        bw_buf_adds(&out, rows++ ? "; " : "");
        sql_signature_print(&sql_functions[i], &out);
    }
    const char *text = sql_printf(a, "signature%s: %s", rows == 1 ? "" : "s", bw_buf_cstr(&out));
    bw_buf_fini(&out);
    return text;
}

/* ---- Calls by the table ------------------------------------------------------------------------ */

static const char *call_text(sql_analysis *a, const sql_function *f, argument *args, size_t count,
                             bool safe)
{
    const char *p = strchr(f->signature, ':') + 1;
    bw_buf out = BW_BUF_INIT;
    slot s = {0};

    bw_buf_addf(&out, "%s%s(", safe && strncmp(f->sqlite, "safe_", 5) != 0 ? "safe_" : "",
                f->sqlite);
    for (size_t i = 0; i < count; i++) {
        bq_field type = {0};
        if (!s.repeats || i == 0)
            next_slot(&p, &s);
        bw_buf_adds(&out, i ? "," : "");
        if (args[i].part && !args[i].interval) {
            bw_buf_addf(&out, "'%s'", args[i].part);
            continue;
        }
        if (letter_type(s.letter, &type) && s.array)
            type = sql_array_of(type);
        if (!args[i].part)
            sql_coerce(a, &args[i].value, &type);
        bw_buf_adds(&out, args[i].value.sql);
        if (args[i].part)
            bw_buf_addf(&out, ",'%s'", args[i].part);
    }
    bw_buf_addc(&out, ')');
    const char *text = bw_arena_strndup(a->arena, out.ptr, out.len);
    bw_buf_fini(&out);
    return text;
}

/* The best fit; the first of equals. */
static const sql_function *choose(const char *name, const argument *args, size_t count)
{
    const sql_function *best = NULL;
    int best_fit = 0;

    for (size_t i = 0; i < sql_function_count; i++) {
        if (strcmp(sql_functions[i].name, name) != 0)
            continue;
        int f = signature_fit(sql_functions[i].signature, args, count);
        if (f > best_fit) {
            best = &sql_functions[i];
            best_fit = f;
        }
    }
    return best;
}

/* May the argument number `at` be what the letter means? A column may be called date, too. */
static bool takes_letter(const char *name, size_t at, char letter)
{
    for (size_t i = 0; i < sql_function_count; i++) {
        const char *p = strchr(sql_functions[i].signature, ':') + 1;
        slot s = {0};
        if (strcmp(sql_functions[i].name, name) != 0)
            continue;
        for (size_t k = 0; k <= at && next_slot(&p, &s); k++) {
            if (k == at && s.letter == letter)
                return true;
        }
    }
    return false;
}

static void read_argument(sql_analysis *a, sql_scope *scope, const char *name, size_t at,
                          const sql_expr *x, argument *out)
{
    int part;

    if (x->kind == SQL_X_INTERVAL && x->names.count == 0 && takes_letter(name, at, 'v')) {
        const bq_field integer = sql_type(BQ_INT64);
        out->interval = true;
        out->part = upper(a, x->text);
        out->value = sql_analyze(a, scope, x->args.items[0]);
        if (!a->failed && !sql_date_part(x->text, &part))
            sql_error(a, x->pos, "A valid date part name is required but found %s", out->part);
        if (!a->failed && !sql_coerce(a, &out->value, &integer))
            sql_error(a, x->pos, "Interval value must be coercible to INT64 type");
        return;
    }
    out->part = takes_letter(name, at, 'P')   ? part_name(a, x)
                : takes_letter(name, at, 'M') ? form_name(a, x)
                                              : NULL;
    if (!out->part)
        out->value = sql_analyze(a, scope, x);
}

static sql_typed call_by_table(sql_analysis *a, sql_scope *scope, const sql_expr *x,
                               const char *name)
{
    size_t count = x->args.count;
    argument *args = BW_ARENA_ARRAY(a->arena, argument, count + 1);
    sql_typed *values = BW_ARENA_ARRAY(a->arena, sql_typed, count + 1);
    sql_typed out = sql_make(BQ_INT64, "NULL", x->pos);

    for (size_t i = 0; i < count; i++) {
        read_argument(a, scope, name, i, x->args.items[i], &args[i]);
        values[i] = args[i].value;
        if (!args[i].part || args[i].interval)
            sql_inherit(&out, &args[i].value);
        else
            values[i].type = sql_type(BQ_STRING);
    }
    if (a->failed)
        return out;
    const sql_function *f = choose(name, args, count);
    if (!f) {
        sql_no_signature(a, x->pos, sql_printf(a, "function %s", name), values, count,
                         signatures_of(a, name));
        return out;
    }
    out.type = sql_signature_result(f);
    out.sql = call_text(a, f, args, count, x->call->safe);
    if (strcmp(f->sqlite, "bq_rand") == 0 || strcmp(f->sqlite, "bq_uuid") == 0)
        out.constant = false;
    return out;
}

/* ---- All calls --------------------------------------------------------------------------------- */

static sql_typed call_special(sql_analysis *a, sql_scope *scope, const sql_expr *x,
                              const sql_special *f)
{
    size_t count = x->args.count;
    sql_typed *args = BW_ARENA_ARRAY(a->arena, sql_typed, count + 1);
    sql_typed out = sql_make(BQ_INT64, "NULL", x->pos);

    if (count > MAX_ARGUMENTS) {
        sql_error(a, x->pos,
                  "Unsupported: more than %d arguments are not part of the sandbox's SQL",
                  MAX_ARGUMENTS);
        return out;
    }
    if (count < (size_t)f->min || (f->max >= 0 && count > (size_t)f->max)) {
        sql_error(a, x->pos, "Number of arguments does not match for function %s", f->name);
        return out;
    }
    for (size_t i = 0; i < count; i++) {
        if (x->args.items[i]->kind == SQL_X_NAMED)
            continue; /* the function looks at it */
        args[i] = sql_analyze(a, scope, x->args.items[i]);
        sql_inherit(&out, &args[i]);
    }
    if (a->failed)
        return out;
    sql_typed result = f->analyze(a, scope, x, args, count);
    if (x->call->safe && strncmp(result.sql, "bq_", 3) == 0)
        result.sql = sql_printf(a, "safe_%s", result.sql);
    result.pos = x->pos;
    result.constant = out.constant;
    result.aggregate = out.aggregate;
    result.ungrouped = out.ungrouped;
    result.ungrouped_pos = out.ungrouped_pos;
    return result;
}

static void unknown_function(sql_analysis *a, const sql_expr *x, const char *name)
{
    const char **names = NULL;
    size_t count = 0;

    for (size_t i = 0; i < sql_other_function_count; i++) {
        const char *other = sql_other_functions[i];
        size_t n = strlen(other);
        bool prefix = other[n - 1] == '_' || other[n - 1] == '.';
        if (strncmp(name, other, n) == 0 && (prefix || name[n] == '\0')) {
            sql_error(a, x->pos, "Unsupported: the function %s is not part of the sandbox's SQL",
                      name);
            return;
        }
    }
    for (size_t i = 0; i < sql_function_count; i++)
        *SQL_ADD(a, names, count) = sql_functions[i].name;
    for (size_t i = 0; i < sql_special_count; i++)
        *SQL_ADD(a, names, count) = sql_specials[i].name;
    const char *near = sql_suggest(a, bw_slice_cstr(name), names, count);
    sql_error(a, x->pos, "Function not found: %s%s", name, near);
}

sql_typed sql_analyze_call(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_typed out = sql_make(BQ_INT64, "NULL", x->pos);
    bw_buf path = BW_BUF_INIT;

    for (size_t i = 0; i < x->names.count; i++)
        bw_buf_addf(&path, "%s%.*s", i ? "." : "", BW_SLICE_ARG(x->names.items[i]));
    const char *name = upper(a, bw_buf_slice(&path));
    bw_buf_fini(&path);
    const sql_udf *udf = x->names.count == 1 ? sql_find_udf(a, x->names.items[0]) : NULL;
    if (udf)
        return sql_call_udf(a, scope, x, udf);
    if (x->names.count == 1 && (x->call->over || sql_is_aggregate(x->names.items[0]) ||
                                sql_is_window_only(x->names.items[0])))
        return sql_analyze_aggregate(a, scope, x);
    if (x->call->distinct || x->call->star || x->call->order.count > 0 || x->call->limit ||
        x->call->ignore_nulls || x->call->respect_nulls || x->call->having) {
        sql_error(a, x->pos,
                  "Function %s is not an aggregate function: DISTINCT, *, ORDER BY, "
                  "LIMIT, HAVING and IGNORE NULLS are not allowed",
                  name);
        return out;
    }
    if (strcmp(name, "GROUPING") == 0)
        return sql_analyze_grouping(a, scope, x);
    for (size_t i = 0; i < sql_special_count; i++) {
        if (strcmp(sql_specials[i].name, name) == 0)
            return call_special(a, scope, x, &sql_specials[i]);
    }
    for (size_t i = 0; i < sql_function_count; i++) {
        if (strcmp(sql_functions[i].name, name) == 0)
            return call_by_table(a, scope, x, name);
    }
    unknown_function(a, x, name);
    return out;
}

sql_typed sql_analyze_extract(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_typed value = sql_analyze(a, scope, x->args.items[0]);
    sql_typed out = sql_make(BQ_INT64, "NULL", x->pos);
    const char *part = upper(a, x->text);
    const char *zone = "NULL";
    int number;

    sql_inherit(&out, &value);
    if (x->args.count > 1) {
        sql_typed z = sql_analyze(a, scope, x->args.items[1]);
        sql_inherit(&out, &z);
        zone = z.sql;
    }
    if (a->failed)
        return out;
    bq_kind kind = value.type.kind;
    bool time = value.type.mode != BQ_REPEATED &&
                (kind == BQ_DATE || kind == BQ_DATETIME || kind == BQ_TIMESTAMP ||
                 kind == BQ_TIME || kind == BQ_INTERVAL);
    if (!sql_date_part(x->text, &number))
        sql_error(a, x->pos, "A valid date part name is required but found %s", part);
    else if (!time)
        sql_no_signature(a, x->pos, "function EXTRACT", &value, 1,
                         "signatures: EXTRACT(DATE_TIME_PART FROM DATE); EXTRACT(DATE_TIME_PART "
                         "FROM TIMESTAMP [AT TIME ZONE STRING]); EXTRACT(DATE_TIME_PART FROM "
                         "DATETIME); EXTRACT(DATE_TIME_PART FROM TIME)");
    if (x->names.count > 0)
        part = sql_printf(a, "WEEK(%s)", upper(a, x->names.items[0]));
    if (!a->failed && x->names.count > 0 &&
        (!sql_name_equal(x->text, "WEEK") || !bq_part_find(bw_slice_cstr(part))))
        sql_error(a, x->pos, "A valid date part argument for WEEK is required, but found %.*s",
                  BW_SLICE_ARG(x->names.items[0]));
    if (strcmp(part, "DATE") == 0)
        out.type = sql_type(BQ_DATE);
    else if (strcmp(part, "TIME") == 0)
        out.type = sql_type(BQ_TIME);
    else if (strcmp(part, "DATETIME") == 0)
        out.type = sql_type(BQ_DATETIME);
    out.sql = sql_printf(a, "bq_extract('%s',%s,%d,%s)", part, value.sql, (int)kind, zone);
    return out;
}

/* INTERVAL '1-2 3' YEAR TO DAY */
static sql_typed interval_range(sql_analysis *a, const sql_expr *x)
{
    const sql_expr *text = x->args.items[0];
    unsigned char *bytes = bw_arena_alloc(a->arena, 24);
    sql_typed out = sql_make(BQ_INTERVAL, "NULL", x->pos);
    bq_interval v;

    if (text->kind != SQL_X_STRING) {
        sql_error(a, text->pos, "Invalid INTERVAL: a range of parts needs a STRING literal");
        return out;
    }
    if (!bq_interval_parse_range(text->text, x->text, x->names.items[0], &v)) {
        sql_error(a, text->pos, "Invalid INTERVAL literal '%.*s'", BW_SLICE_ARG(text->text));
        return out;
    }
    bq_interval_encode(&v, bytes);
    bq_value value = {.cls = BQ_BLOB, .s = {(const char *)bytes, 24}};
    out.sql = sql_value_text(a, &value);
    return out;
}

sql_typed sql_analyze_interval(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    if (x->names.count > 0)
        return interval_range(a, x);

    sql_typed n = sql_analyze(a, scope, x->args.items[0]);
    sql_typed out = sql_make(BQ_INTERVAL, "NULL", x->pos);
    const bq_field integer = sql_type(BQ_INT64);
    int part;

    sql_inherit(&out, &n);
    if (a->failed)
        return out;
    if (!sql_date_part(x->text, &part))
        sql_error(a, x->pos, "A valid date part name is required but found %s", upper(a, x->text));
    else if (!sql_coerce(a, &n, &integer))
        sql_error(a, n.pos,
                  "Invalid INTERVAL: only INTERVAL INT64 PART is part of the sandbox's "
                  "SQL");
    out.sql = sql_printf(a, "bq_make_interval(%s,'%s')", n.sql, upper(a, x->text));
    return out;
}
