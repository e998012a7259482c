/* Every allocation can fail: the answer is CLADE_ENOMEM, outputs stay untouched, and nothing leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "fault/alloc.h"
#include "help.h"
#include "spec/spec_impl.h"
#include "spec/timetable.h"

static const char native[] =
    "study: s\nprogram: python train.py --lr {lr} {spec}\nmetric: {name: loss, goal: minimize}\ntrials: 5\n"
    "hyperparameters:\n  - name: &lr\n    range: [0.1, 1.0]\n    tuned_value: 0.5\n    when: {opt: adam}\n"
    "  - {name: opt, values: [adam, sgd], tuned_value: sgd}\n  - {name: n, range: [1, 10], step: 4}\n"
    "constraints: [\"lr * n < 9\"]\nenqueue: [{lr: 0.2, opt: adam}]\nsearch: {method: dgd, startup: 3}\nschedule: asha\n"
    "limits: {time: 2h}\ngpus: [0]\nstore: x.db\ntarget: slurm\ntrainer:\n  a: &a [1, *lr]\n  b: *a\n";

static const char runspec[] =
    "job_launcher:\n  hp_tuning: dgd\n  compute_nodes: 9\n  hold: true\nhyperparameters:\n  - name: &lr\n"
    "    ordered_tuning_values: [1, 'a b']\n    tuned_value: 1\n  - name: &unused\n    unordered_tuning_values: [x]\n"
    "    tuned_value: x\nrest: {lr: *lr, own: &own 3, also: *own}\n";

static void resolve_under_pressure(const char *text, const char *options, int expected) {
  struct help_options h;
  cl_fault_arm(0, false);
  help_options_read(&h, options);
  FAULT_LOOP(n) {
    struct cl_spec_result r = {.seed = -7};
    struct cl_err e = {0};
    int status = help_resolve(text, &h, &r, NULL, &e);
    bool failed = cl_fault_happened();
    if (status != (failed ? CLADE_ENOMEM : expected))
      fail_msg("%s: allocation %lu: status %d, %s", options, n, status, e.text);
    if (status == 0)
      cl_spec_result_done(&r);
    else
      assert_true(r.seed == -7 && r.settings == NULL && e.text[0] != '\0');
  }
  cl_fault_arm(0, false);
  help_options_done(&h);
}

static void specs_resolve_or_say_that_memory_ran_out(void **state) {
  (void)state;
  resolve_under_pressure(native, "", 0);
  resolve_under_pressure(native, "--set 'search.x=[1, 2]' --set trainer.c=3 --set study=t", 0);
  resolve_under_pressure(runspec, "-- python run.py {spec}", 0);
  resolve_under_pressure(runspec, "--set hyperparameters.lr.tuned_value=7 -- python run.py {spec}", 0);
  resolve_under_pressure(
      "", "--minimize loss --trials 5 -- ./x '--a=[log(1, 2)]' --b '[x,y]' '--c=[$choice(1,2)]'", 0);
}

static void complaints_survive_too(void **state) {
  (void)state;
  resolve_under_pressure("program: x\ntrails: 5\n", "", CLADE_ESPEC);
  resolve_under_pressure("program: x\nhyperparameters:\n  - {name: a, range: [3, 1]}\n", "", CLADE_ESPEC);
  resolve_under_pressure("", "--minimize loss --trials 5 -- ./x '--a=[log(1)]'", CLADE_ESPEC);
}

static void copies_commands_and_texts_too(void **state) {
  (void)state;
  cl_fault_arm(0, false);
  struct cl_settings *s = help_settings(native, "");
  struct cl_spec *spec = NULL;
  assert_int_equal(cl_spec_parse(native, strlen(native), "spec.yaml", &spec, NULL), 0);
  struct cl_value values[3] = {{.kind = CL_ABSENT}, {.kind = CL_ABSENT}, {.kind = CL_ABSENT}};
  values[cl_space_find(&s->space, "opt")] = cl_value_text("adam");
  values[cl_space_find(&s->space, "lr")] = cl_value_real(0.25);
  values[cl_space_find(&s->space, "n")] = cl_value_int(5);
  FAULT_LOOP(n) {
    struct cl_text copy = {0};
    int status = cl_spec_dump(s, values, &copy, NULL);
    assert_int_equal(status, cl_fault_happened() ? CLADE_ENOMEM : 0);
    cl_text_done(&copy);
  }
  FAULT_LOOP(n) {
    char **words = NULL;
    int count = 0, status = cl_spec_command(s, values, "/x", &count, &words, NULL);
    assert_int_equal(status, cl_fault_happened() ? CLADE_ENOMEM : 0);
    assert_true((words != NULL) == (status == 0));
    cl_spec_command_free(words);
  }
  FAULT_LOOP(n) {
    struct cl_text text = {0};
    int status = cl_spec_splice(spec, &s->space, values, &text, NULL, NULL);
    assert_int_equal(status, cl_fault_happened() ? CLADE_ENOMEM : 0);
    cl_text_done(&text);
  }
  FAULT_LOOP(n) {
    struct cl_text text = {0};
    static const char program[] =
        "p.add_argument('--lr', default=0.1)\np.add_argument('--o', choices=['a', 'b'])\n";
    int status = cl_spec_init_text(program, sizeof program - 1, "t.py", &text, NULL);
    assert_int_equal(status, cl_fault_happened() ? CLADE_ENOMEM : 0);
    cl_text_done(&text);
  }
  cl_spec_destroy(spec);
  cl_settings_destroy(s);
}

/* Every reader and writer of schedules. The same schedule in three formats: */
static const char *const schedules[] = {
    "study: s\ntrial: 7\nseed: 4711\nmetric: loss\nunit: epoch\nend: 9.5\ninitial: {lr: 0.5, opt: adam}\n"
    "changes:\n  - {step: 2, set: {lr: 0.25, n: 5}, cause: exploit}\n  - {step: 3.5, set: {opt: sgd}, cause: human}\n",
    "{\"initial\": {\"lr\": 0.5, \"opt\": \"adam\"}, \"changes\": [{\"step\": 2, \"set\": {\"lr\": 0.25, \"n\": 5}},"
    " {\"step\": 3.5, \"set\": {\"opt\": \"sgd\"}}]}",
    "[\"1\", \"0\", 2, 2, {\"lr\": 0.5, \"opt\": \"adam\"}, {\"lr\": 0.25, \"opt\": \"adam\", \"n\": 5}]\n"
    "[\"1\", \"1\", 4, 3.5, {\"deep\": {\"er\": 1}}, {\"lr\": 0.25, \"opt\": \"sgd\", \"n\": 5}]\n"};
