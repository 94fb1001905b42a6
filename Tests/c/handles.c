/* Duty: what C can pass wrongly gives a status and a message: NULL everywhere, freed handles,
 * handles of another kind, unknown names, counts that make no sense. Nothing is leaked or changed
 * by it. */
#include <betty.h>
#include <stdio.h>
#include <stdlib.h>
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

static betty_tensor *vector(float first, float second) {
  const float values[] = {first, second};
  const int64_t shape[] = {2};
  betty_tensor *made = NULL;
  GOOD(betty_tensor_new(values, BETTY_F32, shape, 1, &made));
  return made;
}

static void test_null_in_tensors(void) {
  betty_tensor *x = vector(1, 2), *out = NULL;
  const int64_t shape[] = {2};
  const void *data = NULL;
  const char *text = NULL;
  int32_t flag = 0, rank = 0;
  int64_t count = 0;
  double value = 0;
  NULL_IS_SEEN(betty_tensor_new(NULL, BETTY_F32, shape, 1, &out));
  NULL_IS_SEEN(betty_tensor_new(&value, BETTY_F32, NULL, 1, &out));
  NULL_IS_SEEN(betty_tensor_new(&value, BETTY_F64, NULL, 0, NULL));
  NULL_IS_SEEN(betty_tensor_borrow(NULL, 0, BETTY_F32, shape, 1, NULL, NULL, &out));
  NULL_IS_SEEN(betty_tensor_borrow(&value, 0, BETTY_F64, NULL, 0, NULL, NULL, NULL));
  NULL_IS_SEEN(betty_tensor_number_double(1, NULL));
  NULL_IS_SEEN(betty_tensor_number_int(1, NULL));
  NULL_IS_SEEN(betty_tensor_number_bool(1, NULL));
  NULL_IS_SEEN(betty_tensor_retain(NULL, &out));
  NULL_IS_SEEN(betty_tensor_retain(x, NULL));
  NULL_IS_SEEN(betty_tensor_dtype(NULL, &flag));
  NULL_IS_SEEN(betty_tensor_dtype(x, NULL));
  NULL_IS_SEEN(betty_tensor_rank(NULL, &rank));
  NULL_IS_SEEN(betty_tensor_rank(x, NULL));
  NULL_IS_SEEN(betty_tensor_shape(NULL, &count, 1, &rank));
  NULL_IS_SEEN(betty_tensor_shape(x, NULL, 1, &rank));
  NULL_IS_SEEN(betty_tensor_shape(x, &count, 1, NULL));
  NULL_IS_SEEN(betty_tensor_count(NULL, &count));
  NULL_IS_SEEN(betty_tensor_count(x, NULL));
  NULL_IS_SEEN(betty_tensor_evaluate(NULL, 1));
  NULL_IS_SEEN(betty_tensor_evaluate(&out, 1));
  NULL_IS_SEEN(betty_tensor_is_evaluated(NULL, &flag));
  NULL_IS_SEEN(betty_tensor_copy_out(NULL, &value, 8));
  NULL_IS_SEEN(betty_tensor_copy_out(x, NULL, 8));
  NULL_IS_SEEN(betty_tensor_data(NULL, &data));
  NULL_IS_SEEN(betty_tensor_data(x, NULL));
  NULL_IS_SEEN(betty_tensor_item_double(NULL, &value));
  NULL_IS_SEEN(betty_tensor_item_int(NULL, &count));
  NULL_IS_SEEN(betty_tensor_assign(x, NULL));
  NULL_IS_SEEN(betty_tensor_assign(NULL, x));
  NULL_IS_SEEN(betty_tensor_update(x, NULL));
  NULL_IS_SEEN(betty_tensor_update(NULL, x));
  NULL_IS_SEEN(betty_tensor_set_data(x, NULL));
  NULL_IS_SEEN(betty_tensor_set_data(NULL, x));
  NULL_IS_SEEN(betty_tensor_detach(NULL, &out));
  NULL_IS_SEEN(betty_tensor_detach(x, NULL));
  NULL_IS_SEEN(betty_tensor_detach_in_place(NULL));
  NULL_IS_SEEN(betty_tensor_version(NULL, &count));
  NULL_IS_SEEN(betty_tensor_operation(NULL, &text));
  NULL_IS_SEEN(betty_tensor_dump(x, NULL));
  NULL_IS_SEEN(betty_tensor_to_dlpack(x, NULL));
  NULL_IS_SEEN(betty_tensor_to_dlpack_versioned(NULL, NULL));
  NULL_IS_SEEN(betty_tensor_from_dlpack(NULL, &out));
  NULL_IS_SEEN(betty_tensor_from_dlpack_versioned(NULL, &out));
  betty_tensor_free(NULL);
  betty_tensor_free(x);
}

