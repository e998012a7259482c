/* Without memory every question says so, leaves nothing behind, and can be asked again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "fault/alloc.h"
#include "query/addresses.h"
#include "query/best.h"
#include "query/compare.h"
#include "query/eval.h"
#include "query/events.h"
#include "query/notes.h"
#include "query/reports.h"
#include "query/story.h"
#include "query/studies.h"
#include "query/tales.h"
#include "query/trials.h"

static struct cl_store *store;

static int setup(void **state) {
  (void)state;
  cl_fault_arm(0, false);
  store = tale_store("memory:");
  tell_pbt(store);
  tell_mnist(store);
  tell_maze(store);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  cl_store_close(store);
  return 0;
}

static void expect(int status) {
  if (cl_fault_happened())
    assert_int_equal(status, CLADE_ENOMEM);
  else
    assert_int_equal(status, 0);
}

static int list(const char *address, const struct cl_list_options *options) {
  struct cl_selection selection = {0};
  struct cl_reader *r = NULL;
  struct cl_table t = {0};
  struct cl_list_options o = *options;
  int64_t study = 0;
  int status = cl_address_resolve(store, address, &study, &selection, NULL);
  o.selection = &selection;
  if (status >= 0) status = cl_reader_open(store, study, &r, NULL);
  if (status >= 0) status = cl_trials_read(r, &o, &t, NULL);
  cl_table_done(&t);
  cl_reader_close(r);
  cl_selection_done(&selection);
  return status;
}

static void lists_run_out_of_memory_gracefully(void **state) {
  (void)state;
  static const char *const filters[] = {"lr < 0.1 and opt :regex: a"}, *const columns[] = {
                                                                           "trial", "metrics.*", "lr=x:.3f"};
  struct cl_list_options options = {
      .n_filters = 1, .filters = filters, .n_columns = 3, .columns = columns, .sort = "metrics.loss"};
  FAULT_LOOP(n) expect(list("mnist/2-9", &options));
  static const char *const tags[] = {"good,score=12"}, *const all[] = {"*"},
                           *const more[] = {"hpmax=Best:,.3f,tags.*"};
  struct cl_list_options tagged = {.n_tags_any = 1,
                                   .tags_any = tags,
                                   .n_columns = 1,
                                   .columns = all,
                                   .n_more = 1,
                                   .more = more,
                                   .states = "completed,FAILED",
                                   .group = "tags.good"};
  FAULT_LOOP(n) expect(list("maze", &tagged));
  FAULT_LOOP(n) expect(list("mnist/lr<0.01", &(struct cl_list_options){.sort = "best"}));
}

static void many_studies_run_out_of_memory_gracefully(void **state) {
  (void)state;
  FAULT_LOOP(n) {
    struct cl_addresses a = {0};
    struct cl_reader *readers[2] = {NULL};
    struct cl_selection selection = {.kind = CL_SELECT_ALL};
    const struct cl_selection *selections[] = {&selection, &selection};
    struct cl_list_options o = {.sort = "best", .group = "study"};
    struct cl_table t = {0};
    int status = cl_addresses_expand(store, "m*,pbt/1-2", &a, NULL);
    for (int i = 0; i < 2 && status >= 0; i++) status = cl_reader_open(store, i + 1, &readers[i], NULL);
    if (status >= 0) status = cl_trials_read_many(readers, selections, 2, &o, &t, NULL);
    expect(status);
    cl_table_done(&t);
    for (int i = 0; i < 2; i++) cl_reader_close(readers[i]);
    cl_addresses_done(&a);
  }
}

static void studies_run_out_of_memory_gracefully(void **state) {
  (void)state;
  FAULT_LOOP(n) {
    struct cl_table t = {0};
    static const char *const columns[] = {"study,best,note,path,tags.*"}, *const filters[] = {"complete > 0"};
    struct cl_list_options o = {
        .n_columns = 1, .columns = columns, .n_filters = 1, .filters = filters, .sort = "best"};
    expect(cl_studies_read(store, "m*,pbt", &o, &t, NULL));
    cl_table_done(&t);
  }
}

static void stories_and_reports_run_out_of_memory_gracefully(void **state) {
  (void)state;
  FAULT_LOOP(n) {
    struct cl_reader *r = NULL;
    struct cl_story story = {0};
    struct cl_table t = {0};
    struct cl_span span = {1, 2};
    struct cl_selection selection = {.kind = CL_SELECT_NUMBERS, .n_spans = 1, .spans = &span};
    struct cl_list_options options = {.selection = &selection, .limit = CL_LIMIT_ALL};
    int status = cl_reader_open(store, 1, &r, NULL);
    if (status >= 0) status = cl_story_read(r, 1, &story, NULL);
    if (status >= 0) status = cl_reports_read(r, &options, &t, NULL);
    expect(status);
    cl_table_done(&t);
    cl_story_done(&story);
    cl_reader_close(r);
  }
}

static void notes_and_metric_sets_run_out_of_memory_gracefully(void **state) {
  (void)state;
  FAULT_LOOP(n) {
    struct cl_reader *r = NULL;
    struct cl_table *tables = NULL, t = {0}, u = {0};
    size_t n_tables = 0;
    struct cl_span span = {1, 4};
    struct cl_selection selection = {.kind = CL_SELECT_NUMBERS, .n_spans = 1, .spans = &span};
    struct cl_metric_sets_options o = {
        .list = {.selection = &selection}, .steps = "1000-5000", .merge = n % 2 == 0};
    int status = cl_reader_open(store, 3, &r, NULL);
    if (status >= 0) status = cl_metric_sets_read(r, &o, &tables, &n_tables, NULL);
    if (status >= 0) status = cl_notes_read(r, true, &(struct cl_list_options){0}, &t, NULL);
    if (status >= 0) status = cl_notes_read(r, false, &o.list, &u, NULL);
    expect(status);
    for (size_t i = 0; i < n_tables; i++) cl_table_done(&tables[i]);
    cl_free(tables);
    cl_table_done(&t);
    cl_table_done(&u);
    cl_reader_close(r);
  }
}

static int nothing(void *ctx, const struct cl_event *ev) {
  (void)ctx;
  (void)ev;
  return 0;
}

static void best_and_events_run_out_of_memory_gracefully(void **state) {
  (void)state;
  FAULT_LOOP(n) {
    struct cl_reader *r = NULL;
    const struct cl_study *study = NULL;
    struct cl_best best;
    double *x = NULL, *y = NULL;
    int64_t *trials = NULL, position = 0;
    size_t points = 0;
    struct cl_selection selection = {.kind = CL_SELECT_STATES, .states = 1u << CL_COMPLETE};
    struct cl_eval eval = {0};
    int status = cl_reader_open(store, 2, &r, NULL);
    if (status >= 0) status = cl_reader_need(r, 0, 0, &study, NULL);
    if (status >= 0) status = cl_best_find(study, &best, NULL);
    if (status >= 0) status = cl_best_history(study, &x, &y, &trials, &points, NULL);
    if (status >= 0) status = cl_eval_read(r, &(struct cl_eval_options){0}, &eval, NULL);
    if (status >= 0)
      status = cl_events_read(r, &(struct cl_events_options){.selection = &selection}, nothing, NULL,
                              &position, NULL);
    expect(status);
    cl_eval_done(&eval);
    cl_free(x);
    cl_free(y);
    cl_free(trials);
    cl_reader_close(r);
  }
}

static void comparisons_run_out_of_memory_gracefully(void **state) {
  (void)state;
  struct cl_store *race = tale_store("memory:");
  tell_race(race);
  FAULT_LOOP(n) {
    struct cl_compare_study studies[2] = {{.method = 0}, {.method = 1}};
    struct cl_comparison c = {0};
    int status = cl_reader_open(race, 1, &studies[0].reader, NULL);
    if (status >= 0) status = cl_reader_open(race, 2, &studies[1].reader, NULL);
    if (status >= 0) status = cl_comparison_read(studies, 2, 2, &c, NULL);
    expect(status);
    cl_comparison_done(&c);
    cl_reader_close(studies[0].reader);
    cl_reader_close(studies[1].reader);
  }
  cl_store_close(race);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lists_run_out_of_memory_gracefully),
      cmocka_unit_test(many_studies_run_out_of_memory_gracefully),
      cmocka_unit_test(studies_run_out_of_memory_gracefully),
      cmocka_unit_test(stories_and_reports_run_out_of_memory_gracefully),
      cmocka_unit_test(notes_and_metric_sets_run_out_of_memory_gracefully),
      cmocka_unit_test(best_and_events_run_out_of_memory_gracefully),
      cmocka_unit_test(comparisons_run_out_of_memory_gracefully),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
