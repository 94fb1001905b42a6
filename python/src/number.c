/* Duty: Python's operators on tensors. Recording one is the hottest path of the package: two exact
 * tensors go straight to betty_op_call, a Python number becomes a number operand on the way. */
#include "native.h"

typedef struct {
  const char *name;
  const betty_op *op;
} Operator;

static Operator add = {"add", NULL}, sub = {"sub", NULL};
static Operator mul = {"mul", NULL}, divide = {"div", NULL};
static Operator floor_divide = {"floor_divide", NULL}, remain = {"remainder", NULL};
static Operator power = {"pow", NULL}, matmul = {"matmul", NULL}, negative = {"neg", NULL};
static Operator absolute = {"abs", NULL}, bit_not = {"bitwise_not", NULL};
static Operator bit_and = {"bitwise_and", NULL}, bit_or = {"bitwise_or", NULL};
static Operator bit_xor = {"bitwise_xor", NULL};
static Operator shift_left = {"bitwise_left_shift", NULL};
static Operator shift_right = {"bitwise_right_shift", NULL};
static Operator comparisons[] = {/* in the order of Py_LT ... Py_GE */
                                 {"lt", NULL}, {"le", NULL}, {"eq", NULL},
                                 {"ne", NULL}, {"gt", NULL}, {"ge", NULL}};

static betty_status find(Operator *operator) {
  return operator->op ? BETTY_OK : betty_op_find(operator->name, &operator->op);
}

static int number_status(betty_status status, int *owned) {
  *owned = 1;
  return status ? raise_status_int(status) : 1;
}

static int integer_operand(PyObject *object, betty_tensor **out, int *owned) {
  long long value = PyLong_AsLongLong(object);
  if (value == -1 && PyErr_Occurred()) return -1;
  return number_status(betty_tensor_number_int(value, out), owned);
}

static int double_operand(PyObject *object, betty_tensor **out, int *owned) {
  PyObject *number = PyNumber_Float(object);
  if (!number) return -1;
  double value = PyFloat_AsDouble(number);
  Py_DECREF(number);
  return number_status(betty_tensor_number_double(value, out), owned);
}

/* NumPy's scalars are numbers, its arrays become tensors. */
static int foreign_operand(PyObject *object, betty_tensor **out, int *owned) {
  if (PyIndex_Check(object) && !PyObject_CheckBuffer(object)) {
    PyObject *integer = PyNumber_Index(object);
    int result = integer ? integer_operand(integer, out, owned) : -1;
    Py_XDECREF(integer);
    return result;
  }
  if (!PyObject_CheckBuffer(object) || PyUnicode_Check(object) || PyBytes_Check(object)) return 0;
  int found = tensor_from_buffer(object, out);
  if (found <= 0) return found;
  *owned = 1;
  int32_t rank = 1;
  betty_dtype dtype = BETTY_BOOL;
  betty_status status = betty_tensor_rank(*out, &rank);
  if (!status) status = betty_tensor_dtype(*out, &dtype);
  if (status || rank) return status ? raise_status_int(status) : 1;
  betty_tensor_free(*out);
  *out = NULL;
  if (dtype_info[dtype].is_floating) return double_operand(object, out, owned);
  if (dtype != BETTY_BOOL) {
    PyObject *integer = PyNumber_Index(object);
    int result = integer ? integer_operand(integer, out, owned) : -1;
    Py_XDECREF(integer);
    return result;
  }
  int truth = PyObject_IsTrue(object);
  return truth < 0 ? -1 : number_status(betty_tensor_number_bool(truth, out), owned);
}

int operand_from(PyObject *object, betty_tensor **out, int *owned) {
  *owned = 0;
  if (is_tensor(object)) {
    *out = handle_of(object);
    return 1;
  }
  if (PyFloat_Check(object))
    return number_status(betty_tensor_number_double(PyFloat_AsDouble(object), out), owned);
  if (PyBool_Check(object))
    return number_status(betty_tensor_number_bool(object == Py_True, out), owned);
  if (PyLong_Check(object)) return integer_operand(object, out, owned);
  return foreign_operand(object, out, owned);
}

