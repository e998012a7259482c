/* Convolution with stride 1 by unfolding: each image patch becomes a column, a layer one matrix product.
 *
 * With K = input channels * kernel^2 and P = images * output pixels,
 *   forward    y[channels x P]   = w[channels x (K+1)] columns[(K+1) x P]        last row of columns: ones
 *   backward   dw                = dy columns^T,   column gradients[K x P] = w^T dy, folded back into dx
 * The bias is the last column of w. A batch is done in chunks whose columns stay in the cache.
 */
#include <assert.h>
#include <string.h>

#include "net/blas.h"
#include "net/layer.h"

#define CHUNK_NUMBERS 32768 /* of unfolded images at a time: 128 KB */

static size_t patch_size(const struct net_layer *l) {
  return l->in.channels * l->spec.kernel * l->spec.kernel;
}

static int plan(struct net_layer *l, struct cl_err *e) {
  if (l->spec.kernel == 0) {
    if (l->in.height != l->in.width)
      return CL_FAIL(e, CLADE_EINVAL, "a dense layer after an image of %zux%zu needs a square one",
                     l->in.height, l->in.width);
    l->spec.kernel = l->in.height;
  }
  size_t k = l->spec.kernel, p = l->spec.padding;
  if (l->spec.channels < 1)
    return CL_FAIL(e, CLADE_EINVAL, "a convolution with 0 output channels: give it at least 1");
  if (p >= k || l->in.height + 2 * p < k || l->in.width + 2 * p < k)
    return CL_FAIL(e, CLADE_EINVAL, "a kernel of %zux%zu with padding %zu does not fit an image of %zux%zu",
                   k, k, p, l->in.height, l->in.width);
  l->out = (struct net_shape){l->spec.channels, l->in.height + 2 * p - k + 1, l->in.width + 2 * p - k + 1};
  l->n_parameters = l->out.channels * (patch_size(l) + 1);
  size_t per_image = (patch_size(l) + 1) * net_shape_pixels(l->out);
  l->chunk = per_image < CHUNK_NUMBERS ? CHUNK_NUMBERS / per_image : 1;
  return 0;
}

/* Where the kernel offset (ky, kx) finds pixels: `height` rows of `width` outputs from `out` on are connected
 * with those of the image from `in` on. */
struct window {
  size_t in, out, height, width;
};

static struct window window_of(const struct net_layer *l, size_t ky, size_t kx) {
  size_t p = l->spec.padding, h = l->in.height + p - ky, w = l->in.width + p - kx;
  size_t y0 = ky < p ? p - ky : 0, y1 = h < l->out.height ? h : l->out.height;
  size_t x0 = kx < p ? p - kx : 0, x1 = w < l->out.width ? w : l->out.width;
  return (struct window){.in = (y0 + ky - p) * l->in.width + x0 + kx - p,
                         .out = y0 * l->out.width + x0,
                         .height = y1 - y0,
                         .width = x1 - x0};
}

static inline void copy_rows(real *restrict to, size_t to_stride, const real *restrict from,
                             size_t from_stride, size_t rows, size_t width) {
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < width; i++) to[r * to_stride + i] = from[r * from_stride + i];
}

static inline void add_rows(real *restrict to, size_t to_stride, const real *restrict from,
                            size_t from_stride, size_t rows, size_t width) {
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < width; i++) to[r * to_stride + i] += from[r * from_stride + i];
}

/* The fixed widths, those of the two example networks, let the compiler unroll: a third of the time. */
static void unfold_window(const struct net_layer *l, struct window w, const real *from, real *to) {
  size_t ow = l->out.width, iw = l->in.width;
  switch (w.width) {
  case 4: copy_rows(to + w.out, ow, from + w.in, iw, w.height, 4); break;
  case 8: copy_rows(to + w.out, ow, from + w.in, iw, w.height, 8); break;
  case 24: copy_rows(to + w.out, ow, from + w.in, iw, w.height, 24); break;
  default: copy_rows(to + w.out, ow, from + w.in, iw, w.height, w.width);
  }
}

static void fold_window(const struct net_layer *l, struct window w, const real *from, real *to) {
  size_t ow = l->out.width, iw = l->in.width;
  switch (w.width) {
  case 4: add_rows(to + w.in, iw, from + w.out, ow, w.height, 4); break;
  case 8: add_rows(to + w.in, iw, from + w.out, ow, w.height, 8); break;
  default: add_rows(to + w.in, iw, from + w.out, ow, w.height, w.width);
  }
}

/* Columns of images [first, first + count) of n. */
static void unfold(struct net_layer *l, size_t n, size_t first, size_t count) {
  size_t k = l->spec.kernel, pixels = net_shape_pixels(l->out), in_pixels = net_shape_pixels(l->in);
  real *to = l->columns;
  if (l->spec.padding > 0) memset(to, 0, patch_size(l) * count * pixels * sizeof *to);
  for (size_t row = 0; row < patch_size(l); row++) {
    struct window w = window_of(l, row / k % k, row % k);
    const real *from = l->x + (row / (k * k) * n + first) * in_pixels;
    for (size_t i = 0; i < count; i++, from += in_pixels, to += pixels) unfold_window(l, w, from, to);
  }
  for (size_t i = 0; i < count * pixels; i++) to[i] = 1;
}

/* The transpose of unfold: the gradient of a pixel is the sum over the columns it was copied to. */
static void fold(struct net_layer *l, size_t n, size_t first, size_t count) {
  size_t k = l->spec.kernel, pixels = net_shape_pixels(l->out), in_pixels = net_shape_pixels(l->in);
  const real *from = l->column_gradients;
  for (size_t c = 0; c < l->in.channels; c++)
    memset(l->dx + (c * n + first) * in_pixels, 0, count * in_pixels * sizeof *l->dx);
  for (size_t row = 0; row < patch_size(l); row++) {
    struct window w = window_of(l, row / k % k, row % k);
    real *to = l->dx + (row / (k * k) * n + first) * in_pixels;
    for (size_t i = 0; i < count; i++, from += pixels, to += in_pixels) fold_window(l, w, from, to);
  }
}

static void forward(struct net_layer *l, size_t n) {
  size_t k1 = patch_size(l) + 1, pixels = net_shape_pixels(l->out);
  for (size_t first = 0; first < n; first += l->chunk) {
    size_t count = n - first < l->chunk ? n - first : l->chunk, p = count * pixels;
    unfold(l, n, first, count);
    net_gemm(false, false, l->out.channels, p, k1, l->parameters, k1, l->columns, p, 0, l->y + first * pixels,
             n * pixels);
  }
}

static void backward(struct net_layer *l, size_t n) {
  size_t k1 = patch_size(l) + 1, pixels = net_shape_pixels(l->out);
  bool unfolded = n <= l->chunk; /* then the columns of forward are still there */
  for (size_t first = 0; first < n; first += l->chunk) {
    size_t count = n - first < l->chunk ? n - first : l->chunk, p = count * pixels;
    const real *dy = l->dy + first * pixels;
    if (!unfolded) unfold(l, n, first, count);
    net_gemm(false, true, l->out.channels, k1, p, dy, n * pixels, l->columns, p, first == 0 ? 0 : 1,
             l->gradients, k1);
    if (l->dx == NULL) continue;
    net_gemm(true, false, k1 - 1, p, l->out.channels, l->parameters, k1, dy, n * pixels, 0,
             l->column_gradients, p);
    fold(l, n, first, count);
  }
}

const struct net_layer_ops net_conv = {
    .name = "convolution", .plan = plan, .forward = forward, .backward = backward};
