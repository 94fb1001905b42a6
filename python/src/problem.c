/* Duty: _native.ProblemHandle, a problem of the engine whose callbacks are Python's. */
#include "handles.h"

PyTypeObject *problem_type;

static ProblemObject *problem(PyObject *self) { return (ProblemObject *)self; }

static PyObject *make(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
  static char *names[] = {"name", "options", "callbacks", NULL};
  const char *name;
  PyObject *options, *callbacks;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "sO!O!", names, &name, &PyDict_Type,
                                   &options, &PyDict_Type, &callbacks))
    return NULL;
  allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  ProblemObject *self = (ProblemObject *)allocate(type, 0);
  if (!self) return NULL;
  betty_options *given = options_from_dict(options);
  self->name = given ? PyUnicode_FromString(name) : NULL;
  self->callbacks = self->name ? PyDict_Copy(callbacks) : NULL;
  betty_status status = BETTY_OK;
  if (self->callbacks) {
    betty_problem_callbacks all = problem_callbacks(self->callbacks);
    status = betty_problem_new(name, given, &all, self, &self->handle);
    if (status) raise_status(status);
  }
  betty_options_free(given);
  if (self->handle) return (PyObject *)self;
  Py_DECREF(self);
  return NULL;
}

static int visit_all(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(problem(self)->callbacks);
  Py_VISIT(problem(self)->optimizer);
  return 0;
}

static int clear(PyObject *self) {
  Py_CLEAR(problem(self)->callbacks);
  Py_CLEAR(problem(self)->optimizer);
  return 0;
}

static void deallocate(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  betty_problem_free(problem(self)->handle);
  clear(self);
  Py_CLEAR(problem(self)->name);
  freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
  release(self);
  Py_DECREF(type);
}

typedef betty_status (*SetTensors)(betty_problem *, betty_tensor *const *, int32_t);

/* What is only recorded of the tensors is computed now: without the GIL, the tuple keeps them. */
static PyObject *set_tensors(PyObject *self, PyObject *sequence, SetTensors set) {
  int32_t count = 0;
  PyObject *kept = PySequence_Tuple(sequence);
  betty_tensor **handles = kept ? tensor_list(kept, &count, "parameters") : NULL;
  betty_status status = BETTY_OK;
  Py_INCREF(self);
  if (handles) {
    Py_BEGIN_ALLOW_THREADS
    status = set(problem(self)->handle, handles, count);
    Py_END_ALLOW_THREADS
  }
  PyObject *result = !handles ? NULL : status ? raise_status(status) : Py_NewRef(Py_None);
  PyMem_Free(handles);
  Py_XDECREF(kept);
  Py_DECREF(self);
  return result;
}

static PyObject *set_parameters(PyObject *self, PyObject *sequence) {
  return set_tensors(self, sequence, betty_problem_set_parameters);
}

static PyObject *set_meta_parameters(PyObject *self, PyObject *sequence) {
  return set_tensors(self, sequence, betty_problem_set_meta_parameters);
}

static PyObject *set_buffers(PyObject *self, PyObject *sequence) {
  return set_tensors(self, sequence, betty_problem_set_buffers);
}

static PyObject *add_batch(PyObject *self, PyObject *sequence) {
  return set_tensors(self, sequence, betty_problem_add_batch);
}

/* (tensors, options) */
static PyObject *set_data(PyObject *self, PyObject *arguments) {
  PyObject *sequence, *settings;
  if (!PyArg_ParseTuple(arguments, "OO!", &sequence, &PyDict_Type, &settings)) return NULL;
  betty_options *options = options_from_dict(settings);
  int32_t count = 0;
  PyObject *kept = options ? PySequence_Tuple(sequence) : NULL;
  betty_tensor **handles = kept ? tensor_list(kept, &count, "data") : NULL;
  betty_status status = BETTY_OK;
  Py_INCREF(self);
  if (handles) {
    Py_BEGIN_ALLOW_THREADS
    status = betty_problem_set_data(problem(self)->handle, handles, count, options);
    Py_END_ALLOW_THREADS
  }
  PyObject *result = !handles ? NULL : status ? raise_status(status) : Py_NewRef(Py_None);
  PyMem_Free(handles);
  Py_XDECREF(kept);
  betty_options_free(options);
  Py_DECREF(self);
  return result;
}

