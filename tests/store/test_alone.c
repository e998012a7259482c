/* A PostgreSQL store whose handle is alone commits without asking for the lock first, on the head that its
 * own last commit has made (postgres_alone.c). Whatever others do meanwhile, the log is the same as with the
 * lock. */
#include "store/kit.h"

#include "store/postgres_impl.h"
#include "store/store_ops.h"

struct fixture {
  struct kit_postgres p;
  int64_t trial, version; /* a trial that runs */
};

static const struct cl_postgres *inside(const struct cl_store *s) {
  return s->state;
}

static bool will_guess(const struct fixture *f) {
  const struct cl_postgres *s = inside(f->p.store);
  return s->last_study == f->p.study && s->in_a_row >= s->wanted;
}

static struct cl_event set_of(int64_t trial, int64_t seen) {
  static const struct cl_assigned value = {1, {.kind = CL_REAL, .as.real = 0.2385}};
  struct cl_event ev = kit_event(CL_EVENT_SET, trial);
  ev.cause = CL_CAUSE_HUMAN;
  ev.seen = seen;
  ev.u.set.values = (struct cl_assigned_list){1, &value};
  ev.u.set.until = CL_NO_STEP;
  return ev;
}

static void be_alone(struct fixture *f) {
  for (int i = 0; i < 1000 && !will_guess(f); i++)
    f->version = kit_appended(f->p.store, f->p.study, set_of(f->trial, f->version));
  assert_true(will_guess(f));
}

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  kit_postgres_init(&f->p, NULL, "alone", 1000);
  if (f->p.store != NULL) {
    f->trial = 1;
    int64_t proposed = kit_appended(f->p.store, f->p.study, kit_proposed(1, NULL, 0));
    f->version = kit_appended(f->p.store, f->p.study, kit_started(1, 1, proposed));
    f->p.other = kit_open(KIT_POSTGRES, &f->p.place);
    be_alone(f);
  }
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  kit_postgres_done(&f->p);
  free(f);
  return 0;
}

static struct fixture *need(void **state) {
  struct fixture *f = *state;
  kit_postgres_need(&f->p);
  return f;
}

static int64_t head_of(struct fixture *f) {
  struct cl_study_head head;
  assert_int_equal(cl_store_head(f->p.other, f->p.study, &head, NULL), 0);
  assert_int_equal(cl_store_check(f->p.other, f->p.study, NULL), 0);
  return head.position;
}

static int64_t note_by_other(struct fixture *f) {
  struct cl_event note = kit_event(CL_EVENT_NOTE, 0);
  note.u.note.what = CL_NOTE_TEXT;
  note.u.note.text = "in between";
  return kit_appended(f->p.other, f->p.study, note);
}

static void a_commit_alone_is_seen_by_others(void **state) {
  struct fixture *f = need(state);
  assert_int_equal(head_of(f), f->version);
  const int64_t before = f->version;
  for (int i = 1; i <= 20; i++) {
    f->version = kit_appended(f->p.store, f->p.study, set_of(f->trial, f->version));
    assert_int_equal(f->version, before + i);
    assert_true(will_guess(f));
    assert_int_equal(inside(f->p.store)->n_owed, 2); /* nobody has waited for the answer to the wake */
    assert_int_equal(head_of(f), f->version);
  }
}

/* The guess costs more after each time that it was wrong. */
static void a_wrong_guess_is_put_right(void **state) {
  struct fixture *f = need(state);
  for (int i = 0, wanted = inside(f->p.store)->wanted; i < 3; i++) {
    const int64_t between = note_by_other(f);
    f->version = kit_appended(f->p.store, f->p.study, set_of(f->trial, f->version));
    assert_int_equal(f->version, between + 1);
    assert_int_equal(head_of(f), f->version);
    assert_true(inside(f->p.store)->wanted > 2 * wanted);
    wanted = inside(f->p.store)->wanted;
    be_alone(f);
  }
}

