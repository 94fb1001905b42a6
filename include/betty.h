/*
 * betty.h: tensors, automatic differentiation and multilevel optimization.
 *
 * STATUS. Every function that can fail returns a betty_status: BETTY_OK, or the class of the
 * error. The one-line message of the last call made on this thread is betty_last_error(). A
 * failed call has no effect, and leaves its out_ arguments untouched. A NULL where an object is
 * needed, an object that was freed and an object of another kind are BETTY_ERROR_VALUE, not a
 * crash, as far as this can be detected.
 *
 * OWNERSHIP. Objects are opaque and made by functions that give them in their last argument,
 * out_...; such an object is *owned* by the caller, who frees it with its _free function once.
 * _free(NULL) does nothing. Memory and objects passed in are *copied* (or retained) unless a
 * function says that they are *borrowed until* something happens. Text given out is borrowed
 * until the time its function says.
 *
 * VALUES. An operation records what is to be computed; nothing runs before a value is read or
 * evaluated. Operations read a tensor as it is when they are called: changing it in place later
 * does not change what was recorded.
 *
 * THREADS. Every function may be called from every thread. Calls that record or evaluate take
 * turns; the work of one evaluation is spread over betty_threads_get() threads. Gradient mode and
 * the last message belong to the calling thread. Two threads must not use the same options,
 * optimizer, problem or engine at once, and an object must not be freed while another thread uses
 * it.
 *
 * CALLBACKS. A callback gets the void *user_data it was registered with as its last argument, and
 * runs on the thread whose call led to it, with no lock of the library held, so it may call any
 * function here except those that free or run what is running. Zero goes on; anything else stops
 * the run, whose function then returns BETTY_ERROR_CALLBACK with everything as it was after the
 * last completed step.
 */
#ifndef BETTY_H
#define BETTY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Status and messages ------------------------------------------------------------------- */

typedef int32_t betty_status;

enum {
  BETTY_OK = 0,
  BETTY_ERROR_VALUE = 1,         /* a value that makes no sense: shapes, options, freed objects */
  BETTY_ERROR_TYPE = 2,          /* an element type or the type of an option */
  BETTY_ERROR_INDEX = 3,         /* an axis or an index out of range */
  BETTY_ERROR_RUNTIME = 4,       /* an order of calls that cannot be */
  BETTY_ERROR_MEMORY = 5,        /* memory could not be had */
  BETTY_ERROR_NOT_SUPPORTED = 6, /* what an operation cannot do */
  BETTY_ERROR_KEY = 7,           /* an unknown name; the message gives the known ones */
  BETTY_ERROR_INTERRUPTED = 8,   /* the interruption callback asked to stop */
  BETTY_ERROR_CALLBACK = 9,      /* a callback returned non-zero */
  BETTY_ERROR_LINALG = 10        /* a matrix that is singular or not positive definite */
};

/* "operation: what is wrong, the values" of the last call on this thread, "" if it succeeded.
 * Borrowed until the next call on this thread. Leaves the message as it is. */
const char *betty_last_error(void);

/* "major.minor.patch"; lives for ever. */
const char *betty_version(void);

/* ---- Options ------------------------------------------------------------------------------- */

/* Named values: attributes of an operation, settings of an optimizer, a problem or an engine.
 * Whoever reads them refuses an unknown name and says which ones it knows. They are copied by
 * every function they are passed to; NULL stands for none. Setting a name again replaces its
 * value. */
typedef struct betty_options betty_options;

/* Element types. bf16 and f16 are storage: arithmetic on them is done in f32. */
typedef int32_t betty_dtype;

enum {
  BETTY_F64 = 0,
  BETTY_F32 = 1,
  BETTY_BF16 = 2,
  BETTY_F16 = 3,
  BETTY_I64 = 4,
  BETTY_I32 = 5,
  BETTY_U8 = 6,
  BETTY_BOOL = 7
};

betty_status betty_options_new(betty_options **out_options);
void betty_options_free(betty_options *options);
betty_status betty_options_set_int(betty_options *options, const char *name, int64_t value);
betty_status betty_options_set_ints(
    betty_options *options, const char *name, const int64_t *values, int32_t count);
betty_status betty_options_set_double(betty_options *options, const char *name, double value);
betty_status betty_options_set_bool(betty_options *options, const char *name, int32_t value);
betty_status betty_options_set_string(
    betty_options *options, const char *name, const char *value);
betty_status betty_options_set_dtype(
    betty_options *options, const char *name, betty_dtype value);

/* ---- Tensors ------------------------------------------------------------------------------- */

typedef struct betty_tensor betty_tensor;

/* Called once when the library no longer needs borrowed memory, on whichever thread saw to that,
 * possibly inside another call of this library: it must not call back into the library. */
typedef void (*betty_release)(void *user_data);

