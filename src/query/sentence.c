#include "query/sentence.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

static void write_name(int id, const struct cl_study *study, struct cl_text *ret) {
  int index = study == NULL ? -1 : cl_space_find_id(cl_study_space(study), id);
  if (index >= 0)
    cl_text_add(ret, cl_study_space(study)->items[index].name);
  else
    cl_text_format(ret, "h%d", id);
}

void cl_assigned_write(const struct cl_assigned_list *values, const struct cl_study *study,
                       struct cl_text *ret) {
  bool first = true;
  for (int i = 0; i < values->n; i++) {
    if (values->items[i].value.kind == CL_ABSENT) continue;
    if (!first) cl_text_add_char(ret, ' ');
    first = false;
    write_name(values->items[i].id, study, ret);
    cl_text_add_char(ret, '=');
    cl_value_write(ret, values->items[i].value);
  }
}

/* Causes. */

static const char *text_arg(const json_t *args, const char *name) {
  return json_string_value(json_object_get(args, name));
}

static void write_number_arg(const json_t *args, const char *before, const char *name, struct cl_text *ret) {
  const json_t *x = json_object_get(args, name);
  if (!json_is_number(x)) return;
  cl_text_add(ret, before);
  cl_text_add_number(ret, json_number_value(x));
}

/* "time: 1.534, at most 1.5". */
static void write_limit(const json_t *args, const char *which, struct cl_text *ret) {
  cl_text_add(ret, which);
  if (strcmp(which, "time") != 0) return;
  write_number_arg(args, ": ", "value", ret);
  write_number_arg(args, " s, at most ", "bound", ret);
}

/* "truncation: rank 9 of 10 at step 8 with 0.48, trial 3 had 0.91", or why a slot is lent. */
static void write_ruling(const json_t *args, const char *rule, struct cl_text *ret) {
  if (strcmp(rule, "turn") == 0) {
    cl_text_add(ret, "others have come less far");
    return;
  }
  cl_text_add(ret, rule);
  write_number_arg(args, ": rank ", "rank", ret);
  write_number_arg(args, " of ", "of", ret);
  write_number_arg(args, ", at step ", "step", ret);
  write_number_arg(args, " with ", "own", ret);
  write_number_arg(args, ", trial ", "donor", ret);
  write_number_arg(args, " had ", "score", ret);
}

void cl_cause_write(const struct cl_event *ev, struct cl_text *ret) {
  if (ev->cause == CL_CAUSE_NONE) return;
  json_t *args = ev->args == NULL ? NULL : json_loads(ev->args, 0, NULL);
  const char *detail = text_arg(args, "method");
  if (detail == NULL) detail = text_arg(args, "rule");
  if (detail == NULL) detail = text_arg(args, "text");
  if (detail == NULL) detail = text_arg(args, "which");
  cl_text_add(ret, ev->cause == CL_CAUSE_HUMAN ? "a person" : cl_cause_name(ev->cause));
  if (ev->cause == CL_CAUSE_GENERATION) write_number_arg(args, " ", "number", ret);
  if (detail != NULL && (ev->cause == CL_CAUSE_EXPLOIT || ev->cause == CL_CAUSE_GENERATION)) {
    cl_text_add(ret, " (");
    write_ruling(args, detail, ret);
    cl_text_add(ret, ")");
  } else if (detail != NULL && ev->cause == CL_CAUSE_LIMIT) {
    cl_text_add(ret, " (");
    write_limit(args, detail, ret);
    cl_text_add(ret, ")");
  } else if (detail != NULL) {
    cl_text_format(ret, " (%s)", detail);
  }
  json_decref(args);
}

/* Events. */

static void write_step(double step, struct cl_text *ret) {
  if (isnan(step)) return;
  if (isinf(step)) {
    cl_text_add(ret, ", asked about at every report");
    return;
  }
  cl_text_add(ret, " until step ");
  cl_text_add_number(ret, step);
}

static void write_because(const struct cl_event *ev, struct cl_text *ret) {
  if (ev->cause == CL_CAUSE_NONE) return;
  cl_text_add(ret, ", because of ");
  cl_cause_write(ev, ret);
}

