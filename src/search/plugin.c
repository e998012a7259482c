/* A searcher of the user's own, in a shared object (include/clade/plugin.h). The adapter: views and accessors
 * for the plugin on one side, a method like any other on the other. Every value it answers goes through
 * cl_space_convert. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/library.h"
#include "model/plugin.h"
#include "search/methods.h"

enum { NOTES_MAX = 32 };

/* The opaque views are these, by another name. */
struct clade_plugin_study {
  const struct cl_search_env *env;
};
struct clade_plugin_trial {
  const struct cl_search_env *env;
  const struct cl_told_trial *told;
};
struct clade_plugin_answer {
  const struct cl_search_env *env;
  struct cl_proposal *proposal;
  struct cl_value *values; /* space->n: what was set … */
  double *units;           /* … or by coordinate; NaN = not */
  int n_notes;
};

struct plugin_state {
  struct clade_plugin_study study;
  void *library;
  const struct clade_plugin *plugin;
  void *state;
  struct cl_value *values;
  double *units;
};

_Static_assert(CL_SPACE_MAX <= CLADE_PLUGIN_PARAMETERS, "a plugin has room for every space");

/* --- what the plugin sees --- */

static int host_parameters(const struct clade_plugin_study *study) {
  return study->env->space->n;
}

static struct clade_plugin_parameter host_parameter(const struct clade_plugin_study *study, int i) {
  return cl_plugin_parameter(study->env->space, i);
}

static int64_t host_trials(const struct clade_plugin_study *study) {
  return study->env->settings->trials;
}

static const char *host_option(const struct clade_plugin_study *study, const char *name) {
  return json_string_value(json_object_get(study->env->settings->search, name));
}

static bool host_number_option(const struct clade_plugin_study *study, const char *name, double *ret) {
  const json_t *node = json_object_get(study->env->settings->search, name);
  if (!json_is_number(node)) return false;
  *ret = json_number_value(node);
  return true;
}

static struct clade_plugin_told host_told(const struct clade_plugin_trial *trial) {
  const struct cl_told_trial *t = trial->told;
  assert(t->what == CL_TOLD_PENDING || t->what == CL_TOLD_RESULT);
  bool result = t->what == CL_TOLD_RESULT;
  return (struct clade_plugin_told){.number = t->number,
                                    .what = result ? CLADE_PLUGIN_RESULT : CLADE_PLUGIN_PENDING,
                                    .state = result ? cl_state_name(t->state) : "",
                                    .value = t->value,
                                    .foreign = t->role == CL_ROLE_FOREIGN};
}

static double host_unit(const struct clade_plugin_trial *trial, int i) {
  const struct cl_space *space = trial->env->space;
  if (i < 0 || i >= space->n || trial->told->values[i].kind == CL_ABSENT) return NAN;
  return cl_space_encode_one(&space->items[i], trial->told->values[i]);
}

static struct clade_value host_value(const struct clade_plugin_trial *trial, int i) {
  bool known = i >= 0 && i < trial->env->space->n;
  return cl_plugin_value(known ? trial->told->values[i] : (struct cl_value){0});
}

static int64_t host_number(const struct clade_plugin_answer *a) {
  return a->proposal->number;
}

static double host_uniform(const struct clade_plugin_answer *a, uint32_t stream) {
  struct cl_rng r = cl_rng_stream(a->env->seed, CL_RNG_USER, (uint64_t)a->proposal->number,
                                  0x80000000u | (stream & 0xFFFF)); /* apart from what enqueued points draw */
  return cl_rng_uniform(&r);
}

static void host_set_unit(struct clade_plugin_answer *a, int i, double u) {
  if (i < 0 || i >= a->env->space->n) return;
  a->units[i] = u;
  a->values[i] = (struct cl_value){0};
}

static void host_set_value(struct clade_plugin_answer *a, int i, struct clade_value v) {
  if (i < 0 || i >= a->env->space->n) return;
  a->units[i] = NAN;
  a->values[i] = cl_plugin_inner_value(v);
}

