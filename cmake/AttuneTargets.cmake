# attune_room(NAME attention SOURCES … HEADERS … DEPS … PRIVATE_DEPS …)
#   One static library per room, attune::<name>. DEPS are what its headers need,
#   PRIVATE_DEPS the library that the room hides.
# attune_test(NAME storage SOURCES … DEPS …)   one gtest program, its cases known to ctest
# attune_bench(NAME attention_bench SOURCES … DEPS …)

add_library(attune_warnings INTERFACE)
target_compile_options(attune_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual>
  $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wpedantic>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # std::stable_sort of libstdc++ 12 uses what that library itself deprecates;
  # GCC builds tell of what we use.
  target_compile_options(attune_warnings INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-Wno-deprecated-declarations>)
endif()
option(ATTUNE_WERROR "Treat warnings as errors" OFF)
if(ATTUNE_WERROR)
  target_compile_options(attune_warnings INTERFACE -Werror)
endif()

add_library(attune_sanitizers INTERFACE)
if(ATTUNE_SANITIZE)
  # Every finding ends the program: a test must not pass with one.
  set(_flags -fsanitize=${ATTUNE_SANITIZE} -fno-sanitize-recover=all)
  target_compile_options(attune_sanitizers INTERFACE ${_flags} -fno-omit-frame-pointer)
  target_link_options(attune_sanitizers INTERFACE ${_flags})
  # For the few tests whose claim does not hold under one (docs/checks.md).
  string(REPLACE "," ";" _names "${ATTUNE_SANITIZE}")
  foreach(_name IN LISTS _names)
    string(TOUPPER "ATTUNE_SANITIZE_${_name}" _name)
    target_compile_definitions(attune_sanitizers INTERFACE ${_name}=1)
  endforeach()
endif()

function(attune_room)
  cmake_parse_arguments(ROOM "" "NAME" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(attune_${ROOM_NAME} STATIC ${ROOM_SOURCES})
  add_library(attune::${ROOM_NAME} ALIAS attune_${ROOM_NAME})
  target_include_directories(attune_${ROOM_NAME} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}>)
  target_link_libraries(attune_${ROOM_NAME}
    PUBLIC ${ROOM_DEPS}
    PRIVATE ${ROOM_PRIVATE_DEPS} attune_warnings attune_sanitizers)
  set_target_properties(attune_${ROOM_NAME} PROPERTIES
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
endfunction()

function(attune_program)
  cmake_parse_arguments(PROGRAM "" "NAME" "SOURCES;DEPS" ${ARGN})
  add_executable(${PROGRAM_NAME} ${PROGRAM_SOURCES})
  target_include_directories(${PROGRAM_NAME} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  target_link_libraries(${PROGRAM_NAME} PRIVATE ${PROGRAM_DEPS} attune_warnings attune_sanitizers)
endfunction()

function(attune_test)
  cmake_parse_arguments(TEST "" "NAME;TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 300)
  endif()
  attune_program(NAME attune_${TEST_NAME}_test SOURCES ${TEST_SOURCES}
    DEPS ${TEST_DEPS} GTest::gtest_main GTest::gmock)
  include(GoogleTest)
  gtest_discover_tests(attune_${TEST_NAME}_test
    TEST_PREFIX "${TEST_NAME}." DISCOVERY_MODE PRE_TEST
    PROPERTIES TIMEOUT ${TEST_TIMEOUT}
    WORKING_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}")
  # Tests that read ../shared/data find it through this and skip without it.
  target_compile_definitions(attune_${TEST_NAME}_test PRIVATE
    ATTUNE_SOURCE_DIR="${PROJECT_SOURCE_DIR}" ATTUNE_BINARY_DIR="${PROJECT_BINARY_DIR}")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC 12 sees overlaps in std::string where there are none (its bug 105651).
    target_compile_options(attune_${TEST_NAME}_test PRIVATE
      $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
  endif()
endfunction()

function(attune_bench)
  cmake_parse_arguments(BENCH "" "NAME" "SOURCES;DEPS" ${ARGN})
  attune_program(NAME ${BENCH_NAME} SOURCES ${BENCH_SOURCES}
    DEPS ${BENCH_DEPS} benchmark::benchmark_main)
endfunction()
