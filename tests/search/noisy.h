/* The noisy grid study: eight ordered lists, one smooth peak of 0.05, noise as large as a fifth of it (the
 * sizes of XT's tutorial). Shared by a test and bench/search.c; needs no cmocka.
 */
#ifndef CL_NOISY_H
#define CL_NOISY_H

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "search/searcher.h"

enum { NOISY_LISTS = 8, NOISY_TRIALS_MAX = 500 };
#define NOISY_SD 0.0097
static const int noisy_levels[NOISY_LISTS] = {7, 4, 6, 10, 5, 6, 5, 6};
static const int noisy_best[NOISY_LISTS] = {4, 1, 3, 3, 3, 2, 2, 4};

static inline double noisy_truth(const struct cl_value *v) {
  double squares = 0;
  for (int i = 0; i < NOISY_LISTS; i++) squares += pow((double)v[i].as.integer - noisy_best[i], 2);
  return 0.05 * exp(-squares / 10);
}

enum noisy_choice { NOISY_BEST_SCORE, NOISY_BEST_MEAN, NOISY_BEST_POSTERIOR };

/* One configuration's runs, kept apart from the searcher, so that the choice is not its own. */
struct noisy_set {
  uint64_t hash;
  double truth, sum, squares, best;
  int n;
};

static inline double noisy_estimate(const struct noisy_set *s, double mu0, double v0,
                                    enum noisy_choice choice) {
  double n = s->n, mean = s->sum / n, s2 = n > 1 ? fmax(0, (s->squares - n * mean * mean) / (n - 1)) : 0;
  if (choice == NOISY_BEST_SCORE) return s->best;
  if (choice == NOISY_BEST_MEAN) return mean;
  double v = (v0 + (n - 1) * s2) / n;
  return (v * mu0 + n * v0 * mean) / (v + n * v0);
}

static inline double noisy_chosen_truth(const struct noisy_set *sets, int n, enum noisy_choice choice) {
  double sum = 0, squares = 0, runs = 0, best = -INFINITY, truth = 0;
  for (int i = 0; i < n; i++) {
    sum += sets[i].sum;
    squares += sets[i].squares;
    runs += sets[i].n;
  }
  double mu0 = sum / runs, v0 = (squares - runs * mu0 * mu0) / (runs - 1);
  for (int i = 0; i < n; i++) {
    double estimate = noisy_estimate(&sets[i], mu0, v0, choice);
    if (estimate <= best) continue;
    best = estimate;
    truth = sets[i].truth;
  }
  return truth;
}

static inline void noisy_apply(struct cl_study *study, struct cl_searcher *searcher, struct cl_event *ev) {
  ev->position = cl_study_head(study)->position + 1;
  int status = cl_study_apply(study, ev, NULL);
  if (status == 0) status = cl_searcher_apply(searcher, ev, NULL);
  if (status != 0) abort();
}

static inline struct cl_study *noisy_study(const char *search, int trials, int64_t seed,
                                           struct cl_searcher **ret_searcher) {
  struct cl_text t = {0};
  struct cl_study *study = NULL;
  cl_text_format(
      &t,
      "{\"study\": \"s\", \"objectives\": [{\"name\": \"y\", \"goal\": \"maximize\"}], \"trials\": %d, "
      "\"search\": %s, \"hyperparameters\": [",
      trials, search);
  for (int i = 0; i < NOISY_LISTS; i++) {
    cl_text_format(&t, "%s{\"id\": %d, \"name\": \"x%d\", \"domain\": \"ordered\", \"values\": [",
                   i > 0 ? ", " : "", i + 1, i);
    for (int k = 0; k < noisy_levels[i]; k++) cl_text_format(&t, "%s%d", k > 0 ? ", " : "", k);
    cl_text_add(&t, "]}");
  }
  cl_text_add(&t, "]}");
  struct cl_event ev = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  ev.u.created.name = ev.u.created.uuid = ev.u.created.directory = "s";
  ev.u.created.settings = cl_text_get(&t);
  ev.u.created.seed = seed;
  if (cl_study_create(&study, NULL) < 0 || cl_searcher_create(study, ret_searcher, NULL) < 0) abort();
  noisy_apply(study, *ret_searcher, &ev);
  cl_text_done(&t);
  return study;
}

