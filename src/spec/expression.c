/* One table of functions; each turns its arguments into a domain. Forms and argument counts stand in the
 * table only.
 *
 * Where XT's meaning and ours could differ, XT's holds: bounds of the log… functions are exponents of e, q…
 * rounds to multiples of q. A q-range is a grid here, so that both ends are as likely as the values between
 * (XT: half).
 */
#include "spec/expression.h"

#include <assert.h>
#include <ctype.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "spec/words.h"

struct call {
  const struct cl_reader *r;
  struct cl_expression_place place;
  const struct function *function;
  const struct cl_word_list *words;
  struct cl_literal x[4]; /* numeric arguments */
  struct cl_definition *d;
};

struct function {
  const char *name, *form;
  size_t n_min, n_max;
  bool numeric;
  int (*make)(struct call *c, struct cl_err *e);
};

static size_t place_of(struct cl_expression_place place, size_t offset) {
  return place.exact ? place.at + offset : place.at;
}

static int define(struct call *c, double lo, double hi, enum cl_scale scale, double step, enum cl_type type,
                  struct cl_err *e) {
  struct cl_literal a = c->x[0], b = c->x[1];
  assert(step >= 0 && c->function->numeric);
  a.x = lo;
  b.x = hi;
  c->d->h.scale = scale;
  c->d->h.step = step;
  return cl_define_range(c->r, c->d, a, b, type, e);
}

static int make_uniform(struct call *c, struct cl_err *e) {
  return define(c, c->x[0].x, c->x[1].x, CL_LINEAR, 0, CL_TYPE_FLOAT, e);
}

static int make_log(struct call *c, struct cl_err *e) {
  return define(c, c->x[0].x, c->x[1].x, CL_LOG, 0, CL_TYPE_ANY, e);
}

static int make_int(struct call *c, struct cl_err *e) {
  return define(c, c->x[0].x, c->x[1].x, CL_LINEAR, 0, CL_TYPE_INT, e);
}

static int check_exponents(struct call *c, struct cl_err *e) {
  if (c->x[0].x >= -700 && c->x[1].x <= 700) return 0;
  return cl_source_fail(c->r->source, c->x[c->x[0].x >= -700].at, "for bounds as they are: log(1e-5, 1e-1)",
                        e, "%s takes exponents of e, between -700 and 700", c->function->name);
}

static int make_loguniform(struct call *c, struct cl_err *e) {
  CL_TRY(check_exponents(c, e));
  return define(c, exp(c->x[0].x), exp(c->x[1].x), CL_LOG, 0, CL_TYPE_FLOAT, e);
}

static int check_positive(struct call *c, size_t i, const char *what, struct cl_err *e) {
  char a[CL_NUMBER_TEXT];
  assert(i < c->function->n_max);
  if (c->x[i].x > 0) return 0;
  return cl_source_fail(c->r->source, c->x[i].at, c->function->form, e, "the %s is %s, but must be above 0",
                        what, cl_number_text(c->x[i].x, a));
}

/* Grid of the multiples of q from round(lo/q) to round(hi/q). */
static int define_grid(struct call *c, double lo, double hi, enum cl_scale scale, bool whole,
                       struct cl_err *e) {
  assert(c->function->n_min == 3 && (scale == CL_LINEAR || scale == CL_LOG));
  double q = c->x[2].x, from = round(lo / q) * q, to = round(hi / q) * q;
  CL_TRY(check_positive(c, 2, "step", e));
  if (scale == CL_LOG && from == 0) {
    from = q; /* XT rounds what lies below q/2 to 0: as much as zero's share */
    c->d->h.zero = (log(q / 2) - log(lo)) / (log(hi) - log(lo));
  }
  if (!(from < to))
    return cl_source_fail(c->r->source, c->x[2].at, c->function->form, e,
                          "a step this long leaves only one value in the range");
  return define(c, from, to, scale, q, whole ? CL_TYPE_INT : CL_TYPE_FLOAT, e);
}

static int make_quniform(struct call *c, struct cl_err *e) {
  return define_grid(c, c->x[0].x, c->x[1].x, CL_LINEAR, c->x[0].whole && c->x[1].whole && c->x[2].whole, e);
}

