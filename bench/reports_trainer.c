/* A trainer that does nothing but report: the program of bench_reports.
 *
 *   bench_reports_trainer __trainer N
 */
#include <stdio.h>
#include <stdlib.h>

#include <clade/trainer.h>

int main(int argc, char **argv) {
  clade_trainer *t = NULL;
  long n = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
  int status = clade_trainer_open(argc, argv, NULL, &t);
  for (long i = 1; i <= n && status == 0; i++) {
    clade_trainer_metric(t, "loss", 1.0 / (double)i);
    status = clade_trainer_report(t, (double)i);
  }
  if (status == 0) status = clade_trainer_done(t);
  if (status != 0) fprintf(stderr, "reports_trainer: %s\n", clade_trainer_errmsg(t));
  int ret = status == 0 ? clade_trainer_exit_status(t) : 1;
  clade_trainer_close(t);
  return ret;
}
