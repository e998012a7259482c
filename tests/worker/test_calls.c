/* One call of the system fails at the moment that a case names, or memory is short there: what the trainer is
 * told, what the log has afterwards, and that nothing of it is lost. tests/attack fails every call at every
 * instant of whole studies; here are the ways that those do not come along. Time is advanced, not waited for.
 */
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "fault/alloc.h"
#include "fault/calls.h"
#include "wire/regions.h"
#include "worker/buffers_impl.h"
#include "worker/keeper_link.h"
#include "worker/keeper_wire.h"

static void disarm(void) {
  cl_fault_arm(0, false);
  cl_fault_call_arm(NULL, 0, false);
}

static void begin(struct world *w) {
  scene_begin(w, 1, 2, "");
}

static void end(struct world *w) {
  disarm();
  scene_end(w);
}

/* A trainer that does not give up: it connects, says what it has to say, and says it again on another
 * connection when the one it had is closed, to another worker when that one has failed. */
struct stubborn {
  struct client c;
  const char *can;
  int64_t bytes;
  int reports, failed, closed;
};

static bool turn(struct world *w, struct stubborn *t) {
  struct cl_err e = {0};
  int status = 0;
  (void)uv_run(&w->loop, UV_RUN_NOWAIT);
  for (bool more = true; more && status >= 0;) {
    status = cl_worker_turn(w->worker, &e);
    more = status >= 0 && cl_log_has_put(w->log);
    if (status >= 0) status = cl_log_commit(w->log, &e);
  }
  if (status >= 0) return true;
  if (strlen(e.text) < 10) fail_msg("a worker that fails says no more than '%s'", e.text);
  disarm();
  t->failed++;
  cl_worker_shutdown(w->worker, CL_SHUTDOWN_DETACH, 0);
  world_close(w);
  world_open(w);
  world_work(w, 1);
  return false;
}

/* The next line; "" when the connection was closed. */
static const char *try_to_hear(struct world *w, struct stubborn *t) {
  int64_t limit = cl_clock_monotonic_us() + WORLD_PATIENCE_US;
  struct client *c = &t->c;
  c->n = 0;
  while (cl_clock_monotonic_us() < limit) {
    if (!turn(w, t)) return "";
    ssize_t n = recv(c->fd, c->line + c->n, 1, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) return "";
    if (n < 0) {
      struct pollfd p = {c->fd, POLLIN, 0};
      (void)poll(&p, 1, 1);
      continue;
    }
    if (c->line[c->n] == '\n') {
      c->line[c->n] = '\0';
      return c->line;
    }
    c->n++;
  }
  fail_msg("nothing is heard");
  return "";
}

static const char *hello_again(struct world *w, struct stubborn *t) {
  char token[CL_TOKEN_SIZE];
  const char *line = "";
  for (int i = 0; i < 5 && line[0] == '\0'; i++) {
    if (t->c.fd >= 0) client_close(&t->c);
    world_token(w, 1, world_trial(w, 1)->head.attempt, token);
    client_open(w, &t->c);
    client_send(
        &t->c,
        "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1,\"can\":\"%s\",\"bytes\":%lld,\"reports\":%d}",
        token, t->can, (long long)t->bytes, t->reports);
    line = try_to_hear(w, t);
    t->closed += line[0] == '\0';
  }
  assert_has(line, "{\"type\":\"start\"");
  return line;
}

/* What fails is armed when the question has been sent. */
struct failing {
  const char *call; /* null: an allocation */
  unsigned long nth;
  int cause; /* 0 = the usual one */
};

static void arm(const struct failing *f) {
  if (f->call == NULL)
    cl_fault_arm(f->nth, false);
  else if (f->cause != 0)
    cl_fault_call_arm_as(f->call, f->nth, f->cause);
  else
    cl_fault_call_arm(f->call, f->nth, false);
}

static bool has_happened(const struct failing *f) {
  return f->call == NULL ? cl_fault_happened() : cl_fault_call_happened();
}

/* Ask until it is answered. Did it come to the failure? */
static bool ask(struct world *w, struct stubborn *t, const char *question, const struct failing *f,
                char answer[4000]) {
  client_send(&t->c, "%s", question);
  arm(f);
  const char *line = try_to_hear(w, t);
  bool happened = t->failed > 0 || has_happened(f);
  disarm();
  for (int i = 0; i < 5 && line[0] == '\0'; i++) {
    t->closed++;
    (void)hello_again(w, t);
    client_send(&t->c, "%s", question);
    line = try_to_hear(w, t);
  }
  (void)snprintf(answer, 4000, "%s", line);
  return happened;
}

