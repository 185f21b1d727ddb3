# Every third-party package in one place. Each room names only the ones it hides.
# Debian 12 and Ubuntu 24.04 names; what is missing is told all at once.

set(_attune_missing "")
# attune_find(<package> <apt package> <find_package arguments…>)
macro(attune_find package apt)
  find_package(${package} QUIET ${ARGN})
  if(NOT ${package}_FOUND)
    string(REPLACE ";" " " _arguments "${ARGN}")
    string(STRIP "${package} ${_arguments}" _wanted)
    string(APPEND _attune_missing "\n  ${_wanted}: ${apt}")
    if(${package}_CONSIDERED_VERSIONS)
      string(APPEND _attune_missing
        " (found, but not taken: ${${package}_CONSIDERED_CONFIGS}, version ${${package}_CONSIDERED_VERSIONS})")
    elseif(${package}_NOT_FOUND_MESSAGE)
      string(APPEND _attune_missing " (${${package}_NOT_FOUND_MESSAGE})")
    endif()
  endif()
endmacro()
# attune_find_library(<variable> <library> <header> <apt package>)
macro(attune_find_library variable library header apt)
  find_library(${variable} ${library})
  find_path(${variable}_INCLUDE_DIR ${header})
  if(NOT ${variable} OR NOT ${variable}_INCLUDE_DIR)
    string(APPEND _attune_missing "\n  lib${library}, ${header}: ${apt}")
  endif()
endmacro()

attune_find(Threads "the C library's headers (libc6-dev)")
attune_find(TBB libtbb-dev CONFIG COMPONENTS tbb)
attune_find(dnnl "scripts/setup fetches it" 3.1 CONFIG)
attune_find(Protobuf "libprotobuf-dev, protobuf-compiler" 3.21)
attune_find(RocksDB librocksdb-dev CONFIG)
attune_find(absl libabsl-dev CONFIG)
attune_find(ICU libicu-dev COMPONENTS uc i18n)
attune_find(simdjson libsimdjson-dev CONFIG)
attune_find(nlohmann_json nlohmann-json3-dev 3.9 CONFIG)
attune_find(CLI11 libcli11-dev CONFIG)
attune_find(fmt libfmt-dev 9 CONFIG)
attune_find(ZLIB zlib1g-dev)
attune_find(OpenSSL libssl-dev COMPONENTS Crypto)
attune_find_library(ATTUNE_HWY_LIBRARY hwy hwy/highway.h libhwy-dev)
attune_find_library(ATTUNE_XXHASH_LIBRARY xxhash xxhash.h libxxhash-dev)
if(ATTUNE_BUILD_TESTS)
  attune_find(GTest "libgtest-dev, libgmock-dev" CONFIG)
endif()
if(ATTUNE_BUILD_BENCH)
  attune_find(benchmark libbenchmark-dev CONFIG)
endif()
if(_attune_missing)
  message(FATAL_ERROR
    "Not found (scripts/setup installs them; or name a folder in CMAKE_PREFIX_PATH):"
    "${_attune_missing}")
endif()

# A distribution's oneDNN often has OpenMP, a second thread pool in the process.
if(DNNL_CPU_RUNTIME AND NOT DNNL_CPU_RUNTIME STREQUAL "TBB")
  message(FATAL_ERROR
    "The oneDNN ${dnnl_VERSION} in ${dnnl_DIR} runs on ${DNNL_CPU_RUNTIME}; Attune needs one "
    "built with DNNL_CPU_RUNTIME=TBB: scripts/setup fetches one into .deps/onednn.")
endif()
# Which of RocksDB's libraries there is, differs by distribution.
if(NOT TARGET RocksDB::rocksdb-shared)
  if(NOT TARGET RocksDB::rocksdb)
    message(FATAL_ERROR "${RocksDB_DIR} knows no RocksDB::rocksdb-shared.")
  endif()
  add_library(RocksDB::rocksdb-shared ALIAS RocksDB::rocksdb)
endif()

if(ATTUNE_CUDA)
  include(CheckLanguage)
  check_language(CUDA)
  if(NOT CMAKE_CUDA_COMPILER)
    message(FATAL_ERROR
      "ATTUNE_CUDA=ON, but no CUDA compiler was found. Install the CUDA toolkit (nvcc) "
      "or set CMAKE_CUDA_COMPILER, or configure with -DATTUNE_CUDA=OFF.")
  endif()
  message(FATAL_ERROR
    "ATTUNE_CUDA=ON: this version has no CUDA backend yet (see docs/roadmap.md); configure with -DATTUNE_CUDA=OFF.")
endif()

# libdnnl needs Intel's libimf and libintlc. Our RUNPATH does not reach the
# libraries that libdnnl loads itself, so they are direct dependencies of ours.
get_target_property(_attune_dnnl_location DNNL::dnnl IMPORTED_LOCATION_RELEASE)
if(NOT _attune_dnnl_location)
  get_target_property(_attune_dnnl_location DNNL::dnnl IMPORTED_LOCATION)
endif()
get_filename_component(ATTUNE_DNNL_LIBDIR "${_attune_dnnl_location}" DIRECTORY)
add_library(attune_dnnl INTERFACE)
target_link_libraries(attune_dnnl INTERFACE DNNL::dnnl)
# As link options, since CMake drops repeated flags among libraries, and with
# them the effect on the second library (Debian's linker drops what it thinks is
# not needed).
# libm comes before libimf, which exports exp, log, … too: else our own calls
# bind to libimf here and to libm inside a host that has it, one bit apart.
target_link_options(attune_dnnl INTERFACE
  "LINKER:--push-state,--no-as-needed,-lm,--pop-state")
foreach(_lib libimf.so libintlc.so.5)
  if(EXISTS "${ATTUNE_DNNL_LIBDIR}/${_lib}")
    target_link_options(attune_dnnl INTERFACE
      "LINKER:--push-state,--no-as-needed,${ATTUNE_DNNL_LIBDIR}/${_lib},--pop-state")
  endif()
endforeach()
