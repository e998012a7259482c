#include "net/images.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "net/seeds.h"

int net_images_init(struct net_images *images, size_t n, size_t height, size_t width, struct cl_err *e) {
  uint8_t *pixels = cl_alloc_array(n, height * width), *labels = cl_alloc(n);
  if (pixels == NULL || labels == NULL) {
    cl_free(pixels);
    cl_free(labels);
    return CL_FAIL_NOMEM(e);
  }
  images->n = n;
  images->height = height;
  images->width = width;
  images->pixels = pixels;
  images->labels = labels;
  return 0;
}

void net_images_done(struct net_images *images) {
  cl_free(images->pixels);
  cl_free(images->labels);
  *images = (struct net_images){0};
}

void net_parts_done(struct net_parts *parts) {
  net_images_done(&parts->training);
  net_images_done(&parts->validation);
  net_images_done(&parts->test);
}

int net_images_split(const struct net_images *all, const uint32_t *which, size_t n, size_t n_validation,
                     bool join, struct net_parts *ret, struct cl_err *e) {
  assert(n_validation < n);
  struct net_images validation = {0};
  size_t skip = join ? 0 : n_validation;
  CL_TRY(net_images_select(all, which, n_validation, &validation, e));
  int status = net_images_select(all, which + skip, n - skip, &ret->training, e);
  if (status < 0)
    net_images_done(&validation);
  else
    ret->validation = validation;
  return status;
}

int net_images_select(const struct net_images *from, const uint32_t *which, size_t n, struct net_images *ret,
                      struct cl_err *e) {
  struct net_images to = *from;
  CL_TRY(net_images_init(&to, n, from->height, from->width, e));
  size_t size = from->height * from->width;
  for (size_t i = 0; i < n; i++) {
    assert(which[i] < from->n);
    memcpy(to.pixels + i * size, from->pixels + which[i] * size, size);
    to.labels[i] = from->labels[which[i]];
  }
  *ret = to;
  return 0;
}

/* 0 … n-1 in an order of the stream's own, or null. Gives. */
static uint32_t *shuffled(size_t n, uint64_t seed, enum net_stream stream) {
  uint32_t *order = cl_alloc_array(n, sizeof *order);
  if (order == NULL) return NULL;
  for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
  struct cl_rng r = cl_rng_stream(seed, CL_RNG_USER, 0, stream);
  cl_rng_shuffle(&r, order, n);
  return order;
}

int net_images_limit(struct net_images *images, size_t per_class, uint64_t seed, struct cl_err *e) {
  assert(per_class >= 1);
  uint32_t *order = shuffled(images->n, seed, NET_STREAM_LIMIT);
  if (order == NULL) return CL_FAIL_NOMEM(e);
  size_t taken[256] = {0}, n = 0;
  for (size_t i = 0; i < images->n; i++)
    if (taken[images->labels[order[i]]]++ < per_class) order[n++] = order[i];
  struct net_images fewer;
  int status = net_images_select(images, order, n, &fewer, e);
  cl_free(order);
  if (status < 0) return status;
  net_images_done(images);
  *images = fewer;
  return 0;
}

int net_images_add_label_noise(struct net_images *images, double fraction, uint64_t seed, struct cl_err *e) {
  assert(fraction >= 0 && fraction <= 1 && images->n_classes >= 2);
  uint32_t *order = shuffled(images->n, seed, NET_STREAM_NOISE);
  if (order == NULL) return CL_FAIL_NOMEM(e);
  struct cl_rng r = cl_rng_stream(seed, CL_RNG_USER, 1, NET_STREAM_NOISE);
  size_t wrong = (size_t)lround(fraction * (double)images->n);
  for (size_t i = 0; i < wrong; i++) {
    uint8_t *label = &images->labels[order[i]];
    uint64_t other = cl_rng_below(&r, images->n_classes - 1);
    *label = (uint8_t)(other >= *label ? other + 1 : other);
  }
  cl_free(order);
  return 0;
}

void net_images_put(const struct net_images *images, const uint32_t *which, size_t n, real *to,
                    uint8_t *to_labels) {
  size_t size = images->height * images->width;
  real mean = (real)images->mean, scale = (real)images->scale;
  for (size_t i = 0; i < n; i++) {
    assert(which[i] < images->n);
    const uint8_t *from = images->pixels + which[i] * size;
    for (size_t j = 0; j < size; j++) to[i * size + j] = ((real)from[j] - mean) * scale;
    to_labels[i] = images->labels[which[i]];
  }
}

int net_refuse_test_data(const char *data, struct cl_err *e) {
  return CL_FAIL(
      e, CLADE_EREFUSED,
      "the test part of '%s' is opened by the one final training only: choose by val_accuracy, then "
      "run `clade assess` (which sets CLADE_FINAL=1)",
      data);
}