static void many_events_of_a_wrong_guess_are_put_right(void **state) {
  struct fixture *f = need(state);
  enum { EVENTS = 3 };
  struct cl_event events[EVENTS];
  struct cl_append results[EVENTS] = {0};
  struct cl_err e = {0};
  const int64_t between = note_by_other(f);
  for (int i = 0; i < EVENTS; i++) events[i] = set_of(f->trial, i == 0 ? f->version : CL_SEEN_BATCH);
  if (cl_store_append(f->p.store, f->p.study, events, EVENTS, results, &e) < 0) fail_msg("%s", e.text);
  for (int i = 0; i < EVENTS; i++) {
    assert_int_equal(results[i].status, 0);
    assert_int_equal(results[i].position, between + 1 + i);
    assert_int_equal(events[i].seen, i == 0 ? f->version : between + i);
  }
  assert_int_equal(head_of(f), between + EVENTS);
}

/* The decision saw what another has appended; on the guess it would conflict. */
static void a_refusal_does_not_rest_on_a_guess(void **state) {
  struct fixture *f = need(state);
  const int64_t theirs = kit_appended(f->p.other, f->p.study, set_of(f->trial, f->version));
  f->version = kit_appended(f->p.store, f->p.study, set_of(f->trial, theirs));
  assert_int_equal(f->version, theirs + 1);
  be_alone(f);
  int64_t position = 0; /* and one that conflicts does so with the lock as well */
  assert_int_equal(kit_append(f->p.store, f->p.study, set_of(f->trial, f->version - 1), &position),
                   CLADE_ECONFLICT);
  assert_int_equal(position, f->version);
  assert_int_equal(head_of(f), f->version);
}

static void a_newer_head_that_was_shown_is_no_guess(void **state) {
  struct fixture *f = need(state);
  struct cl_study_head head;
  const int64_t between = note_by_other(f);
  const int wanted = inside(f->p.store)->wanted;
  assert_int_equal(cl_store_head(f->p.store, f->p.study, &head, NULL), 0);
  assert_int_equal(head.position, between);
  f->version = kit_appended(f->p.store, f->p.study, set_of(f->trial, f->version));
  assert_int_equal(f->version, between + 1);
  assert_int_equal(inside(f->p.store)->wanted, wanted);
}

/* Rows that wait are there for the look-up of what may be repeated; names need columns first. */
static void reports_of_a_guess_are_found_and_named(void **state) {
  struct fixture *f = need(state);
  enum { EVENTS = 5 };
  for (int wrong = 0; wrong < 2; wrong++) {
    struct cl_append results[EVENTS] = {0};
    struct cl_err e = {0};
    struct cl_metric known[] = {{0, "acc", 0.385}}, fresh[] = {{0, wrong ? "loss" : "f1", 0.25}};
    const int64_t between = wrong ? note_by_other(f) : head_of(f), ordinal = 2 * wrong + 1;
    struct cl_event events[EVENTS] = {kit_reported(f->trial, 1, ordinal, (double)ordinal, known, 1),
                                      kit_saved(f->trial, 1, (double)ordinal),
                                      kit_saved(f->trial, 1, (double)ordinal),
                                      kit_reported(f->trial, 1, ordinal, (double)ordinal, known, 1),
                                      kit_reported(f->trial, 1, ordinal + 1, (double)ordinal, fresh, 1)};
    if (cl_store_append(f->p.store, f->p.study, events, EVENTS, results, &e) < 0) fail_msg("%s", e.text);
    assert_int_equal(results[0].position, between + 1);
    assert_int_equal(results[1].position, between + 2);
    assert_int_equal(results[2].status, CLADE_REPEATED);
    assert_int_equal(results[2].position, between + 2);
    assert_int_equal(results[3].status, CLADE_REPEATED);
    assert_int_equal(results[3].position, between + 1);
    assert_int_equal(results[4].position, between + 3);
    assert_int_equal(head_of(f), between + 3);
    be_alone(f);
  }
}