/* A tensor of contiguous row-major data, which is copied. `data` may be NULL if there are no
 * elements. A rank of 0 is a scalar, and `shape` may then be NULL. */
betty_status betty_tensor_new(
    const void *data, betty_dtype dtype, const int64_t *shape, int32_t rank,
    betty_tensor **out_tensor);

/* The same on the caller's memory, borrowed until `release` is called (which may be NULL for
 * memory that outlives the program). The library never writes to it; `writable` says whether those
 * may who get it by DLPack. */
betty_status betty_tensor_borrow(
    const void *data, int32_t writable, betty_dtype dtype, const int64_t *shape, int32_t rank,
    betty_release release, void *user_data, betty_tensor **out_tensor);

/* Scalars that take part in operations as plain numbers: they never widen a floating type. */
betty_status betty_tensor_number_double(double value, betty_tensor **out_tensor);
betty_status betty_tensor_number_int(int64_t value, betty_tensor **out_tensor);
betty_status betty_tensor_number_bool(int32_t value, betty_tensor **out_tensor);

/* Another owned reference to the same tensor: what is changed in place through one is seen
 * through the other. Each is freed. */
betty_status betty_tensor_retain(betty_tensor *tensor, betty_tensor **out_tensor);
void betty_tensor_free(betty_tensor *tensor);

betty_status betty_tensor_dtype(const betty_tensor *tensor, betty_dtype *out_dtype);
betty_status betty_tensor_rank(const betty_tensor *tensor, int32_t *out_rank);
/* Writes the dimensions to out_shape, which has room for `capacity` of them. */
betty_status betty_tensor_shape(
    const betty_tensor *tensor, int64_t *out_shape, int32_t capacity, int32_t *out_rank);
betty_status betty_tensor_count(const betty_tensor *tensor, int64_t *out_count);

/* Computes the tensors, all in one program. Reading a value does this by itself. */
betty_status betty_tensor_evaluate(betty_tensor *const *tensors, int32_t count);
/* 1 if the value is there already. */
betty_status betty_tensor_is_evaluated(const betty_tensor *tensor, int32_t *out_flag);

/* Copies the elements, row-major, to memory of at least `bytes` bytes, which must be their size.
 * */
betty_status betty_tensor_copy_out(betty_tensor *tensor, void *destination, size_t bytes);
/* The elements where they lie: borrowed until the tensor is changed in place or freed. */
betty_status betty_tensor_data(betty_tensor *tensor, const void **out_data);
/* The only element of a tensor, converted. */
betty_status betty_tensor_item_double(betty_tensor *tensor, double *out_value);
betty_status betty_tensor_item_int(betty_tensor *tensor, int64_t *out_value);

/* Changes the tensor in place to the value of `source`, which is broadcast and converted to it.
 * What was recorded of the tensor before keeps the old value; views of it see the new one. A leaf
 * that requires a gradient is only changed while recording of gradients is off. If the value cannot
 * be computed in the end (an index in data is out of range), reading it fails once, and the tensor
 * has its last value again that can be. */
betty_status betty_tensor_assign(betty_tensor *tensor, betty_tensor *source);
/* The same with the result of an operation on the tensor, as `x += y` does: it must have the
 * tensor's shape, and an element type that converts without losing its kind. */
betty_status betty_tensor_update(betty_tensor *tensor, betty_tensor *result);
/* Makes the tensor stand for what `source` is (its value, type and shape), as `x.data = y` does:
 * no gradient flows through it and it stays the leaf it was. The two share their elements from then
 * on, unless both are views, parameters or require a gradient. Views keep what the tensor was. */
betty_status betty_tensor_set_data(betty_tensor *tensor, betty_tensor *source);
/* A tensor with the same elements, shared in both directions, through which no gradient flows. */
betty_status betty_tensor_detach(betty_tensor *tensor, betty_tensor **out_tensor);
/* Cuts the tensor itself off from what made it: no gradient flows through it any more. */
betty_status betty_tensor_detach_in_place(betty_tensor *tensor);
/* How often the tensor was changed in place. */
betty_status betty_tensor_version(const betty_tensor *tensor, int64_t *out_version);

/* The name of the operation that made the value, "" for a leaf. Borrowed until the next call on
 * this thread. */
betty_status betty_tensor_operation(betty_tensor *tensor, const char **out_name);
/* What computing the value would take: the operations recorded, in the text form of the IR, and the
 * program made of them, its steps and the bytes planned. Borrowed until the next call on this
 * thread. */
betty_status betty_tensor_dump(betty_tensor *tensor, const char **out_text);

/* ---- DLPack -------------------------------------------------------------------------------- */

/* The structs of DLPack 1.0 under their own names. A program that includes dlpack.h too includes
 * it first. */