static PyObject *call_handles(Operator *operator, betty_tensor **handles, int32_t count) {
  betty_tensor *result = NULL;
  int32_t results = 0;
  betty_status status = find(operator);
  if (!status) status = betty_op_call(operator->op, handles, count, NULL, &result, 1, &results);
  return status ? raise_status(status) : wrap_tensor(result);
}

static PyObject *binary(Operator *operator, PyObject *a, PyObject *b) {
  betty_tensor *handles[2] = {NULL, NULL};
  if (Py_TYPE(a) == tensor_type && Py_TYPE(b) == tensor_type) {
    handles[0] = handle_of(a);
    handles[1] = handle_of(b);
    return call_handles(operator, handles, 2);
  }
  int owned[2] = {0, 0};
  int found = operand_from(a, &handles[0], &owned[0]);
  if (found > 0) found = operand_from(b, &handles[1], &owned[1]);
  PyObject *result = NULL;
  if (found > 0) result = call_handles(operator, handles, 2);
  if (owned[0]) betty_tensor_free(handles[0]);
  if (owned[1]) betty_tensor_free(handles[1]);
  return found ? result : Py_NewRef(Py_NotImplemented);
}

/* a ∘= b: recorded, then a stands for the result, within its own element type. */
static PyObject *updated(PyObject *a, PyObject *result) {
  if (!result || result == Py_NotImplemented) return result;
  betty_status status = betty_tensor_update(handle_of(a), handle_of(result));
  Py_DECREF(result);
  return status ? raise_status(status) : Py_NewRef(a);
}

static PyObject *binary_in_place(Operator *operator, PyObject *a, PyObject *b) {
  return updated(a, binary(operator, a, b));
}

static PyObject *unary(Operator *operator, PyObject *a) {
  betty_tensor *handle = handle_of(a);
  return call_handles(operator, &handle, 1);
}

PyObject *tensor_compare(PyObject *a, PyObject *b, int operation) {
  if (b == Py_None) Py_RETURN_NOTIMPLEMENTED;
  return binary(&comparisons[operation], a, b);
}

#define BINARY(function, operator) \
  static PyObject *function(PyObject *a, PyObject *b) { return binary(&operator, a, b); }
#define IN_PLACE(function, operator) \
  static PyObject *function(PyObject *a, PyObject *b) { return binary_in_place(&operator, a, b); }
#define UNARY(function, operator) \
  static PyObject *function(PyObject *a) { return unary(&operator, a); }

BINARY(nb_add, add)
BINARY(nb_subtract, sub)
BINARY(nb_multiply, mul)
BINARY(nb_true_divide, divide)
BINARY(nb_floor_divide, floor_divide)
BINARY(nb_remainder, remain)

/* Of tensors only: a product with a number is no matrix product. */
static PyObject *nb_matrix_multiply(PyObject *a, PyObject *b) {
  PyObject *other = is_tensor(a) ? b : a;
  if (PyFloat_Check(other) || PyLong_Check(other)) Py_RETURN_NOTIMPLEMENTED;
  return binary(&matmul, a, b);
}

IN_PLACE(nb_inplace_add, add)
IN_PLACE(nb_inplace_subtract, sub)
IN_PLACE(nb_inplace_multiply, mul)
IN_PLACE(nb_inplace_true_divide, divide)
IN_PLACE(nb_inplace_floor_divide, floor_divide)
IN_PLACE(nb_inplace_remainder, remain)
UNARY(nb_negative, negative)
UNARY(nb_absolute, absolute)

