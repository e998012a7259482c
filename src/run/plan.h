/* From what a person typed to what a study will be: spec, settings, where the store is. Nothing is created
 * yet. */
#ifndef CL_PLAN_H
#define CL_PLAN_H

#include "clade/run.h"
#include "spec/spec.h"

struct cl_plan {
  struct cl_spec *spec;
  struct cl_spec_result result;
  struct cl_settings *settings;
  char *here;  /* absolute working directory */
  char *store; /* address; a path is absolute */
};

struct cl_plan_how {
  bool once;        /* a run with the tuned values is asked for */
  bool in_process;  /* no program is needed: trials are asked for */
  const char *text; /* the text of a spec, instead of options->spec … */
  const char *name; /* … and what stands for its file in messages, and names the study */
};

/* Fills *ret (done with cl_plan_done, also after a failure). `how` may be null. CLADE_ESPEC with a complaint
 * about a place, also for a target or a schedule that this version does not have; the errors of
 * cl_spec_resolve; CLADE_ENOMEM. */
int cl_plan_make(const struct clade_run_options *options, const struct cl_plan_how *how, struct cl_plan *ret,
                 struct cl_err *e);
void cl_plan_done(struct cl_plan *p);

/* Tuned values where they are given, else the middle of the range. `ret`: room for space->n; texts borrow. */
void cl_plan_tuned(const struct cl_space *space, struct cl_value *ret);

/* The run with the tuned values that the plan asks for, in the foreground; its values are put into the
 * environment of this process. *ret_status: exit status, or 128 + signal. CLADE_ESPAWN, CLADE_EIO,
 * CLADE_ENOMEM; the errors of cl_spec_dump and cl_spec_command. */
int cl_plan_run_once(const struct cl_plan *p, const struct clade_run_callbacks *callbacks, int *ret_status,
                     struct cl_err *e);

/* The address of the store: typed, CLADE_STORE, the spec's (all may be null), clade.db. Paths become
 * absolute, by `here`, which is. Gives; null without memory. */
char *cl_store_choose(const char *typed, const char *from_spec, const char *here);

/* Notes of the spec, to whoever listens. */
void cl_plan_tell(const struct cl_plan *p, const struct clade_run_callbacks *callbacks);
/* What only a person can judge is asked, where somebody can be asked; false = start nothing. */
bool cl_plan_ask(const struct cl_plan *p, const struct clade_run_callbacks *callbacks);

char *cl_working_directory(void); /* absolute; gives; null without memory */

#endif
