/* From what was written to settings: overrides, defaults, checks across parts. The order of checks is the
 * order in which a person would want to hear of them.
 */
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "model/constraint.h"
#include "model/event.h"
#include "model/metric_regex.h"
#include "spec/hyperparameters.h"
#include "spec/spec_impl.h"

enum { ENQUEUED_MAX = 10000, CONSTRAINTS_MAX = 1000 };

/* --- parts that overrides replace --- */

static int read_config(struct cl_draft *d, struct cl_err *e) {
  const char *path = d->o->hp_config;
  char *text = NULL;
  size_t n = 0;
  CL_TRY(cl_file_read(path, CL_TREE_BYTES, &text, &n, e));
  struct cl_source *source = cl_arena_alloc(d->r.arena, sizeof *source);
  const char *kept = cl_arena_bytes(d->r.arena, text, n);
  cl_free(text);
  if (source == NULL || kept == NULL) return CL_FAIL_NOMEM(e);
  *source = (struct cl_source){.name = path, .text = kept, .n = n};
  struct cl_reader r = d->r;
  r.source = source;
  struct cl_node *root = NULL;
  CL_TRY(cl_tree_parse(source, d->r.arena, true, &root, e));
  CL_TRY(cl_tree_check_keys(source, root, e));
  return cl_hyperparameters_read_config(&r, root, &d->definitions, e);
}

static int override_method(const char *name, json_t **method, struct cl_err *e) {
  if (name == NULL) return 0;
  const char *old = json_string_value(json_object_get(*method, "method"));
  if (old != NULL && strcmp(old, name) == 0) return 0;
  if (old != NULL || *method == NULL) {
    json_decref(*method);
    *method = json_object();
  }
  return json_object_set_new(*method, "method", json_string(name)) < 0 ? CL_FAIL_NOMEM(e) : 0;
}

static int override_objectives(struct cl_draft *d, struct cl_err *e) {
  static const char *const reduces[] = {"last", "best", "mean"};
  const struct cl_spec_overrides *o = d->o;
  if (o->n_objectives > 0) d->computed = NULL;
  if (o->n_objectives > CL_OBJECTIVES_MAX)
    return CL_FAIL(e, CLADE_ESPEC, "%d metrics are named; a study has at most %d", o->n_objectives,
                   CL_OBJECTIVES_MAX);
  for (int i = 0; i < o->n_objectives; i++) {
    json_t *made = json_pack("{s:s, s:s, s:s}", "name", o->objectives[i].name, "goal",
                             o->objectives[i].goal == CL_MAXIMIZE ? "maximize" : "minimize", "reduce",
                             reduces[o->objectives[i].reduce]);
    if (json_array_append_new(d->objectives, made) < 0) return CL_FAIL_NOMEM(e);
  }
  if (d->computed == NULL) return 0;
  json_t *made = json_pack("{s:s, s:s, s:s}", "name", d->computed, "goal", "maximize", "reduce", "last");
  return json_array_append_new(d->objectives, made) < 0 ? CL_FAIL_NOMEM(e) : 0;
}

static int override_limits(struct cl_draft *d, struct cl_err *e) {
  const struct cl_spec_overrides *o = d->o;
  if (o->time != NULL && !cl_text_to_seconds(o->time, &d->time_s))
    return CL_FAIL(e, CLADE_ESPEC, "the time limit is '%s'; write a duration such as 90s, 15m, 2h or 1h30m",
                   o->time);
  if (o->grace != NULL && !cl_text_to_seconds(o->grace, &d->grace_s))
    return CL_FAIL(e, CLADE_ESPEC, "the grace time is '%s'; write a duration such as 10s", o->grace);
  if (o->memory != NULL && !cl_read_size(o->memory, &d->memory_bytes))
    return CL_FAIL(e, CLADE_ESPEC, "the memory limit is '%s'; write a size such as 512M or 4G", o->memory);
  if (o->has_retries) d->retries = o->retries;
  if (o->has_max_failures) d->max_failures = o->max_failures;
  if (d->retries > 100 || d->retries < -1 || d->max_failures < -1)
    return CL_FAIL(e, CLADE_ESPEC,
                   "retries lie between 0 and 100, and max_failures is 0 (never give up) or more");
  return 0;
}

