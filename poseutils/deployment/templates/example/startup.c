/*
 * Startup code and clock of QEMU's boards mps2-an386, mps2-an500 and mps3-an547. A real board has
 * its own.
 *
 * Files, the command line and printing use semihosting, through newlib's librdimon.
 */
#include <stdint.h>
#include <stdlib.h>

#ifndef POSE_CLOCK_NS
#error "For emulated boards only, for which the Makefile sets POSE_CLOCK_NS: not for firmware"
#endif

extern uint32_t stack_top, data_load, data_begin, data_end, bss_begin, bss_end;
extern void initialise_monitor_handles(void);
extern int main(int argc, char **argv);

#define SYSTICK_CONTROL (*(volatile uint32_t *)0xE000E010u)
#define SYSTICK_RELOAD (*(volatile uint32_t *)0xE000E014u)
#define SYSTICK_VALUE (*(volatile uint32_t *)0xE000E018u)
#define SYSTICK_PERIOD 0x1000000u

static volatile uint32_t periods;

void systick_handler(void)
{
    periods++;
}

static void fault_handler(void)
{
    exit(3);
}

/* Instructions since the start: with -icount shift=0 the emulated clock advances one nanosecond per
 * instruction. */
double pose_clock(void)
{
    uint32_t before, value;
    do {
        before = periods;
        value = SYSTICK_VALUE;
    } while (before != periods);
    return ((double)before * SYSTICK_PERIOD + (SYSTICK_PERIOD - 1u - value)) * POSE_CLOCK_NS;
}

/* Reads the command line from the emulator. */
static int command_line(char *text, uint32_t size)
{
    uint32_t block[2] = {(uint32_t)text, size};
    register uint32_t number __asm__("r0") = 0x15;
    register void *argument __asm__("r1") = block;
    __asm__ volatile("bkpt 0xAB" : "+r"(number) : "r"(argument) : "memory");
    return (int)number;
}

static int split(char *text, char **words, int most)
{
    int count = 0;
    while (*text != '\0' && count < most) {
        words[count++] = text;
        while (*text != '\0' && *text != ' ') {
            text++;
        }
        while (*text == ' ') {
            *text++ = '\0';
        }
    }
    return count;
}

static void fill_memory(void)
{
    const uint32_t *from = &data_load;
    for (uint32_t *to = &data_begin; to < &data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = &bss_begin; to < &bss_end; to++) {
        *to = 0;
    }
}

static void run_main(void)
{
    static char text[1024];
    char *words[8];
    fill_memory();
    initialise_monitor_handles();
    SYSTICK_RELOAD = SYSTICK_PERIOD - 1u;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = 7;
    exit(command_line(text, sizeof text) == 0 ? main(split(text, words, 8), words) : 3);
}

@include cortex_m_vectors.c

void _init(void)
{
}

void _fini(void)
{
}
