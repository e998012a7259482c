#include "net/training.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/text.h"
#include "net/seeds.h"

#define EVALUATION_BATCH 64 /* measured: larger ones leave the cache */

int net_training_init(struct net_training *t, struct net *net, size_t max_batch,
                      const struct net_images *data, struct net_seeds seeds, struct cl_err *e) {
  assert(data->n >= 1 && max_batch >= 1);
  size_t largest = max_batch > EVALUATION_BATCH ? max_batch : EVALUATION_BATCH;
  *t = (struct net_training){
      .net = net, .data = data, .seeds = seeds, .max_batch = max_batch, .order_epoch = UINT64_MAX};
  t->order = cl_alloc_array(data->n, sizeof *t->order);
  t->labels = cl_alloc(largest);
  t->which = cl_alloc_array(largest, sizeof *t->which);
  t->soft = cl_alloc_array(largest, net_n_classes(net) * sizeof *t->soft);
  if (t->order == NULL || t->labels == NULL || t->which == NULL || t->soft == NULL) {
    net_training_done(t);
    return CL_FAIL_NOMEM(e);
  }
  net_initialise(net, seeds.initial);
  return 0;
}

void net_training_done(struct net_training *t) {
  cl_free(t->order);
  cl_free(t->labels);
  cl_free(t->which);
  cl_free(t->soft);
  *t = (struct net_training){0};
}

static void make_order(struct net_training *t) {
  if (t->order_epoch == t->place.epoch && t->order_seed == t->seeds.order) return;
  for (size_t i = 0; i < t->data->n; i++) t->order[i] = (uint32_t)i;
  struct cl_rng r = cl_rng_stream(t->seeds.order, CL_RNG_USER, t->place.epoch, NET_STREAM_ORDER);
  cl_rng_shuffle(&r, t->order, t->data->n);
  t->order_epoch = t->place.epoch;
  t->order_seed = t->seeds.order;
}

/* The targets of a batch, t->labels, of the examples `which`; null: the labels alone. */
static const real *mix_targets(struct net_training *t, const uint32_t *which, size_t n,
                               const struct net_values *values) {
  size_t classes = net_n_classes(t->net);
  if (values->teacher == NULL || values->distil == 0) return NULL;
  assert(values->distil > 0 && values->distil <= 1);
  for (size_t i = 0; i < n; i++)
    for (size_t c = 0; c < classes; c++) {
      double label = t->labels[i] == c, taught = (double)values->teacher[which[i] * classes + c];
      t->soft[i * classes + c] = (real)(label + values->distil * (taught - label));
    }
  return t->soft;
}

void net_training_advance(struct net_training *t, uint64_t until, const struct net_values *values) {
  struct net_place *at = &t->place;
  assert(at->examples < until && until <= t->data->n);
  assert(values->batch_size >= 1 && values->batch_size <= t->max_batch);
  make_order(t);
  while (at->examples < until) {
    size_t left = (size_t)(until - at->examples), n = left < values->batch_size ? left : values->batch_size;
    net_images_put(t->data, t->order + at->examples, n, net_input(t->net), t->labels);
    const real *soft = mix_targets(t, t->order + at->examples, n, values);
    double loss = net_backward(t->net, t->labels, soft, n, values->dropout, t->seeds.dropout, at->updates,
                               values->evolves ? &values->loss : NULL);
    net_step(t->net, values->lr, values->momentum);
    t->loss_sum += loss * (double)n;
    t->loss_count += n;
    at->examples += n;
    at->updates++;
  }
  if (at->examples == t->data->n) {
    at->examples = 0;
    at->epoch++;
  }
}

void net_training_predict(struct net_training *t, real *ret) {
  size_t batch = t->max_batch < EVALUATION_BATCH ? t->max_batch : EVALUATION_BATCH;
  size_t classes = net_n_classes(t->net);
  for (size_t first = 0; first < t->data->n; first += batch) {
    size_t n = t->data->n - first < batch ? t->data->n - first : batch;
    for (size_t i = 0; i < n; i++) t->which[i] = (uint32_t)(first + i);
    net_images_put(t->data, t->which, n, net_input(t->net), t->labels);
    const real *log_p = net_predict(t->net, n);
    for (size_t i = 0; i < n; i++)
      for (size_t c = 0; c < classes; c++)
        ret[(first + i) * classes + c] = (real)exp((double)log_p[c * n + i]);
  }
}

double net_training_take_loss(struct net_training *t) {
  double mean = t->loss_count == 0 ? (double)NAN : t->loss_sum / (double)t->loss_count;
  t->loss_sum = 0;
  t->loss_count = 0;
  return mean;
}

