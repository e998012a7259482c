/* Every scheduler of the registry in studies of many members, some of which fail, diverge, are preempted or
 * lost: members keep their number, donors give the state that was ranked, values are legal, nobody waits on
 * the dead, the budget is exact, and each ruling, asked for again at what it knew, is the same.
 *
 * A new method is simulated without a line here; `peculiar` says what it needs if its defaults do not suit.
 * CLADE_THOROUGH=1: 10 000 members, whatever the build; with the name of a method only that one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "schedule/members.h"
#include "schedule/scheduler.h"
#include "simulator.h"

static const char space[] =
    "{\"id\": 1, \"name\": \"x\", \"domain\": \"float\", \"scale\": \"linear\", \"lo\": 0.0, \"hi\": 1.0},"
    " {\"id\": 2, \"name\": \"lr\", \"domain\": \"float\", \"scale\": \"log\", \"lo\": 1e-5, \"hi\": 0.1},"
    " {\"id\": 3, \"name\": \"layers\", \"domain\": \"int\", \"scale\": \"linear\", \"lo\": 1, \"hi\": 7},"
    " {\"id\": 4, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"sgd\", \"adam\", \"lion\"]}";

/* Nobody gets any further after the third step: all begin anew. */
static double falls(const struct simulator *s, const struct cl_value *values, double step, double theta) {
  (void)s;
  (void)theta;
  return step < 3 ? values[0].as.real : -0.1 * values[0].as.real;
}

static double falls_now_and_then(const struct simulator *s, const struct cl_value *values, double step,
                                 double theta) {
  uint64_t bits;
  (void)s;
  memcpy(&bits, &theta, sizeof bits);
  return cl_mix64(bits + (uint64_t)step) % 4 == 0 ? -theta / 2 : values[0].as.real;
}

static const struct peculiar {
  const char *method, *options; /* `, "key": value`, or "" */
  const char *space;            /* null: as above */
  int few;    /* members in short simulations, 0 = as many as others: methods whose decisions cost more */
  bool waits; /* for all members, whatever `sync` says: who dies after the last generation is not replaced */
  bool in_turn; /* it rules one member after the other: a report waits for those before it */
  double (*gain)(const struct simulator *s, const struct cl_value *values, double step, double theta);
} peculiar[] = {{"epbt", .options = "", .waits = true},
                {"fire_pbt", .options = "", .few = 60, .waits = true},
                {"ipbt", .options = ", \"end\": 100, \"patience\": 1, \"growth\": 1", .few = 40,
                 .waits = true, .gain = falls},
                {"mf_pbt", .options = ", \"sub_populations\": 2, \"frequencies\": [1, 2]", .waits = true},
                {"pb2", .options = "", .few = 40, .in_turn = true},
                {"pb2_mix", .options = "", .few = 40, .in_turn = true},
                {"policies", .options = ", \"wrong\": \"own\""},
                {NULL, .options = ""}};

static const struct peculiar *peculiar_of(const char *method) {
  const struct peculiar *p = peculiar;
  while (p->method != NULL && strcmp(p->method, method) != 0) p++;
  return p;
}

static int members_of(const char *method) {
#if defined(__SANITIZE_ADDRESS__)
  int n = 240;
#else
  int n = 2000;
#endif
  int few = peculiar_of(method)->few;
  return getenv("CLADE_THOROUGH") != NULL ? 10000 : few > 0 ? few : n;
}

static bool is_wanted(const struct cl_scheduler_ops *ops) {
  const char *name = getenv("CLADE_THOROUGH");
  return name == NULL || strcmp(name, "1") == 0 || strcmp(name, ops->name) == 0;
}

static bool has_option(const struct cl_scheduler_ops *ops, const char *name) {
  for (const struct cl_option *o = ops->options; o->name != NULL; o++)
    if (strcmp(o->name, name) == 0) return true;
  return false;
}

/* The registry, and a shared object with policies (plugins/wrong.c), which does nothing wrong here. */
static const struct cl_scheduler_ops *method(int i) {
  int n = 0;
  while (cl_schedulers()[n] != NULL) n++;
  return i == n ? cl_scheduler_find("./") : i < n ? cl_schedulers()[i] : NULL;
}

