/* Duty: _native.EngineHandle. Running releases the GIL; callbacks take it back. */
#include "handles.h"

static EngineObject *engine(PyObject *self) { return (EngineObject *)self; }

/* Calls one that takes and gives nothing. */
static int32_t plain_hook(void *user_data, const char *name) {
  PyGILState_STATE state = PyGILState_Ensure();
  PyObject *done = call_back(((EngineObject *)user_data)->callbacks, name, NULL);
  int32_t result = done ? 0 : keep_exception();
  Py_XDECREF(done);
  PyGILState_Release(state);
  return result;
}

static int32_t train_step_hook(betty_engine *handle, void *user_data) {
  (void)handle;
  return plain_hook(user_data, "train_step");
}

static int32_t progress_hook(betty_engine *handle, void *user_data) {
  (void)handle;
  return plain_hook(user_data, "progress");
}

static int32_t validation_hook(betty_engine *handle, int32_t *out_stop, void *user_data) {
  (void)handle;
  PyGILState_STATE state = PyGILState_Ensure();
  PyObject *stop = call_back(((EngineObject *)user_data)->callbacks, "validation", NULL);
  int truth = stop ? PyObject_IsTrue(stop) : -1;
  Py_XDECREF(stop);
  int32_t result = truth < 0 ? keep_exception() : 0;
  *out_stop = truth > 0;
  PyGILState_Release(state);
  return result;
}

/* Fills self->handle; -1 with an exception. */
static int start_engine(EngineObject *self, PyObject *options) {
  Py_ssize_t count = PyTuple_Size(self->problems);
  betty_problem **handles = PyMem_Calloc((size_t)count + 1, sizeof *handles);
  if (!handles) return PyErr_NoMemory() ? 0 : -1;
  int failed = 0;
  for (Py_ssize_t i = 0; i < count; i++) {
    PyObject *item = PyTuple_GetItem(self->problems, i);
    failed |= Py_TYPE(item) != problem_type;
    if (!failed) handles[i] = ((ProblemObject *)item)->handle;
  }
  if (failed) PyErr_SetString(PyExc_TypeError, "EngineHandle: expected a list of ProblemHandle");
  betty_options *given = failed ? NULL : options_from_dict(options);
  if (given) {
    betty_engine_callbacks all = {.size = sizeof all};
    if (has_callback(self->callbacks, "train_step")) all.train_step = train_step_hook;
    if (has_callback(self->callbacks, "validation")) all.validation = validation_hook;
    if (has_callback(self->callbacks, "progress")) all.progress = progress_hook;
    betty_status status =
        betty_engine_new(handles, (int32_t)count, given, &all, self, &self->handle);
    if (status) raise_status(status);
  }
  betty_options_free(given);
  PyMem_Free(handles);
  return self->handle ? 0 : -1;
}

static PyObject *make(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
  static char *names[] = {"problems", "options", "callbacks", NULL};
  PyObject *problems, *options, *callbacks;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OO!O!", names, &problems, &PyDict_Type,
                                   &options, &PyDict_Type, &callbacks))
    return NULL;
  allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  EngineObject *self = (EngineObject *)allocate(type, 0);
  if (!self) return NULL;
  self->problems = PySequence_Tuple(problems);
  self->callbacks = PyDict_Copy(callbacks);
  if (self->problems && self->callbacks && !start_engine(self, options)) return (PyObject *)self;
  Py_DECREF(self);
  return NULL;
}

static int visit_all(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(engine(self)->callbacks);
  Py_VISIT(engine(self)->problems);
  return 0;
}

static int clear(PyObject *self) {
  Py_CLEAR(engine(self)->callbacks);
  Py_CLEAR(engine(self)->problems);
  return 0;
}

static void deallocate(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  betty_engine_free(engine(self)->handle);
  clear(self);
  freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
  release(self);
  Py_DECREF(type);
}

