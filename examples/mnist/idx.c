#include "mnist/idx.h"

#include <string.h>

#include "base/alloc.h"
#include "net/gz.h"

#define MAX_IMAGES 1000000u
#define MAX_SIDE   256u
#define MAX_BYTES  ((size_t)1 << 31)
#define CLASSES    10

static uint32_t big_endian(const char *bytes) {
  const unsigned char *b = (const unsigned char *)bytes;
  return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* The header: a magic number, whose last byte is the number of dimensions, and the dimensions. */
static int parse_header(const char *path, const char *bytes, size_t size, uint32_t magic,
                        uint32_t *dimensions, struct cl_err *e) {
  size_t n = magic & 0xff;
  if (size < 4 * (n + 1))
    return CL_FAIL(e, CLADE_ECORRUPT,
                   "'%s' has %zu bytes, less than the %zu of an idx header: fetch it again", path, size,
                   4 * (n + 1));
  if (big_endian(bytes) != magic)
    return CL_FAIL(
        e, CLADE_ECORRUPT,
        "'%s' begins with the number %u, but an idx file of %s begins with %u: is it another file?", path,
        big_endian(bytes), n == 3 ? "images" : "labels", magic);
  uint64_t want = 1;
  for (size_t i = 0; i < n; i++) {
    dimensions[i] = big_endian(bytes + 4 * (i + 1));
    uint32_t limit = i == 0 ? MAX_IMAGES : MAX_SIDE;
    if (dimensions[i] < 1 || dimensions[i] > limit)
      return CL_FAIL(e, CLADE_ECORRUPT, "'%s' claims %u %s, but 1 to %u are possible: it is damaged", path,
                     dimensions[i],
                     i == 0   ? "entries"
                     : i == 1 ? "rows"
                              : "columns",
                     limit);
    want *= dimensions[i];
  }
  if (size - 4 * (n + 1) != want)
    return CL_FAIL(e, CLADE_ECORRUPT,
                   "'%s' has %zu bytes after its header, which promises %llu: fetch it again", path,
                   size - 4 * (n + 1), (unsigned long long)want);
  return 0;
}

static int read_images(const char *path, struct net_images *images, struct cl_err *e) {
  char *bytes = NULL;
  size_t size = 0;
  uint32_t dimensions[3];
  CL_TRY(net_gz_read(path, MAX_BYTES, &bytes, &size, e));
  int status = parse_header(path, bytes, size, 2051, dimensions, e);
  if (status == 0) status = net_images_init(images, dimensions[0], dimensions[1], dimensions[2], e);
  if (status == 0) memcpy(images->pixels, bytes + 16, size - 16);
  cl_free(bytes);
  return status;
}

static int check_labels(const char *path, const char *bytes, uint32_t n, size_t n_images, struct cl_err *e) {
  if (n != n_images)
    return CL_FAIL(e, CLADE_ECORRUPT, "'%s' has %u labels, but there are %zu images: are both of one set?",
                   path, n, n_images);
  for (uint32_t i = 0; i < n; i++)
    if ((unsigned char)bytes[8 + i] >= CLASSES)
      return CL_FAIL(e, CLADE_ECORRUPT, "'%s': label %u is %u, but must be 0 to 9: it is damaged", path,
                     i + 1, (unsigned)(unsigned char)bytes[8 + i]);
  return 0;
}

static int read_labels(const char *path, struct net_images *images, struct cl_err *e) {
  char *bytes = NULL;
  size_t size = 0;
  uint32_t n = 0;
  CL_TRY(net_gz_read(path, MAX_BYTES, &bytes, &size, e));
  int status = parse_header(path, bytes, size, 2049, &n, e);
  if (status == 0) status = check_labels(path, bytes, n, images->n, e);
  if (status == 0) memcpy(images->labels, bytes + 8, n);
  cl_free(bytes);
  return status;
}

int mnist_idx_read(const char *images_path, const char *labels_path, struct net_images *ret,
                   struct cl_err *e) {
  /* Mean and deviation of the training pixels, 0.1307 and 0.3081 of 255. */
  struct net_images images = {.n_classes = CLASSES, .mean = 33.33, .scale = 1 / 78.57};
  int status = read_images(images_path, &images, e);
  if (status == 0) status = read_labels(labels_path, &images, e);
  if (status < 0) {
    net_images_done(&images);
    return status;
  }
  *ret = images;
  return 0;
}
