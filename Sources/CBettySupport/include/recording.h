// What recording needs on its fast path and Swift cannot say: state of the thread without a call,
// and one lock that is recursive by owner, costs a compare-and-swap when free and survives fork.
#pragma once
#include <sched.h>
#include <stddef.h>
#include <stdint.h>

struct betty_recording_state {
  uint32_t no_grad;        // 1: operations are not recorded for gradients
  uint32_t uninterrupted;  // not 0: work does not ask whether it should stop
  uint32_t autocast;       // 0: off, else 1 + the number of the type that products are rounded to
  uint32_t draws_apart;    // 1: random numbers come from the sequence here, not from the common one
  uint32_t lock_depth;     // how often this thread holds the lock
  uint32_t release_depth;  // nested releases of nodes, to bound the stack
  int64_t random_seed;      // the sequence of a thread that draws apart
  int64_t random_position;
  size_t pending_count;    // nodes whose release was put off
  size_t pending_capacity;
  void *_Nonnull *_Nullable pending;
};

extern __thread struct betty_recording_state betty_recording_this_thread
    __attribute__((tls_model("initial-exec")));
extern uintptr_t betty_recording_lock_owner;

// Of the Swift runtime. How many strong references an object has; good for hints only.
size_t swift_retainCount(void *_Nonnull object);

static inline long betty_recording_references(void *_Nonnull object) {
  return (long)swift_retainCount(object);
}

static inline struct betty_recording_state *_Nonnull betty_recording_thread(void) {
  return &betty_recording_this_thread;
}

void betty_recording_lock_slow(uintptr_t self);

static inline void betty_recording_lock(void) {
  struct betty_recording_state *thread = &betty_recording_this_thread;
  if (thread->lock_depth++) return;
  uintptr_t expected = 0;
  if (!__atomic_compare_exchange_n(&betty_recording_lock_owner, &expected, (uintptr_t)thread, 0,
                                   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
    betty_recording_lock_slow((uintptr_t)thread);
}

static inline void betty_recording_unlock(void) {
  if (--betty_recording_this_thread.lock_depth == 0)
    __atomic_store_n(&betty_recording_lock_owner, (uintptr_t)0, __ATOMIC_RELEASE);
}

// Puts off the release of an object; what was put off is taken back one by one.
void betty_recording_push_release(void *_Nonnull object);
static inline void *_Nullable betty_recording_pop_release(void) {
  struct betty_recording_state *thread = &betty_recording_this_thread;
  return thread->pending_count ? thread->pending[--thread->pending_count] : NULL;
}
// Gives back the list's own memory once it is empty.
void betty_recording_trim_releases(void);
