/* Duty: DLPack capsules, both ways, in the versioned form where the other side knows it. */
#include "native.h"

static const char *const PLAIN = "dltensor";
static const char *const VERSIONED = "dltensor_versioned";

/* A consumer renames the capsule and calls the deleter itself; otherwise it is ours to call. */
static void free_plain(PyObject *capsule) {
  if (!PyCapsule_IsValid(capsule, PLAIN)) return;
  DLManagedTensor *managed = PyCapsule_GetPointer(capsule, PLAIN);
  if (managed && managed->deleter) managed->deleter(managed);
}

static void free_versioned(PyObject *capsule) {
  if (!PyCapsule_IsValid(capsule, VERSIONED)) return;
  DLManagedTensorVersioned *managed = PyCapsule_GetPointer(capsule, VERSIONED);
  if (managed && managed->deleter) managed->deleter(managed);
}

static int knows_version_one(PyObject *maximum) {
  if (maximum == Py_None) return 0;
  PyObject *major = PySequence_GetItem(maximum, 0);
  if (!major) return -1;
  long value = PyLong_AsLong(major);
  Py_DECREF(major);
  return value == -1 && PyErr_Occurred() ? -1 : value >= 1;
}

static PyObject *export_plain(betty_tensor *handle) {
  DLManagedTensor *managed = NULL;
  betty_status status;
  Py_BEGIN_ALLOW_THREADS
  status = betty_tensor_to_dlpack(handle, &managed);
  Py_END_ALLOW_THREADS
  if (status) return raise_status(status);
  PyObject *capsule = PyCapsule_New(managed, PLAIN, free_plain);
  if (!capsule) managed->deleter(managed);
  return capsule;
}

static PyObject *export_versioned(betty_tensor *handle) {
  DLManagedTensorVersioned *managed = NULL;
  betty_status status;
  Py_BEGIN_ALLOW_THREADS
  status = betty_tensor_to_dlpack_versioned(handle, &managed);
  Py_END_ALLOW_THREADS
  if (status) return raise_status(status);
  PyObject *capsule = PyCapsule_New(managed, VERSIONED, free_versioned);
  if (!capsule) managed->deleter(managed);
  return capsule;
}

/* 1 if what the consumer asks for is the processor's memory; 0 with an exception. */
static int is_at_hand(PyObject *stream, PyObject *device) {
  if (stream != Py_None) {
    PyErr_Format(PyExc_BufferError, "__dlpack__: stream must be None on the processor, got %R",
                 stream);
    return 0;
  }
  if (device == Py_None) return 1;
  PyObject *own = tensor_dlpack_device(NULL, NULL);
  int same = own ? PyObject_RichCompareBool(device, own, Py_EQ) : -1;
  Py_XDECREF(own);
  if (!same)
    PyErr_Format(PyExc_BufferError,
                 "__dlpack__: dl_device %R is not the processor's memory, which is (1, 0)", device);
  return same > 0;
}

PyObject *tensor_dlpack(PyObject *self, PyObject *arguments, PyObject *keywords) {
  static char *names[] = {"stream", "max_version", "dl_device", "copy", NULL};
  PyObject *stream = Py_None, *maximum = Py_None, *device = Py_None, *copy = Py_None;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|$OOOO", names, &stream, &maximum, &device,
                                   &copy))
    return NULL;
  int32_t requires_grad = 0;
  betty_status status = betty_tensor_requires_grad(handle_of(self), &requires_grad);
  if (status) return raise_status(status);
  if (requires_grad) {
    PyErr_SetString(PyExc_BufferError,
                    "Can't export tensors that require gradient, use tensor.detach()");
    return NULL;
  }
  int versioned = is_at_hand(stream, device) ? knows_version_one(maximum) : -1;
  int copies = versioned < 0 ? -1 : PyObject_IsTrue(copy);
  if (copies < 0) return NULL;
  PyObject *source = copies ? PyObject_CallMethod(self, "clone", NULL) : Py_NewRef(self);
  if (!source) return NULL;
  PyObject *capsule =
      versioned ? export_versioned(handle_of(source)) : export_plain(handle_of(source));
  Py_DECREF(source);
  return capsule;
}

PyObject *tensor_dlpack_device(PyObject *self, PyObject *unused) {
  (void)self, (void)unused;
  return Py_BuildValue("(ii)", 1, 0);
}

PyObject *from_dlpack_capsule(PyObject *module, PyObject *capsule) {
  (void)module;
  betty_tensor *handle = NULL;
  betty_status status;
  if (PyCapsule_IsValid(capsule, VERSIONED)) {
    status = betty_tensor_from_dlpack_versioned(PyCapsule_GetPointer(capsule, VERSIONED), &handle);
    if (!status && PyCapsule_SetName(capsule, "used_dltensor_versioned")) return NULL;
  } else if (PyCapsule_IsValid(capsule, PLAIN)) {
    status = betty_tensor_from_dlpack(PyCapsule_GetPointer(capsule, PLAIN), &handle);
    if (!status && PyCapsule_SetName(capsule, "used_dltensor")) return NULL;
  } else {
    PyErr_SetString(PyExc_ValueError, "from_dlpack: not a DLPack capsule, or one already used");
    return NULL;
  }
  return status ? raise_status(status) : wrap_tensor(handle);
}
