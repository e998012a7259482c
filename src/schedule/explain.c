/* Rulings in words, and compared with what is decided again. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "schedule/args.h"
#include "schedule/scheduler.h"

static int64_t whole_of(const json_t *args, const char *key) {
  return (int64_t)json_integer_value(json_object_get(args, key));
}

static void add_number(struct cl_text *ret, const char *before, double x) {
  if (isnan(x)) return;
  cl_text_add(ret, before);
  cl_text_add_number(ret, x);
}

bool cl_scheduler_is_ruling(const struct cl_event *ev) {
  bool rules = ev->kind == CL_EVENT_CONTINUED || ev->kind == CL_EVENT_EXPLOITED ||
               ev->kind == CL_EVENT_PAUSED || ev->kind == CL_EVENT_SET;
  bool by_method =
      ev->cause == CL_CAUSE_EXPLOIT || ev->cause == CL_CAUSE_EXPLORE || ev->cause == CL_CAUSE_GENERATION;
  return (rules && by_method) || (ev->kind == CL_EVENT_STOPPED && ev->cause == CL_CAUSE_STOP_RULE);
}

bool cl_scheduler_is_answer(const struct cl_event *ev) {
  bool answers = ev->kind == CL_EVENT_CONTINUED || ev->kind == CL_EVENT_CHECKPOINT_ASKED;
  return answers && ev->cause == CL_CAUSE_LIMIT && ev->args != NULL &&
         strstr(ev->args, "\"which\": \"ready\"") != NULL; /* not the limit of a replay */
}

/* A report that is not judged. */
static void explain_answer(const struct cl_event *ev, const json_t *args, struct cl_text *ret) {
  bool saves = ev->kind == CL_EVENT_CHECKPOINT_ASKED;
  bool ends = !saves && isinf(ev->u.continued.until) && ev->u.continued.until > 0;
  cl_text_add(ret, saves  ? "it is ready, and its state is wanted before it is judged"
                   : ends ? "it is past the end, and is asked no more"
                          : "it is not ready to be judged");
  add_number(ret, ": it has come to ", cl_args_number(args, "value"));
  add_number(ret, isnan(cl_args_number(args, "value")) ? ": the bound is " : " of ",
             cl_args_number(args, "bound"));
  cl_text_add_char(ret, '\n');
}

/* Who was looked at, and how it stood. */
static void explain_rank(const json_t *args, const char *rule, struct cl_text *ret) {
  cl_text_format(ret, "%s: ", rule);
  if (json_is_true(json_object_get(args, "dead")))
    cl_text_add(ret, "it had failed or diverged, and takes any state that can be had");
  else if (json_is_true(json_object_get(args, "done")))
    cl_text_add(ret, "it is done");
  else if (json_is_false(json_object_get(args, "ready")))
    cl_text_add(ret, "it is not ready to be judged");
  else if (json_object_get(args, "rank") == NULL)
    cl_text_add(ret, "too few members have come so far to compare it with");
  else
    cl_text_format(ret, "rank %lld of %lld in the table of rung %lld", (long long)whole_of(args, "rank"),
                   (long long)whole_of(args, "of"), (long long)whole_of(args, "at"));
  add_number(ret, "; it had ", cl_args_number(args, "own"));
  add_number(ret, " at step ", cl_args_number(args, "step"));
  cl_text_add_char(ret, '\n');
}

static void explain_choice(const json_t *args, struct cl_text *ret) {
  int64_t donor = whole_of(args, "donor"), against = whole_of(args, "against");
  if (donor != 0) {
    cl_text_format(ret, "trial %lld had", (long long)donor);
    add_number(ret, " ", cl_args_number(args, "score"));
    cl_text_format(ret, " at rung %lld%s\n", (long long)whole_of(args, "donor_rung"),
                   json_is_true(json_object_get(args, "archived")) ? ": a state of the archive" : "");
  } else if (against != 0) {
    cl_text_format(ret, "compared with trial %lld, which did not win\n", (long long)against);
  }
  if (!isnan(cl_args_number(args, "draw"))) {
    cl_text_add(ret, donor != 0 ? "it was picked by the draw" : "that one was picked by the draw");
    add_number(ret, " ", cl_args_number(args, "draw"));
    cl_text_add_char(ret, '\n');
  }
  if (!isnan(cl_args_number(args, "p"))) {
    add_number(ret, "Welch's test of the last scores: t = ", cl_args_number(args, "t"));
    add_number(ret, ", df = ", cl_args_number(args, "df"));
    add_number(ret, ", p = ", cl_args_number(args, "p"));
    cl_text_add_char(ret, '\n');
  }
  int64_t close = whole_of(args, "close"), archived = whole_of(args, "archive");
  if (json_is_true(json_object_get(args, "collapsed")))
    cl_text_add(ret, "nobody had a score where it stood, so it goes back\n");
  if (archived > 0)
    cl_text_format(ret, "%lld state%s of the archive could be given beside those of the members\n",
                   (long long)archived, archived == 1 ? "" : "s");
  if (close > 0)
    cl_text_format(ret, "%lld better one%s passed over: the lead may be noise\n", (long long)close,
                   close == 1 ? " was" : "s were");
}

