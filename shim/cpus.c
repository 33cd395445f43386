/*
 * How many CPUs this process may use: those of its affinity, and no more than the quotas of its control group and of
 * all above it come to. cgroups(7), cpuset(7); Documentation/admin-guide/cgroup-v2.rst and scheduler/sched-bwc.rst in
 * Linux.
 */
#include "shim/cpus.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/text.h"

static bool read_file_of(const char *group, const char *name, char *text, size_t size)
{
	char path[PATH_MAX];
	return (size_t)snprintf(path, sizeof(path), "%s/%s", group, name) < sizeof(path) && text_read(path, text, size);
}

/* Version 2: "max 100000", or a quota instead of max. Version 1: a file for each, and a quota of -1. */
static int quota_of(const char *group)
{
	char text[64], period_text[64];
	long quota = 0, period = 0;
	if (read_file_of(group, "cpu.max", text, sizeof(text))) {
		sscanf(text, "%ld %ld", &quota, &period);
	} else if (read_file_of(group, "cpu.cfs_quota_us", text, sizeof(text)) &&
		   read_file_of(group, "cpu.cfs_period_us", period_text, sizeof(period_text))) {
		quota = atol(text);
		period = atol(period_text);
	}
	return quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
}

static int fewer(int a, int b)
{
	return a && (!b || a < b) ? a : b;
}

/* The group at `root` `path` and those above it. A container sees its own at the root, whatever the path says. */
static int quota_upwards(const char *root, const char *path, size_t length)
{
	char group[PATH_MAX];
	size_t above = strlen(root);
	int cpus = 0;
	if ((size_t)snprintf(group, sizeof(group), "%s%.*s", root, (int)length, path) >= sizeof(group))
		return 0;
	for (;;) {
		cpus = fewer(quota_of(group), cpus);
		char *slash = strrchr(group + above, '/');
		if (!slash)
			return cpus;
		*slash = '\0';
	}
}

/* A list of controllers, by commas. */
static bool names_cpu(const char *list, size_t length)
{
	for (const char *end = list + length; list < end; list++) {
		size_t n = strcspn(list, ",:");
		if (n == 3 && !memcmp(list, "cpu", 3))
			return true;
		list += n;
	}
	return false;
}

/* One line: "4:cpu,cpuacct:/path", or "0::/path" for version 2. Version 1 is mounted by its controllers' names, and cpu
 * is a link to where there are several; version 2 at the root, but where version 1 has the controllers. */
static int quota_of_line(const char *line, size_t length, const char *root)
{
	char mount[PATH_MAX];
	const char *list = memchr(line, ':', length), *end = line + length;
	const char *path = list ? memchr(list + 1, ':', (size_t)(end - list - 1)) : NULL;
	if (!path)
		return 0;
	list++;
	if (list == path)
		return quota_upwards(root, path + 1, (size_t)(end - path - 1));
	if (!names_cpu(list, (size_t)(path - list)) ||
	    (size_t)snprintf(mount, sizeof(mount), "%s/cpu", root) >= sizeof(mount))
		return 0;
	return quota_upwards(mount, path + 1, (size_t)(end - path - 1));
}

int cpus_of_groups(const char *groups, const char *root)
{
	int cpus = 0;
	while (*groups) {
		size_t length = strcspn(groups, "\n");
		cpus = fewer(quota_of_line(groups, length, root), cpus);
		groups += length + (groups[length] == '\n');
	}
	return cpus;
}

/* The kernel's mask may be larger than glibc's cpu_set_t: EINVAL then. */
static int cpus_of_affinity(void)
{
	for (int most = CPU_SETSIZE; most <= 64 * CPU_SETSIZE; most *= 2) {
		cpu_set_t *set = CPU_ALLOC((size_t)most);
		size_t size = CPU_ALLOC_SIZE((size_t)most);
		int n = set && !sched_getaffinity(0, size, set) ? CPU_COUNT_S(size, set) : 0;
		CPU_FREE(set);
		if (n)
			return n;
	}
	return 1;
}

int cpus_usable(void)
{
	char groups[8192];
	int cpus = cpus_of_affinity();
	return text_read("/proc/self/cgroup", groups, sizeof(groups))
		   ? fewer(cpus_of_groups(groups, "/sys/fs/cgroup"), cpus)
		   : cpus;
}
