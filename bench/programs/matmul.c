/* Matrix product in double precision, the loops in the order that vectorises. */
#define EXPECTED 0x422b3de9197a5605ull
#include "bench.h"
#define N 192
static uint64_t piece(void)
{
	static double a[N][N], b[N][N], c[N][N];
	uint32_t seed = 4;
	double sum = 0;
	uint64_t bits;
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			a[i][j] = (next_random(&seed) >> 8) * 1e-6;
			b[i][j] = (next_random(&seed) >> 8) * 1e-6;
			c[i][j] = 0;
		}
	for (int i = 0; i < N; i++)
		for (int k = 0; k < N; k++)
			for (int j = 0; j < N; j++)
				c[i][j] += a[i][k] * b[k][j];
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			sum += c[i][j] * (1 + (i ^ j));
	memcpy(&bits, &sum, 8);
	return bits;
}
