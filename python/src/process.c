/* Duty: what belongs to the process: threads, random numbers, counters, evaluation of several. */
#include "handles.h"

static PyObject *version(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  return PyUnicode_FromString(betty_version());
}

static PyObject *set_threads(PyObject *module, PyObject *value) {
  (void)module;
  long count = PyLong_AsLong(value);
  if (count == -1 && PyErr_Occurred()) return NULL;
  if (count < INT32_MIN || count > INT32_MAX) count = count < 0 ? INT32_MIN : INT32_MAX;
  betty_status status;
  Py_BEGIN_ALLOW_THREADS
  status = betty_threads_set((int32_t)count);
  Py_END_ALLOW_THREADS
  if (status) return raise_status(status);
  Py_RETURN_NONE;
}

static PyObject *get_threads(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  return PyLong_FromLong(betty_threads_get());
}

static PyObject *has_bf16(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  return PyBool_FromLong(betty_has_bf16());
}

static PyObject *set_seed(PyObject *module, PyObject *value) {
  (void)module;
  unsigned long long seed = PyLong_AsUnsignedLongLongMask(value);
  if (seed == (unsigned long long)-1 && PyErr_Occurred()) return NULL;
  betty_status status = betty_seed_set((int64_t)seed);
  if (status) return raise_status(status);
  Py_RETURN_NONE;
}

static PyObject *random_state(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  int64_t seed = 0, position = 0;
  betty_status status = betty_random_state(&seed, &position);
  if (status) return raise_status(status);
  return Py_BuildValue("(LL)", (long long)seed, (long long)position);
}

static PyObject *restore_random(PyObject *module, PyObject *arguments) {
  (void)module;
  long long seed, position;
  if (!PyArg_ParseTuple(arguments, "LL", &seed, &position)) return NULL;
  betty_status status = betty_random_restore(seed, position);
  if (status) return raise_status(status);
  Py_RETURN_NONE;
}

static PyObject *draw_apart(PyObject *module, PyObject *value) {
  (void)module;
  int apart = PyObject_IsTrue(value);
  if (apart < 0) return NULL;
  betty_status status = betty_random_apart_set(apart);
  if (status) return raise_status(status);
  Py_RETURN_NONE;
}

static PyObject *counters(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  PyObject *all = PyDict_New();
  for (int32_t i = 0; all && betty_counter_name(i); i++) {
    int64_t value = 0;
    betty_status status = betty_counter(betty_counter_name(i), &value);
    PyObject *number = status ? raise_status(status) : PyLong_FromLongLong(value);
    if (!number || PyDict_SetItemString(all, betty_counter_name(i), number)) Py_CLEAR(all);
    Py_XDECREF(number);
  }
  return all;
}

static PyObject *evaluate(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  (void)module;
  betty_tensor **handles = PyMem_Calloc((size_t)count + 1, sizeof *handles);
  if (!handles) return PyErr_NoMemory();
  PyObject *result = Py_None;
  for (Py_ssize_t i = 0; i < count && result; i++)
    if (!(handles[i] = require_tensor(arguments[i], "evaluate"))) result = NULL;
  if (result) {
    betty_status status;
    Py_BEGIN_ALLOW_THREADS
    status = betty_tensor_evaluate(handles, (int32_t)count);
    Py_END_ALLOW_THREADS
    if (status) result = raise_status(status);
  }
  PyMem_Free(handles);
  return Py_XNewRef(result);
}

static PyObject *set_hooks(PyObject *module, PyObject *arguments, PyObject *keywords) {
  (void)module;
  static char *names[] = {"size", "construct", "getitem", "setitem", "represent", NULL};
  Hooks given;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "$OOOOO", names, &given.size,
                                   &given.construct, &given.getitem, &given.setitem,
                                   &given.represent))
    return NULL;
  hooks = given; /* for ever: the classes and functions of the package itself */
  Py_INCREF(hooks.size);
  Py_INCREF(hooks.construct);
  Py_INCREF(hooks.getitem);
  Py_INCREF(hooks.setitem);
  Py_INCREF(hooks.represent);
  Py_RETURN_NONE;
}