/* As it was created: what has been changed since stands in later events. */
static void write_created(const struct cl_event *ev, struct cl_text *ret) {
  struct cl_settings *s = NULL;
  assert(ev->kind == CL_EVENT_CREATED);
  cl_text_format(ret, "study %s created", ev->u.created.name);
  if (ev->u.created.settings == NULL || cl_settings_parse(ev->u.created.settings, &s, NULL) < 0) return;
  cl_text_format(ret, ": %s, %s %s", s->method,
                 s->objectives[0].goal == CL_MAXIMIZE ? "maximize" : "minimize", s->objectives[0].name);
  if (s->trials < CL_TRIALS_MAX) cl_text_format(ret, ", %" PRId64 " trials", s->trials);
  cl_text_format(ret, ", seed %" PRId64, ev->u.created.seed);
  cl_settings_destroy(s);
}

static void write_worker(const struct cl_event *ev, struct cl_text *ret) {
  assert(ev->kind == CL_EVENT_WORKER);
  static const char *const words[] = {"", "joined", "changed", "gone"};
  int state = ev->u.worker.state >= 1 && ev->u.worker.state <= 3 ? (int)ev->u.worker.state : 0;
  cl_text_format(ret, "worker %d %s", ev->u.worker.worker, words[state]);
  if (ev->u.worker.state == CL_WORKER_GONE) return;
  cl_text_format(ret, ": %s, %d slot%s", ev->u.worker.host == NULL ? "?" : ev->u.worker.host,
                 ev->u.worker.slots, ev->u.worker.slots == 1 ? "" : "s");
}

static void write_note(const struct cl_event *ev, struct cl_text *ret) {
  assert(ev->kind == CL_EVENT_NOTE);
  static const char *const words[] = {"", "note", "tag", "tag removed"};
  int what = ev->u.note.what >= 1 && ev->u.note.what <= 3 ? (int)ev->u.note.what : 0;
  cl_text_add(ret, words[what]);
  if (ev->u.note.name != NULL) cl_text_format(ret, " %s", ev->u.note.name);
  if (ev->u.note.text != NULL) cl_text_format(ret, ": %s", ev->u.note.text);
}

static void write_proposed(const struct cl_event *ev, const struct cl_study *study, struct cl_text *ret) {
  assert(ev->kind == CL_EVENT_PROPOSED);
  cl_text_add(ret, "proposed by ");
  if (ev->cause == CL_CAUSE_NONE)
    cl_text_add(ret, cl_role_name(ev->u.proposed.role));
  else
    cl_cause_write(ev, ret);
  if (ev->u.proposed.of != 0) cl_text_format(ret, ", of trial %" PRId64, ev->u.proposed.of);
  if (ev->u.proposed.infeasible) cl_text_add(ret, ", infeasible");
  cl_text_add(ret, ": ");
  cl_assigned_write(&ev->u.proposed.values, study, ret);
}

static void write_imported(const struct cl_event *ev, const struct cl_study *study, struct cl_text *ret) {
  assert(ev->kind == CL_EVENT_IMPORTED);
  cl_text_format(ret, "imported from trial %" PRId64 " of %s, %s: ", ev->u.imported.trial,
                 ev->u.imported.origin, cl_state_name(ev->u.imported.state));
  cl_assigned_write(&ev->u.imported.values, study, ret);
}

static void write_started(const struct cl_event *ev, struct cl_text *ret) {
  assert(ev->kind == CL_EVENT_STARTED);
  if (ev->u.started.worker == 0)
    cl_text_format(ret, "attempt %d asked for", ev->attempt);
  else
    cl_text_format(ret, "attempt %d started on worker %d", ev->attempt, ev->u.started.worker);
  if (ev->u.started.from != 0) cl_text_format(ret, " from snapshot %" PRId64, ev->u.started.from);
  write_step(ev->u.started.until, ret);
}

static void write_metrics(const struct cl_event *ev, const struct cl_study *study, struct cl_text *ret) {
  for (int i = 0; i < ev->u.reported.metrics.n; i++) {
    const struct cl_metric *m = &ev->u.reported.metrics.items[i];
    const char *name = m->name != NULL ? m->name : study == NULL ? NULL : cl_study_metric_name(study, m->id);
    if (name != NULL)
      cl_text_format(ret, " %s=", name);
    else
      cl_text_format(ret, " m%d=", m->id);
    cl_text_format(ret, "%.6g", m->value);
  }
}

