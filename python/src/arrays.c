/* Duty: memory shared with other objects through the buffer protocol, both ways, without a copy
 * where both sides can live with it. */
#include <stdlib.h>

#include "native.h"

static const char SUPPORTED[] =
    "the supported element types are float64, float32, float16, int64, int32, uint8 and bool";

/* The element type of a buffer format, or -1. Only the machine's own byte order is taken. */
static int dtype_of_format(const char *format, Py_ssize_t size) {
  if (!format) return size == 1 ? BETTY_U8 : -1;
  if (*format == '@' || *format == '=' || *format == '<') format++;
  if (!*format || format[1]) return -1;
  switch (*format) {
    case 'd': return size == 8 ? BETTY_F64 : -1;
    case 'f': return size == 4 ? BETTY_F32 : -1;
    case 'e': return size == 2 ? BETTY_F16 : -1;
    case 'l':
    case 'q':
    case 'i': return size == 8 ? BETTY_I64 : size == 4 ? BETTY_I32 : -1;
    case 'B': return BETTY_U8;
    case '?': return BETTY_BOOL;
    default: return -1;
  }
}

static void release_buffer(void *user_data) {
  if (!Py_IsInitialized()) return; /* the interpreter has gone, and its objects with it */
  PyGILState_STATE state = PyGILState_Ensure();
  PyBuffer_Release(user_data);
  PyMem_Free(user_data);
  PyGILState_Release(state);
}

static betty_status share(Py_buffer *view, betty_dtype dtype, betty_tensor **out) {
  int64_t shape[MAXIMUM_RANK];
  for (int axis = 0; axis < view->ndim; axis++) shape[axis] = view->shape[axis];
  return betty_tensor_borrow(view->buf, !view->readonly, dtype, shape, view->ndim, release_buffer,
                             view, out);
}

/* A copy of a buffer that is strided or badly aligned. */
static int copy_strided(Py_buffer *view, betty_dtype dtype, betty_tensor **out) {
  int64_t shape[MAXIMUM_RANK];
  for (int axis = 0; axis < view->ndim; axis++) shape[axis] = view->shape[axis];
  void *elements = malloc(view->len ? (size_t)view->len : 1);
  if (!elements) return PyErr_NoMemory() ? 0 : -1;
  if (PyBuffer_ToContiguous(elements, view, view->len, 'C')) {
    free(elements);
    return -1;
  }
  betty_status status =
      betty_tensor_borrow(elements, 1, dtype, shape, view->ndim, free, elements, out);
  if (!status) return 1;
  free(elements);
  return raise_status_int(status);
}

int tensor_from_buffer(PyObject *object, betty_tensor **out) {
  if (!PyObject_CheckBuffer(object)) return 0;
  Py_buffer *view = PyMem_Malloc(sizeof *view);
  if (!view) return PyErr_NoMemory() ? 0 : -1;
  if (PyObject_GetBuffer(object, view, PyBUF_STRIDED_RO | PyBUF_FORMAT)) {
    PyMem_Free(view);
    /* What NumPy cannot describe to others, such as times, is no array of numbers. */
    PyErr_Clear();
    PyErr_Format(PyExc_TypeError, "cannot make a tensor of this array: %s", SUPPORTED);
    return -1;
  }
  int dtype = dtype_of_format(view->format, view->itemsize);
  int result = -1;
  if (dtype < 0 || view->ndim > MAXIMUM_RANK) {
    PyErr_Format(PyExc_TypeError, "cannot make a tensor of an array of format '%s': %s",
                 view->format ? view->format : "", SUPPORTED);
  } else if (PyBuffer_IsContiguous(view, 'C') &&
             (uintptr_t)view->buf % (uintptr_t)view->itemsize == 0) {
    betty_status status = share(view, dtype, out);
    if (!status) return 1; /* the tensor holds the view now */
    raise_status(status);
  } else {
    result = copy_strided(view, dtype, out);
  }
  PyBuffer_Release(view);
  PyMem_Free(view);
  return result;
}

