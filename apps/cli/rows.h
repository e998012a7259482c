/* Tables of the library as text for people, JSON, JSON Lines and CSV. */
#ifndef CL_CLI_ROWS_H
#define CL_CLI_ROWS_H

#include "clade/query.h"
#include "cli/cli.h"

/* Options that every list has. */
struct cl_cli_list_options {
  struct cl_cli_list filters, columns, more;
  const char *sort;
  bool reverse, all, json, wide;
  struct cl_cli_integer first, last;
};
/* clang-format off */
#define CL_CLI_LIMIT_OPTIONS(type, member) \
  {CL_OPTION_TEXT, '\0', "sort", offsetof(type, member.sort), "COLUMN", \
   "order by a column, ascending; `best` puts the best last whatever the goal"}, \
  {CL_OPTION_FLAG, '\0', "reverse", offsetof(type, member.reverse), NULL, "turn the order round"}, \
  {CL_OPTION_INTEGER, '\0', "last", offsetof(type, member.last), "N", "only the last N rows", NULL, 0, 1e15}, \
  {CL_OPTION_INTEGER, '\0', "first", offsetof(type, member.first), "N", "only the first N rows", NULL, 0, 1e15}
#define CL_CLI_COLUMN_OPTIONS(type, member) \
  {CL_OPTION_LIST, '\0', "filter", offsetof(type, member.filters), "CONDITION", \
   "only rows for which it holds: lr<0.01, state=COMPLETE, 'metrics.loss <= 0.2 and opt = adam'; may be repeated"}, \
  {CL_OPTION_LIST, '\0', "columns", offsetof(type, member.columns), "LIST", \
   "these columns, joined by commas: trial, hparams.lr, metrics.*, lr=Rate:.5f"}, \
  {CL_OPTION_LIST, '\0', "add-columns", offsetof(type, member.more), "LIST", "these columns beside the usual ones"}
/* clang-format on */

/* Turns the options into the library's. `json`: every row and the contract's columns unless something was
 * typed. The lists of columns are split at commas; free with cl_cli_query_done. 0, or the exit status after a
 * complaint. */
struct cl_cli_query {
  struct clade_list_options options;
  const char **columns, **more;
  char *split; /* the texts of both */
};
int cl_cli_query_make(const struct cl_cli *cli, const struct cl_cli_list_options *typed, bool json,
                      struct cl_cli_query *ret);
void cl_cli_query_done(struct cl_cli_query *q);

/* As people read it, into cli->text, with the footer `total NOUN listed: N`; notes which columns were left
 * out. */
int cl_cli_write_table(struct cl_cli *cli, const struct clade_table *t, const char *noun, bool wide);

enum cl_cli_rows_form { CL_ROWS_JSON, CL_ROWS_LINES, CL_ROWS_CSV };
/* For programs, into cli->text, flushed now and then. `nested`: hyperparameters stand in "values" and metrics
 * in "metrics", which are there even when empty. 0, or the exit status after a complaint. */
int cl_cli_write_rows(struct cl_cli *cli, const struct clade_table *t, enum cl_cli_rows_form form,
                      bool nested);

/* A value as JSON, and as people read it. */
void cl_cli_add_json_value(struct clade_text *t, struct clade_value v);
void cl_cli_add_value(struct clade_text *t, struct clade_value v);

/* {"lr": 0.01, …} */
void cl_cli_add_json_values(struct clade_text *t, const struct clade_named_value *values, size_t n);
/* A time as JSON: "2026-…Z", or null for -1. */
void cl_cli_add_json_time(struct clade_text *t, int64_t wall_ms);

#endif
