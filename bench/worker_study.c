#include "worker_study.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"

static void must(int status, const struct cl_err *e) {
  if (status >= 0) return;
  fprintf(stderr, "%s\n", e->text);
  exit(1);
}

double worker_study_seconds(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void create(struct worker_study *s, const char *program, const char *address) {
  struct cl_text settings = {0};
  struct cl_err e = {0};
  char trials[120];
  int64_t study = 0;
  cl_text_format(
      &settings,
      "{\"study\": \"s\", \"origin\": \"native\", \"program\": %s, \"values_to\": \"placeholders\", "
      "\"cwd\": \"/\", \"objectives\": [{\"name\": \"loss\", \"goal\": \"minimize\"}], \"trials\": 100000000, "
      "\"parallel\": 2, \"search\": {\"method\": \"random\"}, \"hyperparameters\": [{\"id\": 1, \"name\": "
      "\"lr\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1}]}",
      program);
  (void)snprintf(trials, sizeof trials, "%s/trials", s->directory);
  struct cl_event ev = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  ev.u.created.name = ev.u.created.uuid = "s";
  ev.u.created.spec = "";
  ev.u.created.provenance = "{}";
  ev.u.created.settings = cl_text_get(&settings);
  ev.u.created.directory = trials;
  struct cl_store_options options = {.mode = CL_STORE_CREATE, .beside = true}; /* as a session's */
  must(cl_store_open(address, &options, &s->store, &e), &e);
  must(cl_store_create(s->store, &ev, &study, &e), &e);
  must(cl_log_open(s->store, study, &(struct cl_log_options){0}, &s->log, &e), &e);
  cl_text_done(&settings);
}

void worker_study_propose(struct worker_study *s, int64_t trials) {
  struct cl_err e = {0};
  int64_t last = cl_study_trials(cl_log_study(s->log));
  for (int64_t i = last + 1; i <= last + trials; i++) {
    struct cl_assigned value = {1, cl_value_real(1 / (double)i)};
    struct cl_event ev = {.kind = CL_EVENT_PROPOSED, .subject = i, .cause = CL_CAUSE_SEARCH};
    ev.u.proposed.role = CL_ROLE_SEARCH;
    ev.u.proposed.space_version = 1;
    ev.u.proposed.values = (struct cl_assigned_list){1, &value};
    must(cl_log_put(s->log, &ev, NULL, NULL, &e), &e);
  }
  must(cl_log_commit(s->log, &e), &e);
}

static void say(void *ctx, int64_t trial, const char *text) {
  (void)ctx;
  fprintf(stderr, "%lld: %s\n", (long long)trial, text);
}

void worker_study_begin(struct worker_study *s, const char *program, int64_t trials, int slots) {
  char address[120];
  struct cl_err e = {0};
  const char *parent = getenv("TMPDIR");
  *s = (struct worker_study){0};
  (void)snprintf(s->directory, sizeof s->directory, "%s/clade-bench-XXXXXX",
                 parent == NULL ? "/tmp" : parent);
  if (mkdtemp(s->directory) == NULL || uv_loop_init(&s->loop) < 0) exit(1);
  (void)snprintf(address, sizeof address, "%s/clade.db", s->directory);
  create(s, program, address);
  worker_study_propose(s, trials);
  struct cl_worker_options o = {.log = s->log, .loop = &s->loop, .slots = slots, .say = say};
  must(cl_worker_create(&o, &s->worker, &e), &e);
}

void worker_study_turn(struct worker_study *s) {
  struct cl_err e = {0};
  for (bool more = true; more;) {
    must(cl_worker_turn(s->worker, &e), &e);
    more = cl_log_has_put(s->log);
    must(cl_log_commit(s->log, &e), &e);
  }
}

void worker_study_run(struct worker_study *s, int64_t trials) {
  const struct cl_study *study = cl_log_study(s->log);
  for (;;) {
    worker_study_turn(s);
    int64_t left = cl_study_count(study, CL_WAITING) + cl_study_count(study, CL_RUNNING);
    if (left <= cl_study_trials(study) - trials && cl_worker_busy(s->worker) == 0) return;
    (void)uv_run(&s->loop, UV_RUN_ONCE);
  }
}

void worker_study_end(struct worker_study *s) {
  cl_worker_destroy(s->worker);
  (void)uv_run(&s->loop, UV_RUN_DEFAULT);
  (void)uv_loop_close(&s->loop);
  cl_log_close(s->log);
  cl_store_close(s->store);
  (void)cl_dir_remove(s->directory, NULL);
}
