// For scripts/try-prebuilt.mjs: lets Debian's libstdc++ and libgcc, which were made for glibc, serve a Node that was made for musl. It takes the
// place of glibc's loader, which libstdc++ asks for, and has what those two and that Node miss. For tests only: good enough to run a
// program, not to ship one.
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

extern "C" {

char __libc_single_threaded = 0;

/** Of no interest here: the destructors of a thread that ends. */
int __cxa_thread_atexit_impl(void (*)(void*), void*, void*) { return 0; }

size_t __strftime_l(char* to, size_t bytes, const char* format, const tm* time, locale_t locale) {
  return strftime_l(to, bytes, format, time, locale);
}

/** "Not found": the unwinder then looks at the program headers, as it always did before. */
int _dl_find_object(void*, void*) { return -1; }

unsigned arc4random() {
  unsigned number = 0;
  return getrandom(&number, sizeof number, 0) == sizeof number ? number : 4;
}

int __cpu_indicator_init() { return 0; }
unsigned __cpu_model[4];

/** A part of std::string::replace that a newer libstdc++ has in the library: `added` bytes in place of `removed`, before `rest` more. */
void replace_cold(void* text, char* at, size_t removed, const char* from, size_t added, size_t rest) __asm__(
    "_ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE15_M_replace_coldEPcmPKcmm");

void replace_cold(void*, char* at, size_t removed, const char* from, size_t added, size_t rest) {
  // The new bytes may be part of the old text.
  char* copy = static_cast<char*>(malloc(added + 1));
  if (copy == nullptr) abort();
  memcpy(copy, from, added);
  memmove(at + added, at + removed, rest);
  memcpy(at, copy, added);
  free(copy);
}

}  // extern "C"
