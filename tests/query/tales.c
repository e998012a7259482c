#include "query/tales.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char mnist_settings[] =
    "\"objectives\": [{\"name\": \"val_accuracy\", \"goal\": \"maximize\", \"reduce\": \"last\"}], \"step\": \"epoch\","
    "\"hyperparameters\": [{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"scale\": \"log\", \"lo\": 1e-5, "
    "\"hi\": 1.0, \"tuned\": 0.01},"
    "{\"id\": 2, \"name\": \"momentum\", \"domain\": \"float\", \"lo\": 0.1, \"hi\": 0.9999},"
    "{\"id\": 3, \"name\": \"layers\", \"domain\": \"ordered\", \"values\": [1, 2, 3]},"
    "{\"id\": 4, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"adam\", \"sgd\", null]}],"
    "\"constraints\": [\"lr <= momentum\"],"
    "\"search\": {\"method\": \"random\"}, \"trials\": 15, \"parallel\": 2, \"limits\": {\"retries\": 1, "
    "\"max_failures\": 5}";

/* Half an epoch per report. */
static int64_t learn(struct tale *t, int64_t trial, int reports, double best, double *ret_value) {
  int64_t record = 0;
  for (int i = 1; i <= reports; i++) {
    *ret_value = best * (1 - exp(-0.4 * i));
    record = tale_report(t, trial, i * 0.5, "val_accuracy", *ret_value, "loss", 2.385 * exp(-0.3 * i * best),
                         NULL);
  }
  return record;
}

static void end_mnist(struct tale *t, int64_t trial, int64_t record, double value) {
  switch (trial) {
  case 4:
    tale_stop(t, trial, CL_CAUSE_STOP_RULE);
    tale_end(t, trial, 76, record, value);
    break;
  case 7:
    record = tale_report(t, trial, 6.5, "val_accuracy", (double)NAN, "loss", (double)INFINITY, NULL);
    tale_stop(t, trial, CL_CAUSE_DIVERGED);
    tale_end(t, trial, 76, record, (double)NAN);
    break;
  case 9: tale_end(t, trial, 137, record, value); break;
  case 10: break; /* runs on */
  default: tale_end(t, trial, 0, record, value);
  }
}

void tell_mnist(struct cl_store *s) {
  static const double lr[] = {0.0123, 0.00063, 0.31,    2.5e-5, 0.004, 0.01,
                              0.08,   0.0021,  0.00017, 0.05,   0.9,   0.0002};
  static const double best[] = {0.931, 0.9012, 0.113, 0.42, 0.9544, 0.9421, 0.9013, 0.9229, 0.7, 0.88};
  struct tale t = tale_begin(s, "mnist", mnist_settings);
  tale_worker(&t, "here", 2);
  for (int i = 0; i < 12; i++) {
    struct cl_value opt =
        i % 4 == 3 ? (struct cl_value){.kind = CL_NULL} : cl_value_text(i % 2 ? "sgd" : "adam");
    struct cl_value values[] = {cl_value_real(lr[i]), cl_value_real(0.91 + i * 0.005),
                                cl_value_int(i % 3 + 1), opt};
    int64_t trial = tale_propose(&t, NULL, 4, values);
    double value = NAN;
    if (trial <= 11) tale_start(&t, trial, 1, 0); /* 11 runs and has not reported, 12 waits */
    if (trial > 10) continue;
    int64_t record = learn(&t, trial, trial == 4 ? 2 : trial == 10 ? 5 : 12, best[i], &value);
    end_mnist(&t, trial, record, value);
  }
  tale_note(&t, 0, "first try of the new loader");
}

