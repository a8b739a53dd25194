// flags: -mavx2 -mfma -mbmi -mbmi2 -mlzcnt -mpopcnt -mf16c -msse4.2 -maes -mpclmul -mmovbe -madx -mcx16
// SSE to AVX2, BMI, AES, CLMUL and kin through the compiler's intrinsics.
#include <immintrin.h>
#include <wmmintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint32_t seed = 12345;
static uint32_t rnd(void) { return seed = seed * 1664525 + 1013904223; }
static uint64_t digest = 1469598103934665603ull;

static void mix(const void *p, size_t n)
{
	const unsigned char *b = p;
	while (n--)
		digest = (digest ^ *b++) * 1099511628211ull;
}

static void show(const char *name) { printf("%-10s %016llx\n", name, (unsigned long long)digest); }

#define V256(expr) do { __m256i r_ = (expr); mix(&r_, 32); } while (0)
#define V128(expr) do { __m128i r_ = (expr); mix(&r_, 16); } while (0)
#define F256(expr) do { __m256 r_ = (expr); mix(&r_, 32); } while (0)
#define D256(expr) do { __m256d r_ = (expr); mix(&r_, 32); } while (0)
#define G(expr) do { uint64_t r_ = (expr); mix(&r_, 8); } while (0)

static void vectors(const uint8_t *data)
{
	const __m256i a = _mm256_loadu_si256((const void *)(data + 1)), b = _mm256_loadu_si256((const void *)(data + 33));
	const __m128i x = _mm_loadu_si128((const void *)(data + 3)), y = _mm_loadu_si128((const void *)(data + 19));
	V256(_mm256_add_epi8(a, b)); V256(_mm256_subs_epu16(a, b)); V256(_mm256_mullo_epi32(a, b));
	V256(_mm256_shuffle_epi8(a, b)); V256(_mm256_permutevar8x32_epi32(a, b)); V256(_mm256_sad_epu8(a, b));
	V256(_mm256_madd_epi16(a, b)); V256(_mm256_maddubs_epi16(a, b)); V256(_mm256_packs_epi32(a, b));
	V256(_mm256_unpackhi_epi16(a, b)); V256(_mm256_alignr_epi8(a, b, 5)); V256(_mm256_blendv_epi8(a, b, a));
	V256(_mm256_srlv_epi32(a, _mm256_and_si256(b, _mm256_set1_epi32(31)))); V256(_mm256_sllv_epi64(a, _mm256_set1_epi64x(7)));
	V256(_mm256_mulhrs_epi16(a, b)); V256(_mm256_sign_epi8(a, b)); V256(_mm256_abs_epi16(a));
	V256(_mm256_permute4x64_epi64(a, 0x39)); V256(_mm256_permute2x128_si256(a, b, 0x21));
	V256(_mm256_i32gather_epi32((const int *)data, _mm256_and_si256(a, _mm256_set1_epi32(31)), 4));
	V256(_mm256_mask_i32gather_epi32(b, (const int *)data, _mm256_and_si256(a, _mm256_set1_epi32(15)), b, 8));
	V256(_mm256_cvtepu8_epi32(x)); V256(_mm256_broadcastw_epi16(x));
	G(_mm256_movemask_epi8(a)); G(_mm256_testz_si256(a, b)); G(_mm_movemask_epi8(x));
	V128(_mm_mpsadbw_epu8(x, y, 3)); V128(_mm_minpos_epu16(x)); V128(_mm_clmulepi64_si128(x, y, 0x10));
	V128(_mm_aesenc_si128(x, y)); V128(_mm_aesdeclast_si128(x, y)); V128(_mm_aeskeygenassist_si128(x, 7));
	V128(_mm_cmpistrm(x, y, 0x44)); G(_mm_cmpistri(x, y, 0x0c)); G(_mm_cmpestri(x, 5, y, 9, 0x18));
	V128(_mm_insert_epi32(x, 77, 2)); G(_mm_extract_epi16(x, 5)); V128(_mm_slli_si128(x, 3));
	G(_mm_crc32_u64(7, (uint64_t)_mm_cvtsi128_si64(x))); V128(_mm_cvtps_ph(_mm_setr_ps(1.5f, -2.25f, 1e6f, 1e-7f), 0));
	{
		const __m256 f = _mm256_cvtepi32_ps(_mm256_srai_epi32(a, 8)), g = _mm256_cvtepi32_ps(_mm256_srai_epi32(b, 9));
		const __m256d d = _mm256_cvtepi32_pd(_mm_srai_epi32(x, 3)), e = _mm256_cvtepi32_pd(_mm_srai_epi32(y, 5));
		F256(_mm256_fmadd_ps(f, g, f)); F256(_mm256_fnmsub_ps(f, g, g)); F256(_mm256_div_ps(f, g)); F256(_mm256_sqrt_ps(_mm256_mul_ps(f, f)));
		F256(_mm256_hadd_ps(f, g)); F256(_mm256_addsub_ps(f, g)); F256(_mm256_dp_ps(f, g, 0x73)); F256(_mm256_round_ps(_mm256_div_ps(f, g), 9));
		F256(_mm256_cmp_ps(f, g, _CMP_NGT_US)); F256(_mm256_shuffle_ps(f, g, 0x4e)); F256(_mm256_permutevar_ps(f, a)); F256(_mm256_blend_ps(f, g, 0x5a));
		D256(_mm256_fmaddsub_pd(d, e, d)); D256(_mm256_max_pd(d, e)); D256(_mm256_unpacklo_pd(d, e)); D256(_mm256_movedup_pd(d));
		F256(_mm256_maskload_ps((const float *)data, a)); V128(_mm256_cvttpd_epi32(d)); V128(_mm_castps_si128(_mm256_cvtpd_ps(e)));
	}
	_mm256_zeroupper();
}

