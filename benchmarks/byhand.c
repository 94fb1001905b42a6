/* What a patient person would write for the two large elementwise works: one loop each. */
#include <math.h>
#include <stddef.h>

void chain(
    const float *restrict a, const float *restrict x, const float *restrict b,
    const float *restrict m, const float *restrict r, float *restrict out, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float y = a[i] * x[i] + b[i];
    out[i] = 0.5f * y * (1.0f + erff(y * 0.70710678f)) * m[i] + r[i];
  }
}

void adam(
    float *restrict p, const float *restrict g, float *restrict first, float *restrict second,
    float step, float root, size_t count) {
  for (size_t i = 0; i < count; i++) {
    first[i] += 0.1f * (g[i] - first[i]);
    second[i] = 0.999f * second[i] + 0.001f * g[i] * g[i];
    p[i] -= step * first[i] / (sqrtf(second[i]) * root + 1e-8f);
  }
}
