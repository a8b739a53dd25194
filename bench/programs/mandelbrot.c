/* The Mandelbrot set in double precision. */
#define EXPECTED 0x2474e5556ba0f761ull
#include "bench.h"
static uint64_t piece(void)
{
	uint64_t sum = 0;
	for (int y = 0; y < 160; y++)
		for (int x = 0; x < 240; x++) {
			double cr = x * 3.0 / 240 - 2.1, ci = y * 2.4 / 160 - 1.2, zr = 0, zi = 0;
			int n = 0;
			for (; n < 300 && zr * zr + zi * zi < 4; n++) {
				double t = zr * zr - zi * zi + cr;
				zi = 2 * zr * zi + ci;
				zr = t;
			}
			sum = sum * 31 + n;
		}
	return sum;
}
