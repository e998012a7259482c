/* Commands that change a study. */
#include "clade/command.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "query/address.h"
#include "query/trials.h"

/* The directory that holds nothing but this study; "" where there is none, or where the name could lead
 * elsewhere. */
static int find_directory(const struct cl_study *s, char **ret, struct cl_err *e) {
  const char *name = cl_study_name(s), *parent = cl_study_directory(s);
  bool own = parent[0] != '\0' && name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
             strcmp(name, "..") != 0;
  char *path = own ? cl_path_join(parent, name) : cl_copy_text("");
  if (path == NULL) return CL_FAIL_NOMEM(e);
  if (path[0] != '\0' && !cl_path_exists(path)) path[0] = '\0';
  *ret = path;
  return 0;
}

static void describe(const struct cl_study *s, const struct cl_study_head *head, const char *directory,
                     struct clade_deletion *ret) {
  (void)snprintf(ret->study, sizeof ret->study, "%s", cl_study_name(s));
  (void)snprintf(ret->directory, sizeof ret->directory, "%s", directory);
  ret->trials = head->trials;
  ret->events = head->position;
}

static int delete_found(struct cl_store *store, struct cl_reader *r, bool dry, struct clade_deletion *ret,
                        struct cl_err *e) {
  const struct cl_study *s = NULL;
  struct cl_study_head head;
  char *directory = NULL;
  CL_TRY(cl_reader_head(r, &head, e));
  CL_TRY(cl_reader_need(r, CL_NO_TRIALS, CL_NO_TRIALS, &s, e));
  CL_TRY(find_directory(s, &directory, e));
  int status = 0;
  if (ret != NULL) describe(s, &head, directory, ret);
  if (!dry) status = cl_store_delete(store, cl_reader_id(r), e);
  if (!dry && status >= 0 && directory[0] != '\0') status = cl_dir_remove(directory, e);
  cl_free(directory);
  return status;
}

int clade_delete(const char *store, const char *study, bool dry, struct clade_deletion *ret,
                 struct cl_err *e) {
  if (store == NULL || study == NULL || study[0] == '\0')
    return CL_FAIL(e, CLADE_EINVAL, "name the study to delete");
  struct cl_store *s = NULL;
  struct cl_reader *r = NULL;
  int64_t id = 0;
  struct cl_store_options options = {.mode = dry ? CL_STORE_READ : CL_STORE_WRITE};
  CL_TRY(cl_store_open(store, &options, &s, e));
  int status = cl_store_find(s, study, &id, e);
  if (status >= 0) status = cl_reader_open(s, id, &r, e);
  if (status >= 0) status = delete_found(s, r, dry, ret, e);
  cl_reader_close(r);
  cl_store_close(s);
  return status;
}

static int append_note(struct cl_log *log, int64_t trial, const char *text, struct cl_err *e) {
  struct cl_event ev = {
      .kind = CL_EVENT_NOTE, .subject = trial, .u.note = {.what = CL_NOTE_TEXT, .text = text}};
  struct cl_append result;
  CL_TRY(cl_log_append(log, &ev, &result, e));
  return result.status < 0
             ? CL_FAIL(e, result.status, "the note was refused: %s", clade_error_text(result.status))
             : 0;
}

static int note_all(struct cl_store *s, int64_t id, const struct cl_selection *selection, const char *text,
                    struct cl_err *e) {
  struct cl_reader *r = NULL;
  struct cl_log *log = NULL;
  int64_t *trials = NULL, study = 0;
  size_t n = 1;
  int status = cl_reader_open(s, id, &r, e);
  if (status >= 0 && selection->kind != CL_SELECT_NONE) status = cl_trials_find(r, selection, &trials, &n, e);
  struct cl_log_options options = {0};
  if (trials == NULL) options.trial_lo = options.trial_hi = CL_NO_TRIALS;
  if (status >= 0) status = cl_log_open(s, id, &options, &log, e);
  for (size_t i = 0; i < n && status >= 0; i++)
    status = append_note(log, trials == NULL ? study : trials[i], text, e);
  cl_log_close(log);
  cl_reader_close(r);
  cl_free(trials);
  return status;
}

int clade_note(const char *store, const char *address, const char *text, struct cl_err *e) {
  if (store == NULL || text == NULL || text[0] == '\0')
    return CL_FAIL(e, CLADE_EINVAL, "a note needs a text");
  struct cl_store *s = NULL;
  struct cl_selection selection = {0};
  int64_t id = 0;
  CL_TRY(cl_store_open(store, &(struct cl_store_options){.mode = CL_STORE_WRITE}, &s, e));
  int status = cl_address_resolve(s, address, &id, &selection, e);
  if (status >= 0) status = note_all(s, id, &selection, text, e);
  cl_selection_done(&selection);
  cl_store_close(s);
  return status;
}