static int override_numbers(struct cl_draft *d, struct cl_err *e) {
  const struct cl_spec_overrides *o = d->o;
  if (o->trials != 0) d->trials = o->trials;
  if (o->parallel != 0) d->parallel = o->parallel;
  if (d->trials < 0 || d->trials > CL_TRIALS_MAX)
    return CL_FAIL(e, CLADE_ESPEC, "%lld trials are asked for; the number must lie between 1 and 10^12",
                   (long long)d->trials);
  if (d->parallel < 0 || d->parallel > 1000000)
    return CL_FAIL(e, CLADE_ESPEC, "parallel is %lld, but must lie between 1 and 1000000",
                   (long long)d->parallel);
  if (o->has_seed) d->seed = o->seed;
  d->has_seed = d->has_seed || o->has_seed;
  d->ordered = d->ordered || o->ordered || o->lag > 0;
  if (o->lag > 0) d->lag = o->lag;
  return override_limits(d, e);
}

static int override_texts(struct cl_draft *d, struct cl_err *e) {
  const struct cl_spec_overrides *o = d->o;
  if (o->study != NULL) d->study = o->study;
  if (o->store != NULL) d->store = o->store;
  if (o->target != NULL) d->target = o->target;
  if (o->directory != NULL) d->directory = o->directory;
  if (o->cwd != NULL) d->cwd = o->cwd;
  if (o->metric_regex != NULL) d->metric_regex = o->metric_regex;
  if (o->step != NULL) d->step = o->step;
  if (o->values_to != NULL) d->values_to = o->values_to;
  if (o->values_to != NULL && strcmp(o->values_to, "placeholders") != 0 &&
      strcmp(o->values_to, "after-script") != 0)
    return CL_FAIL(e, CLADE_ESPEC, "args is '%s', but must be placeholders or after-script", o->values_to);
  const char *schedule = json_string_value(json_object_get(d->schedule, "method"));
  CL_TRY(override_method(o->method, &d->search, e));
  if (o->scheduler != NULL ? strcmp(o->scheduler, "none") == 0
                           : schedule != NULL && strcmp(schedule, "none") == 0) {
    json_decref(d->schedule);
    d->schedule = NULL;
    return 0;
  }
  return override_method(o->scheduler, &d->schedule, e);
}

/* --- names and places --- */

static bool is_study_character(char c) {
  return c < 0 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
         c == '_' || c == '-';
}

/* A control, a character that turns the direction of writing, or one without width, in UTF-8: who reads the
 * name could not type it. */
static bool is_unseen(const char *text) {
  unsigned char p[3] = {0};
  for (int i = 0; i < 3 && text[i] != '\0'; i++) p[i] = (unsigned char)text[i];
  if (p[0] == 0xC2) return p[1] < 0xA0;                  /* U+0080 … U+009F */
  if (p[0] == 0xEF) return p[1] == 0xBB && p[2] == 0xBF; /* U+FEFF */
  if (p[0] != 0xE2) return false;
  if (p[1] == 0x80) return (p[2] >= 0x8B && p[2] <= 0x8F) || (p[2] >= 0xA8 && p[2] <= 0xAE);
  return p[1] == 0x81 && p[2] >= 0xA6 && p[2] <= 0xA9;
}

static bool is_study_name(const char *name) {
  size_t n = strlen(name);
  if (n < 1 || n > 100 || name[0] == '.' || name[0] == '-') return false;
  for (const char *p = name; *p != '\0'; p++)
    if (!is_study_character(*p) || is_unseen(p)) return false;
  return true;
}

/* train.py, specs/train.yaml: train. */
static const char *name_after(struct cl_arena *arena, const char *path) {
  assert(path != NULL);
  const char *slash = strrchr(path, '/'), *base = slash == NULL ? path : slash + 1;
  const char *dot = strrchr(base, '.');
  size_t n = dot == NULL || dot == base ? strlen(base) : (size_t)(dot - base);
  char *name = cl_arena_bytes(arena, base, n < 100 ? n : 100);
  if (name == NULL) return NULL;
  for (char *p = name; *p != '\0'; p++)
    if (!is_study_character(*p) || *p < 0) *p = '_';
  if (name[0] == '.' || name[0] == '-') name[0] = '_';
  return name[0] == '\0' ? "study" : name;
}

