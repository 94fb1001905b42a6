/* Duty: the bilevel quadratic that the tests of problems and engine share, and how they count what
 * is not as it should be. */
#ifndef BETTY_TESTS_PROGRAM_H
#define BETTY_TESTS_PROGRAM_H

#include <betty.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SIZE = 3, UNROLL = 2, STEPS = 10 };
enum { LOWER_STEP = 1, UPPER_STEP, START, GRADIENT, PARAMETER, NO_LOSS, BAD_CALL, VALIDATION };

static int failures;

static inline void expect(int good, const char *what, int line) {
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

static inline betty_tensor *vector(const double *values) {
  const int64_t shape[] = {SIZE};
  betty_tensor *made = NULL;
  GOOD(betty_tensor_new(values, BETTY_F64, shape, 1, &made));
  return made;
}

static inline betty_tensor *parameter(const double *values) {
  betty_tensor *data = vector(values), *made = NULL;
  GOOD(betty_parameter_new(data, 1, &made));
  betty_tensor_free(data);
  return made;
}

static inline int apply(const char *name, betty_tensor **a, betty_tensor *b) {
  betty_tensor *inputs[] = {*a, b}, *result = NULL;
  if (betty_call(name, inputs, b ? 2 : 1, NULL, &result)) return 1;
  betty_tensor_free(*a);
  *a = result;
  return 0;
}

/* 1/2 |x - y|^2, owned. */
static inline int half_square(betty_tensor *x, betty_tensor *y, betty_tensor **out_loss) {
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

static inline int32_t lower_step(
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

static inline int32_t upper_step(
    betty_problem *problem, int32_t fresh, betty_tensor **out_loss, void *user_data) {
  Program *program = user_data;
  (void)problem, (void)fresh;
  return program->fails == UPPER_STEP ? -1
                                      : half_square(program->theta, program->target, out_loss);
}

static inline int32_t on_start(betty_problem *problem, void *user_data) {
  Program *program = user_data;
  int64_t count = 0;
  program->starts++;
  return betty_problem_count(problem, &count) || program->fails == START;
}

static inline int32_t on_gradient(betty_problem *problem, void *user_data) {
  (void)problem;
  return ((Program *)user_data)->fails == GRADIENT;
}

static inline int32_t on_parameter(betty_problem *problem, void *user_data) {
  (void)problem;
  return ((Program *)user_data)->fails == PARAMETER;
}

static inline int32_t on_validation(betty_engine *engine, int32_t *out_stop, void *user_data) {
  Program *program = user_data;
  int64_t step = 0;
  program->validations++;
  *out_stop = program->stops;
  return betty_engine_global_step(engine, &step) || program->fails == VALIDATION;
}

static inline betty_optimizer *sgd(betty_tensor *tensor, double lr) {
  betty_optimizer *made = NULL;
  betty_options *hyper = NULL;
  GOOD(betty_options_new(&hyper));
  GOOD(betty_options_set_double(hyper, "lr", lr));
  GOOD(betty_optimizer_new("SGD", &made));
  GOOD(betty_optimizer_add_group(made, &tensor, 1, hyper));
  betty_options_free(hyper);
  return made;
}

static inline void make(Program *p, int depended) {
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

static inline void drop(Program *p) {
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
static inline void expect_state_of(const Program *p, int steps, int unroll, int line) {
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

#endif
