/*
 * Per-feature L2 of a logistic regression, tuned by its validation loss: a bilevel program in C.
 *
 * The lower problem learns weights w on training data under a penalty exp(s_i) on each w_i; the
 * upper problem moves s along the gradient of the validation loss through that solution. Three of
 * the eight features matter; the penalties of the others should grow.
 *
 *   cc logistic.c $(pkg-config --cflags --libs betty) -lm -o logistic && ./logistic
 */
#include <betty.h>
#include <math.h>
#include <stdio.h>

enum { FEATURES = 8, USEFUL = 3, TRAIN = 40, VALID = 200, INNER = 20, OUTER = 60 };

typedef struct {
  betty_tensor *weights;   /* of the lower problem */
  betty_tensor *penalties; /* of the upper problem, as logarithms */
  double first, last;      /* validation losses at the first and at the last upper step */
  int steps;
} Model;

/* The message of the first call that failed; the rest of a function is then passed over. */
static int failed(betty_status status) {
  if (status) fprintf(stderr, "logistic: %s\n", betty_last_error());
  return status != BETTY_OK;
}

/* A small generator, so that the data are the same everywhere. */
static double uniform(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (double)(*state >> 11) / 9007199254740992.0;
}

static double normal(uint64_t *state) {
  double radius = sqrt(-2.0 * log(1.0 - uniform(state)));
  return radius * cos(6.283185307179586 * uniform(state));
}

/* Rows of features, and the class of each with some noise. */
static int make_data(uint64_t *state, int64_t rows, betty_tensor *out[2]) {
  static float features[VALID * FEATURES], classes[VALID];
  for (int64_t row = 0; row < rows; row++) {
    double score = 0;
    for (int64_t i = 0; i < FEATURES; i++) {
      double value = normal(state);
      features[row * FEATURES + i] = (float)value;
      if (i < USEFUL) score += (i == 1 ? -2.0 : 2.0) * value;
    }
    classes[row] = score + normal(state) > 0;
  }
  const int64_t shape[] = {rows, FEATURES};
  return failed(betty_tensor_new(features, BETTY_F32, shape, 2, &out[0])) ||
         failed(betty_tensor_new(classes, BETTY_F32, shape, 1, &out[1]));
}

/* result = name(a, b), and gives a up: intermediate results are held by what is recorded. */
static int apply(const char *name, betty_tensor **a, betty_tensor *b) {
  betty_tensor *inputs[] = {*a, b}, *result = NULL;
  if (failed(betty_call(name, inputs, b ? 2 : 1, NULL, &result))) return 1;
  betty_tensor_free(*a);
  *a = result;
  return 0;
}

/* Mean cross-entropy of the problem's batch, owned by the caller. */
static int data_loss(betty_problem *problem, const Model *model, betty_tensor **out_loss) {
  betty_tensor *scores = NULL, *classes = NULL;
  int bad = failed(betty_problem_batch(problem, 0, &scores)) ||
            failed(betty_problem_batch(problem, 1, &classes)) ||
            apply("matmul", &scores, model->weights) ||
            apply("binary_cross_entropy_with_logits", &scores, classes);
  betty_tensor_free(classes);
  if (bad) betty_tensor_free(scores);
  else *out_loss = scores;
  return bad;
}

static int lower_step(
    betty_problem *problem, int32_t fresh, betty_tensor **out_loss, void *user_data) {
  (void)fresh;
  const Model *model = user_data;
  betty_tensor *loss = NULL, *penalty = NULL, *square = NULL;
  int bad = data_loss(problem, model, &loss) ||
            failed(betty_tensor_retain(model->weights, &square)) ||
            apply("mul", &square, model->weights) ||
            failed(betty_tensor_retain(model->penalties, &penalty)) ||
            apply("exp", &penalty, NULL) || apply("mul", &penalty, square) ||
            apply("sum", &penalty, NULL) || apply("add", &loss, penalty);
  betty_tensor_free(square);
  betty_tensor_free(penalty);
  if (bad) betty_tensor_free(loss);
  else *out_loss = loss;
  return bad;
}

/* The validation loss; reading it here costs little, as the step needs it anyway. */
static int upper_step(
    betty_problem *problem, int32_t fresh, betty_tensor **out_loss, void *user_data) {
  (void)fresh;
  Model *model = user_data;
  betty_tensor *loss = NULL;
  if (data_loss(problem, model, &loss)) return 1;
  if (failed(betty_tensor_item_double(loss, &model->last))) {
    betty_tensor_free(loss);
    return 1;
  }
  if (!model->steps++) model->first = model->last;
  *out_loss = loss; /* the engine frees it */
  return 0;
}

