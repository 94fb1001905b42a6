/* Duty: inner loops of a problem, saved, taken up and rehearsed, and steps aside from them. */
#include "handles.h"

static betty_problem *of(PyObject *self) { return ((ProblemObject *)self)->handle; }

PyObject *problem_descend_aside(PyObject *self, PyObject *unused) {
  (void)unused;
  betty_status status;
  Py_INCREF(self);
  Py_BEGIN_ALLOW_THREADS
  status = betty_problem_descend_aside(of(self));
  Py_END_ALLOW_THREADS
  PyObject *result = status ? raise_status(status) : Py_NewRef(Py_None);
  Py_DECREF(self);
  return result;
}

PyObject *problem_loop(PyObject *self, PyObject *unused) {
  (void)unused;
  PyObject *list = PyList_New(0);
  for (int32_t i = 0; list; i++) {
    betty_tensor *tensor = NULL;
    betty_status status = betty_problem_loop(of(self), i, &tensor);
    if (status) {
      Py_DECREF(list);
      return raise_status(status);
    }
    if (!tensor) break;
    PyObject *wrapped = wrap_tensor(tensor);
    if (!wrapped || PyList_Append(list, wrapped)) Py_CLEAR(list);
    Py_XDECREF(wrapped);
  }
  return list;
}

PyObject *problem_set_loop(PyObject *self, PyObject *given) {
  int32_t count = 0;
  betty_tensor **handles = tensor_list(given, &count, "set_loop");
  if (!handles) return NULL;
  betty_status status = betty_problem_set_loop(of(self), handles, count);
  PyMem_Free(handles);
  return status ? raise_status(status) : Py_NewRef(Py_None);
}

PyObject *problem_rehearse(PyObject *self, PyObject *updates) {
  long long count = PyLong_AsLongLong(updates);
  if (count == -1 && PyErr_Occurred()) return NULL;
  betty_status status;
  Py_INCREF(self);
  Py_BEGIN_ALLOW_THREADS
  status = betty_problem_rehearse(of(self), count);
  Py_END_ALLOW_THREADS
  PyObject *result = status ? raise_status(status) : Py_NewRef(Py_None);
  Py_DECREF(self);
  return result;
}

PyObject *problem_pull_back(PyObject *self, PyObject *arguments) {
  PyObject *vector, *upper, *result = NULL;
  int32_t count = 0, wanted = 0;
  if (!PyArg_ParseTuple(arguments, "OO", &vector, &upper)) return NULL;
  betty_tensor **given = tensor_list(vector, &count, "pull_back");
  betty_tensor **by = given ? tensor_list(upper, &wanted, "pull_back") : NULL;
  betty_tensor **made = by ? PyMem_Calloc((size_t)wanted + 1, sizeof *made) : NULL;
  if (made) {
    betty_status status = betty_problem_pull_back(of(self), given, count, by, wanted, made);
    result = status ? raise_status(status) : wrap_tuple(made, wanted);
  } else if (by) {
    PyErr_NoMemory();
  }
  PyMem_Free(made);
  PyMem_Free(by);
  PyMem_Free(given);
  return result;
}
