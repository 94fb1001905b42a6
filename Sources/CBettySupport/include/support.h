// What Swift cannot say: cpuid, pauses and futexes, thread-local state, early start-up.
#pragma once
#include <stdint.h>

// Names the other headers: an incremental build does not see a new file in this folder.
#include "message.h"
#include "philox.h"
#include "threads.h"
#include "vectors.h"

// 0 baseline, 1 x86-64-v3 (AVX2, FMA, F16C), 2 x86-64-v4 (AVX-512 F/BW/CD/DQ/VL).
int betty_support_isa_level(void);
// Whether there is AVX512-BF16. Kernels of level 2 use it nowhere but where pairs are multiplied.
int betty_support_has_pairs(void);
// Whether the instruction of AVX512-BF16 does twice the work of a fused multiply-add in its time.
// On AMD's processors it does; on Intel's it takes four times as long.
int betty_support_multiplies_pairs(void);
// One line to stderr: an environment variable that makes no sense, and what it would have to be.
void betty_support_setting_ignored(const char *name, const char *value, const char *wanted);