/* Connections. */

static void report(char ret[200], int ordinal, double step, const char *path) {
  (void)snprintf(
      ret, 200, "{\"type\":\"report\",\"ordinal\":%d,\"step\":%g,\"metrics\":{\"loss\":0.5}%s%s%s}", ordinal,
      step, path == NULL ? "" : ",\"path\":\"", path == NULL ? "" : path, path == NULL ? "" : "\"");
}

static void a_report_is_recorded_once_whatever_its_connection_does(void **state) {
  (void)state;
  static const struct {
    struct failing f;
    bool breaks;
  } cases[] = {
      {{"recv", 1, EAGAIN}, false},  {{"recv", 1, ECONNRESET}, true}, {{"send", 1, EAGAIN}, false},
      {{"send", 1, ENOBUFS}, false}, {{"send", 1, EPIPE}, true},      {{"uv_poll_start", 1, 0}, false},
  };
  struct world w;
  struct stubborn t = {.c = {.fd = -1}, .can = ""};
  char question[200], answer[4000];
  begin(&w);
  int n = 0;
  (void)hello_again(&w, &t);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    n++;
    t.closed = 0;
    report(question, n, 1, NULL);
    bool happened = ask(&w, &t, question, &cases[i].f, answer);
    assert_true(happened || !cases[i].breaks);
    assert_has(answer, "{\"type\":\"go\"");
    assert_int_equal(t.closed > 0, cases[i].breaks);
    assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), n);
    t.reports = n;
  }
  client_close(&t.c);
  end(&w);
}

/* At the door: no descriptor is left, or none can be watched. */
static void who_is_not_let_in_comes_again(void **state) {
  (void)state;
  static const struct failing cases[] = {
      {"accept4", 1, EMFILE},  {"accept4", 1, ENFILE}, {"accept4", 1, ECONNABORTED}, {"uv_poll_init", 1, 0},
      {"uv_poll_start", 1, 0}, {NULL, 1, 0},           {"open64", 1, EIO},           {"pread64", 1, EIO}};
  struct world w;
  struct stubborn t = {.c = {.fd = -1}, .can = ""};
  char token[CL_TOKEN_SIZE];
  begin(&w);
  world_token(&w, 1, 1, token);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    client_open(&w, &t.c);
    client_send(&t.c, "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1}", token);
    arm(&cases[i]);
    const char *line = try_to_hear(&w, &t);
    disarm();
    if (line[0] == '\0') line = hello_again(&w, &t);
    assert_has(line, "{\"type\":\"start\"");
    client_close(&t.c);
  }
  assert_int_equal(world_count(&w, 1, CL_EVENT_CONNECTED), 1);
  end(&w);
}

/* Memory is short at each instant between a question and its answer. */
static void answers_outlive_short_memory(void **state) {
  (void)state;
  struct world w;
  struct stubborn t = {.c = {.fd = -1}, .can = "save load"};
  char question[200], answer[4000];
  int ordinal = 0;
  begin(&w);
  (void)hello_again(&w, &t);
  for (int i = 0; i < 2; i++) {
    bool happened = true;
    for (unsigned long n = 1; happened && n < 60; n += 1 + n / 4) {
      struct failing f = {NULL, n, 0};
      t.failed = 0;
      (void)snprintf(question, sizeof question,
                     "{\"type\":\"report\",\"ordinal\":%d,\"step\":1,\"metrics\":{\"%s\":0.5}}", ++ordinal,
                     i == 0 ? "loss" : "other");
      happened = ask(&w, &t, question, &f, answer);
      assert_has(answer, "{\"type\":\"go\"");
      assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), ordinal);
      t.reports = ordinal;
    }
  }
  client_close(&t.c);
  end(&w);
}

/* Memory for states. */

static int64_t region_bytes(void) {
  struct cl_region region = {.name = "weights", .bytes = 2385};
  return cl_regions_place(&region, 1);
}

static void write_region(const char *path) {
  struct cl_region region = {.name = "weights", .bytes = 2385};
  struct cl_text text = {0};
  char weights[2385];
  memset(weights, 'w', sizeof weights);
  (void)cl_regions_place(&region, 1);
  assert_int_equal(cl_regions_write(&text, &region, 1, true, NULL), 0);
  FILE *file = fopen(path, "r+");
  assert_non_null(file);
  assert_int_equal(fwrite(text.bytes, 1, text.length + 1, file), text.length + 1);
  assert_int_equal(fseek(file, region.offset, SEEK_SET), 0);
  assert_int_equal(fwrite(weights, 1, sizeof weights, file), sizeof weights);
  assert_int_equal(fclose(file), 0);
  cl_text_done(&text);
}

