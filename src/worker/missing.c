/* States that are gone: somebody has deleted a checkpoint, or the disk that it was on. Found before a process
 * is started from it or told to load it; then the exploit that gave it is voided, and the snapshot is given
 * to nobody any more. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "worker/buffers.h"
#include "worker/worker_impl.h"

int cl_snapshot_look(const struct cl_worker *w, const struct cl_snapshot *n, bool *ret_gone,
                     struct cl_err *e) {
  *ret_gone = false;
  if (n == NULL || n->path == NULL) return 0;
  if (n->way == CL_WAY_FORK) *ret_gone = cl_twins_find(w, n) == CLADE_EMPTY;
  if (n->way == CL_WAY_REGION)
    *ret_gone =
        cl_buffers_find(w, n) == NULL && cl_study_copy(w->study, n) == NULL && !cl_buffers_may_come(w, n);
  if (n->way != CL_WAY_DIRECTORY || (n->host != NULL && strcmp(n->host, w->host) != 0)) return 0;
  char *path = cl_attempt_path(w->study, 0, 0, n->path);
  if (path == NULL) return CL_FAIL_NOMEM(e);
  *ret_gone = !cl_path_exists(path);
  cl_free(path);
  return 0;
}

static void say_gone(struct cl_worker *w, int64_t trial, const struct cl_snapshot *n) {
  char number[CL_NUMBER_TEXT];
  cl_worker_say(w, trial, "the state of trial %lld at step %s is gone (%s): it is not used any more",
                (long long)n->trial, cl_number_text(n->step, number), n->path);
}

int cl_snapshot_put_gone(struct cl_worker *w, int64_t trial, const struct cl_snapshot *n, struct cl_err *e) {
  char args[120];
  (void)snprintf(args, sizeof args, "{\"change\": 0, \"snapshot\": %lld}", (long long)n->position);
  struct cl_event ev = {
      .kind = CL_EVENT_DELETED, .subject = n->trial, .cause = CL_CAUSE_MISSING, .args = args};
  ev.u.deleted.snapshot = n->position;
  say_gone(w, trial, n);
  return cl_worker_put(w, &ev, NULL, NULL, e);
}

/* The exploit that a waiting trial is to begin with. */
static int put_void(struct cl_worker *w, const struct cl_trial *t, const struct cl_snapshot *n,
                    struct cl_err *e) {
  char args[120];
  int64_t change = t->head.load > 0 ? t->head.load : -t->head.load;
  assert(change != 0);
  (void)snprintf(args, sizeof args, "{\"change\": %lld, \"snapshot\": %lld}", (long long)change,
                 (long long)n->position);
  struct cl_event ev = {
      .kind = CL_EVENT_VOIDED, .subject = t->number, .cause = CL_CAUSE_MISSING, .args = args};
  ev.u.voided.change = change;
  return cl_worker_put(w, &ev, NULL, NULL, e);
}

int cl_worker_check_source(struct cl_worker *w, const struct cl_trial *t, bool *ret_gone, struct cl_err *e) {
  const struct cl_snapshot *n = cl_study_snapshot(w->study, cl_trial_resume_from(w->study, t));
  CL_TRY(cl_snapshot_look(w, n, ret_gone, e));
  if (!*ret_gone) return 0;
  bool exploited = t->head.load != 0 && n->position == cl_trial_donor(t);
  if (!exploited && t->head.source == n->position) { /* it was born of it, and has nothing else */
    cl_worker_back_off(w, t->number, "the state that it was to begin from is gone");
    return 0;
  }
  if (exploited) CL_TRY(put_void(w, t, n, e));
  if (n->pins > exploited) return 0; /* others are to begin from it, and find it gone: the last one says so */
  return cl_snapshot_put_gone(w, t->number, n, e);
}
