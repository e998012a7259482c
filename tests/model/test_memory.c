/* Every allocation of the model fails once, and from then on: CLADE_ENOMEM, and nothing is lost. Linked with
 * tests/fault; leaks are found by the sanitizer. */
#include "cmocka_all.h"
#include "fault/alloc.h"
#include "history.h"
#include "model/constraint.h"
#include "model/event_pack.h"

static const char grown[] =
    "{\"trials\": 2000, \"hyperparameters\": ["
    "{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"scale\": \"log\", \"lo\": 1e-5, \"hi\": 1.0, \"tuned\": 0.5},"
    "{\"id\": 2, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"adam\", \"sgd\", \"lion\"]},"
    "{\"id\": 4, \"name\": \"n\", \"domain\": \"int\", \"lo\": 1, \"hi\": 9007199254740991},"
    "{\"id\": 5, \"name\": \"m\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1, \"parent\": \"opt\", \"when\": [\"sgd\"]}],"
    "\"constraints\": [\"lr < 0.9 or opt == 'adam'\", \"not (n > 7 and lr >= 0.5)\"],"
    "\"enqueue\": [{\"lr\": 0.25, \"opt\": \"sgd\", \"m\": 1}], \"program\": [\"./a\", \"--lr={lr}\"]}";

static void end_with(struct history *h, int64_t trial, const double *objectives) {
  struct cl_event ev = ending(h, trial, 0);
  ev.u.ended.objectives = (struct cl_number_list){2, objectives};
  ev.u.ended.record = (int64_t)h->n;
  (void)say(h, ev);
}

/* Something of everything that makes the replica ask for memory. */
static struct history long_history(void) {
  static const double sums[] = {0.75, 9.5}, ids[] = {1, 4};
  struct history h = history_begin(3000, "\"retries\": 1", "");
  for (int i = 1; i <= 3; i++) {
    (void)say(&h, proposing(i, CL_ROLE_SEARCH, 0.1 * i, i == 2 ? "sgd" : "adam"));
    (void)say(&h, starting(&h, i, 1, 0, 3));
    (void)say(&h, reporting(&h, i, 3, 0.25 * i));
  }
  int64_t snapshot = say(&h, saving(&h, 3, 3, CL_WAY_DIRECTORY));
  struct cl_event update = about(CL_EVENT_UPDATED, 0, CL_CAUSE_HUMAN);
  update.u.updated.settings = grown;
  update.u.updated.space_version = 2;
  update.u.updated.provenance = "{\"commit\": \"def\"}";
  (void)say(&h, update);
  const struct cl_assigned taken[] = {
      {1, cl_value_real(0.6)}, {2, cl_value_text("lion")}, {4, cl_value_int(INT64_MAX)}};
  int64_t change = say(&h, exploiting(1, snapshot, taken, 3, 6));
  struct cl_event held = about(CL_EVENT_HELD, 1, CL_CAUSE_HUMAN);
  held.u.held.ids = (struct cl_number_list){2, ids};
  held.u.held.on = true;
  (void)say(&h, held);
  struct cl_event voided = about(CL_EVENT_VOIDED, 1, CL_CAUSE_MISSING);
  voided.u.voided.change = change;
  (void)say(&h, voided);
  change = say(&h, exploiting(1, snapshot, taken, 3, 6));
  (void)say(&h, loading(&h, 1, change, snapshot, NULL));
  struct cl_event fork = proposing(4, CL_ROLE_FORKED, 0.5, "a text that nobody else has");
  fork.u.proposed.parent = snapshot;
  (void)say(&h, fork);
  struct cl_event far = reporting(&h, 2, 4, 0.5);
  struct cl_metric odd[] = {{1, "acc", 0.5}, {30, "a metric far out", 1}};
  far.u.reported.metrics = (struct cl_metric_list){2, odd};
  (void)say(&h, far);
  for (int64_t i = 1; i <= 3; i++) end_with(&h, i, sums);
  for (int i = 5; i <= 30; i++) {
    char text[20];
    (void)snprintf(text, sizeof text, "text %d", i);
    (void)say(&h, proposing(i, CL_ROLE_SEARCH, 0.01 * i, text));
    (void)say(&h, saving(&h, 3, i, CL_WAY_COPY));
  }
  return h;
}

static int fold(const struct history *h, struct cl_err *e) {
  struct cl_study *s = NULL;
  uint64_t digest = 0;
  int64_t first = 0;
  int status = cl_study_create(&s, e);
  for (size_t i = 0; i < h->n && status == 0; i++) status = cl_study_apply(s, h->log[i], e);
  for (int64_t i = 1; i <= 30 && status == 0; i++) status = cl_study_configuration(s, i, &first, e);
  if (status == 0) status = cl_study_digest(s, &digest, e);
  cl_study_destroy(s);
  return status;
}

#define CHECK(status, e) \
  do { \
    if (cl_fault_happened()) { \
      assert_int_equal(status, CLADE_ENOMEM); \
      assert_string_not_equal((e).text, ""); \
    } else { \
      assert_int_equal(status, 0); \
    } \
  } while (0)

