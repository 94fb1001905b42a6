/* Duty: inner loops through C: one that is saved in the middle and taken up by another engine, one
 * that is rehearsed, and a step aside from them. */
#include "program.h"

enum { MOST = 16, UPDATES = 3 };

/* Over the problems of a program, with a lower one of this type. */
typedef struct {
  Program program;
  betty_problem *lower;
  betty_engine *engine;
} Loop;

static void make_loop(Loop *loop, const char *type, int iterations, int roll_back) {
  Program *p = &loop->program;
  betty_options *config = NULL, *run = NULL;
  betty_problem_callbacks lower = {.size = sizeof lower, .training_step = lower_step};
  make(p, 0);
  GOOD(betty_options_new(&config));
  GOOD(betty_options_set_string(config, "type", type));
  GOOD(betty_options_set_int(config, "unroll_steps", UPDATES));
  GOOD(betty_options_new(&run));
  GOOD(betty_options_set_int(run, "train_iters", iterations));
  GOOD(betty_options_set_bool(run, "roll_back", roll_back));
  GOOD(betty_problem_new("low", config, &lower, p, &loop->lower));
  GOOD(betty_problem_set_parameters(loop->lower, &p->theta, 1));
  GOOD(betty_problem_set_optimizer(loop->lower, p->optimizers[1]));
  GOOD(betty_problem_set_data(loop->lower, &p->a, 1, NULL));
  betty_problem *problems[] = {p->problems[0], loop->lower};
  GOOD(betty_engine_new(problems, 2, run, NULL, NULL, &loop->engine));
  GOOD(betty_engine_depend(loop->engine, "l2u", 1, 0));
  GOOD(betty_engine_depend(loop->engine, "u2l", 0, 1));
  GOOD(betty_engine_start(loop->engine));
  betty_options_free(config);
  betty_options_free(run);
}

static void drop_loop(Loop *loop) {
  betty_engine_free(loop->engine);
  betty_problem_free(loop->lower);
  drop(&loop->program);
}

static void read_state(const Loop *loop, double *out) {
  GOOD(betty_tensor_copy_out(loop->program.theta, out, SIZE * sizeof *out));
  GOOD(betty_tensor_copy_out(loop->program.lambda, out + SIZE, SIZE * sizeof *out));
}

static int32_t read_loop(betty_problem *problem, betty_tensor **out) {
  int32_t count = 0;
  do GOOD(betty_problem_loop(problem, count, &out[count]));
  while (out[count] && ++count < MOST);
  return count;
}

/* Stopped after two steps of three. */
static void test_taken_up(const char *type, int roll_back) {
  Loop whole, stopped, resumed;
  betty_tensor *tensors[MOST];
  double wanted[2 * SIZE], got[2 * SIZE];
  make_loop(&whole, type, 2 * UPDATES, roll_back);
  GOOD(betty_engine_run(whole.engine));
  read_state(&whole, wanted);
  expect(read_loop(whole.lower, tensors) == 0, "no loop is under way", __LINE__);
  make_loop(&stopped, type, UPDATES - 1, roll_back);
  GOOD(betty_engine_run(stopped.engine));
  int32_t count = read_loop(stopped.lower, tensors);
  expect(count > 1 && count < MOST, "a loop is under way", __LINE__);
  make_loop(&resumed, type, UPDATES + 1, roll_back);
  GOOD(betty_tensor_set_data(resumed.program.theta, stopped.program.theta));
  GOOD(betty_problem_set_count(resumed.lower, UPDATES - 1));
  GOOD(betty_problem_set_loop(resumed.lower, tensors, count));
  GOOD(betty_engine_run(resumed.engine));
  read_state(&resumed, got);
  expect(!memcmp(got, wanted, sizeof got), "the same bits", __LINE__);
  BAD(BETTY_ERROR_VALUE, "'low': what it says of the inner loop under way does not fit",
      betty_problem_set_loop(resumed.lower, tensors, 1));
  GOOD(betty_problem_set_loop(resumed.lower, NULL, 0));
  NULL_IS_SEEN(betty_problem_loop(resumed.lower, 0, NULL));
  NULL_IS_SEEN(betty_problem_set_loop(NULL, tensors, count));
  for (int32_t i = 0; i < count; i++) betty_tensor_free(tensors[i]);
  drop_loop(&whole);
  drop_loop(&stopped);
  drop_loop(&resumed);
}

/* theta after T steps of 0.1 moves by a (1 - 0.9^T) as lambda does. */
static void test_rehearsed(const char *type) {
  Loop loop;
  betty_tensor *product = NULL, *ones = vector((const double[]){1, 1, 1});
  double before[2 * SIZE], after[2 * SIZE], found[SIZE];
  make_loop(&loop, type, UPDATES, 0);
  GOOD(betty_engine_run(loop.engine));
  read_state(&loop, before);
  BAD(BETTY_ERROR_RUNTIME, "'low': only through a loop of type",
      betty_problem_pull_back(loop.lower, &ones, 1, &loop.program.lambda, 1, &product));
  GOOD(betty_problem_rehearse(loop.lower, UPDATES));
  GOOD(betty_problem_rehearse(loop.lower, 1));
  GOOD(betty_problem_rehearse(loop.lower, 4));
  GOOD(betty_problem_pull_back(loop.lower, &ones, 1, &loop.program.lambda, 1, &product));
  GOOD(betty_tensor_copy_out(product, found, sizeof found));
  for (int i = 0; i < SIZE; i++)
    expect(fabs(found[i] - given_a[i] * (1 - pow(0.9, 4))) < 1e-12, "the product", __LINE__);
  GOOD(betty_problem_rehearse(loop.lower, -1));
  read_state(&loop, after);
  expect(!memcmp(before, after, sizeof before), "all is as it was", __LINE__);
  NULL_IS_SEEN(betty_problem_rehearse(NULL, 1));
  NULL_IS_SEEN(betty_problem_pull_back(loop.lower, &ones, 1, &loop.program.lambda, 1, NULL));
  betty_tensor_free(product);
  betty_tensor_free(ones);
  drop_loop(&loop);
}

static void test_aside(void) {
  Loop loop;
  double before[2 * SIZE], after[2 * SIZE];
  make_loop(&loop, "exact", 1, 0);
  GOOD(betty_engine_run(loop.engine));
  read_state(&loop, before);
  GOOD(betty_problem_descend_aside(loop.lower));
  read_state(&loop, after);
  for (int i = 0; i < SIZE; i++) {
    double wanted = before[i] - 0.1 * (before[i] - before[SIZE + i] * given_a[i]);
    expect(fabs(after[i] - wanted) < 1e-12, "a step aside", __LINE__);
  }
  NULL_IS_SEEN(betty_problem_descend_aside(NULL));
  drop_loop(&loop);
}

int main(void) {
  test_taken_up("exact", 1);
  test_taken_up("iterative", 0);
  test_taken_up("forward", 1);
  test_rehearsed("iterative");
  test_rehearsed("forward");
  test_aside();
  return failures != 0;
}
