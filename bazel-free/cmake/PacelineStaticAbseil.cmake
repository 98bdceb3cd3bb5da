# Debian's Abseil targets are its 60 shared libraries, which cost every start
# of a program 2.2 ms of 5.8 (measured with `paceline version` on Debian 12),
# and an agent starts this program for each worker. The same package has them
# as archives: this points the targets there. A static libstdc++ was no faster:
# libzmq's own dependencies load the shared one.

get_property(imported DIRECTORY "${PROJECT_SOURCE_DIR}"
             PROPERTY IMPORTED_TARGETS)
list(FILTER imported INCLUDE REGEX "^absl::")
foreach(target IN LISTS imported)
  get_target_property(type ${target} TYPE)
  get_target_property(configurations ${target} IMPORTED_CONFIGURATIONS)
  if(NOT type STREQUAL "SHARED_LIBRARY" OR NOT configurations)
    continue()
  endif()
  foreach(configuration IN LISTS configurations)
    get_target_property(location ${target} IMPORTED_LOCATION_${configuration})
    string(REGEX REPLACE "\\.so[.0-9]*$" ".a" archive "${location}")
    if(EXISTS "${archive}")
      set_target_properties(
        ${target} PROPERTIES IMPORTED_LOCATION_${configuration} "${archive}")
    endif()
  endforeach()
endforeach()
