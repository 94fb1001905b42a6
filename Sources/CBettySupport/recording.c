#include "recording.h"
#include <stdlib.h>
#include <time.h>

__thread struct betty_recording_state betty_recording_this_thread
    __attribute__((tls_model("initial-exec")));
uintptr_t betty_recording_lock_owner __attribute__((aligned(64))) = 0;

// Mostly held for a microsecond, for longer where an operation is met for the first time or a long
// recording is walked: pause, then yield, then sleep for longer and longer.
void betty_recording_lock_slow(uintptr_t self) {
  for (int attempt = 0;; attempt++) {
    if (__atomic_load_n(&betty_recording_lock_owner, __ATOMIC_RELAXED) == 0) {
      uintptr_t expected = 0;
      if (__atomic_compare_exchange_n(&betty_recording_lock_owner, &expected, self, 0,
                                      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return;
    }
    if (attempt < 100) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    } else if (attempt < 200) {
      sched_yield();
    } else {
      struct timespec pause = {0, attempt < 1000 ? 20000 : 200000};
      nanosleep(&pause, NULL);
    }
  }
}

void betty_recording_push_release(void *object) {
  struct betty_recording_state *thread = &betty_recording_this_thread;
  if (thread->pending_count == thread->pending_capacity) {
    size_t capacity = thread->pending_capacity ? 2 * thread->pending_capacity : 256;
    void **grown = realloc(thread->pending, capacity * sizeof(void *));
    if (!grown) abort();  // nothing can be released any more
    thread->pending = grown;
    thread->pending_capacity = capacity;
  }
  thread->pending[thread->pending_count++] = object;
}

void betty_recording_trim_releases(void) {
  struct betty_recording_state *thread = &betty_recording_this_thread;
  free(thread->pending);
  thread->pending = NULL;
  thread->pending_capacity = 0;
}
