/* The C interface of Betty. */
#ifndef BETTY_H
#define BETTY_H

#ifdef __cplusplus
extern "C" {
#endif

/* The library's version, "major.minor.patch"; borrowed for ever. */
const char *betty_version(void);

#ifdef __cplusplus
}
#endif
#endif
