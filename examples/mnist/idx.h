/* The idx format of the MNIST files: a big-endian header of 32 bit numbers, then bytes. */
#ifndef MNIST_IDX_H
#define MNIST_IDX_H

#include "net/images.h"

/* Read a pair of files, each gzip-compressed or not.
 *
 *   images_path  magic 2051, count, rows, columns, pixels; at most 1 000 000 images of 1 to 256 rows and
 * columns labels_path  magic 2049, count, labels of 0 to 9; as many as there are images ret          gives;
 * release with net_images_done; n_classes is 10, mean and scale are for MNIST
 *
 * CLADE_ECORRUPT, with a sentence that names the file: wrong magic, sizes outside of the limits, a file
 * shorter or longer than its header says, a label above 9, counts that differ. Else as net_gz_read. */
int mnist_idx_read(const char *images_path, const char *labels_path, struct net_images *ret,
                   struct cl_err *e);

#endif
