/* Duty: operations by name as Python callables: f(*operands, **attributes). Attributes are cached
 * by their names, types and values, so that a repeated call makes none.
 * Invariant: operations are made once and live for ever. */
#include <string.h>

#include "native.h"

enum { INLINE_RESULTS = 8, MAXIMUM_CACHED = 4096 };

typedef struct {
  const betty_op *op;
  PyObject *attributes; /* key of the keyword arguments: capsule of betty_options */
  int returns_tuple;    /* also when it has one element */
  PyMethodDef method;
  char name[];
} Operation;

static PyObject *operations; /* name: callable */
static const char *const CAPSULE = "betty.options";

static void free_options(PyObject *capsule) {
  betty_options_free(PyCapsule_GetPointer(capsule, CAPSULE));
}

static PyObject *normalise(PyObject *value, PyObject *name, const char *owner);

/* The number that a tensor of one element stands for. */
static PyObject *normalised_tensor(PyObject *tensor, PyObject *name, const char *owner) {
  int32_t requires_grad = 0;
  betty_status status = betty_tensor_requires_grad(handle_of(tensor), &requires_grad);
  if (status) return raise_status(status);
  if (element_count(tensor) == 1 && !requires_grad) {
    PyObject *item = tensor_item(tensor, NULL);
    PyObject *plain = item ? normalise(item, name, owner) : NULL;
    Py_XDECREF(item);
    return plain;
  }
  PyObject *shape = PyObject_GetAttrString(tensor, "shape");
  PyObject *list = shape ? PySequence_List(shape) : NULL;
  if (list)
    PyErr_Format(PyExc_TypeError, "%s: option '%U' takes no Tensor%s, got one of shape %R", owner,
                 name, requires_grad ? " that requires grad" : "", list);
  Py_XDECREF(list);
  Py_XDECREF(shape);
  return NULL;
}

/* A value as the cache and the library know it: bool, int, float, str, dtype or a tuple of ints. */
static PyObject *normalise(PyObject *value, PyObject *name, const char *owner) {
  if (PyBool_Check(value) || PyLong_CheckExact(value) || PyUnicode_CheckExact(value) ||
      Py_TYPE(value) == dtype_type || PyFloat_CheckExact(value))
    return Py_NewRef(value);
  if (PyFloat_Check(value)) return PyNumber_Float(value);
  if (PyUnicode_Check(value)) return PyUnicode_FromObject(value);
  if (is_tensor(value)) return normalised_tensor(value, name, owner);
  if (PyIndex_Check(value)) return PyNumber_Index(value);
  if (PyType_Check(value)) {
    int code = dtype_code(value);
    return code < 0 ? NULL : dtype_object(code);
  }
  if (!PyTuple_Check(value) && !PyList_Check(value)) {
    PyObject *type = PyType_GetName(Py_TYPE(value));
    if (type)
      PyErr_Format(PyExc_TypeError, "%s: option '%U' cannot be of type %U", owner, name, type);
    Py_XDECREF(type);
    return NULL;
  }
  PyObject *tuple = PySequence_Tuple(value);
  PyObject *integers = tuple ? PyTuple_New(PyTuple_Size(tuple)) : NULL;
  for (Py_ssize_t i = 0; integers && i < PyTuple_Size(tuple); i++) {
    PyObject *integer = PyNumber_Index(PyTuple_GetItem(tuple, i));
    if (!integer || PyTuple_SetItem(integers, i, integer)) Py_CLEAR(integers);
  }
  Py_XDECREF(tuple);
  return integers;
}

static betty_status set_ints(betty_options *options, const char *name, PyObject *tuple) {
  int64_t inline_values[MAXIMUM_RANK], *values = inline_values;
  Py_ssize_t count = PyTuple_Size(tuple);
  if (count > MAXIMUM_RANK) values = PyMem_Malloc((size_t)count * sizeof *values);
  if (!values) return BETTY_ERROR_MEMORY;
  betty_status status = BETTY_OK;
  for (Py_ssize_t i = 0; i < count; i++) {
    values[i] = PyLong_AsLongLong(PyTuple_GetItem(tuple, i));
    if (values[i] == -1 && PyErr_Occurred()) status = BETTY_ERROR_VALUE;
  }
  if (!status) status = betty_options_set_ints(options, name, values, (int32_t)count);
  if (values != inline_values) PyMem_Free(values);
  return status;
}

