/* A study as a file: what is refused says which line, what fails leaves nothing, and what gets through is the
 * same study, byte for byte. Stores in memory; between kinds of stores studies move in test_postgres.c. */
#include "store/kit.h"

#include "base/alloc.h"
#include "base/text.h"
#include "fault/alloc.h"
#include "store/transfer.h"

struct source {
  const char *text;
  size_t at, n, step; /* at most `step` bytes at a time */
  size_t fails_at;    /* 0 = never */
};

static int give(void *ctx, char *buffer, size_t n, struct cl_err *e) {
  struct source *s = ctx;
  if (s->fails_at > 0 && s->at >= s->fails_at) return CL_FAIL(e, CLADE_EIO, "the disk cannot be read");
  if (n > s->step) n = s->step;
  if (n > s->n - s->at) n = s->n - s->at;
  memcpy(buffer, s->text + s->at, n);
  s->at += n;
  return (int)n;
}

/* Memory of the test's own does not fail. */
static int take(void *ctx, const char *text, size_t n, struct cl_err *e) {
  (void)e;
  cl_fault_pause(true);
  cl_text_add_bytes(ctx, text, n);
  cl_fault_pause(false);
  return 0;
}

static int take_nothing(void *ctx, const char *text, size_t n, struct cl_err *e) {
  (void)ctx, (void)text, (void)n;
  return CL_FAIL(e, CLADE_EIO, "the disk is full");
}

static struct cl_store *open_memory(void) {
  struct cl_store *s = NULL;
  struct cl_err e = {0};
  if (cl_store_open("memory:", &(struct cl_store_options){.mode = CL_STORE_CREATE}, &s, &e) < 0)
    fail_msg("%s", e.text);
  return s;
}

enum { TRIALS = 120, EVENTS = 1 + 3 * TRIALS + 5 }; /* more than one batch of lines */

/* Trials, and one with a report that came late. */
static int64_t fill(struct cl_store *s) {
  int64_t study = kit_create(s, "moving", 2385);
  struct cl_metric m[] = {{0, "acc", 0.5}};
  for (int i = 0; i < TRIALS; i++) kit_finish_trial(s, study, 0.1 * i);
  int64_t version = kit_appended(s, study, kit_proposed(TRIALS + 1, NULL, 0));
  version = kit_appended(s, study, kit_started(TRIALS + 1, 1, version));
  kit_appended(s, study, kit_reported(TRIALS + 1, 1, 1, 1.5, m, 1));
  struct cl_event lost = kit_event(CL_EVENT_LOST, TRIALS + 1);
  lost.seen = version;
  lost.attempt = 1;
  kit_appended(s, study, lost);
  kit_appended(s, study, kit_reported(TRIALS + 1, 1, 2, 2.5, m, 1));
  return study;
}

static char *text_of(struct cl_store *s, int64_t study) {
  struct cl_text t = {0};
  struct cl_err e = {0};
  int64_t n = 0;
  if (cl_store_export(s, study, take, &t, &n, &e) < 0) fail_msg("%s", e.text);
  assert_int_equal(n, EVENTS);
  return cl_text_take(&t);
}

static char *make_text(void) {
  struct cl_store *s = open_memory();
  char *text = text_of(s, fill(s));
  cl_store_close(s);
  return text;
}

static int import(struct cl_store *s, const char *text, size_t step, size_t fails_at, struct cl_err *e) {
  struct source source = {text, 0, strlen(text), step, fails_at};
  int64_t study = -5;
  int status = cl_store_import(s, "moved.jsonl", give, &source, &study, e);
  if (status < 0) assert_int_equal(study, -5);
  return status;
}

/* A copy of the text with the first `from` behind line number `line` as `to`; null: the line is taken out. */
static char *change_line(const char *text, int line, const char *from, const char *to) {
  struct cl_text t = {0};
  const char *at = text;
  for (int i = 1; i < line; i++) at = strchr(at, '\n') + 1;
  const char *found = from == NULL ? at : strstr(at, from);
  assert_non_null(found);
  cl_text_add_bytes(&t, text, (size_t)(found - text));
  if (to != NULL) cl_text_add(&t, to);
  cl_text_add(&t, from == NULL ? strchr(at, '\n') + 1 : found + strlen(from));
  return cl_text_take(&t);
}

static void what_is_no_study_is_refused_by_its_line(void **state) {
  (void)state;
  static const struct {
    int line;
    const char *from, *to;
    int status;
    const char *words;
  } cases[] = {
      {1, "\"kind\":", "\"kind\":\"x\",\"other\":", CLADE_ECORRUPT,
       "moved.jsonl:1: the field 'kind' of an event"},
      {1, "{", "[", CLADE_ECORRUPT, "moved.jsonl:1:"},
      {1, "{", "{\"position\": 1, ", CLADE_ECORRUPT, "not a JSON object: duplicate"},
      {2, NULL, NULL, CLADE_ECORRUPT, "moved.jsonl:2:"},
      {2, "\"position\": 2", "\"position\": 3", CLADE_ECORRUPT, "has position 3, but is number 2"},
      {2, "\"position\":2", "\"position\":3", CLADE_ECORRUPT, "has position 3, but is number 2"},
      {2, "{", "\n{", CLADE_ECORRUPT, "moved.jsonl:2:"},
      {EVENTS, "{", "{\"late\": false, \"l\": ", CLADE_ECORRUPT, "moved.jsonl:"},
  };
  char *text = make_text();
  struct cl_store *s = open_memory();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct cl_err e = {0};
    if (cases[i].from != NULL && strstr(text, cases[i].from) == NULL) continue; /* of the two ways to space */
    char *bad = change_line(text, cases[i].line, cases[i].from, cases[i].to);
    int status = import(s, bad, 777, 0, &e);
    if (status != cases[i].status || strstr(e.text, cases[i].words) == NULL)
      fail_msg("case %zu: %d %s", i, status, e.text);
    int64_t study = 0;
    assert_int_equal(cl_store_find(s, "moving", &study, NULL), CLADE_ENOTFOUND); /* nothing is left */
    cl_free(bad);
  }
  cl_store_close(s);
  cl_free(text);
}

