# What this tree uses from the system. The packages that hold it are listed in
# bazel-free/packages.txt, and nowhere else.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(absl REQUIRED)
find_package(cppzmq REQUIRED)
# Debian 12 misnames msgpack-cxx's config file: find_package(msgpackc-cxx)
# fails there.
find_package(msgpack CONFIG REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(pugixml REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(SQLite3 REQUIRED)
if(PACELINE_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
