/* A store whose connection is lost at any call, and comes back: what was asked for is done, once. The table
 * below is the store in memory; a call is lost before it is done, or, of a commit and a removal, its answer
 * after. */
#include "store/kit.h"

#include "base/alloc.h"
#include "store/store_ops.h"

static struct {
  long turn;     /* calls until one is lost, 0 = never */
  bool after;    /* the answer is lost, not the call, where that can be */
  bool for_good; /* it does not come back */
  bool happened;
  int mends;
} loss;

static bool is_lost(void) {
  if (loss.turn == 0 || --loss.turn > 0) return false;
  loss.happened = true;
  return true;
}

static int lose(void *state, struct cl_err *e) {
  cl_store_memory.rollback(state); /* nothing that was not committed is left */
  return CL_FAIL(e, CLADE_ECLOSED, "the connection was lost on purpose");
}

/* One wrapper per function of the table: parameters, how they are passed on, and whether the answer can be
 * lost after it was done. */
#define LOSING(name, parameters, arguments, late) \
  static int losing_##name parameters { \
    bool lost = is_lost(); \
    if (lost && !(late && loss.after)) return lose(state, e); \
    int status = cl_store_memory.name arguments; \
    return lost && status >= 0 ? lose(state, e) : status; \
  }

LOSING(studies,
       (void *state, int (*visit)(void *ctx, const struct cl_study_row *row), void *ctx, struct cl_err *e),
       (state, visit, ctx, e), false)
LOSING(head, (void *state, int64_t study, struct cl_study_head *ret, struct cl_err *e),
       (state, study, ret, e), false)
LOSING(trial_head, (void *state, int64_t study, int64_t trial, struct cl_head *ret, struct cl_err *e),
       (state, study, trial, ret, e), false)
LOSING(begin, (void *state, int64_t study, struct cl_study_head *ret, struct cl_err *e),
       (state, study, ret, e), true)
LOSING(add_study, (void *state, const struct cl_event *created, int64_t *ret, struct cl_err *e),
       (state, created, ret, e), false)
LOSING(name_metric, (void *state, int64_t study, const char *name, int guess, int *ret, struct cl_err *e),
       (state, study, name, guess, ret, e), false)
LOSING(add, (void *state, int64_t study, const struct cl_event *ev, struct cl_err *e), (state, study, ev, e),
       false)
LOSING(commit,
       (void *state, int64_t study, const struct cl_study_head *head, const struct cl_heads *changed,
        struct cl_err *e),
       (state, study, head, changed, e), true)
LOSING(find, (void *state, int64_t study, const struct cl_event *ev, int64_t *ret, struct cl_err *e),
       (state, study, ev, ret, e), false)
LOSING(count_reports,
       (void *state, int64_t study, int64_t trial, int attempt, int64_t *ret, struct cl_err *e),
       (state, study, trial, attempt, ret, e), false)
LOSING(lease,
       (void *state, int64_t study, int (*change)(void *ctx, struct cl_lease *row), void *ctx,
        struct cl_lease *ret, struct cl_err *e),
       (state, study, change, ctx, ret, e), false)
LOSING(remove, (void *state, int64_t study, struct cl_err *e), (state, study, e), true)

struct half { /* a read that is lost behind some event */
  void *state;
  cl_event_visit *visit;
  void *ctx;
  struct cl_err *e;
};

static int visit_half(void *ctx, const struct cl_event *ev) {
  struct half *h = ctx;
  return is_lost() ? lose(h->state, h->e) : h->visit(h->ctx, ev);
}

static int losing_read(void *state, int64_t study, const struct cl_read *what, cl_event_visit *visit,
                       void *ctx, struct cl_err *e) {
  struct half h = {state, visit, ctx, e};
  return cl_store_memory.read(state, study, what, visit_half, &h, e);
}

static int mend(void *state, struct cl_err *e) {
  (void)state;
  loss.mends++;
  return loss.for_good ? CL_FAIL(e, CLADE_EIO, "the connection does not come back") : 0;
}

static struct cl_store_ops ops;

static struct cl_store *open_store(void) {
  const struct cl_store_options options = {.mode = CL_STORE_CREATE};
  struct cl_store *s = NULL;
  struct cl_err e = {0};
  ops = cl_store_memory;
  ops.studies = losing_studies;
  ops.head = losing_head;
  ops.trial_head = losing_trial_head;
  ops.begin = losing_begin;
  ops.add_study = losing_add_study;
  ops.name_metric = losing_name_metric;
  ops.add = losing_add;
  ops.commit = losing_commit;
  ops.find = losing_find;
  ops.count_reports = losing_count_reports;
  ops.read = losing_read;
  ops.lease = losing_lease;
  ops.remove = losing_remove;
  ops.mend = mend;
  if (cl_store_open_ops(&ops, "memory:", &options, &s, &e) < 0) fail_msg("%s", e.text);
  return s;
}