#ifndef DLPACK_DLPACK_H_
#define DLPACK_MAJOR_VERSION 1
#define DLPACK_MINOR_VERSION 0
#define DLPACK_FLAG_BITMASK_READ_ONLY (1UL << 0UL)
#define DLPACK_FLAG_BITMASK_IS_COPIED (1UL << 1UL)

typedef struct {
  uint32_t major;
  uint32_t minor;
} DLPackVersion;

typedef struct {
  int32_t device_type; /* 1: processor memory, the only one accepted */
  int32_t device_id;
} DLDevice;

typedef struct {
  uint8_t code; /* 0 int, 1 uint, 2 float, 4 bfloat, 6 bool */
  uint8_t bits;
  uint16_t lanes;
} DLDataType;

typedef struct {
  void *data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape;
  int64_t *strides; /* in elements; NULL: row-major */
  uint64_t byte_offset;
} DLTensor;

typedef struct DLManagedTensor {
  DLTensor dl_tensor;
  void *manager_ctx;
  void (*deleter)(struct DLManagedTensor *self);
} DLManagedTensor;

typedef struct DLManagedTensorVersioned {
  DLPackVersion version;
  void *manager_ctx;
  void (*deleter)(struct DLManagedTensorVersioned *self);
  uint64_t flags;
  DLTensor dl_tensor;
} DLManagedTensorVersioned;
#endif

/* The tensor's memory for others to read, without a copy. Owned: the consumer calls its deleter.
 * Writing to it is allowed if the flag READ_ONLY is not set; the unversioned form, which has no
 * flags, is a copy where it would be. */
betty_status betty_tensor_to_dlpack(betty_tensor *tensor, DLManagedTensor **out_managed);
betty_status betty_tensor_to_dlpack_versioned(
    betty_tensor *tensor, DLManagedTensorVersioned **out_managed);
/* A tensor on the memory of another library, without a copy if it is contiguous. On success
 * `managed` belongs to the tensor, which calls its deleter. */
betty_status betty_tensor_from_dlpack(DLManagedTensor *managed, betty_tensor **out_tensor);
betty_status betty_tensor_from_dlpack_versioned(
    DLManagedTensorVersioned *managed, betty_tensor **out_tensor);

/* ---- Operations ---------------------------------------------------------------------------- */

/* An operation, by PyTorch's name: "add", "matmul", "cross_entropy", ... It lives for ever. */
typedef struct betty_op betty_op;

betty_status betty_op_find(const char *name, const betty_op **out_op);
/* The operations in the order of their names; NULL past the last. */
const betty_op *betty_op_at(int32_t index);
betty_status betty_op_name(const betty_op *op, const char **out_name);
/* One line, fields separated by tabs: name; inputs by commas (`?` may be absent, `*` any number);
 * attributes `name:kind`, with `=default` or `?` where they may be absent, by semicolons; "one" or
 * "tuple"; what it does. Names and lines live for ever. */
betty_status betty_op_describe(const betty_op *op, const char **out_text);

/* Applies an operation. Writes its results, each owned, to out_results, which has room for
 * `capacity`, and their number to out_count, also when the room is too small for them: that is
 * BETTY_ERROR_VALUE, and no result is given. An optional input before a given one is left out by
 * its position in the attribute "omit". */
betty_status betty_op_call(
    const betty_op *op, betty_tensor *const *inputs, int32_t count, const betty_options *attributes,
    betty_tensor **out_results, int32_t capacity, int32_t *out_count);

/* The same for one result and an operation by name: betty_call("sum", &x, 1, NULL, &total). */
betty_status betty_call(
    const char *name, betty_tensor *const *inputs, int32_t count, const betty_options *attributes,
    betty_tensor **out_result);

/* ---- Automatic differentiation ------------------------------------------------------------- */

betty_status betty_tensor_requires_grad(const betty_tensor *tensor, int32_t *out_flag);
betty_status betty_tensor_set_requires_grad(betty_tensor *tensor, int32_t flag);
betty_status betty_tensor_is_leaf(const betty_tensor *tensor, int32_t *out_flag);
/* A parameter with the value of `source`: a leaf that programs know by itself, so that a training
 * step is compiled once, and that optimizers update where it lies. `source` shows its changes and
 * changes it, unless it is a view, requires a gradient or lies on a parameter already. */
betty_status betty_parameter_new(
    betty_tensor *source, int32_t requires_grad, betty_tensor **out_parameter);

/* The accumulated gradient, owned, or NULL if there is none. */
betty_status betty_tensor_grad(betty_tensor *tensor, betty_tensor **out_grad);
/* Sets it; NULL clears it. */
betty_status betty_tensor_set_grad(betty_tensor *tensor, betty_tensor *grad);
/* Adds to it: in place where there is one, unless the sum is to be differentiated. */
betty_status betty_tensor_accumulate_grad(
    betty_tensor *tensor, betty_tensor *grad, int32_t create_graph);
