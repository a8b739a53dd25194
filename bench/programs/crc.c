/* CRC-32 by table and CRC-16 by bits. */
#define EXPECTED 0x000042985b0196a3ull
#include "bench.h"
static uint64_t piece(void)
{
	static uint32_t table[256];
	static uint8_t data[1 << 20];
	uint32_t crc = ~0u;
	uint16_t bits = 0xffff;
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int k = 0; k < 8; k++)
			c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
		table[i] = c;
	}
	for (unsigned i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 131 + (i >> 7));
	for (unsigned i = 0; i < sizeof data; i++)
		crc = table[(crc ^ data[i]) & 255] ^ crc >> 8;
	for (unsigned i = 0; i < sizeof data / 4; i++) {
		bits ^= data[i];
		for (int k = 0; k < 8; k++)
			bits = bits & 1 ? 0xa001 ^ bits >> 1 : bits >> 1;
	}
	return (uint64_t)crc << 16 | bits;
}