static void settings_that_change_take_the_lock(void **state) {
  struct fixture *f = need(state);
  struct cl_event updated = kit_event(CL_EVENT_UPDATED, 0);
  updated.seen = kit_version(f->p.other, f->p.study, 0);
  updated.u.updated.settings = "{\"trials\": 2385}";
  updated.u.updated.space_version = 1;
  const int64_t position = kit_appended(f->p.store, f->p.study, updated);
  assert_int_equal(position, f->version + 1);
  assert_int_equal(head_of(f), position);
}

static void a_study_that_is_gone_is_not_written_to(void **state) {
  struct fixture *f = need(state);
  assert_int_equal(cl_store_delete(f->p.other, f->p.study, NULL), 0);
  struct cl_event ev = set_of(f->trial, f->version);
  struct cl_append result;
  struct cl_err e = {0};
  assert_int_equal(cl_store_append(f->p.store, f->p.study, &ev, 1, &result, &e), CLADE_ENOTFOUND);
  assert_non_null(strstr(e.text, "no study number"));
}

/* A second look would show what was appended after the first. */
static void what_was_looked_at_is_read_without_another_look(void **state) {
  struct fixture *f = need(state);
  const int64_t head = head_of(f);
  struct kit_events seen = {0};
  f->version = kit_appended(f->p.store, f->p.study, set_of(f->trial, f->version));
  kit_read(f->p.other, f->p.study, &(struct cl_read){.until = head}, &seen);
  assert_int_equal(seen.n, head);
  kit_events_done(&seen);
  assert_int_equal(inside(f->p.other)->shown_head, head);
  kit_read(f->p.other, f->p.study, &(struct cl_read){.until = f->version}, &seen); /* not known yet */
  assert_int_equal(seen.n, f->version);
  kit_events_done(&seen);
  assert_int_equal(inside(f->p.other)->shown_head, f->version);
}

/* A connection that is cut, and a handle that fails, know nothing any more. */
static void a_cut_connection_forgets_the_guess(void **state) {
  struct fixture *f = need(state);
  kit_postgres_cut(&f->p);
  f->version = kit_appended(f->p.store, f->p.study, set_of(f->trial, f->version));
  assert_false(will_guess(f));
  be_alone(f);
  assert_int_equal(head_of(f), f->version);
}

/* A commit of many trials writes their heads in few statements. */
static void many_heads_are_written_at_once(void **state) {
  struct fixture *f = need(state);
  enum { MANY = 700 };
  struct cl_event *events = calloc(MANY, sizeof *events);
  struct cl_append *results = calloc(MANY, sizeof *results);
  struct cl_err e = {0};
  for (int round = 0; round < 2; round++) {
    const int64_t before = head_of(f);
    for (int i = 0; i < MANY; i++)
      events[i] = round == 0 ? kit_proposed(i + 2, NULL, 0) : set_of(i + 2, results[i].position);
    if (cl_store_append(f->p.store, f->p.study, events, MANY, results, &e) < 0) fail_msg("%s", e.text);
    for (int i = 0; i < MANY; i++) {
      assert_int_equal(results[i].status, 0);
      assert_int_equal(results[i].position, before + 1 + i);
    }
  }
  (void)head_of(f); /* compares the heads with a replay */
  free(events);
  free(results);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {TEST(a_commit_alone_is_seen_by_others),
                                     TEST(a_wrong_guess_is_put_right),
                                     TEST(many_events_of_a_wrong_guess_are_put_right),
                                     TEST(a_refusal_does_not_rest_on_a_guess),
                                     TEST(a_newer_head_that_was_shown_is_no_guess),
                                     TEST(reports_of_a_guess_are_found_and_named),
                                     TEST(settings_that_change_take_the_lock),
                                     TEST(a_study_that_is_gone_is_not_written_to),
                                     TEST(what_was_looked_at_is_read_without_another_look),
                                     TEST(a_cut_connection_forgets_the_guess),
                                     TEST(many_heads_are_written_at_once)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
