#include "schedule/archive.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"

int cl_archive_check(const struct cl_options *o, struct cl_err *e) {
  if (cl_options_number(o, "archive") == 0) return 0;
  const char *exploit = cl_options_word(o, "exploit");
  if (strcmp(exploit, "truncation") == 0 || strcmp(exploit, "best") == 0) return 0;
  return CL_FAIL(e, CLADE_ESPEC,
                 "schedule: exploit %s compares members with each other, so an archive of %g states is never "
                 "drawn from: exploit truncation or best goes with an archive",
                 exploit, cl_options_number(o, "archive"));
}

void cl_archive_done(struct cl_archive *a) {
  for (size_t i = 0; i < a->n; i++) cl_free(a->items[i].state);
  cl_free(a->items);
  cl_free(a->went_back);
  *a = (struct cl_archive){0};
}

/* Positions only tell the states of one member apart: between two, they depend on timing. */
static bool is_before(const struct cl_evaluation *a, const struct cl_evaluation *b) {
  if (a->score != b->score) return a->score > b->score;
  if (a->rung != b->rung) return a->rung < b->rung;
  return a->trial != b->trial ? a->trial < b->trial : a->snapshot < b->snapshot;
}

static void take_out(struct cl_archive *a, size_t i) {
  assert(i < a->n);
  cl_free(a->items[i].state);
  memmove(&a->items[i], &a->items[i + 1], (--a->n - i) * sizeof *a->items);
}

int cl_archive_offer(struct cl_archive *a, size_t member, const struct cl_evaluation *v, struct cl_err *e) {
  if (a->most == 0 || v->snapshot == 0 || !isfinite(v->score)) return 0;
  assert(a->n <= a->most && v->rung >= 1);
  if (a->n == a->most && !is_before(v, a->items[a->n - 1].state)) return 0;
  if (cl_archive_find(a, v->snapshot) != NULL) return 0;
  if (cl_grow(&a->items, &a->cap, a->n + 1, sizeof *a->items) < 0) return CL_FAIL_NOMEM(e);
  struct cl_evaluation *copy = cl_evaluation_copy(v);
  if (copy == NULL) return CL_FAIL_NOMEM(e);
  copy->given_up = 0;
  if (a->n == a->most) take_out(a, a->n - 1);
  size_t at = a->n;
  while (at > 0 && is_before(copy, a->items[at - 1].state)) at--;
  memmove(&a->items[at + 1], &a->items[at], (a->n++ - at) * sizeof *a->items);
  a->items[at] = (struct cl_archived){member, copy};
  return 0;
}

int cl_archive_note(struct cl_archive *a, size_t member, int32_t rung, struct cl_err *e) {
  assert(a->most > 0);
  if (cl_grow(&a->went_back, &a->cap_members, member + 1, sizeof *a->went_back) < 0) return CL_FAIL_NOMEM(e);
  while (a->n_members <= member) a->went_back[a->n_members++] = 0;
  if (rung > a->went_back[member]) a->went_back[member] = rung;
  return 0;
}

bool cl_archive_is_open(const struct cl_archive *a, size_t member, int32_t rung) {
  return a->n > 0 && (member >= a->n_members || rung > a->went_back[member]);
}

void cl_archive_drop(struct cl_archive *a, int64_t snapshot) {
  for (size_t i = 0; i < a->n; i++)
    if (a->items[i].state->snapshot == snapshot) {
      take_out(a, i);
      return;
    }
}

const struct cl_evaluation *cl_archive_find(const struct cl_archive *a, int64_t snapshot) {
  for (size_t i = 0; i < a->n; i++)
    if (a->items[i].state->snapshot == snapshot) return a->items[i].state;
  return NULL;
}
