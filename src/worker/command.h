/* The environment a trainer is started with (contracts.md 1), and params.json. Pure functions of the settings
 * and the values; no files. Its arguments are made by spec/spec.h. */
#ifndef CL_COMMAND_H
#define CL_COMMAND_H

#include "model/study.h"

struct cl_words {
  char **items; /* ended by null */
  size_t n, capacity;
};
void cl_words_done(struct cl_words *w);

struct cl_command_place { /* texts borrow; null where there is none */
  const char *study;
  int64_t trial;
  int attempt, slot, slots;
  const char *directory, *checkpoints, *resume_from, *store, *socket, *token, *spec, *gpu;
  const char *search; /* the method, if the trial is one of a search */
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
