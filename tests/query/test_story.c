/* What happened to a trial, the log in words, and the audit of a decision. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "query/events.h"
#include "query/sentence.h"
#include "query/story.h"
#include "query/tales.h"
#include "query/verify.h"
#include "search/searcher.h"

static struct cl_reader *read_study(struct cl_store *s, const char *name) {
  struct cl_reader *r = NULL;
  struct cl_err e = {0};
  int64_t id = 0;
  assert_int_equal(cl_store_find(s, name, &id, &e), 0);
  assert_int_equal(cl_reader_open(s, id, &r, &e), 0);
  return r;
}

static void attempts_reports_and_changes_are_told(void **state) {
  (void)state;
  struct cl_store *s = tale_store("memory:");
  tell_pbt(s);
  struct cl_reader *r = read_study(s, "pbt");
  struct cl_story story = {0};
  assert_int_equal(cl_story_read(r, 1, &story, NULL), 0);
  assert_int_equal(story.n_attempts, 2);
  assert_int_equal(story.attempts[0].signal, 11);
  assert_int_equal(story.attempts[0].reports, 6);
  assert_true(story.attempts[1].last_step == 7);
  assert_int_equal(story.n_reports, 7);
  assert_true(story.reports[5].is_void && !story.reports[4].is_void && !story.reports[6].is_void);
  assert_int_equal(story.n_changes, 3); /* the two first values, and the person's */
  assert_int_equal(story.changes[2].cause, CL_CAUSE_HUMAN);
  assert_true(story.changes[2].before.as.real == 0.1 && story.changes[2].after.as.real == 0.05);
  assert_true(story.changes[2].step == 6);
  cl_story_done(&story);
  assert_int_equal(cl_story_read(r, 4, &story, NULL), 0);
  assert_int_equal(story.n_changes, 4);
  assert_int_equal(story.changes[3].kind, CL_EVENT_EXPLOITED);
  cl_story_done(&story);
  cl_reader_close(r);
  cl_store_close(s);
}

static void curve_leaves_out_what_does_not_count(void **state) {
  (void)state;
  struct cl_store *s = tale_store("memory:");
  tell_pbt(s);
  struct cl_reader *r = read_study(s, "pbt");
  struct cl_story story = {0};
  double *x = NULL, *y = NULL;
  size_t n = 0;
  assert_int_equal(cl_story_read(r, 1, &story, NULL), 0);
  assert_int_equal(cl_story_curve(&story, 1, &x, &y, &n, NULL), 0);
  assert_int_equal(n, 6);
  assert_true(x[4] == 5 && x[5] == 7 && y[5] == 0.125);
  cl_free(x);
  cl_free(y);
  cl_story_done(&story);
  cl_reader_close(r);
  cl_store_close(s);
}

static void missing_trial_is_said_to_be_missing(void **state) {
  (void)state;
  struct cl_store *s = tale_store("memory:");
  tell_pbt(s);
  struct cl_reader *r = read_study(s, "pbt");
  struct cl_story story = {0};
  struct cl_err e = {0};
  assert_int_equal(cl_story_read(r, 5, &story, &e), CLADE_ENOTFOUND);
  assert_non_null(strstr(e.text, "1 to 4"));
  cl_reader_close(r);
  cl_store_close(s);
}

struct lines {
  const struct cl_study *study;
  struct cl_text text;
  int n;
};

static int add_line(void *ctx, const struct cl_event *ev) {
  struct lines *l = ctx;
  cl_text_format(&l->text, "%lld ", (long long)ev->subject);
  cl_event_write(ev, l->study, &l->text);
  cl_text_add_char(&l->text, '\n');
  l->n++;
  return 0;
}

static void log_is_told_in_words(void **state) {
  (void)state;
  struct cl_store *s = tale_store("memory:");
  tell_pbt(s);
  struct cl_reader *r = read_study(s, "pbt");
  struct lines l = {0};
  int64_t position = 0;
  assert_int_equal(cl_reader_need(r, 0, 0, &l.study, NULL), 0);
  assert_int_equal(cl_events_read(r, &(struct cl_events_options){0}, add_line, &l, &position, NULL), 0);
  assert_int_equal(position, l.n);
  static const char *const wanted[] = {
      "0 study pbt created: random, minimize loss, 4 trials, seed 17\n",
      "0 worker 1 joined: here, 4 slots\n",
      "1 proposed by search (random): lr=0.1 units=16\n",
      "1 attempt 1 started on worker 1\n",
      "1 reported step 2: loss=0.55\n",
      "4 takes over snapshot ",
      "because of exploit (truncation): lr=0.0144 units=32\n",
      "1 set lr=0.05, because of a person (lr=0.05)\n",
      "1 attempt 1 ended, killed by signal 11",
      "1 to be tried again (1), because of resume\n",
      "1 attempt 2 ended with status 0, value 0.125\n",
      "0 finished: budget used up\n",
  };
  const char *from = cl_text_get(&l.text);
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
    const char *found = strstr(from, wanted[i]);
    if (found == NULL) fail_msg("not in the log, or out of order: %s", wanted[i]);
    from = found;
  }
  cl_text_done(&l.text);
  cl_reader_close(r);
  cl_store_close(s);
}

