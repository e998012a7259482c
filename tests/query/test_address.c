/* Addresses: what names what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "query/addresses.h"
#include "query/tales.h"
#include "query/trials.h"

static struct cl_store *store;

static int setup(void **state) {
  (void)state;
  store = tale_store("memory:");
  tell_mnist(store);
  tell_hostile(store);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  cl_store_close(store);
  return 0;
}

/* Numbers that an address selects, as "1 2 3", or the name of the error. */
static const char *found(const char *address) {
  static char text[400];
  struct cl_selection selection = {0};
  struct cl_reader *r = NULL;
  struct cl_err e = {0};
  int64_t study = 0, *numbers = NULL;
  size_t n = 0, used = 0;
  int status = cl_address_resolve(store, address, &study, &selection, &e);
  if (status >= 0) status = cl_reader_open(store, study, &r, &e);
  if (status >= 0) status = cl_trials_find(r, &selection, &numbers, &n, &e);
  text[0] = '\0';
  for (size_t i = 0; i < n; i++)
    used +=
        (size_t)snprintf(text + used, sizeof text - used, "%s%lld", i == 0 ? "" : " ", (long long)numbers[i]);
  if (status < 0) {
    assert_true(strlen(e.text) > 20);
    (void)snprintf(text, sizeof text, "%s", clade_error_name(status));
  }
  cl_free(numbers);
  cl_reader_close(r);
  cl_selection_done(&selection);
  return text;
}

static void numbers_lists_and_ranges_name_trials(void **state) {
  (void)state;
  assert_string_equal(found("mnist/3"), "3");
  assert_string_equal(found("mnist/3,7-9"), "3 7 8 9");
  assert_string_equal(found("mnist/9,2,2-4,3"), "2 3 4 9");
  assert_string_equal(found("mnist/run3-run5"), "3 4 5");
  assert_string_equal(found("mnist/trial12"), "12");
  assert_string_equal(found("MNIST/1"), "1");
}

static void words_and_states_name_trials(void **state) {
  (void)state;
  assert_string_equal(found("mnist/best"), "5");
  assert_string_equal(found("mnist/all"), "1 2 3 4 5 6 7 8 9 10 11 12");
  assert_string_equal(found("mnist/*"), found("mnist"));
  assert_string_equal(found("mnist/state:FAILED"), "9");
  assert_string_equal(found("mnist/state:running,waiting"), "10 11 12");
  assert_string_equal(found("mnist/state:LOST"), "");
}

static void conditions_name_trials(void **state) {
  (void)state;
  assert_string_equal(found("mnist/'lr<0.001'"), "2 4 9 12");
  assert_string_equal(found("mnist/lr<0.001"), "2 4 9 12");
  assert_string_equal(found("mnist/opt = $none"), "4 8 12");
  assert_string_equal(found("mnist/opt = adam and state = complete"), "1 3 5");
  assert_string_equal(found("mnist/metrics.loss < 0.081"), "5 6");
  assert_string_equal(found("mnist/value >= 0.93"), "5 6");
}

static void study_without_name_is_the_latest(void **state) {
  (void)state;
  assert_string_equal(found("/2"), "2");
  assert_string_equal(found(NULL), "1 2 3 4 5");
  assert_string_equal(found(""), "1 2 3 4 5");
}

static void names_with_slashes_and_quotes_are_found(void **state) {
  (void)state;
  assert_string_equal(found("we/ird 'na\"me \xE6\xBC\xA2"), "1 2 3 4 5");
  assert_string_equal(found("we/ird 'na\"me \xE6\xBC\xA2/2-3"), "2 3");
  assert_string_equal(found("we/ird 'na\"me \xE6\xBC\xA2/hparams.na'me :regex: ^two"), "1");
  assert_string_equal(found("we/ird 'na\"me \xE6\xBC\xA2/hparams.trial>3"), "4 5");
}

