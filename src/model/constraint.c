/* Constraints: a small expression language, parsed once into nodes, evaluated without memory.
 *
 * A node refers to its operands by index, and operands stand before it, so evaluating is one pass over the
 * nodes. Both sides of `and` and `or` are computed: nothing can fail.
 */
#include "model/constraint.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/loss_rule.h"

#define NODES_MAX 2000 /* a text of CL_CONSTRAINT_TEXT bytes gives fewer: "a<a<a" is 3 per 2 bytes */
#define DEPTH_MAX 100  /* of parentheses and `not` */

enum operation {
  OP_CONSTANT,
  OP_NAME, /* a hyperparameter's value */
  OP_NEGATE,
  OP_ADD,
  OP_SUBTRACT,
  OP_MULTIPLY,
  OP_DIVIDE,
  OP_LESS,
  OP_LESS_EQUAL,
  OP_GREATER,
  OP_GREATER_EQUAL,
  OP_EQUAL,
  OP_UNEQUAL,
  OP_NOT,
  OP_AND,
  OP_OR,
  OP_SAME,       /* the operand itself: puts the arguments of a function side by side */
  OP_TAYLOR_LOSS /* left = first of its arguments */
};

/* What an operand may hold, as far as the space tells. */
enum shape { SHAPE_ANY, SHAPE_NUMBER, SHAPE_TRUTH, SHAPE_OTHER };

struct node {
  enum operation op;
  enum shape shape;
  int left, right; /* nodes; OP_NAME: left is the index in the space */
  struct cl_value value;
};

struct cl_constraint {
  char *text;
  char *strings; /* of literals, one after the other */
  int n;
  struct node *nodes;
};

/* --- evaluation --- */

static bool compare(enum operation op, double a, double b) {
  switch (op) {
  case OP_LESS: return a < b;
  case OP_LESS_EQUAL: return a <= b;
  case OP_GREATER: return a > b;
  default: return a >= b;
  }
}

static double calculate(enum operation op, double a, double b) {
  switch (op) {
  case OP_ADD: return a + b;
  case OP_SUBTRACT: return a - b;
  case OP_MULTIPLY: return a * b;
  default: return a / b;
  }
}

static bool is_true(struct cl_value v) {
  return v.kind == CL_BOOL && v.as.truth;
}

enum { LOSS_ARGUMENTS = CL_LOSS_PARAMETERS + 1 };

static bool is_loss(const struct cl_value *arguments) {
  double theta[CL_LOSS_PARAMETERS], classes = cl_value_number(arguments[CL_LOSS_PARAMETERS]);
  for (int i = 0; i < CL_LOSS_PARAMETERS; i++) theta[i] = cl_value_number(arguments[i]);
  return classes >= 2 && cl_loss_rule_holds(theta, classes);
}

static struct cl_value evaluate(const struct node *node, const struct cl_value *results,
                                const struct cl_value *values) {
  struct cl_value none = {0};
  struct cl_value a = node->op <= OP_NAME ? none : results[node->left];
  struct cl_value b =
      node->op <= OP_NEGATE || node->op == OP_NOT || node->op >= OP_SAME ? none : results[node->right];
  switch (node->op) {
  case OP_CONSTANT: return node->value;
  case OP_NAME: return values[node->left];
  case OP_NEGATE: return cl_value_real(-cl_value_number(a));
  case OP_ADD:
  case OP_SUBTRACT:
  case OP_MULTIPLY:
  case OP_DIVIDE: return cl_value_real(calculate(node->op, cl_value_number(a), cl_value_number(b)));
  case OP_LESS:
  case OP_LESS_EQUAL:
  case OP_GREATER:
  case OP_GREATER_EQUAL: return cl_value_bool(compare(node->op, cl_value_number(a), cl_value_number(b)));
  case OP_EQUAL: return cl_value_bool(cl_value_same(a, b));
  case OP_UNEQUAL: return cl_value_bool(!cl_value_same(a, b));
  case OP_NOT: return cl_value_bool(!is_true(a));
  case OP_AND: return cl_value_bool(is_true(a) && is_true(b));
  case OP_OR: return cl_value_bool(is_true(a) || is_true(b));
  case OP_SAME: return a;
  case OP_TAYLOR_LOSS: return cl_value_bool(is_loss(&results[node->left]));
  }
  return none;
}

