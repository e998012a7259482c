/* The program: splitting, placeholders, and the words that start one trial. */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "spec/spec_impl.h"
#include "spec/words.h"

static const char form[] = "a list of words, or one line as `program: python train.py --lr {lr}`";

static int take_words(const struct cl_reader *r, const struct cl_node *node, const struct cl_word_list *words,
                      struct cl_program *ret, struct cl_err *e) {
  bool exact = strlen(node->text) == node->end - node->start;
  ret->words = cl_arena_array(r->arena, words->n, sizeof *ret->words);
  if (ret->words == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < words->n; i++) {
    const struct cl_word *w = &words->items[i];
    bool plain = exact && strncmp(node->text + w->at, w->text, strlen(w->text)) == 0;
    ret->words[i] =
        (struct cl_program_word){w->text, r->source, exact ? node->start + w->at : node->start, plain};
  }
  ret->n = words->n;
  return 0;
}

static int read_line(const struct cl_reader *r, const struct cl_node *node, struct cl_program *ret,
                     struct cl_err *e) {
  struct cl_word_list words = {0};
  size_t at = 0;
  int status = cl_word_list_shell(r->arena, node->text, &words, &at, e);
  if (status == CLADE_ESPEC) status = cl_source_blame(r->source, node->start, form, e);
  if (status == 0) status = take_words(r, node, &words, ret, e);
  cl_word_list_done(&words);
  return status;
}

int cl_program_read(const struct cl_reader *r, const struct cl_node *node, struct cl_program *ret,
                    struct cl_err *e) {
  const struct cl_node *meant = cl_node_resolve(node);
  if (meant == NULL || meant->kind == CL_MAPPING || (meant->kind == CL_SEQUENCE && meant->n == 0))
    return cl_read_wrong(r, node, "program", form, e);
  if (meant->kind == CL_SCALAR) {
    const char *line = NULL;
    CL_TRY(cl_read_text(r, node, "program", form, &line, e));
    CL_TRY(read_line(r, meant, ret, e));
    return ret->n == 0 ? cl_read_wrong(r, node, "program", form, e) : 0;
  }
  ret->words = cl_arena_array(r->arena, (size_t)meant->n, sizeof *ret->words);
  if (ret->words == NULL) return CL_FAIL_NOMEM(e);
  for (const struct cl_node *item = meant->first; item != NULL; item = item->next) {
    const struct cl_node *word = cl_node_resolve(item);
    if (word == NULL || word->kind != CL_SCALAR ||
        (cl_node_is_null(word) && !word->quoted && word->text[0] == '\0'))
      return cl_read_wrong(r, item, "program", form, e);
    bool exact = strlen(word->text) == word->end - word->start;
    ret->words[ret->n++] =
        (struct cl_program_word){word->text, r->source, item->start, exact && word == item};
  }
  return 0;
}

int cl_program_take(struct cl_arena *a, int n, const char *const *words, struct cl_program *ret,
                    struct cl_err *e) {
  assert(n > 0);
  ret->words = cl_arena_array(a, (size_t)n, sizeof *ret->words);
  if (ret->words == NULL) return CL_FAIL_NOMEM(e);
  for (int i = 0; i < n; i++) {
    struct cl_source *s = cl_arena_alloc(a, sizeof *s);
    if (s == NULL) return CL_FAIL_NOMEM(e);
    s->name = cl_arena_format(a, "argument %d after --", i + 1);
    s->text = cl_arena_text(a, words[i]);
    s->n = strlen(words[i]);
    s->one_line = true;
    if (s->name == NULL || s->text == NULL) return CL_FAIL_NOMEM(e);
    if (!cl_text_is_utf8(words[i], s->n))
      return CL_FAIL(e, CLADE_ESPEC,
                     "%s is not UTF-8; settings are kept as UTF-8 text, so pass such bytes by a file",
                     s->name);
    ret->words[i] = (struct cl_program_word){s->text, s, 0, true};
  }
  ret->n = (size_t)n;
  return 0;
}

/* --- placeholders --- */

enum part { PART_END, PART_TEXT, PART_NAME, PART_BROKEN };

/* The next piece of a word: [*ret_start, *ret_end) is text to take over, or the name between braces. */
static enum part next_part(const char *word, size_t *at, size_t *ret_start, size_t *ret_end) {
  size_t i = *at;
  assert(i <= strlen(word));
  if (word[i] == '\0') return PART_END;
  *ret_start = i;
  if (word[i] == '{' && word[i + 1] != '{') {
    size_t end = i + 1 + strcspn(word + i + 1, "{}");
    *ret_start = i + 1;
    *ret_end = end;
    *at = word[end] == '}' ? end + 1 : end;
    return word[end] == '}' ? PART_NAME : PART_BROKEN;
  }
  bool doubled = (word[i] == '{' || word[i] == '}') && word[i + 1] == word[i];
  i += doubled ? 1 : strcspn(word + i + 1, "{}") + 1;
  *ret_end = i;
  *at = doubled ? i + 1 : i;
  return PART_TEXT;
}