static int make_qloguniform(struct call *c, struct cl_err *e) {
  CL_TRY(check_exponents(c, e));
  if (!(c->x[0].x < c->x[1].x)) return make_loguniform(c, e);
  return define_grid(c, exp(c->x[0].x), exp(c->x[1].x), CL_LOG, c->x[2].whole, e);
}

static int define_normal(struct call *c, enum cl_scale scale, double step, struct cl_err *e) {
  CL_TRY(check_positive(c, 1, "standard deviation", e));
  struct cl_hyperparameter *h = &c->d->h;
  assert(scale == CL_NORMAL || scale == CL_LOGNORMAL);
  h->domain = CL_FLOAT;
  h->scale = scale;
  h->mean = c->x[0].x;
  h->sd = c->x[1].x;
  h->lo = scale == CL_LOGNORMAL ? 0 : -INFINITY;
  h->hi = INFINITY;
  h->step = step;
  return 0;
}

static int make_normal(struct call *c, struct cl_err *e) {
  return define_normal(c, CL_NORMAL, 0, e);
}

static int make_lognormal(struct call *c, struct cl_err *e) {
  return define_normal(c, CL_LOGNORMAL, 0, e);
}

static int make_qnormal(struct call *c, struct cl_err *e) {
  CL_TRY(check_positive(c, 2, "step", e));
  return define_normal(c, CL_NORMAL, c->x[2].x, e);
}

static int make_qlognormal(struct call *c, struct cl_err *e) {
  CL_TRY(check_positive(c, 2, "step", e));
  return define_normal(c, CL_LOGNORMAL, c->x[2].x, e);
}

static int make_randint(struct call *c, struct cl_err *e) {
  char a[CL_NUMBER_TEXT];
  double n = c->words->n == 0 ? 2147483647.0 : c->x[0].x; /* XT: 0 … 2147483646 */
  if (!(n >= 2 && n <= 9007199254740992.0 && n == floor(n)))
    return cl_source_fail(c->r->source, c->x[0].at, c->function->form, e,
                          "randint draws from 0 to n-1, so n is a whole number from 2 to 2^53, not %s",
                          cl_number_text(n, a));
  c->d->h.drawn = c->words->n == 0;
  struct cl_literal lo = {0, true, c->x[0].at}, hi = {n - 1, true, c->x[0].at};
  return cl_define_range(c->r, c->d, lo, hi, CL_TYPE_INT, e);
}

static int make_linspace(struct call *c, struct cl_err *e) {
  double from = c->x[0].x, to = c->x[1].x, n = c->x[2].x;
  if (!(n >= 2 && n <= CL_LEVELS_MAX && n == floor(n)) || from == to || !isfinite(to - from))
    return cl_source_fail(
        c->r->source, c->x[2].at, c->function->form, e,
        "linspace makes n values between two different bounds; n is a whole number from 2 to %d",
        CL_LEVELS_MAX);
  size_t count = (size_t)n;
  assert(count >= 2 && count <= CL_LEVELS_MAX);
  struct cl_value *values = cl_arena_array(c->r->arena, count, sizeof *values);
  size_t *at = cl_arena_array(c->r->arena, count, sizeof *at);
  if (values == NULL || at == NULL) return CL_FAIL_NOMEM(e);
  bool whole = c->x[0].whole && c->x[1].whole && fmod(to - from, n - 1) == 0;
  for (size_t i = 0; i < count; i++) {
    double x = i + 1 == count ? to : from + (to - from) * (double)i / (n - 1);
    values[i] = whole && fabs(x) < 1e15 ? cl_value_int((int64_t)x) : cl_value_real(x);
    at[i] = c->x[0].at;
  }
  return cl_define_list(c->r, c->d, values, at, count, CL_ORDERED_LIST, e);
}

static int define_words(const struct cl_reader *r, struct cl_expression_place place,
                        const struct cl_word_list *words, enum cl_order order, struct cl_definition *d,
                        struct cl_err *e) {
  struct cl_value *values = cl_arena_array(r->arena, words->n, sizeof *values);
  size_t *at = cl_arena_array(r->arena, words->n, sizeof *at);
  if (values == NULL || at == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < words->n; i++) {
    values[i] = cl_word_value(&words->items[i]);
    at[i] = place_of(place, words->items[i].at);
  }
  return cl_define_list(r, d, values, at, words->n, order, e);
}