/* Operands stand before their operation. */
static void assert_operands(const struct node *node, int index) {
  assert(node->op == OP_CONSTANT || node->left >= 0);
  assert(node->op <= OP_NAME || node->left < index);
  assert(node->op != OP_TAYLOR_LOSS || node->left + LOSS_ARGUMENTS <= index);
  assert(node->op < OP_ADD || node->op > OP_OR || node->op == OP_NOT || node->right < index);
  (void)node, (void)index;
}

bool cl_constraint_holds(const struct cl_constraint *c, const struct cl_value *values) {
  struct cl_value results[NODES_MAX];
  assert(c->n >= 1 && c->n <= NODES_MAX);
  for (int i = 0; i < c->n; i++) {
    const struct node *node = &c->nodes[i];
    if (node->op == OP_NAME && values[node->left].kind == CL_ABSENT) return true; /* not its business now */
    results[i] = evaluate(node, results, values);
  }
  return is_true(results[c->n - 1]);
}

const char *cl_constraint_text(const struct cl_constraint *c) {
  return c->text;
}

void cl_constraint_destroy(struct cl_constraint *c) {
  if (c == NULL) return;
  cl_free(c->text);
  cl_free(c->strings);
  cl_free(c->nodes);
  cl_free(c);
}

/* --- parsing: or < and < not < comparison < sum < product < sign < atom --- */

struct parser {
  const struct cl_space *space;
  struct cl_constraint *c;
  const char *at;
  size_t cap, strings;
  int depth;
  struct cl_err *e;
};

static int parse_or(struct parser *p, int *ret);

static void skip_blanks(struct parser *p) {
  while (isspace((unsigned char)*p->at)) p->at++;
}

static int complain(struct parser *p, const char *expected) {
  long column = p->at - p->c->text + 1;
  if (*p->at == '\0')
    return CL_FAIL(p->e, CLADE_ESPEC, "constraint \"%s\" ends where %s should follow", p->c->text, expected);
  return CL_FAIL(p->e, CLADE_ESPEC, "constraint \"%s\", column %ld: expected %s before \"%s\"", p->c->text,
                 column, expected, p->at);
}

static int add_node(struct parser *p, struct node node, int *ret) {
  struct cl_constraint *c = p->c;
  assert(c->n < NODES_MAX);
  if (cl_grow(&c->nodes, &p->cap, (size_t)c->n + 1, sizeof *c->nodes) < 0) return CL_FAIL_NOMEM(p->e);
  assert_operands(&node, c->n);
  c->nodes[c->n] = node;
  *ret = c->n++;
  return 0;
}

static int need_shape(struct parser *p, int index, enum shape wanted, const char *operation) {
  assert(index >= 0 && index < p->c->n && (wanted == SHAPE_NUMBER || wanted == SHAPE_TRUTH));
  enum shape shape = p->c->nodes[index].shape;
  if (shape == wanted || shape == SHAPE_ANY) return 0;
  return CL_FAIL(p->e, CLADE_ESPEC,
                 "constraint \"%s\": both sides of %s must be %s; compare others by == or !=", p->c->text,
                 operation, wanted == SHAPE_NUMBER ? "numbers" : "true or false");
}

static int add_binary(struct parser *p, enum operation op, const char *word, enum shape operands,
                      enum shape result, int left, int right, int *ret) {
  if (operands != SHAPE_ANY) {
    CL_TRY(need_shape(p, left, operands, word));
    CL_TRY(need_shape(p, right, operands, word));
  }
  return add_node(p, (struct node){.op = op, .shape = result, .left = left, .right = right}, ret);
}

