#include "query/listing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "query/filter.h"
#include "query/foreign.h"

void cl_listing_done(struct cl_listing *l) {
  cl_catalogue_done(&l->catalogue);
  cl_free(l->rows);
  *l = (struct cl_listing){0};
}

int cl_listing_begin(struct cl_listing *l, size_t n, struct cl_err *e) {
  assert(l->rows == NULL && l->ops != NULL);
  l->rows = cl_alloc_array(n, sizeof *l->rows);
  if (l->rows == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < n; i++) l->rows[i] = i;
  l->n = n;
  return 0;
}

static struct cl_value cell(const struct cl_listing *l, size_t row, const struct cl_column *c) {
  return l->ops->cell(l->source, row, c);
}

/* Choosing. */

int cl_listing_filter(struct cl_listing *l, const char *text, struct cl_err *e) {
  struct cl_filter *f = NULL;
  CL_TRY(cl_filter_parse(text, &l->catalogue, &f, e));
  int status = 0;
  for (size_t i = 0; i < cl_filter_conditions(f) && status >= 0; i++) {
    const struct cl_column *c = cl_filter_column(f, i);
    status = l->ops->need(l->source, c, e);
    size_t kept = 0;
    for (size_t k = 0; k < l->n && status >= 0; k++)
      if (cl_filter_holds(f, i, cell(l, l->rows[k], c))) l->rows[kept++] = l->rows[k];
    assert(kept <= l->n);
    if (status >= 0) l->n = kept;
  }
  cl_filter_destroy(f);
  return status < 0 ? status : 0;
}

enum { STATES_MAX = 32, STATE_BYTES = 64 };

/* The names of a list of states. They belong to the state machine, or to `room`. */
static int parse_states(const struct cl_listing *l, const char *text, char room[STATES_MAX][STATE_BYTES],
                        const char **names, size_t *ret_n, struct cl_err *e) {
  size_t n = 0;
  for (const char *p = text;; p++) {
    size_t length = strcspn(p, ",");
    if (n == STATES_MAX || length >= STATE_BYTES)
      return CL_FAIL(e, CLADE_EINVAL, "'%.80s' are no states: up to %d names, joined by commas", text,
                     STATES_MAX);
    memcpy(room[n], p, length);
    room[n][length] = '\0';
    names[n] = room[n];
    if (l->catalogue.find_state != NULL) CL_TRY(l->catalogue.find_state(room[n], &names[n], e));
    n++;
    p += length;
    if (*p == '\0') break;
  }
  assert(n > 0);
  *ret_n = n;
  return 0;
}

static int keep_states(struct cl_listing *l, const char *text, struct cl_err *e) {
  char room[STATES_MAX][STATE_BYTES];
  const char *names[STATES_MAX];
  size_t n = 0, kept = 0;
  struct cl_column state;
  if (!cl_catalogue_find(&l->catalogue, "state", &state, NULL))
    return CL_FAIL(e, CLADE_EINVAL, "%s have no states", l->noun);
  CL_TRY(parse_states(l, text, room, names, &n, e));
  CL_TRY(l->ops->need(l->source, &state, e));
  for (size_t k = 0; k < l->n; k++) {
    struct cl_value v = cell(l, l->rows[k], &state);
    bool found = false;
    for (size_t i = 0; i < n; i++) found = found || (v.kind == CL_TEXT && strcmp(v.as.text, names[i]) == 0);
    if (found) l->rows[kept++] = l->rows[k];
  }
  l->n = kept;
  return 0;
}

static bool tag_holds(const struct cl_listing *l, size_t row, char *item) {
  char *text = strchr(item, '=');
  if (text != NULL) *text = '\0';
  bool holds = l->ops->tagged(l->source, row, item, text == NULL ? NULL : text + 1);
  if (text != NULL) *text = '=';
  return holds;
}

/* Keep the rows for which one (`any`), or all, of the tags of these lists hold. */
static int keep_tagged(struct cl_listing *l, const char *const *lists, size_t n, bool any, struct cl_err *e) {
  if (n == 0) return 0;
  struct cl_text items = {0}; /* one after the other, each with its zero byte */
  for (size_t i = 0; i < n; i++) CL_TRY(cl_query_text_check("list of tags", lists[i], e));
  for (size_t i = 0; i < n; i++) cl_text_add_bytes(&items, lists[i], strlen(lists[i]) + 1);
  if (items.failed) {
    cl_text_done(&items);
    return CL_FAIL_NOMEM(e);
  }
  for (size_t i = 0; i < items.length; i++)
    if (items.bytes[i] == ',') items.bytes[i] = '\0';
  size_t kept = 0;
  for (size_t k = 0; k < l->n; k++) {
    bool holds = !any;
    for (char *item = items.bytes; item < items.bytes + items.length; item += strlen(item) + 1)
      if (item[0] != '\0' && tag_holds(l, l->rows[k], item) == any) holds = any;
    if (holds) l->rows[kept++] = l->rows[k];
  }
  l->n = kept;
  cl_text_done(&items);
  return 0;
}

