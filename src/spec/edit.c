/* Places by path, and changes of the user's text that leave every other byte alone: --set and `best --write`.
 *
 * libfyaml's emitter would drop comments and break lists over lines, so values are spliced in by byte offset.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "spec/hyperparameters.h"
#include "spec/spec_impl.h"

/* --- paths --- */

/* Does `name` stand at the beginning of the path? Where the rest begins, or null. */
static const char *match_name(const char *path, const char *name) {
  size_t n = strlen(name);
  if (n == 0 || strncmp(path, name, n) != 0) return NULL;
  return path[n] == '.' ? path + n + 1 : path[n] == '[' || path[n] == '\0' ? path + n : NULL;
}

/* Names may hold dots, so the longest one that fits is meant. */
static const struct cl_node *find_in_mapping(const struct cl_node *map, const char *path,
                                             const char **ret_rest) {
  const struct cl_node *found = NULL;
  for (const struct cl_node *key = map->first; key != NULL; key = key->next->next) {
    const char *rest = match_name(path, key->text);
    if (rest == NULL || (found != NULL && rest <= *ret_rest)) continue;
    found = key->next;
    *ret_rest = rest;
  }
  return found;
}

static const struct cl_node *find_in_list(const struct cl_node *list, const char *path,
                                          const char **ret_rest) {
  if (path[0] == '[') {
    char *end = NULL;
    unsigned long index = strtoul(path + 1, &end, 10);
    if (end == path + 1 || *end != ']') return NULL;
    const struct cl_node *item = list->first;
    while (item != NULL && index-- > 0) item = item->next;
    *ret_rest = end[1] == '.' ? end + 2 : end + 1;
    return item;
  }
  const struct cl_node *found = NULL;
  for (const struct cl_node *item = list->first; item != NULL; item = item->next) {
    const char *name = NULL;
    size_t at = 0;
    const struct cl_node *body = cl_hyperparameters_body(item, &name, &at);
    const char *rest = body == NULL ? NULL : match_name(path, name);
    if (rest == NULL || (found != NULL && rest <= *ret_rest)) continue;
    found = body;
    *ret_rest = rest;
  }
  return found;
}

const struct cl_node *cl_path_find(const struct cl_node *root, const char *path, const char **ret_rest) {
  assert(root != NULL);
  *ret_rest = path;
  const struct cl_node *node = root;
  while (**ret_rest != '\0') {
    const struct cl_node *meant = cl_node_resolve(node), *next = NULL;
    const char *rest = *ret_rest;
    if (meant != NULL && meant->kind == CL_MAPPING) next = find_in_mapping(meant, *ret_rest, &rest);
    if (meant != NULL && meant->kind == CL_SEQUENCE) next = find_in_list(meant, *ret_rest, &rest);
    if (next == NULL) break;
    node = next;
    *ret_rest = rest;
  }
  return node;
}

bool cl_path_find_section(const struct cl_section *s, const char *path, size_t *ret_start, size_t *ret_end) {
  const char *rest = match_name(path, "hyperparameters");
  if (rest == NULL) return false;
  for (size_t i = 0; i < s->n; i++) {
    const struct cl_section_entry *entry = &s->items[i];
    const char *key = match_name(rest, entry->name);
    if (key == NULL) continue;
    if (strcmp(key, "tuned_value") == 0)
      *ret_start = entry->tuned_at, *ret_end = entry->tuned_end;
    else if (strcmp(key, entry->ordered ? "ordered_tuning_values" : "unordered_tuning_values") == 0)
      *ret_start = entry->list_at, *ret_end = entry->list_end;
    else if (*key == '\0')
      *ret_start = *ret_end = entry->name_at;
    else
      continue;
    return true;
  }
  return false;
}

/* --- changes --- */

