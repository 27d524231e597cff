/*
 * The texts of the final jobs. They are stored before they are sent and compared when a job is
 * adopted, so the same request always gives the same text.
 */
#include <stdlib.h>

#include "backend/core/units.h"
#include "backend/destination/engine_columns.h"
#include "backend/destination/sql.h"

void bw_sql_add_name(bw_buf *sql, const char *name)
{
    bw_buf_addc(sql, '`');
    for (; *name; name++) {
        if (*name == '`' || *name == '\\')
            bw_buf_addc(sql, '\\');
        bw_buf_addc(sql, *name);
    }
    bw_buf_addc(sql, '`');
}

void bw_sql_add_table(bw_buf *sql, const bw_target *target, const char *table)
{
    char *path = bw_xasprintf("%s.%s.%s", target->project, target->dataset, table);
    bw_sql_add_name(sql, path);
    free(path);
}

/* ---- columns ----------------------------------------------------------------------------- */

typedef struct names {
    const char **at;
    size_t count;
} names;

/* The columns that staging and the table of the statement share: the schema's, then the engine's. */
static names statement_columns(const bw_target *target, const bw_schema *schema, unsigned engine,
                               bool content, bw_arena *arena)
{
    size_t most = target->n_columns;
    while (bw_engine_column_at(most - target->n_columns))
        most++;
    names n = {BW_ARENA_ARRAY(arena, const char *, most + 1), 0};
    if (content)
        for (size_t i = 0; i < target->n_columns; i++)
            n.at[n.count++] = schema->fields[target->columns[i]].name;
    const bw_engine_column *c;
    for (size_t i = 0; (c = bw_engine_column_at(i)); i++)
        if (c->in & engine)
            n.at[n.count++] = c->name;
    return n;
}

static void add_names(bw_buf *sql, const names *n, const char *prefix)
{
    for (size_t i = 0; i < n->count; i++) {
        if (i)
            bw_buf_adds(sql, ", ");
        bw_buf_adds(sql, prefix);
        bw_sql_add_name(sql, n->at[i]);
    }
}

static void add_assignments(bw_buf *sql, const names *n)
{
    for (size_t i = 0; i < n->count; i++) {
        bw_buf_adds(sql, i ? ",\n    " : "\n    ");
        bw_sql_add_name(sql, n->at[i]);
        bw_buf_adds(sql, " = S.");
        bw_sql_add_name(sql, n->at[i]);
    }
}

/* ---- bounds ------------------------------------------------------------------------------ */

/* A literal of the column's type; rounded outwards where the type is coarser than microseconds. */
static void add_literal(bw_buf *sql, bw_type type, int64_t us)
{
    char text[BW_TIME_TEXT];
    bw_format_time(us, text);
    size_t n = strlen(text);
    if (type == BW_TYPE_TIMESTAMP)
        bw_buf_addf(sql, "TIMESTAMP '%s'", text);
    else if (type == BW_TYPE_DATETIME)
        bw_buf_addf(sql, "DATETIME '%.*s'", (int)n - 1, text); /* without the Z */
    else
        bw_buf_addf(sql, "DATE '%.10s'", text);
}

static bool has_bounds(const bw_final_request *r)
{
    return r->event_time_min_us != BW_TIME_NONE && r->event_time_max_us != BW_TIME_NONE;
}

static void add_bounds(bw_buf *sql, const char *column, bw_type type, const bw_final_request *r)
{
    bw_buf_adds(sql, "T.");
    bw_sql_add_name(sql, column);
    bw_buf_adds(sql, " BETWEEN ");
    add_literal(sql, type, r->event_time_min_us);
    bw_buf_adds(sql, " AND ");
    add_literal(sql, type, r->event_time_max_us);
}