/* $choice(a, b), also hyperopt's $choice([a, b]). */
static int make_choice(struct call *c, struct cl_err *e) {
  assert(c->words->n >= 1);
  const struct cl_word *first = c->words->items;
  size_t n = strlen(first->text);
  if (c->words->n > 1 || first->quoted || n < 2 || first->text[0] != '[' || first->text[n - 1] != ']')
    return define_words(c->r, c->place, c->words, CL_UNORDERED_LIST, c->d, e);
  struct cl_word_list inner = {0};
  size_t at = 0;
  struct cl_expression_place place = c->place;
  place.at = place_of(place, first->at + 1);
  int status = cl_word_list_split(c->r->arena, first->text + 1, n - 2, false, &inner, &at, e);
  if (status < 0)
    status = status == CLADE_ESPEC ? cl_source_blame(c->r->source, place_of(place, at), NULL, e) : status;
  else
    status = define_words(c->r, place, &inner, CL_UNORDERED_LIST, c->d, e);
  cl_word_list_done(&inner);
  return status;
}

static const struct function functions[] = {
    {"choice", "$choice(a, b, …)", 1, CL_LEVELS_MAX, false, make_choice},
    {"randint", "$randint() or $randint(n)", 0, 1, true, make_randint},
    {"uniform", "$uniform(lower, upper)", 2, 2, true, make_uniform},
    {"normal", "$normal(mean, sd)", 2, 2, true, make_normal},
    {"loguniform", "$loguniform(a, b), from e^a to e^b", 2, 2, true, make_loguniform},
    {"lognormal", "$lognormal(mean, sd) of the logarithm", 2, 2, true, make_lognormal},
    {"quniform", "$quniform(lower, upper, step)", 3, 3, true, make_quniform},
    {"qnormal", "$qnormal(mean, sd, step)", 3, 3, true, make_qnormal},
    {"qloguniform", "$qloguniform(a, b, step), from e^a to e^b", 3, 3, true, make_qloguniform},
    {"qlognormal", "$qlognormal(mean, sd, step)", 3, 3, true, make_qlognormal},
    {"linspace", "$linspace(first, last, n)", 3, 3, true, make_linspace},
    {"log", "log(lower, upper)", 2, 2, true, make_log},
    {"int", "int(lower, upper)", 2, 2, true, make_int},
};
enum { N_FUNCTIONS = sizeof functions / sizeof functions[0] };

static const struct function *find_function(const char *name, size_t n) {
  for (size_t i = 0; i < N_FUNCTIONS; i++)
    if (strlen(functions[i].name) == n && strncmp(functions[i].name, name, n) == 0) return &functions[i];
  return NULL;
}

/* "$name(…)", "@name(…)" or "name(…)": where the name and the arguments begin; false if it is no call. */
static bool split_call(const char *text, size_t *ret_name, size_t *ret_open, bool *ret_marked) {
  *ret_marked = text[0] == '$' || text[0] == '@';
  *ret_name = *ret_marked ? 1 : 0;
  size_t i = *ret_name;
  while (isalpha((unsigned char)text[i]) || text[i] == '_') i++;
  *ret_open = i;
  return i > *ret_name && text[i] == '(';
}

static int unknown_function(const struct cl_reader *r, const char *name, size_t n, size_t at,
                            struct cl_err *e) {
  const char *names[N_FUNCTIONS];
  for (size_t i = 0; i < N_FUNCTIONS; i++) names[i] = functions[i].name;
  char typed[32];
  (void)snprintf(typed, sizeof typed, "%.*s", (int)(n < 31 ? n : 31), name);
  const char *nearest = cl_nearest(typed, names, N_FUNCTIONS);
  return cl_source_fail(
      r->source, at,
      "choice randint uniform normal loguniform lognormal quniform qnormal qloguniform qlognormal "
      "linspace log int; a text with parentheses in quotes",
      e, "there is no distribution called %s%s%s%s", typed, nearest == NULL ? "" : "; did you mean ",
      nearest == NULL ? "" : nearest, nearest == NULL ? "" : "?");
}

