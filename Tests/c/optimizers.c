/* Duty: optimizers through C: hyperparameters, a step by hand, counts, NULL and unknown names. */
#include <betty.h>
#include <stdio.h>
#include <string.h>

static int failures;

static void expect(int good, const char *what, int line) {
  if (good) return;
  failures++;
  fprintf(stderr, "line %d: %s, message '%s'\n", line, what, betty_last_error());
}

#define GOOD(call) expect((call) == BETTY_OK && !*betty_last_error(), #call, __LINE__)
#define BAD(status, part, call) \
  expect((call) == (status) && strstr(betty_last_error(), part), #call, __LINE__)
#define NULL_IS_SEEN(call) BAD(BETTY_ERROR_VALUE, "NULL", call)

static betty_tensor *parameter(void) {
  const double values[] = {1, 2, 3};
  const int64_t shape[] = {3};
  betty_tensor *data = NULL, *made = NULL;
  GOOD(betty_tensor_new(values, BETTY_F64, shape, 1, &data));
  GOOD(betty_parameter_new(data, 1, &made));
  betty_tensor_free(data);
  return made;
}

static betty_optimizer *sgd(betty_tensor *tensor, double lr) {
  betty_optimizer *made = NULL;
  betty_options *hyper = NULL;
  GOOD(betty_options_new(&hyper));
  GOOD(betty_options_set_double(hyper, "lr", lr));
  GOOD(betty_optimizer_new("SGD", &made));
  GOOD(betty_optimizer_add_group(made, &tensor, 1, hyper));
  betty_options_free(hyper);
  return made;
}

/* The loss sum(x * x), whose gradient is 2 x. */
static void backward(betty_tensor *x) {
  betty_tensor *inputs[] = {x, x}, *square = NULL, *loss = NULL;
  GOOD(betty_call("mul", inputs, 2, NULL, &square));
  GOOD(betty_call("sum", &square, 1, NULL, &loss));
  GOOD(betty_backward(&loss, NULL, 1, 0, 0));
  betty_tensor_free(square);
  betty_tensor_free(loss);
}

int main(void) {
  betty_tensor *x = parameter(), *y = parameter(), *state = NULL;
  betty_optimizer *o = sgd(x, 0.1);
  const char *name = NULL;
  double value = 0, values[3] = {0};
  int64_t steps = 0;
  GOOD(betty_optimizer_get(o, 0, "lr", &value));
  expect(value == 0.1, "lr", __LINE__);
  GOOD(betty_optimizer_set(o, 0, "lr", 0.2));
  BAD(BETTY_ERROR_VALUE, "lr", betty_optimizer_set(o, 0, "lr", -1));
  BAD(BETTY_ERROR_KEY, "momentum", betty_optimizer_set(o, 0, "speed", 1));
  BAD(BETTY_ERROR_INDEX, "group", betty_optimizer_get(o, 1, "lr", &value));
  BAD(BETTY_ERROR_INDEX, "group", betty_optimizer_set(o, -1, "lr", 0.1));
  BAD(BETTY_ERROR_KEY, "in none of its groups", betty_optimizer_steps(o, y, &steps));
  GOOD(betty_optimizer_step(o)); /* no gradients: nothing to do */
  GOOD(betty_optimizer_steps(o, x, &steps));
  expect(steps == 0, "steps", __LINE__);
  backward(x);
  GOOD(betty_optimizer_step(o));
  GOOD(betty_optimizer_steps(o, x, &steps));
  GOOD(betty_tensor_copy_out(x, values, sizeof values));
  expect(steps == 1 && values[2] > 1.8 - 1e-12 && values[2] < 1.8 + 1e-12, "3 - 0.2 * 6", __LINE__);
  GOOD(betty_optimizer_zero_grad(o));
  GOOD(betty_optimizer_step(o));
  GOOD(betty_optimizer_steps(o, x, &steps));
  expect(steps == 1, "a step without gradients", __LINE__);
  GOOD(betty_optimizer_hyperparameter("Adam", 0, &name, &value));
  expect(name && !strcmp(name, "lr") && value == 1e-3, "Adam's lr", __LINE__);
  GOOD(betty_optimizer_hyperparameter("Adam", 99, &name, &value));
  expect(!name, "past the last", __LINE__);
  NULL_IS_SEEN(betty_optimizer_new(NULL, &o));
  NULL_IS_SEEN(betty_optimizer_add_group(NULL, &x, 1, NULL));
  NULL_IS_SEEN(betty_optimizer_add_group(o, NULL, 1, NULL));
  NULL_IS_SEEN(betty_optimizer_set(o, 0, NULL, 1));
  NULL_IS_SEEN(betty_optimizer_get(o, 0, "lr", NULL));
  NULL_IS_SEEN(betty_optimizer_zero_grad(NULL));
  NULL_IS_SEEN(betty_optimizer_state_name(o, 0, 0, NULL));
  NULL_IS_SEEN(betty_optimizer_state(o, NULL, "momentum_buffer", &state));
  NULL_IS_SEEN(betty_optimizer_state(o, x, "momentum_buffer", NULL));
  NULL_IS_SEEN(betty_optimizer_set_state(o, x, "momentum_buffer", NULL));
  NULL_IS_SEEN(betty_optimizer_steps(o, x, NULL));
  NULL_IS_SEEN(betty_optimizer_set_steps(o, NULL, 1));
  NULL_IS_SEEN(betty_optimizer_hyperparameter(NULL, 0, &name, &value));
  betty_optimizer_free(o);
  betty_optimizer_free(o);
  BAD(BETTY_ERROR_VALUE, "freed", betty_optimizer_step(o));
  betty_tensor_free(x);
  betty_tensor_free(y);
  return failures != 0;
}
