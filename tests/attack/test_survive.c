/* Everything that can fail fails once, at the first, the second, … instant: allocations and system calls of
 * the engine's process, and of the keeper's. A study of real trainers goes on, or the worker ends with a
 * sentence and the next one recovers; in the end every trial is complete, once, and every report that a
 * trainer saw answered is in the log. */
#include "worker/world.h"

#include <errno.h>
#include <glob.h>
#include <signal.h>

#include "fault/alloc.h"
#include "fault/calls.h"
#include "fault/places.h"
#include "worker/process.h"

enum { TRIALS = 2, ENGINES_MAX = 40 };

/* What is run, and whether a second engine takes it over (then faults begin with that one). Those that clone
 * take over each other's states: the second trial the first one's, and later the first one the second's. */
struct scenario {
  const char *name, *program, *settings;
  bool connects, handed_over, clones;
  bool loses_twins; /* between the engines: what was in their memory is made again */
};

#define TRAINER_LIMITS ", \"limits\": {\"retries\": 100, \"reconnect\": 60}"
#define PRINTER_SETTINGS \
  ", \"computed\": \"hpmax\", \"objectives\": [{\"name\": \"hpmax\", \"goal\": \"maximize\"}], " \
  "\"limits\": {\"time_s\": 1000, \"memory_bytes\": 1000000000000}"

static const char printer[] =
    "cd \"$CLADE_DIR\"; echo epoch=1 rew=3 win=9; printf 'keep\\nratio=a\\n' > tags; i=0; "
    "while [ ! -e ../enough ] && [ $i -lt 3000 ]; do sleep 0.01; i=$((i+1)); done; echo epoch=2 rew=5";

#define MEMBER_SETTINGS \
  TRAINER_LIMITS \
  ", \"objectives\": [{\"name\": \"theta\", \"goal\": \"maximize\"}], \"hyperparameters\": " \
  "[{\"id\": 1, \"name\": \"x\", \"domain\": \"float\", \"lo\": 0.0, \"hi\": 10.0}, " \
  "{\"id\": 2, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"adam\", \"sgd\"]}]"

static const struct scenario scenarios[] = {
    {"trainers", "exec \"$KILL_TRAINER\" --pause_ms=1", TRAINER_LIMITS, .connects = true},
    {"printers", printer, PRINTER_SETTINGS},
    {"trainers, handed over", "exec \"$KILL_TRAINER\" --pause_ms=25", TRAINER_LIMITS, .connects = true,
     .handed_over = true},
    {"printers, handed over", printer, PRINTER_SETTINGS, .handed_over = true},
    {"twins", "exec \"$FORKED_MEMBER\" 6 fork 1", MEMBER_SETTINGS, .connects = true, .clones = true},
    {"regions", "exec \"$FORKED_MEMBER\" 6 regions 1", MEMBER_SETTINGS, .connects = true, .clones = true},
    {"twins, handed over", "exec \"$FORKED_MEMBER\" 6 fork 1", MEMBER_SETTINGS, .connects = true,
     .clones = true, .handed_over = true},
    {"twins, made again", "exec \"$FORKED_MEMBER\" 6 fork 1", MEMBER_SETTINGS, .connects = true,
     .clones = true, .handed_over = true, .loses_twins = true},
    {"regions, handed over", "exec \"$FORKED_MEMBER\" 6 regions 1", MEMBER_SETTINGS, .connects = true,
     .clones = true, .handed_over = true},
};

static const struct scenario *playing;
static bool handed; /* the second engine has begun */

static bool struck; /* something has failed since the study began, here or (perhaps) in a keeper */
static const char anything[] = "anything, at a place where nothing has failed before,";
static int strikes;   /* of these, in this study */
static int64_t limit; /* when the study must have ended; begins again with each of them */

/* Every instant takes minutes: `CLADE_THOROUGH=1` does it; without, each call fails at its first instant and
 * at a later one, another in each scenario, and memory at growing distances. */
static bool is_thorough(void) {
  return getenv("CLADE_THOROUGH") != NULL;
}

