/* The MNIST data set as a directory of the original files, uncompressed or not (.gz). */
#ifndef MNIST_DATA_H
#define MNIST_DATA_H

#include "net/images.h"

/* Read train-images-idx3-ubyte and train-labels-idx1-ubyte, and for the test part t10k-…, of a directory.
 *
 * Of the training images, shuffled by a constant seed, the first fifth is the validation part: 12 000 of
 * 60 000. They are read in the shuffled order.
 *
 *   ret  gives; release with net_parts_done
 *
 * CLADE_EREFUSED: the test part is wished for, but this is not final. CLADE_ENOTFOUND: how to get the data.
 * Else as mnist_idx_read. */
int mnist_read(const char *directory, struct net_wish wish, struct net_parts *ret, struct cl_err *e);

#endif