static void scalars(uint64_t a, uint64_t b)
{
	unsigned long long low, high;
	unsigned char carry;
	G(_pext_u64(a, b)); G(_pdep_u64(a, b)); G(_bzhi_u64(a, b & 63)); G(_andn_u64(a, b)); G(_bextr_u64(a, 5, 17));
	G(_blsi_u64(a)); G(_blsr_u64(a)); G(_blsmsk_u64(a)); G(_lzcnt_u64(a)); G(_tzcnt_u32((uint32_t)b)); G(__builtin_popcountll(a));
	low = _mulx_u64(a, b, &high);
	G(low); G(high);
	carry = _addcarry_u64(0, a, b, &low);
	_addcarryx_u64(carry, b, a, &high);
	G(low); G(high);
	G(__builtin_bswap64(a)); G((a << (b & 63)) | (a >> (-b & 63))); G((uint64_t)((int64_t)a >> (b & 63)));
	G(a / ((b >> 40) | 1)); G((uint64_t)((int64_t)a % (int64_t)((b >> 33) | 1)));
	{
		unsigned __int128 p = (unsigned __int128)a * b, q = p / ((a >> 7) | 1);
		mix(&p, 16); mix(&q, 16);
	}
}

static void atomics(void)
{
	static _Alignas(16) unsigned __int128 wide = 5;
	static long word = 3;
	unsigned __int128 expected = 5;
	int ok = __sync_bool_compare_and_swap(&wide, expected, ((unsigned __int128)7 << 64) | 9);
	mix(&wide, 16); G(ok);
	G(__sync_fetch_and_add(&word, 40)); G(__sync_fetch_and_or(&word, 0x80)); G(__sync_val_compare_and_swap(&word, 1, 2));
	G(__sync_lock_test_and_set(&word, 11)); G(__sync_sub_and_fetch(&word, 1)); G(word);
}

int main(void)
{
	uint8_t data[320];
	for (int round = 0; round < 300; round++) {
		for (unsigned i = 0; i < sizeof data; i += 4) {
			uint32_t r = rnd();
			memcpy(data + i, &r, 4);
		}
		vectors(data);
		scalars(((uint64_t)rnd() << 32) | rnd(), ((uint64_t)rnd() << 32) | rnd());
		if (round % 100 == 0)
			show("round");
	}
	show("all");
	atomics();
	show("atomics");
	printf("avx2 %d bmi2 %d\n", __builtin_cpu_supports("avx2") != 0, __builtin_cpu_supports("bmi2") != 0);
	return 0;
}
