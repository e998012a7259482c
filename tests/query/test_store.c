/* A store that fails at any call of a query: the query says so, leaves nothing behind, and can be asked
 * again. The calls that fail are those of the op table of the store, in turn every one; a failure of the disk
 * below them is the business of tests/store/test_disk.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "query/best.h"
#include "query/events.h"
#include "query/reports.h"
#include "query/story.h"
#include "query/studies.h"
#include "query/tales.h"
#include "query/trials.h"
#include "query/verify.h"
#include "store/store_ops.h"

/* A store in memory whose reading functions fail when their turn has come. */

static long turn; /* calls until then, 0 = never */
static bool happened;
static struct cl_store_ops ops;

static int take_turn(struct cl_err *e) {
  if (turn == 0 || --turn > 0) return 0;
  happened = true;
  return CL_FAIL(e, CLADE_EIO, "the store fails on purpose");
}

static int failing_studies(void *state, int (*visit)(void *ctx, const struct cl_study_row *row), void *ctx,
                           struct cl_err *e) {
  CL_TRY(take_turn(e));
  return cl_store_memory.studies(state, visit, ctx, e);
}

static int failing_head(void *state, int64_t study, struct cl_study_head *ret, struct cl_err *e) {
  CL_TRY(take_turn(e));
  return cl_store_memory.head(state, study, ret, e);
}

static int failing_metrics(void *state, int64_t study, int (*visit)(void *ctx, int id, const char *name),
                           void *ctx, struct cl_err *e) {
  CL_TRY(take_turn(e));
  return cl_store_memory.metrics(state, study, visit, ctx, e);
}

struct half { /* a read that fails behind its first event */
  cl_event_visit *visit;
  void *ctx;
  struct cl_err *e;
  bool begun;
};

static int visit_half(void *ctx, const struct cl_event *ev) {
  struct half *h = ctx;
  if (h->begun) CL_TRY(take_turn(h->e));
  h->begun = true;
  return h->visit(h->ctx, ev);
}

static int failing_read(void *state, int64_t study, const struct cl_read *what, cl_event_visit *visit,
                        void *ctx, struct cl_err *e) {
  struct half h = {visit, ctx, e, false};
  CL_TRY(take_turn(e));
  return cl_store_memory.read(state, study, what, visit_half, &h, e);
}

static int failing_reports(void *state, int64_t study, int64_t trial, cl_event_visit *visit, void *ctx,
                           struct cl_err *e) {
  struct half h = {visit, ctx, e, false};
  CL_TRY(take_turn(e));
  return cl_store_memory.read_reports(state, study, trial, visit_half, &h, e);
}

static struct cl_store *store;

static int setup(void **state) {
  (void)state;
  const struct cl_store_options options = {.mode = CL_STORE_CREATE};
  ops = cl_store_memory;
  ops.studies = failing_studies;
  ops.head = failing_head;
  ops.metrics = failing_metrics;
  ops.read = failing_read;
  ops.read_reports = failing_reports;
  if (cl_store_open_ops(&ops, "memory:", &options, &store, NULL) < 0) return -1;
  tell_pbt(store);
  tell_mnist(store);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  cl_store_close(store);
  return 0;
}

/* Ask in every way in which it can fail; at the end nothing does. */
static void assert_fails_well(int (*ask)(struct cl_err *e), long least) {
  long n = 0;
  do {
    struct cl_err e = {0};
    happened = false;
    turn = ++n;
    int status = ask(&e);
    turn = 0;
    if (happened && status != CLADE_EIO) fail_msg("call %ld failed, and the answer is %d", n, status);
    if (happened) assert_string_equal(e.text, "the store fails on purpose");
    if (!happened && status < 0) fail_msg("%s", e.text);
  } while (happened);
  assert_true(n > least);
}

static int list(const char *address, const struct cl_list_options *options, struct cl_err *e) {
  struct cl_selection selection = {0};
  struct cl_reader *r = NULL;
  struct cl_table t = {0};
  struct cl_list_options o = *options;
  int64_t study = 0;
  int status = cl_address_resolve(store, address, &study, &selection, e);
  o.selection = &selection;
  if (status >= 0) status = cl_reader_open(store, study, &r, e);
  if (status >= 0) status = cl_trials_read(r, &o, &t, e);
  if (status < 0) assert_int_equal(t.n_rows, 0);
  cl_table_done(&t);
  cl_reader_close(r);
  cl_selection_done(&selection);
  return status;
}

static int ask_lists(struct cl_err *e) {
  static const char *const columns[] = {"trial,metrics.*,parent,hparams.*"}, *const filters[] = {
                                                                                 "val_accuracy > 0.1"};
  const struct cl_list_options last = {.limit = CL_LIMIT_LAST, .n = 2};
  const struct cl_list_options sorted = {.sort = "metrics.loss",
                                         .limit = CL_LIMIT_ALL,
                                         .n_columns = 1,
                                         .columns = columns,
                                         .n_filters = 1,
                                         .filters = filters};
  int status = list("mnist", &last, e);
  if (status >= 0) status = list("mnist/2,7-9", &last, e);
  if (status >= 0) status = list("mnist/best", &last, e);
  if (status >= 0) status = list("mnist/state:COMPLETE", &last, e);
  if (status >= 0) status = list("mnist/lr<0.01", &sorted, e);
  if (status >= 0) status = list("pbt", &(struct cl_list_options){0}, e);
  return status;
}

static void lists_say_that_the_store_failed(void **state) {
  (void)state;
  assert_fails_well(ask_lists, 50);
}

