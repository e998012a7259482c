/* From libfyaml's events to nodes. Nothing here recurses, so depth costs no stack. */
#include "spec/tree.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfyaml.h>

#include "base/alloc.h"
#include "base/rng.h"

struct anchor {
  const char *name;
  struct cl_node *node;
};

struct builder {
  const struct cl_source *s;
  struct cl_arena *arena;
  struct cl_node *root, *open, *last_child; /* last_child: of open */
  int depth, n_nodes, n_documents;
  size_t here; /* end of the last token: where an empty value stands */
  size_t n_anchors, cap_anchors, n_slots;
  struct anchor *slots; /* open addressing; n_slots is a power of two, at most half full */
};

/* The newest node of that name, or the free slot for it. */
static struct anchor *find_slot(const struct builder *b, const char *name) {
  assert(b->n_slots > 0 && (b->n_slots & (b->n_slots - 1)) == 0);
  size_t i = cl_value_hash(cl_value_text(name), 1) & (b->n_slots - 1);
  while (b->slots[i].name != NULL && strcmp(b->slots[i].name, name) != 0) i = (i + 1) & (b->n_slots - 1);
  return &b->slots[i];
}

static int grow_slots(struct builder *b) {
  struct builder grown = *b;
  grown.n_slots = b->n_slots == 0 ? 64 : b->n_slots * 2;
  grown.slots = cl_alloc_array(grown.n_slots, sizeof *grown.slots);
  if (grown.slots == NULL) return -1;
  for (size_t i = 0; i < b->n_slots; i++)
    if (b->slots[i].name != NULL) *find_slot(&grown, b->slots[i].name) = b->slots[i];
  cl_free(b->slots);
  *b = grown;
  return 0;
}

static int keep_anchor(struct builder *b, struct cl_node *node, struct cl_err *e) {
  if (node->anchor == NULL) return 0;
  if ((b->n_anchors + 1) * 2 > b->n_slots && grow_slots(b) < 0) return CL_FAIL_NOMEM(e);
  struct anchor *slot = find_slot(b, node->anchor);
  b->n_anchors += slot->name == NULL;
  *slot = (struct anchor){node->anchor, node};
  return 0;
}

/* Of a scalar: fy_token_get_text leaks its list of pieces when there are more than a few escapes or lines,
 * and fy_token_iter_read loses some (0.7.12). Null: out of memory. *ret_whole is false where an escaped blank
 * ends a line of the text: libfyaml loses that. */
static char *read_scalar(struct cl_arena *arena, struct fy_token *token, size_t *ret_n, bool *ret_whole) {
  size_t n = fy_token_get_text_length(token), got = 0;
  char *text = cl_arena_alloc(arena, n + 1);
  struct fy_token_iter *pieces = text == NULL ? NULL : fy_token_iter_create(token);
  if (pieces == NULL) return NULL;
  for (int c = 0; got < n && (c = fy_token_iter_getc(pieces)) != -1;
       got++) /* bytes may come as signed ones */
    text[got] = (char)(unsigned char)c;
  fy_token_iter_destroy(pieces);
  assert(got <= n);
  *ret_n = got;
  *ret_whole = got == n;
  return text;
}

static char *read_name(struct cl_arena *arena, struct fy_token *token, size_t *ret_n) {
  const char *text = fy_token_get_text(token, ret_n);
  return cl_arena_bytes(arena, text == NULL ? "" : text, *ret_n);
}

static int read_token_text(struct builder *b, struct fy_token *token, size_t at, bool scalar,
                           const char **ret, struct cl_err *e) {
  size_t n = 0;
  bool whole = true;
  const char *text = scalar ? read_scalar(b->arena, token, &n, &whole) : read_name(b->arena, token, &n);
  if (text == NULL) return CL_FAIL_NOMEM(e);
  if (!whole)
    return cl_source_fail(b->s, at, NULL, e,
                          "in this text a line ends with an escaped blank, which cannot be read; write the "
                          "text on one line");
  if (memchr(text, '\0', n) != NULL)
    return cl_source_fail(b->s, at, NULL, e,
                          "the text holds a zero byte; texts end at the first one, so leave it out");
  *ret = text;
  return 0;
}

