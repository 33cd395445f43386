/* Time, from the vDSO: no libc, no kernel entry. */
#include "clock.h"

#include <elf.h>
#include <sys/auxv.h>

#include "sys_x86_64.h"

static int (*vdso_clock_gettime)(clockid_t, struct ktimespec *);

static bool same(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return *a == *b;
}

/* The vDSO is an ELF image in memory; its dynamic symbols are few, so a walk does. vdso(7). */
void clock_init(void)
{
	const char *base = (const char *)getauxval(AT_SYSINFO_EHDR);
	if (!base)
		return;
	const Elf64_Ehdr *eh = (const void *)base;
	const Elf64_Phdr *ph = (const void *)(base + eh->e_phoff);
	const Elf64_Dyn *dyn = NULL;
	uintptr_t bias = 0;
	for (int i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type == PT_LOAD && !bias)
			bias = (uintptr_t)base + ph[i].p_offset - ph[i].p_vaddr;
		if (ph[i].p_type == PT_DYNAMIC)
			dyn = (const void *)(base + ph[i].p_offset);
	}
	const Elf64_Sym *sym = NULL;
	const char *str = NULL;
	const uint32_t *hash = NULL;
	for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
		const void *p = (const void *)(bias + dyn->d_un.d_ptr);
		if (dyn->d_tag == DT_SYMTAB)
			sym = p;
		else if (dyn->d_tag == DT_STRTAB)
			str = p;
		else if (dyn->d_tag == DT_HASH)
			hash = p;
	}
	/* Linux 6.12 dropped DT_HASH for a while on some architectures; without it the symbols end where the strings
	 * begin (the linker lays them out so). */
	size_t count = hash ? hash[1] : sym && str ? ((uintptr_t)str - (uintptr_t)sym) / sizeof(*sym) : 0;
	for (size_t i = 0; sym && str && i < count; i++)
		if (same(str + sym[i].st_name, "__vdso_clock_gettime"))
			vdso_clock_gettime = (void *)(bias + sym[i].st_value);
}

nsec_t clock_read(clockid_t id)
{
	struct ktimespec ts = {0};
	if (!vdso_clock_gettime || vdso_clock_gettime(id, &ts) != 0)
		sys(SYS_clock_gettime, id, &ts);
	return ts.sec * NSEC_PER_SEC + ts.nsec;
}

nsec_t clock_now(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

nsec_t deadline_at(clockid_t id, nsec_t when)
{
	if (id == CLOCK_MONOTONIC || when == NEVER)
		return when;
	nsec_t left = when - clock_read(id);
	return left <= 0 ? 0 : deadline_after(left);
}
