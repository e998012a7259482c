#include "scene.h"

#include <fcntl.h>
#include <sys/file.h>

int64_t __real_cl_clock_monotonic_us(void);
int64_t __wrap_cl_clock_monotonic_us(void);

static int64_t advanced_us;

int64_t __wrap_cl_clock_monotonic_us(void) {
  return __real_cl_clock_monotonic_us() + advanced_us;
}

const char scene_go[] = "{\"type\":\"go\"}";

void assert_has(const char *line, const char *part) {
  if (line == NULL || strstr(line, part) == NULL) fail_msg("'%s' is not in '%s'", part, line);
}

static void run_trials(struct world *w, int n, double until) {
  w->until = until;
  for (int i = 0; i < n; i++) world_propose(w, 2.385);
  world_work(w, n);
  for (int i = 0; i < n; i++) WORLD_UNTIL(w, world_has(w, i + 1, 1, "env"));
}

void scene_begin(struct world *w, int n, double until, const char *more) {
  world_begin(w, world_patient, more);
  run_trials(w, n, until);
}

void scene_end(struct world *w) {
  WORLD_UNTIL(w, !cl_buffers_busy(w->worker)); /* what is not copied would stay in memory for the next one */
  world_end(w);
  advanced_us = 0;
}

void scene_pass(struct world *w, double seconds) {
  advanced_us += (int64_t)(seconds * 1e6);
  world_turn(w);
}

void scene_send_report(struct client *c, int ordinal, double step, double loss, const char *path) {
  client_send(c, "{\"type\":\"report\",\"ordinal\":%d,\"step\":%g,\"metrics\":{\"loss\":%.17g}%s%s%s}",
              ordinal, step, loss, path == NULL ? "" : ",\"path\":\"", path == NULL ? "" : path,
              path == NULL ? "" : "\"");
}

const char *scene_report(struct world *w, struct client *c, int ordinal, double step, double loss) {
  scene_send_report(c, ordinal, step, loss, NULL);
  return client_hear(w, c);
}

int64_t scene_ask_state(struct world *w, int64_t trial) {
  struct cl_event ev = {.kind = CL_EVENT_CHECKPOINT_ASKED, .cause = CL_CAUSE_HUMAN};
  return world_decide(w, trial, ev);
}

int64_t scene_continue(struct world *w, int64_t trial, enum cl_cause cause, double until) {
  struct cl_event ev = {.kind = CL_EVENT_CONTINUED, .cause = cause};
  ev.u.continued.until = until;
  return world_decide(w, trial, ev);
}

int64_t scene_answer(struct world *w, int64_t trial, double until) {
  struct cl_event ev = {.kind = CL_EVENT_CONTINUED, .cause = CL_CAUSE_EXPLOIT};
  ev.u.continued.until = until;
  ev.u.continued.report = world_trial(w, trial)->record;
  return world_decide(w, trial, ev);
}

int64_t scene_exploit(struct world *w, int64_t trial, int64_t snapshot, const char *opt, double until) {
  struct cl_assigned values[] = {{1, cl_value_real(0.125)}, {2, cl_value_text(opt)}};
  struct cl_event ev = {.kind = CL_EVENT_EXPLOITED, .cause = CL_CAUSE_EXPLOIT};
  ev.u.exploited.snapshot = snapshot;
  ev.u.exploited.values = (struct cl_assigned_list){2, values};
  ev.u.exploited.until = until;
  return world_decide(w, trial, ev);
}

int64_t scene_void(struct world *w, int64_t trial, int64_t change) {
  struct cl_event ev = {.kind = CL_EVENT_VOIDED, .cause = CL_CAUSE_MISSING};
  ev.u.voided.change = change;
  return world_decide(w, trial, ev);
}

int64_t scene_retry(struct world *w, int64_t trial) {
  struct cl_event ev = {.kind = CL_EVENT_RETRIED, .cause = CL_CAUSE_RESUME};
  ev.u.retried.count = world_trial(w, trial)->head.tries + 1;
  return world_decide(w, trial, ev);
}

int64_t scene_delete(struct world *w, int64_t trial, int64_t snapshot) {
  struct cl_event ev = {.kind = CL_EVENT_DELETED, .cause = CL_CAUSE_LIMIT};
  ev.u.deleted.snapshot = snapshot;
  return world_decide(w, trial, ev);
}

void scene_decide_only(struct world *w, int64_t trial, struct cl_event ev) {
  struct cl_append result = {0};
  ev.subject = trial;
  ev.seen = world_trial(w, trial)->head.version;
  ev.as_of = cl_log_position(w->log);
  assert_int_equal(cl_log_append(w->log, &ev, &result, NULL), 0);
  assert_int_equal(result.status, 0);
}

