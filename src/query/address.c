#include "query/address.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "query/trial_cells.h"

#define FORMS "3, 3,7-9, best, all, state:FAILED or 'lr<0.01'"

void cl_selection_done(struct cl_selection *s) {
  cl_free(s->spans);
  cl_free(s->filter);
  *s = (struct cl_selection){0};
}

static int fail_form(const char *text, struct cl_err *e) {
  return CL_FAIL(e, CLADE_EINVAL, "'%.80s' does not name trials: write %s", text, FORMS);
}

static const char *skip_word(const char *text) {
  static const char *const words[] = {"run", "trial"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (strncmp(text, words[i], strlen(words[i])) == 0) return text + strlen(words[i]);
  return text;
}

/* "3", "run3"; how many bytes were taken, 0 if there is no number. */
static size_t read_number(const char *text, int64_t *ret) {
  const char *digits = skip_word(text);
  size_t n = strspn(digits, "0123456789");
  char copy[20];
  if (n == 0 || n >= sizeof copy) return 0;
  memcpy(copy, digits, n);
  copy[n] = '\0';
  if (!cl_text_to_int(copy, ret)) return 0;
  return (size_t)(digits - text) + n;
}

static int compare_spans(const void *a, const void *b) {
  const struct cl_span *x = a, *y = b;
  return (x->lo > y->lo) - (x->lo < y->lo);
}

static void merge_spans(struct cl_selection *s) {
  qsort(s->spans, s->n_spans, sizeof *s->spans, compare_spans);
  size_t kept = 0;
  for (size_t i = 1; i < s->n_spans; i++) {
    if (s->spans[i].lo <= s->spans[kept].hi + 1) {
      if (s->spans[i].hi > s->spans[kept].hi) s->spans[kept].hi = s->spans[i].hi;
    } else {
      s->spans[++kept] = s->spans[i];
    }
  }
  assert(s->n_spans == 0 || kept < s->n_spans);
  if (s->n_spans > 0) s->n_spans = kept + 1;
}

static int parse_numbers(const char *text, struct cl_selection *ret, struct cl_err *e) {
  struct cl_selection s = {.kind = CL_SELECT_NUMBERS};
  size_t capacity = 0;
  const char *p = text;
  int status = 0;
  for (;;) {
    struct cl_span span = {0};
    size_t n = read_number(p, &span.lo);
    p += n;
    span.hi = span.lo;
    if (n > 0 && *p == '-') {
      n = read_number(p + 1, &span.hi);
      p += n + 1;
    }
    if (n == 0)
      status = fail_form(text, e);
    else if (span.lo < 1 || span.hi < span.lo)
      status =
          CL_FAIL(e, CLADE_EINVAL, "'%.80s': trials are numbered from 1, and a range goes upwards", text);
    else if (cl_grow(&s.spans, &capacity, s.n_spans + 1, sizeof *s.spans) < 0)
      status = CL_FAIL_NOMEM(e);
    if (status < 0) goto out;
    s.spans[s.n_spans++] = span;
    if (*p == '\0') break;
    if (*p++ != ',') {
      status = fail_form(text, e);
      goto out;
    }
  }
  merge_spans(&s);
  assert(s.n_spans > 0 && s.spans[0].lo >= 1);
  *ret = s;
  s = (struct cl_selection){0};
out:
  cl_selection_done(&s);
  return status;
}

static int parse_states(const char *text, struct cl_selection *ret, struct cl_err *e) {
  unsigned states = 0;
  for (const char *p = text;; p++) {
    char name[32] = "";
    size_t n = strcspn(p, ",");
    memcpy(name, p, n < sizeof name ? n : sizeof name - 1);
    const char *state = NULL;
    CL_TRY(cl_trial_state_find(name, &state, e));
    assert(cl_state_find(state) > 0); /* the name came from the state machine */
    states |= 1u << cl_state_find(state);
    p += n;
    if (*p == '\0') break;
  }
  *ret = (struct cl_selection){.kind = CL_SELECT_STATES, .states = states};
  return 0;
}

static int parse_filter(const char *text, struct cl_selection *ret, struct cl_err *e) {
  size_t n = strlen(text);
  if (n >= 2 && (text[0] == '\'' || text[0] == '"') && text[n - 1] == text[0]) {
    text++;
    n -= 2;
  }
  char *copy = cl_copy_bytes(text, n);
  if (copy == NULL) return CL_FAIL_NOMEM(e);
  *ret = (struct cl_selection){.kind = CL_SELECT_FILTER, .filter = copy};
  return 0;
}

int cl_selection_parse(const char *text, struct cl_selection *ret, struct cl_err *e) {
  if (strcmp(text, "best") == 0)
    *ret = (struct cl_selection){.kind = CL_SELECT_BEST};
  else if (strcmp(text, "all") == 0 || strcmp(text, "*") == 0)
    *ret = (struct cl_selection){.kind = CL_SELECT_ALL};
  else if (strncmp(text, "state:", 6) == 0)
    return parse_states(text + 6, ret, e);
  else if (strpbrk(text, "<>=!~") != NULL || strstr(text, ":exists:") != NULL ||
           strstr(text, ":regex:") != NULL)
    return parse_filter(text, ret, e);
  else
    return parse_numbers(text, ret, e);
  return 0;
}

struct cl_span cl_selection_hull(const struct cl_selection *s) {
  if (s->kind != CL_SELECT_NUMBERS) return (struct cl_span){0, 0};
  assert(s->n_spans > 0);
  return (struct cl_span){s->spans[0].lo, s->spans[s->n_spans - 1].hi};
}

bool cl_selection_has_number(const struct cl_selection *s, int64_t number) {
  for (size_t i = 0; i < s->n_spans; i++)
    if (number >= s->spans[i].lo && number <= s->spans[i].hi) return true;
  return false;
}

static int take_last(void *ctx, const struct cl_study_row *row) {
  int64_t *last = ctx;
  *last = row->id;
  return 0;
}

static int find_latest(struct cl_store *store, int64_t *ret, struct cl_err *e) {
  int64_t last = 0;
  CL_TRY(cl_store_studies(store, take_last, &last, e));
  if (last == 0) return CL_FAIL(e, CLADE_ENOTFOUND, "%s holds no study yet", cl_store_address(store));
  *ret = last;
  return 0;
}

/* The study named by the longest part of `text` before a slash; *ret_rest is what follows that slash. */
static int find_before_slash(struct cl_store *store, const char *text, int64_t *ret, const char **ret_rest,
                             struct cl_err *e) {
  size_t n = strlen(text);
  int status = CLADE_ENOTFOUND;
  while (status == CLADE_ENOTFOUND && n > 0) {
    while (n > 0 && text[n - 1] != '/') n--;
    if (n == 0) break;
    char *name = cl_copy_bytes(text, --n);
    if (name == NULL) return CL_FAIL_NOMEM(e);
    status = n == 0 ? find_latest(store, ret, e) : cl_store_find(store, name, ret, e);
    cl_free(name);
    *ret_rest = text + n + 1;
  }
  return status;
}

int cl_address_resolve(struct cl_store *store, const char *text, int64_t *ret_study, struct cl_selection *ret,
                       struct cl_err *e) {
  int64_t study = 0;
  const char *rest = "";
  struct cl_selection selection = {0};
  int status =
      text == NULL || text[0] == '\0' ? find_latest(store, &study, e) : cl_store_find(store, text, &study, e);
  if (status == CLADE_ENOTFOUND && text != NULL && strchr(text, '/') != NULL) {
    status = find_before_slash(store, text, &study, &rest, e);
    if (status >= 0) status = cl_selection_parse(rest, &selection, e);
  }
  if (status < 0) return status;
  *ret_study = study;
  *ret = selection;
  return 0;
}

bool cl_address_matches(const char *pattern, const char *name) {
  const char *star = NULL, *mark = NULL;
  while (*name != '\0') {
    if (*pattern == *name || *pattern == '?') {
      pattern++;
      name++;
    } else if (*pattern == '*') {
      star = pattern++;
      mark = name;
    } else if (star != NULL) {
      pattern = star + 1;
      name = ++mark;
    } else {
      return false;
    }
  }
  while (*pattern == '*') pattern++;
  return *pattern == '\0';
}