static int settle_name(struct cl_draft *d, struct cl_err *e) {
  if (d->study == NULL) {
    const char *path = d->s->source->name;
    if (d->s->kind == CL_SPEC_INLINE) path = d->s->words[cl_spec_script((size_t)d->s->n_words, d->s->words)];
    d->study = name_after(d->r.arena, path);
    return d->study == NULL ? CL_FAIL_NOMEM(e) : 0;
  }
  if (is_study_name(d->study)) return 0;
  (void)CL_FAIL(
      e, CLADE_ESPEC,
      "'%.60s' cannot name a study: a name has 1 to 100 letters, digits and . _ -, and does not begin with "
      ". or -",
      d->study);
  const struct cl_node *node = d->o->study != NULL ? NULL : cl_node_find(d->s->root, "study");
  return node == NULL ? CLADE_ESPEC : cl_source_blame(d->r.source, node->start, NULL, e);
}

/* Relative to where the command was started. */
static int settle_path(struct cl_draft *d, const char **path, struct cl_err *e) {
  assert(d->o->here[0] == '/');
  if (*path == NULL || (*path)[0] == '/') return 0;
  *path = cl_arena_format(d->r.arena, "%s/%s", d->o->here, *path);
  return *path == NULL ? CL_FAIL_NOMEM(e) : 0;
}

/* A complaint without a place gets that of the key it is about, when the file has it. */
static int blame_key(const struct cl_draft *d, const char *key, struct cl_err *e) {
  if (e == NULL || e->code != CLADE_ESPEC) return e == NULL ? CLADE_ESPEC : e->code;
  const struct cl_node *node = cl_node_find(d->s->root, key);
  if (node != NULL) return cl_source_blame(d->r.source, node->start, NULL, e);
  return cl_err_prefix(e, "%s: ", d->r.source->name);
}

static bool is_inline(const struct cl_draft *d) {
  return d->s->kind == CL_SPEC_INLINE;
}

/* --- program --- */

/* Brackets are expressions on a command line without a file only. */
static int warn_of_brackets(const struct cl_draft *d, struct cl_err *e) {
  for (size_t i = 0; i < d->program.n; i++) {
    const struct cl_program_word *w = &d->program.words[i];
    const char *equals = strchr(w->text, '='), *value = equals == NULL ? w->text : equals + 1;
    size_t n = strlen(value);
    if (n < 2 || value[0] != '[' || value[n - 1] != ']') continue;
    struct cl_reader r = d->r;
    r.source = w->source;
    CL_TRY(cl_note_add(
        &r, CL_SPEC_WARNING, w->at, e,
        "'%.60s' looks like a search expression, but beside a file it is passed on as it is; put the "
        "hyperparameter into the file and {name} here",
        w->text));
  }
  return 0;
}

static int settle_program(struct cl_draft *d, bool *ret_any, struct cl_err *e) {
  bool spec = false;
  if (d->s->kind != CL_SPEC_INLINE && d->o->n_program > 0)
    CL_TRY(cl_program_take(d->r.arena, d->o->n_program, d->o->program, &d->program, e));
  if (!is_inline(d) && d->o->n_program > 0) CL_TRY(warn_of_brackets(d, e));
  if (d->program.n == 0 && !d->o->in_process)
    return CL_FAIL(
        e, CLADE_ESPEC,
        "%s does not say what to run\nexpected: `program: python train.py --lr {lr}` in the file, or the "
        "program after --",
        d->r.source->name);
  CL_TRY(cl_program_check(&d->program, &d->definitions, ret_any, &spec, e));
  if (spec && d->dump == NULL) {
    (void)CL_FAIL(
        e, CLADE_ESPEC,
        "the program asks for {spec}, the resolved copy of `trainer:`, which is missing; add it, with "
        "aliases such as `lr: *lr` below");
    return blame_key(d, d->o->n_program > 0 ? "" : "program", e);
  }
  if (d->s->kind == CL_SPEC_RUNSPEC && d->program.n > 0 && !spec)
    CL_TRY(cl_note_add(
        &d->r, CL_SPEC_WARNING, 0, e,
        "no word of the program is {spec}, the copy with the chosen values; a program that does not "
        "read CLADE_SPEC gets none of them"));
  if (d->values_to == NULL)
    d->values_to = d->o->hp_config != NULL && !*ret_any && !spec ? "after-script" : "placeholders";
  return 0;
}

