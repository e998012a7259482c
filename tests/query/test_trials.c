/* Listings of trials: order, limits, filters, columns, and how little is read for them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "query/reports.h"
#include "query/studies.h"
#include "query/tales.h"
#include "query/trials.h"

static struct cl_store *store;

static int setup(void **state) {
  (void)state;
  store = tale_store("memory:");
  tell_mnist(store);
  tell_pbt(store);
  tell_many(store, "many", 250);
  tell_hostile(store);
  tell_maze(store);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  cl_store_close(store);
  return 0;
}

static int read_table(const char *address, const struct cl_list_options *options, struct cl_table *ret,
                      struct cl_err *e) {
  struct cl_selection selection = {0};
  struct cl_reader *r = NULL;
  int64_t study = 0;
  struct cl_list_options o = *options;
  int status = cl_address_resolve(store, address, &study, &selection, e);
  o.selection = &selection;
  if (status >= 0) status = cl_reader_open(store, study, &r, e);
  if (status >= 0) status = cl_trials_read(r, &o, ret, e);
  cl_reader_close(r);
  cl_selection_done(&selection);
  return status;
}

static void add_cell(struct cl_text *text, struct cl_value v) {
  if (v.kind == CL_ABSENT)
    cl_text_add_char(text, '-');
  else
    cl_value_write(text, v);
}

/* Cells of all rows, "1 COMPLETE|2 PRUNED", or the name of the error. */
static const char *rows(const char *address, struct cl_list_options options) {
  static struct cl_text text;
  struct cl_table t = {0};
  struct cl_err e = {0};
  cl_text_clear(&text);
  int status = read_table(address, &options, &t, &e);
  if (status < 0) cl_text_add(&text, clade_error_name(status));
  for (size_t r = 0; r < t.n_rows; r++)
    for (size_t c = 0; c < t.n_columns; c++) {
      if (r + c > 0) cl_text_add(&text, c == 0 ? "|" : " ");
      add_cell(&text, t.cells[r * t.n_columns + c]);
    }
  cl_table_done(&t);
  static char copy[4000];
  (void)snprintf(copy, sizeof copy, "%s", cl_text_get(&text));
  cl_text_done(&text);
  return copy;
}

static const char *const only_trial[] = {"trial"};
#define TRIALS .n_columns = 1, .columns = only_trial

static void order_is_by_number_or_ascending_by_column(void **state) {
  (void)state;
  assert_string_equal(rows("mnist/1-4", (struct cl_list_options){TRIALS}), "1|2|3|4");
  assert_string_equal(rows("mnist/1-4", (struct cl_list_options){TRIALS, .reverse = true}), "4|3|2|1");
  assert_string_equal(rows("mnist/1-4", (struct cl_list_options){TRIALS, .sort = "lr"}), "4|2|1|3");
  assert_string_equal(rows("mnist/1-4", (struct cl_list_options){TRIALS, .sort = "hparams.opt"}), "4|1|3|2");
  assert_string_equal(rows("mnist/1-4", (struct cl_list_options){TRIALS, .sort = "metrics.loss"}), "1|2|3|4");
  assert_string_equal(rows("mnist/1-4", (struct cl_list_options){TRIALS, .sort = "status", .reverse = true}),
                      "4|3|2|1");
}

static void best_is_last_whatever_the_goal(void **state) {
  (void)state;
  assert_string_equal(rows("mnist", (struct cl_list_options){TRIALS, .sort = "best"}),
                      "7|3|4|9|10|2|8|1|6|5");
  struct cl_list_options all = {TRIALS, .sort = "best", .limit = CL_LIMIT_ALL};
  assert_string_equal(rows("mnist", all), "11|12|7|3|4|9|10|2|8|1|6|5");
  assert_string_equal(rows("pbt", (struct cl_list_options){TRIALS, .sort = "best"}), "4|3|2|1");
}

static void limits_cut_the_ordered_rows(void **state) {
  (void)state;
  struct cl_list_options last = {TRIALS, .limit = CL_LIMIT_LAST, .n = 2};
  assert_string_equal(rows("mnist", last), "11|12");
  last.sort = "best";
  assert_string_equal(rows("mnist", last), "6|5");
  assert_string_equal(rows("mnist", (struct cl_list_options){TRIALS, .limit = CL_LIMIT_FIRST, .n = 3}),
                      "1|2|3");
  assert_string_equal(rows("mnist/2,5-7", (struct cl_list_options){TRIALS, .limit = CL_LIMIT_LAST, .n = 2}),
                      "6|7");
  assert_string_equal(rows("mnist", (struct cl_list_options){TRIALS, .limit = CL_LIMIT_LAST, .n = 0}), "");
}

