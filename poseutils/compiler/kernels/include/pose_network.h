/*
 * Shared by all networks of a firmware. Nothing here or in the code of a network has a state of its
 * own: all memory is the caller's, so that functions may run at the same time in different threads
 * as long as each has a context and an arena to itself.
 */
#ifndef POSE_NETWORK_H
#define POSE_NETWORK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What functions return: 0, or why nothing was done. */
typedef enum {
    POSE_OK = 0,
    POSE_ERROR_NULL = 1,            /* a pointer is NULL that must not be */
    POSE_ERROR_ARENA_SIZE = 2,      /* the arena has fewer bytes than the network works in */
    POSE_ERROR_ARENA_ALIGNMENT = 3, /* the arena's address is no multiple of its alignment */
    POSE_ERROR_NOT_INITIALIZED = 4, /* the context has no arena: init was not called, or failed */
    POSE_ERROR_RANGE = 5            /* a size, a count or a class that cannot be */
} pose_status;

/* A status in words, for logs. */
static inline const char *pose_status_text(pose_status status)
{
    switch (status) {
    case POSE_OK: return "ok";
    case POSE_ERROR_NULL: return "a pointer is NULL";
    case POSE_ERROR_ARENA_SIZE: return "the arena is too small";
    case POSE_ERROR_ARENA_ALIGNMENT: return "the arena is not aligned";
    case POSE_ERROR_NOT_INITIALIZED: return "the context is not initialized";
    case POSE_ERROR_RANGE: return "a size, a count or a class that cannot be";
    default: return "unknown status";
    }
}

/*
 * Called before each layer, or each row of layers that take turns, to feed a watchdog or to read a
 * cycle counter. user is what the application put into the context; name is the operator and what
 * it computes, or NULL unless POSE_LAYER_NAMES is defined: names take flash.
 */
typedef void pose_layer_hook(void *user, int32_t layer, const char *name);

/*
 * In a debug build, called with each tensor that a layer computed, or with each row of an image, in
 * order: rows of row_bytes each, stride_bytes apart.
 */
typedef void pose_tensor_hook(void *user, int32_t tensor, const void *values, int32_t rows,
                              int32_t row_bytes, int32_t stride_bytes);

/* Before a declaration, aligns it: static POSE_ALIGNED(16) uint8_t arena[BYTES]; */
#if defined(__GNUC__) || defined(__ICCARM__)
#define POSE_ALIGNED(bytes) __attribute__((aligned(bytes)))
#elif defined(_MSC_VER)
#define POSE_ALIGNED(bytes) __declspec(align(bytes))
#else
#define POSE_ALIGNED(bytes) _Alignas(bytes)
#endif

#ifdef __cplusplus
}
#endif

#endif
