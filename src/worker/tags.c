/* Tags that a trainer leaves in the file `tags` of its trial's directory, a line `name` or `name=text` each:
 * they become notes when the attempt has ended. The file is removed once they are committed; after a crash in
 * between they are tagged again, which changes nothing. */
#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "worker/worker_impl.h"

#define FILE_MAX 65536
#define TAGS_MAX 200

static void told_tag(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_attempt *a = ctx;
  a->puts--;
  (void)ev;
  if (result->status < 0) {
    struct cl_err e;
    (void)CL_FAIL(&e, result->status, "a tag of trial %lld could not be recorded: %s", (long long)a->trial,
                  clade_error_text(result->status));
    cl_worker_fail(a->worker, &e);
  } else if (a->puts == 0) {
    char *path = cl_attempt_path(a->worker->study, a->trial, 0, "tags");
    if (path != NULL) (void)unlink(path);
    cl_free(path);
  }
  if (a->phase == CL_PHASE_DRAINING) cl_worker_hurry(a->worker);
}

/* What is no tag is said and left out: it would fail the commit of everybody. */
static int put_tag(struct cl_attempt *a, char *line, struct cl_err *e) {
  char *equals = strchr(line, '=');
  struct cl_event ev = {.kind = CL_EVENT_NOTE, .subject = a->trial, .attempt = a->number};
  ev.u.note.what = CL_NOTE_TAG;
  ev.u.note.name = line;
  if (equals != NULL) {
    *equals = '\0';
    ev.u.note.text = equals + 1;
  }
  struct cl_err why;
  if (line[0] != '\0' && cl_event_check(&ev, &why) == 0) return cl_attempt_put(a, &ev, told_tag, e);
  cl_worker_say(a->worker, a->trial, "a line of its file `tags` is no tag: %s",
                line[0] == '\0' ? "it has no name" : why.text);
  return 0;
}

int cl_attempt_put_tags(struct cl_attempt *a, struct cl_err *e) {
  char *text = NULL, *rest, *path = cl_attempt_path(a->worker->study, a->trial, 0, "tags");
  struct cl_err why;
  assert(!a->tags_put);
  a->tags_put = true;
  if (path == NULL) return CL_FAIL_NOMEM(e);
  int status = cl_file_read(path, FILE_MAX, &text, NULL, &why);
  cl_free(path);
  if (status == CLADE_ENOTFOUND) return 0;
  if (status == CLADE_ENOMEM) return CL_FAIL_NOMEM(e);
  if (status < 0) {
    cl_worker_say(a->worker, a->trial, "its tags cannot be read: %s", why.text);
    return 0;
  }
  rest = text;
  for (int n = 0; n < TAGS_MAX && status == 0 && rest != NULL && *rest != '\0'; n++)
    status = put_tag(a, strsep(&rest, "\n"), e);
  if (status == 0 && rest != NULL && *rest != '\0')
    cl_worker_say(a->worker, a->trial, "its file `tags` has more than %d lines; the others are left out",
                  TAGS_MAX);
  cl_free(text);
  return status;
}
