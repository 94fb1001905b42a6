/* Duty: what a tensor can be asked without computing it, and the methods that change its handle. */
#include "native.h"

static PyObject *get_shape(PyObject *self, void *unused) {
  (void)unused;
  int64_t shape[MAXIMUM_RANK];
  int32_t rank = 0;
  betty_status status = betty_tensor_shape(handle_of(self), shape, MAXIMUM_RANK, &rank);
  if (status) return raise_status(status);
  PyObject *dimensions = PyTuple_New(rank);
  for (int32_t axis = 0; dimensions && axis < rank; axis++) {
    PyObject *dimension = PyLong_FromLongLong(shape[axis]);
    if (!dimension || PyTuple_SetItem(dimensions, axis, dimension)) Py_CLEAR(dimensions);
  }
  if (!dimensions || !hooks.size) return dimensions;
  PyObject *size = PyObject_CallFunctionObjArgs(hooks.size, dimensions, NULL);
  Py_DECREF(dimensions);
  return size;
}

static PyObject *get_ndim(PyObject *self, void *unused) {
  (void)unused;
  int32_t rank = 0;
  betty_status status = betty_tensor_rank(handle_of(self), &rank);
  return status ? raise_status(status) : PyLong_FromLong(rank);
}

static PyObject *get_dtype(PyObject *self, void *unused) {
  (void)unused;
  betty_dtype dtype = 0;
  betty_status status = betty_tensor_dtype(handle_of(self), &dtype);
  return status ? raise_status(status) : dtype_object(dtype);
}

typedef betty_status (*Flag)(const betty_tensor *, int32_t *);

static PyObject *flag(PyObject *self, Flag read) {
  int32_t value = 0;
  betty_status status = read(handle_of(self), &value);
  return status ? raise_status(status) : PyBool_FromLong(value);
}

static PyObject *get_requires_grad(PyObject *self, void *unused) {
  (void)unused;
  return flag(self, betty_tensor_requires_grad);
}

static int set_requires_grad(PyObject *self, PyObject *value, void *unused) {
  (void)unused;
  int truth = value ? PyObject_IsTrue(value) : 0;
  if (truth < 0) return -1;
  betty_status status = betty_tensor_set_requires_grad(handle_of(self), truth);
  return status ? raise_status_int(status) : 0;
}

static PyObject *get_is_leaf(PyObject *self, void *unused) {
  (void)unused;
  return flag(self, betty_tensor_is_leaf);
}

static PyObject *get_is_evaluated(PyObject *self, void *unused) {
  (void)unused;
  return flag(self, betty_tensor_is_evaluated);
}

static const char no_leaf[] =
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
    "attribute won't be populated during autograd.backward(). If you indeed want the .grad field "
    "to be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor.";

static PyObject *get_grad(PyObject *self, void *unused) {
  (void)unused;
  betty_tensor *grad = NULL;
  betty_status status = betty_tensor_grad(handle_of(self), &grad);
  if (status) return raise_status(status);
  if (grad) return wrap_tensor(grad);
  int32_t is_leaf = 1, is_kept = 0;
  status = betty_tensor_is_leaf(handle_of(self), &is_leaf);
  if (!status) status = betty_tensor_retains_grad(handle_of(self), &is_kept);
  if (status) return raise_status(status);
  if (!is_leaf && !is_kept && PyErr_WarnEx(PyExc_UserWarning, no_leaf, 1)) return NULL;
  Py_RETURN_NONE;
}

static int set_grad(PyObject *self, PyObject *value, void *unused) {
  (void)unused;
  betty_tensor *grad = NULL;
  if (value && value != Py_None && !(grad = require_tensor(value, "grad"))) return -1;
  betty_status status = betty_tensor_set_grad(handle_of(self), grad);
  return status ? raise_status_int(status) : 0;
}

static PyObject *detach(PyObject *self, PyObject *unused) {
  (void)unused;
  betty_tensor *detached = NULL;
  betty_status status = betty_tensor_detach(handle_of(self), &detached);
  return status ? raise_status(status) : wrap_tensor(detached);
}

static PyObject *detach_in_place(PyObject *self, PyObject *unused) {
  (void)unused;
  betty_status status = betty_tensor_detach_in_place(handle_of(self));
  return status ? raise_status(status) : Py_NewRef(self);
}

static PyObject *get_data(PyObject *self, void *unused) {
  (void)unused;
  return detach(self, NULL);
}

static int set_data(PyObject *self, PyObject *value, void *unused) {
  (void)unused;
  betty_tensor *source = value ? require_tensor(value, "data") : NULL;
  if (!source) {
    if (!value) PyErr_SetString(PyExc_RuntimeError, "data cannot be deleted");
    return -1;
  }
  betty_status status = betty_tensor_set_data(handle_of(self), source);
  return status ? raise_status_int(status) : 0;
}

static PyObject *get_version(PyObject *self, void *unused) {
  (void)unused;
  int64_t version = 0;
  betty_status status = betty_tensor_version(handle_of(self), &version);
  return status ? raise_status(status) : PyLong_FromLongLong(version);
}

static PyObject *numel(PyObject *self, PyObject *unused) {
  (void)unused;
  int64_t count = element_count(self);
  return count < 0 ? NULL : PyLong_FromLongLong(count);
}

typedef betty_status (*Change)(betty_tensor *, betty_tensor *);

static PyObject *change(PyObject *self, PyObject *source, Change apply, const char *name) {
  betty_tensor *handle = require_tensor(source, name);
  if (!handle) return NULL;
  betty_status status = apply(handle_of(self), handle);
  return status ? raise_status(status) : Py_NewRef(self);
}