/* The last line: a fact that is there already, and one whose flag is another one than the log makes it. */
static void facts_must_be_what_the_file_says(void **state) {
  (void)state;
  char *text = make_text();
  struct cl_store *s = open_memory();
  struct cl_err e = {0};
  char *last = text + strlen(text) - 1;
  while (last > text && last[-1] != '\n') last--;
  struct cl_text twice = {0};
  cl_text_add(&twice, text);
  cl_text_add(&twice, last);
  assert_int_equal(import(s, cl_text_get(&twice), 4096, 0, &e), CLADE_ECORRUPT);
  assert_non_null(strstr(e.text, "it is there twice"));
  cl_text_done(&twice);
  char *flag = strstr(last, "\"late\"");
  assert_non_null(flag);
  memcpy(flag, "\"tale\"", 6); /* a field that nobody knows */
  assert_int_equal(import(s, text, 4096, 0, &e), CLADE_ECORRUPT);
  assert_non_null(strstr(e.text, "moved.jsonl:"));
  cl_store_close(s);
  cl_free(text);
}

static void a_file_or_disk_that_fails_leaves_nothing(void **state) {
  (void)state;
  char *text = make_text();
  struct cl_store *s = open_memory();
  struct cl_err e = {0};
  int64_t study = 0;
  for (size_t at = 1; at < strlen(text); at += strlen(text) / 9) {
    assert_int_equal(import(s, text, 4096, at, &e), CLADE_EIO);
    assert_string_equal(e.text, "the disk cannot be read");
    assert_int_equal(cl_store_find(s, "moving", &study, NULL), CLADE_ENOTFOUND);
  }
  study = fill(s);
  assert_int_equal(cl_store_export(s, study, take_nothing, NULL, NULL, &e), CLADE_EIO);
  assert_string_equal(e.text, "the disk is full");
  assert_int_equal(cl_store_export(s, study + 1, take_nothing, NULL, NULL, &e), CLADE_ENOTFOUND);
  assert_int_equal(import(s, text, 4096, 0, &e), CLADE_EEXISTS);
  cl_store_close(s);
  cl_free(text);
}

/* A line that has no end within the limit: nobody keeps 128 MiB of it in a test's memory for long. */
static int give_blanks(void *ctx, char *buffer, size_t n, struct cl_err *e) {
  (void)ctx, (void)e;
  memset(buffer, ' ', n);
  return (int)n;
}

static void a_line_has_a_limit(void **state) {
  (void)state;
  struct cl_store *s = open_memory();
  struct cl_err e = {0};
  int64_t study = 0;
  assert_int_equal(cl_store_import(s, "endless", give_blanks, NULL, &study, &e), CLADE_ELIMIT);
  assert_non_null(strstr(e.text, "endless:1: the line has more than"));
  cl_store_close(s);
}

static void each_failing_allocation_is_survived(void **state) {
  (void)state;
  char *text = make_text();
  size_t step = strlen(text) / 3;
  for (unsigned long n = 1, failed = 1; failed != 0; n += n / 8 + 1) {
    struct cl_store *s = open_memory();
    struct cl_err e = {0};
    cl_fault_arm(n, n % 2 == 0);
    int status = import(s, text, step, 0, &e);
    failed = cl_fault_happened();
    cl_fault_arm(0, false);
    if (status < 0) assert_int_equal(status, failed ? CLADE_ENOMEM : 0);
    int64_t study = 0;
    assert_int_equal(cl_store_find(s, "moving", &study, NULL), status < 0 ? CLADE_ENOTFOUND : 0);
    if (status == 0) {
      struct cl_text again = {0};
      cl_fault_arm(n, n % 2 == 0);
      status = cl_store_export(s, study, take, &again, NULL, &e);
      cl_fault_arm(0, false);
      if (status == 0) assert_string_equal(cl_text_get(&again), text);
      if (status < 0) assert_int_equal(status, CLADE_ENOMEM);
      cl_text_done(&again);
    }
    cl_store_close(s);
  }
  cl_free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_no_study_is_refused_by_its_line),
                                     cmocka_unit_test(facts_must_be_what_the_file_says),
                                     cmocka_unit_test(a_file_or_disk_that_fails_leaves_nothing),
                                     cmocka_unit_test(a_line_has_a_limit),
                                     cmocka_unit_test(each_failing_allocation_is_survived)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
