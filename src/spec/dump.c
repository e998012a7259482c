/* Writing YAML: one scalar so that every reader agrees on it, and the resolved copy.
 *
 * YAML 1.1 (PyYAML) and 1.2 differ in what a plain word means: yes, 012, 1e-5, 1:30. What both would not read
 * the same is written in quotes; floats get a point and a signed exponent.
 */
#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "spec/spec_impl.h"

/* Words that some YAML reader takes for null or a bool, in lower case. */
static bool is_yaml_word(const char *text) {
  static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (strcasecmp(words[i], text) == 0) return true;
  return false;
}

static bool is_plain_text(const char *text) {
  static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+@";
  if (!isalpha((unsigned char)text[0]) && text[0] != '_' && text[0] != '/') return false;
  return strspn(text, safe) == strlen(text) && !is_yaml_word(text) && cl_value_parse(text).kind == CL_TEXT;
}

static void write_real(struct cl_text *ret, double x) {
  char buffer[CL_NUMBER_TEXT];
  if (!isfinite(x)) {
    cl_text_add(ret, isnan(x) ? ".nan" : x > 0 ? ".inf" : "-.inf");
    return;
  }
  const char *text = cl_number_text(x, buffer), *exponent = strchr(text, 'e');
  size_t mantissa = exponent == NULL ? strlen(text) : (size_t)(exponent - text);
  cl_text_add_bytes(ret, text, mantissa);
  if (memchr(text, '.', mantissa) == NULL) cl_text_add(ret, ".0");
  cl_text_add(ret, exponent);
}

void cl_yaml_write(struct cl_text *ret, struct cl_value v) {
  assert(v.kind != CL_TEXT || v.as.text != NULL);
  if (v.kind == CL_ABSENT)
    cl_text_add(ret, "null");
  else if (v.kind == CL_REAL)
    write_real(ret, v.as.real);
  else if (v.kind == CL_TEXT && !is_plain_text(v.as.text))
    cl_text_add_json(ret, v.as.text);
  else
    cl_value_write(ret, v);
}

/* --- the template of a native file --- */

struct emitter {
  const struct cl_reader *r;
  struct cl_definitions *all;
  struct cl_text *out;
  int budget;
};

static struct cl_definition *find_anchor(const struct cl_definitions *all, const char *anchor) {
  for (size_t i = 0; i < all->n; i++)
    if (all->items[i].anchor != NULL && strcmp(all->items[i].anchor, anchor) == 0) return &all->items[i];
  return NULL;
}

static int emit_children(struct emitter *m, const struct cl_node *node, int indent, int depth,
                         struct cl_err *e);

/* Between brackets an indicator may stand for itself, on a line of its own it does not. */
static bool is_indicator(const char *text) {
  return text[0] != '\0' && strchr("?-:", text[0]) != NULL && (text[1] == '\0' || text[1] == ' ');
}

/* What was plain stays as it was typed, so that the trainer's own reader decides what it means. */
static void emit_scalar(struct emitter *m, const struct cl_node *node) {
  assert(node->kind == CL_SCALAR && node->text != NULL);
  if (node->tag != NULL && !node->quoted) cl_text_format(m->out, "!<%s> ", node->tag);
  if (node->quoted || strchr(node->text, '\n') != NULL || is_indicator(node->text))
    cl_text_add_json(m->out, node->text);
  else
    cl_text_add(m->out, node->text);
}

/* After "key:" or "-". */
static int emit_value(struct emitter *m, const struct cl_node *node, int indent, int depth,
                      struct cl_err *e) {
  struct cl_definition *d = node->kind == CL_ALIAS ? find_anchor(m->all, node->text) : NULL;
  if (d != NULL) {
    d->referenced = true;
    cl_text_format(m->out, " *%s\n", d->h.name);
    return 0;
  }
  const struct cl_node *meant = cl_node_resolve(node);
  if (meant == NULL || depth > CL_TREE_DEPTH || --m->budget < 0 || m->out->length > CL_TREE_BYTES)
    return cl_source_fail(m->r->source, node->start, NULL, e,
                          meant == NULL ? "this alias leads to nothing known"
                                        : "aliases make this part too large or endless; write it out");
  if (meant->kind == CL_SCALAR) {
    if (meant->text[0] != '\0' || meant->quoted || meant->tag != NULL) cl_text_add_char(m->out, ' ');
    emit_scalar(m, meant);
    cl_text_add_char(m->out, '\n');
    return 0;
  }
  if (meant->tag != NULL) cl_text_format(m->out, " !<%s>", meant->tag);
  if (meant->n == 0) {
    cl_text_add(m->out, meant->kind == CL_MAPPING ? " {}\n" : " []\n");
    return 0;
  }
  cl_text_add_char(m->out, '\n');
  return emit_children(m, meant, indent + 2, depth + 1, e);
}

static int emit_children(struct emitter *m, const struct cl_node *node, int indent, int depth,
                         struct cl_err *e) {
  assert(node->kind == CL_MAPPING || node->kind == CL_SEQUENCE);
  bool mapping = node->kind == CL_MAPPING;
  for (const struct cl_node *child = node->first; child != NULL; child = child->next) {
    cl_text_format(m->out, "%*s", indent, "");
    if (mapping) {
      emit_scalar(m, child);
      cl_text_add_char(m->out, ':');
      child = child->next;
    } else
      cl_text_add_char(m->out, '-');
    CL_TRY(emit_value(m, child, indent, depth, e));
  }
  return 0;
}