static bool has_copy(const struct world *w, int64_t trial) {
  for (size_t i = 0; i < cl_study_snapshots(w->s); i++) {
    const struct cl_snapshot *n = cl_study_nth_snapshot(w->s, i);
    if (n->trial == trial && n->way == CL_WAY_COPY) return true;
  }
  return false;
}

/* Report step 2 with the state that was written where the worker said. */
static void save_region(struct stubborn *t, const char *line, bool valid) {
  char path[200];
  client_take_text(line, "path", path);
  if (valid) write_region(path);
  client_send(
      &t->c,
      "{\"type\":\"report\",\"ordinal\":1,\"step\":2,\"metrics\":{\"loss\":0.5},\"path\":\"%s\",\"bytes\":%lld}",
      path, (long long)region_bytes());
}

static void begin_regions(struct world *w, struct stubborn *t) {
  *t = (struct stubborn){.c = {.fd = -1}, .can = "save load regions", .bytes = region_bytes()};
  begin(w);
}

/* A full /dev/shm, or one that may not be written to: memory without a name; when there is none, a directory.
 */
static void where_states_go_when_shared_memory_is_full(void **state) {
  (void)state;
  static const struct {
    const char *call;
    unsigned long nth;
    bool stays;
    const char *place;
  } cases[] = {
      {"posix_fallocate64", 1, false, "\"path\":\"/proc/"},
      {"posix_fallocate64", 1, true, "checkpoints/1-2.new"},
      {"mmap64", 1, false, "\"path\":\"/proc/"},
      {"mmap64", 1, true, "checkpoints/1-2.new"},
      {"getrandom", 1, true, "\"path\":\"/proc/"},
      {"mkdir", 1, true, "\"path\":\"/proc/"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct world w;
    struct stubborn t;
    begin_regions(&w, &t);
    cl_fault_call_arm(cases[i].call, cases[i].nth, cases[i].stays);
    char *line = cl_copy_text(hello_again(&w, &t));
    assert_true(cl_fault_call_happened());
    disarm();
    assert_has(line, cases[i].place);
    if (strstr(line, "\"way\":\"region\"") != NULL) {
      save_region(&t, line, true);
      WORLD_UNTIL(&w, has_copy(&w, 1));
    }
    assert_int_equal(t.failed, 0);
    cl_free(line);
    client_close(&t.c);
    end(&w);
  }
}

/* Behind the trainer's back: it is said, tried again, and the state stays in memory meanwhile. */
static void a_copy_that_cannot_be_written_is_written_later(void **state) {
  (void)state;
  static const struct failing cases[] = {{"openat64", 1, ENOSPC}, {"mmap64", 1, 0},    {"fstat64", 1, 0},
                                         {"mkdir", 1, ENOSPC},    {"fsync", 1, EIO},   {"rename", 2, EIO},
                                         {"openat64", 2, EACCES}, {"write", 1, ENOSPC}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct world w;
    struct stubborn t;
    begin_regions(&w, &t);
    char *line = cl_copy_text(hello_again(&w, &t));
    save_region(&t, line, true);
    arm(&cases[i]);
    WORLD_UNTIL(&w, has_copy(&w, 1) || strstr(cl_text_get(&w.said), "could not be written to disk") != NULL);
    bool happened = has_happened(&cases[i]);
    disarm();
    if (happened) assert_has(cl_text_get(&w.said), "a state in memory could not be written to disk: ");
    scene_pass(&w, 2);
    WORLD_UNTIL(&w, has_copy(&w, 1));
    cl_free(line);
    client_close(&t.c);
    end(&w);
  }
}

/* Nothing valid stands in it: that is tried five times, and the state is never durable. */
static void what_a_trainer_leaves_empty_is_not_copied(void **state) {
  (void)state;
  struct world w;
  struct stubborn t;
  begin_regions(&w, &t);
  char *line = cl_copy_text(hello_again(&w, &t));
  save_region(&t, line, false);
  WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_SAVED) == 1);
  for (int i = 0; i < 5; i++) {
    cl_text_clear(&w.said);
    WORLD_UNTIL(&w, strstr(cl_text_get(&w.said), "could not be written to disk") != NULL);
    scene_pass(&w, 2);
  }
  assert_false(has_copy(&w, 1));
  assert_false(cl_buffers_busy(w.worker));
  cl_free(line);
  client_close(&t.c);
  end(&w);
}

