/* clade/report.h: one report from a program that keeps no connection open, such as a line of a shell script.
 * `clade report accuracy=0.93 --step 10` is this function and its arguments. */
#ifndef CLADE_REPORT_H
#define CLADE_REPORT_H

#include <stddef.h>

#include <clade/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct clade_report_metric {
  const char *name; /* UTF-8, 1…256 bytes, each name once */
  double value;     /* NaN and infinity are values */
};

/* Called for each value of the trial as it is after the report: "lr", "0.004". Texts borrow. */
typedef void clade_report_value(void *ctx, const char *name, const char *text);

/* Connect to the study named by the environment (CLADE_SOCKET, CLADE_TOKEN), send one report, wait for its
 * answer, disconnect. Its ordinal is that of the last recorded report + 1, so that reports of several short
 * programs follow one another; programs of one trial that report at the same time wait for each other by a
 * lock on CLADE_DIR/report.lock. Such a program can neither save nor load on request: a trial that goes on
 * from a checkpoint finds it in CLADE_RESUME_FROM.
 *
 *   metrics, n       borrows; n = 0…200
 *   step             finite; null = the report's ordinal
 *   value, ctx       null = do not tell the values
 *   ret_exit_status  what the program should now do: 0 go on, 75 paused, or no worker came within
 *                    CLADE_RECONNECT seconds: end with this status; 76 stopped: end with this status
 *
 * 0 (exit status 0); CLADE_STOP (75 or 76; *e says why if no worker came); CLADE_EMPTY: not in a study,
 * nothing was sent; CLADE_EREFUSED: the worker refused and recorded nothing; CLADE_EINVAL, CLADE_ELIMIT: not
 * a report; CLADE_EPROTOCOL; CLADE_EIO: the lock; CLADE_ENOMEM. *ret_exit_status is set for 0 and CLADE_STOP
 * only. */
CLADE_API int clade_trainer_report_once(const struct clade_report_metric *metrics, size_t n,
                                        const double *step, clade_report_value *value, void *ctx,
                                        int *ret_exit_status, struct cl_err *e);

#ifdef __cplusplus
}
#endif
#endif
