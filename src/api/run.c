/* The public face of running: checks what the caller gave and forwards. */
#include <string.h>

#include "api/check.h"
#include "base/err.h"
#include "clade/run.h"
#include "run/replay.h"
#include "run/run.h"
#include "worker/keeper.h"

int clade_keeper_main(int argc, char **argv) {
  return argc > 1 && strcmp(argv[1], CL_KEEPER_WORD) == 0 ? cl_keeper_main(argc, argv) : -1;
}

/* Empty, so that it can be looked at whatever happens. */
static int begin_result(struct clade_run_result *ret, struct cl_err *e) {
  if (ret == NULL) return CL_FAIL(e, CLADE_EINVAL, "there is no place for the result");
  *ret = (struct clade_run_result){.reason = ""};
  return 0;
}

int clade_run(const struct clade_run_options *options, const struct clade_run_callbacks *callbacks,
              struct clade_run_result *ret, struct cl_err *e) {
  CL_TRY(cl_check_run(options, e));
  CL_TRY(begin_result(ret, e));
  return cl_run(options, callbacks, ret, e);
}

int clade_resume(const struct clade_resume_options *options, const struct clade_run_callbacks *callbacks,
                 struct clade_run_result *ret, struct cl_err *e) {
  if (options == NULL) return CL_FAIL(e, CLADE_EINVAL, "no options were given");
  CL_TRY(cl_check_slots(options->parallel, e));
  CL_TRY(begin_result(ret, e));
  return cl_resume(options, NULL, callbacks, ret, e);
}

int clade_confirm(const struct clade_resume_options *engine, const struct clade_confirm_options *what,
                  const struct clade_run_callbacks *callbacks, struct clade_run_result *ret,
                  struct cl_err *e) {
  if (engine == NULL || what == NULL) return CL_FAIL(e, CLADE_EINVAL, "no options were given");
  if (engine->study == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "name the study whose winners are to be confirmed");
  if (what->top < 0 || what->n_trials < 0)
    return CL_FAIL(e, CLADE_EINVAL, "%d configurations cannot be confirmed: between 1 and %d can",
                   what->top < 0 ? what->top : what->n_trials, CL_CONFIRM_TOP_MAX);
  CL_TRY(cl_check_slots(engine->parallel, e));
  struct cl_confirm_choice choice = {
      .top = (size_t)what->top, .n_trials = (size_t)what->n_trials, .trials = what->trials};
  struct cl_confirm_plan plan = {.repeats = what->repeats, .total = what->total};
  CL_TRY(begin_result(ret, e));
  return cl_resume(engine, &(struct cl_aside_plan){.confirm = &choice, .confirm_plan = &plan}, callbacks, ret,
                   e);
}

int clade_replay(const struct clade_run_options *options, const struct clade_replay_options *what,
                 const struct clade_run_callbacks *callbacks, struct clade_run_result *ret,
                 struct cl_err *e) {
  static const struct clade_run_options usual = {0};
  if (what == NULL || what->schedule == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "say which schedule to replay: a file, or STUDY/TRIAL");
  if (what->seeds < 0 || what->seeds > CL_REPLAY_SEEDS_MAX)
    return CL_FAIL(e, CLADE_EINVAL,
                   "%lld runs are not possible: between 1 and %d are, or 0 for one with its own seed",
                   (long long)what->seeds, CL_REPLAY_SEEDS_MAX);
  if (options == NULL) options = &usual;
  CL_TRY(cl_check_slots(options->parallel, e));
  CL_TRY(begin_result(ret, e));
  return cl_replay(options, what, callbacks, ret, e);
}

int clade_assess(const struct clade_resume_options *engine, int64_t trial,
                 const struct clade_run_callbacks *callbacks, struct clade_run_result *ret,
                 struct cl_err *e) {
  if (engine == NULL || engine->study == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "name the study whose winner is to be assessed");
  if (trial < 0)
    return CL_FAIL(e, CLADE_EINVAL, "trials are numbered from 1; %lld is none", (long long)trial);
  CL_TRY(cl_check_slots(engine->parallel, e));
  CL_TRY(begin_result(ret, e));
  return cl_assess(engine, trial, callbacks, ret, e);
}
