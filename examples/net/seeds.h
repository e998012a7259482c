/* The random streams of a training. Each is named by (seed, what, epoch or update): nothing about them has to
 * be saved but the seeds and where the training stands, and changing one seed changes one stream. */
#ifndef NET_SEEDS_H
#define NET_SEEDS_H

enum net_stream {
  NET_STREAM_INITIAL = 1, /* weights; sub-streams by layer follow in `trial` */
  NET_STREAM_ORDER = 2,   /* of the examples, by epoch */
  NET_STREAM_SPLIT = 3,   /* of the data into parts, by class */
  NET_STREAM_NOISE = 4,   /* wrong labels */
  NET_STREAM_LIMIT = 5,   /* which examples stay under a limit, by class */
  NET_STREAM_DROPOUT = 64 /* + index of the layer, by update */
};

#endif