static int count(void *ctx, const struct cl_event *ev) {
  (void)ev;
  ++*(int *)ctx;
  return 0;
}

static int append(struct cl_store *s, struct cl_event *events, int n, struct cl_err *e) {
  struct cl_append results[8];
  CL_TRY(cl_store_append(s, 1, events, n, results, e));
  for (int i = 0; i < n; i++) CL_TRY(results[i].status);
  return 0;
}

/* What a process asks of its store, up to the first error. */
static int live(struct cl_store *s, struct cl_err *e) {
  static const double objectives[] = {0.5, 0.125};
  struct cl_event created = kit_created("digits", 100);
  struct cl_metric m[] = {{0, "acc", 0.5}, {0, "loss", 0.25}};
  const struct cl_assigned values[] = {{1, cl_value_real(0.385)}, {2, cl_value_text("sgd")}};
  struct cl_study_head head;
  struct cl_head trial;
  struct cl_lease lease = {.generation = 0};
  const struct cl_read all = {0};
  int64_t study = 0;
  int n = 0;
  CL_TRY(cl_store_create(s, &created, &study, e));
  CL_TRY(cl_store_find(s, "digits", &study, e));
  for (int64_t i = 1; i <= 3; i++) {
    struct cl_event begin[] = {kit_proposed(i, values, 2), kit_started(i, 1, CL_SEEN_BATCH),
                               kit_reported(i, 1, 1, 1.5, m, 2), kit_saved(i, 1, 1.5)};
    struct cl_event end[] = {kit_ended(i, 1, 0, objectives, 2)};
    CL_TRY(append(s, begin, 4, e));
    CL_TRY(append(s, end, 1, e));
  }
  CL_TRY(cl_store_head(s, study, &head, e));
  CL_TRY(cl_store_trial_head(s, study, 2, &trial, e));
  CL_TRY(cl_store_lease_take(s, study, "me", 0, 0, &lease, e));
  CL_TRY(cl_store_lease_release(s, study, &lease, e));
  CL_TRY(cl_store_read(s, study, &all, count, &n, e));
  assert_int_equal(n, 16);
  return 0;
}

/* The log is what it is without losses. */
static void assert_whole(struct cl_store *s) {
  struct cl_store *whole = open_store();
  struct kit_events got, want;
  struct cl_err e = {0};
  if (live(whole, &e) < 0) fail_msg("%s", e.text);
  kit_read(s, 1, NULL, &got);
  kit_read(whole, 1, NULL, &want);
  assert_int_equal(got.n, want.n);
  for (size_t i = 0; i < got.n; i++) assert_true(cl_event_equal(got.items[i], want.items[i]));
  if (cl_store_check(s, 1, &e) < 0) fail_msg("%s", e.text);
  kit_events_done(&got);
  kit_events_done(&want);
  cl_store_close(whole);
}

static void what_was_asked_for_is_done_once(void **state) {
  (void)state;
  for (int after = 0; after < 2; after++) {
    long n = 0;
    do {
      struct cl_store *s = open_store();
      struct cl_err e = {0};
      loss.happened = false;
      loss.after = after;
      loss.turn = ++n;
      int status = live(s, &e);
      loss.turn = 0;
      if (status < 0) fail_msg("call %ld was lost %s it was done: %s", n, after ? "after" : "before", e.text);
      assert_whole(s);
      assert_int_equal(cl_store_delete(s, 1, &e), 0);
      cl_store_close(s);
    } while (loss.happened);
    assert_true(n > 60);
  }
}

static void a_connection_that_does_not_come_back_is_an_error(void **state) {
  (void)state;
  loss.for_good = true;
  loss.after = false;
  long n = 0;
  do {
    struct cl_store *s = open_store();
    struct cl_err e = {0};
    loss.happened = false;
    loss.turn = ++n;
    int status = live(s, &e);
    loss.turn = 0;
    assert_int_equal(status, loss.happened ? CLADE_EIO : 0);
    if (status < 0) assert_string_equal(e.text, "the connection does not come back");
    cl_store_close(s);
  } while (loss.happened);
  loss.for_good = false;
}

static void a_study_that_is_deleted_stays_deleted(void **state) {
  (void)state;
  for (int after = 0; after < 2; after++) {
    struct cl_store *s = open_store();
    struct cl_err e = {0};
    assert_int_equal(live(s, &e), 0);
    loss.after = after;
    loss.turn = 1;
    assert_int_equal(cl_store_delete(s, 1, &e), 0);
    loss.turn = 0;
    int64_t study = 0;
    assert_int_equal(cl_store_find(s, "digits", &study, &e), CLADE_ENOTFOUND);
    cl_store_close(s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_asked_for_is_done_once),
      cmocka_unit_test(a_connection_that_does_not_come_back_is_an_error),
      cmocka_unit_test(a_study_that_is_deleted_stays_deleted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
