#include "wire/regions.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define FIRST_LINE "clade regions 1 "

void cl_regions_done(struct cl_regions *r) {
  cl_free(r->items);
  cl_free(r->text);
  *r = (struct cl_regions){0};
}

int cl_region_check(const char *name, struct cl_err *e) {
  size_t n = name == NULL ? 0 : strnlen(name, CL_REGION_NAME_MAX + 1);
  if (n == 0) return CL_FAIL(e, CLADE_EINVAL, "a region needs a name");
  if (n > CL_REGION_NAME_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "the name of a region is longer than %d bytes: %.40s...",
                   CL_REGION_NAME_MAX, name);
  if (!cl_text_is_utf8(name, n)) return CL_FAIL(e, CLADE_EINVAL, "the name of a region is not UTF-8");
  for (const char *c = name; *c != '\0'; c++)
    if ((unsigned char)*c < 0x20 || *c == 0x7f)
      return CL_FAIL(e, CLADE_EINVAL, "the name of a region has a control character: %.40s", name);
  return 0;
}

static int64_t round_up(int64_t n) {
  return (n + CL_REGION_PAGE - 1) / CL_REGION_PAGE * CL_REGION_PAGE;
}

static bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

/* "3-weights": the number makes it unique, the rest is for people. */
static void name_file(struct cl_region *r, size_t i) {
  int n = snprintf(r->file, sizeof r->file, "%zu-", i);
  assert(n > 0 && (size_t)n < sizeof r->file);
  size_t at = (size_t)n;
  for (const char *c = r->name; *c != '\0' && at + 1 < sizeof r->file; c++)
    r->file[at++] = is_plain(*c) ? *c : '_';
  r->file[at] = '\0';
}

/* The longest line has 20 digits twice, two blanks, a name and an end. */
static int64_t room_for_text(size_t n) {
  return round_up((int64_t)(64 + n * (CL_REGION_NAME_MAX + 43)));
}

void cl_regions_name(struct cl_region *items, size_t n) {
  for (size_t i = 0; i < n; i++) name_file(&items[i], i);
}

int64_t cl_regions_place(struct cl_region *items, size_t n) {
  assert(n <= CL_REGIONS_MAX);
  int64_t at = room_for_text(n);
  for (size_t i = 0; i < n; i++) {
    assert(items[i].bytes >= 0);
    items[i].offset = at;
    at += round_up(items[i].bytes);
  }
  cl_regions_name(items, n);
  return at;
}

int cl_regions_write(struct cl_text *t, const struct cl_region *items, size_t n, bool in_memory,
                     struct cl_err *e) {
  int64_t size = in_memory ? room_for_text(n) : 0;
  assert(n <= CL_REGIONS_MAX);
  for (size_t i = 0; i < n; i++) size += in_memory ? round_up(items[i].bytes) : items[i].bytes;
  cl_text_format(t, FIRST_LINE "%zu %lld\n", n, (long long)size);
  for (size_t i = 0; i < n; i++) {
    if (in_memory)
      cl_text_format(t, "%lld", (long long)items[i].offset);
    else
      cl_text_add(t, items[i].file);
    cl_text_format(t, " %lld %s\n", (long long)items[i].bytes, items[i].name);
  }
  assert(!in_memory || (int64_t)t->length <= room_for_text(n));
  return t->failed ? CL_FAIL_NOMEM(e) : 0;
}

/* Cuts the next word, which ends at `end`, out of *at. Null when there is none. */
static char *cut(char **at, char end) {
  char *word = *at, *stop = strchr(word, end);
  if (stop == NULL || stop == word) return NULL;
  *stop = '\0';
  *at = stop + 1;
  return word;
}

static bool to_size(const char *word, int64_t *ret) {
  return word != NULL && isdigit((unsigned char)word[0]) && cl_text_to_int(word, ret) && *ret >= 0;
}

static bool is_file(const char *word) {
  return strlen(word) < CL_REGION_FILE_MAX && strchr(word, '/') == NULL && isdigit((unsigned char)word[0]);
}

static int fail_line(size_t i, struct cl_err *e) {
  return CL_FAIL(e, CLADE_ECORRUPT, "the list of its regions is damaged in line %zu", i);
}

static int read_line(struct cl_regions *r, char **at, bool in_memory, int64_t size, struct cl_err *e) {
  struct cl_region *region = &r->items[r->n];
  char *where = cut(at, ' '), *bytes = where == NULL ? NULL : cut(at, ' ');
  char *name = bytes == NULL ? NULL : cut(at, '\n');
  if (name == NULL || !to_size(bytes, &region->bytes) || cl_region_check(name, NULL) < 0)
    return fail_line(r->n + 2, e);
  if (in_memory) {
    if (!to_size(where, &region->offset) || region->offset % CL_REGION_PAGE != 0 || region->offset > size ||
        region->bytes > size - region->offset)
      return fail_line(r->n + 2, e);
  } else {
    if (!is_file(where)) return fail_line(r->n + 2, e);
    (void)snprintf(region->file, sizeof region->file, "%s", where);
  }
  for (size_t i = 0; i < r->n; i++)
    if (strcmp(r->items[i].name, name) == 0)
      return CL_FAIL(e, CLADE_ECORRUPT, "the region '%.100s' is in it twice", name);
  assert(name > r->text && region->bytes >= 0);
  region->name = name;
  r->n++;
  return 0;
}

static int read_lines(struct cl_regions *r, bool in_memory, int64_t size, struct cl_err *e) {
  int64_t n = 0;
  char *at = r->text;
  if (strncmp(at, FIRST_LINE, strlen(FIRST_LINE)) != 0)
    return CL_FAIL(e, CLADE_ECORRUPT, "it is no state of regions, or one of a newer clade");
  at += strlen(FIRST_LINE);
  if (!to_size(cut(&at, ' '), &n) || n > CL_REGIONS_MAX || !to_size(cut(&at, '\n'), &r->size))
    return fail_line(1, e);
  if (in_memory && r->size > size)
    return CL_FAIL(e, CLADE_ECORRUPT, "it is said to have %lld bytes, but there are %lld", (long long)r->size,
                   (long long)size);
  r->items = cl_alloc_array((size_t)n + 1, sizeof *r->items);
  if (r->items == NULL) return CL_FAIL_NOMEM(e);
  for (int64_t i = 0; i < n; i++) CL_TRY(read_line(r, &at, in_memory, size, e));
  return 0;
}

int cl_regions_read(const char *text, size_t n, bool in_memory, int64_t size, struct cl_regions *ret,
                    struct cl_err *e) {
  struct cl_regions r = {0};
  n = strnlen(text, n < CL_REGIONS_TEXT_MAX ? n : CL_REGIONS_TEXT_MAX);
  r.text = cl_copy_bytes(text, n);
  if (r.text == NULL) return CL_FAIL_NOMEM(e);
  int status = read_lines(&r, in_memory, size, e);
  if (status < 0)
    cl_regions_done(&r);
  else
    *ret = r;
  return status;
}
