// flags: -O2
/* Functions in several versions, chosen by the processor's model: only code that the guest's CPU can run may be. */
#include <stdio.h>

static int processor(const char *name, int is, int has) {
  if (is && !has) printf("this is a %s without its instructions\n", name);
  return is && !has;
}

int main(void) {
  __builtin_cpu_init();
  int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
  int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma");
  int wrong = processor("Skylake", __builtin_cpu_is("skylake-avx512"), avx512);
  wrong += processor("Cascade Lake", __builtin_cpu_is("cascadelake"), avx512);
  wrong += processor("Ice Lake", __builtin_cpu_is("icelake-server"), avx512);
  wrong += processor("Haswell", __builtin_cpu_is("haswell"), avx2);
  wrong += processor("Skylake (client)", __builtin_cpu_is("skylake"), avx2);
  wrong += processor("Zen 3", __builtin_cpu_is("znver3"), avx2);
  wrong += processor("Nehalem", __builtin_cpu_is("nehalem"), __builtin_cpu_supports("sse4.2"));
  printf("%d wrong\n", wrong);
  return 0;
}
