/* What a decision about one of 10 000 members costs: processor time of the scheduler alone (its share of the
 * reports, snapshots and rulings it hears, and the ruling), beside one insertion into a sorted array of as
 * many scores, which no method that ranks can do without. A line per method and mode. Where members are ready
 * by something else than steps, every report asks, and each answer to one is a decision. Methods whose model
 * chooses the values are played by few members: a decision of theirs takes milliseconds, whatever their
 * number.
 *
 * A study is played first. What is measured is its log, folded twice: by a replica with a scheduler that is
 * asked where it was asked before, and by a replica alone.
 *
 *   schedule [MEMBERS [NAME]]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "measure.h"
#include "schedule/scheduler.h"

enum { FLOATS = 10 };

struct method {
  const char *name, *schedule;
  bool ordered;
  int64_t members; /* at most; 0 = any number */
  int steps;       /* until a member has ended; 0 = 4 */
  bool saves;      /* members are ready by something else than steps, and yet save at every one */
};

struct kept {
  struct cl_event **events;
  size_t n, cap;
};

struct question {
  size_t after;  /* so many events */
  int64_t asked; /* times; the last answer was: nothing more */
};

struct bench {
  int64_t members;
  double steps, seconds;
  bool asks, saves; /* every report asks; members save before each */
  bool *waits;      /* by trial: its last report has no answer … */
  bool *wanted;     /* … and the state of it was asked for */
  struct cl_study *study;
  struct cl_scheduler *scheduler;
  struct kept kept, turn; /* all events; the rulings of one turn */
  struct question *questions;
  size_t n_questions, cap_questions;
  int64_t rulings, exploits;
};

static void keep(struct kept *k, const struct cl_event *ev) {
  struct cl_event *copy = cl_event_copy(ev);
  if (copy == NULL || cl_grow(&k->events, &k->cap, k->n + 1, sizeof copy) < 0) exit(1);
  k->events[k->n++] = copy;
}

static void note_answer(struct bench *b, const struct cl_event *ev) {
  if (ev->kind == CL_EVENT_CHECKPOINT_ASKED) b->wanted[ev->subject] = true;
  if (ev->kind == CL_EVENT_REPORTED) b->waits[ev->subject] = true;
  if (ev->kind == CL_EVENT_CONTINUED || ev->kind == CL_EVENT_EXPLOITED) b->waits[ev->subject] = false;
}

static void apply(struct bench *b, struct cl_event *ev) {
  struct cl_err e = {0};
  ev->position = (int64_t)b->kept.n + 1;
  note_answer(b, ev);
  need(cl_study_apply(b->study, ev, &e), &e);
  need(cl_scheduler_apply(b->scheduler, ev, &e), &e);
  keep(&b->kept, ev);
}

static void create(struct bench *b, const char *schedule, bool ordered) {
  struct cl_text t = {0};
  struct cl_err e = {0};
  cl_text_format(
      &t,
      "{\"study\": \"b\", \"objectives\": [{\"name\": \"y\", \"goal\": \"maximize\"}], \"trials\": %lld, "
      "\"schedule\": %s%s, \"hyperparameters\": [",
      (long long)b->members, schedule, ordered ? ", \"ordered\": true" : "");
  for (int i = 1; i <= FLOATS; i++)
    cl_text_format(&t, "%s{\"id\": %d, \"name\": \"h%d\", \"domain\": \"float\", \"lo\": 1e-4, \"hi\": 1%s}",
                   i > 1 ? ", " : "", i, i, i % 2 == 0 ? ", \"scale\": \"log\"" : "");
  cl_text_add(&t, "]}");
  need(cl_study_create(&b->study, &e), &e);
  need(cl_scheduler_create(b->study, &b->scheduler, &e), &e);
  struct cl_event ev = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  ev.u.created.name = ev.u.created.uuid = ev.u.created.directory = "b";
  ev.u.created.settings = cl_text_get(&t);
  ev.u.created.seed = 7;
  apply(b, &ev);
  cl_text_done(&t);
  ev = (struct cl_event){.kind = CL_EVENT_WORKER};
  ev.u.worker.worker = 1;
  ev.u.worker.slots = (int)b->members;
  ev.u.worker.host = "here";
  ev.u.worker.state = CL_WORKER_JOINED;
  apply(b, &ev);
}

