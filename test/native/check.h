// What the C++ tests are written with. A test is a TEST("sentence about behaviour") { … } with CHECKs inside; a file of
// tests is a program of its own, whose main() is here. CHECK is not assert(): it works in every build. A failed one is
// printed with its place and the test goes on, unless it returns: `if (!CHECK(…)) return;`.
#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace netmux_test {

struct Test {
  const char* name;
  void (*body)();
  Test* next;
};

struct State {
  Test* first = nullptr;
  Test** end = &first;
  int failures = 0;  // of the present test
};

inline State& state() {
  static State instance;
  return instance;
}

struct Registration {
  Registration(const char* name, void (*body)()) : test{name, body, nullptr} {
    *state().end = &test;
    state().end = &test.next;
  }
  Test test;
};

// A loop over a broken structure fails at every step; the first failures say enough.
constexpr int kPrintedFailures = 5;

inline bool check(bool holds, const char* condition, const char* file, int line, const char* detail = nullptr) {
  if (holds) return true;
  if (++state().failures <= kPrintedFailures) {
    std::printf("%s:%d: CHECK failed: %s%s%s\n", file, line, condition, detail == nullptr ? "" : ": ",
                detail == nullptr ? "" : detail);
  }
  return false;
}

template <typename A, typename B>
bool check_equal(const A& actual, const B& expected, const char* condition, const char* file, int line) {
  char detail[64];
  std::snprintf(detail, sizeof detail, "%lld and %lld", static_cast<long long>(actual),
                static_cast<long long>(expected));
  return check(actual == static_cast<A>(expected), condition, file, line, detail);
}

// Null is what a structure's own check() returns when nothing is broken.
inline bool check_sound(const char* broken, const char* condition, const char* file, int line) {
  return check(broken == nullptr, condition, file, line, broken);
}

// The random numbers of a test. The seed is printed first, so that it is known even after a crash, and
// NETMUX_TEST_SEED=… plays it again.
class Random {
 public:
  Random() {
    const char* given = std::getenv("NETMUX_TEST_SEED");
    seed_ = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    engine_.seed(seed_);
    std::printf("NETMUX_TEST_SEED=%" PRIu64 "\n", seed_);
  }
  Random(const Random&) = delete;
  Random& operator=(const Random&) = delete;
  uint64_t bits() { return engine_(); }
  // 0 … limit − 1
  uint64_t below(uint64_t limit) { return engine_() % limit; }

 private:
  uint64_t seed_ = 0;
  std::mt19937_64 engine_;
};

inline int run_all() {
  // A test that crashes must not take along what was printed before.
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  int passed = 0;
  int failed = 0;
  for (const Test* test = state().first; test != nullptr; test = test->next) {
    state().failures = 0;
    test->body();
    if (state().failures == 0) {
      passed++;
      continue;
    }
    failed++;
    std::printf("FAILED: %s (%d checks)\n", test->name, state().failures);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace netmux_test

#define NETMUX_JOIN_(a, b) a##b
#define NETMUX_JOIN(a, b) NETMUX_JOIN_(a, b)
#define TEST(sentence) NETMUX_TEST_(sentence, NETMUX_JOIN(test_in_line_, __LINE__))
#define NETMUX_TEST_(sentence, function)                                                     \
  static void function();                                                                    \
  static netmux_test::Registration NETMUX_JOIN(function, _registration)(sentence, function); \
  static void function()

#define CHECK(condition) netmux_test::check(static_cast<bool>(condition), #condition, __FILE__, __LINE__)
#define CHECK_EQUAL(actual, expected) \
  netmux_test::check_equal((actual), (expected), #actual " == " #expected, __FILE__, __LINE__)
#define CHECK_SOUND(expression) netmux_test::check_sound((expression), #expression, __FILE__, __LINE__)

// A fuzz target has libFuzzer's.
#ifndef NETMUX_FUZZ
int main() { return netmux_test::run_all(); }
#endif
