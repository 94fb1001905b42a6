#define _GNU_SOURCE
#include "threads.h"
#include "recording.h"
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { lock_count = 2, huge_page = 2 << 20 };

static pthread_mutex_t locks[lock_count] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static uint32_t forks;

void betty_support_futex_wait(const void *word, uint32_t expected) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

void betty_support_futex_wake(const void *word, int count) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

int betty_support_spawn(void *(*body)(void *), void *context) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // the new thread inherits the mask
  pthread_t thread;
  int error = pthread_create(&thread, NULL, body, context);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!error) pthread_detach(thread);
  return error;
}

int betty_support_core_count(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  int count = 0;
  if (!sched_getaffinity(0, sizeof set, &set)) count = CPU_COUNT(&set);
  if (count < 1) count = (int)sysconf(_SC_NPROCESSORS_ONLN);
  return count < 1 ? 1 : count;
}

uint32_t betty_support_fork_count(void) { return __atomic_load_n(&forks, __ATOMIC_RELAXED); }

void betty_support_lock(int index) { pthread_mutex_lock(&locks[index]); }
void betty_support_unlock(int index) { pthread_mutex_unlock(&locks[index]); }

// Taken over a fork so that the child never finds one held by a thread that it does not have; in
// the order in which threads take them: memory is asked for under the recording lock.
static void before_fork(void) {
  betty_recording_lock();
  for (int i = 0; i < lock_count; ++i) pthread_mutex_lock(&locks[i]);
}
static void after_fork_parent(void) {
  for (int i = lock_count; i-- > 0;) pthread_mutex_unlock(&locks[i]);
  betty_recording_unlock();
}
static void after_fork_child(void) {
  for (int i = lock_count; i-- > 0;) pthread_mutex_init(&locks[i], NULL);
  betty_recording_unlock();
  __atomic_add_fetch(&forks, 1, __ATOMIC_RELAXED);
}
__attribute__((constructor)) static void watch_forks(void) {
  pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

void *betty_support_allocate(size_t bytes) {
  void *block = NULL;
  int huge = bytes >= huge_page;
  if (posix_memalign(&block, huge ? huge_page : 64, bytes)) return NULL;
  if (huge) madvise(block, bytes, MADV_HUGEPAGE);
  return block;
}

void betty_support_free(void *block) { free(block); }