static bool is_quote(const struct cl_source *s, size_t at) {
  return at < s->n && (s->text[at] == '"' || s->text[at] == '\'');
}

/* Where a node stands. libfyaml's marks leave quotes and & out, and an empty value has none. */
static void set_place(struct builder *b, struct cl_node *node, struct fy_event *event,
                      struct fy_token *anchor) {
  const struct fy_mark *start = fy_event_start_mark(event), *end = fy_event_end_mark(event);
  if (anchor != NULL) {
    node->anchor_start = fy_token_start_mark(anchor)->input_pos - 1;
    node->anchor_end = fy_token_end_mark(anchor)->input_pos;
    if (b->here < node->anchor_end) b->here = node->anchor_end;
  }
  bool empty = start == NULL || end == NULL;
  if (empty && anchor == NULL && b->here < b->s->n && b->s->text[b->here] == ':') b->here++;
  node->start = empty ? b->here : start->input_pos;
  node->end = empty ? b->here : end->input_pos;
  if (node->kind == CL_SCALAR && node->quoted && node->start > 0 && is_quote(b->s, node->start - 1) &&
      is_quote(b->s, node->end)) {
    node->start--;
    node->end++;
  } else if (node->kind == CL_SCALAR &&
             node->quoted) /* block scalar: the mark is behind the next indentation */
    while (node->end > node->start && b->s->text[node->end - 1] == ' ') node->end--;
  if (node->kind == CL_ALIAS && node->start > 0 && b->s->text[node->start - 1] == '*') node->start--;
  assert(node->start <= node->end && node->end <= b->s->n);
  b->here = node->end;
}

/* The innermost open bracket; null if there is none. */
static const struct cl_node *open_bracket(const struct builder *b) {
  const struct cl_node *open = b->open;
  while (open != NULL && !open->flow) open = open->parent;
  return open;
}

/* Where what stands on the line of `at` begins. */
static size_t text_start(const struct cl_source *s, size_t at) {
  size_t start = cl_source_line_start(s, at);
  while (start < at && s->text[start] == ' ') start++;
  return start;
}

/* Is it the key of a pair of which `?` begins the key, and `:` the value? */
static bool is_explicit(const struct cl_source *s, size_t key) {
  while (key > 0 && s->text[key - 1] == ' ') key--;
  return key > 0 && s->text[key - 1] == '?';
}

/* A value on a line of its own stands further to the right than its key, and an item than its dash. libfyaml
 * lets it pass; other readers of the same file, of its copy among them, do not. `at`: where it begins, for a
 * block scalar its first line. */
static int check_indentation(const struct builder *b, const struct cl_node *node, size_t at,
                             struct cl_err *e) {
  const struct cl_node *open = b->open;
  bool block = (node->kind == CL_MAPPING || node->kind == CL_SEQUENCE) && !node->flow;
  if (open == NULL || open_bracket(b) != NULL || block || node->start == node->end) return 0;
  if (open->kind == CL_MAPPING && open->n % 2 == 0) return 0; /* a key */
  bool keyed = open->kind == CL_MAPPING;
  size_t from = keyed ? cl_key_start(b->s, b->last_child->start) : open->start;
  size_t line = cl_source_line_start(b->s, at), begins = text_start(b->s, at);
  char mark = b->s->text[begins];
  assert(from <= at && line <= begins && begins <= at);
  if (line <= from || (begins < at && strchr(":-?", mark) != NULL)) return 0;
  if (begins - line > from - cl_source_line_start(b->s, from) || (keyed && is_explicit(b->s, from))) return 0;
  return cl_source_fail(b->s, at,
                        keyed ? "the value, indented further than its key"
                              : "the item, indented further than its dash",
                        e, "this is not indented, as what belongs to the line above it must be");
}

/* Where the text of a block scalar begins, which begins with the line. */
static size_t first_text(const struct cl_source *s, const struct cl_node *node) {
  size_t at = node->start;
  while (at < node->end && strchr(" \r\n", s->text[at]) != NULL) at++;
  return at;
}

