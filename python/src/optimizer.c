/* Duty: _native.OptimizerHandle, an optimizer of the engine. */
#include "handles.h"

PyTypeObject *optimizer_type;

betty_tensor **tensor_list(PyObject *sequence, int32_t *count, const char *what) {
  PyObject *fast = PySequence_Tuple(sequence);
  if (!fast) return NULL;
  Py_ssize_t length = PyTuple_Size(fast);
  betty_tensor **handles = PyMem_Calloc((size_t)length + 1, sizeof *handles);
  if (!handles) PyErr_NoMemory();
  for (Py_ssize_t i = 0; handles && i < length; i++) {
    handles[i] = require_tensor(PyTuple_GetItem(fast, i), what);
    if (handles[i]) continue;
    PyMem_Free(handles);
    handles = NULL;
  }
  Py_DECREF(fast); /* the caller's sequence keeps the tensors */
  *count = (int32_t)length;
  return handles;
}

static betty_optimizer *optimizer_of(PyObject *self) { return ((OptimizerObject *)self)->handle; }

static PyObject *none_or_raise(betty_status status) {
  if (status) return raise_status(status);
  Py_RETURN_NONE;
}

static PyObject *make(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
  static char *names[] = {"name", NULL};
  const char *name;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "s", names, &name)) return NULL;
  allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  OptimizerObject *self = (OptimizerObject *)allocate(type, 0);
  if (!self) return NULL;
  betty_status status = betty_optimizer_new(name, &self->handle);
  if (!status) return (PyObject *)self;
  Py_DECREF(self);
  return raise_status(status);
}

static void deallocate(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  betty_optimizer_free(optimizer_of(self));
  freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
  release(self);
  Py_DECREF(type);
}

static PyObject *add_group(PyObject *self, PyObject *arguments) {
  PyObject *parameters, *hyper;
  if (!PyArg_ParseTuple(arguments, "OO!", &parameters, &PyDict_Type, &hyper)) return NULL;
  int32_t count = 0;
  betty_tensor **handles = tensor_list(parameters, &count, "optimizer");
  betty_options *options = handles ? options_from_dict(hyper) : NULL;
  PyObject *result = NULL;
  if (options)
    result = none_or_raise(betty_optimizer_add_group(optimizer_of(self), handles, count, options));
  betty_options_free(options);
  PyMem_Free(handles);
  return result;
}

static PyObject *set(PyObject *self, PyObject *arguments) {
  int group;
  const char *name;
  double value;
  if (!PyArg_ParseTuple(arguments, "isd", &group, &name, &value)) return NULL;
  return none_or_raise(betty_optimizer_set(optimizer_of(self), group, name, value));
}

static PyObject *get(PyObject *self, PyObject *arguments) {
  int group;
  const char *name;
  double value = 0;
  if (!PyArg_ParseTuple(arguments, "is", &group, &name)) return NULL;
  betty_status status = betty_optimizer_get(optimizer_of(self), group, name, &value);
  return status ? raise_status(status) : PyFloat_FromDouble(value);
}

static PyObject *step(PyObject *self, PyObject *unused) {
  (void)unused;
  betty_optimizer *optimizer = optimizer_of(self);
  betty_status status;
  Py_BEGIN_ALLOW_THREADS
  status = betty_optimizer_step(optimizer);
  Py_END_ALLOW_THREADS
  return none_or_raise(status);
}

static PyObject *zero_grad(PyObject *self, PyObject *unused) {
  (void)unused;
  return none_or_raise(betty_optimizer_zero_grad(optimizer_of(self)));
}

static PyObject *state_names(PyObject *self, PyObject *group) {
  long number = PyLong_AsLong(group);
  if (number == -1 && PyErr_Occurred()) return NULL;
  PyObject *names = PyList_New(0);
  for (int32_t i = 0; names; i++) {
    const char *name = NULL;
    betty_status status =
        betty_optimizer_state_name(optimizer_of(self), (int32_t)number, i, &name);
    if (!status && !*name) break;
    PyObject *text = status ? raise_status(status) : PyUnicode_FromString(name);
    if (!text || PyList_Append(names, text)) Py_CLEAR(names);
    Py_XDECREF(text);
  }
  return names;
}

