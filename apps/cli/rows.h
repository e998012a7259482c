/* Tables of the library as text for people, JSON, JSON Lines and CSV. */
#ifndef CL_CLI_ROWS_H
#define CL_CLI_ROWS_H

#include "clade/query.h"
#include "cli/cli.h"

/* Options that every list has. */
struct cl_cli_list_options {
  struct cl_cli_list filters, columns, more, tags_any, tags_all;
  const char *sort, *states, *group, *export;
  bool reverse, all, json, wide, number_groups;
  struct cl_cli_integer first, last, precision, max_width;
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
  {CL_OPTION_TEXT, '\0', "status", offsetof(type, member.states), "STATES", \
   "only rows in these states, joined by commas: COMPLETE,FAILED"}, \
  {CL_OPTION_LIST, '\0', "tags-any", offsetof(type, member.tags_any), "TAGS", \
   "only rows with one of these tags: good,person=Ada"}, \
  {CL_OPTION_LIST, '\0', "tags-all", offsetof(type, member.tags_all), "TAGS", "only rows with all of these tags"}, \
  {CL_OPTION_LIST, '\0', "columns", offsetof(type, member.columns), "LIST", \
   "these columns, joined by commas: trial, hparams.lr, metrics.*, tags.good, lr=Rate:.5f"}, \
  {CL_OPTION_LIST, '\0', "add-columns", offsetof(type, member.more), "LIST", \
   "these columns beside the usual ones; one that is there gets the new header and format"}, \
  {CL_OPTION_TEXT, '\0', "group", offsetof(type, member.group), "COLUMN", \
   "a table for each value of this column"}, \
  {CL_OPTION_FLAG, '\0', "number-groups", offsetof(type, member.number_groups), NULL, "number the groups"}
#define CL_CLI_FILE_OPTIONS(type, member) \
  {CL_OPTION_TEXT, '\0', "export", offsetof(type, member.export), "FILE", \
   "write all rows to a file: .csv, .json, .jsonl, else parted by tabs"}, \
  {CL_OPTION_FLAG, '\0', "all", offsetof(type, member.all), NULL, \
   "every row (usual: all up to 100, else the last 100; with --json and --export all)"}, \
  {CL_OPTION_FLAG, '\0', "wide", offsetof(type, member.wide), NULL, \
   "neither leave out columns nor cut text to fit the terminal"}, \
  {CL_OPTION_INTEGER, '\0', "precision", offsetof(type, member.precision), "N", \
   "decimals of numbers that are not whole (usual: so many that the smallest shows two digits)", NULL, 0, 17}, \
  {CL_OPTION_INTEGER, '\0', "max-width", offsetof(type, member.max_width), "N", \
   "columns of a text (usual: 30)", NULL, 4, 10000}
/* clang-format on */

/* Turns the options into the library's, which borrow from them. `every`: all rows unless a limit was typed.
 * 0, or the exit status after a complaint. */
int cl_cli_list_make(const struct cl_cli *cli, const struct cl_cli_list_options *typed, bool every,
                     struct clade_list_options *ret);

/* As people read it, into cli->text, with the footer `total NOUN listed: N`; notes which columns were left
 * out. */
int cl_cli_write_table(struct cl_cli *cli, const struct clade_table *t, const char *noun,
                       const struct cl_cli_list_options *typed);

enum cl_cli_rows_form { CL_ROWS_JSON, CL_ROWS_LINES, CL_ROWS_CSV, CL_ROWS_TSV };
/* The form that the ending of a file's name stands for; tabs where it says nothing. */
enum cl_cli_rows_form cl_cli_form_of(const char *path);
/* For programs, into cli->text, flushed now and then. `nested`: hyperparameters stand in "values" and metrics
 * in "metrics", which are there even when empty. 0, or the exit status after a complaint. */
int cl_cli_write_rows(struct cl_cli *cli, const struct clade_table *t, enum cl_cli_rows_form form,
                      bool nested);

/* From here on stdout is this file. 0, or the exit status after a complaint. */
int cl_cli_open_output(struct cl_cli *cli, const char *path);

/* A table where it is to go: --export, --json, else for people. */
int cl_cli_put_table(struct cl_cli *cli, const struct cl_cli_list_options *typed, const struct clade_table *t,
                     const char *noun, bool nested);

/* A value as JSON, and as people read it. */
void cl_cli_add_json_value(struct clade_text *t, struct clade_value v);
void cl_cli_add_value(struct clade_text *t, struct clade_value v);

/* `, "mean": 0.25`: a further member of an object, null where x is no finite number. And
 * `, "interval": [0.2, 0.3]`, null where `lo` is NaN: there is none. */
void cl_cli_add_json_member(struct clade_text *t, const char *name, double x);
void cl_cli_add_json_interval(struct clade_text *t, double lo, double hi);

/* {"lr": 0.01, …} */
void cl_cli_add_json_values(struct clade_text *t, const struct clade_named_value *values, size_t n);
/* A time as JSON: "2026-…Z", or null for -1. */
void cl_cli_add_json_time(struct clade_text *t, int64_t wall_ms);

#endif
