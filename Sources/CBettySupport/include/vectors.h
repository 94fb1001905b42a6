// Arithmetic of 64-byte float vectors, and masks of all. Swift's own operators on SIMD types of
// floats, and its masks of integers, are loops over the lanes, which the optimiser has to turn back
// into vectors one by one; these are single instructions from the start. Everything is inlined into
// the kernels and compiled for their instruction set.
#pragma once

typedef float betty_f32x16 __attribute__((ext_vector_type(16)));
typedef double betty_f64x8 __attribute__((ext_vector_type(8)));

typedef int betty_i32x16 __attribute__((ext_vector_type(16)));
typedef long long betty_i64x8 __attribute__((ext_vector_type(8)));
typedef unsigned char betty_u8x16 __attribute__((ext_vector_type(16)));
typedef unsigned char betty_u8x8 __attribute__((ext_vector_type(8)));
typedef float betty_f32x8 __attribute__((ext_vector_type(8)));

#define BETTY_INLINE static inline __attribute__((always_inline, unused))

#ifdef __FMA__
#define BETTY_MULTIPLY_ADD(a, b, c) __builtin_elementwise_fma(a, b, c)
#else
// Without the instruction a fused product is a library call for each lane.
#define BETTY_MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

#define BETTY_BINARY(name, V, suffix, expression) \
  BETTY_INLINE V betty_##name##_##suffix(V a, V b) { return expression; }
#define BETTY_UNARY(name, V, suffix, expression) \
  BETTY_INLINE V betty_##name##_##suffix(V a) { return expression; }

#define BETTY_ARITHMETIC(V, suffix)                                                   \
  BETTY_BINARY(add, V, suffix, a + b)                                                 \
  BETTY_BINARY(sub, V, suffix, a - b)                                                 \
  BETTY_BINARY(mul, V, suffix, a * b)                                                 \
  BETTY_BINARY(div, V, suffix, a / b)                                                 \
  BETTY_UNARY(sqrt, V, suffix, __builtin_elementwise_sqrt(a))                         \
  BETTY_UNARY(floor, V, suffix, __builtin_elementwise_floor(a))                       \
  BETTY_UNARY(ceil, V, suffix, __builtin_elementwise_ceil(a))                         \
  BETTY_UNARY(round, V, suffix, __builtin_elementwise_roundeven(a))                   \
  BETTY_UNARY(trunc, V, suffix, __builtin_elementwise_trunc(a))                       \
  BETTY_INLINE V betty_multiply_add_##suffix(V a, V b, V c) {                         \
    return BETTY_MULTIPLY_ADD(a, b, c);                                               \
  }

BETTY_ARITHMETIC(betty_f32x16, f32)
BETTY_ARITHMETIC(betty_f64x8, f64)

// Masks are integers of the same width, all bits set where true. Larger and smaller keep NaN.
#define BETTY_MASKS(V, M, B, suffix)                                                     \
  BETTY_BINARY_MASK(equal, V, M, suffix, a == b)                                         \
  BETTY_BINARY_MASK(less, V, M, suffix, a < b)                                           \
  BETTY_BINARY_MASK(less_equal, V, M, suffix, a <= b)                                    \
  BETTY_BINARY(larger, V, suffix, ((a > b) | (a != a)) ? a : b)                          \
  BETTY_BINARY(smaller, V, suffix, ((a < b) | (a != a)) ? a : b)                         \
  BETTY_INLINE M betty_turn_##suffix(M mask) { return ~mask; }                           \
  BETTY_INLINE _Bool betty_any_##suffix(M mask) {                                        \
    return __builtin_reduce_or(mask) != 0;                                               \
  }                                                                                      \
  BETTY_INLINE V betty_select_##suffix(V a, V b, M mask) { return mask ? b : a; }        \
  BETTY_INLINE B betty_bytes_##suffix(M mask) {                                          \
    return __builtin_convertvector(mask, B) & 1;                                         \
  }                                                                                      \
  BETTY_INLINE M betty_mask_##suffix(B bytes) {                                          \
    return (M)(__builtin_convertvector(bytes, M) != 0);                                  \
  }
