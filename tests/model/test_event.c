/* Every kind of event: copies own what they show, JSON reads back the same, checks name what is wrong. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "model/event_pack.h"

static const struct cl_assigned values[] = {{1, {.kind = CL_REAL, .as.real = 0.1}},
                                            {2, {.kind = CL_INT, .as.integer = -9007199254740993}},
                                            {3, {.kind = CL_TEXT, .as.text = "a \"b\"\n\xc3\xa9"}},
                                            {4, {.kind = CL_BOOL, .as.truth = true}},
                                            {7, {.kind = CL_NULL}}};
static const struct cl_metric metrics[] = {{1, "loss", 2.385e-17}, {9, "val acc", NAN}, {10, "x", -INFINITY}};
static const double numbers[] = {0.0, 1e300, -2.385, INFINITY};
static const char *const names[] = {"weights", "", "b\tc"};

/* An event of the kind with every field set to something that shows. */
static struct cl_event full(enum cl_kind kind) {
  struct cl_event ev = {.position = 41, .time_ms = 123456789, .by = 3, .kind = kind, .attempt = 2};
  int flags = cl_kind_flags(kind);
  if (flags & CL_T) ev.subject = 17;
  if (flags & CL_D) {
    ev.seen = 40;
    ev.as_of = 39;
    ev.cause = CL_CAUSE_SEARCH;
    ev.args = "{\"method\": \"dgd\"}";
  } else {
    ev.late = true;
  }
  for (const struct cl_field *f = cl_kind_fields(kind); f->name != NULL; f++) {
    void *at = (char *)&ev + f->offset;
    switch (f->type) {
    case CL_FIELD_INT32: *(int32_t *)at = 2; break;
    case CL_FIELD_INT64: *(int64_t *)at = -1234567890123456789; break;
    case CL_FIELD_BOOL: *(bool *)at = true; break;
    case CL_FIELD_REAL: *(double *)at = 2.385; break;
    case CL_FIELD_TEXT: *(const char **)at = "text with \\ and \xe2\x82\xac"; break;
    case CL_FIELD_JSON: *(const char **)at = "{\"a\": [1, 2]}"; break;
    case CL_FIELD_ASSIGNED: *(struct cl_assigned_list *)at = (struct cl_assigned_list){5, values}; break;
    case CL_FIELD_METRICS: *(struct cl_metric_list *)at = (struct cl_metric_list){3, metrics}; break;
    case CL_FIELD_NUMBERS: *(struct cl_number_list *)at = (struct cl_number_list){4, numbers}; break;
    case CL_FIELD_NAMES: *(struct cl_name_list *)at = (struct cl_name_list){3, names}; break;
    case CL_FIELD_ROLLUP: *(struct cl_rollup *)at = (struct cl_rollup){0.25, 0.125, 3.5, 14}; break;
    }
  }
  return ev;
}

static const enum cl_kind kinds[] = {
#define CL_X(name, number, flags, word) CL_EVENT_##name,
    CL_EVENT_MAP(CL_X)
#undef CL_X
};
enum { N = sizeof kinds / sizeof *kinds };

static void there_are_thirty_one_kinds_with_the_flags_of_the_table(void **state) {
  (void)state;
  assert_int_equal(N, 31);
  assert_int_equal(cl_kind_flags(CL_EVENT_STARTED), CL_D | CL_V | CL_T);
  assert_int_equal(cl_kind_flags(CL_EVENT_REPORTED), CL_F | CL_T);
  assert_int_equal(cl_kind_flags(CL_EVENT_DONE), CL_F | CL_V | CL_T);
  assert_int_equal(cl_kind_flags(CL_EVENT_WORKER), CL_F);
  assert_int_equal(cl_kind_flags((enum cl_kind)9), 0);
  assert_string_equal(cl_kind_name(CL_EVENT_GIVEN_UP), "given up");
}

static void a_finished_study_has_a_reason_with_a_name(void **state) {
  (void)state;
  assert_string_equal(cl_reason_name(CL_REASON_BUDGET), "budget");
  assert_string_equal(cl_reason_name(CL_REASON_HUMAN), "human");
  assert_null(cl_reason_name(0));
  assert_null(cl_reason_name(CL_REASON_HUMAN + 1));
}

static void a_copy_owns_all_it_points_to(void **state) {
  (void)state;
  for (int i = 0; i < N; i++) {
    struct cl_event ev = full(kinds[i]);
    struct cl_event *copy = cl_event_copy(&ev);
    assert_true(cl_event_equal(copy, &ev));
    if (kinds[i] == CL_EVENT_PROPOSED) assert_ptr_not_equal(copy->u.proposed.values.items, values);
    if (kinds[i] == CL_EVENT_REPORTED)
      assert_ptr_not_equal(copy->u.reported.metrics.items[0].name, metrics[0].name);
    cl_free(copy);
  }
}