/* Trap A10: a search over a value that nothing reads. Only where all ways of a value are visible. */
static int warn_unreferenced(struct cl_draft *d, bool any_placeholder, struct cl_err *e) {
  bool visible =
      d->s->kind == CL_SPEC_RUNSPEC || (any_placeholder && strcmp(d->values_to, "placeholders") == 0);
  if (!visible || d->o->in_process) return 0;
  struct cl_text names = {0};
  const struct cl_definition *first = NULL;
  int n = 0;
  for (size_t i = 0; i < d->definitions.n; i++) {
    const struct cl_definition *one = &d->definitions.items[i];
    if (one->referenced) continue;
    if (first == NULL) first = one;
    cl_text_format(&names, "%s%s", n++ == 0 ? "" : ", ", one->h.name);
  }
  int status = names.failed ? CL_FAIL_NOMEM(e) : 0;
  assert((n == 0) == (first == NULL));
  struct cl_reader r = d->r;
  if (first != NULL) r.source = first->source;
  if (first != NULL && status == 0)
    status = cl_note_add(&r, CL_SPEC_WARNING, first->at, e,
                         "nothing refers to %s%.400s: the search would vary what no one reads (%s)",
                         n == 1 ? "" : "these: ", cl_text_get(&names),
                         d->s->kind == CL_SPEC_RUNSPEC
                             ? "use `*name` in the runspec"
                             : "use `{name}` in the program or `*name` below `trainer:`");
  cl_text_done(&names);
  return status;
}

/* --- budget --- */

static bool is_admitted(const struct cl_definition *one, struct cl_value v) {
  for (int i = 0; i < one->h.n_when; i++)
    if (cl_value_equal(one->h.when[i], v)) return true;
  return false;
}

/* Does it exist when all take their tuned values? */
static bool is_tuned_active(const struct cl_definition *one) {
  assert((one->up == NULL) == (one->parent == NULL));
  for (; one->up != NULL; one = one->up) {
    const struct cl_hyperparameter *parent = &one->up->h;
    if (!is_admitted(one, parent->domain == CL_CONSTANT ? parent->values[0] : parent->tuned)) return false;
  }
  return true;
}

/* Runs without a search take the tuned values, so each must be there. */
static int check_tuned(const struct cl_draft *d, struct cl_err *e) {
  for (size_t i = 0; i < d->definitions.n; i++) {
    const struct cl_definition *one = &d->definitions.items[i];
    if (one->h.tuned.kind != CL_ABSENT || one->h.domain == CL_CONSTANT || one->h.drawn ||
        !is_tuned_active(one))
      continue;
    return cl_source_fail(one->source, one->at, "`tuned_value: v` for each hyperparameter", e,
                          "%s has no tuned value, which a run without a search needs", one->h.name);
  }
  return 0;
}

static int settle_budget(struct cl_draft *d, struct cl_err *e) {
  d->once = d->once || d->o->once;
  if (d->definitions.n == 0) d->repeats = true;
  if (d->once) {
    d->repeats = true;
    d->trials = d->parallel = 1;
  }
  if (d->repeats) CL_TRY(check_tuned(d, e));
  if (d->parallel == 0) d->parallel = 1;
  if (d->search == NULL) CL_TRY(override_method("random", &d->search, e));
  const char *method = json_string_value(json_object_get(d->search, "method"));
  json_int_t population = json_integer_value(json_object_get(d->schedule, "population"));
  json_int_t starters = json_integer_value(json_object_get(d->schedule, "starters")); /* for each member */
  if (starters < 1 || starters > CL_TRIALS_MAX) starters = 1; /* said where options are checked */
  if (d->trials == 0 && population > 0 && population <= CL_TRIALS_MAX / starters)
    d->trials = population * starters;
  if (d->trials == 0 && method != NULL && strcmp(method, "grid") == 0 && !d->repeats)
    d->trials = CL_TRIALS_MAX;
  if (d->trials == 0 && d->definitions.n == 0) d->trials = 1;
  if (d->trials == 0 && d->o->in_process) d->trials = CL_TRIALS_MAX; /* as many as are asked for */
  if (d->trials == 0)
    return CL_FAIL(e, CLADE_ESPEC, "%s does not say how many trials to run\nexpected: %s--trials 50",
                   d->r.source->name, is_inline(d) ? "" : "`trials: 50` in the file, or ");
  assert(d->trials >= 1 && d->parallel >= 1 && d->search != NULL);
  if (d->definitions.n > 0 || d->once || d->trials == 1) return 0;
  return cl_note_add(&d->r, CL_SPEC_NOTE, 0, e, "there are no hyperparameters: %lld runs of the same command",
                     (long long)d->trials);
}

