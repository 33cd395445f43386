/* Arguments of calls on files: open flags, modes, stat and its kin, fcntl. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "tools/trace/notation.h"

ONE_OF_SET(access, "O_???", {0, "O_RDONLY"}, {1, "O_WRONLY"}, {2, "O_RDWR"}, {3, "O_ACCMODE"});

/* The access mode is a number, not bits. */
void open_flags_print(FILE *out, uint32_t value)
{
	flags_print(out, &access_set, value & O_ACCMODE);
	flags_append(out, &type_open_flags_only.set, value & ~(uint32_t)O_ACCMODE);
}

static void open_flags_arg(FILE *out, const struct argument *a)
{
	open_flags_print(out, (uint32_t)a->word);
}

/* The mode counts only where a file may be made; the flags are the argument before. */
static bool makes_file(const struct argument *a)
{
	return a->call->args[a->index - 1] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY));
}

PLAIN_TYPE(open_flags, open_flags_arg);
const struct arg_type type_open_mode = {mode_arg, {0}, {0}, false, makes_file};

ONE_OF_SET(file_type, "S_???", FLAG(S_IFREG), FLAG(S_IFDIR), FLAG(S_IFSOCK), FLAG(S_IFIFO), FLAG(S_IFLNK),
    FLAG(S_IFBLK), FLAG(S_IFCHR));
FLAG_SET(mode, "S_???", FLAG(S_ISUID), FLAG(S_ISGID), FLAG(S_ISVTX));

static void file_mode_print(FILE *out, unsigned mode)
{
	const char *type = flag_name(&file_type_set, mode & S_IFMT);

	if (type)
		fputs(type, out);
	else if (mode & S_IFMT)
		fprintf(out, "%#o", mode & S_IFMT);
	if (mode & S_IFMT)
		flags_append(out, &mode_set, mode & (S_ISUID | S_ISGID | S_ISVTX));
	fprintf(out, "%s%#03o", mode & S_IFMT ? "|" : "", mode & (mode & S_IFMT ? 0777U : 07777U));
}

static void file_mode_arg(FILE *out, const struct argument *a)
{
	file_mode_print(out, (uint16_t)a->word);
}

static void device_print(FILE *out, unsigned major, unsigned minor)
{
	fprintf(out, "makedev(%#x, %#x)", major, minor);
}

static void device_arg(FILE *out, const struct argument *a)
{
	device_print(out, major((uint32_t)a->word), minor((uint32_t)a->word));
}

/* The mode, the argument before, says whether a device is made. */
static bool makes_device(const struct argument *a)
{
	mode_t mode = (mode_t)a->call->args[a->index - 1];
	return S_ISCHR(mode) || S_ISBLK(mode);
}

PLAIN_TYPE(file_mode, file_mode_arg);
PLAIN_TYPE(device, device_arg);
const struct arg_type type_mknod_device = {device_arg, {0}, {0}, false, makes_device};

static void stat_print(FILE *out, const uint8_t *bytes)
{
	struct stat st;

	memcpy(&st, bytes, sizeof(st));
	fputs("{st_mode=", out);
	file_mode_print(out, st.st_mode);
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
		fputs(", st_rdev=", out);
		device_print(out, major(st.st_rdev), minor(st.st_rdev));
	} else {
		fprintf(out, ", st_size=%ld", st.st_size);
	}
	fputs(", ...}", out);
}
STRUCT_OUT_TYPE(stat_out, stat_print, sizeof(struct stat));

FLAG_SET(statx_sync, "AT_STATX_???", {0, "AT_STATX_SYNC_AS_STAT"}, {0x2000, "AT_STATX_FORCE_SYNC"},
    {0x4000, "AT_STATX_DONT_SYNC"});

static void statx_flags_arg(FILE *out, const struct argument *a)
{
	flags_print(out, &statx_sync_set, a->word & 0x6000);
	flags_append(out, &type_at_flags.set, (uint32_t)a->word & ~0x6000U);
}
PLAIN_TYPE(statx_flags, statx_flags_arg);

FLAG_SET(attribute, "STATX_ATTR_???", FLAG(STATX_ATTR_COMPRESSED), FLAG(STATX_ATTR_IMMUTABLE), FLAG(STATX_ATTR_APPEND),
    FLAG(STATX_ATTR_NODUMP), FLAG(STATX_ATTR_ENCRYPTED), FLAG(STATX_ATTR_AUTOMOUNT), FLAG(STATX_ATTR_MOUNT_ROOT),
    FLAG(STATX_ATTR_VERITY), FLAG(STATX_ATTR_DAX));

