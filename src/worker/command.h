/* What a trainer is started with: its arguments and its environment (contracts.md 1 and 2). Pure functions of
 * the settings and the values; no files. */
#ifndef CL_COMMAND_H
#define CL_COMMAND_H

#include "model/study.h"

struct cl_words {
  char **items; /* ended by null */
  size_t n, capacity;
};
void cl_words_done(struct cl_words *w);

/* The program with {name} replaced by values, {spec} by the path of the resolved copy, {{ and }} by braces;
 * with values_to "after-script" `--name=value` for every active hyperparameter stands behind the script. An
 * inactive one is the empty text. `values`: space->n. Appends to *ret. CLADE_ESPEC: an unknown {name} (lists
 * the known ones), a brace that is not closed; CLADE_ENOMEM. */
int cl_command_arguments(const struct cl_settings *s, const struct cl_value *values, const char *spec,
                         struct cl_words *ret, struct cl_err *e);

/* Index in the program of the first argument behind the script: `python -u train.py --x` gives 3, `./train
 * --x` 1. */
size_t cl_command_script_end(const char *const *program, size_t n);

struct cl_command_place { /* texts borrow; null where there is none */
  const char *study;
  int64_t trial;
  int attempt, slot, slots;
  const char *directory, *checkpoints, *resume_from, *store, *socket, *token, *spec, *gpu;
  uint64_t seed;
  double reconnect_s;
  bool final;
};
/* `base` (ended by null; environ) without its CLADE_ variables, and with the trial's. Appends to *ret.
 * CLADE_ESPEC when two hyperparameters have the same name as a variable; CLADE_ENOMEM. */
int cl_command_environment(const struct cl_settings *s, const struct cl_value *values,
                           const struct cl_command_place *place, char *const *base, struct cl_words *ret,
                           struct cl_err *e);

/* The active values as a JSON object, in the order of the space: params.json. */
void cl_command_params(const struct cl_settings *s, const struct cl_value *values, struct cl_text *ret);

#endif