void tell_repeats(struct cl_store *s) {
  static const double scores[10][4] = {{1.31, 1.27, 1.4, 1.22},
                                       {0.93, 1.02},
                                       {1.55, 1.48, 1.61},
                                       {0.7},
                                       {1.9},
                                       {1.1, 1.2},
                                       {0.4},
                                       {1.33},
                                       {1.52, 1.58},
                                       {0.95}};
  struct tale t = tale_begin(
      s, "repeats",
      "\"objectives\": [{\"name\": \"score\", \"goal\": \"maximize\", \"reduce\": \"last\"}],"
      "\"hyperparameters\": [{\"id\": 1, \"name\": \"x\", \"domain\": \"int\", \"lo\": 1, \"hi\": 100, \"step\": 1}],"
      "\"search\": {\"method\": \"random\"}, \"trials\": 100, \"parallel\": 2");
  for (int repeat = 0; repeat < 4; repeat++)
    for (int i = 0; i < 10; i++) {
      struct cl_value x = cl_value_int(10 + i);
      struct tale_proposal how = {.repeat = repeat};
      if (scores[i][repeat] > 0) tale_run(&t, &how, 1, &x, "score", scores[i][repeat]);
    }
  for (int i = 0; i < 3; i++) {
    struct cl_value x = cl_value_int(12);
    struct tale_proposal how = {
        .role = CL_ROLE_CONFIRM, .cause = CL_CAUSE_CONFIRM, .of = 3, .repeat = 3 + i, .args = "{}"};
    tale_run(&t, &how, 1, &x, "score", 1.5 + 0.03 * i);
  }
}

void tell_pbt(struct cl_store *s) {
  static const double lr[] = {0.1, 0.012, 0.0034, 0.5};
  struct tale t = tale_begin(
      s, "pbt",
      "\"objectives\": [{\"name\": \"loss\", \"goal\": \"minimize\", \"reduce\": \"last\"}],"
      "\"hyperparameters\": [{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"scale\": \"log\", \"lo\": 1e-5, "
      "\"hi\": 1.0},"
      "{\"id\": 2, \"name\": \"units\", \"domain\": \"ordered\", \"values\": [16, 32, 64], \"change\": \"restart\"}],"
      "\"search\": {\"method\": \"random\"}, \"schedule\": {\"method\": \"pbt\", \"population\": 4}, \"trials\": 4, "
      "\"parallel\": 4, \"limits\": {\"retries\": 1}");
  int64_t record[4] = {0}, saved = 0;
  tale_worker(&t, "here", 4);
  for (int i = 0; i < 4; i++) {
    struct cl_value values[] = {cl_value_real(lr[i]), cl_value_int(16 << (i % 3))};
    tale_start(&t, tale_propose(&t, NULL, 2, values), 1, 0);
  }
  for (int step = 1; step <= 6; step++)
    for (int i = 0; i < 4; i++) {
      record[i] = tale_report(&t, i + 1, step, "loss", (1.1 + 0.31 * i) / step, NULL);
      if (step == 3 && i == 1) saved = tale_save(&t, 2, 3);
      if (step != 4 || i != 3) continue;
      struct cl_value values[] = {cl_value_real(0.0144), cl_value_int(32)};
      tale_exploit(&t, 4, saved, 2, values);
    }
  tale_set(&t, 1, 1, cl_value_real(0.05), "lr=0.05");
  int64_t own = tale_save(&t, 1, 5);
  tale_end(&t, 1, 139, record[0], 1.1 / 6);
  tale_retry(&t, 1);
  tale_start(&t, 1, 2, own);
  record[0] = tale_report(&t, 1, 7, "loss", 0.125, NULL);
  tale_end(&t, 1, 0, record[0], 0.125);
  for (int i = 1; i < 4; i++) tale_end(&t, i + 1, 0, record[i], (1.1 + 0.31 * i) / 6);
  tale_finish(&t, CL_REASON_BUDGET);
}

void tell_hostile(struct cl_store *s) {
  static const char settings[] =
      "\"objectives\": [{\"name\": \"los\\ns\", \"goal\": \"minimize\", \"reduce\": \"last\"}],"
      "\"hyperparameters\": ["
      "{\"id\": 1, \"name\": \"na'me\", \"domain\": \"unordered\", \"values\": [\"two\\nlines\", \"\\u001b[31mred\", "
      "\"quote\\\"comma,\", \"caf\\u00e9 \\u6f22\\u5b57\", \"\\u202etxt\"]},"
      "{\"id\": 2, \"name\": \"trial\", \"domain\": \"int\", \"lo\": 1, \"hi\": 9, \"step\": 1}],"
      "\"search\": {\"method\": \"random\"}, \"trials\": 100, \"parallel\": 1";
  static const char *const texts[] = {"two\nlines", "\x1b[31mred", "quote\"comma,",
                                      "caf\xC3\xA9 \xE6\xBC\xA2\xE5\xAD\x97", "\xE2\x80\xAEtxt"};
  struct tale t = tale_begin(s, "we/ird 'na\"me \xE6\xBC\xA2", settings);
  for (int i = 0; i < 5; i++) {
    struct cl_value values[] = {cl_value_text(texts[i]), cl_value_int(i + 1)};
    tale_run(&t, NULL, 2, values, "los\ns", 0.5 - 0.0617 * i);
  }
  char *big = malloc((1 << 20) + 1);
  if (big == NULL) exit(99);
  memset(big, 'x', 1 << 20);
  big[1 << 20] = '\0';
  tale_note(&t, 1, big);
  tale_note(&t, 0, "note with \x1b]0;title\a in it");
  free(big);
}