/* Asks backward to keep the gradient of a tensor that is not a leaf. */
betty_status betty_tensor_retain_grad(betty_tensor *tensor);
betty_status betty_tensor_retains_grad(betty_tensor *tensor, int32_t *out_flag);

/* Adds to the gradient of every leaf that `outputs` depend on. grad_outputs[i] is the cotangent
 * of outputs[i]; grad_outputs itself or an entry may be NULL for a scalar output. With
 * create_graph the gradients can be differentiated again; without it and retain_graph, what was
 * recorded cannot be gone through twice. */
betty_status betty_backward(
    betty_tensor *const *outputs, betty_tensor *const *grad_outputs, int32_t count,
    int32_t retain_graph, int32_t create_graph);

/* Backward in parts, for who wants to see or change gradients on their way. betty_backward_order
 * gives each tensor a number: inputs have smaller ones than what reads them, -1 is no part of it.
 * Of the last `wanted` ones gradients are asked for, of all leaves if that is below 0: what was
 * given up in between is an error.
 * A part goes from outputs to the stops, of which each gradient is given, owned or NULL; to other
 * leaves it is added if `accumulate`. The next part begins at the stop of the largest number; the
 * end gives up the history, as betty_backward does without retain_graph. */
betty_status betty_backward_order(
    betty_tensor *const *outputs, int32_t count, betty_tensor *const *tensors,
    int32_t tensor_count, int32_t wanted, int64_t *out_positions);
betty_status betty_backward_part(
    betty_tensor *const *outputs, betty_tensor *const *grad_outputs, int32_t count,
    betty_tensor *const *stops, int32_t stop_count, int32_t accumulate, int32_t create_graph,
    betty_tensor **out_grads);
betty_status betty_backward_end(betty_tensor *const *outputs, int32_t count);

/* Gradients of `outputs` with respect to `inputs`, one owned tensor each; the accumulated
 * gradients stay as they are. An input that `outputs` do not depend on is an error unless
 * allow_unused, and then its gradient is NULL. */
betty_status betty_grad(
    betty_tensor *const *outputs, betty_tensor *const *grad_outputs, int32_t output_count,
    betty_tensor *const *inputs, int32_t input_count, int32_t retain_graph, int32_t create_graph,
    int32_t allow_unused, betty_tensor **out_grads);

/* The three products with a vector, of what was recorded between `inputs` and `outputs`; inputs
 * that do not matter have a product of zero. All results are owned and can be differentiated
 * again.
 *   vjp: cotangents of the outputs to cotangents of the inputs
 *   jvp: tangents of the inputs to tangents of the outputs
 *   hvp: the Hessian of a scalar times one vector per input */
betty_status betty_vjp(
    betty_tensor *const *outputs, betty_tensor *const *cotangents, int32_t output_count,
    betty_tensor *const *inputs, int32_t input_count, betty_tensor **out_cotangents);
betty_status betty_jvp(
    betty_tensor *const *outputs, int32_t output_count, betty_tensor *const *inputs,
    betty_tensor *const *tangents, int32_t input_count, betty_tensor **out_tangents);
betty_status betty_hvp(
    betty_tensor *output, betty_tensor *const *inputs, betty_tensor *const *vectors,
    int32_t input_count, betty_tensor **out_products);

/* A function of one example becomes one of many. `betty_vmap_example` gives an example of a tensor
 * whose first dimension counts them: it has a type and no value (reading it, or what depends on it,
 * is BETTY_ERROR_RUNTIME). Record the function on examples; `betty_vmap` gives its outputs for all
 * `size` examples, along their first dimension. `level` is the depth of nesting, from 0; a function
 * inside another's takes the next. Results are owned. */
betty_status betty_vmap_example(betty_tensor *tensor, int32_t level, betty_tensor **out_example);
betty_status betty_vmap(
    betty_tensor *const *outputs, int32_t count, int32_t level, int64_t size,
    betty_tensor **out_batched);

/* Whether operations on this thread are recorded for gradients: on at first. Setting it gives what
 * it was, to be put back. */
int32_t betty_grad_mode_set(int32_t enabled);
int32_t betty_grad_mode_get(void);
/* Mixed precision for what is recorded on this thread, outside of problems: products are rounded to
 * `dtype` (BETTY_BF16 or BETTY_F16; -1 turns it off); sums, losses and what loses digits are f32.
 * `out_before` takes what it was, to be put back, or is NULL. */
betty_status betty_autocast_set(int32_t dtype, int32_t *out_before);

/* ---- Optimizers ---------------------------------------------------------------------------- */

/* "SGD", "Adam", "AdamW", "NAdam", "Adamax", "Adagrad", "Adadelta" or "RMSprop", for parameters in
 * groups. */
typedef struct betty_optimizer betty_optimizer;

