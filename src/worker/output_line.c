#include "worker/output_line.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "model/metric_regex.h"

/* The first of these on a line is its step, in this order (contracts.md 3). */
static const char *const step_names[] = {"step", "epoch", "iter", "epochs", "steps", "iters", "index"};
#define N_STEP_NAMES   ((int)(sizeof step_names / sizeof *step_names))
#define N_SPOKEN_NAMES 3 /* of them `epoch 3` will do */

struct cl_output_rules {
  const struct cl_settings *settings;
  struct cl_regex *regex; /* or null */
};

int cl_output_rules_create(const struct cl_settings *s, struct cl_output_rules **ret, struct cl_err *e) {
  struct cl_output_rules *r = cl_alloc(sizeof *r);
  if (r == NULL) return CL_FAIL_NOMEM(e);
  r->settings = s;
  if (s->metric_regex != NULL) {
    int status = cl_metric_regex_create(s->metric_regex, &r->regex, e);
    if (status < 0) {
      cl_output_rules_destroy(r);
      return status;
    }
  }
  *ret = r;
  return 0;
}

void cl_output_rules_destroy(struct cl_output_rules *r) {
  if (r == NULL) return;
  cl_regex_destroy(r->regex);
  cl_free(r);
}

void cl_output_report_done(struct cl_output_report *r) {
  cl_text_done(&r->names);
  r->n = 0;
}

/* Collecting: a name is kept as its offset in `names` until the line is read. */

struct collector {
  const struct cl_output_rules *rules;
  struct cl_output_report *report;
  size_t offsets[CL_METRICS_MAX];
  double steps[N_STEP_NAMES + 1]; /* [0]: the one the settings name */
};

static const char *name_at(const struct collector *c, int i) {
  return cl_text_get(&c->report->names) + c->offsets[i];
}

static bool has_name(const struct collector *c, int i, const char *name, size_t n) {
  return strlen(name_at(c, i)) == n && memcmp(name_at(c, i), name, n) == 0;
}

static bool is_hyperparameter(const struct cl_space *s, const char *name, size_t n) {
  for (int i = 0; i < s->n; i++)
    if (s->items[i].domain != CL_CONSTANT && strlen(s->items[i].name) == n &&
        memcmp(s->items[i].name, name, n) == 0)
      return true;
  return false;
}

static bool same_word(const char *word, const char *name, size_t n) {
  return strlen(word) == n && strncasecmp(word, name, n) == 0;
}

/* 1 + index of a step name, 0 for the one of the settings, -1 for none. */
static int step_index(const struct cl_settings *s, const char *name, size_t n, int limit) {
  if (s->step != NULL && same_word(s->step, name, n)) return 0;
  for (int i = 0; i < limit; i++)
    if (same_word(step_names[i], name, n)) return i + 1;
  return -1;
}

static bool is_objective(const struct cl_settings *s, const char *name, size_t n) {
  for (int i = 0; i < s->n_objectives; i++)
    if (strlen(s->objectives[i].name) == n && memcmp(s->objectives[i].name, name, n) == 0) return true;
  return false;
}

static void collect(struct collector *c, const char *name, size_t n, double value) {
  struct cl_output_report *r = c->report;
  const struct cl_settings *s = c->rules->settings;
  if (n == 0 || n > CL_NAME_MAX || !cl_text_is_utf8(name, n)) return;
  int step = step_index(s, name, n, N_STEP_NAMES);
  if (step >= 0 && !is_objective(s, name, n)) {
    if (isfinite(value) && isnan(c->steps[step])) c->steps[step] = value;
    return;
  }
  if (is_hyperparameter(&s->space, name, n)) return;
  int i = 0;
  while (i < r->n && !has_name(c, i, name, n)) i++;
  if (i == CL_METRICS_MAX) return;
  if (i == r->n) {
    c->offsets[i] = r->names.length;
    cl_text_add_bytes(&r->names, name, n);
    cl_text_add_char(&r->names, '\0');
    r->n++;
  }
  r->metrics[i].value = value == 0 ? 0 : value;
}

/* Characters. */

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name_char(char c) {
  return is_name_start(c) || is_digit(c) || c == '-' || c == '.' || c == '/' || c == '@' || c == '%';
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\0' || c == '\v' || c == '\f';
}

static const char *skip_blanks(const char *at, const char *end) {
  while (at < end && is_blank(*at)) at++;
  return at;
}

