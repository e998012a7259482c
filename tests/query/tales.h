/* The studies that the tests of queries and commands share. */
#ifndef CL_TEST_TALES_H
#define CL_TEST_TALES_H

#include "query/tale.h"

/* 12 trials in most states; lr (log float), momentum, layers (ordered), opt (unordered); val_accuracy and
 * loss. */
void tell_mnist(struct cl_store *s);
/* 10 configurations of x with 1 to 4 runs each, and 3 confirm runs of one: enough for an estimate. */
void tell_repeats(struct cl_store *s);
/* Four members, an exploit, a person's change, a second attempt from a snapshot. */
void tell_pbt(struct cl_store *s);
/* Names and texts with quotes, newlines, escapes, other alphabets; a note of a megabyte. */
void tell_hostile(struct cl_store *s);
/* Nine trials of a runspec: an objective that is computed at the end, in a record of its own; one that still
 * runs, one taken up again from a snapshot; tags and notes. */
void tell_maze(struct cl_store *s);
/* No trial. */
void tell_empty(struct cl_store *s);
/* A note to the study `many`. */
void tell_more(struct cl_store *s);
/* 4781 runs that give the rows of the eval tool in XT's tutorial. */
void tell_job411(struct cl_store *s);
/* Two methods, fast and slow, with seeds 1 to 4 each: fast-s1 … slow-s4; slow-s4 is not finished. Trial 2 of
 * seed 3 begins differently. */
void tell_race(struct cl_store *s);
/* n short trials. */
void tell_many(struct cl_store *s, const char *name, int64_t n);

#endif