/* May this stand as it is, in a block as well as between brackets? Otherwise it becomes a quoted text. */
static int check_value(const char *value, bool *ret_safe, struct cl_err *e) {
  *ret_safe = false;
  if (value[0] == '\0' || strpbrk(value, "\r\n") != NULL) return 0;
  struct cl_arena arena = {0};
  char *text = cl_arena_format(&arena, "[%s]", value);
  struct cl_source s = {.name = "a value", .text = text, .n = strlen(value) + 2};
  struct cl_node *root = NULL;
  int status = text == NULL ? CL_FAIL_NOMEM(e) : cl_tree_parse(&s, &arena, false, &root, e);
  if (status == 0 && root != NULL && root->kind == CL_SEQUENCE && root->n == 1) {
    const struct cl_node *item = root->first;
    *ret_safe = item->start == 1 && item->end == s.n - 1 && !(item->kind == CL_MAPPING && value[0] != '{');
  }
  cl_arena_done(&arena);
  return status == CLADE_ENOMEM ? status : 0;
}

static int write_value(struct cl_text *t, const char *value, struct cl_err *e) {
  bool safe = false;
  CL_TRY(check_value(value, &safe, e));
  if (safe)
    cl_text_add(t, value);
  else
    cl_text_add_json(t, value);
  return 0;
}

static void write_key(struct cl_text *t, const char *key, size_t n) {
  static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/";
  char copy[200];
  assert(n > 0 && n < sizeof copy);
  (void)snprintf(copy, sizeof copy, "%.*s", (int)n, key);
  if (strspn(copy, safe) == strlen(copy) && copy[0] != '-')
    cl_text_add(t, copy);
  else
    cl_text_add_json(t, copy);
}

/* a.b.c and v: `a: {b: {c: v}}`. */
static int write_missing(struct cl_text *t, const char *rest, const char *value, const char *shown,
                         struct cl_err *e) {
  int depth = 0;
  for (;; depth++) {
    size_t n = strcspn(rest, ".");
    if (n == 0 || n > 199 || memchr(rest, '[', n) != NULL)
      return CL_FAIL(e, CLADE_ESPEC,
                     "--set %s: the spec has no place that this path names; a path is keys joined by "
                     "dots, as in search.gamma=0.3",
                     shown);
    write_key(t, rest, n);
    cl_text_add(t, ": ");
    rest += n;
    if (*rest++ == '\0') break;
    cl_text_add_char(t, '{');
  }
  CL_TRY(write_value(t, value, e));
  for (; depth > 0; depth--) cl_text_add_char(t, '}');
  return 0;
}

static size_t column_of(const struct cl_source *s, size_t at) {
  assert(at <= s->n);
  size_t start = at;
  while (start > 0 && s->text[start - 1] != '\n') start--;
  size_t column = 0;
  for (; start < at; start++) column += ((unsigned char)s->text[start] & 0xC0) != 0x80;
  return column;
}

/* How the lines of the file end. */
static const char *line_end(const struct cl_source *s) {
  const char *first = s->n == 0 ? NULL : memchr(s->text, '\n', s->n);
  return first != NULL && first > s->text && first[-1] == '\r' ? "\r\n" : "\n";
}

/* Behind the last line of a block mapping, or behind { of a flow mapping. */
static int put_in(const struct cl_source *s, const struct cl_node *map, const char *rest, const char *value,
                  const char *shown, size_t *ret_at, struct cl_text *t, struct cl_err *e) {
  if (map != NULL && map->flow) {
    *ret_at = map->start + 1;
    CL_TRY(write_missing(t, rest, value, shown, e));
    if (map->n > 0) cl_text_add(t, ", ");
    return 0;
  }
  size_t at = map == NULL ? s->n : map->end,
         indent = map == NULL ? 0 : column_of(s, cl_key_start(s, map->first->start));
  bool fresh_line = at == 0 || s->text[at - 1] == '\n'; /* a block scalar ends with its line */
  while (!fresh_line && at < s->n && s->text[at] != '\n' && s->text[at] != '\r') at++;
  assert(at <= s->n);
  *ret_at = at;
  cl_text_format(t, "%s%*s", fresh_line ? "" : line_end(s), (int)indent, "");
  CL_TRY(write_missing(t, rest, value, shown, e));
  if (fresh_line) cl_text_add(t, line_end(s));
  return 0;
}