int scene_pretend_worker(struct world *w, int number, const char *host) {
  char name[30];
  struct cl_append result = {0};
  struct cl_event ev = {.kind = CL_EVENT_WORKER, .by = number};
  (void)snprintf(name, sizeof name, "worker-%d", number);
  char *path = world_path(w, 0, 0, name);
  int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  assert_true(lock >= 0);
  assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
  cl_free(path);
  ev.u.worker.worker = number;
  ev.u.worker.slots = 1;
  ev.u.worker.host = host == NULL ? w->worker->host : host;
  ev.u.worker.boot = w->worker->boot;
  ev.u.worker.state = CL_WORKER_JOINED;
  assert_int_equal(cl_log_append(w->log, &ev, &result, NULL), 0);
  assert_int_equal(result.status, 0);
  return lock;
}

const struct cl_snapshot *scene_last_snapshot(const struct world *w, int64_t trial) {
  for (size_t i = cl_study_snapshots(w->s); i > 0; i--) {
    const struct cl_snapshot *n = cl_study_nth_snapshot(w->s, i - 1);
    if (n->trial == trial) return n;
  }
  return NULL;
}

/* Families. */

void family_begin(struct family *f, int n, family_way *way) {
  f->n = n;
  world_begin(&f->w, world_patient, "");
  f->w.options.way = way;
  run_trials(&f->w, n, 2);
  for (int i = 0; i < n; i++) {
    const char *line = client_hello(&f->w, &f->trainers[i], i + 1, 1, "fork");
    assert_has(line, "\"save_at\":2.0,\"way\":\"fork\"");
    client_take_text(line, "path", f->tokens[i]);
  }
}

void family_end(struct family *f) {
  for (int i = 0; i < f->n; i++)
    if (f->trainers[i].fd >= 0) client_close(&f->trainers[i]);
  world_end(&f->w);
  advanced_us = 0;
}

int64_t family_leave_twin(struct family *f, int64_t trial, struct puppet *twin) {
  struct world *w = &f->w;
  puppet_open(w, twin);
  puppet_hello(twin, f->tokens[trial - 1]);
  assert_true(client_is_silent(w, &twin->c));
  scene_send_report(&f->trainers[trial - 1], 1, 2, 0.5, f->tokens[trial - 1]);
  WORLD_UNTIL(w, world_count(w, trial, CL_EVENT_SAVED) == 1);
  return scene_last_snapshot(w, trial)->position;
}

void family_lose_twin(struct family *f, struct puppet *twin, int64_t snapshot) {
  puppet_kill(twin);
  WORLD_UNTIL(&f->w, cl_twins_is_gone(f->w.worker, cl_study_snapshot(f->w.s, snapshot)));
}

void family_supersede(struct family *f, int64_t snapshot) {
  struct world *w = &f->w;
  struct client *c = &f->trainers[1];
  scene_send_report(c, 1, 2, 0.5, NULL);
  assert_true(client_is_silent(w, c));
  (void)scene_exploit(w, 2, snapshot, "sgd", 4);
  assert_string_equal(client_hear(w, c), "{\"type\":\"stop\"}");
  client_close(c);
  world_touch(w, 2, 1, "end", "75");
  WORLD_UNTIL(w, world_state(w, 2) == CL_PREEMPTED);
}

int family_hear_fork(struct family *f, struct puppet *twin, int attempt, char ret_token[200]) {
  char directory[40];
  int lock = -1;
  const char *line = puppet_hear(&f->w, twin, &lock);
  (void)snprintf(directory, sizeof directory, "/2/attempt-%d\"", attempt);
  assert_has(line, "{\"type\":\"fork\"");
  assert_has(line, directory);
  client_take_text(line, "token", ret_token);
  assert_true(lock >= 0);
  return lock;
}

static void path_of_environment(const struct family *f, char ret[100]) {
  (void)snprintf(ret, 100, "%s/env", f->w.directory);
}

bool family_runs_again(const struct family *f) {
  char path[100];
  path_of_environment(f, path);
  return cl_path_exists(path);
}

void family_take_token(struct family *f, char ret[200]) {
  char path[100], *text = NULL;
  path_of_environment(f, path);
  WORLD_UNTIL(&f->w, family_runs_again(f));
  assert_int_equal(cl_file_read(path, 1 << 20, &text, NULL, NULL), 0);
  const char *at = strstr(text, "CLADE_TOKEN=");
  assert_non_null(at);
  (void)snprintf(ret, 200, "%.*s", (int)strcspn(at + 12, "\n"), at + 12);
  assert_int_equal(unlink(path), 0);
  cl_free(text);
}

int family_way_of_two(void *ctx, int64_t snapshot, struct cl_remake_way *ret, struct cl_err *e) {
  int status = world_way(ctx, snapshot, ret, e);
  struct cl_remake_leg *legs = status < 0 ? NULL : cl_alloc_array(2, sizeof *legs);
  assert_true(status == 0 && ret->n == 1 && legs != NULL);
  legs[0] = (struct cl_remake_leg){2, 1, 1};
  legs[1] = ret->legs[0];
  cl_free(ret->legs);
  ret->legs = legs;
  ret->n = 2;
  return 0;
}