static void end_of_the_log_and_of_one_trial_can_be_read(void **state) {
  (void)state;
  struct cl_store *s = tale_store("memory:");
  tell_pbt(s);
  struct cl_reader *r = read_study(s, "pbt");
  struct lines l = {0};
  int64_t position = 0, before = 0;
  assert_int_equal(cl_reader_need(r, 0, 0, &l.study, NULL), 0);
  assert_int_equal(cl_events_read(r, &(struct cl_events_options){.last = 3}, add_line, &l, &position, NULL),
                   0);
  assert_int_equal(l.n, 3);
  before = position;
  assert_int_equal(
      cl_events_read(r, &(struct cl_events_options){.after = position}, add_line, &l, &position, NULL), 0);
  assert_int_equal(l.n, 3);
  assert_int_equal(position, before);
  struct cl_span one = {4, 4};
  struct cl_selection selection = {.kind = CL_SELECT_NUMBERS, .n_spans = 1, .spans = &one};
  cl_text_clear(&l.text);
  l.n = 0;
  struct cl_events_options last = {.last = 2, .selection = &selection};
  assert_int_equal(cl_events_read(r, &last, add_line, &l, &position, NULL), 0);
  assert_int_equal(l.n, 2);
  assert_memory_equal(cl_text_get(&l.text), "4 ", 2);
  cl_text_done(&l.text);
  cl_reader_close(r);
  cl_store_close(s);
}

/* A study whose trials a searcher did propose. */
static void tell_searched(struct cl_store *s) {
  struct cl_err e = {0};
  tell_empty(s);
  struct cl_log *log = NULL;
  struct cl_searcher *searcher = NULL;
  assert_int_equal(cl_log_open(s, 1, &(struct cl_log_options){0}, &log, &e), 0);
  assert_int_equal(cl_searcher_create(cl_log_study(log), &searcher, &e), 0);
  for (int i = 0; i < 3; i++) {
    struct cl_event ev;
    struct cl_append result;
    assert_int_equal(cl_searcher_next(searcher, &ev, &e), 0);
    assert_int_equal(cl_log_append(log, &ev, &result, &e), 0);
    assert_int_equal(result.status, 0);
  }
  cl_searcher_destroy(searcher);
  cl_log_close(log);
}

static void searched_values_can_be_recomputed_and_others_differ(void **state) {
  (void)state;
  struct cl_store *s = tale_store("memory:");
  struct cl_text text = {0};
  struct cl_story story = {0};
  tell_searched(s);
  struct cl_reader *r = read_study(s, "empty");
  assert_int_equal(cl_story_read(r, 3, &story, NULL), 0);
  assert_int_equal(cl_verify_proposal(r, story.birth, &text, NULL), 0);
  assert_string_equal(cl_text_get(&text), "");
  struct cl_event forged = *story.birth;
  struct cl_assigned other = {1, cl_value_int(101)};
  forged.u.proposed.values = (struct cl_assigned_list){1, &other};
  assert_int_equal(cl_verify_proposal(r, &forged, &text, NULL), 0);
  assert_non_null(strstr(cl_text_get(&text), "101"));
  cl_text_clear(&text);
  forged.u.proposed.role = CL_ROLE_FORKED;
  forged.cause = CL_CAUSE_FORK;
  assert_int_equal(cl_verify_proposal(r, &forged, &text, NULL), 0);
  if (strstr(cl_text_get(&text), "nothing to recompute") == NULL) fail_msg("%s", cl_text_get(&text));
  cl_story_done(&story);
  cl_text_done(&text);
  cl_reader_close(r);
  cl_store_close(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(attempts_reports_and_changes_are_told),
      cmocka_unit_test(curve_leaves_out_what_does_not_count),
      cmocka_unit_test(missing_trial_is_said_to_be_missing),
      cmocka_unit_test(log_is_told_in_words),
      cmocka_unit_test(end_of_the_log_and_of_one_trial_can_be_read),
      cmocka_unit_test(searched_values_can_be_recomputed_and_others_differ),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
