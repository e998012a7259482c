#include "query/origins.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "spec/spec.h"

static bool varies(const struct cl_space *space) {
  for (int i = 0; i < space->n; i++)
    if (cl_space_levels(&space->items[i]) != 1) return true;
  return false;
}

/* XT's words: a static search draws all sets before the first run, a dynamic one looks at results. */
static const char *style_of(const struct cl_settings *s) {
  static const char *const blind[] = {"random", "grid", "sobol"};
  if (s->repeats || !varies(&s->space)) return s->trials == 1 ? "single" : "repeat";
  for (size_t i = 0; i < sizeof blind / sizeof blind[0]; i++)
    if (s->method != NULL && strcmp(s->method, blind[i]) == 0 && s->schedule == NULL) return "static";
  return "dynamic";
}

/* Is this the option before which a word is no file: code (sh -c), or a module (python -m)? */
static bool is_option(const struct cl_settings *s, size_t at, const char *option) {
  return at > 1 && strcmp(s->program[at - 1], option) == 0;
}

/* A first word without a slash is found along the PATH, and a module somewhere: who knows where. */
static int find_script(const struct cl_settings *s, struct cl_arena *arena, struct cl_origins *ret,
                       struct cl_err *e) {
  if (s->n_program == 0) return 0;
  size_t at = cl_spec_script((size_t)s->n_program, s->program);
  if (is_option(s, at, "-c") || is_option(s, at, "-e")) at = 0;
  assert(at < (size_t)s->n_program);
  const char *word = s->program[at], *slash = strrchr(word, '/');
  bool is_file = (at > 0 || slash != NULL) && !is_option(s, at, "-m");
  if (strncmp(word, "./", 2) == 0) word += 2;
  char *joined = is_file ? cl_path_join(s->cwd, word) : cl_copy_text(word);
  ret->script = slash == NULL ? word : slash + 1;
  ret->path = cl_arena_text(arena, joined);
  cl_free(joined);
  return ret->path == NULL ? CL_FAIL_NOMEM(e) : 0;
}

static int read_provenance(const char *text, struct cl_arena *arena, struct cl_origins *ret,
                           struct cl_err *e) {
  const struct {
    const char *key, **field;
  } keys[] = {
      {"user", &ret->username}, {"host", &ret->host}, {"clade", &ret->version}, {"commit", &ret->commit}};
  json_t *node = text == NULL ? NULL : json_loads(text, 0, NULL);
  int status = 0;
  for (size_t i = 0; i < sizeof keys / sizeof keys[0] && status == 0; i++) {
    const char *found = json_string_value(json_object_get(node, keys[i].key));
    if (found == NULL) continue;
    *keys[i].field = cl_arena_text(arena, found);
    if (*keys[i].field == NULL) status = CL_FAIL_NOMEM(e);
  }
  json_decref(node);
  return status;
}

int cl_origins_read(const struct cl_store *store, const struct cl_study *study, struct cl_arena *arena,
                    struct cl_origins *ret, struct cl_err *e) {
  const struct cl_settings *s = cl_study_settings(study);
  assert(s != NULL); /* a replica that has been read */
  struct cl_origins o = {.method = s->method, .style = style_of(s)};
  CL_TRY(find_script(s, arena, &o, e));
  CL_TRY(read_provenance(cl_study_provenance(study), arena, &o, e));
  o.store = cl_arena_text(arena, cl_store_address(store));
  if (o.store == NULL) return CL_FAIL_NOMEM(e);
  *ret = o;
  return 0;
}
