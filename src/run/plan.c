#include "run/plan.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "schedule/scheduler.h"
#include "search/searcher.h"
#include "store/store.h"

char *cl_working_directory(void) {
  char path[PATH_MAX];
  return cl_copy_text(getcwd(path, sizeof path) == NULL ? "/" : path);
}

char *cl_store_choose(const char *typed, const char *from_spec, const char *here) {
  const char *address = typed;
  assert(here != NULL && here[0] == '/');
  if (address == NULL) address = getenv("CLADE_STORE");
  if (address == NULL || address[0] == '\0') address = from_spec;
  if (address == NULL) address = "clade.db";
  if (strncmp(address, "sqlite:///", 10) == 0) address += 10; /* sqlite:///path and sqlite:////absolute */
  if (strchr(address, ':') != NULL && strchr(address, '/') == NULL)
    return cl_copy_text(address); /* memory: */
  if (strstr(address, "://") != NULL) return cl_copy_text(address);
  return cl_path_join(here, address);
}

static int list_objective(const struct clade_run_options *o, struct cl_objective *ret) {
  int n = 0;
  assert(o->minimize == NULL || o->maximize == NULL); /* cl_check_run */
  if (o->minimize != NULL) ret[n++] = (struct cl_objective){o->minimize, CL_MINIMIZE, CL_LAST};
  if (o->maximize != NULL) ret[n++] = (struct cl_objective){o->maximize, CL_MAXIMIZE, CL_LAST};
  return n;
}

static int read_spec(const struct clade_run_options *options, const struct cl_plan_how *how,
                     struct cl_plan *ret, struct cl_err *e) {
  if (how->text != NULL) return cl_spec_parse(how->text, strlen(how->text), how->name, &ret->spec, e);
  if (options->spec != NULL) return cl_spec_load(options->spec, &ret->spec, e);
  if (options->argc > 0)
    return cl_spec_inline(options->argc, (const char *const *)options->argv, &ret->spec, e);
  return CL_FAIL(
      e, CLADE_ESPEC,
      "there is nothing to run: name a spec file (clade run spec.yaml) or give a command with search "
      "expressions (clade run --minimize loss -- python train.py '--lr=[log(1e-5,1e-1)]')");
}

static int check_methods(struct cl_plan *p, struct cl_err *e) {
  int status = cl_search_fits(p->settings, e);
  if (status < 0) return cl_spec_blame(p->spec, "search", e);
  if (cl_schedule_check(p->settings, e) < 0) return cl_spec_blame(p->spec, "schedule", e);
  if (p->result.target != NULL && strcmp(p->result.target, "local") != 0) {
    (void)CL_FAIL(e, CLADE_ESPEC, "the target '%s' is not supported by this version: only `target: local`",
                  p->result.target);
    return cl_spec_blame(p->spec, "target", e);
  }
  return 0;
}

/* The text that is kept has no password of the store: whoever may read a study need not be its owner. */
static int hide_password(char **text, const char *store, struct cl_err *e) {
  struct cl_text t = {0};
  char *shown = store == NULL ? NULL : cl_store_show(store);
  const char *at = store == NULL || *text == NULL ? NULL : strstr(*text, store), *rest = *text;
  if (store != NULL && shown == NULL) return CL_FAIL_NOMEM(e);
  if (at == NULL || strcmp(shown, store) == 0) {
    cl_free(shown);
    return 0;
  }
  assert(store[0] != '\0'); /* else it would be found everywhere */
  for (; at != NULL; at = strstr(rest, store)) {
    cl_text_add_bytes(&t, rest, (size_t)(at - rest));
    cl_text_add(&t, shown);
    rest = at + strlen(store);
  }
  cl_text_add(&t, rest);
  cl_free(shown);
  char *hidden = cl_text_take(&t);
  if (hidden == NULL) return CL_FAIL_NOMEM(e);
  cl_free(*text);
  *text = hidden;
  return 0;
}

int cl_plan_make(const struct clade_run_options *options, const struct cl_plan_how *how, struct cl_plan *ret,
                 struct cl_err *e) {
  static const struct cl_plan_how usual = {0};
  if (how == NULL) how = &usual;
  struct cl_objective objectives[2];
  memset(ret, 0, sizeof *ret);
  ret->here = cl_working_directory();
  if (ret->here == NULL) return CL_FAIL_NOMEM(e);
  struct cl_spec_overrides o = {.here = ret->here,
                                .cores = (int)sysconf(_SC_NPROCESSORS_ONLN),
                                .study = options->name,
                                .store = options->store,
                                .trials = options->trials,
                                .parallel = options->parallel,
                                .has_seed = options->has_seed,
                                .seed = options->seed,
                                .n_objectives = list_objective(options, objectives),
                                .objectives = objectives,
                                .metric_regex = options->metric_regex,
                                .method = options->method,
                                .hp_config = options->hp_config,
                                .once = how->once,
                                .in_process = how->in_process,
                                .history = options->history,
                                .n_set = options->n_set,
                                .set = options->set,
                                .max_failures = options->max_failures,
                                .has_max_failures = options->max_failures > 0};
  if (options->spec != NULL) {
    o.n_program = options->argc;
    o.program = (const char *const *)options->argv;
  }
  CL_TRY(read_spec(options, how, ret, e));
  CL_TRY(cl_spec_resolve(ret->spec, &o, &ret->result, e));
  CL_TRY(hide_password(&ret->result.spec, ret->result.store, e));
  CL_TRY(cl_settings_parse(ret->result.settings, &ret->settings, e));
  CL_TRY(check_methods(ret, e));
  assert(ret->result.settings != NULL && ret->result.spec != NULL && ret->settings->n_objectives >= 1);
  ret->store = cl_store_choose(options->store, ret->result.store, ret->here);
  return ret->store == NULL ? CL_FAIL_NOMEM(e) : 0;
}

void cl_plan_done(struct cl_plan *p) {
  cl_settings_destroy(p->settings);
  cl_spec_result_done(&p->result);
  cl_spec_destroy(p->spec);
  cl_free(p->here);
  cl_free(p->store);
  memset(p, 0, sizeof *p);
}

void cl_plan_tuned(const struct cl_space *space, struct cl_value *ret) {
  for (int i = 0; i < space->n; i++) ret[i] = space->items[i].tuned;
  cl_space_settle(space, ret, NULL);
}

void cl_plan_tell(const struct cl_plan *p, const struct clade_run_callbacks *callbacks) {
  if (callbacks == NULL || callbacks->note == NULL) return;
  for (int i = 0; i < p->result.n_notes; i++) {
    const struct cl_spec_note *n = &p->result.notes[i];
    assert(n->text != NULL);
    if (n->kind == CL_SPEC_QUESTION && callbacks->ask != NULL) continue;
    callbacks->note(callbacks->ctx, n->kind == CL_SPEC_NOTE ? CLADE_NOTE_INFO : CLADE_NOTE_WARNING, n->text);
  }
}

bool cl_plan_ask(const struct cl_plan *p, const struct clade_run_callbacks *callbacks) {
  for (int i = 0; i < p->result.n_notes && callbacks != NULL && callbacks->ask != NULL; i++)
    if (p->result.notes[i].kind == CL_SPEC_QUESTION &&
        !callbacks->ask(callbacks->ctx, p->result.notes[i].text))
      return false;
  return true;
}
