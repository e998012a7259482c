/* A small deterministic trainer for kill tests: a few reports with pauses, state in a checkpoint directory.
 * It appends "attempt step" to CLADE_DIR/acknowledged after each report that was answered: those must be in
 * the log for ever. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <clade/trainer.h>

static int save(void *ctx, const char *directory) {
  char path[4096];
  (void)snprintf(path, sizeof path, "%s/step", directory);
  FILE *f = fopen(path, "w");
  if (f == NULL) return -1;
  (void)fprintf(f, "%d\n", *(int *)ctx);
  return fclose(f);
}

static int load(void *ctx, const char *directory) {
  char path[4096], line[32];
  (void)snprintf(path, sizeof path, "%s/step", directory);
  FILE *f = fopen(path, "r");
  if (f == NULL || fgets(line, sizeof line, f) == NULL) return -1;
  *(int *)ctx = (int)strtol(line, NULL, 10);
  return fclose(f);
}

static void note_acknowledged(const clade_trainer *t, int step) {
  char path[4096];
  const char *attempt = getenv("CLADE_ATTEMPT");
  (void)snprintf(path, sizeof path, "%s/acknowledged", clade_trainer_directory(t));
  FILE *f = fopen(path, "a");
  if (f == NULL) return;
  (void)fprintf(f, "%s %d\n", attempt == NULL ? "0" : attempt, step);
  (void)fclose(f);
}

int main(int argc, char **argv) {
  int step = 0, status = 0;
  clade_trainer *t = NULL;
  struct clade_trainer_options options = {.save = save, .load = load, .ctx = &step};
  if (clade_trainer_open(argc, argv, &options, &t) < 0) goto fail;
  clade_trainer_default(t, "x", "0.5");
  clade_trainer_default(t, "pause_ms", "5");
  if (clade_trainer_start(t) < 0) goto fail;
  int steps = 5 + (int)(clade_trainer_seed(t) % 4);
  struct timespec pause = {0, clade_trainer_int(t, "pause_ms") * 1000000};
  while (step < steps) {
    (void)nanosleep(&pause, NULL);
    step++;
    clade_trainer_metric(t, "loss",
                         (clade_trainer_float(t, "x") - 0.3) * (clade_trainer_float(t, "x") - 0.3) / step);
    status = clade_trainer_report(t, step);
    if (status < 0) goto fail;
    if (status == CLADE_TRAINER_STOP)
      break; /* perhaps the answer to a hello: this report need not be recorded */
    note_acknowledged(t, step);
  }
  if (clade_trainer_done(t) < 0) goto fail;
  status = clade_trainer_exit_status(t);
  clade_trainer_close(t);
  return status;
fail:
  (void)fprintf(stderr, "%s\n", clade_trainer_errmsg(t));
  status = clade_trainer_exit_status(t);
  clade_trainer_close(t);
  return status != 0 ? status : 1;
}