/* While a mapping is open its n counts keys and values alike. */
static int attach(struct builder *b, struct cl_node *node, struct cl_err *e) {
  struct cl_node *open = b->open;
  assert(open == NULL || open->kind == CL_MAPPING || open->kind == CL_SEQUENCE);
  node->parent = open;
  if (open == NULL) {
    b->root = node;
    return 0;
  }
  if (open->kind == CL_MAPPING && open->n % 2 == 0 && node->kind != CL_SCALAR)
    return cl_source_fail(b->s, node->start, "a name", e, "a key must be a plain name, not %s",
                          node->kind == CL_ALIAS ? "an alias" : "a list or mapping");
  open->n++;
  if (b->last_child == NULL)
    open->first = node;
  else
    b->last_child->next = node;
  b->last_child = node;
  return 0;
}

static int resolve_alias(struct builder *b, struct cl_node *node, bool anchors_known, struct cl_err *e) {
  struct anchor *slot = b->n_slots == 0 ? NULL : find_slot(b, node->text);
  node->target = slot == NULL ? NULL : slot->node;
  if (node->target != NULL || !anchors_known) return 0;
  assert(node->kind == CL_ALIAS && node->text != NULL);
  const char *nearest = NULL;
  int best = 3;
  for (size_t i = 0; i < b->n_slots; i++) {
    int distance = b->slots[i].name == NULL ? best : cl_text_distance(b->slots[i].name, node->text);
    if (distance < best) best = distance, nearest = b->slots[i].name;
  }
  return cl_source_fail(b->s, node->start, "the name of an anchor (&name) that stands above this line", e,
                        "*%s refers to nothing%s%s%s", node->text, nearest == NULL ? "" : "; did you mean *",
                        nearest == NULL ? "" : nearest, nearest == NULL ? "" : "?");
}

static int add_node(struct builder *b, struct fy_event *event, bool anchors_known, struct cl_err *e) {
  if (++b->n_nodes > CL_TREE_NODES)
    return CL_FAIL(e, CLADE_ELIMIT, "%s has more than %d values, the limit of one file", b->s->name,
                   CL_TREE_NODES);
  struct cl_node *node = cl_arena_alloc(b->arena, sizeof *node);
  if (node == NULL) return CL_FAIL_NOMEM(e);
  struct fy_token *anchor = event->type == FYET_ALIAS ? NULL : fy_event_get_anchor_token(event);
  struct fy_token *tag = event->type == FYET_ALIAS ? NULL : fy_event_get_tag_token(event);
  struct fy_token *token = fy_event_get_token(event);
  node->kind = event->type == FYET_SCALAR           ? CL_SCALAR
               : event->type == FYET_ALIAS          ? CL_ALIAS
               : event->type == FYET_SEQUENCE_START ? CL_SEQUENCE
                                                    : CL_MAPPING;
  if (tag != NULL) CL_TRY(read_token_text(b, tag, b->here, false, &node->tag, e));
  enum fy_scalar_style style = node->kind == CL_SCALAR ? fy_token_scalar_style(token) : FYSS_PLAIN;
  if (node->kind == CL_SCALAR)
    node->quoted =
        style != FYSS_PLAIN || (node->tag != NULL && strcmp(node->tag, "tag:yaml.org,2002:str") == 0);
  set_place(b, node, event, anchor);
  node->flow = node->kind != CL_SCALAR && node->kind != CL_ALIAS && node->end > node->start;
  if (anchor != NULL) CL_TRY(read_token_text(b, anchor, node->anchor_start, false, &node->anchor, e));
  if (node->kind == CL_SCALAR || node->kind == CL_ALIAS)
    CL_TRY(read_token_text(b, token, node->start, node->kind == CL_SCALAR, &node->text, e));
  if (node->kind == CL_ALIAS) CL_TRY(resolve_alias(b, node, anchors_known, e));
  bool lines = style == FYSS_LITERAL || style == FYSS_FOLDED;
  CL_TRY(check_indentation(b, node, lines ? first_text(b->s, node) : node->start, e));
  CL_TRY(attach(b, node, e));
  CL_TRY(keep_anchor(b, node, e));
  if (node->kind == CL_SCALAR || node->kind == CL_ALIAS) return 0;
  if (++b->depth > CL_TREE_DEPTH)
    return cl_source_fail(b->s, node->start, NULL, e, "lists and mappings are nested deeper than %d",
                          CL_TREE_DEPTH);
  assert(node->first == NULL);
  b->open = node;
  b->last_child = NULL;
  return 0;
}

