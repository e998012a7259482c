#include "cli/rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "view/safe.h"
#include "view/table.h"

#define FLUSH_ABOVE (1 << 20)

/* Typed lists. */

static size_t count_items(const struct cl_cli_list *list, size_t *ret_bytes) {
  size_t n = 0;
  for (size_t i = 0; i < list->n; i++) {
    n++;
    for (const char *c = list->items[i]; *c != '\0'; c++) n += *c == ',';
    *ret_bytes += strlen(list->items[i]) + 1;
  }
  return n;
}

/* Copy the items behind *room, cut at commas; empty ones are left out. */
static size_t split_items(const struct cl_cli_list *list, char **room, const char **ret) {
  size_t n = 0;
  for (size_t i = 0; i < list->n; i++) {
    size_t bytes = strlen(list->items[i]) + 1;
    memcpy(*room, list->items[i], bytes);
    for (char *item = *room, *comma; item != NULL; item = comma) {
      comma = strchr(item, ',');
      if (comma != NULL) *comma++ = '\0';
      if (item[0] != '\0') ret[n++] = item;
    }
    *room += bytes;
  }
  return n;
}

static void set_limit(const struct cl_cli_list_options *typed, bool json, struct clade_list_options *o) {
  o->limit = json || typed->all ? CLADE_LIMIT_ALL : CLADE_LIMIT_STANDARD;
  if (typed->first.given) o->limit = CLADE_LIMIT_FIRST;
  if (typed->last.given) o->limit = CLADE_LIMIT_LAST;
  if (typed->first.given) o->n = typed->first.value;
  if (typed->last.given) o->n = typed->last.value;
}

int cl_cli_query_make(const struct cl_cli *cli, const struct cl_cli_list_options *typed, bool json,
                      struct cl_cli_query *ret) {
  if (typed->first.given + typed->last.given + typed->all > 1)
    return cl_cli_complain(cli, CL_EXIT_USAGE, "--first, --last and --all exclude each other");
  struct cl_cli_query q = {0};
  size_t bytes = 1, n = count_items(&typed->columns, &bytes), m = count_items(&typed->more, &bytes);
  q.columns = clade_resize(NULL, (n + 1) * sizeof *q.columns);
  q.more = clade_resize(NULL, (m + 1) * sizeof *q.more);
  q.split = clade_resize(NULL, bytes);
  if (q.columns == NULL || q.more == NULL || q.split == NULL) {
    cl_cli_query_done(&q);
    return cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory");
  }
  char *room = q.split;
  q.options.n_columns = split_items(&typed->columns, &room, q.columns);
  q.options.n_more = split_items(&typed->more, &room, q.more);
  q.options.columns = q.columns;
  q.options.more = q.more;
  q.options.n_filters = typed->filters.n;
  q.options.filters = typed->filters.items;
  q.options.sort = typed->sort;
  q.options.reverse = typed->reverse;
  set_limit(typed, json, &q.options);
  *ret = q;
  return 0;
}

void cl_cli_query_done(struct cl_cli_query *q) {
  clade_free(q->columns);
  clade_free(q->more);
  clade_free(q->split);
  *q = (struct cl_cli_query){0};
}

/* For people. */

void cl_cli_add_value(struct clade_text *t, struct clade_value v) {
  switch (v.kind) {
  case CLADE_ABSENT: break;
  case CLADE_NULL: clade_text_add(t, "null"); break;
  case CLADE_BOOL: clade_text_add(t, v.as.truth ? "true" : "false"); break;
  case CLADE_INT: clade_text_format(t, "%" PRId64, v.as.integer); break;
  case CLADE_REAL: clade_text_add_number(t, v.as.real); break;
  case CLADE_TEXT: clade_text_add(t, v.as.text); break;
  }
}

static void add_integer(struct cl_view_table *view, int64_t n) {
  char buffer[CL_VIEW_NUMBER_MAX];
  if (n < INT64_C(1) << 53 && n > -(INT64_C(1) << 53)) {
    cl_view_table_add_number(view, (double)n, CL_TONE_PLAIN);
    return;
  }
  (void)snprintf(buffer, sizeof buffer, "%" PRId64, n); /* a double would lose digits */
  cl_view_table_add_right(view, buffer);
}

