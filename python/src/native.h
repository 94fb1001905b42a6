/* Duty: what the files of betty._native share. No logic lives here: they convert Python objects,
 * call betty.h and raise. Invariant: a TensorObject's handle is owned by it and never NULL once the
 * object has been handed out. */
#ifndef BETTY_NATIVE_H
#define BETTY_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "betty.h"

typedef struct {
  PyObject_HEAD
  betty_tensor *handle;
  PyObject *attributes; /* what programs set beside; NULL until then */
  PyObject *weak_references;
} TensorObject;

typedef struct {
  PyObject_HEAD
  betty_dtype code;
} DTypeObject;

enum { DTYPE_COUNT = 8, INLINE_OPERANDS = 8, MAXIMUM_RANK = 64 };

typedef struct {
  const char *name;   /* betty.<name> */
  const char *format; /* of the buffer protocol; NULL: it has none */
  int32_t size;
  int32_t is_floating;
  int32_t is_signed;
} DTypeInfo;

extern const DTypeInfo dtype_info[DTYPE_COUNT];
extern PyTypeObject *tensor_type;
extern PyTypeObject *dtype_type;

/* Classes and functions of the Python side, set once by betty/__init__.py. */
typedef struct {
  PyObject *size;      /* betty.Size, made from a tuple */
  PyObject *construct; /* arguments of Tensor(...) to a tensor */
  PyObject *getitem;
  PyObject *setitem;
  PyObject *represent;
} Hooks;
extern Hooks hooks;

/* The owned operands of one call. */
typedef struct {
  betty_tensor **handles;
  Py_ssize_t count;
  uint64_t owned; /* bit i: handles[i] is freed with the operands; beyond 63 all are */
  betty_tensor *inline_handles[INLINE_OPERANDS];
} Operands;

/* errors.c: the class of errors that PyTorch gives a name of its own. */
int errors_ready(PyObject *module);
/* Sets the exception of a failed call; returns NULL and -1. */
PyObject *raise_status(betty_status status);
int raise_status_int(betty_status status);
/* Keeps the exception of a callback until the call that led to it returns BETTY_ERROR_CALLBACK. */
int32_t keep_exception(void);
int32_t interruption_check(void *user_data);

/* dtype.c */
int dtype_ready(PyObject *module);
PyObject *dtype_object(betty_dtype code);
/* The code of a dtype object, or -1 with an exception. */
int dtype_code(PyObject *object);

/* tensor.c */
int tensor_ready(PyObject *module);
PyObject *wrap_tensor(betty_tensor *owned);
/* An object of a subclass; the reference to `owned` is taken in every case. */
PyObject *wrap_subclass(PyTypeObject *type, betty_tensor *owned);
static inline int is_tensor(PyObject *object) {
  return Py_TYPE(object) == tensor_type || PyObject_TypeCheck(object, tensor_type);
}
static inline betty_tensor *handle_of(PyObject *object) { return ((TensorObject *)object)->handle; }
/* A tuple of tensors, or the only one; takes the handles over. */
PyObject *wrap_results(betty_tensor **handles, int32_t count);
PyObject *wrap_tuple(betty_tensor **handles, int32_t count);
/* A borrowed handle of an object that must be a tensor, or NULL with an exception. */
betty_tensor *require_tensor(PyObject *object, const char *what);

/* read.c: values as Python objects. */
PyObject *tensor_item(PyObject *self, PyObject *unused);
PyObject *tensor_float(PyObject *self);
PyObject *tensor_int(PyObject *self);
PyObject *tensor_index(PyObject *self);
int tensor_bool(PyObject *self);
int64_t element_count(PyObject *self);

/* properties.c */
extern PyGetSetDef tensor_properties[];
extern PyMethodDef tensor_methods[];

/* number.c */
extern PyType_Slot number_slots[];
PyObject *tensor_compare(PyObject *a, PyObject *b, int operation);
/* 1: *out is set, owned if *owned; 0: nothing that takes part in arithmetic; -1: exception. */
int operand_from(PyObject *object, betty_tensor **out, int *owned);

/* operation.c */
PyObject *find_operation(PyObject *module, PyObject *name);
/* What an operation's function does, with its capsule. */
PyObject *call_operation(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                         PyObject *names);
PyObject *describe_operations(PyObject *module, PyObject *unused);
betty_options *options_from_dict(PyObject *dict);
/* The options of a call whose one argument is a dict, or NULL with an exception set. */
betty_options *options_argument(PyObject *arguments);

/* arrays.c */
extern PyType_Slot buffer_slots[];
PyObject *from_buffer(PyObject *module, PyObject *object);
PyObject *from_scalar(PyObject *module, PyObject *object);
/* A tensor on an object with the buffer protocol: 1, 0 if it has none, -1 with an exception. */
int tensor_from_buffer(PyObject *object, betty_tensor **out);

/* dlpack.c */
PyObject *tensor_dlpack(PyObject *self, PyObject *arguments, PyObject *keywords);
PyObject *tensor_dlpack_device(PyObject *self, PyObject *unused);
PyObject *from_dlpack_capsule(PyObject *module, PyObject *capsule);

/* autograd.c, process.c: functions of the module. */
extern PyMethodDef autograd_functions[];
extern PyMethodDef precision_functions[];
extern PyMethodDef process_functions[];

#endif
