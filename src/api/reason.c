/* Why a trial has its values, and what a scheduler decided about it; asked for again, and compared. */
#include <assert.h>
#include <math.h>

#include "api/handles.h"
#include "base/alloc.h"
#include "query/sentence.h"
#include "query/story.h"
#include "query/verify.h"
#include "schedule/scheduler.h"
#include "search/searcher.h"

struct why {
  struct clade_reason reason; /* first */
  struct cl_arena arena;
  struct cl_event **events; /* the rulings */
  double *steps;            /* last one reported before each */
  size_t n, cap_events, cap_steps;
  double step;
};

void clade_reason_free(struct clade_reason *reason) {
  struct why *w = (struct why *)reason;
  if (w == NULL) return;
  for (size_t i = 0; i < w->n; i++) cl_free(w->events[i]);
  cl_free(w->events);
  cl_free(w->steps);
  cl_arena_done(&w->arena);
  cl_free(w);
}

static int keep_written(struct cl_arena *a, struct cl_text *text, const char **ret, struct cl_err *e) {
  int status = text->failed ? CL_FAIL_NOMEM(e) : cl_api_keep_text(a, cl_text_get(text), ret, e);
  cl_text_done(text);
  return status;
}

static int fill_reason(struct why *w, const struct cl_event *ev, const struct cl_study *study,
                       struct cl_err *e) {
  struct clade_reason *r = &w->reason;
  struct cl_text text = {0};
  assert(ev->kind == CL_EVENT_PROPOSED || ev->kind == CL_EVENT_IMPORTED);
  r->position = ev->position;
  r->as_of = ev->as_of;
  r->by = ev->by;
  if (ev->kind == CL_EVENT_IMPORTED)
    cl_text_format(&text, "imported from %s", ev->u.imported.origin);
  else if (ev->cause == CL_CAUSE_NONE)
    cl_text_add(&text, cl_role_name(ev->u.proposed.role));
  else
    cl_cause_write(ev, &text);
  CL_TRY(keep_written(&w->arena, &text, &r->cause, e));
  bool proposed = ev->kind == CL_EVENT_PROPOSED;
  cl_assigned_write(proposed ? &ev->u.proposed.values : &ev->u.imported.values, study, &text);
  CL_TRY(keep_written(&w->arena, &text, &r->values, e));
  bool forked = proposed && ev->u.proposed.role == CL_ROLE_FORKED;
  if (forked && ev->u.proposed.of != 0)
    cl_text_format(&text, "the values of trial %lld%s\n", (long long)ev->u.proposed.of,
                   ev->u.proposed.has_seed ? ", and its seed" : "");
  int status = proposed && !forked ? cl_searcher_explain(ev, study, &text, e) : 0;
  if (status < 0) {
    cl_text_done(&text);
    return status;
  }
  CL_TRY(keep_written(&w->arena, &text, &r->explanation, e));
  return cl_api_keep_text(&w->arena, ev->args, &r->args, e);
}

static int fill_audit(struct why *w, struct cl_reader *r, const struct cl_event *ev, struct cl_err *e) {
  struct cl_text text = {0};
  int status = cl_verify_proposal(r, ev, &text, e);
  if (status < 0) {
    cl_text_done(&text);
    return status;
  }
  w->reason.verified = text.length == 0;
  return text.length == 0 ? 0 : keep_written(&w->arena, &text, &w->reason.difference, e);
}

/* Rulings. */

static int keep_ruling(void *ctx, const struct cl_event *ev) {
  struct why *w = ctx;
  if (ev->kind == CL_EVENT_REPORTED && !ev->late) w->step = ev->u.reported.step;
  if (ev->subject == 0 || !(cl_scheduler_is_ruling(ev) || cl_scheduler_is_answer(ev))) return 0;
  if (cl_grow(&w->events, &w->cap_events, w->n + 1, sizeof *w->events) < 0 ||
      cl_grow(&w->steps, &w->cap_steps, w->n + 1, sizeof *w->steps) < 0)
    return CLADE_ENOMEM;
  w->events[w->n] = cl_event_copy(ev);
  if (w->events[w->n] == NULL) return CLADE_ENOMEM;
  assert(w->n == 0 || w->events[w->n - 1]->position < ev->position);
  w->steps[w->n++] = w->step;
  return 0;
}

