/* What trials report, in a file of each attempt that TensorBoard reads (`log_to_tensorboard` of a runspec).
 * The log is what counts: a report that was recorded just before its engine was killed can be missing in the
 * file. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "worker/tensorboard.h"
#include "worker/worker_impl.h"

static int64_t whole_step(double step) {
  double limit = 9007199254740992; /* 2^53 */
  return (int64_t)floor(fmin(fmax(step, -limit), limit));
}

static void write_records(const struct cl_study *s, const struct cl_event *ev, bool first,
                          struct cl_text *ret) {
  double now = (double)cl_clock_wall_ms() * 1e-3;
  assert(ev->kind == CL_EVENT_REPORTED);
  if (first) cl_tensorboard_begin(ret, now);
  for (int i = 0; i < ev->u.reported.metrics.n; i++) {
    const struct cl_metric *m = &ev->u.reported.metrics.items[i];
    const char *name = m->name != NULL ? m->name : cl_study_metric_name(s, m->id);
    if (name != NULL) cl_tensorboard_scalar(ret, now, whole_step(ev->u.reported.step), name, m->value);
  }
}

/* 0 or the cause. */
static int append(const struct cl_study *s, const struct cl_event *ev, const char *path) {
  struct cl_text records = {0};
  struct stat info;
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  bool failed = fd < 0 || fstat(fd, &info) < 0;
  if (!failed) {
    write_records(s, ev, info.st_size == 0, &records);
    if (records.failed) errno = ENOMEM;
    failed = records.failed || write(fd, cl_text_get(&records), records.length) != (ssize_t)records.length;
  }
  int cause = failed ? errno : 0;
  if (fd >= 0) (void)close(fd);
  cl_text_done(&records);
  return cause;
}

void cl_attempt_chart(struct cl_attempt *a, const struct cl_event *ev) {
  const struct cl_study *s = a->worker->study;
  if (ev->kind != CL_EVENT_REPORTED || ev->late || ev->attempt != a->number || a->uncharted ||
      !cl_study_settings(s)->tensorboard)
    return;
  char *path = cl_attempt_path(s, a->trial, a->number, CL_TENSORBOARD_FILE);
  int cause = path == NULL ? ENOMEM : append(s, ev, path);
  if (cause != 0)
    cl_worker_say(a->worker, a->trial, "its event file for TensorBoard ends here: '%s': %s",
                  path == NULL ? "" : path, strerror(cause));
  a->uncharted = cause != 0;
  cl_free(path);
}