static int strikes_max(void) {
  return is_thorough() ? 30 : 10;
}

static void be_patient(void) {
  limit = cl_clock_monotonic_us() + WORLD_PATIENCE_US;
}

static bool asked, paused;
static struct {
  const char *name;
  unsigned long nth;
} failing;                     /* for people */
static bool taken[TRIALS + 1]; /* it has taken over another's state */

static bool has_happened(void) {
  struck |= cl_fault_happened() || cl_fault_call_happened() || cl_fault_place_happened();
  return struck;
}

static void disarm(void) {
  (void)has_happened();
  cl_fault_arm(0, false);
  cl_fault_call_arm(NULL, 0, false);
  cl_fault_places_arm(false);
  (void)unsetenv("CLADE_FAULT_CALL");
}

static int put(struct world *w, int64_t trial, struct cl_event ev, struct cl_err *e) {
  ev.subject = trial;
  ev.seen = world_trial(w, trial)->head.version;
  ev.as_of = cl_log_position(w->log);
  return cl_log_put(w->log, &ev, NULL, NULL, e);
}

/* The newest state that a trial has handed over, from that step on. */
static const struct cl_snapshot *find_state(const struct world *w, int64_t trial, double step) {
  for (size_t i = cl_study_snapshots(w->s); i > 0; i--) {
    const struct cl_snapshot *n = cl_study_nth_snapshot(w->s, i - 1);
    if (n->trial == trial && n->usable && n->step >= step && n->way != CL_WAY_COPY) return n;
  }
  return NULL;
}

static int put_exploit(struct world *w, int64_t trial, const struct cl_snapshot *from, struct cl_err *e) {
  struct cl_assigned values[] = {{1, cl_value_real(0.125)}, {2, cl_value_text("adam")}};
  struct cl_event ev = {.kind = CL_EVENT_EXPLOITED, .cause = CL_CAUSE_EXPLOIT};
  ev.u.exploited.snapshot = from->position;
  ev.u.exploited.values = (struct cl_assigned_list){2, values};
  ev.u.exploited.until = from->step + 2;
  taken[trial] = true;
  return put(w, trial, ev, e);
}

static int put_on(struct world *w, const struct cl_trial *t, struct cl_err *e) {
  struct cl_event ev = {.kind = CL_EVENT_CONTINUED, .cause = CL_CAUSE_EXPLOIT};
  ev.u.continued.until = t->head.step + 2;
  ev.u.continued.report = t->record;
  return put(w, t->number, ev, e);
}

/* A member asks. The second one takes over what the first has at step 2, the first one, from its second
 * question on, what the second has made of that; whoever has nothing to hand over is not waited for. */
static int rule(struct world *w, const struct cl_trial *t, struct cl_err *e) {
  const struct cl_trial *other = world_trial(w, 3 - t->number);
  bool second = t->number == 2, over = other->head.state == CL_COMPLETE;
  if (taken[t->number] || (!second && t->head.step <= 2)) return put_on(w, t, e);
  const struct cl_snapshot *from = find_state(w, other->number, second ? 2 : 4);
  if (!second && playing->handed_over && !handed) return 0;
  if (from != NULL) return put_exploit(w, t->number, from, e);
  return over || (second && other->head.step > 2) ? put_on(w, t, e) : 0;
}

static bool asks(const struct cl_trial *t) {
  const struct cl_head *h = &t->head;
  return h->state == CL_RUNNING && !(h->flags & CL_FLAG_PREEMPTING) && h->load <= 0 && h->reports > 0 &&
         h->step >= h->until;
}

/* As a population would be ruled: what could not be loaded is taken back, and who asks is answered. */
static int lead(struct world *w, struct cl_err *e) {
  for (int64_t i = 1; i <= TRIALS; i++) {
    const struct cl_trial *t = world_trial(w, i);
    if (cl_head_failed_to_load(&t->head)) {
      struct cl_event ev = {.kind = CL_EVENT_VOIDED, .cause = CL_CAUSE_MISSING};
      ev.u.voided.change = t->head.load > 0 ? t->head.load : -t->head.load;
      CL_TRY(put(w, i, ev, e));
    } else if (asks(t)) {
      CL_TRY(rule(w, t, e));
    }
  }
  return 0;
}

