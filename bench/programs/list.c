/* Chasing the pointers of a shuffled list, and of a binary tree. */
#define EXPECTED 0x001ed429e0f0ba10ull
#include "bench.h"
#define N 500
struct node { struct node *next, *left, *right; uint32_t key; };
static struct node nodes[N];
static uint64_t piece(void)
{
	uint32_t seed = 21, order[N];
	uint64_t sum = 0;
	struct node *root = 0;
	memset(nodes, 0, sizeof nodes);
	for (int i = 0; i < N; i++)
		order[i] = i;
	for (int i = N - 1; i > 0; i--) {
		unsigned j = (next_random(&seed) >> 8) % (i + 1);
		uint32_t t = order[i];
		order[i] = order[j];
		order[j] = t;
	}
	for (int i = 0; i < N; i++) {
		struct node *n = &nodes[order[i]], **at = &root;
		n->next = &nodes[order[(i + 1) % N]];
		n->key = next_random(&seed);
		while (*at)
			at = n->key < (*at)->key ? &(*at)->left : &(*at)->right;
		*at = n;
	}
	struct node *n = &nodes[order[0]];
	for (int i = 0; i < 4000000; i++, n = n->next)
		sum += n->key ^ i;
	for (int i = 0; i < 50000; i++) {
		uint32_t key = nodes[i % N].key;
		for (n = root; n->key != key; n = key < n->key ? n->left : n->right)
			sum += n->key & 15;
	}
	return sum;
}
