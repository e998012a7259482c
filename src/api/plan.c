/* The public face of what comes before a study: plans, single runs, first specs. Checks and forwards. */
#include <assert.h>

#include "api/check.h"
#include "base/err.h"
#include "base/text.h"
#include "model/settings.h"
#include "run/run.h"
#include "spec/spec.h"
#include "worker/worker.h"

int cl_check_slots(int parallel, struct cl_err *e) {
  if (parallel >= 0 && parallel <= CL_WORKER_SLOTS_MAX) return 0;
  return CL_FAIL(e, CLADE_EINVAL, "parallel is %d, but must be between 1 and %d", parallel,
                 CL_WORKER_SLOTS_MAX);
}

int cl_check_run(const struct clade_run_options *o, struct cl_err *e) {
  if (o == NULL) return CL_FAIL(e, CLADE_EINVAL, "no options were given");
  if (o->trials < 0 || o->trials > CL_TRIALS_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "trials is %lld, but must be between 1 and %lld", (long long)o->trials,
                   (long long)CL_TRIALS_MAX);
  if (o->minimize != NULL && o->maximize != NULL)
    return CL_FAIL(e, CLADE_EINVAL,
                   "both --minimize %s and --maximize %s were given: a search has one objective here; "
                   "list several under `metric:` of a spec",
                   o->minimize, o->maximize);
  return cl_check_slots(o->parallel, e);
}

int clade_run_plan(const struct clade_run_options *options, const struct clade_run_callbacks *callbacks,
                   struct clade_plan **ret, struct cl_err *e) {
  CL_TRY(cl_check_run(options, e));
  if (ret == NULL) return CL_FAIL(e, CLADE_EINVAL, "there is no place for the plan");
  return cl_run_plan(options, callbacks, ret, e);
}

void clade_plan_free(struct clade_plan *plan) {
  cl_run_plan_free(plan);
}

int clade_run_once(const struct clade_run_options *options, const struct clade_run_callbacks *callbacks,
                   int *ret_status, struct cl_err *e) {
  CL_TRY(cl_check_run(options, e));
  if (ret_status == NULL) return CL_FAIL(e, CLADE_EINVAL, "there is no place for the exit status");
  return cl_run_once(options, callbacks, ret_status, e);
}

int clade_spec_init(const char *program, char **ret, struct cl_err *e) {
  struct cl_text text = {0};
  if (program == NULL) return CL_FAIL(e, CLADE_EINVAL, "no program was given");
  if (ret == NULL) return CL_FAIL(e, CLADE_EINVAL, "there is no place for the spec");
  int status = cl_spec_init(program, &text, e);
  char *taken = status < 0 ? NULL : cl_text_take(&text);
  cl_text_done(&text);
  if (status < 0) return status;
  if (taken == NULL) return CL_FAIL_NOMEM(e);
  assert(taken[0] != '\0');
  *ret = taken;
  return 0;
}