static void every_field_matters_for_equality(void **state) {
  (void)state;
  for (int i = 0; i < N; i++)
    for (const struct cl_field *f = cl_kind_fields(kinds[i]); f->name != NULL; f++) {
      struct cl_event a = full(kinds[i]), b = full(kinds[i]);
      void *at = (char *)&b + f->offset;
      switch (f->type) {
      case CL_FIELD_INT32: *(int32_t *)at = 3; break;
      case CL_FIELD_INT64: *(int64_t *)at = 4; break;
      case CL_FIELD_BOOL: *(bool *)at = false; break;
      case CL_FIELD_REAL: *(double *)at = NAN; break;
      case CL_FIELD_TEXT:
      case CL_FIELD_JSON: *(const char **)at = "{}"; break;
      case CL_FIELD_ASSIGNED: *(struct cl_assigned_list *)at = (struct cl_assigned_list){4, values}; break;
      case CL_FIELD_METRICS: *(struct cl_metric_list *)at = (struct cl_metric_list){2, metrics}; break;
      case CL_FIELD_NUMBERS: *(struct cl_number_list *)at = (struct cl_number_list){4, numbers + 0}; break;
      case CL_FIELD_NAMES: *(struct cl_name_list *)at = (struct cl_name_list){2, names}; break;
      case CL_FIELD_ROLLUP: ((struct cl_rollup *)at)->sum = 1; break;
      }
      if (f->type == CL_FIELD_NUMBERS) ((struct cl_number_list *)at)->n = 3;
      assert_false(cl_event_equal(&a, &b));
    }
}

static void json_reads_back_the_same_event(void **state) {
  (void)state;
  for (int i = 0; i < N; i++)
    for (int empty = 0; empty < 2; empty++) {
      struct cl_event ev = full(kinds[i]), back = {0};
      if (empty) {
        ev = (struct cl_event){.position = 1, .kind = kinds[i]};
        for (const struct cl_field *f = cl_kind_fields(kinds[i]); f->name != NULL; f++)
          if (f->type == CL_FIELD_REAL) *(double *)(void *)((char *)&ev + f->offset) = NAN;
      }
      struct cl_text text = {0};
      cl_event_write_json(&ev, &text);
      json_error_t error;
      json_t *node = json_loads(cl_text_get(&text), 0, &error);
      assert_non_null(node);
      void *memory = NULL;
      struct cl_err e = {0};
      assert_int_equal(cl_event_from_json(node, &back, &memory, &e), 0);
      assert_true(cl_event_equal(&ev, &back));
      cl_free(memory);
      json_decref(node);
      cl_text_done(&text);
    }
}

/* The kind with nothing set, or with everything. */
static struct cl_event empty_or_full(enum cl_kind kind, bool empty) {
  if (!empty) return full(kind);
  struct cl_event ev = {.position = 1, .kind = kind};
  for (const struct cl_field *f = cl_kind_fields(kind); f->name != NULL; f++)
    if (f->type == CL_FIELD_REAL) *(double *)(void *)((char *)&ev + f->offset) = NAN;
  return ev;
}

static void a_packed_event_comes_back_equal(void **state) {
  (void)state;
  struct cl_unpacked back = {0};
  char bytes[1024];
  for (int i = 0; i < 2 * N; i++) { /* the same memory for all: nothing of the last one stays */
    struct cl_event ev = empty_or_full(kinds[i / 2], i % 2);
    struct cl_err e = {0};
    assert_true(cl_event_pack_max(&ev) <= sizeof bytes);
    size_t n = cl_event_pack(&ev, bytes);
    memset(bytes + n, 0xa5, sizeof bytes - n);
    struct cl_event_key key = cl_event_peek(bytes);
    assert_int_equal(key.kind, ev.kind);
    assert_int_equal(key.subject, ev.subject);
    assert_int_equal(key.attempt, ev.attempt);
    assert_int_equal(cl_event_unpack(bytes, &back, &e), 0);
    assert_true(cl_event_equal(&back.ev, &ev));
    assert_null(back.ev.summary);
  }
  cl_unpacked_done(&back);
}