/* Twins. */

struct pair {
  struct family f;
  struct puppet twin; /* of the first trial */
  int64_t snapshot;
};

static void begin_pair(struct pair *p, family_way *way) {
  family_begin(&p->f, 2, way);
  p->snapshot = family_leave_twin(&p->f, 1, &p->twin);
}

static void end_pair(struct pair *p) {
  disarm();
  if (p->twin.pid != 0) puppet_kill(&p->twin);
  family_end(&p->f);
}

/* The lock of a clone cannot be sent to the twin: its attempt is lost, the twin comes again, and makes the
 * next one. */
static void a_lock_that_cannot_be_sent_costs_one_attempt(void **state) {
  (void)state;
  static const int causes[] = {EPIPE, ETOOMANYREFS, ENOBUFS};
  for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
    struct pair p;
    char token[200];
    begin_pair(&p, NULL);
    family_supersede(&p.f, p.snapshot);
    cl_fault_call_arm_as("sendmsg", 1, causes[i]);
    (void)scene_retry(&p.f.w, 2);
    WORLD_UNTIL(&p.f.w, world_state(&p.f.w, 2) == CL_LOST);
    assert_true(cl_fault_call_happened());
    disarm();
    assert_string_equal(client_hear(&p.f.w, &p.twin.c), ""); /* hung up on, not told to end */
    assert_true(cl_study_snapshot(p.f.w.s, p.snapshot)->usable);
    puppet_kill(&p.twin);
    puppet_open(&p.f.w, &p.twin); /* as if it was the same process */
    puppet_hello(&p.twin, p.f.tokens[0]);
    assert_true(client_is_silent(&p.f.w, &p.twin.c));
    scene_pass(&p.f.w, 60);
    (void)scene_retry(&p.f.w, 2);
    (void)close(family_hear_fork(&p.f, &p.twin, 3, token));
    struct puppet clone;
    puppet_open(&p.f.w, &clone);
    puppet_hello(&clone, token);
    assert_has(client_hear(&p.f.w, &clone.c), "{\"type\":\"start\"");
    puppet_kill(&clone);
    WORLD_UNTIL(&p.f.w, world_state(&p.f.w, 2) == CL_LOST);
    end_pair(&p);
  }
}

/* It is hung up on, not sent away: it comes again, and is the twin that the report has waited for. */
static void a_twin_that_cannot_be_taken_comes_again(void **state) {
  (void)state;
  static const struct failing cases[] = {{"getsockopt", 1, 0}, {"open64", 1, EMFILE}, {"write", 1, ENOSPC}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct family f;
    struct puppet twin;
    family_begin(&f, 1, NULL);
    puppet_open(&f.w, &twin);
    puppet_hello(&twin, f.tokens[0]);
    arm(&cases[i]);
    assert_string_equal(client_hear(&f.w, &twin.c), "");
    assert_true(has_happened(&cases[i]));
    disarm();
    scene_send_report(&f.trainers[0], 1, 2, 0.5, f.tokens[0]);
    assert_true(client_is_silent(&f.w, &f.trainers[0]));
    puppet_kill(&twin);
    puppet_open(&f.w, &twin);
    puppet_hello(&twin, f.tokens[0]);
    WORLD_UNTIL(&f.w, world_count(&f.w, 1, CL_EVENT_SAVED) == 1);
    puppet_kill(&twin);
    family_end(&f);
  }
}

/* Turns until what was armed has failed, or the clone is heard of; false when the worker has failed of it. */
static bool clone_comes(struct pair *p, struct puppet *clone) {
  int64_t limit = cl_clock_monotonic_us() + WORLD_PATIENCE_US;
  struct cl_err e;
  char byte;
  while (!cl_fault_happened() && recv(clone->c.fd, &byte, 1, MSG_PEEK) < 0) {
    assert_true(cl_clock_monotonic_us() < limit);
    (void)uv_run(&p->f.w.loop, UV_RUN_NOWAIT);
    if (cl_worker_turn(p->f.w.worker, &e) < 0 || cl_log_commit(p->f.w.log, &e) < 0) return false;
  }
  cl_fault_arm(0, false);
  return cl_worker_turn(p->f.w.worker, &e) == 0;
}

/* Memory is short at each instant of its hello. Where its adoption fails, it costs the attempt, and the next
 * one is made at once: it does not run on without anybody who would see it end. */
