// The message of the last call on each thread. One pointer a thread, so that the library asks
// little of the room for thread-local variables; the text goes when its thread ends.
#pragma once
#include <stddef.h>

extern __thread char *betty_support_message_text __attribute__((tls_model("initial-exec")));

// Keeps a copy of `text`; without memory there is no message.
void betty_support_message_set(const char *text, size_t length);
// The message, "" if there is none.
const char *betty_support_message(void);

static inline void betty_support_message_clear(void) {
  if (betty_support_message_text) betty_support_message_text[0] = 0;
}

// Keeps a text for the caller until the next on this thread; NULL without memory.
const char *betty_support_text_keep(const char *text, size_t length);
