/* Functions that return a carry, as Common Lisp's do for multiple values; some leave the frames in between. */
#include <stdio.h>

/* between_: call a function that drops its own return address and returns past its caller, with CF set or clear. */
asm(".text\n"
    "skip_set: add $8, %rsp; stc; ret\n"
    "skip_clear: add $8, %rsp; clc; ret\n"
    "plain_set: stc; push %rbp; pop %rbp; ret\n"
    "plain_clear: clc; push %rbp; pop %rbp; ret\n"
    "between_set: call skip_set; xor %eax, %eax; ret\n"
    "between_clear: call skip_clear; xor %eax, %eax; ret\n"
    ".globl carries\n"
    "carries: push %rbx; push %r12; push %r13\n"
    "mov %rdi, %r12; xor %r13d, %r13d\n"
    "call before_set\n"
    "call between_set; adc %r13, %r13\n"
    "call between_clear; adc %r13, %r13\n"
    "call between_set; setc %al; movzbl %al, %eax; add %r13, %r13; or %rax, %r13\n"
    "call plain_clear; adc %r13, %r13\n"
    "call plain_set; adc %r13, %r13\n"
    "call *%r12; adc %r13, %r13\n"
    "mov %r13, %rax; pop %r13; pop %r12; pop %rbx; ret\n"
    "before_set: call skip_set_two; xor %eax, %eax; ret\n"
    "skip_set_two: xor %eax, %eax; ret\n"
    /* The same with the code that returns standing behind the code that is returned to. */
    ".globl late_set\n"
    "late_set: call late_skip; xor %eax, %eax; ret\n"
    "late_skip: add $8, %rsp; stc; ret\n"
    ".globl late_clear\n"
    "late_clear: call late_skip_clear; xor %eax, %eax; ret\n"
    "late_skip_clear: add $8, %rsp; clc; ret\n");

long carries(void (*last)(void));
void late_set(void);
void late_clear(void);

int main(void) {
  for (int i = 0; i < 3; i++) printf("%lx %lx\n", carries(late_set), carries(late_clear));
  return 0;
}