static const char *name_of(const char *id, const struct cl_study *study) {
  int i = study == NULL ? -1 : cl_space_find_id(cl_study_space(study), (int)strtol(id, NULL, 10));
  return i < 0 ? id : cl_study_space(study)->items[i].name;
}

static void explain_one(const json_t *what, const char *name, const char *verb, struct cl_text *ret) {
  const char *word = json_string_value(what);
  const json_t *noise = json_object_get(what, "noise");
  cl_text_add(ret, name);
  if (word != NULL)
    cl_text_add(ret, strcmp(word, "redraw") == 0 ? " was drawn afresh"
                     : strcmp(word, "set") == 0  ? " was set"
                                                 : " went back to its default");
  else
    cl_text_format(ret, " was %s ", noise != NULL ? "moved by noise of" : verb);
  if (word == NULL) cl_text_add_number(ret, json_number_value(noise != NULL ? noise : what));
}

/* Per id what became of a value. */
static void explain_values(const json_t *changes, const char *verb, const struct cl_study *study,
                           struct cl_text *ret) {
  const char *separator = "";
  /* jansson's iterators want a mutable object, and leave it alone */
  json_t *all = (json_t *)(uintptr_t)changes;
  for (void *it = json_object_iter(all); it != NULL; it = json_object_iter_next(all, it)) {
    const char *id = json_object_iter_key(it);
    if (id[0] < '0' || id[0] > '9') continue; /* the rule */
    cl_text_add(ret, separator);
    explain_one(json_object_iter_value(it), name_of(id, study), verb, ret);
    separator = ", ";
  }
  if (separator[0] != '\0') cl_text_add_char(ret, '\n');
}

/* Words that bandits have drawn. */
static void explain_lists(const json_t *lists, const struct cl_study *study, struct cl_text *ret) {
  json_t *all =
      (json_t *)(uintptr_t)lists; /* jansson's iterators want a mutable object, and leave it alone */
  for (void *it = json_object_iter(all); it != NULL; it = json_object_iter_next(all, it)) {
    cl_text_format(ret, "%s was drawn by its bandit", name_of(json_object_iter_key(it), study));
    add_number(ret, ", which gave this word a share of ",
               json_number_value(json_array_get(json_object_iter_value(it), 1)));
    cl_text_add_char(ret, '\n');
  }
}

static void explain_parents(const json_t *args, const struct cl_study *study, struct cl_text *ret) {
  const json_t *parents = json_object_get(args, "parents"), *mask = json_object_get(args, "mask");
  if (json_array_size(parents) != 2) return;
  cl_text_format(ret, "crossed with trial %lld", (long long)json_integer_value(json_array_get(parents, 1)));
  for (size_t i = 0; i < json_array_size(mask); i++) {
    char id[24];
    (void)snprintf(id, sizeof id, "%lld", (long long)json_integer_value(json_array_get(mask, i)));
    cl_text_format(ret, "%s %s", i == 0 ? ", which gave" : ",", name_of(id, study));
  }
  cl_text_add_char(ret, '\n');
  explain_values(json_object_get(args, "mutation"), "mutated by", study, ret);
}

/* What policies of the user's own had to say. */
static void explain_notes(const json_t *args, struct cl_text *ret) {
  /* jansson's iterators want a mutable object, and leave it alone */
  json_t *notes = (json_t *)(uintptr_t)json_object_get(args, "notes");
  const char *separator = "noted: ";
  for (void *it = json_object_iter(notes); it != NULL; it = json_object_iter_next(notes, it)) {
    cl_text_format(ret, "%s%s ", separator, json_object_iter_key(it));
    cl_text_add_number(ret, json_number_value(json_object_iter_value(it)));
    separator = ", ";
  }
  if (json_object_size(notes) > 0) cl_text_add_char(ret, '\n');
}

/* Why it was its time. */
static void explain_ready(const json_t *ready, struct cl_text *ret) {
  const char *metric = json_string_value(json_object_get(ready, "metric")),
             *rule = json_string_value(json_object_get(ready, "rule"));
  double value = cl_args_number(ready, "value");
  if (rule == NULL) return;
  cl_text_add(ret, "ready: ");
  if (metric == NULL) {
    add_number(ret, "it had trained for ", value);
    add_number(ret, " s since the last time, and is judged every ", cl_args_number(ready, "bound"));
    cl_text_add(ret, " s\n");
    return;
  }
  cl_text_format(ret, "%s, %s", metric, rule);
  add_number(ret, " ", cl_args_number(ready, "bound"));
  if (isnan(value))
    cl_text_add(ret, ": it is no number any more");
  else
    add_number(ret, ": it has come to ", value);
  cl_text_add_char(ret, '\n');
}