static void write_what(const struct cl_event *ev, const struct cl_study *study, struct cl_text *ret) {
  switch (ev->kind) {
  case CL_EVENT_EXPLOITED:
    cl_text_format(ret, "takes over snapshot %lld: ", (long long)ev->u.exploited.snapshot);
    cl_assigned_write(&ev->u.exploited.values, study, ret);
    return;
  case CL_EVENT_PAUSED: cl_text_add(ret, "pauses"); return;
  case CL_EVENT_STOPPED: cl_text_add(ret, "stops"); return;
  case CL_EVENT_CHECKPOINT_ASKED: cl_text_add(ret, "saves its state"); return;
  default: cl_text_add(ret, "goes on"); return;
  }
}

static int fill_ruling(struct why *w, const struct cl_event *ev, const struct cl_study *study,
                       struct clade_ruling *ret, struct cl_err *e) {
  struct cl_text text = {0};
  assert((cl_scheduler_is_ruling(ev) || cl_scheduler_is_answer(ev)) && ret->what == NULL);
  ret->position = ev->position;
  ret->as_of = ev->as_of;
  ret->answer = cl_scheduler_is_answer(ev);
  write_what(ev, study, &text);
  CL_TRY(keep_written(&w->arena, &text, &ret->what, e));
  int status = cl_scheduler_explain(ev, study, &text, e);
  if (status < 0) {
    cl_text_done(&text);
    return status;
  }
  CL_TRY(keep_written(&w->arena, &text, &ret->explanation, e));
  return cl_api_keep_text(&w->arena, ev->args, &ret->args, e);
}

static int audit_rulings(struct why *w, struct cl_reader *r, struct clade_ruling *rulings, struct cl_err *e) {
  struct cl_text *texts = cl_alloc_array(w->n, sizeof *texts);
  if (texts == NULL) return CL_FAIL_NOMEM(e);
  int status = cl_verify_rulings(r, w->events, w->n, texts, e);
  for (size_t i = 0; i < w->n; i++) {
    rulings[i].verified = status >= 0 && texts[i].length == 0;
    if (status >= 0 && texts[i].length > 0)
      status = keep_written(&w->arena, &texts[i], &rulings[i].difference, e);
    cl_text_done(&texts[i]);
  }
  cl_free(texts);
  return status;
}

static int fill_rulings(struct why *w, struct cl_reader *r, int64_t trial, const struct cl_study *study,
                        bool verify, struct cl_err *e) {
  const struct cl_read what = {.trial_lo = trial, .trial_hi = trial, .only_trials = true};
  w->step = NAN;
  int status = cl_store_read(cl_reader_store(r), cl_reader_id(r), &what, keep_ruling, w, e);
  if (status == CLADE_ENOMEM) return CL_FAIL_NOMEM(e);
  if (status < 0 || w->n == 0) return status;
  struct clade_ruling *rulings = cl_arena_array(&w->arena, w->n, sizeof *rulings);
  if (rulings == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < w->n; i++) {
    rulings[i] = (struct clade_ruling){.step = w->steps[i]};
    CL_TRY(fill_ruling(w, w->events[i], study, &rulings[i], e));
  }
  assert(w->reason.rulings == NULL && w->n > 0);
  w->reason.n_rulings = w->n;
  w->reason.rulings = rulings;
  return verify ? audit_rulings(w, r, rulings, e) : 0;
}

int clade_reason_read(struct clade_reader *reader, int64_t trial, bool verify, struct clade_reason **ret,
                      struct cl_err *e) {
  CL_TRY(cl_api_check(reader, "reader", ret, e));
  if (trial < 1)
    return CL_FAIL(e, CLADE_EINVAL, "trials are numbered from 1; %lld is none", (long long)trial);
  struct cl_story story = {0};
  const struct cl_study *study = NULL;
  CL_TRY(cl_story_read(reader->reader, trial, &story, e));
  struct why *w = cl_alloc(sizeof *w);
  int status = w == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status >= 0) status = cl_reader_need(reader->reader, trial, trial, &study, e);
  if (status >= 0 && story.birth == NULL)
    status = CL_FAIL(e, CLADE_ECORRUPT, "the log does not say where trial %lld came from", (long long)trial);
  if (status >= 0) status = fill_reason(w, story.birth, study, e);
  if (status >= 0 && verify) status = fill_audit(w, reader->reader, story.birth, e);
  if (status >= 0) status = fill_rulings(w, reader->reader, trial, study, verify, e);
  cl_story_done(&story);
  if (status >= 0)
    *ret = &w->reason;
  else if (w != NULL)
    clade_reason_free(&w->reason);
  return status < 0 ? status : 0;
}
