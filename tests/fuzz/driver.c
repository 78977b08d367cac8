/*
 * main() for a fuzz target where there is no libFuzzer: runs it once on each file named,
 * and on each file in each folder named (folders below as well). Prints the count; no
 * input at all is an error, since it would test nothing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "scim/base/buf.h"
#include "scim/base/err.h"
#include "scim/base/mem.h"
#include "scim/base/vec.h"
#include "scim/base/banned.h"

#define INPUT_BYTES_MAX (16u * 1024 * 1024)
#define FOLDER_DEPTH_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path, size_t *count)
{
	char line[ERR_FORMAT_MAX];
	struct err err = ERR_INIT;
	struct buf buf;
	uint8_t *exact;

	buf_init(&buf, INPUT_BYTES_MAX);
	if (buf_read_file(&buf, path, &err) != 0) {
		fprintf(stderr, "%s\n", err_format(&err, line, sizeof(line)));
		buf_release(&buf);
		return -1;
	}
	/* Without the NUL of the buffer, so that a sanitizer sees a byte read too many. */
	exact = mem_alloc(buf.len);
	memcpy(exact, buf.data, buf.len);
	LLVMFuzzerTestOneInput(exact, buf.len);
	mem_free(exact);
	buf_release(&buf);
	++*count;
	return 0;
}

static int run_path(const char *path, unsigned depth, size_t *count)
{
	struct dirent *entry;
	struct stat st;
	int ret = 0;
	DIR *dir;

	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return run_file(path, count);
	dir = depth < FOLDER_DEPTH_MAX ? opendir(path) : NULL;
	if (!dir) {
		fprintf(stderr, "%s: cannot read the folder\n", path);
		return -1;
	}
	while (ret == 0 && (entry = readdir(dir)) != NULL) {
		struct arena mem = ARENA_INIT;

		if (entry->d_name[0] != '.')
			ret = run_path(arena_printf(&mem, "%s/%s", path, entry->d_name),
				       depth + 1, count);
		arena_release(&mem);
	}
	closedir(dir);
	return ret;
}

int main(int argc, char **argv)
{
	size_t count = 0;
	int i;

	for (i = 1; i < argc; i++) {
		if (run_path(argv[i], 0, &count) != 0)
			return 1;
	}
	printf("%zu inputs\n", count);
	return count > 0 ? 0 : 1;
}