static struct cl_definition *find_name(const struct cl_definitions *all, const char *name, size_t n) {
  for (size_t i = 0; i < all->n; i++)
    if (strlen(all->items[i].h.name) == n && strncmp(all->items[i].h.name, name, n) == 0)
      return &all->items[i];
  return NULL;
}

static int unknown_name(const struct cl_program_word *w, size_t start, size_t end,
                        const struct cl_definitions *all, struct cl_err *e) {
  struct cl_text known = {0};
  cl_text_add(&known, "one of ");
  for (size_t i = 0; i < all->n && known.length < 200; i++)
    cl_text_format(&known, "{%s}, ", all->items[i].h.name);
  cl_text_add(&known, known.length >= 200 ? "…, {spec}; {{ is a brace" : "{spec}; {{ is a brace");
  int n = (int)(end - start < 60 ? end - start : 60);
  int status = known.failed
                   ? CL_FAIL_NOMEM(e)
                   : cl_source_fail(w->source, w->exact ? w->at + start - 1 : w->at, cl_text_get(&known), e,
                                    "{%.*s} names no hyperparameter", n, w->text + start);
  cl_text_done(&known);
  return status;
}

static int check_word(const struct cl_program_word *w, struct cl_definitions *all, bool *any, bool *spec,
                      struct cl_err *e) {
  size_t at = 0, start = 0, end = 0;
  enum part part;
  while ((part = next_part(w->text, &at, &start, &end)) != PART_END) {
    if (part == PART_TEXT) continue;
    if (part == PART_BROKEN)
      return cl_source_fail(w->source, w->exact ? w->at + start - 1 : w->at, "{name}, or {{ for a brace", e,
                            "this { is not closed");
    bool is_spec = end - start == 4 && strncmp(w->text + start, "spec", 4) == 0;
    struct cl_definition *d = is_spec ? NULL : find_name(all, w->text + start, end - start);
    if (d == NULL && !is_spec) return unknown_name(w, start, end, all, e);
    if (d != NULL) d->referenced = true;
    *any = *any || d != NULL;
    *spec = *spec || is_spec;
  }
  return 0;
}

static int check_size(const struct cl_program *p, struct cl_err *e) {
  size_t bytes = 0;
  if (p->n > CL_SPEC_WORDS)
    return cl_source_fail(p->words[CL_SPEC_WORDS].source, p->words[CL_SPEC_WORDS].at,
                          "a file that the program reads", e,
                          "the program has %zu words, more than the %d of one command", p->n, CL_SPEC_WORDS);
  for (size_t i = 0; i < p->n; i++) {
    size_t n = strlen(p->words[i].text);
    bytes += n;
    if (n > 100000 || bytes > CL_TREE_BYTES)
      return cl_source_fail(
          p->words[i].source, p->words[i].at, "a file that the program reads", e,
          "with this word the command is longer than systems allow (100000 bytes a word, %d in all)",
          CL_TREE_BYTES);
  }
  return 0;
}

int cl_program_check(const struct cl_program *p, struct cl_definitions *all, bool *ret_any, bool *ret_spec,
                     struct cl_err *e) {
  *ret_any = *ret_spec = false;
  CL_TRY(check_size(p, e));
  for (size_t i = 0; i < p->n; i++) CL_TRY(check_word(&p->words[i], all, ret_any, ret_spec, e));
  return 0;
}

json_t *cl_program_json(const struct cl_program *p) {
  json_t *list = json_array();
  for (size_t i = 0; i < p->n; i++)
    if (json_array_append_new(list, json_string(p->words[i].text)) < 0) {
      json_decref(list);
      return NULL;
    }
  return list;
}

/* --- one trial's command --- */

size_t cl_spec_script(size_t n, const char *const *words) {
  static const char *const interpreters[] = {"python", "pypy",     "bash",      "sh",   "perl",
                                             "ruby",   "Rscript",  "julia",     "node", "lua",
                                             "php",    "torchrun", "accelerate"};
  const char *slash = strrchr(words[0], '/'), *base = slash == NULL ? words[0] : slash + 1;
  bool known = false;
  for (size_t i = 0; i < sizeof interpreters / sizeof interpreters[0]; i++) {
    size_t length = strlen(interpreters[i]);
    const char *rest = base + length;
    known =
        known || (strncmp(base, interpreters[i], length) == 0 && strspn(rest, "0123456789.") == strlen(rest));
  }
  for (size_t i = 1; known && i < n; i++) {
    if (words[i][0] != '-') return i;
    if (strcmp(words[i], "-W") == 0 || strcmp(words[i], "-X") == 0) i++; /* options of python with a value */
  }
  return 0;
}

