/* Duty: hypergradient methods written in Python. A call is a capsule on a handle that the engine
 * checks: it is dead once the function has returned. */
#include <string.h>

#include "handles.h"

static const char CALL[] = "betty.method_call";

static betty_method_call *call_of(PyObject *capsule) { return PyCapsule_GetPointer(capsule, CALL); }

static int32_t run(betty_method_call *call, void *function) {
  PyGILState_STATE state = PyGILState_Ensure();
  PyObject *capsule = PyCapsule_New(call, CALL, NULL);
  PyObject *given = capsule ? PyObject_CallFunctionObjArgs(function, capsule, NULL) : NULL;
  int32_t count = 0, result = 1;
  betty_tensor **handles = given ? tensor_list(given, &count, "method") : NULL;
  if (handles) {
    betty_status status = betty_method_give(call, handles, count);
    result = status ? (raise_status(status), 1) : 0;
    PyMem_Free(handles);
  }
  if (result) keep_exception();
  Py_XDECREF(given);
  Py_XDECREF(capsule);
  PyGILState_Release(state);
  return result;
}

PyObject *hypergradient_methods(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  PyObject *names = PyList_New(0);
  for (int32_t i = 0; names && betty_hypergradient_method(i); i++) {
    PyObject *name = PyUnicode_FromString(betty_hypergradient_method(i));
    if (!name || PyList_Append(names, name)) Py_CLEAR(names);
    Py_XDECREF(name);
  }
  PyObject *tuple = names ? PySequence_Tuple(names) : NULL;
  Py_XDECREF(names);
  return tuple;
}

PyObject *method_register(PyObject *module, PyObject *arguments) {
  (void)module;
  const char *name;
  PyObject *function;
  if (!PyArg_ParseTuple(arguments, "sO", &name, &function)) return NULL;
  betty_status status = betty_hypergradient_register(name, run, function);
  if (status) return raise_status(status);
  Py_INCREF(function); /* for the life of the process, as the header asks */
  Py_RETURN_NONE;
}

PyObject *method_tensors(PyObject *module, PyObject *arguments) {
  (void)module;
  PyObject *capsule;
  const char *what;
  int32_t count = 0;
  if (!PyArg_ParseTuple(arguments, "Os", &capsule, &what)) return NULL;
  betty_method_call *call = call_of(capsule);
  if (!call) return NULL;
  betty_status status = betty_method_count(call, what, &count);
  betty_tensor **handles = PyMem_Calloc((size_t)count + 1, sizeof *handles);
  if (!handles) return PyErr_NoMemory();
  for (int32_t i = 0; !status && i < count; i++)
    status = betty_method_tensor(call, what, i, &handles[i]);
  PyObject *result = status ? raise_status(status) : wrap_tuple(handles, count);
  PyMem_Free(handles);
  return result;
}

PyObject *method_product(PyObject *module, PyObject *arguments) {
  (void)module;
  PyObject *capsule, *vectors, *result = NULL;
  const char *name;
  int32_t given = 0, count = 0;
  if (!PyArg_ParseTuple(arguments, "OsO", &capsule, &name, &vectors)) return NULL;
  betty_method_call *call = call_of(capsule);
  betty_tensor **handles = call ? tensor_list(vectors, &given, name) : NULL;
  if (!handles) return NULL;
  const char *shaped = strcmp(name, "mixed") ? "parameters" : "upper";
  betty_status status = betty_method_count(call, shaped, &count);
  betty_tensor **made = PyMem_Calloc((size_t)count + 1, sizeof *made);
  if (!made) PyErr_NoMemory();
  if (made && !status) status = betty_method_product(call, name, handles, given, made);
  if (made) result = status ? raise_status(status) : wrap_tuple(made, count);
  PyMem_Free(made);
  PyMem_Free(handles);
  return result;
}

