/* TensorBoard's event files: the records of a file that begins with a version and holds scalars. Pure.
 *
 * A record is the length of its data (8 bytes), a checksum of these, the data, a checksum of the data, all of
 * it little-endian; the data are a message `Event` of TensorFlow in the encoding of protocol buffers.
 */
#ifndef CL_TENSORBOARD_H
#define CL_TENSORBOARD_H

#include "base/text.h"

/* The name of an attempt's event file in its directory: TensorBoard takes what has `tfevents` in its name. */
#define CL_TENSORBOARD_FILE "events.out.tfevents.clade"

/* CRC-32C of the bytes, rotated and moved as the format wants it. */
uint32_t cl_tensorboard_checksum(const char *bytes, size_t n);

/* Append the record that a file begins with. Times are seconds since 1970. */
void cl_tensorboard_begin(struct cl_text *ret, double time_s);

/* Append the record of one value. Steps are whole there. */
void cl_tensorboard_scalar(struct cl_text *ret, double time_s, int64_t step, const char *name, double value);

#endif