static const char maze_settings[] =
    "\"objectives\": [{\"name\": \"hpmax\", \"goal\": \"maximize\", \"reduce\": \"last\"}], \"step\": \"iters\","
    "\"hyperparameters\": [{\"id\": 1, \"name\": \"seqlen\", \"domain\": \"ordered\", \"values\": [4, 8, 12, 16]},"
    "{\"id\": 2, \"name\": \"disc\", \"domain\": \"ordered\", \"values\": [0.8, 0.85, 0.9, 0.95]},"
    "{\"id\": 3, \"name\": \"lr\", \"domain\": \"ordered\", \"values\": [0.00016, 0.0004, 0.001]}],"
    "\"search\": {\"method\": \"dgd\"}, \"trials\": 20, \"parallel\": 1, \"limits\": {\"retries\": 1}";

static void explore_maze(struct tale *t, int64_t trial, int first, int last, double reward) {
  for (int i = first; i <= last; i++)
    tale_report(t, trial, i * 1000, "s1-hrs", 0.0125 * i, "s1-rew", reward * i / 5, "s1-win", 0.1963 * i,
                NULL);
}

static void end_maze(struct tale *t, int64_t trial, double reward) {
  double hpmax = reward * 0.5;
  tale_end(t, trial, 0, tale_report(t, trial, 5000, "hpmax", hpmax, NULL), hpmax);
}

void tell_maze(struct cl_store *s) {
  static const int seqlen[] = {12, 8, 4, 16, 8, 12, 4, 16, 8};
  static const double disc[] = {0.9, 0.85, 0.9, 0.8, 0.95, 0.9, 0.85, 0.9, 0.8};
  static const double lr[] = {0.0004, 0.00016, 0.001, 0.0004, 0.001, 0.00016, 0.0004, 0.0004, 0.00016};
  struct tale t = tale_begin(s, "maze", maze_settings);
  tale_worker(&t, "here", 1);
  for (int i = 0; i < 9; i++) {
    struct cl_value values[] = {cl_value_int(seqlen[i]), cl_value_real(disc[i]), cl_value_real(lr[i])};
    int64_t trial = tale_propose(&t, NULL, 3, values);
    double reward = 0.0731 - 0.0048 * i;
    tale_start(&t, trial, 1, 0);
    if (trial ==
        4) { /* lost at 5000, taken up again at 3000: s1-hrs and s1-win of the first attempt are void */
      explore_maze(&t, trial, 1, 3, reward);
      int64_t saved = tale_save(&t, trial, 3000);
      explore_maze(&t, trial, 4, 5, 0.9);
      tale_end(&t, trial, 139, 0, 0);
      tale_retry(&t, trial);
      tale_start(&t, trial, 2, saved);
      tale_report(&t, trial, 4000, "s1-rew", reward, NULL);
    } else if (trial != 8) { /* which has not reported */
      explore_maze(&t, trial, 1, trial == 9 ? 2 : 5, reward);
    }
    if (trial == 7) tale_end(&t, trial, 1, 0, 0); /* before the objective was computed */
    if (trial < 7) end_maze(&t, trial, reward);
  }
  tale_tag(&t, 0, "project", "mazes");
  tale_tag(&t, 0, "plotted_metric", "s1-rew");
  tale_tag(&t, 1, "good", NULL);
  tale_tag(&t, 2, "good", NULL);
  tale_tag(&t, 2, "score", "0.25");
  tale_tag(&t, 3, "score", "12");
  tale_tag(&t, 5, "score", "");
  tale_tag(&t, 5, "person", "Ada \"the first\", \xC3\x89lodie\n\x1b[31m");
  tale_tag(&t, 6, "good", NULL);
  tale_untag(&t, 6, "good");
  tale_note(&t, 3, "watch this one");
}