static PyObject *assign(PyObject *self, PyObject *source) {
  return change(self, source, betty_tensor_assign, "assign");
}

static PyObject *update(PyObject *self, PyObject *source) {
  return change(self, source, betty_tensor_update, "update");
}

static PyObject *retain_grad(PyObject *self, PyObject *unused) {
  (void)unused;
  betty_status status = betty_tensor_retain_grad(handle_of(self));
  if (status) return raise_status(status);
  Py_RETURN_NONE;
}

static PyObject *get_retains_grad(PyObject *self, void *unused) {
  (void)unused;
  int32_t is_kept = 0;
  betty_status status = betty_tensor_retains_grad(handle_of(self), &is_kept);
  return status ? raise_status(status) : PyBool_FromLong(is_kept);
}

static PyObject *accumulate_grad(PyObject *self, PyObject *arguments) {
  PyObject *gradient = NULL;
  int create_graph = 0;
  if (!PyArg_ParseTuple(arguments, "Op:_accumulate_grad", &gradient, &create_graph)) return NULL;
  betty_tensor *grad = require_tensor(gradient, "grad");
  if (!grad) return NULL;
  betty_status status = betty_tensor_accumulate_grad(handle_of(self), grad, create_graph);
  if (status) return raise_status(status);
  Py_RETURN_NONE;
}

static PyObject *get_operation(PyObject *self, void *unused) {
  (void)unused;
  const char *name = NULL;
  betty_status status = betty_tensor_operation(handle_of(self), &name);
  return status ? raise_status(status) : PyUnicode_FromString(name);
}

static PyObject *dump(PyObject *self, PyObject *unused) {
  (void)unused;
  const char *text = NULL;
  betty_status status = betty_tensor_dump(handle_of(self), &text);
  return status ? raise_status(status) : PyUnicode_FromString(text);
}

/* Of the memory that others get to see; evaluates, and copies nothing. */
static PyObject *data_ptr(PyObject *self, PyObject *unused) {
  (void)unused;
  betty_tensor *handle = handle_of(self);
  const void *data = NULL;
  betty_status status;
  Py_BEGIN_ALLOW_THREADS
  status = betty_tensor_data(handle, &data);
  Py_END_ALLOW_THREADS
  return status ? raise_status(status) : PyLong_FromVoidPtr((void *)data);
}

/* A subclass's object for a tensor: shared, or a new parameter with its value. */
static PyObject *as_subclass(PyObject *self, PyObject *type) {
  if (!PyType_Check(type) || !PyType_IsSubtype((PyTypeObject *)type, tensor_type)) {
    PyErr_SetString(PyExc_TypeError, "as_subclass: expected a subclass of Tensor");
    return NULL;
  }
  betty_tensor *handle = NULL;
  betty_status status = betty_tensor_retain(handle_of(self), &handle);
  return status ? raise_status(status) : wrap_subclass((PyTypeObject *)type, handle);
}

PyGetSetDef tensor_properties[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, "What was set beside.", NULL},
    {"shape", get_shape, NULL, "The dimensions.", NULL},
    {"ndim", get_ndim, NULL, "The number of dimensions.", NULL},
    {"dtype", get_dtype, NULL, "The type of the elements.", NULL},
    {"requires_grad", get_requires_grad, set_requires_grad, "Whether gradients flow here.", NULL},
    {"is_leaf", get_is_leaf, NULL, "Whether no recorded operation made it.", NULL},
    {"_is_evaluated", get_is_evaluated, NULL, "Whether the value is there already.", NULL},
    {"grad", get_grad, set_grad, "The accumulated gradient, or None.", NULL},
    {"retains_grad", get_retains_grad, NULL, "Whether backward keeps its gradient.", NULL},
    {"data", get_data, set_data, "The same elements, outside of differentiation.", NULL},
    {"_operation", get_operation, NULL, "The operation that made it, '' for a leaf.", NULL},
    {"_version", get_version, NULL, "How often it was changed in place.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyMethodDef tensor_methods[] = {
    {"item", tensor_item, METH_NOARGS, "The only element as a Python number."},
    {"numel", numel, METH_NOARGS, "The number of elements."},
    {"data_ptr", data_ptr, METH_NOARGS, "Where the elements lie in memory. Evaluates."},
    {"detach", detach, METH_NOARGS, "The same elements, through which no gradient flows."},
    {"retain_grad", retain_grad, METH_NOARGS, "Keep the gradient of a tensor that is no leaf."},
    {"_accumulate_grad", accumulate_grad, METH_VARARGS, "Add to the gradient."},
    {"_detach_in_place", detach_in_place, METH_NOARGS, "Cut off from what made the tensor."},
    {"_assign", assign, METH_O, "Take the value of another tensor, in this shape and type."},
    {"_update", update, METH_O, "Take the result of an operation on this tensor as its value."},
    {"_dump", dump, METH_NOARGS, "What computing the value would take."},
    {"as_subclass", as_subclass, METH_O, "The same tensor as an object of a subclass."},
    {"__dlpack__", (PyCFunction)(void (*)(void))tensor_dlpack, METH_VARARGS | METH_KEYWORDS,
     "A capsule for other libraries to read the elements from."},
    {"__dlpack_device__", tensor_dlpack_device, METH_NOARGS, "(1, 0): the processor's memory."},
    {NULL, NULL, 0, NULL},
};