/* `options`: of the mode; a policy of one's own for exploit knows nothing of an archive. */
static const char *name_in_spec(const struct cl_scheduler_ops *ops, const char *options) {
  bool own = ops == cl_scheduler_find("./"), archives = strstr(options, "archive") != NULL;
  const char *path = getenv(archives ? "POLICIES_WITHOUT_EXPLOIT" : "POLICIES");
  return !own ? ops->name : path == NULL ? "./libwrong.so" : path;
}

/* What happens to members. */

static uint64_t hash(const struct simulator *s, int64_t trial, int attempt, double step) {
  return cl_mix64((uint64_t)(s->seed * 1000003 + trial * 977 + attempt * 31 + (int64_t)(step * 8)));
}

static enum trouble misfortune(const struct simulator *s, int64_t trial, int attempt, double step) {
  uint64_t h = hash(s, trial, attempt, step);
  if (h % 211 == 0) return CRASHES;
  if (h % 223 == 0) return DIVERGES;
  if (h % 227 == 0) return IS_PREEMPTED;
  return h % 229 == 0 ? IS_LOST : NO_TROUBLE;
}

static enum trouble misfortune_before_the_end(const struct simulator *s, int64_t trial, int attempt,
                                              double step) {
  return step >= s->steps ? NO_TROUBLE : misfortune(s, trial, attempt, step);
}

static bool dawdles(const struct simulator *s, int64_t trial, int turn) {
  bool slow = trial % 5 == 0;
  return cl_mix64((uint64_t)(trial * 7919 + (int64_t)turn * 104729 + s->slots)) % 8 >= (slow ? 7u : 2u);
}

/* The log, read once and kept. */

struct history {
  struct cl_event **events; /* by position - 1 */
  int64_t n;
  size_t cap;
};

static int keep_event(void *ctx, const struct cl_event *ev) {
  struct history *h = ctx;
  assert_int_equal(ev->position, h->n + 1);
  assert_int_equal(cl_grow(&h->events, &h->cap, (size_t)h->n + 1, sizeof *h->events), 0);
  struct cl_event *copy = cl_event_copy(ev);
  assert_non_null(copy);
  h->events[h->n++] = copy;
  return 0;
}

static struct history read_history(const struct simulator *s) {
  struct history h = {0};
  assert_int_equal(cl_store_read(s->store, s->id, &(struct cl_read){0}, keep_event, &h, NULL), 0);
  return h;
}

static void free_history(struct history *h) {
  for (int64_t i = 0; i < h->n; i++) cl_free(h->events[i]);
  cl_free(h->events);
}

static const struct cl_event *event_at(const struct history *h, int64_t position) {
  assert_in_range(position, 1, h->n);
  return h->events[position - 1];
}

/* The checks. */

static bool is_ruling(const struct cl_event *ev) {
  return (ev->subject > 0 || ev->kind == CL_EVENT_CHOSEN) && cl_members_is_ruling(ev);
}

/* Also answers to reports that are not judged. */
static bool is_asked_again(const struct cl_event *ev) {
  return is_ruling(ev) || cl_scheduler_is_answer(ev);
}

static double number_in(const json_t *args, const char *key) {
  const json_t *node = json_object_get(args, key);
  return json_is_number(node) ? json_number_value(node) : NAN;
}

/* The donor gave the state that was ranked: its report, its snapshot and its score are of one moment. */
static void check_donor(const struct history *h, const struct cl_study *past, const struct cl_event *ev) {
  json_t *args = json_loads(ev->args, 0, NULL);
  assert_non_null(args);
  int64_t donor = (int64_t)number_in(args, "donor");
  double score = number_in(args, "score"), own = number_in(args, "own");
  int64_t position = (int64_t)json_integer_value(json_array_get(json_object_get(args, "reports"), 1));
  const struct cl_event *report = event_at(h, position);
  const struct cl_snapshot *n = cl_study_snapshot(past, ev->u.exploited.snapshot);
  assert_non_null(n);
  assert_true(n->usable);
  assert_int_equal(report->kind, CL_EVENT_REPORTED);
  assert_int_equal(report->subject, donor);
  assert_int_equal(n->trial, donor);
  assert_int_equal(n->attempt, report->attempt);
  assert_true(n->step == report->u.reported.step);
  assert_true(n->rollup.last == score && report->u.reported.metrics.items[0].value == score);
  if (ev->cause == CL_CAUSE_EXPLOIT) { /* else descendants may be of worse parents, and of themselves */
    bool behind = number_in(args, "at") < number_in(args, "rung"); /* it was better where it was judged */
    bool by_score = json_object_get(args, "role") == NULL && json_object_get(args, "restart") == NULL;
    if (by_score && !(behind && json_object_get(args, "ready") != NULL))
      assert_false(score < own); /* fire_pbt ranks by more than scores; who begins anew only wants a state */
    if (!json_is_true(json_object_get(args, "archived"))) assert_int_not_equal(donor, ev->subject);
  }
  json_decref(args);
}

