#include "openblas.h"
