#include "message.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

__thread char *betty_support_message_text __attribute__((tls_model("initial-exec")));
static __thread char *kept_text;

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

// Runs when a thread ends; thread-local variables are still there.
static void forget(void *unused) {
  (void)unused;
  free(betty_support_message_text);
  free(kept_text);
  betty_support_message_text = kept_text = NULL;
}

static void make_key(void) { pthread_key_create(&key, forget); }

static char *copy(const char *text, size_t length) {
  pthread_once(&once, make_key);
  pthread_setspecific(key, &once);
  char *made = malloc(length + 1);
  if (!made) return NULL;
  memcpy(made, text, length);
  made[length] = 0;
  return made;
}

void betty_support_message_set(const char *text, size_t length) {
  char *made = copy(text, length);
  free(betty_support_message_text);
  betty_support_message_text = made;
}

const char *betty_support_message(void) {
  return betty_support_message_text ? betty_support_message_text : "";
}

const char *betty_support_text_keep(const char *text, size_t length) {
  char *made = copy(text, length);
  free(kept_text);
  return kept_text = made;
}

// The main thread's memory, whose end runs no destructor of keys.
__attribute__((destructor)) static void forget_last(void) { forget(NULL); }