/* The first trial is asked for its state; the second one pauses, and goes on when its process has ended. */
static int steer(struct world *w, struct cl_err *e) {
  if (!playing->connects) return 0;
  if (playing->clones) return lead(w, e);
  const struct cl_trial *first = world_trial(w, 1), *second = world_trial(w, 2);
  if (!asked && first->head.state == CL_RUNNING && first->head.reports >= 1) {
    asked = true;
    CL_TRY(put(w, 1, (struct cl_event){.kind = CL_EVENT_CHECKPOINT_ASKED, .cause = CL_CAUSE_HUMAN}, e));
  }
  if (!paused && second->head.state == CL_RUNNING && second->head.reports >= 2) {
    paused = true;
    CL_TRY(put(w, 2, (struct cl_event){.kind = CL_EVENT_PAUSED, .cause = CL_CAUSE_RUNG}, e));
  }
  if (second->head.state != CL_PAUSED || (second->head.flags & CL_ATTEMPT_OPEN)) return 0;
  struct cl_event ev = {.kind = CL_EVENT_CONTINUED, .cause = CL_CAUSE_RUNG};
  ev.u.continued.until = CL_NO_STEP;
  return put(w, 2, ev, e);
}

/* What an engine would decide: whoever was lost or preempted is tried again. A trial may have moved on
 * meanwhile. */
static int retry_all(struct world *w, struct cl_err *e) {
  for (int64_t i = 1; i <= cl_study_trials(w->s); i++) {
    const struct cl_trial *t = world_trial(w, i);
    if (!cl_head_may_retry(cl_study_head(w->s), &t->head)) continue;
    struct cl_event ev = {.kind = CL_EVENT_RETRIED, .cause = CL_CAUSE_RESUME};
    ev.u.retried.count = t->head.tries + 1;
    CL_TRY(put(w, i, ev, e));
  }
  return 0;
}

static bool is_over(const struct world *w) {
  return cl_study_count(w->s, CL_COMPLETE) == TRIALS && world_is_idle(w);
}

static bool is_time_to_hand_over(const struct world *w) {
  if (!playing->handed_over || handed) return false;
  if (playing->clones) return find_state(w, 2, 4) != NULL;
  for (int64_t i = 1; i <= TRIALS; i++)
    if (world_trial(w, i)->head.reports == 0) return false;
  return true;
}

/* At the next new place, when one has failed and was got over. */
static void strike_again(void) {
  if (failing.name != anything || !cl_fault_place_happened() || strikes >= strikes_max()) return;
  (void)has_happened();
  strikes++;
  be_patient();
  cl_fault_places_arm(true);
}

static int run_worker(struct world *w, struct cl_err *e) {
  while (!is_over(w)) {
    strike_again();
    if (cl_clock_monotonic_us() > limit) {
      disarm();
      world_show(w);
      fail_msg("the study does not end when %s fails at instant %lu (%s)", failing.name, failing.nth,
               cl_fault_place_name());
    }
    for (bool more = true; more;) {
      CL_TRY(retry_all(w, e));
      CL_TRY(steer(w, e));
      CL_TRY(cl_worker_turn(w->worker, e));
      more = cl_log_has_put(w->log);
      CL_TRY(cl_log_commit(w->log, e));
    }
    if (is_time_to_hand_over(w)) return CLADE_STOP;
    if (!is_over(w)) (void)uv_run(&w->loop, UV_RUN_ONCE);
  }
  return 0;
}

static int run_engine(struct world *w, struct cl_err *e) {
  static const char *const gpus[] = {"3", "5"};
  w->options.n_gpus = playing->connects ? 0 : 2;
  w->options.gpus = gpus;
  w->options.labels = w->options.provenance = "{}";
  w->options.way = playing->clones ? world_way : NULL;
  w->until = playing->clones ? 2 : CL_NO_STEP;
  CL_TRY(world_try_to_work(w, TRIALS, e));
  CL_TRY(cl_worker_recover(w->worker, e));
  return run_worker(w, e);
}

