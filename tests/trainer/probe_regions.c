/* A trainer whose state is two regions and a counter; probe_regions.py prints the same through clade.py.
 * Usage: probe_regions STEPS [--bytes=N] [--nothing] [--with-save] [--late] */
#include <clade/trainer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char weights[1 << 20], velocity[3];
static long long step;

static const char *flag(int argc, char **argv, const char *name) {
  size_t n = strlen(name);
  for (int i = 2; i < argc; i++)
    if (strncmp(argv[i], name, n) == 0) return argv[i] + n;
  return NULL;
}

static int fail(clade_trainer *t, int status) {
  printf("error %s\n", clade_error_name(status));
  fprintf(stderr, "%s\n", clade_trainer_errmsg(t));
  return status;
}

static int save(void *ctx, const char *directory) {
  (void)ctx;
  (void)directory;
  printf("save\n");
  return 0;
}

static int load(void *ctx, const char *directory) {
  (void)ctx;
  (void)directory;
  printf("load\n");
  return 0;
}

static void show(const clade_trainer *t, size_t bytes) {
  unsigned sum = 0;
  for (size_t i = 0; i < bytes; i++) sum = sum * 31 + weights[i];
  printf("step %lld weights %u velocity %d %d %d loaded %s%s%s\n", step, sum, velocity[0], velocity[1],
         velocity[2], clade_trainer_loaded(t, NULL) ? "" : "nothing",
         clade_trainer_loaded(t, "weights") ? "weights " : "",
         clade_trainer_loaded(t, "velocity") ? "velocity" : "");
}

static void advance(size_t bytes) {
  step++;
  for (size_t i = 0; i < bytes; i++) weights[i] = (unsigned char)(weights[i] * 5 + i + (size_t)step);
  velocity[step % 3]++;
}

static int register_all(clade_trainer *t, size_t bytes) {
  int status = clade_trainer_state(t, "step", &step, sizeof step);
  if (status == 0) status = clade_trainer_state(t, "weights", weights, bytes);
  if (status == 0) status = clade_trainer_state(t, "velocity", velocity, sizeof velocity);
  return status;
}

static int run(clade_trainer *t, int argc, char **argv) {
  const char *size = flag(argc, argv, "--bytes=");
  size_t bytes = size == NULL ? 5000 : (size_t)strtol(size, NULL, 10);
  int status = flag(argc, argv, "--nothing") != NULL ? 0 : register_all(t, bytes);
  if (status == 0) status = clade_trainer_start(t);
  if (status < 0) return fail(t, status);
  if (status == CLADE_TRAINER_STOP) return 0;
  printf("start %d ", status);
  show(t, bytes);
  for (long i = strtol(argv[1], NULL, 10); i > 0; i--) {
    advance(bytes);
    clade_trainer_metric(t, "accuracy", (double)step / 16);
    status = clade_trainer_report(t, (double)step);
    if (status < 0) return fail(t, status);
    if (status == CLADE_TRAINER_STOP) return 0;
    show(t, bytes);
  }
  status = clade_trainer_state(t, "late", &step, sizeof step);
  if (flag(argc, argv, "--late") != NULL) return fail(t, status);
  return clade_trainer_done(t);
}

int main(int argc, char **argv) {
  struct clade_trainer_options options = {save, load, NULL};
  bool both = flag(argc, argv, "--with-save") != NULL;
  clade_trainer *t = NULL;
  setvbuf(stdout, NULL, _IOLBF, 0);
  int status = clade_trainer_open(argc, argv, both ? &options : NULL, &t);
  if (status < 0)
    (void)fail(t, status);
  else
    (void)run(t, argc, argv);
  status = clade_trainer_exit_status(t);
  clade_trainer_close(t);
  return status;
}
