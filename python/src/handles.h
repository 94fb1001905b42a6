/* Duty: what the types around optimizers, problems and engines share. */
#ifndef BETTY_HANDLES_H
#define BETTY_HANDLES_H

#include "native.h"

typedef struct {
  PyObject_HEAD
  betty_optimizer *handle;
} OptimizerObject;

typedef struct {
  PyObject_HEAD
  betty_problem *handle;
  PyObject *name;
  PyObject *callbacks; /* dict: name -> callable */
  PyObject *optimizer; /* kept alive, or NULL */
} ProblemObject;

typedef struct {
  PyObject_HEAD
  betty_engine *handle;
  PyObject *callbacks;
  PyObject *problems; /* tuple */
} EngineObject;

extern PyTypeObject *optimizer_type, *problem_type;
int optimizer_ready(PyObject *module);
int problem_ready(PyObject *module);
int engine_ready(PyObject *module);
PyObject *optimizer_hyperparameters(PyObject *module, PyObject *name);
/* callbacks.c */
betty_problem_callbacks problem_callbacks(PyObject *callbacks);
/* method.c */
PyObject *method_register(PyObject *module, PyObject *arguments);
PyObject *method_tensors(PyObject *module, PyObject *arguments);
PyObject *method_product(PyObject *module, PyObject *arguments);
PyObject *hypergradient_options(PyObject *module, PyObject *method);
PyObject *hypergradient_methods(PyObject *module, PyObject *unused);
PyObject *problem_gradients(PyObject *self, PyObject *number);
PyObject *problem_info(PyObject *self, PyObject *unused);
PyObject *problem_backward(PyObject *self, PyObject *loss);
PyObject *problem_memory(PyObject *self, PyObject *number);
PyObject *problem_set_memory(PyObject *self, PyObject *arguments);
/* loop.c */
PyObject *problem_descend_aside(PyObject *self, PyObject *unused);
PyObject *problem_loop(PyObject *self, PyObject *unused);
PyObject *problem_set_loop(PyObject *self, PyObject *given);
PyObject *problem_rehearse(PyObject *self, PyObject *updates);
PyObject *problem_pull_back(PyObject *self, PyObject *arguments);

/* Borrowed handles of a list or tuple of tensors, to be freed with PyMem_Free; NULL with an
 * exception. */
betty_tensor **tensor_list(PyObject *sequence, int32_t *count, const char *what);
/* Calls callbacks[name](*arguments) with the GIL held; the result, or NULL with an exception. */
PyObject *call_back(PyObject *callbacks, const char *name, PyObject *argument);
/* A callback's C function if the dict has it. */
int has_callback(PyObject *callbacks, const char *name);

#endif
