#include "@name@_serial.h"

static POSE_ALIGNED(@NAME@_ARENA_ALIGNMENT) uint8_t
    arena[@NAME@_ARENA_BYTES];
static @name@_serial serial;

int main(void)
{
    if (@name@_serial_init(&serial, arena, sizeof arena) != POSE_OK) {
        return 1;
    }
    for (;;) {
        @name@_serial_answer(&serial);
    }
}