/* Behind the colon of the key that a value belongs to. */
static size_t behind_colon(const struct cl_source *s, const struct cl_node *node) {
  const struct cl_node *key = node->parent == NULL ? NULL : node->parent->first;
  while (key != NULL && key->next != node) key = key->next->next;
  if (key == NULL) return 0;
  assert(key->end <= node->start);
  size_t at = key->end;
  while (at < node->start && s->text[at] != ':') at++;
  return at < s->n && s->text[at] == ':' ? at + 1 : 0;
}

static bool is_one_line(const struct cl_source *s, const struct cl_node *node) {
  return node->end > node->start && memchr(s->text + node->start, '\n', node->end - node->start) == NULL &&
         (node->kind == CL_SCALAR || node->kind == CL_ALIAS || node->flow);
}

static int replace_node(const struct cl_source *s, const struct cl_node *node, const char *value,
                        const char *shown, struct cl_change_text *ret, struct cl_text *t, struct cl_err *e) {
  size_t start = node->start, end = node->end;
  assert(start <= end && end <= s->n);
  bool in_mapping = node->parent != NULL && node->parent->kind == CL_MAPPING;
  if (!is_one_line(s, node) && !node->flow) {
    start = node->anchor_end > 0 ? node->anchor_end : in_mapping ? behind_colon(s, node) : 0;
    if (start == 0)
      return CL_FAIL(
          e, CLADE_EUNSUPPORTED,
          "--set %s: this part stretches over several lines, so it cannot be replaced as a whole; name "
          "one of its keys",
          shown);
    if (end > start && s->text[end - 1] == '\n') end--;
    if (end > start && s->text[end - 1] == '\r') end--;
    if (end < start) end = start;
    cl_text_add_char(t, ' ');
  }
  assert(start <= end);
  ret->at = start;
  ret->removed = end - start;
  return write_value(t, value, e);
}

static int not_a_mapping(const struct cl_node *node, const char *path, const char *rest, const char *shown,
                         struct cl_err *e) {
  char buffer[128];
  assert(rest >= path);
  size_t n = (size_t)(rest - path);
  if (n > 0 && path[n - 1] == '.') n--;
  return CL_FAIL(e, CLADE_ESPEC, "--set %s: `%.*s` is %s, so it has no `%s`", shown, (int)(n < 100 ? n : 100),
                 path, cl_node_describe(node, buffer, sizeof buffer), rest);
}

/* A bare name that a runspec does not have at its top means the one key of that name further down: the
 * trainer's part is a tree. *ret stays when there is none. */
static int find_below(const struct cl_spec *s, const char *name, const char *shown,
                      const struct cl_node **ret, struct cl_err *e) {
  const struct cl_node *found = NULL;
  for (const struct cl_node *map = s->root; map != NULL; map = cl_node_walk(s->root, map)) {
    for (const struct cl_node *key = map->kind == CL_MAPPING ? map->first : NULL; key != NULL;
         key = key->next->next) {
      if (key->text == NULL || strcmp(key->text, name) != 0) continue;
      if (found != NULL)
        return CL_FAIL(
            e, CLADE_ESPEC,
            "--set %s: the spec has several keys `%s`, so it is not known which one is meant: name it by its "
            "path, keys joined by dots and places of a list as [0]",
            shown, name);
      found = key->next;
    }
  }
  if (found != NULL) *ret = found;
  return 0;
}

