/* What a handle remembers of a study: never older than what others have committed, however they did it. */
#include "store/kit.h"

#include <sqlite3.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "store/sqlite_impl.h"

enum { HANDLES = 3, TURNS = 3000 };

struct fixture {
  struct kit_place place;
  struct cl_store *handles[HANDLES];
  int64_t study;
};

static int set_up(void **state) {
  struct fixture *f = cl_alloc(sizeof *f);
  kit_place_init(&f->place);
  for (int i = 0; i < HANDLES; i++) f->handles[i] = kit_open(KIT_SQLITE, &f->place);
  f->study = kit_create(f->handles[0], "digits", 4);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  for (int i = 0; i < HANDLES; i++) cl_store_close(f->handles[i]);
  kit_place_done(&f->place);
  cl_free(f);
  return 0;
}

static int64_t head_of(struct cl_store *s, int64_t study) {
  struct cl_study_head head = {0};
  assert_int_equal(cl_store_head(s, study, &head, NULL), 0);
  return head.position;
}

static int64_t append_note(struct cl_store *s, int64_t study) {
  struct cl_event ev = kit_event(CL_EVENT_NOTE, 0);
  ev.u.note.what = CL_NOTE_TEXT;
  ev.u.note.text = "looked";
  return kit_appended(s, study, ev);
}

static int count(unsigned what, void *ctx, void *statement, void *text) {
  (void)what, (void)statement, (void)text;
  ++*(int *)ctx;
  return 0;
}

static sqlite3 *database_of(const struct cl_store *s) {
  return ((struct cl_sqlite *)s->state)->db;
}

static void looks_are_free_until_somebody_commits(void **state) {
  struct fixture *f = *state;
  struct cl_store *mine = f->handles[0], *other = f->handles[1];
  int n = 0;
  (void)append_note(mine, f->study);
  int64_t position = append_note(mine, f->study);
  assert_int_equal(sqlite3_trace_v2(database_of(mine), SQLITE_TRACE_STMT, count, &n), SQLITE_OK);
  for (int i = 0; i < 10; i++) assert_int_equal(head_of(mine, f->study), position);
  assert_int_equal(n, 0);

  assert_int_equal(append_note(other, f->study), ++position);
  assert_int_equal(head_of(mine, f->study), position);
  assert_int_equal(n, 1);
  assert_int_equal(head_of(mine, f->study), position);
  assert_int_equal(n, 1);
  assert_int_equal(append_note(mine, f->study), ++position);
  n = 0;
  assert_int_equal(head_of(mine, f->study), position);
  assert_int_equal(n, 0);

  int64_t second = kit_create(other, "letters", 4); /* of another study: looked at, and nothing new */
  assert_int_equal(head_of(mine, f->study), position);
  assert_int_equal(n, 1);
  assert_int_equal(head_of(mine, second), head_of(other, second));
}

/* Several handles, in any order: each append is numbered, each look sees the last one. */
static void no_look_is_older_than_a_commit(void **state) {
  struct fixture *f = *state;
  struct cl_rng rng = cl_rng_stream(17, 1, 0, 0);
  int64_t studies[2] = {f->study, kit_create(f->handles[2], "letters", 4)}, positions[2];
  for (int i = 0; i < 2; i++) positions[i] = head_of(f->handles[0], studies[i]);
  for (int turn = 0; turn < TURNS; turn++) {
    struct cl_store *s = f->handles[cl_rng_below(&rng, HANDLES)];
    int which = (int)cl_rng_below(&rng, 2);
    switch (cl_rng_below(&rng, 12)) {
    case 0:
    case 1:
    case 2:
    case 3: assert_int_equal(append_note(s, studies[which]), ++positions[which]); break;
    case 4: /* the log is taken in and begun anew */
      (void)sqlite3_wal_checkpoint_v2(database_of(s), "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
      break;
    default: assert_int_equal(head_of(s, studies[which]), positions[which]); break;
    }
  }
  for (int i = 0; i < 2; i++) assert_int_equal(cl_store_check(f->handles[1], studies[i], NULL), 0);
}

/* A program that knows nothing of the lock file. */
static void what_another_program_writes_is_seen(void **state) {
  struct fixture *f = *state;
  struct cl_store *mine = f->handles[0];
  sqlite3 *db = NULL;
  int64_t position = append_note(mine, f->study);
  assert_int_equal(head_of(mine, f->study), position);
  assert_int_equal(sqlite3_open(f->place.address, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "UPDATE studies SET budget = 17", NULL, NULL, NULL), SQLITE_OK);
  struct cl_study_head head = {0};
  assert_int_equal(cl_store_head(mine, f->study, &head, NULL), 0);
  assert_int_equal(head.budget, 17);
  assert_int_equal(sqlite3_exec(db, "DELETE FROM studies", NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(cl_store_head(mine, f->study, &head, NULL), CLADE_ENOTFOUND);
  (void)sqlite3_close(db);
}

static void what_was_rolled_back_is_not_known(void **state) {
  struct fixture *f = *state;
  struct cl_store *mine = f->handles[0];
  struct cl_event ev = kit_started(77, 1, 5); /* of no trial */
  struct cl_append result;
  int64_t position = append_note(mine, f->study);
  assert_int_equal(cl_store_append(mine, f->study, &ev, 1, &result, NULL), 0);
  assert_true(result.status < 0);
  assert_int_equal(head_of(mine, f->study), position);
  assert_int_equal(append_note(mine, f->study), position + 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(looks_are_free_until_somebody_commits, set_up, tear_down),
      cmocka_unit_test_setup_teardown(no_look_is_older_than_a_commit, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_another_program_writes_is_seen, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_was_rolled_back_is_not_known, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
