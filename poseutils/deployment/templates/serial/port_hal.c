/*
 * In a project of STM32CubeMX with a USART (asynchronous, 115200 baud, 8N1; here USART1) and a core
 * that has a DWT (Cortex-M4, M7, M33, M55). CubeMX's main.h includes the HAL; its main calls
 * MX_USART1_UART_Init before @name@_serial_init.
 */
#include "main.h"
#include "pose_port.h"

extern UART_HandleTypeDef huart1;

void pose_port_init(void)
{
    CoreDebug->DEMCR |= CoreDebug_DEMCR_TRCENA_Msk;
    DWT->CYCCNT = 0;
    DWT->CTRL |= DWT_CTRL_CYCCNTENA_Msk;
}

int pose_port_read(uint8_t *byte)
{
    return HAL_UART_Receive(&huart1, byte, 1, POSE_PORT_SILENCE_MS) == HAL_OK;
}

void pose_port_write(const uint8_t *bytes, size_t count)
{
    HAL_UART_Transmit(&huart1, (uint8_t *)bytes, (uint16_t)count, HAL_MAX_DELAY);
}

uint32_t pose_port_cycles(void)
{
    return DWT->CYCCNT;
}
