/* Duty: hypergradient methods through C: one of one's own gives the numbers of the built-in one;
 * its call is dead when its function has returned; what an iterative method tells can be read;
 * options of methods are listed; wrong use gives a status and a message. */
#include <betty.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SIZE = 3 };

static int failures;

static void expect(int good, const char *what, int line) {
  if (good) return;
  failures++;
  fprintf(stderr, "line %d: %s, message '%s'\n", line, what, betty_last_error());
}

#define GOOD(call) expect((call) == BETTY_OK && !*betty_last_error(), #call, __LINE__)
#define BAD(status, part, call) \
  expect((call) == (status) && strstr(betty_last_error(), part), #call, __LINE__)

static betty_method_call *kept;
static int calls;

/* Lower: 1/2 |theta - lambda|^2; upper: 1/2 |theta|^2. */
typedef struct {
  betty_tensor *theta, *lambda;
} Program;

static int apply(const char *name, betty_tensor **a, betty_tensor *b) {
  betty_tensor *inputs[] = {*a, b}, *result = NULL;
  if (betty_call(name, inputs, b ? 2 : 1, NULL, &result)) return 1;
  betty_tensor_free(*a);
  *a = result;
  return 0;
}

static int half_square(betty_tensor *x, betty_tensor *y, betty_tensor **out_loss) {
  betty_tensor *difference = NULL, *half = NULL;
  if (betty_tensor_retain(x, &difference)) return 1;
  int bad = (y && apply("sub", &difference, y)) || apply("mul", &difference, difference) ||
            apply("sum", &difference, NULL) || betty_tensor_number_double(0.5, &half) ||
            apply("mul", &difference, half);
  betty_tensor_free(half);
  if (bad) betty_tensor_free(difference);
  else *out_loss = difference;
  return bad;
}

static int32_t lower_step(
    betty_problem *problem, int32_t fresh, betty_tensor **out_loss, void *user_data) {
  Program *program = user_data;
  (void)problem, (void)fresh;
  return half_square(program->theta, program->lambda, out_loss);
}

static int32_t upper_step(
    betty_problem *problem, int32_t fresh, betty_tensor **out_loss, void *user_data) {
  (void)problem, (void)fresh;
  return half_square(((Program *)user_data)->theta, NULL, out_loss);
}

/* The mixed product of H v, which is v here. */
static int32_t plain(betty_method_call *call, void *user_data) {
  betty_tensor *vector = NULL, *product = NULL, *mixed = NULL, *none = NULL;
  int32_t count = 0;
  int *fails = user_data;
  calls++;
  kept = call;
  if (*fails) return 5;
  GOOD(betty_method_count(call, "vector", &count));
  expect(count == 1, "one vector", __LINE__);
  GOOD(betty_method_tensor(call, "vector", 0, &vector));
  BAD(BETTY_ERROR_INDEX, "tensor 1 of 1", betty_method_tensor(call, "upper", 1, &none));
  BAD(BETTY_ERROR_KEY, "'lambda' is none of", betty_method_count(call, "lambda", &count));
  BAD(BETTY_ERROR_VALUE, "'hvp' or 'mixed'", betty_method_product(call, "x", &vector, 1, &none));
  BAD(BETTY_ERROR_VALUE, "expected 1 tensors", betty_method_product(call, "hvp", NULL, 0, &none));
  GOOD(betty_method_product(call, "hvp", &vector, 1, &product));
  GOOD(betty_method_product(call, "mixed", &product, 1, &mixed));
  GOOD(betty_method_give(call, &mixed, 1));
  betty_tensor_free(vector);
  betty_tensor_free(product);
  betty_tensor_free(mixed);
  return 0;
}

static betty_tensor *parameter(double value) {
  const double values[SIZE] = {value, 2 * value, -value};
  const int64_t shape[] = {SIZE};
  betty_tensor *data = NULL, *made = NULL;
  GOOD(betty_tensor_new(values, BETTY_F64, shape, 1, &data));
  GOOD(betty_parameter_new(data, 1, &made));
  betty_tensor_free(data);
  return made;
}

static betty_problem *problem(
    const char *name, betty_training_step step, Program *p, betty_tensor *tensor, double rate,
    const char *type) {
  betty_problem_callbacks callbacks = {.size = sizeof callbacks, .training_step = step};
  betty_options *config = NULL, *hyper = NULL;
  betty_optimizer *optimizer = NULL;
  betty_problem *made = NULL;
  GOOD(betty_options_new(&config));
  GOOD(betty_options_set_string(config, "type", type));
  GOOD(betty_options_new(&hyper));
  GOOD(betty_options_set_double(hyper, "lr", rate));
  GOOD(betty_optimizer_new("SGD", &optimizer));
  GOOD(betty_optimizer_add_group(optimizer, &tensor, 1, hyper));
  GOOD(betty_problem_new(name, config, &callbacks, p, &made));
  GOOD(betty_problem_set_parameters(made, &tensor, 1));
  GOOD(betty_problem_set_optimizer(made, optimizer));
  betty_optimizer_free(optimizer);
  betty_options_free(config);
  betty_options_free(hyper);
  return made;
}

/* Two steps with a method; lambda at their end and what the method tells. */
static betty_status run(const char *type, double *lambda, char *told, size_t room) {
  Program p = {parameter(1), parameter(0.5)};
  betty_problem *problems[] = {
      problem("upper", upper_step, &p, p.lambda, 0.1, "darts"),
      problem("lower", lower_step, &p, p.theta, 0.1, type)};
  betty_engine *engine = NULL;
  betty_tensor *gradient = NULL;
  const char *text = NULL;
  GOOD(betty_engine_new(problems, 2, NULL, NULL, NULL, &engine));
  GOOD(betty_engine_depend(engine, "l2u", 1, 0));
  GOOD(betty_engine_depend(engine, "u2l", 0, 1));
  betty_status status = betty_engine_train_step(engine);
  if (!status) {
    GOOD(betty_engine_train_step(engine));
    GOOD(betty_problem_hypergradient_info(problems[0], &text));
    snprintf(told, room, "%s", text);
    GOOD(betty_tensor_copy_out(p.lambda, lambda, SIZE * sizeof *lambda));
    BAD(BETTY_ERROR_VALUE, "1 parameters", betty_problem_gradients(problems[0], 2, &gradient));
    GOOD(betty_problem_gradients(problems[0], 1, &gradient));
    betty_tensor_free(gradient);
  }
  betty_engine_free(engine);
  for (int i = 0; i < 2; i++) betty_problem_free(problems[i]);
  betty_tensor_free(p.theta);
  betty_tensor_free(p.lambda);
  return status;
}

int main(void) {
  double expected[SIZE], found[SIZE], worst = 0, value = 0;
  char told[512];
  const char *name = NULL;
  int fails = 0;
  int32_t count = 0;
  GOOD(betty_hypergradient_register("plain", plain, &fails));
  BAD(BETTY_ERROR_VALUE, "built-in", betty_hypergradient_register("cg", plain, &fails));
  BAD(BETTY_ERROR_VALUE, "NULL", betty_hypergradient_register("x", NULL, NULL));
  GOOD(run("exact", expected, told, sizeof told));
  expect(!*told, "exact has nothing to tell", __LINE__);
  GOOD(run("plain", found, told, sizeof told));
  for (int i = 0; i < SIZE; i++) worst = fmax(worst, fabs(found[i] - expected[i]));
  expect(worst < 1e-15 && fabs(found[0] - 0.5) > 1e-3, "the numbers of exact", __LINE__);
  expect(calls <= 2, "called once for a structure", __LINE__);
  BAD(BETTY_ERROR_VALUE, "no live method call", betty_method_count(kept, "vector", &count));
  GOOD(run("cg", found, told, sizeof told));
  expect(strstr(told, "upper lower upper\tlower\tcg\t1\t") == told, told, __LINE__);
  expect(strstr(told, "\titerations=1.0") != NULL, told, __LINE__);
  fails = 1;
  BAD(BETTY_ERROR_CALLBACK, "method 'plain'", run("plain", found, told, sizeof told));
  GOOD(betty_hypergradient_option("neumann", 1, &name, &value));
  expect(name && !strcmp(name, "neumann_alpha") && value == 1, "an option", __LINE__);
  GOOD(betty_hypergradient_option("neumann", 2, &name, &value));
  expect(!name, "past the last", __LINE__);
  BAD(BETTY_ERROR_KEY, "no method 'newton'",
      betty_hypergradient_option("newton", 0, &name, &value));
  return failures != 0;
}
