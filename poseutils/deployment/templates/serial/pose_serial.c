#include "pose_serial.h"

#include <string.h>

#include "pose_port.h"

static const uint8_t magic[2] = {'P', 'F'};

static const char error_texts[POSE_SERIAL_ERRORS][48] = {
    [POSE_SERIAL_OK] = "ok",
    [POSE_SERIAL_SILENT] = "a frame ended early",
    [POSE_SERIAL_TOO_LONG] = "a frame is longer than one with a row",
    [POSE_SERIAL_DAMAGED] = "the CRC of a frame is wrong",
    [POSE_SERIAL_NOT_KNOWN] = "there is no such request",
    [POSE_SERIAL_PAYLOAD] = "the payload of the request has another length",
    [POSE_SERIAL_ORDER] = "the row is not the next one of the image",
    [POSE_SERIAL_NOT_ALL_ROWS] = "rows of the image are missing",
    [POSE_SERIAL_NO_RESULT] = "the network has not run on an image yet",
    [POSE_SERIAL_NO_SUCH_PLACE] = "no output has such bytes",
    [POSE_SERIAL_NETWORK] = "the network returned an error",
};

uint32_t pose_crc32(uint32_t crc, const uint8_t *bytes, size_t count)
{
    /* The remainders of 4 bits, so that a byte takes two steps and the table 64 bytes. */
    static const uint32_t remainders[16] = {
        0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u,
        0x4db26158u, 0x5005713cu, 0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu,
        0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
    };
    crc = ~crc;
    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ remainders[crc & 15u];
        crc = crc >> 4 ^ remainders[crc & 15u];
    }
    return ~crc;
}

uint32_t pose_get_u32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16
           | (uint32_t)from[3] << 24;
}

uint8_t *pose_put(uint8_t *to, uint64_t value, int32_t bytes)
{
    for (int32_t i = 0; i < bytes; i++) {
        *to++ = (uint8_t)(value >> 8 * i);
    }
    return to;
}

/* Drops the first bytes, and those after them that cannot begin a frame. */
static void drop(pose_receiver *in, size_t bytes)
{
    while (bytes < in->held
           && memcmp(in->memory + bytes, magic, in->held - bytes < 2 ? 1 : 2) != 0) {
        bytes++;
    }
    if (bytes > 0) {
        in->held -= bytes;
        memmove(in->memory, in->memory + bytes, in->held);
    }
}

/* A frame may have begun within the bytes of what was none: only the first one is dropped. */
static int rejected(pose_receiver *in, pose_serial_error reason, pose_serial_error *error)
{
    drop(in, 1);
    *error = reason;
    return 0;
}

static size_t payload_bytes(const pose_receiver *in)
{
    return (size_t)in->memory[4] | (size_t)in->memory[5] << 8;
}

static int accepted(pose_receiver *in, pose_frame *frame, pose_serial_error *error)
{
    const size_t bytes = POSE_FRAME_HEADER + payload_bytes(in);
    if (pose_crc32(0, in->memory, bytes) != pose_get_u32(in->memory + bytes)) {
        return rejected(in, POSE_SERIAL_DAMAGED, error);
    }
    frame->type = in->memory[2];
    frame->sequence = in->memory[3];
    frame->bytes = (uint16_t)payload_bytes(in);
    frame->payload = in->memory + POSE_FRAME_HEADER;
    in->used = POSE_FRAME_OVERHEAD + payload_bytes(in);
    return 1;
}

int pose_frame_receive(pose_receiver *in, pose_frame *frame, pose_serial_error *error)
{
    drop(in, in->used);
    in->used = 0;
    for (;;) {
        if (in->held >= POSE_FRAME_HEADER) {
            const size_t bytes = POSE_FRAME_OVERHEAD + payload_bytes(in);
            if (bytes > in->room) {
                return rejected(in, POSE_SERIAL_TOO_LONG, error);
            }
            if (bytes <= in->held) {
                return accepted(in, frame, error);
            }
        }
        if (!pose_port_read(in->memory + in->held)) {
            *error = POSE_SERIAL_OK;
            return in->held == 0 ? 0 : rejected(in, POSE_SERIAL_SILENT, error);
        }
        in->held++;
        drop(in, 0);
    }
}

void pose_frame_send(const pose_frame *frame)
{
    uint8_t header[POSE_FRAME_HEADER] = {magic[0], magic[1], frame->type, frame->sequence};
    uint8_t end[4];
    pose_put(header + 4, frame->bytes, 2);
    const uint32_t crc = pose_crc32(0, header, sizeof header);
    pose_put(end, pose_crc32(crc, frame->payload, frame->bytes), 4);
    pose_port_write(header, sizeof header);
    pose_port_write(frame->payload, frame->bytes);
    pose_port_write(end, sizeof end);
}

void pose_frame_refuse(uint8_t sequence, pose_serial_error error)
{
    uint8_t payload[1 + sizeof error_texts[0]];
    const size_t length = strlen(error_texts[error]);
    payload[0] = (uint8_t)error;
    memcpy(payload + 1, error_texts[error], length);
    const pose_frame frame = {POSE_ERROR_FRAME, sequence, (uint16_t)(1 + length), payload};
    pose_frame_send(&frame);
}
