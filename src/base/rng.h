/* Random streams that depend on nothing but their name: Philox4x32-10 (Salmon et al. 2011, by Random123).
 *
 * A stream is (study seed, purpose, trial, sub); no state is kept anywhere between streams, so a draw does
 * not depend on the order of proposals, on threads, or on other hyperparameters.
 */
#ifndef CL_RNG_H
#define CL_RNG_H

#include <stddef.h>
#include <stdint.h>

/* Part of the file format: numbers are never reused. */
enum cl_purpose {
  CL_RNG_RANDOM = 1,
  CL_RNG_STARTUP = 2,
  CL_RNG_QMC = 3,
  CL_RNG_TPE = 4,
  CL_RNG_GP_CANDIDATES = 5,
  CL_RNG_GP_FANTASY = 6,
  CL_RNG_GP_RESTART = 7,
  CL_RNG_CMA = 8,
  CL_RNG_GA = 9,
  CL_RNG_DE = 10,
  CL_RNG_DGD = 11,
  CL_RNG_SCHEDULER = 12,
  CL_RNG_EXPLOIT = 13,
  CL_RNG_EXPLORE = 14,
  CL_RNG_BOOTSTRAP = 15,
  CL_RNG_FOREST = 16,
  CL_RNG_USER = 17,
  CL_RNG_TRIAL_SEED = 18, /* CLADE_SEED of a trial: from study seed, trial and repeat only */
  CL_RNG_CONFIRM = 19     /* who runs next when winners are confirmed */
};

struct cl_rng {
  uint32_t key[2], counter[4], words[4];
  int used; /* words of the current block already given out */
};

/* The stream's beginning. trial < 2^40; sub is a hyperparameter's stable id, a repeat, a generation… */
struct cl_rng cl_rng_stream(uint64_t seed, enum cl_purpose purpose, uint64_t trial, uint32_t sub);

uint64_t cl_rng_bits(struct cl_rng *r);              /* 64 bits: second word of the pair high */
double cl_rng_uniform(struct cl_rng *r);             /* [0, 1) on a grid of 2^-53 */
double cl_rng_open(struct cl_rng *r);                /* (0, 1) */
double cl_rng_normal(struct cl_rng *r);              /* N(0,1) by inverse CDF; one uniform each */
uint64_t cl_rng_below(struct cl_rng *r, uint64_t n); /* [0, n), n >= 1; bias <= n / 2^64 */
/* First index whose cumulative weight exceeds u * total. Weights >= 0 with a positive sum; n >= 1. */
size_t cl_rng_choice(struct cl_rng *r, const double *weights, size_t n);
void cl_rng_shuffle(struct cl_rng *r, uint32_t *items, size_t n); /* Fisher-Yates, descending */

/* The bare block function, for tests with published vectors. */
void cl_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t ret[4]);

/* A bijection that spreads every bit over all others (the finaliser of SplitMix64). */
static inline uint64_t cl_mix64(uint64_t z) {
  z ^= z >> 30;
  z *= UINT64_C(0xBF58476D1CE4E5B9);
  z ^= z >> 27;
  z *= UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

/* Inverse of the standard normal distribution function; p in (0, 1). Relative error < 1e-15 (Wichura 1988, AS
 * 241). */
double cl_normal_quantile(double p);

#endif
