/* A switch interpreter of byte code. */
#define EXPECTED 0xfcbaa46b487bcc9cull
#include "bench.h"
enum { PUSH, ADD, MUL, XOR, DUP, SWAP, DEC, JNZ, SHR, STORE, LOAD, END };
static uint64_t piece(void)
{
	static const uint8_t code[] = {
		PUSH, 7, STORE, 0, PUSH, 200, STORE, 1,
		LOAD, 0, DUP, PUSH, 31, MUL, SWAP, PUSH, 3, SHR, XOR, PUSH, 17, ADD, STORE, 0,
		LOAD, 1, DEC, DUP, STORE, 1, JNZ, 24, LOAD, 0, END,
	};
	uint64_t sum = 0;
	for (int run = 0; run < 2200; run++) {
		uint64_t stack[16], vars[4] = {0};
		int sp = 0;
		for (const uint8_t *pc = code;;) {
			switch (*pc++) {
			case PUSH: stack[sp++] = *pc++; continue;
			case ADD: sp--; stack[sp - 1] += stack[sp]; continue;
			case MUL: sp--; stack[sp - 1] *= stack[sp]; continue;
			case XOR: sp--; stack[sp - 1] ^= stack[sp]; continue;
			case DUP: stack[sp] = stack[sp - 1]; sp++; continue;
			case SWAP: { uint64_t t = stack[sp - 1]; stack[sp - 1] = stack[sp - 2]; stack[sp - 2] = t; continue; }
			case DEC: stack[sp - 1]--; continue;
			case JNZ: { uint8_t back = *pc++; if (stack[--sp]) pc -= back; continue; }
			case SHR: sp--; stack[sp - 1] >>= stack[sp]; continue;
			case STORE: vars[*pc++] = stack[--sp]; continue;
			case LOAD: stack[sp++] = vars[*pc++]; continue;
			case END: break;
			}
			break;
		}
		sum += stack[0] + (uint64_t)run;
	}
	return sum;
}
