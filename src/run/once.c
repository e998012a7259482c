/* One run with the tuned values in the foreground: the pre-flight check of a spec. No store, no study. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "model/study.h"
#include "run/plan.h"
#include "run/run.h"

extern char **environ;

/* The seed is that of the study's first trial; where no seed is given, it is 1, as in the trainer libraries.
 */
static int set_seed(const struct cl_plan *p) {
  char seed[24];
  (void)snprintf(seed, sizeof seed, "%" PRIu64,
                 p->result.has_seed ? cl_trial_seed_of(p->result.seed, 1, 0) : UINT64_C(1));
  return setenv("CLADE_SEED", seed, 0); /* one that somebody has set stays */
}

static int set_environment(const struct cl_plan *plan, const struct cl_value *values, const char *spec_path,
                           struct cl_err *e) {
  const struct cl_space *space = &plan->settings->space;
  int failed = set_seed(plan) != 0 || (spec_path != NULL && setenv("CLADE_SPEC", spec_path, 1) != 0);
  for (int i = 0; i < space->n && failed == 0; i++) {
    struct cl_text name = {0}, text = {0};
    cl_text_format(&name, "CLADE_PARAM_%s", space->items[i].name);
    for (char *p = name.bytes; p != NULL && *p != '\0'; p++)
      if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_", *p) == NULL) *p = '_';
    cl_value_write(&text, values[i]);
    failed = name.failed || text.failed;
    if (!failed && values[i].kind != CL_ABSENT) failed = setenv(cl_text_get(&name), cl_text_get(&text), 1);
    cl_text_done(&name);
    cl_text_done(&text);
  }
  return failed == 0 ? 0 : CL_FAIL_NOMEM(e); /* names are never empty, and have no '=' */
}

static int wait_for(pid_t pid, int *ret_status, struct cl_err *e) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR)
      return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot wait for the program: %s", strerror(errno));
  assert(WIFSIGNALED(status) || WIFEXITED(status));
  *ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return 0;
}

static int run_words(const struct cl_settings *s, char **words, int *ret_status, struct cl_err *e) {
  assert(words[0] != NULL && s->cwd != NULL);
  posix_spawn_file_actions_t actions;
  (void)posix_spawn_file_actions_init(&actions);
  (void)posix_spawn_file_actions_addchdir_np(&actions, s->cwd);
  pid_t pid = 0;
  int cause = posix_spawnp(&pid, words[0], &actions, NULL, words, environ);
  (void)posix_spawn_file_actions_destroy(&actions);
  if (cause != 0)
    return CL_FAIL_CAUSE(e, CLADE_ESPAWN, cause, "cannot start '%s' in '%s': %s", words[0], s->cwd,
                         strerror(cause));
  return wait_for(pid, ret_status, e);
}

/* The resolved copy in a temporary file; *ret_path stays empty when the study has none. */
static int write_copy(const struct cl_settings *s, const struct cl_value *values, char ret_path[64],
                      struct cl_err *e) {
  struct cl_text text = {0};
  int status = cl_spec_dump(s, values, &text, e);
  ret_path[0] = '\0';
  if (status == 0) {
    (void)snprintf(ret_path, 64, "/tmp/clade-once-XXXXXX");
    int fd = mkostemp(ret_path, O_CLOEXEC);
    if (fd < 0) {
      ret_path[0] = '\0';
      status = CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot create a file in /tmp: %s", strerror(errno));
    } else {
      status = cl_file_write_all(fd, cl_text_get(&text), text.length, ret_path, e);
      (void)close(fd);
    }
  }
  cl_text_done(&text);
  return status < 0 ? status : 0;
}

static void tell_values(const struct cl_settings *s, const struct cl_value *values,
                        const struct clade_run_callbacks *callbacks) {
  struct cl_text lines = {0};
  if (callbacks == NULL || callbacks->begin == NULL) return;
  for (int i = 0; i < s->space.n; i++) {
    if (values[i].kind == CL_ABSENT) continue;
    cl_text_format(&lines, "%s%s: ", lines.length > 0 ? "\n" : "", s->space.items[i].name);
    cl_value_write(&lines, values[i]);
  }
  callbacks->begin(callbacks->ctx, s->study, 1, 1, cl_text_get(&lines));
  cl_text_done(&lines);
}

int cl_plan_run_once(const struct cl_plan *p, const struct clade_run_callbacks *callbacks, int *ret_status,
                     struct cl_err *e) {
  const struct cl_settings *s = p->settings;
  struct cl_value *values = cl_alloc_array((size_t)s->space.n + 1, sizeof *values);
  char **words = NULL;
  char path[64] = "";
  int n = 0;
  int status = values == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status < 0) goto out;
  cl_plan_tuned(&s->space, values);
  status = write_copy(s, values, path, e);
  if (status == 0) status = cl_spec_command(s, values, path[0] == '\0' ? NULL : path, &n, &words, e);
  if (status < 0) goto out;
  tell_values(s, values, callbacks);
  assert(n >= 1 && words[n] == NULL);
  status = set_environment(p, values, path[0] == '\0' ? NULL : path, e);
  if (status == 0) status = run_words(s, words, ret_status, e);
out:
  if (path[0] != '\0') (void)unlink(path);
  cl_spec_command_free(words);
  cl_free(values);
  return status;
}

int cl_run_once(const struct clade_run_options *options, const struct clade_run_callbacks *callbacks,
                int *ret_status, struct cl_err *e) {
  struct cl_plan plan;
  int status = cl_plan_make(options, &(struct cl_plan_how){.once = true}, &plan, e);
  if (status == 0) {
    cl_plan_tell(&plan, callbacks);
    status = cl_plan_run_once(&plan, callbacks, ret_status, e);
  }
  cl_plan_done(&plan);
  return status;
}