static bool is_name_start(char c) {
  return isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name_part(char c) {
  return is_name_start(c) || isdigit((unsigned char)c) || c == '.';
}

static enum shape shape_of(struct cl_value v) {
  if (v.kind == CL_INT || v.kind == CL_REAL) return SHAPE_NUMBER;
  return v.kind == CL_BOOL ? SHAPE_TRUTH : SHAPE_OTHER;
}

static enum shape shape_of_items(const struct cl_hyperparameter *h) {
  if (h->domain == CL_FLOAT || h->domain == CL_INTEGER) return SHAPE_NUMBER;
  assert(h->n_values >= 1);
  enum shape shape = shape_of(h->values[0]);
  for (int i = 1; i < h->n_values; i++)
    if (shape_of(h->values[i]) != shape) return SHAPE_ANY;
  return shape;
}

static int parse_literal(struct parser *p, struct cl_value v, int *ret) {
  return add_node(p, (struct node){.op = OP_CONSTANT, .shape = shape_of(v), .value = v}, ret);
}

/* The longest known name that stands here: names may hold signs ("weight-decay"). */
static int find_here(const struct parser *p, size_t *ret_length) {
  int found = -1;
  *ret_length = 0;
  for (int i = 0; i < p->space->n; i++) {
    size_t n = strlen(p->space->items[i].name);
    if (n <= *ret_length || strncmp(p->at, p->space->items[i].name, n) != 0 || is_name_part(p->at[n]))
      continue;
    *ret_length = n;
    found = i;
  }
  return found;
}

static int parse_word(struct parser *p, int *ret) {
  char word[CL_CONSTRAINT_TEXT + 1];
  size_t n = 0;
  while (is_name_part(p->at[n])) n++;
  assert(n >= 1 && n <= CL_CONSTRAINT_TEXT);
  memcpy(word, p->at, n);
  word[n] = '\0';
  struct cl_value v = cl_value_parse(word);
  if (v.kind == CL_BOOL || v.kind == CL_NULL) {
    p->at += n;
    return parse_literal(p, v, ret);
  }
  const char *nearest = cl_space_nearest(p->space, word);
  return CL_FAIL(p->e, CLADE_ESPEC, "constraint \"%s\", column %ld: no hyperparameter is called %s%s%s%s",
                 p->c->text, (long)(p->at - p->c->text + 1), word, nearest ? "; did you mean " : "",
                 nearest ? nearest : "", nearest ? "?" : "");
}

static bool take_word(struct parser *p, const char *word) {
  skip_blanks(p);
  size_t n = strlen(word);
  if (strncmp(p->at, word, n) != 0 || is_name_part(p->at[n])) return false;
  p->at += n;
  return true;
}

static bool take_sign(struct parser *p, char sign) {
  skip_blanks(p);
  bool here = *p->at == sign;
  p->at += here;
  return here;
}

static int parse_sum(struct parser *p, int *ret);

/* taylor_loss(a, b, …), nine numbers. */
static int parse_loss(struct parser *p, int *ret) {
  int arguments[LOSS_ARGUMENTS] = {0}, first = 0;
  if (++p->depth > DEPTH_MAX) return complain(p, "fewer than 100 signs and parentheses");
  for (int i = 0; i < LOSS_ARGUMENTS; i++) {
    if (i > 0 && !take_sign(p, ','))
      return complain(p, "a comma (taylor_loss has 8 parameters and the classes)");
    CL_TRY(parse_sum(p, &arguments[i]));
    CL_TRY(need_shape(p, arguments[i], SHAPE_NUMBER, "the commas of taylor_loss"));
  }
  if (!take_sign(p, ')'))
    return complain(p, "a closing parenthesis (taylor_loss has 8 parameters and the classes)");
  p->depth--;
  for (int i = 0, at = 0; i < LOSS_ARGUMENTS; i++) {
    CL_TRY(add_node(p, (struct node){.op = OP_SAME, .shape = SHAPE_NUMBER, .left = arguments[i]}, &at));
    if (i == 0) first = at;
    assert(at == first + i);
  }
  return add_node(p, (struct node){.op = OP_TAYLOR_LOSS, .shape = SHAPE_TRUTH, .left = first}, ret);
}

static bool take_call(struct parser *p, const char *function) {
  const char *at = p->at;
  if (take_word(p, function) && take_sign(p, '(')) return true;
  p->at = at;
  return false;
}

static int parse_name(struct parser *p, int *ret) {
  size_t n = 0;
  if (take_call(p, "taylor_loss")) return parse_loss(p, ret);
  int index = find_here(p, &n);
  if (index < 0) return parse_word(p, ret);
  p->at += n;
  enum shape shape = shape_of_items(&p->space->items[index]);
  return add_node(p, (struct node){.op = OP_NAME, .shape = shape, .left = index}, ret);
}

static int parse_string(struct parser *p, int *ret) {
  char quote = *p->at;
  const char *end = strchr(p->at + 1, quote);
  if (end == NULL) return complain(p, "a closing quote");
  size_t n = (size_t)(end - p->at) - 1;
  char *copy = p->c->strings + p->strings; /* all literals together are shorter than the text */
  assert(p->strings + n + 1 <= strlen(p->c->text));
  memcpy(copy, p->at + 1, n);
  copy[n] = '\0';
  p->strings += n + 1;
  p->at = end + 1;
  return parse_literal(p, cl_value_text(copy), ret);
}

static int parse_number(struct parser *p, int *ret) {
  char digits[64];
  size_t n = 0;
  while (n < sizeof digits - 1 && (isalnum((unsigned char)p->at[n]) || p->at[n] == '.' ||
                                   (n > 0 && strchr("+-", p->at[n]) != NULL && p->at[n] != '\0' &&
                                    (p->at[n - 1] == 'e' || p->at[n - 1] == 'E')))) {
    digits[n] = p->at[n];
    n++;
  }
  digits[n] = '\0';
  struct cl_value v = cl_value_parse(digits);
  if (v.kind != CL_INT && v.kind != CL_REAL) return complain(p, "a number");
  p->at += n;
  return parse_literal(p, v, ret);
}

static int parse_group(struct parser *p, int *ret) {
  assert(*p->at == '(');
  p->at++;
  CL_TRY(parse_or(p, ret));
  skip_blanks(p);
  if (*p->at != ')') return complain(p, "a closing parenthesis");
  p->at++;
  return 0;
}

static int parse_atom(struct parser *p, int *ret) {
  skip_blanks(p);
  if (*p->at == '(') return parse_group(p, ret);
  if (*p->at == '\'' || *p->at == '"') return parse_string(p, ret);
  if (isdigit((unsigned char)*p->at) || *p->at == '.') return parse_number(p, ret);
  if (is_name_start(*p->at)) return parse_name(p, ret);
  return complain(p, "a name, a number, a 'string' or a parenthesis");
}

static int parse_sign(struct parser *p, int *ret) {
  skip_blanks(p);
  if (*p->at != '-') return parse_atom(p, ret);
  if (++p->depth > DEPTH_MAX) return complain(p, "fewer than 100 signs and parentheses");
  p->at++;
  int operand = 0;
  CL_TRY(parse_sign(p, &operand));
  p->depth--;
  CL_TRY(need_shape(p, operand, SHAPE_NUMBER, "-"));
  return add_node(p, (struct node){.op = OP_NEGATE, .shape = SHAPE_NUMBER, .left = operand}, ret);
}

static int parse_product(struct parser *p, int *ret) {
  CL_TRY(parse_sign(p, ret));
  for (;;) {
    skip_blanks(p);
    char c = *p->at;
    if (c != '*' && c != '/') return 0;
    p->at++;
    int right = 0;
    CL_TRY(parse_sign(p, &right));
    CL_TRY(add_binary(p, c == '*' ? OP_MULTIPLY : OP_DIVIDE, c == '*' ? "*" : "/", SHAPE_NUMBER, SHAPE_NUMBER,
                      *ret, right, ret));
  }
}

static int parse_sum(struct parser *p, int *ret) {
  CL_TRY(parse_product(p, ret));
  for (;;) {
    skip_blanks(p);
    char c = *p->at;
    if (c != '+' && c != '-') return 0;
    p->at++;
    int right = 0;
    CL_TRY(parse_product(p, &right));
    CL_TRY(add_binary(p, c == '+' ? OP_ADD : OP_SUBTRACT, c == '+' ? "+" : "-", SHAPE_NUMBER, SHAPE_NUMBER,
                      *ret, right, ret));
  }
}

static const struct {
  const char *word;
  enum operation op;
} comparisons[] = {{"<=", OP_LESS_EQUAL}, {">=", OP_GREATER_EQUAL}, {"==", OP_EQUAL},
                   {"!=", OP_UNEQUAL},    {"<", OP_LESS},           {">", OP_GREATER}};

static int find_comparison(const char *at) {
  for (int i = 0; i < 6; i++)
    if (strncmp(at, comparisons[i].word, strlen(comparisons[i].word)) == 0) return i;
  return -1;
}

/* a < b < c means a < b and b < c. */
static int parse_comparison(struct parser *p, int *ret) {
  int left = 0, all = -1;
  CL_TRY(parse_sum(p, &left));
  for (;;) {
    skip_blanks(p);
    int which = find_comparison(p->at);
    if (which < 0 && *p->at == '=') return complain(p, "== (two signs) or another comparison");
    if (which < 0) break;
    p->at += strlen(comparisons[which].word);
    enum operation op = comparisons[which].op;
    enum shape operands = op == OP_EQUAL || op == OP_UNEQUAL ? SHAPE_ANY : SHAPE_NUMBER;
    int right = 0, one = 0;
    CL_TRY(parse_sum(p, &right));
    CL_TRY(add_binary(p, op, comparisons[which].word, operands, SHAPE_TRUTH, left, right, &one));
    if (all < 0)
      all = one;
    else
      CL_TRY(add_binary(p, OP_AND, "and", SHAPE_TRUTH, SHAPE_TRUTH, all, one, &all));
    left = right;
  }
  *ret = all < 0 ? left : all;
  return 0;
}

static int parse_not(struct parser *p, int *ret) {
  if (++p->depth > DEPTH_MAX) return complain(p, "fewer than 100 signs and parentheses");
  int operand = 0;
  if (take_word(p, "not")) {
    CL_TRY(parse_not(p, &operand));
    CL_TRY(need_shape(p, operand, SHAPE_TRUTH, "not"));
    CL_TRY(add_node(p, (struct node){.op = OP_NOT, .shape = SHAPE_TRUTH, .left = operand}, ret));
  } else {
    CL_TRY(parse_comparison(p, ret));
  }
  p->depth--;
  return 0;
}

static int parse_and(struct parser *p, int *ret) {
  CL_TRY(parse_not(p, ret));
  while (take_word(p, "and")) {
    int right = 0;
    CL_TRY(parse_not(p, &right));
    CL_TRY(add_binary(p, OP_AND, "and", SHAPE_TRUTH, SHAPE_TRUTH, *ret, right, ret));
  }
  return 0;
}

static int parse_or(struct parser *p, int *ret) {
  CL_TRY(parse_and(p, ret));
  while (take_word(p, "or")) {
    int right = 0;
    CL_TRY(parse_and(p, &right));
    CL_TRY(add_binary(p, OP_OR, "or", SHAPE_TRUTH, SHAPE_TRUTH, *ret, right, ret));
  }
  return 0;
}

static int parse_all(struct parser *p) {
  int root = 0;
  CL_TRY(parse_or(p, &root));
  skip_blanks(p);
  if (*p->at != '\0') return complain(p, "a comparison, and, or, or the end");
  enum shape shape = p->c->nodes[root].shape;
  if (shape == SHAPE_NUMBER || shape == SHAPE_OTHER)
    return CL_FAIL(p->e, CLADE_ESPEC, "constraint \"%s\" compares nothing; write for example \"a < b\"",
                   p->c->text);
  assert(root == p->c->n - 1 && p->depth == 0);
  return 0;
}

int cl_constraint_parse(const char *text, const struct cl_space *s, struct cl_constraint **ret,
                        struct cl_err *e) {
  size_t n = strlen(text);
  if (n > CL_CONSTRAINT_TEXT)
    return CL_FAIL(e, CLADE_ESPEC, "a constraint of %zu bytes is longer than %d; split it into several", n,
                   CL_CONSTRAINT_TEXT);
  struct cl_constraint *c = cl_alloc(sizeof *c);
  if (c == NULL) return CL_FAIL_NOMEM(e);
  c->text = cl_copy_text(text);
  c->strings = cl_alloc(n + 1);
  struct parser p = {.space = s, .c = c, .at = c->text, .e = e};
  int status = c->text == NULL || c->strings == NULL ? CL_FAIL_NOMEM(e) : parse_all(&p);
  if (status < 0)
    cl_constraint_destroy(c);
  else
    *ret = c;
  return status;
}
