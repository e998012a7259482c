/* Commands that change a study. */
#include "clade/command.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "query/address.h"
#include "query/trials.h"
#include "worker/attempt.h"
#include "worker/worker.h"

/* The directory that holds nothing but this study; "" where there is none, or where the name could lead
 * elsewhere. */
static int find_directory(const struct cl_study *s, char **ret, struct cl_err *e) {
  const char *name = cl_study_name(s), *parent = cl_study_directory(s);
  bool own = parent[0] != '\0' && name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
             strcmp(name, "..") != 0;
  char *path = own ? cl_path_join(parent, name) : cl_copy_text("");
  if (path == NULL) return CL_FAIL_NOMEM(e);
  if (path[0] != '\0' && !cl_path_exists(path)) path[0] = '\0';
  assert(path[0] == '\0' || own);
  *ret = path;
  return 0;
}

static void describe(const struct cl_study *s, const struct cl_study_head *head, const char *directory,
                     struct clade_deletion *ret) {
  assert(head->trials >= 0 && head->trials <= head->position);
  (void)snprintf(ret->study, sizeof ret->study, "%s", cl_study_name(s));
  (void)snprintf(ret->directory, sizeof ret->directory, "%s", directory);
  ret->trials = head->trials;
  ret->events = head->position;
}

/* A worker of another host cannot be judged from here; it is in the way while the study has something left to
 * do. */
static int refuse_worker(const struct cl_study *s, int number, const char *host, const char *boot,
                         struct cl_err *e) {
  const struct cl_worker_info *w = cl_study_worker(s, number);
  assert(number >= 1 && number <= cl_study_workers(s));
  if (w == NULL || w->slots == 0) return 0;
  enum cl_worker_life life = cl_worker_judge(s, number, host, boot);
  if (life == CL_LIFE_ELSEWHERE && cl_study_reason(s) == 0)
    return CL_FAIL(e, CLADE_EBUSY,
                   "worker %d on %s may still run %s: stop it there, or resume and end the study there",
                   number, w->host == NULL ? "another host" : w->host, cl_study_name(s));
  if (life != CL_LIFE_ALIVE && life != CL_LIFE_UNKNOWN) return 0;
  return CL_FAIL(e, CLADE_EBUSY, "%s runs: worker %d works on it. Stop it first (`clade stop %s`)",
                 cl_study_name(s), number, cl_study_name(s));
}

/* Trainers outlive their engine. */
static int refuse_trial(const struct cl_study *s, const struct cl_trial *t, struct cl_err *e) {
  struct cl_attempt_probe probe = {0};
  if (t == NULL || !(t->head.flags & CL_ATTEMPT_OPEN)) return 0;
  CL_TRY(cl_attempt_look(s, t->number, t->head.attempt, &probe, e));
  if (!probe.held) return 0;
  assert(t->head.attempt >= 1);
  return CL_FAIL(
      e, CLADE_EBUSY,
      "trial %lld of %s still trains as process %d, although its engine is gone: `clade resume %s` takes it "
      "over, or end that process first",
      (long long)t->number, cl_study_name(s), (int)probe.pid, cl_study_name(s));
}

static int refuse_running(const struct cl_study *s, struct cl_err *e) {
  char host[256], boot[64];
  CL_TRY(cl_worker_here(host, boot, e));
  for (int w = 1; w <= cl_study_workers(s); w++) CL_TRY(refuse_worker(s, w, host, boot, e));
  for (int64_t i = 1; i <= cl_study_trials(s); i++) CL_TRY(refuse_trial(s, cl_study_trial(s, i), e));
  return 0;
}

/* The lease of a worker that is dead is nobody's. */
static int free_lease(struct cl_store *store, int64_t study, struct cl_err *e) {
  struct cl_lease lease;
  CL_TRY(cl_store_lease_get(store, study, &lease, e));
  if (strncmp(lease.holder, "worker-", 7) != 0) return 0;
  int status = cl_store_lease_release(store, study, &lease, e);
  return status < 0 ? status : 0;
}

static int remove_all(struct cl_store *store, struct cl_reader *r, const char *directory, struct cl_err *e) {
  const struct cl_study *s = NULL;
  CL_TRY(cl_reader_need(r, 0, 0, &s, e));
  CL_TRY(refuse_running(s, e));
  CL_TRY(free_lease(store, cl_reader_id(r), e));
  CL_TRY(cl_store_delete(store, cl_reader_id(r), e));
  cl_worker_forget_memory(s);
  return directory[0] != '\0' ? cl_dir_remove(directory, e) : 0;
}

static int delete_found(struct cl_store *store, struct cl_reader *r, bool dry, struct clade_deletion *ret,
                        struct cl_err *e) {
  const struct cl_study *s = NULL;
  struct cl_study_head head;
  char *directory = NULL;
  CL_TRY(cl_reader_head(r, &head, e));
  CL_TRY(cl_reader_need(r, CL_NO_TRIALS, CL_NO_TRIALS, &s, e));
  CL_TRY(find_directory(s, &directory, e));
  if (ret != NULL) describe(s, &head, directory, ret);
  int status = dry ? 0 : remove_all(store, r, directory, e);
  cl_free(directory);
  return status;
}

int clade_repair(const char *store, const char *study, struct cl_err *e) {
  if (store == NULL || study == NULL || study[0] == '\0')
    return CL_FAIL(e, CLADE_EINVAL, "name the study to repair");
  struct cl_store *s = NULL;
  int64_t id = 0;
  CL_TRY(cl_store_open(store, &(struct cl_store_options){.mode = CL_STORE_WRITE}, &s, e));
  int status = cl_store_find(s, study, &id, e);
  if (status >= 0) status = cl_store_repair(s, id, e);
  cl_store_close(s);
  return status;
}

int clade_delete(const char *store, const char *study, bool dry, struct clade_deletion *ret,
                 struct cl_err *e) {
  if (store == NULL || study == NULL || study[0] == '\0')
    return CL_FAIL(e, CLADE_EINVAL, "name the study to delete");
  struct cl_store *s = NULL;
  struct cl_reader *r = NULL;
  int64_t id = 0;
  struct cl_store_options options = {.mode = dry ? CL_STORE_READ : CL_STORE_WRITE};
  CL_TRY(cl_store_open(store, &options, &s, e));
  int status = cl_store_find(s, study, &id, e);
  if (status >= 0) status = cl_reader_open(s, id, &r, e);
  if (status >= 0) status = delete_found(s, r, dry, ret, e);
  cl_reader_close(r);
  cl_store_close(s);
  return status;
}
