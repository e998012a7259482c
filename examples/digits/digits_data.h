/* UCI's "Optical Recognition of Handwritten Digits": 8x8 pixels of 0 to 16 and a label per line. */
#ifndef DIGITS_DATA_H
#define DIGITS_DATA_H

#include "net/images.h"

/* Read a CSV file, gzip-compressed or not, in a fixed order.
 *
 * Of each class, shuffled by a constant seed, the first fifth (rounded down) is the test part, the next the
 * validation part, the rest the training part: of the 1 797 images 355, 355 and 1 087.
 *
 *   ret  gives; release with net_parts_done
 *
 * CLADE_EREFUSED: the test part is wished for, but this is not final. CLADE_ECORRUPT, naming the line: not 65
 * numbers, a pixel above 16, a label above 9. Else as net_gz_read. */
int digits_read(const char *path, struct net_wish wish, struct net_parts *ret, struct cl_err *e);

#endif
