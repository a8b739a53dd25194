/* Five bodies, floating point in plain C. */
#define EXPECTED 0x40431d303c6f1173ull
#include "bench.h"
#include <math.h>
struct body { double x[3], v[3], mass; };
static uint64_t piece(void)
{
	const double pi = 3.141592653589793, mass = 4 * pi * pi, year = 365.24;
	struct body b[5] = {
		{{0, 0, 0}, {0, 0, 0}, mass},
		{{4.84143144246472090, -1.16032004402742839, -0.103622044471123109}, {0.00166007664274403694 * year, 0.00769901118419740425 * year, -0.0000690460016972063023 * year}, 0.000954791938424326609 * mass},
		{{8.34336671824457987, 4.12479856412430479, -0.403523417114321381}, {-0.00276742510726411 * year, 0.00499852801234917238 * year, 0.0000230417297573763929 * year}, 0.000285885980666130812 * mass},
		{{12.8943695621391310, -15.1111514016986312, -0.223307578892655734}, {0.00296460137564761618 * year, 0.00237847173959480950 * year, -0.0000296589568540237556 * year}, 0.0000436624404335156298 * mass},
		{{15.3796971148509165, -25.9193146099879641, 0.179258772950371181}, {0.00268067772490389322 * year, 0.00162824170038242295 * year, -0.0000951592254519715870 * year}, 0.0000515138902046611451 * mass},
	};
	double energy = 0;
	uint64_t bits;
	for (int step = 0; step < 100000; step++) {
		for (int i = 0; i < 5; i++)
			for (int j = i + 1; j < 5; j++) {
				double d[3], square = 0, magnitude;
				for (int k = 0; k < 3; k++) {
					d[k] = b[i].x[k] - b[j].x[k];
					square += d[k] * d[k];
				}
				magnitude = 0.01 / (square * sqrt(square));
				for (int k = 0; k < 3; k++) {
					b[i].v[k] -= d[k] * b[j].mass * magnitude;
					b[j].v[k] += d[k] * b[i].mass * magnitude;
				}
			}
		for (int i = 0; i < 5; i++)
			for (int k = 0; k < 3; k++)
				b[i].x[k] += 0.01 * b[i].v[k];
	}
	for (int i = 0; i < 5; i++)
		energy += b[i].mass * (b[i].v[0] * b[i].v[0] + b[i].v[1] * b[i].v[1] + b[i].v[2] * b[i].v[2]) + b[i].x[0];
	memcpy(&bits, &energy, 8);
	return bits;
}
