/* Copies between the program's memory and buffers, as fast as the machine's memory is. Knows nothing of
 * regions. */
#ifndef CL_TRAINER_COPY_H
#define CL_TRAINER_COPY_H

#include <stddef.h>

struct cl_trainer_piece {
  char *to;
  const char *from;
  size_t n;
};

/* The side that is a file's memory and was not read or written since it was mapped: its pages are there, but
 * one fault for each would cost more than the copy. */
enum cl_trainer_new { CL_TRAINER_NEW_NONE, CL_TRAINER_NEW_TO, CL_TRAINER_NEW_FROM };

/* Copy n pieces that do not overlap. Much is shared among up to four threads, when the caller may run on that
 * many processors and the system has the threads; all have ended when it returns. Signals stay with the
 * caller's threads. */
void cl_trainer_copy(const struct cl_trainer_piece *pieces, size_t n, enum cl_trainer_new new_side);

#endif
