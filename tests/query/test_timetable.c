/* Schedules along the lineage: what was in force, and nothing from beside the way. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "query/tales.h"
#include "query/timetable.h"

static struct cl_reader *read_study(struct cl_store *s, const char *name) {
  struct cl_reader *r = NULL;
  int64_t id = 0;
  assert_int_equal(cl_store_find(s, name, &id, NULL), 0);
  assert_int_equal(cl_reader_open(s, id, &r, NULL), 0);
  return r;
}

static void expect(struct cl_store *store, const char *study, int64_t trial, const char *wanted) {
  struct cl_reader *r = read_study(store, study);
  struct cl_timetable t = {0};
  struct cl_text text = {0};
  assert_int_equal(cl_timetable_read(r, trial, &t, NULL, NULL), 0);
  cl_timetable_write_json(&t, &text);
  const char *from = strstr(cl_text_get(&text), "\"initial\"");
  assert_non_null(from);
  assert_string_equal(from, wanted);
  cl_text_done(&text);
  cl_timetable_done(&t);
  cl_reader_close(r);
}

static struct tale begin_family(struct cl_store *s) {
  struct tale t = tale_begin(
      s, "family",
      "\"objectives\": [{\"name\": \"loss\", \"goal\": \"minimize\", \"reduce\": \"last\"}],"
      "\"hyperparameters\": [{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 0.0, \"hi\": 9.0},"
      "{\"id\": 2, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"adam\", \"sgd\"], \"change\": \"live\"}],"
      "\"search\": {\"method\": \"random\"}, \"schedule\": {\"method\": \"pbt\", \"population\": 3}, \"trials\": 3, "
      "\"parallel\": 3, \"step\": \"epoch\", \"limits\": {\"retries\": 1}");
  tale_worker(&t, "here", 3);
  for (int i = 0; i < 3; i++) {
    struct cl_value values[] = {cl_value_real(1.125 * (i + 1)), cl_value_text(i == 1 ? "sgd" : "adam")};
    tale_start(&t, tale_propose(&t, NULL, 2, values), 1, 0);
  }
  return t;
}

static void resumed_trial_keeps_only_what_it_went_through(void **state) {
  (void)state;
  struct cl_store *s = tale_store("memory:");
  tell_pbt(s); /* a change after step 6, and a new attempt from the state of step 5 */
  expect(
      s, "pbt", 1,
      "\"initial\": {\"lr\": 0.1, \"units\": 16}, \"changes\": [{\"step\": 5, \"set\": {\"lr\": 0.05}, \"cause\": "
      "\"human\"}]}");
  expect(s, "pbt", 2, "\"initial\": {\"lr\": 0.012, \"units\": 32}, \"changes\": []}");
  cl_store_close(s);
}