static void arm(const char *name, unsigned long nth) {
  if (name == anything)
    cl_fault_places_arm(true);
  else if (name == NULL)
    cl_fault_arm(nth, false);
  else
    cl_fault_call_arm(name, nth, false);
}

static void let_printers_end(struct world *w) {
  world_touch(w, 0, 0, "enough", "");
}

/* Those that a note of the worker names. */
static void kill_twin(const char *path) {
  char *text = NULL;
  long long pid = 0, start = 0;
  assert_int_equal(cl_file_read(path, 4096, &text, NULL, NULL), 0);
  assert_int_equal(sscanf(text, "%*s %lld %lld", &pid, &start), 2);
  if (pid > 1 && cl_process_start((pid_t)pid) == start) (void)kill((pid_t)pid, SIGKILL);
  while (cl_process_lives((pid_t)pid, start)) (void)usleep(1000);
  cl_free(text);
}

static void kill_twins(struct world *w) {
  glob_t found;
  int n = 0;
  char pattern[200];
  (void)snprintf(pattern, sizeof pattern, "%s/clade.db.d/s/*/attempt-*/twin-*", w->directory);
  assert_int_equal(glob(pattern, 0, NULL, &found), 0);
  for (size_t i = 0; i < found.gl_pathc; i++, n++) kill_twin(found.gl_pathv[i]);
  assert_true(n >= 2);
  globfree(&found);
}

static void hand_over(struct world *w) {
  handed = true;
  cl_worker_shutdown(w->worker, CL_SHUTDOWN_DETACH, 0);
  let_printers_end(w);
  world_close(w);
  if (playing->loses_twins) kill_twins(w);
  world_open(w);
}

/* One engine after the other, until the study is over. An engine that ends says why. */
static void run_study(struct world *w, const char *name, unsigned long nth, bool in_keeper) {
  be_patient();
  for (int i = 0; i < ENGINES_MAX; i++) {
    struct cl_err e = {0};
    int status = run_engine(w, &e);
    if (status == 0) return;
    if (status == CLADE_STOP) {
      hand_over(w);
      if (!in_keeper) arm(name, nth);
      continue;
    }
    if (!has_happened()) fail_msg("an engine failed by itself: %s", e.text);
    assert_true(e.code < 0);
    assert_true(strlen(e.text) >= 10);
    disarm();
    world_close(w);
    world_open(w);
    if (name != anything) continue;
    be_patient();
    if (++strikes < strikes_max()) arm(name, nth);
  }
  fail_msg("engines fail again and again");
}

/* Every line "attempt step" of the trainer's file stands in the log. */
struct acknowledged {
  int64_t trial;
  int attempt;
  double step;
  bool found;
};

static int look_for(void *ctx, const struct cl_event *ev) {
  struct acknowledged *a = ctx;
  if (ev->kind == CL_EVENT_REPORTED && ev->subject == a->trial && ev->attempt == a->attempt &&
      ev->u.reported.step == a->step)
    a->found = true;
  return 0;
}

static void assert_acknowledged(struct world *w, int64_t trial) {
  char *text = world_read(w, trial, 0, "acknowledged");
  for (char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
    struct acknowledged a = {.trial = trial};
    char *end;
    a.attempt = (int)strtol(line, &end, 10);
    a.step = strtod(end, NULL);
    assert_int_equal(cl_store_read(w->store, w->study, &(struct cl_read){0}, look_for, &a, NULL), 0);
    if (!a.found) world_show(w);
    assert_true(a.found);
  }
  cl_free(text);
}

/* Every line "trial step theta" that a member has written when it began from a state is a score of the log:
 * nobody goes on from anything that was not ranked. */
struct origin {
  int64_t trial;
  double step, score;
  bool found;
};

