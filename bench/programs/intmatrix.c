/* Integer matrix product. */
#define EXPECTED 0xa7c9470f7c119c94ull
#include "bench.h"
#define N 200
static uint64_t piece(void)
{
	static int32_t a[N][N], b[N][N], c[N][N];
	uint32_t seed = 11;
	uint64_t sum = 0;
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			a[i][j] = (int32_t)next_random(&seed) >> 16;
			b[i][j] = (int32_t)next_random(&seed) >> 16;
		}
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			int32_t s = 0;
			for (int k = 0; k < N; k++)
				s += a[i][k] * b[k][j];
			c[i][j] = s;
		}
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			sum = sum * 31 + (uint32_t)c[i][j];
	return sum;
}
