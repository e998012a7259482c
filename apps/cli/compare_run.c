/* Running what `clade compare` is to compare: one study per spec and seed. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "cli/compare.h"
#include "cli/failures.h"
#include "cli/live.h"
#include "view/number.h"

void cl_cli_compare_study(const struct cl_cli_side *side, int64_t seed, struct clade_text *ret) {
  clade_text_clear(ret);
  clade_text_add(ret, side->name);
  clade_text_format(ret, "-s%" PRId64, seed);
}

/* --- what is there ---------------------------------------------------------------------------------- */

enum found { FOUND_NOTHING, FOUND_OPEN, FOUND_FINISHED };

/* What a study was made of, from its first event. Null: it cannot be read. */
static int take_settings(void *ctx, const struct clade_event *ev) {
  json_t **ret = ctx;
  json_t *event = json_loads(ev->json, 0, NULL);
  const char *text = json_string_value(json_object_get(json_object_get(event, "data"), "settings"));
  *ret = text == NULL ? NULL : json_loads(text, 0, NULL);
  json_decref(event);
  return 1;
}

/* Keys that may differ between equal experiments. */
static void forget_circumstances(json_t *settings) {
  static const char *const keys[] = {"study", "parallel", "lag", "gpus", "directory"};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) (void)json_object_del(settings, keys[i]);
}

/* The first key in which one has what the other has not; null: they are equal. */
static const char *find_difference(json_t *a, json_t *b) {
  const char *key = NULL;
  json_t *value = NULL;
  json_object_foreach(a, key, value) if (!json_equal(value, json_object_get(b, key))) return key;
  json_object_foreach(b, key, value) if (json_object_get(a, key) == NULL) return key;
  return NULL;
}

/* Scores of another experiment must not slip into the comparison. */
static int check_settings(const struct cl_cli_compare *c, const struct cl_cli_side *side, const char *study,
                          struct clade_reader *reader) {
  struct clade_events_options first = {.json = true};
  json_t *there = NULL, *wanted = json_loads(side->settings, 0, NULL);
  struct cl_err e = {0};
  int status = 0;
  if (clade_events_read(reader, &first, take_settings, &there, NULL, &e) < 0)
    status = cl_cli_fail(c->cli, &e);
  if (there != NULL && wanted != NULL) {
    forget_circumstances(there);
    forget_circumstances(wanted);
    const char *key = find_difference(wanted, there);
    if (key != NULL)
      status = cl_cli_complain(
          c->cli, CL_EXIT_USAGE,
          "the study '%s' was made with other settings than '%s' has now (`%s` differs): compare the studies as "
          "they are (clade compare %s …), rename the spec's study, or clade delete %s",
          study, side->typed, key, side->name, study);
  }
  json_decref(there);
  json_decref(wanted);
  return status;
}

/* Is the study there, and what of it? 0, or the exit status after a complaint. */
static int look(const struct cl_cli_compare *c, const struct cl_cli_side *side, const char *study,
                enum found *ret) {
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  struct clade_study_info *info = NULL;
  struct cl_err e = {0};
  *ret = FOUND_NOTHING;
  int code = clade_store_open(c->store, &store, &e);
  if (code == 0) code = clade_reader_open(store, study, &reader, &e);
  int status = code == CLADE_ENOTFOUND ? 0 : code < 0 ? cl_cli_fail(c->cli, &e) : 0;
  if (code == 0) status = check_settings(c, side, study, reader);
  if (code == 0 && status == 0) {
    if (clade_study_read(reader, &info, &e) < 0)
      status = cl_cli_fail(c->cli, &e);
    else
      *ret = strcmp(info->state, "finished") == 0 ? FOUND_FINISHED : FOUND_OPEN;
  }
  clade_study_free(info);
  clade_reader_close(reader);
  clade_store_close(store);
  return status;
}

/* --- running ---------------------------------------------------------------------------------------- */

static int begin_study(const struct cl_cli_compare *c, const struct cl_cli_side *side, int64_t seed,
                       const char *study, const struct cl_cli_gpus *gpus,
                       const struct clade_run_callbacks *callbacks, struct clade_run_result *ret,
                       struct cl_err *e) {
  const struct cl_cli_compare_options *o = c->options;
  struct clade_run_options options = {.store = c->store,
                                      .spec = side->typed,
                                      .name = study,
                                      .trials = o->trials.value,
                                      .parallel = (int)o->engine.slots.value,
                                      .has_seed = true,
                                      .seed = seed,
                                      .n_set = (int)o->set.n,
                                      .set = o->set.items,
                                      .sync_full = cl_cli_sync_full(&o->engine),
                                      .n_gpus = gpus->n,
                                      .gpus = gpus->names,
                                      .grace_s = o->engine.grace.value};
  return clade_run(&options, callbacks, ret, e);
}

