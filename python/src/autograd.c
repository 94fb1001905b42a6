/* Duty: derivatives. Tuples of tensors in, tuples out; betty.h computes them later. */
#include "native.h"

typedef struct {
  betty_tensor **handles;
  int32_t count;
} Handles;

/* Borrowed handles of a tuple of tensors; None is NULL where that is allowed. */
static int gather(PyObject *sequence, Handles *out, int allow_none, const char *what) {
  *out = (Handles){NULL, 0};
  if (sequence == Py_None && allow_none) return 0;
  if (!PyTuple_Check(sequence)) {
    PyErr_Format(PyExc_TypeError, "%s: expected a tuple of tensors", what);
    return -1;
  }
  Py_ssize_t count = PyTuple_Size(sequence);
  out->handles = PyMem_Calloc((size_t)count + 1, sizeof *out->handles);
  if (!out->handles) return PyErr_NoMemory() ? 0 : -1;
  for (Py_ssize_t i = 0; i < count; i++) {
    PyObject *item = PyTuple_GetItem(sequence, i);
    if (item == Py_None && allow_none) continue;
    if (!(out->handles[i] = require_tensor(item, what))) return -1;
  }
  out->count = (int32_t)count;
  return 0;
}

static void discard(Handles *handles) { PyMem_Free(handles->handles); }

static int equal_counts(const char *operation, const Handles *a, const Handles *b) {
  if (!b->handles || a->count == b->count) return 1;
  PyErr_Format(PyExc_RuntimeError, "%s: got %d tensors and %d for them", operation, (int)a->count,
               (int)b->count);
  return 0;
}

static PyObject *backward(PyObject *module, PyObject *arguments) {
  (void)module;
  PyObject *outputs, *cotangents;
  int retain_graph, create_graph;
  if (!PyArg_ParseTuple(arguments, "OOpp", &outputs, &cotangents, &retain_graph, &create_graph))
    return NULL;
  Handles out = {NULL, 0}, grad = {NULL, 0};
  PyObject *result = NULL;
  if (!gather(outputs, &out, 0, "backward") && !gather(cotangents, &grad, 1, "backward") &&
      equal_counts("backward", &out, &grad)) {
    betty_status status =
        betty_backward(out.handles, grad.handles, out.count, retain_graph, create_graph);
    result = status ? raise_status(status) : Py_NewRef(Py_None);
  }
  discard(&out);
  discard(&grad);
  return result;
}

static PyObject *gradients(PyObject *module, PyObject *arguments) {
  (void)module;
  PyObject *outputs, *cotangents, *inputs;
  int retain_graph, create_graph, allow_unused;
  if (!PyArg_ParseTuple(arguments, "OOOppp", &outputs, &cotangents, &inputs, &retain_graph,
                        &create_graph, &allow_unused))
    return NULL;
  Handles out = {NULL, 0}, grad = {NULL, 0}, in = {NULL, 0};
  PyObject *result = NULL;
  if (!gather(outputs, &out, 0, "grad") && !gather(cotangents, &grad, 1, "grad") &&
      !gather(inputs, &in, 0, "grad") && equal_counts("grad", &out, &grad)) {
    betty_tensor **made = PyMem_Calloc((size_t)in.count + 1, sizeof *made);
    betty_status status = !made ? BETTY_ERROR_MEMORY
                                : betty_grad(out.handles, grad.handles, out.count, in.handles,
                                             in.count, retain_graph, create_graph, allow_unused,
                                             made);
    if (made) result = status ? raise_status(status) : NULL;
    else PyErr_NoMemory();
    if (!status) result = wrap_tuple(made, in.count);
    PyMem_Free(made);
  }
  discard(&out);
  discard(&grad);
  discard(&in);
  return result;
}

static PyObject *backward_order(PyObject *module, PyObject *arguments) {
  (void)module;
  PyObject *outputs, *tensors, *result = NULL;
  int wanted;
  if (!PyArg_ParseTuple(arguments, "OOi", &outputs, &tensors, &wanted)) return NULL;
  Handles out = {NULL, 0}, given = {NULL, 0};
  if (!gather(outputs, &out, 0, "backward") && !gather(tensors, &given, 0, "backward")) {
    int64_t *found = PyMem_Calloc((size_t)given.count + 1, sizeof *found);
    betty_status status = BETTY_ERROR_MEMORY;
    if (!found) PyErr_NoMemory();
    else
      status = betty_backward_order(out.handles, out.count, given.handles, given.count, wanted,
                                    found);
    if (found) result = status ? raise_status(status) : PyList_New(given.count);
    for (int32_t i = 0; result && i < given.count; i++)
      PyList_SetItem(result, i, PyLong_FromLongLong(found[i]));
    PyMem_Free(found);
  }
  discard(&out);
  discard(&given);
  return result;
}

static PyObject *backward_part(PyObject *module, PyObject *arguments) {
  (void)module;
  PyObject *outputs, *cotangents, *stops, *result = NULL;
  int accumulate, create_graph;
  if (!PyArg_ParseTuple(arguments, "OOOpp", &outputs, &cotangents, &stops, &accumulate,
                        &create_graph))
    return NULL;
  Handles out = {NULL, 0}, grad = {NULL, 0}, ends = {NULL, 0};
  if (!gather(outputs, &out, 0, "backward") && !gather(cotangents, &grad, 1, "backward") &&
      !gather(stops, &ends, 0, "backward") && equal_counts("backward", &out, &grad)) {
    betty_tensor **made = PyMem_Calloc((size_t)ends.count + 1, sizeof *made);
    betty_status status = BETTY_ERROR_MEMORY;
    if (!made) PyErr_NoMemory();
    else
      status = betty_backward_part(out.handles, grad.handles, out.count, ends.handles, ends.count,
                                   accumulate, create_graph, made);
    if (made) result = status ? raise_status(status) : wrap_tuple(made, ends.count);
    PyMem_Free(made);
  }
  discard(&out);
  discard(&grad);
  discard(&ends);
  return result;
}

