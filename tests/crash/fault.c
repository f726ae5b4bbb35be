/* Makes the syncs of a program fail or do nothing, as the first letter of the file named by FAULT_FILE says. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static char fault(void)
{
	const char *path = getenv("FAULT_FILE");
	char letter = 0;
	int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (file >= 0) {
		if (read(file, &letter, 1) != 1)
			letter = 0;
		close(file);
	}
	return letter;
}

static int synced(int file, const char *name)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);

	switch (fault()) {
	case 'f': /* fails */
		errno = EIO;
		return -1;
	case 'l': /* lies */
		return 0;
	default:
		return real(file);
	}
}

int fsync(int file)
{
	return synced(file, "fsync");
}

int fdatasync(int file)
{
	return synced(file, "fdatasync");
}