/* A parameter of FEATURES equal numbers. */
static int make_parameter(float value, betty_tensor **out) {
  float values[FEATURES];
  const int64_t shape[] = {FEATURES};
  for (int i = 0; i < FEATURES; i++) values[i] = value;
  betty_tensor *tensor = NULL;
  int bad = failed(betty_tensor_new(values, BETTY_F32, shape, 1, &tensor)) ||
            failed(betty_parameter_new(tensor, 1, out));
  betty_tensor_free(tensor);
  return bad;
}

/* A problem over one parameter with its own data and an SGD optimizer. */
static int make_problem(
    const char *name, int64_t unroll_steps, betty_training_step step, Model *model,
    betty_tensor *parameter, double lr, betty_tensor *data[2], betty_problem **out) {
  betty_problem_callbacks callbacks = {.size = sizeof callbacks, .training_step = step};
  betty_options *config = NULL, *hyper = NULL;
  betty_optimizer *optimizer = NULL;
  int bad = failed(betty_options_new(&config)) ||
            failed(betty_options_set_int(config, "unroll_steps", unroll_steps)) ||
            failed(betty_options_set_string(config, "type", "exact")) ||
            failed(betty_options_new(&hyper)) ||
            failed(betty_options_set_double(hyper, "lr", lr)) ||
            failed(betty_optimizer_new("SGD", &optimizer)) ||
            failed(betty_optimizer_add_group(optimizer, &parameter, 1, hyper)) ||
            failed(betty_problem_new(name, config, &callbacks, model, out)) ||
            failed(betty_problem_set_parameters(*out, &parameter, 1)) ||
            failed(betty_problem_set_optimizer(*out, optimizer)) ||
            failed(betty_problem_set_data(*out, data, 2, NULL));
  betty_options_free(config);
  betty_options_free(hyper);
  betty_optimizer_free(optimizer); /* the problem keeps it */
  return bad;
}

static int run_engine(betty_problem *problems[2]) {
  betty_options *config = NULL;
  betty_engine *engine = NULL;
  int bad = failed(betty_options_new(&config)) ||
            failed(betty_options_set_int(config, "train_iters", INNER * OUTER)) ||
            failed(betty_engine_new(problems, 2, config, NULL, NULL, &engine)) ||
            failed(betty_engine_depend(engine, "l2u", 1, 0)) ||
            failed(betty_engine_depend(engine, "u2l", 0, 1)) || failed(betty_engine_run(engine));
  betty_options_free(config);
  betty_engine_free(engine);
  return bad;
}

static int print_table(const Model *model) {
  float weights[FEATURES], penalties[FEATURES];
  if (failed(betty_tensor_copy_out(model->weights, weights, sizeof weights)) ||
      failed(betty_tensor_copy_out(model->penalties, penalties, sizeof penalties)))
    return 1;
  /* Part of the difference is plain training: at the first the weights are INNER steps old. */
  printf("validation loss  %.4f at the first upper step, %.4f at the last\n", model->first,
         model->last);
  printf("feature  useful   weight  penalty\n");
  for (int i = 0; i < FEATURES; i++)
    printf("%7d  %6s  %7.3f  %7.4f\n", i, i < USEFUL ? "yes" : "no", weights[i],
           exp((double)penalties[i]));
  return 0;
}

int main(void) {
  uint64_t state = 7;
  Model model = {NULL, NULL, 0, 0, 0};
  betty_tensor *train[2] = {NULL, NULL}, *valid[2] = {NULL, NULL};
  betty_problem *problems[2] = {NULL, NULL};
  int bad = make_data(&state, TRAIN, train) || make_data(&state, VALID, valid) ||
            make_parameter(0.0f, &model.weights) || make_parameter(-4.0f, &model.penalties) ||
            make_problem("penalties", 1, upper_step, &model, model.penalties, 20.0, valid,
                         &problems[0]) ||
            make_problem("weights", INNER, lower_step, &model, model.weights, 0.5, train,
                         &problems[1]) ||
            run_engine(problems) || print_table(&model);
  betty_problem_free(problems[0]);
  betty_problem_free(problems[1]);
  for (int i = 0; i < 2; i++) {
    betty_tensor_free(train[i]);
    betty_tensor_free(valid[i]);
  }
  betty_tensor_free(model.weights);
  betty_tensor_free(model.penalties);
  return bad;
}
