/* String work: building, searching, splitting, formatting. */
#define EXPECTED 0xad38cc9d1e187f26ull
#include "bench.h"
static uint64_t piece(void)
{
	static const char *const words[] = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"};
	static char text[70000];
	uint64_t sum = 0;
	uint32_t seed = 3;
	size_t length = 0;
	text[0] = 0;
	for (int i = 0; i < 6000; i++) {
		const char *word = words[next_random(&seed) >> 29];
		size_t n = strlen(word);
		memcpy(text + length, word, n);
		length += n;
		text[length++] = i % 13 == 12 ? '\n' : ' ';
	}
	text[length] = 0;
	for (const char *p = text; (p = strstr(p, "eta ")); p++)
		sum += p - text;
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		sum = sum * 3 + (p - text);
	for (char *save, *word = strtok_r(text, " \n", &save); word; word = strtok_r(0, " \n", &save)) {
		char line[64];
		int n = snprintf(line, sizeof line, "%s:%d:%x", word, (int)strlen(word), (unsigned)(word - text));
		sum = sum * 31 + n + line[n - 1];
		for (int k = 0; k < 8; k++)
			sum += strcmp(word, words[k]) == 0 ? k : 0;
	}
	return sum;
}
