// Threads, waiting, fork and memory of the runtime: what Swift cannot call or cannot say.
#pragma once
#include <stddef.h>
#include <stdint.h>

static inline void betty_support_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Sleeps while *word is `expected`; may return early.
void betty_support_futex_wait(const void *_Nonnull word, uint32_t expected);
void betty_support_futex_wake(const void *_Nonnull word, int count);

// A detached thread that takes no signals; 0 when it runs, otherwise the errno.
int betty_support_spawn(void *_Nullable (*_Nonnull body)(void *_Nullable), void *_Nullable context);

// Cores that this process may run on, at least 1.
int betty_support_core_count(void);

// How often this process is the child of a fork made after the library was loaded.
uint32_t betty_support_fork_count(void);

// Process-wide locks that a fork leaves free in the child: 0 is the allocator's, 1 the programs'.
void betty_support_lock(int index);
void betty_support_unlock(int index);

// Memory of `bytes`, aligned to 64 and from 2 MB up to 2 MB with huge pages asked for; NULL when
// there is none.
// there is none.
void *_Nullable betty_support_allocate(size_t bytes);
void betty_support_free(void *_Nonnull block);
