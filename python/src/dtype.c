/* Duty: betty.dtype, eight objects that are compared by identity and pickled by name. */
#include "native.h"

const DTypeInfo dtype_info[DTYPE_COUNT] = {
    {"float64", "d", 8, 1, 1}, {"float32", "f", 4, 1, 1}, {"bfloat16", NULL, 2, 1, 1},
    {"float16", "e", 2, 1, 1}, {"int64", "l", 8, 0, 1},   {"int32", "i", 4, 0, 1},
    {"uint8", "B", 1, 0, 0},   {"bool", "?", 1, 0, 0},
};

PyTypeObject *dtype_type;
static PyObject *objects[DTYPE_COUNT];

PyObject *dtype_object(betty_dtype code) {
  if (code < 0 || code >= DTYPE_COUNT) {
    PyErr_Format(PyExc_SystemError, "dtype: unknown code %d", (int)code);
    return NULL;
  }
  return Py_NewRef(objects[code]);
}

int dtype_code(PyObject *object) {
  if (Py_TYPE(object) == dtype_type) return ((DTypeObject *)object)->code;
  /* As PyTorch, the Python types stand for the type their values get. */
  if (object == (PyObject *)&PyFloat_Type) return BETTY_F64;
  if (object == (PyObject *)&PyLong_Type) return BETTY_I64;
  if (object == (PyObject *)&PyBool_Type) return BETTY_BOOL;
  PyErr_Format(PyExc_TypeError, "dtype must be betty.dtype, got %R", object);
  return -1;
}

static const DTypeInfo *info(PyObject *self) { return &dtype_info[((DTypeObject *)self)->code]; }

static PyObject *represent(PyObject *self) {
  return PyUnicode_FromFormat("betty.%s", info(self)->name);
}
static PyObject *reduce(PyObject *self, PyObject *unused) {
  (void)unused;
  return PyUnicode_FromString(info(self)->name);
}
static PyObject *get_itemsize(PyObject *self, void *unused) {
  (void)unused;
  return PyLong_FromLong(info(self)->size);
}
static PyObject *get_is_floating(PyObject *self, void *unused) {
  (void)unused;
  return PyBool_FromLong(info(self)->is_floating);
}
static PyObject *get_is_signed(PyObject *self, void *unused) {
  (void)unused;
  return PyBool_FromLong(info(self)->is_signed);
}
static PyObject *get_is_complex(PyObject *self, void *unused) {
  (void)self, (void)unused;
  Py_RETURN_FALSE;
}
static PyObject *get_code(PyObject *self, void *unused) {
  (void)unused;
  return PyLong_FromLong(((DTypeObject *)self)->code);
}

static PyGetSetDef properties[] = {
    {"itemsize", get_itemsize, NULL, "Bytes of one element.", NULL},
    {"is_floating_point", get_is_floating, NULL, "Whether it has a fraction.", NULL},
    {"is_signed", get_is_signed, NULL, "Whether it has negative values.", NULL},
    {"is_complex", get_is_complex, NULL, "Always False.", NULL},
    {"_code", get_code, NULL, "The number of this type in betty.h.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyMethodDef methods[] = {
    {"__reduce__", reduce, METH_NOARGS, "By name."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {
    {Py_tp_repr, represent},
    {Py_tp_getset, properties},
    {Py_tp_methods, methods},
    {Py_tp_doc, "The type of a tensor's elements."},
    {0, NULL},
};
static PyType_Spec spec = {
    "betty.dtype", sizeof(DTypeObject), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots,
};

int dtype_ready(PyObject *module) {
  dtype_type = (PyTypeObject *)PyType_FromSpec(&spec);
  if (!dtype_type || PyModule_AddObjectRef(module, "dtype", (PyObject *)dtype_type)) return -1;
  for (int code = 0; code < DTYPE_COUNT; code++) {
    DTypeObject *object = PyObject_New(DTypeObject, dtype_type);
    if (!object) return -1;
    object->code = code;
    objects[code] = (PyObject *)object;
    if (PyModule_AddObjectRef(module, dtype_info[code].name, objects[code])) return -1;
  }
  return 0;
}
