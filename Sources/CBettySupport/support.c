#include "support.h"

#include <stdio.h>

void betty_support_setting_ignored(const char *name, const char *value, const char *wanted) {
  fprintf(stderr, "betty: %s=%s is ignored, it has to be %s\n", name, value, wanted);
}

int betty_support_has_pairs(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16");
#else
  return 0;
#endif
}

int betty_support_multiplies_pairs(void) {
#if defined(__x86_64__)
  return betty_support_has_pairs() && __builtin_cpu_is("amd");
#else
  return 0;
#endif
}

int betty_support_isa_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("f16c")))
    return 0;
  if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512cd")))
    return 1;
  return 2;
#else
  return 0;
#endif
}