static void check_values(const struct cl_study *past, int64_t trial) {
  struct cl_value values[16];
  struct cl_err e = {0};
  cl_trial_values(past, cl_study_trial(past, trial), values);
  if (cl_space_check(cl_study_space(past), values, &e) < 0) fail_msg("trial %d: %s", (int)trial, e.text);
}

static void check_again(struct cl_scheduler *scheduler, const struct cl_event *ev) {
  struct cl_err e = {0};
  struct cl_event ret = {0};
  int status = cl_scheduler_again(scheduler, ev, &ret, &e);
  if (status != 0)
    fail_msg("event %d about trial %d, asked again: %d %s", (int)ev->position, (int)ev->subject, status,
             e.text);
  ret.position = ev->position;
  ret.time_ms = ev->time_ms;
  ret.by = ev->by;
  if (!cl_event_equal(ev, &ret))
    fail_msg("event %d about trial %d (%s %s) is now %s %s", (int)ev->position, (int)ev->subject,
             cl_kind_name(ev->kind), ev->args, cl_kind_name(ret.kind), ret.args);
}

struct tally {
  int64_t rulings, exploits, again, saved, kept, answers, answers_again;
};

static int count(void *ctx, int64_t snapshot) {
  int64_t *n = ctx;
  assert_true(snapshot > 0);
  (*n)++;
  return 0;
}

/* Fold the log; where it stands as a ruling saw it, ask for that ruling again. */
static struct tally check_history(const struct history *h) {
  struct cl_study *past = NULL;
  struct cl_scheduler *scheduler = NULL;
  struct cl_err e = {0};
  struct tally tally = {0};
  int64_t next = 1; /* ruling to ask for again */
  assert_int_equal(cl_study_create(&past, &e), 0);
  assert_int_equal(cl_scheduler_create(past, &scheduler, &e), 0);
  for (int64_t position = 1; position <= h->n; position++) {
    const struct cl_event *ev = event_at(h, position);
    for (; next <= h->n && event_at(h, next)->as_of < position; next++) {
      if (!is_asked_again(event_at(h, next))) continue;
      assert_int_equal(event_at(h, next)->as_of, position - 1);
      check_again(scheduler, event_at(h, next));
      tally.again += is_ruling(event_at(h, next));
      tally.answers_again += cl_scheduler_is_answer(event_at(h, next));
    }
    if (ev->kind == CL_EVENT_EXPLOITED) check_donor(h, past, ev);
    assert_int_equal(cl_study_apply(past, ev, &e), 0);
    assert_int_equal(cl_scheduler_apply(scheduler, ev, &e), 0);
    if (ev->kind == CL_EVENT_EXPLOITED || ev->kind == CL_EVENT_SET) check_values(past, ev->subject);
    tally.rulings += is_ruling(ev);
    tally.answers += cl_scheduler_is_answer(ev);
    tally.exploits += ev->kind == CL_EVENT_EXPLOITED;
    tally.saved += ev->kind == CL_EVENT_SAVED;
  }
  assert_int_equal(cl_scheduler_keeps(scheduler, count, &tally.kept), 0);
  cl_scheduler_destroy(scheduler);
  cl_study_destroy(past);
  return tally;
}

/* The step that it has come to; of the state that it took over, if it was done with that. */
static double come_to(const struct cl_study *study, const struct cl_trial *t) {
  const struct cl_snapshot *n = cl_study_snapshot(study, cl_trial_resume_from(study, t));
  return isnan(t->head.step) && n != NULL ? n->step : t->head.step;
}

/* All members are there at the end, each with its whole training: a clone's is its lineage's. Starters that
 * were not taken have trained for one interval. */