static int read_numbers(struct call *c, size_t close, struct cl_err *e) {
  const struct function *f = c->function;
  assert(f->numeric && c->words->n <= 4);
  for (size_t i = 0; i < 4; i++) c->x[i].at = place_of(c->place, close);
  for (size_t i = 0; i < c->words->n; i++) {
    const struct cl_word *w = &c->words->items[i];
    size_t at = place_of(c->place, w->at);
    if (w->quoted || !cl_literal_read(w->text, at, &c->x[i]))
      return cl_source_fail(c->r->source, at, f->form, e, "%s takes numbers; '%.40s' is none", f->name,
                            w->text);
  }
  return 0;
}

static int run_call(struct call *c, size_t close, struct cl_err *e) {
  const struct function *f = c->function;
  size_t n = c->words->n;
  if (n < f->n_min || n > f->n_max)
    return cl_source_fail(c->r->source, place_of(c->place, close), f->form, e, "%s has %zu argument%s here",
                          f->name, n, n == 1 ? "" : "s");
  assert(!f->numeric || f->n_max <= sizeof c->x / sizeof c->x[0]);
  if (f->numeric) CL_TRY(read_numbers(c, close, e));
  return f->make(c, e);
}

static int read_call(const struct cl_reader *r, const char *text, size_t name, size_t open,
                     struct cl_expression_place place, struct cl_definition *d, struct cl_err *e) {
  size_t n = strlen(text);
  assert(name < open && open < n && text[open] == '(');
  const struct function *f = find_function(text + name, open - name);
  if (f == NULL) return unknown_function(r, text + name, open - name, place_of(place, name), e);
  if (text[n - 1] != ')' || n - 1 <= open)
    return cl_source_fail(
        r->source, place_of(place, n), f->form, e,
        "the call of %s does not end with `)` (inside { } or [ ] a comma ends a value: put the call in quotes there)",
        f->name);
  struct cl_word_list words = {0};
  struct call c = {.r = r, .place = place, .function = f, .words = &words, .d = d};
  size_t at = 0;
  int status = cl_word_list_split(r->arena, text + open + 1, n - open - 2, false, &words, &at, e);
  for (size_t i = 0; i < words.n; i++) words.items[i].at += open + 1;
  if (status == CLADE_ESPEC) status = cl_source_blame(r->source, place_of(place, open + 1 + at), f->form, e);
  if (status == 0) status = run_call(&c, n - 1, e);
  cl_word_list_done(&words);
  return status;
}

/* "lo:hi", "lo:hi:step", "lo:hi:mean:sd": the numbers, or 0 if it is none of these. */
static size_t split_range(const char *text, size_t at, bool exact, struct cl_literal ret[4]) {
  size_t n = 0;
  for (const char *p = text;; p++) {
    char number[40];
    while (*p == ' ') p++;
    size_t length = strcspn(p, ":"), trimmed = length;
    while (trimmed > 0 && p[trimmed - 1] == ' ') trimmed--;
    if (n == 4 || trimmed >= sizeof number) return 0;
    memcpy(number, p, trimmed);
    number[trimmed] = '\0';
    if (!cl_literal_read(number, exact ? at + (size_t)(p - text) : at, &ret[n++])) return 0;
    p += length;
    if (*p == '\0') break;
  }
  return n >= 2 ? n : 0;
}

static int define_range(const struct cl_reader *r, const struct cl_literal x[4], size_t n,
                        struct cl_definition *d, struct cl_err *e) {
  assert(n >= 2 && n <= 4);
  if (n == 3 && x[2].x <= 0)
    return cl_source_fail(r->source, x[2].at, "lower:upper:step", e, "the step must be above 0");
  if (n == 4 && x[3].x <= 0)
    return cl_source_fail(r->source, x[3].at, "lower:upper:mean:sd", e,
                          "the standard deviation must be above 0");
  if (n == 3) d->h.step = x[2].x;
  if (n == 3 && !x[2].whole) return cl_define_range(r, d, x[0], x[1], CL_TYPE_FLOAT, e);
  if (n < 4) return cl_define_range(r, d, x[0], x[1], CL_TYPE_ANY, e);
  CL_TRY(cl_define_range(r, d, x[0], x[1], CL_TYPE_FLOAT, e));
  d->h.scale = CL_NORMAL;
  d->h.mean = x[2].x;
  d->h.sd = x[3].x;
  return 0;
}

