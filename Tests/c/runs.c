/* Duty: runs through C in their variants: roll-back against its closed form, parts of a step taken
 * by hand, counts that are set when a run is resumed, descriptions. */
#include "program.h"

/* An engine that rolls back, over the same problems, for one inner loop. */
static betty_engine *with_roll_back(Program *p) {
  betty_options *run = NULL;
  betty_engine *made = NULL;
  GOOD(betty_options_new(&run));
  GOOD(betty_options_set_int(run, "train_iters", UNROLL));
  GOOD(betty_options_set_bool(run, "roll_back", 1));
  GOOD(betty_engine_new(p->problems, 2, run, NULL, NULL, &made));
  GOOD(betty_engine_depend(made, "l2u", 1, 0));
  GOOD(betty_engine_depend(made, "u2l", 0, 1));
  betty_options_free(run);
  return made;
}

static void test_roll_back(void) {
  Program p;
  double theta[SIZE], lambda[SIZE], got[SIZE], worst = 0;
  make(&p, 1);
  betty_engine *engine = with_roll_back(&p);
  GOOD(betty_engine_run(engine));
  memcpy(theta, start_theta, sizeof theta);
  memcpy(lambda, start_lambda, sizeof lambda);
  for (int i = 0; i < SIZE; i++) {
    for (int step = 0; step < UNROLL; step++) theta[i] -= 0.1 * (theta[i] - lambda[i] * given_a[i]);
    lambda[i] -= 0.05 * given_a[i] * (theta[i] - given_target[i]);
    theta[i] = start_theta[i] - 0.1 * (start_theta[i] - lambda[i] * given_a[i]);
  }
  GOOD(betty_tensor_copy_out(p.theta, got, sizeof got));
  for (int i = 0; i < SIZE; i++) worst = fmax(worst, fabs(got[i] - theta[i]));
  expect(worst < 1e-12, "theta after roll-back", __LINE__);
  betty_engine_free(engine);
  drop(&p);
}

static void test_parts_of_a_run(void) {
  Program p;
  int64_t number = -1;
  const char *text = NULL;
  make(&p, 1);
  betty_problem *lower = p.problems[1];
  GOOD(betty_engine_start(p.engine));
  GOOD(betty_engine_describe(p.engine, &text));
  expect(strstr(text, "path upper -> lower -> upper") != NULL, text, __LINE__);
  GOOD(betty_problem_set_training(lower, 0));
  GOOD(betty_problem_step(lower));
  GOOD(betty_problem_count(lower, &number));
  expect(number == 0, "no count in evaluation mode", __LINE__);
  GOOD(betty_problem_set_training(lower, 1));
  GOOD(betty_problem_descend(lower, 1));
  GOOD(betty_problem_step(lower));
  GOOD(betty_problem_count(lower, &number));
  expect(number == 1, "a step counts, a descent does not", __LINE__);
  GOOD(betty_problem_set_count(lower, 7));
  GOOD(betty_problem_count(lower, &number));
  expect(number == 7, "count of a resumed run", __LINE__);
  BAD(BETTY_ERROR_VALUE, "'lower': count must be at least 0", betty_problem_set_count(lower, -1));
  GOOD(betty_engine_set_global_step(p.engine, 9));
  GOOD(betty_engine_global_step(p.engine, &number));
  expect(number == 9, "global step of a resumed run", __LINE__);
  BAD(BETTY_ERROR_VALUE, "at least 0", betty_engine_set_global_step(p.engine, -1));
  betty_options *options = NULL;
  GOOD(betty_options_new(&options));
  GOOD(betty_options_set_int(options, "train_iters", 3));
  GOOD(betty_engine_set_options(p.engine, options));
  BAD(BETTY_ERROR_KEY, "'lower': Config: unknown option 'train_iters'",
      betty_problem_set_options(lower, options));
  GOOD(betty_options_set_int(options, "replicas", 2));
  BAD(BETTY_ERROR_VALUE, "only train_iters and valid_step",
      betty_engine_set_options(p.engine, options));
  betty_options_free(options);
  GOOD(betty_problem_skipped_steps(lower, &number));
  expect(number == 0, "nothing was skipped", __LINE__);
  GOOD(betty_problem_set_buffers(lower, &p.a, 1));
  GOOD(betty_engine_clear_dependencies(p.engine));
  GOOD(betty_engine_start(p.engine));
  GOOD(betty_problem_paths(p.problems[0], &text));
  expect(!*text, "no paths without dependencies", __LINE__);
  NULL_IS_SEEN(betty_problem_step(NULL));
  NULL_IS_SEEN(betty_problem_descend(NULL, 1));
  NULL_IS_SEEN(betty_problem_set_training(NULL, 1));
  NULL_IS_SEEN(betty_problem_set_buffers(lower, NULL, 1));
  NULL_IS_SEEN(betty_problem_set_count(NULL, 1));
  NULL_IS_SEEN(betty_problem_set_options(NULL, NULL));
  NULL_IS_SEEN(betty_engine_set_options(NULL, NULL));
  NULL_IS_SEEN(betty_problem_skipped_steps(lower, NULL));
  NULL_IS_SEEN(betty_engine_describe(p.engine, NULL));
  NULL_IS_SEEN(betty_engine_clear_dependencies(NULL));
  NULL_IS_SEEN(betty_engine_set_global_step(NULL, 1));
  drop(&p);
}

int main(void) {
  test_roll_back();
  test_parts_of_a_run();
  return failures != 0;
}