static void way_leads_through_the_donors(void **state) {
  (void)state;
  struct cl_store *s = tale_store("memory:");
  struct tale t = begin_family(s);
  for (int i = 1; i <= 3; i++) tale_report(&t, i, 1, "loss", 0.5, NULL);
  tale_set(&t, 2, 1, cl_value_real(2.5), "lr=2.5"); /* a person's, taken up at step 2 */
  for (int i = 1; i <= 3; i++) tale_report(&t, i, 2, "loss", 0.4, NULL);
  int64_t second = tale_save(&t, 2, 2);
  for (int i = 1; i <= 3; i++) tale_report(&t, i, 3, "loss", 0.4, NULL);
  int64_t later = tale_save(&t, 2, 3);
  tale_set(&t, 2, 1, cl_value_real(7.75),
           "lr=7.75"); /* taken up after its state was copied: beside the way */
  tale_report(&t, 2, 4, "loss", 0.3, NULL);
  struct cl_value one[] = {cl_value_real(3.5), cl_value_text("sgd")};
  tale_load(&t, 1, tale_exploit(&t, 1, later, 2, one), later);
  tale_report(&t, 1, 4, "loss", 0.2, NULL);
  int64_t fourth = tale_save(&t, 1, 4);
  struct cl_value three[] = {cl_value_real(3.5), cl_value_text("adam")};
  tale_load(&t, 3, tale_exploit(&t, 3, fourth, 2, three), fourth);
  tale_report(&t, 3, 5, "loss", 0.1, NULL);
  (void)second;
  expect(
      s, "family", 3,
      "\"initial\": {\"lr\": 2.25, \"opt\": \"sgd\"}, \"changes\": [{\"step\": 2, \"set\": {\"lr\": 2.5}, \"cause\": "
      "\"human\"}, {\"step\": 3, \"set\": {\"lr\": 3.5}, \"cause\": \"exploit\"}, {\"step\": 4, \"set\": {\"opt\": "
      "\"adam\"}, \"cause\": \"exploit\"}]}");
  expect(
      s, "family", 2,
      "\"initial\": {\"lr\": 2.25, \"opt\": \"sgd\"}, \"changes\": [{\"step\": 2, \"set\": {\"lr\": 2.5}, \"cause\": "
      "\"human\"}, {\"step\": 4, \"set\": {\"lr\": 7.75}, \"cause\": \"human\"}]}");
  struct cl_reader *r = read_study(s, "family");
  struct cl_lineage l = {0};
  struct cl_timetable table = {0};
  assert_int_equal(cl_timetable_read(r, 3, &table, &l, NULL), 0);
  assert_int_equal(l.n, 3);
  assert_true(l.legs[0].trial == 2 && isnan(l.legs[0].from) && l.legs[0].to == 3);
  assert_true(l.legs[1].trial == 1 && l.legs[1].from == 3 && l.legs[1].to == 4);
  assert_true(l.legs[2].trial == 3 && l.legs[2].from == 4 && isnan(l.legs[2].to));
  const struct cl_study *study = NULL;
  assert_int_equal(cl_reader_need(r, 0, 0, &study, NULL), 0);
  assert_true(table.has_seed && table.seed == (int64_t)cl_trial_seed(study, cl_study_trial(study, 2)));
  assert_string_equal(table.unit, "epoch");
  assert_string_equal(table.metric, "loss");
  cl_lineage_done(&l);
  cl_timetable_done(&table);
  cl_reader_close(r);
  cl_store_close(s);
}

static void change_that_no_report_took_up_is_not_in_it(void **state) {
  (void)state;
  struct cl_store *s = tale_store("memory:");
  struct tale t = begin_family(s);
  tale_report(&t, 1, 1, "loss", 0.5, NULL);
  tale_set(&t, 1, 1, cl_value_real(6.5), "lr=6.5");
  expect(s, "family", 1, "\"initial\": {\"lr\": 1.125, \"opt\": \"adam\"}, \"changes\": []}");
  tale_report(&t, 1, 2.5, "loss", 0.5, NULL);
  expect(
      s, "family", 1,
      "\"initial\": {\"lr\": 1.125, \"opt\": \"adam\"}, \"changes\": [{\"step\": 2.5, \"set\": {\"lr\": 6.5}, "
      "\"cause\": \"human\"}]}");
  cl_store_close(s);
}

static void trial_without_a_way_is_refused(void **state) {
  (void)state;
  struct cl_store *s = tale_store("memory:");
  struct tale t = begin_family(s);
  struct cl_value values[] = {cl_value_real(0.5), cl_value_text("sgd")};
  int64_t waits =
      tale_propose(&t, &(struct tale_proposal){.role = CL_ROLE_FORKED, .cause = CL_CAUSE_FORK}, 2, values);
  struct cl_reader *r = read_study(s, "family");
  struct cl_timetable table = {0};
  struct cl_err e = {0};
  assert_int_equal(cl_timetable_read(r, waits, &table, NULL, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "has not been started"));
  assert_int_equal(cl_timetable_read(r, 99, &table, NULL, &e), CLADE_ENOTFOUND);
  cl_reader_close(r);
  cl_store_close(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(resumed_trial_keeps_only_what_it_went_through),
      cmocka_unit_test(way_leads_through_the_donors),
      cmocka_unit_test(change_that_no_report_took_up_is_not_in_it),
      cmocka_unit_test(trial_without_a_way_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
