#include "openblas.h"
#include <stdlib.h>
#include <string.h>

// The core whose kernels OpenBLAS takes, by what the processor can do. OpenBLAS goes by model
// numbers, and gives one that is newer than itself its slowest kernels: a tenth of the speed.
// NULL: its own choice.
static char *core_type(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512cd"))
    return __builtin_cpu_supports("avx512bf16") ? "Cooperlake" : "SkylakeX";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return __builtin_cpu_is("amd") ? "Zen" : "Haswell";
#endif
  return NULL;
}

// OpenBLAS reads its settings from the environment while the library is loaded. Only BETTY_CORETYPE
// reaches our copy: what a user sets for NumPy's copy must not slow ours, and ours runs one thread.
char *__real_getenv(const char *name);
char *__wrap_getenv(const char *name) {
  if (!strncmp(name, "OPENBLAS_", 9) || !strncmp(name, "GOTO_", 5) ||
      !strncmp(name, "OMP_", 4)) {
    if (!strcmp(name, "OPENBLAS_NUM_THREADS")) return (char *)"1";
    if (!strcmp(name, "OPENBLAS_CORETYPE")) {
      char *wanted = __real_getenv("BETTY_CORETYPE");
      return wanted ? wanted : core_type();
    }
    return NULL;
  }
  return __real_getenv(name);
}

// The one function of gfortran's runtime that the parts of LAPACK call: joins two strings into one
// that is filled with blanks. Hidden, so that it meets no other.
__attribute__((visibility("hidden"))) void _gfortran_concat_string(
    size_t length, char *joined, size_t first, const char *a, size_t second, const char *b) {
  size_t head = first < length ? first : length;
  memcpy(joined, a, head);
  size_t tail = second < length - head ? second : length - head;
  memcpy(joined + head, b, tail);
  memset(joined + head + tail, ' ', length - head - tail);
}

// y += alpha a x, for a (m x n) column-major. It stands in for OpenBLAS's own, which is only taken
// when several of its threads run (ours never do) and whose object holds 8 KB of thread-local
// memory: more than a process leaves to libraries that are loaded late.
__attribute__((visibility("hidden"))) int dgemv_thread_n(
    long m, long n, double alpha, const double *a, long lda, const double *x, long incx, double *y,
    long incy, double *buffer, int threads) {
  (void)buffer, (void)threads;
  for (long j = 0; j < n; j++) {
    double factor = alpha * x[j * incx];
    for (long i = 0; i < m; i++) y[i * incy] += factor * a[j * lda + i];
  }
  return 0;
}
