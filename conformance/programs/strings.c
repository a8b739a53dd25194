// The C library's string and memory functions over all small sizes and offsets, overlaps, and rep string instructions.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char a[4096], b[4096];
static unsigned long sum;

static void mix(const unsigned char *p, int n)
{
	while (n--)
		sum = sum * 31 + *p++;
}

static void fill(void)
{
	for (int i = 0; i < 4096; i++) {
		a[i] = (unsigned char)(i * 7 + (i >> 5));
		b[i] = (unsigned char)(i * 13 + 5);
	}
}

static void rep_movs(void *to, const void *from, unsigned long n, int size, int down)
{
	if (down)
		__asm__ volatile("std");
	switch (size) {
	case 1: __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory"); break;
	case 2: __asm__ volatile("rep movsw" : "+D"(to), "+S"(from), "+c"(n) : : "memory"); break;
	case 4: __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(n) : : "memory"); break;
	case 8: __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory"); break;
	}
	__asm__ volatile("cld");
	sum = sum * 31 + n + ((unsigned char *)to - b) + ((const unsigned char *)from - a);
}

static void rep_others(void)
{
	void *to = b + 100;
	const void *from = a + 100;
	unsigned long n = 57;
	unsigned char found;
	__asm__ volatile("rep stosl" : "+D"(to), "+c"(n) : "a"(0x01020304) : "memory");
	printf("stos %ld %lu\n", (long)((unsigned char *)to - b), n);
	to = a + 10;
	n = 1000;
	__asm__ volatile("repne scasb\n\tsete %2" : "+D"(to), "+c"(n), "=q"(found) : "a"(a[300]) : "memory", "cc");
	printf("scas %ld %lu %d\n", (long)((unsigned char *)to - a), n, found);
	memcpy(b, a, 500);
	b[321] ^= 1;
	to = b;
	from = a;
	n = 500;
	__asm__ volatile("repe cmpsb\n\tsete %3" : "+D"(to), "+S"(from), "+c"(n), "=q"(found) : : "memory", "cc");
	printf("cmps %ld %lu %d\n", (long)((unsigned char *)to - b), n, found);
	n = 0;
	to = b;
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(1) : "memory");
	printf("empty %ld\n", (long)((unsigned char *)to - b));
	from = a + 77;
	__asm__ volatile("lodsq" : "+S"(from), "=a"(n) : : "memory");
	printf("lods %lx %ld\n", n, (long)((const unsigned char *)from - a));
}

int main(void)
{
	char text[256], *save, *word;
	for (int n = 0; n < 130; n++) {
		for (int shift = 0; shift < 9; shift++) {
			fill();
			memcpy(b + shift, a + 3, n); mix(b, 160);
			memmove(a + 20, a + 20 + shift, n); mix(a, 200);
			memmove(a + 20 + shift, a + 20, n); mix(a, 200);
			memset(b + shift, n, n); mix(b, 160);
			sum = sum * 31 + (memcmp(a + shift, a + shift + 1, n) > 0);
		}
	}
	printf("moves %lu\n", sum);
	fill();
	for (int size = 1; size <= 8; size *= 2) {
		rep_movs(b + 64, a + 11, 100, size, 0); mix(b, 1200);
		rep_movs(b + 900, a + 850, 100, size, 1); mix(b, 1200);
	}
	rep_movs(b + 1, a, 0, 1, 0);
	printf("rep %lu\n", sum);
	rep_others();
	strcpy(text, "the quick brown fox jumps over the lazy dog");
	printf("%zu %s %s %zu %zu\n", strlen(text), strchr(text, 'q'), strstr(text, "over"), strspn(text, "teh "), strcspn(text, "z"));
	printf("%d %d %d\n", strcmp("abc", "abd") < 0, strncmp("abcx", "abcy", 3), strcasecmp("HeLLo", "hEllO"));
	for (word = strtok_r(text, " ", &save); word; word = strtok_r(0, " ", &save))
		printf("%c%s.", toupper((unsigned char)*word), word + 1);
	printf("\n%ld %lu %lld %d\n", strtol("-0x7fff", 0, 16), strtoul("777", 0, 8), atoll("-9223372036854775807"), atoi("  42xyz"));
	printf("%s|%5d|%-5d|%05d|%x|%#o|%c|%10.3s|%p|%%|%hhd|%zu|%lld\n", "s", 42, 42, -42, 0xbeef, 8, 'c', "abcdef", (void *)0x1234, 300, (size_t)-1, -1LL);
	return 0;
}