static const char *skip_digits(const char *at, const char *end) {
  while (at < end && is_digit(*at)) at++;
  return at;
}

/* The end of the number at `at`, or `at` when there is none. */
static const char *number_end(const char *at, const char *end) {
  static const char *const words[] = {"nan", "infinity", "inf"};
  const char *p = at < end && (*at == '-' || *at == '+') ? at + 1 : at;
  for (size_t i = 0; i < 3; i++) {
    size_t n = strlen(words[i]);
    if ((size_t)(end - p) >= n && strncasecmp(p, words[i], n) == 0) return p + n;
  }
  const char *whole = skip_digits(p, end), *last = whole;
  if (last < end && *last == '.') last = skip_digits(last + 1, end);
  if (last - p == 0 || (last - p == 1 && whole == p)) return at; /* nothing, or only a point */
  if (last < end && (*last == 'e' || *last == 'E')) {
    const char *digits = last + 1 < end && (last[1] == '-' || last[1] == '+') ? last + 2 : last + 1;
    if (digits < end && is_digit(*digits)) last = skip_digits(digits, end);
  }
  return last;
}

static bool to_number(const char *at, const char *end, double *ret) {
  char text[64];
  size_t n = 0;
  if (end - at < 1 || end - at >= (ptrdiff_t)sizeof text) return false;
  if (*at == '+') at++;
  for (; at < end; at++) text[n++] = *at >= 'A' && *at <= 'Z' ? (char)(*at + 32) : *at;
  text[n] = '\0';
  if (n >= 8 && strcmp(text + n - 8, "infinity") == 0) text[n - 5] = '\0';
  return cl_text_to_number(text, ret);
}

/* A number that is not the beginning of something else (12:30, 4ms, 1.2.3). */
static bool read_number(const char *at, const char *end, const char **ret_end, double *ret) {
  const char *last = number_end(at, end);
  if (last == at) return false;
  if (last < end && ((is_name_start(*last) && (unsigned char)*last < 0x80) || is_digit(*last))) return false;
  if (last + 1 < end && (*last == ':' || *last == '.') && is_digit(last[1])) return false;
  if (!to_number(at, last, ret)) return false;
  *ret_end = last;
  return true;
}

/* tensor( or np.float64( before a number. */
static const char *skip_call(const char *at, const char *end) {
  const char *p = at;
  if (p >= end || !is_name_start(*p)) return at;
  while (p < end && (is_name_start(*p) || is_digit(*p) || *p == '.')) p++;
  return p < end && *p == '(' ? p + 1 : at;
}

/* Tokens. */

/* `at` begins a name that ends at `last`; the end of the token, or null when it is none. */
static const char *read_token(struct collector *c, const char *at, const char *last, const char *end) {
  const char *p = last;
  double value;
  if (p < end && (*p == '\'' || *p == '"')) p++;
  p = skip_blanks(p, end);
  const char *behind = NULL;
  int step = step_index(c->rules->settings, at, (size_t)(last - at), N_SPOKEN_NAMES);
  if (p < end && (*p == '=' || *p == ':')) {
    const char *word = skip_blanks(p + 1, end), *number = skip_call(word, end);
    if (!read_number(number, end, &behind, &value)) return NULL;
    collect(c, at, (size_t)(last - at), value);
    const char *close = number == word ? NULL : memchr(behind, ')', (size_t)(end - behind));
    return close != NULL ? close : behind;
  }
  if (step < 0 || p == last || p >= end || !is_digit(*p) || !read_number(p, end, &behind, &value))
    return NULL;
  if (isnan(c->steps[step])) c->steps[step] = value;
  return behind;
}

static void read_tokens(struct collector *c, const char *line, size_t n) {
  const char *at = line, *end = line + n;
  while (at < end) {
    if (!is_name_char(*at)) {
      at++;
      continue;
    }
    const char *last = at;
    while (last < end && is_name_char(*last)) last++;
    while (at < last && !is_name_start(*at)) at++; /* "-loss": a name begins with a letter */
    const char *behind = at < last ? read_token(c, at, last, end) : NULL;
    at = behind != NULL ? behind : last;
  }
}

static bool json_number(const json_t *node, double *ret) {
  if (json_is_number(node)) {
    *ret = json_number_value(node);
    return true;
  }
  const char *text = json_string_value(node);
  return text != NULL && cl_text_to_number(text, ret) && !isfinite(*ret);
}

