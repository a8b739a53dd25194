/* Spectral norm of an infinite matrix: divisions and square roots. */
#define EXPECTED 0x3ff463386d9e2f70ull
#include "bench.h"
#include <math.h>
#define N 220
static double element(int i, int j) { return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1); }
static void times(const double *v, double *out, int transposed)
{
	for (int i = 0; i < N; i++) {
		double s = 0;
		for (int j = 0; j < N; j++)
			s += (transposed ? element(j, i) : element(i, j)) * v[j];
		out[i] = s;
	}
}
static uint64_t piece(void)
{
	double u[N], v[N], t[N], uv = 0, vv = 0, norm;
	uint64_t bits;
	for (int i = 0; i < N; i++)
		u[i] = 1;
	for (int i = 0; i < 10; i++) {
		times(u, t, 0);
		times(t, v, 1);
		times(v, t, 0);
		times(t, u, 1);
	}
	for (int i = 0; i < N; i++) {
		uv += u[i] * v[i];
		vv += v[i] * v[i];
	}
	norm = sqrt(uv / vv);
	memcpy(&bits, &norm, 8);
	return bits;
}
