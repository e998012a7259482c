#include "net/teacher.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"

/* This header, the probabilities, a CRC-32 of both; in the byte order and number format of the machine. */
struct header {
  char magic[8];
  uint64_t number_size, n, classes;
  double score;
};

static const char magic[8] = "cladsoft";

static uint32_t checksum(const char *bytes, size_t n) {
  return (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const unsigned char *)bytes, n);
}

/* Seventeen digits: the step is read back as it was. */
static char *file_name(const char *directory, double step, int64_t trial) {
  char name[80];
  (void)snprintf(name, sizeof name, "%.17g-%lld.soft", step, (long long)trial);
  return cl_path_join(directory, name);
}

int net_teacher_save(const char *directory, const struct net_teacher *teacher, const real *probabilities,
                     struct cl_err *e) {
  struct header h = {
      .number_size = sizeof(real), .n = teacher->n, .classes = teacher->classes, .score = teacher->score};
  struct cl_text text = {0};
  assert(isfinite(teacher->score));
  memcpy(h.magic, magic, sizeof magic);
  CL_TRY(cl_dir_create(directory, e));
  cl_text_add_bytes(&text, (const char *)&h, sizeof h);
  cl_text_add_bytes(&text, (const char *)probabilities, h.n * h.classes * sizeof(real));
  uint32_t crc = checksum(cl_text_get(&text), text.length);
  cl_text_add_bytes(&text, (const char *)&crc, sizeof crc);
  char *path = file_name(directory, teacher->step, teacher->trial);
  int status =
      path == NULL || text.failed ? CL_FAIL_NOMEM(e) : cl_file_write(path, text.bytes, text.length, false, e);
  cl_free(path);
  cl_text_done(&text);
  return status;
}

static bool parse_name(const char *name, double *ret_step, int64_t *ret_trial) {
  char *end;
  double step = strtod(name, &end);
  if (end == name || *end != '-') return false;
  long long trial = strtoll(end + 1, &end, 10);
  if (strcmp(end, ".soft") != 0) return false;
  *ret_step = step;
  *ret_trial = trial;
  return true;
}

/* Its header, and its probabilities unless ret is null. */
static int read_one(const char *directory, double step, int64_t trial, const struct net_teacher *pupil,
                    struct header *ret_header, real *ret, struct cl_err *e) {
  char *path = file_name(directory, step, trial), *bytes = NULL;
  if (path == NULL) return CL_FAIL_NOMEM(e);
  size_t size = 0, array = pupil->n * pupil->classes * sizeof(real);
  uint32_t crc;
  int status = cl_file_read(path, (size_t)1 << 30, &bytes, &size, e);
  if (status < 0) goto out;
  bool whole = size >= sizeof *ret_header + sizeof crc && memcmp(bytes, magic, sizeof magic) == 0;
  if (whole) memcpy(&crc, bytes + size - sizeof crc, sizeof crc);
  if (!whole || crc != checksum(bytes, size - sizeof crc)) {
    status = CL_FAIL(e, CLADE_ECORRUPT, "'%s' holds no predictions of this trainer: remove it", path);
    goto out;
  }
  memcpy(ret_header, bytes, sizeof *ret_header);
  if (size != sizeof *ret_header + array + sizeof crc || ret_header->n != pupil->n ||
      ret_header->classes != pupil->classes || ret_header->number_size != sizeof(real)) {
    status = CL_FAIL(e, CLADE_EINVAL,
                     "'%s' holds predictions for %llu examples, but here there are %zu: give all members the "
                     "same data",
                     path, (unsigned long long)ret_header->n, pupil->n);
    goto out;
  }
  if (ret != NULL) memcpy(ret, bytes + sizeof *ret_header, array);
out:
  cl_free(bytes);
  cl_free(path);
  return status;
}

/* The last step at or below the limit that there are files of. CLADE_EMPTY: none. */
static int find_last_step(const char *directory, double limit, double *ret, struct cl_err *e) {
  DIR *all = opendir(directory);
  int64_t trial;
  double step;
  if (all == NULL && errno == ENOENT) return CLADE_EMPTY;
  if (all == NULL) return CL_FAIL(e, CLADE_EIO, "cannot read '%s': %s", directory, strerror(errno));
  *ret = NAN;
  for (const struct dirent *entry = readdir(all); entry != NULL; entry = readdir(all))
    if (parse_name(entry->d_name, &step, &trial) && step <= limit && !(step <= *ret)) *ret = step;
  closedir(all);
  return isnan(*ret) ? CLADE_EMPTY : 0;
}

static int find_best(const char *directory, double at, const struct net_teacher *pupil, int64_t *ret_trial,
                     struct cl_err *e) {
  DIR *all = opendir(directory);
  int64_t trial;
  double step, best = -INFINITY;
  int status = all == NULL ? CL_FAIL(e, CLADE_EIO, "cannot read '%s': %s", directory, strerror(errno)) : 0;
  for (const struct dirent *entry = status == 0 ? readdir(all) : NULL; entry != NULL && status == 0;
       entry = readdir(all)) {
    struct header h;
    if (!parse_name(entry->d_name, &step, &trial) || step != at) continue;
    status = read_one(directory, step, trial, pupil, &h, NULL, e);
    if (status < 0 || h.score < best || (h.score == best && trial > *ret_trial)) continue;
    best = h.score;
    *ret_trial = trial;
  }
  if (all != NULL) closedir(all);
  return status;
}

int net_teacher_find(const char *directory, const struct net_teacher *pupil, real *ret, struct cl_err *e) {
  double step = NAN;
  int64_t trial = 0;
  struct header h;
  int status = find_last_step(directory, pupil->step, &step, e);
  if (status != 0) return status;
  CL_TRY(find_best(directory, step, pupil, &trial, e));
  return read_one(directory, step, trial, pupil, &h, ret, e);
}
