// The probe: a guest that does on its way what a kernel does on its way, and no system follows.
// It says by a letter on the debug console (port 0xe9) which stage begins, and at its end by a
// byte on isa-debug-exit's port whether all was right. AT&T syntax, as in kernels; sources:
// Intel SDM volume 3 (modes, paging, exceptions, APIC, XSAVE), Linux 3.10
// arch/x86/boot/compressed/head_64.S and arch/x86/kernel/head_64.S (order, CR0, CR4, EFER),
// Intel 8254 and 8259A data sheets, EDD 3.0 (INT 13h, AH = 42h).

    .section .rodata.imgbuild_kvm_probe, "a", @progbits
    .balign 16
    .globl imgbuild_kvm_probe
    .globl imgbuild_kvm_probe_end
    .hidden imgbuild_kvm_probe
    .hidden imgbuild_kvm_probe_end

    // Where things are in memory. The BIOS loads the first sector to 0x7c00.
    .set .Lload, imgbuild_kvm_probe - 0x7c00  // label - .Lload is a label's address
    .set .Lhigh, 0xffffffff80000000           // the same memory again, where kernels have it
    .set .Lpml4, 0x10000
    .set .Lpdpt, 0x11000
    .set .Lpd, 0x12000                        // four of them: 4 GiB in pages of 2 MiB
    .set .Lidt, 0x16000
    .set .Ltss, 0x17000
    .set .Lcounters, 0x18000                  // what the handlers count: 8 bytes each
    .set .Lxsave, 0x19000
    .set .Luser_stack, 0x1c000
    .set .Lmissing, 0xc00000                  // a page that is not there at first
    .set .Lmissing_entry, .Lpd + 8 * 6

    // Names a stage by a letter on the debug console.
    .macro stage letter
    movb $\letter, %al
    outb %al, $0xe9
    .endm

imgbuild_kvm_probe:
    // Real mode: read the rest by the BIOS, as boot loaders do.
    .code16
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    stage 'R'
    movw $(.Lpacket - .Lload), %si
    movb $0x42, %ah
    int $0x13
    jc .Lbad16
    inb $0x92, %al
    orb $2, %al
    andb $0xfe, %al
    outb %al, $0x92
    lgdtl (.Lgdt_pointer - .Lload)
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $0x08, $(.Lprotected - .Lload)
.Lbad16:
    movw $0x501, %dx
    movb $0x16, %al
    outb %al, %dx
    hlt
    jmp .Lbad16

    .balign 4
.Lpacket: // of INT 13h, AH = 42h: size, sectors, where to, which
    .byte 16, 0
    .word (imgbuild_kvm_probe_end - .Lrest) / 512
    .word 0x7e00, 0
    .quad 1
    .balign 8
.Lgdt:
    .quad 0
    .quad 0x00cf9a000000ffff // 0x08: code, 32 bits
    .quad 0x00cf92000000ffff // 0x10: data
    .quad 0x00af9a000000ffff // 0x18: code, 64 bits
    .quad 0x00cf92000000ffff // 0x20: data
    .quad 0x00cffa000000ffff // 0x28: a user's code, 32 bits
    .quad 0x00cff2000000ffff // 0x30: a user's data
    .quad 0x00affa000000ffff // 0x38: a user's code, 64 bits
    .quad 0x8000890170000067 // 0x40: task state at .Ltss, in the high half
    .quad 0x00000000ffffffff
.Lgdt_pointer:
    .word .Lgdt_pointer - .Lgdt - 1
    .long .Lgdt - .Lload
.Lgdt_pointer_high:
    .word .Lgdt_pointer - .Lgdt - 1
    .quad .Lgdt - .Lload + .Lhigh
.Lidt_pointer:
    .word 0xfff
    .quad .Lidt + .Lhigh

    .org 510
    .word 0xaa55
.Lrest:

    // Protected mode: what the processor is, by CPUID; page tables; long mode.
    .code32