/* A list of pairs: name and default. */
PyObject *hypergradient_options(PyObject *module, PyObject *method) {
  (void)module;
  const char *text = PyUnicode_AsUTF8AndSize(method, NULL), *name = NULL;
  PyObject *pairs = text ? PyList_New(0) : NULL;
  for (int32_t i = 0; pairs; i++) {
    double value = 0;
    betty_status status = betty_hypergradient_option(text, i, &name, &value);
    if (status) {
      Py_DECREF(pairs);
      return raise_status(status);
    }
    if (!name) break;
    PyObject *pair = Py_BuildValue("(sd)", name, value);
    if (!pair || PyList_Append(pairs, pair)) Py_CLEAR(pairs);
    Py_XDECREF(pair);
  }
  return pairs;
}

PyObject *problem_memory(PyObject *self, PyObject *number) {
  long index = PyLong_AsLong(number);
  if (index == -1 && PyErr_Occurred()) return NULL;
  const char *key = NULL;
  betty_tensor *tensor = NULL;
  betty_problem *problem = ((ProblemObject *)self)->handle;
  betty_status status;
  Py_INCREF(self);
  Py_BEGIN_ALLOW_THREADS /* the values are computed now */
  status = betty_problem_memory(problem, (int32_t)index, &key, &tensor);
  Py_END_ALLOW_THREADS
  PyObject *name = key ? PyUnicode_FromString(key) : NULL;
  PyObject *value = tensor ? wrap_tensor(tensor) : NULL;
  PyObject *pair = name && value ? PyTuple_Pack(2, name, value) : NULL;
  Py_XDECREF(name);
  Py_XDECREF(value);
  Py_DECREF(self);
  if (status) return raise_status(status);
  return pair || key ? pair : Py_NewRef(Py_None);
}

PyObject *problem_set_memory(PyObject *self, PyObject *arguments) {
  const char *key;
  PyObject *value;
  if (!PyArg_ParseTuple(arguments, "sO", &key, &value)) return NULL;
  betty_tensor *tensor = require_tensor(value, "set_memory");
  if (!tensor) return NULL;
  betty_status status =
      betty_problem_set_memory(((ProblemObject *)self)->handle, key, tensor);
  if (status) return raise_status(status);
  Py_RETURN_NONE;
}

PyObject *problem_gradients(PyObject *self, PyObject *number) {
  long count = PyLong_AsLong(number);
  if (count < 0) return NULL;
  betty_tensor **made = PyMem_Calloc((size_t)count + 1, sizeof *made);
  if (!made) return PyErr_NoMemory();
  betty_problem *problem = ((ProblemObject *)self)->handle;
  betty_status status;
  Py_INCREF(self); /* a callback may drop the last other reference */
  Py_BEGIN_ALLOW_THREADS
  status = betty_problem_gradients(problem, (int32_t)count, made);
  Py_END_ALLOW_THREADS
  PyObject *result = status ? raise_status(status) : wrap_tuple(made, (int32_t)count);
  PyMem_Free(made);
  Py_DECREF(self);
  return result;
}

/* The text of betty_problem_hypergradient_info. */
PyObject *problem_info(PyObject *self, PyObject *unused) {
  (void)unused;
  const char *text = NULL;
  betty_problem *problem = ((ProblemObject *)self)->handle;
  betty_status status;
  Py_INCREF(self);
  Py_BEGIN_ALLOW_THREADS /* the numbers are computed now */
  status = betty_problem_hypergradient_info(problem, &text);
  Py_END_ALLOW_THREADS
  PyObject *result = status ? raise_status(status) : PyUnicode_FromString(text);
  Py_DECREF(self);
  return result;
}

PyObject *problem_backward(PyObject *self, PyObject *loss) {
  betty_tensor *given = require_tensor(loss, "backward");
  if (!given) return NULL;
  betty_problem *problem = ((ProblemObject *)self)->handle;
  betty_status status;
  Py_INCREF(self);
  Py_BEGIN_ALLOW_THREADS
  status = betty_problem_backward(problem, given);
  Py_END_ALLOW_THREADS
  PyObject *result = status ? raise_status(status) : Py_NewRef(Py_None);
  Py_DECREF(self);
  return result;
}
