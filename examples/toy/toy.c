/* Figure 2 of Jaderberg et al. 2017 (arXiv 1711.09846): population based training on a toy.
 *
 * Maximise Q(t) = 1.2 - (t0^2 + t1^2). Nobody may see Q while training: the gradient is that of
 * Q^ = 1.2 - (h0 t0^2 + h1 t1^2), and the two members begin with h = (1, 0) and (0, 1), so each of them can
 * only improve one half. Taking over the better state and exploring h solves what neither can.
 *
 *   toy [--panel pbt|exploit|explore|grid] [--variant linear|square] [--seeds N] [--seed S] [--path FILE]
 *
 * prints the best Q of each member, or with --seeds the median over N seeds. --variant square: (h t)^2, as a
 * public replication has it. --path writes the way of both members through the plane; figure.sh
 * draws all four panels.
 */
#include <clade/population.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 200, EVERY = 5 };

struct way;

struct toy {
  bool square; /* (h t)^2 instead of h t^2 */
  bool exploits, explores;
  struct way *ways; /* of both members, to be drawn; null = not kept */
};

/* The model: a point in the plane. */

struct point {
  double t[2];
};

struct way { /* of one member */
  struct point at[STEPS + 1];
  int n;
};

static void *create(void *ctx, struct clade_trial *trial) {
  struct point *p = malloc(sizeof *p);
  (void)ctx;
  (void)trial;
  if (p != NULL) *p = (struct point){{0.9, 0.9}};
  return p;
}

static int step(void *ctx, void *model, struct clade_trial *trial) {
  const struct toy *toy = ctx;
  struct point *p = model;
  const double h[] = {clade_trial_float(trial, "h0"), clade_trial_float(trial, "h1")}, rate = 0.01;
  for (int i = 0; i < 2; i++) p->t[i] -= rate * 2 * (toy->square ? h[i] * h[i] : fmax(h[i], 0)) * p->t[i];
  return 0;
}

static double q_of(const struct point *p) {
  return 1.2 - (p->t[0] * p->t[0] + p->t[1] * p->t[1]);
}

static int score(void *ctx, const void *model, struct clade_trial *trial, double *ret) {
  const struct toy *toy = ctx;
  const struct point *p = model;
  struct way *way = toy->ways == NULL ? NULL : &toy->ways[clade_trial_number(trial) - 1];
  if (way != NULL && way->n <= STEPS) way->at[way->n++] = *p;
  *ret = q_of(p);
  return 0;
}

static int copy(void *ctx, void *to, const void *from) {
  (void)ctx;
  memcpy(to, from, sizeof(struct point));
  return 0;
}

static void destroy(void *ctx, void *model) {
  (void)ctx;
  free(model);
}

/* The policies: before the steps 5, 10, … everybody takes over the best point, and moves its own h. */

static bool is_ready(const struct clade_ready_policy *self, struct clade_view *view) {
  const struct clade_member *m = clade_view_member(view, clade_view_self(view));
  return ((int)m->step + 1) % (int)self->a == 0;
}

static size_t choose_best(const struct clade_exploit_policy *self, struct clade_view *view) {
  const struct toy *toy = self->ctx;
  size_t best = 0;
  if (!toy->exploits) return CLADE_KEEP;
  for (size_t i = 1; i < clade_view_members(view); i++)
    if (clade_view_member(view, i)->fitness >= clade_view_member(view, best)->fitness)
      best = i; /* ties: the later */
  return best;
}

static void move(const struct clade_explore_policy *self, struct clade_view *view,
                 struct clade_proposal *proposal, bool took_over) {
  const struct toy *toy = self->ctx;
  static const char *const names[] = {"h0", "h1"};
  (void)took_over;
  for (int i = 0; i < 2 && toy->explores; i++)
    (void)clade_proposal_set_float(
        proposal, names[i], clade_proposal_float(proposal, names[i]) + self->a * clade_view_normal(view));
}

/* One run: both members' best Q. */