static void host_note(struct clade_plugin_answer *a, const char *name, double x) {
  bool ours = name != NULL && (strcmp(name, "method") == 0 || strcmp(name, "redraws") == 0);
  if (a->n_notes < NOTES_MAX && !ours) a->n_notes += cl_plugin_note(a->proposal->args, ", ", name, x);
}

static const struct clade_plugin_host host = {.abi = sizeof(struct clade_plugin_host),
                                              .parameters = host_parameters,
                                              .parameter = host_parameter,
                                              .trials = host_trials,
                                              .option = host_option,
                                              .number_option = host_number_option,
                                              .told = host_told,
                                              .unit = host_unit,
                                              .value = host_value,
                                              .number = host_number,
                                              .uniform = host_uniform,
                                              .set_unit = host_set_unit,
                                              .set_value = host_set_value,
                                              .note = host_note};

/* --- loading --- */

static int load(const struct cl_settings *settings, void **ret_library, const struct clade_plugin **ret,
                struct cl_err *e) {
  static const struct cl_library_kind kind = {"search",
                                              "searcher",
                                              "clade_plugin_entry",
                                              "include/clade/plugin.h",
                                              CLADE_PLUGIN_VERSION,
                                              sizeof(struct clade_plugin)};
  char *path = cl_plugin_path(settings, settings->method);
  const void *table = NULL;
  void *library = NULL;
  if (path == NULL) return CL_FAIL_NOMEM(e);
  int status = cl_library_open(&kind, path, &library, &table, e);
  const struct clade_plugin *p = table;
  if (status == 0 && (p->next == NULL || p->state_size > (size_t)1 << 40))
    status = CL_FAIL(e, CLADE_ESPEC, "search: the plugin %.400s has no `next`, or a state of %zu bytes", path,
                     p->state_size);
  cl_free(path);
  if (status < 0) {
    cl_library_close(library);
    return status;
  }
  assert(library != NULL && p != NULL && p->next != NULL);
  *ret_library = library;
  *ret = p;
  return 0;
}

int cl_plugin_check(const struct cl_settings *settings, struct cl_err *e) {
  void *library = NULL;
  const struct clade_plugin *plugin = NULL;
  CL_TRY(load(settings, &library, &plugin, e));
  cl_library_close(library);
  return 0;
}

/* --- the method --- */

static int blame(const struct plugin_state *s, int status, char *error, const char *what, struct cl_err *e) {
  return cl_plugin_blame("the searcher", s->study.env->settings->method, status, error, what, e);
}

static int plugin_init(void *st, const struct cl_search_env *env, struct cl_err *e) {
  struct plugin_state *s = st;
  char error[CLADE_PLUGIN_ERROR] = "";
  size_t n = (size_t)env->space->n + 1;
  s->study.env = env;
  CL_TRY(load(env->settings, &s->library, &s->plugin, e));
  s->state = cl_alloc(s->plugin->state_size);
  s->values = cl_alloc_array(n, sizeof *s->values);
  s->units = cl_alloc_array(n, sizeof *s->units);
  if (s->state == NULL || s->values == NULL || s->units == NULL) return CL_FAIL_NOMEM(e);
  int status = s->plugin->init == NULL ? 0 : s->plugin->init(s->state, &host, &s->study, error);
  return status == 0 ? 0 : blame(s, status, error, "to begin", e);
}

static int plugin_tell(void *st, const struct cl_told_trial *t, struct cl_err *e) {
  struct plugin_state *s = st;
  char error[CLADE_PLUGIN_ERROR] = "";
  assert(s->plugin != NULL && s->state != NULL);
  if (s->plugin->apply == NULL) return 0;
  struct clade_plugin_trial trial = {s->study.env, t};
  int status = s->plugin->apply(s->state, &host, &trial, error);
  return status == 0 ? 0 : blame(s, status, error, "when it was told of a trial", e);
}