static void close_node(struct builder *b, struct fy_event *event) {
  struct cl_node *node = b->open;
  assert(node != NULL && b->depth > 0);
  const struct fy_mark *end = fy_event_end_mark(event);
  if (node->flow && end != NULL)
    node->end = end->input_pos;
  else if (b->last_child != NULL)
    node->end = b->last_child->end;
  if (node->end < node->start) node->end = node->start;
  b->here = node->end;
  assert(node->kind != CL_MAPPING || node->n % 2 == 0); /* each key has its value */
  if (node->kind == CL_MAPPING) node->n /= 2;
  b->open = node->parent;
  b->last_child = node;
  b->depth--;
}

static int take_event(struct builder *b, struct fy_event *event, bool anchors_known, struct cl_err *e) {
  switch (event->type) {
  case FYET_DOCUMENT_START:
    if (++b->n_documents > 1) {
      const struct fy_mark *mark = fy_event_start_mark(event);
      return cl_source_fail(
          b->s, mark == NULL ? b->here : mark->input_pos, NULL, e,
          "a second document begins here; one file describes one study, so remove the `---`");
    }
    return 0;
  case FYET_SCALAR:
  case FYET_ALIAS:
  case FYET_SEQUENCE_START:
  case FYET_MAPPING_START: return add_node(b, event, anchors_known, e);
  case FYET_SEQUENCE_END:
  case FYET_MAPPING_END: close_node(b, event); return 0;
  default: return 0;
  }
}

/* What helps against the commonest complaints of libfyaml. */
static const char *find_hint(const char *message) {
  static const struct {
    const char *part, *hint;
  } hints[] = {
      {"tab character", "spaces: YAML does not take tabs as indentation"},
      {"nested block mapping on the same line", "quotes around a text that holds a colon and a space"},
      {"plain scalar cannot start with", "quotes around a text that begins with this character"},
      {"quoted scalar", "a quote at the end of the text; lines that go on must be indented"},
      {"multiline plain key", "`key: value`, the keys of one mapping below each other"},
      {"did not find expected key", "`key: value`, the keys of one mapping below each other"},
      {"missing comma", "a comma between two entries"},
  };
  for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
    if (strstr(message, hints[i].part) != NULL) return hints[i].hint;
  return NULL;
}

/* What libfyaml says, and which bracket is open: its own place for a forgotten one is the end of the file. */
static int blame_parser(const struct builder *b, struct fy_diag *diag, struct cl_err *e) {
  void *iterator = NULL;
  const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &iterator);
  if (error == NULL) return cl_source_fail(b->s, b->here, NULL, e, "this is not YAML");
  size_t at = cl_source_offset(b->s, error->line, error->column);
  const struct cl_node *open = open_bracket(b);
  const char *hint = find_hint(error->msg);
  bool far =
      open != NULL && at > open->start && memchr(b->s->text + open->start, '\n', at - open->start) != NULL;
  if (open == NULL || strstr(error->msg, "quoted scalar") != NULL || (hint != NULL && !far))
    return cl_source_fail(b->s, at, hint, e, "this is not YAML: %s", error->msg);
  int line = 0, column = 0;
  char bracket = open->kind == CL_SEQUENCE ? '[' : '{';
  (void)cl_source_position(b->s, at, &line, &column);
  return cl_source_fail(b->s, open->start,
                        bracket == '[' ? "a `]` that closes the list" : "a `}` that closes it", e,
                        "this `%c` is not closed, or something inside is no YAML (line %d, column %d: %s)",
                        bracket, line, column, error->msg);
}

static void say_nothing(struct fy_diag *diag, void *user, const char *bytes, size_t n) {
  (void)diag, (void)user, (void)bytes, (void)n; /* libfyaml would print to stderr otherwise */
}

