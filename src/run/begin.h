/* Begin a study: the event `created` made of a plan, and the history that it continues. */
#ifndef CL_BEGIN_H
#define CL_BEGIN_H

#include "run/plan.h"
#include "store/store.h"

struct cl_begin {
  bool again;                                  /* the name is taken: use NAME-2, NAME-3 … */
  bool reuse;                                  /* the name is taken: that study it is */
  const struct clade_run_callbacks *callbacks; /* for notes; may be null */
  const char *file;                            /* of the spec, for a note; may be null */
};

/* CLADE_EEXISTS when the name is taken (the sentence says what to do); the errors of cl_history_import: then
 * the study is there, without all of its history, and without any trial; CLADE_EIO, CLADE_ENOMEM. */
int cl_study_begin(struct cl_store *store, const struct cl_plan *plan, const struct cl_begin *how,
                   int64_t *ret_study, struct cl_err *e);

#endif