static PyObject *set_options(PyObject *self, PyObject *arguments) {
  betty_options *options = options_argument(arguments);
  if (!options) return NULL;
  betty_status status = betty_problem_set_options(problem(self)->handle, options);
  betty_options_free(options);
  if (status) return raise_status(status);
  Py_RETURN_NONE;
}

static PyObject *get_batch(PyObject *self, PyObject *index) {
  int part = (int)PyLong_AsLong(index);
  if (PyErr_Occurred()) return NULL;
  betty_tensor *tensor = NULL;
  betty_status status = betty_problem_batch(problem(self)->handle, part, &tensor);
  return status ? raise_status(status) : wrap_tensor(tensor);
}

static PyObject *set_optimizer(PyObject *self, PyObject *optimizer) {
  if (optimizer != Py_None && Py_TYPE(optimizer) != optimizer_type) {
    PyErr_SetString(PyExc_TypeError, "set_optimizer: expected an OptimizerHandle or None");
    return NULL;
  }
  betty_optimizer *handle =
      optimizer == Py_None ? NULL : ((OptimizerObject *)optimizer)->handle;
  betty_status status = betty_problem_set_optimizer(problem(self)->handle, handle);
  if (status) return raise_status(status);
  PyObject *before = problem(self)->optimizer;
  problem(self)->optimizer = Py_NewRef(optimizer);
  Py_XDECREF(before);
  Py_RETURN_NONE;
}

static PyObject *initialize_from(PyObject *self, PyObject *source) {
  if (Py_TYPE(source) != problem_type) {
    PyErr_SetString(PyExc_TypeError, "initialize_from: expected a ProblemHandle");
    return NULL;
  }
  betty_status status =
      betty_problem_initialize_from(problem(self)->handle, problem(source)->handle);
  if (status) return raise_status(status);
  Py_RETURN_NONE;
}

static PyObject *step(PyObject *self, PyObject *unused) {
  (void)unused;
  betty_status status;
  Py_INCREF(self); /* a callback may drop the last other reference */
  Py_BEGIN_ALLOW_THREADS
  status = betty_problem_step(problem(self)->handle);
  Py_END_ALLOW_THREADS
  PyObject *result = status ? raise_status(status) : Py_NewRef(Py_None);
  Py_DECREF(self);
  return result;
}

static PyObject *descend(PyObject *self, PyObject *fresh) {
  int truth = PyObject_IsTrue(fresh);
  if (truth < 0) return NULL;
  betty_status status;
  Py_INCREF(self);
  Py_BEGIN_ALLOW_THREADS
  status = betty_problem_descend(problem(self)->handle, truth);
  Py_END_ALLOW_THREADS
  PyObject *result = status ? raise_status(status) : Py_NewRef(Py_None);
  Py_DECREF(self);
  return result;
}

static PyObject *set_training(PyObject *self, PyObject *flag) {
  int truth = PyObject_IsTrue(flag);
  if (truth < 0) return NULL;
  betty_status status = betty_problem_set_training(problem(self)->handle, truth);
  if (status) return raise_status(status);
  Py_RETURN_NONE;
}

static int set_count(PyObject *self, PyObject *value, void *unused) {
  (void)unused;
  long long count = value ? PyLong_AsLongLong(value) : -1;
  if (count == -1 && PyErr_Occurred()) return -1;
  betty_status status = betty_problem_set_count(problem(self)->handle, count);
  return status ? (raise_status(status), -1) : 0;
}

static PyObject *get_skipped_steps(PyObject *self, void *unused) {
  (void)unused;
  int64_t count = 0;
  betty_status status = betty_problem_skipped_steps(problem(self)->handle, &count);
  return status ? raise_status(status) : PyLong_FromLongLong(count);
}

static PyObject *get_count(PyObject *self, void *unused) {
  (void)unused;
  int64_t count = 0;
  betty_status status = betty_problem_count(problem(self)->handle, &count);
  return status ? raise_status(status) : PyLong_FromLongLong(count);
}

static PyObject *get_batch_index(PyObject *self, void *unused) {
  (void)unused;
  int64_t index = 0;
  betty_status status = betty_problem_batch_index(problem(self)->handle, &index);
  return status ? raise_status(status) : PyLong_FromLongLong(index);
}

static PyObject *get_replica(PyObject *self, void *unused) {
  (void)unused;
  int32_t replica = 0, count = 1;
  double share = 1;
  betty_status status =
      betty_problem_replica(problem(self)->handle, &replica, &count, &share);
  return status ? raise_status(status) : Py_BuildValue("iid", replica, count, share);
}