static void a_clone_that_cannot_be_adopted_is_made_again(void **state) {
  (void)state;
  bool lost = false;
  for (unsigned long n = 1; n <= 20 && !lost; n++) {
    struct pair p;
    struct puppet clone;
    char token[200];
    begin_pair(&p, NULL);
    family_supersede(&p.f, p.snapshot);
    (void)scene_retry(&p.f.w, 2);
    (void)close(family_hear_fork(&p.f, &p.twin, 2, token));
    client_send(&p.twin.c, "{\"type\":\"saved\",\"step\":2}");
    assert_true(client_is_silent(&p.f.w, &p.twin.c));
    puppet_open(&p.f.w, &clone);
    puppet_hello(&clone, token);
    cl_fault_arm(n, false);
    if (clone_comes(&p, &clone)) {
      WORLD_UNTIL(&p.f.w, cl_attempts_find(p.f.w.worker, 2, 2) == NULL ||
                              cl_attempts_find(p.f.w.worker, 2, 2)->phase != CL_PHASE_SPAWNING ||
                              !client_is_silent(&p.f.w, &clone.c));
      lost = world_state(&p.f.w, 2) == CL_LOST;
    } else {
      cl_fault_arm(0, false);
      cl_worker_shutdown(p.f.w.worker, CL_SHUTDOWN_DETACH, 0);
      world_close(&p.f.w);
      world_open(&p.f.w);
    }
    if (lost) {
      scene_pass(&p.f.w, 60);
      (void)scene_retry(&p.f.w, 2);
      (void)close(family_hear_fork(&p.f, &p.twin, 3, token));
    }
    puppet_kill(&clone);
    end_pair(&p);
  }
  assert_true(lost);
}

/* What is needed to run a program again is not to be had: it is said, and the state is given up; or it is
 * made again all the same. */
static void a_state_is_made_again_or_given_up(void **state) {
  (void)state;
  static const struct {
    struct failing f;
    const char *why; /* null: what fails may be of no weight */
  } cases[] = {{{"getrandom", 1, 0}, "no random bytes"},
               {{"getrandom", 2, 0}, "no random bytes"},
               {{"mkdir", 1, ENOSPC}, "No space left on device"},
               {{"open64", 1, EMFILE}, NULL},
               {{"open64", 2, EMFILE}, NULL},
               {{"open64", 3, EMFILE}, NULL},
               {{"write", 1, ENOSPC}, NULL}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct pair p;
    begin_pair(&p, world_way);
    family_lose_twin(&p.f, &p.twin, p.snapshot);
    family_supersede(&p.f, p.snapshot);
    arm(&cases[i].f);
    (void)scene_retry(&p.f.w, 2);
    WORLD_UNTIL(&p.f.w, world_count(&p.f.w, 2, CL_EVENT_VOIDED) == 1 ||
                            (cases[i].why == NULL && family_runs_again(&p.f)));
    disarm();
    if (world_count(&p.f.w, 2, CL_EVENT_VOIDED) == 1) {
      assert_has(cl_text_get(&p.f.w.said), "could not be made again");
      if (cases[i].why != NULL) assert_has(cl_text_get(&p.f.w.said), cases[i].why);
      WORLD_UNTIL(&p.f.w, !cl_study_snapshot(p.f.w.s, p.snapshot)->usable);
    }
    end_pair(&p);
  }
}

static void a_program_that_is_run_again_and_cannot_be_cloned_is_given_up(void **state) {
  (void)state;
  static const struct {
    struct failing f;
    bool begins_again; /* the process was asked, and has not heard it */
  } cases[] = {{{"getrandom", 1, 0}, false},
               {{"mkdir", 1, ENOSPC}, false},
               {{"open64", 1, EMFILE}, false},
               {{"write", 1, ENOSPC}, false},
               {{"sendmsg", 1, EPIPE}, true}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct pair p;
    struct puppet root;
    char token[200];
    begin_pair(&p, family_way_of_two);
    family_lose_twin(&p.f, &p.twin, p.snapshot);
    family_supersede(&p.f, p.snapshot);
    (void)scene_retry(&p.f.w, 2);
    family_take_token(&p.f, token);
    puppet_open(&p.f.w, &root);
    puppet_hello(&root, token);
    assert_has(client_hear(&p.f.w, &root.c), "{\"type\":\"start\"");
    scene_send_report(&root.c, 1, 1, 0.5, NULL);
    arm(&cases[i].f);
    WORLD_UNTIL(&p.f.w, has_happened(&cases[i].f));
    disarm();
    if (cases[i].begins_again) {
      family_take_token(&p.f, token);
    } else {
      WORLD_UNTIL(&p.f.w, world_count(&p.f.w, 2, CL_EVENT_VOIDED) == 1);
      assert_has(cl_text_get(&p.f.w.said), "a clone could not be prepared");
    }
    puppet_kill(&root);
    end_pair(&p);
  }
}