static PyObject *work(PyObject *self, betty_status (*body)(betty_engine *)) {
  betty_engine *handle = engine(self)->handle;
  betty_status status;
  if (!engine(self)->problems) {
    PyErr_SetString(PyExc_RuntimeError, "EngineHandle: its problems are gone");
    return NULL;
  }
  Py_INCREF(self); /* a callback may drop the last other reference */
  Py_BEGIN_ALLOW_THREADS
  status = body(handle);
  Py_END_ALLOW_THREADS
  PyObject *result = status ? raise_status(status) : Py_NewRef(Py_None);
  Py_DECREF(self);
  return result;
}

static PyObject *start(PyObject *self, PyObject *unused) {
  (void)unused;
  return work(self, betty_engine_start);
}
static PyObject *run(PyObject *self, PyObject *unused) {
  (void)unused;
  return work(self, betty_engine_run);
}
static PyObject *train_step(PyObject *self, PyObject *unused) {
  (void)unused;
  return work(self, betty_engine_train_step);
}

static PyObject *depend(PyObject *self, PyObject *arguments) {
  const char *kind;
  int from, to;
  if (!PyArg_ParseTuple(arguments, "sii", &kind, &from, &to)) return NULL;
  betty_status status = betty_engine_depend(engine(self)->handle, kind, from, to);
  if (status) return raise_status(status);
  Py_RETURN_NONE;
}

static PyObject *set_options(PyObject *self, PyObject *arguments) {
  betty_options *options = options_argument(arguments);
  if (!options) return NULL;
  betty_status status = betty_engine_set_options(engine(self)->handle, options);
  betty_options_free(options);
  if (status) return raise_status(status);
  Py_RETURN_NONE;
}

static PyObject *describe(PyObject *self, PyObject *unused) {
  (void)unused;
  const char *text = NULL;
  betty_status status = betty_engine_describe(engine(self)->handle, &text);
  return status ? raise_status(status) : PyUnicode_FromString(text);
}

static PyObject *clear_dependencies(PyObject *self, PyObject *unused) {
  (void)unused;
  betty_status status = betty_engine_clear_dependencies(engine(self)->handle);
  if (status) return raise_status(status);
  Py_RETURN_NONE;
}

static int set_global_step(PyObject *self, PyObject *value, void *unused) {
  (void)unused;
  long long step = value ? PyLong_AsLongLong(value) : -1;
  if (step == -1 && PyErr_Occurred()) return -1;
  betty_status status = betty_engine_set_global_step(engine(self)->handle, step);
  return status ? (raise_status(status), -1) : 0;
}

static PyObject *get_global_step(PyObject *self, void *unused) {
  (void)unused;
  int64_t step = 0;
  betty_status status = betty_engine_global_step(engine(self)->handle, &step);
  return status ? raise_status(status) : PyLong_FromLongLong(step);
}

static PyMethodDef methods[] = {
    {"depend", depend, METH_VARARGS, "(kind, from, to): a dependency by places in the list."},
    {"clear_dependencies", clear_dependencies, METH_NOARGS, "Take all dependencies away."},
    {"set_options", set_options, METH_VARARGS, "({name: value}): train_iters and valid_step."},
    {"describe", describe, METH_NOARGS, "Levels, edges, paths and costs as text."},
    {"start", start, METH_NOARGS, "Check the dependencies."},
    {"run", run, METH_NOARGS, "Take train_iters steps."},
    {"train_step", train_step, METH_NOARGS, "Step every leaf, and the problems above when due."},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef properties[] = {
    {"global_step", get_global_step, set_global_step, "Calls of train_step by run.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot slots[] = {
    {Py_tp_new, make},
    {Py_tp_dealloc, deallocate},
    {Py_tp_traverse, visit_all},
    {Py_tp_clear, clear},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {Py_tp_doc, "The engine over problems: (problems, options, callbacks)."},
    {0, NULL},
};
static PyType_Spec spec = {
    "betty._native.EngineHandle", sizeof(EngineObject), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots,
};

int engine_ready(PyObject *module) {
  PyObject *type = PyType_FromSpec(&spec);
  int failed = !type || PyModule_AddObjectRef(module, "EngineHandle", type);
  Py_XDECREF(type);
  return failed ? -1 : 0;
}
