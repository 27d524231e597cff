/* The column chooser: which columns show, in which order, and what fits into a width. */
#include <stdio.h>

#include "backend/core/text.h"
#include "views/kit/table_intern.h"

void bw_table_reset_columns(bw_table *t)
{
    for (size_t i = 0; i < t->column_count; i++) {
        t->arrangement[i] = i;
        t->hidden[i] = t->columns[i].hidden;
    }
}

void bw_table_show_column(bw_table *t, size_t column, bool shown)
{
    if (column >= t->column_count)
        return;
    t->hidden[column] = !shown;
    if (t->filter)
        bw_table_recompute(t, NULL);
}

bool bw_table_column_shown(const bw_table *t, size_t column)
{
    return column < t->column_count && !t->hidden[column];
}

void bw_table_move_column(bw_table *t, size_t column, int by)
{
    for (size_t i = 0; i < t->column_count; i++) {
        if (t->arrangement[i] != column)
            continue;
        size_t with = by < 0 ? i - 1 : i + 1;
        if (with >= t->column_count) /* i - 1 wraps around at the left end */
            return;
        t->arrangement[i] = t->arrangement[with];
        t->arrangement[with] = column;
        return;
    }
}

size_t bw_table_column_at(const bw_table *t, size_t place)
{
    return t->arrangement[place];
}

static bw_status column_named(const bw_table *t, const char *name, size_t *column, bw_error *err)
{
    const char *ids[BW_TABLE_COLUMNS];
    char shown[96];
    for (size_t i = 0; i < t->column_count; i++) {
        ids[i] = t->columns[i].id;
        if (strcasecmp(ids[i], name) == 0) {
            *column = i;
            return BW_OK;
        }
    }
    const char *near = bw_nearest(name, ids, t->column_count);
    bw_error_set(err, BW_NOT_FOUND, "no column is called %s",
                 bw_text_sanitise_to(shown, sizeof(shown), name));
    if (near)
        bw_error_hint(err, "Did you mean %s?", near);
    return BW_NOT_FOUND;
}

static size_t place_of(const bw_table *t, size_t column)
{
    size_t i = 0;
    while (t->arrangement[i] != column)
        i++;
    return i;
}

/* Puts a column directly before or after another. */
static void put_beside(bw_table *t, size_t column, size_t other, bool after)
{
    if (column == other)
        return;
    int step = place_of(t, column) < place_of(t, other) ? 1 : -1;
    while (place_of(t, column) + 1 != place_of(t, other) &&
           place_of(t, other) + 1 != place_of(t, column))
        bw_table_move_column(t, column, step);
    if ((place_of(t, column) > place_of(t, other)) != after)
        bw_table_move_column(t, column, after ? 1 : -1);
}

static bw_status arrange_word(bw_table *t, char *word, bw_error *err)
{
    size_t column, other;
    if (strcmp(word, "reset") == 0) {
        bw_table_reset_columns(t);
        return BW_OK;
    }
    if (word[0] == '-' || word[0] == '+') {
        bw_status status = column_named(t, word + 1, &column, err);
        if (status == BW_OK)
            bw_table_show_column(t, column, word[0] == '+');
        return status;
    }
    size_t sign = strcspn(word, "<>");
    if (word[sign] == '\0') {
        bw_status status = column_named(t, word, &column, err);
        if (status == BW_OK)
            bw_table_show_column(t, column, t->hidden[column]);
        return status;
    }
    bool after = word[sign] == '>';
    word[sign] = '\0';
    bw_status status = column_named(t, word, &column, err);
    if (status == BW_OK)
        status = column_named(t, word + sign + 1, &other, err);
    if (status == BW_OK)
        put_beside(t, column, other, after);
    return status;
}

bw_status bw_table_arrange(bw_table *t, const char *text, bw_error *err)
{
    size_t arrangement[BW_TABLE_COLUMNS];
    bool hidden[BW_TABLE_COLUMNS];
    memcpy(arrangement, t->arrangement, sizeof(arrangement));
    memcpy(hidden, t->hidden, sizeof(hidden));
    bw_status status = BW_OK;
    while (status == BW_OK && *(text += strspn(text, " ")) != '\0') {
        char word[128];
        size_t n = strcspn(text, " ");
        snprintf(word, sizeof(word), "%.*s", (int)(n < sizeof(word) ? n : sizeof(word) - 1), text);
        status = arrange_word(t, word, err);
        text += n;
    }
    if (status != BW_OK) {
        memcpy(t->arrangement, arrangement, sizeof(arrangement));
        memcpy(t->hidden, hidden, sizeof(hidden));
    }
    return status;
}

