/* One write per tag, to the end of the file: processes of one trial do not disturb each other. */
#include "trainer/tag.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "trainer/trainer.h"

static bool is_plain(const char *text, size_t n) {
  for (size_t i = 0; i < n; i++)
    if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) return false;
  return cl_text_is_utf8(text, n);
}

int cl_trainer_tag_check(const char *name, const char *text, struct cl_err *e) {
  size_t n = name == NULL ? 0 : strnlen(name, CLADE_TRAINER_NAME_MAX + 1);
  size_t more = text == NULL ? 0 : strnlen(text, CL_TRAINER_TAG_TEXT_MAX + 1);
  if (n == 0) return CL_FAIL(e, CLADE_EINVAL, "a tag needs a name");
  if (n > CLADE_TRAINER_NAME_MAX || more > CL_TRAINER_TAG_TEXT_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "a tag has a name of up to %d bytes and a text of up to %d: %.40s...",
                   CLADE_TRAINER_NAME_MAX, CL_TRAINER_TAG_TEXT_MAX, name);
  if (memchr(name, '=', n) != NULL || !is_plain(name, n) || !is_plain(text == NULL ? "" : text, more))
    return CL_FAIL(e, CLADE_EINVAL,
                   "a tag is UTF-8 without control characters, and its name has no `=`; '%.40s' is none",
                   name);
  return 0;
}

static int append(const char *path, const struct cl_text *line, struct cl_err *e) {
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  ssize_t n = fd < 0 ? -1 : write(fd, line->bytes, line->length);
  int cause = errno;
  if (fd >= 0) (void)close(fd);
  if (n == (ssize_t)line->length) return 0;
  return CL_FAIL_CAUSE(e, CLADE_EIO, cause, "cannot write the tag to %s: %s", path, strerror(cause));
}

int cl_trainer_tag_write(const char *directory, const char *name, const char *text, struct cl_err *e) {
  assert(directory != NULL && cl_trainer_tag_check(name, text, NULL) == 0);
  struct cl_text path = {0}, line = {0};
  cl_text_format(&path, "%s/tags", directory);
  cl_text_format(&line, "%s%s%s\n", name, text == NULL ? "" : "=", text == NULL ? "" : text);
  int status = path.failed || line.failed ? CL_FAIL_NOMEM(e) : append(path.bytes, &line, e);
  cl_text_done(&path);
  cl_text_done(&line);
  return status;
}
