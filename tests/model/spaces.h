/* Spaces for tests: settings made from the text of their hyperparameters, and random spaces. */
#ifndef CL_TEST_SPACES_H
#define CL_TEST_SPACES_H

#include <stdio.h>

#include "base/rng.h"
#include "model/settings.h"

/* Settings around `hyperparameters` (the inside of the JSON array) and `more` keys (", \"key\": …" or "").
 * Fails the test if they are not valid. */
static inline struct cl_settings *settings_of(const char *hyperparameters, const char *more) {
  struct cl_text t = {0};
  struct cl_err e = {0};
  struct cl_settings *s = NULL;
  cl_text_format(&t,
                 "{\"study\": \"s\", \"objectives\": [{\"name\": \"loss\", \"goal\": \"minimize\"}], "
                 "\"trials\": 100, \"hyperparameters\": [%s]%s}",
                 hyperparameters, more);
  if (cl_settings_parse(cl_text_get(&t), &s, &e) < 0) {
    print_error("%s\n", e.text);
    fail();
  }
  cl_text_done(&t);
  return s;
}

/* One hyperparameter with the given JSON members after its name. */
static inline struct cl_settings *one(const char *members) {
  struct cl_text t = {0};
  cl_text_format(&t, "{\"id\": 3, \"name\": \"x\", %s}", members);
  struct cl_settings *s = settings_of(cl_text_get(&t), "");
  cl_text_done(&t);
  return s;
}

static const char *const mixed_scales[] = {
    "\"lo\": -2.385, \"hi\": 7.1",
    "\"lo\": 1e-6, \"hi\": 0.37, \"scale\": \"log\"",
    "\"lo\": 0.02, \"hi\": 0.998, \"scale\": \"logit\"",
    "\"mean\": 1.5, \"sd\": 0.7, \"scale\": \"normal\"",
    "\"mean\": -3.1, \"sd\": 1.3, \"scale\": \"lognormal\"",
    "\"mean\": 1.5, \"sd\": 0.7, \"lo\": 0.9, \"hi\": 2.4, \"scale\": \"normal\"",
    "\"lo\": 0.1, \"hi\": 0.94, \"step\": 0.12",
    "\"lo\": 0.25, \"hi\": 9, \"step\": 0.25, \"scale\": \"log\"",
    "\"lo\": 0.1, \"hi\": 0.9, \"step\": 0.1, \"scale\": \"logit\"",
    "\"mean\": 1.5, \"sd\": 0.7, \"step\": 0.05, \"scale\": \"normal\"",
    "\"lo\": 1e-4, \"hi\": 1.7, \"scale\": \"log\", \"zero\": 0.15",
    "\"lo\": 0.5, \"hi\": 3.5, \"step\": 0.5, \"zero\": 0.1"};
static const char *const mixed_ints[] = {"\"lo\": -3, \"hi\": 14",
                                         "\"lo\": 1, \"hi\": 97, \"scale\": \"log\"",
                                         "\"lo\": 2, \"hi\": 30, \"step\": 4",
                                         "\"lo\": 3, \"hi\": 90, \"step\": 3, \"scale\": \"log\"",
                                         "\"mean\": 20.5, \"sd\": 6, \"scale\": \"normal\"",
                                         "\"lo\": 1, \"hi\": 64, \"scale\": \"log\", \"zero\": 0.2"};
static const char *const mixed_lists[] = {"[0.1, 0.03, 0.7]", "[2, 3, 5, 7, 11]", "[\"adam\", \"sgd\"]",
                                          "[null, 1, \"a, b\", true]", "[false, true]"};
enum {
  MIXED_SCALES = sizeof mixed_scales / sizeof mixed_scales[0],
  MIXED_INTS = sizeof mixed_ints / sizeof mixed_ints[0],
  MIXED_LISTS = sizeof mixed_lists / sizeof mixed_lists[0]
};

/* The members of a random hyperparameter, after the name. `kinds`: 3 = any, 1 = lists only. */
static inline void add_random_members(struct cl_rng *r, struct cl_text *t, bool lists_only) {
  uint64_t kind = lists_only ? 2 : cl_rng_below(r, 3);
  static const char *const changes[] = {"live", "restart", "start"};
  if (kind == 0)
    cl_text_format(t, "\"domain\": \"float\", %s", mixed_scales[cl_rng_below(r, MIXED_SCALES)]);
  else if (kind == 1)
    cl_text_format(t, "\"domain\": \"int\", %s", mixed_ints[cl_rng_below(r, MIXED_INTS)]);
  else
    cl_text_format(t, "\"domain\": \"%s\", \"values\": %s", cl_rng_below(r, 2) ? "ordered" : "unordered",
                   mixed_lists[cl_rng_below(r, MIXED_LISTS)]);
  if (cl_rng_below(r, 4) == 0) cl_text_format(t, ", \"change\": \"%s\"", changes[cl_rng_below(r, 3)]);
}

/* A random space of 1 to 8 hyperparameters with constants, drawn ones, children of a list and sometimes a
 * constraint. */
static inline struct cl_settings *random_settings(struct cl_rng *r) {
  struct cl_text t = {0};
  int n = 1 + (int)cl_rng_below(r, 8);
  cl_text_add(&t,
              "{\"id\": 1, \"name\": \"root\", \"domain\": \"unordered\", \"values\": [\"a\", \"b\", 3]}");
  for (int i = 2; i <= n; i++) {
    cl_text_format(&t, ", {\"id\": %d, \"name\": \"h%d\", ", i * 7, i);
    if (cl_rng_below(r, 12) == 0)
      cl_text_add(&t, "\"domain\": \"constant\", \"values\": [0.5]");
    else
      add_random_members(r, &t, false);
    bool constant = strstr(cl_text_get(&t) + t.length - 8, "[0.5]") != NULL;
    if (!constant && cl_rng_below(r, 10) == 0) cl_text_add(&t, ", \"drawn\": true");
    if (cl_rng_below(r, 3) == 0)
      cl_text_format(&t, ", \"parent\": \"root\", \"when\": [%s]", cl_rng_below(r, 2) ? "\"a\"" : "3, \"b\"");
    cl_text_add(&t, "}");
  }
  bool constrained = cl_rng_below(r, 4) == 0;
  struct cl_settings *s =
      settings_of(cl_text_get(&t), constrained ? ", \"constraints\": [\"root == 'a' or root == 3\"]" : "");
  cl_text_done(&t);
  return s;
}

#endif
