/* What members of a population teach each other: the probabilities that a network gives the training images,
 * in files named by step and trial. A file is written once, by whoever reached that step, before its report
 * is sent; so when a generation's last member has reported, all see the same files, and agree on the best.
 */
#ifndef NET_TEACHER_H
#define NET_TEACHER_H

#include "net/net.h"

struct net_teacher {
  int64_t trial;
  double step;
  double score;      /* finite, larger is better */
  size_t n, classes; /* examples; numbers per example */
};

/* Write `directory`/<step>-<trial>.soft (the directory is made). `probabilities`: n * classes. CLADE_EIO,
 * CLADE_ENOMEM. */
int net_teacher_save(const char *directory, const struct net_teacher *teacher, const real *probabilities,
                     struct cl_err *e);

/* The best of the last step at or below pupil->step, ties by trial; its n * classes probabilities into ret.
 * CLADE_EMPTY: there is none. CLADE_ECORRUPT: damaged; CLADE_EINVAL: of other data; CLADE_EIO; CLADE_ENOMEM.
 */
int net_teacher_find(const char *directory, const struct net_teacher *pupil, real *ret, struct cl_err *e);

#endif
