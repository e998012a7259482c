/* The queue of those who are about to append what only one of them can: of PostgreSQL, an advisory lock. */
#include "store/kit.h"

static int set_up(void **state) {
  struct kit_postgres *p = calloc(1, sizeof *p);
  kit_postgres_init(p, NULL, "queue", 1000);
  if (p->store != NULL) p->other = kit_open(KIT_POSTGRES, &p->place);
  *state = p;
  return 0;
}

static int queue(struct cl_store *s, int64_t study, int wait_ms) {
  struct cl_err e = {0};
  int status = cl_store_queue(s, study, wait_ms, &e);
  assert_true((status == 0) == (e.text[0] == '\0'));
  return status;
}

static void one_at_a_time_has_the_turn(void **state) {
  struct kit_postgres *p = kit_postgres_given(state);
  assert_int_equal(queue(p->store, p->study, 1000), 0);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(queue(p->other, p->study, 20), CLADE_EBUSY);
    kit_finish_trial(p->other, p->study, 0.25); /* without the queue it can do all the same */
  }
  assert_int_equal(queue(p->other, p->study + 1, 20), 0); /* each study has its own */
  cl_store_leave(p->other, p->study + 1);
  kit_finish_trial(p->store, p->study, 0.5);
  cl_store_leave(p->store, p->study);
  assert_int_equal(queue(p->other, p->study, 10000), 0);
  cl_store_leave(p->other, p->study);
  assert_int_equal(queue(p->store, p->study, 10000), 0);
}

/* Schemas of one database are stores of their own. */
static void each_store_has_its_own_queues(void **state) {
  struct kit_postgres *p = kit_postgres_given(state);
  struct kit_place place;
  kit_place_init(&place);
  struct cl_store *s = kit_open(KIT_POSTGRES, &place);
  const int64_t study = kit_create(s, "queue", 10);
  assert_int_equal(study, p->study);
  assert_int_equal(queue(p->store, study, 1000), 0);
  assert_int_equal(queue(s, study, 1000), 0);
  assert_int_equal(queue(p->other, study, 20), CLADE_EBUSY);
  cl_store_close(s);
  kit_place_done(&place);
}

static void a_turn_ends_with_the_connection(void **state) {
  struct kit_postgres *p = kit_postgres_given(state);
  assert_int_equal(queue(p->other, p->study, 1000), 0);
  cl_store_close(p->other);
  p->other = kit_open(KIT_POSTGRES, &p->place);
  assert_int_equal(queue(p->store, p->study, 10000), 0);
  kit_postgres_cut(p);
  cl_store_leave(p->store, p->study); /* of nothing */
  for (int i = 0; i < 2; i++) kit_finish_trial(i == 0 ? p->store : p->other, p->study, 0.25);
  assert_int_equal(queue(p->other, p->study, 10000), 0);
}

static void a_lost_connection_is_made_again(void **state) {
  struct kit_postgres *p = kit_postgres_given(state);
  kit_finish_trial(p->store, p->study, 0.25);
  kit_postgres_cut(p);
  assert_int_equal(cl_store_queue(p->store, p->study, 1000, NULL), 0);
  assert_int_equal(queue(p->other, p->study, 20), CLADE_EBUSY);
  kit_finish_trial(p->store, p->study, 0.5);
}

static void in_other_stores_it_is_always_ones_turn(void **state) {
  (void)state;
  static const enum kit_kind kinds[] = {KIT_MEMORY, KIT_SQLITE};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    struct kit_place place;
    kit_place_init(&place);
    struct cl_store *s = kit_open(kinds[i], &place);
    int64_t study = kit_create(s, "s", 10);
    for (int k = 0; k < 2; k++) assert_int_equal(queue(s, study, 1), 0);
    cl_store_leave(s, study);
    cl_store_close(s);
    kit_place_done(&place);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(one_at_a_time_has_the_turn, set_up, kit_postgres_tear_down),
      cmocka_unit_test_setup_teardown(each_store_has_its_own_queues, set_up, kit_postgres_tear_down),
      cmocka_unit_test_setup_teardown(a_turn_ends_with_the_connection, set_up, kit_postgres_tear_down),
      cmocka_unit_test_setup_teardown(a_lost_connection_is_made_again, set_up, kit_postgres_tear_down),
      cmocka_unit_test(in_other_stores_it_is_always_ones_turn)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