static int look_for_score(void *ctx, const struct cl_event *ev) {
  struct origin *o = ctx;
  bool matches = ev->kind == CL_EVENT_REPORTED && ev->subject == o->trial && ev->u.reported.step == o->step;
  for (int i = 0; matches && i < ev->u.reported.metrics.n; i++)
    o->found |= ev->u.reported.metrics.items[i].value == o->score;
  return 0;
}

static int assert_loads(struct world *w, int64_t trial) {
  if (!world_has(w, trial, 0, "loads.txt")) return 0;
  char *text = world_read(w, trial, 0, "loads.txt");
  int n = 0;
  for (char *line = text; *line != '\0'; line = strchr(line, '\n') + 1, n++) {
    struct origin o = {0};
    char *end;
    o.trial = strtoll(line, &end, 10);
    o.step = strtod(end, &end);
    o.score = strtod(end, NULL);
    assert_int_equal(cl_store_read(w->store, w->study, &(struct cl_read){0}, look_for_score, &o, NULL), 0);
    if (!o.found) world_show(w);
    assert_true(o.found);
  }
  cl_free(text);
  return n;
}

/* Of whichever attempt: one that is late was said by a process that had been given up while it lived. */
struct dones {
  int64_t trial;
  int n, n_late;
};

static int count_done(void *ctx, const struct cl_event *ev) {
  struct dones *d = ctx;
  if (ev->kind != CL_EVENT_DONE || ev->subject != d->trial) return 0;
  d->n += !ev->late;
  d->n_late += ev->late;
  return 0;
}

static void assert_done_once(struct world *w, int64_t trial) {
  struct dones d = {.trial = trial};
  assert_int_equal(cl_store_read(w->store, w->study, &(struct cl_read){0}, count_done, &d, NULL), 0);
  if (d.n == 1 && d.n_late == 0) return;
  world_show(w);
  fail_msg("trial %d is done %d times, and %d times too late, when %s fails at instant %lu", (int)trial, d.n,
           d.n_late, failing.name, failing.nth);
}

/* Files are left as they are when an attempt is given up, but no lock is held and no descriptor is left. */
static void assert_whole(struct world *w) {
  struct cl_err e = {0};
  int loads = 0;
  if (cl_store_check(w->store, w->study, &e) != 0) fail_msg("%s", e.text);
  for (int64_t i = 1; i <= TRIALS; i++) {
    assert_int_equal(world_state(w, i), CL_COMPLETE);
    if (!playing->connects) {
      assert_true(world_trial(w, i)->value == 4);
      continue;
    }
    assert_done_once(w, i);
    loads += playing->clones ? assert_loads(w, i) : 0;
    if (playing->clones) continue;
    assert_true(world_trial(w, i)->value < 0.05);
    assert_acknowledged(w, i);
  }
  if (playing->clones && !has_happened()) assert_true(loads >= 2);
}

/* A study while `name` (null: allocations) fails the nth time; false when it did not come to that. */
static bool survives(const char *name, unsigned long nth, bool in_keeper) {
  struct world w;
  char fault[160];
  world_begin(&w, playing->program, playing->settings);
  for (int i = 0; i < TRIALS; i++) world_propose(&w, 2.385);
  char *directory = world_path(&w, 0, 0, NULL);
  assert_int_equal(cl_dir_create(directory, NULL), 0);
  cl_free(directory);
  if (!playing->handed_over) let_printers_end(&w);
  struck = in_keeper;
  failing.name = name == NULL ? "memory" : name;
  failing.nth = nth;
  strikes = 0;
  asked = paused = handed = false;
  memset(taken, 0, sizeof taken);
  if (in_keeper) {
    char *token = cl_path_join(w.directory, "fault");
    assert_int_equal(cl_file_write(token, "", 0, false, NULL), 0);
    (void)snprintf(fault, sizeof fault, "%s %lu %s", name, nth, token);
    cl_free(token);
    (void)setenv("CLADE_FAULT_CALL", fault, 1);
  } else if (!playing->handed_over) {
    arm(name, nth);
  }
  run_study(&w, name, nth, in_keeper);
  bool happened = has_happened();
  disarm();
  assert_whole(&w);
  world_end(&w);
  return happened;
}