/* The keeper. */

struct heard {
  int spawned, failed, exited, lost, cause;
  char what[60];
};

static void on_spawned(void *ctx, int64_t id, pid_t pid, int64_t start) {
  struct heard *h = ctx;
  h->spawned += id == 2385 && pid > 1 && start > 0;
}

static void on_failed(void *ctx, int64_t id, int cause, const char *what) {
  struct heard *h = ctx;
  h->failed += id == 2385;
  h->cause = cause;
  (void)snprintf(h->what, sizeof h->what, "%s", what);
}

static void on_exited(void *ctx, int64_t id, const struct cl_exit *x) {
  struct heard *h = ctx;
  h->exited += id == 2385 && x->status == 7;
}

static void on_lost(void *ctx) {
  struct heard *h = ctx;
  h->lost++;
}

static const struct cl_keeper_events events = {on_spawned, on_failed, on_exited, on_lost};

static void on_tick(uv_timer_t *timer) {
  (void)timer;
}

struct nursery {
  char directory[40];
  uv_loop_t loop;
  uv_timer_t tick;
  struct cl_keeper *keeper;
  struct heard heard;
};

/* With something that fails in the keeper's process: "name nth", or "memory nth". */
static int open_nursery(struct nursery *n, const char *fault, struct cl_err *e) {
  *n = (struct nursery){.directory = "/tmp/clade-calls-XXXXXX"};
  char text[200], file[60];
  assert_non_null(mkdtemp(n->directory));
  (void)snprintf(file, sizeof file, "%s/fault", n->directory);
  assert_int_equal(cl_file_write(file, "", 0, false, NULL), 0);
  (void)snprintf(text, sizeof text, "%s %s", fault, file);
  assert_int_equal(setenv("CLADE_FAULT_CALL", text, 1), 0);
  assert_int_equal(uv_loop_init(&n->loop), 0);
  assert_int_equal(uv_timer_init(&n->loop, &n->tick), 0);
  assert_int_equal(uv_timer_start(&n->tick, on_tick, 20, 20), 0);
  int status = cl_keeper_open(&n->loop, NULL, &events, &n->heard, &n->keeper, e);
  assert_int_equal(unsetenv("CLADE_FAULT_CALL"), 0);
  return status;
}

static void close_nursery(struct nursery *n) {
  cl_keeper_close(n->keeper);
  uv_close((uv_handle_t *)&n->tick, NULL);
  assert_int_equal(uv_run(&n->loop, UV_RUN_DEFAULT), 0);
  assert_int_equal(uv_loop_close(&n->loop), 0);
  assert_int_equal(cl_dir_remove(n->directory, NULL), 0);
}

static int spawn(struct nursery *n, const char *script) {
  const char *argv[] = {"/bin/sh", "-c", script, NULL}, *env[] = {"PATH=/bin:/usr/bin", NULL};
  char out[60], lock[60];
  (void)snprintf(out, sizeof out, "%s/out", n->directory);
  (void)snprintf(lock, sizeof lock, "%s/lock", n->directory);
  FILE *file = fopen(lock, "w");
  assert_non_null(file);
  int fd = dup(fileno(file));
  (void)fclose(file);
  struct cl_spawn s = {
      .id = 2385, .directory = n->directory, .cwd = "/", .out = out, .err = out, .argv = argv, .env = env};
  return cl_keeper_spawn(n->keeper, &s, fd, NULL);
}

static void wait_for(struct nursery *n, const int *count, const char *fault) {
  int64_t limit = cl_clock_monotonic_us() + WORLD_PATIENCE_US;
  while (*count == 0 && cl_clock_monotonic_us() < limit) (void)uv_run(&n->loop, UV_RUN_ONCE);
  if (*count == 0) fail_msg("%s: nothing is heard, but '%s'", fault, n->heard.what);
}

/* Before it has said hello: then there is none, and a sentence. Which call of a name it is depends on what it
 * finds. */
