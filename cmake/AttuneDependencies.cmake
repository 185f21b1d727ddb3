# Every third-party package in one place. Each room names only the ones it hides.
find_package(TBB REQUIRED COMPONENTS tbb)
find_package(dnnl 3.1 REQUIRED CONFIG)
find_package(Protobuf REQUIRED)
find_package(RocksDB REQUIRED CONFIG)
find_package(absl REQUIRED CONFIG)
find_package(ICU REQUIRED COMPONENTS uc i18n)
find_package(simdjson REQUIRED CONFIG)
find_package(nlohmann_json REQUIRED CONFIG)
find_package(CLI11 REQUIRED CONFIG)
find_package(fmt REQUIRED CONFIG)
find_package(ZLIB REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(Threads REQUIRED)

find_library(ATTUNE_HWY_LIBRARY hwy REQUIRED)
find_library(ATTUNE_XXHASH_LIBRARY xxhash REQUIRED)

if(ATTUNE_BUILD_TESTS)
  find_package(GTest REQUIRED CONFIG)
endif()
if(ATTUNE_BUILD_BENCH)
  find_package(benchmark REQUIRED CONFIG)
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
