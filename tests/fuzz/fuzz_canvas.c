/* Any bytes on a canvas: every cell stays harmless, the layout intact, whatever is cut where; and a
   filter made of the same bytes is either refused with a reason or can be applied to them. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "views/kit/canvas.h"
#include "views/kit/export.h"
#include "views/kit/filter.h"

#define ROWS 6
#define COLS 24

static void check(const bw_canvas *c)
{
    for (int row = 0; row < ROWS; row++) {
        for (int col = 0; col < COLS; col++) {
            const bw_cell *cell = &c->cells[row * COLS + col];
            bw_slice text = {cell->text, strnlen(cell->text, sizeof(cell->text))};
            bool half = cell->width == 0 && col > 0 && cell[-1].width == 2;
            bool whole = cell->width == 1 || (cell->width == 2 && col + 1 < COLS);
            if (!half && !whole)
                abort();
            if (!bw_utf8_valid(text) || (half ? text.len != 0 : text.len == 0))
                abort();
            for (size_t i = 0; i < text.len; i++) {
                unsigned char byte = (unsigned char)text.ptr[i];
                if (byte < 0x20 || byte == 0x7F || (c->glyphs->ascii && byte >= 0x80))
                    abort();
            }
        }
    }
}

static void cell(void *user, size_t column, bw_slice *text, double *number)
{
    *text = *(bw_slice *)user;
    *number = column ? NAN : 1;
}

static void filter(bw_slice s)
{
    static const bw_filter_column columns[] = {{"lag", BW_UNIT_SECONDS}, {"sync", BW_UNIT_TEXT}};
    char *text = bw_xstrndup(s.ptr, s.len < 60 ? s.len : 60);
    bw_filter *f = NULL;
    bw_error err = BW_ERROR_INIT;
    if (bw_filter_new(&f, text, columns, BW_COUNT(columns), &err) == BW_OK) {
        bw_filter_row row = {cell, &s};
        bw_filter_match(f, &row);
    } else if (err.message[0] == '\0') {
        abort();
    }
    bw_filter_free(f);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 || size > 4096)
        return 0;
    bw_slice s = {(const char *)data + 3, size - 3};
    bw_canvas *c = bw_canvas_new(ROWS, COLS, bw_glyphs_pick(true, data[0] & 1, data[0] & 2));
    bw_region all = bw_canvas_region(c);
    bw_region part = bw_region_sub(all, 1, data[1] % 8, 4, data[2] % 20);
    int col = (int)(data[1] % 40) - 20;
    bw_region_fill(all, BW_ROLE_TEXT);
    bw_region_put(all, 0, col, BW_ROLE_OK, s);
    bw_region_field(part, 1, 0, data[2] % 16, (bw_align)(data[0] % 3), BW_ROLE_WARN, s);
    bw_region_wrap(part, 2, BW_ROLE_ERROR, s);
    check(c);
    bw_region_put(all, 3, -col, BW_ROLE_TEXT, s); /* over what is there */
    bw_region_put(part, 2, 1, BW_ROLE_TEXT, s);
    check(c);
    bw_canvas_free(c);
    bw_buf out = BW_BUF_INIT;
    if (bw_text_truncate(&out, s, data[2] % 30, bw_glyphs_pick(true, false, false)) > data[2] % 30)
        abort();
    bw_export_csv_field(&out, s);
    bw_buf_fini(&out);
    filter(s);
    return 0;
}