struct command {
  const struct cl_settings *s;
  const struct cl_value *values;
  const char *spec_path;
  size_t n, cap;
  char **words; /* from cl_alloc, as each of them */
};

static int add_word(struct command *c, struct cl_text *word, struct cl_err *e) {
  if (word->failed || cl_grow(&c->words, &c->cap, c->n + 2, sizeof *c->words) < 0) return CL_FAIL_NOMEM(e);
  c->words[c->n] = NULL;
  char *text = cl_copy_bytes(cl_text_get(word), word->length);
  if (text == NULL) return CL_FAIL_NOMEM(e);
  c->words[c->n++] = text;
  c->words[c->n] = NULL;
  return 0;
}

/* *ret_gone: it names an inactive hyperparameter; *ret_alone: that name is all it is. */
static int fill_word(const struct command *c, const char *word, struct cl_text *ret, bool *ret_gone,
                     bool *ret_alone, struct cl_err *e) {
  size_t at = 0, start = 0, end = 0, parts = 0;
  enum part part;
  *ret_gone = false;
  while ((part = next_part(word, &at, &start, &end)) != PART_END) {
    parts++;
    if (part == PART_TEXT) {
      cl_text_add_bytes(ret, word + start, end - start);
      continue;
    }
    char name[256];
    (void)snprintf(name, sizeof name, "%.*s", (int)(end - start), word + start);
    int index = cl_space_find(&c->s->space, name);
    bool is_spec = strcmp(name, "spec") == 0;
    if (part == PART_BROKEN || (index < 0 && !is_spec) || (is_spec && c->spec_path == NULL))
      return CL_FAIL(e, CLADE_ESPEC, "the program's word '%.200s' names %s, which this study does not have",
                     word, name);
    assert(is_spec || c->values != NULL);
    if (is_spec)
      cl_text_add(ret, c->spec_path);
    else if (index >= 0 && c->values[index].kind == CL_ABSENT)
      *ret_gone = true;
    else if (index >= 0)
      cl_value_write(ret, c->values[index]);
  }
  *ret_alone = parts == 1;
  return 0;
}

static void drop_last(struct command *c) {
  assert(c->n > 1);
  cl_free(c->words[--c->n]);
  c->words[c->n] = NULL;
}

static bool is_lone_option(const char *word) {
  return word[0] == '-' && word[1] != '\0' && strchr(word, '=') == NULL;
}

static int add_values(struct command *c, struct cl_text *word, struct cl_err *e) {
  for (int i = 0; i < c->s->space.n; i++) {
    if (c->values[i].kind == CL_ABSENT) continue;
    cl_text_clear(word);
    cl_text_format(word, "--%s=", c->s->space.items[i].name);
    cl_value_write(word, c->values[i]);
    CL_TRY(add_word(c, word, e));
  }
  return 0;
}

static int fill_command(struct command *c, struct cl_text *word, struct cl_err *e) {
  const struct cl_settings *s = c->s;
  bool after = s->values_to != NULL && strcmp(s->values_to, "after-script") == 0;
  size_t script = after ? cl_spec_script((size_t)s->n_program, s->program) : 0;
  for (size_t i = 0; i < (size_t)s->n_program; i++) {
    bool gone = false, alone = false;
    cl_text_clear(word);
    CL_TRY(fill_word(c, s->program[i], word, &gone, &alone, e));
    if (gone && alone && c->n > 1 && is_lone_option(c->words[c->n - 1])) drop_last(c);
    if (!gone) CL_TRY(add_word(c, word, e));
    if (after && i == script) CL_TRY(add_values(c, word, e));
  }
  return c->n == 0 ? CL_FAIL(e, CLADE_ESPEC, "the program has no words left to run") : 0;
}

int cl_spec_command(const struct cl_settings *s, const struct cl_value *values, const char *spec_path,
                    int *ret_n, char ***ret, struct cl_err *e) {
  if (s->n_program < 1)
    return CL_FAIL(e, CLADE_ESPEC, "the study %s has no program: its trials run inside the process that asks",
                   s->study);
  assert(ret_n != NULL && ret != NULL && (values != NULL || s->space.n == 0));
  struct command c = {.s = s, .values = values, .spec_path = spec_path};
  struct cl_text word = {0};
  int status = fill_command(&c, &word, e);
  cl_text_done(&word);
  if (status < 0) {
    cl_spec_command_free(c.words);
    return status;
  }
  *ret_n = (int)c.n;
  *ret = c.words;
  return 0;
}

void cl_spec_command_free(char **words) {
  for (char **w = words; w != NULL && *w != NULL; w++) cl_free(*w);
  cl_free(words);
}