static void nonsense_is_refused_with_a_sentence(void **state) {
  (void)state;
  assert_string_equal(found("mnist/13"), "ENOTFOUND");
  assert_string_equal(found("mnist/3-99"), "ENOTFOUND");
  assert_string_equal(found("nothing"), "ENOTFOUND");
  assert_string_equal(found("nothing/3"), "ENOTFOUND");
  assert_string_equal(found("mnist/0"), "EINVAL");
  assert_string_equal(found("mnist/5-3"), "EINVAL");
  assert_string_equal(found("mnist/x"), "EINVAL");
  assert_string_equal(found("mnist/"), "EINVAL");
  assert_string_equal(found("mnist/3,"), "EINVAL");
  assert_string_equal(found("mnist/3-"), "EINVAL");
  assert_string_equal(found("mnist/99999999999999999999"), "EINVAL");
  assert_string_equal(found("mnist/state:DONE"), "EINVAL");
  assert_string_equal(found("mnist/lrr<0.1"), "EINVAL");
  assert_string_equal(found("mnist/lr<<0.1"), "EINVAL");
  assert_string_equal(found("mnist/opt :regex: ["), "EINVAL");
}

/* Addresses of one study each that a text stands for, as "a|b", or the name of the error. */
static const char *expanded(const char *typed) {
  static char text[2000];
  struct cl_addresses a = {0};
  struct cl_err e = {0};
  size_t used = 0;
  int status = cl_addresses_expand(store, typed, &a, &e);
  text[0] = '\0';
  if (status < 0) {
    assert_true(strlen(e.text) > 20);
    (void)snprintf(text, sizeof text, "%s", clade_error_name(status));
  }
  for (size_t i = 0; i < a.n; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i == 0 ? "" : "|", a.items[i]);
  cl_addresses_done(&a);
  return text;
}

static void lists_ranges_and_patterns_name_studies(void **state) {
  (void)state;
  tell_many(store, "job2", 1);
  tell_many(store, "job3", 2);
  tell_many(store, "job10", 3);
  tell_many(store, "a-1", 1);
  tell_many(store, "a,b", 1);
  assert_string_equal(expanded("mnist"), "mnist");
  assert_string_equal(expanded("mnist/3,7-9"), "mnist/3,7-9");
  assert_string_equal(expanded("mnist,job2"), "mnist|job2");
  assert_string_equal(expanded(" mnist/3 , job2/1"), "mnist/3|job2/1");
  assert_string_equal(expanded("mnist/1,3-5,job10/best"), "mnist/1,3-5|job10/best");
  assert_string_equal(expanded("job2-job9"), "job2|job3");
  assert_string_equal(expanded("job3-job10,mnist"), "job3|job10|mnist");
  assert_string_equal(expanded("job*"), "job2|job3|job10");
  assert_string_equal(expanded("job?/all,mnist/2"), "job2/all|job3/all|mnist/2");
  assert_string_equal(expanded("a-1"), "a-1");
  assert_string_equal(expanded("a,b"), "a,b"); /* a name as it stands */
  assert_string_equal(expanded("job2,mnist/'lr<0.01 and opt=a,b'"), "job2|mnist/'lr<0.01 and opt=a,b'");
  assert_string_equal(expanded("we/ird*"), "we/ird 'na\"me \xE6\xBC\xA2");
  assert_string_equal(expanded("job4-job9"), "ENOTFOUND");
  assert_string_equal(expanded("job3-run9"), "ENOTFOUND");
  assert_string_equal(expanded("x*"), "ENOTFOUND");
  assert_string_equal(expanded("mnist,nothing"), "ENOTFOUND");
  assert_string_equal(expanded(","), "EINVAL");
  assert_string_equal(expanded("mnist/5-3,job2"), "EINVAL");
  assert_string_equal(expanded("\xff"), "EINVAL");
}

static void wildcards_match_whole_names(void **state) {
  (void)state;
  assert_true(cl_address_matches("mnist*", "mnist-2"));
  assert_true(cl_address_matches("*st*2", "mnist-2"));
  assert_true(cl_address_matches("m?ist", "mnist"));
  assert_false(cl_address_matches("m?ist", "mist"));
  assert_false(cl_address_matches("mnist", "mnist-2"));
  assert_true(cl_address_matches("*", ""));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_lists_and_ranges_name_trials),
      cmocka_unit_test(words_and_states_name_trials),
      cmocka_unit_test(conditions_name_trials),
      cmocka_unit_test(study_without_name_is_the_latest),
      cmocka_unit_test(names_with_slashes_and_quotes_are_found),
      cmocka_unit_test(nonsense_is_refused_with_a_sentence),
      cmocka_unit_test(lists_ranges_and_patterns_name_studies),
      cmocka_unit_test(wildcards_match_whole_names),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
