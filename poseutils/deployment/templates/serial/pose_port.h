/*
 * What the serial protocol needs of a board: four functions. port_hal.c has them for a project of
 * STM32CubeMX, port_stm32f405.c for the registers of an STM32F405.
 */
#ifndef POSE_PORT_H
#define POSE_PORT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The line falls silent within a frame if no byte comes for so long. */
#define POSE_PORT_SILENCE_MS 1000u

/* Starts the line, 8 data bits, no parity, 1 stop bit, and the counter of cycles. */
void pose_port_init(void);

/* Waits for a byte; returns 1, or 0 if none came within POSE_PORT_SILENCE_MS. */
int pose_port_read(uint8_t *byte);

/* Returns when all bytes are on their way. */
void pose_port_write(const uint8_t *bytes, size_t count);

/* Cycles of the processor; the count starts again at zero after 2^32. */
uint32_t pose_port_cycles(void);

#ifdef __cplusplus
}
#endif

#endif
