/* A compressor of the LZ77 kind, and its decompressor. */
#define EXPECTED 0x0000005a0a00ed7cull
#include "bench.h"
#define SIZE (1 << 20)
static uint8_t input[SIZE], packed[SIZE * 2], output[SIZE];
static uint32_t heads[1 << 15];
static unsigned key(const uint8_t *p) { return ((p[0] | p[1] << 8 | p[2] << 16) * 2654435761u) >> 17; }
static uint64_t piece(void)
{
	uint32_t seed = 17;
	size_t at = 0, out = 0, literals = 0;
	for (size_t i = 0; i < SIZE;) {
		uint32_t r = next_random(&seed);
		size_t n = 4 + (r >> 26), from = i > 5000 ? i - 1 - (r >> 8) % 5000 : 0;
		if (i == 0 || r & 0x80) { input[i++] = r >> 24; continue; }
		for (; n-- && i < SIZE; i++, from++)
			input[i] = input[from];
	}
	memset(heads, 0, sizeof heads);
	while (at < SIZE) {
		size_t length = 0, from = 0;
		if (at + 4 < SIZE) {
			unsigned k = key(input + at);
			from = heads[k];
			heads[k] = (uint32_t)at;
			if (from < at && at - from < 65536)
				while (length < 255 && at + length < SIZE && input[from + length] == input[at + length])
					length++;
		}
		if (length >= 4) {
			packed[out++] = 1; packed[out++] = (uint8_t)length;
			packed[out++] = (at - from) & 255; packed[out++] = (uint8_t)((at - from) >> 8);
			at += length;
		} else {
			packed[out++] = 0; packed[out++] = input[at++];
			literals++;
		}
	}
	at = 0;
	for (size_t i = 0; i < out;) {
		if (packed[i]) {
			size_t length = packed[i + 1], back = packed[i + 2] | packed[i + 3] << 8;
			for (i += 4; length--; at++)
				output[at] = output[at - back];
		} else {
			output[at++] = packed[i + 1];
			i += 2;
		}
	}
	return memcmp(input, output, SIZE) ? 1 : (uint64_t)out << 20 ^ literals;
}