/* The target's partition column where the batch's bounds are bounds of it, else NULL. */
static const bw_field *bounded_partition(const bw_target_spec *spec, const bw_schema *schema,
                                         const bw_final_request *r)
{
    if (!has_bounds(r) || !r->bounds_of || !spec->partition_field)
        return NULL;
    int at = bw_schema_find(schema, spec->partition_field);
    if (at < 0 || at != bw_schema_find(schema, r->bounds_of))
        return NULL;
    const bw_field *f = &schema->fields[at];
    bool time =
        f->type == BW_TYPE_TIMESTAMP || f->type == BW_TYPE_DATETIME || f->type == BW_TYPE_DATE;
    return time ? f : NULL;
}

/* ---- MERGE ------------------------------------------------------------------------------- */

static bool in_key(const bw_schema *schema, const bw_final_request *r, const bw_field *field)
{
    for (size_t i = 0; i < r->n_key; i++)
        if (&schema->fields[r->key[i]] == field)
            return true;
    return false;
}

/* Bounds on the target side of ON would turn a match outside of them into a second row, unless the
   partition column is part of what has to match. */
static void add_on(bw_buf *sql, const bw_target_spec *spec, const bw_schema *schema,
                   const bw_final_request *r)
{
    for (size_t i = 0; i < r->n_key; i++) {
        const char *name = schema->fields[r->key[i]].name;
        bw_buf_adds(sql, i ? "\n  AND T." : "\nON T.");
        bw_sql_add_name(sql, name);
        bw_buf_adds(sql, " = S.");
        bw_sql_add_name(sql, name);
    }
    const bw_field *f = bounded_partition(spec, schema, r);
    if (!f || !in_key(schema, r, f))
        return;
    bw_buf_adds(sql, "\n  AND ");
    add_bounds(sql, f->name, f->type, r);
}

/*
 * Never backwards, and nothing equal is written again. A row that was there before bridgewatch has
 * no version and is older than any. A row that is in staging is not deleted (or is what deletes), so
 * one that comes back is written although its content is what it was.
 */
#define NEWER                                                           \
    "(T.`_bw_version` IS NULL OR S.`_bw_version` > T.`_bw_version` OR " \
    "(S.`_bw_version` = T.`_bw_version` AND "                           \
    "(S.`_bw_hash` != T.`_bw_hash` OR S.`_bw_deleted` != T.`_bw_deleted`)))"

/* The staging table as a source with one row per key: that of the highest version. Rows of one key and
   version show one state. */
static void add_newest(bw_buf *sql, const bw_target *target, const bw_schema *schema,
                       const bw_final_request *r)
{
    bw_buf_adds(sql, "(\n  SELECT N.* FROM (\n    SELECT R.*, ROW_NUMBER() OVER (PARTITION BY ");
    for (size_t i = 0; i < r->n_key; i++) {
        bw_buf_adds(sql, i ? ", R." : "R.");
        bw_sql_add_name(sql, schema->fields[r->key[i]].name);
    }
    bw_buf_adds(sql, " ORDER BY R.`_bw_version` DESC) AS `_bw_nth`\n    FROM ");
    bw_sql_add_table(sql, target, r->staging);
    bw_buf_adds(sql, " AS R\n  ) AS N\n  WHERE N.`_bw_nth` = 1\n) AS S");
}

static void add_merge(bw_buf *sql, const bw_target_spec *spec, const bw_target *target,
                      const bw_schema *schema, const bw_final_request *r, bw_arena *arena)
{
    unsigned engine = bw_engine_columns_of(spec, false);
    const bw_target *into = r->into ? r->into : target;
    names all = statement_columns(into, schema, engine, true, arena);

    bw_buf_adds(sql, "MERGE ");
    bw_sql_add_table(sql, into, into->table);
    bw_buf_adds(sql, " AS T\nUSING ");
    if (spec->events) {
        add_newest(sql, target, schema, r);
    } else {
        bw_sql_add_table(sql, target, r->staging);
        bw_buf_adds(sql, " AS S");
    }
    add_on(sql, spec, schema, r);
    if (spec->tombstones) {
        /* A delete may carry only its key: what the row last held stays readable. */
        names mark = statement_columns(into, schema, BW_COLUMN_CURRENT, false, arena);
        bw_buf_adds(sql, "\nWHEN MATCHED AND S.`_bw_deleted` AND " NEWER " THEN\n  UPDATE SET");
        add_assignments(sql, &mark);
    }
    bw_buf_adds(sql, "\nWHEN MATCHED AND " NEWER " THEN\n  UPDATE SET");
    add_assignments(sql, &all);
    bw_buf_adds(sql, "\nWHEN NOT MATCHED THEN\n  INSERT (");
    add_names(sql, &all, "");
    bw_buf_adds(sql, ")\n  VALUES (");
    add_names(sql, &all, "S.");
    bw_buf_adds(sql, ")");
}

