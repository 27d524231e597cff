#include "backend/sandbox/csv.h"

#include "backend/core/text.h"
#include "backend/sandbox/json_edit.h"

static bw_status read_delimiter(bw_arena *arena, bw_slice config, char *out, bq_error *err)
{
    const char *text = bw_sb_json_text(arena, config, "fieldDelimiter");
    if (!text || !*text)
        return BW_OK;
    if (strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0)
        text = "\t";
    if (text[1] || text[0] == '\n' || text[0] == '\r' || (unsigned char)text[0] >= 0x80)
        return bq_error_set(err, "invalid", NULL, "Invalid value for fieldDelimiter: %s", text);
    *out = text[0];
    return BW_OK;
}

bw_status bw_sb_csv_options_parse(bw_arena *arena, bw_slice config, bw_sb_csv_options *out,
                                  bq_error *err)
{
    const char *quote = bw_sb_json_text(arena, config, "quote");
    const char *encoding = bw_sb_json_text(arena, config, "encoding");
    *out = (bw_sb_csv_options){
        .delimiter = ',',
        .quote = quote ? *quote : '"',
        .quoted_newlines = bw_sb_json_bool(config, "allowQuotedNewlines", false),
        .jagged_rows = bw_sb_json_bool(config, "allowJaggedRows", false),
        .ignore_unknown = bw_sb_json_bool(config, "ignoreUnknownValues", false),
        .skip_rows = bw_sb_json_int(config, "skipLeadingRows", 0),
        .null_marker = bw_sb_json_text(arena, config, "nullMarker")};
    if (quote && *quote && quote[1])
        return bq_error_set(err, "invalid", NULL, "Invalid value for quote: %s", quote);
    if (encoding && strcmp(encoding, "UTF-8") != 0 && strcmp(encoding, "UTF8") != 0)
        return bq_error_set(err, "notImplemented", NULL, "The sandbox reads CSV in UTF-8, not %s",
                            encoding);
    return read_delimiter(arena, config, &out->delimiter, err);
}

/* Whether a quote is still open at the end; a doubled one closes and opens again. */
static bool leaves_open(bw_slice text, char quote, bool open)
{
    const char *end = text.ptr + text.len;
    for (const char *at = text.ptr; text.len && (at = memchr(at, quote, (size_t)(end - at))); at++)
        open = !open;
    return open;
}

bw_status bw_sb_csv_next(bw_sb_lines *lines, const bw_sb_csv_options *o, bw_buf *joined,
                         bw_slice *record, uint64_t *position, bw_error *err)
{
    bw_status status = bw_sb_lines_next(lines, record, position, err);
    if (status != BW_OK || !o->quote || !o->quoted_newlines ||
        !leaves_open(*record, o->quote, false))
        return status;
    bw_buf_clear(joined);
    bw_buf_add(joined, record->ptr, record->len);
    for (bool open = true; open;) {
        bw_slice line;
        uint64_t ignored;
        status = bw_sb_lines_next(lines, &line, &ignored, err);
        if (status == BW_NOT_FOUND)
            break; /* the row says that its quote is open */
        if (status != BW_OK)
            return status;
        if (joined->len + line.len > BW_SB_MAX_LINE)
            return bw_error_set(err, BW_INVALID, "a row is over %zu bytes", BW_SB_MAX_LINE);
        bw_buf_addc(joined, '\n');
        bw_buf_add(joined, line.ptr, line.len);
        open = leaves_open(line, o->quote, open);
    }
    *record = bw_buf_slice(joined);
    return BW_OK;
}

/* ---- Cells ------------------------------------------------------------------------------------ */

typedef struct cell {
    bw_slice text;
    bool quoted;
} cell;