/* A list of paths, each a list of names. */
static PyObject *paths(PyObject *self, PyObject *unused) {
  (void)unused;
  const char *text = NULL;
  betty_status status = betty_problem_paths(problem(self)->handle, &text);
  if (status) return raise_status(status);
  PyObject *whole = PyUnicode_FromString(text);
  PyObject *lines = whole ? PyUnicode_Splitlines(whole, 0) : NULL;
  PyObject *found = lines ? PyList_New(0) : NULL;
  for (Py_ssize_t i = 0; found && i < PyList_Size(lines); i++) {
    PyObject *names = PyUnicode_Split(PyList_GetItem(lines, i), NULL, -1);
    if (!names || PyList_Append(found, names)) Py_CLEAR(found);
    Py_XDECREF(names);
  }
  Py_XDECREF(lines);
  Py_XDECREF(whole);
  return found;
}

static PyObject *dump(PyObject *self, PyObject *unused) {
  (void)unused;
  const char *text = NULL;
  betty_status status = betty_problem_dump(problem(self)->handle, &text);
  return status ? raise_status(status) : PyUnicode_FromString(text);
}

static PyMethodDef methods[] = {
    {"set_options", set_options, METH_VARARGS, "({name: value}): in the place of others."},
    {"set_parameters", set_parameters, METH_O, "The parameters that are trained."},
    {"set_meta_parameters", set_meta_parameters, METH_O, "Those hypergradients flow through."},
    {"set_buffers", set_buffers, METH_O, "What forward passes change beside the parameters."},
    {"step", step, METH_NOARGS, "One step, and those above that are due."},
    {"descend", descend, METH_O, "(fresh): one descent step and nothing else."},
    {"descend_aside", problem_descend_aside, METH_NOARGS, "One on a batch that leaves no trace."},
    {"loop", problem_loop, METH_NOARGS, "What belongs to the inner loop under way, as tensors."},
    {"set_loop", problem_set_loop, METH_O, "Takes up such a loop; of no tensors: none."},
    {"rehearse", problem_rehearse, METH_O, "(updates): a loop on the last batch; -1: undoes all."},
    {"pull_back", problem_pull_back, METH_VARARGS, "(vector, upper): through that loop."},
    {"set_training", set_training, METH_O, "Whether steps count and lead to upper ones."},
    {"add_batch", add_batch, METH_O, "One more batch of the list the engine goes through."},
    {"set_data", set_data, METH_VARARGS, "Tensors whose rows the engine deals out, and how."},
    {"batch", get_batch, METH_O, "A part of the present batch."},
    {"set_optimizer", set_optimizer, METH_O, "An OptimizerHandle, or None."},
    {"initialize_from", initialize_from, METH_O, "Where every inner loop begins."},
    {"gradients", problem_gradients, METH_O, "The gradients of a step, by parameter, or None."},
    {"backward", problem_backward, METH_O, "Adds the gradients of a loss."},
    {"hypergradient_info", problem_info, METH_NOARGS, "What its methods tell, as text."},
    {"memory", problem_memory, METH_O, "(index): key and tensor of what a method keeps, or None."},
    {"set_memory", problem_set_memory, METH_VARARGS, "(key, tensor): puts it back."},
    {"paths", paths, METH_NOARGS, "The paths of its hypergradient, as lists of names."},
    {"dump", dump, METH_NOARGS, "Its steps so far as graphs and programs."},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef properties[] = {
    {"count", get_count, set_count, "Steps taken.", NULL},
    {"skipped_steps", get_skipped_steps, NULL, "Steps left out: see on_nan.", NULL},
    {"replica", get_replica, NULL, "In training_step: which of how many, its share of rows.", NULL},
    {"batch_index", get_batch_index, NULL, "Number of the present batch in its list.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot slots[] = {
    {Py_tp_new, make},
    {Py_tp_dealloc, deallocate},
    {Py_tp_traverse, visit_all},
    {Py_tp_clear, clear},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {Py_tp_doc, "A problem of the engine: (name, options, callbacks)."},
    {0, NULL},
};
static PyType_Spec spec = {
    "betty._native.ProblemHandle", sizeof(ProblemObject), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots,
};

int problem_ready(PyObject *module) {
  problem_type = (PyTypeObject *)PyType_FromSpec(&spec);
  return problem_type ? PyModule_AddObjectRef(module, "ProblemHandle", (PyObject *)problem_type)
                      : -1;
}
