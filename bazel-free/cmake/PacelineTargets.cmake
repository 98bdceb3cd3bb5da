# paceline_library(NAME FILES… DEPS…)  a static library of this tree
# paceline_test(NAME LABEL… FILES… DEPS…)  a GoogleTest program of this tree
#
# All includes are written from the tree's root.

function(paceline_library name)
  cmake_parse_arguments(ARG "" "" "FILES;DEPS;PRIVATE_DEPS" ${ARGN})
  set(headers ${ARG_FILES})
  list(FILTER headers INCLUDE REGEX "\\.h$")
  list(FILTER ARG_FILES EXCLUDE REGEX "\\.h$")
  add_library(${name} STATIC ${ARG_FILES})
  add_library(paceline::${name} ALIAS ${name})
  # A header set, so that all_verify_interface_header_sets can compile each
  # header alone.
  target_sources(
    ${name}
    PUBLIC FILE_SET
           HEADERS
           BASE_DIRS
           "${PROJECT_SOURCE_DIR}"
           FILES
           ${headers})
  target_link_libraries(
    ${name}
    PUBLIC ${ARG_DEPS}
    PRIVATE ${ARG_PRIVATE_DEPS} $<BUILD_INTERFACE:paceline_options>)
endfunction()

# Builds all tests of a label; there from the start, whichever tests exist.
foreach(label unit simulation integration threads)
  add_custom_target(tests_${label})
endforeach()

# LABEL is one or more of unit, simulation, integration, and threads for what
# runs under ThreadSanitizer too. The target tests_LABEL builds all of a label.
# TIMEOUT is in seconds for the whole program.
#
# Most of a cold build goes into tests, and most of that into optimising
# matchers. So in a release build a test program is compiled with -O1 (measured:
# 20 s for one file with -O3, 13 s with -O1, and no less with -O0), and under
# sanitizers with -O0 (one file with Clang: 29 s with -O1, 12.5 s with -O0; GCC
# takes 44 s and 27 s). What is tested keeps the flags of the build, but for
# templates and inline functions that both use; a simulation spends its time in
# those, and keeps its flags too.
function(paceline_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LABEL;FILES;DEPS" ${ARGN})
  if(NOT PACELINE_BUILD_TESTS)
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_FILES})
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  if(PACELINE_SANITIZE AND NOT "simulation" IN_LIST ARG_LABEL)
    target_compile_options(${name} PRIVATE -O0)
  endif()
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gmock_main
                                        paceline_options)
  # One CTest entry a program: process start is dear under sanitizers, and the
  # program reports its own cases.
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT
                                          ${ARG_TIMEOUT})
  foreach(label IN LISTS ARG_LABEL)
    add_dependencies(tests_${label} ${name})
  endforeach()
endfunction()

# A libFuzzer target; built by the fuzz preset only.
function(paceline_fuzzer name)
  cmake_parse_arguments(ARG "" "" "FILES;DEPS" ${ARGN})
  if(NOT PACELINE_BUILD_FUZZERS)
    return()
  endif()
  add_executable(${name} ${ARG_FILES})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} paceline_options
                                        -fsanitize=fuzzer)
endfunction()