PyObject *from_buffer(PyObject *module, PyObject *object) {
  (void)module;
  betty_tensor *handle = NULL;
  int found = tensor_from_buffer(object, &handle);
  if (found > 0) return wrap_tensor(handle);
  if (!found) PyErr_Format(PyExc_TypeError, "%R has no buffer", object);
  return NULL;
}

/* A 0-d tensor of a Python number, of the type that holds it exactly: f64, i64 or bool. */
PyObject *from_scalar(PyObject *module, PyObject *object) {
  (void)module;
  betty_tensor *handle = NULL;
  betty_status status;
  if (PyBool_Check(object)) {
    uint8_t value = object == Py_True;
    status = betty_tensor_new(&value, BETTY_BOOL, NULL, 0, &handle);
  } else if (PyLong_Check(object)) {
    int64_t value = PyLong_AsLongLong(object);
    if (value == -1 && PyErr_Occurred()) return NULL;
    status = betty_tensor_new(&value, BETTY_I64, NULL, 0, &handle);
  } else {
    double value = PyFloat_AsDouble(object);
    if (value == -1 && PyErr_Occurred()) return NULL;
    status = betty_tensor_new(&value, BETTY_F64, NULL, 0, &handle);
  }
  return status ? raise_status(status) : wrap_tensor(handle);
}

/* What a view of ours keeps: the shared memory and the strides in bytes. */
typedef struct {
  DLManagedTensorVersioned *managed;
  Py_ssize_t strides[];
} Export;

static int fill(Py_buffer *view, PyObject *self, DLManagedTensorVersioned *managed, int dtype,
                int flags) {
  const DLTensor *tensor = &managed->dl_tensor;
  Export *export = PyMem_Malloc(sizeof *export + (size_t)tensor->ndim * sizeof(Py_ssize_t));
  if (!export) return PyErr_NoMemory() ? 0 : -1;
  export->managed = managed;
  Py_ssize_t bytes = dtype_info[dtype].size;
  for (int32_t axis = tensor->ndim - 1; axis >= 0; axis--) {
    export->strides[axis] = bytes;
    bytes *= tensor->shape[axis];
  }
  static char nothing[64];
  *view = (Py_buffer){
      .buf = tensor->data ? (char *)tensor->data + tensor->byte_offset : nothing,
      .obj = Py_NewRef(self),
      .len = bytes,
      .itemsize = dtype_info[dtype].size,
      .readonly = (managed->flags & DLPACK_FLAG_BITMASK_READ_ONLY) != 0,
      .ndim = tensor->ndim,
      .format = flags & PyBUF_FORMAT ? (char *)dtype_info[dtype].format : NULL,
      .shape = flags & PyBUF_ND ? (Py_ssize_t *)tensor->shape : NULL,
      .strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? export->strides : NULL,
      .internal = export,
  };
  return 0;
}

static int get_buffer(PyObject *self, Py_buffer *view, int flags) {
  betty_dtype dtype = 0;
  betty_status status = betty_tensor_dtype(handle_of(self), &dtype);
  if (!status && !dtype_info[dtype].format) {
    PyErr_SetString(PyExc_BufferError, "bfloat16 has no buffer format; convert with .float()");
    view->obj = NULL;
    return -1;
  }
  DLManagedTensorVersioned *managed = NULL;
  betty_tensor *handle = handle_of(self);
  if (!status) {
    Py_BEGIN_ALLOW_THREADS
    status = betty_tensor_to_dlpack_versioned(handle, &managed);
    Py_END_ALLOW_THREADS
  }
  view->obj = NULL;
  if (status) return raise_status_int(status);
  int refused = flags & PyBUF_WRITABLE && managed->flags & DLPACK_FLAG_BITMASK_READ_ONLY;
  if (refused) PyErr_SetString(PyExc_BufferError, "the tensor's elements are shared: read-only");
  if (!refused && !fill(view, self, managed, dtype, flags)) return 0;
  managed->deleter(managed);
  return -1;
}

static void give_back(PyObject *self, Py_buffer *view) {
  (void)self;
  Export *export = view->internal;
  export->managed->deleter(export->managed);
  PyMem_Free(export);
}

PyType_Slot buffer_slots[] = {
    {Py_bf_getbuffer, get_buffer},
    {Py_bf_releasebuffer, give_back},
    {0, NULL},
};
