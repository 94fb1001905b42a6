#include "openblas.h"
#include <stdlib.h>
#include <string.h>

// OpenBLAS reads its settings from the environment while the library is loaded. Only BETTY_CORETYPE
// reaches our copy: what a user sets for NumPy's copy must not slow ours, and ours runs one thread.
char *__real_getenv(const char *name);
char *__wrap_getenv(const char *name) {
  if (!strncmp(name, "OPENBLAS_", 9) || !strncmp(name, "GOTO_", 5) ||
      !strncmp(name, "OMP_", 4)) {
    if (!strcmp(name, "OPENBLAS_NUM_THREADS")) return (char *)"1";
    if (!strcmp(name, "OPENBLAS_CORETYPE")) return __real_getenv("BETTY_CORETYPE");
    return NULL;
  }
  return __real_getenv(name);
}
