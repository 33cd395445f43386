/* What glibc's build gives its tests, for those that are built outside of it. */
#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#define attribute_hidden
#define libc_hidden_proto(x)
#define libc_hidden_def(x)

#define TIMEOUTFACTOR 5 /* many run at a time */

#define SRCDIR_PATH "/nonexistent"
#define OBJDIR_PATH "/nonexistent"
#define OBJDIR_ELF_LDSO_PATH "/lib64/ld-linux-x86-64.so.2"
#define INSTDIR_PATH "/usr"
#define LIBDIR_PATH "/usr/lib"
#define SLIBDIR_PATH "/lib/x86_64-linux-gnu"
#define BINDIR_PATH "/usr/bin"
#define SBINDIR_PATH "/sbin"
#define ROOTSBINDIR_PATH "/sbin"
#define COMPLOCALEDIR_PATH "/usr/lib/locale"
#define SYSCONFDIR_PATH "/etc"
#define ROOTDIR_PATH "/"
