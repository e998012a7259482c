/* What the tests of this room share: the tests' own command line, files, and a result that frees itself. */
#ifndef HELP_SPEC_H
#define HELP_SPEC_H

#include "base/arena.h"
#include "spec/spec.h"

/* Directory of the test's data (from the environment variable CLADE_SPEC_DATA). */
const char *help_data(void);

/* "--trials 5 --set a=b --minimize loss --once -- python train.py" split like a shell. */
struct help_options {
  struct cl_arena arena;
  struct cl_spec_overrides o;
  struct cl_objective objectives[2];
  const char *set[20];
};
void help_options_read(struct help_options *h, const char *line);
void help_options_done(struct help_options *h);

/* A spec of this text (or, when the options name a program and the text is empty, a command line), resolved.
 * Returns the status; on success *ret and, if not null, *ret_settings are given. */
int help_resolve(const char *text, struct help_options *h, struct cl_spec_result *ret,
                 struct cl_settings **ret_settings, struct cl_err *e);

/* Short: fails the test unless the text resolves and its settings parse. Free with cl_settings_destroy. */
struct cl_settings *help_settings(const char *text, const char *options);

/* The hyperparameter of that name; fails the test if there is none. */
const struct cl_hyperparameter *help_find(const struct cl_settings *s, const char *name);

#endif
