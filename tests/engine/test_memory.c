/* Every allocation of a short study fails once, and from then on: store, log, searcher and engine say
 * CLADE_ENOMEM and lose nothing. Linked with tests/fault; leaks are found by the sanitizer. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "fault/alloc.h"
#include "schedule/scheduler.h"

static const char plain_settings[] =
    "{\"study\": \"sim\", \"objectives\": [{\"name\": \"loss\", \"goal\": \"minimize\"}],"
    " \"hyperparameters\": [{\"id\": 1, \"name\": \"x\", \"domain\": \"float\", \"lo\": 0.0, \"hi\": 1.0},"
    "   {\"id\": 2, \"name\": \"k\", \"domain\": \"ordered\", \"values\": [1, 2, 4]}],"
    " \"search\": {\"method\": \"random\"}, \"trials\": 3, \"limits\": {\"retries\": 1, \"max_failures\": 3, \"disk_bytes\": 6000}}";

struct stage {
  struct cl_store *store;
  struct cl_log *log;
  struct cl_engine *engine;
  int64_t id;
  enum cl_way way; /* in which its states are kept */
  int said;
};

static int open_engine(struct stage *s, void (*say)(void *ctx, const char *text), struct cl_err *e) {
  struct cl_engine_options o = {.log = s->log, .holder = "here:1:1", .worker = 1, .say = say, .ctx = s};
  return cl_engine_create(&o, &s->engine, e);
}

static int open_stage(struct stage *s, const char *settings, int slots, struct cl_err *e) {
  struct cl_event created = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  created.u.created.name = "sim";
  created.u.created.uuid = "0";
  created.u.created.settings = settings;
  created.u.created.seed = 5;
  struct cl_event join = {.kind = CL_EVENT_WORKER};
  join.u.worker.worker = 1;
  join.u.worker.slots = slots;
  join.u.worker.state = CL_WORKER_JOINED;
  struct cl_append result;
  CL_TRY(cl_store_open("memory:", &(struct cl_store_options){.mode = CL_STORE_CREATE}, &s->store, e));
  CL_TRY(cl_store_create(s->store, &created, &s->id, e));
  CL_TRY(cl_log_open(s->store, s->id, NULL, &s->log, e));
  return cl_log_append(s->log, &join, &result, e);
}

/* The first attempt of trial 1 reports what diverges, that of trial 2 fails; the others go well. */
static int act(struct stage *s, struct cl_err *e) {
  const struct cl_study *study = cl_log_study(s->log);
  for (int64_t i = 1; i <= cl_study_trials(study); i++) {
    const struct cl_trial *t = cl_study_trial(study, i);
    struct cl_event ev = {.subject = i, .attempt = t->head.attempt};
    struct cl_metric m = {1, "loss", i == 1 ? NAN : 0.25 * (double)i};
    char path[40];
    if (t->head.state == CL_WAITING) {
      ev.kind = CL_EVENT_STARTED;
      ev.attempt++;
      ev.seen = t->head.version;
      ev.u.started.worker = 1;
      ev.u.started.until = CL_NO_STEP;
    } else if (t->head.state == CL_RUNNING && t->head.reports == 0 && !(i == 2 && t->head.attempt == 1)) {
      ev.kind = CL_EVENT_REPORTED;
      ev.u.reported.ordinal = 1;
      ev.u.reported.metrics = (struct cl_metric_list){1, &m};
    } else if (t->head.state == CL_RUNNING && t->head.reports == 1 && i > 1 &&
               cl_trial_resume_from(study, t) == 0) {
      (void)snprintf(path, sizeof path, "%d/checkpoints/1", (int)i);
      ev.kind = CL_EVENT_SAVED;
      ev.u.saved.way = CL_WAY_DIRECTORY;
      ev.u.saved.bytes = 5000;
      ev.u.saved.path = path;
    } else if (t->head.flags & CL_ATTEMPT_OPEN) {
      if (i == 1 && t->head.state == CL_RUNNING) continue; /* until it is stopped */
      ev.kind = CL_EVENT_ENDED;
      ev.u.ended.known = true;
      ev.u.ended.status = i == 2 && t->head.attempt == 1;
    } else {
      continue;
    }
    CL_TRY(cl_log_put(s->log, &ev, NULL, NULL, e));
  }
  return 0;
}