.Lprotected:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $0x7c00, %esp
    stage 'P'
    movl $256, %ebp
1:  movl $1, %eax
    xorl %ecx, %ecx
    cpuid
    decl %ebp
    jnz 1b
    movl $0x80000001, %eax
    cpuid
    btl $29, %edx // long mode
    jnc .Lbad32
    movl %edx, %esi
    // Tables are empty but for 4 GiB in large pages, low for users and high for the kernel.
    movl $.Lpml4, %edi
    xorl %eax, %eax
    movl $(0x9000 / 4), %ecx
    rep stosl
    movl $(.Lpdpt + 7), .Lpml4
    movl $(.Lpdpt + 3), .Lpml4 + 8 * 511
    movl $(.Lpd + 7), .Lpdpt
    movl $(.Lpd + 0x1007), .Lpdpt + 8
    movl $(.Lpd + 0x2007), .Lpdpt + 16
    movl $(.Lpd + 0x3007), .Lpdpt + 24
    movl $(.Lpd + 7), .Lpdpt + 8 * 510
    movl $.Lpd, %edi
    movl $0x87, %eax
1:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x200000, %eax
    jnc 1b
    movl $0, .Lmissing_entry
    movl %cr4, %eax
    orl $0x6a0, %eax // PAE, PGE, OSFXSR, OSXMMEXCPT
    movl %eax, %cr4
    movl $.Lpml4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx // EFER
    rdmsr
    orl $0x101, %eax // long mode, SYSCALL
    btl $20, %esi
    jnc 1f
    orl $0x800, %eax // no-execute
1:  wrmsr
    stage 'G'
    movl $0x80050033, %eax // PG, AM, WP, NE, ET, MP, PE, as Linux has it
    movl %eax, %cr0
    ljmpl $0x18, $(.Llong - .Lload)
.Lbad32:
    movw $0x501, %dx
    movb $0x16, %al
    outb %al, %dx
    hlt
    jmp .Lbad32

    // Long mode, then the high half.
    .code64
.Llong:
    stage 'L'
    movabsq $(.Lin_high - .Lload + .Lhigh), %rax
    jmpq *%rax
.Lin_high:
    stage 'H'
    lgdt .Lgdt_pointer_high(%rip)
    movw $0x20, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    xorl %eax, %eax
    movw %ax, %fs
    movw %ax, %gs
    movq $(.Lhigh + 0x7c00), %rsp
    pushq $0x18
    leaq 1f(%rip), %rax
    pushq %rax
    lretq
1:  movq $(.Lhigh + .Ltss), %rdi
    movq %rsp, 4(%rdi) // the stack for what interrupts a user
    movw $104, 102(%rdi) // no map of ports
    movw $0x40, %ax
    ltr %ax

    // All vectors are bad but those that are to come.
    movq $(.Lhigh + .Lidt), %rdi
    leaq .Lbad(%rip), %rsi
    movl $256, %ecx
