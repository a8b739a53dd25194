// flags: -lm
// Floating point: formatting, long double, rounding modes, exceptions, the mathematical functions, NaN bits.
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <tgmath.h>

static void bits(const char *name, double x)
{
	uint64_t u;
	memcpy(&u, &x, 8);
	printf("%s %016llx %.17g\n", name, (unsigned long long)u, x);
}

static void long_bits(const char *name, long double x)
{
	unsigned char b[16] = {0};
	memcpy(b, &x, 10);
	printf("%s %02x%02x", name, b[9], b[8]);
	for (int i = 7; i >= 0; i--)
		printf("%02x", b[i]);
	printf(" %.21Lg\n", x);
}

int main(void)
{
	static const double values[] = {0.1, -2.5, 1e-310, 1e300, 3.5, 123456.789, -0.0, 7, 0.99999999, 1e15};
	static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
	volatile double zero = 0, one = 1, huge_value = DBL_MAX, tiny = DBL_MIN;
	for (int i = 0; i < 10; i++) {
		double x = values[i];
		printf("%g %e %f %a %.3f %10.2e|%-12g|%+g %G\n", x, x, fabs(x) < 1e20 ? x : 0, x, fabs(x) < 1e20 ? x : 0, x, x, x, x);
		bits("sin", sin(x));
		bits("exp", exp(fmod(x, 50)));
		bits("log", log(fabs(x) + 1));
		bits("pow", pow(fabs(x), 0.37));
		bits("atan2", atan2(x, 2));
		bits("cbrt", cbrt(x));
		bits("tgamma", tgamma(fmod(fabs(x), 20) + 0.5));
		bits("hypot", hypot(x, 3));
		bits("fmod", fmod(x, 0.7));
		bits("remainder", remainder(x, 0.7));
		long_bits("sqrtl", sqrtl(fabsl((long double)x)));
		long_bits("expl", expl(fmodl(x, 30)));
		long_bits("sinl", sinl(x));
		long_bits("logl", logl(fabsl(x) + 1.0L));
		long_bits("powl", powl(fabsl(x), 1.0L / 3));
		long_bits("fmodl", fmodl(x, 0.3L));
		printf("%ld %lld %d %.0f %.0f %.0f\n", lrint(fmod(x, 1e9)), llround(fmod(x, 1e9)), (int)fmod(x, 1e9), floor(fmod(x, 1e9)), ceil(fmod(x, 1e9)), trunc(fmod(x, 1e9)));
	}
	for (int m = 0; m < 4; m++) {
		volatile double third;
		volatile float narrow;
		volatile long double wide;
		fesetround(modes[m]);
		third = one / 3;
		narrow = (float)0.1;
		wide = (long double)one / 3;
		bits("1/3", third);
		bits("0.1f", narrow);
		long_bits("1/3L", wide);
		printf("rint %.1f %.1f %.1f %ld\n", rint(2.5 * one), rint(-2.5 * one), rint(0.5 * one), lrint(-1.5 * one));
	}
	fesetround(FE_TONEAREST);
	feclearexcept(FE_ALL_EXCEPT);
	bits("1/0", one / zero);
	printf("divbyzero %d\n", fetestexcept(FE_DIVBYZERO) != 0);
	bits("0/0", zero / zero);
	printf("invalid %d\n", fetestexcept(FE_INVALID) != 0);
	bits("overflow", huge_value * 2);
	bits("underflow", tiny / 3);
	printf("overflow %d underflow %d inexact %d\n", fetestexcept(FE_OVERFLOW) != 0, fetestexcept(FE_UNDERFLOW) != 0, fetestexcept(FE_INEXACT) != 0);
	bits("sqrt(-1)", sqrt(-one));
	long_bits("LDBL_MAX", LDBL_MAX);
	long_bits("LDBL_MIN/2", LDBL_MIN / 2);
	long_bits("huge*huge", (long double)huge_value * huge_value);
	bits("strtod", strtod("2.2250738585072011e-308", 0));
	long_bits("strtold", strtold("1.18973149535723176502e+4932", 0));
	printf("%.60f\n%.40Lf\n%La %a\n", 0.1, 0.1L, 3.14159265358979323846L, 3.141592653589793);
	printf("tgmath %.9g %.17g %.21Lg\n", (double)sqrt(2.0f), sqrt(2.0), sqrt(2.0L));
	printf("fma %.17g %.9g\n", fma(0.1, 10.0, -1.0), (double)fmaf(0.1f, 10.0f, -1.0f));
	printf("nextafter %.17g %.9g\n", nextafter(1.0, 2.0), (double)nextafterf(1.0f, 0.0f));
	printf("ilogb %d frexp %.17g\n", ilogb(1e100), frexp(12345.678, &(int){0}));
	return 0;
}
