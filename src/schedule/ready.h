/* When a member is ready to be judged, if not at every so many steps: by the time that it has trained, or by
 * a metric that it reports. `schedule: {ready: …}`.
 *
 *   {every: 30s}                    each time it has trained so long
 *   {metric: seen, every: 1000}     the metric has grown by so much (from 0)
 *   {metric: loss, factor: 0.5}     it has come to so many times what it was (at the first report)
 *   {metric: loss, patience: 5}     so many reports in a row have brought no better one
 *   {metric: reward, above: 0.9}    it has come above (below) a bound, and was not there before
 *
 * always counted anew from the last time at which it was ready. A metric that is no finite number any more is
 * ready at once. None of it can be foreseen, so every report asks (`until` = -inf): a member that is not
 * ready goes on with a `continued` of cause limit; one that is, is asked for the state that was just scored
 * (`checkpoint asked`), and judged when that is there, or cannot be had.
 *
 * Time is that of the log's `clock` events, which the engine appends where a decision needs one: after
 * reports, and when a member begins to train. A member's time runs from its trainer's hello, or the answer to
 * its last report, to its next report.
 *
 * The same member may come to a ready point twice, when it begins again from an earlier state: what counts
 * belongs to states like the training itself (struct cl_progress, kept with each snapshot).
 */
#ifndef CL_READY_H
#define CL_READY_H

#include "model/options.h"
#include "model/study.h"

enum cl_ready_rule {
  CL_READY_STEPS = 0, /* every `interval`, as ever */
  CL_READY_TIME,
  CL_READY_GROWTH,
  CL_READY_FACTOR,
  CL_READY_PATIENCE,
  CL_READY_ABOVE,
  CL_READY_BELOW
};

struct cl_ready {
  enum cl_ready_rule rule;
  char *metric; /* owned; null: time */
  double bound; /* seconds, growth, factor, reports, or the bound itself */
  double sign;  /* of patience: larger sign * metric is better */
};

/* What a state has come to since it was ready last; all of it is told by the log. */
struct cl_progress {
  int32_t count;  /* how often it was ready, and judged */
  int32_t stale;  /* reports without a better metric */
  double seconds; /* trained since, up to the last report with a reading of the clock */
  double base;    /* the metric when it was ready last, or as it began; NaN = none */
  double best;    /* the best since, base included */
  double last;    /* as last reported */
  bool was_there; /* beyond the bound when it was reported last */
  bool is_ready;  /* … which nobody has ruled about */
};

extern const struct cl_option cl_ready_options[];

/* Does the schedule have `ready`? */
bool cl_ready_is_given(const struct cl_options *o);
/* CLADE_ESPEC with the remedy; `interval` beside it is refused, time in ordered mode too. */
int cl_ready_check(const struct cl_settings *settings, const struct cl_options *o, struct cl_err *e);
/* Options that were checked. Gives *ret; cl_ready_done. CLADE_ENOMEM. */
int cl_ready_init(struct cl_ready *ret, const struct cl_settings *settings, const struct cl_options *o,
                  struct cl_err *e);
void cl_ready_done(struct cl_ready *r);
const char *cl_ready_word(const struct cl_ready *r); /* its option: "every", "factor" … */

struct cl_progress cl_progress_begin(void); /* of a training that begins from nothing */
/* The state has been reported with this metric (NaN with `has` false: not in the report): is it ready? */
void cl_progress_report(struct cl_progress *p, const struct cl_ready *r, bool has, double metric);
/* It has trained so many seconds more, up to its report. */
void cl_progress_clock(struct cl_progress *p, const struct cl_ready *r, double seconds);
/* It was judged, if it was ready: all counts anew from here. */
void cl_progress_settle(struct cl_progress *p);
/* How far it has come, in terms of the bound: seconds, growth, factor, reports, or the metric. */
double cl_progress_value(const struct cl_progress *p, const struct cl_ready *r);

#endif