int cl_change_make(const struct cl_spec *s, const char *path, const char *value, const char *shown,
                   struct cl_change_text *ret, struct cl_err *e) {
  struct cl_text t = {0};
  struct cl_change_text change = {0};
  size_t start = 0, end = 0;
  int status = 0;
  const char *rest = path;
  const struct cl_node *node = s->root == NULL ? NULL : cl_path_find(s->root, path, &rest);
  if (s->kind == CL_SPEC_RUNSPEC && node == s->root && node != NULL && strpbrk(path, ".[") == NULL) {
    CL_TRY(find_below(s, path, shown, &node, e));
    if (node != s->root) rest = "";
  }
  const struct cl_node *meant = node == NULL ? NULL : cl_node_resolve(node);
  if (cl_path_find_section(&s->section, path, &start, &end) && end > start) {
    change = (struct cl_change_text){.at = start, .removed = end - start};
    status = write_value(&t, value, e);
  } else if (s->section.n > 0 && match_name(path, "hyperparameters") != NULL)
    status = CL_FAIL(e, CLADE_ESPEC,
                     "--set %s: in a runspec, hyperparameters.NAME.tuned_value and the list of values "
                     "can be set",
                     shown);
  else if (node != NULL && *rest == '\0')
    status = replace_node(s->source, node, value, shown, &change, &t, e);
  else if (node == NULL || (meant != NULL && meant->kind == CL_MAPPING))
    status = put_in(s->source, meant, rest, value, shown, &change.at, &t, e);
  else if (cl_node_is_null(node) && node->parent != NULL && behind_colon(s->source, node) > 0) {
    change.at = node->anchor_end > 0 ? node->anchor_end : behind_colon(s->source, node);
    change.removed = node->end > change.at ? node->end - change.at : 0;
    cl_text_add(&t, " {");
    status = write_missing(&t, rest, value, shown, e);
    cl_text_add_char(&t, '}');
  } else
    status = not_a_mapping(meant == NULL ? node : meant, path, rest, shown, e);
  if (status == 0 && t.failed) status = CL_FAIL_NOMEM(e);
  if (status == 0) {
    change.added = cl_text_take(&t);
    if (change.added == NULL) status = CL_FAIL_NOMEM(e);
  }
  assert(status != 0 || change.at + change.removed <= s->source->n);
  if (status == 0) *ret = change;
  cl_text_done(&t);
  return status;
}

/* --- --set --- */

static int make_changed_source(const struct cl_spec *from, const struct cl_change_text *change,
                               const char *option, struct cl_spec *to, struct cl_err *e) {
  const struct cl_source *old = from->source;
  struct cl_text t = {0};
  assert(change->added != NULL);
  size_t added = strlen(change->added);
  cl_text_add_bytes(&t, old->text, change->at);
  cl_text_add_bytes(&t, change->added, added);
  cl_text_add(&t, old->text + change->at + change->removed);
  struct cl_source *now = cl_arena_alloc(&to->arena, sizeof *now);
  if (now != NULL) {
    *now = (struct cl_source){.name = old->name,
                              .n = t.length,
                              .before = old,
                              .at = change->at,
                              .removed = change->removed,
                              .added = added};
    now->text = cl_arena_bytes(&to->arena, cl_text_get(&t), t.length);
    now->option = cl_arena_text(&to->arena, option);
  }
  int status = t.failed || now == NULL || now->text == NULL || now->option == NULL ? CL_FAIL_NOMEM(e) : 0;
  cl_text_done(&t);
  if (status == 0) to->source = now;
  return status;
}

static int apply_option(const struct cl_spec *from, const char *option, struct cl_spec *to,
                        struct cl_err *e) {
  const char *equals = strchr(option, '=');
  if (equals == NULL || equals == option || equals - option > 1000)
    return CL_FAIL(e, CLADE_ESPEC,
                   "--set %.200s: write a key of the spec, `=` and a value, as in search.gamma=0.3", option);
  char *path = cl_arena_bytes(&to->arena, option, (size_t)(equals - option));
  if (path == NULL) return CL_FAIL_NOMEM(e);
  struct cl_change_text change = {0};
  CL_TRY(cl_change_make(from, path, equals + 1, option, &change, e));
  int status = make_changed_source(from, &change, option, to, e);
  cl_free(change.added);
  return status < 0 ? status : cl_spec_read(to, e);
}

