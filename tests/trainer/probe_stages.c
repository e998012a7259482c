/* The training of tutorial 5 as a trainer: a walk through a maze whose luck is known beforehand;
 * probe_stages.py prints the same through clade.py.
 *
 * Usage: probe_stages [--mode=…]
 *   tutorial   one stage of 5,000 iterations, 2.2e-6 hours each
 *   two        two stages, the second one to be minimized, in batches
 *   best       one stage that saves its best state into `best`
 *   early      leaves the loop early; unknown: adds an unknown metric; empty: never adds the first metric */
#include <clade/stages.h>

#include <stdio.h>
#include <string.h>

struct walk {
  clade_trainer *t;
  clade_stages *s;
  long long turns; /* iterations of all stages, as the program counts them itself */
  bool bad_save;
};

static int save(void *ctx, const char *directory) {
  const struct walk *walk = ctx;
  char path[4096];
  if (walk->bad_save) return 9;
  snprintf(path, sizeof path, "%s/turns", directory);
  FILE *file = fopen(path, "w");
  if (file == NULL) return 1;
  fprintf(file, "%lld\n", walk->turns);
  return fclose(file);
}

static int load(void *ctx, const char *directory) {
  struct walk *walk = ctx;
  char path[4096];
  snprintf(path, sizeof path, "%s/turns", directory);
  FILE *file = fopen(path, "r");
  if (file == NULL) return 1;
  int n = fscanf(file, "%lld", &walk->turns);
  fclose(file);
  return n == 1 ? 0 : 2;
}

/* 7.92 ms per iteration. */
static double seconds(void *ctx) {
  return (double)((const struct walk *)ctx)->turns * 0.00792;
}

/* Two or one rewards in a thousand steps, in 17 or 18 episodes. */
static void walk_maze(struct walk *walk) {
  static const struct { int rewards, episodes; } luck[] = {{2, 17}, {2, 18}, {1, 17}, {1, 17}, {2, 18}};
  long long k = clade_stages_iters(walk->s) / 1000, i = clade_stages_iters(walk->s) % 1000;
  clade_stages_add(walk->s, "rew", i < luck[k % 5].rewards ? 1 : 0);
  if (i < luck[k % 5].episodes) clade_stages_add(walk->s, "win", i < luck[k % 5].rewards ? 1 : 0);
}

static const struct clade_stage_metric maze[] = {
    {.name = "rew", .long_name = "reward per step"},
    {.name = "win", .long_name = "episodes won"},
};
static const struct clade_stage_metric fit[] = {
    {.name = "loss",
     .long_name = "cross-entropy",
     .aggregate = CLADE_STAGE_MIN,
     .goal = CLADE_STAGE_MINIMIZE},
    {.name = "top", .aggregate = CLADE_STAGE_MAX},
};
static const struct clade_stage stages[] = {
    {.title = "RL_Proc", .metrics = maze, .n_metrics = 2, .iters = 5000, .iters_per_report = 1000},
    {.metrics = fit, .n_metrics = 2, .iters = 1234567},
};

static void learn(struct walk *walk) {
  const long long batch = 61728;
  clade_stages_count(walk->s, batch);
  walk->turns += batch;
  double x = (double)clade_stages_iters(walk->s) / 1e6;
  clade_stages_add(walk->s, "loss", (x - 0.7) * (x - 0.7) + 2.385);
  clade_stages_add(walk->s, "top", x);
}

static int train(struct walk *walk, const char *mode) {
  int status = clade_trainer_start(walk->t);
  while (status >= 0 && clade_stages_next(walk->s)) {
    if (clade_stages_current(walk->s) == 1) {
      learn(walk);
      continue;
    }
    walk->turns++;
    if (strcmp(mode, "unknown") == 0) clade_stages_add(walk->s, "wins", 1);
    if (strcmp(mode, "empty") != 0) walk_maze(walk);
    if (strcmp(mode, "early") == 0 && walk->turns == 3) break;
  }
  if (status < 0) return status;
  fprintf(stderr, "value %.17g\n",
          clade_stages_value(walk->s, clade_stages_current(walk->s) == 0 ? "rew" : "top"));
  return clade_stages_done(walk->s);
}

int main(int argc, char **argv) {
  static const char *const values[][2] = {{"seqlen", "24"}, {"disc", "0.90"}, {"clip", "2048"},
                                          {"lr", "4e-4"},   {"rscale", "32"}, {"embed", "1024"},
                                          {"units", "384"}, {"out", "1024"}};
  const char *mode = argc > 1 && strncmp(argv[1], "--mode=", 7) == 0 ? argv[1] + 7 : "tutorial";
  struct walk walk = {.bad_save = strcmp(mode, "unsaved") == 0};
  struct clade_trainer_options options = {save, load, &walk};
  struct clade_stages_options staged = {
      .stages = stages, .n_stages = strcmp(mode, "two") == 0 ? 2 : 1, .seconds = seconds, .ctx = &walk};
  if (strcmp(mode, "best") == 0 || walk.bad_save) staged.best = "best";
  int status = clade_trainer_open(argc, argv, strcmp(mode, "stateless") == 0 ? NULL : &options, &walk.t);
  for (size_t i = 0; i < 8 && status == 0 && !clade_trainer_in_study(walk.t); i++)
    clade_trainer_default(walk.t, values[i][0], values[i][1]);
  if (status == 0) status = clade_stages_open(walk.t, &staged, &walk.s);
  if (status == 0) status = train(&walk, mode);
  if (status < 0) fprintf(stderr, "%s\n", clade_trainer_errmsg(walk.t));
  status = clade_trainer_exit_status(walk.t);
  clade_stages_close(walk.s);
  clade_trainer_close(walk.t);
  return status;
}
