/* `probe_report [--step S] NAME=VALUE…` sends one report and prints the values; what `clade report` does. */
#include <clade/report.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_value(void *ctx, const char *name, const char *text) {
  (void)ctx;
  printf("%s=%s\n", name, text);
}

int main(int argc, char **argv) {
  struct clade_report_metric metrics[300];
  size_t n = 0;
  double step = 0;
  const double *given = NULL;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--step") == 0 && i + 1 < argc) {
      step = strtod(argv[++i], NULL);
      given = &step;
      continue;
    }
    char *value = strchr(argv[i], '=');
    if (value == NULL || n == sizeof metrics / sizeof *metrics) return 2;
    *value = '\0';
    metrics[n++] = (struct clade_report_metric){argv[i], strtod(value + 1, NULL)};
  }
  struct cl_err e = {0};
  int exit_status = 0;
  int status = clade_trainer_report_once(metrics, n, given, print_value, NULL, &exit_status, &e);
  if (status == CLADE_EMPTY) printf("not in a study\n");
  if (status < 0) printf("error %s\n", clade_error_name(status));
  fprintf(stderr, "%s\n", e.text);
  return status < 0 ? 1 : exit_status;
}
