#include "digits/digits_data.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "net/gz.h"
#include "net/seeds.h"

#define SIDE      8
#define PIXELS    (SIDE * SIDE)
#define CLASSES   10
#define MAX_BYTES ((size_t)1 << 26)

/* The next number of at most two digits and the sign that ends it. */
static bool next_number(const char **at, char end, unsigned limit, uint8_t *ret) {
  const char *p = *at;
  unsigned x = 0, digits = 0;
  for (; *p >= '0' && *p <= '9' && digits < 3; p++, digits++) x = 10 * x + (unsigned)(*p - '0');
  if (digits == 0 || x > limit) return false;
  if (end == '\n' && *p == '\r') p++;
  if (*p != end && !(end == '\n' && *p == '\0')) return false;
  *ret = (uint8_t)x;
  *at = *p == '\0' ? p : p + 1;
  return true;
}

static int parse(const char *path, const char *text, struct net_images *images, struct cl_err *e) {
  for (size_t i = 0; i < images->n; i++) {
    for (size_t j = 0; j < PIXELS; j++)
      if (!next_number(&text, ',', 16, &images->pixels[i * PIXELS + j]))
        return CL_FAIL(e, CLADE_ECORRUPT, "'%s', line %zu: number %zu must be a pixel of 0 to 16 and a comma",
                       path, i + 1, j + 1);
    if (!next_number(&text, '\n', CLASSES - 1, &images->labels[i]))
      return CL_FAIL(e, CLADE_ECORRUPT, "'%s', line %zu: the line must end with a label of 0 to 9", path,
                     i + 1);
  }
  return 0;
}

static size_t count_lines(const char *text) {
  size_t n = 0;
  for (const char *p = text; *p != '\0'; p = *p == '\0' ? p : p + 1) {
    n++;
    p += strcspn(p, "\n");
  }
  return n;
}

/* All images, in the order of the file. */
static int read_all(const char *path, struct net_images *ret, struct cl_err *e) {
  char *text = NULL;
  size_t size = 0;
  CL_TRY(net_gz_read(path, MAX_BYTES, &text, &size, e));
  /* The pixels' mean and deviation, so that the network sees about 0 and 1. */
  struct net_images images = {.n_classes = CLASSES, .mean = 4.88, .scale = 1 / 6.02};
  size_t n = strlen(text) == size ? count_lines(text) : 0;
  int status = n < 5 * CLASSES ? CL_FAIL(e, CLADE_ECORRUPT, "'%s' has %zu lines, too few to split", path, n)
                               : net_images_init(&images, n, SIDE, SIDE, e);
  if (status == 0) status = parse(path, text, &images, e);
  cl_free(text);
  if (status < 0) {
    net_images_done(&images);
    return status;
  }
  *ret = images;
  return 0;
}

/* Indices of all images: the test part, then validation, then training; each class by class. */
struct split {
  uint32_t *which, *scratch;
  size_t n_test, n_validation;
};

/* The images of one class in the order of its own stream, in scratch; returns their number. */
static size_t shuffle_class(const struct net_images *all, unsigned class, uint32_t *scratch) {
  size_t n = 0;
  for (size_t i = 0; i < all->n; i++)
    if (all->labels[i] == class) scratch[n++] = (uint32_t)i;
  struct cl_rng r = cl_rng_stream(NET_DATA_SEED, CL_RNG_USER, class, NET_STREAM_SPLIT);
  cl_rng_shuffle(&r, scratch, n);
  return n;
}

/* Part 0 of a class of n images is [0, n / 5), part 1 the next n / 5, part 2 the rest. */
static void make_split(const struct net_images *all, struct split *s) {
  size_t at = 0;
  for (int part = 0; part < 3; part++) {
    if (part == 1) s->n_test = at;
    if (part == 2) s->n_validation = at - s->n_test;
    for (unsigned class = 0; class < CLASSES; class ++) {
      size_t n = shuffle_class(all, class, s->scratch);
      size_t first = (size_t)part * (n / 5), end = part == 2 ? n : first + n / 5;
      for (size_t i = first; i < end; i++) s->which[at++] = s->scratch[i];
    }
  }
  assert(at == all->n);
}

int digits_read(const char *path, struct net_wish wish, struct net_parts *ret, struct cl_err *e) {
  if (wish.test && !wish.final) return net_refuse_test_data(path, e);
  struct net_images all;
  struct net_parts parts = {0};
  CL_TRY(read_all(path, &all, e));
  struct split s = {.which = cl_alloc_array(all.n, sizeof *s.which),
                    .scratch = cl_alloc_array(all.n, sizeof *s.scratch)};
  int status = s.which == NULL || s.scratch == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status < 0) goto out;
  make_split(&all, &s);
  status = net_images_split(&all, s.which + s.n_test, all.n - s.n_test, s.n_validation, wish.join, &parts, e);
  if (status == 0 && wish.test) status = net_images_select(&all, s.which, s.n_test, &parts.test, e);
  if (status < 0) goto out;
  *ret = parts;
  parts = (struct net_parts){0};
out:
  net_parts_done(&parts);
  cl_free(s.which);
  cl_free(s.scratch);
  net_images_done(&all);
  return status;
}
