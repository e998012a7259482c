/* The public face of running: checks what the caller gave and forwards. */
#include <string.h>

#include "clade/run.h"
#include "model/settings.h"
#include "run/run.h"
#include "worker/keeper.h"
#include "worker/worker.h"

int clade_keeper_main(int argc, char **argv) {
  return argc > 1 && strcmp(argv[1], CL_KEEPER_WORD) == 0 ? cl_keeper_main(argc, argv) : -1;
}

static int check_slots(int parallel, struct cl_err *e) {
  if (parallel >= 0 && parallel <= CL_WORKER_SLOTS_MAX) return 0;
  return CL_FAIL(e, CLADE_EINVAL, "parallel is %d, but must be between 1 and %d", parallel,
                 CL_WORKER_SLOTS_MAX);
}

static int check_run(const struct clade_run_options *o, struct cl_err *e) {
  if (o == NULL) return CL_FAIL(e, CLADE_EINVAL, "no options were given");
  if (o->trials < 0 || o->trials > CL_TRIALS_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "trials is %lld, but must be between 1 and %lld", (long long)o->trials,
                   (long long)CL_TRIALS_MAX);
  if (o->minimize != NULL && o->maximize != NULL)
    return CL_FAIL(e, CLADE_EINVAL,
                   "both --minimize %s and --maximize %s were given: a search has one objective here; "
                   "list several under `metric:` of a spec",
                   o->minimize, o->maximize);
  return check_slots(o->parallel, e);
}

int clade_run(const struct clade_run_options *options, const struct clade_run_callbacks *callbacks,
              struct clade_run_result *ret, struct cl_err *e) {
  CL_TRY(check_run(options, e));
  memset(ret, 0, sizeof *ret);
  ret->reason = "";
  return cl_run(options, callbacks, ret, e);
}

int clade_run_plan(const struct clade_run_options *options, const struct clade_run_callbacks *callbacks,
                   char **ret_settings, struct cl_err *e) {
  CL_TRY(check_run(options, e));
  return cl_run_plan(options, callbacks, ret_settings, e);
}

int clade_run_once(const struct clade_run_options *options, const struct clade_run_callbacks *callbacks,
                   int *ret_status, struct cl_err *e) {
  CL_TRY(check_run(options, e));
  return cl_run_once(options, callbacks, ret_status, e);
}

int clade_resume(const struct clade_resume_options *options, const struct clade_run_callbacks *callbacks,
                 struct clade_run_result *ret, struct cl_err *e) {
  if (options == NULL) return CL_FAIL(e, CLADE_EINVAL, "no options were given");
  CL_TRY(check_slots(options->parallel, e));
  memset(ret, 0, sizeof *ret);
  ret->reason = "";
  return cl_resume(options, callbacks, ret, e);
}
