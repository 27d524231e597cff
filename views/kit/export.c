#include "views/kit/export.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "backend/core/text.h"

bool bw_export_format_parse(const char *name, bw_export_format *format)
{
    *format = strcmp(name, "json") == 0 ? BW_EXPORT_JSON : BW_EXPORT_CSV;
    return *format == BW_EXPORT_JSON || strcmp(name, "csv") == 0;
}

/* A number in its plain form: -12.5e3. What begins with a sign and is none may be a formula. */
static bool is_number(bw_slice s)
{
    size_t i = 0, digits = 0;
    if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
        i++;
    for (; i < s.len; i++) {
        char c = s.ptr[i];
        bool exponent = (c == 'e' || c == 'E') && digits > 0 && i + 1 < s.len;
        if (exponent && (s.ptr[i + 1] == '-' || s.ptr[i + 1] == '+'))
            i++;
        else if (!exponent && c != '.' && !(c >= '0' && c <= '9'))
            return false;
        digits += c >= '0' && c <= '9';
    }
    return digits > 0;
}

void bw_export_csv_field(bw_buf *out, bw_slice text)
{
    bool formula = text.len > 0 && strchr("=+-@\t\r", text.ptr[0]) && !is_number(text);
    bool quote = false;
    for (size_t i = 0; i < text.len; i++)
        quote |= strchr(",\"\r\n", text.ptr[i]) != NULL && text.ptr[i] != '\0';
    quote |= text.len > 0 && (text.ptr[0] == ' ' || text.ptr[text.len - 1] == ' ');
    if (quote)
        bw_buf_addc(out, '"');
    if (formula)
        bw_buf_addc(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            bw_buf_addc(out, '"');
        bw_buf_addc(out, text.ptr[i]);
    }
    if (quote)
        bw_buf_addc(out, '"');
}

static bool is_text(const bw_column *column)
{
    return column->unit == BW_UNIT_TEXT || column->ranked;
}

/* What a column counts is written as the number, in the column's unit, not as it is shown. */
static void cell_text(const bw_column *column, const bw_table_cell *cell, bw_buf *out)
{
    if (is_text(column))
        bw_text_sanitise(out, cell->text);
    else if (isfinite(cell->number))
        bw_buf_addf(out, "%.15g", cell->number);
}

static void add_csv(const bw_table *t, bw_buf *out)
{
    size_t columns = bw_table_columns(t);
    bw_buf text = BW_BUF_INIT;
    for (size_t c = 0; c < columns; c++) {
        bw_buf_adds(out, c ? "," : "");
        bw_export_csv_field(out, bw_slice_cstr(bw_table_column(t, c)->id));
    }
    bw_buf_adds(out, "\r\n");
    for (size_t i = 0; i < bw_table_visible(t); i++) {
        for (size_t c = 0; c < columns; c++) {
            bw_table_cell cell;
            bw_table_get(t, bw_table_visible_row(t, i), c, &cell);
            bw_buf_clear(&text);
            cell_text(bw_table_column(t, c), &cell, &text);
            bw_buf_adds(out, c ? "," : "");
            bw_export_csv_field(out, bw_buf_slice(&text));
        }
        bw_buf_adds(out, "\r\n");
    }
    bw_buf_fini(&text);
}

static void add_json_cell(const bw_table *t, size_t row, size_t column, bw_buf *out)
{
    bw_table_cell cell;
    bw_buf text = BW_BUF_INIT;
    bw_table_get(t, row, column, &cell);
    bw_json_add_string(out, bw_slice_cstr(bw_table_column(t, column)->id));
    bw_buf_addc(out, ':');
    cell_text(bw_table_column(t, column), &cell, &text);
    if (is_text(bw_table_column(t, column)))
        bw_json_add_string(out, bw_buf_slice(&text));
    else
        bw_buf_adds(out, text.len ? bw_buf_cstr(&text) : "null");
    bw_buf_fini(&text);
}

static void add_json(const bw_table *t, bw_buf *out)
{
    bw_buf_addc(out, '[');
    for (size_t i = 0; i < bw_table_visible(t); i++) {
        bw_buf_adds(out, i ? ",\n{" : "\n{");
        for (size_t c = 0; c < bw_table_columns(t); c++) {
            bw_buf_adds(out, c ? "," : "");
            add_json_cell(t, bw_table_visible_row(t, i), c, out);
        }
        bw_buf_addc(out, '}');
    }
    bw_buf_adds(out, "\n]\n");
}

void bw_export_text(const bw_table *t, bw_export_format format, bw_buf *out)
{
    if (format == BW_EXPORT_JSON)
        add_json(t, out);
    else
        add_csv(t, out);
}

bw_status bw_export_write(const char *path, bw_slice content, bw_error *err)
{
    char shown[256];
    bw_text_sanitise_to(shown, sizeof(shown), path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) {
        bw_error_set(err, BW_EXISTS, "%s exists already", shown);
        return bw_error_hint(err, "Nothing is overwritten: choose another name.");
    }
    if (fd < 0)
        return bw_error_errno(err, BW_IO, errno, "%s", shown);
    bw_status status = BW_OK;
    while (content.len > 0 && status == BW_OK) {
        ssize_t n = write(fd, content.ptr, content.len);
        if (n < 0 && errno != EINTR)
            status = bw_error_errno(err, BW_IO, errno, "%s", shown);
        if (n > 0) {
            content.ptr += n;
            content.len -= (size_t)n;
        }
    }
    if (close(fd) < 0 && status == BW_OK)
        status = bw_error_errno(err, BW_IO, errno, "%s", shown);
    if (status != BW_OK) /* half a file is worse than none */
        unlink(path);
    return status;
}

bw_status bw_export_file(const bw_table *t, bw_export_format format, const char *path, size_t *rows,
                         bw_error *err)
{
    bw_buf out = BW_BUF_INIT;
    bw_export_text(t, format, &out);
    bw_status status = bw_export_write(path, bw_buf_slice(&out), err);
    bw_buf_fini(&out);
    *rows = status == BW_OK ? bw_table_visible(t) : 0;
    return status;
}