static void check_members(const struct simulator *s, int members) {
  const struct cl_study *study = simulator_study(s);
  assert_int_equal(cl_study_trials(study), s->trials);
  assert_int_equal(cl_study_head(study)->counted, s->trials);
  assert_int_equal(cl_study_count(study, CL_COMPLETE), members);
  for (int64_t i = 1; i <= s->trials; i++) {
    const struct cl_trial *t = cl_study_trial(study, i);
    double step = come_to(study, t);
    if (s->removes != NULL && isnan(t->head.step)) continue; /* that state may have been removed since */
    assert_true(t->head.state == CL_COMPLETE ? step == s->steps : !(step > 2));
  }
}

/* Simulations. */

struct mode {
  const char *options, *more; /* of the schedule; of the settings */
  bool waits;                 /* members wait for each other */
  int starters;               /* trials for each member, 0 = 1 */
  bool falls;                 /* now and then a score falls, so that earlier states are the better ones */
  const char *ready;          /* instead of an interval; null: every 2 steps */
  bool saves;                 /* at every step, before the report */
};

static void begin(struct simulator *s, const struct cl_scheduler_ops *ops, const struct mode *mode) {
  static char schedule[2000];
  const struct peculiar *p = peculiar_of(ops->name);
  (void)snprintf(schedule, sizeof schedule, "{\"method\": \"%s\", \"%s\": %s%s%s}",
                 name_in_spec(ops, mode->options), mode->ready == NULL ? "interval" : "ready",
                 mode->ready == NULL ? "2" : mode->ready, mode->options, p->options);
  s->asks = mode->ready != NULL;
  s->schedule = schedule;
  s->more = mode->more;
  s->space = p->space == NULL ? space : p->space;
  s->gain = mode->falls ? falls_now_and_then : p->gain;
  simulator_begin(s);
}

/* The turns that a report may wait where nobody waits for others. Rulings that are made one after the other
 * can take a turn each, but all in flight never ask in the same turn: of 24 to 400 members in up to 96 slots
 * none has waited for more than 9 turns. */
static int patience(const struct peculiar *p, const struct simulator *s) {
  int in_flight = s->slots < s->trials ? s->slots : s->trials;
  return p->in_turn ? in_flight / 2 : 2;
}

static void simulate(const struct cl_scheduler_ops *ops, const struct mode *mode, int slots, bool slow) {
  struct simulator s = {.slots = slots,
                        .trials = members_of(ops->name),
                        .steps = 6,
                        .seed = 17,
                        .script = peculiar_of(ops->name)->waits ? misfortune_before_the_end : misfortune,
                        .moves = slow ? dawdles : NULL};
  begin(&s, ops, mode);
  while (simulator_turn(&s)) { /* as many members at all times */
    assert_true(cl_study_pending(simulator_study(&s)) <= s.slots);
    assert_true(cl_study_trials(simulator_study(&s)) <= s.trials);
  }
  simulator_run(&s);
  check_members(&s, mode->starters > 0 ? s.trials / mode->starters : s.trials);
  const struct peculiar *p = peculiar_of(ops->name);
  if (!mode->waits && !p->waits && !slow) assert_in_range(s.longest_held, 1, patience(p, &s));
  struct history h = read_history(&s);
  struct tally tally = check_history(&h);
  print_message(
      "# %s%s%s: %d members, %d events, %d rulings, %d of them exploits, all the same when asked again\n",
      ops->name, mode->options, mode->more, s.trials, (int)h.n, (int)tally.rulings, (int)tally.exploits);
  assert_true(tally.exploits > s.trials / 10 / (mode->starters > 0 ? mode->starters : 1));
  assert_int_equal(tally.again, tally.rulings);
  assert_true(tally.kept < tally.saved / 2); /* the rest may be removed */
  free_history(&h);
  simulator_end(&s);
}

/* Older states of everybody, and now and then the newest one. */
static bool is_cleaned(const struct simulator *s, const struct cl_snapshot *n, int turn) {
  const struct cl_head *h = &cl_study_trial(simulator_study(s), n->trial)->head;
  uint64_t draw = cl_mix64((uint64_t)(n->position * 7919 + turn));
  return h->step > n->step ? draw % 4 == 0 : draw % 97 == 0;
}

