/* A buffer that is met again is known by its inode, whatever its name is by then: workers rename them. */
#include "trainer/regions.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

static void unmap(struct cl_trainer_mapping *m) {
  if (m->address != NULL) (void)munmap(m->address, m->size);
  *m = (struct cl_trainer_mapping){0};
}

void cl_trainer_regions_done(struct cl_trainer_regions *r) {
  for (size_t i = 0; i < CL_TRAINER_MAPPINGS; i++) unmap(&r->mappings[i]);
  for (size_t i = 0; i < r->n; i++) cl_free((void *)r->items[i].name);
  cl_free(r->items);
  cl_free(r->memory);
  cl_free(r->loaded);
  cl_free((void *)r->missing);
  cl_free(r->pieces);
  *r = (struct cl_trainer_regions){0};
}

/* --- registering ------------------------------------------------------------------------------------- */

static int make_room(struct cl_trainer_regions *r, struct cl_err *e) {
  bool bad = cl_grow(&r->items, &r->cap_items, r->n + 1, sizeof *r->items) < 0 ||
             cl_grow(&r->memory, &r->cap_memory, r->n + 1, sizeof *r->memory) < 0 ||
             cl_grow(&r->loaded, &r->cap_loaded, r->n + 1, sizeof *r->loaded) < 0 ||
             cl_grow(&r->missing, &r->cap_missing, r->n + 1, sizeof *r->missing) < 0 ||
             cl_grow(&r->pieces, &r->cap_pieces, r->n + 1, sizeof *r->pieces) < 0;
  return bad ? CL_FAIL_NOMEM(e) : 0;
}

int cl_trainer_regions_add(struct cl_trainer_regions *r, const char *name, void *memory, size_t n,
                           struct cl_err *e) {
  CL_TRY(cl_region_check(name, e));
  if (memory == NULL || n == 0 || n > INT64_MAX / 2)
    return CL_FAIL(e, CLADE_EINVAL, "the region '%.100s' has no memory: give its address and its bytes",
                   name);
  for (size_t i = 0; i < r->n; i++)
    if (strcmp(r->items[i].name, name) == 0)
      return CL_FAIL(e, CLADE_EINVAL, "there is a region '%.100s' already: names must differ", name);
  if (r->n == CL_REGIONS_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "a program has at most %d regions; '%.100s' is one more", CL_REGIONS_MAX,
                   name);
  CL_TRY(make_room(r, e));
  const char *copy = cl_copy_text(name);
  if (copy == NULL) return CL_FAIL_NOMEM(e);
  r->items[r->n] = (struct cl_region){.name = copy, .bytes = (int64_t)n};
  r->memory[r->n] = memory;
  r->loaded[r->n] = false;
  r->n++;
  r->bytes = cl_regions_place(r->items, r->n);
  return 0;
}

bool cl_trainer_regions_loaded(const struct cl_trainer_regions *r, const char *name) {
  for (size_t i = 0; i < r->n; i++)
    if (r->loaded[i] && (name == NULL || strcmp(r->items[i].name, name) == 0)) return true;
  return false;
}

void cl_trainer_regions_forget(struct cl_trainer_regions *r) {
  for (size_t i = 0; i < r->n; i++) r->loaded[i] = false;
  r->n_missing = 0;
}

const struct cl_region *cl_trainer_regions_match(const struct cl_trainer_regions *r, size_t i,
                                                 const struct cl_regions *state) {
  const struct cl_region *own = &r->items[i];
  assert(i < r->n);
  for (size_t j = 0; j < state->n; j++)
    if (strcmp(state->items[j].name, own->name) == 0)
      return state->items[j].bytes == own->bytes ? &state->items[j] : NULL;
  return NULL;
}

/* --- buffers ----------------------------------------------------------------------------------------- */

static int fail_buffer(const char *path, struct cl_err *e) {
  int cause = errno;
  return CL_FAIL_CAUSE(e, CLADE_EIO, cause, "cannot use the memory at %s: %s", path, strerror(cause));
}

static struct cl_trainer_mapping *find_mapping(struct cl_trainer_regions *r, const struct stat *info,
                                               bool writable) {
  for (size_t i = 0; i < CL_TRAINER_MAPPINGS; i++) {
    struct cl_trainer_mapping *m = &r->mappings[i];
    if (m->address == NULL || m->device != info->st_dev || m->inode != info->st_ino) continue;
    if (m->size == (size_t)info->st_size && (m->writable || !writable)) return m;
    unmap(m); /* a file that has the number of one that is gone, or one that is written to only now */
  }
  return NULL;
}