/* Each option is applied to the text that the one before it made, so all those texts stay in one arena. */
int cl_spec_edit(const struct cl_spec *s, int n_set, const char *const *set, struct cl_spec **ret,
                 struct cl_err *e) {
  struct cl_spec *edited = cl_alloc(sizeof *edited);
  if (edited == NULL) return CL_FAIL_NOMEM(e);
  struct cl_spec from = *s;
  int status = 0;
  edited->kind = s->kind;
  edited->n_words = s->n_words;
  edited->words = s->words;
  for (int i = 0; status == 0 && i < n_set; i++) {
    struct cl_section old = edited->section;
    edited->section = (struct cl_section){0};
    status = apply_option(&from, set[i], edited, e);
    if (i > 0) cl_section_done(&old);
    from = *edited;
  }
  if (status < 0)
    cl_spec_destroy(edited);
  else
    *ret = edited;
  return status;
}

/* --- best --write --- */

static int compare_changes(const void *a, const void *b) {
  const struct cl_change_text *x = a, *y = b;
  return (x->at > y->at) - (x->at < y->at);
}

static bool has_hyperparameter(const struct cl_spec *s, const char *name, const char **ret_rest) {
  const char *path = *ret_rest, *rest = path;
  if (s->root == NULL) return false;
  (void)cl_path_find(s->root, path, &rest);
  size_t found = (size_t)(rest - path); /* "hyperparameters.NAME." at least */
  *ret_rest = rest;
  return found >= strlen("hyperparameters.") + strlen(name);
}

/* Do the bytes say the same already? 0.90 is 0.9, and "adam" is adam. */
static bool says_the_same(const char *old, size_t n_old, const char *new) {
  size_t n_new = strlen(new);
  while (n_old > 0 && strchr(" \t\r\n", old[0]) != NULL) old++, n_old--;
  while (n_old > 0 && strchr(" \t\r\n", old[n_old - 1]) != NULL) n_old--;
  while (n_new > 0 && new[0] == ' ') new ++, n_new--;
  if (n_old == n_new && memcmp(old, new, n_old) == 0) return true;
  char a[64], b[64];
  double x = 0, y = 1;
  bool quoted = n_new >= 2 && new[0] == '"' && new[n_new - 1] == '"';
  if (n_old >= 2 && (old[0] == '"' || old[0] == '\'') && old[n_old - 1] == old[0]) {
    static const char *const words[] = {"true", "false", "null"}; /* written bare they are no texts */
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
      if (strcasecmp(new, words[i]) == 0) return false;
    if (!quoted && cl_text_to_number(new, &y)) return false;
    if (old[0] == '\'' && (memchr(old + 1, '\'', n_old - 2) != NULL || strchr(new, '\\') != NULL))
      return false;
    return n_old - 2 == n_new - 2 * quoted && memcmp(old + 1, new + quoted, n_old - 2) == 0;
  }
  if (n_old >= sizeof a || n_new >= sizeof b) return false;
  (void)snprintf(a, sizeof a, "%.*s", (int)n_old, old);
  (void)snprintf(b, sizeof b, "%.*s", (int)n_new, new);
  return cl_text_to_number(a, &x) && cl_text_to_number(b, &y) && x == y;
}