/* Sets one normalised value; 0, or -1 with an exception. */
static int set_option(betty_options *options, PyObject *key, PyObject *value) {
  const char *name = PyUnicode_AsUTF8AndSize(key, NULL);
  if (!name) return -1;
  betty_status status;
  if (PyBool_Check(value)) {
    status = betty_options_set_bool(options, name, value == Py_True);
  } else if (PyLong_Check(value)) {
    long long integer = PyLong_AsLongLong(value);
    if (integer == -1 && PyErr_Occurred()) return -1;
    status = betty_options_set_int(options, name, integer);
  } else if (PyFloat_Check(value)) {
    status = betty_options_set_double(options, name, PyFloat_AsDouble(value));
  } else if (PyUnicode_Check(value)) {
    const char *text = PyUnicode_AsUTF8AndSize(value, NULL);
    if (!text) return -1;
    status = betty_options_set_string(options, name, text);
  } else if (PyTuple_Check(value)) {
    status = set_ints(options, name, value);
  } else {
    status = betty_options_set_dtype(options, name, ((DTypeObject *)value)->code);
  }
  if (!status) return 0;
  return PyErr_Occurred() ? -1 : raise_status_int(status);
}

betty_options *options_from_dict(PyObject *dict) {
  betty_options *options = NULL;
  betty_status status = betty_options_new(&options);
  if (status) return (betty_options *)raise_status(status);
  PyObject *key, *value;
  Py_ssize_t place = 0;
  while (PyDict_Next(dict, &place, &key, &value)) {
    if (value == Py_None) continue;
    PyObject *plain = normalise(value, key, "options");
    int failed = !plain || set_option(options, key, plain);
    Py_XDECREF(plain);
    if (!failed) continue;
    betty_options_free(options);
    return NULL;
  }
  return options;
}

betty_options *options_argument(PyObject *arguments) {
  PyObject *settings;
  if (!PyArg_ParseTuple(arguments, "O!", &PyDict_Type, &settings)) return NULL;
  return options_from_dict(settings);
}

/* Floats enter the key by their bits: -0.0 and 0.0 differ, nan equals itself. */
static PyObject *key_part(PyObject *value) {
  if (!PyFloat_Check(value)) return Py_NewRef(value);
  double number = PyFloat_AsDouble(value);
  uint64_t bits;
  memcpy(&bits, &number, sizeof bits);
  return PyLong_FromUnsignedLongLong(bits);
}

/* (name, type, value, ...) of the options that are not None; NULL with an exception. */
static PyObject *attribute_key(PyObject *const *values, PyObject *names, PyObject *plain,
                               const char *owner) {
  PyObject *key = PyList_New(0);
  Py_ssize_t count = PyTuple_Size(names);
  for (Py_ssize_t i = 0; key && i < count; i++) {
    if (values[i] == Py_None) continue;
    PyObject *name = PyTuple_GetItem(names, i);
    PyObject *value = normalise(values[i], name, owner);
    PyObject *part = value ? key_part(value) : NULL;
    if (!part || PyDict_SetItem(plain, name, value) || PyList_Append(key, name) ||
        PyList_Append(key, (PyObject *)Py_TYPE(value)) || PyList_Append(key, part))
      Py_CLEAR(key);
    Py_XDECREF(part);
    Py_XDECREF(value);
  }
  PyObject *tuple = key ? PySequence_Tuple(key) : NULL;
  Py_XDECREF(key);
  return tuple;
}

/* The cached options of a call, borrowed; *failed is set with an exception. */
static betty_options *attributes_of(
    Operation *operation, PyObject *const *values, PyObject *names, int *failed) {
  *failed = 1;
  PyObject *plain = PyDict_New();
  PyObject *key = plain ? attribute_key(values, names, plain, operation->name) : NULL;
  betty_options *options = NULL;
  if (key && PyTuple_Size(key) == 0) {
    *failed = 0;
  } else if (key) {
    PyObject *capsule = PyDict_GetItemWithError(operation->attributes, key);
    if (capsule) {
      options = PyCapsule_GetPointer(capsule, CAPSULE);
    } else if (!PyErr_Occurred() && (options = options_from_dict(plain))) {
      if (PyDict_Size(operation->attributes) >= MAXIMUM_CACHED) PyDict_Clear(operation->attributes);
      capsule = PyCapsule_New(options, CAPSULE, free_options);
      if (!capsule) betty_options_free(options);
      if (!capsule || PyDict_SetItem(operation->attributes, key, capsule)) options = NULL;
      Py_XDECREF(capsule);
    }
    *failed = !options;
  }
  Py_XDECREF(key);
  Py_XDECREF(plain);
  return options;
}