betty_status betty_optimizer_new(const char *name, betty_optimizer **out_optimizer);
void betty_optimizer_free(betty_optimizer *optimizer);
/* Adds parameters, which are retained, with hyperparameters under PyTorch's names: "lr",
 * "momentum", "beta1", ... What `hyper` leaves out has its default. A leaf that is no parameter yet
 * becomes one. */
betty_status betty_optimizer_add_group(
    betty_optimizer *optimizer, betty_tensor *const *parameters, int32_t count,
    const betty_options *hyper);
/* A hyperparameter of a group. Setting one compiles nothing anew unless it turns a part of the
 * update on or off, as "momentum" or "weight_decay" from 0 does. */
betty_status betty_optimizer_set(
    betty_optimizer *optimizer, int32_t group, const char *name, double value);
betty_status betty_optimizer_get(
    const betty_optimizer *optimizer, int32_t group, const char *name, double *out_value);
/* Updates every parameter that has a gradient, in one program, which computes the gradients too. */
betty_status betty_optimizer_step(betty_optimizer *optimizer);
/* Clears the gradients of its parameters. */
betty_status betty_optimizer_zero_grad(betty_optimizer *optimizer);
/* What an update keeps for each parameter of a group: names in order, "" past the last. Borrowed
 * until the next call on this thread. */
betty_status betty_optimizer_state_name(
    const betty_optimizer *optimizer, int32_t group, int32_t index, const char **out_name);
/* Owned; NULL before the first step of the parameter. */
betty_status betty_optimizer_state(
    const betty_optimizer *optimizer, betty_tensor *parameter, const char *name,
    betty_tensor **out_state);
betty_status betty_optimizer_set_state(
    betty_optimizer *optimizer, betty_tensor *parameter, const char *name, betty_tensor *state);
betty_status betty_optimizer_steps(
    const betty_optimizer *optimizer, betty_tensor *parameter, int64_t *out_steps);
betty_status betty_optimizer_set_steps(
    betty_optimizer *optimizer, betty_tensor *parameter, int64_t steps);
/* The hyperparameters of an optimizer and their defaults, in order; NULL past the last. Names live
 * for ever. */
betty_status betty_optimizer_hyperparameter(
    const char *optimizer, int32_t index, const char **out_name, double *out_default);

/* ---- Problems ------------------------------------------------------------------------------ */

/* One level of a multilevel program: parameters, a loss, an optimizer. */
typedef struct betty_problem betty_problem;

/* Records the loss of a batch, a scalar that is handed over. `fresh` asks for the next batch, else
 * the last one is repeated. */
typedef int32_t (*betty_training_step)(
    betty_problem *problem, int32_t fresh, betty_tensor **out_loss, void *user_data);
typedef int32_t (*betty_problem_hook)(betty_problem *problem, void *user_data);

typedef int32_t (*betty_descent)(betty_problem *problem, int32_t fresh, void *user_data);

typedef int32_t (*betty_warning)(betty_problem *problem, const char *message, void *user_data);

/* What a user defines, in the order in which a step calls it; all but training_step may be NULL.
 * The struct is copied; members may be added at its end, so `size` says which one this is. */
typedef struct betty_problem_callbacks {
  size_t size; /* sizeof(betty_problem_callbacks) */
  betty_problem_hook on_inner_loop_start;
  betty_training_step training_step;
  betty_problem_hook grad_callback;         /* gradients are there: betty_tensor_grad */
  betty_problem_hook custom_optimizer_step; /* instead of the optimizer's */
  betty_problem_hook param_callback;        /* the parameters are updated */
  betty_problem_hook scheduler_step;
  betty_problem_hook log;            /* every "log_step" steps */
  betty_problem_hook epoch_callback; /* a list of batches, or the data, begins anew */
  betty_problem_hook source;         /* draws the next batch: see betty_problem_give_batch */
  betty_warning warn;                /* a method, or the precision, warns once; one line */
  betty_descent descend;             /* a whole descent step: see betty_problem_backward */
} betty_problem_callbacks;

/* Options, with their defaults: "type" ("darts"), "unroll_steps" (1), "gradient_accumulation" (1),
 * "gradient_clipping" (0), "warmup_steps" (0), "log_step" (-1), "first_order" (1), "replay" (0),
 * "steps_per_call" (1; steps an upper problem takes each time it is called), "on_nan" ("ignore";
 * "stop" ends the run with an error when loss or gradient is not finite, "skip" leaves the step
 * out and counts it), "precision" ("fp32"; "bf16" and "fp16" store products and what is kept for
 * derivatives in that type and need parameters of f32; in "fp16" losses are scaled by
 * "initial_dynamic_scale" (4096), and a step that overflows is left out, counted, and divides the
 * scale by "scale_factor" (2)),
 * ... With "replay" a problem promises that training_step depends on nothing but its batch and the
 * parameters: it is called once for each kind of batch, and its recording is run again. Its batches
 * must then come from set_data, add_batch or a source. */