static int no_metric(const struct cl_draft *d, struct cl_err *e) {
  return CL_FAIL(e, CLADE_ESPEC,
                 "%s does not say which metric counts, and whether small or large is good\nexpected: %s%s",
                 d->r.source->name,
                 is_inline(d) ? "" : "`metric: {name: val_loss, goal: minimize}` in the file, or ",
                 "--minimize val_loss, or --maximize accuracy");
}

static const char *objective_name(const struct cl_draft *d, size_t i) {
  const json_t *name = json_object_get(json_array_get(d->objectives, i), "name");
  assert(i < json_array_size(d->objectives) && json_is_string(name));
  return json_string_value(name);
}

static int check_objectives(const struct cl_draft *d, struct cl_err *e) {
  size_t n = json_array_size(d->objectives);
  if (n == 0) return no_metric(d, e);
  for (size_t i = 0; i < n; i++) {
    const char *name = objective_name(d, i);
    bool both = cl_definitions_find(&d->definitions, name) != NULL, twice = false, unfit = false;
    for (size_t k = 0; k < i; k++) twice = twice || strcmp(objective_name(d, k), name) == 0;
    if (both)
      (void)CL_FAIL(e, CLADE_ESPEC, "%.100s is a metric and a hyperparameter; give one another name", name);
    else if (twice)
      (void)CL_FAIL(e, CLADE_ESPEC, "the metric %.100s is named twice", name);
    else if (name[0] == '\0' || strlen(name) > CL_NAME_MAX)
      unfit = true;
    if (unfit)
      (void)CL_FAIL(e, CLADE_ESPEC, "the metric's name has %zu bytes; it must have 1 to %d", strlen(name),
                    CL_NAME_MAX);
    if (both || twice || unfit) return blame_key(d, d->o->n_objectives > 0 ? "" : "metric", e);
  }
  return 0;
}

/* --- settings --- */

static int set(json_t *o, const char *key, json_t *value) {
  return json_object_set_new(o, key, value); /* fails for a null value: out of memory */
}

static int set_text(json_t *o, const char *key, const char *text) {
  return text == NULL ? 0 : set(o, key, json_string(text));
}

static json_t *limits_json(const struct cl_draft *d) {
  json_t *o = json_object();
  int failed = 0;
  if (d->time_s > 0) failed |= set(o, "time_s", json_real(d->time_s));
  if (d->memory_bytes > 0) failed |= set(o, "memory_bytes", json_integer(d->memory_bytes));
  if (d->disk_bytes > 0) failed |= set(o, "disk_bytes", json_integer(d->disk_bytes));
  if (d->retries >= 0) failed |= set(o, "retries", json_integer(d->retries));
  if (d->max_failures >= 0) failed |= set(o, "max_failures", json_integer(d->max_failures));
  if (d->grace_s > 0) failed |= set(o, "grace_s", json_real(d->grace_s));
  if (d->reconnect_s > 0) failed |= set(o, "reconnect_s", json_real(d->reconnect_s));
  if (failed == 0) return o;
  json_decref(o);
  return NULL;
}

static int describe_running(const struct cl_draft *d, json_t *o) {
  int failed = set(o, "trials", json_integer(d->trials));
  failed |= set(o, "parallel", json_integer(d->parallel));
  if (d->ordered) failed |= set(o, "ordered", json_true());
  if (d->ordered && d->lag > 0) failed |= set(o, "lag", json_integer(d->lag));
  if (d->ordered && d->lag == 0 && d->schedule == NULL) failed |= set(o, "lag", json_integer(d->parallel));
  if (d->repeats) failed |= set(o, "repeats", json_true());
  if (d->tensorboard) failed |= set(o, "tensorboard", json_true());
  failed |= set(o, "limits", limits_json(d));
  if (d->gpus != NULL) failed |= json_object_set(o, "gpus", d->gpus);
  failed |= set_text(o, "directory", d->directory);
  failed |= set_text(o, "dump", d->dump);
  return failed;
}

static int describe(const struct cl_draft *d, json_t *o) {
  assert(d->search != NULL && json_array_size(d->objectives) > 0);
  int failed = set_text(o, "study", d->study) | set_text(o, "origin", d->origin);
  if (d->program.n > 0) failed |= set(o, "program", cl_program_json(&d->program));
  failed |= set_text(o, "cwd", d->cwd) | set_text(o, "values_to", d->values_to);
  failed |= json_object_set(o, "objectives", d->objectives);
  failed |= set_text(o, "computed", d->computed) | set_text(o, "metric_regex", d->metric_regex);
  failed |= set_text(o, "step", d->step);
  failed |= set(o, "hyperparameters", cl_definitions_json(&d->definitions));
  failed |= json_object_set(o, "search", d->search);
  if (d->schedule != NULL) failed |= json_object_set(o, "schedule", d->schedule);
  if (d->history != NULL) failed |= json_object_set(o, "history", d->history);
  return failed | describe_running(d, o);
}

