/* Finds the options that a Python program declares with argparse, by looking at its text. */
#ifndef CL_INIT_PYTHON_H
#define CL_INIT_PYTHON_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"

enum cl_option_type { CL_OPTION_OTHER = 0, CL_OPTION_FLOAT, CL_OPTION_INT, CL_OPTION_CHOICE };

struct cl_python_option {
  const char *option; /* "--learning-rate" */
  const char *name;   /* "learning_rate" */
  enum cl_option_type type;
  bool has_standard;
  double standard;  /* the default of a number */
  const char *text; /* the default of a choice, as written without quotes; null if none */
  size_t n_choices;
  const char **choices;     /* literals without quotes */
  bool choices_are_numbers; /* none of them was in quotes */
};

struct cl_python_options {
  size_t n, cap;
  struct cl_python_option *items; /* from cl_alloc; texts from the arena */
};

/* Every add_argument("--name", …) in the order of the text. Calls that cannot be understood are left out.
 * CLADE_ENOMEM only. */
int cl_python_find(struct cl_arena *a, const char *text, struct cl_python_options *ret, struct cl_err *e);

#endif