#define BETTY_BINARY_MASK(name, V, M, suffix, expression) \
  BETTY_INLINE M betty_##name##_##suffix(V a, V b) { return (M)(expression); }

BETTY_MASKS(betty_f32x16, betty_i32x16, betty_u8x16, f32)
BETTY_MASKS(betty_f64x8, betty_i64x8, betty_u8x8, f64)

typedef short betty_i16x32 __attribute__((ext_vector_type(32)));
typedef unsigned char betty_u8x32 __attribute__((ext_vector_type(32)));
typedef signed char betty_i8x64 __attribute__((ext_vector_type(64)));
typedef unsigned char betty_u8x64 __attribute__((ext_vector_type(64)));
BETTY_MASKS(betty_i64x8, betty_i64x8, betty_u8x8, i64)
BETTY_MASKS(betty_i32x16, betty_i32x16, betty_u8x16, i32)
BETTY_MASKS(betty_i16x32, betty_i16x32, betty_u8x32, i16)
BETTY_MASKS(betty_u8x64, betty_i8x64, betty_u8x64, u8)

// Logic of bytes, in which everything but 0 is true.
#define BETTY_TRUTH(a) __builtin_elementwise_min(a, (betty_u8x64)1)
BETTY_BINARY(and, betty_u8x64, u8, BETTY_TRUTH(a) & BETTY_TRUTH(b))
BETTY_BINARY(or, betty_u8x64, u8, BETTY_TRUTH(a | b))
BETTY_BINARY(xor, betty_u8x64, u8, BETTY_TRUTH(a) ^ BETTY_TRUTH(b))
BETTY_UNARY(not, betty_u8x64, u8, BETTY_TRUTH(a) ^ 1)

// Floats as integers, rounded to zero; what the integer does not hold, NaN too, is its smallest
// value. Bytes take the low bits of an i64.
#define BETTY_TRUNCATE(V, I, name, half)                                                  \
  BETTY_INLINE I betty_truncate_##name(V x) {                                             \
    return __builtin_convertvector(((x >= -half) & (x < half)) ? x : (V)(-half), I);      \
  }
typedef int betty_i32x8 __attribute__((ext_vector_type(8)));
typedef long long betty_i64x16 __attribute__((ext_vector_type(16)));
BETTY_TRUNCATE(betty_f32x16, betty_i32x16, f32_i32, 0x1p31f)
BETTY_TRUNCATE(betty_f64x8, betty_i32x8, f64_i32, 0x1p31)
BETTY_TRUNCATE(betty_f32x16, betty_i64x16, f32_i64, 0x1p63f)
BETTY_TRUNCATE(betty_f64x8, betty_i64x8, f64_i64, 0x1p63)
BETTY_INLINE betty_u8x16 betty_truncate_f32_u8(betty_f32x16 x) {
  return __builtin_convertvector(betty_truncate_f32_i64(x), betty_u8x16);
}
BETTY_INLINE betty_u8x8 betty_truncate_f64_u8(betty_f64x8 x) {
  return __builtin_convertvector(betty_truncate_f64_i64(x), betty_u8x8);
}

// f32 as two halves of f64, and back.
BETTY_INLINE betty_f64x8 betty_low_f64(betty_f32x16 a) {
  return __builtin_convertvector(a.lo, betty_f64x8);
}
BETTY_INLINE betty_f64x8 betty_high_f64(betty_f32x16 a) {
  return __builtin_convertvector(a.hi, betty_f64x8);
}
BETTY_INLINE betty_f32x16 betty_join_f32(betty_f64x8 low, betty_f64x8 high) {
  betty_f32x16 x;
  x.lo = __builtin_convertvector(low, betty_f32x8);
  x.hi = __builtin_convertvector(high, betty_f32x8);
  return x;
}

