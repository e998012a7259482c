/* Test accuracy of a saved state of examples/digits: the one look at the test part that a comparison takes,
 * after its winner is chosen. Usage: digits_test DATA WIDTH LIMIT DATA_SEED DIRECTORY */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "digits/digits_data.h"
#include "net/models.h"
#include "net/training.h"

/* A state that was handed over as regions of memory has the parameters in a file of their own. */
static int load(struct net_training *training, const char *directory, struct cl_err *e) {
  size_t size = 0, wanted = net_n_parameters(training->net) * sizeof(real);
  char *path = cl_path_join(directory, "0-parameters"), *bytes = NULL;
  if (path == NULL) return CL_FAIL_NOMEM(e);
  int status = cl_path_exists(path) ? cl_file_read(path, wanted + 1, &bytes, &size, e) : CLADE_EMPTY;
  if (status == 0 && size != wanted)
    status = CL_FAIL(e, CLADE_EINVAL, "'%s' has %zu bytes, but this network's has %zu", path, size, wanted);
  if (status == 0) memcpy(net_parameters(training->net), bytes, wanted);
  cl_free(bytes);
  cl_free(path);
  return status == CLADE_EMPTY ? net_training_load(training, directory, e) : status;
}

static int evaluate(char **argv, struct net_parts *data, struct net **net, struct net_training *training,
                    double *ret, struct cl_err *e) {
  struct net_layer_spec layers[NET_MAX_LAYERS];
  size_t limit = strtoul(argv[3], NULL, 10), n = net_model_digits(strtoul(argv[2], NULL, 10), layers);
  double loss;
  CL_TRY(digits_read(argv[1], (struct net_wish){.test = true, .final = true}, data, e));
  if (limit > 0) CL_TRY(net_images_limit(&data->training, limit, strtoull(argv[4], NULL, 10), e));
  CL_TRY(net_create(layers, n, data->training.height, data->training.width, 64, net, e));
  CL_TRY(net_training_init(training, *net, 64, &data->training, (struct net_seeds){0}, e));
  CL_TRY(load(training, argv[5], e));
  net_training_evaluate(training, &data->test, &loss, ret);
  return 0;
}

int main(int argc, char **argv) {
  struct net_parts data = {0};
  struct net *net = NULL;
  struct net_training training = {0};
  struct cl_err e;
  double accuracy = 0;
  if (argc != 6) return 2;
  int status = evaluate(argv, &data, &net, &training, &accuracy, &e);
  if (status < 0)
    fprintf(stderr, "%s\n", e.text);
  else
    printf("%.17g\n", accuracy);
  net_training_done(&training);
  net_destroy(net);
  net_parts_done(&data);
  return status < 0;
}