static void write_reported(const struct cl_event *ev, const struct cl_study *study, struct cl_text *ret) {
  assert(ev->kind == CL_EVENT_REPORTED);
  const char *unit = study == NULL ? NULL : cl_study_settings(study)->step;
  cl_text_format(ret, "reported %s ", unit == NULL ? "step" : unit);
  cl_text_add_number(ret, ev->u.reported.step);
  cl_text_add_char(ret, ':');
  write_metrics(ev, study, ret);
}

static void write_exploited(const struct cl_event *ev, const struct cl_study *study, struct cl_text *ret) {
  assert(ev->kind == CL_EVENT_EXPLOITED);
  cl_text_format(ret, "takes over snapshot %" PRId64, ev->u.exploited.snapshot);
  if (ev->u.exploited.with != 0) cl_text_format(ret, " with trial %" PRId64, ev->u.exploited.with);
  if (ev->u.exploited.infeasible) cl_text_add(ret, ", but is infeasible with its values");
  write_because(ev, ret);
  cl_text_add(ret, ": ");
  cl_assigned_write(&ev->u.exploited.values, study, ret);
}

static void write_held(const struct cl_event *ev, const struct cl_study *study, struct cl_text *ret) {
  assert(ev->kind == CL_EVENT_HELD);
  cl_text_add(ret, ev->u.held.on ? "held:" : "released:");
  for (int i = 0; i < ev->u.held.ids.n; i++) {
    cl_text_add_char(ret, ' ');
    write_name((int)ev->u.held.ids.items[i], study, ret);
  }
}

static void write_saved(const struct cl_event *ev, struct cl_text *ret) {
  assert(ev->kind == CL_EVENT_SAVED);
  static const char *const ways[] = {"?", "directory", "region", "fork", "copy"};
  int way = ev->u.saved.way >= 1 && ev->u.saved.way <= 4 ? (int)ev->u.saved.way : 0;
  cl_text_add(ret, "snapshot at step ");
  cl_text_add_number(ret, ev->u.saved.step);
  cl_text_format(ret, " (%s, %" PRId64 " bytes)", ways[way], ev->u.saved.bytes);
}

void cl_end_write(const struct cl_event *ev, struct cl_text *ret) {
  assert(ev->kind == CL_EVENT_ENDED);
  json_t *usage = ev->u.ended.usage == NULL ? NULL : json_loads(ev->u.ended.usage, 0, NULL);
  const char *limit = text_arg(usage, "limit");
  double mib = 1.0 / 1048576;
  if (limit != NULL && strcmp(limit, "memory") == 0)
    cl_text_format(ret, "over its limit of memory: %.4g MiB, at most %.4g",
                   mib * json_number_value(json_object_get(usage, "resident")),
                   mib * json_number_value(json_object_get(usage, "bound")));
  else if (ev->u.ended.known && ev->u.ended.status == 0 && ev->u.ended.signal == 0 &&
           ev->u.ended.objectives.n == 0)
    cl_text_add(ret, "objective never reported");
  json_decref(usage);
}

static void write_ended(const struct cl_event *ev, struct cl_text *ret) {
  assert(ev->kind == CL_EVENT_ENDED);
  cl_text_format(ret, "attempt %d ended", ev->attempt);
  if (!ev->u.ended.known)
    cl_text_add(ret, ", status unknown");
  else if (ev->u.ended.signal != 0)
    cl_text_format(ret, ", killed by signal %d", ev->u.ended.signal);
  else
    cl_text_format(ret, " with status %d", ev->u.ended.status);
  for (int i = 0; i < ev->u.ended.objectives.n; i++) {
    cl_text_format(ret, "%s%.6g", i == 0 ? ", value " : " ", ev->u.ended.objectives.items[i]);
  }
  size_t length = ret->length;
  cl_text_add(ret, ", ");
  size_t begin = ret->length;
  cl_end_write(ev, ret);
  if (ret->length == begin) cl_text_cut(ret, length);
}