/* The place of a tuned value in a native file: below a mapping, where it can be replaced or put in. */
static int check_can_write(const struct cl_spec *s, const char *name, const char *path, struct cl_err *e) {
  size_t start = 0, end = 0;
  if (cl_path_find_section(&s->section, path, &start, &end)) return 0;
  const char *rest = path;
  const struct cl_node *node = s->root == NULL ? NULL : cl_path_find(s->root, path, &rest);
  const struct cl_node *meant = node == NULL ? NULL : cl_node_resolve(node);
  if (meant != NULL &&
      (*rest == '\0' || (strcmp(rest, "tuned_value") == 0 && meant->kind == CL_MAPPING && meant == node)))
    return 0;
  const char *known = path;
  if (s->kind == CL_SPEC_INLINE || s->section.n > 0 || !has_hyperparameter(s, name, &known))
    return CL_FAIL(
        e, CLADE_EUNSUPPORTED,
        "%s has no hyperparameter %s, so its value has no place there: name the spec of this study",
        s->source->name, name);
  return CL_FAIL(
      e, CLADE_EUNSUPPORTED,
      "%s: %s is written in short form, which has no place for a tuned value; write `%s: {range: …, "
      "tuned_value: …}`",
      s->source->name, name, name);
}

static int make_write(const struct cl_spec *s, const struct cl_hyperparameter *h, struct cl_value v,
                      struct cl_change_text *ret, struct cl_err *e) {
  struct cl_text path = {0}, value = {0};
  cl_text_format(&path, "hyperparameters.%s.tuned_value", h->name);
  cl_yaml_write(&value, v);
  int status =
      path.failed || value.failed ? CL_FAIL_NOMEM(e) : check_can_write(s, h->name, cl_text_get(&path), e);
  if (status == 0)
    status = cl_change_make(s, cl_text_get(&path), cl_text_get(&value), cl_text_get(&path), ret, e);
  cl_text_done(&path);
  cl_text_done(&value);
  return status;
}

/* What cannot be read any more is not written: nobody should lose a file to a way of writing YAML that was
 * not thought of. */
static int check_written(const struct cl_spec *s, const struct cl_text *text, struct cl_err *e) {
  struct cl_spec *again = NULL;
  struct cl_err why = {0};
  if (text->failed) return CL_FAIL_NOMEM(e);
  int status = cl_spec_parse(cl_text_get(text), text->length, s->source->name, &again, &why);
  cl_spec_destroy(again);
  if (status == 0) return 0;
  if (status == CLADE_ENOMEM) return CL_FAIL_NOMEM(e);
  return CL_FAIL(e, CLADE_EUNSUPPORTED,
                 "tuned values cannot be put into %s as it is written: write `tuned_value:` below each "
                 "hyperparameter by hand (with them, %s)",
                 s->source->name, why.text);
}

int cl_spec_splice(const struct cl_spec *s, const struct cl_space *space, const struct cl_value *values,
                   struct cl_text *ret, int *ret_changed, struct cl_err *e) {
  struct cl_change_text *changes = cl_alloc_array((size_t)space->n, sizeof *changes);
  if (changes == NULL) return CL_FAIL_NOMEM(e);
  size_t n = 0, done = 0;
  int status = 0;
  for (int i = 0; status == 0 && i < space->n; i++) {
    if (values[i].kind == CL_ABSENT) continue;
    status = make_write(s, &space->items[i], values[i], &changes[n], e);
    if (status < 0) break;
    if (says_the_same(s->source->text + changes[n].at, changes[n].removed, changes[n].added))
      cl_free(changes[n].added);
    else
      n++;
  }
  qsort(changes, n, sizeof *changes, compare_changes);
  for (size_t i = 0; status == 0 && i < n; i++) {
    assert(changes[i].at >= done);
    cl_text_add_bytes(ret, s->source->text + done, changes[i].at - done);
    cl_text_add(ret, changes[i].added);
    done = changes[i].at + changes[i].removed;
  }
  if (status == 0) cl_text_add(ret, s->source->text + done);
  if (status == 0) status = check_written(s, ret, e);
  if (status == 0 && ret_changed != NULL) *ret_changed = (int)n;
  for (size_t i = 0; i < n; i++) cl_free(changes[i].added);
  cl_free(changes);
  return status;
}
