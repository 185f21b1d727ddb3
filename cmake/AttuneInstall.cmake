# Install rules, and the CMake package: find_package(attune) gives attune::attune
# (the C library and attune.h) and ATTUNE_PROTO_DIR, a protoc --proto_path with
# proto/attune.proto in it. The installed tree can be moved.
if(NOT TARGET attune_plugin)
  return()
endif()
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(_attune_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/attune")
set(_attune_data_dir "${CMAKE_INSTALL_DATADIR}/attune")

install(TARGETS attune_plugin EXPORT attuneTargets
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES "${PROJECT_SOURCE_DIR}/plugins/c_abi/attune.h"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(FILES "${PROJECT_SOURCE_DIR}/proto/attune.proto"
              "${PROJECT_SOURCE_DIR}/proto/records.proto"
  DESTINATION "${_attune_data_dir}/proto")
if(EXISTS "${PROJECT_SOURCE_DIR}/LICENSE")
  install(FILES "${PROJECT_SOURCE_DIR}/LICENSE"
    DESTINATION "${CMAKE_INSTALL_DOCDIR}")
endif()

# oneDNN from .deps is on no loader's path: it goes beside the library, where
# its RUNPATH looks ($ORIGIN/attune). A system's own oneDNN stays where it is.
if(NOT ATTUNE_DNNL_LIBDIR IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
  file(GLOB _attune_runtime
    "${ATTUNE_DNNL_LIBDIR}/libdnnl.so.[0-9]"
    "${ATTUNE_DNNL_LIBDIR}/libimf.so"
    "${ATTUNE_DNNL_LIBDIR}/libintlc.so.5")
  foreach(_library IN LISTS _attune_runtime)
    get_filename_component(_name "${_library}" NAME)
    file(REAL_PATH "${_library}" _file)
    install(PROGRAMS "${_file}"
      DESTINATION "${CMAKE_INSTALL_LIBDIR}/attune" RENAME "${_name}")
  endforeach()
endif()

# tritonserver --backend-directory=<prefix>/lib/attune/backends
if(TARGET attune_triton_backend)
  install(TARGETS attune_triton_backend
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/attune/backends/attune")
endif()

if(TARGET attune_program)
  file(RELATIVE_PATH _to_lib "/${CMAKE_INSTALL_BINDIR}"
    "/${CMAKE_INSTALL_LIBDIR}/attune")
  set_target_properties(attune_program PROPERTIES
    INSTALL_RPATH "$ORIGIN/${_to_lib}")
  install(TARGETS attune_program RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()

install(EXPORT attuneTargets NAMESPACE attune::
  DESTINATION "${_attune_cmake_dir}")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/attuneConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/cmake/attuneConfig.cmake"
  INSTALL_DESTINATION "${_attune_cmake_dir}"
  PATH_VARS _attune_data_dir NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# Before 1.0 a minor release may change the interface, as the SONAME may.
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/cmake/attuneConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/cmake/attuneConfig.cmake"
              "${PROJECT_BINARY_DIR}/cmake/attuneConfigVersion.cmake"
  DESTINATION "${_attune_cmake_dir}")