static bw_status quoted_cell(bw_slice record, size_t *at, const bw_sb_csv_options *o,
                             bw_arena *arena, cell *out, bq_error *err)
{
    char *text = bw_arena_bytes(arena, record.len - *at + 1);
    size_t n = 0, i = *at + 1;
    for (;; i++) {
        if (i >= record.len)
            return bq_error_set(err, "invalid", NULL, "Missing close quote character (%c).",
                                o->quote);
        if (record.ptr[i] == o->quote) {
            if (i + 1 >= record.len || record.ptr[i + 1] != o->quote)
                break;
            i++;
        }
        text[n++] = record.ptr[i];
    }
    *out = (cell){{text, n}, true};
    *at = i + 1;
    if (*at < record.len && record.ptr[*at] != o->delimiter)
        return bq_error_set(err, "invalid", NULL,
                            "Data between close quote character (%c) and field separator.",
                            o->quote);
    return BW_OK;
}

/* The cell at *at, which moves behind its delimiter; *more says whether there was one. */
static bw_status next_cell(bw_slice record, size_t *at, const bw_sb_csv_options *o, bw_arena *arena,
                           cell *out, bool *more, bq_error *err)
{
    if (o->quote && *at < record.len && record.ptr[*at] == o->quote) {
        bw_status status = quoted_cell(record, at, o, arena, out, err);
        if (status != BW_OK)
            return status;
    } else {
        size_t left = record.len - *at;
        const char *from = record.ptr + *at;
        const char *end = left ? memchr(from, o->delimiter, left) : NULL;
        *out = (cell){{from, end ? (size_t)(end - from) : left}, false};
        *at += out->text.len;
    }
    *more = *at < record.len;
    *at += *more;
    return BW_OK;
}

static bool is_null(const bq_field *field, const cell *c, const bw_sb_csv_options *o)
{
    if (o->null_marker && *o->null_marker)
        return !c->quoted && bw_slice_is(c->text, o->null_marker);
    bool textual = field->kind == BQ_STRING || field->kind == BQ_BYTES;
    return c->text.len == 0 && !c->quoted && !textual;
}

static bw_status set_value(const bq_field *field, const cell *c, size_t index,
                           const bw_sb_csv_options *o, bw_arena *arena, bq_value *out,
                           bq_error *err)
{
    bq_error cause = BQ_ERROR_INIT;
    if (c && !is_null(field, c, o)) {
        if (!bw_utf8_valid(c->text))
            return bq_error_set(err, "invalid", field->name, "Bad character (not UTF-8)");
        if (bq_value_from_text(field, c->text, arena, out, &cause) == BW_OK)
            return BW_OK;
        size_t shown = c->text.len < 100 ? c->text.len : 100;
        shown = bw_utf8_valid_prefix((bw_slice){c->text.ptr, shown});
        return bq_error_set(err, "invalid", field->name,
                            "Could not parse '%.*s' as %s for field %s (position %zu)", (int)shown,
                            c->text.ptr, bq_kind_sql(field->kind), field->name, index);
    }
    if (field->mode == BQ_REQUIRED)
        return bq_error_set(err, "invalid", field->name,
                            "Required column value for column index: %zu is missing", index);
    *out = (bq_value){.cls = BQ_NULL};
    return BW_OK;
}

bw_status bw_sb_csv_row(const bq_schema *schema, bw_slice record, const bw_sb_csv_options *o,
                        bw_arena *arena, bq_value *row, bq_error *err)
{
    size_t at = 0, n = 0;
    bool more = true;
    bw_status status = BW_OK;
    if (record.len && record.ptr[record.len - 1] == '\r')
        record.len--;
    for (; more && status == BW_OK; n++) {
        cell c;
        status = next_cell(record, &at, o, arena, &c, &more, err);
        if (status == BW_OK && n < schema->count)
            status = set_value(&schema->fields[n], &c, n, o, arena, &row[n], err);
        else if (status == BW_OK && !o->ignore_unknown)
            return bq_error_set(err, "invalid", NULL, "Too many values in row.");
    }
    if (status == BW_OK && n < schema->count && !o->jagged_rows)
        return bq_error_set(err, "invalid", NULL,
                            "CSV table references column position %zu, but "
                            "line contains only %zu columns.",
                            schema->count - 1, n);
    for (; status == BW_OK && n < schema->count; n++)
        status = set_value(&schema->fields[n], NULL, n, o, arena, &row[n], err);
    return status;
}
