/* Blocks of "name  value" lines, two columns to the right; long lines are the terminal's to wrap. */
#ifndef CL_CLI_PAIRS_H
#define CL_CLI_PAIRS_H

#include "clade/query.h"
#include "cli/cli.h"
#include "view/table.h"

struct cl_cli_pairs {
  struct cl_view_table table;
};
void cl_cli_pairs_init(struct cl_cli_pairs *p);
void cl_cli_pairs_add(struct cl_cli_pairs *p, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void cl_cli_pairs_add_value(struct cl_cli_pairs *p, const char *name, struct clade_value v);
/* Write into cli->text and free. */
void cl_cli_pairs_write(struct cl_cli *cli, struct cl_cli_pairs *p);

/* A heading on its own line, after an empty one. */
void cl_cli_write_heading(struct cl_cli *cli, const char *heading);

/* A curve as wide as the terminal (80 in a pipe, at most 100), after an empty line; nothing with less than
 * two points. */
void cl_cli_write_curve(struct cl_cli *cli, const struct clade_curve *curve, const char *title,
                        const char *x_label, bool steps);

#endif