1:  call .Lset_gate
    decl %ecx
    jnz 1b
    movq $(.Lhigh + .Lidt + 16 * 3), %rdi
    leaq .Lon_breakpoint(%rip), %rsi
    call .Lset_gate
    movq $(.Lhigh + .Lidt + 16 * 6), %rdi
    leaq .Lon_undefined(%rip), %rsi
    call .Lset_gate
    movq $(.Lhigh + .Lidt + 16 * 14), %rdi
    leaq .Lon_page_fault(%rip), %rsi
    call .Lset_gate
    movq $(.Lhigh + .Lidt + 16 * 0x20), %rdi
    leaq .Lon_pit(%rip), %rsi
    call .Lset_gate
    movq $(.Lhigh + .Lidt + 16 * 0x40), %rdi
    leaq .Lon_apic(%rip), %rsi
    call .Lset_gate
    movq $(.Lhigh + .Lidt + 16 * 0x27), %rdi
    leaq .Lon_spurious(%rip), %rsi
    call .Lset_gate
    movq $(.Lhigh + .Lidt + 16 * 0xff), %rdi
    call .Lset_gate
    lidt .Lidt_pointer(%rip)
    movq $(.Lhigh + .Lcounters), %r15

    // Exceptions, each handled and returned from.
    stage 'F'
    int3
    ud2
    movl $.Lmissing, %ebx
    movq $0x1234, (%rbx)
    cmpq $0x1234, (%rbx)
    jne .Lbad
    cmpq $1, 0(%r15)
    jne .Lbad
    cmpq $1, 8(%r15)
    jne .Lbad
    cmpq $1, 16(%r15)
    jne .Lbad

    // The state of SSE and AVX as kernels switch it on and save it.
    stage 'X'
    movl $1, %eax
    cpuid
    fninit
    movl $0x1f80, 64(%r15)
    ldmxcsr 64(%r15)
    movq %r15, %xmm0
    movdqa %xmm0, %xmm1
    paddq %xmm0, %xmm1
    movq %xmm1, %rax
    leaq (%r15, %r15), %rdx
    cmpq %rdx, %rax
    jne .Lbad
    movl $1, %eax
    cpuid
    movl %ecx, %esi
    btl $26, %esi // XSAVE
    jnc .Lstate_done
    movq %cr4, %rax
    btsq $18, %rax
    movq %rax, %cr4
    xorl %ecx, %ecx
    xgetbv
    orl $3, %eax
    btl $28, %esi // AVX
    jnc 1f
    orl $4, %eax
1:  xsetbv
    movl %eax, %ebp
    btl $28, %esi
    jnc 1f
    vmovdqa %xmm0, %xmm2
    vpaddq %xmm0, %xmm2, %xmm2
    vmovq %xmm2, %rdx
    leaq (%r15, %r15), %rcx
    cmpq %rdx, %rcx
    jne .Lbad
1:  movl %ebp, %eax
    xorl %edx, %edx
    movq $(.Lhigh + .Lxsave), %rdi
    xsave (%rdi)
    pxor %xmm1, %xmm1
    movl %ebp, %eax
    xrstor (%rdi)
    movq %xmm1, %rax
    leaq (%r15, %r15), %rdx
    cmpq %rdx, %rax
    jne .Lbad
.Lstate_done:

    // Model-specific registers.
    stage 'M'
    movl $0x1b, %ecx // the local APIC's base
    rdmsr
    andl $0xfffff800, %eax
    cmpl $0xfee00800, %eax
    jne .Lbad
    movl $0x277, %ecx // PAT
    rdmsr
    wrmsr
    movl $0xc0000081, %ecx // STAR
    xorl %eax, %eax
    movl $0x002b0018, %edx
    wrmsr
    movl $0xc0000082, %ecx // LSTAR
    leaq .Lon_syscall(%rip), %rax
    movq %rax, %rdx
    shrq $32, %rdx
    wrmsr
    movl $0xc0000084, %ecx // SFMASK: everything but what is always set
    movl $0x47700, %eax
    xorl %edx, %edx
    wrmsr
    movl $0xc0000101, %ecx // GS's base
    movl %r15d, %eax
    movl $0xffffffff, %edx
    wrmsr
    movl $0xc0000102, %ecx // the one that SWAPGS brings
    xorl %eax, %eax
    xorl %edx, %edx
    wrmsr
    swapgs
    swapgs
    cmpq $1, %gs:0
    jne .Lbad
    rdtsc
    shlq $32, %rdx
    orq %rax, %rdx
    movq %rdx, %rbx
    rdtsc
    shlq $32, %rdx
    orq %rax, %rdx
    cmpq %rbx, %rdx
    jb .Lbad

    // A user's code, which calls twice.
    stage 'U'
    pushq $0x33
    pushq $.Luser_stack
    pushq $2
    pushq $0x3b
    pushq $(.Luser - .Lload)
    iretq
.Luser:
    xorl %ebx, %ebx
    syscall
    incl %ebx
    syscall
    ud2
