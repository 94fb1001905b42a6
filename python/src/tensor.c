/* Duty: the type betty.Tensor: made, subclassed, freed. Its methods are attached by Python. */
#include "native.h"

PyTypeObject *tensor_type;
Hooks hooks;

/* The collector looks at a tensor once it has attributes: until then it refers to nothing. */
PyObject *wrap_tensor(betty_tensor *owned) {
  TensorObject *self = PyObject_GC_New(TensorObject, tensor_type);
  if (!self) {
    betty_tensor_free(owned);
    return NULL;
  }
  self->handle = owned;
  self->attributes = self->weak_references = NULL;
  return (PyObject *)self;
}

PyObject *wrap_subclass(PyTypeObject *type, betty_tensor *owned) {
  if (type == tensor_type) return wrap_tensor(owned);
  allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  TensorObject *self = (TensorObject *)allocate(type, 0);
  if (!self) {
    betty_tensor_free(owned);
    return NULL;
  }
  self->handle = owned;
  return (PyObject *)self;
}

PyObject *wrap_results(betty_tensor **handles, int32_t count) {
  return count == 1 ? wrap_tensor(handles[0]) : wrap_tuple(handles, count);
}

PyObject *wrap_tuple(betty_tensor **handles, int32_t count) {
  PyObject *tuple = PyTuple_New(count);
  for (int32_t i = 0; i < count; i++) {
    if (!handles[i]) { /* a gradient that does not exist */
      if (tuple) PyTuple_SetItem(tuple, i, Py_NewRef(Py_None));
      continue;
    }
    PyObject *item = tuple ? wrap_tensor(handles[i]) : NULL;
    if (item) {
      PyTuple_SetItem(tuple, i, item);
    } else if (tuple) {
      Py_CLEAR(tuple); /* wrap_tensor has freed this handle; the loop frees the rest */
    } else {
      betty_tensor_free(handles[i]);
    }
  }
  return tuple;
}

betty_tensor *require_tensor(PyObject *object, const char *what) {
  if (is_tensor(object)) return handle_of(object);
  PyObject *name = PyType_GetName(Py_TYPE(object));
  if (name) PyErr_Format(PyExc_TypeError, "%s: expected a Tensor, got %U", what, name);
  Py_XDECREF(name);
  return NULL;
}

static int traverse(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(((TensorObject *)self)->attributes);
  return 0;
}

static int clear(PyObject *self) {
  Py_CLEAR(((TensorObject *)self)->attributes);
  return 0;
}

static int set_attribute(PyObject *self, PyObject *name, PyObject *value) {
  if (PyObject_GenericSetAttr(self, name, value)) return -1;
  if (((TensorObject *)self)->attributes && !PyObject_GC_IsTracked(self)) PyObject_GC_Track(self);
  return 0;
}

static void deallocate(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  betty_tensor *handle = handle_of(self);
  PyObject_GC_UnTrack(self);
  if (((TensorObject *)self)->weak_references) PyObject_ClearWeakRefs(self);
  clear(self);
  if (type == tensor_type) {
    PyObject_GC_Del(self);
  } else {
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
  }
  Py_DECREF(type);
  if (handle) betty_tensor_free(handle);
}

/* Tensor(...) and subclasses without a __new__ of their own: what the hook makes of the arguments,
 * under another object. A tensor given is shared. */
static PyObject *make(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
  PyObject *source = PyObject_Call(hooks.construct, arguments, keywords);
  if (!source) return NULL;
  betty_tensor *given = require_tensor(source, "Tensor"), *handle = NULL;
  betty_status status = given ? betty_tensor_retain(given, &handle) : BETTY_OK;
  Py_DECREF(source);
  if (status) return raise_status(status);
  return handle ? wrap_subclass(type, handle) : NULL;
}

static Py_hash_t hash(PyObject *self) {
  Py_hash_t value = (Py_hash_t)((uintptr_t)self >> 4);
  return value == -1 ? -2 : value;
}

static PyObject *represent(PyObject *self) {
  return PyObject_CallFunctionObjArgs(hooks.represent, self, NULL);
}

static Py_ssize_t length(PyObject *self) {
  int64_t shape[MAXIMUM_RANK];
  int32_t rank = 0;
  betty_status status = betty_tensor_shape(handle_of(self), shape, MAXIMUM_RANK, &rank);
  if (status) return raise_status_int(status);
  if (rank) return (Py_ssize_t)shape[0];
  PyErr_SetString(PyExc_TypeError, "len() of a 0-d tensor");
  return -1;
}

static PyObject *get_item(PyObject *self, PyObject *key) {
  return PyObject_CallFunctionObjArgs(hooks.getitem, self, key, NULL);
}

static int set_item(PyObject *self, PyObject *key, PyObject *value) {
  if (!value) {
    PyErr_SetString(PyExc_TypeError, "Tensor does not support deleting items");
    return -1;
  }
  PyObject *done = PyObject_CallFunctionObjArgs(hooks.setitem, self, key, value, NULL);
  Py_XDECREF(done);
  return done ? 0 : -1;
}

static PyMemberDef members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(TensorObject, attributes), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(TensorObject, weak_references), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot own_slots[] = {
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_setattro, set_attribute},
    {Py_tp_members, members},
    {Py_tp_new, make},
    {Py_tp_dealloc, deallocate},
    {Py_tp_hash, hash},
    {Py_tp_repr, represent},
    {Py_tp_richcompare, tensor_compare},
    {Py_tp_getset, tensor_properties},
    {Py_tp_methods, tensor_methods},
    {Py_tp_doc, "An array of numbers that remembers how it was computed."},
    {Py_mp_length, length},
    {Py_mp_subscript, get_item},
    {Py_mp_ass_subscript, set_item},
    {0, NULL},
};

static int join_slots(PyType_Slot *all, int place, const PyType_Slot *part) {
  for (; part->slot; part++) all[place++] = *part;
  return place;
}

int tensor_ready(PyObject *module) {
  PyType_Slot slots[64];
  int count = join_slots(slots, 0, own_slots);
  count = join_slots(slots, count, number_slots);
  count = join_slots(slots, count, buffer_slots);
  slots[count] = (PyType_Slot){0, NULL};
  PyType_Spec spec = {
      "betty.Tensor", sizeof(TensorObject), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots,
  };
  tensor_type = (PyTypeObject *)PyType_FromSpec(&spec);
  return tensor_type ? PyModule_AddObjectRef(module, "Tensor", (PyObject *)tensor_type) : -1;
}
