/* Create studies and take part in them: what clade_run, clade_resume and their kin do. */
#ifndef CL_RUN_H
#define CL_RUN_H

#include "clade/run.h"
#include "query/confirm.h"
#include "store/store.h"

/* As clade_run and its kin, whose arguments have been checked (api/check.h): ranges, errors and what is given
 * stand in clade/run.h. *ret is empty to begin with. */
int cl_run(const struct clade_run_options *options, const struct clade_run_callbacks *callbacks,
           struct clade_run_result *ret, struct cl_err *e);
int cl_run_plan(const struct clade_run_options *options, const struct clade_run_callbacks *callbacks,
                struct clade_plan **ret, struct cl_err *e);
void cl_run_plan_free(struct clade_plan *plan);
int cl_run_once(const struct clade_run_options *options, const struct clade_run_callbacks *callbacks,
                int *ret_status, struct cl_err *e);

struct cl_repeat_plan;
struct cl_aside_plan { /* what to run in place of searching: winners to confirm, or one training again;
                          borrows */
  const struct cl_confirm_choice *confirm;
  const struct cl_confirm_plan *confirm_plan; /* null exactly when `confirm` is */
  const struct cl_repeat_plan *repeat;
};
/* `aside`: null to go on with the study. */
int cl_resume(const struct clade_resume_options *options, const struct cl_aside_plan *aside,
              const struct clade_run_callbacks *callbacks, struct clade_run_result *ret, struct cl_err *e);

/* The study of this name; null: the latest one that is not finished. CLADE_ENOTFOUND. */
int cl_run_choose_study(struct cl_store *store, const char *name, int64_t *ret, struct cl_err *e);

#endif
