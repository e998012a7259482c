/* The values of a trainer's hyperparameters by name, and where each comes from: the study, else the command
 * line, else the environment, else the program's default. Knows nothing of connections. */
#ifndef CL_TRAINER_VALUES_H
#define CL_TRAINER_VALUES_H

#include "wire/message.h"

struct cl_trainer_value {
  char *name;
  struct cl_wire_value study, own; /* texts are owned; `own` is what there is without a study */
  char *own_text;                  /* as it was written; null = no such value */
  char *shown;                     /* the value in force as text, made when it is asked for */
  bool has_study, has_default;
  bool given; /* `own` comes from the command line or the environment */
  bool changed;
};

struct cl_trainer_values {
  int argc; /* keeps argv */
  char **argv;
  struct cl_trainer_value *items;
  size_t n, capacity;
};

void cl_trainer_values_done(struct cl_trainer_values *v);

/* The last `--name=value` or `--name value` of the command line, "true" for a bare `--name`, null if there is
 * none. Borrowed from argv. */
const char *cl_trainer_argument(const struct cl_trainer_values *v, const char *name);

/* Look a name up; the command line and the environment are searched the first time. *ret is null where nobody
 * gives a value. CLADE_ENOMEM, CLADE_EINVAL for a name that is empty or too long. */
int cl_trainer_value_find(struct cl_trainer_values *v, const char *name, struct cl_trainer_value **ret,
                          struct cl_err *e);

/* The program's default; the text is copied. Errors as above. */
int cl_trainer_value_default(struct cl_trainer_values *v, const char *name, const char *text,
                             struct cl_err *e);

/* What the study says; `changed` is set where that differs from the value in force. CLADE_ENOMEM leaves the
 * value as it was. */
int cl_trainer_value_set(struct cl_trainer_values *v, const struct cl_wire_pair *pair, struct cl_err *e);

/* Forget which values changed. */
void cl_trainer_values_settle(struct cl_trainer_values *v);

/* The value in force, read as a type; CLADE_EINVAL naming name and value when it is of another one. */
int cl_trainer_value_float(const struct cl_trainer_value *v, double *ret, struct cl_err *e);
int cl_trainer_value_int(const struct cl_trainer_value *v, int64_t *ret, struct cl_err *e);
int cl_trainer_value_bool(const struct cl_trainer_value *v, bool *ret, struct cl_err *e);
int cl_trainer_value_text(struct cl_trainer_value *v, const char **ret, struct cl_err *e);

/* The error for a name without a value; lists those that have one. */
int cl_trainer_value_unknown(const struct cl_trainer_values *v, const char *name, struct cl_err *e);

#endif