static void states_that_were_removed_are_not_taken_over(void **state) {
  (void)state;
  for (int i = 0; method(i) != NULL; i++) {
    const struct cl_scheduler_ops *ops = method(i);
    if (!is_wanted(ops)) continue;
    for (int sync = 0; sync <= (has_option(ops, "sync") ? 1 : 0); sync++) {
      const struct mode mode = {sync ? ", \"sync\": true" : "", "", true, 0, false};
      struct simulator s = {.slots = 8,
                            .trials = 24,
                            .steps = 8,
                            .seed = 5,
                            .script = misfortune_before_the_end,
                            .moves = dawdles,
                            .removes = is_cleaned};
      begin(&s, ops, &mode);
      simulator_run(&s);
      check_members(&s, s.trials);
      struct history h = read_history(&s);
      struct tally tally = check_history(&h);
      assert_true(tally.exploits > 4);
      free_history(&h);
      simulator_end(&s);
    }
  }
}

#define ORDERED ", \"ordered\": true"

static void members_are_many_and_no_rule_is_broken(void **state) {
  (void)state;
  const struct mode free_mode = {"", "", false, 0, false}, sync = {", \"sync\": true", "", true, 0, false},
                    archive = {", \"archive\": 12", "", true, 0, true},
                    starters = {", \"starters\": 2", "", true, 2, false};
  for (int i = 0; method(i) != NULL; i++) {
    const struct cl_scheduler_ops *ops = method(i);
    if (!is_wanted(ops)) continue;
    simulate(ops, &free_mode, 96, false);
    simulate(ops, &free_mode, 32, true);
    if (has_option(ops, "sync")) simulate(ops, &sync, 64, true);
    if (has_option(ops, "archive")) simulate(ops, &archive, 64, true);
    if (has_option(ops, "starters")) simulate(ops, &starters, 64, true);
  }
}

static void rulings_of_ordered_mode_are_the_same_when_asked_again(void **state) {
  (void)state;
  const struct mode ordered = {"", ORDERED, true, 0, false},
                    both = {", \"sync\": true", ORDERED, true, 0, false},
                    archive = {", \"archive\": 12", ORDERED, true, 0, true},
                    starters = {", \"starters\": 2", ORDERED, true, 2, false};
  for (int i = 0; method(i) != NULL; i++) {
    const struct cl_scheduler_ops *ops = method(i);
    if (!is_wanted(ops)) continue;
    simulate(ops, &ordered, 48, true);
    if (has_option(ops, "sync")) simulate(ops, &both, 48, true);
    if (has_option(ops, "archive")) simulate(ops, &archive, 48, true);
    if (has_option(ops, "starters")) simulate(ops, &starters, 48, true);
  }
}

/* What was decided about whom, whenever: rung, member, values; without turns of slots. */

static int by_subject(const void *a, const void *b) {
  const struct cl_event *x = *(const struct cl_event *const *)a, *y = *(const struct cl_event *const *)b;
  if (x->subject != y->subject) return x->subject < y->subject ? -1 : 1;
  return x->position < y->position ? -1 : 1;
}

static size_t keep_exploits(struct history *h) {
  size_t n = 0;
  for (int64_t i = 0; i < h->n; i++) {
    if (h->events[i]->kind == CL_EVENT_EXPLOITED)
      h->events[n++] = h->events[i];
    else
      cl_free(h->events[i]);
  }
  h->n = (int64_t)n;
  qsort(h->events, n, sizeof *h->events, by_subject);
  return n;
}

static void same_values(const struct cl_event *a, const struct cl_event *b) {
  assert_int_equal(a->subject, b->subject);
  assert_int_equal(a->u.exploited.values.n, b->u.exploited.values.n);
  for (int i = 0; i < a->u.exploited.values.n; i++)
    assert_true(cl_value_equal(a->u.exploited.values.items[i].value, b->u.exploited.values.items[i].value));
}

static void run_ordered(const struct cl_scheduler_ops *ops, const char *options, int slots,
                        struct history *ret) {
  const struct mode mode = {options, ", \"ordered\": true", true, 0, false};
  bool dear = peculiar_of(ops->name)->few > 0;
  struct simulator s = {.slots = slots,
                        .trials = dear ? 10 : 24,
                        .steps = dear ? 8 : 12,
                        .seed = 6,
                        .apart = slots > 5,
                        .moves = slots > 1 ? dawdles : NULL};
  begin(&s, ops, &mode);
  for (int i = 0; simulator_turn(&s); i++)
    if (slots == 5 && i % 19 == 18) simulator_crash(&s);
  simulator_run(&s);
  check_members(&s, s.trials);
  assert_true(s.apart ? s.answers == 0 : s.answers > 10);
  *ret = read_history(&s);
  simulator_end(&s);
}

