/* Duty: problems and the engine through C: a bilevel quadratic has its closed form; what fails in a
 * callback comes back as a status and everything is as it was; objects may be freed in any order;
 * NULL, freed handles and wrong options give a status and a message. */
#include "program.h"

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