/* operation(name)(*operands, **attributes) */
static PyObject *call_by_name(PyObject *module, PyObject *const *arguments, Py_ssize_t count,
                              PyObject *names) {
  if (count < 1) {
    PyErr_SetString(PyExc_TypeError, "call: takes the name of an operation");
    return NULL;
  }
  PyObject *function = find_operation(module, arguments[0]);
  if (!function) return NULL;
  PyObject *result = call_operation(PyCFunction_GetSelf(function), arguments + 1, count - 1, names);
  Py_DECREF(function);
  return result;
}

static PyObject *random_key(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  betty_tensor *key = NULL;
  betty_status status = betty_random_key(&key);
  return status ? raise_status(status) : wrap_tensor(key);
}

static PyObject *make_parameter(PyObject *module, PyObject *arguments) {
  (void)module;
  PyObject *type, *source;
  int requires_grad;
  if (!PyArg_ParseTuple(arguments, "O!Op", &PyType_Type, &type, &source, &requires_grad))
    return NULL;
  betty_tensor *given = require_tensor(source, "Parameter"), *handle = NULL;
  if (!given) return NULL;
  if (!PyType_IsSubtype((PyTypeObject *)type, tensor_type)) {
    PyErr_SetString(PyExc_TypeError, "make_parameter: expected a subclass of Tensor");
    return NULL;
  }
  betty_status status;
  Py_BEGIN_ALLOW_THREADS /* the value is computed now */
  status = betty_parameter_new(given, requires_grad, &handle);
  Py_END_ALLOW_THREADS
  return status ? raise_status(status) : wrap_subclass((PyTypeObject *)type, handle);
}

PyMethodDef process_functions[] = {
    {"version", version, METH_NOARGS, "The version of libbetty.so."},
    {"set_threads", set_threads, METH_O, "Threads that work on one evaluation."},
    {"get_threads", get_threads, METH_NOARGS, "Threads that work on one evaluation."},
    {"has_bf16", has_bf16, METH_NOARGS, "Whether the processor multiplies bf16 by itself."},
    {"set_seed", set_seed, METH_O, "Restart the random numbers."},
    {"random_state", random_state, METH_NOARGS, "(seed, position)"},
    {"restore_random", restore_random, METH_VARARGS, "Put a (seed, position) back."},
    {"draw_apart", draw_apart, METH_O, "Whether this thread draws from a sequence of its own."},
    {"counters", counters, METH_NOARGS, "All counters by name."},
    {"evaluate", (PyCFunction)(void (*)(void))evaluate, METH_FASTCALL, "Compute tensors together."},
    {"set_hooks", (PyCFunction)(void (*)(void))set_hooks, METH_VARARGS | METH_KEYWORDS,
     "What the Python side of the package adds."},
    {"operation", find_operation, METH_O, "An operation by name, as a function of tensors."},
    {"call", (PyCFunction)(void (*)(void))call_by_name, METH_FASTCALL | METH_KEYWORDS,
     "(name, *operands, **attributes): an operation by name."},
    {"random_key", random_key, METH_NOARGS, "The key of the next random draw."},
    {"make_parameter", make_parameter, METH_VARARGS,
     "(class, tensor, requires_grad): a new parameter with the tensor's value."},
    {"optimizer_hyperparameters", optimizer_hyperparameters, METH_O, "Names and defaults."},
    {"method_register", method_register, METH_VARARGS, "register(name, function)."},
    {"method_tensors", method_tensors, METH_VARARGS, "tensors(call, what)."},
    {"method_product", method_product, METH_VARARGS, "product(call, name, vectors)."},
    {"hypergradient_options", hypergradient_options, METH_O, "Pairs of name and default."},
    {"hypergradient_methods", hypergradient_methods, METH_NOARGS, "Values of Config(type=)."},
    {"describe", describe_operations, METH_NOARGS, "All operations, one line of text each."},
    {"from_buffer", from_buffer, METH_O, "A tensor on the memory of another object."},
    {"from_scalar", from_scalar, METH_O, "A 0-d tensor of a Python number."},
    {"from_dlpack", from_dlpack_capsule, METH_O, "A tensor on the memory of a DLPack capsule."},
    {NULL, NULL, 0, NULL},
};