static void ordered_mode_does_not_depend_on_timing(void **state) {
  (void)state;
  for (int i = 0; method(i) != NULL; i++) {
    const struct cl_scheduler_ops *ops = method(i);
    if (!is_wanted(ops)) continue;
    for (int sync = 0; sync <= (has_option(ops, "sync") ? 1 : 0); sync++) {
      const char *options = sync ? ", \"sync\": true" : "";
      struct history first, again;
      run_ordered(ops, options, 1, &first);
      size_t n = keep_exploits(&first);
      assert_true(n >= 6);
      for (int slots = 5; slots <= 16; slots += 11) {
        run_ordered(ops, options, slots, &again);
        assert_int_equal(keep_exploits(&again), n);
        for (size_t k = 0; k < n; k++) same_values(first.events[k], again.events[k]);
        free_history(&again);
      }
      free_history(&first);
    }
  }
}

/* Ready by time and by metric. A turn is a tenth of a second. */

static bool takes_ready(const struct cl_scheduler_ops *ops) {
  static const char *const methods[] = {"pbt", "pb2", "pb2_mix", "epbt", "mf_pbt", "policies"};
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
    if (strcmp(ops->name, methods[i]) == 0) return true;
  return false;
}

static bool has_no_room(const struct simulator *s, int64_t trial, double step) {
  return hash(s, trial, 0, step) % 19 == 0;
}

static int64_t n_clocks;
static double last_clock;

static int check_clock(void *ctx, const struct cl_event *ev) {
  (void)ctx;
  if (ev->kind != CL_EVENT_CLOCK) return 0;
  n_clocks++;
  assert_true(ev->u.clock.seconds >= last_clock);
  last_clock = ev->u.clock.seconds;
  return 0;
}

/* Nobody goes round in circles: whoever was ruled at a ready point, or has taken over the state of one, is
 * ruled next at the one after it. */
static void check_ready_points(const struct simulator *s, const struct history *h) {
  int32_t *next = cl_alloc_array((size_t)s->trials + 1, sizeof *next);
  assert_non_null(next);
  for (int64_t i = 1; i <= h->n; i++) {
    const struct cl_event *ev = event_at(h, i);
    if (ev->kind == CL_EVENT_PAUSED || !is_ruling(ev)) continue;
    json_t *args = json_loads(ev->args, 0, NULL);
    int32_t rung = (int32_t)number_in(args, "rung"), came_to = rung;
    if (ev->kind == CL_EVENT_EXPLOITED) came_to = (int32_t)number_in(args, "donor_rung");
    if (json_is_true(json_object_get(args, "archived")) && came_to < rung - 1) came_to = rung - 1;
    assert_in_range(ev->subject, 1, s->trials);
    if (next[ev->subject] != 0) assert_int_equal(rung, next[ev->subject]);
    next[ev->subject] = came_to + 1;
    json_decref(args);
  }
  cl_free(next);
}

enum { TURNS_MAX = 5000 };
enum hardship { NONE, MISFORTUNE, KILLS };

static void simulate_ready(const struct cl_scheduler_ops *ops, const struct mode *mode, int slots,
                           enum hardship hardship) {
  bool hard = hardship == MISFORTUNE;
  struct simulator s = {.slots = slots,
                        .trials = peculiar_of(ops->name)->few > 0 ? 24 : 48,
                        .steps = 12,
                        .seed = 23,
                        .script = hard ? misfortune_before_the_end : NULL,
                        .unsaved = hard ? has_no_room : NULL,
                        .saves = mode->saves,
                        .moves = dawdles};
  begin(&s, ops, mode);
  for (int i = 0; simulator_turn(&s); i++) {
    assert_true(s.turns < TURNS_MAX);                            /* nobody goes round in circles */
    bool more_wait = hardship == KILLS || mode->more[0] != '\0'; /* up to the lag of ordered mode */
    assert_true(more_wait || cl_study_pending(simulator_study(&s)) <= s.slots);
    if (hardship == KILLS && i % 83 == 82) simulator_crash(&s);
  }
  simulator_run(&s);
  check_members(&s, s.trials);
  struct history h = read_history(&s);
  struct tally tally = check_history(&h);
  print_message("# %s ready %s%s%s, %d slots: %d events, %d turns, %d rulings, %d exploits\n", ops->name,
                mode->ready, mode->options, mode->more, slots, (int)h.n, s.turns, (int)tally.rulings,
                (int)tally.exploits);
  assert_true(tally.exploits >= (strstr(mode->ready, "above") != NULL ? 1 : 3));
  assert_int_equal(tally.again, tally.rulings);
  assert_int_equal(tally.answers_again, tally.answers);
  assert_true(tally.answers > s.trials);
  check_ready_points(&s, &h);
  n_clocks = 0;
  last_clock = 0;
  assert_int_equal(cl_store_read(s.store, s.id, &(struct cl_read){0}, check_clock, NULL, NULL), 0);
  assert_true((n_clocks > 0) == (strstr(mode->ready, "metric") == NULL));
  free_history(&h);
  simulator_end(&s);
}