static bool columns_changed(const bw_table *t)
{
    for (size_t i = 0; i < t->column_count; i++)
        if (t->arrangement[i] != i || t->hidden[i] != t->columns[i].hidden)
            return true;
    return false;
}

void bw_table_arrangement(const bw_table *t, bw_buf *out)
{
    if (t->chosen)
        bw_buf_addf(out, "sort %s %s", t->columns[t->sort].id, t->descending ? "desc" : "asc");
    if (!columns_changed(t))
        return;
    bw_buf_addf(out, "%scolumns", t->chosen ? " " : "");
    for (size_t i = 0; i < t->column_count; i++) {
        size_t column = t->arrangement[i];
        bw_buf_addf(out, " %s%s", t->hidden[column] ? "-" : "", t->columns[column].id);
    }
}

/* The next of the words parted by blanks, "" after the last. */
static const char *next_word(const char **text, char word[64])
{
    *text += strspn(*text, " ");
    size_t n = strcspn(*text, " ");
    snprintf(word, 64, "%.*s", (int)(n < 64 ? n : 63), *text);
    *text += n;
    return word;
}

void bw_table_restore(bw_table *t, const char *arrangement)
{
    char word[64], order[64];
    size_t column, place = 0;
    bool in_columns = false;
    while (next_word(&arrangement, word)[0]) {
        bool hides = word[0] == '-';
        if (!in_columns && strcmp(word, "sort") == 0) {
            next_word(&arrangement, word);
            next_word(&arrangement, order);
            if (column_named(t, word, &column, NULL) == BW_OK && !t->columns[column].unsortable)
                bw_table_sort_by(t, column, strcmp(order, "desc") == 0);
        } else if (!in_columns) {
            in_columns = strcmp(word, "columns") == 0;
        } else if (column_named(t, word + hides, &column, NULL) == BW_OK &&
                   place_of(t, column) >= place) {
            while (place_of(t, column) > place)
                bw_table_move_column(t, column, -1);
            bw_table_show_column(t, column, !hides);
            place++;
        }
    }
}

/* Cells that a column needs at least, its title and sort sign included. */
static int least(const bw_column *c)
{
    return c->min > 0 ? c->min : c->width > 0 ? c->width : 4;
}

static int total(const bw_table *t, const bw_column_span *spans, size_t count, int gap)
{
    int sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += least(&t->columns[spans[i].column]) + (i ? gap : 0);
    return sum;
}

/* Leaves out the column with the highest priority number, of equals the one furthest right; false
   when none can be left out. */
static bool drop_one(const bw_table *t, bw_column_span *spans, size_t *count)
{
    size_t victim = SIZE_MAX;
    int worst = 1;
    for (size_t i = 0; i < *count; i++) {
        int priority = t->columns[spans[i].column].priority;
        if (priority >= worst) {
            worst = priority;
            victim = i;
        }
    }
    if (victim == SIZE_MAX)
        return false;
    memmove(&spans[victim], &spans[victim + 1], (*count - victim - 1) * sizeof(*spans));
    (*count)--;
    return true;
}

/* Gives what is left to the columns: first up to their preferred width, the most important ones
   first, then evenly to those that take all they can get. */
static void widen(const bw_table *t, bw_column_span *spans, size_t count, int left)
{
    for (int priority = 0; priority < 100 && left > 0; priority++) {
        for (size_t i = 0; i < count && left > 0; i++) {
            const bw_column *c = &t->columns[spans[i].column];
            int wish = c->width - spans[i].width;
            if (c->priority != priority || wish <= 0)
                continue;
            int more = wish < left ? wish : left;
            spans[i].width += more;
            left -= more;
        }
    }
    size_t greedy = 0;
    for (size_t i = 0; i < count; i++)
        greedy += t->columns[spans[i].column].width == 0;
    for (size_t i = 0; i < count && greedy > 0; i++) {
        if (t->columns[spans[i].column].width != 0)
            continue;
        int more = left / (int)greedy;
        spans[i].width += more;
        left -= more;
        greedy--;
    }
}

size_t bw_table_fit_columns(const bw_table *t, int width, int gap, bw_column_span *spans)
{
    size_t count = 0;
    for (size_t i = 0; i < t->column_count; i++) {
        if (!t->hidden[t->arrangement[i]])
            spans[count++] = (bw_column_span){.column = t->arrangement[i]};
    }
    while (total(t, spans, count, gap) > width && drop_one(t, spans, &count))
        ;
    for (size_t i = 0; i < count; i++)
        spans[i].width = least(&t->columns[spans[i].column]);
    widen(t, spans, count, width - total(t, spans, count, gap));
    int at = 0;
    for (size_t i = 0; i < count; i++) {
        spans[i].from = at;
        at += spans[i].width + gap;
    }
    return count;
}
