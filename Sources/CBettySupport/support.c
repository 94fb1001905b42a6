#include "support.h"
#include <stdlib.h>
#include <string.h>

int betty_support_isa_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) return 0;
  if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512bf16")))
    return 1;
  return 2;
#else
  return 0;
#endif
}

// OpenBLAS reads its settings from the environment while the library is loaded. Only BETTY_CORETYPE
// reaches our copy: what a user sets for NumPy's copy must not slow ours, and ours runs one thread.
char *__real_getenv(const char *name);
char *__wrap_getenv(const char *name) {
  if (!strncmp(name, "OPENBLAS_", 9) || !strncmp(name, "GOTO_", 5) ||
      !strcmp(name, "OMP_NUM_THREADS")) {
    if (!strcmp(name, "OPENBLAS_NUM_THREADS")) return (char *)"1";
    if (!strcmp(name, "OPENBLAS_CORETYPE")) return __real_getenv("BETTY_CORETYPE");
    return NULL;
  }
  return __real_getenv(name);
}