// a - q b where f32 (or f64) holds it, exactly; q is whole. Without fused products those of f32 are
// exact in f64, and those of f64 are library calls.
BETTY_INLINE betty_f32x16 betty_rest_f32(betty_f32x16 a, betty_f32x16 q, betty_f32x16 b) {
#ifdef __FMA__
  return __builtin_elementwise_fma(-q, b, a);
#else
  return betty_join_f32(betty_low_f64(a) - betty_low_f64(q) * betty_low_f64(b),
                        betty_high_f64(a) - betty_high_f64(q) * betty_high_f64(b));
#endif
}
BETTY_INLINE betty_f64x8 betty_rest_f64(betty_f64x8 a, betty_f64x8 q, betty_f64x8 b) {
  return __builtin_elementwise_fma(-q, b, a);
}

#if defined(__AVX512F__)
// a 2^n, rounded once; n may be any integer.
BETTY_INLINE betty_f32x16 betty_scale_f32(betty_f32x16 a, betty_f32x16 n) {
  return __builtin_ia32_scalefps512_mask(a, n, a, (unsigned short)-1, 4);
}
// x where it is in between, the next bound where not; NaN stays.
BETTY_INLINE betty_f32x16 betty_clamp_f32(betty_f32x16 x, float low, float high) {
  betty_f32x16 lows = low, highs = high;
  return __builtin_ia32_minps512(highs, __builtin_ia32_maxps512(lows, x, 4), 4);
}
#endif

// The first n lanes of memory (the rest is zero), and the way back.
typedef double betty_f64x4 __attribute__((ext_vector_type(4)));
typedef long long betty_i64x4 __attribute__((ext_vector_type(4)));

#if defined(__AVX512F__)
BETTY_INLINE betty_f32x16 betty_load_part_f32(const void *p, long n) {
  betty_f32x16 zero = 0;
  return __builtin_ia32_loadups512_mask((const float *)p, zero, (unsigned short)((1u << n) - 1));
}
BETTY_INLINE void betty_store_part_f32(void *p, betty_f32x16 x, long n) {
  __builtin_ia32_storeups512_mask((float *)p, x, (unsigned short)((1u << n) - 1));
}
BETTY_INLINE betty_f64x8 betty_load_part_f64(const void *p, long n) {
  betty_f64x8 zero = 0;
  return __builtin_ia32_loadupd512_mask((const double *)p, zero, (unsigned char)((1u << n) - 1));
}
BETTY_INLINE void betty_store_part_f64(void *p, betty_f64x8 x, long n) {
  __builtin_ia32_storeupd512_mask((double *)p, x, (unsigned char)((1u << n) - 1));
}
#elif defined(__AVX2__)
#define BETTY_FIRST_I32 ((betty_i32x8){0, 1, 2, 3, 4, 5, 6, 7})
#define BETTY_FIRST_I64 ((betty_i64x4){0, 1, 2, 3})
BETTY_INLINE betty_f32x16 betty_load_part_f32(const void *p, long n) {
  betty_f32x16 x;
  x.lo = __builtin_ia32_maskloadps256((const betty_f32x8 *)p, BETTY_FIRST_I32 < (int)n);
  x.hi = __builtin_ia32_maskloadps256((const betty_f32x8 *)p + 1, BETTY_FIRST_I32 < (int)n - 8);
  return x;
}
BETTY_INLINE void betty_store_part_f32(void *p, betty_f32x16 x, long n) {
  __builtin_ia32_maskstoreps256((betty_f32x8 *)p, BETTY_FIRST_I32 < (int)n, x.lo);
  if (n > 8)
    __builtin_ia32_maskstoreps256((betty_f32x8 *)p + 1, BETTY_FIRST_I32 < (int)n - 8, x.hi);
}
BETTY_INLINE betty_f64x8 betty_load_part_f64(const void *p, long n) {
  betty_f64x8 x;
  x.lo = __builtin_ia32_maskloadpd256((const betty_f64x4 *)p, BETTY_FIRST_I64 < n);
  x.hi = __builtin_ia32_maskloadpd256((const betty_f64x4 *)p + 1, BETTY_FIRST_I64 < n - 4);
  return x;
}
BETTY_INLINE void betty_store_part_f64(void *p, betty_f64x8 x, long n) {
  __builtin_ia32_maskstorepd256((betty_f64x4 *)p, BETTY_FIRST_I64 < n, x.lo);
  if (n > 4) __builtin_ia32_maskstorepd256((betty_f64x4 *)p + 1, BETTY_FIRST_I64 < n - 4, x.hi);
}
#else
BETTY_INLINE betty_f32x16 betty_load_part_f32(const void *p, long n) {
  betty_f32x16 x = 0;
  __builtin_memcpy(&x, p, n * sizeof(float));
  return x;
}
BETTY_INLINE void betty_store_part_f32(void *p, betty_f32x16 x, long n) {
  __builtin_memcpy(p, &x, n * sizeof(float));
}
BETTY_INLINE betty_f64x8 betty_load_part_f64(const void *p, long n) {
  betty_f64x8 x = 0;
  __builtin_memcpy(&x, p, n * sizeof(double));
  return x;
}
BETTY_INLINE void betty_store_part_f64(void *p, betty_f64x8 x, long n) {
  __builtin_memcpy(p, &x, n * sizeof(double));
}
#endif

