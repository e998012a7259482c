/* Labelled images of one size, and what is done to a part of a data set before training: choosing, limiting,
 * making labels wrong. The split is fixed by a constant seed, and so is the rest unless a study gives another
 * one: all trials of a study see the same.
 */
#ifndef NET_IMAGES_H
#define NET_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/net.h"

#define NET_DATA_SEED 123 /* of every split; of limit and label noise unless another is given */

struct net_images {
  size_t n, height, width, n_classes;
  uint8_t *pixels;    /* [image][row][column] */
  uint8_t *labels;    /* each below n_classes */
  double mean, scale; /* the network sees (pixel - mean) * scale */
};

/* A data set split into disjoint parts. */
struct net_parts {
  struct net_images training, validation, test;
};

/* What a trial wants of a data set. */
struct net_wish {
  bool join;  /* the validation part among the training images too (and still by itself) */
  bool test;  /* the test part: refused unless final */
  bool final; /* this is the one final training */
};

void net_parts_done(struct net_parts *parts); /* a zeroed struct is allowed */

/* Memory for n images; the rest of the struct is the caller's. Release with net_images_done. CLADE_ENOMEM. */
int net_images_init(struct net_images *images, size_t n, size_t height, size_t width, struct cl_err *e);
void net_images_done(struct net_images *images); /* a zeroed struct is allowed */

/* Split off parts of `all`: which[0..n_validation) is the validation part, the rest of which[0..n) the
 * training part; with `join` the training part is all of which[0..n). ret->test is left alone. CLADE_ENOMEM.
 */
int net_images_split(const struct net_images *all, const uint32_t *which, size_t n, size_t n_validation,
                     bool join, struct net_parts *ret, struct cl_err *e);

/* A copy of n of the images, in the order of `which` (indices below from->n). CLADE_ENOMEM; ret untouched. */
int net_images_select(const struct net_images *from, const uint32_t *which, size_t n, struct net_images *ret,
                      struct cl_err *e);

/* The refusal that a reader gives for test data outside of the final training. Returns CLADE_EREFUSED. */
int net_refuse_test_data(const char *data, struct cl_err *e);

/* Keep at most per_class images of each class; a smaller limit keeps a subset of a larger one's. */
int net_images_limit(struct net_images *images, size_t per_class, uint64_t seed, struct cl_err *e);

/* Replace the labels of round(fraction * n) images, 0 <= fraction <= 1, by one of the other classes; a
 * smaller fraction replaces a subset of a larger one's, by the same labels. */
int net_images_add_label_noise(struct net_images *images, double fraction, uint64_t seed, struct cl_err *e);

/* The images named by `which`, as numbers, one after the other. */
void net_images_put(const struct net_images *images, const uint32_t *which, size_t n, real *to,
                    uint8_t *to_labels);

#endif