static const char *const refused[] = {
    "",         "initial: 3\n",         "initial: {lr: 1}\nother: 2\n",
    "[1, 2]\n", "initial: {lr: [1]}\n", "changes: [{step: x}]\ninitial: {}\n"};

static void read_under_pressure(const char *text, int expected) {
  FAULT_LOOP(n) {
    struct cl_timetable t = {.trial = -7};
    struct cl_err e = {0};
    int status = cl_timetable_parse(text, strlen(text), "s.yaml", &t, &e);
    bool failed = cl_fault_happened();
    if (status != (failed ? CLADE_ENOMEM : expected))
      fail_msg("allocation %lu: status %d, %s", n, status, e.text);
    if (status == 0) {
      assert_true(t.n_initial == 2 && t.n_changes == 2);
      assert_string_equal(t.changes[0].set[0].name, "lr");
      assert_true(!t.foreign || t.unit != NULL);
      cl_timetable_done(&t);
    } else {
      assert_true(t.trial == -7 && e.text[0] != '\0');
    }
  }
  cl_fault_arm(0, false);
}

static void schedules_are_read_or_it_says_that_memory_ran_out(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof schedules / sizeof *schedules; i++) read_under_pressure(schedules[i], 0);
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) read_under_pressure(refused[i], CLADE_ESPEC);
}

static void schedules_are_written_and_followed_or_it_says_so(void **state) {
  (void)state;
  struct cl_timetable t = {0};
  cl_fault_arm(0, false);
  struct cl_settings *s = help_settings(native, "");
  assert_int_equal(cl_timetable_parse(schedules[0], strlen(schedules[0]), "s.yaml", &t, NULL), 0);
  FAULT_LOOP(n) {
    struct cl_text yaml = {0}, json = {0};
    char hash[CL_TIMETABLE_HASH];
    int status = cl_timetable_hash(&t, hash, NULL);
    cl_timetable_write_yaml(&t, &yaml);
    cl_timetable_write_json(&t, &json);
    bool all = status == 0 && !yaml.failed && !json.failed;
    assert_true(all == !cl_fault_happened());
    cl_text_done(&yaml);
    cl_text_done(&json);
  }
  FAULT_LOOP(n) {
    struct cl_text csv = {0};
    int status = cl_timetable_write_csv(&t, &csv, NULL);
    assert_true((status == 0 && !csv.failed) == !cl_fault_happened());
    cl_text_done(&csv);
  }
  FAULT_LOOP(n) {
    struct cl_course c = {.n = -7};
    int status = cl_course_make(&t, &s->space, &c, NULL);
    assert_int_equal(status, cl_fault_happened() ? CLADE_ENOMEM : 0);
    if (status == 0)
      cl_course_done(&c);
    else
      assert_int_equal(c.n, -7);
  }
  cl_fault_arm(0, false);
  cl_timetable_done(&t);
  cl_settings_destroy(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(specs_resolve_or_say_that_memory_ran_out),
      cmocka_unit_test(complaints_survive_too),
      cmocka_unit_test(copies_commands_and_texts_too),
      cmocka_unit_test(schedules_are_read_or_it_says_that_memory_ran_out),
      cmocka_unit_test(schedules_are_written_and_followed_or_it_says_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