static struct cl_trainer_mapping *oldest_mapping(struct cl_trainer_regions *r) {
  struct cl_trainer_mapping *oldest = &r->mappings[0];
  for (size_t i = 1; i < CL_TRAINER_MAPPINGS; i++)
    if (r->mappings[i].used < oldest->used) oldest = &r->mappings[i];
  return oldest;
}

/* The buffer of descriptor fd. */
static int map_file(struct cl_trainer_regions *r, int fd, const char *path, bool writable,
                    struct cl_trainer_mapping **ret, struct cl_err *e) {
  struct stat info;
  if (fstat(fd, &info) < 0) return fail_buffer(path, e);
  if (!S_ISREG(info.st_mode) || info.st_size < CL_REGION_PAGE)
    return CL_FAIL(e, CLADE_EINVAL, "%s is no memory for regions", path);
  struct cl_trainer_mapping *m = find_mapping(r, &info, writable);
  if (m == NULL) {
    m = oldest_mapping(r);
    unmap(m);
    void *address =
        mmap(NULL, (size_t)info.st_size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) return fail_buffer(path, e);
    *m = (struct cl_trainer_mapping){.address = address,
                                     .size = (size_t)info.st_size,
                                     .device = info.st_dev,
                                     .inode = info.st_ino,
                                     .writable = writable};
  }
  m->used = ++r->uses;
  *ret = m;
  return 0;
}

static int map_buffer(struct cl_trainer_regions *r, const char *path, bool writable,
                      struct cl_trainer_mapping **ret, struct cl_err *e) {
  int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail_buffer(path, e);
  int status = map_file(r, fd, path, writable, ret, e);
  (void)close(fd);
  return status;
}

/* n of r->pieces, to or from the mapping. */
static void copy_pieces(const struct cl_trainer_regions *r, size_t n, struct cl_trainer_mapping *m,
                        bool put) {
  enum cl_trainer_new new_side = put ? CL_TRAINER_NEW_TO : CL_TRAINER_NEW_FROM;
  cl_trainer_copy(r->pieces, n, m->met ? CL_TRAINER_NEW_NONE : new_side);
  m->met = true;
}

int cl_trainer_regions_put(struct cl_trainer_regions *r, const char *path, struct cl_err *e) {
  struct cl_trainer_mapping *m = NULL;
  struct cl_text text = {0};
  assert(r->n > 0);
  CL_TRY(map_buffer(r, path, true, &m, e));
  if (m->size < (size_t)r->bytes)
    return CL_FAIL(e, CLADE_EINVAL, "the memory at %s has %zu bytes, but the regions need %lld", path,
                   m->size, (long long)r->bytes);
  int status = cl_regions_write(&text, r->items, r->n, true, e);
  if (status == 0) {
    m->address[0] = '\0'; /* no state while it is being written */
    for (size_t i = 0; i < r->n; i++)
      r->pieces[i] = (struct cl_trainer_piece){
          .to = m->address + r->items[i].offset, .from = r->memory[i], .n = (size_t)r->items[i].bytes};
    copy_pieces(r, r->n, m, true);
    memcpy(m->address + 1, text.bytes + 1, text.length); /* with the zero byte at its end */
    m->address[0] = text.bytes[0];
  }
  cl_text_done(&text);
  return status;
}

static int take_buffer(struct cl_trainer_regions *r, const char *path, struct cl_err *e) {
  struct cl_trainer_mapping *m = NULL;
  struct cl_regions state = {0};
  size_t n = 0;
  CL_TRY(map_buffer(r, path, false, &m, e));
  CL_TRY(cl_regions_read(m->address, m->size, true, (int64_t)m->size, &state, e));
  for (size_t i = 0; i < r->n; i++) {
    const struct cl_region *from = cl_trainer_regions_match(r, i, &state);
    r->loaded[i] = from != NULL;
    if (from == NULL) continue;
    r->pieces[n] = (struct cl_trainer_piece){
        .to = r->memory[i], .from = m->address + from->offset, .n = (size_t)from->bytes};
    n++;
  }
  copy_pieces(r, n, m, false);
  cl_regions_done(&state);
  return 0;
}

int cl_trainer_regions_take(struct cl_trainer_regions *r, const char *path, struct cl_err *e) {
  struct stat info;
  assert(r->n > 0);
  if (stat(path, &info) < 0) return fail_buffer(path, e);
  cl_trainer_regions_forget(r);
  CL_TRY(S_ISDIR(info.st_mode) ? cl_trainer_regions_read(r, path, e) : take_buffer(r, path, e));
  for (size_t i = 0; i < r->n; i++)
    if (!r->loaded[i]) r->missing[r->n_missing++] = r->items[i].name;
  return 0;
}