static void statx_print(FILE *out, const uint8_t *bytes)
{
	struct statx st;

	memcpy(&st, bytes, sizeof(st));
	fputs("{stx_mask=", out);
	flags_print(out, &type_statx_mask.set, st.stx_mask);
	fputs(", stx_attributes=", out);
	flags_print(out, &attribute_set, st.stx_attributes);
	fputs(", stx_mode=", out);
	file_mode_print(out, st.stx_mode);
	fprintf(out, ", stx_size=%llu, ...}", (unsigned long long)st.stx_size);
}
STRUCT_OUT_TYPE(statx_out, statx_print, sizeof(struct statx));

ONE_OF_SET(filesystem, "f_type", {0xef53, "EXT2_SUPER_MAGIC"}, {0x1021994, "TMPFS_MAGIC"}, {0x9fa0, "PROC_SUPER_MAGIC"},
    {0x62656572, "SYSFS_MAGIC"}, {0x794c7630, "OVERLAYFS_SUPER_MAGIC"}, {0x58465342, "XFS_SUPER_MAGIC"},
    {0x9123683e, "BTRFS_SUPER_MAGIC"}, {0x6969, "NFS_SUPER_MAGIC"}, {0x1cd1, "DEVPTS_SUPER_MAGIC"},
    {0x27e0eb, "CGROUP_SUPER_MAGIC"}, {0x63677270, "CGROUP2_SUPER_MAGIC"}, {0x50495045, "PIPEFS_MAGIC"},
    {0x534f434b, "SOCKFS_MAGIC"}, {0x65735546, "FUSE_SUPER_MAGIC"}, {0x4d44, "MSDOS_SUPER_MAGIC"},
    {0x73717368, "SQUASHFS_MAGIC"}, {0x958458f6, "HUGETLBFS_MAGIC"}, {0x6e736673, "NSFS_MAGIC"},
    {0x64626720, "DEBUGFS_MAGIC"}, {0x74726163, "TRACEFS_MAGIC"}, {0xcafe4a11, "BPF_FS_MAGIC"},
    {0x9660, "ISOFS_SUPER_MAGIC"}, {0x2fc12fc1, "ZFS_SUPER_MAGIC"});

FLAG_SET(statfs, "ST_???", {0x20, "ST_VALID"}, {1, "ST_RDONLY"}, {2, "ST_NOSUID"}, {4, "ST_NODEV"}, {8, "ST_NOEXEC"},
    {0x10, "ST_SYNCHRONOUS"}, {0x40, "ST_MANDLOCK"}, {0x400, "ST_NOATIME"}, {0x800, "ST_NODIRATIME"},
    {0x1000, "ST_RELATIME"}, {0x2000, "ST_NOSYMFOLLOW"});

static void statfs_print(FILE *out, const uint8_t *bytes)
{
	struct statfs fs;
	unsigned id[2];

	memcpy(&fs, bytes, sizeof(fs));
	memcpy(id, &fs.f_fsid, sizeof(id));
	const char *type = flag_name(&filesystem_set, (uint64_t)fs.f_type);

	fputs("{f_type=", out);
	if (type)
		fputs(type, out);
	else
		fprintf(out, "%#lx", fs.f_type);
	fprintf(out, ", f_bsize=%ld, f_blocks=%lu, f_bfree=%lu, f_bavail=%lu, f_files=%lu, f_ffree=%lu", fs.f_bsize,
	    fs.f_blocks, fs.f_bfree, fs.f_bavail, fs.f_files, fs.f_ffree);
	fprintf(out, ", f_fsid={val=[%#x, %#x]}, f_namelen=%ld, f_frsize=%ld", id[0], id[1], fs.f_namelen, fs.f_frsize);
	if (fs.f_flags) {
		fputs(", f_flags=", out);
		flags_print(out, &statfs_set, (uint64_t)fs.f_flags);
	}
	fputc('}', out);
}
STRUCT_OUT_TYPE(statfs_out, statfs_print, sizeof(struct statfs));