static void explain(const json_t *args, const struct cl_study *study, struct cl_text *ret) {
  const char *rule = json_string_value(json_object_get(args, "rule"));
  if (rule == NULL) rule = "?";
  if (strcmp(rule, "turn") == 0) {
    cl_text_add(ret, "it lends its slot: others have come less far\n");
    return;
  }
  if (strcmp(rule, "stop") == 0) {
    add_number(ret, "it has come to step ", cl_args_number(args, "value"));
    add_number(ret, ", members are stopped at ", cl_args_number(args, "bound"));
    cl_text_add_char(ret, '\n');
    return;
  }
  if (strcmp(rule, "diverged") == 0) {
    add_number(ret, "it has diverged again after each of its last ", cl_args_number(args, "value"));
    cl_text_add(ret, " takeovers, and had no score in between: it is taken out\n");
    return;
  }
  explain_ready(json_object_get(args, "ready"), ret);
  explain_rank(args, rule, ret);
  explain_choice(args, ret);
  explain_values(json_object_get(args, "explore"), "multiplied by", study, ret);
  explain_lists(json_object_get(args, "lists"), study, ret);
  explain_parents(args, study, ret);
  explain_notes(args, ret);
}

int cl_scheduler_explain(const struct cl_event *recorded, const struct cl_study *study, struct cl_text *ret,
                         struct cl_err *e) {
  json_t *args = json_loads(recorded->args == NULL ? "{}" : recorded->args, 0, NULL);
  if (!json_is_object(args)) {
    json_decref(args);
    return CL_FAIL(e, CLADE_ECORRUPT, "the args of a ruling are no JSON object");
  }
  if (cl_scheduler_is_answer(recorded))
    explain_answer(recorded, args, ret);
  else
    explain(args, study, ret);
  json_decref(args);
  return ret->failed ? CL_FAIL_NOMEM(e) : 0;
}

/* Again. */

static bool same_args(const char *a, const char *b) {
  json_t *x = json_loads(a == NULL ? "{}" : a, 0, NULL), *y = json_loads(b == NULL ? "{}" : b, 0, NULL);
  bool same = x != NULL && y != NULL && json_equal(x, y);
  json_decref(x);
  json_decref(y);
  return same;
}

static bool same_values(const struct cl_assigned_list *a, const struct cl_assigned_list *b) {
  if (a->n != b->n) return false;
  for (int i = 0; i < a->n; i++)
    if (a->items[i].id != b->items[i].id || !cl_value_equal(a->items[i].value, b->items[i].value))
      return false;
  return true;
}

/* The step at which the trial is asked next; NaN: the decision does not say. */
static double until_of(const struct cl_event *ev) {
  switch (ev->kind) {
  case CL_EVENT_CONTINUED: return ev->u.continued.until;
  case CL_EVENT_EXPLOITED: return ev->u.exploited.until;
  case CL_EVENT_SET: return ev->u.set.until;
  default: return NAN;
  }
}

static bool same_until(const struct cl_event *a, const struct cl_event *b) {
  double x = until_of(a), y = until_of(b);
  return x == y || (isnan(x) && isnan(y));
}

static bool compare(const struct cl_event *recorded, const struct cl_event *again, struct cl_text *ret) {
  bool kinds = recorded->kind == again->kind && recorded->cause == again->cause, same = kinds;
  if (!kinds)
    cl_text_format(ret, "decision: recorded %s, recomputed %s%s\n", cl_kind_name(recorded->kind),
                   cl_kind_name(again->kind), recorded->kind == again->kind ? ", for another reason" : "");
  if (kinds && !same_until(recorded, again)) {
    same = false;
    cl_text_format(ret, "asked next: recorded step %.17g, recomputed step %.17g\n", until_of(recorded),
                   until_of(again));
  }
  if (kinds && recorded->kind == CL_EVENT_EXPLOITED) {
    if (recorded->u.exploited.snapshot != again->u.exploited.snapshot) {
      same = false;
      cl_text_format(ret, "state: recorded snapshot %lld, recomputed %lld\n",
                     (long long)recorded->u.exploited.snapshot, (long long)again->u.exploited.snapshot);
    }
    if (!same_values(&recorded->u.exploited.values, &again->u.exploited.values)) {
      same = false;
      cl_text_add(ret, "values: recomputed ones differ\n");
    }
  }
  if (same_args(recorded->args, again->args)) return same;
  cl_text_format(ret, "cause: recorded %s, recomputed %s\n", recorded->args == NULL ? "{}" : recorded->args,
                 again->args == NULL ? "{}" : again->args);
  return false;
}

int cl_scheduler_verify(struct cl_scheduler *s, const struct cl_event *recorded, struct cl_text *ret,
                        struct cl_err *e) {
  struct cl_event again = {0};
  int status = cl_scheduler_again(s, recorded, &again, e);
  if (status < 0) return status;
  if (status == CLADE_EMPTY)
    cl_text_add(ret, "recomputed: the trial would not have asked\n");
  else
    (void)compare(recorded, &again, ret);
  return ret->failed ? CL_FAIL_NOMEM(e) : 0;
}
