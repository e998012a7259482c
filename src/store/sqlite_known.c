/* What this handle knows of the study it used last, and whether that still holds. Whoever asks or decides
 * looks before each of its commits whether others have appended; a transaction for it costs six calls of the
 * system, a third of a commit. But the header of the log's index, in the memory that SQLite shares among all
 * users of a file, changes with every commit of anybody: while it is as it was, so is the study.
 */
#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "store/sqlite_impl.h"

/* https://sqlite.org/walformat.html, 2.3.1: the header twice, written second copy first, read first copy
 * first; its numbers are in the machine's own order. */
enum { WORDS = CL_SQLITE_STAMP_WORDS, CHANGES_AT = 2, INDEX_PART = 32768 };

void cl_sqlite_known_open(struct cl_sqlite *s) {
  sqlite3_file *file = NULL;
  volatile void *part = NULL;
  assert(s->wal_frames > 0 && !s->writing); /* so there is an index, which this handle uses */
  if (s->index_tried) return;
  s->index_tried = true;
  if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || file == NULL ||
      file->pMethods == NULL || file->pMethods->iVersion < 2 || file->pMethods->xShmMap == NULL)
    return;
  if (file->pMethods->xShmMap(file, 0, INDEX_PART, 0, &part) == SQLITE_OK) s->index = part;
}

static void copy_words(const volatile uint32_t *from, uint32_t ret[WORDS]) {
  for (int i = 0; i < WORDS; i++) ret[i] = from[i];
}

/* False when it is not to be seen, or is being written. */
static bool stamp(const struct cl_sqlite *s, struct cl_sqlite_stamp *ret) {
  const volatile uint32_t *header = s->index;
  uint32_t again[WORDS];
  if (header == NULL) return false;
  copy_words(header, ret->words);
  atomic_thread_fence(memory_order_seq_cst);
  copy_words(header + WORDS, again);
  return memcmp(ret->words, again, sizeof again) == 0;
}

static bool is_known(const struct cl_sqlite *s, int64_t study, const struct cl_sqlite_stamp *now) {
  return s->known.study == study && memcmp(&s->known.stamp, now, sizeof *now) == 0;
}

int cl_sqlite_look_newest(struct cl_sqlite *s, int64_t study, struct cl_study_head *ret, int64_t *ret_names,
                          struct cl_err *e) {
  struct cl_sqlite_known found = {.study = study};
  bool stamped = stamp(s, &found.stamp);
  assert(study > 0);
  if (!stamped || !is_known(s, study, &found.stamp)) {
    s->known.study = 0;
    if (!s->writing) CL_TRY(cl_sqlite_check_place(s, e));
    CL_TRY(cl_sqlite_look(s, study, &found.head, &found.n_names, e));
    if (stamped) s->known = found; /* what is read is as new as the stamp, or newer */
    *ret = found.head;
    *ret_names = found.n_names;
    return 0;
  }
  *ret = s->known.head;
  *ret_names = s->known.n_names;
  return 0;
}

void cl_sqlite_know_commit(struct cl_sqlite *s, int64_t study, const struct cl_study_head *head,
                           int64_t n_names) {
  struct cl_sqlite_known found = {.study = study, .head = *head, .n_names = n_names};
  bool alone = s->known.study == study && stamp(s, &found.stamp) &&
               found.stamp.words[CHANGES_AT] == s->known.stamp.words[CHANGES_AT] + 1;
  assert(!s->writing);
  if (alone) s->known = found; /* else its stamp is of the past, and it is looked for again */
}
