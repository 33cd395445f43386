/* The CPUs that control groups leave to a process. */
#include "shim/cpus.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char root[] = "/tmp/green-cpus.XXXXXX";

static void put(const char *dir, const char *name, const char *text)
{
	char path[512], command[1024];
	snprintf(command, sizeof(command), "mkdir -p '%s%s'", root, dir);
	cr_assert_eq(system(command), 0);
	snprintf(path, sizeof(path), "%s%s/%s", root, dir, name);
	FILE *f = fopen(path, "w");
	cr_assert_not_null(f);
	fputs(text, f);
	cr_assert_eq(fclose(f), 0);
}

static void begin(void)
{
	cr_assert_not_null(mkdtemp(root));
}

static void end(void)
{
	char command[256];
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	cr_assert_eq(system(command), 0);
}

TestSuite(cpus, .init = begin, .fini = end);

Test(cpus, version_2)
{
	put("/a/b", "cpu.max", "150000 100000\n");
	cr_assert_eq(cpus_of_groups("0::/a/b\n", root), 2);
	put("/a/b", "cpu.max", "max 100000\n");
	cr_assert_eq(cpus_of_groups("0::/a/b\n", root), 0);
	put("/a/b", "cpu.max", "200000 100000\n");
	cr_assert_eq(cpus_of_groups("0::/a/b\n", root), 2);
	put("/a/b", "cpu.max", "1000 100000\n");
	cr_assert_eq(cpus_of_groups("0::/a/b\n", root), 1);
}

Test(cpus, of_a_group_above)
{
	put("/a/b", "cpu.max", "800000 100000\n");
	put("/a", "cpu.max", "300000 100000\n");
	cr_assert_eq(cpus_of_groups("0::/a/b\n", root), 3);
	cr_assert_eq(cpus_of_groups("0::/a/b/c\n", root), 3);
	cr_assert_eq(cpus_of_groups("0::/other\n", root), 0);
}

Test(cpus, of_a_container)
{
	put("", "cpu.max", "100000 100000\n");
	cr_assert_eq(cpus_of_groups("0::/system.slice/docker-1.scope\n", root), 1);
	cr_assert_eq(cpus_of_groups("0::/\n", root), 1);
}

Test(cpus, version_1)
{
	put("/cpu/a", "cpu.cfs_quota_us", "250000\n");
	put("/cpu/a", "cpu.cfs_period_us", "100000\n");
	put("/cpu", "cpu.cfs_quota_us", "-1\n");
	put("/cpu", "cpu.cfs_period_us", "100000\n");
	cr_assert_eq(cpus_of_groups("5:cpuset:/x\n4:cpu,cpuacct:/a\n0::/y\n", root), 3);
	cr_assert_eq(cpus_of_groups("4:cpuacct,cpu:/a\n", root), 3);
	cr_assert_eq(cpus_of_groups("4:cpuacct:/a\n", root), 0);
	cr_assert_eq(cpus_of_groups("4:cpu:/b\n", root), 0);
}

Test(cpus, of_nonsense)
{
	put("", "cpu.max", "nonsense\n");
	cr_assert_eq(cpus_of_groups("0::/\n", root), 0);
	cr_assert_eq(cpus_of_groups("", root), 0);
	cr_assert_eq(cpus_of_groups("\n\n::\n:\nx\n", root), 0);
	put("", "cpu.max", "5 0\n");
	cr_assert_eq(cpus_of_groups("0::/\n", root), 0);
	put("", "cpu.max", "-5 -1\n");
	cr_assert_eq(cpus_of_groups("0::/", root), 0);
}

Test(cpus, of_the_affinity)
{
	cpu_set_t one, all;
	cr_assert_eq(sched_getaffinity(0, sizeof(all), &all), 0);
	cr_assert_geq(cpus_usable(), 1);
	cr_assert_leq(cpus_usable(), CPU_COUNT(&all));
	CPU_ZERO(&one);
	for (int i = 0; !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	cr_assert_eq(cpus_usable(), 1);
}
