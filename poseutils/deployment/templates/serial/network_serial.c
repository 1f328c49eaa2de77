#include "@name@_serial.h"

#include <string.h>

#include "pose_port.h"

static const uint8_t model_sha256[32] = {
    @sha256@
};

/* Hands a row to the network: the one place that knows how an image gets into it. */
static pose_status take_row(@name@_serial *serial, uint32_t index, const uint8_t *row)
{
@if pushed
    if (index == 0) { /* what came of another image is forgotten */
        @name@_init(&serial->network, serial->network.arena, @NAME@_ARENA_BYTES);
    }
    return @name@_push_row(&serial->network, row);
@end
@if whole
    uint8_t *const image = @name@_input(&serial->network, 0);
    memcpy(image + index * @NAME@_SERIAL_ROW_BYTES, row, @NAME@_SERIAL_ROW_BYTES);
    return POSE_OK;
@end
}

/* Computes what the rows have not computed yet. */
static pose_status run(@name@_serial *serial)
{
@if pushed
    return @name@_rows_missing(&serial->network) == 0 ? POSE_OK : POSE_ERROR_NOT_INITIALIZED;
@end
@if whole
    return @name@_run(&serial->network);
@end
}

static void reply(const pose_frame *request, const void *payload, uint32_t bytes)
{
    const pose_frame answer = {(uint8_t)(request->type | POSE_ANSWER), request->sequence,
                               (uint16_t)bytes, payload};
    pose_frame_send(&answer);
}

static pose_serial_error hello(@name@_serial *serial, const pose_frame *request)
{
    uint8_t payload[4 + sizeof model_sha256 + 4 * (7 + @NAME@_OUTPUTS)], *to = payload;
    to = pose_put(to, POSE_SERIAL_VERSION, 4);
    memcpy(to, model_sha256, sizeof model_sha256);
    to = pose_put(to + sizeof model_sha256, @interface@u, 4);
    to = pose_put(to, @NAME@_SERIAL_ROWS, 4);
    to = pose_put(to, @NAME@_SERIAL_ROW_BYTES, 4);
    to = pose_put(to, @NAME@_ARENA_BYTES, 4);
@if pose
    to = pose_put(to, @NAME@_KEYPOINTS, 4);
    to = pose_put(to, @NAME@_MAX_PEOPLE, 4);
@end
@if plain
    to = pose_put(to, 0, 8);
@end
    to = pose_put(to, @NAME@_OUTPUTS, 4);
    for (int32_t i = 0; i < @NAME@_OUTPUTS; i++) {
        to = pose_put(to, (uint32_t)@name@_output_bytes[i], 4);
    }
    serial->rows = 0;
    reply(request, payload, sizeof payload);
    return POSE_SERIAL_OK;
}

static pose_serial_error take(@name@_serial *serial, const pose_frame *request, int again)
{
    uint8_t payload[4];
    if (request->bytes != 4 + @NAME@_SERIAL_ROW_BYTES) {
        return POSE_SERIAL_PAYLOAD;
    }
    if (!again) {
        const uint32_t index = pose_get_u32(request->payload);
        if (index != 0 && (index != serial->rows || index == @NAME@_SERIAL_ROWS)) {
            return POSE_SERIAL_ORDER;
        }
        serial->done = 0;
        serial->rows = index + 1;
        serial->cycles = index == 0 ? 0 : serial->cycles;
        const uint32_t before = pose_port_cycles();
        if (take_row(serial, index, request->payload + 4) != POSE_OK) {
            return POSE_SERIAL_NETWORK;
        }
        serial->cycles += pose_port_cycles() - before;
    }
    pose_put(payload, serial->rows, 4);
    reply(request, payload, sizeof payload);
    return POSE_SERIAL_OK;
}

static pose_serial_error finish(@name@_serial *serial, const pose_frame *request, int again)
{
    uint8_t payload[12];
    if (request->bytes != 0) {
        return POSE_SERIAL_PAYLOAD;
    }
    if (!again) {
        if (serial->rows != @NAME@_SERIAL_ROWS) {
            return POSE_SERIAL_NOT_ALL_ROWS;
        }
        serial->rows = 0;
        const uint32_t before = pose_port_cycles();
        if (run(serial) != POSE_OK) {
            return POSE_SERIAL_NETWORK;
        }
        serial->cycles += pose_port_cycles() - before;
@if pose
        if (@name@_decode(&serial->network, &serial->poses) != POSE_OK) {
            return POSE_SERIAL_NETWORK;
        }
@end
        serial->done = 1;
    }
    pose_put(payload, serial->cycles, 8);
@if pose
    pose_put(payload + 8, (uint32_t)serial->poses.people, 4);
@end
@if plain
    pose_put(payload + 8, 0, 4);
@end
    reply(request, payload, sizeof payload);
    return POSE_SERIAL_OK;
}

/* The values of an output, or of the keypoints after the last one; NULL if there are none. */
static const uint8_t *values(const @name@_serial *serial, uint32_t place, uint32_t *bytes)
{
    if (place < @NAME@_OUTPUTS) {
        *bytes = (uint32_t)@name@_output_bytes[place];
        return @name@_output(&serial->network, (int32_t)place);
    }
@if pose
    if (place == @NAME@_OUTPUTS) {
        *bytes = sizeof serial->poses.keypoints;
        return (const uint8_t *)serial->poses.keypoints;
    }
@end
    return NULL;
}

static pose_serial_error read(const @name@_serial *serial, const pose_frame *request)
{
    if (request->bytes != 12) {
        return POSE_SERIAL_PAYLOAD;
    }
    if (!serial->done) {
        return POSE_SERIAL_NO_RESULT;
    }
    uint32_t bytes = 0;
    const uint8_t *const from = values(serial, pose_get_u32(request->payload), &bytes);
    const uint32_t offset = pose_get_u32(request->payload + 4);
    const uint32_t count = pose_get_u32(request->payload + 8);
    if (from == NULL || offset > bytes || count > bytes - offset || count > UINT16_MAX) {
        return POSE_SERIAL_NO_SUCH_PLACE;
    }
    reply(request, from + offset, count);
    return POSE_SERIAL_OK;
}

static pose_serial_error answer(@name@_serial *serial, const pose_frame *request)
{
    const int again = request->sequence == serial->answered;
    switch (request->type) {
    case POSE_HELLO: return hello(serial, request);
    case POSE_ROW: return take(serial, request, again);
    case POSE_RUN: return finish(serial, request, again);
    case POSE_READ: return read(serial, request);
    default: return POSE_SERIAL_NOT_KNOWN;
    }
}

pose_status @name@_serial_init(@name@_serial *serial, void *arena, size_t bytes)
{
    if (serial == NULL) {
        return POSE_ERROR_NULL;
    }
    memset(serial, 0, sizeof *serial);
    serial->line.memory = serial->frame;
    serial->line.room = sizeof serial->frame;
    pose_port_init();
    return @name@_init(&serial->network, arena, bytes);
}

void @name@_serial_answer(@name@_serial *serial)
{
    pose_frame request;
    pose_serial_error error;
    uint8_t sequence = 0; /* of a frame that was dropped */
    if (pose_frame_receive(&serial->line, &request, &error)) {
        sequence = request.sequence;
        error = answer(serial, &request);
        serial->answered = error == POSE_SERIAL_OK ? sequence : 0;
    }
    if (error != POSE_SERIAL_OK) {
        pose_frame_refuse(sequence, error);
    }
}
