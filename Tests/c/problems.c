/* Duty: problems and the engine through C: a bilevel quadratic has its closed form; what fails in a
 * callback comes back as a status and everything is as it was; objects may be freed in any order;
 * NULL, freed handles and wrong options give a status and a message. */
#include <betty.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SIZE = 3, UNROLL = 2, STEPS = 10 };
enum { LOWER_STEP = 1, UPPER_STEP, START, GRADIENT, PARAMETER, NO_LOSS, BAD_CALL, VALIDATION };

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
#define FREED_IS_SEEN(call) BAD(BETTY_ERROR_VALUE, "freed", call)

/* Lower: 1/2 |theta - lambda a|^2; upper: 1/2 |theta - target|^2. */
typedef struct {
  betty_tensor *theta, *lambda, *a, *target;
  betty_optimizer *optimizers[2];
  betty_problem *problems[2]; /* upper, lower */
  betty_engine *engine;
  int fails; /* which callback */
  int stops, starts, validations;
} Program;

static const double start_theta[] = {0.5, -1, 2}, start_lambda[] = {1, 1, 1};
static const double given_a[] = {1, 2, 3}, given_target[] = {1, 0, -1};

static betty_tensor *vector(const double *values) {
  const int64_t shape[] = {SIZE};
  betty_tensor *made = NULL;
  GOOD(betty_tensor_new(values, BETTY_F64, shape, 1, &made));
  return made;
}

static betty_tensor *parameter(const double *values) {
  betty_tensor *data = vector(values), *made = NULL;
  GOOD(betty_parameter_new(data, 1, &made));
  betty_tensor_free(data);
  return made;
}

static int apply(const char *name, betty_tensor **a, betty_tensor *b) {
  betty_tensor *inputs[] = {*a, b}, *result = NULL;
  if (betty_call(name, inputs, b ? 2 : 1, NULL, &result)) return 1;
  betty_tensor_free(*a);
  *a = result;
  return 0;
}

/* 1/2 |x - y|^2, owned. */
static int half_square(betty_tensor *x, betty_tensor *y, betty_tensor **out_loss) {
  betty_tensor *difference = NULL, *half = NULL;
  if (betty_tensor_retain(x, &difference)) return 1;
  int bad = apply("sub", &difference, y) || apply("mul", &difference, difference) ||
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
  betty_tensor *a = NULL;
  (void)fresh;
  if (program->fails == LOWER_STEP) return 7;
  if (program->fails == NO_LOSS) return 0;
  if (program->fails == BAD_CALL) return betty_call("no such", NULL, 0, NULL, &a);
  int bad = betty_problem_batch(problem, 0, &a) || apply("mul", &a, program->lambda) ||
            half_square(program->theta, a, out_loss);
  betty_tensor_free(a);
  return bad;
}

static int32_t upper_step(
    betty_problem *problem, int32_t fresh, betty_tensor **out_loss, void *user_data) {
  Program *program = user_data;
  (void)problem, (void)fresh;
  return program->fails == UPPER_STEP ? -1
                                      : half_square(program->theta, program->target, out_loss);
}

static int32_t on_start(betty_problem *problem, void *user_data) {
  Program *program = user_data;
  int64_t count = 0;
  program->starts++;
  return betty_problem_count(problem, &count) || program->fails == START;
}

static int32_t on_gradient(betty_problem *problem, void *user_data) {
  (void)problem;
  return ((Program *)user_data)->fails == GRADIENT;
}

static int32_t on_parameter(betty_problem *problem, void *user_data) {
  (void)problem;
  return ((Program *)user_data)->fails == PARAMETER;
}

