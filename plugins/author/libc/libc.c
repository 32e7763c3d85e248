// The little of a C library that a rule needs. Each call to a rule begins with a fresh memory, so
// memory is only ever taken, never given back.
#include "stdlib.h"
#include "string.h"
#include <stdint.h>

#define PAGE 65536u

extern unsigned char __heap_base;
static uintptr_t next = 0;

_Noreturn void abort(void) { __builtin_trap(); }

// Each piece has its size before it.
void *malloc(size_t size) {
    if (next == 0) next = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
    uintptr_t at = next + 16, end = (at + size + 15) & ~(uintptr_t)15;
    if (end < at) abort();
    uintptr_t have = (uintptr_t)__builtin_wasm_memory_size(0) * PAGE;
    if (end > have && __builtin_wasm_memory_grow(0, (end - have + PAGE - 1) / PAGE) == (size_t)-1) abort();
    *(size_t *)(at - 16) = size;
    next = end;
    return (void *)at;
}

void *realloc(void *old, size_t size) {
    if (old == NULL) return malloc(size);
    size_t had = *(size_t *)((uintptr_t)old - 16);
    if (size <= had) return old;
    return memcpy(malloc(size), old, had);
}

void free(void *gone) { (void)gone; }

void *memcpy(void *to, const void *from, size_t size) {
    for (size_t i = 0; i < size; i++) ((unsigned char *)to)[i] = ((const unsigned char *)from)[i];
    return to;
}

void *memmove(void *to, const void *from, size_t size) {
    if (to < from) return memcpy(to, from, size);
    for (size_t i = size; i-- > 0;) ((unsigned char *)to)[i] = ((const unsigned char *)from)[i];
    return to;
}

void *memset(void *to, int byte, size_t size) {
    for (size_t i = 0; i < size; i++) ((unsigned char *)to)[i] = (unsigned char)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t size) {
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < size; i++)
        if (x[i] != y[i]) return x[i] - y[i];
    return 0;
}

size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length]) length++;
    return length;
}

// Insertion sort: stable, and inputs are short.
void qsort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *)) {
    unsigned char *at = items;
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && compare(at + (j - 1) * size, at + j * size) > 0; j--)
            for (size_t k = 0; k < size; k++) {
                unsigned char one = at[(j - 1) * size + k];
                at[(j - 1) * size + k] = at[j * size + k];
                at[j * size + k] = one;
            }
}