static void a_keeper_that_cannot_begin_is_none(void **state) {
  (void)state;
  static const char *const calls[] = {"open64", "dup2", "fcntl64", "fork", "sigprocmask", "memory"};
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    bool failed = false;
    for (int nth = 1; nth <= 4 && !failed; nth++) {
      struct nursery n;
      struct cl_err e = {0};
      char fault[40];
      (void)snprintf(fault, sizeof fault, "%s %d", calls[i], nth);
      failed = open_nursery(&n, fault, &e) < 0;
      if (failed) assert_int_equal(e.code, CLADE_ESPAWN);
      if (failed) assert_has(e.text, "did not become a keeper: its main must call cl_keeper_main");
      assert_int_equal(n.keeper == NULL, failed);
      close_nursery(&n);
    }
    if (!failed) fail_msg("%s: it begins all the same", calls[i]);
  }
}

/* Its word alone makes no keeper. */
static void a_keeper_without_its_socket_is_none(void **state) {
  (void)state;
  char name[] = "clade", word[] = CL_KEEPER_WORD;
  char numbers[][24] = {"", "1", "x", "7x", "99999999999", "999"};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    char *argv[] = {name, word, numbers[i], NULL};
    assert_int_equal(cl_keeper_main(3, argv), 2);
  }
  char *argv[] = {name, word, NULL};
  assert_int_equal(cl_keeper_main(2, argv), 2);
}

static void a_keeper_that_cannot_be_begun_is_said(void **state) {
  (void)state;
  static const struct {
    struct failing f;
    int status;
    const char *why;
  } cases[] = {{{"socketpair", 1, 0}, CLADE_EIO, "cannot make a socketpair"},
               {{"posix_spawn", 1, 0}, CLADE_ESPAWN, "cannot start the keeper"},
               {{"uv_poll_init", 1, 0}, CLADE_EIO, "cannot watch the keeper"},
               {{"recv", 1, ECONNRESET}, CLADE_ESPAWN, "did not become a keeper"},
               {{NULL, 1, 0}, CLADE_ENOMEM, "memory"},
               {{"poll", 1, EINTR}, 0, ""},
               {{"recv", 1, EAGAIN}, 0, ""},
               {{"waitpid", 1, EINTR}, 0, ""}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uv_loop_t loop;
    struct cl_keeper *keeper = NULL;
    struct cl_err e = {0};
    struct heard heard = {0};
    assert_int_equal(uv_loop_init(&loop), 0);
    arm(&cases[i].f);
    assert_int_equal(cl_keeper_open(&loop, NULL, &events, &heard, &keeper, &e), cases[i].status);
    assert_true(has_happened(&cases[i].f));
    disarm();
    if (cases[i].status < 0) assert_has(e.text, cases[i].why);
    assert_int_equal(keeper == NULL, cases[i].status < 0);
    cl_keeper_close(keeper);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
  }
}

/* Spawn, and wait for what becomes of it. */
static void spawn_and_wait(struct nursery *n, const char *fault) {
  int64_t limit = cl_clock_monotonic_us() + WORLD_PATIENCE_US;
  struct heard *h = &n->heard;
  assert_int_equal(spawn(n, "exit 7"), 0);
  while (h->failed + h->exited + h->lost == 0 && cl_clock_monotonic_us() < limit)
    (void)uv_run(&n->loop, UV_RUN_ONCE);
  if (h->failed + h->exited + h->lost == 0) fail_msg("%s: nothing is heard", fault);
}

/* A request that it cannot serve is answered, or the keeper leaves: nobody waits for ever, and the next
 * request is served. Which call of a name it is that fails the request depends on what the keeper finds. */
static void a_request_that_cannot_be_served_is_answered(void **state) {
  (void)state;
  static const struct {
    const char *call, *what; /* null: the keeper leaves its engine */
    int cause;               /* 0 = any */
  } cases[] = {{"memory", NULL, 0},
               {"memory", "keep the request", ENOMEM},
               {"recvmsg", NULL, 0},
               {"cl_child_start", "start a process", EAGAIN},
               {"cl_process_start", "read the start time of a process", 0},
               {"open64", "open the trainer's stdout", EACCES},
               {"open64", "open the trainer's stderr", EACCES},
               {"dup2", "open the trainer's stdout", EMFILE},
               {"dup2", "open the trainer's stderr", EMFILE},
               {"fcntl64", "hand on the lock", EINVAL},
               {"write", "name the holder of the lock", ENOSPC}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bool found = false;
    for (int nth = 1; nth <= 9 && !found; nth++) {
      struct nursery n;
      struct cl_err e = {0};
      char fault[40];
      (void)snprintf(fault, sizeof fault, "%s %d", cases[i].call, nth);
      if (open_nursery(&n, fault, &e) == 0) {
        spawn_and_wait(&n, fault);
        found = cases[i].what == NULL ? n.heard.lost > 0 : strcmp(n.heard.what, cases[i].what) == 0;
        if (found && cases[i].cause != 0) assert_int_equal(n.heard.cause, cases[i].cause);
        if (n.heard.failed > 0) {
          assert_int_equal(spawn(&n, "exit 7"), 0);
          wait_for(&n, &n.heard.exited, fault);
          assert_int_equal(n.heard.spawned, 1);
        }
      }
      close_nursery(&n);
    }
    if (!found)
      fail_msg("%s: nothing is lost or fails by '%s'", cases[i].call,
               cases[i].what == NULL ? "" : cases[i].what);
  }
}