int cl_dump_template(const struct cl_reader *r, const struct cl_node *node, struct cl_definitions *all,
                     struct cl_text *ret, struct cl_err *e) {
  struct emitter m = {r, all, ret, CL_TREE_BYTES};
  const struct cl_node *meant = cl_node_resolve(node);
  if (meant == NULL || meant->kind == CL_SCALAR)
    return cl_read_wrong(r, node, "trainer", "a mapping or a list that your program reads", e);
  if (meant->n == 0)
    cl_text_add(ret, meant->kind == CL_MAPPING ? "{}\n" : "[]\n");
  else
    CL_TRY(emit_children(&m, meant, 0, 0, e));
  if (ret->failed) return CL_FAIL_NOMEM(e);
  if (ret->length <= CL_TREE_BYTES) return 0;
  return cl_source_fail(r->source, node->start, NULL, e,
                        "this part has more than %d bytes when its aliases are written out", CL_TREE_BYTES);
}

/* --- one trial's copy --- */

/* Absent without values. */
static struct cl_value value_of(const struct cl_settings *s, const struct cl_value *values,
                                const char *name) {
  int index = values == NULL ? -1 : cl_space_find(&s->space, name);
  return index < 0 ? (struct cl_value){.kind = CL_ABSENT} : values[index];
}

/* In the template of a native file every alias is a hyperparameter; they are replaced from the first to the
 * last. */
static int fill_template(const struct cl_settings *s, const struct cl_value *values, const char *text,
                         struct cl_text *ret, struct cl_err *e) {
  struct cl_arena arena = {0};
  struct cl_source source = {.name = "the trainer's part", .text = text, .n = strlen(text)};
  struct cl_node *root = NULL;
  size_t done = 0;
  int status = cl_tree_parse(&source, &arena, false, &root, e);
  for (const struct cl_node *node = root; status == 0 && node != NULL; node = cl_node_walk(root, node)) {
    if (node->kind != CL_ALIAS) continue;
    assert(node->start >= done);
    cl_text_add_bytes(ret, text + done, node->start - done);
    cl_yaml_write(ret, value_of(s, values, node->text));
    done = node->end;
  }
  if (status == 0) cl_text_add(ret, text + done);
  cl_arena_done(&arena);
  return status;
}

/* Up to behind the last line that says something: comments below belong to what follows. */
static size_t end_of_entries(const struct cl_section *section) {
  assert(section->n > 0);
  const struct cl_section_entry *last = &section->items[section->n - 1];
  return last->list_end > last->tuned_end ? last->list_end : last->tuned_end;
}

static int fill_runspec(const struct cl_settings *s, const struct cl_value *values, const char *text,
                        struct cl_text *ret, struct cl_err *e) {
  struct cl_arena arena = {0};
  struct cl_source source = {.name = "the runspec", .text = text, .n = strlen(text)};
  struct cl_section section = {0};
  size_t done = 0;
  int status = 0;
  if (cl_section_find(text, source.n, &section.begin, &section.end))
    status = cl_section_read(&source, &arena, &section, e);
  if (status == 0 && section.n > 0) {
    cl_text_add_bytes(ret, text, section.begin);
    cl_text_add(ret, "hyperparameters:\n");
    for (size_t i = 0; i < section.n; i++) {
      cl_text_format(ret, "  - name: &%s ", section.items[i].name);
      cl_yaml_write(ret, value_of(s, values, section.items[i].name));
      cl_text_add_char(ret, '\n');
    }
    done = end_of_entries(&section);
    while (text[done] != '\0' && text[done] != '\n') done++;
    done += text[done] == '\n';
  }
  if (status == 0) cl_text_add(ret, text + done);
  cl_section_done(&section);
  cl_arena_done(&arena);
  return status;
}

static int fill(bool runspec, const struct cl_settings *s, const struct cl_value *values, const char *text,
                struct cl_text *ret, struct cl_err *e) {
  CL_TRY(runspec ? fill_runspec(s, values, text, ret, e) : fill_template(s, values, text, ret, e));
  return ret->failed ? CL_FAIL_NOMEM(e) : 0;
}

int cl_dump_check(const char *text, bool runspec, struct cl_err *e) {
  struct cl_text copy = {0};
  struct cl_arena arena = {0};
  struct cl_node *root = NULL;
  int status = fill(runspec, NULL, NULL, text, &copy, e);
  struct cl_source source = {.name = runspec ? "the copy of the runspec for the program"
                                             : "the copy of the trainer's part for the program",
                             .text = cl_text_get(&copy),
                             .n = copy.length};
  if (status == 0 && source.n <= CL_TREE_BYTES) status = cl_tree_parse(&source, &arena, true, &root, e);
  cl_arena_done(&arena);
  cl_text_done(&copy);
  return status;
}

int cl_spec_dump(const struct cl_settings *s, const struct cl_value *values, struct cl_text *ret,
                 struct cl_err *e) {
  const char *text = json_string_value(json_object_get(s->json, "dump"));
  if (text == NULL) return CLADE_EMPTY;
  bool runspec = s->origin != NULL && strcmp(s->origin, "runspec") == 0;
  return fill(runspec, s, values, text, ret, e);
}
