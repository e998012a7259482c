/* MNIST by the network of the PBT study that examples/mnist/README.md names: 21 840 parameters. */
#include <stdlib.h>

#include "base/alloc.h"
#include "mnist/mnist_data.h"
#include "net/models.h"
#include "net/trial.h"

static const struct net_option options[] = {
    {"width", "10", "channels of the first layer, 1 to 64; the others grow with it"},
    {"reports_per_epoch", "2", "2 = a report every half epoch"},
    {"data", "", "directory of the idx files [$MNIST_DATA, else data beside the program]"},
    {0}};

static char *find_data(void) {
  const char *directory = getenv("MNIST_DATA");
  return directory != NULL && directory[0] != '\0' ? cl_copy_text(directory) : net_beside_program("data");
}

int main(int argc, char **argv) {
  static const struct net_example example = {.summary = "mnist: train a convolutional network on MNIST.",
                                             .options = options,
                                             .find_data = find_data,
                                             .read = mnist_read,
                                             .layers = net_model_mnist};
  return net_trial_main(argc, argv, &example);
}