// Lanes moved down by half, a quarter, … of the vector, for folding one into a number.
BETTY_INLINE betty_f32x16 betty_fold8_f32(betty_f32x16 a) {
  return __builtin_shufflevector(a, a, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
}
BETTY_INLINE betty_f32x16 betty_fold4_f32(betty_f32x16 a) {
  return __builtin_shufflevector(a, a, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
}
BETTY_INLINE betty_f32x16 betty_fold2_f32(betty_f32x16 a) {
  return __builtin_shufflevector(a, a, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3);
}
BETTY_INLINE betty_f32x16 betty_fold1_f32(betty_f32x16 a) {
  return __builtin_shufflevector(a, a, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
}
BETTY_INLINE betty_f64x8 betty_fold4_f64(betty_f64x8 a) {
  return __builtin_shufflevector(a, a, 4, 5, 6, 7, 4, 5, 6, 7);
}
BETTY_INLINE betty_f64x8 betty_fold2_f64(betty_f64x8 a) {
  return __builtin_shufflevector(a, a, 2, 3, 2, 3, 2, 3, 2, 3);
}
BETTY_INLINE betty_f64x8 betty_fold1_f64(betty_f64x8 a) {
  return __builtin_shufflevector(a, a, 1, 1, 1, 1, 1, 1, 1, 1);
}

// Eight rows at a time: products with half vectors and the sum of each of eight accumulators.
BETTY_INLINE betty_f32x8 betty_multiply_add_f32x8(betty_f32x8 a, betty_f32x8 b, betty_f32x8 c) {
  return BETTY_MULTIPLY_ADD(a, b, c);
}
BETTY_INLINE betty_f32x8 betty_pair_sums_f32x8(betty_f32x8 a, betty_f32x8 b) {
  return __builtin_shufflevector(a, b, 0, 2, 8, 10, 4, 6, 12, 14) +
         __builtin_shufflevector(a, b, 1, 3, 9, 11, 5, 7, 13, 15);
}
BETTY_INLINE betty_f32x8 betty_half_sums_f32x8(betty_f32x8 a, betty_f32x8 b) {
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11) +
         __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
}
BETTY_INLINE betty_f32x8 betty_load_part_f32x8(const void *p, long n) {
#ifdef __AVX2__
  betty_i32x8 inside = (betty_i32x8){0, 1, 2, 3, 4, 5, 6, 7} < (int)n;
  return __builtin_ia32_maskloadps256((const betty_f32x8 *)p, inside);
#else
  betty_f32x8 x = 0;
  __builtin_memcpy(&x, p, n * sizeof(float));
  return x;
#endif
}

// Half-width floats, in f32 vectors and back. bf16 is the upper half of f32, rounded to nearest
// even in integers: the instruction would flush denormals. NaN stays NaN.
typedef unsigned int betty_u32x16 __attribute__((ext_vector_type(16)));
typedef unsigned int betty_u32x8 __attribute__((ext_vector_type(8)));
typedef unsigned short betty_u16x16 __attribute__((ext_vector_type(16)));
typedef unsigned short betty_u16x8 __attribute__((ext_vector_type(8)));
#ifdef __F16C__
typedef _Float16 betty_f16x16 __attribute__((ext_vector_type(16)));
typedef _Float16 betty_f16x8 __attribute__((ext_vector_type(8)));
#define BETTY_WIDEN_F16(F, H, U, x) __builtin_convertvector((H)(x), F)
#define BETTY_NARROW_F16(F, H, U, S, x) ((S)__builtin_convertvector(x, H))
#else
typedef float betty_f16x16, betty_f16x8;
// 2^112 moves the exponent and normalises denormals in one multiplication.
#define BETTY_WIDEN_F16(F, H, U, x) betty_widen_f16_##U(__builtin_convertvector(x, U))
#define BETTY_NARROW_F16(F, H, U, S, x) __builtin_convertvector(betty_narrow_f16_##U(x), S)
#define BETTY_SOFT_F16(F, U)                                                                \
  BETTY_INLINE F betty_widen_f16_##U(U x) {                                                 \
    U rest = x & 0x7fff, finite = (U)((F)(rest << 13) * 0x1p112f);                          \
    U special = (U)(rest >= 0x7c00);                                                        \
    return (F)(((x & 0x8000) << 16) | finite | (special & 0x7f800000));                     \
  }                                                                                         \
  BETTY_INLINE U betty_narrow_f16_##U(F f) {                                                \
    U bits = (U)f, rest = bits & 0x7fffffff, nan = (U)(rest > 0x7f800000);                  \
    U small = (U)((F)rest + 0.5f) - 0x3f000000;                                             \
    U normal = (rest - 0x38000000 + 0xfff + ((rest >> 13) & 1)) >> 13;                      \
    U large = 0x7c00 | (nan & 0x200);                                                       \
    U is_large = (U)(rest >= 0x477ff000), is_small = (U)(rest < 0x38800000);                \
    U half = (is_large & large) | (~is_large & ((is_small & small) | (~is_small & normal))); \
    return ((bits >> 16) & 0x8000) | half;                                                  \
  }
