/* Direction numbers of the Sobol sequence, computed: nothing is copied from published tables.
 *
 * Dimension 1 is van der Corput's; dimension j >= 2 takes the (j-1)-th primitive polynomial over GF(2), by
 * degree and then by value (the order of Joe & Kuo 2008), and s odd initial numbers m_i < 2^i for its degree
 * s. Dimensions 2 and 3 have only one good choice of these; from 4 on they are derived from a small number
 * per dimension, `choice`, which bench/sobol_choices.c has searched such that every 2-d projection on earlier
 * dimensions is as even as it can be made, under Sobol's property A.
 */
#ifndef CL_SOBOL_NUMBERS_H
#define CL_SOBOL_NUMBERS_H

#include <stdint.h>

#define CL_SOBOL_DIMENSIONS 1111 /* all primitive polynomials of degree <= 13 */
#define CL_SOBOL_BITS       32

/* By dimension - 1; those of the first three are not used. */
extern const uint16_t cl_sobol_choices[CL_SOBOL_DIMENSIONS];

/* The primitive polynomial that follows `polynomial` (0: the first, x + 1), as bits with the highest power
 * highest. Degree <= 13. */
uint32_t cl_sobol_next_polynomial(uint32_t polynomial);

/* Direction numbers V_1…V_32 of one dimension (1…), scaled to 32 bits. `polynomial` is not used by
 * dimension 1. */
void cl_sobol_direction(int dimension, uint32_t polynomial, unsigned choice, uint32_t ret[CL_SOBOL_BITS]);

/* The first `dimensions` dimensions, dimensions * 32 numbers. */
void cl_sobol_directions(int dimensions, uint32_t *ret);

/* Coordinate (times 2^32) of point `index` (0…) in Gray-code order, and its Owen scramble with the hash s. */
uint32_t cl_sobol_point(const uint32_t directions[CL_SOBOL_BITS], uint32_t index);
uint32_t cl_sobol_scramble(uint32_t x, uint32_t s);

#endif