static int resume_study(const struct cl_cli_compare *c, const char *study, const struct cl_cli_gpus *gpus,
                        const struct clade_run_callbacks *callbacks, struct clade_run_result *ret,
                        struct cl_err *e) {
  const struct cl_cli_engine_options *o = &c->options->engine;
  struct clade_resume_options options = {.store = c->store,
                                         .study = study,
                                         .parallel = (int)o->slots.value,
                                         .sync_full = cl_cli_sync_full(o),
                                         .n_gpus = gpus->n,
                                         .gpus = gpus->names,
                                         .grace_s = o->grace.value};
  return clade_resume(&options, callbacks, ret, e);
}

/* "  3/16  mnist-pbt-s2    0.98858 (trial 7), 3:04" */
static void say_result(const struct cl_cli_compare *c, size_t done, size_t all, const char *study,
                       const struct cl_cli_live *l, const struct clade_run_result *r) {
  char value[CL_VIEW_NUMBER_MAX], time[CL_VIEW_NUMBER_MAX];
  if (r->best_trial > 0)
    cl_cli_note(c->cli, "%3zu/%zu  %s  %s (trial %" PRId64 "), %s", done, all, study,
                cl_view_short(r->best_value, 6, value), r->best_trial, cl_view_duration(l->elapsed_s, time));
  else
    cl_cli_note(c->cli, "%3zu/%zu  %s  no score, %s", done, all, study, cl_view_duration(l->elapsed_s, time));
}

struct course {
  size_t done, all;
  int failed;
};

/* The study of one spec and seed to its end. 0, a complaint's status, or 128 + signal. */
static int run_study(const struct cl_cli_compare *c, const struct cl_cli_side *side, int64_t seed,
                     const char *study, enum found found, struct course *course) {
  struct cl_cli_gpus gpus;
  struct cl_cli_live live;
  struct clade_run_result result = {.reason = ""};
  struct cl_err e = {0};
  int status = cl_cli_gpus_make(c->cli, &c->options->engine.gpus, &gpus);
  if (status != 0) return status;
  cl_cli_live_init(&live, c->cli);
  struct clade_run_callbacks callbacks = cl_cli_live_callbacks(&live);
  callbacks.begin = NULL; /* a line per study, not per trial */
  callbacks.result = NULL;
  live.begun = true;
  live.study = study;
  int code = found == FOUND_OPEN ? resume_study(c, study, &gpus, &callbacks, &result, &e)
                                 : begin_study(c, side, seed, study, &gpus, &callbacks, &result, &e);
  cl_cli_live_end(&live);
  if (code == 0) cl_cli_explain_failures(&live, &result);
  if (code < 0)
    status = cl_cli_fail(c->cli, &e);
  else if (result.signal != 0 && result.reason[0] == '\0')
    status = 128 + result.signal;
  else
    say_result(c, course->done, course->all, study, &live, &result);
  course->failed += strcmp(result.reason, "failures") == 0;
  cl_cli_live_done(&live);
  cl_cli_gpus_done(&gpus);
  return status;
}

static int ensure_study(const struct cl_cli_compare *c, const struct cl_cli_side *side, int64_t seed,
                        struct course *course) {
  struct clade_text name = {0};
  enum found found = FOUND_NOTHING;
  cl_cli_compare_study(side, seed, &name);
  int status = name.failed ? cl_cli_complain(c->cli, CL_EXIT_FAILED, "out of memory")
                           : look(c, side, clade_text_get(&name), &found);
  course->done++;
  if (status == 0 && found == FOUND_FINISHED)
    cl_cli_note(c->cli, "%3zu/%zu  %s  finished before", course->done, course->all, clade_text_get(&name));
  else if (status == 0)
    status = run_study(c, side, seed, clade_text_get(&name), found, course);
  clade_text_done(&name);
  return status;
}

/* Seed by seed, so that what is there when it is interrupted are whole pairs. */
int cl_cli_compare_run(struct cl_cli_compare *c, int *ret_failed) {
  struct course course = {0};
  int status = 0;
  for (size_t i = 0; i < c->n_sides; i++) course.all += c->sides[i].is_spec ? c->seeds.n : 0;
  for (size_t i = 0; i < c->seeds.n && status == 0; i++)
    for (size_t k = 0; k < c->n_sides && status == 0; k++)
      if (c->sides[k].is_spec) status = ensure_study(c, &c->sides[k], c->seeds.items[i], &course);
  if (status >= 128) cl_cli_note(c->cli, "interrupted: the same command goes on where it stopped");
  *ret_failed = course.failed;
  return status;
}
