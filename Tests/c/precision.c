/* Duty: mixed precision through C: options of problems, the scale of losses, autocast. */
#include "program.h"

typedef struct {
  betty_tensor *weight, *x;
  betty_optimizer *optimizer;
  betty_problem *problem;
  betty_engine *engine;
} Single;

static betty_tensor *square(int scale, betty_dtype dtype) {
  const int64_t shape[] = {SIZE, SIZE};
  float singles[SIZE * SIZE];
  double doubles[SIZE * SIZE];
  betty_tensor *made = NULL;
  for (int i = 0; i < SIZE * SIZE; i++) doubles[i] = singles[i] = (float)((i - 4) * scale) / 8;
  const void *data = dtype == BETTY_F64 ? (const void *)doubles : singles;
  GOOD(betty_tensor_new(data, dtype, shape, 2, &made));
  return made;
}

/* The mean of the squares of x times the weight. */
static int32_t training_step(
    betty_problem *problem, int32_t fresh, betty_tensor **out_loss, void *user_data) {
  Single *single = user_data;
  betty_tensor *loss = NULL;
  (void)problem, (void)fresh;
  if (betty_tensor_retain(single->x, &loss)) return 1;
  if (apply("matmul", &loss, single->weight) || apply("mul", &loss, loss) ||
      apply("mean", &loss, NULL))
    return 1;
  *out_loss = loss;
  return 0;
}

static void make_single(Single *s, const char *precision, double scale, betty_dtype dtype) {
  betty_options *options = NULL, *rate = NULL, *run = NULL;
  betty_problem_callbacks callbacks = {.size = sizeof callbacks, .training_step = training_step};
  memset(s, 0, sizeof *s);
  betty_tensor *data = square(1, dtype);
  GOOD(betty_parameter_new(data, 1, &s->weight));
  betty_tensor_free(data);
  s->x = square(2, dtype);
  GOOD(betty_options_new(&options));
  GOOD(betty_options_set_string(options, "precision", precision));
  GOOD(betty_options_set_double(options, "initial_dynamic_scale", scale));
  GOOD(betty_problem_new("only", options, &callbacks, s, &s->problem));
  GOOD(betty_problem_set_parameters(s->problem, &s->weight, 1));
  GOOD(betty_options_new(&rate));
  GOOD(betty_options_set_double(rate, "lr", 0.125));
  GOOD(betty_optimizer_new("SGD", &s->optimizer));
  GOOD(betty_optimizer_add_group(s->optimizer, &s->weight, 1, rate));
  GOOD(betty_problem_set_optimizer(s->problem, s->optimizer));
  GOOD(betty_options_new(&run));
  GOOD(betty_options_set_int(run, "train_iters", 1));
  GOOD(betty_engine_new(&s->problem, 1, run, NULL, NULL, &s->engine));
  betty_options_free(options);
  betty_options_free(rate);
  betty_options_free(run);
}

static void drop_single(Single *s) {
  betty_engine_free(s->engine);
  betty_problem_free(s->problem);
  betty_optimizer_free(s->optimizer);
  betty_tensor_free(s->weight);
  betty_tensor_free(s->x);
}

static void test_steps(void) {
  float exact[SIZE * SIZE], rounded[SIZE * SIZE];
  const char *precisions[] = {"bf16", "fp16"};
  Single s;
  make_single(&s, "fp32", 4096, BETTY_F32);
  GOOD(betty_engine_run(s.engine));
  GOOD(betty_tensor_copy_out(s.weight, exact, sizeof exact));
  drop_single(&s);
  for (int i = 0; i < 2; i++) {
    const char *text = NULL;
    make_single(&s, precisions[i], 4096, BETTY_F32);
    GOOD(betty_engine_run(s.engine));
    GOOD(betty_tensor_copy_out(s.weight, rounded, sizeof rounded));
    for (int j = 0; j < SIZE * SIZE; j++)
      expect(fabsf(exact[j] - rounded[j]) < 2e-3f, "close to f32", __LINE__);
    GOOD(betty_engine_describe(s.engine, &text));
    expect(strstr(text, precisions[i]) != NULL, text, __LINE__);
    GOOD(betty_problem_dump(s.problem, &text));
    expect(strstr(text, i ? "f16" : "bf16") != NULL, "casts are shown", __LINE__);
    drop_single(&s);
  }
}

static void test_scale(void) {
  Single s;
  double scale = 0;
  int64_t steps = -1;
  make_single(&s, "fp16", 1099511627776.0, BETTY_F32);
  GOOD(betty_engine_run(s.engine));
  GOOD(betty_problem_skipped_steps(s.problem, &steps));
  expect(steps == 1, "an overflow is counted", __LINE__);
  GOOD(betty_problem_loss_scale(s.problem, &scale, &steps));
  expect(scale == 549755813888.0 && steps == 0, "the scale is halved", __LINE__);
  GOOD(betty_problem_set_loss_scale(s.problem, 16, 1999));
  GOOD(betty_engine_run(s.engine));
  GOOD(betty_problem_loss_scale(s.problem, &scale, &steps));
  expect(scale == 32 && steps == 0, "the scale grows", __LINE__);
  BAD(BETTY_ERROR_VALUE, "loss_scale", betty_problem_set_loss_scale(s.problem, -1, 0));
  NULL_IS_SEEN(betty_problem_set_loss_scale(NULL, 1, 0));
  NULL_IS_SEEN(betty_problem_loss_scale(s.problem, NULL, &steps));
  drop_single(&s);
}

static void test_errors(void) {
  betty_options *options = NULL;
  betty_problem *made = NULL;
  betty_problem_callbacks callbacks = {.size = sizeof callbacks, .training_step = training_step};
  Single s;
  GOOD(betty_options_new(&options));
  GOOD(betty_options_set_string(options, "precision", "bf17"));
  BAD(BETTY_ERROR_VALUE, "bf16, fp16 or fp32",
      betty_problem_new("p", options, &callbacks, &s, &made));
  betty_options_free(options);
  make_single(&s, "bf16", 4096, BETTY_F64);
  BAD(BETTY_ERROR_TYPE, "'only': precision 'bf16' needs parameters of f32",
      betty_engine_run(s.engine));
  drop_single(&s);
}

static void test_autocast(void) {
  int32_t before = 0;
  betty_tensor *x = square(1, BETTY_F32), *y = square(1, BETTY_F32);
  betty_dtype dtype = BETTY_F64;
  GOOD(betty_autocast_set(BETTY_BF16, &before));
  expect(before == -1, "autocast is off at first", __LINE__);
  GOOD(apply("matmul", &x, y));
  GOOD(betty_autocast_set(before, &before));
  expect(before == BETTY_BF16, "autocast was on", __LINE__);
  GOOD(betty_tensor_dtype(x, &dtype));
  expect(dtype == BETTY_BF16, "products are rounded", __LINE__);
  BAD(BETTY_ERROR_VALUE, "autocast", betty_autocast_set(BETTY_I64, NULL));
  betty_tensor_free(x);
  betty_tensor_free(y);
}

int main(void) {
  test_steps();
  test_scale();
  test_errors();
  test_autocast();
  return failures != 0;
}
