/* map-write FILE TEXT: writes TEXT to the beginning of FILE through a mapping, and ends. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  size_t length = strlen(argv[2]);
  int file = open(argv[1], O_RDWR);
  char *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (file < 0 || at == MAP_FAILED) return 1;
  close(file);
  memcpy(at, argv[2], length);
  return 0;
}