betty_status betty_problem_new(
    const char *name, const betty_options *options, const betty_problem_callbacks *callbacks,
    void *user_data, betty_problem **out_problem);
/* Puts other options in the place of those that are given; from the next step on all is as if they
 * had been there at first. "replay" stays, and "type" where it is "iterative" or "forward". */
betty_status betty_problem_set_options(betty_problem *problem, const betty_options *options);
/* An engine keeps its problems, so this may be called once they are in one. */
void betty_problem_free(betty_problem *problem);
/* The parameters that are trained; made by betty_parameter_new, retained. */
betty_status betty_problem_set_parameters(
    betty_problem *problem, betty_tensor *const *parameters, int32_t count);
/* Those through which hypergradients flow, if they are others. */
betty_status betty_problem_set_meta_parameters(
    betty_problem *problem, betty_tensor *const *parameters, int32_t count);
/* What forward passes change beside the parameters, e.g. statistics, retained: roll-back restores
 * them with the parameters and the optimizer's state. */
betty_status betty_problem_set_buffers(
    betty_problem *problem, betty_tensor *const *buffers, int32_t count);
/* 0: steps are not counted and do not lead to steps of upper problems; at first 1. */
betty_status betty_problem_set_training(betty_problem *problem, int32_t is_training);
/* Retained; NULL takes it away. */
betty_status betty_problem_set_optimizer(betty_problem *problem, betty_optimizer *optimizer);
/* Data in memory, retained: rows of the first dimension, which the tensors share, are dealt out in
 * batches before each fresh training_step. Options: "batch_size" (all rows), "shuffle" (0),
 * "drop_last" (0), "order" (the rows to deal out, by number; all of them in order). */
betty_status betty_problem_set_data(
    betty_problem *problem, betty_tensor *const *tensors, int32_t count,
    const betty_options *options);
/* Instead: one more batch, retained, of a list that the engine goes through again and again. */
betty_status betty_problem_add_batch(
    betty_problem *problem, betty_tensor *const *tensors, int32_t count);
/* Called by the callback `source`: the batch it has drawn, retained. */
betty_status betty_problem_give_batch(
    betty_problem *problem, betty_tensor *const *tensors, int32_t count);
/* Number of the present batch in its list; -1 before the first. */
betty_status betty_problem_batch_index(const betty_problem *problem, int64_t *out_index);
/* Part `index` of the present batch, owned; in training_step, of the replica's rows of it. */
betty_status betty_problem_batch(
    betty_problem *problem, int32_t index, betty_tensor **out_tensor);
/* In training_step: for which replica of how many it is called (see "strategy" of an engine), and
 * the share of the batch's rows that it has. Elsewhere 0, 1 and 1. */
betty_status betty_problem_replica(
    const betty_problem *problem, int32_t *out_replica, int32_t *out_count, double *out_share);
/* Every inner loop of a problem of type "iterative" or "forward" begins at a copy of the parameters
 * of `source`, to which gradients pass, and with an optimizer that has taken no step. Call it when
 * both have their parameters; a problem of an engine is kept by it. */
betty_status betty_problem_initialize_from(betty_problem *problem, const betty_problem *source);
/* One step of a problem without lower ones, and of those above that are due: what the engine does
 * for each of them. Not before betty_engine_start. */
betty_status betty_problem_step(betty_problem *problem);
/* One descent step and nothing else: no count, no schedule, no log, no upper problem. `fresh`: on
 * the next batch, else on the last one again. */
betty_status betty_problem_descend(betty_problem *problem, int32_t fresh);
/* The same on whatever batch training_step, which is told `fresh` 0, takes (with replicas, on the
 * one that `source` draws): problems above go on with what the last step has recorded. */
betty_status betty_problem_descend_aside(betty_problem *problem);
/* For the callback `descend`: adds the gradient of a loss, already divided by
 * "gradient_accumulation", implicit parts included, to those that the parameters have. */
betty_status betty_problem_backward(betty_problem *problem, const betty_tensor *loss);
/* Steps taken. */
betty_status betty_problem_count(const betty_problem *problem, int64_t *out_count);
/* For a run that is resumed. */
betty_status betty_problem_set_count(betty_problem *problem, int64_t count);
/* Steps left out so far: see "on_nan" and "precision". */
betty_status betty_problem_skipped_steps(const betty_problem *problem, int64_t *out_count);
/* With "precision" "fp16": what losses are scaled by before they are differentiated, and the steps
 * that were taken since it last changed. To be set for a run that is resumed. */
betty_status betty_problem_loss_scale(
    const betty_problem *problem, double *out_scale, int64_t *out_steps);
betty_status betty_problem_set_loss_scale(betty_problem *problem, double scale, int64_t steps);
/* The paths of its hypergradient, one a line: names from the problem down and back to it, separated
 * by spaces. Borrowed until the next call on this thread. */