static int run_parser(struct builder *b, struct fy_parser *parser, struct fy_diag *diag, bool anchors_known,
                      struct cl_err *e) {
  if (fy_parser_set_string(parser, b->s->text, b->s->n) != 0) return CL_FAIL_NOMEM(e);
  struct fy_event *event = NULL;
  while ((event = fy_parser_parse(parser)) != NULL) {
    int status = take_event(b, event, anchors_known, e);
    fy_parser_event_free(parser, event);
    if (status < 0) return status;
  }
  if (fy_parser_get_stream_error(parser)) return blame_parser(b, diag, e);
  assert(b->open == NULL);
  return 0;
}

/* YAML has lines end there too, but whoever looks at the file does not: neither do places in messages. */
static int check_line_ends(const struct cl_source *s, struct cl_err *e) {
  for (size_t i = 0; i < s->n; i++)
    if (s->text[i] == '\r' && (i + 1 == s->n || s->text[i + 1] != '\n'))
      return cl_source_fail(s, i, "a line feed", e,
                            "a carriage return ends no line by itself; save the file with line feeds");
  return 0;
}

static int check_bytes(const struct cl_source *s, struct cl_err *e) {
  if (s->n > CL_TREE_BYTES)
    return CL_FAIL(e, CLADE_ELIMIT,
                   "%s has %zu bytes, more than the %d that a spec may have; move data to files of their own",
                   s->name, s->n, CL_TREE_BYTES);
  if (cl_text_is_utf8(s->text, s->n)) return check_line_ends(s, e);
  size_t good = 0, line_end = 0; /* the last line that is still UTF-8 */
  while (line_end < s->n) {
    while (line_end < s->n && s->text[line_end] != '\n') line_end++;
    if (line_end < s->n) line_end++;
    if (!cl_text_is_utf8(s->text + good, line_end - good)) break;
    good = line_end;
  }
  int line = 1;
  for (size_t i = 0; i < good; i++) line += s->text[i] == '\n';
  return CL_FAIL(
      e, CLADE_ESPEC,
      "%s:%d: the line is not UTF-8; convert the file, for example with `iconv -f latin1 -t utf-8`", s->name,
      line);
}

size_t cl_key_start(const struct cl_source *s, size_t at) {
  for (;;) {
    size_t word = at;
    while (word > 0 && (s->text[word - 1] == ' ' || s->text[word - 1] == '\t')) word--;
    while (word > 0 && strchr(" \t\r\n", s->text[word - 1]) == NULL) word--;
    if (word == at || (s->text[word] != '&' && s->text[word] != '!')) return at;
    at = word;
  }
}

int cl_tree_parse(const struct cl_source *s, struct cl_arena *a, bool anchors_known, struct cl_node **ret,
                  struct cl_err *e) {
  CL_TRY(check_bytes(s, e));
  struct builder b = {.s = s, .arena = a};
  struct fy_diag_cfg quiet;
  fy_diag_cfg_default(&quiet);
  quiet.fp = NULL;
  quiet.output_fn = say_nothing;
  struct fy_diag *diag = fy_diag_create(&quiet);
  struct fy_parser *parser = NULL;
  int status = CLADE_ENOMEM;
  if (diag != NULL) {
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = {
        .flags = FYPCF_QUIET | FYPCF_DISABLE_DEPTH_LIMIT | FYPCF_SLOPPY_FLOW_INDENTATION, .diag = diag};
    parser = fy_parser_create(&cfg);
  }
  status = parser == NULL ? CL_FAIL_NOMEM(e) : run_parser(&b, parser, diag, anchors_known, e);
  if (parser != NULL) fy_parser_destroy(parser);
  if (diag != NULL) fy_diag_destroy(diag);
  cl_free(b.slots);
  if (status == 0) *ret = b.root;
  return status;
}

static int compare_keys(const void *a, const void *b) {
  const struct cl_node *x = *(const struct cl_node *const *)a, *y = *(const struct cl_node *const *)b;
  int order = strcmp(x->text, y->text);
  return order != 0 ? order : (x->start > y->start) - (x->start < y->start);
}

int cl_tree_blame_second(const struct cl_source *s, const struct cl_node *first, const struct cl_node *second,
                         struct cl_err *e) {
  int line = 0, column = 0;
  assert(first->start <= second->start); /* empty ones may be in one place */
  (void)cl_source_position(s, first->start, &line, &column);
  return cl_source_fail(s, second->start, NULL, e,
                        "the key `%s` stands here a second time (first in line %d); keep one", second->text,
                        line);
}

