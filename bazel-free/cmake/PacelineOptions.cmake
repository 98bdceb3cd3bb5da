# Warnings and sanitizers, as one INTERFACE target that our own code links
# privately, so that nothing of it reaches a user's build.

add_library(paceline_options INTERFACE)
target_compile_features(paceline_options INTERFACE cxx_std_20)
target_compile_options(
  paceline_options
  INTERFACE -Wall
            -Wextra
            -Wpedantic
            -Wshadow
            -Wconversion
            -Wsign-conversion
            -Wnon-virtual-dtor
            -Woverloaded-virtual
            -Wcast-align
            -Wdouble-promotion
            -Wformat=2
            -Wextra-semi
            -Wimplicit-fallthrough
            -fno-omit-frame-pointer)

if(PACELINE_SANITIZE)
  target_compile_options(
    paceline_options INTERFACE -fsanitize=${PACELINE_SANITIZE}
                               -fno-sanitize-recover=all)
  # GCC 12 takes std::regex for uninitialized when it optimises instrumented
  # code. A debug build, which does not optimise, never gave this warning.
  target_compile_options(
    paceline_options
    INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(paceline_options INTERFACE
                      -fsanitize=${PACELINE_SANITIZE})
endif()

# libFuzzer steers by what the tree's own code does with an input.
if(PACELINE_BUILD_FUZZERS)
  target_compile_options(paceline_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
