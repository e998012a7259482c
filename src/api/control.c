/* Steering and updating studies: checks what the caller gave and forwards. */
#include "run/control.h"
#include "base/err.h"
#include "clade/command.h"
#include "worker/worker.h"

static int check(const char *store, const char *address, struct cl_err *e) {
  if (store == NULL) return CL_FAIL(e, CLADE_EINVAL, "no store was given");
  if (address == NULL || address[0] == '\0')
    return CL_FAIL(e, CLADE_EINVAL, "name the study, or trials of it (STUDY/3, STUDY/3,7-9)");
  return 0;
}

int clade_stop(const char *store, const char *address, const struct clade_stop_options *options,
               struct clade_steered **ret, struct cl_err *e) {
  CL_TRY(check(store, address, e));
  return cl_control_stop(store, address, options, ret, e);
}

int clade_pause(const char *store, const char *address, const struct clade_pause_options *options,
                struct clade_steered **ret, struct cl_err *e) {
  CL_TRY(check(store, address, e));
  return cl_control_pause(store, address, options, ret, e);
}

int clade_continue(const char *store, const char *address, struct clade_steered **ret, struct cl_err *e) {
  CL_TRY(check(store, address == NULL ? "latest" : address, e));
  return cl_control_continue(store, address, ret, e);
}

void clade_steered_free(struct clade_steered *s) {
  cl_control_free(s);
}

int clade_update(const char *store, const char *study, const struct clade_update_options *options,
                 struct clade_updated **ret, struct cl_err *e) {
  CL_TRY(check(store, study, e));
  if (options == NULL || (options->trials == 0 && options->parallel == 0 && options->space == NULL))
    return CL_FAIL(e, CLADE_EINVAL, "nothing to change was named: trials, parallel or space");
  if (options->trials < 0 || options->trials > CL_TRIALS_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "trials cannot be %lld: a study has 1 to %lld",
                   (long long)options->trials, (long long)CL_TRIALS_MAX);
  if (options->parallel < 0 || options->parallel > CL_WORKER_SLOTS_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "parallel cannot be %d: an engine has 1 to %d slots", options->parallel,
                   CL_WORKER_SLOTS_MAX);
  return cl_control_update(store, study, options, ret, e);
}

void clade_updated_free(struct clade_updated *u) {
  cl_control_updated_free(u);
}
