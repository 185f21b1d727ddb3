# Installs into a prefix with a space in it, moves the tree, then configures,
# builds and runs the project of this folder against it.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result
    OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGN}\nexited with ${result}:\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

set(prefix "${WORK_DIR}/an install")
file(REMOVE_RECURSE "${WORK_DIR}")
file(MAKE_DIRECTORY "${WORK_DIR}")
run("${CMAKE_COMMAND}" --install "${BUILD_DIR}" --prefix "${WORK_DIR}/before")
file(RENAME "${WORK_DIR}/before" "${prefix}")
run("${CMAKE_COMMAND}" -S "${SOURCE_DIR}" -B "${WORK_DIR}/build"
  -G "${GENERATOR}" "-DCMAKE_MAKE_PROGRAM=${MAKE_PROGRAM}"
  "-DCMAKE_C_COMPILER=${C_COMPILER}" "-DCMAKE_PREFIX_PATH=${prefix}")
run("${CMAKE_COMMAND}" --build "${WORK_DIR}/build")
# Nothing of the build tree may be needed at run time.
run("${CMAKE_COMMAND}" -E env --unset=LD_LIBRARY_PATH
  "${WORK_DIR}/build/consumer")
message(STATUS "${output}")
if(EXISTS "${prefix}/bin/attune")
  run("${CMAKE_COMMAND}" -E env --unset=LD_LIBRARY_PATH
    "${prefix}/bin/attune" --version)
  message(STATUS "${output}")
endif()
file(GLOB_RECURSE files RELATIVE "${prefix}" "${prefix}/*")
foreach(file IN LISTS files)
  if(file MATCHES "\\.cmake$")
    file(READ "${prefix}/${file}" text)
    foreach(place "${BUILD_DIR}" "${SOURCE_DIR}" "${WORK_DIR}")
      string(FIND "${text}" "${place}" found)
      if(NOT found EQUAL -1)
        message(FATAL_ERROR "${file} names ${place}: the tree cannot be moved")
      endif()
    endforeach()
  endif()
endforeach()
