/* A conversation of one question. */
#include "trainer/report.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "trainer/session.h"

/* One after the other: two that report at once would take the same ordinal. *ret_fd is -1 without a
 * directory. */
static int take_lock(const char *directory, int *ret_fd, struct cl_err *e) {
  *ret_fd = -1;
  if (directory == NULL) return 0;
  struct cl_text path = {0};
  cl_text_format(&path, "%s/report.lock", directory);
  if (path.failed) return CL_FAIL_NOMEM(e);
  int fd = open(path.bytes, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  int status = fd < 0 ? -1 : flock(fd, LOCK_EX);
  while (fd >= 0 && status < 0 && errno == EINTR) status = flock(fd, LOCK_EX);
  if (status < 0) {
    status = CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot lock %s: %s", path.bytes, strerror(errno));
    if (fd >= 0) (void)close(fd);
  } else {
    *ret_fd = fd;
  }
  cl_text_done(&path);
  return status;
}

static int check_metrics(const struct clade_report_metric *metrics, size_t n, const double *step,
                         struct cl_err *e) {
  if (step != NULL && !isfinite(*step))
    return CL_FAIL(e, CLADE_EINVAL, "the step of a report must be a finite number");
  if (n > CLADE_TRAINER_METRICS_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "a report holds at most %d metrics, not %zu", CLADE_TRAINER_METRICS_MAX,
                   n);
  for (size_t i = 0; i < n; i++)
    if (metrics[i].name == NULL) return CL_FAIL(e, CLADE_EINVAL, "a metric needs a name");
  return 0;
}

static int tell_values(struct cl_trainer_values *values, clade_report_value *value, void *ctx,
                       struct cl_err *e) {
  for (size_t i = 0; value != NULL && i < values->n; i++) {
    const char *text = NULL;
    CL_TRY(cl_trainer_value_text(&values->items[i], &text, e));
    value(ctx, values->items[i].name, text == NULL ? "null" : text);
  }
  return 0;
}

/* Send; when no worker came, the program is to end as preempted, and *e says why. */
static int send_report(struct cl_trainer_session *s, const struct cl_wire_metric *metrics, size_t n,
                       const double *step, struct cl_err *e) {
  int status = cl_trainer_session_open(s, e);
  if (status == 0)
    status = cl_trainer_session_report(s, step == NULL ? (double)(s->reports + 1) : *step, metrics, n, e);
  if (status == CLADE_ECLOSED) s->exit_status = CLADE_TRAINER_EXIT_PREEMPTED;
  return s->exit_status != 0 ? CLADE_STOP : status;
}

int clade_trainer_report_once(const struct clade_report_metric *metrics, size_t n, const double *step,
                              clade_report_value *value, void *ctx, int *ret_exit_status, struct cl_err *e) {
  struct cl_trainer_environment env;
  struct cl_trainer_values values = {0};
  struct cl_trainer_session session = {.link = {.fd = -1}};
  struct cl_wire_metric sent[CLADE_TRAINER_METRICS_MAX];
  int lock = -1;
  CL_TRY(cl_trainer_environment_read(&env, e));
  if (env.socket == NULL) return CLADE_EMPTY;
  CL_TRY(check_metrics(metrics, n, step, e));
  for (size_t i = 0; i < n; i++) sent[i] = (struct cl_wire_metric){metrics[i].name, metrics[i].value};
  CL_TRY(take_lock(env.directory, &lock, e));
  int status = cl_trainer_session_init(&session, NULL, &values, &env, e);
  if (status == 0) status = send_report(&session, sent, n, step, e);
  if (status == 0) status = tell_values(&values, value, ctx, e);
  if (status >= 0) *ret_exit_status = session.exit_status;
  cl_trainer_session_done(&session);
  cl_trainer_values_done(&values);
  if (lock >= 0) (void)close(lock);
  return status;
}