static void begin_members(struct bench *b) {
  struct cl_assigned values[FLOATS];
  for (int64_t i = 1; i <= b->members; i++) {
    struct cl_event ev = {.kind = CL_EVENT_PROPOSED, .subject = i, .cause = CL_CAUSE_SEARCH};
    for (int k = 0; k < FLOATS; k++) {
      double u = (double)(cl_mix64((uint64_t)(i * FLOATS + k)) >> 11) * 0x1p-53;
      values[k] = (struct cl_assigned){k + 1, cl_value_real(1e-4 + u * (1 - 1e-4))};
    }
    ev.u.proposed.role = CL_ROLE_SEARCH;
    ev.u.proposed.space_version = 1;
    ev.u.proposed.values = (struct cl_assigned_list){FLOATS, values};
    apply(b, &ev);
    ev = (struct cl_event){.kind = CL_EVENT_STARTED, .subject = i, .attempt = 1, .cause = CL_CAUSE_CLAIM};
    ev.seen = cl_study_trial(b->study, i)->head.version;
    ev.u.started.worker = 1;
    ev.u.started.until = cl_schedule_until(cl_study_settings(b->study), cl_study_trial(b->study, i));
    apply(b, &ev);
    ev = (struct cl_event){.kind = CL_EVENT_CONNECTED, .subject = i, .attempt = 1};
    ev.u.connected.protocol = 1;
    ev.u.connected.capabilities = "save load";
    if (b->asks) apply(b, &ev);
  }
}

static void save(struct bench *b, int64_t trial, double step, double score) {
  struct cl_event ev = {.kind = CL_EVENT_SAVED, .subject = trial, .attempt = 1};
  ev.u.saved.step = step;
  ev.u.saved.way = CL_WAY_DIRECTORY;
  ev.u.saved.path = "p";
  ev.u.saved.host = "here";
  ev.u.saved.rollup = (struct cl_rollup){score, score, score, 1};
  b->wanted[trial] = false;
  apply(b, &ev);
}

static double score_at(int64_t trial, double step) {
  return (double)(cl_mix64((uint64_t)(trial * 64 + (int64_t)step)) >> 11) * 0x1p-53 + step;
}

/* One interval of one member, which saves, reports, and is held. False: it is held already, or has come to
 * the end. */
static bool report(struct bench *b, int64_t trial) {
  const struct cl_head *h = &cl_study_trial(b->study, trial)->head;
  bool loads = cl_head_wants_load(h), held = b->asks ? b->waits[trial] : h->step >= h->until;
  double step = loads ? cl_study_snapshot(b->study, h->source)->step + 1 : isnan(h->step) ? 1 : h->step + 1;
  struct cl_event ev;
  if (b->wanted[trial]) {
    save(b, trial, h->step, score_at(trial, h->step));
    return true;
  }
  if (!loads && (held || step > b->steps)) return false;
  if (loads) {
    ev = (struct cl_event){.kind = CL_EVENT_LOADED, .subject = trial, .attempt = 1};
    ev.u.loaded.change = h->load;
    ev.u.loaded.snapshot = h->source;
    apply(b, &ev);
  }
  if (step > b->steps) return true;
  double score = score_at(trial, step);
  if (!b->asks || b->saves) save(b, trial, step, score);
  struct cl_metric m = {1, "y", score};
  ev = (struct cl_event){.kind = CL_EVENT_REPORTED, .subject = trial, .attempt = 1};
  ev.u.reported.ordinal = h->reports + 1;
  ev.u.reported.step = step;
  ev.u.reported.metrics = (struct cl_metric_list){1, &m};
  apply(b, &ev);
  return true;
}

