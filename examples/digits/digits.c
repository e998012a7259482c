/* Handwritten digits: a small convolutional network on 1 087 images of 8x8 pixels, a quarter of a second. */
#include "digits/digits_data.h"
#include "net/models.h"
#include "net/trial.h"

static const struct net_option options[] = {
    {"epochs", "40", "passes over the training data"},
    {"batch_size", "32", "images per update, 1 to 1024 (live)"},
    {"dropout", "0.2", "probability of dropping a plane or unit, in [0, 1) (live)"},
    {"data", "", "CSV file [digits.csv.gz beside the program]"},
    {0}};

static char *find_data(void) {
  return net_beside_program("digits.csv.gz");
}

int main(int argc, char **argv) {
  static const struct net_example example = {
      .summary = "digits: train a small convolutional network on the UCI handwritten digits.",
      .options = options,
      .find_data = find_data,
      .read = digits_read,
      .layers = net_model_digits};
  return net_trial_main(argc, argv, &example);
}