/* "changed: trials 7, hyperparameters, constraints": numbers with their value, what is longer by its key. */
static void write_updated(const struct cl_event *ev, struct cl_text *ret) {
  assert(ev->kind == CL_EVENT_UPDATED);
  json_t *changes = json_loads(ev->u.updated.settings, 0, NULL);
  const json_t *paused = json_object_get(changes, "paused");
  const char *comma = " ";
  if (json_is_array(paused))
    cl_text_add(ret, "study paused");
  else if (paused != NULL)
    cl_text_add(ret, "study goes on");
  else
    cl_text_add(ret, "changed:");
  for (void *it = json_object_iter(changes); it != NULL && paused == NULL;
       it = json_object_iter_next(changes, it)) {
    const json_t *value = json_object_iter_value(it);
    cl_text_format(ret, "%s%s", comma, json_object_iter_key(it));
    if (json_is_integer(value)) cl_text_format(ret, " %" JSON_INTEGER_FORMAT, json_integer_value(value));
    comma = ", ";
  }
  json_decref(changes);
  write_because(ev, ret);
}

static void write_study_event(const struct cl_event *ev, struct cl_text *ret) {
  static const char *const reasons[] = {
      "", "budget used up", "space used up", "target reached", "too many failures", "by a person"};
  int reason = ev->u.finished.reason >= 1 && ev->u.finished.reason <= 5 ? (int)ev->u.finished.reason : 0;
  switch (ev->kind) {
  case CL_EVENT_CREATED: write_created(ev, ret); break;
  case CL_EVENT_UPDATED: write_updated(ev, ret); break;
  case CL_EVENT_FINISHED: cl_text_format(ret, "finished: %s", reasons[reason]); break;
  case CL_EVENT_CLOCK: cl_text_format(ret, "clock: %.3f s", ev->u.clock.seconds); break;
  case CL_EVENT_CHOSEN: cl_text_format(ret, "%s chose %s", ev->u.chosen.method, ev->u.chosen.what); break;
  case CL_EVENT_WORKER: write_worker(ev, ret); break;
  default: cl_text_add(ret, cl_kind_name(ev->kind));
  }
}

static void write_decision(const struct cl_event *ev, const struct cl_study *study, struct cl_text *ret) {
  switch (ev->kind) {
  case CL_EVENT_STARTED: write_started(ev, ret); return;
  case CL_EVENT_EXPLOITED: write_exploited(ev, study, ret); return;
  case CL_EVENT_HELD: write_held(ev, study, ret); return;
  case CL_EVENT_CONTINUED:
    cl_text_add(ret, "continued");
    write_step(ev->u.continued.until, ret);
    break;
  case CL_EVENT_SET:
    cl_text_add(ret, "set ");
    cl_assigned_write(&ev->u.set.values, study, ret);
    break;
  case CL_EVENT_VOIDED: cl_text_format(ret, "change %" PRId64 " taken back", ev->u.voided.change); break;
  case CL_EVENT_DELETED: cl_text_format(ret, "snapshot %" PRId64 " deleted", ev->u.deleted.snapshot); break;
  case CL_EVENT_RETRIED: cl_text_format(ret, "to be tried again (%d)", ev->u.retried.count); break;
  case CL_EVENT_LOST: cl_text_format(ret, "attempt %d lost", ev->attempt); break;
  default: cl_text_add(ret, cl_kind_name(ev->kind));
  }
  write_because(ev, ret);
}

void cl_event_write(const struct cl_event *ev, const struct cl_study *study, struct cl_text *ret) {
  switch (ev->kind) {
  case CL_EVENT_NOTE: write_note(ev, ret); break;
  case CL_EVENT_PROPOSED: write_proposed(ev, study, ret); break;
  case CL_EVENT_IMPORTED: write_imported(ev, study, ret); break;
  case CL_EVENT_ADOPTED:
    cl_text_format(ret, "attempt %d taken over by worker %d", ev->attempt, ev->u.adopted.worker);
    break;
  case CL_EVENT_CONNECTED: cl_text_format(ret, "connected, can %s", ev->u.connected.capabilities); break;
  case CL_EVENT_REPORTED: write_reported(ev, study, ret); break;
  case CL_EVENT_SAVED: write_saved(ev, ret); break;
  case CL_EVENT_LOADED:
    cl_text_format(ret, "snapshot %" PRId64 " loaded", ev->u.loaded.snapshot);
    if (ev->u.loaded.error != NULL) cl_text_format(ret, " with an error: %s", ev->u.loaded.error);
    break;
  case CL_EVENT_ENDED: write_ended(ev, ret); break;
  default:
    if (ev->subject == 0)
      write_study_event(ev, ret);
    else
      write_decision(ev, study, ret);
  }
  if (ev->late) cl_text_add(ret, " (late: it counts for nothing)");
}