static int write_ways(const char *to, const struct way *ways) {
  FILE *file = fopen(to, "w");
  if (file == NULL) return CLADE_EIO;
  for (int i = 0; i < 2; i++) {
    for (int k = 0; k < ways[i].n; k++)
      fprintf(file, "%d %.10g %.10g %.10g\n", k, ways[i].at[k].t[0], ways[i].at[k].t[1],
              q_of(&ways[i].at[k]));
    fprintf(file, "\n\n");
  }
  return fclose(file) == 0 ? 0 : CLADE_EIO;
}

static int run(struct toy *toy, int64_t seed, double ret[2], struct cl_err *e) {
  static const struct clade_given first[] = {{"h0", "1"}, {"h1", "0"}}, second[] = {{"h0", "0"}, {"h1", "1"}};
  static const struct clade_initial initial[] = {{2, first}, {2, second}};
  struct clade_space *space = clade_space_create();
  clade_space_add_float(space, "h0", -100, 100, NULL);
  clade_space_add_float(space, "h1", -100, 100, NULL);
  struct clade_population_options options = {
      .study = {.name = "toy", .space = space, .maximize = "Q", .trials = 2, .has_seed = true, .seed = seed},
      .model = {create, step, score, copy, destroy, toy},
      .done = clade_policy_stop_after(STEPS),
      .ready = {.name = "before_every", .is_ready = is_ready, .a = EVERY},
      .exploit = {.name = "best", .choose = choose_best, .ctx = toy, .state_alone = true},
      .explore = {.name = "normal", .explore = move, .a = 0.1, .ctx = toy},
      .n_initial = 2,
      .initial = initial};
  struct clade_population *p = NULL;
  int status = clade_population_create(&options, &p, e);
  if (status == 0) status = clade_population_train(p, e);
  for (size_t i = 0; i < 2 && status == 0; i++) ret[i] = clade_population_member(p, i)->value;
  clade_population_destroy(p);
  clade_space_destroy(space);
  return status;
}

/* The command line. */

static const char *option(int argc, char **argv, const char *name, const char *otherwise) {
  for (int i = 1; i + 1 < argc; i++)
    if (strcmp(argv[i], name) == 0) return argv[i + 1];
  return otherwise;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static int run_all(struct toy *toy, int64_t seeds, int64_t seed, struct cl_err *e) {
  double *best = malloc((size_t)seeds * sizeof *best), q[2] = {0};
  int status = best == NULL ? CLADE_ENOMEM : 0;
  for (int64_t i = 0; i < seeds && status == 0; i++) {
    status = run(toy, seed + i, q, e);
    best[i] = fmax(q[0], q[1]);
  }
  if (status == 0 && seeds == 1) printf("%.10f %.10f\n", q[0], q[1]);
  if (status == 0 && seeds > 1) {
    qsort(best, (size_t)seeds, sizeof *best, compare);
    printf("median %.6f  10%% %.6f  90%% %.6f  of %lld seeds\n", best[seeds / 2], best[seeds / 10],
           best[seeds * 9 / 10], (long long)seeds);
  }
  free(best);
  return status;
}

int main(int argc, char **argv) {
  const char *panel = option(argc, argv, "--panel", "pbt");
  const char *to = option(argc, argv, "--path", NULL);
  struct toy toy = {.square = strcmp(option(argc, argv, "--variant", "linear"), "square") == 0,
                    .exploits = strcmp(panel, "pbt") == 0 || strcmp(panel, "exploit") == 0,
                    .explores = strcmp(panel, "pbt") == 0 || strcmp(panel, "explore") == 0};
  long long seeds = strtoll(option(argc, argv, "--seeds", "1"), NULL, 10),
            seed = strtoll(option(argc, argv, "--seed", "1"), NULL, 10);
  struct cl_err e = {0};
  if (seeds < 1 || seeds > 1000000) {
    fprintf(stderr, "toy: --seeds must be 1 to 1000000, not %lld\n", seeds);
    return 2;
  }
  struct way ways[2] = {0};
  if (to != NULL) toy.ways = ways;
  int status = run_all(&toy, to == NULL ? seeds : 1, seed, &e);
  if (status == 0 && to != NULL) status = write_ways(to, ways);
  if (status < 0) fprintf(stderr, "toy: %s\n", e.text[0] != '\0' ? e.text : "out of memory, or a full disk");
  return status < 0 ? 1 : 0;
}
