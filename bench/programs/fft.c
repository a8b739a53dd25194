/* Fast Fourier transform, radix 2, there and back. */
#define EXPECTED 0x0000000000001b81ull
#include "bench.h"
#include <math.h>
#define N 65536
static double re[N], im[N];
static void transform(int sign)
{
	for (unsigned i = 1, j = 0; i < N; i++) {
		unsigned bit = N >> 1;
		for (; j & bit; bit >>= 1)
			j ^= bit;
		j ^= bit;
		if (i < j) {
			double t = re[i]; re[i] = re[j]; re[j] = t;
			t = im[i]; im[i] = im[j]; im[j] = t;
		}
	}
	for (unsigned length = 2; length <= N; length <<= 1) {
		double angle = sign * 6.283185307179586 / length, wr = cos(angle), wi = sin(angle);
		for (unsigned i = 0; i < N; i += length) {
			double cr = 1, ci = 0;
			for (unsigned j = 0; j < length / 2; j++) {
				unsigned a = i + j, b = a + length / 2;
				double xr = re[b] * cr - im[b] * ci, xi = re[b] * ci + im[b] * cr, t = cr * wr - ci * wi;
				re[b] = re[a] - xr; im[b] = im[a] - xi;
				re[a] += xr; im[a] += xi;
				ci = cr * wi + ci * wr;
				cr = t;
			}
		}
	}
}
static uint64_t piece(void)
{
	uint32_t seed = 8;
	double error = 0, first[16];
	for (int i = 0; i < N; i++) {
		re[i] = (next_random(&seed) >> 8) * 1e-7;
		im[i] = 0;
		if (i < 16)
			first[i] = re[i];
	}
	transform(1);
	transform(-1);
	for (int i = 0; i < 16; i++)
		error += fabs(re[i] / N - first[i]);
	return error < 1e-6 ? (uint64_t)(re[1] / N * 1e6) : 1;
}