BINARY(nb_and, bit_and)
BINARY(nb_or, bit_or)
BINARY(nb_xor, bit_xor)
BINARY(nb_lshift, shift_left)
BINARY(nb_rshift, shift_right)
IN_PLACE(nb_and_in_place, bit_and)
IN_PLACE(nb_or_in_place, bit_or)
IN_PLACE(nb_xor_in_place, bit_xor)
IN_PLACE(nb_inplace_lshift, shift_left)
IN_PLACE(nb_inplace_rshift, shift_right)
UNARY(nb_invert, bit_not)

/* x ** number: the exponent is part of the program, so that a square is a product. */
static PyObject *power_of(PyObject *a, PyObject *b) {
  static PyObject *pow_number, *names;
  if (!is_tensor(a) || !(PyFloat_Check(b) || PyLong_Check(b)) || PyBool_Check(b))
    return binary(&power, a, b);
  if (!names && !(names = Py_BuildValue("{s:O}", "exponent", Py_None))) return NULL;
  if (!pow_number) {
    PyObject *name = PyUnicode_FromString("pow_number");
    pow_number = name ? find_operation(NULL, name) : NULL;
    Py_XDECREF(name);
    if (!pow_number) return NULL;
  }
  PyObject *arguments = PyTuple_Pack(1, a);
  PyObject *keywords = arguments ? PyDict_Copy(names) : NULL;
  PyObject *result = NULL;
  if (keywords && !PyDict_SetItemString(keywords, "exponent", b))
    result = PyObject_Call(pow_number, arguments, keywords);
  Py_XDECREF(keywords);
  Py_XDECREF(arguments);
  return result;
}

static PyObject *nb_power(PyObject *a, PyObject *b, PyObject *modulus) {
  if (modulus != Py_None) Py_RETURN_NOTIMPLEMENTED;
  return power_of(a, b);
}
static PyObject *nb_inplace_power(PyObject *a, PyObject *b, PyObject *modulus) {
  if (modulus != Py_None) Py_RETURN_NOTIMPLEMENTED;
  return updated(a, power_of(a, b));
}
static PyObject *nb_positive(PyObject *a) { return Py_NewRef(a); }

PyType_Slot number_slots[] = {
    {Py_nb_add, nb_add},
    {Py_nb_subtract, nb_subtract},
    {Py_nb_multiply, nb_multiply},
    {Py_nb_true_divide, nb_true_divide},
    {Py_nb_floor_divide, nb_floor_divide},
    {Py_nb_remainder, nb_remainder},
    {Py_nb_matrix_multiply, nb_matrix_multiply},
    {Py_nb_power, nb_power},
    {Py_nb_and, nb_and},
    {Py_nb_or, nb_or},
    {Py_nb_xor, nb_xor},
    {Py_nb_lshift, nb_lshift},
    {Py_nb_rshift, nb_rshift},
    {Py_nb_inplace_add, nb_inplace_add},
    {Py_nb_inplace_subtract, nb_inplace_subtract},
    {Py_nb_inplace_multiply, nb_inplace_multiply},
    {Py_nb_inplace_true_divide, nb_inplace_true_divide},
    {Py_nb_inplace_floor_divide, nb_inplace_floor_divide},
    {Py_nb_inplace_remainder, nb_inplace_remainder},
    {Py_nb_inplace_power, nb_inplace_power},
    {Py_nb_inplace_and, nb_and_in_place},
    {Py_nb_inplace_or, nb_or_in_place},
    {Py_nb_inplace_xor, nb_xor_in_place},
    {Py_nb_inplace_lshift, nb_inplace_lshift},
    {Py_nb_inplace_rshift, nb_inplace_rshift},
    {Py_nb_negative, nb_negative},
    {Py_nb_positive, nb_positive},
    {Py_nb_absolute, nb_absolute},
    {Py_nb_invert, nb_invert},
    {Py_nb_float, tensor_float},
    {Py_nb_int, tensor_int},
    {Py_nb_index, tensor_index},
    {Py_nb_bool, tensor_bool},
    {0, NULL},
};
