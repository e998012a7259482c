/* Notes and tags: commands that annotate, and change nothing that a policy looks at. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "clade/command.h"
#include "query/address.h"
#include "query/tags.h"
#include "query/trials.h"

enum { TEXT_MAX = 65536, NOTE_MAX = 1 << 20, EVENTS_AT_A_TIME = 1000 };

/* What is written on each subject that an address names. */
struct annotating {
  struct cl_store *store;
  struct cl_log *log; /* of the study; none of its trials need be read */
  int64_t study, *trials;
  size_t n_trials; /* with `trials` null: the study itself */
  size_t n_put;
  int refused;
};

static void annotating_done(struct annotating *a) {
  cl_log_close(a->log);
  cl_free(a->trials);
  cl_store_close(a->store);
}

static int open_subjects(struct annotating *a, const char *store, const char *address, struct cl_err *e) {
  struct cl_selection selection = {0};
  struct cl_reader *r = NULL;
  struct cl_log_options none = {.trial_lo = CL_NO_TRIALS, .trial_hi = CL_NO_TRIALS};
  CL_TRY(cl_store_open(store, &(struct cl_store_options){.mode = CL_STORE_WRITE}, &a->store, e));
  int status = cl_address_resolve(a->store, address, &a->study, &selection, e);
  if (status >= 0) status = cl_reader_open(a->store, a->study, &r, e);
  if (status >= 0 && selection.kind != CL_SELECT_NONE)
    status = cl_trials_find(r, &selection, &a->trials, &a->n_trials, e);
  if (status >= 0) status = cl_log_open(a->store, a->study, &none, &a->log, e);
  cl_reader_close(r);
  cl_selection_done(&selection);
  return status;
}

/* is_subject searches them. */
static void assert_subjects(const struct annotating *a) {
  for (size_t i = 1; i < a->n_trials; i++) assert(a->trials[i - 1] < a->trials[i]);
  assert(a->trials != NULL || a->n_trials == 0);
  (void)a;
}

static size_t count_subjects(const struct annotating *a) {
  return a->trials == NULL ? 1 : a->n_trials;
}

static int64_t subject(const struct annotating *a, size_t i) {
  assert(i < count_subjects(a));
  return a->trials == NULL ? 0 : a->trials[i];
}

static void told(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct annotating *a = ctx;
  assert(ev->kind == CL_EVENT_NOTE);
  (void)ev;
  if (result->status < 0 && a->refused == 0) a->refused = result->status;
}

static int commit(struct annotating *a, struct cl_err *e) {
  CL_TRY(cl_log_commit(a->log, e));
  a->n_put = 0;
  if (a->refused == 0) return 0;
  return CL_FAIL(e, a->refused, "a note was refused: %s", clade_error_text(a->refused));
}

static int put(struct annotating *a, int64_t trial, enum cl_note what, const char *name, const char *text,
               struct cl_err *e) {
  struct cl_event ev = {.kind = CL_EVENT_NOTE, .subject = trial};
  assert(trial >= 0 && (what == CL_NOTE_TEXT) == (name == NULL));
  ev.u.note.what = what;
  ev.u.note.name = name;
  ev.u.note.text = text;
  CL_TRY(cl_log_put(a->log, &ev, told, a, e));
  assert(a->n_put < EVENTS_AT_A_TIME);
  return ++a->n_put == EVENTS_AT_A_TIME ? commit(a, e) : 0;
}

/* Notes. */

int clade_note(const char *store, const char *address, const char *text, struct cl_err *e) {
  if (store == NULL || text == NULL || text[0] == '\0')
    return CL_FAIL(e, CLADE_EINVAL, "a note needs a text");
  size_t n = strnlen(text, NOTE_MAX + 1);
  if (n > NOTE_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "a note has up to %d bytes; this one is longer: %.40s...", NOTE_MAX,
                   text);
  if (!cl_text_is_utf8(text, n)) return CL_FAIL(e, CLADE_EINVAL, "a note is UTF-8, and this one is not");
  struct annotating a = {0};
  int status = open_subjects(&a, store, address, e);
  for (size_t i = 0; status >= 0 && i < count_subjects(&a); i++)
    status = put(&a, subject(&a, i), CL_NOTE_TEXT, NULL, text, e);
  if (status >= 0) status = commit(&a, e);
  annotating_done(&a);
  return status;
}

/* Tags. */

static bool is_plain(const char *text, size_t n) {
  for (size_t i = 0; i < n; i++)
    if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) return false;
  return cl_text_is_utf8(text, n);
}

static int check_tag(const char *name, const char *text, struct cl_err *e) {
  size_t n = name == NULL ? 0 : strnlen(name, CL_NAME_MAX + 1);
  size_t m = text == NULL ? 0 : strnlen(text, TEXT_MAX + 1);
  if (n == 0) return CL_FAIL(e, CLADE_EINVAL, "a tag needs a name: write NAME or NAME=TEXT");
  if (n > CL_NAME_MAX || m > TEXT_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "a tag has a name of up to %d bytes and a text of up to %d: %.40s...",
                   CL_NAME_MAX, TEXT_MAX, name);
  if (memchr(name, '=', n) != NULL || memchr(name, ',', n) != NULL || !is_plain(name, n) ||
      !cl_text_is_utf8(text == NULL ? "" : text, m))
    return CL_FAIL(e, CLADE_EINVAL,
                   "a tag is UTF-8, and its name has no control characters, `=` or comma; '%.40s' is none",
                   name);
  return 0;
}

static int tag_all(struct annotating *a, const struct clade_tag *tags, size_t n, struct cl_err *e) {
  for (size_t i = 0; i < count_subjects(a); i++)
    for (size_t k = 0; k < n; k++) CL_TRY(put(a, subject(a, i), CL_NOTE_TAG, tags[k].name, tags[k].text, e));
  return commit(a, e);
}

int clade_tag(const char *store, const char *address, const struct clade_tag *tags, size_t n,
              int64_t *ret_subjects, struct cl_err *e) {
  if (store == NULL || tags == NULL || n == 0)
    return CL_FAIL(e, CLADE_EINVAL, "say which tags: NAME or NAME=TEXT");
  for (size_t i = 0; i < n; i++) CL_TRY(check_tag(tags[i].name, tags[i].text, e));
  struct annotating a = {0};
  int status = open_subjects(&a, store, address, e);
  if (status >= 0) status = tag_all(&a, tags, n, e);
  if (status >= 0 && ret_subjects != NULL) *ret_subjects = (int64_t)count_subjects(&a);
  annotating_done(&a);
  return status;
}

static int compare_numbers(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static bool is_subject(const struct annotating *a, int64_t trial) {
  assert(trial >= 0);
  if (a->trials == NULL) return trial == 0;
  return a->n_trials > 0 &&
         bsearch(&trial, a->trials, a->n_trials, sizeof *a->trials, compare_numbers) != NULL;
}

/* Only what is there is removed: the log says nothing where nothing changes. */
static int untag_all(struct annotating *a, const char *const *names, size_t n, int64_t *ret_removed,
                     struct cl_err *e) {
  struct cl_tags tags = {0};
  int64_t removed = 0;
  assert_subjects(a);
  CL_TRY(cl_tags_read(a->store, a->study, 0, 0, &tags, e));
  int status = 0;
  for (size_t i = 0; i < tags.n && status >= 0; i++) {
    const struct cl_tag *tag = &tags.items[i];
    bool named = false;
    for (size_t k = 0; k < n && !named; k++) named = cl_address_matches(names[k], tag->name);
    if (!named || !is_subject(a, tag->subject)) continue;
    removed++;
    status = put(a, tag->subject, CL_NOTE_UNTAG, tag->name, NULL, e);
  }
  if (status >= 0) status = commit(a, e);
  cl_tags_done(&tags);
  if (status >= 0) *ret_removed = removed;
  return status;
}

int clade_untag(const char *store, const char *address, const char *const *names, size_t n,
                int64_t *ret_removed, struct cl_err *e) {
  if (store == NULL || names == NULL || n == 0)
    return CL_FAIL(e, CLADE_EINVAL, "say which tags: their names, or patterns such as 'run*'");
  struct annotating a = {0};
  int64_t removed = 0;
  int status = open_subjects(&a, store, address, e);
  if (status >= 0) status = untag_all(&a, names, n, &removed, e);
  if (status >= 0 && ret_removed != NULL) *ret_removed = removed;
  annotating_done(&a);
  return status;
}
