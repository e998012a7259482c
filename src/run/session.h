/* A process that takes part in a study: store, log, engine and worker on one loop, until the study is over or
 * a signal asks to leave. */
#ifndef CL_RUN_SESSION_H
#define CL_RUN_SESSION_H

#include "clade/run.h"
#include "query/confirm.h"
#include "run/repeat.h"
#include "store/log.h"

struct cl_session_options {
  const char *address; /* of the store */
  int64_t study;       /* its id there */
  bool sync_full;
  int slots; /* 0 = the study's `parallel`, and as many as an update makes of it */
  int n_gpus;
  const char *const *gpus;
  const char
      *provenance; /* JSON, where the code may be another one than the study was created with; or null */
  double grace_s;  /* 0 = the study's */
  const struct clade_run_callbacks *callbacks; /* may be null */
  /* Confirm winners in place of searching: no engine decides, and trials of other roles are left alone. */
  const struct cl_confirm_choice *confirm; /* null: search; the two borrow */
  const struct cl_confirm_plan *confirm_plan;
  const struct cl_repeat_plan *repeat; /* not null: run this again in place of searching; borrows. A replay
                                          study does so by itself */
};

/* Run it to its end. Blocks. Fills *ret, as far as it came also on failure. CLADE_ENOTFOUND: no such study;
 * CLADE_EIO: too few files may be open, or a loop, a socket or a directory failed; CLADE_ESPAWN: the keeper
 * did not start; CLADE_ENEWER; CLADE_ESPEC: its method does not suit its space; errors of stores, of
 * cl_confirmer_create and of cl_repeater_create; CLADE_ENOMEM. */
int cl_session_run(const struct cl_session_options *options, struct clade_run_result *ret, struct cl_err *e);

#endif
