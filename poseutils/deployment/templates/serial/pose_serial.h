/*
 * Frames on a serial line, and what they mean. A computer sends requests, one at a time; the board
 * answers each. A frame, whose numbers are little-endian:
 *
 *     offset  bytes
 *     0       2      'P' 'F'
 *     2       1      type: a pose_request; of the answer, that with its highest bit set
 *     3       1      sequence number, from 1; the answer has that of its request
 *     4       2      bytes of the payload, n
 *     6       n      payload
 *     6 + n   4      CRC-32 of all bytes before
 *
 * A frame that is damaged, too long or ends early is dropped and answered by an error with the
 * sequence number 0; bytes between frames are skipped. A request with the sequence number of the
 * one before repeats it: it is answered again, and nothing is done twice.
 */
#ifndef POSE_SERIAL_H
#define POSE_SERIAL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The layout of frames, HELLO and the beginning of its answer are the same in all versions. */
#define POSE_SERIAL_VERSION 1

#define POSE_FRAME_HEADER 6
#define POSE_FRAME_OVERHEAD (POSE_FRAME_HEADER + 4)

/* Requests and their payloads; numbers without a type are uint32_t. */
typedef enum {
    /* Nothing -> version, sha256 of the model file (32 bytes), a number that tells types and scales
     * of input and outputs, rows, bytes of a row, bytes of the arena, keypoints of a person, most
     * people, number of outputs, bytes of each output. */
    POSE_HELLO = 1,
    /* index, the row's bytes -> rows taken. Row 0 begins an image, the others follow in order. */
    POSE_ROW = 2,
    /* Nothing -> cycles of the network (uint64_t), people. After the last row. */
    POSE_RUN = 3,
    /* place, offset, count -> so many bytes of an output; the place after the last output holds
     * the keypoints of all people: x, y in pixels of the input, and score, float. */
    POSE_READ = 4
} pose_request;

/* The type of an error; its payload is a pose_serial_error (1 byte) and a sentence. */
#define POSE_ERROR_FRAME 0xFF
#define POSE_ANSWER 0x80

/* Up to POSE_SERIAL_DAMAGED of a frame, the others of a request. */
typedef enum {
    POSE_SERIAL_OK = 0,
    POSE_SERIAL_SILENT = 1,
    POSE_SERIAL_TOO_LONG = 2,
    POSE_SERIAL_DAMAGED = 3,
    POSE_SERIAL_NOT_KNOWN = 4,
    POSE_SERIAL_PAYLOAD = 5,
    POSE_SERIAL_ORDER = 6,
    POSE_SERIAL_NOT_ALL_ROWS = 7,
    POSE_SERIAL_NO_RESULT = 8,
    POSE_SERIAL_NO_SUCH_PLACE = 9,
    POSE_SERIAL_NETWORK = 10,
    POSE_SERIAL_ERRORS
} pose_serial_error;

typedef struct {
    uint8_t type, sequence;
    uint16_t bytes;
    const uint8_t *payload;
} pose_frame;

/* Reads frames into memory of the caller: room for the longest payload and POSE_FRAME_OVERHEAD. */
typedef struct {
    uint8_t *memory;
    size_t room;
    size_t held; /* bytes read; the first ones may begin a frame */
    size_t used; /* of these, the frame that was returned last */
} pose_receiver;

/*
 * Waits for a frame, whose payload stays until the next call. Returns 1; or 0 and why there is
 * none: POSE_SERIAL_OK if no byte came, else what is wrong with the frame that was dropped.
 */
int pose_frame_receive(pose_receiver *receiver, pose_frame *frame, pose_serial_error *error);

void pose_frame_send(const pose_frame *frame);

/* Answers with an error: its number, and a sentence. */
void pose_frame_refuse(uint8_t sequence, pose_serial_error error);

/* CRC-32/ISO-HDLC in Greg Cook's catalogue of CRC algorithms, that of Ethernet and zlib; crc is 0,
 * or what was returned for the bytes before. */
uint32_t pose_crc32(uint32_t crc, const uint8_t *bytes, size_t count);

/* Little-endian numbers of up to 8 bytes; put returns where the next one begins. */
uint32_t pose_get_u32(const uint8_t *from);
uint8_t *pose_put(uint8_t *to, uint64_t value, int32_t bytes);

#ifdef __cplusplus
}
#endif

#endif
