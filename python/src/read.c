/* Duty: values of tensors as Python objects. Each of these computes, so the GIL is released. */
#include "native.h"

int64_t element_count(PyObject *self) {
  int64_t count = 0;
  betty_status status = betty_tensor_count(handle_of(self), &count);
  return status ? raise_status_int(status) : count;
}

static int read_double(PyObject *self, double *out) {
  betty_tensor *handle = handle_of(self);
  betty_status status;
  Py_BEGIN_ALLOW_THREADS
  status = betty_tensor_item_double(handle, out);
  Py_END_ALLOW_THREADS
  return status ? raise_status_int(status) : 0;
}

static int read_int(PyObject *self, int64_t *out) {
  betty_tensor *handle = handle_of(self);
  betty_status status;
  Py_BEGIN_ALLOW_THREADS
  status = betty_tensor_item_int(handle, out);
  Py_END_ALLOW_THREADS
  return status ? raise_status_int(status) : 0;
}

/* The dtype of a tensor of one element, or -1 with an exception. */
static int single_dtype(PyObject *self) {
  int64_t count = element_count(self);
  if (count < 0) return -1;
  if (count != 1) {
    PyErr_Format(PyExc_RuntimeError, "a Tensor with %lld elements cannot be converted to Scalar",
                 (long long)count);
    return -1;
  }
  betty_dtype dtype = 0;
  betty_status status = betty_tensor_dtype(handle_of(self), &dtype);
  return status ? raise_status_int(status) : dtype;
}

PyObject *tensor_item(PyObject *self, PyObject *unused) {
  (void)unused;
  int dtype = single_dtype(self);
  if (dtype < 0) return NULL;
  if (dtype_info[dtype].is_floating) {
    double value = 0;
    return read_double(self, &value) ? NULL : PyFloat_FromDouble(value);
  }
  int64_t value = 0;
  if (read_int(self, &value)) return NULL;
  return dtype == BETTY_BOOL ? PyBool_FromLong(value != 0) : PyLong_FromLongLong(value);
}

PyObject *tensor_float(PyObject *self) {
  double value = 0;
  if (single_dtype(self) < 0 || read_double(self, &value)) return NULL;
  return PyFloat_FromDouble(value);
}

PyObject *tensor_int(PyObject *self) {
  PyObject *item = tensor_item(self, NULL);
  PyObject *integer = item ? PyNumber_Long(item) : NULL;
  Py_XDECREF(item);
  return integer;
}

PyObject *tensor_index(PyObject *self) {
  int dtype = single_dtype(self);
  if (dtype < 0) {
    PyErr_Clear();
    dtype = BETTY_F64;
  }
  if (dtype_info[dtype].is_floating) {
    PyErr_SetString(
        PyExc_TypeError,
        "only integer tensors of a single element can be converted to an index");
    return NULL;
  }
  return tensor_int(self);
}

int tensor_bool(PyObject *self) {
  int64_t count = element_count(self);
  if (count < 0) return -1;
  if (count != 1) {
    PyErr_SetString(PyExc_RuntimeError,
                    count ? "Boolean value of Tensor with more than one value is ambiguous"
                          : "Boolean value of Tensor with no values is ambiguous");
    return -1;
  }
  PyObject *item = tensor_item(self, NULL);
  int truth = item ? PyObject_IsTrue(item) : -1;
  Py_XDECREF(item);
  return truth;
}