static void long_lists_show_the_last_hundred_and_say_how_many_there_are(void **state) {
  (void)state;
  struct cl_table t = {0};
  struct cl_err e = {0};
  assert_int_equal(read_table("many", &(struct cl_list_options){0}, &t, &e), 0);
  assert_int_equal(t.n_rows, 100);
  assert_int_equal(t.total, 250);
  assert_int_equal(t.cells[0].as.integer, 151);
  cl_table_done(&t);
  assert_int_equal(read_table("many", &(struct cl_list_options){.limit = CL_LIMIT_ALL}, &t, &e), 0);
  assert_int_equal(t.n_rows, 250);
  assert_int_equal(t.total, 250);
  cl_table_done(&t);
}

static void filters_keep_what_holds(void **state) {
  (void)state;
  static const struct {
    const char *filter, *trials;
  } cases[] = {{"lr < 0.001", "2|4|9|12"},
               {"lr<=0.00063", "2|4|9|12"},
               {"layers = 3", "3|6|9|12"},
               {"layers != 3", "1|2|4|5|7|8|10|11"},
               {"opt == sgd", "2|6|10"},
               {"opt <> sgd", "1|3|4|5|7|8|9|11|12"},
               {"opt = $none", "4|8|12"},
               {"opt :exists:", "1|2|3|4|5|6|7|8|9|10|11|12"},
               {"loss :exists: $false", "11|12"},
               {"opt :regex: ^s", "2|6|10"},
               {"state = failed", "9"},
               {"'state' = 'FAILED'", "9"},
               {"val_accuracy > 0.93", "5|6"},
               {"value > 0.93 and lr < 0.01", "5"},
               {"attempts = 0", "12"},
               {"lr = adam", ""},
               {"opt < 3", ""}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct cl_list_options o = {TRIALS, .n_filters = 1, .filters = &cases[i].filter};
    assert_string_equal(rows("mnist", o), cases[i].trials);
  }
  static const char *const two[] = {"layers=2", "opt=sgd"};
  assert_string_equal(rows("mnist", (struct cl_list_options){TRIALS, .n_filters = 2, .filters = two}), "2");
}

static void record_is_the_last_report_with_the_objective(void **state) {
  (void)state;
  static const char *const columns[] = {"trial", "step", "metrics.*", "parent", "attempts"};
  struct cl_list_options o = {.n_columns = 5, .columns = columns};
  assert_string_equal(rows("pbt/1,4", o), "1 7.0 0.125 - 2|4 6.0 0.3383333333333334 2 1");
  assert_string_equal(rows("mnist/7", o), "7 6.5 nan inf - 1");
}

static void metrics_that_the_record_lacks_come_from_the_last_report_that_has_them(void **state) {
  (void)state;
  static const char *const columns[] = {"trial", "step", "s1-hrs", "s1-rew", "metrics.hpmax"};
  struct cl_list_options o = {.n_columns = 5, .columns = columns};
  assert_string_equal(rows("maze/1", o), "1 5000.0 0.0625 0.0731 0.03655");
  assert_string_equal(rows("maze/4", o),
                      "4 5000.0 0.037500000000000006 0.0587 0.02935"); /* not what was lost */
  assert_string_equal(rows("maze/7-9", o), "7 5000.0 0.0625 0.0443 -|8 - - - -|9 2000.0 0.025 0.01388 -");
  o.sort = "s1-rew";
  o.n_columns = 1;
  assert_string_equal(rows("maze", o), "9|7|6|5|4|3|2|1");
  static const char *const filters[] = {"s1-hrs < 0.05 and hpmax = $none"};
  struct cl_list_options f = {TRIALS, .n_filters = 1, .filters = filters};
  assert_string_equal(rows("maze", f), "9");
}

static const char exploit_settings[] =
    "\"objectives\": [{\"name\": \"acc\", \"goal\": \"maximize\", \"reduce\": \"last\"}],"
    "\"hyperparameters\": [{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 0.0, \"hi\": 1.0}],"
    "\"search\": {\"method\": \"random\"}, \"trials\": 9, \"parallel\": 2, \"limits\": {\"retries\": 1}";

