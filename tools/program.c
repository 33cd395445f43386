/* Finds a program as a shell would, and says why a library cannot be preloaded into it. */
#include "tools/green.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LOADER "ld-linux-x86-64.so.2"

/* The kernel follows scripts that name scripts this far (BINPRM_BUF_SIZE and exec_binprm in fs/exec.c). */
enum { SCRIPT_DEPTH = 5, SCRIPT_LINE = 256 };

static void check(struct program *p, const char *path, const char *script, int depth);

static const char *basename_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool is_file(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static void look_in_path(struct program *p, const char *name)
{
	const char *dir = getenv("PATH");
	bool unusable = false;

	for (dir = dir ? dir : "/bin:/usr/bin"; dir; dir = strchr(dir, ':') ? strchr(dir, ':') + 1 : NULL) {
		int len = (int)strcspn(dir, ":");
		if (snprintf(p->path, sizeof(p->path), "%.*s/%s", len ? len : 1, len ? dir : ".", name) >= PATH_MAX)
			continue;
		if (!is_file(p->path))
			continue;
		if (access(p->path, X_OK) == 0)
			return;
		unusable = true;
	}
	if (unusable)
		die(EXIT_UNUSABLE, "%s: not executable", name);
	die(EXIT_NOT_FOUND, "%s: program not found", name);
}

/*
 * A program that gains privileges starts with AT_SECURE, and ld.so drops LD_PRELOAD. The conditions are those of
 * cap_bprm_creds_from_file (security/commoncap.c): a set-id file of one's own, a nosuid mount or no_new_privs gain
 * nothing.
 */
static void check_privileges(const char *path, int fd)
{
	struct stat st;
	struct statvfs fs;

	if (fstat(fd, &st) || fstatvfs(fd, &fs) || (fs.f_flag & ST_NOSUID) ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return;
	if ((st.st_mode & S_ISUID) && st.st_uid != getuid())
		die(EXIT_UNUSABLE, "%s: setuid: the system preloads nothing into it", path);
	if ((st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP) && st.st_gid != getgid())
		die(EXIT_UNUSABLE, "%s: setgid: the system preloads nothing into it", path);
	if (getuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0)
		die(EXIT_UNUSABLE, "%s: has file capabilities: the system preloads nothing into it", path);
}

static void check_elf(struct program *p, const char *path, int fd)
{
	struct elf elf;
	const char *why = elf_read(fd, &elf);

	if (why)
		die(EXIT_UNUSABLE, "%s: %s", path, why);
	if (!*elf.interp) {
		if (strcmp(elf.soname, LOADER) == 0) /* ld.so called as a program does preload */
			return;
		die(EXIT_UNUSABLE, "%s: %s", path,
		    *elf.soname ? "a library, not a program" : "statically linked: nothing can be preloaded into it");
	}
	if (access(elf.interp, F_OK))
		die(EXIT_NOT_FOUND, "%s: its dynamic linker %s is missing", path, elf.interp);
	if (strcmp(basename_of(elf.interp), LOADER) != 0)
		die(EXIT_UNUSABLE, "%s: not linked with glibc (its dynamic linker is %s)", path, elf.interp);
	check_privileges(path, fd);
	memcpy(p->asan, elf.asan, sizeof(p->asan));
}

/* The first line is `#!`, blanks, the interpreter up to a blank. */
static void check_script(struct program *p, const char *path, char *line, int depth)
{
	char *interpreter = line + 2 + strspn(line + 2, " \t");

	interpreter[strcspn(interpreter, " \t\n")] = '\0';
	if (!*interpreter)
		die(EXIT_UNUSABLE, "%s: a script that names no interpreter", path);
	if (depth == SCRIPT_DEPTH)
		die(EXIT_UNUSABLE, "%s: too many scripts that name scripts", path);
	check(p, interpreter, path, depth + 1);
}

static void check_content(struct program *p, const char *path, int fd, int depth)
{
	char head[SCRIPT_LINE] = "";
	ssize_t n = pread(fd, head, sizeof(head) - 1, 0);

	if (n < 0)
		die(EXIT_UNUSABLE, "%s: %s", path, strerror(errno));
	if (n >= 4 && memcmp(head, "\177ELF", 4) == 0)
		check_elf(p, path, fd);
	else if (n >= 2 && head[0] == '#' && head[1] == '!')
		check_script(p, path, head, depth);
	else if (depth > 0 || memchr(head, '\0', (size_t)n))
		die(EXIT_UNUSABLE, "%s: neither a program nor a script", path);
	else
		check(p, "/bin/sh", path, depth + 1); /* what execvp does with a file of another kind */
}

/* `script` is who names this file as its interpreter, NULL for the program itself. */
static void check(struct program *p, const char *path, const char *script, int depth)
{
	char what[2 * PATH_MAX];
	struct stat st;

	snprintf(what, sizeof(what), "%s%s%s", script ? script : "", script ? ": its interpreter " : "", path);
	if (stat(path, &st)) {
		if (errno == ENOENT || errno == ENOTDIR)
			die(EXIT_NOT_FOUND, "%s%s", what, script ? " is missing" : ": program not found");
		die(EXIT_UNUSABLE, "%s: %s", what, strerror(errno));
	}
	if (S_ISDIR(st.st_mode))
		die(EXIT_UNUSABLE, "%s: a directory", what);
	if (!S_ISREG(st.st_mode))
		die(EXIT_UNUSABLE, "%s: not a regular file", what);
	if (access(path, X_OK))
		die(EXIT_UNUSABLE, "%s: not executable", what);

	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == EACCES) /* may be executed but not read: it will show */
		return;
	if (fd < 0)
		die(EXIT_UNUSABLE, "%s: %s", what, strerror(errno));
	check_content(p, path, fd, depth);
	close(fd);
}

void program_find(struct program *p, const char *name)
{
	*p->asan = '\0';
	if (!*name || !strchr(name, '/'))
		look_in_path(p, name);
	else if (snprintf(p->path, sizeof(p->path), "%s", name) >= PATH_MAX)
		die(EXIT_NOT_FOUND, "%s: %s", name, strerror(ENAMETOOLONG));
	check(p, p->path, NULL, 0);
}
