#pragma once
#include <stddef.h>

void *malloc(size_t size);
void *realloc(void *old, size_t size);
void free(void *gone);
void qsort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *));
_Noreturn void abort(void);
