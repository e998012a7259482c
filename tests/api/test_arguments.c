/* Handles and places for answers that were forgotten: every public function that answers with a status says
 * so. */
#include "study_kit.h"

#include "clade/command.h"
#include "clade/compare.h"
#include "clade/query.h"
#include "clade/run.h"
#include "clade/store.h"
#include "clade/text.h"

static int visit(void *ctx, const struct clade_event *ev) {
  (void)ctx;
  (void)ev;
  return 0;
}

static void a_reader_that_was_not_opened_is_refused(void **state) {
  (void)state;
  struct clade_table *table = NULL, **tables = NULL;
  struct clade_study_info *info = NULL;
  struct clade_trial_info *trial = NULL;
  struct clade_reason *reason = NULL;
  struct clade_best *best = NULL;
  struct clade_curve curve;
  struct clade_schedule *schedule = NULL;
  struct clade_lineage *lineage = NULL;
  struct clade_replay_outcome *outcome = NULL;
  struct clade_confirmation *confirmation = NULL;
  struct clade_eval *eval = NULL;
  struct clade_idle *idle = NULL;
  struct clade_checkpoint checkpoint;
  struct clade_text text = {0};
  const struct clade_events_options events = {.words = true};
  struct clade_reader *none = NULL;
  int64_t *numbers = NULL, followed = 0;
  size_t n = 0;
  kit_expect(clade_trials_list(NULL, NULL, &table, &e), CLADE_EINVAL);
  kit_expect(clade_trials_list_many(&none, 1, NULL, &table, &e), CLADE_EINVAL);
  kit_expect(clade_reports_list(NULL, NULL, &table, &e), CLADE_EINVAL);
  kit_expect(clade_tags_list(NULL, NULL, &table, &e), CLADE_EINVAL);
  kit_expect(clade_notes_list(NULL, NULL, &table, &e), CLADE_EINVAL);
  kit_expect(clade_metric_sets_list(NULL, NULL, &tables, &n, &e), CLADE_EINVAL);
  kit_expect(clade_columns_list(NULL, &text, &e), CLADE_EINVAL);
  kit_expect(clade_reader_trials(NULL, &numbers, &n, &e), CLADE_EINVAL);
  kit_expect(clade_reader_follow(NULL, &followed, &e), CLADE_EINVAL);
  kit_expect(clade_study_check(NULL, &e), CLADE_EINVAL);
  kit_expect(clade_repair(NULL, "s", &e), CLADE_EINVAL);
  kit_expect(clade_repair("clade.db", "", &e), CLADE_EINVAL);
  kit_expect(clade_study_read(NULL, &info, &e), CLADE_EINVAL);
  kit_expect(clade_trial_read(NULL, 1, &trial, &e), CLADE_EINVAL);
  kit_expect(clade_reason_read(NULL, 1, false, &reason, &e), CLADE_EINVAL);
  kit_expect(clade_best_read(NULL, &best, &e), CLADE_EINVAL);
  kit_expect(clade_best_write(NULL, 1, "spec.yaml", NULL, &e), CLADE_EINVAL);
  kit_expect(clade_curve_read(NULL, 1, NULL, &curve, &e), CLADE_EINVAL);
  kit_expect(clade_best_history_read(NULL, &curve, &e), CLADE_EINVAL);
  kit_expect(clade_idle_list(NULL, &idle, &n, &e), CLADE_EINVAL);
  kit_expect(clade_schedule_read(NULL, 1, &schedule, &e), CLADE_EINVAL);
  kit_expect(clade_lineage_read(NULL, 0, &lineage, &e), CLADE_EINVAL);
  kit_expect(clade_replay_read(NULL, &outcome, &e), CLADE_EINVAL);
  kit_expect(clade_confirm_read(NULL, 3, NULL, 0, &confirmation, &e), CLADE_EINVAL);
  kit_expect(clade_eval_read(NULL, NULL, &eval, &e), CLADE_EINVAL);
  kit_expect(clade_events_read(NULL, &events, visit, NULL, NULL, &e), CLADE_EINVAL);
  kit_expect(clade_events_wait(NULL, 1, &e), CLADE_EINVAL);
  kit_expect(clade_checkpoint_copy(NULL, 1, "/tmp/nowhere", &checkpoint, &e), CLADE_EINVAL);
  assert_null(clade_reader_study(NULL));
  assert_false(clade_reader_names_trials(NULL));
}

static void a_store_that_was_not_opened_is_refused(void **state) {
  (void)state;
  struct clade_table *table = NULL;
  struct clade_text text = {0};
  char **addresses = NULL;
  size_t n = 0;
  kit_expect(clade_studies_list(NULL, NULL, NULL, &table, &e), CLADE_EINVAL);
  kit_expect(clade_studies_columns(NULL, &text, &e), CLADE_EINVAL);
  kit_expect(clade_addresses_list(NULL, "s", &addresses, &n, &e), CLADE_EINVAL);
  assert_null(clade_store_address(NULL));
}

static void an_answer_without_a_place_is_refused(void **state) {
  (void)state;
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  const struct clade_run_options run = {.spec = "/nowhere/spec.yaml"};
  const struct clade_resume_options engine = {.study = "s"};
  struct kit_place place;
  kit_make(&place);
  struct clade_study *study = kit_create(&(struct clade_study_options){.store = place.store, .trials = 3});
  assert_int_equal(clade_store_open(place.store, &store, NULL), 0);
  assert_int_equal(clade_reader_open(store, "s", &reader, NULL), 0);
  kit_expect(clade_trials_list(reader, NULL, NULL, &e), CLADE_EINVAL);
  kit_expect(clade_trials_list_many(&reader, 1, NULL, NULL, &e), CLADE_EINVAL);
  kit_expect(clade_best_read(reader, NULL, &e), CLADE_EINVAL);
  kit_expect(clade_study_read(reader, NULL, &e), CLADE_EINVAL);
  kit_expect(clade_confirm_read(reader, 0, NULL, 2, &(struct clade_confirmation *){NULL}, &e), CLADE_EINVAL);
  kit_expect(clade_best_write(reader, 1, NULL, NULL, &e), CLADE_EINVAL);
  clade_reader_close(reader);
  clade_store_close(store);
  clade_study_close(study);
  kit_remove(&place);
  kit_expect(clade_run(&run, NULL, NULL, &e), CLADE_EINVAL);
  kit_expect(clade_run_plan(&run, NULL, NULL, &e), CLADE_EINVAL);
  kit_expect(clade_run_once(&run, NULL, NULL, &e), CLADE_EINVAL);
  kit_expect(clade_resume(&engine, NULL, NULL, &e), CLADE_EINVAL);
  kit_expect(clade_assess(&engine, 1, NULL, NULL, &e), CLADE_EINVAL);
  kit_expect(clade_spec_init("train.py", NULL, &e), CLADE_EINVAL);
  kit_expect(clade_server_look("/nowhere", NULL, &e), CLADE_EINVAL);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_reader_that_was_not_opened_is_refused),
                                     cmocka_unit_test(a_store_that_was_not_opened_is_refused),
                                     cmocka_unit_test(an_answer_without_a_place_is_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