/* Without `CLADE_THOROUGH` those that clone share the calls. */
static bool is_anothers(size_t call) {
  return !is_thorough() && playing->clones && (call + (size_t)(playing - scenarios)) % 3 != 0;
}

/* 1, 2, 3, … first, then in strides: what a call does late is mostly what it has done before. */
static unsigned long next_instant(unsigned long n, unsigned long dense) {
  return n < dense ? n + 1 : n + 3;
}

static void nothing_fails_by_itself(void **state) {
  playing = *state;
  assert_false(survives(NULL, 1000000000, false));
}

static void every_call_may_fail_once(void **state) {
  playing = *state;
  for (size_t i = 0; cl_fault_calls[i] != NULL; i++) {
    unsigned long n = 1, later = 2 + (i * 7 + (unsigned long)(playing - scenarios) * 5) % 23;
    if (is_anothers(i)) continue;
    while (is_thorough() && n < 1000 && survives(cl_fault_calls[i], n, false)) n = next_instant(n, 8);
    if (!is_thorough() && survives(cl_fault_calls[i], 1, false))
      (void)survives(cl_fault_calls[i], later, false);
  }
}

static void memory_may_be_short_at_any_instant(void **state) {
  playing = *state;
  unsigned long n = 1;
  while (n < 100000 && survives(NULL, n, false)) n = is_thorough() ? n + 1 : 2 * n + 1;
  print_message("# memory failed up to allocation %lu\n", n);
}

/* Memory and calls, many in one study; in thorough tests until none fails that has not failed there before.
 */
static void every_place_may_fail_once(void **state) {
  playing = *state;
  int studies = 0;
  while ((is_thorough() || studies == 0) && survives(anything, 0, false)) studies++;
  print_message("# %zu places have failed, after %d studies\n", cl_fault_places(), studies);
}

/* What a keeper cannot do it answers, or it dies: then its children are followed by their files. */
static void a_keeper_may_fail_at_any_call(void **state) {
  playing = *state;
  static const char *const calls[] = {"write",   "read",  "open64",         "send",
                                      "recvmsg", "flock", "cl_child_start", "cl_process_start"};
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    for (unsigned long n = 1; n <= 6 && !is_anothers(i); n += is_thorough() ? 1 : 4)
      (void)survives(calls[i], n, true);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], CL_KEEPER_WORD) == 0) {
    cl_fault_call_arm_from_environment();
    return cl_keeper_main(argc, argv);
  }
  if (getenv("KILL_TRAINER") == NULL || getenv("FORKED_MEMBER") == NULL) return 77;
  static const struct CMUnitTest kinds[] = {
      cmocka_unit_test(nothing_fails_by_itself),
      cmocka_unit_test(every_call_may_fail_once),
      cmocka_unit_test(memory_may_be_short_at_any_instant),
      cmocka_unit_test(a_keeper_may_fail_at_any_call),
      cmocka_unit_test(every_place_may_fail_once),
  };
  enum { SCENARIOS = sizeof scenarios / sizeof *scenarios, KINDS = sizeof kinds / sizeof *kinds };
  static char names[SCENARIOS * KINDS][100];
  struct CMUnitTest tests[SCENARIOS * KINDS];
  for (int i = 0; i < SCENARIOS * KINDS; i++) {
    tests[i] = kinds[i % KINDS];
    (void)snprintf(names[i], sizeof names[i], "%s: %s", scenarios[i / KINDS].name, kinds[i % KINDS].name);
    tests[i].name = names[i];
    tests[i].initial_state = (void *)(uintptr_t)&scenarios[i / KINDS];
  }
  if (argc > 1) cmocka_set_test_filter(argv[1]); /* "printers: *" */
  if (argc > 1 && strstr(argv[1], "every_place") == NULL) cmocka_set_skip_filter("*every_place*");
  return cmocka_run_group_tests(tests, NULL, NULL);
}