static PyObject *state(PyObject *self, PyObject *arguments) {
  PyObject *parameter;
  const char *name;
  if (!PyArg_ParseTuple(arguments, "Os", &parameter, &name)) return NULL;
  betty_tensor *handle = require_tensor(parameter, "state"), *found = NULL;
  if (!handle) return NULL;
  betty_status status = betty_optimizer_state(optimizer_of(self), handle, name, &found);
  if (status) return raise_status(status);
  return found ? wrap_tensor(found) : Py_NewRef(Py_None);
}

static PyObject *set_state(PyObject *self, PyObject *arguments) {
  PyObject *parameter, *value;
  const char *name;
  if (!PyArg_ParseTuple(arguments, "OsO", &parameter, &name, &value)) return NULL;
  betty_tensor *handle = require_tensor(parameter, "set_state");
  betty_tensor *given = handle ? require_tensor(value, "set_state") : NULL;
  if (!given) return NULL;
  return none_or_raise(betty_optimizer_set_state(optimizer_of(self), handle, name, given));
}

static PyObject *steps(PyObject *self, PyObject *parameter) {
  betty_tensor *handle = require_tensor(parameter, "steps");
  int64_t count = 0;
  if (!handle) return NULL;
  betty_status status = betty_optimizer_steps(optimizer_of(self), handle, &count);
  return status ? raise_status(status) : PyLong_FromLongLong(count);
}

static PyObject *set_steps(PyObject *self, PyObject *arguments) {
  PyObject *parameter;
  long long count;
  if (!PyArg_ParseTuple(arguments, "OL", &parameter, &count)) return NULL;
  betty_tensor *handle = require_tensor(parameter, "set_steps");
  return handle ? none_or_raise(betty_optimizer_set_steps(optimizer_of(self), handle, count))
                : NULL;
}

PyObject *optimizer_hyperparameters(PyObject *module, PyObject *name) {
  (void)module;
  const char *optimizer = PyUnicode_AsUTF8AndSize(name, NULL);
  PyObject *all = optimizer ? PyDict_New() : NULL;
  for (int32_t i = 0; all; i++) {
    const char *key = NULL;
    double value = 0;
    betty_status status = betty_optimizer_hyperparameter(optimizer, i, &key, &value);
    if (!status && !key) break;
    PyObject *number = status ? raise_status(status) : PyFloat_FromDouble(value);
    if (!number || PyDict_SetItemString(all, key, number)) Py_CLEAR(all);
    Py_XDECREF(number);
  }
  return all;
}

static PyMethodDef methods[] = {
    {"add_group", add_group, METH_VARARGS, "(parameters, {name: value})"},
    {"set", set, METH_VARARGS, "(group, name, value)"},
    {"get", get, METH_VARARGS, "(group, name) -> float"},
    {"step", step, METH_NOARGS, "Update every parameter that has a gradient."},
    {"zero_grad", zero_grad, METH_NOARGS, "Clear the gradients."},
    {"state_names", state_names, METH_O, "(group) -> names of what is kept per parameter"},
    {"state", state, METH_VARARGS, "(parameter, name) -> Tensor or None"},
    {"set_state", set_state, METH_VARARGS, "(parameter, name, tensor)"},
    {"steps", steps, METH_O, "(parameter) -> updates so far"},
    {"set_steps", set_steps, METH_VARARGS, "(parameter, count)"},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {
    {Py_tp_new, make},
    {Py_tp_dealloc, deallocate},
    {Py_tp_methods, methods},
    {Py_tp_doc, "An optimizer of the engine, by name."},
    {0, NULL},
};
static PyType_Spec spec = {
    "betty._native.OptimizerHandle", sizeof(OptimizerObject), 0, Py_TPFLAGS_DEFAULT, slots,
};

int optimizer_ready(PyObject *module) {
  optimizer_type = (PyTypeObject *)PyType_FromSpec(&spec);
  return optimizer_type
             ? PyModule_AddObjectRef(module, "OptimizerHandle", (PyObject *)optimizer_type)
             : -1;
}