static void a_replica_without_memory_says_so(void **state) {
  (void)state;
  struct history h = long_history();
  unsigned long rounds = 0;
  FAULT_LOOP(n) {
    struct cl_err e = {0};
    int status = fold(&h, &e);
    CHECK(status, e);
    rounds = n;
  }
  assert_true(rounds > 200);
  history_end(&h);
}

static void settings_without_memory_say_so(void **state) {
  (void)state;
  struct cl_text t = {0};
  struct cl_settings *old = NULL;
  cl_text_format(&t, "{\"study\": \"s\", \"objectives\": %s, \"hyperparameters\": %s, \"trials\": 9}",
                 history_objectives, history_space);
  assert_int_equal(cl_settings_parse(cl_text_get(&t), &old, NULL), 0);
  FAULT_LOOP(n) {
    struct cl_settings *s = NULL, *after = NULL;
    struct cl_err e = {0};
    int status = cl_settings_parse(cl_text_get(&t), &s, &e);
    if (status == 0) status = cl_settings_update(s, grown, &after, &e);
    CHECK(status, e);
    cl_settings_destroy(s);
    cl_settings_destroy(after);
  }
  FAULT_LOOP(n) { /* on its own: the first call of the loop above fails before the second is made */
    struct cl_settings *after = NULL;
    struct cl_err e = {0};
    int status = cl_settings_update(old, grown, &after, &e);
    CHECK(status, e);
    cl_settings_destroy(after);
  }
  cl_settings_destroy(old);
  cl_text_done(&t);
}

static void constraints_without_memory_say_so(void **state) {
  (void)state;
  struct history h = long_history();
  const struct cl_space *space = cl_study_space(h.s);
  static const char *const texts[] = {"lr < 0.5", "not (-n * 2 + lr / 3 <= 1 < n) or opt == 'it''s'",
                                      "opt != \"adam\" and (m > 0 or true)"};
  for (size_t i = 0; i < 3; i += 2) FAULT_LOOP(n) {
      struct cl_constraint *c = NULL;
      struct cl_err e = {0};
      int status = cl_constraint_parse(texts[i], space, &c, &e);
      CHECK(status, e);
      cl_constraint_destroy(c);
    }
  history_end(&h);
}

static void values_without_memory_say_so(void **state) {
  (void)state;
  struct history h = long_history();
  const struct cl_space *s = cl_study_space(h.s);
  struct cl_value values[4], v;
  cl_trial_values(h.s, cl_study_trial(h.s, 1), values);
  values[0] = cl_value_real(7.5);
  FAULT_LOOP(n) {
    struct cl_err e = {0};
    int status = cl_space_check(s, values, &e); /* the sentence names the value and its range */
    assert_int_equal(status, cl_fault_happened() ? CLADE_ENOMEM : CLADE_EINVAL);
  }
  FAULT_LOOP(n) {
    struct cl_err e = {0};
    int status = cl_space_convert(&s->items[1], cl_value_text("none of them"), &v, &e);
    assert_int_equal(status, cl_fault_happened() ? CLADE_ENOMEM : CLADE_EINVAL);
  }
  FAULT_LOOP(n) {
    struct cl_text text = {0};
    for (int i = 0; i < s->n; i++) cl_space_describe(&s->items[i], s, &text);
    assert_true(text.failed == cl_fault_happened());
    cl_text_done(&text);
  }
  history_end(&h);
}

static void events_without_memory_say_so(void **state) {
  (void)state;
  struct history h = long_history();
  for (size_t i = 0; i < h.n; i++) {
    const struct cl_event *ev = h.log[i];
    FAULT_LOOP(n) {
      struct cl_event *copy = cl_event_copy(ev);
      assert_true((copy == NULL) == cl_fault_happened());
      if (copy != NULL) assert_true(cl_event_equal(copy, ev));
      cl_free(copy);
    }
    char packed[4096];
    assert_true(cl_event_pack_max(ev) <= sizeof packed);
    (void)cl_event_pack(ev, packed);
    FAULT_LOOP(n) {
      struct cl_unpacked back = {0};
      int status = cl_event_unpack(packed, &back, NULL);
      assert_int_equal(status, cl_fault_happened() ? CLADE_ENOMEM : 0);
      if (status == 0) assert_true(cl_event_equal(&back.ev, ev));
      cl_unpacked_done(&back);
    }
    FAULT_LOOP(n) {
      struct cl_text line = {0};
      struct cl_err e = {0};
      struct cl_event back;
      void *memory = NULL;
      cl_event_write_json(ev, &line);
      bool written = !line.failed;
      json_t *node = written ? json_loads(cl_text_get(&line), 0, NULL) : NULL;
      int status = written ? cl_event_from_json(node, &back, &memory, &e) : CLADE_ENOMEM;
      assert_int_equal(status, cl_fault_happened() ? CLADE_ENOMEM : 0);
      if (status == 0) assert_true(cl_event_equal(&back, ev));
      cl_free(memory);
      json_decref(node);
      cl_text_done(&line);
    }
  }
  history_end(&h);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_replica_without_memory_says_so), cmocka_unit_test(settings_without_memory_say_so),
      cmocka_unit_test(constraints_without_memory_say_so), cmocka_unit_test(values_without_memory_say_so),
      cmocka_unit_test(events_without_memory_say_so)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