betty_status betty_problem_paths(const betty_problem *problem, const char **out_text);
/* What its steps have been so far, of each structure of training_step: the recorded loss, the graph
 * of the whole step, and the program made of it. Borrowed until the next call on this thread. */
betty_status betty_problem_dump(const betty_problem *problem, const char **out_text);
/* The gradient that a step on the last batch would take, implicit parts included, by parameter, of
 * which there are `count`: owned, NULL where there is none. Nothing is updated. Through unrolled
 * steps it is that of those taken since their loop began. */
betty_status betty_problem_gradients(
    betty_problem *problem, int32_t count, betty_tensor **out_tensors);
/* What the iterative methods on the problem's paths tell of their last call, one a line, parted by
 * tabs: the path as above, the problem it goes through, the method, 1 if it converged or 0, why,
 * and numbers as name=value ("iterations", "residual", ...). Borrowed until the next call on this
 * thread. */
betty_status betty_problem_hypergradient_info(
    const betty_problem *problem, const char **out_text);
/* What methods on the problem's paths keep from one call to the next (the last solution of cg with
 * a warm start), for who saves a run: number `index`, or NULL and NULL past the last. The key is
 * borrowed until the next call on this thread, the tensor is owned. */
betty_status betty_problem_memory(
    const betty_problem *problem, int32_t index, const char **out_key, betty_tensor **out_tensor);
/* Puts one of them back, copied. Not before betty_engine_start. */
betty_status betty_problem_set_memory(
    betty_problem *problem, const char *key, const betty_tensor *tensor);
/* What belongs to the inner loop under way, for who saves a run in the middle of it: tensor `index`
 * of a list, owned, or NULL past the last, at once where none is under way. The list is made when
 * number 0 is asked for; what is in it is the engine's own affair. */
betty_status betty_problem_loop(
    betty_problem *problem, int32_t index, betty_tensor **out_tensor);
/* Takes the loop up, after parameters, optimizer and count have been put back, and not before
 * betty_engine_start; no tensors: no loop is under way. */
betty_status betty_problem_set_loop(
    betty_problem *problem, betty_tensor *const *tensors, int32_t count);
/* For who checks a hypergradient: takes an inner loop of so many updates, each on the last batch
 * again, every time from where the problem was at first. Below 0: all is as it was before. */
betty_status betty_problem_rehearse(betty_problem *problem, int64_t steps);
/* The vector, shaped as the parameters through which hypergradients flow, times the derivative of
 * the end of the loop that was rehearsed last by each tensor of `upper`, owned, NULL where there
 * is none. It goes through all steps, and in forward mode where "type" is "iterative" and there are
 * few numbers, in reverse otherwise. */
betty_status betty_problem_pull_back(
    betty_problem *problem, betty_tensor *const *vector, int32_t count,
    betty_tensor *const *upper, int32_t upper_count, betty_tensor **out_tensors);
/* The values of option "type"; NULL past the last; they live for ever. */
const char *betty_hypergradient_method(int32_t index);
/* Option `index` of a method, NULL past the last; the name is borrowed until the next call on this
 * thread. */
betty_status betty_hypergradient_option(
    const char *method, int32_t index, const char **out_name, double *out_default);

/* A hypergradient method of one's own. Its function is called once for every structure of a step,
 * not for every step: what it records on the tensors it is given becomes part of the step's
 * program. They have no values yet. The call is borrowed until the function returns. */
typedef struct betty_method_call betty_method_call;
typedef int32_t (*betty_method)(betty_method_call *call, void *user_data);
/* Makes `name` a value of option "type" for problems made from now on. `method` and `user_data`
 * must live as long as they may be used. */
betty_status betty_hypergradient_register(
    const char *name, betty_method method, void *user_data);
/* How many tensors there are of "vector" (v, shaped as the lower parameters), "parameters" (of the
 * lower problem), "upper" (parameters of the problem above), "loss" (of the lower problem: one). */
betty_status betty_method_count(
    betty_method_call *call, const char *what, int32_t *out_count);
/* One of them, owned. */
betty_status betty_method_tensor(
    betty_method_call *call, const char *what, int32_t index, betty_tensor **out_tensor);
/* "hvp": the lower Hessian times vectors, as many as "parameters"; "mixed": minus the vectors times
 * the derivative of the lower gradient by "upper", as many as "upper". Owned. */
betty_status betty_method_product(
    betty_method_call *call, const char *product, betty_tensor *const *vectors, int32_t count,
    betty_tensor **out_tensors);
/* The answer, retained: one tensor for each of "upper". */
betty_status betty_method_give(
    betty_method_call *call, betty_tensor *const *product, int32_t count);

/* ---- Engine -------------------------------------------------------------------------------- */

/* Joins problems through their dependencies and runs them. */
typedef struct betty_engine betty_engine;

