/* When a Taylor loss is worth training. The one formula that the engine (constraint `taylor_loss`) and
 * trainers
 * (<clade/loss.h>) must agree on; what the parameters mean stands in trainer/loss.h. */
#ifndef CL_LOSS_RULE_H
#define CL_LOSS_RULE_H

#include <stdbool.h>

#define CL_LOSS_PARAMETERS 8

/* The invariant of TaylorGLO's authors with our factorials (p3/2, p4/6, p6/2, p7/2 for their p3, p4, p6, p7):
 * with all probabilities 1 / classes, df/dy of the label exceeds that of another class by at least (classes -
 * 2) times the latter. classes >= 2. False when a parameter is not finite. */
bool cl_loss_rule_holds(const double theta[CL_LOSS_PARAMETERS], double classes);

#endif
