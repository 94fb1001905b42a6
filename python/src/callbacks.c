/* Duty: the callbacks of a problem, which are Python's. Each takes the GIL; what it raises is kept,
 * with a note of where that was, and raised by the call that led to it. */
#include "handles.h"

/* Keeps a callback's exception with a note of where it was raised. */
static int32_t keep_noted(ProblemObject *self, const char *place) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  int64_t count = 0;
  betty_status unknown = self->handle ? betty_problem_count(self->handle, &count) : BETTY_OK;
  PyObject *note = PyUnicode_FromFormat(
      "problem '%U', step %lld: in %s", self->name, unknown ? 0 : (long long)count, place);
  PyObject *done = note && value ? PyObject_CallMethod(value, "add_note", "O", note) : NULL;
  PyErr_Clear();
  Py_XDECREF(note);
  Py_XDECREF(done);
  PyErr_Restore(type, value, traceback);
  return keep_exception();
}

int has_callback(PyObject *callbacks, const char *name) {
  PyObject *found = PyDict_GetItemString(callbacks, name);
  return found && found != Py_None;
}

PyObject *call_back(PyObject *callbacks, const char *name, PyObject *argument) {
  /* The collector may have taken the callbacks of an unreachable program. */
  PyObject *function = callbacks ? PyDict_GetItemString(callbacks, name) : NULL;
  if (!function) {
    PyErr_Format(PyExc_RuntimeError, "%s: this callback is gone", name);
    return NULL;
  }
  Py_INCREF(function);
  PyObject *result = PyObject_CallFunctionObjArgs(function, argument, NULL);
  Py_DECREF(function);
  return result;
}

static int32_t training_step(
    betty_problem *handle, int32_t fresh, betty_tensor **out_loss, void *user_data) {
  (void)handle;
  PyGILState_STATE state = PyGILState_Ensure();
  ProblemObject *self = user_data;
  PyObject *loss =
      call_back(self->callbacks, "training_step", fresh ? Py_True : Py_False);
  betty_tensor *given = loss ? require_tensor(loss, "training_step") : NULL;
  int32_t result = 1;
  if (given) {
    betty_status status = betty_tensor_retain(given, out_loss);
    result = status ? (raise_status(status), 1) : 0;
  }
  Py_XDECREF(loss);
  if (result) keep_noted(self, "training_step");
  PyGILState_Release(state);
  return result;
}

static int32_t hook(ProblemObject *self, const char *name) {
  PyGILState_STATE state = PyGILState_Ensure();
  PyObject *done = call_back(self->callbacks, name, NULL);
  int32_t result = done ? 0 : keep_noted(self, name);
  Py_XDECREF(done);
  PyGILState_Release(state);
  return result;
}

#define HOOK(name)                                                    \
  static int32_t name(betty_problem *handle, void *user_data) {       \
    (void)handle;                                                     \
    return hook(user_data, #name);                                    \
  }
HOOK(on_inner_loop_start)
HOOK(grad_callback)
HOOK(custom_optimizer_step)
HOOK(param_callback)
HOOK(scheduler_step)
static int32_t log_hook(betty_problem *handle, void *user_data) {
  (void)handle;
  return hook(user_data, "log");
}
HOOK(epoch_callback)

static int32_t warn(betty_problem *handle, const char *message, void *user_data) {
  (void)handle, (void)user_data;
  PyGILState_STATE state = PyGILState_Ensure();
  int32_t result = PyErr_WarnEx(PyExc_RuntimeWarning, message, 1) ? keep_exception() : 0;
  PyGILState_Release(state);
  return result;
}

static int32_t descend_hook(betty_problem *handle, int32_t fresh, void *user_data) {
  (void)handle;
  PyGILState_STATE state = PyGILState_Ensure();
  ProblemObject *self = user_data;
  PyObject *done = call_back(self->callbacks, "descend", fresh ? Py_True : Py_False);
  int32_t result = done ? 0 : keep_noted(self, "one_step_descent");
  Py_XDECREF(done);
  PyGILState_Release(state);
  return result;
}

/* The function "source" gives a list of tensors. */
static int32_t source(betty_problem *handle, void *user_data) {
  PyGILState_STATE state = PyGILState_Ensure();
  ProblemObject *self = user_data;
  PyObject *batch = call_back(self->callbacks, "source", NULL);
  int32_t count = 0, result = 1;
  betty_tensor **handles = batch ? tensor_list(batch, &count, "source") : NULL;
  if (handles) {
    betty_status status = betty_problem_give_batch(handle, handles, count);
    result = status ? (raise_status(status), 1) : 0;
    PyMem_Free(handles);
  }
  if (result) keep_noted(self, "get_batch");
  Py_XDECREF(batch);
  PyGILState_Release(state);
  return result;
}

betty_problem_callbacks problem_callbacks(PyObject *callbacks) {
  betty_problem_callbacks all = {
      .size = sizeof all, .training_step = training_step, .warn = warn};
  if (has_callback(callbacks, "on_inner_loop_start")) all.on_inner_loop_start = on_inner_loop_start;
  if (has_callback(callbacks, "grad_callback")) all.grad_callback = grad_callback;
  if (has_callback(callbacks, "custom_optimizer_step"))
    all.custom_optimizer_step = custom_optimizer_step;
  if (has_callback(callbacks, "param_callback")) all.param_callback = param_callback;
  if (has_callback(callbacks, "scheduler_step")) all.scheduler_step = scheduler_step;
  if (has_callback(callbacks, "log")) all.log = log_hook;
  if (has_callback(callbacks, "epoch_callback")) all.epoch_callback = epoch_callback;
  if (has_callback(callbacks, "source")) all.source = source;
  if (has_callback(callbacks, "descend")) all.descend = descend_hook;
  return all;
}