bool cl_expression_is(const char *text) {
  size_t name = 0, open = 0;
  bool marked = false;
  struct cl_literal x[4];
  if (split_call(text, &name, &open, &marked))
    return marked || find_function(text + name, open - name) != NULL;
  return split_range(text, 0, false, x) > 0;
}

static int define_files(const struct cl_reader *r, const glob_t *found, size_t skip,
                        struct cl_expression_place place, struct cl_definition *d, struct cl_err *e) {
  struct cl_value *values = cl_arena_array(r->arena, found->gl_pathc, sizeof *values);
  size_t *at = cl_arena_array(r->arena, found->gl_pathc, sizeof *at);
  if (values == NULL || at == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < found->gl_pathc; i++) {
    const char *text = cl_arena_text(r->arena, found->gl_pathv[i] + skip);
    if (text == NULL) return CL_FAIL_NOMEM(e);
    if (!cl_text_is_utf8(text, strlen(text)))
      return cl_source_fail(r->source, place.at, "names in UTF-8", e,
                            "a file that matches has a name that is not UTF-8");
    values[i] = cl_value_text(text);
    at[i] = place.at;
  }
  return cl_define_list(r, d, values, at, found->gl_pathc, CL_UNORDERED_LIST, e);
}

/* Files and directories that a pattern names, in the order of their names. */
static int read_files(const struct cl_reader *r, const char *pattern, struct cl_expression_place place,
                      const char *here, struct cl_definition *d, struct cl_err *e) {
  assert(here != NULL && here[0] == '/');
  size_t skip = pattern[0] == '/' ? 0 : strlen(here) + 1;
  const char *path = skip == 0 ? pattern : cl_arena_format(r->arena, "%s/%s", here, pattern);
  if (path == NULL) return CL_FAIL_NOMEM(e);
  glob_t found = {0};
  int result = glob(path, 0, NULL, &found);
  int status = 0;
  if (result == GLOB_NOMATCH)
    status = cl_source_fail(r->source, place.at, "a pattern that matches, or the text in quotes", e,
                            "no file matches '%.200s'", pattern);
  else if (result != 0)
    status = CL_FAIL_NOMEM(e);
  else
    status = define_files(r, &found, skip, place, d, e);
  globfree(&found);
  return status;
}

static int read_list(const struct cl_reader *r, const char *text, struct cl_expression_place place,
                     const char *here, struct cl_definition *d, struct cl_err *e) {
  struct cl_word_list words = {0};
  size_t at = 0;
  int status = cl_word_list_split(r->arena, text, strlen(text), false, &words, &at, e);
  if (status == CLADE_ESPEC) status = cl_source_blame(r->source, place_of(place, at), NULL, e);
  if (status == 0 && here != NULL && words.n == 1 && !words.items[0].quoted &&
      strpbrk(words.items[0].text, "*?") != NULL)
    status = read_files(r, words.items[0].text, place, here, d, e);
  else if (status == 0)
    status = define_words(r, place, &words, CL_ORDER_GUESS, d, e);
  cl_word_list_done(&words);
  return status;
}

int cl_expression_read(const struct cl_reader *r, const char *text, struct cl_expression_place place,
                       const char *here, struct cl_definition *d, struct cl_err *e) {
  assert(d->h.name != NULL);
  size_t lead = strspn(text, " "), n = strlen(text + lead), name = 0, open = 0;
  while (n > 0 && text[lead + n - 1] == ' ') n--;
  place.at = place_of(place, lead);
  const char *trimmed = cl_arena_bytes(r->arena, text + lead, n);
  if (trimmed == NULL) return CL_FAIL_NOMEM(e);
  bool marked = false;
  struct cl_literal x[4];
  if (split_call(trimmed, &name, &open, &marked)) return read_call(r, trimmed, name, open, place, d, e);
  if (marked)
    return cl_source_fail(r->source, place.at, "$name(arguments), or the text in quotes", e,
                          "'%.60s' is no distribution", trimmed);
  size_t parts = split_range(trimmed, place.at, place.exact, x);
  if (parts > 0) return define_range(r, x, parts, d, e);
  return read_list(r, trimmed, place, here, d, e);
}