/* The staging table as a source whose `_bw_id` is each row's own event id: identical rows of a
   keyless table share one in staging; the first keeps it, the n-th becomes id-n. */
static void add_numbered(bw_buf *sql, const bw_target *target, const bw_final_request *r)
{
    bw_buf_adds(sql, "(\n  SELECT N.*, ");
    if (r->n_key > 0)
        bw_buf_adds(sql, "N.`_bw_event_id` AS `_bw_id`");
    else
        bw_buf_adds(sql, "IF(N.`_bw_nth` = 1, N.`_bw_event_id`, CONCAT(N.`_bw_event_id`, '-', "
                         "CAST(N.`_bw_nth` AS STRING))) AS `_bw_id`");
    bw_buf_adds(sql, "\n  FROM (\n    SELECT R.*, ROW_NUMBER() OVER (PARTITION BY "
                     "R.`_bw_event_id`) AS `_bw_nth`\n    FROM ");
    bw_sql_add_table(sql, target, r->staging);
    bw_buf_adds(sql, " AS R\n  ) AS N");
    if (r->n_key > 0)
        bw_buf_adds(sql, "\n  WHERE N.`_bw_nth` = 1");
    bw_buf_adds(sql, "\n) AS S");
}

/* The columns of that source, in the order of the statement's. */
static void add_numbered_names(bw_buf *sql, const names *n, const char *version)
{
    for (size_t i = 0; i < n->count; i++) {
        const char *name = n->at[i];
        if (strcmp(name, "_bw_event_id") == 0)
            name = "_bw_id";
        else if (strcmp(name, "_bw_version") == 0)
            name = version;
        bw_buf_adds(sql, i ? ", S." : "S.");
        bw_sql_add_name(sql, name);
    }
}

/* Identical rows need event ids of their own, which only a statement can give them. */
static bool must_number(const bw_target_spec *spec, const bw_final_request *r)
{
    return spec->event_id && r->n_key == 0;
}

/* Where staging holds more columns than the target, a copy would change the target's schema. One
   statement replaces the rows just as atomically. */
static void add_replace(bw_buf *sql, const bw_target_spec *spec, const bw_target *target,
                        const bw_schema *schema, const bw_final_request *r, bw_arena *arena)
{
    names all = statement_columns(target, schema, bw_engine_columns_of(spec, false), true, arena);
    bw_buf_adds(sql, "MERGE ");
    bw_sql_add_table(sql, target, target->table);
    bool numbered = must_number(spec, r);
    bw_buf_adds(sql, " AS T\nUSING ");
    if (numbered) {
        add_numbered(sql, target, r);
    } else {
        bw_sql_add_table(sql, target, r->staging);
        bw_buf_adds(sql, " AS S");
    }
    bw_buf_adds(sql, "\nON FALSE\nWHEN NOT MATCHED BY SOURCE THEN\n  DELETE"
                     "\nWHEN NOT MATCHED BY TARGET THEN\n  INSERT (");
    add_names(sql, &all, "");
    bw_buf_adds(sql, ")\n  VALUES (");
    if (numbered)
        add_numbered_names(sql, &all, "_bw_version");
    else
        add_names(sql, &all, "S.");
    bw_buf_adds(sql, ")");
}