static int check_constraints(const struct cl_draft *d, const struct cl_space *space, json_t *o,
                             struct cl_err *e) {
  static const char form[] = "a list of relations, as in `constraints: [\"warmup < epochs\"]`";
  const struct cl_node *list = d->constraints == NULL ? NULL : cl_node_resolve(d->constraints);
  if (d->constraints == NULL) return 0;
  if (list == NULL || list->kind != CL_SEQUENCE)
    return cl_read_wrong(&d->r, d->constraints, "constraints", form, e);
  if (list->n > CONSTRAINTS_MAX)
    return cl_source_fail(d->r.source, d->constraints->start, form, e,
                          "%d constraints stand here, more than the %d of a "
                          "study",
                          list->n, CONSTRAINTS_MAX);
  json_t *texts = json_array();
  if (set(o, "constraints", texts) < 0) return CL_FAIL_NOMEM(e);
  for (const struct cl_node *item = list->first; item != NULL; item = item->next) {
    const char *text = NULL;
    struct cl_constraint *parsed = NULL;
    CL_TRY(cl_read_text(&d->r, item, "constraints", form, &text, e));
    if (strlen(text) > CL_CONSTRAINT_TEXT)
      return cl_source_fail(d->r.source, item->start, form, e, "a constraint has at most %d bytes",
                            CL_CONSTRAINT_TEXT);
    int status = cl_constraint_parse(text, space, &parsed, e);
    cl_constraint_destroy(parsed);
    if (status == CLADE_ENOMEM) return status;
    if (status < 0) return cl_source_blame(d->r.source, item->start, NULL, e);
    if (json_array_append_new(texts, json_string(text)) < 0) return CL_FAIL_NOMEM(e);
  }
  return 0;
}

static int check_enqueued(const struct cl_draft *d, const struct cl_space *space, const struct cl_node *item,
                          struct cl_err *e) {
  static const char form[] = "a list of assignments, as in `enqueue: [{lr: 0.1}]`";
  const struct cl_node *map = cl_node_resolve(item);
  if (map == NULL || map->kind != CL_MAPPING || map->n == 0)
    return cl_read_wrong(&d->r, item, "enqueue", form, e);
  for (const struct cl_node *key = map->first; key != NULL; key = key->next->next) {
    int index = cl_space_find(space, key->text);
    const struct cl_node *value = cl_node_resolve(key->next);
    struct cl_value converted;
    if (index < 0)
      return cl_source_fail(d->r.source, key->start, "names of hyperparameters", e,
                            "`%.60s` is no hyperparameter", key->text);
    if (value == NULL || value->kind != CL_SCALAR) return cl_read_wrong(&d->r, key->next, key->text, form, e);
    if (cl_space_convert(&space->items[index], cl_node_value(value), &converted, e) < 0)
      return cl_source_blame(d->r.source, key->next->start, "a value that the search could choose", e);
  }
  return 0;
}

static int check_enqueue(const struct cl_draft *d, const struct cl_space *space, json_t *o,
                         struct cl_err *e) {
  const struct cl_node *list = d->enqueue == NULL ? NULL : cl_node_resolve(d->enqueue);
  if (d->enqueue == NULL) return 0;
  if (list == NULL || list->kind != CL_SEQUENCE)
    return cl_read_wrong(&d->r, d->enqueue, "enqueue", "a list of assignments, as in `enqueue: [{lr: 0.1}]`",
                         e);
  if (list->n > ENQUEUED_MAX)
    return cl_source_fail(d->r.source, d->enqueue->start, "`clade enqueue` for more", e,
                          "%d assignments stand here, more than the %d of a spec", list->n, ENQUEUED_MAX);
  for (const struct cl_node *item = list->first; item != NULL; item = item->next)
    CL_TRY(check_enqueued(d, space, item, e));
  json_t *points = NULL;
  CL_TRY(cl_read_json(&d->r, d->enqueue, &points, e));
  return set(o, "enqueue", points) < 0 ? CL_FAIL_NOMEM(e) : 0;
}

static int add_bytes(const char *bytes, size_t n, void *text) {
  cl_text_add_bytes(text, bytes, n);
  return ((struct cl_text *)text)->failed ? -1 : 0;
}