static int32_t on_validation(betty_engine *engine, int32_t *out_stop, void *user_data) {
  Program *program = user_data;
  int64_t step = 0;
  program->validations++;
  *out_stop = program->stops;
  return betty_engine_global_step(engine, &step) || program->fails == VALIDATION;
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

static void make(Program *p, int depended) {
  *p = (Program){.theta = parameter(start_theta), .lambda = parameter(start_lambda),
                 .a = vector(given_a), .target = vector(given_target)};
  betty_problem_callbacks upper = {.size = sizeof upper, .training_step = upper_step};
  betty_problem_callbacks lower = {.size = sizeof lower, .training_step = lower_step,
                                   .on_inner_loop_start = on_start, .grad_callback = on_gradient,
                                   .param_callback = on_parameter};
  betty_engine_callbacks engine = {.size = sizeof engine, .validation = on_validation};
  betty_options *config = NULL, *run = NULL;
  GOOD(betty_options_new(&config));
  GOOD(betty_options_set_string(config, "type", "exact"));
  GOOD(betty_options_set_int(config, "unroll_steps", UNROLL));
  GOOD(betty_options_new(&run));
  GOOD(betty_options_set_int(run, "train_iters", STEPS));
  GOOD(betty_options_set_int(run, "valid_step", STEPS / 2));
  GOOD(betty_problem_new("upper", NULL, &upper, p, &p->problems[0]));
  GOOD(betty_problem_new("lower", config, &lower, p, &p->problems[1]));
  p->optimizers[0] = sgd(p->lambda, 0.05);
  p->optimizers[1] = sgd(p->theta, 0.1);
  GOOD(betty_problem_set_parameters(p->problems[0], &p->lambda, 1));
  GOOD(betty_problem_set_parameters(p->problems[1], &p->theta, 1));
  for (int i = 0; i < 2; i++)
    GOOD(betty_problem_set_optimizer(p->problems[i], p->optimizers[i]));
  GOOD(betty_problem_set_data(p->problems[1], &p->a, 1, NULL));
  GOOD(betty_engine_new(p->problems, 2, run, &engine, p, &p->engine));
  if (depended) {
    GOOD(betty_engine_depend(p->engine, "l2u", 1, 0));
    GOOD(betty_engine_depend(p->engine, "u2l", 0, 1));
  }
  betty_options_free(config);
  betty_options_free(run);
}

static void drop(Program *p) {
  betty_engine_free(p->engine);
  for (int i = 0; i < 2; i++) {
    betty_problem_free(p->problems[i]);
    betty_optimizer_free(p->optimizers[i]);
  }
  betty_tensor_free(p->theta);
  betty_tensor_free(p->lambda);
  betty_tensor_free(p->a);
  betty_tensor_free(p->target);
}

/* What `steps` lower steps lead to, by hand; the upper problem steps after every `unroll`. */
static void expect_state_of(const Program *p, int steps, int unroll, int line) {
  double theta[SIZE], lambda[SIZE], got_theta[SIZE], got_lambda[SIZE], worst = 0;
  memcpy(theta, start_theta, sizeof theta);
  memcpy(lambda, start_lambda, sizeof lambda);
  for (int step = 1; step <= steps; step++) {
    for (int i = 0; i < SIZE; i++) theta[i] -= 0.1 * (theta[i] - lambda[i] * given_a[i]);
    for (int i = 0; i < SIZE && step % unroll == 0; i++)
      lambda[i] -= 0.05 * given_a[i] * (theta[i] - given_target[i]);
  }
  GOOD(betty_tensor_copy_out(p->theta, got_theta, sizeof got_theta));
  GOOD(betty_tensor_copy_out(p->lambda, got_lambda, sizeof got_lambda));
  for (int i = 0; i < SIZE; i++)
    worst = fmax(worst, fmax(fabs(got_theta[i] - theta[i]), fabs(got_lambda[i] - lambda[i])));
  expect(worst < 1e-12, "theta and lambda", line);
}

#define expect_state(p, steps) expect_state_of(p, steps, UNROLL, __LINE__)

static void test_closed_form(void) {
  Program p;
  const char *paths = NULL;
  int64_t count = 0;
  make(&p, 1);
  GOOD(betty_engine_start(p.engine));
  GOOD(betty_problem_paths(p.problems[0], &paths));
  expect(!strcmp(paths, "upper lower upper\n"), "paths", __LINE__);
  GOOD(betty_engine_run(p.engine));
  expect_state(&p, STEPS);
  expect(p.starts == STEPS / UNROLL && p.validations == 2, "callbacks", __LINE__);
  GOOD(betty_problem_count(p.problems[0], &count));
  expect(count == STEPS / UNROLL, "count", __LINE__);
  GOOD(betty_engine_train_step(p.engine));
  expect_state(&p, STEPS + 1);
  p.stops = 1;
  GOOD(betty_engine_run(p.engine));
  expect_state(&p, STEPS + 1 + STEPS / 2);
  drop(&p);
}

static void test_failing_callbacks(void) {
  static const struct {
    int which, steps;
    const char *message;
  } cases[] = {
      {LOWER_STEP, 0, "problem 'lower': training_step returned 7"},
      {BAD_CALL, 0, "problem 'lower': training_step returned"},
      {UPPER_STEP, 2, "problem 'upper': training_step returned -1"},
      {START, 0, "problem 'lower': on_inner_loop_start returned 1"},
      {GRADIENT, 0, "problem 'lower': grad_callback returned 1"},
      {PARAMETER, 1, "problem 'lower': param_callback returned 1"},
      {VALIDATION, STEPS / 2, "Engine: validation returned 1"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    Program p;
    make(&p, 1);
    p.fails = cases[i].which;
    BAD(BETTY_ERROR_CALLBACK, cases[i].message, betty_engine_run(p.engine));
    /* A failed upper step changes nothing, and the lower steps before it are complete. */
    expect_state_of(&p, cases[i].steps, cases[i].which == UPPER_STEP ? 99 : UNROLL, __LINE__);
    drop(&p);
  }
  Program p;
  make(&p, 1);
  p.fails = NO_LOSS;
  BAD(BETTY_ERROR_VALUE, "gave no loss", betty_engine_run(p.engine));
  p.fails = 0;
  GOOD(betty_engine_run(p.engine));
  expect_state(&p, STEPS);
  drop(&p);
}

static void test_any_order_of_freeing(void) {
  Program p;
  make(&p, 1);
  for (int i = 0; i < 2; i++) {
    betty_problem_free(p.problems[i]);
    betty_optimizer_free(p.optimizers[i]);
  }
  betty_problem_free(p.problems[1]); /* the engine's reference is not the caller's */
  GOOD(betty_engine_run(p.engine));
  expect_state(&p, STEPS);
  betty_engine_free(p.engine);
  betty_engine_free(p.engine);
  FREED_IS_SEEN(betty_engine_run(p.engine));
  FREED_IS_SEEN(betty_engine_depend(p.engine, "l2u", 0, 1));
  int64_t count = 0;
  FREED_IS_SEEN(betty_problem_count(p.problems[0], &count));
  FREED_IS_SEEN(betty_problem_set_parameters(p.problems[0], &p.theta, 1));
  FREED_IS_SEEN(betty_optimizer_step(p.optimizers[0]));
  FREED_IS_SEEN(betty_engine_new(p.problems, 2, NULL, NULL, NULL, &p.engine));
  betty_tensor_free(p.theta);
  betty_tensor_free(p.lambda);
  betty_tensor_free(p.a);
  betty_tensor_free(p.target);
}

static void test_dependencies(void) {
  Program p;
  make(&p, 0);
  BAD(BETTY_ERROR_VALUE, "'l2u' or 'u2l'", betty_engine_depend(p.engine, "up", 0, 1));
  BAD(BETTY_ERROR_INDEX, "problem 2 of 2", betty_engine_depend(p.engine, "l2u", 0, 2));
  BAD(BETTY_ERROR_INDEX, "problem -1 of 2", betty_engine_depend(p.engine, "l2u", -1, 0));
  GOOD(betty_engine_depend(p.engine, "l2u", 1, 0));
  GOOD(betty_engine_depend(p.engine, "l2u", 0, 1));
  BAD(BETTY_ERROR_VALUE, "cycle", betty_engine_start(p.engine));
  BAD(BETTY_ERROR_VALUE, "cycle", betty_engine_run(p.engine));
  drop(&p);
  make(&p, 0);
  GOOD(betty_engine_depend(p.engine, "u2l", 0, 1));
  BAD(BETTY_ERROR_VALUE, "no l2u path", betty_engine_start(p.engine));
  drop(&p);
}

static void bad_option(const char *name, int64_t value, betty_status status, const char *part) {
  betty_problem_callbacks callbacks = {.size = sizeof callbacks, .training_step = upper_step};
  betty_options *options = NULL;
  betty_problem *problem = NULL;
  GOOD(betty_options_new(&options));
  GOOD(betty_options_set_int(options, name, value));
  BAD(status, part, betty_problem_new("p", options, &callbacks, NULL, &problem));
  betty_options_free(options);
}

static void test_options(void) {
  betty_optimizer *optimizer = NULL;
  betty_problem *problem = NULL;
  betty_problem_callbacks callbacks = {.size = 3};
  bad_option("unroll", 1, BETTY_ERROR_KEY, "unroll_steps");
  bad_option("unroll_steps", 0, BETTY_ERROR_VALUE, "at least 1");
  bad_option("type", 1, BETTY_ERROR_TYPE, "string");
  BAD(BETTY_ERROR_KEY, "SGD", betty_optimizer_new("Sgd", &optimizer));
  BAD(BETTY_ERROR_VALUE, "size", betty_problem_new("p", NULL, &callbacks, NULL, &problem));
  callbacks.size = sizeof callbacks;
  BAD(BETTY_ERROR_VALUE, "training_step",
      betty_problem_new("p", NULL, &callbacks, NULL, &problem));
  BAD(BETTY_ERROR_VALUE, "no problems", betty_engine_new(NULL, 0, NULL, NULL, NULL, NULL));
}

static void test_data(void) {
  Program p;
  betty_options *options = NULL;
  betty_tensor *part = NULL, *scalar = NULL;
  betty_problem *lower;
  make(&p, 1);
  lower = p.problems[1];
  GOOD(betty_options_new(&options));
  GOOD(betty_options_set_int(options, "batch_size", 0));
  BAD(BETTY_ERROR_VALUE, "batch_size", betty_problem_set_data(lower, &p.a, 1, options));
  betty_options_free(options);
  GOOD(betty_options_new(&options));
  GOOD(betty_options_set_int(options, "batch", 1));
  BAD(BETTY_ERROR_KEY, "batch_size", betty_problem_set_data(lower, &p.a, 1, options));
  BAD(BETTY_ERROR_VALUE, "rows", betty_problem_set_data(lower, NULL, 0, NULL));
  GOOD(betty_tensor_number_double(1, &scalar));
  BAD(BETTY_ERROR_VALUE, "rows", betty_problem_set_data(lower, &scalar, 1, NULL));
  BAD(BETTY_ERROR_INDEX, "part 0 of 0", betty_problem_batch(lower, 0, &part));
  BAD(BETTY_ERROR_RUNTIME, "no data", betty_problem_batch(p.problems[0], 0, &part));
  GOOD(betty_engine_train_step(p.engine));
  BAD(BETTY_ERROR_INDEX, "part 1 of 1", betty_problem_batch(lower, 1, &part));
  BAD(BETTY_ERROR_INDEX, "part -1 of 1", betty_problem_batch(lower, -1, &part));
  betty_tensor_free(scalar);
  betty_options_free(options);
  drop(&p);
}

static void test_null(void) {
  Program p;
  betty_tensor *none = NULL;
  int64_t number = 0;
  make(&p, 1);
  betty_problem *lower = p.problems[1];
  betty_problem_callbacks callbacks = {.size = sizeof callbacks, .training_step = upper_step};
  NULL_IS_SEEN(betty_problem_new(NULL, NULL, &callbacks, NULL, &lower));
  NULL_IS_SEEN(betty_problem_new("p", NULL, &callbacks, NULL, NULL));
  NULL_IS_SEEN(betty_problem_set_parameters(lower, NULL, 1));
  NULL_IS_SEEN(betty_problem_set_parameters(lower, &none, 1));
  NULL_IS_SEEN(betty_problem_set_meta_parameters(NULL, &p.theta, 1));
  NULL_IS_SEEN(betty_problem_set_optimizer(NULL, p.optimizers[0]));
  NULL_IS_SEEN(betty_problem_set_data(NULL, &p.a, 1, NULL));
  NULL_IS_SEEN(betty_problem_set_data(lower, &none, 1, NULL));
  NULL_IS_SEEN(betty_problem_add_batch(NULL, &p.a, 1));
  NULL_IS_SEEN(betty_problem_give_batch(NULL, &p.a, 1));
  NULL_IS_SEEN(betty_problem_batch(NULL, 0, &none));
  NULL_IS_SEEN(betty_problem_batch_index(lower, NULL));
  NULL_IS_SEEN(betty_problem_count(lower, NULL));
  NULL_IS_SEEN(betty_problem_paths(lower, NULL));
  NULL_IS_SEEN(betty_problem_paths(NULL, NULL));
  NULL_IS_SEEN(betty_problem_dump(lower, NULL));
  NULL_IS_SEEN(betty_problem_dump(NULL, NULL));
  NULL_IS_SEEN(betty_engine_new(NULL, 1, NULL, NULL, NULL, &p.engine));
  NULL_IS_SEEN(betty_engine_depend(p.engine, NULL, 0, 1));
  NULL_IS_SEEN(betty_engine_start(NULL));
  NULL_IS_SEEN(betty_engine_train_step(NULL));
  NULL_IS_SEEN(betty_engine_global_step(NULL, &number));
  NULL_IS_SEEN(betty_engine_global_step(p.engine, NULL));
  BAD(BETTY_ERROR_VALUE, "nn.Parameter", betty_problem_set_parameters(lower, &p.a, 1));
  drop(&p);
}

int main(void) {
  test_closed_form();
  test_failing_callbacks();
  test_any_order_of_freeing();
  test_dependencies();
  test_options();
  test_data();
  test_null();
  return failures != 0;
}
