/* Duty: replicas through C: each is given its rows of the batch, the step is that of the whole
 * batch, a replica that fails leaves all as it was, and wrong options give a status and a message.
 */
#include "program.h"

enum { ROWS = 5, REPLICAS = 2 };

typedef struct {
  betty_tensor *theta, *rows;
  betty_optimizer *optimizer;
  betty_problem *problem;
  betty_engine *engine;
  int calls, fails;
  int64_t seen[REPLICAS];
  double shares;
} Mean;

static double value_of(int row, int column) { return (row * row - 2.0 * column) / 3; }

/* The mean of (x - theta)^2 over the replica's rows. */
static int32_t mean_step(
    betty_problem *problem, int32_t fresh, betty_tensor **out_loss, void *user_data) {
  Mean *mean = user_data;
  betty_tensor *x = NULL;
  int32_t replica = -1, count = -1, rank = 0;
  int64_t shape[2] = {0, 0};
  double share = 0;
  if (betty_problem_replica(problem, &replica, &count, &share)) return 1;
  if (mean->fails && replica == mean->fails) return 5;
  if (betty_problem_batch(problem, 0, &x) || betty_tensor_shape(x, shape, 2, &rank)) return 1;
  mean->calls++;
  mean->seen[replica] = shape[0];
  mean->shares += share;
  expect(count == REPLICAS && rank == 2 && fresh == (replica == 0), "replica", __LINE__);
  if (apply("sub", &x, mean->theta) || apply("mul", &x, x) || apply("mean", &x, NULL)) {
    betty_tensor_free(x);
    return 1;
  }
  *out_loss = x;
  return 0;
}

static betty_options *strategy(const char *name, int64_t replicas) {
  betty_options *options = NULL;
  GOOD(betty_options_new(&options));
  GOOD(betty_options_set_string(options, "strategy", name));
  GOOD(betty_options_set_int(options, "replicas", replicas));
  GOOD(betty_options_set_int(options, "train_iters", STEPS));
  return options;
}

static void make_mean(Mean *mean) {
  const int64_t shape[] = {ROWS, SIZE};
  double rows[ROWS * SIZE];
  betty_problem_callbacks callbacks = {.size = sizeof callbacks, .training_step = mean_step};
  betty_options *options = strategy("data_parallel", REPLICAS);
  for (int i = 0; i < ROWS * SIZE; i++) rows[i] = value_of(i / SIZE, i % SIZE);
  *mean = (Mean){.theta = parameter(start_theta)};
  GOOD(betty_tensor_new(rows, BETTY_F64, shape, 2, &mean->rows));
  mean->optimizer = sgd(mean->theta, 0.5);
  GOOD(betty_problem_new("mean", NULL, &callbacks, mean, &mean->problem));
  GOOD(betty_problem_set_parameters(mean->problem, &mean->theta, 1));
  GOOD(betty_problem_set_optimizer(mean->problem, mean->optimizer));
  GOOD(betty_problem_set_data(mean->problem, &mean->rows, 1, NULL));
  GOOD(betty_engine_new(&mean->problem, 1, options, NULL, NULL, &mean->engine));
  betty_options_free(options);
}

static void drop_mean(Mean *mean) {
  betty_engine_free(mean->engine);
  betty_problem_free(mean->problem);
  betty_optimizer_free(mean->optimizer);
  betty_tensor_free(mean->theta);
  betty_tensor_free(mean->rows);
}

static void expect_theta(const Mean *mean, int steps, int line) {
  double theta[SIZE], got[SIZE], worst = 0;
  memcpy(theta, start_theta, sizeof theta);
  for (int step = 0; step < steps; step++)
    for (int j = 0; j < SIZE; j++) {
      double gradient = 0;
      for (int i = 0; i < ROWS; i++) gradient -= 2 * (value_of(i, j) - theta[j]) / (ROWS * SIZE);
      theta[j] -= 0.5 * gradient;
    }
  GOOD(betty_tensor_copy_out(mean->theta, got, sizeof got));
  for (int j = 0; j < SIZE; j++) worst = fmax(worst, fabs(got[j] - theta[j]));
  expect(worst < 1e-12, "theta", line);
}

static void test_steps(void) {
  Mean mean;
  const char *text = NULL;
  make_mean(&mean);
  GOOD(betty_engine_run(mean.engine));
  expect_theta(&mean, STEPS, __LINE__);
  expect(mean.calls == STEPS * REPLICAS && mean.seen[0] == 3 && mean.seen[1] == 2 &&
             fabs(mean.shares - STEPS) < 1e-12,
         "calls", __LINE__);
  GOOD(betty_engine_describe(mean.engine, &text));
  expect(strstr(text, "2 replicas") != NULL, "describe", __LINE__);
  mean.fails = 1;
  BAD(BETTY_ERROR_CALLBACK, "problem 'mean': training_step returned 5",
      betty_engine_run(mean.engine));
  expect_theta(&mean, STEPS, __LINE__);
  mean.fails = 0;
  GOOD(betty_engine_train_step(mean.engine));
  expect_theta(&mean, STEPS + 1, __LINE__);
  drop_mean(&mean);
}

static void bad_strategy(
    Mean *mean, const char *name, int64_t replicas, betty_status status, const char *part) {
  betty_engine *engine = NULL;
  betty_options *options = strategy(name, replicas);
  BAD(status, part, betty_engine_new(&mean->problem, 1, options, NULL, NULL, &engine));
  betty_options_free(options);
}

static void test_options(void) {
  Mean mean;
  int32_t replica = 0, count = 0;
  double share = 0;
  make_mean(&mean);
  bad_strategy(&mean, "fsdp", 1, BETTY_ERROR_VALUE, "'default' or 'data_parallel', got 'fsdp'");
  bad_strategy(&mean, "default", 2, BETTY_ERROR_VALUE, "need strategy 'data_parallel'");
  bad_strategy(&mean, "data_parallel", -1, BETTY_ERROR_VALUE, "replicas must be at least 0");
  bad_strategy(&mean, "data_parallel", 1000, BETTY_ERROR_VALUE, "need as many threads");
  GOOD(betty_problem_replica(mean.problem, &replica, &count, &share));
  expect(replica == 0 && count == 1 && share == 1, "outside of training_step", __LINE__);
  NULL_IS_SEEN(betty_problem_replica(NULL, &replica, &count, &share));
  NULL_IS_SEEN(betty_problem_replica(mean.problem, NULL, &count, &share));
  NULL_IS_SEEN(betty_problem_replica(mean.problem, &replica, NULL, &share));
  NULL_IS_SEEN(betty_problem_replica(mean.problem, &replica, &count, NULL));
  drop_mean(&mean);
}

int main(void) {
  const int32_t before = betty_threads_get();
  GOOD(betty_threads_set(REPLICAS));
  test_steps();
  test_options();
  GOOD(betty_threads_set(before));
  return failures != 0;
}
