/* Does a worker of the log still live? A worker holds its lock for as long as it does. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "worker/attempt.h"
#include "worker/worker.h"

static bool is_same_text(const char *a, const char *b) {
  return a != NULL && b != NULL && strcmp(a, b) == 0;
}

enum cl_worker_life cl_worker_judge(const struct cl_study *s, int number, const char *host,
                                    const char *boot) {
  const struct cl_worker_info *info = cl_study_worker(s, number);
  if (info == NULL) return CL_LIFE_NONE;
  if (!is_same_text(info->host, host)) return CL_LIFE_ELSEWHERE;
  if (!is_same_text(info->boot, boot)) return CL_LIFE_DEAD; /* the machine has started anew since */
  char name[40];
  (void)snprintf(name, sizeof name, "worker-%d", number);
  char *path = cl_attempt_path(s, 0, 0, name);
  int fd = -1;
  int status = path == NULL ? CLADE_ENOMEM : !cl_path_exists(path) ? 0 : cl_lock_take(path, false, &fd, NULL);
  if (fd >= 0) cl_lock_release(fd);
  cl_free(path);
  return status == 0 ? CL_LIFE_DEAD : status < 0 ? CL_LIFE_UNKNOWN : CL_LIFE_ALIVE;
}

int cl_worker_count_living(const struct cl_study *s, int *ret, struct cl_err *e) {
  char host[256], boot[64];
  int n = 0;
  CL_TRY(cl_worker_here(host, boot, e));
  for (int w = 1; w <= cl_study_workers(s); w++) {
    const struct cl_worker_info *info = cl_study_worker(s, w);
    if (info == NULL || info->slots == 0) continue; /* it has left */
    enum cl_worker_life life = cl_worker_judge(s, w, host, boot);
    n += life == CL_LIFE_ALIVE || life == CL_LIFE_UNKNOWN || life == CL_LIFE_ELSEWHERE;
  }
  *ret = n;
  return 0;
}
