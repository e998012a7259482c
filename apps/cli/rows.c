#include "cli/rows.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "view/safe.h"
#include "view/table.h"

#define FLUSH_ABOVE (1 << 20)

int cl_cli_list_make(const struct cl_cli *cli, const struct cl_cli_list_options *typed, bool every,
                     struct clade_list_options *ret) {
  if (typed->first.given + typed->last.given + typed->all > 1)
    return cl_cli_complain(cli, CL_EXIT_USAGE, "--first, --last and --all exclude each other");
  if (typed->number_groups && typed->group == NULL)
    return cl_cli_complain(cli, CL_EXIT_USAGE, "--number-groups numbers the groups of --group COLUMN");
  *ret = (struct clade_list_options){.n_filters = typed->filters.n,
                                     .n_columns = typed->columns.n,
                                     .n_more = typed->more.n,
                                     .n_tags_any = typed->tags_any.n,
                                     .n_tags_all = typed->tags_all.n,
                                     .filters = typed->filters.items,
                                     .columns = typed->columns.items,
                                     .more = typed->more.items,
                                     .tags_any = typed->tags_any.items,
                                     .tags_all = typed->tags_all.items,
                                     .states = typed->states,
                                     .sort = typed->sort,
                                     .group = typed->group,
                                     .reverse = typed->reverse};
  ret->limit = every || typed->all ? CLADE_LIMIT_ALL : CLADE_LIMIT_STANDARD;
  if (typed->first.given) ret->limit = CLADE_LIMIT_FIRST;
  if (typed->last.given) ret->limit = CLADE_LIMIT_LAST;
  if (typed->first.given) ret->n = typed->first.value;
  if (typed->last.given) ret->n = typed->last.value;
  return 0;
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

/* A typed format: numbers stay right. */
static bool add_formatted(struct cl_view_table *view, const struct clade_column *c, struct clade_value v,
                          struct clade_text *scratch) {
  clade_text_clear(scratch);
  if (c->format == NULL || !clade_cell_write(c, v, scratch)) return false;
  if (scratch->failed) view->failed = true;
  if (v.kind == CLADE_TEXT || c->type == CLADE_COLUMN_TIME)
    cl_view_table_add_text(view, clade_text_get(scratch), CL_TONE_PLAIN);
  else
    cl_view_table_add_right(view, clade_text_get(scratch));
  return true;
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

/* "adam:", "3. adam:" */
static void begin_group(struct cl_view_table *view, const struct clade_table *t, size_t group, bool number) {
  struct clade_text title = {0};
  struct clade_group g = clade_table_group(t, group);
  char buffer[CL_VIEW_NUMBER_MAX];
  if (number) clade_text_format(&title, "%zu. ", group + 1);
  if (g.key.kind == CLADE_ABSENT)
    clade_text_add(&title, "(none)");
  else if (clade_table_group_column(t).type == CLADE_COLUMN_TIME && g.key.kind == CLADE_INT)
    clade_text_add(&title, cl_view_time(g.key.as.integer, buffer));
  else
    cl_cli_add_value(&title, g.key);
  clade_text_add_char(&title, ':');
  if (title.failed) view->failed = true;
  cl_view_table_begin_group(view, clade_text_get(&title));
  clade_text_done(&title);
}

static void fill_view(struct cl_view_table *view, const struct clade_table *t, bool number_groups) {
  size_t columns = clade_table_columns(t), rows = clade_table_rows(t), group = 0;
  struct clade_text scratch = {0};
  for (size_t c = 0; c < columns; c++) {
    struct clade_column column = clade_table_column(t, c);
    cl_view_table_add_column(view, column.header, column.rank, CL_VIEW_AUTO);
  }
  for (size_t r = 0; r < rows; r++) {
    if (group < clade_table_groups(t) && clade_table_group(t, group).first == r)
      begin_group(view, t, group++, number_groups);
    for (size_t c = 0; c < columns; c++) {
      struct clade_column column = clade_table_column(t, c);
      struct clade_value v = clade_table_cell(t, r, c);
      if (!add_formatted(view, &column, v, &scratch)) add_cell(view, &column, v);
    }
  }
  clade_text_done(&scratch);
}

int cl_cli_write_table(struct cl_cli *cli, const struct clade_table *t, const char *noun,
                       const struct cl_cli_list_options *typed) {
  struct cl_view_table view = {.wide = typed->wide,
                               .text_most = (size_t)typed->max_width.value,
                               .has_precision = typed->precision.given,
                               .precision = (int)typed->precision.value};
  struct clade_text hidden = {0};
  int64_t rows = (int64_t)clade_table_rows(t), total = clade_table_total(t);
  fill_view(&view, t, typed->number_groups);
  cl_view_table_write(&view, &cli->out, &cli->text);
  if (clade_table_is_grouped(t)) clade_text_format(&cli->text, "total groups: %zu\n", clade_table_groups(t));
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

void cl_cli_add_json_member(struct clade_text *t, const char *name, double x) {
  clade_text_format(t, ", \"%s\": ", name);
  clade_text_add_json_number(t, x);
}

void cl_cli_add_json_interval(struct clade_text *t, double lo, double hi) {
  clade_text_add(t, ", \"interval\": ");
  if (isnan(lo)) {
    clade_text_add(t, "null");
    return;
  }
  clade_text_add_char(t, '[');
  clade_text_add_json_number(t, lo);
  clade_text_add(t, ", ");
  clade_text_add_json_number(t, hi);
  clade_text_add_char(t, ']');
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
  clade_text_add_json(t, c->renamed ? c->header : c->name);
  clade_text_add(t, ": ");
  if (c->type == CLADE_COLUMN_TIME)
    cl_cli_add_json_time(t, v.kind == CLADE_INT ? v.as.integer : -1);
  else
    cl_cli_add_json_value(t, v);
}

static const char *const group_names[] = {
    [CLADE_COLUMN_VALUE] = "values", [CLADE_COLUMN_METRIC] = "metrics", [CLADE_COLUMN_TAG] = "tags"};

/* "values": {…}: the cells of one kind that are not blank. */
static void add_json_group(struct clade_text *t, const struct clade_table *table, size_t row,
                           enum clade_column_kind kind) {
  bool first = true;
  clade_text_format(t, "\"%s\": {", group_names[kind]);
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
    if (!done[kind]) clade_text_format(t, ", \"%s\": {}", group_names[kind]);
  clade_text_add_char(t, '}');
}

/* What one cell of a file holds, unquoted. */
static void add_plain_cell(struct clade_text *t, const struct clade_column *c, struct clade_value v) {
  char buffer[CL_VIEW_NUMBER_MAX];
  if (clade_cell_write(c, v, t)) return;
  if (c->type == CLADE_COLUMN_TIME && v.kind == CLADE_INT)
    clade_text_add(t, cl_view_rfc3339(v.as.integer, buffer));
  else if (v.kind != CLADE_REAL || isfinite(v.as.real))
    cl_cli_add_value(t, v);
}

/* RFC 4180 knows commas; with tabs the same quoting keeps fields that hold one whole. */
static void add_field(struct clade_text *t, const char *text, bool tabs) {
  if (!tabs || strchr(text, '\t') == NULL || strpbrk(text, ",\"\r\n") != NULL) {
    clade_text_add_csv(t, text);
    return;
  }
  clade_text_add_char(t, '"');
  clade_text_add(t, text);
  clade_text_add_char(t, '"');
}

/* A hyperparameter and a metric of one name get their prefixes. */
static bool is_ambiguous(const struct clade_table *table, size_t column) {
  const char *name = clade_table_column(table, column).header;
  for (size_t c = 0; c < clade_table_columns(table); c++)
    if (c != column && strcmp(clade_table_column(table, c).header, name) == 0) return true;
  return false;
}

static void add_header_fields(struct clade_text *t, const struct clade_table *table, bool tabs) {
  static const char *const prefixes[] = {[CLADE_COLUMN_STANDARD] = "",
                                         [CLADE_COLUMN_VALUE] = "hparams.",
                                         [CLADE_COLUMN_METRIC] = "metrics.",
                                         [CLADE_COLUMN_TAG] = "tags."};
  struct clade_text name = {0};
  for (size_t c = 0; c < clade_table_columns(table); c++) {
    struct clade_column column = clade_table_column(table, c);
    clade_text_clear(&name);
    if (is_ambiguous(table, c) && !column.renamed) clade_text_add(&name, prefixes[column.kind]);
    clade_text_add(&name, column.header);
    if (c > 0) clade_text_add_char(t, tabs ? '\t' : ',');
    add_field(t, clade_text_get(&name), tabs);
  }
  clade_text_add(t, tabs ? "\n" : "\r\n");
  if (name.failed) t->failed = true;
  clade_text_done(&name);
}

static void add_row_fields(struct clade_text *t, const struct clade_table *table, size_t row, bool tabs,
                           struct clade_text *scratch) {
  for (size_t c = 0; c < clade_table_columns(table); c++) {
    struct clade_column column = clade_table_column(table, c);
    struct clade_value v = clade_table_cell(table, row, c);
    if (c > 0) clade_text_add_char(t, tabs ? '\t' : ',');
    clade_text_clear(scratch);
    add_plain_cell(scratch, &column, v);
    add_field(t, clade_text_get(scratch), tabs);
  }
  clade_text_add(t, tabs ? "\n" : "\r\n");
  if (scratch->failed) t->failed = true;
}

enum cl_cli_rows_form cl_cli_form_of(const char *path) {
  const char *ending = strrchr(path, '.');
  if (ending == NULL) return CL_ROWS_TSV;
  if (strcasecmp(ending, ".csv") == 0) return CL_ROWS_CSV;
  if (strcasecmp(ending, ".json") == 0) return CL_ROWS_JSON;
  return strcasecmp(ending, ".jsonl") == 0 ? CL_ROWS_LINES : CL_ROWS_TSV;
}

int cl_cli_write_rows(struct cl_cli *cli, const struct clade_table *t, enum cl_cli_rows_form form,
                      bool nested) {
  size_t rows = clade_table_rows(t);
  bool fields = form == CL_ROWS_CSV || form == CL_ROWS_TSV, tabs = form == CL_ROWS_TSV;
  struct clade_text scratch = {0};
  int status = 0;
  if (fields) add_header_fields(&cli->text, t, tabs);
  if (form == CL_ROWS_JSON) clade_text_add_char(&cli->text, '[');
  for (size_t r = 0; r < rows && status == 0; r++) {
    if (form == CL_ROWS_JSON) clade_text_add(&cli->text, r == 0 ? "\n" : ",\n");
    if (fields)
      add_row_fields(&cli->text, t, r, tabs, &scratch);
    else
      add_json_row(&cli->text, t, r, nested);
    if (form == CL_ROWS_LINES) clade_text_add_char(&cli->text, '\n');
    if (cli->text.length > FLUSH_ABOVE) status = cl_cli_flush(cli);
  }
  if (form == CL_ROWS_JSON) clade_text_add(&cli->text, rows == 0 ? "]\n" : "\n]\n");
  clade_text_done(&scratch);
  return status != 0 ? status : cl_cli_flush(cli);
}

int cl_cli_open_output(struct cl_cli *cli, const char *path) {
  if (path == NULL || freopen(path, "w", stdout) != NULL) return 0;
  return cl_cli_complain(cli, CL_EXIT_FAILED, "%s cannot be written: %s", path, strerror(errno));
}

/* "runs": "run". */
static const char *singular(const char *noun, char *buffer, size_t n) {
  size_t length = strlen(noun);
  assert(length > 1 && length < n && noun[length - 1] == 's');
  bool ies = length > 3 && strcmp(noun + length - 3, "ies") == 0;
  (void)snprintf(buffer, n, "%.*s%s", (int)(length - (ies ? 3 : 1)), noun, ies ? "y" : "");
  return buffer;
}

int cl_cli_put_table(struct cl_cli *cli, const struct cl_cli_list_options *typed, const struct clade_table *t,
                     const char *noun, bool nested) {
  char one[20];
  if (typed->export == NULL)
    return cli->json ? cl_cli_write_rows(cli, t, CL_ROWS_JSON, nested)
                     : cl_cli_write_table(cli, t, noun, typed);
  int status = cl_cli_open_output(cli, typed->export);
  if (status == 0) status = cl_cli_write_rows(cli, t, cl_cli_form_of(typed->export), nested);
  if (status == 0 && clade_table_rows(t) == 1)
    cl_cli_note(cli, "1 %s written to %s", singular(noun, one, sizeof one), typed->export);
  else if (status == 0)
    cl_cli_note(cli, "%zu %s written to %s", clade_table_rows(t), noun, typed->export);
  return status;
}
