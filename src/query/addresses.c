#include "query/addresses.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "query/column.h"

struct expanding {
  struct cl_store *store;
  struct cl_addresses *ret;
  const char *pattern, *rest; /* of a wildcard: studies, and what follows the slash (or null) */
  const char *prefix;         /* of a range */
  size_t n_prefix;
  int64_t lo, hi;
  size_t found;
  struct cl_err *e;
};

void cl_addresses_done(struct cl_addresses *a) {
  cl_free(a->items);
  cl_arena_done(&a->arena);
  *a = (struct cl_addresses){0};
}

static int add(struct cl_addresses *a, const char *study, const char *rest, struct cl_err *e) {
  if (cl_grow(&a->items, &a->capacity, a->n + 1, sizeof *a->items) < 0) return CL_FAIL_NOMEM(e);
  const char *text =
      rest == NULL ? cl_arena_text(&a->arena, study) : cl_arena_format(&a->arena, "%s/%s", study, rest);
  if (text == NULL) return CL_FAIL_NOMEM(e);
  a->items[a->n++] = text;
  return 0;
}

static int resolve(struct cl_store *store, const char *text, struct cl_err *e) {
  struct cl_selection selection = {0};
  int64_t study = 0;
  int status = cl_address_resolve(store, text, &study, &selection, e);
  if (status >= 0) cl_selection_done(&selection);
  return status;
}

static bool is_number_in(const char *name, size_t n_prefix, const char *prefix, int64_t lo, int64_t hi) {
  int64_t number = 0;
  return strncmp(name, prefix, n_prefix) == 0 && name[n_prefix] >= '0' && name[n_prefix] <= '9' &&
         cl_text_to_int(name + n_prefix, &number) && number >= lo && number <= hi;
}

static int take_study(void *ctx, const struct cl_study_row *row) {
  struct expanding *x = ctx;
  assert(x->pattern != NULL || x->n_prefix > 0);
  bool taken = x->pattern != NULL ? cl_address_matches(x->pattern, row->name)
                                  : is_number_in(row->name, x->n_prefix, x->prefix, x->lo, x->hi);
  if (!taken) return 0;
  x->found++;
  return add(x->ret, row->name, x->rest, x->e);
}

/* "m*" or "m*" + "/best": all studies that match. */
static int expand_pattern(struct expanding *x, char *item, struct cl_err *e) {
  char *slash = strrchr(item, '/');
  if (slash != NULL && strpbrk(item, "*?") > slash) slash = NULL;
  if (slash != NULL) *slash = '\0';
  x->pattern = item;
  x->rest = slash == NULL ? NULL : slash + 1;
  x->found = 0;
  CL_TRY(cl_store_studies(x->store, take_study, x, e));
  if (x->found > 0) return 0;
  return CL_FAIL(e, CLADE_ENOTFOUND, "no study of %s matches '%.100s'", cl_store_address(x->store), item);
}

static size_t digits_at_end(const char *text, size_t n) {
  size_t digits = 0;
  while (digits < n && text[n - digits - 1] >= '0' && text[n - digits - 1] <= '9') digits++;
  return digits;
}

/* "job3-job7": the same words before both numbers. False: it is no such range. */
static bool parse_range(struct expanding *x, const char *item) {
  for (const char *dash = strchr(item, '-'); dash != NULL; dash = strchr(dash + 1, '-')) {
    size_t n = (size_t)(dash - item), m = strlen(dash + 1);
    size_t digits = digits_at_end(item, n), more = digits_at_end(dash + 1, m);
    if (digits == 0 || more == 0 || n - digits != m - more || digits > 18 || n == digits ||
        strncmp(item, dash + 1, n - digits) != 0)
      continue;
    char low[20] = "";
    memcpy(low, dash - digits, digits);
    x->prefix = item;
    x->n_prefix = n - digits;
    assert(x->n_prefix > 0 && digits < sizeof low);
    return cl_text_to_int(low, &x->lo) && cl_text_to_int(dash + 1 + m - more, &x->hi);
  }
  return false;
}

