/* A training: a network, its data, and where it stands. Everything random in it is named by a seed and the
 * place (epoch, update), so the state to save is the parameters, the velocities, the seeds and a few
 * counters; a training that was saved and loaded goes on bit for bit as if nothing had happened. Who takes
 * over another one's state goes on with its own seeds, or, if it follows, with those of the state: then the
 * replay of a schedule from the root of a lineage comes to the very same.
 *
 * Three seeds, each of which changes one thing only: the initial weights, the order of the examples in each
 * epoch, the dropout masks.
 */
#ifndef NET_TRAINING_H
#define NET_TRAINING_H

#include "net/images.h"
#include "net/net.h"

struct net_seeds {
  uint64_t initial, order, dropout;
};

/* Values as of now; they may be others at every advance. */
struct net_values {
  double lr;         /* finite */
  double momentum;   /* finite; the velocity is multiplied by it */
  double dropout;    /* in [0, 1) */
  size_t batch_size; /* 1 to the network's max_batch */
  bool evolves;      /* follow `loss` instead of the likelihood */
  struct clade_loss loss;
  /* Distillation: targets are (1 - distil) * label + distil * teacher. */
  double distil;       /* in [0, 1] */
  const real *teacher; /* [example][class], probabilities; null: labels only   (borrows) */
};

struct net_place {
  uint64_t epoch;    /* whole epochs done */
  uint64_t examples; /* of the current epoch done, below the number of examples */
  uint64_t updates;  /* steps of the optimiser since the beginning */
};

struct net_training {
  struct net *net;               /* kept */
  const struct net_images *data; /* kept */
  struct net_seeds seeds;
  bool follows; /* load takes the seeds of the state, too; false after init */
  size_t max_batch;
  struct net_place place;
  double loss_sum; /* over the examples since the last net_training_take_loss */
  uint64_t loss_count;
  uint32_t *order;      /* of the examples in epoch order_epoch */
  uint64_t order_epoch; /* UINT64_MAX: none yet */
  uint64_t order_seed;  /* that it was made by */
  uint8_t *labels;      /* of a batch */
  real *soft;           /* targets of a batch */
  uint32_t *which;      /* of a batch of net_training_evaluate */
};

/* A training at its very beginning; initialises the network.
 *
 *   net        for batches of max_batch and images of the size of data's   (keeps)
 *   data       at least one image   (keeps)
 *
 * Release with net_training_done, which leaves net and data alone. CLADE_ENOMEM. */
int net_training_init(struct net_training *t, struct net *net, size_t max_batch,
                      const struct net_images *data, struct net_seeds seeds, struct cl_err *e);
void net_training_done(struct net_training *t);

/* Train to example `until` of the current epoch (place.examples < until <= data->n). The last batch is the
 * smaller one that ends exactly there; `until` = data->n begins the next epoch. */
void net_training_advance(struct net_training *t, uint64_t until, const struct net_values *values);

/* Mean negative log likelihood of the training, dropout included, since the last call; NaN if nothing was
 * trained. */
double net_training_take_loss(struct net_training *t);

/* Mean loss and share of right answers. Both are NaN as soon as one image's loss is. */
void net_training_evaluate(struct net_training *t, const struct net_images *images, double *ret_loss,
                           double *ret_accuracy);

/* What the network makes of all examples, in their order: [example][class], probabilities. */
void net_training_predict(struct net_training *t, real *ret);

/* Write the state as `directory`/state.net; read it back. A load that fails leaves the training as it was.
 *
 * save: CLADE_EIO, CLADE_ENOMEM. load: CLADE_ENOTFOUND, CLADE_EIO; CLADE_ECORRUPT: damaged; CLADE_EINVAL: of
 * another network or another number of examples; CLADE_ENOMEM. */
int net_training_save(const struct net_training *t, const char *directory, struct cl_err *e);
int net_training_load(struct net_training *t, const char *directory, struct cl_err *e);

#endif