FLAG_SET(resolve, "RESOLVE_???", {1, "RESOLVE_NO_XDEV"}, {2, "RESOLVE_NO_MAGICLINKS"}, {4, "RESOLVE_NO_SYMLINKS"},
    {8, "RESOLVE_BENEATH"}, {0x10, "RESOLVE_IN_ROOT"}, {0x20, "RESOLVE_CACHED"});

static void open_how_print(FILE *out, const uint8_t *bytes)
{
	uint64_t how[3]; /* flags, mode, resolve */

	memcpy(how, bytes, sizeof(how));
	fputs("{flags=", out);
	open_flags_print(out, (uint32_t)how[0]);
	if (how[1] || how[0] & O_CREAT) {
		fputs(", mode=", out);
		mode_print(out, (unsigned)how[1]);
	}
	fputs(", resolve=", out);
	flags_print(out, &resolve_set, how[2]);
	fputc('}', out);
}
STRUCT_TYPE(open_how, open_how_print, 24);

ONE_OF_SET(
    fanotify_class, "FAN_CLASS_???", {0, "FAN_CLASS_NOTIF"}, {4, "FAN_CLASS_CONTENT"}, {8, "FAN_CLASS_PRE_CONTENT"});
FLAG_SET(fanotify, "FAN_???", {1, "FAN_CLOEXEC"}, {2, "FAN_NONBLOCK"}, {0x10, "FAN_UNLIMITED_QUEUE"},
    {0x20, "FAN_UNLIMITED_MARKS"}, {0x40, "FAN_ENABLE_AUDIT"}, {0x80, "FAN_REPORT_PIDFD"}, {0x100, "FAN_REPORT_TID"},
    {0x200, "FAN_REPORT_FID"}, {0x400, "FAN_REPORT_DIR_FID"}, {0x800, "FAN_REPORT_NAME"},
    {0x1000, "FAN_REPORT_TARGET_FID"});

static void fanotify_init_flags_arg(FILE *out, const struct argument *a)
{
	flags_print(out, &fanotify_class_set, a->word & 0xc);
	flags_append(out, &fanotify_set, (uint32_t)a->word & ~0xcU);
}
PLAIN_TYPE(fanotify_init_flags, fanotify_init_flags_arg);

FLAG_SET(mount, "MS_???", {1, "MS_RDONLY"}, {2, "MS_NOSUID"}, {4, "MS_NODEV"}, {8, "MS_NOEXEC"},
    {0x10, "MS_SYNCHRONOUS"}, {0x20, "MS_REMOUNT"}, {0x40, "MS_MANDLOCK"}, {0x80, "MS_DIRSYNC"},
    {0x100, "MS_NOSYMFOLLOW"}, {0x400, "MS_NOATIME"}, {0x800, "MS_NODIRATIME"}, {0x1000, "MS_BIND"},
    {0x2000, "MS_MOVE"}, {0x4000, "MS_REC"}, {0x8000, "MS_SILENT"}, {0x10000, "MS_POSIXACL"},
    {0x20000, "MS_UNBINDABLE"}, {0x40000, "MS_PRIVATE"}, {0x80000, "MS_SLAVE"}, {0x100000, "MS_SHARED"},
    {0x200000, "MS_RELATIME"}, {0x400000, "MS_KERNMOUNT"}, {0x800000, "MS_I_VERSION"}, {0x1000000, "MS_STRICTATIME"},
    {0x2000000, "MS_LAZYTIME"}, {0x4000000, "MS_SUBMOUNT"}, {0x8000000, "MS_NOREMOTELOCK"}, {0x10000000, "MS_NOSEC"},
    {0x20000000, "MS_BORN"}, {0x40000000, "MS_ACTIVE"}, {0x80000000, "MS_NOUSER"});

/* What old kernels wanted in the upper half. All of them take no flags from it where it is there. */
enum { MOUNT_MAGIC = 0xC0ED, MOUNT_MAGIC_SHIFT = 16 };

static void mount_flags_arg(FILE *out, const struct argument *a)
{
	uint32_t value = (uint32_t)a->word;

	if (value >> MOUNT_MAGIC_SHIFT == MOUNT_MAGIC) {
		fputs("MS_MGC_VAL", out);
		flags_append(out, &mount_set, (uint16_t)value);
	} else {
		flags_print(out, &mount_set, value);
	}
}
PLAIN_TYPE(mount_flags, mount_flags_arg);