static int write_json(const json_t *o, char **ret, struct cl_err *e) {
  struct cl_text t = {0};
  bool failed = json_dump_callback(o, add_bytes, &t, JSON_COMPACT) < 0;
  *ret = failed ? NULL : cl_text_take(&t);
  cl_text_done(&t);
  return *ret == NULL ? CL_FAIL_NOMEM(e) : 0;
}

/* The model reads the settings before anyone else does: what it refuses is refused here, with the file's
 * name. */
static int check_by_model(const struct cl_draft *d, json_t *o, struct cl_err *e) {
  char *text = NULL;
  struct cl_settings *settings = NULL;
  CL_TRY(write_json(o, &text, e));
  int status = cl_settings_parse(text, &settings, e);
  cl_free(text);
  if (status < 0) return status == CLADE_ENOMEM ? status : cl_err_prefix(e, "%s: ", d->r.source->name);
  status = check_constraints(d, &settings->space, o, e);
  if (status == 0) status = check_enqueue(d, &settings->space, o, e);
  cl_settings_destroy(settings);
  return status;
}

/* --- history --- */

/* "mnist-1,mnist-2" */
static int override_history(struct cl_draft *d, struct cl_err *e) {
  const char *at = d->o->history;
  if (at == NULL || at[0] == '\0') return 0;
  d->history = json_array();
  while (d->history != NULL) {
    size_t n = strcspn(at, ",");
    if (n > 0 && json_array_append_new(d->history, json_stringn(at, n)) < 0) break;
    if (at[n] == '\0') return 0;
    at += n + 1;
  }
  return CL_FAIL_NOMEM(e);
}

/* --- the whole --- */

static int settle(struct cl_draft *d, struct cl_err *e) {
  bool any = false;
  CL_TRY(override_texts(d, e));
  CL_TRY(override_objectives(d, e));
  CL_TRY(override_numbers(d, e));
  CL_TRY(override_history(d, e));
  CL_TRY(settle_name(d, e));
  if (d->cwd == NULL) d->cwd = d->o->here;
  CL_TRY(settle_path(d, &d->cwd, e));
  CL_TRY(settle_path(d, &d->directory, e));
  CL_TRY(cl_definitions_check(&d->r, &d->definitions, e));
  if (d->trainer != NULL) {
    struct cl_text t = {0};
    int status = cl_dump_template(&d->r, d->trainer, &d->definitions, &t, e);
    d->dump = status < 0 ? NULL : cl_arena_text(d->r.arena, cl_text_get(&t));
    cl_text_done(&t);
    if (status < 0 || d->dump == NULL) return status < 0 ? status : CL_FAIL_NOMEM(e);
    CL_TRY(cl_dump_check(d->dump, false, e));
  }
  CL_TRY(settle_program(d, &any, e));
  CL_TRY(check_objectives(d, e));
  CL_TRY(settle_budget(d, e));
  return warn_unreferenced(d, any, e);
}

static int read_draft(struct cl_draft *d, struct cl_err *e) {
  d->objectives = json_array();
  if (d->objectives == NULL) return CL_FAIL_NOMEM(e);
  if (d->o->hp_config != NULL) CL_TRY(read_config(d, e));
  switch (d->s->kind) {
  case CL_SPEC_NATIVE: return cl_draft_native(d, e);
  case CL_SPEC_RUNSPEC: return cl_draft_runspec(d, e);
  case CL_SPEC_INLINE: return cl_draft_inline(d, e);
  }
  return CL_FAIL(e, CLADE_EINVAL, "unknown kind of spec");
}

/* The text for the log. A command line has no file, so its words stand in a comment above what --set made. */
static int write_spec_text(const struct cl_draft *d, char **ret, struct cl_err *e) {
  struct cl_text t = {0};
  if (d->s->kind == CL_SPEC_INLINE) {
    cl_text_add(&t, "# clade run --");
    for (int i = 0; i < d->s->n_words; i++) {
      cl_text_add_char(&t, ' ');
      cl_text_add_json(&t, d->s->words[i]);
    }
    cl_text_add_char(&t, '\n');
  }
  cl_text_add(&t, d->s->source->text);
  *ret = cl_text_take(&t);
  return *ret == NULL ? CL_FAIL_NOMEM(e) : 0;
}

