/* Memory that runs out anywhere in a store or a log: an error with a sentence, nothing lost, nothing leaked.
 */
#include "store/kit.h"

#include <sqlite3.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "fault/alloc.h"

/* SQLite allocates through the same failing allocator when `through` is set. */
static bool through;

union block {
  size_t size;
  max_align_t align;
};

static void *sqlite_malloc(int n) {
  union block *b = through ? cl_alloc((size_t)n + sizeof *b) : calloc(1, (size_t)n + sizeof *b);
  if (b == NULL) return NULL;
  b->size = (size_t)n;
  return b + 1;
}

static void sqlite_free(void *p) {
  if (p != NULL) free((union block *)p - 1);
}

static void *sqlite_realloc(void *p, int n) {
  union block *old = (union block *)p - 1;
  union block *b = through ? cl_resize(old, (size_t)n + sizeof *b) : realloc(old, (size_t)n + sizeof *b);
  if (b == NULL) return NULL;
  b->size = (size_t)n;
  return b + 1;
}

static int sqlite_size(void *p) {
  return p == NULL ? 0 : (int)((union block *)p - 1)->size;
}

static int sqlite_round_up(int n) {
  return (n + 15) / 16 * 16;
}

static int sqlite_begin(void *ctx) {
  (void)ctx;
  return SQLITE_OK;
}

static void sqlite_end(void *ctx) {
  (void)ctx;
}

static int open_store(const char *address, struct cl_store **ret, struct cl_err *e) {
  const struct cl_store_options options = {.mode = CL_STORE_CREATE};
  return cl_store_open(address, &options, ret, e);
}

static int append(struct cl_store *s, int64_t study, struct cl_event *events, int n, struct cl_err *e) {
  struct cl_append results[8];
  int status = cl_store_append(s, study, events, n, results, e);
  for (int i = 0; status == 0 && i < n; i++) status = results[i].status;
  return status;
}

/* One trial with a metric of its own name, a change and a snapshot. */
static int append_trial(struct cl_store *s, int64_t study, int64_t trial, struct cl_err *e) {
  char name[40];
  (void)snprintf(name, sizeof name, "metric %lld", (long long)trial);
  struct cl_metric m[] = {{0, "acc", 0.5}, {0, name, 0.25}};
  static const double objectives[] = {0.5, 0.125};
  const struct cl_assigned values[] = {{1, cl_value_real(0.385)}, {2, cl_value_text("sgd")}};
  struct cl_event set = kit_event(CL_EVENT_SET, trial), note = kit_event(CL_EVENT_NOTE, trial);
  set.seen = CL_SEEN_BATCH;
  set.u.set.values = (struct cl_assigned_list){2, values};
  note.u.note.text = "seen";
  struct cl_event events[] = {kit_proposed(trial, values, 2),
                              kit_started(trial, 1, CL_SEEN_BATCH),
                              set,
                              kit_reported(trial, 1, 1, 1.5, m, 2),
                              kit_saved(trial, 1, 1.5),
                              note,
                              kit_ended(trial, 1, 0, objectives, 2)};
  return append(s, study, events, 7, e);
}

static int count(void *ctx, const struct cl_event *ev) {
  (void)ev;
  ++*(int *)ctx;
  return 0;
}

