/* The kernel's small files, as strings. */
#include "shim/text.h"

#include <fcntl.h>
#include <unistd.h>

bool text_read(const char *path, char *text, size_t size)
{
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, size - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}
