/* The handles behind include/clade/query.h. */
#ifndef CL_API_HANDLES_H
#define CL_API_HANDLES_H

#include "clade/query.h"
#include "query/address.h"
#include "query/table.h"
#include "query/trials.h"

struct clade_store {
  struct cl_store *store;
};

struct clade_reader {
  struct cl_store *store; /* kept */
  struct cl_reader *reader;
  struct cl_selection selection;
  const struct cl_study *study; /* of the last need: at least the study's own events */
  char *name;
};

struct clade_table {
  struct cl_table table;
};

/* 0, or CLADE_EINVAL: no such handle ("reader"), or no place for the answer, was given. */
int cl_api_check(const void *handle, const char *noun, const void *ret, struct cl_err *e);

/* The public form of a value; texts are the same. */
struct clade_value cl_api_value(struct cl_value v);
struct cl_value cl_api_inner_value(struct clade_value v); /* and back */

/* A value whose text the arena owns. CLADE_ENOMEM. */
int cl_api_keep_value(struct cl_arena *a, struct cl_value v, struct clade_value *ret, struct cl_err *e);
int cl_api_keep_text(struct cl_arena *a, const char *text, const char **ret, struct cl_err *e);

/* The active values of a trial, in the arena. */
int cl_api_values(struct cl_arena *a, const struct cl_study *study, const struct cl_trial *t,
                  const struct clade_named_value **ret, size_t *ret_n, struct cl_err *e);

/* The internal form of the options; CLADE_EINVAL for impossible ones. */
int cl_api_list_options(const struct clade_list_options *o, const struct cl_selection *selection,
                        struct cl_list_options *ret, struct cl_err *e);

/* Wall clock of a moment of the study; -1 stays -1. */
int64_t cl_api_wall_ms(const struct cl_study *study, int64_t ms);

#endif
