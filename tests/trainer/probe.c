/* A trainer that prints what it sees; probe.py prints the same through clade.py. Usage: probe STEPS [--flag…]
 */
#include <clade/trainer.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct state {
  int step;
  bool bad_save, bad_load;
  clade_trainer *deep; /* to be misused by save, or null */
};

static int print_error(clade_trainer *t, int status) {
  printf("error %s\n", clade_error_name(status));
  fprintf(stderr, "%s\n", clade_trainer_errmsg(t));
  return status;
}

static int save(void *ctx, const char *directory) {
  const struct state *state = (const struct state *)ctx;
  char path[4096];
  printf("save %d\n", state->step);
  if (state->bad_save) return 9;
  snprintf(path, sizeof path, "%s/state", directory);
  FILE *file = fopen(path, "w");
  if (file == NULL) return 1;
  fprintf(file, "%d\n", state->step);
  if (state->deep != NULL) {
    for (int i = 0; i < 20; i++) clade_trainer_metric(state->deep, "accuracy", i);
    (void)print_error(state->deep, clade_trainer_report(state->deep, state->step));
  }
  return fclose(file);
}

static int load(void *ctx, const char *directory) {
  struct state *state = (struct state *)ctx;
  char path[4096];
  if (state->bad_load) {
    printf("load fails\n");
    return 9;
  }
  snprintf(path, sizeof path, "%s/state", directory);
  FILE *file = fopen(path, "r");
  if (file == NULL) return 1;
  int n = fscanf(file, "%d", &state->step);
  fclose(file);
  printf("load %d\n", state->step);
  return n == 1 ? 0 : 2;
}

static bool has_flag(int argc, char **argv, const char *flag) {
  for (int i = 2; i < argc; i++)
    if (strcmp(argv[i], flag) == 0) return true;
  return false;
}

static void print_values(clade_trainer *t) {
  printf("lr=%g layers=%lld nesterov=%s opt=%s", clade_trainer_float(t, "lr"),
         (long long)clade_trainer_int(t, "layers"), clade_trainer_bool(t, "nesterov") ? "true" : "false",
         clade_trainer_text(t, "opt"));
}

static void set_metrics(clade_trainer *t, const char *mode, int step) {
  static char huge[1 << 20];
  if (strcmp(mode, "plain") == 0) clade_trainer_metric(t, "accuracy", step / 16.0);
  if (strcmp(mode, "nonfinite") == 0) {
    clade_trainer_metric(t, "accuracy", (double)NAN);
    clade_trainer_metric(t, "loss", (double)INFINITY);
    clade_trainer_metric(t, "low", -(double)INFINITY);
  }
  if (strcmp(mode, "huge") == 0) {
    memset(huge, 'm', sizeof huge - 1);
    clade_trainer_metric(t, huge, 1);
  }
  if (strcmp(mode, "utf8") == 0) clade_trainer_metric(t, "a\xff", 1);
  for (int i = 0; i < 201 && strcmp(mode, "many") == 0; i++) {
    char name[16];
    snprintf(name, sizeof name, "m%d", i);
    clade_trainer_metric(t, name, i);
  }
  for (int i = 0; i < 200 && strcmp(mode, "big") == 0; i++) {
    char name[257];
    memset(name, '"', 253);
    snprintf(name + 253, 4, "%03d", i);
    clade_trainer_metric(t, name, i);
  }
}

static void print_changes(clade_trainer *t) {
  static const char *const names[] = {"lr", "layers", "nesterov", "opt"};
  for (size_t i = 0; i < 4; i++)
    if (clade_trainer_changed(t, names[i])) printf(" %s", names[i]);
}

/* One epoch and its report; returns whether to go on. */
static bool train(clade_trainer *t, struct state *state, const char *mode) {
  state->step++;
  set_metrics(t, mode, state->step);
  int step = state->step;
  int status = clade_trainer_report(t, strcmp(mode, "step") == 0 ? (double)NAN : step);
  if (status < 0) return print_error(t, status) != CLADE_EPROTOCOL;
  if (status == CLADE_TRAINER_STOP) {
    printf("report %d stop\n", step);
    return false;
  }
  printf("report %d go ", step);
  print_values(t);
  printf(" changed");
  print_changes(t);
  printf("\n");
  return true;
}

static int run(clade_trainer *t, struct state *state, int argc, char **argv) {
  clade_trainer_default(t, "lr", "0.5");
  clade_trainer_default(t, "layers", "1");
  clade_trainer_default(t, "nesterov", "false");
  clade_trainer_default(t, "opt", "sgd");
  printf("open ");
  print_values(t);
  printf(" seed=%lld trial=%lld attempt=%lld final=%s study=%s\n", (long long)clade_trainer_seed(t),
         (long long)clade_trainer_trial(t), (long long)clade_trainer_attempt(t),
         clade_trainer_is_final(t) ? "true" : "false", clade_trainer_in_study(t) ? "true" : "false");
  int status = has_flag(argc, argv, "--no-start") ? 0 : clade_trainer_start(t);
  if (status < 0) return print_error(t, status);
  if (status == CLADE_TRAINER_STOP) return printf("start stop\n");
  printf("start %s\n", status == 1 ? "loaded" : "fresh");
  const char *mode = "plain";
  for (int i = 2; i < argc; i++)
    if (strncmp(argv[i], "--metric=", 9) == 0) mode = argv[i] + 9;
  int steps = (int)strtol(argv[1], NULL, 10);
  while (state->step < steps && train(t, state, mode)) continue;
  if (has_flag(argc, argv, "--again")) (void)train(t, state, mode);
  if (has_flag(argc, argv, "--no-done")) return 0;
  status = clade_trainer_done(t);
  if (status < 0) return print_error(t, status);
  return printf("done%s\n", status == CLADE_TRAINER_STOP ? " stop" : "");
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  struct state state = {.bad_save = has_flag(argc, argv, "--bad-save"),
                        .bad_load = has_flag(argc, argv, "--bad-load")};
  struct clade_trainer_options options = {.save = save, .load = load, .ctx = &state};
  if (has_flag(argc, argv, "--plain")) options = (struct clade_trainer_options){0};
  clade_trainer *t = NULL;
  int status = clade_trainer_open(argc, argv, &options, &t);
  if (has_flag(argc, argv, "--deep")) state.deep = t;
  if (status < 0) {
    (void)print_error(t, status);
  } else {
    (void)run(t, &state, argc, argv);
  }
  status = clade_trainer_exit_status(t);
  clade_trainer_close(t);
  return status;
}
