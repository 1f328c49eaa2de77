/*
 * USART1 of an STM32F405 (PA9 sends, PA10 receives; 115200 baud, 8N1), and SysTick as the counter
 * of cycles. The core runs as after reset, from its internal oscillator of 16 MHz, whatever crystal
 * the board has.
 *
 * QEMU's netduinoplus2 has this USART and SysTick, and no DWT: its cycle counter reads as zero.
 */
#include "pose_port.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define RCC_AHB1ENR REGISTER(0x40023830u)
#define RCC_APB2ENR REGISTER(0x40023844u)
#define GPIOA_MODER REGISTER(0x40020000u)
#define GPIOA_PUPDR REGISTER(0x4002000Cu)
#define GPIOA_AFRH REGISTER(0x40020024u)
#define USART1_SR REGISTER(0x40011000u)
#define USART1_DR REGISTER(0x40011004u)
#define USART1_BRR REGISTER(0x40011008u)
#define USART1_CR1 REGISTER(0x4001100Cu)
#define SYSTICK_CONTROL REGISTER(0xE000E010u)
#define SYSTICK_RELOAD REGISTER(0xE000E014u)
#define SYSTICK_VALUE REGISTER(0xE000E018u)

#define CLOCK_HZ 16000000u
#define BAUD 115200u
#define SYSTICK_LAST 0xFFFFFFu /* it counts down from there, in 24 bits */

/* Bits of USART1_SR, of USART1_CR1, and of SysTick's control. */
enum { RXNE = 1u << 5, TXE = 1u << 7 };
enum { RE = 1u << 2, TE = 1u << 3, UE = 1u << 13 };
enum { ENABLE = 1u << 0, TICKINT = 1u << 1, CLKSOURCE = 1u << 2 };

static volatile uint32_t periods;

void systick_handler(void)
{
    periods++;
}

/* PA9 and PA10 as alternate function 7, which is USART1; PA10 is pulled up. */
static void start_pins(void)
{
    RCC_AHB1ENR |= 1u << 0;
    GPIOA_AFRH = (GPIOA_AFRH & ~0xFF0u) | 0x770u;
    GPIOA_PUPDR = (GPIOA_PUPDR & ~(0xFu << 18)) | 0x4u << 18;
    GPIOA_MODER = (GPIOA_MODER & ~(0xFu << 18)) | 0xAu << 18;
}

void pose_port_init(void)
{
    start_pins();
    RCC_APB2ENR |= 1u << 4;
    USART1_BRR = (CLOCK_HZ + BAUD / 2) / BAUD;
    USART1_CR1 = UE | TE | RE;
    SYSTICK_RELOAD = SYSTICK_LAST;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = ENABLE | TICKINT | CLKSOURCE;
}

uint32_t pose_port_cycles(void)
{
    uint32_t before, value;
    do {
        before = periods;
        value = SYSTICK_VALUE;
    } while (before != periods);
    return before * (SYSTICK_LAST + 1u) + (SYSTICK_LAST - value);
}

int pose_port_read(uint8_t *byte)
{
    const uint32_t begin = pose_port_cycles();
    while ((USART1_SR & RXNE) == 0) {
        if (pose_port_cycles() - begin > CLOCK_HZ / 1000u * POSE_PORT_SILENCE_MS) {
            return 0;
        }
    }
    *byte = (uint8_t)USART1_DR; /* after SR: also clears an overrun */
    return 1;
}

void pose_port_write(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        while ((USART1_SR & TXE) == 0) {
        }
        USART1_DR = bytes[i];
    }
}
