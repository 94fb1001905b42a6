/* Duty: the extension module betty._native. */
#include "handles.h"

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_native", "The engine, as Python objects.", -1, NULL, NULL, NULL,
    NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void) {
  PyObject *module = PyModule_Create(&definition);
  if (!module) return NULL;
  if (!errors_ready(module) && !dtype_ready(module) && !tensor_ready(module) &&
      !optimizer_ready(module) && !problem_ready(module) && !engine_ready(module) &&
      !PyModule_AddFunctions(module, process_functions) &&
      !PyModule_AddFunctions(module, autograd_functions) &&
      !PyModule_AddFunctions(module, precision_functions)) {
    betty_status status = betty_interruption_set(interruption_check, NULL);
    if (!status) return module;
    raise_status(status);
  }
  Py_DECREF(module);
  return NULL;
}
