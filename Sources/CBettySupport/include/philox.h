// Eight blocks of Philox 4x32-10 side by side (Random.swift names the paper), and the shuffles of
// its words: element 4 b + k of a draw is word k of block b.
#pragma once
#include <stdint.h>

#include "vectors.h"

typedef unsigned long long betty_u64x8 __attribute__((ext_vector_type(8)));
typedef unsigned int betty_u32x16 __attribute__((ext_vector_type(16)));

// 24 random bits in [0, 1).
BETTY_INLINE betty_f32x16 betty_unit_f32(betty_u32x16 words) {
  return __builtin_convertvector((betty_i32x16)(words >> 8), betty_f32x16) * 0x1p-24f;
}

// Blocks `block` to `block` + 7 of the draw with this key and counter: 32 uniform numbers.
BETTY_INLINE void betty_philox8_f32(void *to, uint64_t block, uint64_t counter, uint64_t key) {
  const betty_u64x8 low = 0xFFFFFFFFu;
  const betty_u64x8 blocks = block + (betty_u64x8){0, 1, 2, 3, 4, 5, 6, 7};
  betty_u64x8 x = blocks & low, y = blocks >> 32;
  betty_u64x8 z = counter & 0xFFFFFFFFu, w = counter >> 32;
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++) {
    // Both factors have 32 bits: one instruction.
    const betty_u64x8 left = (x & low) * 0xD2511F53u, right = (z & low) * 0xCD9E8D57u;
    x = (right >> 32) ^ y ^ (uint64_t)k0;
    y = right & low;
    z = (left >> 32) ^ w ^ (uint64_t)k1;
    w = left & low;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  const betty_u64x8 xy = x | y << 32, zw = z | w << 32;
  const betty_u32x16 first =
      (betty_u32x16)__builtin_shufflevector(xy, zw, 0, 8, 1, 9, 2, 10, 3, 11);
  const betty_u32x16 second =
      (betty_u32x16)__builtin_shufflevector(xy, zw, 4, 12, 5, 13, 6, 14, 7, 15);
  const betty_f32x16 units[2] = {betty_unit_f32(first), betty_unit_f32(second)};
  __builtin_memcpy(to, units, sizeof units);
}

// Of a followed by b: the lanes with even numbers, those with odd ones; and the way back.
BETTY_INLINE betty_f32x16 betty_evens_f32(betty_f32x16 a, betty_f32x16 b) {
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}
BETTY_INLINE betty_f32x16 betty_odds_f32(betty_f32x16 a, betty_f32x16 b) {
  return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}
BETTY_INLINE betty_f32x16 betty_zip_low_f32(betty_f32x16 a, betty_f32x16 b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
BETTY_INLINE betty_f32x16 betty_zip_high_f32(betty_f32x16 a, betty_f32x16 b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                 31);
}