typedef int32_t (*betty_engine_hook)(betty_engine *engine, void *user_data);
/* Non-zero in out_stop ends the run as if it were complete. */
typedef int32_t (*betty_validation)(betty_engine *engine, int32_t *out_stop, void *user_data);

typedef struct betty_engine_callbacks {
  size_t size;                  /* sizeof(betty_engine_callbacks) */
  betty_engine_hook train_step; /* instead of the engine's, which it may call */
  betty_validation validation;  /* every "valid_step" steps */
  betty_engine_hook progress;   /* some twenty times a second */
} betty_engine_callbacks;

/* Options, with their defaults: "train_iters" (50000), "valid_step" (500), "roll_back" (0; once the
 * problems above an inner loop have stepped, it is undone but for its last step, which is taken
 * again with the new upper parameters), "strategy" ("default"), "replicas" (0: one a thread),
 * "sync_batchnorm" (0: a batch norm is by the statistics of the replica's rows; 1: of the batch).
 * With strategy "data_parallel", training_step is called once for each replica, with its rows (of
 * the first dimension of each tensor) of the batch that the engine draws; the loss of the step is
 * their mean, weighted by rows, and they run side by side. There may be no more replicas than
 * threads, nor than rows, a last batch excepted. Problems whose batches are not the engine's are
 * not split. The problems are retained; `callbacks` may be NULL. */
betty_status betty_engine_new(
    betty_problem *const *problems, int32_t count, const betty_options *options,
    const betty_engine_callbacks *callbacks, void *user_data, betty_engine **out_engine);
/* Puts another "train_iters" in place for the next run, and another "valid_step". */
betty_status betty_engine_set_options(betty_engine *engine, const betty_options *options);
void betty_engine_free(betty_engine *engine);
/* A dependency between problems, by their places in the list. "l2u", from a lower to an upper
 * problem: the lower solution enters the upper loss. "u2l", from an upper to a lower one: the
 * gradient of the upper flows through the lower. */
betty_status betty_engine_depend(
    betty_engine *engine, const char *kind, int32_t from, int32_t to);
/* Takes all dependencies away, also in the middle of a run. */
betty_status betty_engine_clear_dependencies(betty_engine *engine);
/* Checks the dependencies; running does this when it is needed. */
betty_status betty_engine_start(betty_engine *engine);
/* Takes "train_iters" steps. */
betty_status betty_engine_run(betty_engine *engine);
/* Steps every leaf once, and with them the problems above that are due. */
betty_status betty_engine_train_step(betty_engine *engine);
betty_status betty_engine_global_step(const betty_engine *engine, int64_t *out_step);
/* A table of the problems with what a step of each takes (gradients, products with second
 * derivatives, floating-point operations, bytes; the last two once it has stepped), their edges and
 * paths. Borrowed until the next call on this thread. */
betty_status betty_engine_describe(betty_engine *engine, const char **out_text);
/* For a run that is resumed. */
betty_status betty_engine_set_global_step(betty_engine *engine, int64_t step);

/* ---- Process-wide settings and figures ----------------------------------------------------- */

/* Threads that work on one evaluation, the caller's included: at first one per processor. */
betty_status betty_threads_set(int32_t count);
int32_t betty_threads_get(void);

/* 1 if this processor multiplies bf16 faster than f32 (AVX512-BF16 of AMD); 0 if bf16 is only how
 * numbers are stored, and products of them are calculated in f32. */
int32_t betty_has_bf16(void);

/* Restarts the random numbers; equal seeds and calls give equal numbers. */
betty_status betty_seed_set(int64_t seed);
/* Where the random numbers are: a seed and a position, to be read and put back. */
betty_status betty_random_state(int64_t *out_seed, int64_t *out_position);
betty_status betty_random_restore(int64_t seed, int64_t position);
/* Whether this thread draws from a sequence of its own, which begins where the common one is; what
 * is above then means that sequence. 0, as at first: it draws from the common one. */
betty_status betty_random_apart_set(int32_t apart);

/* The key of the next draw, an i64 tensor of two elements: for operations with an input "key",
 * which draw one by themselves if it is left out. */
betty_status betty_random_key(betty_tensor **out_key);

/* Exact figures of this process since it began: "recordings", "cache_hits", "compilations",
 * "program_runs", "kernels_launched", "allocations", ... and of memory now: "memory_current",
 * "memory_peak", ... Names in order; NULL past the last; they live for ever. */
const char *betty_counter_name(int32_t index);
betty_status betty_counter(const char *name, int64_t *out_value);

/* Called now and then during long work, at least a few times a second, on the thread that waits
 * for it; non-zero interrupts the work: BETTY_ERROR_INTERRUPTED. NULL removes it. */
typedef int32_t (*betty_interruption)(void *user_data);
betty_status betty_interruption_set(betty_interruption check, void *user_data);

#ifdef __cplusplus
}
#endif

#endif /* BETTY_H */
