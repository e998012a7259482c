/* What the tests of include/clade/study.h share: studies in memory and in files. */
#ifndef CL_TEST_STUDY_KIT_H
#define CL_TEST_STUDY_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clade/study.h"

#define KIT_SPEC \
  "hyperparameters:\n" \
  "  - name: lr\n    range: [1.0e-4, 1.0]\n    scale: log\n" \
  "  - name: layers\n    range: [1, 5]\n" \
  "  - name: opt\n    values: [adam, sgd, true]\n" \
  "  - name: decay\n    range: [0.0, 0.5]\n    when: {opt: sgd}\n"

/* A new directory for a store; ended by kit_remove. */
struct kit_place {
  char directory[40], store[400];
};

/* The status, and a sentence with it. */
#define kit_expect(call, wanted) \
  do { \
    struct cl_err e = {0}; \
    int status_ = (call); \
    if (status_ != (wanted) || e.text[0] == '\0') \
      fail_msg("%s: %s, not " #wanted ": %s", #call, clade_error_name(status_), e.text); \
  } while (0)

static inline void kit_make_in(struct kit_place *p, const char *directory) {
  (void)snprintf(p->directory, sizeof p->directory, "%s/clade-study-XXXXXX", directory);
  assert_non_null(mkdtemp(p->directory));
  (void)snprintf(p->store, sizeof p->store, "%s/s.db", p->directory);
}

static inline void kit_make(struct kit_place *p) {
  kit_make_in(p, "/tmp");
}

static inline void kit_remove(struct kit_place *p) {
  char command[80];
  (void)snprintf(command, sizeof command, "rm -r '%s'", p->directory);
  assert_int_equal(system(command), 0);
}

static inline struct clade_study *kit_create(const struct clade_study_options *o) {
  struct cl_err e = {0};
  struct clade_study *study = NULL;
  struct clade_study_options options = *o;
  if (options.spec == NULL && options.space == NULL && options.spec_file == NULL) options.spec = KIT_SPEC;
  if (options.name == NULL) options.name = "s";
  if (options.minimize == NULL && options.maximize == NULL) options.minimize = "loss";
  options.has_seed = true;
  options.seed = 385;
  if (clade_study_create(&options, &study, &e) != 0) fail_msg("%s", e.text);
  return study;
}

static inline struct clade_trial *kit_ask(struct clade_study *study) {
  struct cl_err e = {0};
  struct clade_trial *trial = NULL;
  int status = clade_study_ask(study, &trial, &e);
  if (status != 0) fail_msg("%d: %s", status, e.text);
  return trial;
}

static inline void kit_end(struct clade_trial *trial, enum clade_outcome outcome) {
  struct cl_err e = {0};
  double value = 0.238;
  bool scored = outcome == CLADE_TOLD_COMPLETE || outcome == CLADE_TOLD_PRUNED;
  struct clade_told told = {.outcome = outcome, .n_values = scored, .values = &value};
  if (clade_trial_end(trial, &told, &e) != 0) fail_msg("%s", e.text);
}

static inline const char *kit_state(struct clade_study *study, int64_t number) {
  struct clade_trial_state state;
  assert_int_equal(clade_study_follow(study, NULL), 0);
  assert_int_equal(clade_study_trial(study, number, &state, NULL), 0);
  return state.state;
}

#endif