static PyObject *backward_end(PyObject *module, PyObject *outputs) {
  (void)module;
  Handles out = {NULL, 0};
  PyObject *result = NULL;
  if (!gather(outputs, &out, 0, "backward")) {
    betty_status status = betty_backward_end(out.handles, out.count);
    result = status ? raise_status(status) : Py_NewRef(Py_None);
  }
  discard(&out);
  return result;
}

/* (outputs, inputs, vectors): products with the Jacobian of what was recorded. */
static PyObject *product(PyObject *arguments, int kind, const char *name) {
  PyObject *outputs, *inputs, *vectors;
  if (!PyArg_ParseTuple(arguments, "OOO", &outputs, &inputs, &vectors)) return NULL;
  Handles out = {NULL, 0}, in = {NULL, 0}, vector = {NULL, 0};
  PyObject *result = NULL;
  if (!gather(outputs, &out, 0, name) && !gather(inputs, &in, 0, name) &&
      !gather(vectors, &vector, 0, name) &&
      equal_counts(name, kind == 0 ? &out : &in, &vector)) {
    int32_t count = kind == 1 ? out.count : in.count;
    betty_tensor **made = PyMem_Calloc((size_t)count + 1, sizeof *made);
    betty_status status = BETTY_ERROR_MEMORY;
    if (!made) PyErr_NoMemory();
    else if (kind == 0)
      status = betty_vjp(out.handles, vector.handles, out.count, in.handles, in.count, made);
    else if (kind == 1)
      status = betty_jvp(out.handles, out.count, in.handles, vector.handles, in.count, made);
    else
      status = betty_hvp(out.handles[0], in.handles, vector.handles, in.count, made);
    if (made) result = status ? raise_status(status) : wrap_tuple(made, count);
    PyMem_Free(made);
  }
  discard(&out);
  discard(&in);
  discard(&vector);
  return result;
}

static PyObject *vjp(PyObject *module, PyObject *arguments) {
  (void)module;
  return product(arguments, 0, "vjp");
}
static PyObject *jvp(PyObject *module, PyObject *arguments) {
  (void)module;
  return product(arguments, 1, "jvp");
}
static PyObject *hvp(PyObject *module, PyObject *arguments) {
  (void)module;
  return product(arguments, 2, "hvp");
}

static PyObject *vmap_example(PyObject *module, PyObject *arguments) {
  (void)module;
  PyObject *tensor;
  int level;
  if (!PyArg_ParseTuple(arguments, "Oi", &tensor, &level)) return NULL;
  betty_tensor *handle = require_tensor(tensor, "vmap"), *made = NULL;
  if (!handle) return NULL;
  betty_status status = betty_vmap_example(handle, level, &made);
  return status ? raise_status(status) : wrap_tensor(made);
}

static PyObject *vmap(PyObject *module, PyObject *arguments) {
  (void)module;
  PyObject *outputs;
  int level;
  long long size;
  if (!PyArg_ParseTuple(arguments, "OiL", &outputs, &level, &size)) return NULL;
  Handles out = {NULL, 0};
  PyObject *result = NULL;
  if (!gather(outputs, &out, 0, "vmap")) {
    betty_tensor **made = PyMem_Calloc((size_t)out.count + 1, sizeof *made);
    if (!made) PyErr_NoMemory();
    else {
      betty_status status = betty_vmap(out.handles, out.count, level, size, made);
      result = status ? raise_status(status) : wrap_tuple(made, out.count);
    }
    PyMem_Free(made);
  }
  discard(&out);
  return result;
}

static PyObject *set_grad_mode(PyObject *module, PyObject *value) {
  (void)module;
  int enabled = PyObject_IsTrue(value);
  return enabled < 0 ? NULL : PyBool_FromLong(betty_grad_mode_set(enabled));
}

static PyObject *get_grad_mode(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  return PyBool_FromLong(betty_grad_mode_get());
}

PyMethodDef autograd_functions[] = {
    {"backward", backward, METH_VARARGS, "(outputs, cotangents, retain_graph, create_graph)"},
    {"backward_order", backward_order, METH_VARARGS, "(outputs, tensors, wanted) -> positions"},
    {"backward_part", backward_part, METH_VARARGS,
     "(outputs, cotangents, stops, accumulate, create_graph) -> gradients of the stops"},
    {"backward_end", backward_end, METH_O, "Gives up the history of outputs."},
    {"grad", gradients, METH_VARARGS,
     "(outputs, cotangents, inputs, retain_graph, create_graph, allow_unused) -> gradients"},
    {"vjp", vjp, METH_VARARGS, "(outputs, inputs, cotangents) -> products"},
    {"jvp", jvp, METH_VARARGS, "(outputs, inputs, tangents) -> products"},
    {"hvp", hvp, METH_VARARGS, "([output], inputs, vectors) -> products"},
    {"vmap_example", vmap_example, METH_VARARGS, "(tensor, level) -> one example, without a value"},
    {"vmap", vmap, METH_VARARGS, "(outputs, level, size) -> outputs of all examples"},
    {"grad_mode_set", set_grad_mode, METH_O, "Turn recording for gradients on or off."},
    {"grad_mode_get", get_grad_mode, METH_NOARGS, "Whether it is on."},
    {NULL, NULL, 0, NULL},
};