static int run(struct stage *s, struct cl_err *e) {
  CL_TRY(open_stage(s, plain_settings, 2, e));
  CL_TRY(open_engine(s, NULL, e));
  for (int64_t now = 100; now < 4000 && !cl_engine_is_over(s->engine); now += 100) {
    CL_TRY(cl_engine_turn(s->engine, now, e));
    CL_TRY(act(s, e));
    CL_TRY(cl_log_commit(s->log, e));
  }
  CL_TRY(cl_engine_turn(s->engine, 4100, e)); /* what is not needed any more is deleted */
  return cl_log_commit(s->log, e);
}

static void close_stage(struct stage *s) {
  cl_engine_destroy(s->engine);
  cl_log_close(s->log);
  cl_store_close(s->store);
}

static void a_study_without_memory_says_so(void **state) {
  (void)state;
  unsigned long rounds = 0;
  FAULT_LOOP(n) {
    struct stage s = {0};
    struct cl_err e = {0};
    int status = run(&s, &e);
    if (cl_fault_happened()) {
      assert_int_equal(status, CLADE_ENOMEM);
      assert_string_not_equal(e.text, "");
    } else {
      if (status < 0) fail_msg("%s (%s:%d)", e.text, e.file, e.line);
      assert_int_equal(status, 0);
      assert_true(cl_engine_is_over(s.engine));
      assert_int_equal(cl_study_count(cl_log_study(s.log), CL_COMPLETE), 2);
      assert_int_equal(cl_study_count(cl_log_study(s.log), CL_DIVERGED), 1);
      assert_int_equal(cl_study_disk(cl_log_study(s.log)).bytes, 5000); /* the best one's state is left */
    }
    close_stage(&s);
    rounds = n;
  }
  assert_true(rounds > 100);
}

/* A population: states are taken over, a member diverges, one is lost within its question, and a second
 * engine reads what the first has decided. */

enum { MEMBERS = 4, HALF = 9 };

static const char population_settings[] =
    "{\"study\": \"sim\", \"objectives\": [{\"name\": \"loss\", \"goal\": \"minimize\"}],"
    " \"hyperparameters\": [{\"id\": 1, \"name\": \"x\", \"domain\": \"float\", \"lo\": 0.0, \"hi\": 1.0}],"
    " \"search\": {\"method\": \"random\"}, \"trials\": 4, \"parallel\": 4,"
    " \"schedule\": {\"method\": \"pbt\", \"interval\": 2, \"quantile\": 0.5},"
    " \"limits\": {\"retries\": 3, \"max_failures\": 3}}";

static void listen_to(void *ctx, const char *text) {
  struct stage *s = ctx;
  s->said += text[0] != '\0';
}

static int put_trial(struct stage *s, struct cl_event ev, const struct cl_trial *t, struct cl_err *e) {
  ev.subject = t->number;
  ev.attempt = t->head.attempt;
  return cl_log_put(s->log, &ev, NULL, NULL, e);
}

static int start(struct stage *s, const struct cl_trial *t, struct cl_err *e) {
  struct cl_event ev = {.kind = CL_EVENT_STARTED, .subject = t->number, .seen = t->head.version};
  ev.attempt = t->head.attempt + 1;
  ev.u.started.worker = 1;
  ev.u.started.until = cl_schedule_until(cl_study_settings(cl_log_study(s->log)), t);
  return cl_log_put(s->log, &ev, NULL, NULL, e);
}

