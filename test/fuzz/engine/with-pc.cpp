// Jazzer.js is linked to a fork of libFuzzer that has two functions more than LLVM's own. Here they are, over LLVM's.
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

extern "C" void __sanitizer_cov_trace_const_cmp8(uint64_t expected, uint64_t actual);

namespace {

constexpr std::size_t SITES = 512;

// libFuzzer tells comparisons apart by who calls it: so each site of the program calls from a function of its own.
template <std::size_t> __attribute__((noinline)) void compareAt(uint64_t expected, uint64_t actual) {
  __sanitizer_cov_trace_const_cmp8(expected, actual);
  // Not a tail call, or all sites would have one return address.
  asm volatile("" ::: "memory");
}

template <std::size_t... Site>
constexpr std::array<void (*)(uint64_t, uint64_t), SITES> sites(std::index_sequence<Site...>) {
  return {compareAt<Site>...};
}

constexpr auto compare = sites(std::make_index_sequence<SITES>());

} // namespace

extern "C" void __sanitizer_cov_trace_const_cmp8_with_pc(uintptr_t site, uint64_t expected,
                                                         uint64_t actual) {
  compare[site % SITES](expected, actual);
}

// For targets that report states of their own; ours do not.
extern "C" void __sanitizer_cov_trace_pc_indir_with_pc(void *, uintptr_t) {}