static void members_are_ready_by_time_and_by_metric(void **state) {
  (void)state;
  static const struct mode modes[] = {
      {"", "", true, .ready = "{\"every\": \"600ms\"}"},
      {", \"sync\": true", "", true, .ready = "{\"every\": \"600ms\"}"},
      {"", "", true, .ready = "{\"metric\": \"theta\", \"every\": 0.75}"},
      {", \"sync\": true", "", true, .ready = "{\"metric\": \"theta\", \"every\": 0.75}"},
      {"", ORDERED, true, .ready = "{\"metric\": \"theta\", \"every\": 0.75}"},
      {", \"sync\": true", ORDERED, true, .ready = "{\"metric\": \"theta\", \"every\": 0.75}"},
      {"", "", true, .ready = "{\"metric\": \"theta\", \"factor\": 1.5}"},
      {"", "", true, .ready = "{\"metric\": \"theta\", \"patience\": 2, \"goal\": \"minimize\"}"},
      {", \"burn_in\": 5", "", true, .ready = "{\"metric\": \"theta\", \"above\": 1.25}"},
      {"", "", true, .saves = true, .ready = "{\"metric\": \"theta\", \"every\": 0.75}"},
      {"", ORDERED, true, .saves = true, .ready = "{\"metric\": \"theta\", \"every\": 0.75}"}};
  static const struct mode archives[] = {
      {", \"archive\": 12", "", true, .falls = true, .ready = "{\"every\": \"300ms\"}"},
      {", \"archive\": 12, \"sync\": true", "", true, .falls = true, .ready = "{\"every\": \"300ms\"}"},
      {", \"archive\": 12", ORDERED, true, .ready = "{\"metric\": \"theta\", \"every\": 0.75}"}};
  for (int i = 0; method(i) != NULL; i++) {
    const struct cl_scheduler_ops *ops = method(i);
    for (size_t k = 0; k < sizeof modes / sizeof *modes && takes_ready(ops); k++) {
      bool again = strcmp(ops->name, "pb2_mix") == 0 && k != 1; /* it asks as pb2 does */
      again = again || (strcmp(ops->name, "policies") == 0 && k % 2 == 1);
      if (again || (k >= 6 && strcmp(ops->name, "pbt") != 0)) continue; /* nor does a metric depend on it */
      simulate_ready(ops, &modes[k], 48, NONE);
      simulate_ready(ops, &modes[k], 9, MISFORTUNE);
      simulate_ready(ops, &modes[k], 9, KILLS);
    }
    for (size_t k = 0;
         k < 3 && takes_ready(ops) && has_option(ops, "archive") && strcmp(ops->name, "pb2_mix") != 0; k++) {
      simulate_ready(ops, &archives[k], 48, NONE);
      simulate_ready(ops, &archives[k], 9, MISFORTUNE);
      simulate_ready(ops, &archives[k], 9, KILLS);
    }
  }
}

/* An argument: ready by time and by metric, which is a test of its own for the time that it takes. */
int main(int argc, char **argv) {
  const struct CMUnitTest ready[] = {cmocka_unit_test(members_are_ready_by_time_and_by_metric)};
  (void)argv;
  if (argc > 1) return cmocka_run_group_tests(ready, NULL, NULL);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(members_are_many_and_no_rule_is_broken),
      cmocka_unit_test(states_that_were_removed_are_not_taken_over),
      cmocka_unit_test(rulings_of_ordered_mode_are_the_same_when_asked_again),
      cmocka_unit_test(ordered_mode_does_not_depend_on_timing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