/* Order and limit. */

struct key {
  struct cl_value value;
  size_t place, row;
};

static int compare_keys(const void *a, const void *b) {
  const struct key *x = a, *y = b;
  int order = cl_cell_compare(x->value, y->value);
  return order != 0 ? order : (x->place > y->place) - (x->place < y->place);
}

/* Blank group last. */
static int compare_groups(const void *a, const void *b) {
  const struct key *x = a, *y = b;
  bool p = x->value.kind == CL_ABSENT, q = y->value.kind == CL_ABSENT;
  return p != q ? (p ? 1 : -1) : compare_keys(a, b);
}

static int fail_column(const struct cl_listing *l, const char *verb, const char *name, const char *nearest,
                       struct cl_err *e) {
  const char *instead = cl_foreign_column(name, nearest);
  if (instead != NULL) return CL_FAIL(e, CLADE_EINVAL, "cannot %s by '%s': %s", verb, name, instead);
  return CL_FAIL(
      e, CLADE_EINVAL,
      "cannot %s by '%.100s': %s have no such column; write %sa standard one, hparams.NAME, metrics.NAME or "
      "tags.NAME%s%.100s%s",
      verb, name, l->noun, l->best.kind != 0 && verb[0] == 's' ? "best, " : "",
      nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
}

static int find_column(struct cl_listing *l, const char *verb, const char *name, struct cl_column *ret,
                       struct cl_err *e) {
  const char *nearest = NULL;
  CL_TRY(cl_query_text_check(verb, name, e));
  if (verb[0] == 's' && l->best.kind != 0 && strcmp(name, "best") == 0)
    *ret = l->best;
  else if (!cl_catalogue_find(&l->catalogue, name, ret, &nearest))
    return fail_column(l, verb, name, nearest, e);
  return l->ops->need(l->source, ret, e);
}

/* The rows that are left with their values, in order of these. Gives; free with cl_free. */
static int make_keys(const struct cl_listing *l, const struct cl_column *c,
                     int (*compare)(const void *, const void *), struct key **ret, struct cl_err *e) {
  struct key *keys = cl_alloc_array(l->n, sizeof *keys);
  if (keys == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < l->n; i++)
    keys[i] = (struct key){.value = cell(l, l->rows[i], c), .place = i, .row = l->rows[i]};
  if (l->n > 0) qsort(keys, l->n, sizeof *keys, compare);
  *ret = keys;
  return 0;
}

/* `blanks`: rows without a value to sort by stay, at the beginning. */
static int sort_rows(struct cl_listing *l, const char *name, bool blanks, struct cl_err *e) {
  struct cl_column c;
  struct key *keys = NULL;
  size_t blank = 0;
  CL_TRY(find_column(l, "sort", name, &c, e));
  CL_TRY(make_keys(l, &c, compare_keys, &keys, e));
  while (!blanks && blank < l->n && keys[blank].value.kind == CL_ABSENT) blank++;
  for (size_t i = blank; i < l->n; i++) l->rows[i - blank] = keys[i].row;
  l->n -= blank;
  cl_free(keys);
  return 0;
}

static void reverse_rows(struct cl_listing *l) {
  for (size_t i = 0, j = l->n; i + 1 < j; i++) {
    size_t row = l->rows[i];
    l->rows[i] = l->rows[--j];
    l->rows[j] = row;
  }
}

struct cl_span cl_limit_span(const struct cl_list_options *o, int64_t n) {
  int64_t keep = n;
  if (o->limit == CL_LIMIT_FIRST || o->limit == CL_LIMIT_LAST) keep = o->n;
  if (o->limit == CL_LIMIT_STANDARD) keep = CL_LIST_MAX;
  if (keep > n) keep = n;
  return o->limit == CL_LIMIT_FIRST ? (struct cl_span){0, keep} : (struct cl_span){n - keep, n};
}

static void limit_rows(struct cl_listing *l, const struct cl_list_options *o) {
  struct cl_span kept = cl_limit_span(o, (int64_t)l->n);
  assert(kept.lo >= 0 && kept.lo <= kept.hi && kept.hi <= (int64_t)l->n);
  if (kept.lo > 0) memmove(l->rows, l->rows + kept.lo, (size_t)(kept.hi - kept.lo) * sizeof *l->rows);
  l->n = (size_t)(kept.hi - kept.lo);
}

int cl_listing_choose(struct cl_listing *l, const struct cl_list_options *o, bool cut, int64_t total,
                      struct cl_err *e) {
  for (size_t i = 0; i < o->n_filters; i++) CL_TRY(cl_listing_filter(l, o->filters[i], e));
  if (o->states != NULL) CL_TRY(keep_states(l, o->states, e));
  CL_TRY(keep_tagged(l, o->tags_any, o->n_tags_any, true, e));
  CL_TRY(keep_tagged(l, o->tags_all, o->n_tags_all, false, e));
  l->total = cut ? total : (int64_t)l->n;
  if (o->sort != NULL) CL_TRY(sort_rows(l, o->sort, o->limit == CL_LIMIT_ALL, e));
  if (o->reverse) reverse_rows(l);
  limit_rows(l, o);
  return 0;
}

/* The table. */

static int add_columns(struct cl_listing *l, const struct cl_list_options *o, struct cl_table *t,
                       struct cl_err *e) {
  if (o->n_columns == 0 && o->usual != NULL) CL_TRY(cl_columns_add_known(t, &l->catalogue, o->usual, e));
  if (o->n_columns == 0 && t->n_columns == 0) CL_TRY(l->ops->usual(l->source, t, e));
  for (size_t i = 0; i < o->n_columns; i++) CL_TRY(cl_columns_add(t, &l->catalogue, o->columns[i], false, e));
  for (size_t i = 0; i < o->n_more; i++) CL_TRY(cl_columns_add(t, &l->catalogue, o->more[i], true, e));
  if (t->n_columns > 0) return 0;
  return CL_FAIL(e, CLADE_EINVAL, "'%.100s' names no column of %s", o->n_columns > 0 ? o->columns[0] : "",
                 l->noun);
}

static int keep_group(struct cl_table *t, struct cl_group *group, struct cl_value key, size_t row,
                      struct cl_err *e) {
  group->first = row;
  group->n = 0;
  return cl_table_keep(t, key, &group->key, e);
}

static int group_keys(struct cl_listing *l, const struct key *keys, struct cl_table *t, struct cl_err *e) {
  t->groups = cl_arena_array(&t->arena, l->n, sizeof *t->groups);
  if (t->groups == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < l->n; i++) {
    bool first = i == 0 || cl_cell_compare(keys[i - 1].value, keys[i].value) != 0;
    if (first) CL_TRY(keep_group(t, &t->groups[t->n_groups++], keys[i].value, i, e));
    assert(t->n_groups > 0 && t->n_groups <= i + 1);
    t->groups[t->n_groups - 1].n++;
    l->rows[i] = keys[i].row;
  }
  return 0;
}

static int group_rows(struct cl_listing *l, const char *name, struct cl_table *t, struct cl_err *e) {
  struct key *keys = NULL;
  struct cl_column c;
  CL_TRY(find_column(l, "group", name, &c, e));
  CL_TRY(cl_table_keep_column(t, &c, &t->group_column, e));
  CL_TRY(make_keys(l, &c, compare_groups, &keys, e));
  int status = group_keys(l, keys, t, e);
  cl_free(keys);
  return status;
}

static int fill(struct cl_listing *l, struct cl_table *t, struct cl_err *e) {
  assert(t->n_columns > 0 && t->n_rows == 0);
  for (size_t c = 0; c < t->n_columns; c++) CL_TRY(l->ops->need(l->source, &t->columns[c], e));
  for (size_t i = 0; i < l->n; i++) {
    struct cl_value *cells = NULL;
    CL_TRY(cl_table_add_row(t, &cells, e));
    for (size_t c = 0; c < t->n_columns; c++)
      CL_TRY(cl_table_keep(t, cell(l, l->rows[i], &t->columns[c]), &cells[c], e));
  }
  t->total = l->total;
  return 0;
}

int cl_listing_fill(struct cl_listing *l, const struct cl_list_options *o, struct cl_table *ret,
                    struct cl_err *e) {
  struct cl_table t = {0};
  int status = add_columns(l, o, &t, e);
  if (status >= 0 && o->group != NULL) status = group_rows(l, o->group, &t, e);
  if (status >= 0) status = fill(l, &t, e);
  if (status < 0) {
    cl_table_done(&t);
    return status;
  }
  *ret = t;
  return 0;
}

/* Tags. */

static bool name_tags(const char *const *texts, size_t n, bool patterns) {
  for (size_t i = 0; i < n; i++)
    if (strstr(texts[i], "tags") != NULL || (patterns && strpbrk(texts[i], "*?") != NULL)) return true;
  return false;
}

bool cl_list_names_tags(const struct cl_list_options *o) {
  const char *const others[] = {o->sort == NULL ? "" : o->sort, o->group == NULL ? "" : o->group,
                                o->selection == NULL || o->selection->filter == NULL ? ""
                                                                                     : o->selection->filter};
  return o->n_tags_any + o->n_tags_all > 0 || name_tags(o->filters, o->n_filters, false) ||
         name_tags(o->columns, o->n_columns, true) || name_tags(o->more, o->n_more, true) ||
         (o->usual != NULL && name_tags(&o->usual, 1, true)) ||
         name_tags(others, sizeof others / sizeof others[0], false);
}
