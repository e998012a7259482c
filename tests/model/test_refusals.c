/* What the model refuses, key by key and field by field, and with which status. */
#include "cmocka_all.h"
#include "history.h"

static const char base[] =
    "{\"study\": \"s\", \"objectives\": [{\"name\": \"acc\", \"goal\": \"maximize\"}], \"trials\": 9, \"limits\": {},"
    " \"hyperparameters\": [{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 0.1, \"hi\": 1}]}";

static void refuse_settings(const char *key, const char *value, const char *sentence) {
  struct cl_settings *s = NULL;
  struct cl_err e = {0};
  json_t *node = json_loads(base, 0, NULL), *to = node, *given = json_loads(value, JSON_DECODE_ANY, NULL);
  const char *last = strrchr(key, '.');
  if (strncmp(key, "limits.", 7) == 0) to = json_object_get(node, "limits");
  if (strncmp(key, "lr.", 3) == 0) to = json_array_get(json_object_get(node, "hyperparameters"), 0);
  if (strncmp(key, "acc.", 4) == 0) to = json_array_get(json_object_get(node, "objectives"), 0);
  assert_non_null(given);
  json_object_set_new(to, last == NULL ? key : last + 1, given);
  char *text = json_dumps(node, 0);
  int status = cl_settings_parse(text, &s, &e);
  if (status != CLADE_ESPEC || strstr(e.text, sentence) == NULL)
    fail_msg("%s = %s: %s \"%s\"", key, value, clade_error_name(status), e.text);
  assert_int_equal(cl_settings_parse(text, &s, NULL), CLADE_ESPEC);
  assert_null(s);
  free(text);
  json_decref(node);
}