.Lon_syscall:
    cmpl $1, %ebx
    je .Lback
    sysretq
.Lback:
    movq $(.Lhigh + 0x7c00), %rsp
    movw %cs, %ax
    cmpw $0x18, %ax
    jne .Lbad

    // The timer's interrupt wakes the processor: the PIT at 100 Hz by the PIC, ...
    stage 'T'
    movb $0x11, %al
    outb %al, $0x20
    outb %al, $0xa0
    movb $0x20, %al
    outb %al, $0x21
    movb $0x28, %al
    outb %al, $0xa1
    movb $4, %al
    outb %al, $0x21
    movb $2, %al
    outb %al, $0xa1
    movb $1, %al
    outb %al, $0x21
    outb %al, $0xa1
    movb $0xff, %al
    outb %al, $0xa1
    movb $0xfe, %al
    outb %al, $0x21
    movb $0x34, %al
    outb %al, $0x43
    movb $0x9c, %al
    outb %al, $0x40
    movb $0x2e, %al
    outb %al, $0x40
1:  sti
    hlt
    cli
    cmpq $3, 24(%r15)
    jb 1b
    movb $0xff, %al
    outb %al, $0x21

    // ... and the local APIC's own.
    stage 'A'
    movl $0xfee00000, %ebx
    movl $0x1ff, 0xf0(%rbx) // on
    movl $0xb, 0x3e0(%rbx) // count undivided
    movl $0x40, 0x320(%rbx) // once, vector 0x40
    movl $1000000, 0x380(%rbx)
1:  sti
    hlt
    cli
    cmpq $1, 32(%r15)
    jb 1b

    // Work: memory written and read through tables that are flushed meanwhile.
    stage 'W'
    xorl %ebx, %ebx
    movl $200, %ebp
1:  movq $(.Lhigh + 0x400000), %rdi
    movl $4096, %ecx
    movl %ebp, %eax
    rep stosq
    movq $(.Lhigh + 0x400000), %rdi
    movq %cr3, %rax
    movq %rax, %cr3
    invlpg (%rdi)
    movl $4096, %ecx
2:  addq (%rdi), %rbx
    addq $8, %rdi
    decl %ecx
    jnz 2b
    decl %ebp
    jnz 1b
    cmpq $(4096 * 200 * 201 / 2), %rbx
    jne .Lbad
    movb $0x15, %al
    jmp .Lend
.Lbad:
    movb $0x16, %al
.Lend:
    movw $0x501, %dx
    outb %al, %dx
    cli
    hlt
    jmp .Lend

    // Writes a gate for the handler at rsi to rdi, which then is after it.
.Lset_gate:
    movq %rsi, %rax
    movw %ax, (%rdi)
    movw $0x18, 2(%rdi)
    movw $0x8e00, 4(%rdi)
    shrq $16, %rax
    movw %ax, 6(%rdi)
    shrq $16, %rax
    movl %eax, 8(%rdi)
    movl $0, 12(%rdi)
    addq $16, %rdi
    ret
.Lon_breakpoint:
    incq 0(%r15)
    iretq
.Lon_undefined:
    incq 8(%r15)
    addq $2, (%rsp) // past it
    iretq
.Lon_page_fault:
    pushq %rax
    movq %cr2, %rax
    cmpq $.Lmissing, %rax
    jne .Lbad
    movq $(.Lmissing + 0x87), .Lhigh + .Lmissing_entry
    invlpg (%rax)
    incq 16(%r15)
    popq %rax
    addq $8, %rsp // the error code
    iretq
.Lon_pit:
    pushq %rax
    incq 24(%r15)
    movb $0x20, %al
    outb %al, $0x20
    popq %rax
    iretq
.Lon_apic:
    pushq %rax
    incq 32(%r15)
    movl $0xfee00000, %eax
    movl $0, 0xb0(%rax)
    popq %rax
    iretq

.Lon_spurious: // a PIC's or the APIC's, which want no answer
    iretq

    .balign 512
imgbuild_kvm_probe_end:
