/* Commits of one round trip, for an engine whose study nobody else appends to at the moment. */
#include <assert.h>

#include "base/alloc.h"
#include "store/postgres_impl.h"

/* Commits in a row before the first guess; a wrong one costs two round trips and a line in the server's log,
 * so after each more of them are wanted. */
enum { WANTED_LEAST = 2, WANTED_MOST = 512 };

/* A newer head that has been shown is no guess any more, it is wrong. */
static bool knows(const struct cl_postgres *s, int64_t study) {
  if (s->conn == NULL || s->last_study != study || s->in_a_row < s->wanted) return false;
  if (s->shown_study == study && s->shown_head > s->last_head.position) return false;
  return s->study != NULL && s->study->id == study && s->study->n_names == s->last_names;
}

bool cl_postgres_guess(struct cl_postgres *s, int64_t study, struct cl_study_head *ret) {
  assert(study > 0 && !s->guessed && s->n_later == 0);
  if (!knows(s, study)) return false;
  s->writing = s->guessed = true;
  s->open = s->study;
  *ret = s->before = s->last_head;
  return true;
}

void cl_postgres_note_locked(struct cl_postgres *s, int64_t study, const struct cl_study_head *head) {
  bool same = s->last_study == study && s->last_head.position == head->position;
  assert(study > 0 && !s->guessed);
  if (!same) s->in_a_row = 0;
}

void cl_postgres_note_commit(struct cl_postgres *s, int64_t study, int64_t n_names,
                             const struct cl_study_head *head) {
  assert(study > 0 && s->n_later == 0);
  if (s->wanted < WANTED_LEAST) s->wanted = WANTED_LEAST;
  if (s->guessed && s->wanted > WANTED_LEAST) s->wanted--;
  s->in_a_row = s->last_study != study ? 1 : s->in_a_row < WANTED_MOST ? s->in_a_row + 1 : WANTED_MOST;
  s->guessed = false;
  s->last_study = study;
  s->last_names = n_names;
  s->last_head = *head;
}

int cl_postgres_add_later(struct cl_postgres *s, const struct cl_event *ev, struct cl_err *e) {
  assert(s->guessed && ev->position == s->last_head.position + (int64_t)s->n_later + 1);
  if (cl_grow(&s->later, &s->cap_later, s->n_later + 1, sizeof *s->later) < 0) return CL_FAIL_NOMEM(e);
  s->later[s->n_later++] = ev;
  return 0;
}

static int send_later(struct cl_postgres *s, struct cl_err *e) {
  assert(s->open != NULL);
  for (size_t i = 0; i < s->n_later; i++) CL_TRY(cl_postgres_add_row(s, s->open, s->later[i], e));
  s->n_later = 0;
  return 0;
}

static void note_wrong(struct cl_postgres *s) {
  s->last_study = 0;
  s->in_a_row = 0;
  s->wanted = s->wanted < WANTED_MOST / 4 ? 4 * s->wanted : WANTED_MOST;
}

int cl_postgres_confirm(void *state, struct cl_err *e) {
  struct cl_postgres *s = state;
  if (!s->guessed) return 0;
  const struct cl_study_head guess = s->last_head;
  const int64_t study = s->open->id, n_names = s->last_names;
  struct cl_study_head head;
  assert(s->writing && study == s->last_study);
  s->guessed = false;
  CL_TRY(cl_postgres_lock(s, study, &head, e));
  if (head.position == guess.position && s->open->n_names == n_names) return send_later(s, e);
  note_wrong(s);
  return CL_FAIL(e, CLADE_ESTALE, "another engine came first"); /* begun anew: nobody reads it */
}

/* All of it is one transaction, up to the mark, and synchronous. */
static int send_commit(struct cl_postgres *s, const struct cl_study_head *head,
                       const struct cl_heads *changed, struct cl_err *e) {
  bool moved = cl_postgres_put_study(s, s->open->id, head, s->last_names);
  if (moved) cl_postgres_put_int(s, s->last_names);
  cl_postgres_put_int(s, s->last_head.position);
  cl_postgres_put_text(s, s->durability);
  CL_TRY(cl_postgres_send_known(s, moved ? PG_STUDY_MOVE_GUESS : PG_STUDY_GUESS, false, e));
  CL_TRY(send_later(s, e));
  return cl_postgres_write_heads(s, changed, e);
}

int cl_postgres_commit_guess(struct cl_postgres *s, const struct cl_study_head *head,
                             const struct cl_heads *changed, struct cl_err *e) {
  assert(s->guessed && !s->names_changed && s->n_sent == s->n_owed);
  CL_TRY(send_commit(s, head, changed, e));
  int64_t study = s->open->id;
  int status = cl_postgres_collect_and_wake(s, study, e);
  if (status == CLADE_ESTALE) note_wrong(s);
  return status;
}