static void add_cell(struct cl_view_table *view, const struct clade_column *c, struct clade_value v) {
  char buffer[CL_VIEW_NUMBER_MAX];
  if (v.kind == CLADE_ABSENT)
    cl_view_table_add_blank(view);
  else if (c->type == CLADE_COLUMN_TIME && v.kind == CLADE_INT)
    cl_view_table_add_text(view, cl_view_time(v.as.integer, buffer), CL_TONE_PLAIN);
  else if (c->type == CLADE_COLUMN_DURATION && v.kind == CLADE_REAL)
    cl_view_table_add_right(view, cl_view_clock(v.as.real, buffer));
  else if (c->type == CLADE_COLUMN_STATE && v.kind == CLADE_TEXT)
    cl_view_table_add_text(view, v.as.text, cl_view_state_tone(v.as.text));
  else if (v.kind == CLADE_TEXT)
    cl_view_table_add_text(view, v.as.text, CL_TONE_PLAIN);
  else if (v.kind == CLADE_INT)
    add_integer(view, v.as.integer);
  else if (v.kind == CLADE_REAL)
    cl_view_table_add_number(view, v.as.real, CL_TONE_PLAIN);
  else
    cl_view_table_add_word(view, v.kind == CLADE_NULL ? "null" : v.as.truth ? "true" : "false");
}

/* `.5f`: five decimals, and `,` and other formats of XT: as usual. */
static int decimals_of(const char *format) {
  int64_t n = 0;
  char digits[4] = "";
  if (format == NULL || format[0] != '.' || format[strlen(format) - 1] != 'f' || strlen(format) > 5)
    return CL_VIEW_AUTO;
  (void)snprintf(digits, sizeof digits, "%.*s", (int)strlen(format) - 2, format + 1);
  return clade_text_to_int(digits, &n) && n >= 0 && n <= 30 ? (int)n : CL_VIEW_AUTO;
}

static void fill_view(struct cl_view_table *view, const struct clade_table *t) {
  size_t columns = clade_table_columns(t), rows = clade_table_rows(t);
  for (size_t c = 0; c < columns; c++) {
    struct clade_column column = clade_table_column(t, c);
    cl_view_table_add_column(view, column.header, column.rank, decimals_of(column.format));
  }
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < columns; c++) {
      struct clade_column column = clade_table_column(t, c);
      add_cell(view, &column, clade_table_cell(t, r, c));
    }
}

int cl_cli_write_table(struct cl_cli *cli, const struct clade_table *t, const char *noun, bool wide) {
  struct cl_view_table view = {.wide = wide};
  struct clade_text hidden = {0};
  int64_t rows = (int64_t)clade_table_rows(t), total = clade_table_total(t);
  fill_view(&view, t);
  cl_view_table_write(&view, &cli->out, &cli->text);
  clade_text_format(&cli->text, "total %s listed: %" PRId64, noun, rows);
  if (total > rows) clade_text_format(&cli->text, " (of %" PRId64 "; --all for the rest)", total);
  clade_text_add_char(&cli->text, '\n');
  size_t n = cl_view_table_hidden(&view, &cli->out, &hidden);
  int status = cl_cli_flush(cli);
  if (n > 0)
    cl_cli_note(cli, "%zu column%s did not fit (--wide shows all): %s", n, n == 1 ? "" : "s",
                clade_text_get(&hidden));
  clade_text_done(&hidden);
  cl_view_table_done(&view);
  return status;
}

/* For programs. */

void cl_cli_add_json_value(struct clade_text *t, struct clade_value v) {
  if (v.kind == CLADE_TEXT)
    clade_text_add_json(t, v.as.text);
  else if (v.kind == CLADE_REAL)
    clade_text_add_json_number(t, v.as.real);
  else if (v.kind == CLADE_ABSENT)
    clade_text_add(t, "null");
  else
    cl_cli_add_value(t, v);
}

void cl_cli_add_json_values(struct clade_text *t, const struct clade_named_value *values, size_t n) {
  clade_text_add_char(t, '{');
  for (size_t i = 0; i < n; i++) {
    if (i > 0) clade_text_add(t, ", ");
    clade_text_add_json(t, values[i].name);
    clade_text_add(t, ": ");
    cl_cli_add_json_value(t, values[i].value);
  }
  clade_text_add_char(t, '}');
}

void cl_cli_add_json_time(struct clade_text *t, int64_t wall_ms) {
  char buffer[CL_VIEW_NUMBER_MAX];
  if (wall_ms < 0)
    clade_text_add(t, "null");
  else
    clade_text_format(t, "\"%s\"", cl_view_rfc3339(wall_ms, buffer));
}

static void add_json_cell(struct clade_text *t, const struct clade_column *c, struct clade_value v) {
  clade_text_add_json(t, c->name);
  clade_text_add(t, ": ");
  if (c->type == CLADE_COLUMN_TIME)
    cl_cli_add_json_time(t, v.kind == CLADE_INT ? v.as.integer : -1);
  else
    cl_cli_add_json_value(t, v);
}

