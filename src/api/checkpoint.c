/* Handing out the state of a trial: a copy that is whole, or none at all. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/handles.h"
#include "base/alloc.h"
#include "base/file.h"
#include "worker/attempt.h"
#include "worker/state.h"

/* The state that the trial would go on from, as it is on disk. */
static int find_state(const struct cl_study *s, int64_t trial, const struct cl_snapshot **ret,
                      struct cl_err *e) {
  const struct cl_trial *t = cl_study_trial(s, trial);
  if (t == NULL) return CL_FAIL(e, CLADE_ENOTFOUND, "trial %lld does not exist", (long long)trial);
  const struct cl_snapshot *n = cl_study_snapshot(s, cl_trial_resume_from(s, t));
  bool in_memory = n != NULL && n->way == CL_WAY_REGION;
  if (in_memory) n = cl_study_copy(s, n);
  if (n == NULL && in_memory)
    return CL_FAIL(
        e, CLADE_EBUSY,
        "the newest state of trial %lld is still in its worker's memory: try again when its copy on "
        "disk has been written",
        (long long)trial);
  if (n != NULL && n->way == CL_WAY_FORK)
    return CL_FAIL(
        e, CLADE_EIO,
        "the newest state of trial %lld is a process that was forked: it has no files to be copied",
        (long long)trial);
  if (n == NULL || n->path == NULL)
    return CL_FAIL(
        e, CLADE_EIO,
        "trial %lld has no saved state: its program cannot save, or was never asked to (a schedule "
        "asks, and a pause)",
        (long long)trial);
  assert(n->trial >= 1 && cl_snapshot_is_durable(n));
  *ret = n;
  return 0;
}

static int check_source(const struct cl_snapshot *n, const char *path, struct cl_err *e) {
  if (cl_path_exists(path)) return 0;
  return CL_FAIL(e, CLADE_EIO, "the state of trial %lld at step %g is not here: it was saved on %s as '%s'",
                 (long long)n->trial, n->step, n->host == NULL ? "another machine" : n->host, path);
}

/* Copied beside, compared with what was saved, synced, renamed. */
static int hand_out(const struct cl_snapshot *n, const char *from, const char *to, struct cl_err *e) {
  char draft[4096], hash[33] = "";
  int64_t bytes = 0;
  if (cl_path_exists(to))
    return CL_FAIL(e, CLADE_EEXISTS, "'%s' exists already: name a directory that does not", to);
  if ((size_t)snprintf(draft, sizeof draft, "%s.part", to) >= sizeof draft)
    return CL_FAIL(e, CLADE_EINVAL, "the path '%.100s…' is too long", to);
  CL_TRY(cl_dir_remove(draft, e));
  CL_TRY(cl_dir_copy(from, draft, e));
  int status = cl_state_measure(draft, &bytes, hash, e);
  assert(status != 0 || (bytes >= 0 && strlen(hash) == sizeof hash - 1));
  if (status == 0 && n->hash != NULL && strcmp(n->hash, hash) != 0)
    status =
        CL_FAIL(e, CLADE_ECORRUPT,
                "the state in '%s' is not what trial %lld saved there at step %g: somebody has changed it",
                from, (long long)n->trial, n->step);
  if (status == 0 && rename(draft, to) < 0)
    status = CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot rename '%s' to '%s': %s", draft, to, strerror(errno));
  if (status < 0) (void)cl_dir_remove(draft, NULL);
  return status;
}

int clade_checkpoint_copy(struct clade_reader *reader, int64_t trial, const char *directory,
                          struct clade_checkpoint *ret, struct cl_err *e) {
  const struct cl_study *s = NULL;
  const struct cl_snapshot *n = NULL;
  CL_TRY(cl_api_check(reader, "reader", ret, e));
  if (directory == NULL || directory[0] == '\0')
    return CL_FAIL(e, CLADE_EINVAL, "a directory must be named for the checkpoint");
  CL_TRY(cl_reader_need(reader->reader, 0, 0, &s, e));
  CL_TRY(find_state(s, trial, &n, e));
  assert(n->usable);
  char *from = cl_attempt_path(s, 0, 0, n->path);
  int status = from == NULL ? CL_FAIL_NOMEM(e) : check_source(n, from, e);
  if (status == 0) status = hand_out(n, from, directory, e);
  cl_free(from);
  if (status < 0) return status;
  *ret = (struct clade_checkpoint){.trial = n->trial,
                                   .step = n->step,
                                   .score = n->rollup.count == 0 ? (double)NAN : n->rollup.last,
                                   .bytes = n->bytes};
  return 0;
}