static int fill_result(struct cl_draft *d, json_t *o, struct cl_spec_result *ret, struct cl_err *e) {
  assert(d->study != NULL && d->trials > 0 && d->parallel > 0 && d->cwd[0] == '/');
  ret->has_seed = d->has_seed;
  ret->seed = d->seed;
  ret->once = d->once;
  ret->launched = d->launched;
  CL_TRY(write_json(o, &ret->settings, e));
  CL_TRY(write_spec_text(d, &ret->spec, e));
  ret->store = cl_copy_text(d->store);
  ret->target = d->target == NULL || strcmp(d->target, "local") == 0 ? NULL : cl_copy_text(d->target);
  bool missing = (d->store != NULL && ret->store == NULL) ||
                 (d->target != NULL && ret->target == NULL && strcmp(d->target, "local") != 0);
  if (missing) return CL_FAIL_NOMEM(e);
  assert(d->r.notes->n <= INT_MAX && ret->settings != NULL && ret->spec != NULL);
  ret->n_notes = (int)d->r.notes->n;
  ret->notes = d->r.notes->items;
  *d->r.notes = (struct cl_notes){0};
  return 0;
}

static int resolve(struct cl_draft *d, struct cl_spec_result *ret, struct cl_err *e) {
  CL_TRY(read_draft(d, e));
  CL_TRY(settle(d, e));
  json_t *o = json_object();
  int status = o == NULL || describe(d, o) != 0 ? CL_FAIL_NOMEM(e) : check_by_model(d, o, e);
  if (status == 0) status = fill_result(d, o, ret, e);
  json_decref(o);
  return status;
}

static int check_text(const char *what, const char *text, struct cl_err *e) {
  if (text == NULL || cl_text_is_utf8(text, strlen(text))) return 0;
  return CL_FAIL(e, CLADE_ESPEC,
                 "%s '%.200s' is not UTF-8; settings are kept as UTF-8 text, so choose another", what, text);
}

/* What a file holds is looked at when it is read; a shell and a file system may give any bytes. */
static int check_overrides(const struct cl_spec_overrides *o, struct cl_err *e) {
  CL_TRY(check_text("the working directory", o->here, e));
  CL_TRY(check_text("the study's name", o->study, e));
  CL_TRY(check_text("the target", o->target, e));
  CL_TRY(check_text("the directory", o->directory, e));
  CL_TRY(check_text("the working directory", o->cwd, e));
  CL_TRY(check_text("the expression for metrics", o->metric_regex, e));
  if (o->metric_regex != NULL) CL_TRY(cl_metric_regex_check(o->metric_regex, e));
  CL_TRY(check_text("the step's name", o->step, e));
  CL_TRY(check_text("the search method", o->method, e));
  CL_TRY(check_text("the scheduler", o->scheduler, e));
  for (int i = 0; i < o->n_objectives; i++) CL_TRY(check_text("the metric", o->objectives[i].name, e));
  return 0;
}

int cl_spec_resolve(const struct cl_spec *s, const struct cl_spec_overrides *o, struct cl_spec_result *ret,
                    struct cl_err *e) {
  assert(s != NULL && o != NULL && o->here != NULL && o->here[0] == '/');
  struct cl_spec *edited = NULL;
  CL_TRY(check_overrides(o, e));
  if (o->n_set > 0) CL_TRY(cl_spec_edit(s, o->n_set, o->set, &edited, e));
  struct cl_arena arena = {0};
  struct cl_notes notes = {0};
  struct cl_spec_result made = {0};
  struct cl_draft d = {.s = edited != NULL ? edited : s, .o = o, .retries = -1, .max_failures = -1};
  size_t n_values = 0;
  d.r = (struct cl_reader){d.s->source, &arena, &notes, &n_values};
  int status = resolve(&d, &made, e);
  if (status == 0)
    *ret = made;
  else
    cl_spec_result_done(&made);
  cl_definitions_done(&d.definitions);
  json_decref(d.objectives);
  json_decref(d.search);
  json_decref(d.schedule);
  json_decref(d.gpus);
  json_decref(d.history);
  cl_notes_done(&notes);
  cl_arena_done(&arena);
  cl_spec_destroy(edited);
  return status;
}

void cl_spec_result_done(struct cl_spec_result *r) {
  cl_free(r->settings);
  cl_free(r->spec);
  cl_free(r->store);
  cl_free(r->target);
  for (int i = 0; i < r->n_notes; i++) cl_free(r->notes[i].text);
  cl_free(r->notes);
  *r = (struct cl_spec_result){0};
}
