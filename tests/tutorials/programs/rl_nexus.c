/* What the tutorial's run.py is to a runspec, without its maze: the recurrent agent is replaced by luck.
 *
 * Usage: rl_nexus SPEC. Reads max_iterations and iters_per_report, walks a maze whose rewards are known
 * beforehand, and reports in one stage. 5,000 iterations are the tutorial's pre-flight run, number for
 * number; longer runs have a reward that depends on the hyperparameters and the seed (standard deviation
 * 0.0097, as the tutorial's). */
#include <clade/stages.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"seqlen", "disc", "clip", "lr", "rscale", "embed", "units", "out"};

/* `key: 5000` anywhere in the file; 0 without it. */
static long long read_key(FILE *file, const char *key) {
  char line[512];
  long long n = 0;
  rewind(file);
  while (fgets(line, sizeof line, file) != NULL) {
    const char *at = line + strspn(line, " -");
    if (strncmp(at, key, strlen(key)) == 0 && at[strlen(key)] == ':')
      n = strtoll(at + strlen(key) + 1, NULL, 10);
  }
  return n;
}

/* 2.2e-6 hours per iteration. */
static double seconds(void *ctx) {
  return (double)*(const long long *)ctx * 0.00792;
}

/* The reward that the values earn, in 1/1000 per step, with the luck of this seed. */
static double get_merit(clade_trainer *t) {
  double distance = 0, luck = 0;
  static const double best[] = {12, 0.9, 512, 5e-4, 12, 300, 256, 500};
  for (size_t i = 0; i < 8; i++) {
    double d = log(clade_trainer_float(t, names[i]) / best[i]);
    distance += d * d / (i == 1 ? 0.01 : 4);
  }
  uint64_t random = (uint64_t)clade_trainer_seed(t) * 2654435769u + 88172645463325252u;
  for (int i = 0; i < 12; i++) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    luck += (double)(random >> 11) * 0x1p-53;
  }
  return fmax(45 * exp(-distance / 4) + 9.7 * (luck - 6), 0);
}

static void walk(clade_stages *s, long long turn, bool preflight, double merit) {
  static const int rewards[] = {2, 2, 1, 1, 2}, episodes[] = {17, 18, 17, 17, 18};
  long long part = turn / 1000 % 5, i = turn % 1000;
  bool reward = preflight ? i < rewards[part] : (double)i < merit;
  clade_stages_add(s, "rew", reward);
  if (i < (preflight ? episodes[part] : 20)) clade_stages_add(s, "win", reward);
}

int main(int argc, char **argv) {
  static const struct clade_stage_metric metrics[] = {{.name = "rew", .long_name = "reward per step"},
                                                      {.name = "win", .long_name = "episodes won"}};
  FILE *file = argc > 1 ? fopen(argv[1], "r") : NULL;
  if (file == NULL) {
    fprintf(stderr, "usage: rl_nexus SPEC\n");
    return 2;
  }
  struct clade_stage stage = {.title = "RL_Proc",
                              .metrics = metrics,
                              .n_metrics = 2,
                              .iters = read_key(file, "max_iterations"),
                              .iters_per_report = read_key(file, "iters_per_report")};
  (void)fclose(file);
  long long turn = 0;
  struct clade_stages_options options = {.stages = &stage, .n_stages = 1, .seconds = seconds, .ctx = &turn};
  clade_trainer *t = NULL;
  clade_stages *s = NULL;
  int status = clade_trainer_open(argc, argv, NULL, &t);
  for (size_t i = 0; i < 8 && status == 0; i++) clade_trainer_default(t, names[i], "0");
  if (status == 0) status = clade_stages_open(t, &options, &s);
  double merit = status == 0 ? get_merit(t) : 0;
  while (status == 0 && clade_stages_next(s)) walk(s, turn++, stage.iters == 5000, merit);
  if (status == 0) status = clade_stages_done(s);
  if (status < 0) fprintf(stderr, "rl_nexus: %s\n", clade_trainer_errmsg(t));
  status = clade_trainer_exit_status(t);
  clade_stages_close(s);
  clade_trainer_close(t);
  return status;
}
