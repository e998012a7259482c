#include "mnist/mnist_data.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/rng.h"
#include "mnist/idx.h"
#include "net/seeds.h"

#define PATH_SIZE 4096

static int find_file(const char *directory, const char *name, char *ret, struct cl_err *e) {
  static const char *const endings[] = {"", ".gz"}; /* uncompressed they are read ten times faster */
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    int n = snprintf(ret, PATH_SIZE, "%s/%s%s", directory, name, endings[i]);
    if (n < 0 || n >= PATH_SIZE)
      return CL_FAIL(e, CLADE_ELIMIT, "the path '%s' is longer than %d bytes", directory, PATH_SIZE - 40);
    if (cl_path_exists(ret)) return 0;
  }
  return CL_FAIL(e, CLADE_ENOTFOUND,
                 "there is no %s.gz in '%s': fetch the data with examples/mnist/download.sh, or name their "
                 "directory by --data or MNIST_DATA",
                 name, directory);
}

static int read_pair(const char *directory, const char *images, const char *labels, struct net_images *ret,
                     struct cl_err *e) {
  char images_path[PATH_SIZE], labels_path[PATH_SIZE];
  CL_TRY(find_file(directory, images, images_path, e));
  CL_TRY(find_file(directory, labels, labels_path, e));
  return mnist_idx_read(images_path, labels_path, ret, e);
}

static int split(const struct net_images *all, bool join, struct net_parts *ret, struct cl_err *e) {
  if (all->n < 5) return CL_FAIL(e, CLADE_ECORRUPT, "%zu images are too few to split", all->n);
  uint32_t *which = cl_alloc_array(all->n, sizeof *which);
  if (which == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < all->n; i++) which[i] = (uint32_t)i;
  struct cl_rng r = cl_rng_stream(NET_DATA_SEED, CL_RNG_USER, 0, NET_STREAM_SPLIT);
  cl_rng_shuffle(&r, which, all->n);
  int status = net_images_split(all, which, all->n, all->n / 5, join, ret, e);
  cl_free(which);
  return status;
}

int mnist_read(const char *directory, struct net_wish wish, struct net_parts *ret, struct cl_err *e) {
  if (wish.test && !wish.final) return net_refuse_test_data(directory, e);
  struct net_images all;
  struct net_parts parts = {0};
  CL_TRY(read_pair(directory, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", &all, e));
  int status = split(&all, wish.join, &parts, e);
  net_images_done(&all);
  if (status == 0 && wish.test)
    status = read_pair(directory, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", &parts.test, e);
  if (status < 0) {
    net_parts_done(&parts);
    return status;
  }
  *ret = parts;
  return 0;
}
