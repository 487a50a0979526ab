// What Jazzer.js takes from libFuzzer's internal header, which no package ships.
#pragma once
#include <cstddef>
#include <cstdint>

namespace fuzzer {
using UserCallback = int (*)(const uint8_t *, size_t);
int FuzzerDriver(int *, char ***, UserCallback);
} // namespace fuzzer
