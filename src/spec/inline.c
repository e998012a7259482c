/* Command lines: words whose value stands in brackets become hyperparameters (contracts.md 2, origins B1-B3).
 *
 *   --lr=[log(1e-5,1e-1)]   lr=[0.1,0.01]   --opt [adam,sgd]   each is replaced by {lr}, {opt} in its place
 *   --shape=[[3,4]]         doubled brackets: the program gets [3,4]
 */
#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "spec/expression.h"
#include "spec/spec_impl.h"

static bool in_brackets(const char *value) {
  size_t n = strlen(value);
  return n >= 2 && value[0] == '[' && value[n - 1] == ']';
}

static bool in_double_brackets(const char *value) {
  size_t n = strlen(value);
  return n >= 4 && strncmp(value, "[[", 2) == 0 && strcmp(value + n - 2, "]]") == 0;
}

/* The name in front of the brackets: of `--lr=` or of the option before. */
static const char *find_name(struct cl_draft *d, size_t i, size_t value, struct cl_err *e) {
  assert(i < d->program.n);
  const struct cl_program_word *w = &d->program.words[i];
  const char *start = w->text, *end = w->text + value;
  if (value > 0)
    end--; /* the = */
  else if (i > 0 && d->program.words[i - 1].text[0] == '-') {
    start = d->program.words[i - 1].text;
    end = start + strlen(start);
  }
  while (start < end && (*start == '-' || *start == '+')) start++;
  if (start == end) {
    (void)cl_source_fail(w->source, value,
                         "--name=[…], name=[…] or --name […]; for the brackets themselves, [[…]]", e,
                         "these brackets have no name in front of them");
    return NULL;
  }
  const char *name = cl_arena_bytes(d->r.arena, start, (size_t)(end - start));
  if (name == NULL) (void)CL_FAIL_NOMEM(e);
  return name;
}

static int replace_word(struct cl_draft *d, struct cl_program_word *w, size_t value, const char *name,
                        struct cl_err *e) {
  struct cl_text t = {0};
  cl_text_add_bytes(&t, w->text, value);
  if (name != NULL)
    cl_text_format(&t, "{%s}", name);
  else
    cl_text_add_bytes(&t, w->text + value + 1, strlen(w->text + value) - 2);
  const char *text = cl_arena_text(d->r.arena, cl_text_get(&t));
  bool failed = t.failed || text == NULL;
  cl_text_done(&t);
  if (failed) return CL_FAIL_NOMEM(e);
  w->text = text;
  w->exact = false;
  return 0;
}

/* Words that were to be one, and that a shell has cut at a blank, are what this mostly is. */
static int warn_of_open_bracket(const struct cl_draft *d, const struct cl_program_word *w, size_t value,
                                struct cl_err *e) {
  struct cl_reader r = d->r;
  assert(w->text[value] == '[');
  r.source = w->source;
  return cl_note_add(
      &r, CL_SPEC_WARNING, value, e,
      "'%.60s' opens a bracket and does not close it, so it is no search expression and is passed on "
      "as it is; put what belongs together in quotes: '--lr=[0.1, 0.01]'",
      w->text);
}

static int read_word(struct cl_draft *d, size_t i, struct cl_err *e) {
  struct cl_program_word *w = &d->program.words[i];
  const char *equals = strchr(w->text, '=');
  const char *value = w->text[0] == '[' || equals == NULL ? w->text : equals + 1;
  size_t at = (size_t)(value - w->text);
  if (!in_brackets(value)) return value[0] == '[' ? warn_of_open_bracket(d, w, at, e) : 0;
  if (in_double_brackets(value)) return replace_word(d, w, at, NULL, e);
  struct cl_reader r = d->r;
  r.source = w->source;
  struct cl_definition definition = {.h.parent = -1, .at = 0};
  definition.h.name = find_name(d, i, at, e);
  if (definition.h.name == NULL) return e == NULL ? CLADE_ESPEC : e->code;
  CL_TRY(cl_define_name(&r, definition.h.name, 0, e));
  char *inner = cl_arena_bytes(d->r.arena, value + 1, strlen(value) - 2);
  if (inner == NULL) return CL_FAIL_NOMEM(e);
  CL_TRY(
      cl_expression_read(&r, inner, (struct cl_expression_place){at + 1, true}, d->o->here, &definition, e));
  definition.at = definition.at_tuned = definition.at_when = 0;
  if (cl_definitions_find(&d->definitions, definition.h.name) != NULL)
    return cl_source_fail(w->source, 0, "each name once", e, "a second hyperparameter is called %s",
                          definition.h.name);
  CL_TRY(cl_definitions_add(&r, &d->definitions, &definition, e));
  return replace_word(d, w, at, definition.h.name, e);
}

int cl_draft_inline(struct cl_draft *d, struct cl_err *e) {
  assert(d->s->kind == CL_SPEC_INLINE && d->s->n_words > 0);
  CL_TRY(cl_draft_native(d, e));
  d->origin = "inline";
  CL_TRY(cl_program_take(d->r.arena, d->s->n_words, d->s->words, &d->program, e));
  for (size_t i = 0; i < d->program.n; i++) CL_TRY(read_word(d, i, e));
  return 0;
}