/* One value of the answer, as one of the domain. */
static int take_value(const struct plugin_state *s, const struct cl_proposal *p, int i, struct cl_err *e) {
  const struct cl_hyperparameter *h = &s->study.env->space->items[i];
  double u = s->units[i];
  struct cl_value set = s->values[i];
  assert(isnan(u) || set.kind == CL_ABSENT); /* one of the two, whichever came last */
  if (isnan(u) && set.kind == CL_ABSENT) return 0;
  if (!isnan(u) && (u < 0 || u > 1))
    return CL_FAIL(
        e, CLADE_EINVAL,
        "the searcher %.200s answered the coordinate %g for %s of trial %lld, but coordinates lie in [0, 1]",
        s->study.env->settings->method, u, h->name, (long long)p->number);
  if (!isnan(u)) {
    s->values[i] = cl_space_decode_one(h, u);
    return 0;
  }
  int status = cl_plugin_take(h, set, &s->values[i], e);
  if (status < 0 && status != CLADE_ENOMEM && e != NULL)
    (void)cl_err_prefix(e, "the searcher %.200s answered a value for trial %lld that is not allowed: ",
                        s->study.env->settings->method, (long long)p->number);
  return status;
}

static int plugin_ask(void *st, struct cl_proposal *p, struct cl_err *e) {
  struct plugin_state *s = st;
  char error[CLADE_PLUGIN_ERROR] = "";
  int n = s->study.env->space->n;
  assert(s->plugin != NULL && s->state != NULL && n <= CLADE_PLUGIN_PARAMETERS);
  for (int i = 0; i < n; i++) {
    s->units[i] = NAN;
    s->values[i] = (struct cl_value){0};
  }
  struct clade_plugin_answer answer = {s->study.env, p, s->values, s->units, 0};
  int status = s->plugin->next(s->state, &host, &answer, error);
  if (status == CLADE_EMPTY) return CLADE_EMPTY;
  if (status != 0) return blame(s, status, error, "to propose", e);
  for (int i = 0; i < n; i++) {
    const struct cl_hyperparameter *h = &s->study.env->space->items[i];
    if (!cl_plugin_may_set(h)) s->values[i] = (struct cl_value){0}, s->units[i] = NAN;
    CL_TRY(take_value(s, p, i, e));
  }
  cl_search_draw(s->study.env, CL_RNG_RANDOM, s->values, p); /* what it left out; the inactive is dropped */
  return 0;
}

static void plugin_done(void *st) {
  struct plugin_state *s = st;
  if (s->plugin != NULL && s->plugin->done != NULL && s->state != NULL) s->plugin->done(s->state);
  cl_free(s->state);
  cl_free(s->values);
  cl_free(s->units);
  cl_library_close(s->library);
}

/* What it noted. Nothing of the plugin is loaded for that. */
static void plugin_explain(const json_t *args, const struct cl_study *study, struct cl_text *ret) {
  json_t *object = (json_t *)(uintptr_t)args; /* jansson's iterators want a mutable one, and leave it alone */
  const char *comma = ": ";
  (void)study;
  cl_text_add(ret, json_string_value(json_object_get(args, "method")));
  for (void *it = json_object_iter(object); it != NULL; it = json_object_iter_next(object, it)) {
    const json_t *value = json_object_iter_value(it);
    if (!json_is_number(value) || strcmp(json_object_iter_key(it), "redraws") == 0) continue;
    cl_text_format(ret, "%s%s ", comma, json_object_iter_key(it));
    cl_text_add_number(ret, json_number_value(value));
    comma = ", ";
  }
  cl_text_add(ret, comma[0] == ':' ? ": it gave no reasons\n" : "\n");
}

static const struct cl_option plugin_options[] = {{0}};

const struct cl_searcher_ops cl_plugin_search = {
    .abi = sizeof(struct cl_searcher_ops),
    .name = "plugin",
    .summary = "a searcher of one's own",
    .source = "include/clade/plugin.h",
    .capabilities = CL_SEARCH_LEARNS | CL_SEARCH_ENDS,
    .options = plugin_options,
    .state_size = sizeof(struct plugin_state),
    .init = plugin_init,
    .tell = plugin_tell,
    .ask = plugin_ask,
    .done = plugin_done,
    .explain = plugin_explain,
};
