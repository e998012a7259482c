#include "query/notes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/sorted.h"
#include "query/tags.h"
#include "query/trials.h"

enum { TIME = 1, TRIAL, NAME, TEXT, BY, COLUMNS };
static const struct cl_column note_columns[] = {
    {.kind = CL_COLUMN_STANDARD, .type = CL_COLUMN_TIME, .name = "time", .index = TIME},
    {.kind = CL_COLUMN_STANDARD, .name = "trial", .index = TRIAL},
    {.kind = CL_COLUMN_STANDARD, .name = "name", .index = NAME},
    {.kind = CL_COLUMN_STANDARD, .name = "text", .index = TEXT},
    {.kind = CL_COLUMN_STANDARD, .name = "by", .index = BY, .rank = 1}};
static const struct cl_column tag_columns[] = {{.kind = CL_COLUMN_STANDARD, .name = "trial", .index = TRIAL},
                                               {.kind = CL_COLUMN_STANDARD, .name = "tag", .index = NAME},
                                               {.kind = CL_COLUMN_STANDARD, .name = "text", .index = TEXT}};

struct row {
  int64_t subject, time_ms;
  const char *name, *text;
  int by;
};

struct notes {
  struct cl_listing listing;
  const struct cl_study *study;
  bool of_tags;
  struct row *rows;
  size_t n, capacity;
  struct cl_tags tags;
  struct cl_arena arena;
  int64_t *trials; /* those that were named, ascending; null: study and all */
  size_t n_trials;
  struct cl_err *e;
};

static void notes_done(struct notes *l) {
  cl_listing_done(&l->listing);
  cl_tags_done(&l->tags);
  cl_arena_done(&l->arena);
  cl_free(l->rows);
  cl_free(l->trials);
}

static int need(void *source, const struct cl_column *c, struct cl_err *e) {
  (void)source, (void)c, (void)e;
  return 0;
}

static struct cl_value cell(void *source, size_t index, const struct cl_column *c) {
  const struct notes *l = source;
  assert(index < l->n);
  const struct row *row = &l->rows[index];
  switch (c->index) {
  case TIME: return cl_value_int(cl_study_created_ms(l->study) + row->time_ms);
  case TRIAL: return row->subject == 0 ? (struct cl_value){0} : cl_value_int(row->subject);
  case NAME: return row->name == NULL ? (struct cl_value){0} : cl_value_text(row->name);
  case TEXT: return row->text == NULL ? (struct cl_value){0} : cl_value_text(row->text);
  case BY: return row->by == 0 ? (struct cl_value){0} : cl_value_int(row->by);
  default: return (struct cl_value){0};
  }
}

static bool tagged(void *source, size_t row, const char *name, const char *text) {
  const struct notes *l = source;
  return cl_tags_hold(&l->tags, l->rows[row].subject, name, text);
}

static int usual(void *source, struct cl_table *t, struct cl_err *e) {
  const struct notes *l = source;
  bool named = l->of_tags;
  for (size_t i = 0; i < l->listing.n; i++) named = named || l->rows[l->listing.rows[i]].name != NULL;
  for (size_t i = 0; i < l->listing.catalogue.n; i++) {
    const struct cl_column *c = &l->listing.catalogue.items[i];
    if (c->index == BY || (c->index == NAME && !named)) continue;
    CL_TRY(cl_table_add_column(t, c, e));
  }
  return 0;
}

static const struct cl_rows_ops note_ops = {need, cell, tagged, usual};

static bool is_wanted(const struct notes *l, int64_t subject) {
  return l->trials == NULL || cl_sorted_find(l->trials, l->n_trials, sizeof *l->trials, subject) != NULL;
}

static int add_row(struct notes *l, struct row row, struct cl_err *e) {
  if (!is_wanted(l, row.subject)) return 0;
  if (cl_grow(&l->rows, &l->capacity, l->n + 1, sizeof *l->rows) < 0) return CL_FAIL_NOMEM(e);
  l->rows[l->n++] = row;
  return 0;
}

static int take_note(void *ctx, const struct cl_event *ev) {
  struct notes *l = ctx;
  if (ev->kind != CL_EVENT_NOTE || ev->u.note.what != CL_NOTE_TEXT || !is_wanted(l, ev->subject)) return 0;
  struct row row = {.subject = ev->subject, .time_ms = ev->time_ms, .by = ev->by};
  row.name = cl_arena_text(&l->arena, ev->u.note.name);
  row.text = cl_arena_text(&l->arena, ev->u.note.text);
  bool short_of =
      (row.name == NULL && ev->u.note.name != NULL) || (row.text == NULL && ev->u.note.text != NULL);
  return short_of ? CL_FAIL_NOMEM(l->e) : add_row(l, row, l->e);
}