/* What fails for a moment only is done then: nothing is lost. */
static void a_keeper_that_is_interrupted_goes_on(void **state) {
  (void)state;
  static const char *const faults[] = {"send 2 again", "poll 1", "poll 2", "recvmsg 1 again"};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    struct nursery n;
    struct cl_err e = {0};
    if (open_nursery(&n, faults[i], &e) < 0) fail_msg("%s: %s", faults[i], e.text);
    assert_int_equal(spawn(&n, "exit 7"), 0);
    wait_for(&n, &n.heard.exited, faults[i]);
    assert_int_equal(n.heard.spawned, 1);
    assert_int_equal(n.heard.lost, 0);
    close_nursery(&n);
  }
}

static void a_process_gets_the_limits_that_were_asked_for(void **state) {
  (void)state;
  struct nursery n;
  struct cl_err e = {0};
  char script[120], out[60], path[60];
  int nice = getpriority(PRIO_PROCESS, 0) + 5; /* the tests may have been begun with another priority */
  (void)snprintf(
      script, sizeof script,
      "test \"$(ulimit -c)\" = 0 && test \"$(ulimit -v)\" = 4000000 && test \"$(nice)\" = %d && exit 7",
      nice > 19 ? 19 : nice);
  const char *argv[] = {"/bin/sh", "-c", script, NULL}, *env[] = {"PATH=/bin:/usr/bin", NULL};
  const struct cl_keeper_limit limits[] = {{RLIMIT_CORE, 0, 0}, {RLIMIT_AS, 4096000000, 4096000000}};
  if (open_nursery(&n, "write 1000", &e) < 0) fail_msg("%s", e.text);
  (void)snprintf(out, sizeof out, "%s/out", n.directory);
  (void)snprintf(path, sizeof path, "%s/lock", n.directory);
  int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  assert_true(lock >= 0);
  struct cl_spawn s = {.id = 2385,
                       .directory = n.directory,
                       .cwd = "/",
                       .out = out,
                       .err = out,
                       .argv = argv,
                       .env = env,
                       .nice = 5,
                       .n_limits = 2,
                       .limits = limits};
  assert_int_equal(cl_keeper_spawn(n.keeper, &s, lock, NULL), 0);
  wait_for(&n, &n.heard.exited, "limits");
  close_nursery(&n);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], CL_KEEPER_WORD) == 0) {
    cl_fault_call_arm_from_environment();
    return cl_keeper_main(argc, argv);
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_report_is_recorded_once_whatever_its_connection_does),
      cmocka_unit_test(who_is_not_let_in_comes_again),
      cmocka_unit_test(answers_outlive_short_memory),
      cmocka_unit_test(where_states_go_when_shared_memory_is_full),
      cmocka_unit_test(a_copy_that_cannot_be_written_is_written_later),
      cmocka_unit_test(what_a_trainer_leaves_empty_is_not_copied),
      cmocka_unit_test(a_lock_that_cannot_be_sent_costs_one_attempt),
      cmocka_unit_test(a_twin_that_cannot_be_taken_comes_again),
      cmocka_unit_test(a_clone_that_cannot_be_adopted_is_made_again),
      cmocka_unit_test(a_state_is_made_again_or_given_up),
      cmocka_unit_test(a_program_that_is_run_again_and_cannot_be_cloned_is_given_up),
      cmocka_unit_test(a_keeper_that_cannot_begin_is_none),
      cmocka_unit_test(a_keeper_without_its_socket_is_none),
      cmocka_unit_test(a_keeper_that_cannot_be_begun_is_said),
      cmocka_unit_test(a_request_that_cannot_be_served_is_answered),
      cmocka_unit_test(a_keeper_that_is_interrupted_goes_on),
      cmocka_unit_test(a_process_gets_the_limits_that_were_asked_for),
  };
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