static void test_null_in_operations(void) {
  betty_tensor *x = vector(1, 2), *none = NULL, *out = NULL;
  const betty_op *add = NULL;
  const char *text = NULL;
  betty_options *options = NULL;
  int32_t count = 0;
  int64_t integer = 0;
  double value = 0;
  NULL_IS_SEEN(betty_op_find(NULL, &add));
  NULL_IS_SEEN(betty_op_find("add", NULL));
  GOOD(betty_op_find("add", &add));
  NULL_IS_SEEN(betty_op_name(NULL, &text));
  NULL_IS_SEEN(betty_op_describe(add, NULL));
  NULL_IS_SEEN(betty_op_call(NULL, &x, 1, NULL, &out, 1, &count));
  NULL_IS_SEEN(betty_op_call(add, NULL, 2, NULL, &out, 1, &count));
  NULL_IS_SEEN(betty_op_call(add, &none, 1, NULL, &out, 1, &count));
  NULL_IS_SEEN(betty_op_call(add, &x, 1, NULL, NULL, 1, &count));
  NULL_IS_SEEN(betty_op_call(add, &x, 1, NULL, &out, 1, NULL));
  NULL_IS_SEEN(betty_call(NULL, &x, 1, NULL, &out));
  NULL_IS_SEEN(betty_call("neg", &x, 1, NULL, NULL));
  NULL_IS_SEEN(betty_options_new(NULL));
  NULL_IS_SEEN(betty_options_set_int(NULL, "dim", 1));
  GOOD(betty_options_new(&options));
  NULL_IS_SEEN(betty_options_set_int(options, NULL, 1));
  NULL_IS_SEEN(betty_options_set_ints(options, "dim", NULL, 1));
  NULL_IS_SEEN(betty_options_set_string(options, "mode", NULL));
  NULL_IS_SEEN(betty_counter(NULL, &integer));
  NULL_IS_SEEN(betty_counter("recordings", NULL));
  NULL_IS_SEEN(betty_random_state(NULL, &integer));
  NULL_IS_SEEN(betty_random_key(NULL));
  NULL_IS_SEEN(betty_backward(NULL, NULL, 1, 0, 0));
  NULL_IS_SEEN(betty_grad(&x, NULL, 1, NULL, 1, 0, 0, 0, &out));
  NULL_IS_SEEN(betty_grad(&x, NULL, 1, &x, 1, 0, 0, 0, NULL));
  NULL_IS_SEEN(betty_vjp(&x, NULL, 1, &x, 1, &out));
  NULL_IS_SEEN(betty_jvp(&x, 1, &x, NULL, 1, &out));
  NULL_IS_SEEN(betty_hvp(NULL, &x, &x, 1, &out));
  NULL_IS_SEEN(betty_tensor_grad(x, NULL));
  NULL_IS_SEEN(betty_tensor_set_requires_grad(NULL, 1));
  NULL_IS_SEEN(betty_parameter_new(NULL, 1, &out));
  NULL_IS_SEEN(betty_optimizer_new(NULL, NULL));
  NULL_IS_SEEN(betty_optimizer_step(NULL));
  NULL_IS_SEEN(betty_optimizer_get(NULL, 0, "lr", &value));
  NULL_IS_SEEN(betty_problem_new("p", NULL, NULL, NULL, NULL));
  NULL_IS_SEEN(betty_problem_set_parameters(NULL, &x, 1));
  NULL_IS_SEEN(betty_engine_run(NULL));
  NULL_IS_SEEN(betty_engine_depend(NULL, "l2u", 0, 1));
  betty_options_free(options);
  betty_options_free(NULL);
  betty_optimizer_free(NULL);
  betty_problem_free(NULL);
  betty_engine_free(NULL);
  betty_tensor_free(x);
}

static void test_wrong_objects(void) {
  betty_tensor *x = vector(1, 2), *out = NULL;
  betty_options *options = NULL;
  int32_t rank = 0;
  GOOD(betty_options_new(&options));
  BAD(BETTY_ERROR_VALUE, "tensor", betty_tensor_rank((betty_tensor *)options, &rank));
  BAD(BETTY_ERROR_VALUE, "options", betty_options_set_int((betty_options *)x, "dim", 1));
  BAD(BETTY_ERROR_VALUE, "op", betty_op_name((const betty_op *)x, NULL));
  double words[8] = {0};
  BAD(BETTY_ERROR_VALUE, "tensor", betty_tensor_rank((betty_tensor *)words, &rank));
  BAD(BETTY_ERROR_VALUE, "tensor", betty_call("neg", &(betty_tensor *){(betty_tensor *)words}, 1,
                                              NULL, &out));
  /* Freed, but still what another tensor is computed from: the handle is gone all the same. */
  GOOD(betty_call("neg", &x, 1, NULL, &out));
  betty_tensor_free(x);
  BAD(BETTY_ERROR_VALUE, "freed", betty_tensor_rank(x, &rank));
  betty_tensor_free(x);
  float values[2] = {0};
  GOOD(betty_tensor_copy_out(out, values, sizeof values));
  expect(values[0] == -1 && values[1] == -2, "the value", __LINE__);
  betty_tensor_free(out);
  betty_options_free(options);
}

