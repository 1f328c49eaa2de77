/* Startup code of an STM32F405: no interrupt but SysTick's. */
#include <stdint.h>

extern uint32_t stack_top, data_load, data_begin, data_end, bss_begin, bss_end;
extern void systick_handler(void);
extern int main(void);

/* A debugger shows where; the computer on the line gets no answer. */
static void fault_handler(void)
{
    for (;;) {
    }
}

static void run_main(void)
{
    const uint32_t *from = &data_load;
    for (uint32_t *to = &data_begin; to < &data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = &bss_begin; to < &bss_end; to++) {
        *to = 0;
    }
    main();
    fault_handler();
}

@include cortex_m_vectors.c