/* "values": {…}: the cells of one kind that are not blank. */
static void add_json_group(struct clade_text *t, const struct clade_table *table, size_t row,
                           enum clade_column_kind kind) {
  bool first = true;
  clade_text_add(t, kind == CLADE_COLUMN_VALUE ? "\"values\": {" : "\"metrics\": {");
  for (size_t c = 0; c < clade_table_columns(table); c++) {
    struct clade_column column = clade_table_column(table, c);
    struct clade_value v = clade_table_cell(table, row, c);
    if (column.kind != kind || v.kind == CLADE_ABSENT) continue;
    if (!first) clade_text_add(t, ", ");
    first = false;
    add_json_cell(t, &column, v);
  }
  clade_text_add_char(t, '}');
}

static void add_json_row(struct clade_text *t, const struct clade_table *table, size_t row, bool nested) {
  bool first = true, done[CLADE_COLUMN_TAG + 1] = {false};
  clade_text_add_char(t, '{');
  for (size_t c = 0; c < clade_table_columns(table); c++) {
    struct clade_column column = clade_table_column(table, c);
    bool group = column.kind != CLADE_COLUMN_STANDARD;
    if (group && done[column.kind]) continue;
    if (!first) clade_text_add(t, ", ");
    first = false;
    done[column.kind] = true;
    if (group)
      add_json_group(t, table, row, column.kind);
    else
      add_json_cell(t, &column, clade_table_cell(table, row, c));
  }
  for (int kind = CLADE_COLUMN_VALUE; nested && kind <= CLADE_COLUMN_METRIC; kind++)
    if (!done[kind]) clade_text_add(t, kind == CLADE_COLUMN_VALUE ? ", \"values\": {}" : ", \"metrics\": {}");
  clade_text_add_char(t, '}');
}

static void add_csv_cell(struct clade_text *t, const struct clade_column *c, struct clade_value v) {
  char buffer[CL_VIEW_NUMBER_MAX];
  if (v.kind == CLADE_TEXT)
    clade_text_add_csv(t, v.as.text);
  else if (c->type == CLADE_COLUMN_TIME && v.kind == CLADE_INT)
    clade_text_add(t, cl_view_rfc3339(v.as.integer, buffer));
  else if (v.kind != CLADE_REAL || isfinite(v.as.real))
    cl_cli_add_value(t, v);
}

/* A hyperparameter and a metric of one name get their prefixes. */
static bool is_ambiguous(const struct clade_table *table, size_t column) {
  const char *name = clade_table_column(table, column).header;
  for (size_t c = 0; c < clade_table_columns(table); c++)
    if (c != column && strcmp(clade_table_column(table, c).header, name) == 0) return true;
  return false;
}

static void add_csv_header(struct clade_text *t, const struct clade_table *table) {
  struct clade_text name = {0};
  for (size_t c = 0; c < clade_table_columns(table); c++) {
    struct clade_column column = clade_table_column(table, c);
    clade_text_clear(&name);
    if (is_ambiguous(table, c) && column.kind != CLADE_COLUMN_STANDARD)
      clade_text_add(&name, column.kind == CLADE_COLUMN_VALUE ? "hparams." : "metrics.");
    clade_text_add(&name, column.header);
    if (c > 0) clade_text_add_char(t, ',');
    clade_text_add_csv(t, clade_text_get(&name));
  }
  clade_text_add(t, "\r\n");
  clade_text_done(&name);
}

static void add_csv_row(struct clade_text *t, const struct clade_table *table, size_t row) {
  for (size_t c = 0; c < clade_table_columns(table); c++) {
    struct clade_column column = clade_table_column(table, c);
    if (c > 0) clade_text_add_char(t, ',');
    add_csv_cell(t, &column, clade_table_cell(table, row, c));
  }
  clade_text_add(t, "\r\n");
}

int cl_cli_write_rows(struct cl_cli *cli, const struct clade_table *t, enum cl_cli_rows_form form,
                      bool nested) {
  size_t rows = clade_table_rows(t);
  int status = 0;
  if (form == CL_ROWS_CSV) add_csv_header(&cli->text, t);
  if (form == CL_ROWS_JSON) clade_text_add_char(&cli->text, '[');
  for (size_t r = 0; r < rows && status == 0; r++) {
    if (form == CL_ROWS_JSON) clade_text_add(&cli->text, r == 0 ? "\n" : ",\n");
    if (form == CL_ROWS_CSV)
      add_csv_row(&cli->text, t, r);
    else
      add_json_row(&cli->text, t, r, nested);
    if (form == CL_ROWS_LINES) clade_text_add_char(&cli->text, '\n');
    if (cli->text.length > FLUSH_ABOVE) status = cl_cli_flush(cli);
  }
  if (form == CL_ROWS_JSON) clade_text_add(&cli->text, rows == 0 ? "]\n" : "\n]\n");
  return status != 0 ? status : cl_cli_flush(cli);
}