/* A JSON object at the end of the line: {"loss": 0.5} or [tune-metric]: {"loss": 0.5}. */
static bool read_json(struct collector *c, const char *line, size_t n) {
  const char *open = memchr(line, '{', n);
  while (n > 0 && is_blank(line[n - 1])) n--;
  if (open == NULL || n == 0 || line[n - 1] != '}') return false;
  json_t *object = json_loadb(open, (size_t)(line + n - open), JSON_REJECT_DUPLICATES, NULL);
  if (!json_is_object(object)) {
    json_decref(object);
    return false;
  }
  const char *name;
  json_t *node;
  double value;
  json_object_foreach(object, name, node) if (json_number(node, &value))
      collect(c, name, strlen(name), value);
  json_decref(object);
  return true;
}

static void read_regex(struct collector *c, const char *line, size_t n) {
  const struct cl_settings *s = c->rules->settings;
  const struct cl_regex *regex = c->rules->regex;
  struct cl_regex_span all[3];
  for (size_t at = 0; at <= n && cl_regex_find(regex, line, n, at, all, 3);) {
    struct cl_regex_span first = all[1], second = all[2];
    double value;
    if (first.begin < first.end && to_number(line + first.begin, line + first.end, &value))
      collect(c, s->objectives[0].name, strlen(s->objectives[0].name), value);
    else if (first.begin <= first.end && first.end <= n && second.begin < second.end &&
             to_number(line + second.begin, line + second.end, &value))
      collect(c, line + first.begin, first.end - first.begin, value);
    at = all[0].end > at ? all[0].end : at + 1;
  }
}

/* The line. */

/* Without colours, cursor movements and backspaces; ended by a zero byte; zero bytes become blanks. */
static void clean(const char *line, size_t n, struct cl_text *ret) {
  for (size_t i = 0; i < n; i++) {
    if (line[i] == '\x1b' && i + 1 < n && line[i + 1] == '[') {
      i += 2;
      while (i < n && !(line[i] >= '@' && line[i] <= '~')) i++;
    } else if (line[i] != '\b') {
      cl_text_add_char(ret, line[i] == '\0' ? ' ' : line[i]);
    }
  }
}

/* A metric that differs from an objective only in case is that objective, unless the exact one is there. */
static bool find_objective(struct collector *c, const struct cl_objective *o) {
  struct cl_output_report *r = c->report;
  for (int i = 0; i < r->n; i++)
    if (strcmp(name_at(c, i), o->name) == 0) return true;
  for (int i = 0; i < r->n; i++) {
    if (strcasecmp(name_at(c, i), o->name) != 0) continue;
    memcpy(r->names.bytes + c->offsets[i], o->name, strlen(o->name));
    return true;
  }
  return false;
}

static bool is_report(struct collector *c) {
  const struct cl_settings *s = c->rules->settings;
  bool found = s->computed != NULL && c->report->n > 0;
  for (int i = 0; i < s->n_objectives; i++) found |= find_objective(c, &s->objectives[i]);
  return found;
}

/* Most lines of most programs are no reports: seen without copying anything. */
static bool may_report(const struct cl_output_rules *r, const char *line, size_t n) {
  return r->regex != NULL || memchr(line, '=', n) != NULL || memchr(line, ':', n) != NULL;
}

int cl_output_line_read(const struct cl_output_rules *r, const char *line, size_t n,
                        struct cl_output_report *ret, struct cl_err *e) {
  assert(n <= CL_OUTPUT_LINE_MAX);
  ret->n = 0;
  ret->step = CL_NO_STEP;
  if (!may_report(r, line, n)) return CLADE_EMPTY;
  struct cl_text text = {0};
  struct collector c = {.rules = r, .report = ret};
  for (int i = 0; i <= N_STEP_NAMES; i++) c.steps[i] = NAN;
  cl_text_clear(&ret->names);
  clean(line, n, &text);
  if (!text.failed && text.length > 0) {
    if (r->regex != NULL)
      read_regex(&c, text.bytes, text.length);
    else if (!read_json(&c, text.bytes, text.length))
      read_tokens(&c, text.bytes, text.length);
  }
  bool failed = text.failed || ret->names.failed;
  cl_text_done(&text);
  if (failed) return CL_FAIL_NOMEM(e);
  if (!is_report(&c)) return CLADE_EMPTY;
  for (int i = 0; i <= N_STEP_NAMES && isnan(ret->step); i++) ret->step = c.steps[i];
  for (int i = 0; i < ret->n; i++) ret->metrics[i].name = name_at(&c, i);
  return 0;
}