static void extremes_survive_packing(void **state) {
  (void)state;
  static const int64_t extremes[] = {0, 63, 64, -64, -65, 8191, 8192, INT64_MAX, INT64_MIN};
  struct cl_unpacked back = {0};
  char bytes[256];
  for (size_t i = 0; i < sizeof extremes / sizeof *extremes; i++) {
    struct cl_event ev = full(CL_EVENT_LOADED);
    ev.subject = ev.time_ms = ev.u.loaded.change = extremes[i];
    ev.attempt = INT32_MIN;
    assert_true(cl_event_pack(&ev, bytes) <= sizeof bytes);
    assert_int_equal(cl_event_unpack(bytes, &back, NULL), 0);
    assert_true(cl_event_equal(&back.ev, &ev));
  }
  struct cl_event ev = full(CL_EVENT_REPORTED);
  ev.u.reported.step = -0.0;
  assert_true(cl_event_pack(&ev, bytes) <= sizeof bytes);
  assert_int_equal(cl_event_unpack(bytes, &back, NULL), 0);
  assert_false(signbit(back.ev.u.reported.step));
  cl_unpacked_done(&back);
}

static void packing_takes_no_more_than_was_said(void **state) {
  (void)state;
  for (int i = 0; i < 2 * N; i++) {
    struct cl_event ev = empty_or_full(kinds[i / 2], i % 2);
    char bytes[2048];
    ev.position = ev.time_ms = ev.subject = ev.seen = INT64_MIN;
    ev.as_of = INT64_MAX;
    ev.by = ev.attempt = INT32_MIN;
    size_t most = cl_event_pack_max(&ev);
    assert_true(most < sizeof bytes);
    memset(bytes, 0x5a, sizeof bytes);
    assert_true(cl_event_pack(&ev, bytes) <= most);
    for (size_t at = most; at < sizeof bytes; at++) assert_int_equal(bytes[at], 0x5a);
  }
}

static void an_unknown_kind_is_of_a_newer_clade(void **state) {
  (void)state;
  json_t *node = json_pack("{s:i, s:i}", "position", 4, "kind", 999);
  struct cl_event ev;
  void *memory = NULL;
  struct cl_err e = {0};
  assert_int_equal(cl_event_from_json(node, &ev, &memory, &e), CLADE_ENEWER);
  assert_non_null(strstr(e.text, "999"));
  json_decref(node);
}

static int check(struct cl_event ev, struct cl_err *e) {
  *e = (struct cl_err){0};
  return cl_event_check(&ev, e);
}

static void illegal_events_are_refused_with_a_sentence(void **state) {
  (void)state;
  struct cl_err e;
  struct cl_event ev = full(CL_EVENT_REPORTED);
  assert_int_equal(check(ev, &e), 0);
  ev.u.reported.step = NAN;
  assert_int_equal(check(ev, &e), CLADE_EINVAL);
  ev = full(CL_EVENT_REPORTED);
  ev.subject = 0;
  assert_int_equal(check(ev, &e), CLADE_EINVAL);
  ev = full(CL_EVENT_CLOCK);
  ev.subject = 3;
  assert_int_equal(check(ev, &e), CLADE_EINVAL);
  ev = full(CL_EVENT_DONE);
  ev.attempt = 0;
  assert_int_equal(check(ev, &e), CLADE_EINVAL);
  ev = full(CL_EVENT_PROPOSED);
  ev.args = "\xff";
  assert_int_equal(check(ev, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "UTF-8"));
  static const struct cl_assigned nan_value[] = {{1, {.kind = CL_REAL, .as.real = NAN}}};
  ev = full(CL_EVENT_PROPOSED);
  ev.u.proposed.values = (struct cl_assigned_list){1, nan_value};
  assert_int_equal(check(ev, &e), CLADE_EINVAL);
  char long_name[300];
  memset(long_name, 'x', sizeof long_name - 1);
  long_name[sizeof long_name - 1] = '\0';
  struct cl_metric m = {0, long_name, 1};
  ev = full(CL_EVENT_REPORTED);
  ev.u.reported.metrics = (struct cl_metric_list){1, &m};
  assert_int_equal(check(ev, &e), CLADE_ELIMIT);
  assert_non_null(strstr(e.text, "200"));
  assert_int_equal(check((struct cl_event){.kind = (enum cl_kind)9}, &e), CLADE_EINVAL);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(there_are_thirty_one_kinds_with_the_flags_of_the_table),
                                     cmocka_unit_test(a_finished_study_has_a_reason_with_a_name),
                                     cmocka_unit_test(a_copy_owns_all_it_points_to),
                                     cmocka_unit_test(every_field_matters_for_equality),
                                     cmocka_unit_test(json_reads_back_the_same_event),
                                     cmocka_unit_test(a_packed_event_comes_back_equal),
                                     cmocka_unit_test(extremes_survive_packing),
                                     cmocka_unit_test(packing_takes_no_more_than_was_said),
                                     cmocka_unit_test(an_unknown_kind_is_of_a_newer_clade),
                                     cmocka_unit_test(illegal_events_are_refused_with_a_sentence)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