static void settings_name_the_key_and_what_it_must_be(void **state) {
  (void)state;
  static const char *const cases[][3] = {
      {"study", "7", "study must be a string"},
      {"study", "\"\"", "study must be given"},
      {"origin", "7", "origin must"},
      {"cwd", "7", "cwd must"},
      {"values_to", "7", "values_to must"},
      {"computed", "7", "computed must"},
      {"metric_regex", "7", "metric_regex must"},
      {"step", "7", "step must"},
      {"directory", "7", "directory must"},
      {"program", "[]", "program must be a list of strings"},
      {"program", "[1]", "program must be a list of strings"},
      {"objectives", "[]", "1 to 16"},
      {"acc.name", "null", "name must be a string"},
      {"acc.name", "7", "name must be a string"},
      {"acc.goal", "null", "goal must be minimize or maximize"},
      {"acc.goal", "\"up\"", "one of minimize, maximize"},
      {"acc.reduce", "\"most\"", "one of last, best, mean"},
      {"hyperparameters", "{}", "must be a list"},
      {"hyperparameters", "[7]", "must be an object"},
      {"hyperparameters", "[{\"name\": \"a\", \"parent\": \"b\"}, {\"name\": \"b\", \"parent\": \"a\"}]",
       "each other's parents"},
      {"constraints", "{}", "must be a list of strings"},
      {"constraints", "[7]", "constraint 1 must be a string"},
      {"constraints", "[\"lr <\"]", "ends where"},
      {"trials", "null", "trials must be given"},
      {"trials", "0", "1…1000000000000"},
      {"trials", "1000000000001", "1…1000000000000"},
      {"trials", "1.5", "whole number"},
      {"parallel", "0", "parallel must"},
      {"lag", "0", "lag must"},
      {"ordered", "1", "true or false"},
      {"repeats", "1", "true or false"},
      {"limits", "7", "an object"},
      {"limits.time_s", "-1", "time_s must"},
      {"limits.grace_s", "\"a\"", "grace_s must"},
      {"limits.reconnect_s", "1e10", "reconnect_s must"},
      {"limits.memory_bytes", "-1", "memory_bytes must"},
      {"limits.retries", "101", "retries must"},
      {"limits.max_failures", "-1", "max_failures must"},
      {"search", "7", "an object with a method"},
      {"search", "{\"method\": 7}", "method must be a string"},
      {"schedule", "7", "an object with a method"},
      {"enqueue", "7", "a list of objects"},
      {"enqueue", "[7]", "point 1: it must be an object"},
      {"enqueue", "[{\"lR\": 0.5}]", "did you mean lr?"},
      {"enqueue", "[{\"lr\": []}]", "a number, a string"},
      {"enqueue", "[{\"lr\": 7}]", "point 1"},
      {"lr.name", "null", "name must be a string"},
      {"lr.name", "\"\"", "has no name"},
      {"lr.id", "0", "whole number from 1"},
      {"lr.id", "65536", "1…65535"},
      {"lr.id", "null", "1…65535"},
      {"lr.domain", "null", "float, int, ordered, unordered or constant"},
      {"lr.domain", "\"real\"", "must be one of"},
      {"lr.scale", "\"cubic\"", "must be one of"},
      {"lr.change", "\"never\"", "must be one of"},
      {"lr.lo", "null", "lo and hi"},
      {"lr.lo", "\"a\"", "lo must be a number"},
      {"lr.hi", "\"a\"", "hi must be a number"},
      {"lr.lo", "2", "wrong order"},
      {"lr.mean", "\"a\"", "mean must be"},
      {"lr.sd", "-1", "sd must be"},
      {"lr.step", "-1", "step must be"},
      {"lr.step", "7", "longer than the range"},
      {"lr.step", "1e-300", "2^53 levels"},
      {"lr.zero", "2", "zero must be"},
      {"lr.drawn", "7", "true or false"},
      {"lr.key", "7", "key must"},
      {"lr.increment", "7", "increment must"},
      {"lr.title", "7", "title must"},
      {"lr.tuned", "[]", "tuned must"},
      {"lr.when", "[[]]", "when must"},
      {"lr.when", "7", "when must"},
      {"lr.parent", "7", "parent must be the name"},
      {"lr.parent", "\"nobody\"", "parent must be the name"},
      {"hyperparameters",
       "[{\"id\": 1, \"name\": \"a\", \"domain\": \"float\", \"scale\": \"log\", \"lo\": 0, \"hi\": 1}]",
       "above 0"},
      {"hyperparameters",
       "[{\"id\": 1, \"name\": \"a\", \"domain\": \"float\", \"scale\": \"logit\", \"lo\": 0.5, \"hi\": 1}]",
       "inside (0, 1)"},
      {"hyperparameters", "[{\"id\": 1, \"name\": \"a\", \"domain\": \"float\", \"scale\": \"normal\"}]",
       "finite mean"},
      {"hyperparameters",
       "[{\"id\": 1, \"name\": \"a\", \"domain\": \"float\", \"scale\": \"lognormal\", \"mean\": 700, \"sd\": 1}]",
       "overflow"},
      {"hyperparameters", "[{\"id\": 1, \"name\": \"a\", \"domain\": \"int\", \"lo\": 0.5, \"hi\": 3}]",
       "whole lower bound"},
      {"hyperparameters", "[{\"id\": 1, \"name\": \"a\", \"domain\": \"int\", \"lo\": 1, \"hi\": 1e300}]",
       "2^53"},
      {"hyperparameters",
       "[{\"id\": 1, \"name\": \"a\", \"domain\": \"float\", \"lo\": -1e308, \"hi\": 1e308}]", "not finite"},
      {"hyperparameters", "[{\"id\": 1, \"name\": \"a\", \"domain\": \"ordered\"}]", "0 values"},
      {"hyperparameters", "[{\"id\": 1, \"name\": \"a\", \"domain\": \"ordered\", \"values\": []}]",
       "1 to 100000"},
      {"hyperparameters", "[{\"id\": 1, \"name\": \"a\", \"domain\": \"ordered\", \"values\": [1, 1]}]",
       "listed twice"},
      {"hyperparameters",
       "[{\"id\": 1, \"name\": \"a\", \"domain\": \"ordered\", \"values\": [1], \"scale\": \"log\"}]",
       "belong to a range"},
      {"hyperparameters", "[{\"id\": 1, \"name\": \"a\", \"domain\": \"constant\", \"values\": [1, 2]}]",
       "one value"},
      {"hyperparameters",
       "[{\"id\": 1, \"name\": \"a\", \"domain\": \"constant\", \"values\": [1], \"drawn\": true}]",
       "cannot be drawn"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    refuse_settings(cases[i][0], cases[i][1], cases[i][2]);
  struct cl_settings *s = NULL;
  assert_int_equal(cl_settings_parse("[1]", &s, NULL), CLADE_ESPEC);
  assert_int_equal(cl_settings_parse("{", &s, NULL), CLADE_ESPEC);
  assert_int_equal(cl_settings_parse("{\"study\": \"s\", \"study\": \"s\"}", &s, NULL), CLADE_ESPEC);
}

static void updates_keep_ids_names_and_objectives(void **state) {
  (void)state;
  struct cl_settings *old = NULL, *s = NULL;
  assert_int_equal(cl_settings_parse(base, &old, NULL), 0);
  static const char *const cases[][2] = {
      {"[1]", "a JSON object"},
      {"{", "no JSON"},
      {"{\"trials\": 0}", "trials must"},
      {"{\"hyperparameters\": [{\"id\": 1, \"name\": \"m\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1}]}",
       "belongs to lr"},
      {"{\"objectives\": [{\"name\": \"loss\", \"goal\": \"maximize\"}]}", "stay as they were"},
      {"{\"objectives\": [{\"name\": \"acc\", \"goal\": \"minimize\"}]}", "stay as they were"},
      {"{\"objectives\": [{\"name\": \"acc\", \"goal\": \"maximize\", \"reduce\": \"mean\"}]}",
       "stay as they were"},
      {"{\"objectives\": [{\"name\": \"acc\", \"goal\": \"maximize\"}, {\"name\": \"b\", \"goal\": \"maximize\"}]}",
       "stay as they were"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct cl_err e = {0};
    assert_int_equal(cl_settings_update(old, cases[i][0], &s, &e), CLADE_ESPEC);
    if (strstr(e.text, cases[i][1]) == NULL) fail_msg("%s: %s", cases[i][0], e.text);
    assert_null(s);
  }
  cl_settings_destroy(old);
}

/* Events. */

static void change_field(struct cl_event *ev, const struct cl_field *f) {
  static const struct cl_assigned value = {1, {.kind = CL_BOOL}};
  static const struct cl_metric metric = {1, "acc", 0.5};
  static const double number = 7;
  static const char *const name = "momentum";
  void *at = (char *)ev + f->offset;
  switch (f->type) {
  case CL_FIELD_INT32: ++*(int32_t *)at; break;
  case CL_FIELD_INT64: ++*(int64_t *)at; break;
  case CL_FIELD_BOOL: *(bool *)at = !*(bool *)at; break;
  case CL_FIELD_REAL: *(double *)at = 23.85; break;
  case CL_FIELD_TEXT:
  case CL_FIELD_JSON: *(const char **)at = "{}"; break;
  case CL_FIELD_ASSIGNED: *(struct cl_assigned_list *)at = (struct cl_assigned_list){1, &value}; break;
  case CL_FIELD_METRICS: *(struct cl_metric_list *)at = (struct cl_metric_list){1, &metric}; break;
  case CL_FIELD_NUMBERS: *(struct cl_number_list *)at = (struct cl_number_list){1, &number}; break;
  case CL_FIELD_NAMES: *(struct cl_name_list *)at = (struct cl_name_list){1, &name}; break;
  case CL_FIELD_ROLLUP: *(struct cl_rollup *)at = (struct cl_rollup){1, 2, 3, 4}; break;
  }
}

/* Once in this shape and once in that, the same event is not the same. */
static void check_field(enum cl_kind kind, const struct cl_field *f) {
  struct cl_event a = {.kind = kind, .position = 5}, b = a;
  struct cl_text line = {0};
  void *memory = NULL;
  for (const struct cl_field *g = cl_kind_fields(kind); g->name != NULL; g++)
    if (g->type == CL_FIELD_REAL) *(double *)(void *)((char *)&a + g->offset) = CL_NO_STEP;
  b = a;
  assert_true(cl_event_equal(&a, &b));
  change_field(&b, f);
  assert_false(cl_event_equal(&a, &b));
  assert_false(cl_event_equal(&b, &a));
  struct cl_event *copy = cl_event_copy(&b);
  assert_true(cl_event_equal(copy, &b));
  cl_event_write_json(&b, &line);
  json_t *node = json_loads(cl_text_get(&line), 0, NULL);
  struct cl_event back;
  assert_int_equal(cl_event_from_json(node, &back, &memory, NULL), 0);
  assert_true(cl_event_equal(&back, &b));
  cl_free(memory);
  json_t *data = json_object_get(node, "data");
  bool list = f->type == CL_FIELD_METRICS || f->type == CL_FIELD_NUMBERS || f->type == CL_FIELD_NAMES;
  json_object_set_new(data, f->name, json_array());
  struct cl_err e = {0};
  int status = cl_event_from_json(node, &back, &memory, &e);
  assert_int_equal(status, list ? 0 : CLADE_ECORRUPT);
  if (status == 0) cl_free(memory);
  json_object_set_new(data, f->name,
                      f->type == CL_FIELD_TEXT || f->type == CL_FIELD_JSON ? json_true() : json_string("x"));
  assert_int_equal(cl_event_from_json(node, &back, &memory, &e), CLADE_ECORRUPT);
  cl_free(copy);
  json_decref(node);
  cl_text_done(&line);
}

static void every_field_of_every_kind_counts(void **state) {
  (void)state;
  for (int kind = CL_EVENT_CREATED; kind < CL_EVENT_KINDS; kind++) {
    if (cl_kind_flags((enum cl_kind)kind) == 0) continue;
    assert_string_not_equal(cl_kind_name((enum cl_kind)kind), "?");
    for (const struct cl_field *f = cl_kind_fields((enum cl_kind)kind); f->name != NULL; f++)
      check_field((enum cl_kind)kind, f);
  }
  struct cl_event a = {.kind = CL_EVENT_PAUSED, .subject = 1}, b;
#define DIFFERS(field, value) \
  b = a; \
  b.field = value; \
  assert_false(cl_event_equal(&a, &b))
  DIFFERS(kind, CL_EVENT_DONE);
  DIFFERS(position, 3);
  DIFFERS(time_ms, 3);
  DIFFERS(by, 3);
  DIFFERS(subject, 3);
  DIFFERS(attempt, 3);
  DIFFERS(late, true);
  DIFFERS(seen, 3);
  DIFFERS(as_of, 3);
  DIFFERS(cause, CL_CAUSE_HUMAN);
  DIFFERS(args, "{}");
#undef DIFFERS
  assert_string_equal(cl_kind_name((enum cl_kind)99), "?");
  assert_string_equal(cl_cause_name((enum cl_cause)99), "?");
  assert_string_equal(cl_role_name((enum cl_role)99), "?");
  assert_string_equal(cl_cause_name(CL_CAUSE_RUNG), "rung");
  assert_string_equal(cl_role_name(CL_ROLE_ASSESS), "assess");
  assert_null(cl_kind_fields((enum cl_kind)99)->name);
  assert_null(cl_kind_fields(CL_EVENT_NONE)->name);
}

static void lists_differ_by_length_and_by_each_item(void **state) {
  (void)state;
  static const struct cl_metric m[] = {
      {1, "acc", 0.5}, {2, "acc", 0.5}, {1, "b", 0.5}, {1, NULL, 0.5}, {1, "acc", NAN}};
  static const double n[] = {1, 2};
  static const char *const names[] = {"a", "b"};
  static const struct cl_assigned v[] = {
      {1, {.kind = CL_NULL}}, {2, {.kind = CL_NULL}}, {1, {.kind = CL_BOOL}}};
  struct cl_event a = {.kind = CL_EVENT_REPORTED}, b = a;
  a.u.reported.metrics = (struct cl_metric_list){1, m};
  for (int i = 1; i < 5; i++) {
    b.u.reported.metrics = (struct cl_metric_list){1, m + i};
    assert_false(cl_event_equal(&a, &b));
  }
  a = b = (struct cl_event){.kind = CL_EVENT_HELD};
  a.u.held.ids = (struct cl_number_list){1, n};
  b.u.held.ids = (struct cl_number_list){1, n + 1};
  assert_false(cl_event_equal(&a, &b));
  a = b = (struct cl_event){.kind = CL_EVENT_LOADED};
  a.u.loaded.missing = (struct cl_name_list){1, names};
  b.u.loaded.missing = (struct cl_name_list){1, names + 1};
  assert_false(cl_event_equal(&a, &b));
  a = b = (struct cl_event){.kind = CL_EVENT_SET};
  a.u.set.values = (struct cl_assigned_list){1, v};
  for (int i = 1; i < 3; i++) {
    b.u.set.values = (struct cl_assigned_list){1, v + i};
    assert_false(cl_event_equal(&a, &b));
  }
}

static void refuse_event(struct cl_event ev, int status, const char *sentence) {
  struct cl_err e = {0};
  assert_int_equal(cl_event_check(&ev, &e), status);
  if (strstr(e.text, sentence) == NULL) fail_msg("%s", e.text);
}

static void events_that_are_not_legal_in_themselves_are_refused(void **state) {
  (void)state;
  static char long_name[CL_NAME_MAX + 2];
  static struct cl_metric many[CL_METRICS_MAX + 1];
  memset(long_name, 'x', CL_NAME_MAX + 1);
  struct cl_event ev = {.kind = (enum cl_kind)99};
  refuse_event(ev, CLADE_EINVAL, "not a kind");
  refuse_event((struct cl_event){.kind = CL_EVENT_PAUSED}, CLADE_EINVAL, "needs a trial");
  refuse_event((struct cl_event){.kind = CL_EVENT_FINISHED, .subject = 2}, CLADE_EINVAL, "about the study");
  refuse_event((struct cl_event){.kind = CL_EVENT_DONE, .subject = 2}, CLADE_EINVAL, "attempt");
  refuse_event((struct cl_event){.kind = CL_EVENT_REPORTED, .subject = 2, .attempt = -1}, CLADE_EINVAL,
               "attempt");
  refuse_event((struct cl_event){.kind = CL_EVENT_PAUSED, .subject = 1, .args = "\xFF"}, CLADE_EINVAL,
               "args");
  refuse_event((struct cl_event){.kind = CL_EVENT_CREATED}, CLADE_EINVAL, "no name");
  ev = (struct cl_event){.kind = CL_EVENT_CREATED};
  ev.u.created.name = long_name;
  refuse_event(ev, CLADE_ELIMIT, "the limit is 200");
  ev.u.created.name = "s";
  ev.u.created.spec = "\xC0\x80";
  refuse_event(ev, CLADE_EINVAL, "spec");
  ev = (struct cl_event){.kind = CL_EVENT_REPORTED, .subject = 1, .attempt = 1};
  ev.u.reported.step = NAN;
  refuse_event(ev, CLADE_EINVAL, "step");
  ev.u.reported.step = 1;
  ev.u.reported.metrics = (struct cl_metric_list){CL_METRICS_MAX + 1, many};
  refuse_event(ev, CLADE_ELIMIT, "metrics");
  ev.u.reported.metrics.n = 1;
  refuse_event(ev, CLADE_EINVAL, "metric has no name");
  struct cl_assigned value = {0, cl_value_real(INFINITY)};
  ev = (struct cl_event){.kind = CL_EVENT_SET, .subject = 1};
  ev.u.set.values = (struct cl_assigned_list){1, &value};
  refuse_event(ev, CLADE_EINVAL, "id of its hyperparameter");
  value.id = 1;
  refuse_event(ev, CLADE_EINVAL, "finite");
  value.value = cl_value_text("\xFF");
  refuse_event(ev, CLADE_EINVAL, "values");
  ev = (struct cl_event){.kind = CL_EVENT_SAVED, .subject = 1, .attempt = 1};
  ev.u.saved.bytes = -5;
  refuse_event(ev, CLADE_EINVAL, "-5 bytes");
  static const char *const bad = "\xFF";
  ev = (struct cl_event){.kind = CL_EVENT_LOADED, .subject = 1, .attempt = 1};
  ev.u.loaded.missing = (struct cl_name_list){1, &bad};
  refuse_event(ev, CLADE_EINVAL, "missing");
}

static void refuse_json(const char *text, int status) {
  struct cl_event ev;
  struct cl_err e = {0};
  void *memory = NULL;
  json_t *node = json_loads(text, JSON_DECODE_ANY, NULL);
  assert_non_null(node);
  assert_int_equal(cl_event_from_json(node, &ev, &memory, &e), status);
  assert_string_not_equal(e.text, "");
  json_decref(node);
}

static void json_that_is_no_event_is_refused(void **state) {
  (void)state;
  refuse_json("7", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 99}", CLADE_ENEWER);
  refuse_json("{\"kind\": 21, \"data\": {\"values\": []}}", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 21, \"data\": {\"values\": {\"x\": 1}}}", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 21, \"data\": {\"values\": {\"0\": 1}}}", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 21, \"data\": {\"values\": {\"4294967296\": 1}}}", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 21, \"data\": {\"values\": {\"1\": []}}}", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 33, \"data\": {\"metrics\": [1]}}", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 33, \"data\": {\"metrics\": [[1, \"a\"]]}}", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 3, \"data\": {\"reason\": 4294967296}}", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 3, \"data\": {\"reason\": -4294967296}}", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 33, \"data\": {\"metrics\": [[4294967297, \"a\", 0.5]]}}", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 33, \"data\": {\"metrics\": [[1, 7, 0.5]]}}", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 33, \"data\": {\"metrics\": [[1, \"a\", \"much\"]]}}", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 22, \"data\": {\"hyperparameters\": [1, null]}}", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 35, \"data\": {\"missing\": [\"a\", 7]}}", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 34, \"data\": {\"rollup\": [2, 0.5, 0.25]}}", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 4294967308, \"trial\": 3}", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 15, \"trial\": \"3\"}", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 36, \"trial\": 3, \"attempt\": 4294967297}", CLADE_ECORRUPT);
  refuse_json("{\"kind\": 3, \"position\": -1}", CLADE_ECORRUPT);
}

static void heads_that_contradict_themselves_are_named(void **state) {
  (void)state;
  static const struct {
    struct cl_head h;
    const char *sentence;
  } cases[] = {
      {{.proposed = 1, .version = 1, .state = 11}, "none of the ten"},
      {{.proposed = 2, .version = 1, .state = CL_PAUSED}, "older than the trial"},
      {{.proposed = 1, .version = 1, .state = CL_WAITING}, "place in the queue"},
      {{.proposed = 1, .version = 1, .state = CL_RUNNING}, "without an open attempt"},
      {{.proposed = 1,
        .version = 1,
        .state = CL_RUNNING,
        .attempt = 1,
        .flags = CL_ATTEMPT_OPEN | CL_ATTEMPT_DONE},
       "said done"},
      {{.proposed = 1, .version = 1, .state = CL_LOST, .attempt = 1, .flags = CL_ATTEMPT_OPEN}, "lost with"},
      {{.proposed = 1, .version = 1, .state = CL_PAUSED, .flags = CL_ATTEMPT_OPEN}, "never started"},
      {{.proposed = 1, .version = 1, .state = CL_COMPLETE, .attempt = 1}, "without an objective"},
      {{.proposed = 1, .version = 1, .state = CL_PRUNED, .source = 3}, "holds a snapshot"},
      {{.proposed = 1, .version = 1, .state = CL_FAILED, .tries = 11}, "more often"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct cl_err e = {0};
    assert_int_equal(cl_head_check(&cases[i].h, &e), CLADE_ECORRUPT);
    if (strstr(e.text, cases[i].sentence) == NULL) fail_msg("%s", e.text);
  }
  assert_int_equal(cl_head_check(&(struct cl_head){0}, NULL), 0);
  assert_string_equal(cl_state_name(CL_DIVERGED), "DIVERGED");
  assert_string_equal(cl_state_name(0), "?");
  assert_int_equal(cl_state_find("pruned"), CL_PRUNED);
  assert_int_equal(cl_state_find("gone"), CL_STATE_NONE);
}

static void judge_study(struct history *h, struct cl_event ev, int status) {
  assert_int_equal(history_try(h, ev), status);
}

static void events_in_the_wrong_place_are_refused(void **state) {
  (void)state;
  struct history h = history_begin(4, "", "");
  (void)say(&h, proposing(1, CL_ROLE_SEARCH, 0.5, "adam"));
  judge_study(&h, about(CL_EVENT_STARTED, 0, CL_CAUSE_CLAIM), CLADE_EREFUSED);
  judge_study(&h, about(CL_EVENT_FINISHED, 1, CL_CAUSE_HUMAN), CLADE_EREFUSED);
  judge_study(&h, (struct cl_event){.kind = CL_EVENT_WORKER, .subject = 1}, CLADE_EREFUSED);
  judge_study(&h, about((enum cl_kind)99, 1, CL_CAUSE_HUMAN), CLADE_ENEWER);
  judge_study(&h, about(CL_EVENT_PAUSED, 7, CL_CAUSE_HUMAN), CLADE_EREFUSED);
  struct cl_event ev = about(CL_EVENT_CLOCK, 0, CL_CAUSE_NONE);
  ev.seen = 99;
  judge_study(&h, ev, CLADE_ECONFLICT);
  ev = proposing(2, CL_ROLE_FOREIGN, 0.5, "adam");
  judge_study(&h, ev, CLADE_EREFUSED);
  ev.u.proposed.role = (enum cl_role)300;
  judge_study(&h, ev, CLADE_EREFUSED);
  ev = proposing(2, CL_ROLE_SEARCH, 0.5, "adam");
  ev.u.proposed.of = -1;
  judge_study(&h, ev, CLADE_EREFUSED);
  judge_study(&h, losing(&h, 1), CLADE_EREFUSED);
  ev = (struct cl_event){.kind = CL_EVENT_SAVED, .subject = 1};
  judge_study(&h, ev, CLADE_EREFUSED); /* names no attempt */
  ev.attempt = 2;
  judge_study(&h, ev, CLADE_EREFUSED); /* of one that never started */
  judge_study(&h, (struct cl_event){.kind = CL_EVENT_CREATED}, CLADE_EREFUSED);

  struct cl_err e = {0}; /* the same from a log, where it must not stand */
  ev = about(CL_EVENT_CLOCK, 0, CL_CAUSE_NONE);
  ev.position = 1;
  struct cl_study_head s = *cl_study_head(h.s);
  struct cl_head head = cl_study_trial(h.s, 1)->head;
  assert_int_equal(cl_head_apply(&s, &head, &ev, &e), CLADE_ECORRUPT);
  (void)say(&h, starting(&h, 1, 1, 0, CL_NO_STEP));
  ev = fact(&h, CL_EVENT_CONNECTED, 1);
  ev.position = (int64_t)h.n + 1;
  ev.late = true;
  s = *cl_study_head(h.s);
  head = cl_study_trial(h.s, 1)->head;
  assert_int_equal(cl_head_apply(&s, &head, &ev, &e), CLADE_ECORRUPT);
  assert_non_null(strstr(e.text, "stored as late"));
  history_end(&h);
}

static void values_are_what_they_are(void **state) {
  (void)state;
  const struct cl_value v[] = {{.kind = CL_ABSENT},   {.kind = CL_NULL},  cl_value_bool(true),
                               cl_value_bool(false),  cl_value_int(1),    cl_value_int(2),
                               cl_value_real(1),      cl_value_real(NAN), cl_value_real(INFINITY),
                               cl_value_text("true"), cl_value_text("")};
  static const char *const written[] = {"",    "null", "true", "false", "1", "2",
                                        "1.0", "nan",  "inf",  "true",  ""};
  static const char *const json[] = {"null", "null",    "true",    "false",    "1",   "2",
                                     "1.0",  "\"nan\"", "\"inf\"", "\"true\"", "\"\""};
  enum { N = sizeof v / sizeof *v };
  for (int i = 0; i < N; i++) {
    struct cl_text t = {0};
    cl_value_write(&t, v[i]);
    assert_string_equal(cl_text_get(&t), written[i]);
    cl_text_clear(&t);
    cl_value_write_json(&t, v[i]);
    assert_string_equal(cl_text_get(&t), json[i]);
    cl_text_done(&t);
    for (int k = 0; k < N; k++) {
      assert_true(cl_value_equal(v[i], v[k]) == (i == k));
      assert_true((cl_value_hash(v[i], 7) == cl_value_hash(v[k], 7)) == (i == k));
    }
  }
  assert_true(cl_value_same(cl_value_int(1), cl_value_real(1)) &&
              cl_value_same(cl_value_real(1), cl_value_int(1)));
  assert_false(cl_value_same(cl_value_int(1), cl_value_bool(true)));
  assert_true(isnan(cl_value_number(cl_value_text("1"))) && cl_value_number(cl_value_int(3)) == 3);
  assert_false(signbit(cl_value_real(-0.0).as.real));
  static const char *const typed[] = {"null", "true", "True", "false", "False",
                                      "-7",   "2.5",  "inf",  "1e999", "adam"};
  static const enum cl_value_kind kinds[] = {CL_NULL, CL_BOOL, CL_BOOL, CL_BOOL, CL_BOOL,
                                             CL_INT,  CL_REAL, CL_TEXT, CL_TEXT, CL_TEXT};
  for (int i = 0; i < 10; i++) assert_int_equal(cl_value_parse(typed[i]).kind, kinds[i]);
  struct cl_value ret;
  assert_int_equal(cl_value_from_json(NULL, &ret, NULL), CLADE_ESPEC);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(settings_name_the_key_and_what_it_must_be),
                                     cmocka_unit_test(updates_keep_ids_names_and_objectives),
                                     cmocka_unit_test(every_field_of_every_kind_counts),
                                     cmocka_unit_test(lists_differ_by_length_and_by_each_item),
                                     cmocka_unit_test(events_that_are_not_legal_in_themselves_are_refused),
                                     cmocka_unit_test(json_that_is_no_event_is_refused),
                                     cmocka_unit_test(heads_that_contradict_themselves_are_named),
                                     cmocka_unit_test(events_in_the_wrong_place_are_refused),
                                     cmocka_unit_test(values_are_what_they_are)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