static int check_mapping_keys(const struct cl_source *s, const struct cl_node *mapping, struct cl_err *e) {
  if (mapping->n < 2) return 0;
  const struct cl_node **keys = cl_alloc_array((size_t)mapping->n, sizeof *keys);
  if (keys == NULL) return CL_FAIL_NOMEM(e);
  size_t n = 0;
  for (const struct cl_node *key = mapping->first; key != NULL; key = key->next->next) keys[n++] = key;
  assert(n == (size_t)mapping->n);
  qsort(keys, n, sizeof *keys, compare_keys);
  const struct cl_node *second = NULL, *first = NULL;
  for (size_t i = 1; i < n; i++)
    if (strcmp(keys[i - 1]->text, keys[i]->text) == 0 && (second == NULL || keys[i]->start < second->start))
      first = keys[i - 1], second = keys[i];
  cl_free(keys);
  return second == NULL ? 0 : cl_tree_blame_second(s, first, second, e);
}

int cl_tree_check_keys(const struct cl_source *s, const struct cl_node *root, struct cl_err *e) {
  for (const struct cl_node *node = root; node != NULL; node = cl_node_walk(root, node))
    if (node->kind == CL_MAPPING) CL_TRY(check_mapping_keys(s, node, e));
  return 0;
}

struct cl_node *cl_node_key(const struct cl_node *mapping, const char *key) {
  struct cl_node *found = NULL;
  if (mapping == NULL || mapping->kind != CL_MAPPING) return NULL;
  for (struct cl_node *k = mapping->first; k != NULL; k = k->next->next)
    if (strcmp(k->text, key) == 0) found = k;
  return found;
}

struct cl_node *cl_node_find(const struct cl_node *mapping, const char *key) {
  struct cl_node *found = cl_node_key(mapping, key);
  return found == NULL ? NULL : found->next;
}

const struct cl_node *cl_node_resolve(const struct cl_node *node) {
  while (node != NULL && node->kind == CL_ALIAS) {
    assert(node->target == NULL || node->target->kind != CL_ALIAS); /* an alias has no anchor */
    node = node->target;
  }
  return node;
}

bool cl_node_is_null(const struct cl_node *node) {
  if (node->kind != CL_SCALAR || node->quoted) return false;
  return node->text[0] == '\0' || strcmp(node->text, "null") == 0 || strcmp(node->text, "~") == 0;
}

struct cl_value cl_node_value(const struct cl_node *node) {
  if (node->kind != CL_SCALAR) return (struct cl_value){.kind = CL_ABSENT};
  if (node->quoted) return cl_value_text(node->text);
  if (cl_node_is_null(node)) return (struct cl_value){.kind = CL_NULL};
  return cl_value_parse(node->text);
}

static const char *describe_scalar(struct cl_value v, const char *text, char *buffer, size_t size) {
  int n = (int)strnlen(text, 60);
  while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80) n--; /* never half a character */
  if (v.kind == CL_NULL)
    (void)snprintf(buffer, size, "nothing");
  else if (v.kind == CL_TEXT)
    (void)snprintf(buffer, size, "the text '%.*s'", n, text);
  else
    (void)snprintf(buffer, size, "%s%.*s", v.kind == CL_BOOL ? "" : "the number ", n, text);
  return buffer;
}

const char *cl_node_describe(const struct cl_node *node, char *buffer, size_t size) {
  switch (node->kind) {
  case CL_SCALAR: return describe_scalar(cl_node_value(node), node->text, buffer, size);
  case CL_SEQUENCE: return node->n == 0 ? "an empty list" : "a list";
  case CL_MAPPING: return node->n == 0 ? "an empty mapping" : "a mapping";
  case CL_ALIAS: break;
  }
  return "an alias";
}

const struct cl_node *cl_node_walk(const struct cl_node *root, const struct cl_node *node) {
  if (node->first != NULL) return node->first;
  while (node != root && node->next == NULL) node = node->parent;
  return node == root ? NULL : node->next;
}