/* Trial 2 takes the state of trial 1 over, while its process runs (`loads`) or by a new attempt. */
static void tell_exploit(const char *name, bool loads, bool reports_after) {
  struct tale t = tale_begin(store, name, exploit_settings);
  struct cl_value lr = cl_value_real(0.125);
  tale_worker(&t, "here", 2);
  for (int i = 0; i < 2; i++) tale_start(&t, tale_propose(&t, NULL, 1, &lr), 1, 0);
  int64_t record = tale_report(&t, 1, 1, "acc", 0.983, "loss", 0.0625, NULL);
  int64_t saved = tale_save_scored(&t, 1, 1, 0.983);
  tale_report(&t, 2, 1, "acc", 0.732, "loss", 0.75, NULL);
  if (loads) {
    tale_load(&t, 2, tale_exploit(&t, 2, saved, 1, &lr), saved);
  } else {
    tale_end(&t, 2, 75, 0, 0);
    tale_exploit(&t, 2, saved, 1, &lr);
    tale_start(&t, 2, 2, saved);
  }
  int64_t own = reports_after ? tale_report(&t, 2, 2, "acc", 0.25, NULL) : 0;
  tale_end(&t, 2, 0, own, reports_after ? 0.25 : 0.983);
  tale_end(&t, 1, 0, record, 0.983);
}

static void a_state_that_was_taken_over_shows_its_value_and_nothing_of_the_one_given_up(void **state) {
  (void)state;
  static const char *const columns[] = {"trial", "state", "acc", "loss", "step"};
  struct cl_list_options o = {.n_columns = 5, .columns = columns, .sort = "acc"};
  tell_exploit("loads", true, false); /* its step is that of the state */
  assert_string_equal(rows("loads", o), "1 COMPLETE 0.983 0.0625 1.0|2 COMPLETE 0.983 - 1.0");
  tell_exploit("starts", false, false);
  assert_string_equal(rows("starts", o), "1 COMPLETE 0.983 0.0625 1.0|2 COMPLETE 0.983 - 1.0");
  tell_exploit("reports", true, true);
  assert_string_equal(rows("reports", o), "2 COMPLETE 0.25 - 2.0|1 COMPLETE 0.983 0.0625 1.0");
}

static void many_such_rows_are_read_in_one_pass(void **state) {
  (void)state;
  enum { TRIALS_TOLD = 1013 };
  static const char *const columns[] = {"trial", "loss", "hpmax"};
  struct tale t =
      tale_begin(store, "wide",
                 "\"objectives\": [{\"name\": \"hpmax\", \"goal\": \"maximize\", \"reduce\": \"last\"}],"
                 "\"hyperparameters\": [{\"id\": 1, \"name\": \"x\", \"domain\": \"float\", \"lo\": 0.0, "
                 "\"hi\": 2000.0}], \"search\": {\"method\": \"random\"}, \"trials\": 2000");
  tale_worker(&t, "here", 1);
  for (int i = 1; i <= TRIALS_TOLD; i++) {
    struct cl_value x = cl_value_real(i);
    int64_t trial = tale_propose(&t, NULL, 1, &x);
    tale_start(&t, trial, 1, 0);
    tale_report(&t, trial, 1, "loss", i * 0.375, NULL);
    double value = i * 2.385;
    tale_end(&t, trial, 0, tale_report(&t, trial, 1, "hpmax", value, NULL), value);
  }
  struct cl_table table = {0};
  struct cl_err e = {0};
  struct cl_list_options o = {.n_columns = 3, .columns = columns, .limit = CL_LIMIT_ALL, .sort = "hpmax"};
  assert_int_equal(read_table("wide", &o, &table, &e), 0);
  assert_int_equal(table.n_rows, TRIALS_TOLD);
  for (size_t r = 0; r < table.n_rows; r++) {
    assert_true(table.cells[r * 3 + 1].as.real == (double)(r + 1) * 0.375);
    assert_true(table.cells[r * 3 + 2].as.real == (double)(r + 1) * 2.385);
  }
  cl_table_done(&table);
}

static void columns_are_found_by_every_name(void **state) {
  (void)state;
  static const char *const columns[] = {"run", "status=State", "hparams.l*", "lr=Rate:.5f", "job"};
  struct cl_table t = {0};
  struct cl_err e = {0};
  struct cl_list_options o = {.n_columns = 5, .columns = columns};
  assert_int_equal(read_table("mnist/1", &o, &t, &e), 0);
  assert_int_equal(t.n_columns, 6);
  static const char *const headers[] = {"run", "State", "lr", "layers", "Rate", "job"};
  for (size_t i = 0; i < 6; i++) assert_string_equal(t.columns[i].header, headers[i]);
  assert_string_equal(t.columns[4].format, ".5f");
  cl_table_done(&t);
  static const char *const unknown[] = {"momentun"};
  assert_int_equal(
      read_table("mnist/1", &(struct cl_list_options){.n_columns = 1, .columns = unknown}, &t, &e),
      CLADE_EINVAL);
  assert_non_null(strstr(e.text, "did you mean 'momentum'"));
}