/* At its next question, with its state, which is large: the bill is said. */
static int ask(struct stage *s, const struct cl_trial *t, struct cl_err *e) {
  bool diverges = t->number == 2 && t->head.reports == 1;
  struct cl_metric m = {1, "loss", diverges ? NAN : 0.25 * (double)t->number};
  struct cl_event report = {.kind = CL_EVENT_REPORTED}, saved = {.kind = CL_EVENT_SAVED};
  char path[60];
  (void)snprintf(path, sizeof path, "%d/checkpoints/%d-%d", (int)t->number, t->head.attempt,
                 (int)t->head.reports);
  report.u.reported.ordinal = t->head.reports + 1;
  report.u.reported.step = t->head.until;
  report.u.reported.metrics = (struct cl_metric_list){1, &m};
  saved.u.saved.way = s->way;
  saved.u.saved.bytes = INT64_C(1) << 33;
  saved.u.saved.path = path;
  saved.u.saved.step = t->head.until;
  CL_TRY(put_trial(s, report, t, e));
  if (!diverges) CL_TRY(put_trial(s, saved, t, e));
  if (t->number != 3 || t->head.attempt > 1 || t->head.reports == 0) return 0;
  struct cl_event ended = {.kind = CL_EVENT_ENDED}; /* when it has asked, before it is answered */
  ended.u.ended.known = true;
  ended.u.ended.status = 1;
  return put_trial(s, ended, t, e);
}

static int load(struct stage *s, const struct cl_trial *t, struct cl_err *e) {
  struct cl_event ev = {.kind = CL_EVENT_LOADED};
  ev.u.loaded.change = t->head.load;
  ev.u.loaded.snapshot = cl_trial_resume_from(cl_log_study(s->log), t);
  return put_trial(s, ev, t, e);
}

static int act_as_population(struct stage *s, struct cl_err *e) {
  const struct cl_study *study = cl_log_study(s->log);
  for (int64_t i = 1; i <= cl_study_trials(study); i++) {
    const struct cl_trial *t = cl_study_trial(study, i);
    if (t->head.state == CL_WAITING && !(t->head.flags & CL_ATTEMPT_OPEN))
      CL_TRY(start(s, t, e));
    else if (t->head.state == CL_RUNNING && cl_head_wants_load(&t->head))
      CL_TRY(load(s, t, e));
    else if (t->head.state == CL_RUNNING && !(t->head.step >= t->head.until))
      CL_TRY(ask(s, t, e));
  }
  return 0;
}

static int run_population(struct stage *s, struct cl_err *e) {
  int64_t now = 100;
  CL_TRY(open_stage(s, population_settings, MEMBERS, e));
  for (int half = 0; half < 2; half++) {
    CL_TRY(open_engine(s, half == 0 ? listen_to : NULL, e));
    for (int i = 0; i < HALF; i++, now += 100) {
      CL_TRY(cl_engine_turn(s->engine, now, e));
      CL_TRY(act_as_population(s, e));
      CL_TRY(cl_log_commit(s->log, e));
      CL_TRY(cl_engine_answer(s->engine, now, e));
      CL_TRY(cl_log_commit(s->log, e));
    }
    cl_engine_destroy(s->engine);
    s->engine = NULL;
  }
  return 0;
}

static void assert_taken_over(const struct stage *s) {
  const struct cl_study *study = cl_log_study(s->log);
  int loads = 0;
  for (int64_t i = 1; i <= MEMBERS; i++) {
    const struct cl_trial *t = cl_study_trial(study, i);
    assert_true(t->head.reports >= 3);
    loads += cl_trial_donor(t) != 0;
  }
  assert_true(loads > 0 && s->said == 1);
  assert_int_equal(cl_study_trial(study, 3)->head.attempt, 2);
}

static void a_population_without_memory_says_so(void **state) {
  (void)state;
  static const enum cl_way ways[] = {CL_WAY_DIRECTORY, CL_WAY_FORK};
  for (int i = 0; i < 2; i++) {
    FAULT_LOOP(n) {
      struct stage s = {.way = ways[i]};
      struct cl_err e = {0};
      int status = run_population(&s, &e);
      if (cl_fault_happened()) {
        assert_int_equal(status, CLADE_ENOMEM);
        assert_string_not_equal(e.text, "");
      } else {
        if (status < 0) fail_msg("%s (%s:%d)", e.text, e.file, e.line);
        assert_taken_over(&s);
      }
      close_stage(&s);
      if (n > 300) n += n / 64; /* and the later ones in strides */
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_study_without_memory_says_so),
                                     cmocka_unit_test(a_population_without_memory_says_so)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
