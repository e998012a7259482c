/* What a run would do, in words. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "run/bill.h"
#include "run/plan.h"
#include "run/run.h"
#include "schedule/scheduler.h"
#include "spec/words.h"
#include "store/store.h"

struct preview {
  struct clade_plan plan; /* first: the caller holds its address */
  struct cl_arena arena;
};

/* The text's copy in the arena; null without memory. */
static const char *keep_text(struct preview *p, struct cl_text *t) {
  const char *copy = t->failed ? NULL : cl_arena_text(&p->arena, cl_text_get(t));
  cl_text_done(t);
  return copy;
}

static const char *describe_space(struct preview *p, const struct cl_space *space) {
  struct cl_text t = {0};
  for (int i = 0; i < space->n; i++) {
    if (i > 0) cl_text_add_char(&t, '\n');
    cl_space_describe(&space->items[i], space, &t);
  }
  return keep_text(p, &t);
}

static const char *describe_schedule(struct preview *p, const struct cl_settings *s) {
  struct cl_text t = {0};
  cl_schedule_describe(s, &t);
  return keep_text(p, &t);
}

/* Of a store on this machine, if it is there: nothing is waited for. */
static const char *describe_bill(struct preview *p, const struct cl_plan *from) {
  struct cl_text t = {0};
  struct cl_bill_size size = {0};
  struct cl_store *store = NULL;
  bool near = from->settings->schedule != NULL && strstr(from->store, "://") == NULL;
  if (near &&
      cl_store_open(from->store, &(struct cl_store_options){.mode = CL_STORE_READ}, &store, NULL) == 0)
    cl_bill_find(store, from->settings->study, &size);
  cl_store_close(store);
  cl_bill_write(from->settings, &size, &t);
  return keep_text(p, &t);
}

static int write_command(struct preview *p, const struct cl_settings *s, struct cl_err *e) {
  struct cl_value *values = cl_alloc_array((size_t)s->space.n + 1, sizeof *values);
  char **words = NULL;
  int n = 0, status = values == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0) {
    cl_plan_tuned(&s->space, values);
    status = cl_spec_command(s, values, "{spec}", &n, &words, e);
  }
  if (status == 0) {
    struct cl_text t = {0};
    assert(n >= 1 && words[n] == NULL);
    for (int i = 0; i < n; i++) {
      if (i > 0) cl_text_add_char(&t, ' ');
      cl_word_quote(&t, words[i]);
    }
    p->plan.command = keep_text(p, &t);
    if (p->plan.command == NULL) status = CL_FAIL_NOMEM(e);
  }
  cl_spec_command_free(words);
  cl_free(values);
  return status;
}

/* Every text of a plan but these is always there. */
static bool is_whole(const struct clade_plan *p, const struct cl_settings *s) {
  bool program = s->cwd == NULL || p->cwd != NULL;
  bool schedule = cl_settings_scheduler(s) == NULL || p->schedule != NULL;
  return program && schedule && p->study != NULL && p->store != NULL && p->method != NULL &&
         p->options != NULL && p->metric != NULL && p->space != NULL && p->settings != NULL &&
         p->bill != NULL;
}

static int fill(struct preview *p, const struct cl_plan *from, struct cl_err *e) {
  const struct cl_settings *s = from->settings;
  assert(s != NULL && from->store != NULL);
  struct cl_arena *a = &p->arena;
  struct clade_plan *to = &p->plan;
  to->study = cl_arena_text(a, s->study);
  char *store = cl_store_show(from->store);
  to->store = cl_arena_text(a, store);
  cl_free(store);
  to->cwd = cl_arena_text(a, s->cwd);
  to->method = cl_arena_text(a, s->method);
  to->schedule = cl_arena_text(a, cl_settings_scheduler(s));
  to->options = describe_schedule(p, s);
  to->metric = cl_arena_text(a, s->objectives[0].name);
  to->goal = s->objectives[0].goal == CL_MAXIMIZE ? "maximize" : "minimize";
  to->trials = s->trials;
  to->parallel = s->parallel;
  to->once = from->result.once;
  to->n_hyperparameters = s->space.n;
  to->n_constraints = s->space.n_constraints;
  to->space = describe_space(p, &s->space);
  to->settings = cl_arena_text(a, from->result.settings);
  to->bill = describe_bill(p, from);
  if (!is_whole(to, s)) return CL_FAIL_NOMEM(e);
  return s->n_program > 0 ? write_command(p, s, e) : 0;
}

int cl_run_plan(const struct clade_run_options *options, const struct clade_run_callbacks *callbacks,
                struct clade_plan **ret, struct cl_err *e) {
  struct cl_plan plan;
  struct preview *p = cl_alloc(sizeof *p);
  int status = cl_plan_make(options, NULL, &plan, e);
  if (p == NULL && status == 0) status = CL_FAIL_NOMEM(e);
  if (status == 0) {
    cl_plan_tell(&plan, callbacks);
    status = fill(p, &plan, e);
  }
  cl_plan_done(&plan);
  if (status == 0)
    *ret = &p->plan;
  else if (p != NULL)
    cl_run_plan_free(&p->plan);
  return status;
}

void cl_run_plan_free(struct clade_plan *plan) {
  struct preview *p = (struct preview *)plan;
  if (p == NULL) return;
  cl_arena_done(&p->arena);
  cl_free(p);
}