BETTY_SOFT_F16(betty_f32x16, betty_u32x16)
BETTY_SOFT_F16(betty_f32x8, betty_u32x8)
#endif

#define BETTY_HALVES(F, H, U, S, suffix)                                                       \
  BETTY_INLINE F betty_widen_bf16_##suffix(S x) {                                              \
    return (F)(__builtin_convertvector(x, U) << 16);                                           \
  }                                                                                            \
  BETTY_INLINE S betty_narrow_bf16_##suffix(F x) {                                             \
    U bits = (U)x, nan = (U)(x != x);                                                          \
    U rounded = bits + 0x7fff + ((bits >> 16) & 1);                                            \
    return __builtin_convertvector(((nan & (bits | 0x400000)) | (~nan & rounded)) >> 16, S);   \
  }                                                                                            \
  BETTY_INLINE F betty_widen_f16_##suffix(S x) { return BETTY_WIDEN_F16(F, H, U, x); }         \
  BETTY_INLINE S betty_narrow_f16_##suffix(F x) { return BETTY_NARROW_F16(F, H, U, S, x); }

BETTY_HALVES(betty_f32x16, betty_f16x16, betty_u32x16, betty_u16x16, f32)
BETTY_HALVES(betty_f32x8, betty_f16x8, betty_u32x8, betty_u16x8, f32x8)