static int collect(struct notes *l, struct cl_reader *r, const struct cl_list_options *o, struct cl_err *e) {
  struct cl_read notes = {.only_notes = true};
  bool named = o->selection != NULL && o->selection->kind != CL_SELECT_NONE;
  if (named) CL_TRY(cl_trials_find(r, o->selection, &l->trials, &l->n_trials, e));
  CL_TRY(cl_reader_need(r, CL_NO_TRIALS, CL_NO_TRIALS, &l->study, e));
  CL_TRY(cl_tags_read(cl_reader_store(r), cl_reader_id(r), 0, 0, &l->tags, e));
  for (size_t i = 0; i < l->tags.n && l->of_tags; i++) {
    const struct cl_tag *tag = &l->tags.items[i];
    CL_TRY(add_row(l, (struct row){.subject = tag->subject, .name = tag->name, .text = tag->text}, e));
  }
  if (l->of_tags) return 0;
  return cl_store_read(cl_reader_store(r), cl_reader_id(r), &notes, take_note, l, e);
}

int cl_notes_read(struct cl_reader *r, bool tags, const struct cl_list_options *options, struct cl_table *ret,
                  struct cl_err *e) {
  static const struct cl_column_alias aliases[] = {
      {"run", TRIAL}, {"value", TEXT}, {"tag", NAME}, {"name", NAME}};
  const struct cl_column *columns = tags ? tag_columns : note_columns;
  size_t n = tags ? sizeof tag_columns / sizeof *columns : sizeof note_columns / sizeof *columns;
  struct notes l = {.of_tags = tags, .e = e};
  l.listing = (struct cl_listing){.ops = &note_ops, .source = &l, .noun = tags ? "tags" : "notes"};
  l.listing.catalogue.aliases = aliases;
  l.listing.catalogue.n_aliases = sizeof aliases / sizeof *aliases;
  int status = collect(&l, r, options, e);
  for (size_t i = 0; i < n && status >= 0; i++)
    status = cl_catalogue_add(&l.listing.catalogue, &columns[i], e);
  if (status >= 0) status = cl_listing_begin(&l.listing, l.n, e);
  if (status >= 0) status = cl_listing_choose(&l.listing, options, false, 0, e);
  if (status >= 0) status = cl_listing_fill(&l.listing, options, ret, e);
  notes_done(&l);
  return status < 0 ? status : 0;
}

/* What was noted last. */

void cl_last_notes_done(struct cl_last_notes *l) {
  cl_free(l->items);
  cl_arena_done(&l->arena);
  *l = (struct cl_last_notes){0};
}

static int take_last(void *ctx, const struct cl_event *ev) {
  struct cl_last_notes *l = ctx;
  if (ev->kind != CL_EVENT_NOTE || ev->u.note.what != CL_NOTE_TEXT || ev->u.note.text == NULL) return 0;
  if (cl_grow(&l->items, &l->capacity, l->n + 1, sizeof *l->items) < 0) return CLADE_ENOMEM;
  const char *text = cl_arena_text(&l->arena, ev->u.note.text);
  if (text == NULL) return CLADE_ENOMEM;
  l->items[l->n++] = (struct cl_last_note){ev->subject, ev->position, text};
  return 0;
}

static int compare_last(const void *a, const void *b) {
  const struct cl_last_note *x = a, *y = b;
  if (x->subject != y->subject) return x->subject < y->subject ? -1 : 1;
  return (x->position > y->position) - (x->position < y->position);
}

int cl_last_notes_read(struct cl_store *store, int64_t study, int64_t lo, int64_t hi,
                       struct cl_last_notes *ret, struct cl_err *e) {
  struct cl_read what = {.trial_lo = lo, .trial_hi = hi, .only_notes = true};
  struct cl_last_notes l = {0};
  int status = cl_store_read(store, study, &what, take_last, &l, e);
  if (status < 0) {
    cl_last_notes_done(&l);
    return status == CLADE_ENOMEM ? CL_FAIL_NOMEM(e) : status;
  }
  if (l.n > 0) qsort(l.items, l.n, sizeof *l.items, compare_last);
  size_t kept = 0;
  for (size_t i = 0; i < l.n; i++)
    if (i + 1 == l.n || l.items[i].subject != l.items[i + 1].subject) l.items[kept++] = l.items[i];
  assert(kept <= l.n);
  l.n = kept;
  *ret = l;
  return 0;
}

static int compare_subject(const void *a, const void *b) {
  const struct cl_last_note *x = a, *y = b;
  return (x->subject > y->subject) - (x->subject < y->subject);
}

const char *cl_last_notes_find(const struct cl_last_notes *l, int64_t subject) {
  struct cl_last_note wanted = {.subject = subject};
  struct cl_last_note *found =
      l->n == 0 ? NULL : bsearch(&wanted, l->items, l->n, sizeof *l->items, compare_subject);
  return found == NULL ? NULL : found->text;
}