static int collect(Operands *operands, PyObject *const *arguments, Py_ssize_t count,
                   const char *name) {
  *operands = (Operands){.count = 0, .handles = operands->inline_handles};
  if (count > INLINE_OPERANDS)
    operands->handles = PyMem_Malloc((size_t)count * 2 * sizeof *operands->handles);
  if (!operands->handles) return PyErr_NoMemory() ? 0 : -1;
  for (Py_ssize_t i = 0; i < count; i++) {
    int owned = 0;
    int found = operand_from(arguments[i], &operands->handles[i], &owned);
    if (found == 0) {
      PyObject *type = PyType_GetName(Py_TYPE(arguments[i]));
      if (type)
        PyErr_Format(PyExc_TypeError, "%s: argument %zd must be a Tensor or a number, got %U", name,
                     i + 1, type);
      Py_XDECREF(type);
    }
    if (found <= 0) return -1;
    if (!owned && i >= 64) { /* counted as owned: make it so */
      betty_tensor *again = NULL;
      betty_status status = betty_tensor_retain(operands->handles[i], &again);
      if (status) return raise_status_int(status);
      operands->handles[i] = again;
    }
    if (owned && i < 64) operands->owned |= (uint64_t)1 << i;
    operands->count = i + 1;
  }
  return 0;
}

static void discard(Operands *operands) {
  for (Py_ssize_t i = 0; i < operands->count; i++)
    if (i >= 64 || operands->owned >> i & 1) betty_tensor_free(operands->handles[i]);
  if (operands->handles != operands->inline_handles) PyMem_Free(operands->handles);
}

static PyObject *apply(
    const Operation *operation, const Operands *operands, const betty_options *attributes) {
  betty_tensor *inline_results[INLINE_RESULTS], **results = inline_results;
  int32_t room = INLINE_RESULTS, made = 0;
  betty_status status = BETTY_OK;
  for (;;) { /* again, once, with the room it asks for */
    status = betty_op_call(operation->op, operands->handles, (int32_t)operands->count, attributes,
                           results, room, &made);
    if (!status || made <= room || results != inline_results) break;
    room = made;
    results = PyMem_Malloc((size_t)room * sizeof *results);
    if (!results) return PyErr_NoMemory();
  }
  PyObject *result = NULL;
  if (status) raise_status(status);
  else if (operation->returns_tuple) result = wrap_tuple(results, made);
  else result = wrap_results(results, made);
  if (results != inline_results) PyMem_Free(results);
  return result;
}

PyObject *call_operation(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                         PyObject *names) {
  Operation *operation = PyCapsule_GetPointer(self, NULL);
  if (!operation) return NULL;
  betty_options *attributes = NULL;
  if (names) {
    int failed = 0;
    attributes = attributes_of(operation, arguments + count, names, &failed);
    if (failed) return NULL;
  }
  Operands operands;
  PyObject *result = NULL;
  if (!collect(&operands, arguments, count, operation->name))
    result = apply(operation, &operands, attributes);
  discard(&operands);
  return result;
}

static PyObject *make_operation(const char *name) {
  const betty_op *op = NULL;
  const char *description = NULL;
  betty_status status = betty_op_find(name, &op);
  if (!status) status = betty_op_describe(op, &description);
  if (status) return raise_status(status);
  Operation *operation = PyMem_Malloc(sizeof *operation + strlen(name) + 1);
  if (!operation) return PyErr_NoMemory();
  strcpy(operation->name, name);
  operation->op = op;
  operation->returns_tuple = strstr(description, "\ttuple\t") != NULL;
  operation->attributes = PyDict_New();
  operation->method =
      (PyMethodDef){operation->name, (PyCFunction)(void (*)(void))call_operation,
                    METH_FASTCALL | METH_KEYWORDS, NULL};
  PyObject *capsule = operation->attributes ? PyCapsule_New(operation, NULL, NULL) : NULL;
  PyObject *function = capsule ? PyCFunction_NewEx(&operation->method, capsule, NULL) : NULL;
  Py_XDECREF(capsule);
  return function;
}

PyObject *find_operation(PyObject *module, PyObject *name) {
  (void)module;
  if (!operations && !(operations = PyDict_New())) return NULL;
  PyObject *known = PyDict_GetItemWithError(operations, name);
  if (known || PyErr_Occurred()) return Py_XNewRef(known);
  const char *text = PyUnicode_AsUTF8AndSize(name, NULL);
  PyObject *function = text ? make_operation(text) : NULL;
  if (function && PyDict_SetItem(operations, name, function)) Py_CLEAR(function);
  return function;
}

PyObject *describe_operations(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  PyObject *list = PyList_New(0);
  for (int32_t i = 0; list && betty_op_at(i); i++) {
    const char *line = NULL;
    betty_status status = betty_op_describe(betty_op_at(i), &line);
    PyObject *text = status ? raise_status(status) : PyUnicode_FromString(line);
    if (!text || PyList_Append(list, text)) Py_CLEAR(list);
    Py_XDECREF(text);
  }
  return list;
}
