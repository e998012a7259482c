/* Who came from whom: branches of a study. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "query/descent.h"
#include "query/tales.h"

static struct cl_reader *read_study(struct cl_store *s, const char *name) {
  struct cl_reader *r = NULL;
  int64_t id = 0;
  assert_int_equal(cl_store_find(s, name, &id, NULL), 0);
  assert_int_equal(cl_reader_open(s, id, &r, NULL), 0);
  return r;
}

static struct tale begin_family(struct cl_store *s) {
  struct tale t = tale_begin(
      s, "family",
      "\"objectives\": [{\"name\": \"loss\", \"goal\": \"minimize\", \"reduce\": \"last\"}],"
      "\"hyperparameters\": [{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 0.0, \"hi\": 9.0}],"
      "\"search\": {\"method\": \"random\"}, \"schedule\": {\"method\": \"pbt\", \"population\": 3}, \"trials\": 3, "
      "\"parallel\": 3, \"limits\": {\"retries\": 1}");
  tale_worker(&t, "here", 3);
  for (int i = 0; i < 3; i++) {
    struct cl_value values[] = {cl_value_real(1.125 * (i + 1))};
    tale_start(&t, tale_propose(&t, NULL, 1, values), 1, 0);
  }
  return t;
}

static void branches_know_their_parents_steps_and_values(void **state) {
  (void)state;
  struct cl_store *s = tale_store("memory:");
  struct tale t = begin_family(s);
  for (int i = 1; i <= 3; i++) tale_report(&t, i, 2, "loss", 0.5, NULL);
  int64_t second = tale_save(&t, 2, 2);
  struct cl_value taken[] = {cl_value_real(2.5)};
  tale_load(&t, 3, tale_exploit(&t, 3, second, 1, taken), second);
  tale_report(&t, 2, 5, "loss", 0.5, NULL);
  tale_report(&t, 3, 4, "loss", 0.25, NULL);
  int64_t third = tale_save(&t, 3, 4);
  struct cl_value again[] = {cl_value_real(3.75)};
  tale_load(&t, 2, tale_exploit(&t, 2, third, 1, again), third); /* its own child's state */
  struct cl_reader *r = read_study(s, "family");
  struct cl_descent d = {0};
  assert_int_equal(cl_descent_read(r, &d, NULL), 0);
  assert_int_equal(d.n, 5);
  const struct cl_branch *b = d.branches;
  for (int i = 0; i < 3; i++)
    assert_true(b[i].trial == i + 1 && b[i].parent == CL_NO_BRANCH && isnan(b[i].from) &&
                b[i].before == NULL);
  assert_true(b[0].to == 2 && b[1].to == 5 && b[2].to == 2);
  assert_true(b[0].present && !b[1].present && !b[2].present && b[3].present && b[4].present);
  assert_true(b[3].trial == 3 && b[3].parent == 1 && b[3].from == 2 && b[3].to == 4);
  assert_true(b[3].values[0].as.real == 2.5 && b[3].before[0].as.real == 2.25);
  assert_true(b[4].trial == 2 && b[4].parent == 3 && b[4].from == 4 && b[4].cause == CL_CAUSE_EXPLOIT);
  assert_int_equal(cl_descent_find(&d, 2), 4);
  assert_int_equal(cl_descent_find(&d, 9), CL_NO_BRANCH);
  cl_descent_done(&d);
  cl_reader_close(r);
  cl_store_close(s);
}

static void resumed_trial_goes_on_with_its_branch(void **state) {
  (void)state;
  struct cl_store *s = tale_store("memory:");
  tell_pbt(s); /* trial 1: a second attempt from its own state of step 5; trial 4: an exploit that was never
                  loaded */
  struct cl_reader *r = read_study(s, "pbt");
  struct cl_descent d = {0};
  assert_int_equal(cl_descent_read(r, &d, NULL), 0);
  assert_int_equal(d.n, 4);
  assert_true(d.branches[0].to == 7 && d.branches[0].present);
  for (int i = 0; i < 4; i++) assert_int_equal(d.branches[i].parent, CL_NO_BRANCH);
  cl_descent_done(&d);
  cl_reader_close(r);
  cl_store_close(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(branches_know_their_parents_steps_and_values),
      cmocka_unit_test(resumed_trial_goes_on_with_its_branch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