// sum + the products of both bf16 numbers in each lane. The instruction takes denormals as zero.
#define BETTY_PAIR_STEPS(F, a, b, sum)                                         \
  BETTY_MULTIPLY_ADD((F)(a << 16), (F)(b << 16),                               \
                     BETTY_MULTIPLY_ADD((F)(a & 0xffff0000), (F)(b & 0xffff0000), sum))
BETTY_INLINE betty_f32x8 betty_pair_dot_f32x8(betty_f32x8 sum, betty_u32x8 a, betty_u32x8 b) {
  return BETTY_PAIR_STEPS(betty_f32x8, a, b, sum);
}
#if defined(__AVX512BF16__)
typedef __bf16 betty_bf16x32 __attribute__((ext_vector_type(32)));
BETTY_INLINE betty_f32x16 betty_pair_dot_f32(betty_f32x16 sum, betty_u32x16 a, betty_u32x16 b) {
  return __builtin_ia32_dpbf16ps_512(sum, (betty_bf16x32)a, (betty_bf16x32)b);
}
#else
BETTY_INLINE betty_f32x16 betty_pair_dot_f32(betty_f32x16 sum, betty_u32x16 a, betty_u32x16 b) {
  return BETTY_PAIR_STEPS(betty_f32x16, a, b, sum);
}
#endif

// Eight rows of eight words become columns: rows of either side are a step of bytes apart.
#define BETTY_LOW_WORDS(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define BETTY_HIGH_WORDS(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define BETTY_LOW_PAIRS(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define BETTY_HIGH_PAIRS(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
BETTY_INLINE void betty_store_columns(betty_u32x8 r[8], char *to, long step) {
  betty_u32x8 t[8], u[8];
  for (int i = 0; i < 4; i++) {
    t[2 * i] = BETTY_LOW_WORDS(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = BETTY_HIGH_WORDS(r[2 * i], r[2 * i + 1]);
  }
  for (int i = 0; i < 2; i++) {
    u[4 * i] = BETTY_LOW_PAIRS(t[4 * i], t[4 * i + 2]);
    u[4 * i + 1] = BETTY_HIGH_PAIRS(t[4 * i], t[4 * i + 2]);
    u[4 * i + 2] = BETTY_LOW_PAIRS(t[4 * i + 1], t[4 * i + 3]);
    u[4 * i + 3] = BETTY_HIGH_PAIRS(t[4 * i + 1], t[4 * i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    betty_u32x8 low = __builtin_shufflevector(u[i], u[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    betty_u32x8 high = __builtin_shufflevector(u[i], u[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    __builtin_memcpy(to + i * step, &low, sizeof low);
    __builtin_memcpy(to + (i + 4) * step, &high, sizeof high);
  }
}
BETTY_INLINE void betty_transpose_words(
    const void *from, long from_step, void *to, long to_step) {
  betty_u32x8 r[8];
  for (int i = 0; i < 8; i++)
    __builtin_memcpy(&r[i], (const char *)from + i * from_step, sizeof r[i]);
  betty_store_columns(r, (char *)to, to_step);
}
// The same of pairs that rows 2i and 2i + 1 of bf16 make.
BETTY_INLINE void betty_transpose_pairs(
    const void *from, long from_step, void *to, long to_step) {
  betty_u32x8 r[8];
  for (int i = 0; i < 8; i++) {
    betty_u16x8 even, odd;
    __builtin_memcpy(&even, (const char *)from + 2 * i * from_step, sizeof even);
    __builtin_memcpy(&odd, (const char *)from + (2 * i + 1) * from_step, sizeof odd);
    r[i] = __builtin_convertvector(even, betty_u32x8) |
           __builtin_convertvector(odd, betty_u32x8) << 16;
  }
  betty_store_columns(r, (char *)to, to_step);
}
