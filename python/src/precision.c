/* Mixed precision: the scale of losses of a problem, and autocast. */
#include "handles.h"

/* The problem of a handle, or NULL with an exception. */
static betty_problem *problem_of(PyObject *object) {
  if (PyObject_TypeCheck(object, problem_type)) return ((ProblemObject *)object)->handle;
  PyErr_Format(PyExc_TypeError, "a ProblemHandle is needed, got %R", object);
  return NULL;
}

static PyObject *loss_scale(PyObject *module, PyObject *handle) {
  (void)module;
  betty_problem *problem = problem_of(handle);
  if (!problem) return NULL;
  double scale = 0;
  int64_t steps = 0;
  betty_status status = betty_problem_loss_scale(problem, &scale, &steps);
  return status ? raise_status(status) : Py_BuildValue("dL", scale, (long long)steps);
}

static PyObject *set_loss_scale(PyObject *module, PyObject *arguments) {
  (void)module;
  PyObject *handle = NULL;
  double scale = 0;
  long long steps = 0;
  if (!PyArg_ParseTuple(arguments, "OdL", &handle, &scale, &steps)) return NULL;
  betty_problem *problem = problem_of(handle);
  if (!problem) return NULL;
  betty_status status = betty_problem_set_loss_scale(problem, scale, steps);
  if (status) return raise_status(status);
  Py_RETURN_NONE;
}

static PyObject *autocast_set(PyObject *module, PyObject *value) {
  (void)module;
  int dtype = value == Py_None ? -1 : dtype_code(value);
  if (dtype == -1 && PyErr_Occurred()) return NULL;
  int32_t before = -1;
  betty_status status = betty_autocast_set(dtype, &before);
  if (status) return raise_status(status);
  return before < 0 ? Py_NewRef(Py_None) : dtype_object((betty_dtype)before);
}

PyMethodDef precision_functions[] = {
    {"loss_scale", loss_scale, METH_O, "(handle) -> scale of losses, good steps since it changed"},
    {"set_loss_scale", set_loss_scale, METH_VARARGS, "(handle, scale, good steps)"},
    {"autocast_set", autocast_set, METH_O, "Type of products or None; gives what it was."},
    {NULL, NULL, 0, NULL},
};
