#ifndef @NAME@_SERIAL_H
#define @NAME@_SERIAL_H

#include "@name@.h"
@if pose
#include "@name@_poses.h"
@end
#include "pose_serial.h"

#ifdef __cplusplus
extern "C" {
#endif

#define @NAME@_SERIAL_ROWS @rows@u
#define @NAME@_SERIAL_ROW_BYTES @row_bytes@u

/* An instance of the network on a serial line. */
typedef struct {
    @name@_context network;
@if pose
    @name@_poses poses;
@end
    pose_receiver line;
    uint64_t cycles;  /* that the network took of an image */
    uint32_t rows;    /* that it took of an image */
    int done;         /* the outputs are those of an image */
    uint8_t answered; /* sequence number of the request before */
    uint8_t frame[POSE_FRAME_OVERHEAD + 12 + @NAME@_SERIAL_ROW_BYTES]; /* the longest: ROW, or READ */
} @name@_serial;

/* Starts the port, and the network in an arena as for @name@_init. */
pose_status @name@_serial_init(@name@_serial *serial, void *arena, size_t bytes);

/* Waits for a request and answers it; returns also when none came. Call it in a loop. */
void @name@_serial_answer(@name@_serial *serial);

#ifdef __cplusplus
}
#endif

#endif
