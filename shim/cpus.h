/* How many CPUs this process may use. */
#ifndef GREEN_CPUS_H
#define GREEN_CPUS_H

int cpus_usable(void); /* at least 1 */
/* What the control groups allow, rounded up; 0: no limit. `groups` has the form of /proc/self/cgroup, and the
 * hierarchies are mounted under `root`. */
int cpus_of_groups(const char *groups, const char *root);

#endif
