/* Genes: how the values of two parents become those of a descendant (EPBT: Liang et al. 2020, arXiv
 * 2002.04225; the loop of its public re-implementation without its errors).
 *
 * A gene is a hyperparameter that is searched, not drawn afresh per trial, and not of change class `start`:
 * those describe the state, and go with it. Uniform crossover, then mutation, in one pass from parents of the
 * space to their children, so that conditions hold.
 */
#ifndef CL_GENES_H
#define CL_GENES_H

#include "base/rng.h"
#include "model/options.h"
#include "model/space.h"

enum cl_mutation_kind { CL_MUTATION_NORMAL, CL_MUTATION_MULTIPLICATIVE };

struct cl_mutation {
  enum cl_mutation_kind kind;
  double sd; /* normal: of the step in [0,1], as cl_space_encode_one maps values; multiplicative: of a factor
                around 1 */
  double choice; /* how often a value of a list without order is drawn afresh */
  double reset;  /* how often a value goes back to the tuned one, if there is a legal one */
};

/* The mutation of each hyperparameter: one for all, and what single ones override. */
struct cl_mutations {
  struct cl_mutation all;
  size_t n;
  struct cl_mutation_of *of; /* private */
};

extern const struct cl_option cl_mutation_options[]; /* of the option `mutation` */

/* Read the option `mutation` (`given`, may be null): {kind, sd, choice, reset, of: {name: {the same four}}}.
 * What a single one does not override is that of all. The struct owns its memory: cl_mutations_done.
 * CLADE_ESPEC naming the option or an unknown name; CLADE_ENOMEM. */
int cl_mutations_init(struct cl_mutations *m, const json_t *given, const struct cl_space *space,
                      struct cl_err *e);
void cl_mutations_done(struct cl_mutations *m); /* a zeroed struct is allowed */
const struct cl_mutation *cl_mutations_find(const struct cl_mutations *m, int id);

bool cl_gene_is(const struct cl_hyperparameter *h);

/* What a mutation did to one gene. */
#define CL_GENE_SAME    1.0      /* nothing; no step and no factor is exactly that */
#define CL_GENE_DRAWN   NAN      /* drawn afresh */
#define CL_GENE_DEFAULT INFINITY /* went back to the tuned value */

/* The mutation of one value. Three numbers of `rng` are used, whatever happens. The result is legal.
 * Normal: the coordinate moves by a step and is clipped to [0,1]; lists without order are drawn afresh with
 * probability `choice`. Multiplicative: numbers are multiplied, rounded where whole, and clipped to the
 * range; others stay. Then the reset. A value outside of the domain is drawn afresh. *ret_step: CL_GENE_…,
 * the step, or the factor. */
struct cl_value cl_gene_mutate(const struct cl_hyperparameter *h, const struct cl_mutation *m,
                               struct cl_value v, struct cl_rng *rng, double *ret_step);

/* What names the random streams of a descendant. */
struct cl_breeding {
  uint64_t seed;
  uint32_t generation; /* modulo 65536 */
  uint32_t descendant; /* 0… within the generation */
  uint32_t couple;     /* the two of a couple share one mask: each gets what the other gives */
  uint32_t attempt;    /* of the mutation, 0…: other numbers, same mask */
  double swap;         /* probability of a gene to be the other's */
};

/* The values of one descendant.
 *
 *   own, other  of its two parents, complete by this space; equal pointers: no crossover   (borrows)
 *   ret         space->n values; not own, not other; texts borrow from those
 *   ret_taken   space->n: is it the other's gene?
 *   ret_steps   space->n: what mutation did
 *
 * A hyperparameter that becomes active without a value in either is drawn. Constraints are not looked at. */
void cl_genes_breed(const struct cl_space *s, const struct cl_mutations *m, const struct cl_breeding *b,
                    const struct cl_value *own, const struct cl_value *other, struct cl_value *ret,
                    bool *ret_taken, double *ret_steps);

#endif
