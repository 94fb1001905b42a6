/* Duty: inner loops of a problem, saved, taken up again and rehearsed, and steps aside from them. */
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
