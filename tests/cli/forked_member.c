/* A member of a population whose state is two numbers: theta grows by the hyperparameter x at every step. It
 * hands itself over by fork, or, with the word `save`, by files, with `regions` as a region of its memory.
 * What it trains on from is written down in loads.txt of the trial's directory: "<trial> <step> <theta>" of
 * whoever scored that.
 *
 *   forked_member STEPS [save | regions | fork | dice [MILLISECONDS]]    dice: as fork, but it never scores
 * the same again
 *
 * While there is a file whose name is in the variable HOLD, nobody trains beyond step HOLD_STEP; with
 * HOLD_TRIAL that trial does not.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <clade/trainer.h>

struct member {
  double theta;
  int step;
  long long trial; /* that has scored it */
};

static int save(void *ctx, const char *directory) {
  const struct member *m = ctx;
  char path[4096];
  (void)snprintf(path, sizeof path, "%s/state", directory);
  FILE *f = fopen(path, "we");
  if (f == NULL) return -1;
  (void)fprintf(f, "%.17g %d %lld\n", m->theta, m->step, m->trial);
  return fclose(f);
}

static int load(void *ctx, const char *directory) {
  struct member *m = ctx;
  char path[4096];
  (void)snprintf(path, sizeof path, "%s/state", directory);
  FILE *f = fopen(path, "re");
  if (f == NULL) return -1;
  int n = fscanf(f, "%lf %d %lld", &m->theta, &m->step, &m->trial);
  return fclose(f) == 0 && n == 3 ? 0 : -1;
}

/* One line of the trial's directory, written anew or added. */
static void write_line(const clade_trainer *t, const char *name, const char *mode, const char *line) {
  char path[4096];
  (void)snprintf(path, sizeof path, "%s/%s", clade_trainer_directory(t), name);
  FILE *f = fopen(path, mode);
  if (f == NULL) return;
  (void)fputs(line, f);
  (void)fclose(f);
}

static void begin(const clade_trainer *t, const struct member *m) {
  char line[200];
  (void)snprintf(line, sizeof line, "%d\n", (int)getpid());
  write_line(t, "pid", "we", line);
  if (m->step == 0) return;
  (void)snprintf(line, sizeof line, "%lld %d %.17g\n", m->trial, m->step, m->theta);
  write_line(t, "loads.txt", "ae", line);
}

static long number_in(const char *variable) {
  const char *text = getenv(variable);
  return text == NULL ? 0 : strtol(text, NULL, 10);
}

/* Two minutes at most. */
static void wait_while_held(const clade_trainer *t, int step) {
  const char *hold = getenv("HOLD");
  struct timespec pause = {0, 10000000};
  bool meant = number_in("HOLD_TRIAL") == 0 || number_in("HOLD_TRIAL") == clade_trainer_trial(t);
  for (int i = 0; hold != NULL && meant && step >= number_in("HOLD_STEP") && i < 12000; i++)
    if (access(hold, F_OK) < 0 || nanosleep(&pause, NULL) < 0) return;
}

static int train(clade_trainer *t, struct member *m, int steps, long pause_ms, bool dice) {
  struct timespec pause = {pause_ms / 1000, pause_ms % 1000 * 1000000};
  int status = clade_trainer_start(t);
  long long attempt = clade_trainer_attempt(t), trial = clade_trainer_trial(t);
  if (status >= 0) begin(t, m);
  while (status >= 0 && status != CLADE_TRAINER_STOP && m->step < steps) {
    (void)nanosleep(&pause, NULL);
    wait_while_held(t, m->step);
    m->theta += clade_trainer_float(t, "x");
    if (dice) m->theta += 1e-3 * (double)(getpid() % 89);
    m->step++;
    int before = m->step;
    m->trial = trial;
    printf("trial %lld step %d\n", trial, m->step); /* into a buffer that is copied by a fork */
    clade_trainer_metric(t, "theta", m->theta);
    status = clade_trainer_report(t, m->step);
    bool other = trial != clade_trainer_trial(t) || attempt != clade_trainer_attempt(t);
    trial = clade_trainer_trial(t), attempt = clade_trainer_attempt(t);
    if (status >= 0 && status != CLADE_TRAINER_STOP && (other || m->step != before || m->trial != trial))
      begin(t, m);
  }
  return status < 0 ? status : clade_trainer_done(t);
}

int main(int argc, char **argv) {
  struct member m = {0};
  bool saves = argc > 2 && strcmp(argv[2], "save") == 0, lends = argc > 2 && strcmp(argv[2], "regions") == 0;
  struct clade_trainer_options options = {save, load, &m};
  clade_trainer *t = NULL;
  int status = clade_trainer_open(argc, argv, saves ? &options : NULL, &t);
  if (status == 0) clade_trainer_default(t, "x", "0.5");
  if (status == 0 && lends) status = clade_trainer_state(t, "member", &m, sizeof m);
  if (status == 0 && !saves && !lends) status = clade_trainer_fork(t);
  if (status == 0)
    status = train(t, &m, argc > 1 ? (int)strtol(argv[1], NULL, 10) : 4,
                   argc > 3 ? strtol(argv[3], NULL, 10) : 0, argc > 2 && strcmp(argv[2], "dice") == 0);
  if (status < 0) (void)fprintf(stderr, "%s\n", clade_trainer_errmsg(t));
  status = clade_trainer_exit_status(t);
  clade_trainer_close(t);
  return status;
}
