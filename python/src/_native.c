// Duty: the extension module betty._native. No logic: converts, calls betty.h, raises.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "betty.h"

static PyObject *version(PyObject *module, PyObject *arguments) {
  (void)module, (void)arguments;
  return PyUnicode_FromString(betty_version());
}

static PyMethodDef functions[] = {
    {"version", version, METH_NOARGS, "The version of libbetty.so."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_native", "The engine, as Python objects.", 0, functions, NULL, NULL,
    NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void) { return PyModule_Create(&definition); }