static int expand_range(struct expanding *x, const char *item, struct cl_err *e) {
  x->pattern = x->rest = NULL;
  x->found = 0;
  CL_TRY(cl_store_studies(x->store, take_study, x, e));
  if (x->found > 0) return 0;
  return CL_FAIL(e, CLADE_ENOTFOUND, "no study of %s is in the range '%.100s'", cl_store_address(x->store),
                 item);
}

/* More trials of the study before: the 7-9 of mnist/3,7-9,pbt/1. */
static int continue_last(struct expanding *x, const char *item, struct cl_err *e) {
  struct cl_addresses *a = x->ret;
  assert(a->n > 0);
  const char *joined = cl_arena_format(&a->arena, "%s,%s", a->items[a->n - 1], item);
  if (joined == NULL) return CL_FAIL_NOMEM(e);
  CL_TRY(resolve(x->store, joined, e));
  a->items[a->n - 1] = joined;
  return 0;
}

static int expand_item(struct expanding *x, char *item, struct cl_err *e) {
  struct cl_err first = {0};
  struct cl_addresses *a = x->ret;
  int status = resolve(x->store, item, &first);
  if (status >= 0) return add(a, item, NULL, e);
  if (status != CLADE_ENOTFOUND && status != CLADE_EINVAL) return CL_FAIL(e, status, "%s", first.text);
  if (a->n > 0 && strchr(item, '/') == NULL && strchr(a->items[a->n - 1], '/') != NULL) {
    int more = continue_last(x, item, NULL);
    if (more >= 0) return 0;
  }
  if (strpbrk(item, "*?") != NULL) return expand_pattern(x, item, e);
  if (parse_range(x, item)) return expand_range(x, item, e);
  return CL_FAIL(e, status, "%s", first.text);
}

/* The end of the item that begins at p: a comma outside of quotes. */
static const char *item_end(const char *p) {
  char quote = '\0';
  for (; *p != '\0' && (quote != '\0' || *p != ','); p++) {
    if (quote != '\0' && *p == quote)
      quote = '\0';
    else if (quote == '\0' && (*p == '\'' || *p == '"') && strchr(p + 1, *p) != NULL)
      quote = *p;
  }
  return p;
}

static int expand_list(struct expanding *x, const char *text, struct cl_err *e) {
  int status = 0;
  for (const char *p = text; status >= 0 && *p != '\0';) {
    const char *end = item_end(p);
    size_t n = (size_t)(end - p);
    for (; n > 0 && *p == ' '; n--) p++;
    while (n > 0 && p[n - 1] == ' ') n--;
    char *item = n == 0 ? NULL : cl_copy_bytes(p, n);
    if (n > 0 && item == NULL) return CL_FAIL_NOMEM(e);
    if (item != NULL) status = expand_item(x, item, e);
    cl_free(item);
    p = *end == '\0' ? end : end + 1;
  }
  return status;
}

int cl_addresses_expand(struct cl_store *store, const char *text, struct cl_addresses *ret,
                        struct cl_err *e) {
  struct cl_addresses a = {0};
  struct expanding x = {.store = store, .ret = &a, .e = e};
  struct cl_err first = {0};
  if (text != NULL) CL_TRY(cl_query_text_check("address", text, e));
  int status = resolve(store, text, &first);
  bool taken_apart = status < 0 && text != NULL && strpbrk(text, ",*?-") != NULL &&
                     (status == CLADE_ENOTFOUND || status == CLADE_EINVAL);
  if (status >= 0)
    status = add(&a, text == NULL ? "" : text, NULL, e);
  else if (taken_apart)
    status = expand_list(&x, text, e);
  else
    status = CL_FAIL(e, status, "%s", first.text);
  if (status >= 0 && a.n == 0)
    status = CL_FAIL(e, CLADE_EINVAL, "'%.80s' names no study: write one, or several joined by commas", text);
  if (status < 0) {
    cl_addresses_done(&a);
    return status;
  }
  *ret = a;
  return 0;
}