static void test_messages(void) {
  betty_tensor *x = vector(1, 2), *out = NULL;
  betty_options *options = NULL;
  const int64_t negative[] = {-1}, huge[] = {INT64_MAX, 4};
  int64_t number = 0;
  float small[1];
  BAD(BETTY_ERROR_KEY, "sums", betty_call("sums", &x, 1, NULL, &out));
  BAD(BETTY_ERROR_KEY, "near it are mode", betty_call("nope", &x, 1, NULL, &out));
  BAD(BETTY_ERROR_VALUE, "got -1", betty_vmap_example(x, -1, &out));
  BAD(BETTY_ERROR_VALUE, "got -1", betty_random_restore(1, -1));
  BAD(BETTY_ERROR_KEY, "cache_hits", betty_counter("cache_hitz", &number));
  GOOD(betty_options_new(&options));
  GOOD(betty_options_set_int(options, "axis", 0));
  BAD(BETTY_ERROR_TYPE, "keepdim", betty_call("sum", &x, 1, options, &out));
  BAD(BETTY_ERROR_VALUE, "-1", betty_tensor_new(small, BETTY_F32, negative, 1, &out));
  BAD(BETTY_ERROR_VALUE, "bytes", betty_tensor_new(small, BETTY_F32, huge, 2, &out));
  BAD(BETTY_ERROR_VALUE, "rank", betty_tensor_new(small, BETTY_F32, negative, 1000, &out));
  BAD(BETTY_ERROR_VALUE, "count", betty_tensor_new(small, BETTY_F32, negative, -1, &out));
  BAD(BETTY_ERROR_TYPE, "99", betty_tensor_new(small, 99, negative, 1, &out));
  BAD(BETTY_ERROR_VALUE, "8 bytes", betty_tensor_copy_out(x, small, sizeof small));
  BAD(BETTY_ERROR_VALUE, "count", betty_tensor_evaluate(&x, -5));
  expect(!out, "failed calls leave results alone", __LINE__);
  betty_options_free(options);
  betty_tensor_free(x);
}

static int released;
static void release(void *user_data) {
  released++;
  free(user_data);
}

static void test_borrowed_memory(void) {
  double *memory = malloc(2 * sizeof *memory);
  const int64_t shape[] = {2};
  betty_tensor *x = NULL, *sum = NULL;
  double value = 0;
  if (!memory) return;
  memory[0] = 1;
  memory[1] = 2;
  GOOD(betty_tensor_borrow(memory, 0, BETTY_F64, shape, 1, release, memory, &x));
  GOOD(betty_call("sum", &x, 1, NULL, &sum));
  betty_tensor_free(x);
  expect(released == 0, "what is recorded needs the memory", __LINE__);
  GOOD(betty_tensor_item_double(sum, &value));
  expect(value == 3, "the sum", __LINE__);
  betty_tensor_free(sum);
  expect(released == 1, "released once", __LINE__);
}

static void test_dlpack(void) {
  betty_tensor *x = vector(3, 4), *y = NULL;
  DLManagedTensor *managed = NULL;
  DLManagedTensorVersioned *versioned = NULL;
  float values[2] = {0};
  GOOD(betty_tensor_to_dlpack(x, &managed));
  betty_tensor_free(x);
  GOOD(betty_tensor_from_dlpack(managed, &y));
  GOOD(betty_tensor_copy_out(y, values, sizeof values));
  expect(values[1] == 4, "the value", __LINE__);
  GOOD(betty_tensor_to_dlpack_versioned(y, &versioned));
  expect(versioned->version.major == 1 && versioned->dl_tensor.ndim == 1, "the struct", __LINE__);
  versioned->deleter(versioned);
  betty_tensor_free(y);
}

static void test_parameter_of_a_number(void) {
  betty_tensor *number = NULL, *x = NULL, *square = NULL, *slope = NULL;
  double value = 0;
  GOOD(betty_tensor_number_double(3, &number));
  GOOD(betty_parameter_new(number, 1, &x));
  betty_tensor *twice[] = {x, x};
  GOOD(betty_call("mul", twice, 2, NULL, &square));
  GOOD(betty_grad(&square, NULL, 1, &x, 1, 0, 0, 0, &slope));
  GOOD(betty_tensor_item_double(slope, &value));
  expect(value == 6, "the slope of a square", __LINE__);
  betty_tensor *all[] = {number, x, square, slope};
  for (int i = 0; i < 4; i++) betty_tensor_free(all[i]);
}

int main(void) {
  test_null_in_tensors();
  test_null_in_operations();
  test_wrong_objects();
  test_messages();
  test_borrowed_memory();
  test_dlpack();
  test_parameter_of_a_number();
  return failures != 0;
}
