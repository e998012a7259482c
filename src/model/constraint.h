/* Relations between hyperparameters: "warmup < epochs", "a + b <= 1", "opt == 'adam' or momentum > 0".
 *
 * Grammar: comparisons (< <= > >= == !=) of sums, products and parentheses of numbers, names, 'strings',
 * true, false, null; joined by and, or, not. A constraint that mentions an inactive hyperparameter holds.
 *
 * One function: taylor_loss(t0, t1, t2, t3, t4, t5, t6, t7, classes), true when the loss of these parameters
 * is worth training (base/loss_rule.h).
 */
#ifndef CL_CONSTRAINT_H
#define CL_CONSTRAINT_H

#include "model/space.h"

#define CL_CONSTRAINT_TEXT 1000 /* bytes of one expression */

/* Parse `text` over the names of `s`. Gives *ret; free with cl_constraint_destroy.
 * CLADE_ESPEC naming the column and what was expected, an unknown name with the nearest known one;
 * CLADE_ENOMEM. */
int cl_constraint_parse(const char *text, const struct cl_space *s, struct cl_constraint **ret,
                        struct cl_err *e);
void cl_constraint_destroy(struct cl_constraint *c); /* null is allowed */

bool cl_constraint_holds(const struct cl_constraint *c, const struct cl_value *values);
const char *cl_constraint_text(const struct cl_constraint *c);

#endif