/* Starts and ends the trial that was proposed last. */
static inline void noisy_end(struct cl_study *study, struct cl_searcher *searcher, int64_t t, double score) {
  struct cl_event ev = {.kind = CL_EVENT_STARTED, .subject = t, .attempt = 1, .cause = CL_CAUSE_CLAIM};
  ev.seen = cl_study_trial(study, t)->head.version;
  ev.u.started.worker = 1;
  ev.u.started.until = CL_NO_STEP;
  noisy_apply(study, searcher, &ev);
  ev = (struct cl_event){.kind = CL_EVENT_ENDED, .subject = t, .attempt = 1};
  ev.u.ended.known = true;
  ev.u.ended.objectives = (struct cl_number_list){1, &score};
  noisy_apply(study, searcher, &ev);
}

/* Proposes, runs and ends the next trial, number `t`; its score. */
static inline double noisy_trial(struct cl_study *study, struct cl_searcher *searcher, int64_t seed,
                                 int64_t t) {
  struct cl_event ev = {0};
  struct cl_value v[NOISY_LISTS];
  if (cl_searcher_next(searcher, &ev, NULL) != 0) abort();
  noisy_apply(study, searcher, &ev);
  cl_trial_values(study, cl_study_trial(study, t), v);
  struct cl_rng r = cl_rng_stream((uint64_t)seed, CL_RNG_USER, (uint64_t)t, 0);
  double score = noisy_truth(v) + NOISY_SD * cl_rng_normal(&r);
  noisy_end(study, searcher, t, score);
  return score;
}

/* True value of the configuration that is chosen after `trials` sequential trials. */
static inline double noisy_run(const char *search, int trials, int64_t seed, enum noisy_choice choice) {
  struct cl_searcher *searcher = NULL;
  struct cl_study *study = noisy_study(search, trials, seed, &searcher);
  struct noisy_set sets[NOISY_TRIALS_MAX];
  int n = 0;
  assert(trials <= NOISY_TRIALS_MAX);
  for (int64_t t = 1; t <= trials; t++) {
    struct cl_value v[NOISY_LISTS];
    double score = noisy_trial(study, searcher, seed, t);
    cl_trial_values(study, cl_study_trial(study, t), v);
    uint64_t hash = cl_space_hash(cl_study_space(study), v);
    int k = 0;
    while (k < n && sets[k].hash != hash) k++;
    if (k == n) sets[n++] = (struct noisy_set){.hash = hash, .truth = noisy_truth(v), .best = -INFINITY};
    sets[k].n++;
    sets[k].sum += score;
    sets[k].squares += score * score;
    sets[k].best = fmax(sets[k].best, score);
  }
  cl_searcher_destroy(searcher);
  cl_study_destroy(study);
  return noisy_chosen_truth(sets, n, choice);
}

/* A study of so many sequential trials; cl_study_destroy. */
static inline struct cl_study *noisy_search(const char *search, int trials, int64_t seed) {
  struct cl_searcher *searcher = NULL;
  struct cl_study *study = noisy_study(search, trials, seed, &searcher);
  for (int64_t t = 1; t <= trials; t++) (void)noisy_trial(study, searcher, seed, t);
  cl_searcher_destroy(searcher);
  return study;
}

static inline double noisy_truth_of(const struct cl_study *study, int64_t trial) {
  struct cl_value v[NOISY_LISTS];
  cl_trial_values(study, cl_study_trial(study, trial), v);
  return noisy_truth(v);
}

/* What the best trial claims, beside the mean of so many fresh runs of it. */
static inline double noisy_claim(const struct cl_study *study, int64_t seed, int fresh, double *ret_mean) {
  int64_t best = cl_study_best(study);
  double sum = 0;
  for (int64_t k = 0; k < fresh; k++) {
    struct cl_rng r = cl_rng_stream((uint64_t)seed, CL_RNG_USER, (uint64_t)(1000000 + k), 0);
    sum += noisy_truth_of(study, best) + NOISY_SD * cl_rng_normal(&r);
  }
  *ret_mean = sum / fresh;
  return cl_study_trial(study, best)->value;
}

/* Mean over seeds 1…seeds. */
static inline double noisy_mean(const char *search, int trials, int seeds, enum noisy_choice choice) {
  double sum = 0;
  for (int64_t seed = 1; seed <= seeds; seed++) sum += noisy_run(search, trials, seed, choice);
  return sum / seeds;
}

#endif