/* What a process does in its life, up to the first error. */
static int live(const char *address, const char *name, struct cl_err *e) {
  struct cl_store *s = NULL;
  struct cl_log *log = NULL;
  struct cl_event created = kit_created(name, 1000000);
  int64_t study = 0;
  int n = 0;
  struct cl_study_head head = {0};
  int status = open_store(address, &s, e);
  if (status == 0) status = cl_store_find(s, name, &study, e);
  if (status == CLADE_ENOTFOUND) status = cl_store_create(s, &created, &study, e);
  if (status == 0) status = cl_log_open(s, study, NULL, &log, e);
  if (status == 0) status = cl_store_head(s, study, &head, e);
  if (status == 0) status = append_trial(s, study, head.trials + 1, e);
  if (status == 0) status = append_trial(s, study, head.trials + 2, e);
  if (status == 0) status = cl_log_follow(log, NULL, e);
  struct cl_event note = kit_event(CL_EVENT_NOTE, 0);
  struct cl_append result = {0};
  if (status == 0) status = cl_log_append(log, &note, &result, e);
  const struct cl_read some = {.trial_lo = 1, .trial_hi = 2};
  if (status == 0) status = cl_store_read(s, study, &some, count, &n, e);
  if (status == 0) status = cl_store_read_reports(s, study, 1, count, &n, e);
  if (status == 0) status = cl_store_check(s, study, e);
  cl_log_close(log);
  if (s != NULL) cl_store_close(s);
  return status;
}

static void assert_whole(const char *address, const char *name) {
  struct cl_store *s = NULL;
  struct cl_err e = {0};
  int64_t study = 0;
  if (open_store(address, &s, &e) < 0) fail_msg("%s", e.text);
  if (cl_store_find(s, name, &study, &e) == 0 && cl_store_check(s, study, &e) < 0) fail_msg("%s", e.text);
  cl_store_close(s);
}

/* Not FAULT_LOOP: the store is looked at in between, without failures. */
static void sqlite_survives_each_failing_allocation(void **state) {
  (void)state;
  struct kit_place p;
  kit_place_init(&p);
  unsigned long n = 1;
  for (bool happened = true; happened; n++) {
    char name[40];
    (void)snprintf(name, sizeof name, "study %lu", n / 40); /* some are created, some are there */
    struct cl_err e = {0};
    cl_fault_arm((n + 1) / 2, n % 2 == 0);
    int status = live(p.address, name, &e);
    happened = cl_fault_happened();
    cl_fault_arm(0, false);
    assert_true(status == 0 || (happened && status == CLADE_ENOMEM));
    if (status < 0) assert_true(e.text[0] != '\0');
    assert_whole(p.address, name);
  }
  assert_true(n > 200);
  kit_place_done(&p);
}

static void memory_survives_each_failing_allocation(void **state) {
  (void)state;
  FAULT_LOOP(n) {
    struct cl_err e = {0};
    int status = live("memory:", "digits", &e);
    if (cl_fault_happened())
      assert_true(status == CLADE_ENOMEM || status == 0);
    else
      assert_int_equal(status, 0);
  }
  cl_fault_arm(0, false);
}

/* SQLite's own allocations are too many for all of them: some hundred, spread over the whole. */
static void sqlite_survives_its_own_failing_allocations(void **state) {
  (void)state;
  struct kit_place p;
  struct cl_rng rng = cl_rng_stream(2385, CL_RNG_USER, 0, 0);
  kit_place_init(&p);
  int failed = 0;
  for (int i = 0; i < 300; i++) {
    char name[40];
    (void)snprintf(name, sizeof name, "study %d", i / 10);
    struct cl_err e = {0};
    through = true;
    cl_fault_arm(1 + cl_rng_below(&rng, 2500), i % 2 == 0);
    int status = live(p.address, name, &e);
    failed += cl_fault_happened();
    cl_fault_arm(0, false);
    through = false;
    if (status < 0) assert_true(e.text[0] != '\0');
    /* without memory SQLite may also fail to open or to read a file */
    assert_true(status == 0 || status == CLADE_ENOMEM || status == CLADE_EIO);
    assert_whole(p.address, name);
  }
  assert_true(failed > 100);
  kit_place_done(&p);
}

int main(void) {
  static const sqlite3_mem_methods methods = {sqlite_malloc,   sqlite_free,  sqlite_realloc, sqlite_size,
                                              sqlite_round_up, sqlite_begin, sqlite_end,     NULL};
  if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_survives_each_failing_allocation),
      cmocka_unit_test(sqlite_survives_each_failing_allocation),
      cmocka_unit_test(sqlite_survives_its_own_failing_allocations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