void net_training_evaluate(struct net_training *t, const struct net_images *images, double *ret_loss,
                           double *ret_accuracy) {
  assert(images->n >= 1);
  size_t batch = t->max_batch < EVALUATION_BATCH ? t->max_batch : EVALUATION_BATCH, all_right = 0;
  double loss = 0;
  for (size_t first = 0; first < images->n; first += batch) {
    size_t n = images->n - first < batch ? images->n - first : batch, right;
    for (size_t i = 0; i < n; i++) t->which[i] = (uint32_t)(first + i);
    net_images_put(images, t->which, n, net_input(t->net), t->labels);
    loss += net_evaluate(t->net, t->labels, n, &right);
    all_right += right;
  }
  *ret_loss = loss / (double)images->n;
  *ret_accuracy = isnan(loss) ? loss : (double)all_right / (double)images->n;
}

/* The saved state: this header, the parameters, the velocities, a CRC-32 of all before it; in the byte order
 * and number format of the machine. */
struct header {
  char magic[8];
  uint64_t number_size, n_parameters, n_examples;
  struct net_seeds seeds;
  struct net_place place;
  double loss_sum;
  uint64_t loss_count;
};

static const char magic[8] = "cladnet2";

static uint32_t checksum(const char *bytes, size_t n) {
  return (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const unsigned char *)bytes, n);
}

int net_training_save(const struct net_training *t, const char *directory, struct cl_err *e) {
  size_t n = net_n_parameters(t->net), array = n * sizeof(real);
  struct header h = {.number_size = sizeof(real),
                     .n_parameters = n,
                     .n_examples = t->data->n,
                     .seeds = t->seeds,
                     .place = t->place,
                     .loss_sum = t->loss_sum,
                     .loss_count = t->loss_count};
  memcpy(h.magic, magic, sizeof magic);
  struct cl_text text = {0};
  cl_text_add_bytes(&text, (const char *)&h, sizeof h);
  cl_text_add_bytes(&text, (const char *)net_parameters(t->net), array);
  cl_text_add_bytes(&text, (const char *)net_velocities(t->net), array);
  uint32_t crc = checksum(cl_text_get(&text), text.length);
  cl_text_add_bytes(&text, (const char *)&crc, sizeof crc);
  char *path = cl_path_join(directory, "state.net");
  int status =
      path == NULL || text.failed ? CL_FAIL_NOMEM(e) : cl_file_write(path, text.bytes, text.length, false, e);
  cl_free(path);
  cl_text_done(&text);
  return status;
}

static int check_state(const struct net_training *t, const char *path, const char *bytes, size_t size,
                       struct header *ret, struct cl_err *e) {
  uint32_t crc;
  if (size < sizeof *ret + sizeof crc || memcmp(bytes, magic, sizeof magic) != 0)
    return CL_FAIL(e, CLADE_ECORRUPT, "'%s' is no saved state of this trainer: load another one", path);
  memcpy(&crc, bytes + size - sizeof crc, sizeof crc);
  if (crc != checksum(bytes, size - sizeof crc))
    return CL_FAIL(e, CLADE_ECORRUPT, "'%s' is damaged (its checksum is wrong): load another one", path);
  struct header h;
  memcpy(&h, bytes, sizeof h);
  if (h.number_size != sizeof(real) || h.n_parameters != net_n_parameters(t->net))
    return CL_FAIL(
        e, CLADE_EINVAL,
        "'%s' holds a network of %llu parameters of %llu bytes, but this one has %zu of %zu: load a "
        "state of an equal network",
        path, (unsigned long long)h.n_parameters, (unsigned long long)h.number_size, net_n_parameters(t->net),
        sizeof(real));
  if (h.n_examples != t->data->n)
    return CL_FAIL(e, CLADE_EINVAL,
                   "'%s' was trained on %llu examples, but here there are %zu: give the same "
                   "data and --limit",
                   path, (unsigned long long)h.n_examples, t->data->n);
  if (size != sizeof h + 2 * h.n_parameters * sizeof(real) + sizeof crc || h.place.examples >= h.n_examples ||
      h.place.epoch >> 40 != 0 || h.place.updates >> 40 != 0)
    return CL_FAIL(e, CLADE_ECORRUPT, "'%s' contradicts itself: load another one", path);
  *ret = h;
  return 0;
}

int net_training_load(struct net_training *t, const char *directory, struct cl_err *e) {
  char *path = cl_path_join(directory, "state.net"), *bytes = NULL;
  if (path == NULL) return CL_FAIL_NOMEM(e);
  size_t size = 0, array = net_n_parameters(t->net) * sizeof(real);
  struct header h = {0};
  int status = cl_file_read(path, (size_t)1 << 30, &bytes, &size, e);
  if (status < 0) goto out;
  status = check_state(t, path, bytes, size, &h, e);
  if (status < 0) goto out;
  memcpy(net_parameters(t->net), bytes + sizeof h, array);
  memcpy(net_velocities(t->net), bytes + sizeof h + array, array);
  if (t->follows) t->seeds = h.seeds;
  t->place = h.place;
  t->loss_sum = h.loss_sum;
  t->loss_count = h.loss_count;
out:
  cl_free(bytes);
  cl_free(path);
  return status;
}
