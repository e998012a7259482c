/* Reading of specs: which kind is it, and where are its parts? */
#include "spec/spec.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "spec/spec_impl.h"
#include "spec/words.h"

static const struct cl_source *make_source(struct cl_arena *a, const char *text, size_t n, const char *name) {
  struct cl_source *s = cl_arena_alloc(a, sizeof *s);
  if (s == NULL) return NULL;
  s->name = cl_arena_text(a, name);
  s->text = cl_arena_bytes(a, text, n);
  s->n = n;
  return s->name == NULL || s->text == NULL ? NULL : s;
}

static bool has_line(const char *text, const char *start) {
  for (const char *p = text; p != NULL; p = strchr(p, '\n')) {
    if (*p == '\n') p++;
    if (strncmp(p, start, strlen(start)) == 0) return true;
    if (*p == '\0') return false;
  }
  return false;
}

/* The text without its section, every byte where it was. */
static int read_around_section(struct cl_spec *s, struct cl_err *e) {
  const struct cl_section *section = &s->section;
  struct cl_source rest = *s->source;
  assert(section->begin <= section->end && section->end <= rest.n);
  char *text = cl_arena_bytes(&s->arena, rest.text, rest.n);
  if (text == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = section->begin; i < section->end; i++)
    if (text[i] != '\n' && text[i] != '\r') text[i] = ' ';
  rest.text = text;
  return cl_tree_parse(&rest, &s->arena, false, &s->root, e);
}

static int check_root(const struct cl_spec *s, struct cl_err *e) {
  if (s->root == NULL || s->root->kind == CL_MAPPING || s->kind == CL_SPEC_INLINE) return 0;
  return cl_source_fail(s->source, s->root->start, "`key: value` lines, such as `program: python train.py`",
                        e, "a spec is a mapping, and this is none");
}

int cl_spec_read(struct cl_spec *s, struct cl_err *e) {
  const struct cl_source *source = s->source;
  if (s->kind != CL_SPEC_INLINE) s->kind = CL_SPEC_NATIVE;
  if (source->n > CL_TREE_BYTES || !cl_text_is_utf8(source->text, source->n) || s->kind == CL_SPEC_INLINE ||
      !has_line(source->text, "job_launcher:")) {
    CL_TRY(cl_tree_parse(source, &s->arena, true, &s->root, e));
    return check_root(s, e);
  }
  s->kind = CL_SPEC_RUNSPEC;
  if (cl_section_find(source->text, source->n, &s->section.begin, &s->section.end))
    CL_TRY(cl_section_read(source, &s->arena, &s->section, e));
  CL_TRY(read_around_section(s, e));
  CL_TRY(check_root(s, e));
  const struct cl_node *launcher = cl_node_resolve(cl_node_find(s->root, "job_launcher"));
  if (launcher != NULL && launcher->kind == CL_MAPPING) return 0;
  s->kind = CL_SPEC_NATIVE; /* a key of that name, but no launcher: its own complaint follows when resolved */
  return cl_tree_parse(source, &s->arena, true, &s->root, e);
}

int cl_spec_parse(const char *text, size_t n, const char *name, struct cl_spec **ret, struct cl_err *e) {
  assert(text != NULL && name != NULL && ret != NULL);
  struct cl_spec *s = cl_alloc(sizeof *s);
  if (s == NULL) return CL_FAIL_NOMEM(e);
  int status = 0;
  if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3, n -= 3; /* a mark that some editors write */
  if (n > CL_TREE_BYTES)
    status = CL_FAIL(e, CLADE_ELIMIT,
                     "%s has %zu bytes, more than the %d of a spec; move data to files of their own", name, n,
                     CL_TREE_BYTES);
  if (status == 0) s->source = make_source(&s->arena, text, n, name);
  if (status == 0) status = s->source == NULL ? CL_FAIL_NOMEM(e) : cl_spec_read(s, e);
  if (status < 0) {
    cl_spec_destroy(s);
    return status;
  }
  *ret = s;
  return 0;
}

int cl_spec_load(const char *path, struct cl_spec **ret, struct cl_err *e) {
  char *text = NULL;
  size_t n = 0;
  CL_TRY(cl_file_read(path, CL_TREE_BYTES, &text, &n, e));
  int status = cl_spec_parse(text, n, path, ret, e);
  cl_free(text);
  return status;
}

