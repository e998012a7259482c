#include "query/tags.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "query/table.h"

struct noted { /* a tag or its removal, as it was written */
  struct cl_tag tag;
  int64_t position;
  bool removed;
};

struct reading {
  struct noted *items;
  size_t n, capacity;
  struct cl_arena *arena;
  struct cl_err *e;
};

void cl_tags_done(struct cl_tags *t) {
  cl_arena_done(&t->arena);
  *t = (struct cl_tags){0};
}

static int take_note(void *ctx, const struct cl_event *ev) {
  struct reading *r = ctx;
  if (ev->kind != CL_EVENT_NOTE || ev->u.note.name == NULL) return 0;
  if (ev->u.note.what != CL_NOTE_TAG && ev->u.note.what != CL_NOTE_UNTAG) return 0;
  if (cl_grow(&r->items, &r->capacity, r->n + 1, sizeof *r->items) < 0) return CL_FAIL_NOMEM(r->e);
  struct noted noted = {.position = ev->position, .removed = ev->u.note.what == CL_NOTE_UNTAG};
  noted.tag.subject = ev->subject;
  noted.tag.name = cl_arena_text(r->arena, ev->u.note.name);
  noted.tag.text = cl_arena_text(r->arena, ev->u.note.text);
  if (noted.tag.name == NULL || (noted.tag.text == NULL && ev->u.note.text != NULL))
    return CL_FAIL_NOMEM(r->e);
  r->items[r->n++] = noted;
  return 0;
}

static int compare_tags(const struct cl_tag *x, const struct cl_tag *y) {
  if (x->subject != y->subject) return x->subject < y->subject ? -1 : 1;
  return strcmp(x->name, y->name);
}

static int compare_noted(const void *a, const void *b) {
  const struct noted *x = a, *y = b;
  int order = compare_tags(&x->tag, &y->tag);
  return order != 0 ? order : (x->position > y->position) - (x->position < y->position);
}

static int compare_names(const void *a, const void *b) {
  const char *x = *(const char *const *)a, *y = *(const char *const *)b;
  int order = cl_text_compare_natural(x, y);
  return order != 0 ? order : strcmp(x, y); /* a7 and a007 are two names */
}

/* What was said last of each tag. */
static int fold(struct reading *r, struct cl_tags *ret, struct cl_err *e) {
  struct cl_tag *tags = cl_arena_array(r->arena, r->n, sizeof *tags);
  const char **names = cl_arena_array(r->arena, r->n, sizeof *names);
  if (tags == NULL || names == NULL) return CL_FAIL_NOMEM(e);
  size_t n = 0, n_names = 0, named = 0;
  if (r->n > 0) qsort(r->items, r->n, sizeof *r->items, compare_noted);
  for (size_t i = 0; i < r->n; i++) {
    bool last = i + 1 == r->n || compare_tags(&r->items[i].tag, &r->items[i + 1].tag) != 0;
    if (!last || r->items[i].removed) continue;
    if (r->items[i].tag.subject != 0) names[named++] = r->items[i].tag.name;
    tags[n++] = r->items[i].tag;
  }
  if (named > 0) qsort(names, named, sizeof *names, compare_names);
  for (size_t i = 0; i < named; i++)
    if (i == 0 || strcmp(names[i], names[n_names - 1]) != 0) names[n_names++] = names[i];
  assert(n_names <= n && n <= r->n);
  ret->items = tags;
  ret->n = n;
  ret->names = names;
  ret->n_names = n_names;
  return 0;
}

int cl_tags_read(struct cl_store *store, int64_t study, int64_t lo, int64_t hi, struct cl_tags *ret,
                 struct cl_err *e) {
  struct cl_read notes = {.trial_lo = lo, .trial_hi = hi, .only_notes = true};
  struct cl_tags tags = {0};
  struct reading r = {.arena = &tags.arena, .e = e};
  int status = cl_store_read(store, study, &notes, take_note, &r, e);
  if (status >= 0) status = fold(&r, &tags, e);
  cl_free(r.items);
  if (status < 0) {
    cl_tags_done(&tags);
    return status;
  }
  *ret = tags;
  return 0;
}

static int compare_found(const void *a, const void *b) {
  return compare_tags(a, b);
}

const struct cl_tag *cl_tags_find(const struct cl_tags *t, int64_t subject, const char *name) {
  struct cl_tag wanted = {.subject = subject, .name = name};
  return t->n == 0 ? NULL : bsearch(&wanted, t->items, t->n, sizeof *t->items, compare_found);
}

struct cl_value cl_tag_cell(const struct cl_tag *tag) {
  if (tag == NULL) return (struct cl_value){0};
  return tag->text == NULL ? cl_value_bool(true) : cl_value_parse(tag->text);
}

bool cl_tags_hold(const struct cl_tags *t, int64_t subject, const char *name, const char *text) {
  const struct cl_tag *tag = cl_tags_find(t, subject, name);
  if (tag == NULL || text == NULL) return tag != NULL;
  return cl_value_same(cl_tag_cell(tag), cl_value_parse(text));
}