static void standard_names_win_over_hyperparameters_of_the_same_name(void **state) {
  (void)state;
  static const char *const columns[] = {"trial", "hparams.trial"};
  const char *address = "we/ird 'na\"me \xE6\xBC\xA2/2";
  assert_string_equal(rows(address, (struct cl_list_options){.n_columns = 2, .columns = columns}), "2 2");
  static const char *const texts[] = {"hparams.na'me", "metrics.los\ns"};
  assert_string_equal(rows(address, (struct cl_list_options){.n_columns = 2, .columns = texts}),
                      "\x1b[31mred 0.4383");
}

static void few_rows_open_few_trials(void **state) {
  (void)state;
  struct cl_reader *r = NULL;
  const struct cl_study *study = NULL;
  struct cl_table t = {0};
  struct cl_err e = {0};
  int64_t id = 0;
  assert_int_equal(cl_store_find(store, "many", &id, &e), 0);
  assert_int_equal(cl_reader_open(store, id, &r, &e), 0);
  struct cl_list_options last = {TRIALS, .limit = CL_LIMIT_LAST, .n = 10};
  assert_int_equal(cl_trials_read(r, &last, &t, &e), 0);
  assert_int_equal(t.n_rows, 10);
  assert_int_equal(cl_reader_need(r, CL_NO_TRIALS, CL_NO_TRIALS, &study, &e), 0);
  assert_null(cl_study_trial(study, 240)); /* was never read */
  assert_non_null(cl_study_trial(study, 241));
  cl_table_done(&t);
  cl_reader_close(r);
}

static void reports_are_listed_with_what_became_of_them(void **state) {
  (void)state;
  struct cl_reader *r = NULL;
  struct cl_selection selection = {0};
  struct cl_table t = {0};
  struct cl_err e = {0};
  int64_t id = 0;
  assert_int_equal(cl_address_resolve(store, "pbt/1", &id, &selection, &e), 0);
  assert_int_equal(cl_reader_open(store, id, &r, &e), 0);
  assert_int_equal(
      cl_reports_read(r, &(struct cl_list_options){.selection = &selection, .limit = CL_LIMIT_ALL}, &t, &e),
      0);
  assert_int_equal(t.n_rows, 7);
  assert_int_equal(t.n_columns, 6);
  const struct cl_value *sixth = &t.cells[5 * 6], *seventh = &t.cells[6 * 6];
  assert_true(sixth[2].as.real == 6.0 &&
              !sixth[4].as.truth); /* above the snapshot the next attempt began from */
  assert_true(seventh[2].as.real == 7.0 && seventh[4].as.truth && seventh[1].as.integer == 2);
  cl_table_done(&t);
  cl_selection_done(&selection);
  cl_reader_close(r);
}

static void studies_are_listed_by_pattern_and_order(void **state) {
  (void)state;
  struct cl_table t = {0};
  struct cl_err e = {0};
  assert_int_equal(cl_studies_read(store, NULL, &(struct cl_list_options){0}, &t, &e), 0);
  assert_int_equal(t.n_rows, 9);
  assert_string_equal(t.cells[0].as.text, "mnist");
  cl_table_done(&t);
  assert_int_equal(
      cl_studies_read(store, "m*", &(struct cl_list_options){.sort = "trials", .reverse = true}, &t, &e), 0);
  assert_int_equal(t.n_rows, 3);
  assert_string_equal(t.cells[0].as.text, "many");
  cl_table_done(&t);
}

static void texts_are_ordered_naturally(void **state) {
  (void)state;
  assert_true(cl_text_compare_natural("run2", "run10") < 0);
  assert_true(cl_text_compare_natural("run10", "run10.1") < 0);
  assert_true(cl_text_compare_natural("a007", "a7") == 0);
  assert_true(cl_text_compare_natural("b", "a10") > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(order_is_by_number_or_ascending_by_column),
      cmocka_unit_test(best_is_last_whatever_the_goal),
      cmocka_unit_test(limits_cut_the_ordered_rows),
      cmocka_unit_test(long_lists_show_the_last_hundred_and_say_how_many_there_are),
      cmocka_unit_test(filters_keep_what_holds),
      cmocka_unit_test(record_is_the_last_report_with_the_objective),
      cmocka_unit_test(metrics_that_the_record_lacks_come_from_the_last_report_that_has_them),
      cmocka_unit_test(a_state_that_was_taken_over_shows_its_value_and_nothing_of_the_one_given_up),
      cmocka_unit_test(many_such_rows_are_read_in_one_pass),
      cmocka_unit_test(columns_are_found_by_every_name),
      cmocka_unit_test(standard_names_win_over_hyperparameters_of_the_same_name),
      cmocka_unit_test(few_rows_open_few_trials),
      cmocka_unit_test(reports_are_listed_with_what_became_of_them),
      cmocka_unit_test(studies_are_listed_by_pattern_and_order),
      cmocka_unit_test(texts_are_ordered_naturally),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