/* XT's file of distributions is no spec: it is read as the definitions of an empty one. */
static int resolve_definitions(const struct cl_spec *s, const char *path, struct cl_spec_result *ret,
                               struct cl_err *e) {
  static const struct cl_objective any = {"value", CL_MINIMIZE, CL_LAST};
  static const char *const program[] = {"any"};
  struct cl_spec_overrides o = {.here = "/", .trials = 1, .n_objectives = 1, .objectives = &any};
  struct cl_spec *empty = NULL;
  o.in_process = s->kind == CL_SPEC_NATIVE;
  o.n_program = s->kind == CL_SPEC_RUNSPEC;
  o.program = program;
  if (!cl_spec_has(s, "hyperparameter-distributions") && !cl_spec_has(s, "hparams"))
    return cl_spec_resolve(s, &o, ret, e);
  o.hp_config = path;
  o.in_process = true;
  CL_TRY(cl_spec_parse("", 0, path, &empty, e));
  int status = cl_spec_resolve(empty, &o, ret, e);
  cl_spec_destroy(empty);
  return status;
}

int cl_spec_definitions(const char *path, struct cl_settings **ret, struct cl_err *e) {
  struct cl_spec *s = NULL;
  struct cl_spec_result result = {0};
  struct cl_settings *made = NULL;
  CL_TRY(cl_spec_load(path, &s, e));
  int status = resolve_definitions(s, path, &result, e);
  if (status == 0) status = cl_settings_parse(result.settings, &made, e);
  if (status == 0 && made->space.n == 0)
    status = CL_FAIL(e, CLADE_ESPEC,
                     "%s defines no hyperparameters: name a spec, a runspec, or a file with "
                     "`hyperparameter-distributions:` and lines such as `lr: [0.01, 0.001]`",
                     path);
  cl_spec_result_done(&result);
  cl_spec_destroy(s);
  assert(status != 0 || made != NULL);
  if (status == 0)
    *ret = made;
  else
    cl_settings_destroy(made);
  return status;
}

int cl_spec_inline(int n, const char *const *words, struct cl_spec **ret, struct cl_err *e) {
  if (n < 1)
    return CL_FAIL(e, CLADE_EINVAL,
                   "no program: put it after `--`, as in `clade run --minimize loss --trials 50 -- "
                   "python train.py '--lr=[log(1e-5,1e-1)]'`");
  struct cl_spec *s = cl_alloc(sizeof *s);
  if (s == NULL) return CL_FAIL_NOMEM(e);
  s->kind = CL_SPEC_INLINE;
  s->n_words = n;
  s->source = make_source(&s->arena, "", 0, "the command line");
  s->words = cl_arena_array(&s->arena, (size_t)n, sizeof *s->words);
  bool complete = s->source != NULL && s->words != NULL;
  for (int i = 0; complete && i < n; i++)
    complete = (s->words[i] = cl_arena_text(&s->arena, words[i])) != NULL;
  if (!complete) {
    cl_spec_destroy(s);
    return CL_FAIL_NOMEM(e);
  }
  *ret = s;
  return 0;
}

void cl_spec_destroy(struct cl_spec *s) {
  if (s == NULL) return;
  cl_section_done(&s->section);
  cl_arena_done(&s->arena);
  cl_free(s);
}

bool cl_spec_has(const struct cl_spec *s, const char *key) {
  const struct cl_node *node = s->root == NULL ? NULL : cl_node_find(s->root, key);
  return node != NULL;
}

enum cl_spec_kind cl_spec_kind(const struct cl_spec *s) {
  return s->kind;
}

const char *cl_spec_text(const struct cl_spec *s) {
  return s->source->text;
}

/* Byte of the deepest part of `path` that stands in the file. */
static size_t place_of(const struct cl_spec *s, const char *path) {
  size_t start = 0, end = 0;
  if (s->kind == CL_SPEC_RUNSPEC && strncmp(path, "search", 6) == 0) path = "job_launcher.hp_tuning";
  const char *rest = path;
  if (cl_path_find_section(&s->section, path, &start, &end)) return start;
  if (s->root == NULL) return 0;
  const struct cl_node *node = cl_path_find(s->root, path, &rest);
  return node->start;
}

bool cl_spec_locate(const struct cl_spec *s, const char *path, int *ret_line, int *ret_column) {
  *ret_line = *ret_column = 0;
  if (s->root == NULL) return false;
  return cl_source_position(s->source, place_of(s, path), ret_line, ret_column);
}

int cl_spec_blame(const struct cl_spec *s, const char *path, struct cl_err *e) {
  if (e == NULL) return CLADE_ESPEC;
  if (s->root == NULL) return cl_err_prefix(e, "%s: ", s->source->name);
  return cl_source_blame(s->source, place_of(s, path), NULL, e);
}
