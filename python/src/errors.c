/* Duty: statuses to exceptions. A Python exception raised inside a callback is kept here while the
 * library unwinds, and raised as itself. */
#include "native.h"

/* betty.linalg.LinAlgError, a RuntimeError. */
static PyObject *linear_algebra_error;

int errors_ready(PyObject *module) {
  linear_algebra_error =
      PyErr_NewException("betty.linalg.LinAlgError", PyExc_RuntimeError, NULL);
  if (!linear_algebra_error) return -1;
  return PyModule_AddObjectRef(module, "LinAlgError", linear_algebra_error);
}

static _Thread_local PyObject *kept_type, *kept_value, *kept_traceback;

int32_t keep_exception(void) {
  Py_XDECREF(kept_type);
  Py_XDECREF(kept_value);
  Py_XDECREF(kept_traceback);
  PyErr_Fetch(&kept_type, &kept_value, &kept_traceback);
  return 1;
}

static int restore_kept(void) {
  if (!kept_type) return 0;
  PyErr_Restore(kept_type, kept_value, kept_traceback);
  kept_type = kept_value = kept_traceback = NULL;
  return 1;
}

static PyObject *exception_class(betty_status status) {
  switch (status) {
    case BETTY_ERROR_VALUE: return PyExc_ValueError;
    case BETTY_ERROR_TYPE: return PyExc_TypeError;
    case BETTY_ERROR_INDEX: return PyExc_IndexError;
    case BETTY_ERROR_MEMORY: return PyExc_MemoryError;
    case BETTY_ERROR_NOT_SUPPORTED: return PyExc_NotImplementedError;
    case BETTY_ERROR_KEY: return PyExc_KeyError;
    case BETTY_ERROR_INTERRUPTED: return PyExc_KeyboardInterrupt;
    case BETTY_ERROR_LINALG: return linear_algebra_error;
    default: return PyExc_RuntimeError;
  }
}

PyObject *raise_status(betty_status status) {
  if ((status == BETTY_ERROR_CALLBACK || status == BETTY_ERROR_INTERRUPTED) && restore_kept())
    return NULL;
  PyErr_SetString(exception_class(status), betty_last_error());
  return NULL;
}

int raise_status_int(betty_status status) {
  raise_status(status);
  return -1;
}

/* Ctrl-C while the library works: the handler's exception is raised when it has stopped. */
int32_t interruption_check(void *user_data) {
  (void)user_data;
  PyGILState_STATE state = PyGILState_Ensure();
  int32_t stop = PyErr_CheckSignals() ? keep_exception() : 0;
  PyGILState_Release(state);
  return stop;
}
