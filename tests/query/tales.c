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
  struct cl_assigned values[8];
  int n;
  struct cl_metric metric;
};
typedef void short_filler(int64_t number, struct short_trial *ret); /* values, n and metric */

/* Proposed, started, reported, ended; `position` of the first one. */
static void make_trial(int64_t number, int64_t position, struct short_trial *room, struct cl_event *ret) {
  static const enum cl_kind kinds[EVENTS] = {CL_EVENT_PROPOSED, CL_EVENT_STARTED, CL_EVENT_REPORTED,
                                             CL_EVENT_ENDED};
  for (int i = 0; i < EVENTS; i++)
    ret[i] = (struct cl_event){
        .kind = kinds[i], .subject = number, .time_ms = (position + i) * 1000, .by = 1, .attempt = i > 0};
  ret[0].cause = CL_CAUSE_SEARCH;
  ret[0].u.proposed.role = CL_ROLE_SEARCH;
  ret[0].u.proposed.space_version = 1;
  ret[0].u.proposed.values = (struct cl_assigned_list){room->n, room->values};
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

static void tell_batch(struct tale *t, int64_t first, int64_t n, short_filler *fill) {
  static struct cl_event events[BATCH * EVENTS];
  static struct short_trial room[BATCH];
  static struct cl_append results[BATCH * EVENTS];
  struct cl_err e = {0};
  for (int64_t i = 0; i < n; i++) {
    fill(first + i, &room[i]);
    make_trial(first + i, 2 + (first + i - 1) * EVENTS, &room[i], &events[i * EVENTS]);
  }
  int status = cl_store_append(t->store, t->study, events, (int)(n * EVENTS), results, &e);
  for (int64_t i = 0; i < n * EVENTS && status == 0; i++) status = results[i].status;
  if (status == 0) return;
  (void)fprintf(stderr, "many: status %d %s\n", status, e.text);
  exit(99);
}

static void tell_short_trials(struct tale *t, int64_t n, short_filler *fill) {
  for (int64_t first = 1; first <= n; first += BATCH)
    tell_batch(t, first, n - first + 1 < BATCH ? n - first + 1 : BATCH, fill);
}

static void fill_many(int64_t number, struct short_trial *ret) {
  double x = (double)(number * 7919 % 10007) / 10007, y = (double)(number * 104729 % 10009) / 10009;
  double score = 1 - (x - 0.3) * (x - 0.3) - y * y * 0.1;
  ret->n = 2;
  ret->values[0] = (struct cl_assigned){1, cl_value_real(x)};
  ret->values[1] = (struct cl_assigned){2, cl_value_real(y)};
  ret->metric = (struct cl_metric){.name = "score", .value = score};
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
  tell_short_trials(&t, n, fill_many);
}

/* The tutorial's search. Its 4781 runs are not preserved; these give the six rows that it prints, and one in
 * their middle that it leaves out. Runs of a set score c + d, c - d in turn (an odd one scores c), so with
 * mean mu0 and variance v0 of all runs v = (v0 + k d^2) / n with k runs off c      estimate = (v mu0 + n v0
 * c) / (v + n v0) and c follows from the printed estimate; all other runs score one of two values, which
 * follow from mu0 and v0. */

enum { JOB411_RUNS = 4781, JOB411_SETS = 6, JOB411_KNOWN = 31 };
#define JOB411_MEAN     0.0117
#define JOB411_VARIANCE 0.000144

static const double job411_lists[8][10] = {
    {4, 6, 8, 12, 16, 24, 32},
    {0.95, 0.9, 0.85, 0.8},
    {64, 128, 256, 512, 1024, 2048},
    {1e-4, 1.6e-4, 2.5e-4, 4e-4, 6.3e-4, 1e-3, 1.6e-3, 2.5e-3, 4e-3, 6.3e-3},
    {2, 4, 8, 16, 32},
    {32, 64, 128, 256, 512, 1024},
    {128, 192, 256, 384, 512},
    {32, 64, 128, 256, 512, 1024}};
static const int job411_sizes[8] = {7, 4, 6, 10, 5, 6, 5, 6};

static const struct job411_set {
  const char *name; /* of its first run */
  int levels[8], runs;
  double estimate;
} job411_sets[JOB411_SETS] = {{"run3757.3", {6, 0, 1, 9, 4, 1, 0, 0}, 1, 0.020409},
                              {"run3768.2", {5, 2, 1, 7, 2, 0, 2, 1}, 1, 0.020524},
                              {"run3762.5", {6, 1, 3, 6, 4, 4, 0, 1}, 3, 0.033908},
                              {"run3760.7", {3, 0, 5, 4, 3, 4, 1, 4}, 1, 0.03485},
                              {"run3755.152", {5, 1, 5, 4, 3, 4, 0, 4}, 16, 0.049182},
                              {"run3765.165", {5, 1, 4, 5, 3, 4, 2, 4}, 9, 0.047129}};

#define JOB411_OFF 0.006 /* d */

static double job411_centre(int set) {
  const struct job411_set *s = &job411_sets[set];
  double n = s->runs, v = (JOB411_VARIANCE + (s->runs - s->runs % 2) * JOB411_OFF * JOB411_OFF) / n;
  double total = v + n * JOB411_VARIANCE;
  return (s->estimate * total - v * JOB411_MEAN) / (n * JOB411_VARIANCE);
}

static const struct job411_place {
  int64_t run, runs; /* so many from this one on */
  int set;
} job411_places[] = {{1, 1, 0},    {2, 1, 1},    {5, 3, 2},    {11, 1, 3},   {200, 1, 4},   {300, 1, 5},
                     {4613, 1, 4}, {4620, 2, 5}, {4627, 2, 4}, {4630, 1, 4}, {4640, 11, 4}, {4660, 6, 5}};
enum { JOB411_PLACES = sizeof job411_places / sizeof *job411_places };

/* Which set run `number` is of (-1: one of the many others), and how many of the same kind came before it. */
static int job411_set_of(int64_t number, int64_t *ret_before) {
  int set = -1;
  for (int i = 0; i < JOB411_PLACES; i++) {
    const struct job411_place *p = &job411_places[i];
    if (number >= p->run && number < p->run + p->runs) set = p->set;
  }
  *ret_before = set < 0 ? number : 0;
  for (int i = 0; i < JOB411_PLACES; i++) {
    const struct job411_place *p = &job411_places[i];
    int64_t runs = number <= p->run ? 0 : number - p->run < p->runs ? number - p->run : p->runs;
    *ret_before += set < 0 ? -runs : set == p->set ? runs : 0;
  }
  return set;
}

static double job411_score(int set, int64_t before) {
  int runs = job411_sets[set].runs;
  if (runs == 1 || (runs % 2 == 1 && before == 2)) return job411_centre(set);
  bool up = (runs % 2 == 1 && before > 2 ? before + 1 : before) % 2 == 0;
  return job411_centre(set) + (up ? JOB411_OFF : -JOB411_OFF);
}

static double job411_other(int64_t before) {
  double sum = 0, squares = 0, n = JOB411_RUNS - JOB411_KNOWN;
  for (int i = 0; i < JOB411_SETS; i++) {
    double off = job411_centre(i) - JOB411_MEAN;
    int runs = job411_sets[i].runs;
    sum += runs * off;
    squares += runs * off * off + (runs - runs % 2) * JOB411_OFF * JOB411_OFF;
  }
  double off = -sum / n;
  double spread = sqrt(((JOB411_RUNS - 1) * JOB411_VARIANCE - squares) / n - off * off);
  return JOB411_MEAN + off + (before % 2 == 0 ? spread : -spread);
}

static void fill_job411(int64_t number, struct short_trial *ret) {
  int64_t before = 0, rest = number * 61;
  int set = job411_set_of(number, &before);
  ret->n = 8;
  for (int i = 0; i < 8; i++) {
    int level = set >= 0 ? job411_sets[set].levels[i] : i == 1 ? 3 : (int)(rest % job411_sizes[i]);
    if (set < 0 && i != 1) rest /= job411_sizes[i];
    double v = job411_lists[i][level];
    ret->values[i] = (struct cl_assigned){i + 1, v == floor(v) ? cl_value_int((int64_t)v) : cl_value_real(v)};
  }
  ret->metric = (struct cl_metric){.name = "hpmax",
                                   .value = set >= 0 ? job411_score(set, before) : job411_other(before)};
}

void tell_job411(struct cl_store *s) {
  static const char *const names[8] = {"seqlen", "disc", "clip", "lr", "rscale", "embed", "units", "out"};
  char settings[3000];
  size_t n = (size_t)snprintf(
      settings, sizeof settings,
      "\"objectives\": [{\"name\": \"hpmax\", \"goal\": \"maximize\", \"reduce\": \"last\"}],"
      "\"search\": {\"method\": \"dgd\"}, \"trials\": %d, \"parallel\": 100, \"hyperparameters\": [",
      JOB411_RUNS);
  for (int i = 0; i < 8; i++) {
    n += (size_t)snprintf(settings + n, sizeof settings - n,
                          "%s{\"id\": %d, \"name\": \"%s\", \"domain\": \"ordered\", \"values\": [",
                          i > 0 ? ", " : "", i + 1, names[i]);
    for (int k = 0; k < job411_sizes[i]; k++)
      n += (size_t)snprintf(settings + n, sizeof settings - n, "%s%.17g", k > 0 ? ", " : "",
                            job411_lists[i][k]);
    n += (size_t)snprintf(settings + n, sizeof settings - n, "]}");
  }
  (void)snprintf(settings + n, sizeof settings - n, "]");
  struct tale t = tale_begin(s, "job411", settings);
  tell_short_trials(&t, JOB411_RUNS, fill_job411);
  t.time_ms = (int64_t)(JOB411_RUNS + 1) * EVENTS * 1000;
  for (int64_t i = 1, before = 0; i <= 300; i++) {
    int set = job411_set_of(i, &before);
    if (set >= 0 && before == 0) tale_tag(&t, i, "name", job411_sets[set].name);
  }
}

static void tell_racer(struct cl_store *s, const char *method, int64_t seed, double gain, bool finished) {
  static const double scores[] = {0.9113, 0.9385, 0.9207, 0.9299};
  char name[32];
  (void)snprintf(name, sizeof name, "%s-s%d", method, (int)seed);
  struct tale t = tale_begin_seeded(
      s, name,
      "\"objectives\": [{\"name\": \"acc\", \"goal\": \"maximize\", \"reduce\": \"last\"}],"
      "\"hyperparameters\": [{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 0.0, \"hi\": 1.0}],"
      "\"search\": {\"method\": \"random\"}, \"trials\": 3, \"parallel\": 1, \"limits\": {}",
      seed);
  struct tale_proposal how = {0};
  tale_worker(&t, "here", 1);
  for (int i = 1; i <= (finished ? 3 : 2); i++) {
    bool other = seed == 3 && i == 2 && strcmp(method, "slow") == 0;
    struct cl_value lr = cl_value_real(other ? 0.5 : 0.1 * i + 0.01 * (double)seed);
    tale_run(&t, &how, 1, &lr, "acc", i == 2 ? scores[seed - 1] + gain : 0.5 + 0.01 * i);
  }
  if (finished) tale_finish(&t, CL_REASON_BUDGET);
}

void tell_race(struct cl_store *s) {
  static const double gains[] = {0.0112, 0.0131, 0.0068, 0.0085};
  for (int64_t seed = 1; seed <= 4; seed++) {
    tell_racer(s, "fast", seed, gains[seed - 1], true);
    tell_racer(s, "slow", seed, 0, seed < 4);
  }
}