static int ask_studies(struct cl_err *e) {
  static const char *const more[] = {"best,best_trial,complete,seed"};
  struct cl_table t = {0};
  struct cl_text names = {0};
  int status = cl_studies_read(store, "m*,p*", &(struct cl_list_options){.n_more = 1, .more = more}, &t, e);
  if (status >= 0) status = cl_studies_columns(store, &names, e);
  cl_table_done(&t);
  cl_text_done(&names);
  return status;
}

static void studies_say_that_the_store_failed(void **state) {
  (void)state;
  assert_fails_well(ask_studies, 5);
}

static int ask_stories(struct cl_err *e) {
  struct cl_reader *r = NULL;
  struct cl_text text = {0};
  int status = cl_reader_open(store, 1, &r, e);
  for (int64_t trial = 1; trial <= 4 && status >= 0; trial++) {
    struct cl_story story = {0};
    status = cl_story_read(r, trial, &story, e);
    if (status >= 0 && story.birth != NULL) status = cl_verify_proposal(r, story.birth, &text, e);
    cl_story_done(&story);
  }
  cl_text_done(&text);
  cl_reader_close(r);
  return status;
}

static void stories_say_that_the_store_failed(void **state) {
  (void)state;
  assert_fails_well(ask_stories, 50);
}

static int ask_reports(struct cl_err *e) {
  struct cl_reader *r = NULL;
  struct cl_table t = {0}, *sets = NULL;
  struct cl_text names = {0};
  size_t n = 0;
  struct cl_span span = {1, 3};
  struct cl_selection selection = {.kind = CL_SELECT_NUMBERS, .n_spans = 1, .spans = &span};
  const struct cl_list_options all = {.selection = &selection, .limit = CL_LIMIT_ALL};
  const struct cl_metric_sets_options merged = {.list = all, .merge = true};
  int status = cl_reader_open(store, 2, &r, e);
  if (status >= 0) status = cl_reports_read(r, &all, &t, e);
  if (status >= 0) status = cl_metric_sets_read(r, &merged, &sets, &n, e);
  if (status >= 0) status = cl_trials_columns(r, &names, e);
  for (size_t i = 0; i < n; i++) cl_table_done(&sets[i]);
  cl_free(sets);
  cl_table_done(&t);
  cl_text_done(&names);
  cl_reader_close(r);
  return status;
}

static void reports_say_that_the_store_failed(void **state) {
  (void)state;
  assert_fails_well(ask_reports, 30);
}

static int nothing(void *ctx, const struct cl_event *ev) {
  (void)ctx, (void)ev;
  return 0;
}

static int ask_events(struct cl_err *e) {
  struct cl_reader *r = NULL;
  int64_t position = 0, n = 0;
  struct cl_span span = {1, 2};
  struct cl_selection selection = {.kind = CL_SELECT_NUMBERS, .n_spans = 1, .spans = &span};
  const struct cl_study *study = NULL;
  struct cl_best best;
  int status = cl_reader_open(store, 1, &r, e);
  if (status >= 0)
    status = cl_events_read(r, &(struct cl_events_options){.last = 3}, nothing, NULL, &position, e);
  if (status >= 0)
    status = cl_events_read(r, &(struct cl_events_options){.last = 2, .selection = &selection}, nothing, NULL,
                            &position, e);
  if (status >= 0) status = cl_reader_need(r, 0, 0, &study, e);
  if (status >= 0) status = cl_best_find(study, &best, e);
  if (status >= 0) status = cl_reader_follow(r, &n, e);
  for (int64_t at = 1; at <= 30 && status >= 0; at++) status = cl_reader_snapshot_trial(r, at, &n, e);
  cl_reader_close(r);
  return status;
}

static void events_say_that_the_store_failed(void **state) {
  (void)state;
  assert_fails_well(ask_events, 50);
}

static void a_reader_opens_what_is_asked_for(void **state) {
  (void)state;
  struct cl_reader *r = NULL;
  const struct cl_study *study = NULL, *again = NULL;
  int64_t n = 77, trial = 77;
  assert_int_equal(cl_reader_open(store, 2, &r, NULL), 0);
  assert_int_equal(cl_reader_follow(r, &n, NULL), 0); /* nothing is open yet */
  assert_int_equal(n, 0);
  assert_int_equal(cl_reader_need(r, CL_NO_TRIALS, CL_NO_TRIALS, &study, NULL), 0);
  assert_string_equal(cl_study_name(study), "mnist");
  assert_null(cl_study_trial(study, 3));
  assert_int_equal(cl_reader_need(r, 3, 5, &study, NULL), 0);
  assert_non_null(cl_study_trial(study, 4));
  assert_null(cl_study_trial(study, 6));
  assert_int_equal(cl_reader_need(r, 4, 4, &again, NULL), 0);
  assert_ptr_equal(again, study); /* it is in there */
  assert_int_equal(cl_reader_need(r, CL_NO_TRIALS, CL_NO_TRIALS, &again, NULL), 0);
  assert_ptr_equal(again, study);
  assert_int_equal(cl_reader_need(r, 5, 6, &study, NULL), 0);
  assert_non_null(cl_study_trial(study, 6));
  assert_int_equal(cl_reader_need(r, 0, 0, &study, NULL), 0);
  assert_non_null(cl_study_trial(study, 1));
  assert_int_equal(cl_reader_need(r, 2, 3, &again, NULL), 0);
  assert_ptr_equal(again, study);
  assert_int_equal(cl_reader_snapshot_trial(r, 0, &trial, NULL), 0);
  assert_int_equal(trial, 0);
  cl_reader_close(r);
  cl_reader_close(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lists_say_that_the_store_failed),
      cmocka_unit_test(studies_say_that_the_store_failed),
      cmocka_unit_test(stories_say_that_the_store_failed),
      cmocka_unit_test(reports_say_that_the_store_failed),
      cmocka_unit_test(events_say_that_the_store_failed),
      cmocka_unit_test(a_reader_opens_what_is_asked_for),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