static bool ask(struct cl_scheduler *scheduler, double seconds, struct cl_event *ret) {
  const struct cl_schedule_room no_room = {.seconds = seconds};
  struct cl_err e = {0};
  int status = cl_scheduler_next(scheduler, &no_room, ret, &e);
  need(status, &e);
  return status != CLADE_EMPTY;
}

/* As an engine does: all rulings of a turn, then they are committed. */
static void decide(struct bench *b) {
  struct cl_event ev;
  for (;;) {
    for (b->turn.n = 0; ask(b->scheduler, b->seconds, &ev);) keep(&b->turn, &ev);
    if (cl_grow(&b->questions, &b->cap_questions, b->n_questions + 1, sizeof *b->questions) < 0) exit(1);
    b->questions[b->n_questions++] = (struct question){b->kept.n, (int64_t)b->turn.n + 1};
    if (b->turn.n == 0) return;
    for (size_t i = 0; i < b->turn.n; i++) {
      apply(b, b->turn.events[i]);
      b->exploits += b->turn.events[i]->kind == CL_EVENT_EXPLOITED;
      cl_free(b->turn.events[i]);
    }
    b->rulings += (int64_t)b->turn.n;
  }
}

/* Members come in an order of its own each time, until all have come to the end. */
static void run(struct bench *b) {
  int64_t *order = cl_alloc_array((size_t)b->members, sizeof *order);
  if (order == NULL) exit(1);
  for (int64_t i = 0; i < b->members; i++) order[i] = i + 1;
  bool more = true;
  for (uint32_t round = 0; more && round < 4000; round++) {
    struct cl_rng rng = cl_rng_stream(7, CL_RNG_USER, round, 0);
    more = false;
    for (int64_t i = b->members - 1; i > 0; i--) {
      int64_t j = (int64_t)cl_rng_below(&rng, (uint64_t)i + 1), swap = order[i];
      order[i] = order[j];
      order[j] = swap;
    }
    for (int64_t i = 0; i < b->members; i++) {
      if (!report(b, order[i])) continue;
      b->seconds += 1.0 / (double)b->members; /* each about one second per report */
      decide(b);
      more = true;
    }
  }
  cl_free(order);
}

/* Seconds for the same events again, with a scheduler or without. */
static double fold(const struct bench *b, bool schedules) {
  struct cl_study *study;
  struct cl_scheduler *scheduler;
  struct cl_err e = {0};
  struct cl_event unused;
  size_t next = 0;
  need(cl_study_create(&study, &e), &e);
  need(cl_scheduler_create(study, &scheduler, &e), &e);
  double begin = now();
  for (size_t i = 0; i < b->kept.n; i++) {
    for (; schedules && next < b->n_questions && b->questions[next].after == i; next++)
      for (int64_t k = 0; k < b->questions[next].asked; k++) (void)ask(scheduler, 0, &unused);
    need(cl_study_apply(study, b->kept.events[i], &e), &e);
    if (schedules) need(cl_scheduler_apply(scheduler, b->kept.events[i], &e), &e);
  }
  double seconds = now() - begin;
  cl_scheduler_destroy(scheduler);
  cl_study_destroy(study);
  return seconds;
}

