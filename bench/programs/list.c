/* Chasing the pointers of a shuffled list, and of a binary tree. */
#define EXPECTED 0x0007a3f2475cefc0ull
#include "bench.h"
struct node { struct node *next, *left, *right; uint32_t key; };
static struct node nodes[20000];
static uint64_t piece(void)
{
	uint32_t seed = 21, order[20000];
	uint64_t sum = 0;
	struct node *root = 0;
	memset(nodes, 0, sizeof nodes);
	for (int i = 0; i < 20000; i++)
		order[i] = i;
	for (int i = 19999; i > 0; i--) {
		unsigned j = (next_random(&seed) >> 8) % (i + 1);
		uint32_t t = order[i];
		order[i] = order[j];
		order[j] = t;
	}
	for (int i = 0; i < 20000; i++) {
		struct node *n = &nodes[order[i]], **at = &root;
		n->next = &nodes[order[(i + 1) % 20000]];
		n->key = next_random(&seed);
		while (*at)
			at = n->key < (*at)->key ? &(*at)->left : &(*at)->right;
		*at = n;
	}
	struct node *n = &nodes[order[0]];
	for (int i = 0; i < 1000000; i++, n = n->next)
		sum += n->key ^ i;
	return sum;
}
