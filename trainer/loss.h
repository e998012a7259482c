/* A loss function with eight parameters, so that it can be evolved like any other hyperparameter (TaylorGLO:
 * Gonzalez and Miikkulainen 2021, arXiv 2002.00059).
 *
 * With x the target of a class (1 for the label, else 0; or soft) and y its probability, the loss of one
 * example over n classes is
 *
 *   L = -1/n sum over the classes of f(x, y),    a = x - t0,  b = y - t1,
 *   f = t2 b + 1/2 t3 b^2 + 1/6 t4 b^3 + t5 a b + 1/2 t6 a b^2 + 1/2 t7 a^2 b
 *
 * a Taylor expansion to the third order around (t0, t1), without the four terms that no gradient sees. The
 * authors' search code leaves the factorials out: its coefficients are t3/2, t4/6, t6/2 and t7/2.
 *
 *   static const double theta[CLADE_LOSS_PARAMETERS] = {0.3, -0.1, 1, -0.5, 0.2, 0.7, -0.4, 0.25};
 *   struct clade_loss loss;
 *   if (!clade_loss_is_valid(theta, 10)) return 77;       the trial is infeasible, and not trained
 *   clade_loss_init(&loss, theta, 10, CLADE_LOSS_CLIP | CLADE_LOSS_RESCALE);
 *   for (...) sum += clade_loss_evaluate(&loss, target, logits, gradient);
 *
 * Nothing here allocates or fails; all functions may be called from several threads.
 */
#ifndef CLADE_LOSS_H
#define CLADE_LOSS_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef CLADE_API
#define CLADE_API __attribute__((visibility("default")))
#endif

#define CLADE_LOSS_PARAMETERS  8
#define CLADE_LOSS_CLASSES_MAX 4096

enum {
  /* Keep every dL/dy in [-10, 10]: a wild loss then cannot throw the weights away in one step. */
  CLADE_LOSS_CLIP = 1u << 0,
  /* Scale t2…t7 so that at the start of training, all probabilities equal, gradients are as large on average
   * as those of cross-entropy: the shape of the loss is then not mixed up with the learning rate. A loss that
   * is flat there stays as it is. */
  CLADE_LOSS_RESCALE = 1u << 1
};

struct clade_loss {
  double theta[CLADE_LOSS_PARAMETERS]; /* as given, t2…t7 rescaled if asked for */
  double scale;                        /* what they were multiplied by; 1 = nothing */
  int classes;
  unsigned flags;
};

/* theta: t0…t7, any finite numbers (copied). classes: 2…CLADE_LOSS_CLASSES_MAX. */
CLADE_API void clade_loss_init(struct clade_loss *loss, const double theta[CLADE_LOSS_PARAMETERS],
                               int classes, unsigned flags);

/* One example. target, logits: `classes` numbers each; the probabilities are the softmax of the logits.
 * Returns the loss and, unless ret_gradient is null, its derivatives by the logits (may be the array
 * `logits`). NaN and infinities in the logits give NaN. Cost O(classes), one exponential per class. */
CLADE_API double clade_loss_evaluate(const struct clade_loss *loss, const double *target,
                                     const double *logits, double *ret_gradient);

/* The authors' invariant, with our factorials: with equal probabilities, as at the start of training, df/dy
 * of the label exceeds that of another class by at least (classes - 2) times the latter. Losses that break it
 * are not worth training: their trial is infeasible. It sorts out most of the hopeless ones, not all. Cost
 * O(1). */
CLADE_API bool clade_loss_is_valid(const double theta[CLADE_LOSS_PARAMETERS], int classes);

#ifdef __cplusplus
}
#endif

#endif