static void measure(const struct method *m, int64_t members, double limit_us) {
  struct bench b = {.members = m->members > 0 && m->members < members ? m->members : members,
                    .steps = m->steps > 0 ? m->steps : 4,
                    .saves = m->saves,
                    .asks = strstr(m->schedule, "\"ready\"") != NULL};
  b.waits = cl_alloc_array((size_t)b.members + 1, sizeof *b.waits);
  b.wanted = cl_alloc_array((size_t)b.members + 1, sizeof *b.wanted);
  if (b.waits == NULL || b.wanted == NULL) exit(1);
  create(&b, m->schedule, m->ordered);
  begin_members(&b);
  run(&b);
  double us = (fold(&b, true) - fold(&b, false)) / (double)b.rulings * 1e6;
  printf(
      "{\"bench\": \"schedule\", \"method\": \"%s\", \"members\": %lld, \"rulings\": %lld, \"exploits\": %lld, "
      "\"us_per_decision\": %.2f, \"wanted_us\": 20, \"insertion_us\": %.2f, \"ratio\": %.1f}\n",
      m->name, (long long)b.members, (long long)b.rulings, (long long)b.exploits, us, limit_us,
      us / limit_us);
  for (size_t i = 0; i < b.kept.n; i++) cl_free(b.kept.events[i]);
  cl_free(b.kept.events);
  cl_free(b.turn.events);
  cl_free(b.questions);
  cl_free(b.waits);
  cl_free(b.wanted);
  cl_scheduler_destroy(b.scheduler);
  cl_study_destroy(b.study);
}

/* One insertion into a sorted array that grows to `members` scores, 4 times over. */
static double insertion_us(int64_t members) {
  double *sorted = cl_alloc_array((size_t)members, sizeof *sorted), sum = 0;
  if (sorted == NULL) exit(1);
  double begin = now();
  for (int rung = 0; rung < 4; rung++) {
    for (int64_t n = 0; n < members; n++) {
      double x = (double)(cl_mix64((uint64_t)(n * 8 + rung)) >> 11) * 0x1p-53;
      int64_t lo = 0, hi = n;
      while (lo < hi) {
        int64_t middle = lo + (hi - lo) / 2;
        if (sorted[middle] < x)
          lo = middle + 1;
        else
          hi = middle;
      }
      memmove(&sorted[lo + 1], &sorted[lo], (size_t)(n - lo) * sizeof *sorted);
      sorted[lo] = x;
    }
    sum += sorted[members / 2];
  }
  double us = (now() - begin) / (double)(members * 4) * 1e6;
  if (!(sum > 0)) exit(1);
  cl_free(sorted);
  return us;
}

static const struct method methods[] = {
    {"pbt", "{\"method\": \"pbt\"}", false},
    {"pbt, sync", "{\"method\": \"pbt\", \"sync\": true}", false},
    {"pbt, ordered", "{\"method\": \"pbt\"}", true},
    {"pbt, ttest", "{\"method\": \"pbt\", \"exploit\": \"ttest\", \"last\": 3, \"p\": 0.5}", false},
    {"epbt", "{\"method\": \"epbt\"}", false},
    {"mf_pbt", "{\"method\": \"mf_pbt\"}", false},
    {"mf_pbt, ordered", "{\"method\": \"mf_pbt\"}", true},
    {"pbt, ready by metric", "{\"method\": \"pbt\", \"ready\": {\"metric\": \"y\", \"every\": 1.5}}",
     .steps = 8},
    {"pbt, ready by metric, saved before",
     "{\"method\": \"pbt\", \"ready\": {\"metric\": \"y\", \"every\": 1.5}}", .steps = 8, .saves = true},
    {"pbt, ready by time", "{\"method\": \"pbt\", \"ready\": {\"every\": \"1500ms\"}}", .steps = 8},
    {"pb2", "{\"method\": \"pb2\"}", .members = 60},
    {"pb2_mix", "{\"method\": \"pb2_mix\"}", .members = 60},
    {"fire_pbt", "{\"method\": \"fire_pbt\", \"interval\": 1, \"max_evaluation\": 6}"},
    {"ipbt, before a restart", "{\"method\": \"ipbt\", \"end\": 4}"},
};

int main(int argc, char **argv) {
  int64_t members = argc > 1 ? strtoll(argv[1], NULL, 10) : 10000;
  double limit = insertion_us(members);
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
    if (argc < 3 || strcmp(methods[i].name, argv[2]) == 0) measure(&methods[i], members, limit);
  return 0;
}