/* ---- INSERT ------------------------------------------------------------------------------ */

typedef struct insertion {
    const char *table;
    names columns;
    const char *version;     /* column of staging that is _bw_version */
    const char *time_column; /* NULL: the whole table is searched */
    bw_type time_type;
} insertion;

/* Event ids that the table does not hold. With a key an id is one row, however often staging has it;
   without one each occurrence lands once, and reading them again finds them all. */
static void add_insert(bw_buf *sql, const bw_target *target, const bw_final_request *r,
                       const insertion *in)
{
    bw_buf_adds(sql, "INSERT INTO ");
    bw_sql_add_table(sql, target, in->table);
    bw_buf_adds(sql, " (");
    add_names(sql, &in->columns, "");
    bw_buf_adds(sql, ")\nSELECT ");
    add_numbered_names(sql, &in->columns, in->version);
    bw_buf_adds(sql, "\nFROM ");
    add_numbered(sql, target, r);
    bw_buf_adds(sql, "\nWHERE NOT EXISTS (\n  SELECT 1 FROM ");
    bw_sql_add_table(sql, target, in->table);
    bw_buf_adds(sql, " AS T\n  WHERE T.`_bw_event_id` = S.`_bw_id`");
    if (in->time_column && has_bounds(r)) {
        bw_buf_adds(sql, "\n    AND (");
        add_bounds(sql, in->time_column, in->time_type, r);
        bw_buf_adds(sql, " OR T.");
        bw_sql_add_name(sql, in->time_column);
        bw_buf_adds(sql, " IS NULL)");
    }
    bw_buf_adds(sql, "\n)");
}

static void add_target_insert(bw_buf *sql, const bw_target_spec *spec, const bw_target *target,
                              const bw_schema *schema, const bw_final_request *r, bw_arena *arena)
{
    const bw_field *f = bounded_partition(spec, schema, r);
    insertion in = {
        .table = target->table,
        .columns =
            statement_columns(target, schema, bw_engine_columns_of(spec, false), true, arena),
        .version = "_bw_version",
        .time_column = f ? f->name : NULL,
        .time_type = f ? f->type : BW_TYPE_TIMESTAMP,
    };
    add_insert(sql, target, r, &in);
}

static void add_raw_insert(bw_buf *sql, const bw_target_spec *spec, const bw_target *target,
                           const bw_schema *schema, const bw_final_request *r, bw_arena *arena)
{
    insertion in = {
        .table = bw_arena_printf(arena, "%s" BW_RAW_SUFFIX, target->table),
        .columns = statement_columns(target, schema, BW_COLUMN_RAW, false, arena),
        .version = spec->events ? BW_EVENT_VERSION : "_bw_version",
        .time_column = BW_RAW_PARTITION,
        .time_type = BW_TYPE_TIMESTAMP,
    };
    add_insert(sql, target, r, &in);
}

const char *bw_final_text(const bw_target_spec *spec, const bw_target *target,
                          const bw_schema *schema, const bw_final_request *request, bw_arena *arena)
{
    bw_buf sql = BW_BUF_INIT;
    switch (request->kind) {
    case BW_FINAL_MERGE:
        add_merge(&sql, spec, target, schema, request, arena);
        break;
    case BW_FINAL_INSERT:
        add_target_insert(&sql, spec, target, schema, request, arena);
        break;
    case BW_FINAL_RAW_INSERT:
        add_raw_insert(&sql, spec, target, schema, request, arena);
        break;
    case BW_FINAL_COPY:
        if (spec->raw || must_number(spec, request))
            add_replace(&sql, spec, target, schema, request, arena);
        else
            bw_buf_addf(&sql, "copy %s", request->staging);
        break;
    }
    const char *text = bw_arena_strndup(arena, sql.ptr, sql.len);
    bw_buf_fini(&sql);
    return text;
}