void tell_empty(struct cl_store *s) {
  (void)tale_begin(
      s, "empty",
      "\"objectives\": [{\"name\": \"score\", \"goal\": \"maximize\", \"reduce\": \"last\"}],"
      "\"hyperparameters\": [{\"id\": 1, \"name\": \"x\", \"domain\": \"int\", \"lo\": 1, \"hi\": 100, "
      "\"step\": 1}],\"search\": {\"method\": \"random\"}, \"trials\": 10, \"parallel\": 1");
}

void tell_more(struct cl_store *s) {
  struct tale t = {.store = s, .time_ms = 1000000};
  struct cl_err e = {0};
  if (cl_store_find(s, "many", &t.study, &e) < 0) exit(99);
  tale_note(&t, 0, "more");
}

enum { BATCH = 1000, EVENTS = 4 };

struct short_trial { /* what the events of one trial borrow */
  struct cl_assigned values[2];
  struct cl_metric metric;
};

/* Proposed, started, reported, ended; `position` of the first one. */
static void make_trial(int64_t number, int64_t position, struct short_trial *room, struct cl_event *ret) {
  double x = (double)(number * 7919 % 10007) / 10007, y = (double)(number * 104729 % 10009) / 10009;
  double score = 1 - (x - 0.3) * (x - 0.3) - y * y * 0.1;
  room->values[0] = (struct cl_assigned){1, cl_value_real(x)};
  room->values[1] = (struct cl_assigned){2, cl_value_real(y)};
  room->metric = (struct cl_metric){.name = "score", .value = score};
  static const enum cl_kind kinds[EVENTS] = {CL_EVENT_PROPOSED, CL_EVENT_STARTED, CL_EVENT_REPORTED,
                                             CL_EVENT_ENDED};
  for (int i = 0; i < EVENTS; i++)
    ret[i] = (struct cl_event){
        .kind = kinds[i], .subject = number, .time_ms = (position + i) * 1000, .by = 1, .attempt = i > 0};
  ret[0].cause = CL_CAUSE_SEARCH;
  ret[0].u.proposed.role = CL_ROLE_SEARCH;
  ret[0].u.proposed.space_version = 1;
  ret[0].u.proposed.values = (struct cl_assigned_list){2, room->values};
  ret[1].cause = CL_CAUSE_CLAIM;
  ret[1].seen = CL_SEEN_BATCH;
  ret[1].u.started.worker = 1;
  ret[1].u.started.until = CL_NO_STEP;
  ret[2].u.reported.ordinal = 1;
  ret[2].u.reported.step = 1;
  ret[2].u.reported.metrics = (struct cl_metric_list){1, &room->metric};
  ret[3].u.ended.known = true;
  ret[3].u.ended.record = position + 2;
  ret[3].u.ended.objectives = (struct cl_number_list){1, &room->metric.value};
}

static void tell_batch(struct tale *t, int64_t first, int64_t n) {
  static struct cl_event events[BATCH * EVENTS];
  static struct short_trial room[BATCH];
  static struct cl_append results[BATCH * EVENTS];
  struct cl_err e = {0};
  for (int64_t i = 0; i < n; i++)
    make_trial(first + i, 2 + (first + i - 1) * EVENTS, &room[i], &events[i * EVENTS]);
  int status = cl_store_append(t->store, t->study, events, (int)(n * EVENTS), results, &e);
  for (int64_t i = 0; i < n * EVENTS && status == 0; i++) status = results[i].status;
  if (status == 0) return;
  (void)fprintf(stderr, "many: status %d %s\n", status, e.text);
  exit(99);
}

void tell_many(struct cl_store *s, const char *name, int64_t n) {
  char settings[600];
  (void)snprintf(
      settings, sizeof settings,
      "\"objectives\": [{\"name\": \"score\", \"goal\": \"maximize\", \"reduce\": \"last\"}],"
      "\"hyperparameters\": [{\"id\": 1, \"name\": \"x\", \"domain\": \"float\", \"lo\": 0.0, \"hi\": 1.0},"
      "{\"id\": 2, \"name\": \"y\", \"domain\": \"float\", \"lo\": 0.0, \"hi\": 1.0}],"
      "\"search\": {\"method\": \"random\"}, \"trials\": %lld, \"parallel\": 1",
      (long long)n);
  struct tale t = tale_begin(s, name, settings);
  for (int64_t first = 1; first <= n; first += BATCH)
    tell_batch(&t, first, n - first + 1 < BATCH ? n - first + 1 : BATCH);
}
